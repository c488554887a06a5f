"""What the node says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_aleph import __version__
from hatch_aleph.local.node.api.support import answer

if TYPE_CHECKING:
    from aiohttp import web


async def get_version(request: web.Request) -> web.Response:  # noqa: ARG001 - a handler takes its request
    """Tell the version of this node."""
    return answer({"version": f"hatch-aleph {__version__}"})


async def get_public_info(request: web.Request) -> web.Response:  # noqa: ARG001 - as above
    """Tell where peers find this node: nowhere."""
    return answer({"node_multi_addresses": []})


async def get_openapi(request: web.Request) -> web.Response:  # noqa: ARG001 - as above
    """Describe this API."""
    from hatch_aleph.local.node.api.openapi import document
    from hatch_aleph.local.node.api.routes import ROUTES

    return answer(document(ROUTES, __version__))
