"""Node and host in one server, or the host alone with the programs of another node."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_aleph.local.host import Limits
    from hatch_aleph.local.node import Lateness


async def serve_network(
    folder: Path,
    port: int,
    *,
    source: str | None = None,
    limits: Limits | None = None,
    lateness: Lateness | None = None,
    release: str = "0.10.3",
    page_token: str = "",
    cache: Path | None = None,
    notice: Callable[[str], None] = lambda _: None,
    ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve on 127.0.0.1 until cancelled.

    Args:
        folder: Where messages, files and volumes are kept.
        port: Port; 0 takes a free one.
        source: URL of another node whose programs the host runs; none of our own is started then.
        limits: The host's times and sizes, and whether it has a real host's faults.
        lateness: How late the node tries messages.
        release: Of pyaleph: which one the node plays.
        page_token: What the page shows to get the logs of programs; a random one by default.
        cache: Where unpacked images are kept; the tool's own cache by default.
        notice: Gets one line for what a developer should know.
        ready: Gets the URL once requests are answered.

    Raises:
        OSError: The port is taken or the folder cannot be written.
    """
    from aiohttp import web

    from hatch_aleph.build.cache import Cache
    from hatch_aleph.local.host import Host
    from hatch_aleph.local.node import RELEASES, Node, application_of, serve_application
    from hatch_aleph.network.nodes import checked

    source = checked(source) if source else None
    if source:
        application = web.Application()
    else:
        application = application_of(Node(folder / "node", lateness=lateness, release=RELEASES[release]))
    host = Host(
        source or "",
        folder / "host",
        cache or Cache.default().host,
        limits=limits,
        notice=notice,
        page_token=page_token,
        schedules=source is None,
        stands_by=True,
    )
    host.attach(application)

    def opened(url: str) -> None:
        host.node_url = source or url
        ready(url)

    await serve_application(application, port, opened)
