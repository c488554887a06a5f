"""Who may act for an owner, and within which bounds: the ``security`` aggregate.

Its fields are those that nodes look at (aleph-im/pyaleph, src/aleph/permissions.py): an entry permits its address
whatever passes all of its filters; an absent filter passes everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEY = "security"
# What a deployment sends. Its aggregates are domains alone: whoever may write any could permit itself everything.
DEPLOYING = ("STORE", "PROGRAM", "FORGET")
DOMAINS = ("domains",)


@dataclass(frozen=True)
class Bounds:
    """What an address may do for an owner; empty filters pass everything.

    Attributes:
        types: Types of messages.
        channels: Channels, which are not signed.
        aggregate_keys: Keys of AGGREGATE messages.
        chain: Of the signature.
    """

    types: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    aggregate_keys: tuple[str, ...] = ()
    chain: str | None = None

    @property
    def permits_itself(self) -> bool:
        """Whether who has this may change what is permitted, and so may do everything."""
        writes = not self.types or "AGGREGATE" in self.types
        return writes and (not self.aggregate_keys or KEY in self.aggregate_keys)

    def entry(self, address: str) -> dict[str, Any]:
        """Return the entry of the aggregate."""
        filters: dict[str, Any] = {
            "chain": self.chain,
            "types": list(self.types),
            "channels": list(self.channels),
            "aggregate_keys": list(self.aggregate_keys),
        }
        return {"address": address, **{name: value for name, value in filters.items() if value}}


def words_of(entry: Mapping[str, Any]) -> str:
    """Return what an entry permits, in words."""
    said = [
        f"{word} {', '.join(map(str, entry[name])) if isinstance(entry[name], list) else entry[name]}"
        for name, word in (
            ("types", "only"),
            ("channels", "on channel"),
            ("aggregate_keys", "aggregates"),
            ("post_types", "posts"),
            ("chain", "signed on"),
        )
        if entry.get(name)
    ]
    return "; ".join(said) or "everything"


def without(entries: Sequence[dict[str, Any]], address: str) -> list[dict[str, Any]]:
    """Return the entries of all others."""
    return [entry for entry in entries if str(entry.get("address") or "").lower() != address.lower()]
