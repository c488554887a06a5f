"""Uploads: streamed to disk, checked, kept, then published (pyaleph's ``web/controllers/{storage,ipfs}.py``)."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from aiohttp import BodyPartReader, web

from hatch_aleph.local.node.api.message_routes import http_status, publish
from hatch_aleph.local.node.api.support import answer, node_of, too_large, unprocessable
from hatch_aleph.local.node.costs import payment_type, total
from hatch_aleph.local.node.envelope import read_message
from hatch_aleph.local.node.file_store import TooLargeError
from hatch_aleph.local.node.limits import JSON_BODY_LIMIT
from hatch_aleph.local.node.rejection import MalformedMessageError, RejectedMessageError
from hatch_aleph.local.node.rules.store import upload_cost_mib
from hatch_aleph.network.fields import parse_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aleph_message.models import StoreContent

    from hatch_aleph.local.node.embedded_node import Node
    from hatch_aleph.local.node.envelope import Message
    from hatch_aleph.local.node.file_store import Incoming

_CHUNK = 256 * 1024


@dataclass
class _Upload:
    """The parts of an upload as they came."""

    file: Incoming | None = None
    filename: str = "file"
    metadata: bytes | None = None


async def add_storage_file(request: web.Request) -> web.Response:
    """Keep a file by its sha256, with or without a signed STORE message."""
    async with _received(request, node_of(request).limits.storage, cid=False) as upload:
        file, status = await _take(request, upload, "storage")
        return answer({"status": "success", "hash": file.hash}, status)


async def add_ipfs_file(request: web.Request) -> web.Response:
    """Keep a file by its CID, with or without a signed STORE message."""
    node = node_of(request)
    _require_ipfs(node)
    if request.content_type != "multipart/form-data":
        raise web.HTTPBadRequest(reason="Expected Content-Type: multipart/form-data")
    async with _received(request, node.limits.ipfs, cid=True) as upload:
        if upload.file is None:
            raise web.HTTPUnprocessableEntity(reason="Missing 'file' in multipart form.")
        file, status = await _take(request, upload, "ipfs")
        return answer({"status": "success", "hash": file.hash, "name": upload.filename, "size": file.size}, status)


async def _take(request: web.Request, upload: _Upload, engine: str) -> tuple[Incoming, int]:
    """Check, keep and publish what was uploaded; return the file and the HTTP status."""
    node = node_of(request)
    file = _file_of(upload, node)
    if not upload.metadata:
        _keep(node, file, pinned=False)
        return file, 200
    message, raw, sync = _read_metadata(upload.metadata)
    _check(node, message, file, engine)
    _keep(node, file, pinned=True)
    return file, http_status(await publish(node, message, raw, sync=sync))


async def add_storage_json(request: web.Request) -> web.Response:
    """Keep a JSON document by its sha256."""
    return await _add_json(request, cid=False)


async def add_ipfs_json(request: web.Request) -> web.Response:
    """Keep a JSON document by its CID."""
    _require_ipfs(node_of(request))
    return await _add_json(request, cid=True)


async def _add_json(request: web.Request, *, cid: bool) -> web.Response:
    node = node_of(request)
    limit = node.limits.unauthenticated
    try:
        text = await request.clone(client_max_size=limit).read()
        parse_json(text)
    except ValueError as error:
        raise unprocessable(f"not JSON: {error}") from error
    file = node.state.files.receive(limit, cid=cid)
    try:
        file.write(json.dumps(parse_json(text)).encode())
        await file.finish()
        _keep(node, file, pinned=False)
    finally:
        file.discard()
    return answer({"status": "success", "hash": file.hash})


def _require_ipfs(node: Node) -> None:
    if not node.ipfs:
        raise web.HTTPForbidden(reason="IPFS is disabled on this node")


@contextlib.asynccontextmanager
async def _received(request: web.Request, limit: int, *, cid: bool) -> AsyncIterator[_Upload]:
    """Stream the body to disk; what is not kept by the end is deleted."""
    upload, node = _Upload(), node_of(request)
    try:
        if request.content_type == "multipart/form-data":
            await _read_parts(request, upload, node, limit, cid=cid)
        else:
            upload.file = node.state.files.receive(node.limits.unauthenticated, cid=cid)
            async for chunk in request.content.iter_chunked(_CHUNK):
                upload.file.write(chunk)
            await upload.file.finish()
        yield upload
    except TooLargeError as error:
        raise too_large(error.limit, error.limit + 1) from error
    finally:
        if upload.file is not None:
            upload.file.discard()


async def _read_parts(request: web.Request, upload: _Upload, node: Node, limit: int, *, cid: bool) -> None:
    # The application bounds bodies for JSON; an upload is bounded by its own limit, part by part.
    body = request.clone(client_max_size=0)
    try:
        reader = await body.multipart()
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader):
                raise web.HTTPBadRequest(text="Invalid multipart structure")
            if part.name == "file" and upload.file is None:
                upload.file, upload.filename = node.state.files.receive(limit, cid=cid), part.filename or "file"
                while chunk := await part.read_chunk(_CHUNK):
                    upload.file.write(chunk)
                await upload.file.finish()
            elif part.name == "metadata":
                upload.metadata = await _bounded(part)
            else:
                await part.release()
    except (ValueError, AssertionError, LookupError) as error:  # aiohttp's, for bodies that are no multipart
        raise web.HTTPBadRequest(text="Invalid multipart structure") from error


async def _bounded(part: BodyPartReader) -> bytes:
    text = bytearray()
    while chunk := await part.read_chunk(_CHUNK):
        text += chunk
        if len(text) > JSON_BODY_LIMIT:
            raise too_large(JSON_BODY_LIMIT, len(text))
    return bytes(text)


def _file_of(upload: _Upload, node: Node) -> Incoming:
    if upload.file is None:
        raise web.HTTPBadRequest(reason="File should be sent as FormData or Raw Upload")
    if not upload.metadata and upload.file.size > node.limits.unauthenticated:
        raise too_large(node.limits.unauthenticated, upload.file.size)
    return upload.file


def _read_metadata(metadata: bytes) -> tuple[Message, Any, bool]:
    """Return the message that came with an upload, the same as it came, and whether to wait for what becomes of it."""
    try:
        parts = parse_json(metadata)
        raw, sync = parts["message"], parts["sync"]
        message = read_message(raw)
    except (ValueError, TypeError, KeyError, MalformedMessageError) as error:
        reason = " ".join(str(error).split())
        raise web.HTTPUnprocessableEntity(reason=_header_text(f"Could not decode metadata: {reason}")) from error
    if message.type != "STORE" or message.item_type != "inline" or not isinstance(sync, bool):
        raise web.HTTPUnprocessableEntity(reason="Could not decode metadata: expected an inline STORE message and sync")
    return message, raw, sync


def _check(node: Node, message: Message, file: Incoming, engine: str) -> None:
    """Check signature, hash and balance before the file is kept; on IPFS the hash comes last, as on the network."""
    if not message.is_signed:
        raise web.HTTPForbidden
    content = cast("StoreContent", message.parsed)
    mismatch = web.HTTPUnprocessableEntity(reason=f"File hash does not match ({file.hash} != {content.item_hash})")
    if engine == "ipfs" and content.item_type != "ipfs":
        raise web.HTTPUnprocessableEntity(
            reason=f"Expected item_type=ipfs in STORE message, got {content.item_type.value}"
        )
    if engine == "storage" and content.item_hash != file.hash:
        raise mismatch
    payment = payment_type(content)
    costs = node.state.pricer.costs(content, "", {"file": upload_cost_mib(file.size)})
    try:
        node.state.balances.require(content.address, total(costs, payment), payment)
    except RejectedMessageError as error:
        raise web.HTTPPaymentRequired from error
    if engine == "ipfs" and content.item_hash != file.hash:
        _keep(node, file, pinned=False)
        raise mismatch


def _keep(node: Node, file: Incoming, *, pinned: bool) -> None:
    """Keep the bytes, then write them down; a file that no message will pin is kept for a day."""
    node.state.files.keep(file)
    with node.state.database.transaction():
        node.state.pins.add_file(file.hash, file.size, node.now())
        if not pinned:
            node.state.pins.pin_grace(file.hash, node.now())


def _header_text(text: str) -> str:
    """Fit a reason into a status line: printable ASCII, not too long."""
    return "".join(char if " " <= char <= "~" else "?" for char in text)[:500]
