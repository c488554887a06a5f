"""The forms in which the key that signs could be published."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


# What stands between the bytes of a key that is written in hexadecimal digits, once `0x` is away.
_BETWEEN = b" \t\r\n,;:_-\\x%\"'+.()[]{}"
# What stands in a text that is broken into lines, or into the parts of a literal.
_BREAKS = b" \t\r\n\"'\\"


class KeyForms:
    """The ways of writing one private key: raw, hexadecimal, base58, 64 and 32, a number, a list of numbers.

    Args:
        secret: The key's bytes.
        public: Those that Solana's files hold behind them, if the key has such.
    """

    __slots__ = ("_escaped", "_hexadecimal", "_numbers", "_secret", "_texts")

    def __init__(self, secret: bytes, public: bytes = b"") -> None:
        pair = secret + public
        # What a file that Solana's tools write becomes in base64, as the secrets of a CI hold it.
        listed = [sep.join(b"%d" % each for each in secret) for sep in (b",", b", ")]
        hexadecimal = secret.hex().encode()
        texts = {
            *(base58(each).encode() for each in (secret, pair)),
            *(
                form
                for each in (secret, hexadecimal, hexadecimal.upper(), b"0x" + hexadecimal, *listed)
                for form in _base64(each)
            ),
            base64.b32encode(secret).rstrip(b"="),
            str(int.from_bytes(secret, "big")).encode(),
        }
        self._secret = secret
        self._texts = tuple(text for text in texts if len(text) >= len(secret))  # a small number is no key
        self._hexadecimal = hexadecimal
        # Between numbers: commas, the dashes of a YAML list, the places of a JavaScript array made an object.
        between = rb"[\s,;]+(?:- +|\"?\d+\"?\s*:\s*)?"
        self._numbers = re.compile(
            between.join(b"(?:%d|%d|0x0?%x)" % (each, each - 256, each) for each in secret), re.IGNORECASE
        )
        self._escaped = re.compile(b"".join(_escapes(each) for each in secret))

    def __repr__(self) -> str:
        return "<forms of a private key>"

    def occur_in(self, data: bytes) -> bool:
        """Tell whether the key stands in some bytes, be they text, an image or anything else."""
        if b"\0" in data:  # text of two bytes a letter as well
            data += b"\n" + data.replace(b"\0", b"")
        joined = data.translate(None, _BREAKS)
        return (
            self._secret in data
            or any(form in joined for form in self._texts)
            or self._hexadecimal in data.lower().replace(b"0x", b"").translate(None, _BETWEEN)
            or bool(self._numbers.search(data))
            or (b"\\" in data and bool(self._escaped.search(data)))
        )


def _escapes(byte: int) -> bytes:
    """Return a pattern of the ways in which a literal in Python, C or JavaScript writes one byte."""
    ways = [
        b"\\\\x%02x" % byte,
        b"\\\\x%02X" % byte,
        b"\\\\u00%02x" % byte,
        b"\\\\u00%02X" % byte,
        b"\\\\0{0,2}%o" % byte,
    ]
    ways += [re.escape(bytes([byte])), b"\\\\" + re.escape(bytes([byte]))]
    short = {7: b"a", 8: b"b", 9: b"t", 10: b"n", 11: b"v", 12: b"f", 13: b"r"}
    ways += [b"\\\\" + short[byte]] if byte in short else []
    return b"(?:" + b"|".join(ways) + b")"


def _base64(data: bytes) -> Iterator[bytes]:
    """Yield what base64 makes of some bytes, wherever in a text they begin, without the letters at the ends."""
    for before in range(3):
        padded = bytes(before) + data
        whole = len(padded) // 3 * 3  # what follows decides the letters behind
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(padded[:whole])[-(-before * 8 // 6) :]


def base58(data: bytes) -> str:
    """Return bytes as text, as Bitcoin and Solana write keys."""
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _ALPHABET[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text
