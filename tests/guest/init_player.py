"""Plays the guest's init for one program, in a process of its own: run by any Python, knows nothing of the project.

argv: JSON with code, packages, entrypoint, preload, old, msgpack. The calling convention is that of the real init: the
entry point is imported and started inside one running loop, each request is one call with five keys in its scope,
the first two messages sent are the answer, and the lifespan app is called again and again until it says "complete".
An instruction is what one ``read`` gives, msgpack or ``halt``, over one TCP connection each. ``old`` swaps
``sys.stdout`` for a buffer during each call and halts without a limit, as the init of 2024 does.

Prints "PORT n" once it listens; ``!tasks`` tells how many tasks and threads there are.
"""

import asyncio
import contextlib
import io
import json
import logging
import os
import sys
import traceback

logging.basicConfig(level=logging.DEBUG)
logger = logging.getLogger(__name__)
settings = json.loads(sys.argv[1])
if "COVERAGE_PROCESS_CONFIG" in os.environ:  # it follows threads of `threading` alone, and the adapter starts its own
    import _thread
    import threading

    start_untraced = _thread.start_new_thread

    def start_traced(target, args):
        def run():
            sys.settrace(threading.gettrace())
            target(*args)

        return start_untraced(run, ())

    _thread.start_new_thread = start_traced

if settings["msgpack"]:  # for interpreters that have none
    sys.path.append(settings["msgpack"])
import msgpack  # noqa: E402 - as the init has it

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
        data = await reader.read(1000_1000 if settings["old"] else 10_000_000)
        try:
            if data == b"halt":
                if settings["old"]:
                    await lifespan(app, "shutdown")
                else:
                    await asyncio.wait_for(lifespan(app, "shutdown"), 10)
                writer.write(b"STOP\nSTOPZ\n")
                stopped.set()
            elif data == b"!tasks":
                import threading

                writer.write(msgpack.dumps([len(asyncio.all_tasks()), threading.active_count()]))
            else:
                writer.write(await instruction(data))
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def instruction(data):
        scope = msgpack.loads(data, raw=False)["scope"]  # what raises here closes the connection without a word
        try:
            result = await call(app, scope)
        except Exception:
            result = {"traceback": traceback.format_exc()}
        return msgpack.dumps(result, use_bin_type=True)  # plain types only

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await stopped.wait()
    await asyncio.sleep(0.05)


print("INIT", __name__, flush=True)
for name in settings["preload"]:
    __import__(name)
if __name__ == "__main__":
    asyncio.run(main())
