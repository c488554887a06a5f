"""All routes of a node in one application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from hatch_aleph import __version__
from hatch_aleph.local.node.api import accounts, aggregates, downloads, live, messages, prices, uploads
from hatch_aleph.local.node.api.guard import guard
from hatch_aleph.local.node.api.support import NODE, answer
from hatch_aleph.local.node.limits import JSON_BODY_LIMIT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hatch_aleph.local.node.node import Node


async def get_version(request: web.Request) -> web.Response:  # noqa: ARG001 - a handler takes its request
    """Tell the version of this node."""
    return answer({"version": f"hatch-aleph {__version__}"})


async def get_public_info(request: web.Request) -> web.Response:  # noqa: ARG001 - as above
    """Tell where peers find this node: nowhere."""
    return answer({"node_multi_addresses": []})


def routes() -> list[web.RouteDef]:
    """List every route of the API."""
    v0 = "/api/v0"
    return [
        web.get("/version", get_version),
        web.get(f"{v0}/version", get_version),
        web.get(f"{v0}/info/public.json", get_public_info),
        web.post("/faucet", accounts.post_faucet),
        web.post(f"{v0}/messages", messages.post_message),
        web.get(f"{v0}/messages.json", messages.list_messages),
        web.get(f"{v0}/messages/hashes", messages.list_hashes),
        web.get(f"{v0}/messages/page/{{page}}.json", messages.list_messages),
        web.get(f"{v0}/messages/{{item_hash}}", messages.get_message),
        web.get(f"{v0}/messages/{{item_hash}}/content", messages.get_content),
        web.get(f"{v0}/messages/{{item_hash}}/status", messages.get_status),
        web.get("/api/ws0/messages", live.watch_messages),
        web.post(f"{v0}/ipfs/pubsub/pub", messages.post_pubsub),
        web.post(f"{v0}/p2p/pubsub/pub", messages.post_pubsub),
        web.post(f"{v0}/storage/add_file", uploads.add_storage_file),
        web.post(f"{v0}/storage/add_json", uploads.add_storage_json),
        web.post(f"{v0}/ipfs/add_file", uploads.add_ipfs_file),
        web.post(f"{v0}/ipfs/add_json", uploads.add_ipfs_json),
        web.get(f"{v0}/storage/limits.json", downloads.get_limits),
        web.get(f"{v0}/storage/{{file_hash}}", downloads.get_encoded),
        web.get(f"{v0}/storage/raw/{{file_hash}}", downloads.get_raw),
        web.get(f"{v0}/storage/by-message-hash/{{message_hash}}", downloads.get_by_message),
        web.get(f"{v0}/storage/by-ref/{{ref}}", downloads.get_by_ref),
        web.get(f"{v0}/storage/by-ref/{{address}}/{{ref}}", downloads.get_by_ref),
        web.get(f"{v0}/storage/metadata/{{file_hash}}", downloads.get_metadata),
        web.get(f"{v0}/storage/count/{{hash}}", downloads.get_count),
        web.get(f"{v0}/addresses/{{address}}/balance", accounts.get_balance),
        web.get(f"{v0}/addresses/{{address}}/files", accounts.get_files),
        web.get(f"{v0}/addresses/{{address}}/credit_history", accounts.get_credit_history),
        web.get(f"{v0}/authorizations/granted/{{address}}.json", accounts.get_granted),
        web.get(f"{v0}/authorizations/received/{{address}}.json", accounts.get_received),
        web.get(f"{v0}/aggregates/{{address}}.json", aggregates.get_aggregates),
        web.get(f"{v0}/price/{{item_hash}}", prices.get_price),
        web.post(f"{v0}/price/estimate", prices.post_estimate),
        web.get(f"{v0}/costs", prices.get_costs),
    ]


def make_application(node: Node) -> web.Application:
    """Make the application of a node; it starts with the application and closes with it."""
    app = web.Application(middlewares=[guard], client_max_size=JSON_BODY_LIMIT)
    app[NODE] = node
    live.add_sockets(app)
    app.add_routes(routes())

    async def run_node(app: web.Application) -> AsyncIterator[None]:  # noqa: ARG001 - aiohttp's signature
        await node.start()
        yield
        await node.close()

    app.cleanup_ctx.append(run_node)
    return app
