"""The forms in which the key that signs could be published."""

from __future__ import annotations

import base64
import re

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class KeyForms:
    """The ways of writing one private key: raw, hexadecimal, base58, base64, a list of numbers.

    Args:
        secret: The key's bytes.
        public: Those that Solana's files hold behind them, if the key has such.
    """

    __slots__ = ("_forms", "_numbers")

    def __init__(self, secret: bytes, public: bytes = b"") -> None:
        pair = secret + public
        texts = {
            secret.hex(),
            secret.hex().upper(),
            *(base58(each) for each in (secret, pair)),
            *(encode(each).decode().rstrip("=") for each in (secret, pair) for encode in _BASE64),
        }
        self._forms = (secret, *(text.encode("ascii") for text in texts))
        self._numbers = re.compile(rb"\s*,\s*".join(b"%d" % number for number in secret))

    def __repr__(self) -> str:
        return "<forms of a private key>"

    def occur_in(self, data: bytes) -> bool:
        """Tell whether the key stands in some bytes, be they text, an image or anything else."""
        if b"\0" in data:  # text of two bytes a letter as well
            data += b"\n" + data.replace(b"\0", b"")
        return any(form in data for form in self._forms) or bool(self._numbers.search(data))


_BASE64 = (base64.b64encode, base64.urlsafe_b64encode)


def base58(data: bytes) -> str:
    """Return bytes as text, as Bitcoin and Solana write keys."""
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _ALPHABET[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text
