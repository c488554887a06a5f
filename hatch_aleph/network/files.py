"""Files on their way to and from the network: engines, checks, streams. Memory stays bounded whatever the size."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

from hatch_aleph.errors import NetworkError, RejectedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from .answers import Limits

# The limit counts the whole request: the file, the signed message and the parts' headers.
_ENVELOPE = 256 * 1024


def choose_engine(size: int, limits: Limits) -> Literal["storage", "ipfs"]:
    """Return the engine that takes a file of this size on a node of these limits.

    Raises:
        RejectedError: No engine does.
    """
    if size + _ENVELOPE <= limits.storage:
        return "storage"
    if size <= limits.ipfs:
        return "ipfs"
    largest = max(limits.storage, limits.ipfs)
    raise RejectedError(
        f"The file has {size:,} bytes, the node takes at most {largest:,}",
        hint="Vendor fewer or smaller packages, split the data into several volumes, or choose another `--node`.",
    )


class Verifier:
    """Tells whether bytes that arrive are those of a hash."""

    def __init__(self, file_hash: str) -> None:
        from aleph_cid import CidHasher

        self._expected = file_hash
        self._sha256 = None
        try:
            if len(file_hash) == hashlib.sha256().digest_size * 2:
                self._sha256 = hashlib.sha256()
            else:
                self._cid = CidHasher.for_expected(file_hash)
        except ValueError:
            raise NetworkError("That is no hash of a file: neither sha256 nor a CID", where=file_hash) from None

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        (self._sha256 or self._cid).update(data)

    def check(self) -> bool:
        """Tell whether all bytes together are the expected ones."""
        got = self._sha256.hexdigest() if self._sha256 else self._cid.finalize()
        return got == self._expected


class Watched:
    """A file that is being read, which reports how far; the HTTP client reads it piece by piece.

    Retries read it anew: progress then starts again, so that it never claims more than was sent.
    """

    def __init__(self, stream: BinaryIO, progress: Callable[[int], None] | None) -> None:
        self._stream = stream
        self._progress = progress
        self._sent = 0

    def read(self, size: int = -1) -> bytes:
        """Read, and report how many bytes were read in all."""
        data = self._stream.read(size)
        self._sent += len(data)
        if self._progress and data:
            self._progress(self._sent)
        return data

    def fileno(self) -> int:
        """Return the descriptor, from which the client learns the size."""
        return self._stream.fileno()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move, as at the start of a request."""
        self._sent = self._stream.seek(offset, whence)
        return self._sent

    def tell(self) -> int:
        """Return the position."""
        return self._stream.tell()
