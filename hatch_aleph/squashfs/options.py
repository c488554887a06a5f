"""How an image is to be written, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import SquashfsError

MIN_BLOCK_SIZE = 4096
MAX_BLOCK_SIZE = 1 << 20
LEVELS = {"zstd": range(1, 23), "gzip": range(1, 10), "xz": range(10)}
DEFAULT_LEVELS = {"zstd": 9, "gzip": 9, "xz": 6}
_MAX_TIME = 2**32 - 1


@dataclass(frozen=True)
class Options:
    """All that decides what an image looks like, but for ``workers``, which never shows in it.

    Args:
        codec: ``zstd``, ``gzip`` or ``xz``.
        level: The codec's own; None stands for its usual one.
        block_size: Bytes of a data block, a power of two from 4 KiB to 1 MiB.
        time: Seconds since 1970 that stand as modification time of everything.
        workers: Threads that compress; None means one for each processor of this process.
    """

    codec: str = "zstd"
    level: int | None = None
    block_size: int = 131072
    time: int = 0
    workers: int | None = None

    def __post_init__(self) -> None:
        """Refuse what the format does not know.

        Raises:
            SquashfsError: An option is out of its range.
        """
        if self.codec not in LEVELS:
            raise SquashfsError(f"there is no codec {self.codec!r}", hint=f"one of: {', '.join(LEVELS)}")
        levels = LEVELS[self.codec]
        if self.level is None:
            object.__setattr__(self, "level", DEFAULT_LEVELS[self.codec])
        elif self.level not in levels:
            raise SquashfsError(f"{self.codec} has no level {self.level}", hint=f"{levels[0]} to {levels[-1]}")
        size = self.block_size
        if not MIN_BLOCK_SIZE <= size <= MAX_BLOCK_SIZE or size & (size - 1):
            raise SquashfsError(f"a block cannot have {size} bytes", hint="a power of two from 4096 to 1048576")
        if not 0 <= self.time <= _MAX_TIME:
            raise SquashfsError(f"the time {self.time} is not in the format's range", hint=f"0 to {_MAX_TIME}")
        if self.workers is not None and self.workers < 1:
            raise SquashfsError("at least one worker is needed")

    @property
    def look(self) -> tuple[str, int, int]:
        """What decides how data is stored: codec, level, block size."""
        assert self.level is not None  # noqa: S101 - set by __post_init__; said here for the type checker
        return self.codec, self.level, self.block_size


@dataclass(frozen=True)
class Summary:
    """What was written.

    Args:
        size: Bytes of the image, padding included.
        sha256: Digest of the image, in hexadecimal; empty if it was not asked for.
        files: Number of names of regular files, hard links included.
        directories: Number of directories, the root included.
        symlinks: Number of symbolic links.
        content: Bytes of all files as they read.
    """

    size: int
    sha256: str
    files: int
    directories: int
    symlinks: int
    content: int
