"""Between aiohttp and a machine: requests become scopes, answers become responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from multidict import CIMultiDict

from hatch_aleph.local.host import host_answers as answers
from hatch_aleph.local.host import wire

if TYPE_CHECKING:
    from hatch_aleph.local.host.machine import Machine
    from hatch_aleph.local.host.spec import Answer

SERVER = "aleph-vm/hatch-aleph"


async def answer_request(machine: Machine, path: str, request: web.Request) -> Answer:
    """Run a request in a machine, when all of its body has come, however slowly, within the host's limit."""
    body, limit = bytearray(), machine.limits.body_bytes
    try:
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > limit:
                return answers.too_large(limit, len(body))
    except (ConnectionResetError, web.RequestPayloadError):
        return answers.failure(400, "The client went away or sent no HTTP")  # as good as nobody reads it
    scope = wire.of_request(request.method, path, request.query_string, request.raw_headers, bytes(body))
    return await machine.answer(scope)


def response_of(answer: Answer) -> web.Response:
    """Return aiohttp's response for an answer; a wrong Content-Length stays wrong, as it does on a host."""
    headers = CIMultiDict(answer.headers)
    headers["server"] = SERVER
    return web.Response(status=answer.status, reason=answer.reason, body=answer.body, headers=headers)
