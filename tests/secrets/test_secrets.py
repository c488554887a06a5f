"""What is a secret, what is none, and the key that signs."""

from __future__ import annotations

import base64
import gzip
import io
import json
import lzma
import re
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import base58
import pytest
import zstandard

from hatch_aleph.errors import PlanError
from hatch_aleph.network.accounts import account_from_key
from hatch_aleph.network.keys import Key
from hatch_aleph.secrets import OWN_KEY, find_in_entries, find_in_file, find_in_variables, refuse
from hatch_aleph.secrets.own_key import KeyForms
from hatch_aleph.squashfs import Entry
from tests.memory import PEAK
from tests.secrets.invent import ALNUM, Inventor, corpus, ways_of_values

if TYPE_CHECKING:
    from pathlib import Path

INVENTOR = Inventor(7)
LEAST_RECALL = 0.95


def kinds(text: str | bytes, path: str = "app/config.py") -> list[str]:
    return [each.kind for each in find_in_file(path, io.BytesIO(text.encode() if isinstance(text, str) else text))]


def test_of_eighty_forms_in_four_ways_nearly_all_are_found() -> None:
    files = corpus(11)
    missed = Counter(f"{form}, {way}" for form, way, path, data in files if not kinds(data, path))
    assert len({form for form, *_ in files}) >= 80
    assert len(missed) <= (1 - LEAST_RECALL) * len(files), missed


@pytest.mark.parametrize("prefix", ["", "django-insecure-"])
def test_django_s_key_is_one_whatever_it_is_made_of(prefix: str) -> None:
    alphabet = "abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)"  # of django.core.management.utils
    inventor = Inventor(18)
    keys = [prefix + inventor.some(alphabet, 50) for _ in range(60)]
    assert not [key for key in keys if not kinds(f'SECRET_KEY = "{key}"\n')]


HARMLESS = [
    '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>',  # how every picture's metadata begin (Adobe XMP)
    'TOKEN_TYPE = "bearer"',
    '{"password": "Mot de passe"}',
    'API_KEY_HEADER = "X-API-Key"',
    'USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"',
    'API_KEY = "your-api-key-here"',
    'API_KEY = "<your key>"',
    'SECRET_KEY = "change-me-in-production-1"',
    'password = os.environ["PASSWORD"]',
    "api_key = settings.api_key_v2",
    'token = get_token("https://shop.net/oauth2/token")',
    'RUNTIME = "63f07193e6ee9d207b7d1fcf8286f9aee34e6f12f101d2ec77c1229f92964696"',
    'CID = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"',
    'MINT = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"',
    'integrity="sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC"',
    'TOKEN_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"',
    'PASSWORD_FIELD = "password2"',
    'token_url = "https://auth.shop.net/v2/token"',
    'help = "The secret that signs cookies, 32 letters or more."',
    "password: str = Field(min_length=8)",
    "DATABASE = 'postgresql://user:password@localhost:5432/shop'",
    "DATABASE = 'postgresql://postgres:postgres@db:5432/shop'",
    "DATABASE = f'postgresql://{user}:{password}@{host}/shop'",
    'SECRET = "${SHOP_SECRET_V2}"',
    'token = "{{ shop_token_1 }}"',
    'csrf_token_cookie_name = "csrftoken2"',
    'AUTH_USER_MODEL = "accounts.User2"',
    'uuid = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"',
    'password_validators = ["django.contrib.auth.password_validation.MinimumLengthValidator"]',
    "def test_token_of_user2(): ...",
    'public_key = "AAAAC3NzaC1lZDI1NTE5AAAAIKV8Fq0Vqk2mZs8bq8yLQ4rF1dZ9xYb3tq0R8n5m2QpL"',
    f"digits = {list(range(32))}",
    "# one two three ways in which each user may see all the new items here\n",
    'PRIVATE_KEY_PATH = "/run/secrets/key1"',
    'key = "sk-..."',
    'AWS = "AKIAIOSFODNN7EXAMPLE"',
    'secret_name = "projects/12/secrets/shop-1"',
    'TOKEN = ""',
    'tokenizer = "bert-base-uncased-v2"',
    'seed = "2024-01-01"',
    'boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW7"',
    # As generated from a description of messages; a name with abbreviations; a table of pictures; a list of words.
    r"DESCRIPTOR = b'\n\x12GetDebugInfoRequest\x12\x20\n\x04type\x18\x01 \x17XFindBaseLocalChanAlias\x12'",
    "from pretalx.common.forms.mixins import PretalxI18nModelForm, ReadOnlyFlag",
    "readBlockZip64EndOfCentral:function(){this.zip64EndOfCentralSize=this.reader.readInt(8)}",
    "ASCII_OR_UTF16 = stringToAsciiOrUTF16BE(text)",
    f"zigzag = {[row + column for row in range(8) for column in (0, 8, 1, 16)]}",
    '"checked compact declare defer disabled ismap multiple nohref noshade nowrap readonly selected".split(" ")',
]


@pytest.mark.parametrize("line", HARMLESS)
def test_what_is_no_secret_passes(line: str) -> None:
    assert kinds(line + "\n") == []


def test_what_follows_an_escape_is_judged_by_itself() -> None:
    value = Inventor(7).some(ALNUM, 40)
    assert kinds(rf"text = 'first\n{value}'" + "\n") == ["random value"]


def test_data_and_minified_code_pass() -> None:
    picture = base64.b64encode(INVENTOR.bytes(30_000)).decode()
    assert kinds(f'.logo {{background: url("data:image/png;base64,{picture}")}}', "app/style.css") == []
    lines = re.sub(r"(.{64})", r"\1\n", base64.b64encode(INVENTOR.bytes(900)).decode())
    certificate = f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"
    assert kinds(certificate, "app/ca.pem") == []
    minified = (
        "!function(e,t){" + "".join(f"var a{n}=t[{n}],b{n}=e.getTokenV{n}(a{n});" for n in range(20_000)) + "}(this);"
    )
    assert kinds(minified, "app/static/app.min.js") == []


PICTURES = {
    "PNG": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "GIF": b"GIF89a",
    "JPEG": b"\xff\xd8\xff\xe0",
    "WebP": b"RIFF\x24\0\0\0WEBP",
    "an icon": b"\0\0\1\0\1\0",
    "WOFF": b"wOF2",
    "TrueType": b"\0\1\0\0\0\x0e",  # and the number of its tables
}


@pytest.mark.parametrize("kind", PICTURES)
def test_pictures_and_fonts_in_source_pass(kind: str) -> None:
    """However they are written: as one literal, as many that are joined, with the type before them or without."""
    data = base64.b64encode(PICTURES[kind] + INVENTOR.bytes(70)).decode()
    pieces = [data[at : at + 30] for at in range(0, len(data), 30)]
    for joined in ("'\n    '", '"\n  "', "' +\n    '", "' \\\n    '"):
        quote = joined[0]
        assert kinds(f"BLANK = ({quote}{joined.join(pieces)}{quote})\n") == []
        assert kinds(f"BLANK = ({quote}data:image/x;base64,{joined}{joined.join(pieces)}{quote})\n") == []
    assert kinds(f'<img src="data:image/x;base64,{data}">\n', "app/page.html") == []
    assert kinds(f'picture("{data}")\n') == []


def test_what_stands_behind_a_picture_is_judged_by_itself() -> None:
    value = Inventor(7).some("abcdefghABCDEFGH0123456789", 40)
    assert kinds(f'PICTURE = "iVBORw0KGgo="\nLOOK = call("{value}")\n') == ["random value"]
    assert kinds(f'PICTURES = ["iVBORw0KGgo=", "{value}"]\n') == ["random value"]


def test_a_line_that_says_so_is_allowed() -> None:
    token = "ghp_" + INVENTOR.some("abcdefgh0123456789", 36)
    assert kinds(f'TOKEN = "{token}"  # pragma: allowlist secret\n') == []
    assert kinds(f'# pragma: allowlist secret\nTOKEN = "{token}"\n') == ["GitHub token"]


def test_lines_are_told_and_secrets_are_not() -> None:
    token = "ghp_" + INVENTOR.some("abcdefgh0123456789", 36)
    text = "\n" * 40 + f'TOKEN = "{token}"\n'
    (finding,) = find_in_file("a.py", io.BytesIO(text.encode()))
    assert str(finding) == "a.py:41: GitHub token"
    large = io.BytesIO(b"line\n" * 2_000_000 + text.encode())  # in the third piece that is read
    assert [each.line for each in find_in_file("a.txt", large)] == [2_000_041]


def test_a_file_name_cannot_speak_to_the_terminal() -> None:
    (finding,) = find_in_file("a\x1b[2J/.env", io.BytesIO(b""))
    assert str(finding) == r"a\x1b[2J/.env: secret by its name"


@pytest.mark.parametrize("path", [".env", "conf/.env.production", "id_rsa", "server.key", "infra/a.tfstate", "x.p12"])
def test_files_that_are_secrets_by_their_name(path: str) -> None:
    assert kinds(b"", path) == ["secret by its name"]
    assert kinds(b"", f"{path}.example") == []


PIECES = (
    *("token", "password = ", "'secret' 'secret'", "a b c d ", "word ", "://user:", "-----BEGIN PRIVATE KEY-----"),
    *("1, ", "[1, ", "eyJ.", "password       ", "secret(", "login machine ", "AccountKey=", "a-us1", "Q~"),
)


def test_time_grows_with_the_size_alone() -> None:
    """Text made to go back and forth in: names of secrets without end, quotes that nobody closes, words upon words."""
    plain = "".join(f"def function_{number}(self, value): return self.values[{number}]\n" for number in range(6_000))
    usual = seconds(plain)
    for piece in PIECES:
        text = piece * (len(plain) // len(piece))
        assert seconds(text) < 250 * usual, piece  # a square would be thousands


def seconds(text: str) -> float:
    started = time.process_time()
    kinds(text)
    return time.process_time() - started


SECRET = bytes(range(1, 250, 8))
WRITTEN = {
    "raw": SECRET,
    "in a picture": b"\x89PNG\r\n" + bytes(1000) + SECRET + bytes(100),
    "hexadecimal": SECRET.hex().encode(),
    "with 0x, in capitals": b"0x" + SECRET.hex().upper().encode(),
    "base58": base58.b58encode(SECRET),
    "base64": base64.b64encode(SECRET),
    "numbers": json.dumps(list(SECRET)).encode(),
    "numbers, one a line": json.dumps(list(SECRET), indent=2).encode(),
    "two bytes a letter": SECRET.hex().encode("utf-16-le"),
    "far inside": b"x" * 5_000_000 + SECRET.hex().encode() + b"x" * 5_000_000,
}


@pytest.mark.parametrize("way", WRITTEN)
def test_the_key_that_signs_is_refused_in_any_form(way: str) -> None:
    entry = Entry("data/key.bin", "file", 0o644, WRITTEN[way])
    findings = list(find_in_entries([entry], KeyForms(SECRET)))
    assert OWN_KEY in {each.kind for each in findings}
    with pytest.raises(PlanError, match="the key that signs"):
        refuse(findings, ["*"], where="x", hint="y")  # nothing allows it
    assert OWN_KEY not in {
        each.kind for each in find_in_entries([entry], KeyForms(bytes(each ^ 90 for each in SECRET)))
    }


@pytest.mark.parametrize("chain", ["ETH", "SOL"])
def test_an_account_knows_the_forms_of_its_key_and_shows_none(chain: str) -> None:
    account = account_from_key(Key(SECRET, "test"), chain)
    assert account.key_forms.occur_in(b"A = 0x" + SECRET.hex().encode())
    if chain == "SOL":
        assert account.key_forms.occur_in(base58.b58encode(SECRET + base58.b58decode(account.address)))
    assert SECRET.hex() not in repr(vars(account)) + repr(account.key_forms)


def test_variables_are_judged_by_value_and_name() -> None:
    values = {
        "DB_PASSWORD": INVENTOR.password(),
        "SHOP": "sk_live_" + INVENTOR.some("abcdefgh0123456789", 24),
        "REGION": "eu-west-1",
        "TOKEN_TYPE": "bearer",
        "KEY": SECRET.hex(),
    }
    found = {each.name: each.kind for each in find_in_variables(values.items(), KeyForms(SECRET))}
    assert found == {"DB_PASSWORD": "secret by its name and form", "SHOP": "Stripe key", "KEY": OWN_KEY}


def test_every_way_of_writing_a_token_is_told_once() -> None:
    for text in ways_of_values("ghp_" + INVENTOR.some("abcdefgh0123456789", 36)).values():
        assert len(kinds(text)) == 1


# Streams that unpack to much that is quick to search, behind chance bytes. Two of them announce dictionaries that hold
# more; of the first nothing is there but a mark and a header of such.
BOMBS = f"""{PEAK}
import hashlib, io, sys
from pathlib import Path
from hatch_aleph.secrets import holds_own_key
from hatch_aleph.secrets.own_key import KeyForms
own = KeyForms(hashlib.sha256(b"a key").digest())
assert not holds_own_key(io.BytesIO(hashlib.shake_256(b"x").digest(1 << 22)), own)
before = peak()
for name in sys.argv[1:]:
    assert not holds_own_key(io.BytesIO(Path(name).read_bytes()), own)
    print(peak() - before)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource")
def test_memory_is_bounded_whatever_unpacks(tmp_path: Path) -> None:
    """Piece by piece; a decoder's dictionary takes memory as it is filled, not as its header says."""
    chance, zeros = INVENTOR.bytes(3000), bytes(24 << 20)
    wide = {"preset": 0, "dict_size": 3 << 25}
    window = zstandard.ZstdCompressionParameters(window_log=27)
    bombs = {
        "header": b"\x28\xb5\x2f\xfd" + bytes([0, (27 - 10) << 3]) + INVENTOR.bytes(3000),
        "gzip": gzip.compress(zeros),
        "lzma": lzma.compress(zeros, lzma.FORMAT_ALONE, filters=[{"id": lzma.FILTER_LZMA1, **wide}]),
        "zstd": zstandard.ZstdCompressor(compression_params=window).compress(zeros),
        "gzip first": gzip.compress(zeros),
    }
    for name, bomb in bombs.items():
        (tmp_path / name).write_bytes((b"" if name.endswith("first") else chance) + bomb)
    command = [sys.executable, "-c", BOMBS, *(tmp_path / name for name in bombs)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    header, gzipped, lzma_, zstd, first = (int(peak) >> 20 for peak in done.stdout.split())
    assert header <= 4
    assert gzipped <= 20
    assert max(lzma_, zstd) <= 44  # as much as was unpacked, and a piece
    assert first <= 64  # what is an archive from its first byte is held as a whole
