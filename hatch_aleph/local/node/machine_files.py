"""What a program or instance is made of: the files it refers to and the disks it asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aleph_message.models import InstanceContent, ProgramContent, VerifiableProgramContent
from aleph_message.models.execution.volume import ImmutableVolume, PersistentVolume

if TYPE_CHECKING:
    from collections.abc import Iterator

Machine = ProgramContent | InstanceContent | VerifiableProgramContent


@dataclass(frozen=True)
class FileRef:
    """A STORE that a machine uses: its newest amend when ``use_latest``, else exactly that message."""

    ref: str
    use_latest: bool


def held_refs(content: Machine) -> Iterator[FileRef]:
    """Name the STOREs that may not be forgotten while the machine lives (pyaleph's ``db/accessors/vms.py``)."""
    if isinstance(content, VerifiableProgramContent):
        yield FileRef(str(content.runtime.ref), use_latest=False)
        parts: tuple[Any, ...] = (content.workload, *content.volumes)
        for part in parts:
            yield FileRef(str(part.ref), use_latest=False)
            yield FileRef(str(part.hash_tree), use_latest=False)
        return
    if isinstance(content, ProgramContent):
        yield _ref(content.code)
        yield _ref(content.runtime)
        if content.data:
            yield _ref(content.data)
    else:
        yield _ref(content.rootfs.parent)
    for volume in content.volumes:
        if isinstance(volume, ImmutableVolume):
            yield _ref(volume)


def file_refs(content: Machine) -> Iterator[FileRef]:
    """Name every STORE whose file a machine needs: those it holds and the parents its own disks are copied from."""
    yield from held_refs(content)
    for volume in content.volumes:
        if isinstance(volume, PersistentVolume) and volume.parent:
            yield _ref(volume.parent)


def sized_parents(content: Machine) -> Iterator[tuple[str, int, FileRef]]:
    """Yield name, size in MiB and parent of each disk that is a copy of a file."""
    for volume in content.volumes:
        if isinstance(volume, PersistentVolume) and volume.parent:
            yield str(volume.name), volume.size_mib, _ref(volume.parent)
    if isinstance(content, InstanceContent):
        yield "rootfs", content.rootfs.size_mib, _ref(content.rootfs.parent)


def _ref(part: Any) -> FileRef:
    return FileRef(str(part.ref), bool(part.use_latest))
