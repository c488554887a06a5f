"""Apps of the usual frameworks in the guest, request by request beside uvicorn or gunicorn.

FastAPI, Starlette and Flask run by default; the others are installed from the package index for the session ``matrix``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.guest.rig import APPS, Guest, Request, assert_same, fetch, lay_out, server

if TYPE_CHECKING:
    from pathlib import Path


class Case(NamedTuple):
    module: str
    name: str = "app"
    server: str = "uvicorn"
    needs: tuple[str, ...] = ()
    factory: bool = False


CORE = [
    Case("fastapi_routes"),
    Case("fastapi_features", needs=("python-multipart",)),
    Case("starlette_routes"),
    Case("starlette_features", "make_app", needs=("python-multipart",), factory=True),
    Case("flask_routes", server="gunicorn"),
    Case("flask_features", "create_app", "gunicorn", factory=True),
]
MATRIX = [
    Case("django_routes", needs=("django",)),
    Case("django_routes", "wsgi_app", "gunicorn", ("django",)),
    Case("django_features", needs=("django",)),
    Case("django_features", "wsgi_app", "gunicorn", ("django",)),
    Case("quart_routes", needs=("quart",)),
    Case("quart_features", needs=("quart",)),
    Case("litestar_routes", needs=("litestar",)),
    Case("litestar_features", "create", needs=("litestar",), factory=True),
    Case("falcon_routes", server="gunicorn", needs=("falcon",)),
    Case("falcon_features", needs=("falcon",)),
    Case("blacksheep_routes", needs=("blacksheep",)),
    Case("blacksheep_features", needs=("blacksheep",)),
    Case("bottle_routes", server="gunicorn", needs=("bottle",)),
    Case("bottle_features", "application", "gunicorn", ("bottle",)),
    Case("aiohttp_client", needs=("aiohttp",)),
    Case("aiohttp_starlette", needs=("aiohttp", "starlette")),
    Case("datasette_plain", needs=("datasette", "setuptools<81")),
    Case("datasette_plugin", "make", needs=("datasette", "setuptools<81"), factory=True),
]

FORM = (("content-type", "application/x-www-form-urlencoded"),)
PARTS = (("content-type", "multipart/form-data; boundary=xx"),)
MULTIPART = (
    b'--xx\r\nContent-Disposition: form-data; name="name"\r\n\r\nany name\r\n'
    b'--xx\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\nof a file\r\n"
    b"--xx--\r\n"
)
# What an app does not have is a 404 on both sides, which is worth comparing too
CORPUS = [
    Request("/hello"),
    Request("/hello?name=two%20words%26more%3D%2B"),
    Request("/hello?name=%C3%A9%E2%82%AC"),
    Request("/hello", "HEAD"),
    Request("/hello", "OPTIONS"),
    Request("/hello", "DELETE"),
    Request("/echo", "POST", (("content-type", "application/octet-stream"),), bytes(range(256)) * 40),
    Request("/echo", "POST"),
    Request("/json", "POST", (("content-type", "application/json"),), b'{"name": "caf\xc3\xa9", "price": 2}'),
    Request("/json", "POST", (("content-type", "application/json"),), b"{"),
    Request("/items/with%20space"),
    Request("/items/%C3%A9"),
    Request("/url?a=1&a=2&b=%26&path=/x"),
    Request("/stream"),
    Request("/chunks"),
    Request("/events"),
    Request("/file"),
    Request("/file", "HEAD"),
    Request("/file", headers=(("range", "bytes=10-19"),)),
    Request("/static/data.bin"),
    Request("/redirect"),
    Request("/cookies"),
    Request("/boom"),
    Request("/empty"),
    Request("/nothing/here?x=1"),
    Request("/state"),
    Request("/sync_state"),
    Request("/big"),
    Request("/background"),
    Request("/log"),
    Request("/form", "POST", FORM, b"name=any+name&age=7"),
    Request("/form", "POST", FORM, b"age=x"),
    Request("/form", "POST", PARTS, MULTIPART),
    Request("/headers", headers=(("x-one", "1"), ("x-two", "a, b"))),
    Request("/error"),
    Request("/trouble"),
    Request("/template?name=%3Ci%3E"),
    Request("/context"),
    Request("/sync"),
    Request("/mounted/inner"),
    Request("/"),
    Request("/shop/things.json?_size=5&_shape=array"),
    Request("/shop/things?_search=1"),
    Request("/shop.json?sql=select%20count(*)%20from%20things"),
    Request("/_memory.json?sql=select%20shout('a')&_shape=array"),
    Request("/-/versions.json"),
    Request("/-/static/app.css"),
]
# They tell how long the queries took: compared by status alone
UNSTABLE = {"/shop/things?_search=1", "/shop.json?sql=select%20count(*)%20from%20things"}


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """Install distributions into a folder, as the packages image holds them; each set once."""
    folders: dict[tuple[str, ...], Path] = {}

    def install(needs):
        if needs not in folders:
            folder = tmp_path_factory.mktemp("packages")
            command = ["uv", "pip", "install", "-q", "--python", sys.executable, "--target", str(folder), *needs]
            subprocess.run(command, check=True)
            folders[needs] = folder
        return folders[needs]

    return install


@pytest.fixture(scope="session")
def upstream(tmp_path_factory):
    """The server that the apps with a client ask."""
    folder = tmp_path_factory.mktemp("upstream")
    shutil.copy(APPS / "raw_asgi.py", folder)
    with server("uvicorn", "raw_asgi:app", folder) as port:
        yield f"http://127.0.0.1:{port}"


def compare(case: Case, code: Path, packages: Path, env: dict[str, str]) -> list[str]:
    """Ask both for the whole corpus; give what differs."""
    name = f"{case.module}:{case.name}"
    target = f"{name}()" if case.factory and case.server == "gunicorn" else name
    differences = []
    paths = os.pathsep.join([str(code), str(packages)])
    started = server(
        case.server, target, code, {**env, "PYTHONPATH": paths}, factory=case.factory and case.server == "uvicorn"
    )
    with started as port, Guest(code, name, packages=packages, preload=("aiohttp",), env=env) as guest:
        for request in CORPUS:
            theirs = fetch(port, request)
            ours = guest.get(*request)
            time.sleep(0.02 if request.target == "/background" else 0)
            try:
                if request.target in UNSTABLE:
                    assert ours.status == theirs.status
                else:
                    assert_same(ours, theirs)
            except AssertionError:
                differences.append(f"{request.method} {request.target}:\n  ours   {ours}\n  theirs {theirs}")
        assert guest.halt() < 4
    return differences


def run_case(case, tmp_path, packages, env=None):
    code = lay_out(tmp_path / "code", {f"{case.module}.py": (APPS / f"{case.module}.py").read_text()}, seconds=10.0)
    (code / "data.bin").write_bytes(bytes(range(256)) * 800)
    differences = compare(case, code, packages, env or {})
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize("case", CORE, ids=lambda case: f"{case.module}:{case.name}")
def test_core(case, tmp_path):
    run_case(case, tmp_path, tmp_path / "packages")


@pytest.mark.slow
@pytest.mark.index
@pytest.mark.parametrize("case", MATRIX, ids=lambda case: f"{case.module}:{case.name}")
def test_matrix(case, tmp_path, installed, upstream):
    run_case(case, tmp_path, installed(case.needs), {"UPSTREAM": upstream})
