"""Secrets in text."""

from __future__ import annotations

import functools
import itertools
import re
from typing import TYPE_CHECKING

from hatch_aleph.secrets.forms import ADDRESS, AROUND, NUMBERS, PHRASE, PREFIXED, PROSE
from hatch_aleph.secrets.randomness import is_placeholder, is_random, is_secret_by_name

if TYPE_CHECKING:
    from collections.abc import Iterator

# A comment that takes a line out of the scan; detect-secrets' own, which many projects have already.
ALLOWED = "pragma: allowlist secret"

_WORD = re.compile(r"[A-Za-z0-9_-]{16,}")
_LONG_WORD = re.compile(r"[A-Za-z0-9+/_~-]{20,}={0,2}")
# What a name has that stands for a secret, and what says that it is something about one.
_HINTS = (
    "passw",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "private_key",
    "privatekey",
    "private-key",
    "credential",
    "bearer",
    "mnemonic",
    "seed",
    "accesskey",
    "access_key",
    "access-key",
    "client_key",
    "signing_key",
    "encryption_key",
    "enckey",
)
_HINT = re.compile("|".join(_HINTS))
_ABOUT = re.compile(
    r"hash|digest|checksum|fingerprint|public|header|type|field|name|param|(?:^|[_-])(?:key)?id$|url|uri|path|file|prefix|length|"
    r"address|csrf.?(?:cookie|header)|regex|pattern|format|placeholder|label|message|error|help|title|class|author|expir|contract"
)
# name = "value", name: value, "name": "value", name("value"), name="value" in a call, getenv("name", "value").
_QUOTES = "[bruf]{0,2}[\"'`]"
_TEXT = r"""[^"'`\n]{8,400}"""
_VALUE = re.compile(
    rf"""[\w.-]{{0,60}}["'`]?\]?\s{{0,20}}(?:
        (?::\s{{0,20}}[\w.\[\]|\ ]{{1,30}})?(?:=>|:=|==|[:=])\s{{0,20}}
            (?:{_QUOTES}(?P<quoted>{_TEXT})["'`]|(?P<bare>[^\s"'`,;]{{8,400}}))
        | [,(]\s{{0,40}}(?:default\s{{0,20}}=\s{{0,20}})?{_QUOTES}(?P<argument>{_TEXT})["'`]
    )""",
    re.VERBOSE,
)
_LONGEST = 128
_LINE = 32
_NAME = re.compile(r"[\w.-]{0,60}\Z")


# A hundred expressions, of which a text needs few: all together they take longer to compile than a project to scan.
_compiled = functools.cache(re.compile)


def find(text: str) -> Iterator[tuple[int, str]]:
    """Yield position and kind of what looks like a secret; the same one may be found in more than one way."""
    yield from find_forms(text)
    yield from _phrases(text)
    yield from _random(text)
    yield from _named(text)


def find_forms(text: str) -> Iterator[tuple[int, str]]:
    """Yield what is a secret by its form alone: all that can be told of a file that is not text."""
    yield from _tokens(text)
    if "://" in text:
        yield from (
            (match.start(), "password in an address")
            for match in ADDRESS.finditer(text)
            if not _is_example_login(match)
        )
    for match in NUMBERS.finditer(text) if "," in text else ():
        numbers = [int(each) for each in re.findall(r"\d+", match[0])]
        if max(numbers) <= 255 and len(set(numbers)) > len(numbers) // 2 and not _rises(numbers):
            yield match.start(), "private key as numbers"


def _tokens(text: str) -> Iterator[tuple[int, str]]:
    for match in _WORD.finditer(text):
        for kind, form in PREFIXED.get(match[0][:4]) or PREFIXED.get(match[0][:3]) or ():
            found = _compiled(form + "(?![A-Za-z0-9])").match(text, match.start())
            if found and not _is_sample(found[0]):
                yield match.start(), kind
    for kind, literal, form in AROUND:
        if literal in text:
            for found in _near(_compiled(form), literal, text):
                if not _is_sample(found[0]):
                    yield found.start(), kind


def _phrases(text: str) -> Iterator[tuple[int, str]]:
    for match in PHRASE.finditer(text):
        words = match[0].split()
        if len(words) % 3 == 0 and not PROSE.intersection(words) and len(set(words)) > len(words) - 3:
            yield match.start(), "recovery phrase"


def _near(form: re.Pattern[str], literal: str, text: str) -> Iterator[re.Match[str]]:
    """Yield matches around each place of a literal: searching the whole text for each form takes long."""
    at = text.find(literal)
    done = 0
    while at >= 0:
        found = form.search(text, max(done, at - 160), at + 700)
        if found:
            yield found
            done = found.end()
        at = text.find(literal, max(at + len(literal), done))


def _random(text: str) -> Iterator[tuple[int, str]]:
    for match in _LONG_WORD.finditer(text):
        value = match[0]
        if len(value) > _LONGEST or value.isalpha() or value.islower() or value.isupper():
            continue
        if is_random(value) and not _is_about(text, match.start()) and not _is_whole_line(text, match):
            yield match.start(), "random value"


def _is_whole_line(text: str, match: re.Match[str]) -> bool:
    """Tell whether a value is a line by itself: of a certificate, a message, a picture."""
    line = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
    end = text.find("\n", match.end())
    rest = text[match.end() : end if end >= 0 else None]
    return len(match[0]) > _LINE and not re.search(r"[:=(]", line) and not re.search(r"[:)]", rest)


_PUBLIC_BEFORE = re.compile(
    r"hash|sha\d|digest|checksum|integrity|nonce-|public|addr|://|base64|fingerprint|cid|etag|href|src=|[\w-]/\Z"
)


def _is_about(text: str, start: int) -> bool:
    """Tell whether what stands before a value on its line says that it is public: a hash, an address, a path."""
    return bool(_PUBLIC_BEFORE.search(text[max(0, start - 80) : start].rpartition("\n")[2].lower()))


def _named(text: str) -> Iterator[tuple[int, str]]:
    lower = text.lower()
    for hint in _HINT.finditer(lower):
        match = _VALUE.match(text, hint.end())
        if match is None:
            continue
        value = match["quoted"] or match["argument"] or match["bare"]
        group = "quoted" if match["quoted"] else "argument" if match["argument"] else "bare"
        before = _NAME.search(lower, max(0, hint.start() - 60), hint.start())
        tail = re.match(r"[\w.-]*", lower[hint.end() : hint.end() + 60])
        name = (before[0] if before else "") + hint[0] + (tail[0] if tail else "")
        if _ABOUT.search(name):
            continue
        if group == "bare" and not _is_bare_value(value, text, match):
            continue
        if is_secret_by_name(value):
            yield match.start(group), "secret by its name and form"


def _is_bare_value(value: str, text: str, match: re.Match[str]) -> bool:
    """Tell whether a value without quotes is one, not an expression: it ends its line, and is no code."""
    if is_random(value):
        return True
    ends = text[match.end("bare") : match.end("bare") + 1] in ("", "\n", "\r", " ")
    return ends and not re.search(r"[()\[\]{}.]|^[A-Za-z_]\w*\Z", value)


_LOGINS = frozenset(["guest", "postgres", "root", "admin", "user", "username", "pass", "pw", "pwd", "redis", "mysql"])
_EXAMPLE_HOST = re.compile(r"(?:[\w-]+\.)*(?:example|invalid|test)(?:\.(?:com|org|net))?\Z|localhost\Z|127\.0\.0\.1\Z")
_SAMPLE = re.compile(r"EXAMPLE|example|x{6,}|X{6,}|\*{4,}|\.{3}|123456789")


def _is_example_login(match: re.Match[str]) -> bool:
    password = match["password"]
    return (
        password.lower() in _LOGINS | {match["user"].lower()}
        or bool(_EXAMPLE_HOST.match(match["host"]))
        or is_placeholder(password)
        or password.startswith(("%", "\\"))
        or not re.search(r"\d|[^A-Za-z]", password)
    )


def _is_sample(value: str) -> bool:
    return bool(_SAMPLE.search(value)) or (len(set(value)) < 8 and len(value) > 16)


def _rises(numbers: list[int]) -> bool:
    return sum(b > a for a, b in itertools.pairwise(numbers)) > len(numbers) * 0.8
