"""What one build leaves for the next, whichever project asks: wheels as ready segments, resolutions, finished builds.

All of it can be lost at any time. Entries appear whole or not at all, are named by what they were made from, and are
verified when read, so concurrent builds, kills and damaged disks cost time and never correctness.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_aleph.errors import HatchAlephError
from hatch_aleph.files import CACHE_VARIABLE, cache_folder, others_can_write, stamp, write_atomic
from hatch_aleph.shapes import ANYTHING, NUMBER, Shape, misfit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KINDS = ("wheels", "records", "resolutions", "builds", "contents", "adapters", "logs")
_DAY = 86400
_LONGEST_NAME = 100  # characters
_LEAST = 1 << 16  # bytes that a disk must take to be worth beginning


def key_of(*parts: Any) -> str:
    """Return the name of an entry that is made from ``parts`` (anything JSON can hold) and from nothing else."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Usage:
    """What one kind of entries takes: how many and how many bytes."""

    kind: str
    entries: int
    size: int


@dataclass(frozen=True)
class Cache:
    """A folder of entries, by kind and key."""

    root: Path

    @classmethod
    def default(cls) -> Cache:
        """Return the user's cache.

        Raises:
            HatchAlephError: Others can write it: what they put there would become part of images.
        """
        root = cache_folder()
        if others_can_write(root):
            raise HatchAlephError(
                "The cache belongs to another user, or everybody may write it, so what it holds cannot be trusted",
                where=str(root),
                hint=f"Name one of your own by {CACHE_VARIABLE}=DIR, or take this one over (chown, chmod o-w).",
            )
        return cls(root)

    @property
    def host(self) -> Path:
        """Where the local host keeps files, unpacked images and preloaded modules."""
        return self.root / "host"

    @property
    def interpreters(self) -> Path:
        """The file that remembers interpreters."""
        return self.root / "interpreters.json"

    def file(self, kind: str, key: str, suffix: str = ".json") -> Path:
        """Return where an entry lies or would lie."""
        return self.root / kind / key[:2] / f"{key}{suffix}"

    def log(self, program: str) -> Path:
        """Return where the log of a program lies whose trial failed; its name may be anything."""
        return self.root / "logs" / (re.sub(r"[^\w.-]|^\.+", "-", program)[:_LONGEST_NAME] or "-") / "trial.log"

    def load(self, kind: str, key: str, shape: Shape = ANYTHING) -> Any:
        """Return a JSON entry, or None when there is none of that shape that can be trusted."""
        try:
            text = self.file(kind, key).read_text("utf-8")
            digest, _, body = text.partition("\n")
            value = json.loads(body) if hashlib.sha256(body.encode()).hexdigest() == digest else None
            return value if misfit(value, shape) is None else None
        except (OSError, ValueError, RecursionError):
            return None

    def store(self, kind: str, key: str, value: Any) -> None:
        """Keep a JSON entry; a cache that cannot be written keeps nothing, without an error."""
        body = json.dumps(value)
        with contextlib.suppress(OSError):
            write_atomic(self.file(kind, key), f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}")

    def writable(self) -> str | None:
        """Return why nothing can be kept here, or None when it can."""
        import tempfile

        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root, buffering=0) as file:
                file.write(bytes(_LEAST))
                return None
        except OSError as error:
            return error.strerror or str(error)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a folder of one's own, gone afterwards; on the cache's file system when that can be written."""
        import shutil
        import tempfile

        parent: Path | None = self.root / "tmp"
        try:
            self.root.joinpath("tmp").mkdir(parents=True, exist_ok=True)
            folder = tempfile.mkdtemp(dir=parent)
        except OSError:
            folder = tempfile.mkdtemp(prefix="hatch-aleph-")
        try:
            yield Path(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def usage(self) -> list[Usage]:
        """Return what each kind takes."""
        usages = []
        for kind in KINDS:
            sizes = [status.st_size for _, status in self._files(kind)]
            usages.append(Usage(kind, len(sizes), sum(sizes)))
        return usages

    def prune(self, days: float, *, clock: float | None = None) -> int:
        """Remove what was not used for some days and what killed builds left; return the bytes freed.

        Raises:
            HatchAlephError: When something cannot be removed.
        """
        import shutil

        now = time.time() if clock is None else clock
        freed = 0
        for kind in KINDS:
            for file, status in self._files(kind):
                leftover = file.name.startswith(".") and status.st_mtime < now - _DAY
                if leftover or status.st_mtime < now - days * _DAY:
                    freed += status.st_size
                    with _removing(file):
                        file.unlink(missing_ok=True)
        for folder in self.root.joinpath("tmp").glob("*"):
            if folder.stat().st_mtime < now - _DAY:
                freed += sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())
                shutil.rmtree(folder, ignore_errors=True)
        return freed

    def clear(self) -> int:
        """Remove everything; return the bytes freed.

        Raises:
            HatchAlephError: When something cannot be removed.
        """
        import shutil

        freed = sum(usage.size for usage in self.usage())
        for folder in (*KINDS, "tmp"):
            if self.root.joinpath(folder).exists():
                with _removing(self.root / folder):
                    shutil.rmtree(self.root / folder)
        self.interpreters.unlink(missing_ok=True)
        return freed

    def _files(self, kind: str) -> Iterator[tuple[Path, os.stat_result]]:
        for file in self.root.joinpath(kind).glob("*/*"):
            with contextlib.suppress(FileNotFoundError):  # another build replaces or prunes
                yield file, file.stat()


@dataclass(frozen=True)
class Memory:
    """The results of earlier builds in one folder, valid while their files lie there untouched.

    Attributes:
        cache: Where they are noted.
        folder: Where the files are.
    """

    cache: Cache
    folder: Path

    def recall(self, key: str, shape: Shape, *, forever: bool = False) -> Any:
        """Return the result that was remembered under a key; None when it does not hold any more.

        Args:
            key: The digest of everything that leads to it.
            shape: What such a result looks like.
            forever: Believe it beyond its time.
        """
        note = self.cache.load("builds", self._name(key), {"until": NUMBER, "files": {}, "result": shape})
        if not note or not (forever or time.time() < note["until"]):
            return None
        if any(stamp(self.folder / name) != stamped for name, stamped in note["files"].items()):
            return None
        return note["result"]

    def remember(self, key: str, result: Any, files: Iterable[Path], *, until: float) -> None:
        """Note a result.

        Args:
            key: The digest of everything that leads to it.
            result: Anything JSON can hold.
            files: Its files, which may still lie elsewhere: moving them into the folder changes no stamp.
            until: How long it is to be believed, seconds since 1970.
        """
        stamps = {file.name: stamp(file) for file in files}
        if until > time.time():
            self.cache.store("builds", self._name(key), {"until": until, "files": stamps, "result": result})

    def _name(self, key: str) -> str:
        return key_of("build", str(self.folder.absolute()), key)


def touch(file: Path) -> None:
    """Note that an entry was used."""
    with contextlib.suppress(OSError):
        os.utime(file)


@contextlib.contextmanager
def _removing(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = f"Move the cache elsewhere: {CACHE_VARIABLE}=DIR"
        raise HatchAlephError(
            f"The cached file cannot be removed: {error.strerror}", where=str(file), hint=hint
        ) from error
