"""Independent readers, and a way to say what a folder holds."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess

import pytest
from PySquashfsImage import SquashFsImage
from PySquashfsImage.const import Type

from hatch_aleph.squashfs.reader import open_image

MOUNTS = hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("mount") is not None


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("root") and not MOUNTS:
            item.add_marker(pytest.mark.skip(reason="needs root and kernel mounts"))


def _by_kernel(image, scratch):
    scratch.mkdir()
    subprocess.run(["mount", "-t", "squashfs", "-o", "loop,ro", image, scratch], check=True)
    try:
        return _look(scratch)
    finally:
        subprocess.run(["umount", scratch], check=True)
        scratch.rmdir()


def _by_unsquashfs(image, scratch):
    subprocess.run(["unsquashfs", "-q", "-n", "-no-xattrs", "-d", scratch, image], check=True, capture_output=True)
    found = _look(scratch)
    subprocess.run(["rm", "-rf", scratch], check=True)  # shutil.rmtree recurses, folder by folder
    return found


class _Library(SquashFsImage):
    """PySquashfsImage, whose own walk recurses and stops at names that are not UTF-8."""

    def _dir_scan(self, start_block, offset):
        self._places = [(b"", start_block, offset)]

    def members(self):
        while self._places:
            base, *place = self._places.pop()
            for entry in self._opendir(*place).entries:
                path, where = base + bytes(entry["name"]), (entry["start_block"], entry["offset"])
                if entry["type"] == Type.DIR:
                    self._places.append((path + b"/", *where))
                yield path, self._read_inode(*where)


def _by_library(image, _scratch):
    found, names = {}, {}
    with image.open("rb") as stream:
        library = _Library(stream)
        for path, inode in library.members():
            mode = stat.S_IMODE(inode.mode)
            if stat.S_ISDIR(inode.mode):
                found[path] = ("directory", mode)
                continue
            if stat.S_ISLNK(inode.mode):
                found[path] = ("symlink", bytes(inode._symlink))
            else:
                found[path] = ("file", mode, inode.data, hashlib.sha256(library.read_file(inode)).hexdigest())
            names.setdefault(inode.inode_number, []).append(path)
    return found, sorted(sorted(paths) for paths in names.values() if len(paths) > 1)


def _by_ours(image, _scratch):
    found, names = {}, {}
    with open_image(image) as opened:
        for member, inode in opened.members():
            path = member.path.encode("utf-8", "surrogateescape")
            if member.kind == "directory":
                found[path] = ("directory", member.mode)
                continue
            if member.kind == "hardlink":
                found[path] = found[member.target.encode("utf-8", "surrogateescape")]
            elif member.kind == "symlink":
                found[path] = ("symlink", member.target.encode("utf-8", "surrogateescape"))
            else:
                digest = hashlib.sha256()
                for block in opened.content(inode):
                    digest.update(block)
                found[path] = ("file", member.mode, member.size, digest.hexdigest())
            names.setdefault(member.number, []).append(path)
    return found, sorted(sorted(paths) for paths in names.values() if len(paths) > 1)


_READERS = {"kernel": _by_kernel, "unsquashfs": _by_unsquashfs, "library": _by_library, "ours": _by_ours}


@pytest.fixture(
    params=[
        pytest.param("kernel", marks=pytest.mark.root),
        pytest.param(
            "unsquashfs", marks=pytest.mark.skipif(not shutil.which("unsquashfs"), reason="needs squashfs-tools")
        ),
        "library",
        "ours",
    ]
)
def reader(request):
    """One independent reader after the other: it says what an image holds, as ``look`` does."""
    return _READERS[request.param]


@pytest.fixture
def readers():
    """All readers that can be had here, by name."""
    missing = set()
    if not shutil.which("unsquashfs"):
        missing.add("unsquashfs")
    if not MOUNTS:
        missing.add("kernel")
    return {name: reader for name, reader in _READERS.items() if name not in missing}


def _content(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:  # noqa: PTH123 - names are bytes here, for which there is no Path
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _look(folder):
    found, inodes = {}, {}
    folder = os.fsencode(folder)
    pending = [folder]
    while pending:
        base = pending.pop()
        with os.scandir(base) as items:
            for item in items:
                status = os.lstat(item.path)  # a look-up by name, which readdir is not
                path = item.path[len(folder) + 1 :]
                if stat.S_ISDIR(status.st_mode):
                    found[path] = ("directory", stat.S_IMODE(status.st_mode))
                    pending.append(item.path)
                elif stat.S_ISLNK(status.st_mode):
                    found[path] = ("symlink", os.readlink(item.path))  # noqa: PTH115 - names are bytes here
                else:
                    found[path] = ("file", stat.S_IMODE(status.st_mode), status.st_size, _content(item.path))
                if not stat.S_ISDIR(status.st_mode) and status.st_nlink > 1:
                    inodes.setdefault(status.st_ino, []).append(path)
    return found, sorted(sorted(names) for names in inodes.values())


def _promise(entries):
    entries = {entry.path: entry for entry in entries}
    found, links = {}, {}

    def original(entry):
        while entry.kind == "hardlink":
            entry = entries[entry.target]
        return entry

    for path, entry in entries.items():
        name = path.encode("utf-8", "surrogateescape")
        parts = name.split(b"/")
        for length in range(1, len(parts)):
            found.setdefault(b"/".join(parts[:length]), ("directory", 0o755))
        target = original(entry)
        if entry.kind == "directory":
            found[name] = ("directory", entry.mode)
        elif target.kind == "symlink":
            found[name] = ("symlink", target.target.encode("utf-8", "surrogateescape"))
        else:
            content = target.source if isinstance(target.source, bytes) else target.source.read_bytes()
            found[name] = ("file", target.mode, len(content), hashlib.sha256(content).hexdigest())
        if entry.kind != "directory":
            links.setdefault(target.path, []).append(name)
    return found, sorted(sorted(names) for names in links.values() if len(names) > 1)


@pytest.fixture
def look():
    """Say what a folder holds: by name, and which names are one file."""
    return _look


@pytest.fixture
def promise():
    """Say the same of entries: what a reader must find."""
    return _promise
