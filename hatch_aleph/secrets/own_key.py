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


class KeyForms:
    """The ways of writing one private key: raw, hexadecimal, base58, 64 and 32, a number, a list of numbers.

    Args:
        secret: The key's bytes.
        public: Those that Solana's files hold behind them, if the key has such.
    """

    __slots__ = ("_forms", "_hexadecimal", "_numbers")

    def __init__(self, secret: bytes, public: bytes = b"") -> None:
        pair = secret + public
        hexadecimal = secret.hex().encode()
        texts = {
            *(base58(each).encode() for each in (secret, pair)),
            *(
                form
                for each in (secret, hexadecimal, hexadecimal.upper(), b"0x" + hexadecimal)
                for form in _base64(each)
            ),
            base64.b32encode(secret).rstrip(b"="),
            str(int.from_bytes(secret, "big")).encode(),
        }
        self._forms = (secret, *(text for text in texts if len(text) >= len(secret)))  # a small number is no key
        self._hexadecimal = hexadecimal
        self._numbers = re.compile(rb"[\s,;]+".join(b"(?:%d|%d)" % (each, each - 256) for each in secret))

    def __repr__(self) -> str:
        return "<forms of a private key>"

    def occur_in(self, data: bytes) -> bool:
        """Tell whether the key stands in some bytes, be they text, an image or anything else."""
        if b"\0" in data:  # text of two bytes a letter as well
            data += b"\n" + data.replace(b"\0", b"")
        return (
            any(form in data for form in self._forms)
            or self._hexadecimal in data.lower().replace(b"0x", b"").translate(None, _BETWEEN)
            or bool(self._numbers.search(data))
        )


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
