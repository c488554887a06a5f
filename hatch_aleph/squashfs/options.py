"""How an image is to be written, and what came of it."""

from __future__ import annotations

from .errors import SquashfsError

MIN_BLOCK_SIZE = 4096
MAX_BLOCK_SIZE = 1 << 20
LEVELS = {"zstd": range(1, 23), "gzip": range(1, 10), "xz": range(10)}
# 6 for zstd: of what 9 takes 0.66 of the time, for 1.3 % more bytes (`benchmarks/squashfs.py`, heavy).
DEFAULT_LEVELS = {"zstd": 6, "gzip": 9, "xz": 6}
_MAX_TIME = 2**32 - 1


class Options:
    """All that decides what an image looks like, and ``workers``, which never shows in it.

    Args:
        codec: ``zstd``, ``gzip`` or ``xz``.
        level: The codec's own; None stands for its usual one: 6 for zstd, 9 for gzip, 6 for xz.
        block_size: Bytes of a data block, a power of two from 4 KiB to 1 MiB.
        time: Seconds since 1970 that stand as modification time of everything.
        workers: Threads that compress; None means one for each processor of this process.

    Raises:
        SquashfsError: An option is out of its range.
    """

    __slots__ = ("block_size", "codec", "level", "time", "workers")

    def __init__(
        self,
        codec: str = "zstd",
        level: int | None = None,
        block_size: int = 131072,
        time: int = 0,
        workers: int | None = None,
    ) -> None:
        if codec not in LEVELS:
            raise SquashfsError(f"there is no codec {codec!r}", hint=f"one of: {', '.join(LEVELS)}")
        levels = LEVELS[codec]
        if level is not None and level not in levels:
            raise SquashfsError(f"{codec} has no level {level}", hint=f"{levels[0]} to {levels[-1]}")
        if not MIN_BLOCK_SIZE <= block_size <= MAX_BLOCK_SIZE or block_size & (block_size - 1):
            raise SquashfsError(f"a block cannot have {block_size} bytes", hint="a power of two from 4096 to 1048576")
        if not 0 <= time <= _MAX_TIME:
            raise SquashfsError(f"the time {time} is not in the format's range", hint=f"0 to {_MAX_TIME}")
        if workers is not None and workers < 1:
            raise SquashfsError("at least one worker is needed")
        self.codec = codec
        self.level = DEFAULT_LEVELS[codec] if level is None else level
        self.block_size = block_size
        self.time = time
        self.workers = workers

    @property
    def layout_key(self) -> tuple[str, int, int]:
        """What decides how data is stored: codec, level, block size."""
        return self.codec, self.level, self.block_size


class Summary:
    """What was written.

    Attributes:
        size: Bytes of the image, padding included.
        sha256: Digest of the image, in hexadecimal; empty if it was not asked for.
        files: Number of names of regular files, hard links included.
        directories: Number of directories, the root included.
        symlinks: Number of symbolic links.
        content: Bytes of all files as they read.
    """

    __slots__ = ("content", "directories", "files", "sha256", "size", "symlinks")

    def __init__(self, *, size: int, sha256: str, files: int, directories: int, symlinks: int, content: int) -> None:
        self.size = size
        self.sha256 = sha256
        self.files = files
        self.directories = directories
        self.symlinks = symlinks
        self.content = content

    def __repr__(self) -> str:
        return f"Summary({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"
