"""Manifest and images: the one interface between a build and everything after it.

``dist/NAME-VERSION.aleph.json`` is the manifest; the images it names lie beside it. Publishing reads nothing else, and
:meth:`Artifact.verify` refuses images that are not those the manifest was written for.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hatch_aleph.errors import ArtifactError
from hatch_aleph.files import sha256_of
from hatch_aleph.runtimes import Runtime
from hatch_aleph.settings.model import PublishSettings
from hatch_aleph.settings.parse import Problem, dotted, mistakes, parse, to_table
from hatch_aleph.settings.program_message import settings_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from hatch_aleph.settings.model import Settings

SCHEMA = 2
SUFFIX = ".aleph.json"
_CHUNK = 8 << 20  # bytes

Role = str  # code, packages, or volume:MOUNT


def volume_role(mount: str) -> Role:
    """Return the role of a volume that is made of a path."""
    return f"volume:{mount}"


@dataclass(frozen=True)
class Image:
    """One file to publish.

    Attributes:
        role: What it is to the program: ``code``, ``packages``, or ``volume:`` and its mount.
        file: Its name, beside the manifest.
        mount: Where the guest mounts it.
        encoding: ``squashfs``, or ``zip`` for bare executables.
        sha256: Hash of its bytes, hexadecimal.
        cid: The CIDv0 under which IPFS knows it.
        size: Bytes.
        inputs: Digest of all that went into it: equal inputs, equal image.
    """

    role: Role
    file: str
    mount: str
    encoding: Literal["squashfs", "zip"]
    sha256: str
    cid: str
    size: int
    inputs: str

    @classmethod
    def of(
        cls,
        role: Role,
        file: Path,
        *,
        mount: str,
        inputs: str,
        encoding: Literal["squashfs", "zip"] = "squashfs",
        hashes: FileHashes | None = None,
    ) -> Image:
        """Return the description of a file; ``hashes`` spares reading it.

        Raises:
            ArtifactError: It cannot be read.
        """
        return cls(role, file.name, mount, encoding, **asdict(hashes or hash_file(file)), inputs=inputs)


@dataclass(frozen=True)
class Distribution:
    """A vendored distribution, pinned: its wheel's hashes as ``sha256:...``."""

    name: str
    version: str
    hashes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """What a build says of its artifact.

    Attributes:
        project: ``name`` and ``version``.
        profile: Name of the profile, or None.
        program: Content of the PROGRAM message without the refs that only publishing gives: no ``address``, ``time``,
            ``code.ref`` and no packages volume.
        images: What is to be published; code first.
        distributions: Every vendored distribution, sorted by name.
        runtime: The facts that were assumed of the runtime.
        tool: Name and version of this tool.
        settings: What publishing needs beside the content.
        warnings: What the user should know before publishing.
    """

    project: Mapping[str, str]
    profile: str | None
    program: Mapping[str, Any]
    images: tuple[Image, ...]
    distributions: tuple[Distribution, ...]
    runtime: Runtime
    tool: Mapping[str, str]
    settings: PublishSettings = field(default_factory=PublishSettings)
    warnings: tuple[str, ...] = ()
    schema: int = SCHEMA

    def image(self, role: Role) -> Image | None:
        """Return the image of a role, or None when the program has none."""
        return next((image for image in self.images if image.role == role), None)

    @property
    def label(self) -> str:
        """What it was built of, for people: project, version, profile."""
        profile = f", profile {self.profile}" if self.profile else ""
        return f"{self.project['name']} {self.project['version']}{profile}"

    @property
    def program_settings(self) -> Settings:
        """What the content of the message says, as settings."""
        return settings_of(self.program)

    def to_json(self) -> str:
        """Return the text of the manifest: the same manifest is the same text."""
        data = {**asdict(self), "settings": to_table(self.settings)}
        return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, *, where: str) -> Manifest:
        """Read a manifest.

        Raises:
            ArtifactError: For text that is no manifest, or one of another schema version.
        """
        hint = "Build it again: hatch build -t aleph"
        try:
            data = json.loads(text)
            if data["schema"] != SCHEMA:
                raise ArtifactError(
                    f"The manifest has schema {data['schema']}, and this version reads {SCHEMA}.",
                    where=where,
                    hint=hint,
                )
            data["images"] = tuple(Image(**image) for image in data["images"])
            data["distributions"] = tuple(
                Distribution(each["name"], each["version"], tuple(each["hashes"])) for each in data["distributions"]
            )
            data["runtime"] = Runtime(**{**data["runtime"], "glibc": tuple(data["runtime"]["glibc"])})
            data["warnings"] = tuple(data["warnings"])
            problems: list[Problem] = []
            settings = parse(PublishSettings, data.pop("settings"), problems)
            if settings is None:
                told = mistakes(problems, "in its settings", dotted)
                raise ArtifactError(f"This is not a manifest of hatch-aleph: {told}", where=where, hint=hint)
            return cls(**data, settings=settings)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArtifactError("This is not a manifest of hatch-aleph.", where=where, hint=hint) from error


@dataclass(frozen=True)
class Artifact:
    """A manifest and the folder it lies in."""

    path: Path
    manifest: Manifest

    @classmethod
    def load(cls, path: Path) -> Artifact:
        """Read the artifact of a manifest file.

        Raises:
            ArtifactError: When it is missing or no manifest.
        """
        try:
            text = path.read_text("utf-8")
        except OSError as error:
            raise ArtifactError(
                error.strerror or "The manifest cannot be read.",
                where=str(path),
                hint="Build it first: hatch build -t aleph",
            ) from error
        return cls(path, Manifest.from_json(text, where=str(path)))

    @classmethod
    def find(cls, folder: Path, profile: str | None = None) -> Artifact:
        """Return the one artifact of a profile in a folder.

        Raises:
            ArtifactError: There is none, or there are several: which one is meant only a user can say.
        """
        lying = [cls.load(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]
        found = [each for each in lying if each.manifest.profile == profile]
        if len(found) == 1:
            return found[0]
        of_profile = f" of profile {profile}" if profile else " without a profile" if lying else ""
        target = f"aleph:{profile}" if profile else "aleph"
        listed = "".join(f"\n  {each.path.name} ({each.manifest.label})" for each in lying)
        if found:
            raise ArtifactError(
                f"There are several artifacts{of_profile} here:{listed}",
                where=str(folder),
                hint="Name the one you mean.",
            )
        raise ArtifactError(
            f"There is no artifact{of_profile} here" + (f", but these:{listed}" if listed else "."),
            where=str(folder),
            hint=f"Build it: hatch build -t {target}",
        )

    def file(self, image: Image) -> Path:
        """Return where an image lies."""
        return self.path.parent / image.file

    def verify(self, *, absent: Collection[str] = ()) -> None:
        """Check that every image is the one the manifest was written for.

        Args:
            absent: Roles whose file may be missing, since the network has its bytes.

        Raises:
            ArtifactError: For the first image that is missing, or has another size or hash.
        """
        hint = "Build it again: hatch build -t aleph"
        for image in self.manifest.images:
            file = self.file(image)
            if image.role in absent and not file.exists():
                continue
            if Path(image.file).name != image.file:
                raise ArtifactError(
                    f"The manifest names an image outside of its folder: {image.file}", where=str(self.path)
                )
            try:
                digest = sha256_of(file)
            except OSError as error:
                raise ArtifactError(error.strerror or "The file cannot be read.", where=str(file), hint=hint) from error
            if digest != image.sha256:
                raise ArtifactError("The image has changed since it was built.", where=str(file), hint=hint)


@dataclass(frozen=True)
class FileHashes:
    """The names under which the network knows a file's bytes.

    Attributes:
        sha256: Its name on the ``storage`` engine.
        cid: Its CIDv0 as kubo's ``ipfs add`` gives it, its name on the ``ipfs`` engine.
        size: Bytes.
    """

    sha256: str
    cid: str
    size: int

    def name_on(self, engine: Literal["storage", "ipfs"]) -> str:
        """Return the file's name on an engine."""
        return self.sha256 if engine == "storage" else self.cid


def hash_file(file: Path) -> FileHashes:
    """Hash a file both ways at once and in bounded memory.

    Raises:
        ArtifactError: When it cannot be read.
    """
    import threading

    from aleph_cid import CidHasher

    digest, hasher, size = hashlib.sha256(), CidHasher.for_ipfs(), 0
    try:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                # Both let go of the interpreter while they work.
                aside = threading.Thread(target=digest.update, args=(chunk,))
                aside.start()
                hasher.update(chunk)
                aside.join()
                size += len(chunk)
    except OSError as error:
        raise ArtifactError(error.strerror or "The file cannot be read.", where=str(file)) from error
    return FileHashes(digest.hexdigest(), hasher.finalize(), size)


def lock_and_sbom_names(stem: str) -> tuple[str, str]:
    """Return the names of the lock and the bill of materials beside a packages image.

    A lock is found by its name, in which PEP 751 allows no further dots.
    """
    return f"pylock.{stem.replace('.', '_')}.toml", f"{stem}.cdx.json"


def remove_artifacts(folder: Path) -> None:
    """Remove every artifact in a folder: the manifests and the files that they name."""
    for path in folder.glob(f"*{SUFFIX}"):
        try:
            names = [image.file for image in Artifact.load(path).manifest.images]
        except ArtifactError:
            names = []
        stem = path.name.removesuffix(SUFFIX)
        for name in (*names, path.name, *lock_and_sbom_names(stem)):
            (folder / Path(name).name).unlink(missing_ok=True)
