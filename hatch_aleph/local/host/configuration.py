"""What a host tells a guest before all else: the program, its variables and archives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatch_aleph.local.host.failures import ArchiveTooLargeError

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.local.host.spec import ProgramSpec


def configuration_of(spec: ProgramSpec, archive_bytes: int) -> dict[str, Any]:
    """Return ConfigurationPayloadV2 as the guest gets it (``controllers/firecracker/program.py`` in aleph-vm).

    Args:
        spec: The program; its volumes are mounted by then.
        archive_bytes: The largest archive that goes along.

    Raises:
        ArchiveTooLargeError: Zip code or data is larger.
    """
    inline = None if spec.encoding == "squashfs" else spec.code
    return {
        "input_data": _archive("Data", spec.data, archive_bytes),
        "interface": spec.interface,
        "vm_hash": spec.item_hash,
        "encoding": spec.encoding,
        "entrypoint": spec.entrypoint,
        "code": _archive("Program", inline, archive_bytes) or b"",
        "variables": dict(spec.variables) or None,
        **dict.fromkeys(("ip", "route", "ipv6", "ipv6_gateway", "authorized_keys")),
        "dns_servers": [],
        "volumes": [],
    }


def _archive(kind: str, path: Path | None, limit: int) -> bytes | None:
    if path is None:
        return None
    if path.stat().st_size > limit:
        raise ArchiveTooLargeError(kind, path, limit)
    return path.read_bytes()
