"""Item hashes, by which the network names messages: how they look, how host names carry them, and their digits.

Own code for base 58: builds name files by their CIDs and look for keys, and the base install has no library for it.
"""

from __future__ import annotations

import base64
import re

# Hexadecimal for messages inside of a node's queue, CIDs for those whose content is on IPFS.
PATTERN = r"[0-9a-f]{64}|Qm[1-9A-HJ-NP-Za-km-z]{44}|bafy[a-z2-7]{55}"
ITEM_HASH = re.compile(PATTERN)
# Files: sha256 on the nodes' own storage, CIDs of any version on IPFS. Neither can hold a path.
FILE_HASH = re.compile(r"[0-9a-f]{64}|Qm[1-9A-HJ-NP-Za-km-z]{44}|b[a-z2-7]{50,110}")
# Stands for the item hash of a message that is yet to be signed.
UNSIGNED = "0" * 64
WRITTEN = rf"(?!{UNSIGNED}$)(?:{PATTERN})"  # by people, who never mean what is yet to be signed

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS = {letter: value for value, letter in enumerate(BASE58)}
_BYTES = 32  # of a SHA-256


def to_base32(item_hash: str) -> str:
    """Return a hexadecimal item hash as a host name's label: base32, lower case, no padding (at most 63 characters)."""
    return base32(bytes.fromhex(item_hash))


def from_base32(label: str) -> str | None:
    """Return the item hash that a host name's label carries, or None when it carries none."""
    try:
        decoded = base64.b32decode(label.upper() + "=" * (-len(label) % 8))
    except ValueError:
        return None
    return decoded.hex() if len(decoded) == _BYTES else None


def base32(data: bytes) -> str:
    """Return bytes in base 32: lower case, without padding."""
    return base64.b32encode(data).decode().rstrip("=").lower()


def to_base58(data: bytes) -> str:
    """Return bytes in base 58, as Bitcoin, Solana and IPFS write them."""
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + in_base(int.from_bytes(data, "big"), BASE58)


def from_base58(text: str) -> bytes:
    """Return the bytes of a text in base 58.

    Raises:
        ValueError: It is none.
    """
    number = 0
    for letter in text:
        if letter not in _DIGITS:
            raise ValueError(f"{letter!r} is no digit of base 58")
        number = number * len(BASE58) + _DIGITS[letter]
    return bytes(len(text) - len(text.lstrip("1"))) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def in_base(number: int, alphabet: str) -> str:
    """Return a number in the digits of an alphabet."""
    text = ""
    while number:
        number, digit = divmod(number, len(alphabet))
        text = alphabet[digit] + text
    return text
