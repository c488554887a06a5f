"""The adapter on other Pythons than ours, the legacy runtime's among them, wherever they are installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.guest.rig import Guest

VERSIONS = ["3.9"]  # those from 3.10 on run the whole suite


def find(version: str) -> str | None:
    """Find an interpreter of this minor version that works."""
    ours = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if version == ours:
        return sys.executable
    names = [shutil.which(f"python{version}")]
    if shutil.which("uv"):
        found = subprocess.run(
            ["uv", "python", "find", "--no-project", version], check=False, capture_output=True, text=True
        )
        names.append(found.stdout.strip())
    # pyenv's shims answer only for the versions that are switched on
    names += map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for name in filter(None, names):
        said = subprocess.run([name, "-V"], check=False, capture_output=True, text=True)
        if said.stdout.startswith(f"Python {version}."):
            return name
    return None


@pytest.mark.parametrize("version", VERSIONS)
def test_probes(probes, version):
    python = find(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    with Guest(probes, "raw_asgi:app", python=python) as guest:
        assert json.loads(guest.get("/p%20q?a=%26", "POST", (), b"body").body)["query_string"] == "a=%26"
        assert len(guest.get("/chunks").body) == 140_000
        assert guest.get("/compressed").body == b"plain " * 100
        assert guest.get("/exits").status == 500
        assert guest.get("/never").status == 504
        assert guest.halt() < 5
    with Guest(probes, "raw_wsgi:app", python=python) as guest:
        assert guest.get("/valid", "POST", {"content-type": "text/plain"}, b"body").body == b"valid body"
        assert guest.halt() < 5
