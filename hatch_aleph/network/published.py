"""What the network publishes about itself: its runtimes, in two aggregates of one address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .answers import PublishedRuntime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

AGGREGATE_ADDRESS = "0xFba561a84A537fCaa567bb7A2257e7142701ae2A"


def read_runtimes(aggregates: Mapping[str, Any]) -> tuple[PublishedRuntime, ...]:
    """Return the program runtimes of the aggregates ``runtimes`` (of the SDK) and ``vm-images`` (of aleph-rs).

    They are edited by hand: entries of another shape are passed over.
    """
    return (*_of_sdk(aggregates.get("runtimes")), *_of_rust(aggregates.get("vm-images")))


def _of_sdk(aggregate: Any) -> Iterator[PublishedRuntime]:
    entries = aggregate.get("entries") if isinstance(aggregate, dict) else None
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("type") == "program" and isinstance(entry.get("item_hash"), str):
            yield PublishedRuntime(
                name=str(entry.get("name") or entry.get("id") or ""),
                item_hash=entry["item_hash"],
                default=entry.get("default") is True,
                source="runtimes",
            )


def _of_rust(aggregate: Any) -> Iterator[PublishedRuntime]:
    if not isinstance(aggregate, dict):
        return
    defaults = aggregate.get("defaults")
    default = defaults.get("runtime") if isinstance(defaults, dict) else None
    runtimes = aggregate.get("runtimes")
    for name, entry in runtimes.items() if isinstance(runtimes, dict) else ():
        if isinstance(entry, dict) and isinstance(entry.get("hash"), str):
            yield PublishedRuntime(
                name=str(name), item_hash=entry["hash"], default=default in (name, entry["hash"]), source="vm-images"
            )
