"""Names become a tree, the tree becomes inode and directory tables.

A directory's listing needs its children's inodes, so those come first: directories are taken from the deepest up, the
inodes of one directory's children together, which keeps listings short. Names of one file (hard links) can stand in any
directory; such inodes come before all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .contents import NOWHERE, Node
from .directories import Name, write_listing
from .entries import DIRECTORY_MODE
from .errors import SquashfsError
from .inodes import DIRECTORY, FILE, NO_FRAGMENT, SYMLINK, directory_inode, file_inode, symlink_inode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .inodes import Listing
    from .metadata import MetadataWriter

MAX_NAME = 255  # the format could hold 256, Linux takes 255 (NAME_MAX)
MAX_TARGET = 4095  # Linux takes no longer link (PATH_MAX less its final zero)


@dataclass(slots=True)
class _Inode:
    """Something with a number: where its record is, once written."""

    node: Node
    base: int = 0
    fragment_base: int = 0
    links: int = 1
    number: int = 0
    reference: int = -1
    children: dict[bytes, _Inode] = field(default_factory=dict)
    parent: _Inode | None = None
    kind: int = FILE


class Tree:
    """All names of an image.

    Args:
        time: Modification time of everything.
    """

    def __init__(self, time: int) -> None:
        self._time = time
        self._root = _Inode(Node("", "directory", DIRECTORY_MODE), kind=DIRECTORY)
        self._directories: dict[str, _Inode] = {"": self._root}
        self._leaves: dict[str, _Inode] = {}
        self._links: list[Node] = []
        self._told: set[str] = set()

    @property
    def directories(self) -> int:
        """Number of directories, the root included."""
        return len(self._directories)

    def add(self, nodes: Iterable[Node], base: int, fragment_base: int) -> None:
        """Add a group's names.

        Args:
            nodes: In any order; directories that lead to them need not be among them.
            base: Position of the group's bytes in the image.
            fragment_base: Number of its first fragment block.

        Raises:
            SquashfsError: A path that cannot be, or one that is there twice.
        """
        for node in nodes:
            if node.kind == "directory":
                self._add_directory(node)
            elif node.kind == "hardlink":
                self._links.append(node)
            else:
                kind = SYMLINK if node.kind == "symlink" else FILE
                inode = _Inode(node, base, fragment_base, kind=kind)
                if node.kind == "symlink":
                    _check_target(node)
                self._put(node.path, inode)
                self._leaves[node.path] = inode

    def write(self, inodes: MetadataWriter, listings: MetadataWriter) -> tuple[int, int]:
        """Write all inodes and listings; return the reference of the root's inode and the number of inodes."""
        self._resolve_links()
        ordered = [self._directories[path] for path in sorted(self._directories)]
        for directory in ordered:
            directory.children = dict(sorted(directory.children.items()))
        count = self._number(ordered)
        self._root.parent = _Inode(self._root.node, number=count + 1)  # as the kernel's own tools have it
        for leaf in self._leaves.values():
            if leaf.links > 1:
                self._write_inode(leaf, inodes, None)
        pending: dict[int, Listing] = {}
        for directory in reversed(ordered):
            for child in directory.children.values():
                if child.reference < 0:
                    self._write_inode(child, inodes, pending.pop(child.number, None))
            names = (
                Name(name, child.reference, child.number, child.kind) for name, child in directory.children.items()
            )
            pending[directory.number] = write_listing(names, listings)
        self._write_inode(self._root, inodes, pending.pop(self._root.number))
        return self._root.reference, count

    def _add_directory(self, node: Node) -> None:
        path = node.path
        if path in self._told and self._directories[path].node.mode != node.mode:
            raise SquashfsError("a directory with two modes", path=path)
        inode = self._directory(path)
        inode.node.mode = node.mode
        self._told.add(path)

    def _directory(self, path: str) -> _Inode:
        """Return the directory of that path, made with all that lead to it if need be."""
        missing = []
        while (found := self._directories.get(path)) is None:
            missing.append(path)
            path = path.rpartition("/")[0]
        for name in reversed(missing):
            found = _Inode(Node(name, "directory", DIRECTORY_MODE), kind=DIRECTORY)
            self._put(name, found)
            self._directories[name] = found
        return found

    def _put(self, path: str, inode: _Inode) -> None:
        folder, _, text = path.rpartition("/")
        if not folder and path.startswith("/"):
            raise SquashfsError("an absolute path", path=path)
        name = _encode_name(text, path)
        parent = self._directories.get(folder) or self._directory(folder)
        if parent.children.setdefault(name, inode) is not inode:
            raise SquashfsError("is there twice", path=path)
        inode.parent = parent

    def _resolve_links(self) -> None:
        links = {node.path: node for node in self._links}
        for node in self._links:
            target = node.target or ""
            for _ in range(len(links)):
                if target not in links:
                    break
                target = links[target].target or ""
            original = self._leaves.get(target)
            if original is None:
                raise SquashfsError(f"a hard link to {node.target!r}, which is no file or link here", path=node.path)
            folder, _, text = node.path.rpartition("/")
            parent = self._directories.get(folder) or self._directory(folder)
            if parent.children.setdefault(_encode_name(text, node.path), original) is not original or (
                node.path in self._leaves
            ):
                raise SquashfsError("is there twice", path=node.path)
            original.links += 1
        self._links = []

    def _number(self, ordered: list[_Inode]) -> int:
        """Number the inodes, the children of a directory in a row; return how many there are."""
        self._root.number = count = 1
        for directory in ordered:
            for child in directory.children.values():
                if not child.number:
                    count += 1
                    child.number = count
        return count

    def _write_inode(self, inode: _Inode, table: MetadataWriter, listing: Listing | None) -> None:
        node = inode.node
        inode.reference = table.reference
        if inode.kind == DIRECTORY:
            assert listing is not None  # noqa: S101 - every directory's listing is written before its inode
            assert inode.parent is not None  # noqa: S101 - likewise
            subfolders = sum(child.kind == DIRECTORY for child in inode.children.values())
            record = directory_inode(
                number=inode.number,
                mode=node.mode,
                time=self._time,
                parent=inode.parent.number,
                subfolders=subfolders,
                listing=listing,
            )
        elif inode.kind == SYMLINK:
            target = (node.target or "").encode("utf-8", "surrogateescape")
            record = symlink_inode(
                number=inode.number, mode=node.mode, time=self._time, target=target, links=inode.links
            )
        else:
            record = self._file_inode(inode)
        table.append(record)

    def _file_inode(self, inode: _Inode) -> bytes:
        data = inode.node.data
        assert data is not None  # noqa: S101 - packing gives every file its data
        return file_inode(
            number=inode.number,
            mode=inode.node.mode,
            time=self._time,
            size=data.size,
            start=0 if data.start == NOWHERE else inode.base + data.start,
            blocks=data.blocks,
            sparse=data.sparse,
            fragment=NO_FRAGMENT if data.fragment == NO_FRAGMENT else inode.fragment_base + data.fragment,
            offset=data.offset,
            links=inode.links,
        )


def _encode_name(name: str, path: str) -> bytes:
    if name in ("", ".", "..") or "\0" in name:
        raise SquashfsError(f"{name!r} cannot be a name in an image", path=path)
    try:
        encoded = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise SquashfsError("the name is neither text nor bytes", path=ascii(path)) from error
    if len(encoded) > MAX_NAME:
        raise SquashfsError(f"a name of {len(encoded)} bytes; Linux takes {MAX_NAME}", path=path)
    return encoded


def _check_target(node: Node) -> None:
    target = (node.target or "").encode("utf-8", "surrogateescape")
    if not target or b"\0" in target:
        raise SquashfsError("a symlink that points nowhere", path=node.path)
    if len(target) > MAX_TARGET:
        raise SquashfsError(f"a symlink of {len(target)} bytes; Linux takes {MAX_TARGET}", path=node.path)
