"""Run a WSGI app in threads, with the environ that gunicorn would give it (PEP 3333)."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import io
import sys
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from .native_threads import Threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .request_cycle import RequestCycle

# Apps that wait for databases need more threads than processors; asyncio's own pool has six on two.
THREADS = 32
_BLOCK = 65536


class WsgiProgram:
    """A WSGI app."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._threads = Threads("wsgi", THREADS)

    async def start(self) -> None:
        """Do nothing: a WSGI app has no start-up."""

    async def stop(self) -> None:
        """Let idle threads go; a request that still runs is not waited for."""
        self._threads.stop()

    async def answer(self, cycle: RequestCycle) -> None:
        """Call the app in a thread, in a context of its own."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._threads.run(functools.partial(contextvars.copy_context().run, self._run, cycle, loop, done))
        await done

    async def event(self, body: Any) -> Any:
        """Know no events: WSGI has no place for them."""

    def _run(self, cycle: RequestCycle, loop: asyncio.AbstractEventLoop, done: asyncio.Future[None]) -> None:
        error: BaseException | None = None
        try:
            self._call(cycle, loop)
        except StopIteration as raised:  # which no future takes
            error = RuntimeError(f"the app raised {raised!r}")
        except BaseException as raised:  # noqa: BLE001 - the request's, whatever it is
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop is closed: the machine halts
            loop.call_soon_threadsafe(_settle, done, error)

    def _call(self, cycle: RequestCycle, loop: asyncio.AbstractEventLoop) -> None:
        cycle.thread = threading.get_ident()
        response = _Response(cycle)
        result = self._app(make_environ(cycle.scope, cycle.body), response.start)
        try:
            for chunk in _chunks(result):
                response.write(chunk)
            response.begin()
            loop.call_soon_threadsafe(cycle.complete)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()  # after the answer: apps do their late work here


def _chunks(result: Any) -> Iterator[bytes]:
    try:
        return iter(result)
    except TypeError:
        if hasattr(result, "__iter__"):  # written by the app's author, who is shown what failed in it
            raise
        message = (
            f"called with environ and start_response, as WSGI has it, the app gave {result!r}, no iterable of bytes"
        )
        way_out = "a factory with arguments gets plain values in the entrypoint, such as 'main:make(True)'"
        raise TypeError(f"{message}; {way_out}") from None


def _settle(done: asyncio.Future[None], error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


class _Response:
    def __init__(self, cycle: RequestCycle) -> None:
        self._exchange = cycle
        self._head: tuple[str, list[tuple[str, str]]] | None = None

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        """Be the ``start_response`` of PEP 3333."""
        if exc_info:
            try:
                if self._exchange.begun:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # a reference cycle with the frame
        elif self._head is not None:
            raise AssertionError("start_response was called twice without exc_info")
        self._head = status, headers
        return self.write

    def begin(self) -> None:
        if self._exchange.begun:
            return
        if self._head is None:
            raise AssertionError("the app did not call start_response")
        status, headers = self._head
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self._exchange.begin(int(status.partition(" ")[0]), encoded)

    def write(self, chunk: bytes) -> None:
        if not isinstance(chunk, bytes):
            message = f"a WSGI app gives bytes, not {type(chunk).__name__}"
            raise TypeError(message)
        if chunk:
            self.begin()
            self._exchange.add(chunk)


class FileWrapper:
    """Iterate over a file in blocks, as ``wsgi.file_wrapper``."""

    def __init__(self, filelike: Any, blksize: int = _BLOCK) -> None:
        self.filelike = filelike
        self.blksize = blksize
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.filelike.read(self.blksize), b"")


def make_environ(scope: dict[str, Any], body: bytes) -> dict[str, Any]:
    """Make the environ of a request from its complete ASGI scope."""
    raw_path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": _path_info(scope),
        "QUERY_STRING": query,
        "RAW_URI": f"{raw_path}?{query}" if query else raw_path,
        "SERVER_NAME": scope["server"][0],
        "SERVER_PORT": str(scope["server"][1]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "aleph",
        "REMOTE_ADDR": scope["client"][0],
        "REMOTE_PORT": str(scope["client"][1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
    }
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        if b"_" in name:
            continue  # it could pass for another header, as gunicorn has it
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ


def _path_info(scope: dict[str, Any]) -> str:
    return unquote_to_bytes(scope["raw_path"]).decode("latin-1")
