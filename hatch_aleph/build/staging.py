"""Where a build writes before it is finished."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, final

from hatch_aleph.artifact import SUFFIX, lock_and_sbom_names
from hatch_aleph.errors import ImageError
from hatch_aleph.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from hatch_aleph.artifact import Manifest

_PREFIX = ".building-"
_ABANDONED = 86400  # seconds, where nothing can be locked
_ATTEMPTS = 10  # to make a folder that no build which starts at this moment takes for abandoned
_ENDS = (signal.SIGINT, signal.SIGTERM)


@final
class Staging:
    """A folder inside the destination, whose files take their places together when the build is finished.

    Several builds of one project may run at once; the files of the last that finishes stay.

    Args:
        destination: Where the files go in the end.

    Attributes:
        folder: Where they are written.
    """

    def __init__(self, destination: Path) -> None:
        self._destination = destination
        self.folder = destination
        self._lock: int | None = None

    def __enter__(self) -> Staging:
        try:
            self._destination.mkdir(parents=True, exist_ok=True)
            self._sweep()
            for _ in range(_ATTEMPTS):
                self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._destination))
                with suppress(BlockingIOError, FileNotFoundError):  # another build has swept it away
                    self._lock = _lock(self.folder)
                    break
        except OSError as error:
            raise ImageError.unwritable(self._destination, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)

    def finish(self, stem: str, manifest: Manifest) -> Path:
        """Write the manifest, move all files into place, and return where the manifest is.

        Raises:
            ImageError: When that is not possible.
        """
        path = self._destination / f"{stem}{SUFFIX}"
        possible = {f"{stem}-{name}" for name in ("code.squashfs", "code.zip", "packages.squashfs")} | {
            *lock_and_sbom_names(stem)
        }
        try:
            write_atomic(self.folder / path.name, manifest.to_json())
            others = (file for file in self.folder.iterdir() if file.name != path.name)
            with _interrupts_put_off():  # images without a manifest, or with an earlier one, are no artifact
                for file in (*others, self.folder / path.name):
                    file.replace(self._destination / file.name)
                possible |= {file.name for file in self._destination.glob(f"{stem}-volume-*.squashfs")}
                for name in possible - file_names(stem, manifest):
                    (self._destination / name).unlink(missing_ok=True)  # an earlier build's
        except OSError as error:
            raise ImageError.unwritable(path, error) from error
        return path

    def _sweep(self) -> None:
        """Remove what killed builds have left: folders that no process has locked."""
        for folder in self._destination.glob(f"{_PREFIX}*"):
            with suppress(OSError):  # it is in use, or another build removes it
                lock = _lock(folder)
                if lock is not None or folder.stat().st_mtime < time.time() - _ABANDONED:
                    shutil.rmtree(folder, ignore_errors=True)
                if lock is not None:
                    os.close(lock)


def _lock(folder: Path) -> int | None:
    """Lock a folder until its descriptor is closed or the process ends; None where that is not possible.

    Raises:
        BlockingIOError: It is locked.
        OSError: It cannot be opened.
    """
    if os.name == "nt":
        return None
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise
        return None  # some network file systems have no locks
    return descriptor


def file_names(stem: str, manifest: Manifest) -> set[str]:
    """Return the names of all files of an artifact but the manifest's."""
    names = {image.file for image in manifest.images}
    return names | {*lock_and_sbom_names(stem)} if manifest.image("packages") else names


@contextmanager
def _interrupts_put_off() -> Iterator[None]:
    """Let what ends a run (Ctrl-C, SIGTERM) take effect behind these lines; it interrupts the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []
    usual = {each: signal.signal(each, lambda number, _: waiting.append(number)) for each in _ENDS}
    try:
        yield
    finally:
        for each, handler in usual.items():
            signal.signal(each, signal.SIG_DFL if handler is None else handler)
    for number in waiting[:1]:
        signal.raise_signal(number)
