"""Names become a tree, the tree becomes inode and directory tables.

A directory's listing needs its children's inodes, so those come first: directories are taken from the deepest up, the
inodes of one directory's children together, which keeps listings short. Names of one file (hard links) can stand in any
directory; such inodes come before all.
"""

from __future__ import annotations

from .directories import write_listing
from .errors import SquashfsError
from .inodes import DIRECTORY, FILE, SYMLINK, directory_inode, file_inode, symlink_inode
from .walking import DIRECTORY_MODE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .contents import Node
    from .directories import Listing
    from .metadata import MetadataWriter

MAX_NAME = 255  # the format could hold 256, Linux takes 255 (NAME_MAX)
MAX_TARGET = 4095  # Linux takes no longer link (PATH_MAX less its final zero)


class _Leaf:
    """A file or symlink: one inode, one or more names."""

    __slots__ = ("base", "fragments", "kind", "links", "node", "number", "reference")

    def __init__(self, node: Node, base: int, fragments: int) -> None:
        self.node = node
        self.base = base
        self.fragments = fragments
        self.kind = SYMLINK if node.kind == "symlink" else FILE
        self.links = 1
        self.number = 0
        self.reference = -1


class _Directory:
    """A directory; ``mode`` is None as long as it is only implied."""

    __slots__ = ("children", "kind", "listing", "mode", "number", "parent", "reference", "subfolders")

    def __init__(self, parent: _Directory | None) -> None:
        self.parent = parent
        self.mode: int | None = None
        self.children: dict[bytes, _Leaf | _Directory] = {}
        self.kind = DIRECTORY
        self.subfolders = 0
        self.number = 0
        self.reference = -1
        self.listing: Listing = (0, 0, 0, [])


class Tree:
    """All names of an image.

    Args:
        time: Modification time of everything.
    """

    def __init__(self, time: int) -> None:
        self._time = time
        self._root = _Directory(None)
        self._directories: dict[str, _Directory] = {"": self._root}
        self._leaves: dict[str, _Leaf] = {}
        self._links: dict[str, str] = {}
        self.files = 0
        """Number of names of files, hard links included."""
        self.symlinks = 0
        """Number of symlinks."""
        self.content = 0
        """Bytes of all files as they read."""

    @property
    def directories(self) -> int:
        """Number of directories, the root included."""
        return len(self._directories)

    def add(self, nodes: Iterable[Node], base: int, fragments: int) -> None:
        """Add a group's names; where their content is need not be known yet.

        Args:
            nodes: In any order; directories that lead to them need not be among them.
            base: Position of the group's bytes in the image.
            fragments: Number of its first fragment block.

        Raises:
            SquashfsError: A path that cannot be, or one that is there twice.
        """
        for node in nodes:
            if node.kind == "directory":
                self._add_directory(node)
            elif node.kind == "hardlink":
                self._links[node.path] = node.target or ""
                self.files += 1
            else:
                leaf = _Leaf(node, base, fragments)
                if leaf.kind == SYMLINK:
                    _encode_target(node)
                    self.symlinks += 1
                else:
                    self.files += 1
                    self.content += node.size
                self._put(node.path, leaf)
                self._leaves[node.path] = leaf

    def write(self, inodes: MetadataWriter, listings: MetadataWriter) -> tuple[int, int]:
        """Write all inodes and listings; return the reference of the root's inode and the number of inodes."""
        self._resolve_links()
        ordered = [self._directories[path] for path in sorted(self._directories)]
        count = self._number(ordered)
        for leaf in self._leaves.values():
            if leaf.links > 1:
                leaf.reference = inodes.append(self._leaf_inode(leaf))
        for directory in reversed(ordered):
            names = []
            for name, child in directory.children.items():
                if child.reference < 0:
                    child.reference = inodes.append(
                        self._leaf_inode(child) if isinstance(child, _Leaf) else self._directory_inode(child, count)
                    )
                names.append((name, child.reference, child.number, child.kind))
            directory.listing = write_listing(names, listings)
        return inodes.append(self._directory_inode(self._root, count)), count

    def _add_directory(self, node: Node) -> None:
        directory = self._directory(node.path)
        if directory.mode not in (None, node.mode):
            raise SquashfsError("a directory with two modes", path=node.path)
        directory.mode = node.mode

    def _directory(self, path: str) -> _Directory:
        """Return the directory of that path, made with all that lead to it if need be."""
        missing = []
        while (found := self._directories.get(path)) is None:
            missing.append(path)
            path = path.rpartition("/")[0]
        for name in reversed(missing):
            directory = _Directory(found)
            self._put(name, directory)
            self._directories[name] = found = directory
        return found

    def _put(self, path: str, child: _Leaf | _Directory) -> None:
        folder, slash, text = path.rpartition("/")
        if slash and not folder:
            raise SquashfsError("an absolute path", path=path)
        parent = self._directories.get(folder) or self._directory(folder)
        name = _encode_name(text, path)
        if name in parent.children:
            raise SquashfsError("is there twice", path=path)
        parent.children[name] = child
        parent.subfolders += child.kind == DIRECTORY

    def _resolve_links(self) -> None:
        for path, target in self._links.items():
            original = target
            for _ in range(len(self._links)):
                if original not in self._links:
                    break
                original = self._links[original]
            leaf = self._leaves.get(original)
            if leaf is None:
                raise SquashfsError(f"a hard link to {target!r}, which is no file or symlink here", path=path)
            self._put(path, leaf)
            leaf.links += 1

    def _number(self, ordered: list[_Directory]) -> int:
        """Sort and number the inodes, the children of a directory in a row; return how many there are."""
        self._root.number = count = 1
        for directory in ordered:
            directory.children = dict(sorted(directory.children.items()))
            for child in directory.children.values():
                if not child.number:
                    count += 1
                    child.number = count
        return count

    def _leaf_inode(self, leaf: _Leaf) -> bytes:
        node = leaf.node
        if leaf.kind == SYMLINK:
            return symlink_inode(
                _encode_target(node), number=leaf.number, mode=node.mode, time=self._time, links=leaf.links
            )
        assert node.data is not None  # noqa: S101 - packing gives every file its data
        return file_inode(
            node.data,
            number=leaf.number,
            mode=node.mode,
            time=self._time,
            links=leaf.links,
            base=leaf.base,
            fragments=leaf.fragments,
        )

    def _directory_inode(self, directory: _Directory, count: int) -> bytes:
        return directory_inode(
            number=directory.number,
            mode=DIRECTORY_MODE if directory.mode is None else directory.mode,
            time=self._time,
            parent=directory.parent.number if directory.parent else count + 1,  # of the root, as mksquashfs has it
            subfolders=directory.subfolders,
            listing=directory.listing,
        )


def _encode_name(name: str, path: str) -> bytes:
    if name in ("", ".", "..") or "\0" in name:
        raise SquashfsError(f"{name!r} cannot be a name in an image", path=path)
    encoded = _encode(name, path)
    if len(encoded) > MAX_NAME:
        raise SquashfsError(f"a name of {len(encoded)} bytes; Linux takes {MAX_NAME}", path=path)
    return encoded


def _encode_target(node: Node) -> bytes:
    target = _encode(node.target or "", node.path)
    if not target or b"\0" in target:
        raise SquashfsError("a symlink that points nowhere", path=node.path)
    if len(target) > MAX_TARGET:
        raise SquashfsError(f"a symlink of {len(target)} bytes; Linux takes {MAX_TARGET}", path=node.path)
    return target


def _encode(text: str, path: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise SquashfsError("a name that is neither text nor bytes", path=ascii(path)) from error
