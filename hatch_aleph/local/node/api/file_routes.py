"""Files: their bytes, and what is known of them (pyaleph's ``web/controllers/storage.py``)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aleph_message.models import ItemHash

from hatch_aleph.local.node.api.support import answer, item_hash_of, node_of, too_large
from hatch_aleph.local.node.file_pins import is_item_hash

if TYPE_CHECKING:
    from hatch_aleph.local.node.embedded_node import Node

_HEADERS = {"Content-Type": "application/octet-stream", "Accept-Ranges": "none"}


async def get_limits(request: web.Request) -> web.Response:
    """Tell the largest uploads this node takes, in bytes."""
    node = node_of(request)
    if not node.release.limits:
        raise web.HTTPBadRequest(text="Invalid hash provided")
    return answer(node.limits.answer())


async def get_raw(request: web.Request) -> web.StreamResponse:
    """Give a file's bytes."""
    file_hash = item_hash_of(request, "file_hash", "Invalid hash")
    node = node_of(request)
    size = node.state.pins.size(file_hash)
    if size is None or not node.state.files.exists(file_hash):
        raise web.HTTPNotFound(text="Not found")
    response = web.StreamResponse(headers=_HEADERS)
    response.content_length = size
    await response.prepare(request)
    if request.method != "HEAD":
        for chunk in node.state.files.chunks(file_hash):
            await response.write(chunk)
    return response


async def get_encoded(request: web.Request) -> web.Response:
    """Give a file's bytes in base64, inside JSON; not for files over the engine's limit."""
    file_hash = item_hash_of(request, "file_hash", "Invalid hash provided")
    node = node_of(request)
    size = node.state.pins.size(file_hash)
    if size is None:
        raise web.HTTPNotFound(text="Not found")
    if size > node.limits.storage:
        raise too_large(node.limits.storage, size)
    if not node.state.files.exists(file_hash):
        raise web.HTTPNotFound(text=f"No file found for hash {file_hash}")
    content = base64.encodebytes(node.state.files.path(file_hash).read_bytes()).decode()
    engine = ItemHash(file_hash).item_type.value
    return answer({"status": "success", "hash": file_hash, "engine": engine, "content": content})


async def get_by_message(request: web.Request) -> web.Response:
    """Tell the file of one STORE message."""
    item_hash = item_hash_of(request, "message_hash", "Invalid hash provided")
    node = node_of(request)
    pin = node.state.pins.message_pin(item_hash)
    if pin is None:
        raise web.HTTPNotFound(text=f"No file found for message {item_hash}")
    return answer(_described(node, pin["ref"] or item_hash, pin["owner"], pin["file_hash"]))


async def get_by_ref(request: web.Request) -> web.Response:
    """Tell the newest file behind an original STORE, or behind a name of an owner's choice."""
    ref, owner = request.match_info["ref"], request.match_info.get("address")
    if is_item_hash(ref):
        name = ref
    elif owner is None:
        raise web.HTTPBadRequest(text="address is required for user-defined ref")
    else:
        name = f"{owner}/{ref}"
    node = node_of(request)
    tag = node.state.pins.tag(name)
    if tag is None:
        raise web.HTTPNotFound(text=f"No file found for tag {name}")
    return answer(_described(node, ref, tag["owner"], tag["file_hash"]))


async def get_metadata(request: web.Request) -> web.Response:
    """Tell the size of a file."""
    file_hash = request.match_info["file_hash"]
    size = node_of(request).state.pins.size(file_hash)
    if size is None:
        raise web.HTTPNotFound(text=f"No file found for hash {file_hash}")
    return answer({"file_hash": file_hash, "type": "file", "size": size, "download_url": _url(file_hash)})


async def get_count(request: web.Request) -> web.Response:
    """Count what keeps a file."""
    database = node_of(request).state.database
    return answer(database.value("SELECT count(*) FROM pins WHERE file_hash = ?", request.match_info["hash"]))


def _described(node: Node, ref: str, owner: str, file_hash: str) -> dict[str, Any]:
    size = node.state.pins.size(file_hash)
    return {"ref": ref, "owner": owner, "file_hash": file_hash, "download_url": _url(file_hash), "size": size}


def _url(file_hash: str) -> str:
    return f"/api/v0/storage/raw/{file_hash}"
