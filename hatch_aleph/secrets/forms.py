"""What tokens of known services look like, and other secrets that show what they are.

The forms are those that the services document, or that their own scanners' lists show: gitleaks/gitleaks,
config/gitleaks.toml, and GitHub's list of supported secret scanning patterns.
"""

from __future__ import annotations

import re

_WORD = r"[A-Za-z0-9_-]"
_ALNUM = r"[A-Za-z0-9]"
_HEX = r"[0-9a-fA-F]"

# By the first four letters of a long word, or three: what it is, and its form from there on.
PREFIXED: dict[str, tuple[tuple[str, str], ...]] = {
    "AKIA": (("AWS access key", r"AKIA[A-Z2-7]{16}"),),
    "ASIA": (("AWS access key", r"ASIA[A-Z2-7]{16}"),),
    "ABIA": (("AWS access key", r"ABIA[A-Z2-7]{16}"),),
    "ABSK": (("AWS Bedrock key", rf"ABSK{_ALNUM}{{100,}}"),),
    "AIza": (("Google API key", rf"AIza{_WORD}{{35}}"),),
    "GOCS": (("Google client secret", rf"GOCSPX-{_WORD}{{28}}"),),
    "ghp_": (("GitHub token", rf"ghp_{_ALNUM}{{36}}"),),
    "gho_": (("GitHub token", rf"gho_{_ALNUM}{{36}}"),),
    "ghu_": (("GitHub token", rf"ghu_{_ALNUM}{{36}}"),),
    "ghs_": (("GitHub token", rf"ghs_{_ALNUM}{{36}}"),),
    "ghr_": (("GitHub token", rf"ghr_{_ALNUM}{{36}}"),),
    "gith": (("GitHub token", rf"github_pat_{_ALNUM}{{22}}_{_ALNUM}{{59}}"),),
    "glpa": (("GitLab token", rf"glpat-{_WORD}{{20,}}"),),
    "gldt": (("GitLab token", rf"gldt-{_WORD}{{20,}}"),),
    "glrt": (("GitLab token", rf"glrt-{_WORD}{{20,}}"),),
    "glpt": (("GitLab token", rf"glptt-{_HEX}{{40}}"),),
    "ATBB": (("Bitbucket token", rf"ATBB{_ALNUM}{{32}}"),),
    "ATAT": (("Atlassian token", rf"ATATT3{_WORD}{{100,}}"),),
    "sk-a": (("Anthropic key", rf"sk-ant-{_ALNUM}{{3,8}}-{_WORD}{{80,}}"), ("API key", rf"sk-admin-{_WORD}{{40,}}")),
    "sk-p": (("OpenAI key", rf"sk-proj-{_WORD}{{40,}}"),),
    "sk-s": (("OpenAI key", rf"sk-svcacct-{_WORD}{{40,}}"),),
    "sk-o": (("OpenRouter key", rf"sk-or-v1-{_HEX}{{64}}"),),
    "sk-l": (("API key", rf"sk-lf-{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}"),),
    "hf_": (("Hugging Face token", rf"hf_{_ALNUM}{{34,}}"),),
    "gsk_": (("Groq key", rf"gsk_{_ALNUM}{{40,}}"),),
    "xai-": (("xAI key", rf"xai-{_ALNUM}{{60,}}"),),
    "pplx": (("Perplexity key", rf"pplx-{_ALNUM}{{40,}}"),),
    "pcsk": (("Pinecone key", rf"pcsk_{_WORD}{{40,}}"),),
    "r8_": (("Replicate token", rf"r8_{_ALNUM}{{37}}"),),
    "pypi": (("PyPI token", rf"pypi-AgE{_WORD}{{50,}}"),),
    "npm_": (("npm token", rf"npm_{_ALNUM}{{36}}"),),
    "ruby": (("RubyGems key", rf"rubygems_{_HEX}{{48}}"),),
    "cio": (("crates.io token", rf"cio{_ALNUM}{{32}}"),),
    "oy2": (("NuGet key", r"oy2[a-z0-9]{43}"),),
    "dckr": (("Docker Hub token", rf"dckr_[po]at_{_WORD}{{27,}}"),),
    "xoxb": (("Slack token", rf"xoxb-{_WORD}{{20,}}"),),
    "xoxp": (("Slack token", rf"xoxp-{_WORD}{{20,}}"),),
    "xoxa": (("Slack token", rf"xoxa-{_WORD}{{20,}}"),),
    "xoxs": (("Slack token", rf"xoxs-{_WORD}{{20,}}"),),
    "xapp": (("Slack token", rf"xapp-\d-{_WORD}{{20,}}"),),
    "sk_l": (("Stripe key", rf"sk_live_{_ALNUM}{{16,}}"),),
    "sk_t": (("Stripe key", rf"sk_test_{_ALNUM}{{16,}}"),),
    "rk_l": (("Stripe key", rf"rk_live_{_ALNUM}{{16,}}"),),
    "rk_t": (("Stripe key", rf"rk_test_{_ALNUM}{{16,}}"),),
    "whse": (("Stripe webhook secret", rf"whsec_{_ALNUM}{{24,}}"),),
    "sq0a": (("Square token", rf"sq0atp-{_WORD}{{22}}"),),
    "sq0c": (("Square secret", rf"sq0csp-{_WORD}{{43}}"),),
    "EAAA": (("Square token", rf"EAAAE{_WORD}{{55,}}"),),
    "shpa": (("Shopify token", rf"shpat_{_HEX}{{32}}"),),
    "shpc": (("Shopify token", rf"shpca_{_HEX}{{32}}"),),
    "shpp": (("Shopify token", rf"shppa_{_HEX}{{32}}"),),
    "shps": (("Shopify secret", rf"shpss_{_HEX}{{32}}"),),
    "dop_": (("DigitalOcean token", rf"dop_v1_{_HEX}{{64}}"),),
    "doo_": (("DigitalOcean token", rf"doo_v1_{_HEX}{{64}}"),),
    "HRKU": (("Heroku key", rf"HRKU-{_WORD}{{36,}}"),),
    "lin_": (("Linear key", rf"lin_(?:api|oauth)_{_ALNUM}{{32,}}"),),
    "ntn_": (("Notion token", rf"ntn_{_ALNUM}{{40,}}"),),
    "secr": (("Notion token", rf"secret_{_ALNUM}{{43}}"),),
    "figd": (("Figma token", rf"figd_{_WORD}{{40}}"),),
    "dapi": (("Databricks token", rf"dapi{_HEX}{{32}}"),),
    "psca": (("PlanetScale password", rf"pscale_(?:tkn|pw|oauth)_{_WORD}{{32,}}"),),
    "PMAK": (("Postman key", rf"PMAK-{_HEX}{{24}}-{_HEX}{{34}}"),),
    "NRAK": (("New Relic key", r"NRAK-[A-Z0-9]{27}"),),
    "glsa": (("Grafana token", rf"glsa_{_ALNUM}{{32}}_{_HEX}{{8}}"),),
    "glc_": (("Grafana token", rf"glc_{_ALNUM}{{32,}}"),),
    "sntr": (("Sentry token", rf"sntry[us]_{_WORD}{{40,}}"),),
    "sbp_": (("Supabase token", rf"sbp_{_HEX}{{40}}"),),
    "sb_s": (("Supabase key", rf"sb_secret_{_WORD}{{20,}}"),),
    "nfp_": (("Netlify token", rf"nfp_{_ALNUM}{{36}}"),),
    "rnd_": (("Render key", rf"rnd_{_ALNUM}{{28,}}"),),
    "fm2_": (("Fly.io token", r"fm2_[A-Za-z0-9+/]{60,}"),),
    "tske": (("Tailscale key", rf"tskey-(?:auth|api|client)-{_WORD}{{20,}}"),),
    "AKCp": (("Artifactory key", rf"AKCp{_ALNUM}{{60,}}"),),
    "AGE-": (("age key", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),),
    "xprv": (("extended private key", r"xprv[1-9A-HJ-NP-Za-km-z]{107}"),),
    "eyJ": (("JSON web token", rf"eyJ{_WORD}{{10,}}\.eyJ{_WORD}{{10,}}\.{_WORD}{{20,}}"),),
    "key-": (("Mailgun key", rf"key-{_HEX}{{32}}"),),
}

# What no first letters tell: literal parts that must be there, looked for first, and the form around them.
AROUND: tuple[tuple[str, str, str], ...] = (
    ("OpenAI key", "T3BlbkFJ", rf"sk-{_WORD}{{10,}}T3BlbkFJ{_WORD}{{10,}}"),
    ("Telegram token", ":AA", rf"\b\d{{8,10}}:AA{_WORD}{{32,34}}(?![\w-])"),
    ("Airtable token", "pat", rf"\bpat{_ALNUM}{{14}}\.{_HEX}{{64}}"),
    ("Terraform token", ".atlasv1.", rf"{_ALNUM}{{14}}\.atlasv1\.{_WORD}{{60,}}"),
    ("Mailchimp key", "-us", rf"\b{_HEX}{{32}}-us\d{{1,2}}\b"),
    ("Azure client secret", "Q~", r"[\w.~-]{3}\dQ~[\w.~-]{31,34}"),
    ("Azure storage key", "AccountKey=", r"AccountKey=[A-Za-z0-9+/]{60,}={0,2}"),
    ("Slack webhook", "hooks.slack.com/", rf"hooks\.slack\.com/(?:services|workflows)/{_ALNUM}{{8,}}/[\w/]{{20,}}"),
    ("Discord webhook", "/api/webhooks/", rf"/api/webhooks/\d{{15,}}/{_WORD}{{50,}}"),
    ("Vault token", "hvs.", rf"\bhvs\.{_WORD}{{24,}}"),
    ("Google access token", "ya29.", rf"\bya29\.{_WORD}{{30,}}"),
    ("SendGrid key", "SG.", rf"\bSG\.{_WORD}{{22}}\.{_WORD}{{43}}"),
    ("Doppler token", "dp.", rf"\bdp\.(?:pt|st|ct|sa)\.(?:[\w-]{{2,35}}\.)?{_ALNUM}{{40,}}"),
    ("Dynatrace token", "dt0c01.", r"\bdt0c01\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    ("Mapbox token", "sk.eyJ", rf"\bsk\.eyJ{_WORD}{{50,}}\.{_WORD}{{20,}}"),
    (
        "private key",
        "-----BEGIN ",
        r"-----BEGIN [A-Z0-9 ]{0,20}PRIVATE KEY(?: BLOCK)?-----(?:\\[nr]|[\s\w:;,/+=.()-]){0,300}?[A-Za-z0-9+/]{24}",
    ),
    ("PuTTY key", "PuTTY-User-Key-File", r"PuTTY-User-Key-File-\d: \S+"),
    ("npm credential", "_authToken", r"_authToken\s*=\s*(?!\$)[^\s\"']{8,}"),
    ("npm credential", "_password", r"(?m)^(?://[^\s:]+:)?_password\s*=\s*[A-Za-z0-9+/=]{8,}"),
    ("netrc login", "login ", r"\b(?:machine\s+\S+|default)\s+login\s+\S+\s+password\s+(?!\$|<)\S{4,}"),
    ("Docker login", '"auth"', r'"auth"\s*:\s*"[A-Za-z0-9+/]{12,}={0,2}"'),
    ("kubeconfig key", "client-key-data", r"client-key-data:\s*[A-Za-z0-9+/]{40,}"),
    ("keystore", '"kdfparams"', r'"kdfparams"'),
    ("Twilio key", "SK", rf"\bSK{_HEX}{{32}}\b"),
    (
        "password in a connection string",
        "assword=",
        r"(?i)(?:server|source|host|uid|user(?: id)?)\s*=[^\n\"']{1,120};\s*password\s*=\s*(?![{<$*%])[^;\s\"']{6,}",
    ),
)

# scheme://user:password@host; what stands for a password in examples is judged apart.
ADDRESS = re.compile(r"://(?P<user>[^\s/:@\"'<>{}$]{0,64}):(?P<password>[^\s/@\"'<>{}$]{3,200})@(?P<host>[\w.-]+|\[)")
# A key as a list of numbers: 32 or 64 bytes, as Solana's tools write it.
NUMBERS = re.compile(r"\[\s*(?:\d{1,3}\s*,\s*){31}(?:(?:\d{1,3}\s*,\s*){32})?\d{1,3}\s*,?\s*\]")
# Recovery phrases: a multiple of three short words in one string or on one line.
PHRASE = re.compile(r"(?<![\w ])[a-z]{3,8}(?: [a-z]{3,8}){11,23}(?![\w ])")
