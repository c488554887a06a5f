"""Secrets in text."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph.secrets.forms import ADDRESS, AROUND, NUMBERS, PHRASE, PREFIXED
from hatch_aleph.secrets.randomness import is_placeholder, is_random, is_secret_by_name
from hatch_aleph.secrets.runs import LONG_WORD, WORD, Letters
from hatch_aleph.secrets.runs import PHRASE as PHRASE_LETTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

# A comment that takes a line out of the scan; detect-secrets' own, which many projects have already.
ALLOWED = "pragma: allowlist secret"

_WORD = Letters(WORD, 16)
_LONG_WORD = Letters(LONG_WORD, 20)
_WORDS = Letters(PHRASE_LETTERS, 47)  # twelve of three letters and the spaces between
# What a name has that stands for a secret (of keys, what stands before), and what says that it is something about one.
_HINTS = ("passw", "pwd", "secret", "token", "credential", "bearer", "mnemonic", "seed", "key")
_KEYS = (
    *("api", "private", "access"),
    *(f"{kind}{sign}" for kind in ("api", "private", "access") for sign in "_-"),
    *("client_", "signing_", "encryption_", "enc"),
)
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
_BEGINNINGS = frozenset(each[:3].encode() for each in PREFIXED)
_LONGEST = 128
# Of a literal of bytes or text, as generated code has them: its letters belong to no value.
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[nrt])")
# As much is looked at behind a literal; and so long a match of any form is at least.
_WINDOW, _LONGEST_FORM = 700, 460
_LINE = 32
_MOST_BEFORE, _BEGINNING = 4_000, 11  # letters that are looked at before a value, and of it
_NAME = re.compile(r"[\w.-]{0,60}\Z")


# A hundred expressions, of which a text needs few: all together they take longer to compile than a project to scan.
_compiled = functools.cache(re.compile)


def find(text: str) -> Iterator[tuple[int, str]]:
    """Yield position and kind of what looks like a secret; the same one may be found in more than one way."""
    data = text.encode("ascii", "replace")  # a byte a letter: the places are the same
    yield from find_forms(text, data)
    yield from _phrases(text, data)
    yield from _random(text, data)
    yield from _named(text)


def find_forms(text: str, data: bytes | None = None) -> Iterator[tuple[int, str]]:
    """Yield what is a secret by its form alone: all that can be told of a file that is not text.

    Args:
        text: The text.
        data: The same, a byte a letter.
    """
    yield from _tokens(text, text.encode("ascii", "replace") if data is None else data)
    if "://" in text:
        yield from (
            (match.start(), "password in an address")
            for match in ADDRESS.finditer(text)
            if not _is_example_login(match)
        )
    for match in NUMBERS.finditer(text) if "," in text else ():
        numbers = [int(each) for each in re.findall(r"\d+", match[0])]
        # Of 32 bytes that chance made, none above 127 is less likely than a collision; tables of pictures have none.
        if 128 <= max(numbers) <= 255 and len(set(numbers)) > len(numbers) // 2 and not _rises(numbers):
            yield match.start(), "private key as numbers"


def _tokens(text: str, data: bytes) -> Iterator[tuple[int, str]]:
    for start in [start for start, _ in _WORD.runs(data) if data[start : start + 3] in _BEGINNINGS]:
        for kind, form in PREFIXED.get(text[start : start + 4]) or PREFIXED.get(text[start : start + 3]) or ():
            found = _compiled(form + "(?![A-Za-z0-9])").match(text, start)
            if found and not _is_sample(found[0]):
                yield start, kind
    for kind, literal, form in AROUND:
        if literal in text:
            for found in _near(_compiled(form), literal, text):
                if not _is_sample(found[0]):
                    yield found.start(), kind


def _phrases(text: str, data: bytes) -> Iterator[tuple[int, str]]:
    for match in (found for start, end in _WORDS.runs(data) for found in PHRASE.finditer(text, start, end + 1)):
        words = match[0].split()
        distinct = set(words)
        if len(words) % 3 or len(distinct) < len(words) - 2:
            continue
        if any(distinct <= listed for listed in _recovery_words()):
            yield match.start(), "recovery phrase"


@functools.cache
def _recovery_words() -> list[frozenset[str]]:
    """Return the words of recovery phrases, language by language (bitcoin/bips, bip-0039), as eth-account has them."""
    package = importlib.util.find_spec("eth_account")
    folders = package.submodule_search_locations if package else None
    files = Path(next(iter(folders or ()))).glob("hdaccount/wordlist/*.txt")
    return [frozenset(file.read_text("utf-8").split()) for file in files]


def _near(form: re.Pattern[str], literal: str, text: str) -> Iterator[re.Match[str]]:
    """Yield matches around each place of a literal: searching the whole text for each form takes long."""
    at, done = text.find(literal), 0
    begins = form.pattern.startswith((literal, re.escape(literal)))
    while at >= 0:
        found = form.match(text, at, at + _WINDOW) if begins else form.search(text, max(done, at - 160), at + _WINDOW)
        if found:
            yield found
            done = found.end()
        elif not begins:  # what begins before this would have ended in the window
            done = at + _WINDOW - _LONGEST_FORM
        at = text.find(literal, max(at + len(literal), done))


def _random(text: str, data: bytes) -> Iterator[tuple[int, str]]:
    for word_start, word_end in _LONG_WORD.runs(data):
        escape = _ESCAPE.match(text, word_start - 1) if word_start else None
        start = escape.end() if escape else word_start
        end = word_end + 2 if text.startswith("==", word_end) else word_end + text.startswith("=", word_end)
        if end - start > _LONGEST:
            continue
        value = text[start:end]
        if value.isalpha() or value.islower() or value.isupper():
            continue
        if not is_random(value) or _is_about(text, start) or _is_whole_line(text, start, end):
            continue
        if not _is_of_data(text, start):
            yield start, "random value"


def _is_whole_line(text: str, start: int, stop: int) -> bool:
    """Tell whether a value is a line by itself: of a certificate, a message, a picture."""
    line = text[text.rfind("\n", 0, start) + 1 : start]
    end = text.find("\n", stop)
    rest = text[stop : end if end >= 0 else None]
    return stop - start > _LINE and not re.search(r"[:=(]", line) and not re.search(r"[:)]", rest)


_PUBLIC_BEFORE = re.compile(
    r"hash|sha\d|digest|checksum|integrity|nonce-|public|addr|://|base64|fingerprint|cid|etag|href|src=|[\w-]/\Z"
)


def _is_about(text: str, start: int) -> bool:
    """Tell whether what stands before a value on its line says that it is public: a hash, an address, a path."""
    return bool(_PUBLIC_BEFORE.search(text[max(0, start - 80) : start].rpartition("\n")[2].lower()))


# Where one literal goes on in the next: quotes, and between them a break and what joins them.
_JOINT = re.compile(r"""["'`]\s{0,8}[+\\,]?\s{0,8}\n\s{0,80}[bruf]{0,2}["'`]""")
# How pictures and fonts begin in base64: PNG, GIF, JPEG, WebP, BMP, SVG, icons, WOFF, TrueType and OpenType.
_DATA = re.compile(
    r"(?:;base64,|(?<![\w+/])(?:iVBORw0KGgo|R0lGOD|/9j/|UklGR|Qk[0-3]|PHN2Zy|PD94bWwg|AAABAA|d09G|AAEAAAA|T1RUTw))"
    r"[\w+/=-]*\Z"
)


def _is_of_data(text: str, start: int) -> bool:
    """Tell whether a value goes on with a picture or font that began before it, on its line or in an earlier one."""
    before = _JOINT.sub("", text[max(0, start - _MOST_BEFORE) : start + _BEGINNING])
    return bool(_DATA.search(before))


def _named(text: str) -> Iterator[tuple[int, str]]:
    lower = text.lower()
    for start, end in _hints(lower):
        match = _VALUE.match(text, end)
        if match is None:
            continue
        value = match["quoted"] or match["argument"] or match["bare"]
        group = "quoted" if match["quoted"] else "argument" if match["argument"] else "bare"
        before = _NAME.search(lower, max(0, start - 60), start)
        tail = re.match(r"[\w.-]*", lower[end : end + 60])
        name = (before[0] if before else "") + lower[start:end] + (tail[0] if tail else "")
        if _ABOUT.search(name):
            continue
        if group == "bare" and not _is_bare_value(value, text, match):
            continue
        if is_secret_by_name(value):
            yield match.start(group), "secret by its name and form"


def _hints(lower: str) -> Iterator[tuple[int, int]]:
    """Yield where names stand that speak of secrets; to look for one after the other is faster than for all at once."""
    for hint in _HINTS:
        at = lower.find(hint)
        while at >= 0:
            if hint != "key" or lower.endswith(_KEYS, max(0, at - 11), at):
                yield at, at + len(hint)
            at = lower.find(hint, at + len(hint))


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
