from __future__ import annotations

import array
import base64
import binascii
import bz2
import gzip
import hashlib
import io
import json
import lzma
import marshal
import os
import pickle
import quopri
import string
import struct
import tarfile
import time
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes
from zipfile import ZIP_DEFLATED, ZipFile

import base58
import pytest
import zstandard

from hatch_aleph.artifact import Artifact
from hatch_aleph.deploy.secrets import (
    check_file,
    check_outgoing_file,
    check_own_key,
    check_secrets,
    find_secrets,
    own_key,
)
from hatch_aleph.deploy.session import Session
from hatch_aleph.errors import PlanError
from hatch_aleph.network.accounts import account_from_key
from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.keys import Key, parse_key
from hatch_aleph.programs.program_code import check_secrets as check_program_secrets
from hatch_aleph.secrets import OWN_KEY, VARIABLES, find_in_file, holds_own_key
from hatch_aleph.secrets.archives import MAX_BYTES, members
from hatch_aleph.secrets.layers import Budget, Layer
from hatch_aleph.secrets.own_key import KeyForms
from hatch_aleph.settings import load_settings
from hatch_aleph.squashfs import Entry, scan, write_image
from hatch_aleph.squashfs.superblock import SIZE, Superblock
from tests.deploy.rig import make_artifact

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


GITHUB = "ghp_" + "1a2b3c4d5e6f7g8h9i0jk1l2m3n4o5p6q7r8"
KEY = base64.b64encode(bytes(range(256)) * 4).decode()
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{KEY[:64]}\n{KEY[64:128]}\n-----END RSA PRIVATE KEY-----\n"


def built(tmp_path: Path, files: dict[str, str], **parts: object) -> Artifact:
    """Return an artifact whose code image holds some files."""
    tree = tmp_path / "tree"
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    image = tmp_path / "code.squashfs"
    write_image(scan(tree), image)
    return make_artifact(tmp_path / "dist", code=image.read_bytes(), **parts)  # type: ignore[arg-type]


def test_findings_name_file_line_and_kind_but_not_the_secret(tmp_path: Path) -> None:
    artifact = built(tmp_path, {"app/main.py": f'import os\n\nTOKEN = "{GITHUB}"\n', "certs/key.txt": PEM})
    with pytest.raises(PlanError) as raised:
        check_secrets(artifact)
    assert "app/main.py:3: GitHub token" in raised.value.message
    assert "certs/key.txt:1: private key" in raised.value.message
    assert GITHUB not in str(raised.value)


def test_variables_are_found_by_name(tmp_path: Path) -> None:
    artifact = built(tmp_path, {"main.py": ""}, variables={"DB_PASSWORD": "tr0ub4dor-and-3", "REGION": "eu-west-1"})
    assert [(each.where, each.name) for each in find_secrets(artifact)] == [(VARIABLES, "DB_PASSWORD")]


LOCK = (
    'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "alpha"\nversion = "1"\n[[packages.wheels]]\n'
    'path = "alpha-1-py3-none-any.whl"\n[[packages]]\nname = "mine"\n[packages.directory]\npath = "mine"\n'
)


@pytest.mark.parametrize(
    ("path", "deep"),
    [
        ("alpha.py", False),
        ("__pycache__/alpha.cpython-311.opt-2.pyc", False),
        (".aleph/modules/alpha", False),
        ("mine.py", True),
        ("__pycache__/mine.cpython-311.opt-2.pyc", True),
        (".aleph/modules/mine", True),
        ("of_nobody.py", True),
    ],
)
def test_in_wheels_of_an_index_the_key_is_looked_for_as_people_write_it(tmp_path: Path, path: str, deep: bool) -> None:
    """They are public already, and most of an image; of what was built here every layer is taken off."""
    secret = hashlib.sha256(b"plain").digest()
    account = account_from_key(Key(secret, "test"), "ETH")
    written = {form: (each, True) for form, each in PLAIN.items()} | {"base64": (base64.b64encode, deep)}
    for form, (write, found) in written.items():
        files = {
            ".aleph/pylock.toml": LOCK.encode(),
            "alpha-1.dist-info/RECORD": b"alpha.py,,\n",
            "mine-1.dist-info/RECORD": b"mine.py,,\n",
            path: b"KEY = '%s'\n" % write(secret),
        }
        image = tmp_path / f"{form}.squashfs"
        write_image([Entry(name, "file", 0o644, data) for name, data in files.items()], image)
        artifact = built(tmp_path / form, {"main.py": ""}, packages=image.read_bytes())
        keys = [each.where for each in find_secrets(artifact, own_key(account)) if each.kind == OWN_KEY]
        assert keys == [path] * found, form


PLAIN: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "hexadecimal": lambda secret: secret.hex().upper().encode(),
    "base58": base58.b58encode,
    "numbers": lambda secret: str(list(secret)).encode(),
    "escapes": lambda secret: "".join(f"\\x{each:02x}" for each in secret).encode(),
}


def test_what_is_no_secret_passes(tmp_path: Path) -> None:
    harmless = (
        'password = os.environ["PASSWORD"]\n'
        "api_key = settings.api_key\n"
        'RUNTIME = "63f07193e6ee9d207b7d1fcf8286f9aee34e6f12f101d2ec77c1229f92964696"\n'
        'CID = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG"\n'
        f'TOKEN = "{GITHUB}"  # pragma: allowlist secret\n'
    )
    check_secrets(built(tmp_path, {"main.py": harmless}, variables={"LOG_LEVEL": "debug"}))


def test_the_settings_allow_by_path_and_by_name(tmp_path: Path) -> None:
    settings = {"secrets": {"allow": ["tests/*", "DEMO_PASSWORD"]}}
    files = {"tests/data.py": f'TOKEN = "{GITHUB}"\n'}
    check_secrets(built(tmp_path, files, variables={"DEMO_PASSWORD": "tr0ub4dor-and-3"}, settings=settings))


def test_large_and_binary_files_are_searched(tmp_path: Path) -> None:
    files = {"data.bin": f"\0\1\2{GITHUB}", "big.txt": "a line\n" * 300_000 + f"{GITHUB}\n"}
    found = list(find_secrets(built(tmp_path, files)))
    assert [(each.where, each.line) for each in found] == [("big.txt", 300_001), ("data.bin", 1)]


def test_volumes_are_searched_as_code_is(tmp_path: Path) -> None:
    """A build for this machine alone packs what it finds, and a volume may be given as an image."""
    with_secret = built(tmp_path / "volume", {"settings.py": f'TOKEN = "{GITHUB}"\n'})
    given = next(each for each in with_secret.manifest.images if each.role == "code")
    artifact = built(tmp_path, {"main.py": ""})
    (artifact.path.parent / "volume.squashfs").write_bytes(with_secret.file(given).read_bytes())
    volume = replace(given, role="volume:/opt/data", file="volume.squashfs", mount="/opt/data")
    manifest = replace(artifact.manifest, images=(*artifact.manifest.images, volume))
    with pytest.raises(PlanError, match=r"settings\.py:1: GitHub token"):
        check_secrets(Artifact(artifact.path, manifest))


def test_the_key_that_signs_is_found_in_packages_and_manifest_too(tmp_path: Path) -> None:
    key = Key(bytes(range(1, 64, 2)), "test")
    account = account_from_key(key, "ETH")
    write_image([Entry("lib/data.bin", "file", 0o644, b"\0" + key.secret)], tmp_path / "packages.squashfs")
    artifact = built(
        tmp_path,
        {"main.py": f"x = {list(key.secret)}\n"},
        packages=(tmp_path / "packages.squashfs").read_bytes(),
        variables={"A": key.secret.hex()},
    )
    found = {each.where for each in find_secrets(artifact, own_key(account)) if each.kind == OWN_KEY}
    assert found == {"main.py", "lib/data.bin", VARIABLES}
    with pytest.raises(PlanError, match="the key that signs") as raised:
        check_secrets(artifact, account)
    assert key.secret.hex() not in str(raised.value)


SECRET = bytes(range(7, 250, 8))[:31] + b"\xfe"
HEXADECIMAL = SECRET.hex()


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def tarred(files: dict[str, bytes], mode: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for name, content in files.items():
            item = tarfile.TarInfo(name)
            item.size = len(content)
            archive.addfile(item, io.BytesIO(content))
    return packed.getvalue()


TEXT = f"k = '{HEXADECIMAL}'".encode() * 3
INTACT = zipped({"a.txt": b"harmless " * 9, "b.txt": TEXT})
DAMAGED = INTACT.replace(ZipFile(io.BytesIO(INTACT)).getinfo("a.txt").CRC.to_bytes(4, "little"), b"\1\2\3\4")
LARGE = zipped({"a.bin": hashlib.shake_256(b"noise").digest(5 << 20), "b.txt": TEXT})


def in_groups(text: bytes, size: int, between: bytes) -> bytes:
    return between.join(text[at : at + size] for at in range(0, len(text), size))


WRITTEN: dict[str, bytes] = {
    "raw": b"\0\1" + SECRET,
    "hexadecimal": HEXADECIMAL.encode(),
    "hexadecimal in mixed case": "".join(c.upper() if i % 3 else c for i, c in enumerate(HEXADECIMAL)).encode(),
    "hexadecimal with colons": ":".join(f"{each:02X}" for each in SECRET).encode(),
    "an array of C": ", ".join(f"0x{each:02x}" for each in SECRET).encode(),
    "escapes": repr("".join(f"\\x{each:02x}" for each in SECRET)).encode(),
    "two lines": f"'{HEXADECIMAL[:32]}'\n    '{HEXADECIMAL[32:]}'".encode(),
    "UTF-16": HEXADECIMAL.encode("utf-16"),
    "a list of numbers": str(list(SECRET)).encode(),
    "signed numbers": str([each - 256 if each > 127 else each for each in SECRET]).encode(),
    "numbers on lines": "\n".join(map(str, SECRET)).encode(),
    "one number": str(int.from_bytes(SECRET, "big")).encode(),
    "base64": base64.b64encode(SECRET),
    "base64 behind other bytes": base64.b64encode(b"\x30\x74\x02\x01\x01" + SECRET + b"tail"),
    "base64 of hexadecimal": base64.b64encode(b"key=" + HEXADECIMAL.encode()),
    "base32": base64.b32encode(SECRET),
    "a zip": zipped({"a.txt": TEXT}),
    "a zip in a zip": zipped({"b.whl": zipped({"a.txt": TEXT})}),
    "a zip in a zip in a zip": zipped({"c.jar": zipped({"b.whl": zipped({"a.txt": TEXT})})}),
    "a zip behind a script": b"#!/usr/bin/env python3\n" + zipped({"__main__.py": TEXT}),
    "a tar.gz": tarred({"sdist/a.py": TEXT}, "w:gz"),
    "a tar.xz": tarred({"sdist/a.py": TEXT}, "w:xz"),
    "a tar.bz2 in a zip": zipped({"a.tar.bz2": tarred({"sdist/a.py": TEXT}, "w:bz2")}),
    "gzip": gzip.compress(TEXT),
    "a YAML list": b"key:\n" + "".join(f"  - {each}\n" for each in SECRET).encode(),
    "a JavaScript array made an object": json.dumps({str(at): each for at, each in enumerate(SECRET)}).encode(),
    "digits without their zeros": ", ".join(map(hex, SECRET)).encode(),
    "a literal of bytes": f"KEY = {SECRET!r}".encode(),
    "octal escapes": "".join(f"\\{each:o}" for each in SECRET).encode(),
    "escapes of JavaScript": "".join(f"\\u{each:04X}" for each in SECRET).encode(),
    "base64 of Solana's file": base64.b64encode(json.dumps(list(SECRET + SECRET[::-1])).encode()),
    "base64 on lines": base64.encodebytes(b"some other thing--" * 3 + SECRET),
    "behind a damaged member": DAMAGED,
    "gzip that is cut": gzip.compress(TEXT)[:-6],
    "gzip and a tail": gzip.compress(TEXT) + b"tail",
    "a tar.gz that is cut": tarred({"sdist/a.py": TEXT}, "w:gz")[:-6],
    "a large zip behind a script": b"#!/usr/bin/env python3\n" + LARGE,
    "beyond a piece": b"x" * ((1 << 22) - 20) + SECRET,
}


WORDS = [int.from_bytes(SECRET[at : at + 4], "little") for at in range(0, 32, 4)]
NUMBER = int.from_bytes(SECRET, "big")
ROWS = [", ".join(str(each) for each in SECRET[at : at + 8]) for at in range(0, 32, 8)]
MATHEMATICAL = {ord(letter): 0x1D400 + at for at, letter in enumerate(string.ascii_uppercase + string.ascii_lowercase)}
TO_Z85 = bytes.maketrans(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~",
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#",
)


def for_import(form: bytes) -> bytes:
    content = b"\x80" + SECRET + form
    return base58.b58encode(content + hashlib.sha256(hashlib.sha256(content).digest()).digest()[:4])


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def of_small_window(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=12)
    return packer.compress(data) + packer.flush()


def of_7z(kind: int) -> bytes:
    return lzma.compress(TEXT, lzma.FORMAT_RAW, filters=[{"id": kind}])


def inside(data: bytes) -> bytes:
    return hashlib.shake_256(b"before").digest(3000) + data + hashlib.shake_256(b"behind").digest(2000)


WRITTEN |= {
    "reversed": SECRET[::-1],
    "hexadecimal, letters reversed": HEXADECIMAL[::-1].encode(),
    "hexadecimal, bytes reversed": SECRET[::-1].hex().encode(),
    "numbers reversed": str(list(SECRET[::-1])).encode(),
    "a wallet's import format": for_import(b""),
    "a wallet's import format, compressed": for_import(b"\1"),
    "an extended key": base58.b58encode(b"\x04\x88\xad\xe4" + bytes(42) + SECRET + b"sum."),
    "base85": base64.b85encode(SECRET),
    "base85, a literal": repr(base64.b85encode(SECRET)).encode(),
    "base85 of ZeroMQ": base64.b85encode(SECRET).translate(TO_Z85),
    "ascii85": base64.a85encode(SECRET),
    "ascii85 of Adobe, behind other bytes": base64.a85encode(b"xy" + SECRET, adobe=True),
    "base64 twice": base64.b64encode(base64.b64encode(SECRET)),
    "base64 three times": base64.b64encode(base64.b64encode(base64.b64encode(SECRET))),
    "base64 reversed": base64.b64encode(SECRET)[::-1],
    "base64 of a JSON": base64.b64encode(json.dumps({"key": HEXADECIMAL}).encode()),
    "base64 of an encoded key": base64.b64encode(bytes.fromhex("302e0201010420") + SECRET + b"\xa0\x07\x06\x05"),
    "base64 of UTF-16": base64.b64encode(f"$k='{HEXADECIMAL}'".encode("utf-16-le")),
    "base64 in UTF-16": base64.b64encode(SECRET).decode().encode("utf-16-be"),
    "base32 in small letters": base64.b32encode(SECRET).lower(),
    "base32 of hexadecimal": base64.b32encode(HEXADECIMAL.encode()),
    "base32 with the other letters": b"".join(
        b"%c" % b"0123456789ABCDEFGHIJKLMNOPQRSTUV"[b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".index(each)]
        for each in base64.b32encode(SECRET).rstrip(b"=")
    ),
    "UTF-32": HEXADECIMAL.encode("utf-32"),
    "one number with underscores": f"{NUMBER:_}".encode(),
    "one number with commas": f"{NUMBER:,}".encode(),
    "one hexadecimal number with underscores": f"0x{NUMBER:_x}".encode(),
    "one octal number": oct(NUMBER).encode(),
    "binary digits": f"{NUMBER:0256b}".encode(),
    "binary digits of each byte": " ".join(f"{each:08b}" for each in SECRET).encode(),
    "binary literals": ", ".join(map(bin, SECRET)).encode(),
    "words of four bytes, the last first": str(WORDS).encode(),
    "hexadecimal words, the last first": ", ".join(map(hex, WORDS)).encode(),
    "octal numbers": " ".join(f"{each:03o}" for each in SECRET).encode(),
    "hexadecimal twice": HEXADECIMAL.encode().hex().encode(),
    "the numbers of its digits": str(list(HEXADECIMAL.encode())).encode(),
    "the numbers of its base64": str(list(base64.b64encode(SECRET))).encode(),
    "calls of chr": "+".join(f"chr({each})" for each in SECRET).encode(),
    "HTML entities": "".join(f"&#{each};" for each in HEXADECIMAL.encode()).encode(),
    "hexadecimal HTML entities": "".join(f"&#x{each:x};" for each in SECRET).encode(),
    "percent-encoded": quote_from_bytes(SECRET).encode(),
    "percent-encoded digits": "".join(f"%{each:02x}" for each in HEXADECIMAL.encode()).encode(),
    "quoted-printable": quopri.encodestring(SECRET),
    "quoted-printable digits": "".join(f"={each:02X}" for each in HEXADECIMAL.encode()).encode(),
    "escapes of its digits": "".join(f"\\u{each:04x}" for each in HEXADECIMAL.encode()).encode(),
    "escapes in braces": "".join(f"\\u{{{each:x}}}" for each in SECRET).encode(),
    "escapes of its base64": "".join(f"\\x{each:02x}" for each in base64.b64encode(SECRET)).encode(),
    "a string of JSON": json.dumps(SECRET.decode("latin-1")).encode(),
    "numbers with comments": "\n".join(f"{row},  # row {at} of the key" for at, row in enumerate(ROWS)).encode(),
    "bytes with comments": "\n".join(f"  {each},  // one byte" for each in SECRET).encode(),
    "strings joined": f"k = '{HEXADECIMAL[:20]}' + '{HEXADECIMAL[20:44]}' +\n '{HEXADECIMAL[44:]}'".encode(),
    "strings joined, with comments": f"k = ('{HEXADECIMAL[:32]}'  # a half\n'{HEXADECIMAL[32:]}')".encode(),
    "base64 joined": b"'%b' + '%b'" % (base64.b64encode(SECRET)[:22], base64.b64encode(SECRET)[22:]),
    "base58 joined": b"'%b' + '%b'" % (base58.b58encode(SECRET)[:22], base58.b58encode(SECRET)[22:]),
    "in three variables": f"A='{HEXADECIMAL[:22]}'\nB=7\nC='{HEXADECIMAL[22:43]}'\nD='{HEXADECIMAL[43:]}'".encode(),
    "a dump": "".join(f"{at:08x}: {SECRET[at : at + 16].hex(' ', 2)}  ......\n" for at in (0, 16)).encode(),
    "zlib inside": inside(zlib.compress(b"text " * 90 + SECRET)),
    "gzip inside": inside(gzip.compress(TEXT)),
    "bzip2 inside": inside(bz2.compress(TEXT)),
    "xz inside": inside(lzma.compress(TEXT)),
    "lzma inside": inside(lzma.compress(TEXT, lzma.FORMAT_ALONE)),
    "Zstandard inside": inside(zstandard.ZstdCompressor().compress(TEXT)),
    "base64 of zlib": b"DATA = '" + base64.b64encode(zlib.compress(TEXT)) + b"'\nNAME = 'a_long_name_that_follows'\n",
    "base64 of xz of base64": base64.b64encode(lzma.compress(base64.b64encode(SECRET))),
    "a picture's text": b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", bytes(13))
    + chunk(b"zTXt", b"k\0\0" + zlib.compress(TEXT)),
    "a picture's points": b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", zlib.compress(b"\0" * 40 + SECRET + b"\0" * 40)),
    "a document's page": b"%PDF-1.4\n%\xe2\xe3\nstream\n" + zlib.compress(b"BT (" + TEXT + b") Tj") + b"\nendstream",
    "a document's page by Acrobat": b"%PDF-1.4\n%\xe2\xe3\nstream\r\n" + of_small_window(TEXT) + b"\r\nendstream",
}


LETTERS_32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def in_base_32(alphabet: bytes) -> bytes:
    return base64.b32encode(SECRET).rstrip(b"=").translate(bytes.maketrans(LETTERS_32, alphabet))


def in_digits(number: int, alphabet: str) -> bytes:
    digits = []
    while number:
        number, digit = divmod(number, len(alphabet))
        digits.append(alphabet[digit])
    return "".join(reversed(digits)).encode()


WRITTEN |= {
    "as Nostr and Sui write keys": b"nsec1" + in_base_32(b"qpzry9x8gf2tvdw0s3jn54khce6mua7l") + b"qqqqqq",
    "base32 of Crockford": in_base_32(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"),
    "base32 of Zooko": in_base_32(b"ybndrfg8ejkmcpqxot1uwisza345h769"),
    "a number of base 36": in_digits(NUMBER, string.digits + string.ascii_lowercase),
    "a number of base 62": in_digits(NUMBER, string.digits + string.ascii_letters),
    "base58 of Ripple": in_digits(NUMBER, "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"),
    "one number, its digits reversed": str(NUMBER)[::-1].encode(),
    "one number, as negative": str(NUMBER - (1 << 256)).encode(),
    "a text, one letter a byte": SECRET.decode("latin-1").encode(),
    "a text, one letter a byte, in UTF-16": SECRET.decode("latin-1").encode("utf-16"),
    "numbers of two bytes": struct.pack("<32H", *SECRET),
    "numbers of eight bytes": struct.pack(">32Q", *SECRET),
    "words of another machine": struct.pack("<8I", *struct.unpack(">8I", SECRET)),
    "bytecode with the number": marshal.dumps(compile(f"KEY = {NUMBER}", "keys.py", "exec")),
    "base64 in groups of four": in_groups(base64.b64encode(SECRET), 4, b" "),
    "base64 in groups of eight": in_groups(base64.b64encode(SECRET), 8, b" "),
    "base64 behind other bytes, in groups": in_groups(base64.b64encode(b"k" + SECRET), 5, b"\n"),
    "base64 in literals of ten letters": b"'" + in_groups(base64.b64encode(SECRET), 10, b"'\n    '") + b"'",
    "base64 as a list of letters": json.dumps(list(base64.b64encode(SECRET).decode())).encode(),
    "base32 in groups of four": in_groups(base64.b32encode(SECRET), 4, b" "),
    "base58 in groups of five": in_groups(base58.b58encode(SECRET), 5, b" "),
    "words of two bytes, the lower first": str(list(struct.unpack("<16H", SECRET))).encode(),
    "words of two bytes, the higher first": str(list(struct.unpack(">16H", SECRET))).encode(),
    "as hexdump shows it": b"\n".join(
        b"%07x " % at + b" ".join(b"%04x" % each for each in struct.unpack("<8H", SECRET[at : at + 16]))
        for at in (0, 16)
    ),
    "the words of BN.js": json.dumps({"words": [NUMBER >> 26 * at & 0x3FFFFFF for at in range(10)]}).encode(),
    "the words of CryptoJS": json.dumps({"words": struct.unpack(">8i", SECRET), "sigBytes": 32}).encode(),
    "signed words of eight bytes": str(list(struct.unpack("<4q", SECRET))).encode(),
    "a zip inside": inside(zipped({"key.txt": TEXT})),
    "base64 of a zip": base64.b64encode(zipped({"key.json": TEXT})),
    "a zip without its end": b"\0" * (1 << 17) + zipped({"key.json": TEXT})[:-60],
    "limbs of 52 bits": str([NUMBER >> 52 * at & (1 << 52) - 1 for at in range(5)]).encode(),
    "letters of full width": HEXADECIMAL.translate({each: each + 0xFEE0 for each in range(33, 127)}).encode(),
    "a list of numbers of full width": str(list(SECRET))
    .translate({each: each + 0xFEE0 for each in range(33, 127)})
    .encode(),
    "letters of mathematics": base64.b64encode(SECRET).decode().translate(MATHEMATICAL).encode(),
    "uuencoded": b"begin 644 key\n" + binascii.b2a_uu(SECRET) + b"`\nend\n",
    "uuencoded text": b"begin 644 key\n" + binascii.b2a_uu(HEXADECIMAL[:44].encode()) + b"`\nend\n",
    "floats": str([float(each) for each in SECRET]).encode(),
    "words of four bytes as od shows them": " ".join(f"{each:08x}" for each in WORDS).encode(),
    "words of eight bytes as od shows them": " ".join(f"{each:016x}" for each in struct.unpack("<4Q", SECRET)).encode(),
    "decimal limbs": str([NUMBER // 10 ** (9 * at) % 10**9 for at in range(9)]).encode(),
}


# What libraries write of a list of its bytes: a code of its kind before each, or before those above some number.
CODED = {
    "CBOR": b"".join(bytes([each] if each < 24 else [24, each]) for each in SECRET),
    "MessagePack": b"".join(bytes([each] if each < 128 else [0xCC, each]) for each in SECRET),
    "Protocol Buffers": b"".join(bytes([each] if each < 128 else [each & 127 | 128, each >> 7]) for each in SECRET),
}
WRITTEN |= {
    **{f"a list, {form}": b"\x98\x20" + data for form, data in CODED.items()},
    "a list, pickled": pickle.dumps(list(SECRET)),
    "a list, an array pickled": pickle.dumps(array.array("B", SECRET), 2),
    "a list, in bytecode": marshal.dumps(compile(f"KEY = {list(SECRET)}", "keys.py", "exec")),
    "a list, its places and other columns": "\n".join(f"{at}\t{each}\t0" for at, each in enumerate(SECRET)).encode(),
    "a list, colours": " ".join(
        f"rgba({SECRET[at]},{SECRET[at + 1]},{SECRET[at + 2]},1)" for at in range(0, 30, 3)
    ).encode(),
    "scaled numbers": json.dumps([each / 255 for each in SECRET]).encode(),
    "scaled numbers, rounded": " ".join(f"{each / 256:.4f}" for each in SECRET).encode(),
    "scaled numbers, around zero": json.dumps([each / 127.5 - 1 for each in SECRET]).encode(),
    "numbers with exponents": "\n".join(f"{each:.18e}" for each in SECRET).encode(),
    "uuencoded lines alone": binascii.b2a_uu(SECRET),
    "uuencoded lines of text": b"".join(binascii.b2a_uu(HEXADECIMAL.encode()[at : at + 45]) for at in (0, 45)),
    "numbers of Rust": ", ".join(f"0x{each:02x}u8" for each in SECRET).encode(),
    "words of two bytes as od shows them": "\n".join(
        f"{at:07o} " + " ".join(f"{each:06o}" for each in struct.unpack("<8H", SECRET[at : at + 16])) for at in (0, 16)
    ).encode(),
    "as Python keeps bytes in a text": json.dumps(SECRET.decode("utf-8", "surrogateescape")).encode(),
    "read as Windows' letters": SECRET.decode("cp1252", "ignore").encode(),
    "read as letters of DOS": SECRET.decode("cp437").encode(),
    "7z": b"7z\xbc\xaf\x27\x1c\0\4" + bytes(24) + of_7z(lzma.FILTER_LZMA1),
    "7z, its other way": b"7z\xbc\xaf\x27\x1c\0\4" + bytes(24) + of_7z(lzma.FILTER_LZMA2),
}


@pytest.mark.parametrize("form", WRITTEN)
def test_the_key_that_signs_is_found_in_whatever_form(form: str) -> None:
    own = own_key(account_from_key(Key(SECRET, "test"), "ETH"))
    assert own is not None
    found = list(find_in_file("data", io.BytesIO(WRITTEN[form]), own))
    assert OWN_KEY in {each.kind for each in found}
    assert holds_own_key(io.BytesIO(WRITTEN[form]), own)
    lines = b"import os\n# 17 lines of 4 kinds\nname = 'x'\n"
    assert holds_own_key(io.BytesIO(lines + WRITTEN[form] + b"\n" + lines), own)
    other = own_key(account_from_key(Key(hashlib.sha256(SECRET).digest(), "test"), "ETH"))
    assert other is not None
    assert not holds_own_key(io.BytesIO(WRITTEN[form]), other)


def test_the_words_that_a_key_is_made_from_are_found() -> None:
    words = "test test test test test test test test test test test junk"
    phrase = "legal winner thank year wave sausage worth useful legal winner thank yellow"
    own = own_key(account_from_key(parse_key(phrase.encode(), "test", "ETH"), "ETH"))
    assert own is not None
    assert own.occur_in(f'PHRASE = "{phrase}"'.encode())
    assert own.occur_in("\n".join(f"{at}. {word.upper()}" for at, word in enumerate(phrase.split(), 1)).encode())
    assert own.occur_in(base64.b64encode(json.dumps(phrase.split()).encode()))
    assert not own.occur_in(words.encode())


def test_bombs_are_unpacked_up_to_a_bound() -> None:
    """Streams that unpack to a thousand times their size, thousands of them; texts that decode again and again."""
    own = own_key(account_from_key(Key(SECRET, "test"), "ETH"))
    assert own is not None
    bomb = inside(zlib.compress(bytes(1 << 24)) * 40)
    budget = Budget(1 << 22)
    zeros = [len(layer.data) for layer in Layer(bomb).inner(budget) if layer.data and not any(layer.data[:64])]
    assert sum(zeros) == 1 << 22
    assert budget.left == 0
    usual = processor_time(own, hashlib.shake_256(b"x").hexdigest(1 << 17).encode())
    text = hashlib.shake_256(b"x").digest(1 << 16)
    for _ in range(8):
        text = base64.b64encode(text)[: 1 << 18]
    made = [
        text[: 1 << 18],
        b"\\x41" * (1 << 15),
        b"1," * (1 << 16),
        b"0x1," * (1 << 15),
        b"7" * (1 << 17),
        b"x\x9c" * (1 << 13),
        b"H\x89\xc7\xc3" * (1 << 15),
        b"\xff" + b"\x1f\x8b\x08" * (1 << 13),
        ("a" + "\u0301\u0316" * (1 << 15)).encode(),
        b"\xff" + (b"\x1f\x8b\x08\x08aaaaaa" * 100 + b"\0\7") * 20,
    ]
    for data in made:
        assert processor_time(own, data) < 100 * usual, data[:8]  # a square would be thousands


def processor_time(own: KeyForms, data: bytes) -> float:
    started = time.process_time()
    assert not own.occur_in(data)
    return time.process_time() - started


def test_a_key_made_up_for_a_test_is_found_whole_alone() -> None:
    own = KeyForms(bytes(31) + b"\1")
    assert own.occur_in(b"\xfe" + bytes(31) + b"\1")
    assert not own.occur_in(bytes(31))
    assert not own.occur_in(b"0" * 63)


def test_archives_are_looked_into_up_to_a_bound() -> None:
    token = f'TOKEN = "{GITHUB}"\n'.encode()
    inner = zipped({"app/.env": token, "app/a.py": token})
    found = list(find_in_file("vendor/b.whl", io.BytesIO(zipped({"c.zip": inner}))))
    assert [(each.where, each.line) for each in found] == [
        ("vendor/b.whl!c.zip!app/.env", 0),
        ("vendor/b.whl!c.zip!app/.env", 1),
        ("vendor/b.whl!c.zip!app/a.py", 1),
    ]
    assert all(each.is_allowed(["vendor/b.whl"]) for each in found)
    bomb = zipped({f"{number}": bytes(1 << 25) for number in range(8)})
    assert len(bomb) < 1 << 20
    assert list(find_in_file("bomb.zip", io.BytesIO(zipped({"a": bomb, "b": bomb})))) == []
    assert sum(len(content) for _, content in members(zipped({"a": bomb, "b": bomb}))) <= MAX_BYTES
    damaged = zipped({"a.py": token * 50})[:-30]
    assert list(find_in_file("damaged.zip", io.BytesIO(damaged))) == []


def with_attribute(image: bytes, text: bytes) -> bytes:
    """Return an image with an extended attribute, as mksquashfs writes them: compressed, behind the other tables."""
    block = Superblock.read(image, len(image))
    packed = zlib.compress(struct.pack("<HH", 0, 3) + b"key" + struct.pack("<I", len(text)) + text)
    attributes = struct.pack("<H", len(packed)) + packed
    table = struct.pack("<QIIQ", block.used, 1, 0, block.used)
    used = block.used + len(attributes) + len(table)
    block = block._replace(xattr_table=block.used + len(attributes), used=used)
    return block.pack() + image[SIZE : used - len(attributes) - len(table)] + attributes + table


PLACES = [
    *("a name", "a link", "between the files", "a zip's comment", "a data volume"),
    *("an extended attribute", "the adapter's folder"),
]


@pytest.mark.parametrize("place", PLACES)
def test_the_key_that_signs_is_found_outside_of_files(tmp_path: Path, place: str) -> None:
    account = account_from_key(Key(SECRET, "test"), "ETH")
    code = tmp_path / "code"
    entries = [Entry("main.py", "file", 0o644, b"x = 1\n" * 200)]
    if place == "a name":
        entries.append(Entry(f"{HEXADECIMAL}.pem", "file", 0o644, b""))
    if place == "a link":
        entries.append(Entry("link", "symlink", 0o777, target=HEXADECIMAL))
    if place == "the adapter's folder":  # an image of one's own may have such a one
        entries += [Entry("aleph_entry", "directory"), Entry("aleph_entry/notes.txt", "file", 0o644, TEXT)]
    write_image(entries, code)
    if place == "between the files":
        code.write_bytes(code.read_bytes() + SECRET)
    if place == "an extended attribute":
        code.write_bytes(with_attribute(code.read_bytes(), b"the key: " + HEXADECIMAL.encode() * 3))
        assert HEXADECIMAL.encode() not in code.read_bytes()
    if place == "a zip's comment":
        with ZipFile(code, "w") as archive:
            archive.writestr("main.py", "x = 1\n")
            archive.comment = HEXADECIMAL.encode()
        session = Session(NodeClient(["http://127.0.0.1:9"]), account, tmp_path)
        settings = load_settings({"entrypoint": "main:app"})
        with pytest.raises(PlanError, match="the key that signs") as raised:
            check_program_secrets(session, settings, code, "zip", where="x", scan=False)
    else:
        write_image([Entry("a.py", "file", 0o644, b"")], tmp_path / "packages")
        packages = (tmp_path / "packages").read_bytes()
        artifact = make_artifact(tmp_path / "dist", code=code.read_bytes(), packages=packages)
        if place == "a data volume":
            file = artifact.file(artifact.manifest.images[1])
            write_image([Entry("data", "file", 0o644, TEXT)], file)
        with pytest.raises(PlanError, match="the key that signs") as raised:
            check_own_key(artifact, account)
    assert HEXADECIMAL not in str(raised.value)


def test_the_files_of_an_image_are_unpacked_and_searched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its blocks are compressed: what looks for compressed data in the image's own bytes would find all files again."""
    searched: list[int] = []
    made = Layer.__init__

    def counted(layer: Layer, data: bytes, **options: bool) -> None:
        searched.append(len(data))
        made(layer, data, **options)

    monkeypatch.setattr(Layer, "__init__", counted)
    text = "".join(f"value_{number} = {number}\n" for number in range(20_000)).encode()
    artifact = built(tmp_path, {"main.py": text.decode()})
    check_own_key(artifact, account_from_key(Key(SECRET, "test"), "ETH"))
    assert sum(size for size in searched if size >= 1 << 16) < 3 * len(text)


def test_a_file_that_was_searched_for_one_key_is_searched_for_another(tmp_path: Path) -> None:
    account = account_from_key(Key(os.urandom(32), "test"), "ETH")
    file = tmp_path / "data.bin"
    file.write_bytes(b"\0" + SECRET)
    check_file(file, account)
    check_outgoing_file(file, account)
    with pytest.raises(PlanError, match="the key that signs"):
        check_outgoing_file(file, account_from_key(Key(SECRET, "test"), "ETH"))
