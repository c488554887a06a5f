"""Manifest and images: the one interface between a build and everything after it.

``dist/NAME-VERSION.aleph.json`` is the manifest; the images it names lie beside it. Publishing reads nothing else, and
:meth:`Artifact.verify` refuses images that are not those the manifest was written for.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from hatch_aleph.commands import typed
from hatch_aleph.errors import ArtifactError
from hatch_aleph.files import sha256_of
from hatch_aleph.runtimes import Runtime
from hatch_aleph.settings.model import PublishSettings
from hatch_aleph.settings.parse import Problem, dotted, mistakes, parse, to_table
from hatch_aleph.settings.program_message import settings_of
from hatch_aleph.shapes import COUNT, NO_KEY, OTHERS, PLAIN, TEXT, TRUTH, Kind, Shape, misfit, text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from hatch_aleph.settings.model import Settings

SCHEMA = 2
SUFFIX = ".aleph.json"
# Of dist/, where the build hook leaves an artifact: `twine upload dist/*` takes everything that is not hidden.
HOOK_FOLDER = ".aleph"
AGAIN = f"Build it again: {typed('build')}"
_CHUNK = 8 << 20  # bytes

Role = str  # code, packages, or volume:MOUNT


def volume_role(mount: str) -> Role:
    """Return the role of a volume that is made of a path."""
    return f"volume:{mount}"


_WORDS = text("letters, digits, spaces, `.`, `_`, `+`, `!`, `-`", r"\w[\w .+!-]{0,127}")
FILE = text(
    "the name of a file beside the manifest, not outside of its folder",
    r"(?!\.{1,2}$)[^/\\:\x00-\x1f\x7f\ud800-\udfff]{1,200}",
)
_HASH = text("64 hexadecimal digits", "[0-9a-f]{64}")
_ENCODING = text("squashfs or zip", "squashfs|zip")
_ONLY = {OTHERS: NO_KEY}
IMAGE_SHAPE: Shape = {
    "role": text("code, packages or volume:MOUNT", "code|packages|volume:/.*"),
    "file": FILE,
    "mount": text("an absolute path", "/.*"),
    "encoding": _ENCODING,
    "sha256": _HASH,
    "cid": text("a CID", "[0-9A-Za-z]+"),
    "size": COUNT,
    "inputs": TEXT,
    **_ONLY,
}
DISTRIBUTION_SHAPE: Shape = {"name": TEXT, "version": TEXT, "hashes": [TEXT], **_ONLY}
_SHAPE: Shape = {  # as docs/schema/manifest.json publishes it
    "schema": COUNT,
    "project": {"name": _WORDS, "version": _WORDS, **_ONLY},
    "profile": Kind("a string or null", lambda value: value is None or TEXT.fits(value)),
    "program": {
        "type": text("vm-function", "vm-function"),
        "allow_amend": TRUTH,
        "code": {"encoding": _ENCODING, "entrypoint": TEXT, "interface": text("asgi or binary", "asgi|binary")},
        "runtime": {"ref": TEXT},
        "on": {"http": TRUTH, "persistent": TRUTH, "message?": [{OTHERS: PLAIN}]},
        "environment": {"internet": TRUTH, "aleph_api": TRUTH, OTHERS: PLAIN},
        "resources": {"vcpus": COUNT, "memory": COUNT, "seconds": COUNT},
        "variables": {OTHERS: TEXT},
        "volumes": [{"mount": TEXT, "ref?": TEXT, "name?": TEXT, "size_mib?": COUNT, OTHERS: PLAIN}],
        "metadata": {"name": TEXT},
        "payment": {"type": TEXT, OTHERS: PLAIN},
        OTHERS: PLAIN,
    },
    "images": [IMAGE_SHAPE],
    "distributions": [DISTRIBUTION_SHAPE],
    "runtime": {
        "name": TEXT,
        "item_hash": TEXT,
        "python": text("a minor version", r"3\.\d{1,2}"),
        "glibc": Kind("two numbers", lambda value: isinstance(value, list) and list(map(type, value)) == [int, int]),
        "architecture?": TEXT,
        "distribution?": TEXT,
        "preloaded?": {OTHERS: TEXT},
        **_ONLY,
    },
    "tool": {OTHERS: TEXT},
    "settings": {OTHERS: PLAIN},
    "warnings": [TEXT],
    **_ONLY,
}


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
    def called(self) -> str:
        """What the program is called; "" for nothing."""
        metadata = self.program.get("metadata")
        return str(metadata.get("name") or "") if isinstance(metadata, dict) else ""

    @property
    def program_settings(self) -> Settings:
        """What the content of the message says, as settings."""
        return settings_of(self.program)

    def to_json(self) -> str:
        """Return the text of the manifest: the same manifest is the same text."""
        data = {**asdict(self), "settings": to_table(self.settings)}
        return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, content: str, *, where: str) -> Manifest:
        """Read a manifest.

        Raises:
            ArtifactError: For text that is no manifest, or one of another schema version.
        """
        try:
            return cls._of(json.loads(content))
        except _MisfitError as error:
            message = f"This is not a manifest of hatch-aleph that can be used: {error}"
        except RecursionError:
            message = "This is not a manifest of hatch-aleph: it is nested too deeply"
        except ValueError as error:
            message = f"This is not a manifest of hatch-aleph: {error}"
        raise ArtifactError(message, where=where, hint=AGAIN)

    @classmethod
    def _of(cls, data: Any) -> Manifest:
        if isinstance(data, dict) and data.get("schema") != SCHEMA:
            raise _MisfitError(f"it has schema {data.get('schema')!r:.40}, and this version reads {SCHEMA}")
        wrong = misfit(data, _SHAPE)
        if wrong:
            raise _MisfitError(wrong)
        if not any(image["role"] == "code" for image in data["images"]):
            raise _MisfitError("images: none has the role code")
        problems: list[Problem] = []
        settings = parse(PublishSettings, data["settings"], problems)
        if settings is None:
            raise _MisfitError(mistakes(problems, "in its settings", dotted))
        runtime = data["runtime"]
        return cls(
            **{
                **data,
                "images": tuple(Image(**image) for image in data["images"]),
                "distributions": tuple(
                    Distribution(**{**each, "hashes": tuple(each["hashes"])}) for each in data["distributions"]
                ),
                "runtime": Runtime(**{**runtime, "glibc": tuple(runtime["glibc"])}),
                "settings": settings,
                "warnings": tuple(data["warnings"]),
            }
        )


class _MisfitError(Exception):
    """What a manifest says that none can say."""


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
            content = path.read_text("utf-8")
        except UnicodeDecodeError as error:
            hint = f"A manifest is named *{SUFFIX}, beside the images. {AGAIN}"
            raise ArtifactError(
                "This is not a manifest of hatch-aleph: not UTF-8", where=str(path), hint=hint
            ) from error
        except OSError as error:
            raise ArtifactError(
                error.strerror or "The manifest cannot be read.",
                where=str(path),
                hint=f"Build it first: {typed('build')}",
            ) from error
        return cls(path, Manifest.from_json(content, where=str(path)))

    @classmethod
    def find(cls, folder: Path, profile: str | None = None) -> Artifact:
        """Return the one artifact of a profile in a folder, or in the build hook's folder within when it has none.

        Raises:
            ArtifactError: There is none, or there are several: which one is meant only a user can say.
        """
        if not any(folder.glob(f"*{SUFFIX}")) and any((folder / HOOK_FOLDER).glob(f"*{SUFFIX}")):
            folder = folder / HOOK_FOLDER
        lying: list[Artifact] = []
        damaged: list[ArtifactError] = []
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            try:
                lying.append(cls.load(path))
            except ArtifactError as error:  # noqa: PERF203 - a folder holds few
                damaged.append(error)
        found = [each for each in lying if each.manifest.profile == profile]
        if len(found) == 1:
            return found[0]
        of_profile = f" of profile {profile}" if profile else " without a profile" if lying else ""
        target = f"build --profile {profile}" if profile else "build"
        listed = "".join(f"\n  {each.path.name} ({each.manifest.label})" for each in lying)
        if found:
            raise ArtifactError(
                f"There are several artifacts{of_profile} here:{listed}",
                where=str(folder),
                hint="Name the one you mean.",
            )
        if damaged:  # perhaps it is the one that is meant
            raise damaged[0]
        raise ArtifactError(
            f"There is no artifact{of_profile} here" + (f", but these:{listed}" if listed else "."),
            where=str(folder),
            hint=f"Build it: {typed(target)}",
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
        for image in self.manifest.images:
            file = self.file(image)
            if image.role in absent and not file.exists():
                continue
            try:
                size = file.stat().st_size
                digest = sha256_of(file) if size == image.size else ""
            except OSError as error:
                raise ArtifactError(
                    error.strerror or "The file cannot be read.", where=str(file), hint=AGAIN
                ) from error
            if size != image.size:
                told = f"The image has changed since it was built: it has {size} bytes, not {image.size}."
                raise ArtifactError(told, where=str(file), hint=AGAIN)
            if digest != image.sha256:
                raise ArtifactError("The image has changed since it was built.", where=str(file), hint=AGAIN)


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
    from hatch_aleph.cid import CidHasher
    from hatch_aleph.squashfs.pool import in_background

    digest, hasher, size = hashlib.sha256(), CidHasher(), 0
    try:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                # Both let go of the interpreter while they work.
                aside = in_background(lambda: digest.update(chunk))
                hasher.update(chunk)
                aside.result()
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
            if not (folder / name).is_dir():
                (folder / name).unlink(missing_ok=True)
