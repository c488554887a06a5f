from __future__ import annotations

import pytest

from tests.guest.rig import APPS, Guest, lay_out


@pytest.fixture
def run(tmp_path):
    """Start a program from its files: ``run({"main.py": ...}, "main:app", seconds=2)``."""
    started = []

    def start(files, name, *, packages=None, preload=(), old=False, env=None, **settings):
        code = lay_out(tmp_path / "code", files, **settings)
        guest = Guest(code, name, packages=packages, preload=preload, old=old, env=env)
        guest.__enter__()
        started.append(guest)
        return guest

    yield start
    for guest in started:
        guest.__exit__()


@pytest.fixture(scope="session")
def probes(tmp_path_factory):
    """The code image of the raw probes, which cuts its answers after 1.8 seconds."""
    files = {name: (APPS / name).read_text() for name in ("raw_asgi.py", "raw_wsgi.py")}
    return lay_out(tmp_path_factory.mktemp("probes") / "code", files, seconds=2.0)
