"""Projects of other shapes go the whole way too."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING

import pytest

from hatch_aleph import errors

if TYPE_CHECKING:
    import subprocess

pytestmark = [pytest.mark.index, pytest.mark.timeout(300)]

RAW_APP = """
    from importlib.metadata import version

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": version("my-api").encode()})
"""


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        body: bytes = answer.read()
        return body


def test_a_folder_with_only_main_py(network, make_project):
    root = make_project({"main.py": RAW_APP})
    deployed = network.json("deploy", "--project", str(root), "--yes")
    assert get(deployed["urls"][0]) == b"1.0"


def test_a_dynamic_version(network, make_project):
    root = make_project(
        {
            "pyproject.toml": """
                [project]
                name = "my-api"
                dynamic = ["version"]
                [build-system]
                requires = ["hatchling"]
                build-backend = "hatchling.build"
                [tool.hatch.version]
                path = "my_api/__init__.py"
                [tool.aleph]
                entrypoint = "my_api:app"
            """,
            "my_api/__init__.py": '__version__ = "3.4.5"\n' + "\n".join(line[4:] for line in RAW_APP.splitlines()),
        }
    )
    deployed = network.json("deploy", "--project", str(root), "--yes")
    assert get(deployed["urls"][0]) == b"3.4.5"


BAD_TABLES = {
    "unknown key": ('entrypoint = "main:app"\nmemry = 5', "tool.aleph.memry: unknown key; did you mean `memory`?"),
    "missing entrypoint": ("memory = 512", "tool.aleph.entrypoint: required, but missing"),
    "no such module": ('entrypoint = "nowhere:app"', "the project has no module `nowhere`"),
    "no attribute": ('entrypoint = "main"', "expected `module:attribute`"),
    "wrong type": ('entrypoint = "main:app"\nmemory = "big"', "expected an integer"),
    "unknown runtime": ('entrypoint = "main:app"\nruntime = "debian-13"', "did you mean `debian-1"),
    "bad hash": (
        'entrypoint = "main:app"\n[[tool.aleph.volumes.immutable]]\nref = "12"\nmount = "/opt/x"',
        "expected an item hash",
    ),
    "mount clash": (
        f'entrypoint = "main:app"\n[[tool.aleph.volumes.immutable]]\nref = "{"a" * 64}"\nmount = "/opt/packages"',
        "clashes with the packages",
    ),
    "mount at /data": (
        'entrypoint = "main:app"\n[[tool.aleph.volumes.persistent]]\nname = "d"\nsize-mib = 1\nmount = "/data"',
        "zips all of /data",
    ),
    "too small": ('entrypoint = "main:app"\nmemory = 1', "128 to 1048576"),
    "two ways to size": ('entrypoint = "main:app"\ncompute-units = 1\nvcpus = 1', "say either compute-units, or"),
    "bad payment": ('entrypoint = "main:app"\npayment = { type = "cash" }', "expected one of credit"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_wrong_table(network, make_project, name):
    table, expected = BAD_TABLES[name]
    root = make_project()
    file = root / "pyproject.toml"
    file.write_text(file.read_text("utf-8").partition("[tool.aleph]")[0] + "[tool.aleph]\n" + table, "utf-8")
    refused(network, root, expected, errors.SettingsError)


def test_an_unknown_profile(network, make_project):
    refused(network, make_project(), "no such profile", errors.SettingsError, "--profile", "stagng")


def test_a_dependency_without_a_wheel(network, make_project):
    root = make_project()
    file = root / "pyproject.toml"
    # A distribution that was only ever published as source.
    file.write_text(
        file.read_text("utf-8").replace('version = "1.0"', 'version = "1.0"\ndependencies = ["future==0.18.2"]')
    )
    refused(network, root, "future", errors.DependencyError)


def test_a_missing_key(network, make_project, tmp_path):
    done = network.run(
        "deploy", "--project", str(make_project()), "--yes", "--private-key-file", str(tmp_path / "none"), check=False
    )
    only_one_message(done, errors.AccountError, "account create")


def test_a_node_that_is_not_there(network, make_project):
    done = network.run("deploy", "--project", str(make_project()), "--yes", "--node", "http://127.0.0.1:9", check=False)
    only_one_message(done, errors.NetworkError, "http://127.0.0.1:9")


def refused(network, root, expected: str, kind: type[errors.HatchAlephError], *options: str) -> None:
    for command in (("build",), ("deploy", "--yes")):
        done = network.run(*command, "--project", str(root), *options, check=False)
        only_one_message(done, kind, expected)
        assert not list((root / "dist").glob("*")) if (root / "dist").exists() else True


def only_one_message(done: subprocess.CompletedProcess[str], kind: type[errors.HatchAlephError], expected: str) -> None:
    assert done.returncode == kind.exit_code, done.stdout + done.stderr
    assert expected in done.stderr
    assert done.stderr.count("Error: ") == 1
    assert "Traceback" not in done.stderr
    assert not done.stdout
