"""Plays the guest's init for one program, in a process of its own: run by any Python, knows nothing of the project.

argv: JSON with code, packages, entrypoint, preload, old. The calling convention is that of the real init: the
entry point is imported and started inside one running loop, each request is one call with five keys in its scope,
the first two messages sent are the answer, and the lifespan app is called again and again until it says "complete".
``old`` swaps ``sys.stdout`` for a buffer during each call, as the init of 2024 does.

Speaks pickles with a length before each, over one TCP connection a request; prints "PORT n" once it listens.
"""

import asyncio
import contextlib
import io
import json
import logging
import pickle
import struct
import sys
import traceback

logging.basicConfig(level=logging.DEBUG)
logger = logging.getLogger(__name__)
settings = json.loads(sys.argv[1])
if settings["old"]:
    from contextlib import redirect_stdout


def find(entrypoint):
    module_name, name = entrypoint.split(":", 1)
    return getattr(__import__(module_name), name)


async def lifespan(app, event):
    done = asyncio.Event()

    async def receive():
        return {"type": f"lifespan.{event}"}

    async def send(message):
        if message["type"] == f"lifespan.{event}.complete":
            done.set()

    while not done.is_set():
        await app(scope={"type": "lifespan"}, receive=receive, send=send)


async def call(app, scope):
    body = scope.pop("body")
    queue = asyncio.Queue()

    async def receive():
        kind = "http.request" if scope["type"] == "http" else "aleph.message"
        return {"type": kind, "body": body, "more_body": False}

    with redirect_stdout(io.StringIO()) if settings["old"] else contextlib.nullcontext():
        await app(scope, receive, queue.put)
        head = await queue.get() if scope["type"] == "http" else {}
        answer = await queue.get()
    logger.debug(f"Body {answer}")
    return head, answer


async def main():
    sys.path[:0] = [settings["code"], settings["packages"]]
    stopped = asyncio.Event()
    try:
        app = find(settings["entrypoint"])
        await asyncio.wait_for(lifespan(app, "startup"), 30)
    except Exception as error:
        print("FAILED", json.dumps([str(error), traceback.format_exc()]), flush=True)
        return

    async def handle(reader, writer):
        size = struct.unpack("!I", await reader.readexactly(4))[0]
        scope = pickle.loads(await reader.readexactly(size))
        try:
            if scope == "halt":
                await lifespan(app, "shutdown")
                result = "STOP"
                stopped.set()
            elif scope == "tasks":
                import threading

                result = len(asyncio.all_tasks()), threading.active_count()
            else:
                result = await call(app, scope)
        except Exception:
            result = {"traceback": traceback.format_exc()}
        # the real one packs with msgpack: plain types only come out
        raw = pickle.dumps(plain(result))
        writer.write(struct.pack("!I", len(raw)) + raw)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await stopped.wait()
    await asyncio.sleep(0.05)


def plain(value):
    if isinstance(value, dict):
        return {plain(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return bytes(value) if isinstance(value, bytes) else value


for name in settings["preload"]:
    __import__(name)
if __name__ == "__main__":
    asyncio.run(main())
