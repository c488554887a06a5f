"""Releases of aleph-im/pyaleph that the node can play, and what sets them apart for clients.

Read from the tags: what is named here came with the release candidates of 0.10.3, from June to July 2026.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Release:
    """What a release knows.

    Attributes:
        limits: ``GET /storage/limits.json``; else that path is a malformed hash.
        verifiable: V-PROGRAM messages.
        ended: What is kept of forgotten and removed messages: lists of them, who paid, the price of a file.
    """

    name: str
    limits: bool = True
    verifiable: bool = True
    ended: bool = True


NEWEST = Release("0.10.3")
RELEASES = {each.name: each for each in (Release("0.10.2", limits=False, verifiable=False, ended=False), NEWEST)}
