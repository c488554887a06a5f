"""The scopes that a host builds for the guest.

Source: build_asgi_scope and build_event_scope in ``src/aleph/vm/orchestrator/run.py`` of aleph-im/aleph-vm.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Headers = Iterable[tuple[bytes, bytes]]


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
    from yarl import URL

    url = URL("http://localhost" + target, encoded=True)
    return of_request(method, url.path, url.query_string, headers, body)


def of_event(message: str) -> dict[str, Any]:
    """Build the scope of a subscribed message; ``message`` is its JSON."""
    return {"type": "aleph.message", "body": message}
