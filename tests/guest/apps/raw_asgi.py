"""Asks for everything that the ASGI specification promises; answers what it got as JSON."""

import asyncio
import json

LOG = []


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
        return
    handler = HANDLERS.get(scope["path"], describe)
    await handler(scope, receive, send)


async def lifespan(scope, receive, send):
    print("lifespan:", (await receive())["type"], flush=True)
    scope["state"]["started"] = scope["state"].get("started", 0) + 1
    scope["state"]["shared"] = []
    await send({"type": "lifespan.startup.complete"})
    message = await receive()
    print("lifespan:", message["type"], flush=True)
    await send({"type": "lifespan.shutdown.complete"})


async def answer(send, body, status=200, headers=()):
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


async def describe(scope, receive, send):
    message = await receive()
    body = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    known = ("type", "http_version", "scheme", "method", "path", "root_path")
    said = {key: scope[key] for key in known}
    said["raw_path"] = scope["raw_path"].decode()
    said["query_string"] = scope["query_string"].decode()
    said["headers"] = sorted([key.decode("latin-1"), value.decode("latin-1")] for key, value in scope["headers"])
    said["asgi"] = scope["asgi"]["version"]
    said["client"], said["server"] = len(scope["client"]), len(scope["server"])
    said["types"] = [type(scope["headers"][0]).__name__, type(scope["query_string"]).__name__, type(body).__name__]
    said["state"] = scope["state"]["started"]
    said["body"] = body.decode("latin-1")
    await answer(send, json.dumps(said).encode(), headers=[(b"Content-Type", b"application/json"), (b"x-a", b"1")])


async def chunks(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    for number in range(50):
        await send({"type": "http.response.body", "body": b"%d," % number * 1000, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body"})


async def events(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    for number in range(5):
        await send({"type": "http.response.body", "body": b"data: %d\n\n" % number, "more_body": True})
        await asyncio.sleep(0.01)
    await send({"type": "http.response.body", "more_body": False})


async def endless_events(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    try:
        while True:
            await send({"type": "http.response.body", "body": b"data: x\n\n", "more_body": True})
            await asyncio.sleep(0.05)
    except OSError:
        LOG.append("gone")


async def endless_flood(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"", "more_body": True})


async def never(scope, receive, send):
    await receive()
    LOG.append((await receive())["type"])
    await asyncio.Event().wait()


async def log(scope, receive, send):
    await answer(send, json.dumps(LOG).encode())


async def twice(scope, receive, send):
    """Receives again only after the answer: a disconnect, and not before."""
    await receive()
    waiting = asyncio.ensure_future(receive())
    await asyncio.sleep(0.05)
    early = waiting.done()
    await answer(send, b"early" if early else b"waited")
    LOG.append((await waiting)["type"])


async def late(scope, receive, send):
    await answer(send, b"now")
    await asyncio.sleep(0.3)
    LOG.append("late work")


RELEASED, TOGETHER = [], []


async def held(scope, receive, send):
    await answer(send, b"now")
    while not RELEASED:
        await asyncio.sleep(0.01)
    LOG.append("held work")


async def release(scope, receive, send):
    RELEASED.append(True)
    await answer(send, b"released")


async def meets(scope, receive, send):
    TOGETHER.append(True)
    while len(TOGETHER) < 20:
        await asyncio.sleep(0.01)
    await answer(send, b"met")


async def raises(scope, receive, send):
    raise ValueError("a secret")


async def raises_late(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ValueError("a secret")


async def exits(scope, receive, send):
    raise SystemExit(3)


async def interrupts(scope, receive, send):
    raise KeyboardInterrupt


async def silent(scope, receive, send):
    return


async def wrong_order(scope, receive, send):
    await send({"type": "http.response.body", "body": b"x"})


async def cookies(scope, receive, send):
    await answer(send, b"ok", headers=[(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"x-latin", b"caf\xe9")])


async def empty(scope, receive, send):
    await answer(send, b"", status=204)


async def not_modified(scope, receive, send):
    await answer(send, b"", status=304, headers=[(b"etag", b'"x"')])


async def missing(scope, receive, send):
    await answer(send, b"caf\xe9", status=404, headers=[(b"content-type", b"text/plain; charset=latin-1")])


async def missing_binary(scope, receive, send):
    await answer(send, b"\xff\xfe\x00", status=404, headers=[(b"content-type", b"application/octet-stream")])


async def head(scope, receive, send):
    await answer(send, b"" if scope["method"] == "HEAD" else b"12345", headers=[(b"content-length", b"5")])


async def compressed(scope, receive, send):
    import gzip

    await answer(send, gzip.compress(b"plain " * 100), headers=[(b"content-encoding", b"gzip"), (b"vary", b"a")])


async def deflated(scope, receive, send):
    import zlib

    await answer(send, zlib.compress(b"plain " * 100), headers=[(b"content-encoding", b"deflate")])


async def brotli(scope, receive, send):
    await answer(send, b"\x0b\x02\x80hello\x03", headers=[(b"content-encoding", b"br")])


async def prints(scope, receive, send):
    print("printed", scope["query_string"].decode(), flush=True)
    await asyncio.sleep(0.1)
    print("printed again", scope["query_string"].decode(), flush=True)
    await answer(send, b"ok")


async def blocks(scope, receive, send):
    import time

    time.sleep(0.5)
    await answer(send, b"blocked")


HANDLERS = {
    f"/{function.__name__}": function for function in list(globals().values()) if asyncio.iscoroutinefunction(function)
}


class Two:
    """The same probe as ASGI 2 had it."""

    def __init__(self, scope):
        self.scope = scope

    async def __call__(self, receive, send):
        await app(self.scope, receive, send)


def make(greeting="made"):
    async def made(scope, receive, send):
        if scope["type"] != "http":
            raise ValueError(scope["type"])
        await answer(send, greeting.encode())

    return made


class Holder:
    inner = type("Inner", (), {"app": staticmethod(app)})
