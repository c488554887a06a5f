"""What can be seen of a program, before it is published, that the guest or the hosts will not do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hatch_aleph.build.entries import content_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hatch_aleph.settings import Settings
    from hatch_aleph.squashfs import Entry

# How the frameworks name a route or consumer of websockets.
_WEBSOCKET = re.compile(
    rb"@\w+(\.\w+)*\.websocket(_route)?\(|\bWebSocketRoute\(|\bWebSocketEndpoint\b|\bWebsocketConsumer\b"
)


def cautions(settings: Settings, entries: Iterable[Entry]) -> Iterator[str]:
    """Tell, a line each, what of a project's code and settings will not work as it does elsewhere.

    Args:
        settings: The program's.
        entries: The project's files, without the adapter.
    """
    sockets = sorted(
        entry.path for entry in entries if entry.path.endswith(".py") and _WEBSOCKET.search(content_of(entry))
    )
    if sockets:
        yield f"the network's hosts carry no websockets, which {', '.join(sockets)} would serve"
    if not settings.adapter and settings.interface == "executable":
        yield (
            "a bare executable (adapter = false) has 5 s a request, may get a failing one many times, and is not "
            "started again after a crash"
        )
    elif not settings.adapter:
        yield "a bare app (adapter = false) meets the guest's own calling convention, which few frameworks survive"
