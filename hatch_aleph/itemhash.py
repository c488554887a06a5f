"""Item hashes, by which the network names messages: how they look, and how host names carry them."""

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

_BYTES = 32  # of a SHA-256


def to_base32(item_hash: str) -> str:
    """Return a hexadecimal item hash as a host name's label: base32, lower case, no padding (at most 63 characters)."""
    return base64.b32encode(bytes.fromhex(item_hash)).decode().rstrip("=").lower()


def from_base32(label: str) -> str | None:
    """Return the item hash that a host name's label carries, or None when it carries none."""
    try:
        decoded = base64.b32decode(label.upper() + "=" * (-len(label) % 8))
    except ValueError:
        return None
    return decoded.hex() if len(decoded) == _BYTES else None
