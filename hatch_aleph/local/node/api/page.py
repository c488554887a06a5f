"""The page at ``/``, the files inside a volume, which only it asks for, and what the node says of itself."""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import itertools
import zipfile
from importlib import resources
from typing import TYPE_CHECKING, Any

from aiohttp import web

from hatch_aleph import __version__
from hatch_aleph.local.node.api.support import answer, item_hash_of, node_of, unprocessable
from hatch_aleph.local.node.pyaleph_releases import NEWEST
from hatch_aleph.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SHOWN_ENTRIES = 50_000
_STATES = "/v2/about/executions/list"  # of a host that is served beside the node
_SQUASHFS = b"hsqs"


async def get_version(request: web.Request) -> web.Response:
    """Tell the version of this node."""
    release = node_of(request).release
    return answer({"version": f"hatch-aleph {__version__}" if release is NEWEST else release.name})


async def get_public_info(_request: web.Request) -> web.Response:
    """Tell where peers find this node: nowhere."""
    return answer({"node_multi_addresses": []})


async def get_page(request: web.Request) -> web.Response:
    """Show programs, messages, volumes, balances and logs in a browser."""
    text, policy = _page()
    if any(each.canonical == _STATES for each in request.app.router.resources()):
        text = text.replace("<body>", "<body data-host>")
    headers = {"Content-Security-Policy": policy, "X-Frame-Options": "DENY", "Cache-Control": "no-cache"}
    return web.Response(text=text, content_type="text/html", headers=headers)


@functools.cache
def _page() -> tuple[str, str]:
    """Read the page; its policy lets no script run but its own, whatever a message may contain."""
    style, text, script = (
        resources.files(__package__).joinpath(name).read_text("utf-8") for name in ("page.css", "page.html", "page.js")
    )
    text = text.replace("<style></style>", f"<style>\n{style}</style>")
    text = text.replace("<script></script>", f"<script>{script}</script>")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; connect-src 'self' ws:"
    return text, policy


async def get_volume(request: web.Request) -> web.Response:
    """List the files inside a volume: a squashfs image or a zip archive."""
    file_hash = item_hash_of(request, "file_hash", "Invalid hash")
    node = node_of(request)
    if not node.state.files.exists(file_hash):
        raise web.HTTPNotFound(text="The node does not have this file's bytes.")
    try:
        entries = await asyncio.to_thread(_list, node.state.files.path(file_hash))
    except Exception as error:
        raise unprocessable("This is no readable squashfs image or zip archive.") from error
    return answer({"entries": entries[:_SHOWN_ENTRIES], "more": max(0, len(entries) - _SHOWN_ENTRIES)})


def _list(path: Path) -> list[dict[str, Any]]:
    with path.open("rb") as file:
        is_image = file.read(4) == _SQUASHFS
    entries = _image_entries(path) if is_image else _archive_entries(path)
    return list(itertools.islice(entries, 2 * _SHOWN_ENTRIES))


def _image_entries(path: Path) -> Iterator[dict[str, Any]]:
    from hatch_aleph.squashfs import list_image

    for member in list_image(path):
        if member.kind != "directory":
            yield {"path": printable(member.path), "size": member.size, "target": printable(member.target or "")}


def _archive_entries(path: Path) -> Iterator[dict[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield {"path": printable(info.filename), "size": info.file_size, "target": ""}
