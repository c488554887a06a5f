"""Where a build writes what it keeps and what it needs meanwhile: the cache, or apart when that cannot be written."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from hatch_aleph.build.cache import Cache
from hatch_aleph.files import scratch_folder
from hatch_aleph.uv import CacheError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Workplace:
    """Folders that a build writes into.

    Attributes:
        scratch: Empty, gone afterwards.
        store: Keeps what is made.
        uv_cache: uv's cache; None for its own.
    """

    scratch: Path
    store: Cache
    uv_cache: Path | None = None


def with_workplace(cache: Cache, work: Callable[[Workplace], _Result], tell: Callable[[str], None]) -> _Result:
    """Do some work with the cache; when that cannot be written, or is full meanwhile, once more without it.

    uv's own cache is given up only when it is the one that fails: what it has need not be fetched again.

    Args:
        cache: Keeps what is made.
        work: Is given the folders to write into.
        tell: Called with why nothing is kept.

    Raises:
        CacheError: When there is no room elsewhere either.
    """
    why = cache.writable()
    failure = CacheError(why, where=str(cache.root)) if why else None
    if failure is None:
        try:
            with cache.scratch() as scratch:
                return work(Workplace(scratch, cache))
        except (CacheError, OSError) as error:
            failure = _unwritable(error, cache)
    for uv_too in (False, True) if str(cache.root) in str(failure) else (True,):
        tell(f"Nothing is kept for the next build, a cache cannot be written: {failure}")
        try:
            with scratch_folder() as folder:
                return work(Workplace(folder, Cache(folder / "cache"), folder / "uv" if uv_too else None))
        except (CacheError, OSError) as error:
            failure = _unwritable(error, cache)
    failure.hint = "Make room, or move the caches and temporary files: HATCH_ALEPH_CACHE, UV_CACHE_DIR, TMPDIR."
    raise failure


def unwritten(error: Exception, file: Path) -> CacheError | None:
    """Return what follows when a file of a cache could not be written; None for an error of another kind."""
    if getattr(error, "path", str(file)) != str(file):  # of what was to go into it
        return None
    cause = error if isinstance(error, OSError) else error.__cause__
    return CacheError(cause.strerror or str(cause), where=str(file)) if isinstance(cause, OSError) else None


def _unwritable(error: CacheError | OSError, cache: Cache) -> CacheError:
    """Return the error if it tells of a disk that takes nothing more; raise any other."""
    if isinstance(error, CacheError):
        return error
    if error.errno not in _FULL:
        raise error
    return CacheError(error.strerror or str(error), where=str(error.filename or cache.root))
