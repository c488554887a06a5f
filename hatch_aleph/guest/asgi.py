"""Run an ASGI app, of version 3 or 2, as an ASGI server runs it."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

from .lifespan import Lifespan

if TYPE_CHECKING:
    from .request_cycle import RequestCycle


class AsgiProgram:
    """An ASGI app.

    Args:
        app: The app.
        doubled: It is called twice, as ASGI 2 had it: with the scope, then with receive and send.
    """

    def __init__(self, app: Any, *, doubled: bool = False) -> None:
        self._app = _single(app) if doubled else app
        self._lifespan = Lifespan(self._app)

    @property
    def state(self) -> dict[str, Any]:
        """What the app's lifespan left for its requests."""
        return self._lifespan.state

    async def start(self) -> None:
        """Run the lifespan's start-up."""
        await self._lifespan.start()

    async def stop(self) -> None:
        """Run the lifespan's shutdown."""
        await self._lifespan.stop()

    async def answer(self, cycle: RequestCycle) -> None:
        """Call the app for one request."""
        given = False

        async def receive() -> dict[str, Any]:
            nonlocal given
            if not given:
                given = True
                return {"type": "http.request", "body": cycle.body, "more_body": False}
            await asyncio.shield(cycle.answered)
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            kind = message["type"]
            if kind == "http.response.start" and not cycle.begun:
                cycle.begin(message["status"], message.get("headers", ()))
            elif kind == "http.response.body" and cycle.begun and not cycle.over:
                cycle.add(message.get("body", b""))
                if message.get("more_body", False):
                    await asyncio.sleep(0)  # an app that only sends must not keep the loop from everything else
                else:
                    cycle.complete()
            elif cycle.over or kind == "http.response.trailers":
                cycle.check_open()
            else:
                message_text = f"Unexpected ASGI message {kind!r} sent."
                raise RuntimeError(message_text)

        await self._app(cycle.scope, receive, send)

    async def event(self, body: Any) -> Any:
        """Pass a subscribed message on; its first answer counts."""
        answers: list[Any] = []
        over = asyncio.Event()
        given = False

        async def receive() -> dict[str, Any]:
            nonlocal given
            if given:
                await over.wait()
            given = True
            return {"type": "aleph.message", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            answers.append(message)

        scope = {"type": "aleph.message", "asgi": {"version": "3.0"}, "body": body, "state": self.state.copy()}
        try:
            result = await self._app(scope, receive, send)
            if inspect.isawaitable(result):  # the SDK's AlephApp hands its handler back unawaited
                await result
        finally:
            over.set()
        return answers[0] if answers else None


def _single(app: Any) -> Any:
    async def call(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await app(scope)(receive, send)

    return call
