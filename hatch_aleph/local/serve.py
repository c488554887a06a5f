"""Node and host in one server, or the host alone with the programs of another node."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


async def serve_network(
    folder: Path,
    port: int,
    *,
    source: str | None = None,
    cache: Path | None = None,
    notice: Callable[[str], None] = lambda _: None,
    ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve on 127.0.0.1 until cancelled.

    Args:
        folder: Where messages, files and volumes are kept.
        port: Port; 0 takes a free one.
        source: URL of another node whose programs the host runs; none of our own is started then.
        cache: Where unpacked images are kept; the tool's own cache by default.
        notice: Told what a developer should know, a line each.
        ready: Told the URL once requests are answered.

    Raises:
        OSError: When the port is taken or the folder cannot be written.
    """
    from aiohttp import web

    from hatch_aleph.files import cache_folder
    from hatch_aleph.local.host import Host
    from hatch_aleph.local.node import Node

    application = web.Application() if source else Node(folder / "node").application()
    host = Host(
        source or "", folder / "host", cache or cache_folder() / "host", notice=notice, schedules=source is None
    )
    host.attach(application)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        host.node_url = source or url
        ready(url)
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
