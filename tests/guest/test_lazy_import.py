"""Modules whose import is put off until they are used."""

from __future__ import annotations

import pytest

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
