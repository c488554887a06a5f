"""A plain ASGI app that asks another server with aiohttp, one session for its whole life."""

import os

import aiohttp


class App:
    session = None

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            self.session = aiohttp.ClientSession(os.environ["UPSTREAM"])
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self.session.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
        message = await receive()
        target = scope["path"] + ("?" + scope["query_string"].decode() if scope["query_string"] else "")
        async with self.session.request(
            scope["method"], target, data=message["body"] or None, allow_redirects=False
        ) as answer:
            body = await answer.read()
            kind = answer.headers.get("content-type", "").encode()
            await send({"type": "http.response.start", "status": answer.status, "headers": [(b"content-type", kind)]})
        await send({"type": "http.response.body", "body": body})


app = App()
