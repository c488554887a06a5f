"""Take from the network what is published already: a fresh machine need not build the packages image again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_aleph.artifact import FileHashes
from hatch_aleph.deploy.state import read_state
from hatch_aleph.errors import NetworkError

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.network.client import NodeClient


class PublishedImages:
    """Finds packages images of a deployment by the digest of their inputs, which stands in the STORE message.

    Args:
        client: The node.
        owner: Only the owner's word counts: anybody can write any digest.
        tag: The deployment's tag.
    """

    def __init__(self, client: NodeClient, owner: str, tag: str) -> None:
        self._client = client
        self._owner = owner
        self._tag = tag

    def __call__(self, inputs: str, destination: Path) -> FileHashes | None:
        """Fetch the image of these inputs; None when there is none or the node is of no help."""
        try:
            state = read_state(self._client, self._owner, self._tag)
            versions = [version for volume in state.volumes.values() for version in volume.versions]
            for version in versions:
                notes = version.notes
                if version.inputs == inputs and notes.get("role") == "packages" and version.file_hash in _names(notes):
                    self._client.download(version.file_hash, destination)  # checks the bytes against the hash
                    return FileHashes(str(notes["sha256"]), str(notes["cid"]), destination.stat().st_size)
        except NetworkError:
            # Building it is always possible; what is wrong with the node is told by whoever needs it.
            return None
        return None


def _names(notes: object) -> tuple[object, ...]:
    return (notes.get("sha256"), notes.get("cid")) if isinstance(notes, dict) else ()
