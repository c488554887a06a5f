"""A package that is missing, or does not load here, is one message: what, for which Python and system, what to do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from packaging import tags

from hatch_aleph import installation
from hatch_aleph.errors import InstallationError

DOCS = Path(__file__).parents[1] / "docs"
GONE = "raise ModuleNotFoundError(\"No module named '{0}'\", name='{0}')\n"
UNLOADABLE = "raise ImportError('Error relocating {0}.so: symbol not found', name='{0}')\n"
KEY = ("--private-key-file", "key")


def run(folder: Path, module: str, *arguments: str, fault: str = GONE) -> subprocess.CompletedProcess[str]:
    """Run a command where a module is missing: another of its name, which says so, comes before it."""
    shadow = folder / "shadow" / f"{module.replace('.', '/')}.py"
    shadow.parent.mkdir(parents=True)
    shadow.write_text(fault.format(module))
    (folder / "pyproject.toml").write_text('[project]\nname="x"\nversion="1"\n[tool.aleph]\nentrypoint="main:app"\n')
    (folder / "main.py").write_text("async def app(scope, receive, send): ...\n")
    (folder / "key").write_bytes(b"\x07" * 32)
    return subprocess.run(
        [sys.executable, "-m", "hatch_aleph", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "shadow")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("coincurve", ("account", "show", *KEY)),
        ("nacl", ("account", "show", *KEY, "--chain", "SOL")),
        ("aleph_cid", ("account", "show", *KEY, "--chain", "SOL")),
        ("pydantic_core", ("node",)),
        ("aiohttp", ("node",)),
        ("msgpack", ("serve", "--port", "0")),
        ("watchfiles", ("serve", "--reload", "--port", "0")),
        ("tomlkit", ("init", "--yes")),
        ("certifi", ("list", "--address", "0x" + "00" * 20)),
        ("backports", ("build",)),
        ("click", ("build",)),
    ],
)
def test_it_is_named(module, arguments, tmp_path):
    done = run(tmp_path, module, *arguments)
    assert done.returncode == InstallationError.exit_code, done.stderr
    assert f"Error: hatch-aleph needs {module}" in done.stderr
    assert f"which is not installed ({installation.platform_tag()})\nInstall `hatch-aleph[deploy]" in done.stderr
    assert done.stderr.endswith("errors.md#installationerror\n")
    assert "Traceback" not in done.stderr


def test_what_does_not_load_says_why(tmp_path):
    done = run(tmp_path, "coincurve", "account", "show", *KEY, "--json", fault=UNLOADABLE)
    told = json.loads((done.stdout + done.stderr).splitlines()[-1])
    assert told["kind"] == "InstallationError"
    assert "coincurve, which does not load: Error relocating coincurve.so: symbol not found (cp" in told["message"]


@pytest.mark.parametrize(
    ("tag", "version", "said"),
    [
        ("cp312-cp312-manylinux_2_36_x86_64", (3, 12), []),
        ("cp312-cp312-musllinux_1_2_x86_64", (3, 12), ["On musl (Alpine), aleph-cid has no wheel"]),
        ("cp314-cp314-win_amd64", (3, 14), ["no wheel of coincurve"]),
        ("cp314-cp314-musllinux_1_2_aarch64", (3, 14), ["On musl", "no wheel of coincurve"]),
    ],
)
def test_what_has_no_wheel_there_is_named(tag, version, said):
    hint = installation.how_to_complete(tag, version)
    assert [each in hint for each in ("On musl (Alpine), aleph-cid has no wheel", "no wheel of coincurve")] == [
        any(one in each for one in said)
        for each in ("On musl (Alpine), aleph-cid has no wheel", "no wheel of coincurve")
    ]
    anchor = hint.rpartition("#")[2]
    assert f"\n## {anchor.capitalize()}\n" in (DOCS / "install.md").read_text("utf-8")


@pytest.mark.parametrize("library", ["manylinux_2_36", "musllinux_1_2"])
def test_the_tag_names_the_c_library(library, monkeypatch):
    machine = [tags.Tag("cp312", "cp312", f"{system}_x86_64") for system in ("linux", library, "linux_old")]
    monkeypatch.setattr(tags, "sys_tags", lambda: iter(machine))
    assert installation.platform_tag() == f"cp312-cp312-{library}_x86_64"
    assert ("On musl" in installation.how_to_complete(version=(3, 12))) == library.startswith("musl")


def test_a_module_of_our_own_is_a_defect():
    assert InstallationError.from_import(ModuleNotFoundError(name="hatch_aleph.nowhere")) is None
