"""FastAPI, Starlette and Flask through the adapter, request by request beside uvicorn or gunicorn.

The other frameworks, and the runtime's own Python, have their turn in the session ``matrix``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.guest.rig import APPS, Guest, Request, assert_same, fetch, lay_out, server

if TYPE_CHECKING:
    from pathlib import Path


class Case(NamedTuple):
    module: str
    name: str = "app"
    server: str = "uvicorn"
    needs: tuple[str, ...] = ()  # distributions
    factory: bool = False


FASTAPI = ("fastapi", "python-multipart")
STARLETTE = ("starlette", "python-multipart")
CORE = [
    Case("fastapi_routes", needs=FASTAPI),
    Case("fastapi_features", needs=FASTAPI),
    Case("starlette_routes", needs=STARLETTE),
    Case("starlette_features", "make_app", needs=STARLETTE, factory=True),
    Case("flask_routes", server="gunicorn", needs=("flask",)),
    Case("flask_features", "create_app", "gunicorn", ("flask",), factory=True),
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
    Request("/log"),
]
# They tell how long the queries took: compared by status alone
UNSTABLE = {"/shop/things?_search=1", "/shop.json?sql=select%20count(*)%20from%20things"}


def running(case: Case, code: Path, **options):
    """Run the case under its real server."""
    target = f"{case.module}:{case.name}"
    if case.factory and case.server == "gunicorn":
        return server("gunicorn", f"{target}()", code, **options)
    return server(case.server, target, code, factory=case.factory, **options)


def compare(case: Case, code: Path) -> list[str]:
    """Ask both for the whole corpus; give what differs."""
    differences = []
    with running(case, code) as port, Guest(code, f"{case.module}:{case.name}", preload=("aiohttp",)) as guest:
        for request in CORPUS:
            theirs = fetch(port, request)
            ours = guest.get(*request)
            try:
                if request.target in UNSTABLE:
                    assert ours.status == theirs.status
                else:
                    assert_same(ours, theirs)
            except AssertionError:
                differences.append(f"{request.method} {request.target}:\n  ours   {ours}\n  theirs {theirs}")
        assert guest.halt() < 4
    return differences


@pytest.mark.parametrize("case", CORE, ids=lambda case: f"{case.module}:{case.name}")
def test_core(case, tmp_path):
    code = lay_out(tmp_path / "code", {f"{case.module}.py": (APPS / f"{case.module}.py").read_text()}, seconds=10.0)
    (code / "data.bin").write_bytes(bytes(range(256)) * 800)
    differences = compare(case, code)
    assert not differences, "\n".join(differences)
