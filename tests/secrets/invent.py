"""Inventing tokens of eighty forms, so that none has to be committed: the same ones each time, none of them real."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import string

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
WORD = ALNUM + "_-"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
UPPER = string.ascii_uppercase + string.digits


class Inventor:
    """Random texts of a seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - invented ones are to be the same each time

    def some(self, letters: str, count: int) -> str:
        return "".join(self.chance.choices(letters, k=count))

    def bytes(self, count: int) -> bytes:
        return self.chance.randbytes(count)

    def base64(self, count: int) -> str:
        return base64.b64encode(self.bytes(count)).decode()

    def jwt(self) -> str:
        def part(data: object) -> str:
            return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")

        subject = part({"sub": self.some(string.digits, 10)})
        return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{subject}.{self.some(WORD, 43)}"

    def pem(self, kind: str) -> str:
        body = self.base64(600)
        lines = "\n".join(body[start : start + 64] for start in range(0, len(body), 64))
        return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----"

    def encrypted_pem(self) -> str:
        head = f"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,{self.some('0123456789ABCDEF', 32)}\n\n"
        return self.pem("RSA PRIVATE KEY").replace("KEY-----\n", f"KEY-----\n{head}", 1)

    def pgp(self) -> str:
        return self.pem("PGP PRIVATE KEY BLOCK").replace("BLOCK-----\n", "BLOCK-----\nVersion: GnuPG v2\n\n", 1)

    def phrase(self, count: int) -> str:
        return " ".join(self.chance.sample(RECOVERY_WORDS, count))

    def keystore(self) -> str:
        crypto = {
            "cipher": "aes-128-ctr",
            "ciphertext": self.some(HEX, 64),
            "kdf": "scrypt",
            "kdfparams": {"n": 262144},
        }
        return json.dumps({"address": self.some(HEX, 40), "crypto": crypto, "version": 3})

    def numbers(self, count: int) -> str:
        return json.dumps(list(self.bytes(count)))

    def password(self) -> str:
        return self.some(ALNUM, 4) + self.chance.choice("!@#%^&*") + self.some(ALNUM, 6) + self.some(string.digits, 2)


# Some words of the list that wallets take recovery phrases from.
RECOVERY_WORDS = [
    "abandon",
    "ability",
    "absent",
    "absorb",
    "abstract",
    "absurd",
    "access",
    "accident",
    "account",
    "accuse",
    "achieve",
    "acid",
    "acoustic",
    "acquire",
    "across",
    "action",
    "actor",
    "actress",
    "actual",
    "adapt",
    "addict",
    "address",
    "adjust",
    "admit",
    "adult",
    "advance",
    "advice",
    "aerobic",
    "affair",
    "afford",
    "afraid",
    "again",
    "agent",
    "agree",
    "ahead",
    "airport",
    "aisle",
    "alarm",
    "album",
    "alcohol",
    "alert",
    "alien",
    "almost",
    "alone",
    "alpha",
    "already",
    "alter",
    "always",
    "amateur",
    "amazing",
    "among",
    "amount",
]

# What stands by itself: written as a value wherever values are written.
VALUES = {
    "AWS access key": lambda i: "AKIA" + i.some("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16),
    "AWS secret key": lambda i: i.base64(30),
    "Google API key": lambda i: "AIza" + i.some(WORD, 35),
    "Google client secret": lambda i: "GOCSPX-" + i.some(WORD, 28),
    "Google access token": lambda i: "ya29." + i.some(WORD, 60),
    "GitHub personal": lambda i: "ghp_" + i.some(ALNUM, 36),
    "GitHub server": lambda i: "ghs_" + i.some(ALNUM, 36),
    "GitHub fine-grained": lambda i: f"github_pat_{i.some(ALNUM, 22)}_{i.some(ALNUM, 59)}",
    "GitLab": lambda i: "glpat-" + i.some(WORD, 20),
    "GitLab runner": lambda i: "glrt-" + i.some(WORD, 20),
    "Bitbucket": lambda i: "ATBB" + i.some(ALNUM, 32),
    "Atlassian": lambda i: "ATATT3" + i.some(WORD, 180),
    "OpenAI": lambda i: f"sk-{i.some(ALNUM, 20)}T3BlbkFJ{i.some(ALNUM, 20)}",
    "OpenAI project": lambda i: f"sk-proj-{i.some(WORD, 74)}T3BlbkFJ{i.some(WORD, 74)}",
    "Anthropic": lambda i: f"sk-ant-api03-{i.some(WORD, 93)}AA",
    "OpenRouter": lambda i: "sk-or-v1-" + i.some(HEX, 64),
    "Hugging Face": lambda i: "hf_" + i.some(string.ascii_letters, 34),
    "Groq": lambda i: "gsk_" + i.some(ALNUM, 52),
    "xAI": lambda i: "xai-" + i.some(ALNUM, 80),
    "Perplexity": lambda i: "pplx-" + i.some(ALNUM, 48),
    "Replicate": lambda i: "r8_" + i.some(ALNUM, 37),
    "PyPI": lambda i: "pypi-AgEIcHlwaS5vcmc" + i.some(WORD, 140),
    "npm": lambda i: "npm_" + i.some(ALNUM, 36),
    "RubyGems": lambda i: "rubygems_" + i.some(HEX, 48),
    "crates.io": lambda i: "cio" + i.some(ALNUM, 32),
    "NuGet": lambda i: "oy2" + i.some(string.ascii_lowercase + string.digits, 43),
    "Docker Hub": lambda i: "dckr_pat_" + i.some(WORD, 27),
    "Slack bot": lambda i: f"xoxb-{i.some(string.digits, 12)}-{i.some(string.digits, 13)}-{i.some(ALNUM, 24)}",
    "Slack webhook": lambda i: (
        f"https://hooks.slack.com/services/T{i.some(UPPER, 8)}/B{i.some(UPPER, 10)}/{i.some(ALNUM, 24)}"
    ),
    "Discord bot": lambda i: f"MT{i.some(ALNUM, 22)}.{i.some(WORD, 6)}.{i.some(WORD, 38)}",
    "Discord webhook": lambda i: f"https://discord.com/api/webhooks/{i.some(string.digits, 18)}/{i.some(WORD, 68)}",
    "Telegram": lambda i: f"{i.some('123456789', 10)}:AA{i.some(WORD, 33)}",
    "Stripe": lambda i: "sk_live_" + i.some(ALNUM, 24),
    "Stripe webhook": lambda i: "whsec_" + i.some(ALNUM, 32),
    "Square": lambda i: "sq0atp-" + i.some(WORD, 22),
    "Shopify": lambda i: "shpat_" + i.some(HEX, 32),
    "SendGrid": lambda i: f"SG.{i.some(WORD, 22)}.{i.some(WORD, 43)}",
    "Mailgun": lambda i: "key-" + i.some(HEX, 32),
    "Mailchimp": lambda i: i.some(HEX, 32) + "-us12",
    "Twilio": lambda i: "SK" + i.some(HEX, 32),
    "DigitalOcean": lambda i: "dop_v1_" + i.some(HEX, 64),
    "Heroku": lambda i: "HRKU-" + i.some(WORD, 60),
    "Linear": lambda i: "lin_api_" + i.some(ALNUM, 40),
    "Notion": lambda i: "ntn_" + i.some(ALNUM, 46),
    "Airtable": lambda i: f"pat{i.some(ALNUM, 14)}.{i.some(HEX, 64)}",
    "Figma": lambda i: "figd_" + i.some(WORD, 40),
    "Databricks": lambda i: "dapi" + i.some(HEX, 32),
    "PlanetScale": lambda i: "pscale_tkn_" + i.some(WORD, 43),
    "Postman": lambda i: f"PMAK-{i.some(HEX, 24)}-{i.some(HEX, 34)}",
    "New Relic": lambda i: "NRAK-" + i.some(UPPER, 27),
    "Grafana": lambda i: f"glsa_{i.some(ALNUM, 32)}_{i.some(HEX, 8)}",
    "Sentry": lambda i: "sntryu_" + i.some(HEX, 64),
    "Supabase": lambda i: "sbp_" + i.some(HEX, 40),
    "Netlify": lambda i: "nfp_" + i.some(ALNUM, 36),
    "Tailscale": lambda i: f"tskey-auth-{i.some(ALNUM, 17)}-{i.some(ALNUM, 32)}",
    "Vault": lambda i: "hvs." + i.some(WORD, 90),
    "Doppler": lambda i: "dp.pt." + i.some(ALNUM, 43),
    "Terraform Cloud": lambda i: f"{i.some(ALNUM, 14)}.atlasv1.{i.some(WORD, 67)}",
    "Artifactory": lambda i: "AKCp" + i.some(ALNUM, 69),
    "age": lambda i: "AGE-SECRET-KEY-1" + i.some("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58),
    "Azure client secret": lambda i: f"{i.some(ALNUM, 3)}8Q~{i.some(ALNUM, 34)}",
    "Azure storage": lambda i: f"DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={i.base64(64)}",
    "Mapbox": lambda i: f"sk.eyJ{i.some(ALNUM, 70)}.{i.some(WORD, 22)}",
    "JSON web token": lambda i: i.jwt(),
    "extended private key": lambda i: "xprv" + i.some(BASE58, 107),
    "Solana key": lambda i: i.some(BASE58, 88),
    "random base64": lambda i: i.base64(32),
    "random letters and digits": lambda i: i.some(ALNUM, 32),
    "database address": lambda i: f"postgresql://shop:{i.password().replace('@', '!')}@db.shop.net:5432/orders",
    "Redis address": lambda i: f"redis://:{i.some(ALNUM, 20)}@cache.shop.net:6379/0",
    "connection string": lambda i: f"Server=tcp:shop.net,1433;User ID=app;Password={i.password()};Encrypt=true",
    "recovery phrase of 12": lambda i: i.phrase(12),
    "recovery phrase of 24": lambda i: i.phrase(24),
    "Solana numbers": lambda i: i.numbers(64),
}
# What is a secret by what it is called.
NAMED = {
    "password": lambda i: i.password(),
    "hexadecimal key": lambda i: i.some(HEX, 64),
    "Ethereum key": lambda i: "0x" + i.some(HEX, 64),
    "short hexadecimal token": lambda i: i.some(HEX, 32),
    "Django key": lambda i: i.some(string.ascii_lowercase + string.digits + "!@#$%^&*(-_=+)", 50),
    "Django's first key": lambda i: (
        "django-insecure-" + i.some(string.ascii_lowercase + string.digits + "!@#$%^&*(-_=+)", 50)
    ),
    "small letters and digits": lambda i: i.some(string.ascii_lowercase + string.digits, 24),
}
NAMES = {
    "password": "DB_PASSWORD",
    "Ethereum key": "PRIVATE_KEY",
    "hexadecimal key": "SECRET_KEY",
    "Django key": "SECRET_KEY",
    "Django's first key": "SECRET_KEY",
}
# Whole files.
FILES = {
    "RSA key": ("deploy/rsa.txt", lambda i: i.pem("RSA PRIVATE KEY")),
    "EC key": ("deploy/ec.txt", lambda i: i.pem("EC PRIVATE KEY")),
    "PKCS 8 key": ("deploy/key.txt", lambda i: i.pem("PRIVATE KEY")),
    "encrypted key": ("deploy/old.txt", lambda i: i.encrypted_pem()),
    "encrypted PKCS 8 key": ("deploy/new.txt", lambda i: i.pem("ENCRYPTED PRIVATE KEY")),
    "OpenSSH key": ("deploy/ssh.txt", lambda i: i.pem("OPENSSH PRIVATE KEY")),
    "PGP key": ("deploy/pgp.asc", lambda i: i.pgp()),
    "keystore": ("wallet.json", lambda i: i.keystore()),
    "npmrc": ("npmrc.txt", lambda i: f"//registry.npmjs.org/:_authToken={i.some(HEX, 36)}\n"),
    "netrc": ("netrc.txt", lambda i: f"machine shop.net login app password {i.password()}\n"),
    "Docker login": ("config.json", lambda i: json.dumps({"auths": {"r.shop.net": {"auth": i.base64(30)}}})),
    "kubeconfig": (
        "kube.yaml",
        lambda i: (
            f"users:\n- name: app\n  user:\n    client-key-data: {i.base64(900)}\n    token: {i.some(ALNUM, 40)}\n"
        ),
    ),
    "terraform state": (
        "state.json",
        lambda i: json.dumps({"resources": [{"attributes": {"password": i.password()}}]}),
    ),
    "PuTTY key": (
        "key.txt",
        lambda i: f"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-Lines: 1\n{i.base64(36)}\n",
    ),
}


def ways_of_values(value: str) -> dict[str, str]:
    """Return the same value written in four ways."""
    quoted = json.dumps(value)
    return {
        "assigned": f"import os\n\nCLIENT_VALUE = {quoted}\n",
        "in a call": f"def connect():\n    return Client({quoted}, timeout=3)\n",
        "as a default": f'VALUE = os.getenv("SHOP_VALUE", {quoted})\n',
        "in a configuration": f"service:\n  region: eu-west-1\n  value: {quoted if ' ' in value else value}\n",
    }


def ways_of_named(name: str, value: str) -> dict[str, str]:
    """Return a value with its name written in four ways."""
    quoted = json.dumps(value)
    return {
        "assigned": f"{name} = {quoted}\n",
        "in a call": f"client = Client('shop', {name.lower()}={quoted}, timeout=3)\n",
        "as a default": f'{name} = os.environ.get("{name}", {quoted})\n',
        "in a configuration": f'{{"region": "eu-west-1", "{name.lower()}": {quoted}}}\n',
    }


def ways_of_files(text: str) -> dict[str, bytes]:
    """Return a file's text in four ways: as it is, within code, in two bytes a letter, far inside a large file."""
    filler = b"".join(hashlib.sha256(b"%d" % number).hexdigest().encode() + b" is a line\n" for number in range(20_000))
    return {
        "alone": text.encode(),
        "within code": f'KEY = """{text}"""\n'.encode(),
        "in two bytes a letter": text.encode("utf-16"),
        "in a large file": filler + text.encode() + b"\n\0" + filler,
    }


def corpus(seed: int = 1) -> list[tuple[str, str, str, bytes]]:
    """Return form, way of writing, path and content of each file to be refused."""
    inventor = Inventor(seed)
    files = []
    for form, make in VALUES.items():
        files += [(form, way, "app/config.py", text.encode()) for way, text in ways_of_values(make(inventor)).items()]
    for form, make in NAMED.items():
        written = ways_of_named(NAMES.get(form, "API_TOKEN"), make(inventor))
        files += [(form, way, "app/config.py", text.encode()) for way, text in written.items()]
    for form, (path, make) in FILES.items():
        files += [(form, way, path, data) for way, data in ways_of_files(make(inventor)).items()]
    return files
