"""From the content of a PROGRAM message to what the host runs; the same for published programs and for artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatch_aleph import runtimes
from hatch_aleph.errors import GuestError, NetworkError
from hatch_aleph.local.host.aleph_host_inside import CODE_ROOT
from hatch_aleph.local.host.source import UnavailableFileError
from hatch_aleph.local.host.spec import Encoding, Interface, ProgramSpec, VolumeSpec
from hatch_aleph.settings.program_message import settings_of

if TYPE_CHECKING:
    from hatch_aleph.artifact import Artifact
    from hatch_aleph.local.host.source import Source


async def published(source: Source, item_hash: str, *, runtime_image: bool = False) -> ProgramSpec:
    """Return a published program, with code and volumes amended where it follows amends.

    Raises:
        UnknownMessageError: No message, or one that is no program.
        NetworkError: A file cannot be fetched or is not what its hash says.
    """
    content = await source.program_content(item_hash)
    code, runtime, data = content["code"], content["runtime"], content.get("data")
    code_ref = await source.latest(code)
    volumes = content.get("volumes") or []
    refs = [code["ref"], runtime["ref"], *([data["ref"]] if data else []), *(v["ref"] for v in volumes if v.get("ref"))]
    return ProgramSpec(
        item_hash=item_hash,
        code=await source.stored_file(code_ref),
        code_ref=code_ref,
        volumes=tuple([await _volume(volume, source) for volume in volumes]),
        data=await source.stored_file(await source.latest(data)) if data else None,
        runtime=await source.stored_file(await source.latest(runtime)) if runtime_image else None,
        watched=frozenset(refs),
        owner=content["address"],
        **_settings(content),
    )


async def built(artifact: Artifact, source: Source | None = None, **changes: Any) -> ProgramSpec:
    """Return the program of an artifact, from the images beside its manifest.

    Args:
        artifact: What a build left.
        source: Where volumes that are named by ref come from; without it a program that has such volumes is refused.
        changes: Fields of the spec to set otherwise.

    Raises:
        ArtifactError: An image is not the one the manifest was written for.
    """
    artifact.verify()
    content = dict(artifact.manifest.program)
    volumes = [
        VolumeSpec(mount=image.mount, image=artifact.file(image), ref=image.sha256)
        for image in artifact.manifest.images
        if image.role != "code"
    ]
    volumes += [await _volume(volume, source) for volume in content.get("volumes") or []]
    code = next(image for image in artifact.manifest.images if image.role == "code")
    settings = _settings(content) | {"python": artifact.manifest.runtime.python}
    packages = artifact.manifest.image("packages")
    pins = tuple(f"{each.name}=={each.version}" for each in artifact.manifest.distributions)
    settings |= {"pins": pins, "packages_inputs": packages.inputs if packages else ""}
    spec: dict[str, Any] = {
        "code": artifact.file(code),
        "code_ref": code.sha256,
        "item_hash": code.sha256,
        "volumes": tuple(volumes),
    }
    return ProgramSpec(**(spec | settings | changes))


def _settings(content: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that need no file; defaults are the network's (aleph_message, execution/environment.py)."""
    code, said = content["code"], settings_of(content)
    return {
        "entrypoint": _relative(code["entrypoint"]),
        "interface": interface_of(code),
        "encoding": encoding_of(code["encoding"]),
        "variables": dict(said.variables),
        "seconds": said.timeout_seconds,
        "memory": said.memory,
        "vcpus": said.vcpus,
        "internet": said.internet,
        "python": (runtimes.find(said.runtime) or runtimes.DEFAULT).python,
        "persistent": said.persistent,
        "subscriptions": said.subscriptions,
    }


async def _volume(volume: dict[str, Any], source: Source | None) -> VolumeSpec:
    mount = _place_in_guest(volume.get("mount") or "")
    if volume.get("ephemeral"):
        return VolumeSpec(mount=mount, kind="ephemeral")
    if not volume.get("ref"):
        persistence = str(volume.get("persistence") or "host")
        return VolumeSpec(
            mount=mount,
            kind="persistent",
            name=_file_name(volume.get("name") or ""),
            persistence=persistence,
            size_mib=volume.get("size_mib") or 1,
        )
    if source is None:
        return VolumeSpec(mount=mount, ref=volume["ref"])
    ref = await source.latest(volume)
    try:
        image = await source.stored_file(ref)
    except UnavailableFileError as error:  # hosts answer otherwise for volumes than for code: 500, not 400
        raise NetworkError(error.message, where=error.where) from error
    return VolumeSpec(mount=mount, image=image, ref=ref)


def _place_in_guest(mount: str) -> str:
    """Return a mount of a message, which must be a place in the guest: it becomes a folder of this machine.

    Raises:
        GuestError: It leads out of it.
    """
    if mount and (not mount.startswith("/") or ".." in mount.split("/") or "\0" in mount):
        raise GuestError(f"The program mounts a volume at {mount!r}, which is no place in the guest")
    return mount


def _file_name(name: str) -> str:
    """Return the name of a persistent volume, which becomes the name of a folder."""
    if "/" in name or "\\" in name or "\0" in name or name in (".", ".."):
        raise GuestError(f"The program names a volume {name!r}, which is no name of a file")
    return name


def _relative(entrypoint: str) -> str:
    """Return an entry point, which for single files is the name of a file among the code."""
    inside = entrypoint.removeprefix(f"{CODE_ROOT}/").replace("\\", "/")
    if inside.startswith("/") or ".." in inside.split("/"):
        raise GuestError(f"The program's entry point {entrypoint!r} lies outside of its code")
    return entrypoint


def interface_of(code: dict[str, Any]) -> Interface:
    """Return the interface: as the message says, else by the colon (Interface.from_entrypoint in aleph-vm)."""
    said = code.get("interface")
    if said in ("binary", "executable"):
        return "executable"
    return "asgi" if said == "asgi" or ":" in code["entrypoint"] else "executable"


def encoding_of(encoding: str) -> Encoding:
    """Return the encoding that the guest is told."""
    if encoding == "squashfs":
        return "squashfs"
    return "zip" if encoding == "zip" else "plain"
