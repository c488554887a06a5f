"""Files that appear whole or not at all, hashes of files, and the user's folders."""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import re
import stat
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

APPLICATION = "hatch-aleph"
CACHE_VARIABLE = "HATCH_ALEPH_CACHE"
STATE_VARIABLE = "ALEPH_STATE_FOLDER"
OWN_FOLDER = ".aleph"  # of a project: what runs leave there
# Names of files and folders that development leaves in a tree: never a program's own, made again by whoever needs them.
JUNK = frozenset((
    ".git", ".hg", ".svn", ".aleph", ".venv", ".tox", ".nox", ".idea", ".vscode", ".mypy_cache", ".ruff_cache",
    ".pytest_cache", ".hypothesis", "__pycache__", ".DS_Store",
))  # fmt: skip
# Large folders besides, which hardly any build reads: they are searched only where something of them is meant.
SELDOM_READ = JUNK | {"node_modules", "venv"}
_CHUNK = 1 << 20  # bytes
_LONGEST = 200  # characters of a name to which more are added


@contextmanager
def atomic_path(final: Path, *, durable: bool = False, mode: int = 0o644) -> Iterator[Path]:
    """Give the path of a file to write, which takes its place at the end and is gone on failure.

    Nobody ever sees half of the file, and no two processes write the same one.

    Args:
        final: What is there is replaced; its folder is made.
        durable: Even after a power cut. Waiting for the disk takes as long as much of a build.
        mode: Permissions of the file.

    Raises:
        OSError: When the file cannot be written.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    unfinished = final.with_name(f".{final.name[:_LONGEST]}.{os.urandom(6).hex()}")
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield unfinished
        if durable:
            sync(unfinished)
        unfinished.chmod(mode)
        unfinished.replace(final)
        if durable:
            sync(final.parent)  # the new name as well
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


@contextmanager
def atomic_file(final: Path, *, durable: bool = False, mode: int = 0o644) -> Iterator[BinaryIO]:
    """Give a stream to write a file with, which takes its place at the end and is gone on failure.

    Arguments and failures are those of :func:`atomic_path`.
    """
    with atomic_path(final, durable=durable, mode=mode) as unfinished, unfinished.open("r+b") as stream:
        yield stream


def write_atomic(final: Path, content: str | bytes, *, durable: bool = False, mode: int = 0o644) -> None:
    """Write a file so that nobody ever sees half of it.

    Arguments and failures are those of :func:`atomic_path`; text is written as UTF-8, its line ends as they are.
    """
    with atomic_file(final, durable=durable, mode=mode) as stream:
        stream.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def atomic_folder(final: Path) -> Iterator[Path]:
    """Give an empty folder to fill, which becomes ``final`` at the end and is gone on failure.

    For folders whose name tells their content: one that another process has put there meanwhile is as good.

    Raises:
        OSError: When the folder cannot be made.
    """
    import shutil
    import tempfile

    final.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{final.name[:_LONGEST]}.", dir=final.parent))
    try:
        yield unfinished
        unfinished.chmod(0o755)
        try:
            unfinished.rename(final)
        except OSError:
            if not final.is_dir():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def make_own_folder(folder: Path) -> None:
    """Make a folder for what a run leaves behind: nothing of it is for version control.

    A repository can bring links: one in place of ``.aleph``, or of what is in it, would lead elsewhere what is written.

    Args:
        folder: Usually ``.aleph`` of a project or a folder in it. Another one is the user's, who knows where it leads.

    Raises:
        OSError: When it cannot be made, or a part of it is such a link.
    """
    parts = folder.parts
    at = len(parts) - parts[::-1].index(OWN_FOLDER) if OWN_FOLDER in parts else len(parts)
    own = OWN_FOLDER in parts
    for end in range(at, len(parts) + 1) if own else ():
        part = Path(*parts[:end])
        if part.is_symlink():
            raise OSError(errno.ELOOP, "It is a link, which may lead anywhere", str(part))
    root = Path(*parts[:at])
    new = not root.exists()
    folder.mkdir(parents=True, exist_ok=True)
    ignore = root / ".gitignore"
    if (own or new) and (ignore.is_symlink() or not ignore.exists()):
        write_atomic(ignore, "*\n")


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give an empty folder that is gone afterwards, once those are removed that killed runs have left."""
    import tempfile

    root = Path(tempfile.gettempdir())
    _sweep_once(root)
    folder = tempfile.TemporaryDirectory(prefix=f"{_SCRATCH}{os.getpid()}-", dir=root)
    try:
        yield Path(folder.name)
    finally:
        usual = sys.getrecursionlimit()
        sys.setrecursionlimit(max(usual, _DEEPEST))  # what removes folders in folders calls itself for each
        try:
            folder.cleanup()
        finally:
            sys.setrecursionlimit(usual)


_SCRATCH = f"{APPLICATION}-"
_DEEPEST = 20_000  # calls for the longest path that a system takes, of names of one letter
_ABANDONED_SECONDS = 86400.0


def sweep_scratch(root: Path) -> None:
    """Remove the scratch folders of the user's runs that have ended, a day after anything was put into them."""
    import shutil

    for folder in root.glob(f"{_SCRATCH}*"):
        with suppress(OSError):  # another run removes it as well
            if is_own(folder) and time.time() - folder.lstat().st_mtime > _ABANDONED_SECONDS and not _is_in_use(folder):
                shutil.rmtree(folder, ignore_errors=True)


_sweep_once = functools.cache(sweep_scratch)


def is_own(folder: Path) -> bool:
    """Tell whether a folder is one, no link, and the user's: in shared places anybody may make one of any name."""
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and (os.name == "nt" or status.st_uid == os.getuid())


def others_can_write(folder: Path) -> bool:
    """Tell whether a folder is another user's, or one that everybody may write; one that is not there is neither."""
    try:
        status = folder.stat()
    except OSError:
        return False
    return os.name != "nt" and (status.st_uid != os.getuid() or bool(status.st_mode & stat.S_IWOTH))


def _is_in_use(folder: Path) -> bool:
    made_by = re.match(rf"{_SCRATCH}(\d+)-", folder.name)
    return made_by is not None and process_lives(int(made_by[1]))


def process_lives(process: int) -> bool:
    """Tell whether there is a process of that number; on Windows always, where asking for it ends it."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def sync(path: Path) -> None:
    """Wait until a file or folder is on disk; elsewhere than on POSIX a folder cannot be synced, nor need be."""
    is_folder = path.is_dir()
    if is_folder and os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal, in bounded memory.

    Raises:
        OSError: When it cannot be read.
    """
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def text_of(file: Path) -> str:
    """Return the text of a file of others, what is not UTF-8 in it replaced; "" for one that cannot be read."""
    try:
        return file.read_text("utf-8-sig", "replace")
    except OSError:
        return ""


def stamp(path: str | Path) -> list[int] | None:
    """Return what changes when a file or folder is written, replaced or given other permissions; None without one."""
    try:
        return stamp_of(os.stat(path))  # noqa: PTH116 - called for thousands of files
    except OSError:
        return None


def stamp_of(status: os.stat_result) -> list[int]:
    """Return the stamp of a file whose status is known: size, time, inode and mode. Moving a file keeps it."""
    return [status.st_size, status.st_mtime_ns, status.st_ino, status.st_mode]


def cache_folder() -> Path:
    """Return where what can be made again is kept: ``HATCH_ALEPH_CACHE``, else where this system keeps caches."""
    return _named(CACHE_VARIABLE) or _user_folder("cache")


def state_folder() -> Path:
    """Return where journals of programs without a project lie: ``ALEPH_STATE_FOLDER``, else the system's place."""
    return _named(STATE_VARIABLE) or _user_folder("state")


def _named(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value).expanduser().absolute() if value else None


def _user_folder(kind: str) -> Path:
    from platformdirs import PlatformDirs

    return Path(getattr(PlatformDirs(APPLICATION, appauthor=False), f"user_{kind}_path"))
