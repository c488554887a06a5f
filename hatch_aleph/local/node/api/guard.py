"""Who may talk to the node: programs and pages of this machine, by names of this machine.

Why it asks for names and origins stands in ``local/origins.py``.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from hatch_aleph.local.node.api.support import unprocessable
from hatch_aleph.local.node.list_pages import InvalidQueryError
from hatch_aleph.local.origins import is_local, is_own, is_own_origin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)
_CLIMBS = re.compile(r"(?:^|[/\\])\.\.(?:[/\\]|$)|[\\\x00]")
_OWN_PATH = re.compile(r"/(?:$|faucet$|version$|(?:api|local|about|control|status|v2)/)")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@web.middleware
async def guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse foreign hosts, and for the node's own routes foreign origins and paths that climb; hide inner faults.

    A program that is served beside the node, under a name or path of its own, decides by itself whom it answers.
    """
    host = request.headers.get("Host", "")
    if not is_local(host):
        raise web.HTTPForbidden(text="This node serves 127.0.0.1 and localhost only.")
    if is_own(host) and _OWN_PATH.match(request.path):
        _check_own(request)
    try:
        return await handler(request)
    except (web.HTTPException, ConnectionError):
        raise
    except InvalidQueryError as error:
        raise unprocessable(str(error)) from error
    except (HttpProcessingError, web.RequestPayloadError) as error:
        raise web.HTTPBadRequest(text="Malformed request") from error
    except Exception as error:
        _log.exception("%s %s failed", request.method, request.path)
        raise web.HTTPInternalServerError(text="Internal error") from error


def _check_own(request: web.Request) -> None:
    origin = request.headers.get("Origin")
    talks = request.method not in _SAFE or request.headers.get("Upgrade", "").lower() == "websocket"
    if origin is not None and talks and not is_own_origin(origin):
        raise web.HTTPForbidden(text="This node takes no requests from pages of other sites.")
    if _CLIMBS.search(unquote(request.raw_path.partition("?")[0])):
        raise web.HTTPBadRequest(text="Invalid path")


def _is_our_fault(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def log_no_bad_requests() -> None:
    """Keep aiohttp from logging a traceback for each request that is no HTTP; it answers 400 by itself."""
    server = logging.getLogger("aiohttp.server")
    if _is_our_fault not in server.filters:
        server.addFilter(_is_our_fault)
