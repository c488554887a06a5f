"""Lays out images as folders, runs programs in them under a played init, and plays the host for their requests."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import marshal
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import msgpack
from yarl import URL

from hatch_aleph.build.bytecode import PYC_HEADER, bytecode_path
from hatch_aleph.build.code_image import bundled
from hatch_aleph.runtimes import Runtime
from hatch_aleph.squashfs import Entry

HERE = Path(__file__).parent
ADAPTER = HERE.parent.parent / "hatch_aleph" / "guest"
APPS = HERE / "apps"
MEASURED = "COVERAGE_PROCESS_CONFIG" in os.environ  # a process that is killed takes with it what coverage saw


class Answer(NamedTuple):
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value.decode("latin-1") for key, value in self.headers if key == name.encode()), None)


class Request(NamedTuple):
    target: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


def lay_out(folder: Path, files: dict[str, str], **settings) -> Path:
    """Make a code image: the files, and the adapter as the build copies it."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    entry = folder / "aleph_entry"
    (entry / "child").mkdir(parents=True, exist_ok=True)
    for module in ADAPTER.rglob("*.py"):
        shutil.copy(module, entry / module.relative_to(ADAPTER))
    bundle = folder / bundle_here().path
    bundle.parent.mkdir(exist_ok=True)
    bundle.write_bytes(bundle_here().read())
    (entry / "_settings.py").write_text("".join(f"{key.upper()} = {value!r}\n" for key, value in settings.items()))
    return folder


@functools.cache
def bundle_here() -> Entry:
    """Make the bundle of the adapter's modules for the Python that runs this; others import the sources."""
    runtime = Runtime("test", "0" * 64, f"{sys.version_info[0]}.{sys.version_info[1]}", (2, 36))
    bytecode = []
    for module in ADAPTER.glob("*.py"):
        path = f"aleph_entry/{module.name}"
        code = compile(module.read_text(), f"/opt/code/{path}", "exec", dont_inherit=True, optimize=2)
        content = bytes(PYC_HEADER) + marshal.dumps(code, 2)
        bytecode.append(Entry(bytecode_path(path, runtime), "file", 0o644, content))
    return bundled(bytecode, runtime)[-1]


def pure_msgpack(folder: Path) -> Path:
    """Copy msgpack without what was compiled for this interpreter."""
    source = Path(msgpack.__file__).parent
    shutil.copytree(
        source, folder / "msgpack", ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__"), dirs_exist_ok=True
    )
    return folder


class StartError(Exception):
    pass


class Guest:
    """A running program; use as a context manager.

    Nothing is there to take an answer that the adapter did not give: a hang is a failed test.
    """

    def __init__(
        self,
        code: Path,
        name: str,
        *,
        packages: Path | None = None,
        preload=(),
        old=False,
        python=sys.executable,
        env=None,
        bare=False,
    ):
        self.packages = packages or code.parent / "no-packages"
        said = {
            "code": str(code),
            "packages": str(self.packages),
            "entrypoint": name if bare else f"aleph_entry:{name}",
            "preload": list(preload),
            "old": old,
            "msgpack": "" if python == sys.executable else str(pure_msgpack(code.parent / "msgpack-for-all")),
        }
        self.command = [python, "-OO", "-B", str(HERE / "init_player.py"), json.dumps(said)]
        self.env = {
            **os.environ,
            "PYTHONHASHSEED": "0",
            "ALEPH_PACKAGES_ROOT": str(self.packages),
            "PYTHONWARNINGS": "",
            **(env or {}),
        }
        self.log = ""

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        for line in self.process.stdout:
            if line.startswith("PORT "):
                self.port = int(line.split()[1])
                break
            if line.startswith("FAILED "):
                self.close()
                raise StartError(*json.loads(line[7:]))
            self.log += line
        else:
            self.close()
            raise StartError("the process ended", self.log)
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        return self

    def _read(self):
        for line in self.process.stdout:
            self.log += line

    def __exit__(self, *_):
        self.close()

    def close(self):
        if hasattr(self, "port") and self.process.poll() is None:
            with contextlib.suppress(OSError):  # executables would outlive a killed parent
                self.ask(b"halt", 5)
        if MEASURED:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
        with contextlib.suppress(OSError):  # with what it started: workers of joblib hold its output open
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if hasattr(self, "reader"):
            self.reader.join()
        self.process.stdout.close()

    def ask(self, instruction, timeout=20, pieces=None):
        """Send ``halt``, ``!tasks`` or a scope, whole or in pieces with pauses between; give what comes back."""
        raw = instruction if isinstance(instruction, bytes) else msgpack.dumps({"scope": instruction})
        with socket.create_connection(("127.0.0.1", self.port), timeout) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            begin = 0
            for end in pieces or ():
                connection.sendall(raw[begin:end])
                begin = end
                time.sleep(0.005)
            connection.sendall(raw[begin:])
            with connection.makefile("rb") as answer:
                received = answer.read()
        if not received:
            raise ConnectionError("the guest closed the connection")
        return received if instruction == b"halt" else msgpack.loads(received, raw=False)

    def until(self, happened, seconds=30):
        """Wait until something is so, however slow the machine is, and fail if it never is."""
        deadline = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)

    def logged(self, path="/log"):
        """Return what the probes have noted."""
        return json.loads(self.get(path).body)

    def get(self, target, method="GET", headers=(), body=b"", timeout=20) -> Answer:
        """Send a request through the host's eyes: path and query percent-decoded by yarl, headers in lower case."""
        url = URL("http://localhost" + target, encoded=True)
        given = {"host": "localhost", "accept-encoding": "gzip, deflate", **dict(headers)}
        if body:
            given.setdefault("content-length", str(len(body)))
        scope = {
            "type": "http",
            "path": url.path,
            "method": method,
            "query_string": url.query_string,
            "headers": [[key.lower().encode("latin-1"), value.encode("latin-1")] for key, value in given.items()],
            "body": body,
        }
        result = self.ask(scope, timeout)
        if "traceback" in result:
            raise AssertionError(result["traceback"])
        head, answer = result
        got = Answer(head["status"], [(key.lower(), value) for key, value in head["headers"]], answer["body"])
        length = got.header("content-length")
        assert method == "HEAD" or got.status in (204, 304) or length == str(len(got.body)), "the client would hang"
        for _, value in got.headers:
            value.decode()  # the host does
        if got.status == 404:  # and makes JSON of it
            got.body.decode((got.header("content-type") or "").partition("charset=")[2] or "utf-8")
        return got

    def halt(self) -> float:
        begun = time.perf_counter()
        assert self.ask(b"halt") == b"STOP\nSTOPZ\n"
        self.process.wait(10)
        self.reader.join()
        return time.perf_counter() - begun


@contextlib.contextmanager
def server(kind: str, target: str, folder: Path, env=None, *, factory=False, python=sys.executable):
    """Run the same app under uvicorn or gunicorn; yields its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = {
        "uvicorn": ["uvicorn", "--port", str(port), "--log-level", "error", *["--factory"] * factory, target],
        "gunicorn": ["gunicorn", "-b", f"127.0.0.1:{port}", "--threads", "4", "--log-level", "error", target],
    }[kind]
    process = subprocess.Popen(
        [python, "-m", *command],
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(folder), "PYTHONWARNINGS": "", **(env or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(3000):  # a minute
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, f"{kind} ended"
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def fetch(port: int, request: Request) -> Answer:
    """Ask a real server, as the host's proxy would ask it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        given = {"host": "localhost", **dict(request.headers)}
        if request.body:
            given.setdefault("content-length", str(len(request.body)))
        for key, value in given.items():
            connection.putheader(key, value)
        connection.endheaders(request.body or None)
        answer = connection.getresponse()
        headers = [(key.lower().encode("latin-1"), value.encode("latin-1")) for key, value in answer.getheaders()]
        return Answer(answer.status, headers, answer.read())
    finally:
        connection.close()


# What a server says of itself, or of the connection, and the host replaces
SERVERS_OWN = {b"date", b"server", b"connection", b"transfer-encoding", b"keep-alive"}


def comparable(answer: Answer, *, with_length: bool = True) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Keep what the app said; a length that only one side declares says nothing of the app."""
    dropped = SERVERS_OWN if with_length else {*SERVERS_OWN, b"content-length"}
    return answer.status, sorted(one for one in answer.headers if one[0] not in dropped), answer.body


def assert_same(ours: Answer, theirs: Answer) -> None:
    # HTTP forbids a length with 204, and servers pass on what the app says
    with_length = theirs.header("content-length") is not None and theirs.status != 204
    assert comparable(ours, with_length=with_length) == comparable(theirs, with_length=with_length)
