"""Files by their hash, in one folder: written aside, synced, then renamed, so that a name always means whole bytes."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph.files import sync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_aleph.cid import CidHasher

_CHUNK = 256 * 1024


class TooLargeError(Exception):
    """An upload is larger than its limit, in bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


class Incoming:
    """A file being received: chunks go to disk, the hash grows with them; nothing is kept in memory."""

    def __init__(self, folder: Path, limit: int, hasher: hashlib._Hash | CidHasher) -> None:
        handle, name = tempfile.mkstemp(dir=folder)
        self.path = Path(name)
        self.size = 0
        self.hash = ""
        self._limit = limit
        self._hasher = hasher
        self._file = os.fdopen(handle, "wb", buffering=0)

    def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            TooLargeError: They pass the limit; what came so far is of no use.
        """
        self.size += len(chunk)
        if self.size > self._limit:
            raise TooLargeError(self._limit)
        self._hasher.update(chunk)
        self._file.write(chunk)

    async def finish(self) -> None:
        """Sync the bytes to disk and compute the hash, without holding up other requests."""
        await asyncio.to_thread(os.fsync, self._file.fileno())
        self._file.close()
        hasher = self._hasher
        self.hash = hasher.finalize() if hasattr(hasher, "finalize") else hasher.hexdigest()

    def discard(self) -> None:
        """Forget the upload; harmless when it was kept, for then it has another name."""
        self._file.close()
        self.path.unlink(missing_ok=True)


class FileStore:
    """The folder of files; a file's name is its sha256 or its CID."""

    def __init__(self, folder: Path) -> None:
        self._kept = folder / "files"
        self._incoming = folder / "incoming"
        self._kept.mkdir(parents=True, exist_ok=True)
        self._incoming.mkdir(exist_ok=True)
        for left in self._incoming.iterdir():
            left.unlink()  # uploads that a killed process never finished

    def receive(self, limit: int, *, cid: bool = False) -> Incoming:
        """Begin an upload of at most ``limit`` bytes, named by its sha256, or by its CIDv0 when ``cid``."""
        if not cid:
            return Incoming(self._incoming, limit, hashlib.sha256())
        from hatch_aleph.cid import CidHasher

        return Incoming(self._incoming, limit, CidHasher())

    def keep(self, incoming: Incoming) -> None:
        """Give a finished upload its name; the same bytes twice are one file."""
        incoming.path.replace(self.path(incoming.hash))
        sync(self._kept)

    def path(self, file_hash: str) -> Path:
        """Where a file is or would be. The caller has checked that the hash is one."""
        return self._kept / file_hash

    def exists(self, file_hash: str) -> bool:
        """Say whether the bytes are here."""
        return self.path(file_hash).is_file()

    def chunks(self, file_hash: str) -> Iterator[bytes]:
        """Read a file piece by piece."""
        with self.path(file_hash).open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk

    def delete(self, file_hash: str) -> None:
        """Remove a file; one that is gone already is fine."""
        self.path(file_hash).unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        """Name every file of the folder."""
        for path in self._kept.iterdir():
            yield path.name
