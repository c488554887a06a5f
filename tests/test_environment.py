"""The key is in the environment of nothing that is started."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, NoReturn

import pytest

from hatch_aleph.environment import KEY_VARIABLE, key_of_environment, variables, withdraw_key
from hatch_aleph.network.accounts import load_account
from hatch_aleph.uv import index_variables, left_out

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "01" * 32


def test_the_key_is_taken_out_and_still_known(monkeypatch) -> None:
    monkeypatch.setattr("hatch_aleph.environment._withdrawn", {})
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    withdraw_key()
    assert KEY_VARIABLE not in os.environ
    assert key_of_environment() == KEY
    assert load_account().address == load_account(private_key=KEY).address
    assert subprocess.check_output([sys.executable, "-c", f"import os; print(os.environ.get({KEY_VARIABLE!r}))"]) == (
        b"None" + os.linesep.encode()
    )
    monkeypatch.setattr("hatch_aleph.environment._withdrawn", {})
    assert key_of_environment() is None


def test_a_build_backend_does_not_see_it(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        textwrap.dedent("""
        [build-system]
        requires = []
        build-backend = "backend"
        backend-path = ["."]

        [project]
        name = "nosy"
        dynamic = ["version"]

        [tool.aleph]
        entrypoint = "main:app"
        """)
    )
    seen = tmp_path / "seen"
    (tmp_path / "backend.py").write_text(
        f"import os, pathlib\npathlib.Path({str(seen)!r}).write_text(repr(dict(os.environ)))\n"
        "def build_wheel(*arguments, **options):\n    raise SystemExit('no wheel')\n"
        "def prepare_metadata_for_build_wheel(*arguments, **options):\n    raise SystemExit('no metadata')\n"
    )
    (tmp_path / "main.py").write_text("app = None\n")
    environment = {**os.environ, KEY_VARIABLE: KEY, "HATCH_ALEPH_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "hatch_aleph", "build", "--project", str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode != 0
    assert seen.exists(), done.stderr
    assert KEY not in seen.read_text()
    assert KEY not in done.stdout + done.stderr


class Changing(dict):  # type: ignore[type-arg]
    """An environment of which a thread beside takes something away while it is read."""

    def __iter__(self) -> Iterator[str]:
        for name in list(super().__iter__()):
            self.pop("UV_GONE", None)
            yield name

    def items(self) -> NoReturn:
        raise KeyError("UV_GONE")


@pytest.mark.parametrize("read", [variables, index_variables, left_out])
def test_what_changes_meanwhile_can_be_read(read) -> None:
    there = {"UV_DEFAULT_INDEX": "https://here.example/simple", "UV_ODD": "1"}
    assert read(Changing({"UV_GONE": "1", **there})) == read(there)
