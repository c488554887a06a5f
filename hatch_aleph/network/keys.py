"""Private keys in the forms that wallets write them."""

from __future__ import annotations

import binascii
import json
from typing import Any

from hatch_aleph.errors import AccountError

_KEY_SIZE = 32
_PAIR_SIZE = 64  # Solana's own files hold the private key and, after it, the public one.


class Key:
    """Thirty-two secret bytes that do not show themselves."""

    __slots__ = ("secret", "where")

    def __init__(self, secret: bytes, where: str) -> None:
        self.secret = secret
        self.where = where

    def __repr__(self) -> str:
        return f"<private key from {self.where}>"


def parse_key(content: bytes, where: str, chain: str) -> Key:
    """Return the key in any of its usual forms.

    These are 32 raw bytes (the official command line's files), hexadecimal digits with or without ``0x``, and for
    Solana base58 text (Phantom) or a JSON list of numbers (solana-keygen). Length tells them apart. Thirty-two
    printable characters are no random bytes but half a key or a password, and refused.

    Raises:
        AccountError: It is none of these. The content is not repeated in the error.
    """
    text = content.decode("ascii", "replace")
    if len(content) == _KEY_SIZE and not (content.isascii() and text.isprintable()):
        return Key(content, where)
    text = text.strip()
    secret = _from_hex(text) or (_from_solana(text) if chain == "SOL" else None)
    if secret is None:
        raise AccountError(
            "There is no private key in it" if content.strip() else "It is empty, there is no private key in it",
            where=where,
            hint="A key is 32 raw bytes or 64 hexadecimal digits"
            + ("; for Solana also base58 or a JSON list." if chain == "SOL" else "."),
        )
    return Key(secret, where)


def _from_hex(text: str) -> bytes | None:
    try:
        secret = binascii.unhexlify(text.removeprefix("0x"))
    except (ValueError, binascii.Error):
        return None
    return secret if len(secret) == _KEY_SIZE else None


def _from_solana(text: str) -> bytes | None:
    try:
        numbers: Any = json.loads(text)
        pair = bytes(numbers) if isinstance(numbers, list) else b""
    except (ValueError, TypeError):
        pair = _from_base58(text)
    return pair[:_KEY_SIZE] if len(pair) in (_KEY_SIZE, _PAIR_SIZE) else None


def _from_base58(text: str) -> bytes:
    import base58

    try:
        return bytes(base58.b58decode(text))
    except ValueError:
        return b""
