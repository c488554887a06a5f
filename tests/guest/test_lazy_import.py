"""Modules whose import is put off until they are used."""

from __future__ import annotations

import importlib
import inspect
import sys
import types
from concurrent.futures import ThreadPoolExecutor

import pytest

from hatch_aleph.guest.lazy_import import LazyModule, put_off

MAIN = """
import heavy
import light

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = heavy.VALUE if scope["path"] == "/heavy" else light.VALUE
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body.encode()})
"""


@pytest.mark.parametrize("lazy", [(), ("heavy",)])
def test_what_is_named_is_imported_when_it_is_used(run, tmp_path, lazy):
    packages = tmp_path / "packages"
    (packages / "heavy").mkdir(parents=True)
    (packages / "heavy" / "__init__.py").write_text("from . import part\nprint('heavy runs')\nVALUE = part.VALUE\n")
    (packages / "heavy" / "part.py").write_text("VALUE = 'heavy'\n")
    (packages / "light.py").write_text("print('light runs')\nVALUE = 'light'\n")
    guest = run({"main.py": MAIN}, "main:app", packages=packages, lazy=lazy)
    assert guest.get("/").body == b"light"
    assert ("heavy runs" in guest.log) == (not lazy)  # what the start printed was read before the guest was ready
    assert guest.get("/heavy").body == b"heavy"
    guest.halt()
    assert guest.log.count("heavy runs") == guest.log.count("light runs") == 1


def test_an_import_that_fails_is_told_where_it_is_used(run, tmp_path):
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "heavy.py").write_text("1 / 0\n")
    (packages / "light.py").write_text("VALUE = 'light'\n")
    guest = run({"main.py": MAIN}, "main:app", packages=packages, lazy=("heavy",))
    assert guest.get("/").status == 200
    assert guest.get("/heavy").status == 500
    guest.halt()
    assert "ZeroDivisionError" in guest.log


THREADS = """
import time
import heavy
from other import who

def app(environ, start_response):
    start_response("200 OK", [])
    return [f"{heavy.VALUE} {who()}".encode()]
"""


def test_requests_that_come_at_once_find_it_whole(run, tmp_path):
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "heavy.py").write_text("print('heavy runs')\nimport time\ntime.sleep(0.5)\nVALUE = 'heavy'\n")
    (packages / "other.py").write_text("import heavy\ndef who(): return heavy.__name__\n")  # imported twice
    guest = run({"main.py": THREADS}, "main:app", packages=packages, lazy=("heavy",))
    assert "heavy runs" not in guest.log
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: guest.get("/"), range(4)))
    assert [(each.status, each.body) for each in answers] == [(200, b"heavy heavy")] * 4
    guest.halt()
    assert guest.log.count("heavy runs") == 1


def test_what_is_set_stays_and_what_fails_fails_each_time(tmp_path, monkeypatch):
    (tmp_path / "set_late.py").write_text("VALUE = OTHER = 1\n")
    (tmp_path / "fails_late.py").write_text("import fails_late\nfails_late.HALF = 1\n1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[:])
    put_off(("set_late", "fails_late"))
    module, failing = (importlib.import_module(name) for name in ("set_late", "fails_late"))
    assert type(module) is LazyModule
    module.VALUE = 2
    del module.OTHER
    assert (module.VALUE, hasattr(module, "OTHER"), type(module)) == (2, False, types.ModuleType)
    assert module.__loader__ is module.__spec__.loader
    assert inspect.getsource(module) == "VALUE = OTHER = 1\n"
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            _ = failing.VALUE
    for name in ("set_late", "fails_late"):
        del sys.modules[name]
