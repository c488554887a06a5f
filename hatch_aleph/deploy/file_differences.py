"""What differs between an artifact and what is live: by distribution, and file by file with the text of one's own."""

from __future__ import annotations

import difflib
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from hatch_aleph.deploy.state import live_program
from hatch_aleph.errors import ImageError
from hatch_aleph.files import scratch_folder, sha256_of
from hatch_aleph.wheel_file import InvalidWheelError, record_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hatch_aleph.artifact import Artifact, Image
    from hatch_aleph.deploy.deployment import Deployment

_LONGEST_TEXT = 100_000  # characters of a file that is compared line by line
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")  # of no text, even where they are UTF-8
_NO_TEXT, _TOO_LONG = "(no text)", "(too long to show line by line)"
_LINE_ENDS = "(no line is another; their ends may be)"
_OURS = ("aleph_entry/", ".aleph/")

Kind = Literal["added", "removed", "changed"]
Sort = Literal["own", "bytecode", "metadata", "tool"]


@dataclass(frozen=True)
class FileDifference:
    """A file that differs: in which image, how, and its sizes (None where it is not).

    Attributes:
        distribution: Which one brought it, "" for files of the project.
        sort: What it is: ``own`` content, ``bytecode``, ``metadata`` of a distribution, or a file of this ``tool``.
        lines: Unified difference of a text of the project, else one line that says why there is none.
    """

    role: str
    path: str
    kind: Kind
    before: int | None
    after: int | None
    distribution: str = ""
    sort: Sort = "own"
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class DistributionDifference:
    """A distribution of which files differ, with its versions and the bytes of all its files (None where it is not)."""

    name: str
    version_before: str | None
    version_after: str | None
    before: int | None
    after: int | None
    files: int

    @property
    def kind(self) -> Kind:
        """How it differs."""
        if self.version_before is None:
            return "added"
        return "removed" if self.version_after is None else "changed"


@dataclass(frozen=True)
class Differences:
    """All that differs."""

    files: tuple[FileDifference, ...]
    distributions: tuple[DistributionDifference, ...]


def differences_of(target: Deployment, artifact: Artifact) -> Differences:
    """Compare the files of an artifact with those that are live; images of equal hashes are not fetched.

    Raises:
        PlanError: Nothing is live.
        NetworkError: A live image cannot be fetched.
    """
    state = target.state()
    program = live_program(state)
    files: list[FileDifference] = []
    distributions: list[DistributionDifference] = []
    for image in artifact.manifest.images:
        volume = state.volume_of(program, image.role, image.mount)
        if volume and volume.current.holds(image.sha256, image.cid):
            continue
        with scratch_folder() as folder:
            if volume:
                target.client.download(volume.current.file_hash, folder / "live", size=volume.current.size)
            before = _Tree.of(folder / "live", folder / "before", image) if volume else _Tree({}, {}, {}, folder)
            after = _Tree.of(artifact.file(image), folder / "after", image)
            found = list(_compared(image.role, before, after))
            files += found
            if image.role == "packages":
                distributions += _by_distribution(before, after, found)
    return Differences(tuple(files), tuple(distributions))


@dataclass(frozen=True)
class _Tree:
    """The files of an image: digest and size by path, the distribution by path, versions by distribution."""

    files: Mapping[str, tuple[str, int]]
    owners: Mapping[str, str]
    versions: Mapping[str, str]
    folder: Path

    @classmethod
    def of(cls, file: Path, folder: Path, image: Image) -> _Tree:
        """Unpack an image and read it.

        Raises:
            ImageError: It is none, or damaged.
        """
        from hatch_aleph.secrets.archives import FAULTS
        from hatch_aleph.squashfs import SquashfsError, unpack

        try:
            if image.encoding == "zip":
                from zipfile import ZipFile

                with ZipFile(file) as archive:
                    archive.extractall(folder)  # leaves out what would lie outside
            else:
                unpack(file, folder)
        except (SquashfsError, *FAULTS) as error:
            raise ImageError(f"The {image.role} image cannot be read: {error}", where=str(file)) from error
        paths = [path for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
        files = {path.relative_to(folder).as_posix(): _digest(path) for path in paths}
        owners: dict[str, str] = {}
        versions: dict[str, str] = {}
        for record in folder.glob("*.dist-info/RECORD"):
            name, _, version = record.parent.name.removesuffix(".dist-info").partition("-")
            versions[name] = version
            with suppress(InvalidWheelError), record.open(encoding="utf-8", errors="replace", newline="") as stream:
                owners |= {row[0]: name for row in record_rows(stream)}
        return cls(files, owners, versions, folder)

    def owner(self, path: str) -> str | None:
        """Return the distribution of a file; of bytecode that of its source."""
        place = PurePosixPath(path)
        if place.suffix == ".pyc":
            path = (place.parent.parent / f"{place.name.split('.', 1)[0]}.py").as_posix()
        top = path.split("/", 1)[0]
        if top.endswith(".dist-info"):
            return top.partition("-")[0]
        return self.owners.get(path)

    def size(self, distribution: str) -> int | None:
        """Return the bytes of a distribution's files, None when it is not there."""
        if distribution not in self.versions:
            return None
        return sum(size for path, (_, size) in self.files.items() if self.owner(path) == distribution)

    def text(self, path: str) -> list[str] | str:
        """Return the lines of a text file, [] when there is none, else why it has none to show."""
        if path not in self.files:
            return []
        data = (self.folder / path).read_bytes() if not (self.folder / path).is_symlink() else b""
        if len(data) > _LONGEST_TEXT:
            return _TOO_LONG
        try:
            return _NO_TEXT if _CONTROLS.search(data) else data.decode().splitlines()
        except UnicodeDecodeError:
            return _NO_TEXT


def _compared(role: str, before: _Tree, after: _Tree) -> Iterator[FileDifference]:
    for path in sorted({*before.files, *after.files}):
        old, new = before.files.get(path), after.files.get(path)
        if old == new:
            continue
        kind: Kind = "added" if old is None else "removed" if new is None else "changed"
        sort = _sort(path)
        owner = (after.owner(path) or before.owner(path) or "") if role == "packages" else ""
        lines: tuple[str, ...] = ()
        if role != "packages" and sort == "own":
            lines = _lines(path, before.text(path), after.text(path))
        yield FileDifference(role, path, kind, old[1] if old else None, new[1] if new else None, owner, sort, lines)


def _lines(path: str, live: list[str] | str, built: list[str] | str) -> tuple[str, ...]:
    if isinstance(live, str):
        return (live,)
    if isinstance(built, str):
        return (built,)
    lines = tuple(difflib.unified_diff(live, built, f"live/{path}", f"built/{path}", lineterm=""))
    return lines or ((_LINE_ENDS,) if live else ())


def _sort(path: str) -> Sort:
    if path.startswith(_OURS):
        return "tool"
    if path.endswith(".pyc"):
        return "bytecode"
    return "metadata" if ".dist-info/" in path else "own"


def _by_distribution(before: _Tree, after: _Tree, files: list[FileDifference]) -> Iterator[DistributionDifference]:
    for name in sorted({each.distribution for each in files if each.distribution}):
        count = sum(each.distribution == name for each in files)
        yield DistributionDifference(
            name, before.versions.get(name), after.versions.get(name), before.size(name), after.size(name), count
        )


def _digest(path: Path) -> tuple[str, int]:
    if path.is_symlink():
        return f"-> {path.readlink()}", 0
    return sha256_of(path), path.stat().st_size
