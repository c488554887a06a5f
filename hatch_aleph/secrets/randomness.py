"""Whether a value looks as if chance had made it, or as a person's password, rather than as a name or a text."""

from __future__ import annotations

import base64
import itertools
import re
from collections import Counter
from math import log2

_HEX = re.compile(r"(?:0x)?[0-9a-fA-F]+\Z")
_BASE58 = re.compile(r"[1-9A-HJ-NP-Za-km-z]+\Z")
_TOKEN = re.compile(r"[A-Za-z0-9_\-+/=.~]+\Z")
_CHANGES = re.compile(r"[a-z](?=[A-Z0-9])|[A-Z](?=[0-9])|[0-9](?=[A-Za-z])|[A-Z](?=[a-z])")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)
# Hashes, content identifiers and addresses are public, and code for this network is full of them.
_PUBLIC = re.compile(
    r"(?:sha\d{1,3}|md5|blake\w*)[-:_$]|Qm[1-9A-HJ-NP-Za-km-z]{44}\Z|baf[a-z2-7]{50,}\Z|xpub|ssh-|AAAA[BCE]3|"
    r"pbkdf2|argon2|bcrypt|scrypt|-*WebKit|W5M0MpCehiHzreSzNTczkc9d\Z"  # the last: of every XMP packet in a picture
)
_PLACEHOLDER = re.compile(
    r"x{4,}|\*{3,}|\.{3}|0{6,}|1234|abcd|(?<![a-z])(?:your|my|the|this|that|some|an?)[-_. ]|example|sample|dummy|fake|"
    r"mock|change.?(?:me|this|it)|placeholder|insert|replace|redacted|invalid|secret|passw|token|api.?key|default|"
    r"test|foo|bar(?![a-z])|baz|demo|lorem|ipsum|todo|none|null|undefined|unknown|wrong|hunter2|s3cr3t|letmein|qwerty",
    re.IGNORECASE,
)
# Paths, expressions, dotted names, names of database migrations, texts.
_CODE = re.compile(
    r"[$%/@.]|https?:|\d{4}_[a-z]|.*[\s<>{}()\[\]\\]|[A-Za-z_]\w*(?:[./:-][A-Za-z_]\w*)+\Z|[\w.+-]+@[\w-]+\.|.*=.*&"
)
# As Django makes SECRET_KEY: it looks like code, and chance words in it like a placeholder. The first one is called
# insecure, since it stands in a file; the program signs with it all the same.
_DJANGO = re.compile(r"(?:django-insecure-)?(?P<chance>[a-z0-9!@#$%^&*()\-_=+]{50})\Z")
_AMONG_LETTERS = re.compile(r"(?<=[A-Za-z])\d+(?=[A-Za-z])|(?<=\d)[A-Za-z]+(?=\d)")
_SYMBOLS = frozenset("!@#$%^&*?~+=|;-")
_CHANGING = 0.25
# The hundred pairs of letters that English and the names in code have most: 76 % of theirs, 15 % of those of chance.
# fmt: off
_FOLLOWERS = {
    "a": "cdgilmnrst", "c": "ehkot", "d": "e", "e": "acdflmnprstx", "f": "ior", "g": "e", "h": "aeo",
    "i": "flmnost", "k": "e", "l": "adefio", "m": "aep", "n": "adegost", "o": "dflmnrtuw", "p": "aelor", "r": "aeinost",
    "s": "aehist", "t": "aehiorsu", "u": "enrt", "v": "e", "w": "h",
}
# fmt: on
_SHORTEST = 20
_LONGEST = 128
# Chance changes between small letters, capitals and digits at 0.62 of all places; names do at 0.2.
_MIXED = 0.4


def is_placeholder(value: str) -> bool:
    """Tell whether a value only stands where a secret would."""
    return bool(_PLACEHOLDER.search(value)) or len(set(value)) <= max(4, len(value) // 6) or _is_run(value)


def is_random(value: str) -> bool:
    """Tell whether a value looks random enough to be a secret whatever its name is."""
    if not _SHORTEST <= len(value) <= _LONGEST or not _TOKEN.match(value) or _PUBLIC.match(value):
        return False
    if _HEX.match(value) or _UUID.match(value):
        return False
    if _BASE58.match(value) and len(value) <= 52:  # an address or key of some chain, which is public
        return False
    parts = [part for part in re.split(r"[-_./=]+", value) if part]
    longest = max(parts, key=len, default="")
    if len(longest) < 16 or len(longest) < len(value) * 0.6:
        return False
    kinds = (
        any("a" <= c <= "z" for c in longest),
        any("A" <= c <= "Z" for c in longest),
        sum(c.isdigit() for c in longest),
    )
    if not (kinds[0] and kinds[1] and kinds[2] >= 2):
        return False
    changes = len(_CHANGES.findall(longest))
    return (
        changes >= _MIXED * len(longest)
        and entropy(longest) >= 3.6
        and not is_placeholder(value)
        and not _is_data(value)
        and not _reads_as_words(value)
    )


def is_secret_by_name(value: str) -> bool:
    """Tell whether a value whose name says that it is a secret can be one: random, hexadecimal, or a password."""
    if (django := _DJANGO.match(value)) and _is_of_django(django["chance"]):
        return True
    if not 8 <= len(value) <= _LONGEST or is_placeholder(value) or _PUBLIC.match(value) or _CODE.match(value):
        return False
    digits = sum(letter.isdigit() for letter in value)
    if not digits or digits == len(value) or not any(letter.isalpha() for letter in value):
        return False
    if _HEX.match(value):
        return len(value) >= 16
    inner = len(_AMONG_LETTERS.findall(value))
    if any(letter in _SYMBOLS for letter in value):
        return inner + digits > 1 or len(value) >= 10
    return inner > 1 and entropy(value) >= 2.8 and len(_CHANGES.findall(value)) >= _CHANGING * len(value)


def entropy(value: str) -> float:
    """Return the bits for each letter by Shannon's measure."""
    size = len(value)
    return -sum(count / size * log2(count / size) for count in Counter(value).values())


def _is_of_django(value: str) -> bool:
    return sum(letter in "!@#$%^&*()=+" for letter in value) > 2 and entropy(value) >= 4.2 and not _is_run(value)


def _reads_as_words(value: str) -> bool:
    """Tell whether a value is words that abbreviations stand in: ``readBlockZip64EndOfCentral``; chance once in 200."""
    pairs = [(a, b) for a, b in itertools.pairwise(value.lower()) if a.isalpha() and b.isalpha()]
    return sum(b in _FOLLOWERS.get(a, "") for a, b in pairs) * 2 >= len(pairs)


def _is_data(value: str) -> bool:
    """Tell whether a value is text or a certificate in base64."""
    if value.startswith(("MI", "MH", "MD", "LS0t")):
        return True
    try:
        data = base64.b64decode(value.rstrip("=") + "===", altchars=b"-_" if "-" in value or "_" in value else None)
    except ValueError:
        return False
    return sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in data) >= len(data) * 0.9


def _is_run(value: str) -> bool:
    """Tell whether most letters follow each other in the alphabet, as in ``0123456789abcdef``."""
    steps = sum(ord(b) - ord(a) == 1 for a, b in itertools.pairwise(value))
    return steps > len(value) // 2
