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


class TooLargeError(Exception):
    """A body over the limit; ``size`` is how much of it had come."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


async def read_body(request: web.Request, limit: int) -> bytes:
    """Return the whole body, however slowly it comes, as long as it stays within the host's limit.

    Raises:
        TooLargeError: It does not.
    """
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise TooLargeError(len(body))
    return bytes(body)


async def answer_request(machine: Machine, path: str, request: web.Request) -> Answer:
    """Run a request in a machine."""
    limit = machine.limits.body_bytes
    try:
        body = await read_body(request, limit)
    except TooLargeError as error:
        return answers.too_large(limit, error.size)
    except (ConnectionResetError, web.RequestPayloadError):
        return answers.failure(400, "The client went away or sent no HTTP")  # as good as nobody reads it
    scope = wire.of_request(request.method, path, request.query_string, request.raw_headers, body)
    return await machine.answer(scope)


def response_of(answer: Answer) -> web.Response:
    """Return aiohttp's response for an answer; a wrong Content-Length stays wrong, as it does on a host."""
    headers = CIMultiDict(answer.headers)
    headers["server"] = SERVER
    return web.Response(status=answer.status, reason=answer.reason, body=answer.body, headers=headers)
