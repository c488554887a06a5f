"""What weighs what in an image: installed and compressed, by distribution, folder and kind."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from hatch_aleph.artifact import AGAIN, SUFFIX, Artifact
from hatch_aleph.build.bytecode import source_path
from hatch_aleph.build.packages.exclusion import RULES, is_test, is_typing
from hatch_aleph.errors import ArtifactError, ImageError
from hatch_aleph.text import normalize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

Kind = Literal["extensions", "bytecode", "sources", "tests", "typing", "metadata", "data"]
OWN = ".aleph"  # the image's description of itself
_PACKS = f"{OWN}/modules/"  # bytecode: a file a distribution


@dataclass(frozen=True)
class FileSize:
    """One file.

    Attributes:
        path: In the image.
        owner: The distribution that it belongs to; for code, the first folder.
        kind: What it is for.
        installed: Its bytes.
        compressed: Its bytes in the image; of a block shared with others its share, so sums are right.
    """

    path: str
    owner: str
    kind: Kind
    installed: int
    compressed: float


@dataclass
class Weight:
    """A sum over files."""

    files: int = 0
    installed: int = 0
    compressed: float = 0.0
    bytecode: float = 0.0

    def add(self, file: FileSize) -> None:
        """Count a file; bytecode is counted compressed."""
        self.files += 1
        self.installed += file.installed
        self.compressed += file.compressed
        if file.kind == "bytecode":
            self.bytecode += file.compressed


@dataclass(frozen=True)
class Sizes:
    """All files of an image.

    Attributes:
        image: Bytes of the image file.
        files: Sorted by path.
        owners: Version by distribution.
    """

    image: int
    files: tuple[FileSize, ...]
    owners: Mapping[str, str] = field(default_factory=dict)

    def by_owner(self) -> dict[str, Weight]:
        """Sum by distribution, the heaviest first."""
        return _sums(self.files, lambda file: file.owner)

    def by_kind(self) -> dict[str, Weight]:
        """Sum by kind, the heaviest first."""
        return _sums(self.files, lambda file: file.kind)

    def by_folder(self, depth: int = 2) -> dict[str, Weight]:
        """Sum by folder down to a depth, the heaviest first."""
        return _sums(self.files, lambda file: "/".join(file.path.split("/")[:-1][:depth]) or ".")

    def savings(self) -> dict[str, float]:
        """Return what each named pruning would save at most, in compressed bytes."""
        return {name: sum(file.compressed for file in self.files if rule(file.path)) for name, rule in RULES.items()}


def images_of(path: Path) -> list[Path]:
    """Return the squashfs images of a manifest, of a folder with an artifact, or the one image itself.

    Raises:
        ArtifactError: When there are none.
    """
    if path.is_file() and not path.name.endswith(SUFFIX):
        return [path]
    artifact = Artifact.load(path) if path.is_file() else Artifact.find(path)
    images = [artifact.file(image) for image in artifact.manifest.images if image.encoding == "squashfs"]
    if not images:
        raise ArtifactError("The artifact has no squashfs image", where=str(artifact.path))
    return images


def measured(image: Path) -> Sizes:
    """Measure an image.

    Raises:
        ImageError: When it cannot be read.
    """
    from hatch_aleph.squashfs import SquashfsError

    try:
        return measure(image)
    except SquashfsError as error:
        raise ImageError(str(error), where=str(image), hint=AGAIN) from error


def measure(image: Path) -> Sizes:
    """Read the sizes of all files in an image.

    Raises:
        SquashfsError: When it is no image, or damaged.
    """
    from hatch_aleph.squashfs.reader import open_image

    found: list[tuple[str, int, int, int, int]] = []
    tails: dict[int, int] = defaultdict(int)
    shared: dict[int, int] = {}
    records: dict[str, str] = {}
    with open_image(image) as opened:
        for member, inode in opened.members():
            if member.kind != "file":
                continue
            blocks, fragment, tail, size = opened.storage(inode)
            found.append((member.path, member.size, blocks, fragment, tail))
            tails[fragment] += tail
            shared[fragment] = size
            # What lies deeper is vendored by a distribution, such as setuptools, and belongs to it.
            if member.path.endswith(".dist-info/RECORD") and member.path.count("/") == 1:
                records[member.path] = b"".join(opened.content(inode)).decode("utf-8", "replace")
    owners, versions = _owners(records)
    files = [
        FileSize(
            path,
            owners.get(source_path(path)) or _owner(path, versions),
            kind_of(path),
            size,
            blocks + (shared[fragment] * tail / tails[fragment] if tail else 0),
        )
        for path, size, blocks, fragment, tail in found
    ]
    return Sizes(image.stat().st_size, tuple(sorted(files, key=lambda file: file.path)), versions)


def _owner(path: str, versions: Mapping[str, str]) -> str:
    """Return whose a file is that no RECORD names: a pack is its distribution's."""
    top, _, rest = path.partition("/")
    name = rest.removeprefix("modules/")
    return name if top == OWN and name in versions else top


def kind_of(path: str) -> Kind:
    """Tell what a file is for."""
    if is_test(path):
        return "tests"
    if path.endswith((".pyc", ".bundle")) or path.startswith(_PACKS):
        return "bytecode"
    if is_typing(path):
        return "typing"
    if path.endswith(".py"):
        return "sources"
    if ".dist-info/" in path or path.startswith(f"{OWN}/"):
        return "metadata"
    return "extensions" if path.endswith(".so") or ".so." in path else "data"


def _owners(records: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the distribution of each path that a RECORD names, and each distribution's version."""
    import io

    from hatch_aleph.wheel_file import InvalidWheelError, record_rows

    owners: dict[str, str] = {}
    versions = {}
    for path, text in records.items():
        name, _, version = path.rpartition("/")[0].removesuffix(".dist-info").partition("-")
        owner = normalize(name)
        versions[owner] = version
        with suppress(InvalidWheelError):  # another tool's: its files are nobody's then
            owners |= {row[0]: owner for row in record_rows(io.StringIO(text))}
    return owners, versions


def _sums(files: Iterable[FileSize], key: Callable[[FileSize], str]) -> dict[str, Weight]:
    sums: dict[str, Weight] = defaultdict(Weight)
    for file in files:
        sums[key(file)].add(file)
    return dict(sorted(sums.items(), key=lambda item: (-item[1].compressed, item[0])))
