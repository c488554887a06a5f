"""A package index of this machine, wheels made for the test, caches of the test's own."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import os
import shutil
import sys
import textwrap
import threading
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.build.context import BuildContext
from hatch_aleph.build.packages import PackagesResult, build_packages
from hatch_aleph.project import load_project
from hatch_aleph.runtimes import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatch_aleph.build.cache import Cache


RUNNING = f"{sys.version_info[0]}.{sys.version_info[1]}"


def write_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    files: dict[str, str | bytes] | None = None,
    *,
    requires: tuple[str, ...] = (),
    tag: str = "py3-none-any",
    metadata: str = "",
    executable: tuple[str, ...] = (),
) -> Path:
    """Write a wheel as a build backend would."""
    info = f"{name}-{version}.dist-info"
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(
        f"Requires-Dist: {each}\n" for each in requires
    )
    content = {
        **(files if files is not None else {f"{name}/__init__.py": f"version = {version!r}\n"}),
        f"{info}/METADATA": head + metadata,
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    rows = []
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in content.items():
            data = text.encode() if isinstance(text, str) else text
            item = zipfile.ZipInfo(path)
            item.external_attr = (0o100755 if path in executable else 0o100644) << 16
            archive.writestr(item, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            rows.append(f"{path},sha256={digest},{len(data)}\n")
        archive.writestr(f"{info}/RECORD", "".join(rows) + f"{info}/RECORD,,\n")
    return wheel


@dataclass
class Index:
    """A simple package index (PEP 503) over a folder of files, on 127.0.0.1."""

    files: Path
    url: str = ""
    password: str | None = None
    requests: list[str] = field(default_factory=list)
    lie: bool = False  # announce wrong hashes
    hashes: bool = True  # announce any
    prefix: str = ""  # of all paths
    query: str = ""  # of the addresses of files

    def add(self, name: str, version: str = "1.0", files: dict[str, str | bytes] | None = None, **more: object) -> Path:
        return write_wheel(self.files, name, version, files, **more)  # type: ignore[arg-type]

    def page(self, name: str) -> str | None:
        links = []
        for file in sorted(self.files.iterdir()):
            if file.name.replace("-", "_").lower().startswith(name.replace("-", "_") + "_"):
                digest = "0" * 64 if self.lie else hashlib.sha256(file.read_bytes()).hexdigest()
                tail = (f"?{self.query}" if self.query else "") + (f"#sha256={digest}" if self.hashes else "")
                links.append(f'<a href="{self.prefix}/files/{file.name}{tail}">{file.name}</a>')
        return "\n".join(links) or None


def _handler(index: Index) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(body=True)

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def answer(self, *, body: bool) -> None:
            index.requests.append(self.path)
            wanted = index.password and base64.b64encode(f"joe:{index.password}".encode()).decode()
            if wanted and self.headers.get("Authorization") != f"Basic {wanted}":
                self.send_response(401)
                self.send_header("WWW-Authenticate", "Basic")
                self.end_headers()
                return
            path = self.path.partition("?")[0].removeprefix(index.prefix)
            signed = not index.query or self.path.endswith(f"?{index.query}") or "/simple" in path
            kind, _, name = path.strip("/").partition("/")
            data = None
            if kind == "simple":
                page = index.page(name)
                data = page.encode() if page else None
            elif kind == "files" and signed and (index.files / name).is_file():
                data = (index.files / name).read_bytes()
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Type", "text/html" if kind == "simple" else "application/octet-stream")
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            if body and data:
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


@contextlib.contextmanager
def serve(files: Path) -> Iterator[Index]:
    """Serve an index over a folder."""
    found = Index(files)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(found))
    found.url = f"http://127.0.0.1:{server.server_address[1]}/simple"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What earlier tests compiled of the adapter: that takes longer than most tests."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
def index(tmp_path: Path, compiled: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """An index that uv uses and no other, with caches of its own."""
    (tmp_path / "index").mkdir()
    for name in [each for each in os.environ if each.startswith(("UV_", "PIP_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    cache = tmp_path / "cache"
    monkeypatch.setenv("HATCH_ALEPH_CACHE", str(cache))
    shutil.copytree(compiled, cache)
    with serve(tmp_path / "index") as found:
        monkeypatch.setenv("UV_DEFAULT_INDEX", found.url)
        yield found
    for file in cache.glob("adapters/**/*.json"):
        kept = compiled / file.relative_to(cache)
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, kept)


@pytest.fixture
def runtime() -> Runtime:
    """A runtime whose Python is the one that runs the tests, so that there is always one to compile with."""
    return Runtime("test", "0" * 64, RUNNING, (2, 36), preloaded={"idna": ""})


@dataclass
class Workshop:
    """Builds packages images of projects written by the test."""

    folder: Path
    runtime: Runtime
    notices: list[str] = field(default_factory=list)

    def project(self, dependencies: str = "", *, name: str = "project", more: str = "", aleph: str = "") -> Path:
        root = self.folder / name
        root.mkdir(parents=True, exist_ok=True)
        text = f"""
            [project]
            name = "my-api"
            version = "1.0"
            dependencies = [{dependencies}]
            [tool.aleph]
            entrypoint = "main:app"
            """
        root.joinpath("pyproject.toml").write_text(
            textwrap.dedent(text) + textwrap.dedent(aleph) + textwrap.dedent(more), "utf-8"
        )
        return root

    def build(self, root: Path, *, out: str = "dist", cache: Cache | None = None, **options: bool) -> PackagesResult:
        project = load_project(root)
        context = BuildContext(project, root / out, notice=self.notices.append, **options)  # type: ignore[arg-type]
        vars(context)["runtime"] = self.runtime
        interpreter = context.interpreter()
        if cache:
            vars(context)["cache"] = cache
        return build_packages(context, root / out, interpreter)


@pytest.fixture
def workshop(tmp_path: Path, runtime: Runtime) -> Workshop:
    return Workshop(tmp_path, runtime)


def image_files(image: Path, into: Path) -> dict[str, bytes]:
    """Unpack an image and return its files."""
    from hatch_aleph.squashfs import unpack

    unpack(image, into)
    return {path.relative_to(into).as_posix(): path.read_bytes() for path in sorted(into.rglob("*")) if path.is_file()}
