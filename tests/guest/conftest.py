from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.errors import GuestError
from hatch_aleph.local.host.places import Place, find_python, probe
from hatch_aleph.squashfs import scan, write_image
from tests.guest.rig import APPS, Guest, lay_out

if TYPE_CHECKING:
    from pathlib import Path


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
    """The code image of the raw probes, which cuts its answers after 4.5 seconds."""
    files = {name: (APPS / name).read_text() for name in ("raw_asgi.py", "raw_wsgi.py")}
    return lay_out(tmp_path_factory.mktemp("probes") / "code", files, seconds=5.0)


@pytest.fixture(scope="session")
def python311():
    try:
        return find_python("3.11")
    except GuestError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def place(python311, host_cache, tmp_path_factory):
    return Place(python311, host_cache, tmp_path_factory.mktemp("volumes"), probe())


@pytest.fixture(scope="session")
def installed(tmp_path_factory, python311):
    """Install distributions, and the servers to compare with, into a folder and an image of it; each set once."""
    made: dict[tuple[str, ...], tuple[Path, Path]] = {}

    def install(needs: tuple[str, ...]) -> tuple[Path, Path]:
        if needs not in made:
            folder = tmp_path_factory.mktemp("packages")
            target = ["--python", str(python311), "--target", str(folder)]
            subprocess.run(["uv", "pip", "install", "-q", *target, *needs, "uvicorn", "gunicorn"], check=True)
            image = folder.with_suffix(".squashfs")
            write_image(scan(folder), image)
            made[needs] = folder, image
        return made[needs]

    return install
