"""What a host sends to a guest: one configuration before all else, then a scope a request.

Sources in aleph-im/aleph-vm: ConfigurationPayloadV2 in ``src/aleph/vm/controllers/firecracker/program.py``,
build_asgi_scope and build_event_scope in ``src/aleph/vm/orchestrator/run.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hatch_aleph.local.host.failures import ArchiveTooLargeError

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.local.host.spec import ProgramSpec

Headers = Iterable[tuple[bytes, bytes]]
_PLAIN = re.compile(r"/(?:[A-Za-z0-9_-]+/)*[A-Za-z0-9_-]*")  # nothing to decode, no dots to resolve, no host


def of_request(method: str, path: str, query_string: str, headers: Headers, body: bytes) -> dict[str, Any]:
    """Build an HTTP scope: six keys, header names in lower case, path and query as text that is already decoded."""
    return {
        "type": "http",
        "path": path,
        "method": method,
        "query_string": query_string,
        "headers": [(name.lower(), value) for name, value in headers],
        "body": body,
    }


def of_target(method: str, target: str, headers: Headers, body: bytes) -> dict[str, Any]:
    """Build the scope of a request target such as ``/a%20b?q=1``, decoded as the host's yarl does it.

    yarl leaves ``%2B %26 %3D %3B`` in queries and bytes that are no UTF-8 escaped; all else is decoded, so that an
    escaped percent sign cannot be told from a bare one.
    """
    if _PLAIN.fullmatch(target):  # most are, and importing yarl takes longer than answering them
        return of_request(method, target, "", headers, body)
    from yarl import URL

    url = URL("http://localhost" + target, encoded=True)
    return of_request(method, url.path, url.query_string, headers, body)


def of_event(message: str) -> dict[str, Any]:
    """Build the scope of a subscribed message; ``message`` is its JSON."""
    return {"type": "aleph.message", "body": message}


def configuration_of(spec: ProgramSpec, archive_bytes: int) -> dict[str, Any]:
    """Return ConfigurationPayloadV2 as the guest gets it.

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
