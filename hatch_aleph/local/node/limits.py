"""Sizes, dates and delays of a node: the network's defaults (aleph-im/pyaleph, ``src/aleph/toolkit/constants.py``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MIB = 1024 * 1024

INLINE_LIMIT = 200_000
"""Longest ``item_content`` a node takes, in characters."""

JSON_BODY_LIMIT = 1 * MIB
"""Largest body of a request that is not an upload."""

GRACE_SECONDS = 24 * 3600
"""How long a file that nothing pins is kept."""

REMOVING_SECONDS = 25 * 3600
"""How long an unpaid message stays ``removing`` before it is ``removed``."""

SYNC_SECONDS = 30.0
"""How long ``sync: true`` waits for the first attempt at a message."""

MAX_RETRIES = 10
MAX_RETRY_SECONDS = 300

# Messages before this moment (April 2025) are free: programs and files cost nothing then.
PAID_SINCE = 1_743_775_079
# Instances and persistent programs must be paid by credit from 2026-03-11 on.
CREDIT_FOR_PERSISTENT_SINCE = 1_773_187_200
# Every STORE, PROGRAM and INSTANCE must be paid by credit from 2027-01-01 on.
CREDIT_FOR_ALL_SINCE = 1_798_761_600

MIN_STORE_MIB = 25
"""A STORE paid by credit is billed for at least this size."""


@dataclass(frozen=True)
class Limits:
    """Largest uploads, in bytes, by engine and by whether a signed message comes along."""

    storage: int = 100 * MIB
    ipfs: int = 1024 * MIB
    ipfs_car: int = 4096 * MIB
    unauthenticated: int = 25 * MIB

    def answer(self) -> dict[str, Any]:
        """Say them as ``GET /api/v0/storage/limits.json`` does."""
        return {
            "storage": {
                "max_file_size": self.storage,
                "max_unauthenticated_upload_file_size": self.unauthenticated,
            },
            "ipfs": {
                "max_upload_file_size": self.ipfs,
                "max_upload_car_size": self.ipfs_car,
                "max_unauthenticated_upload_file_size": self.unauthenticated,
            },
        }
