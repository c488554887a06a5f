"""The sample project, deployed to the network on this machine, answers as it does under uvicorn."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from typing import NamedTuple

import pytest
from uv import find_uv_bin

from hatch_aleph import interpreters
from tests.whole.conftest import SAMPLE

pytestmark = [pytest.mark.index, pytest.mark.timeout(600)]

# What the network's hosts do to answers, what only a server adds, and what comes of a file's time: every file of an
# image has the same, so that the image is reproducible.
NOT_COMPARED = {"date", "server", "connection", "transfer-encoding", "vary", "content-encoding"} | {
    "last-modified",
    "etag",
}
REQUESTS = [
    ("GET", "/", None),
    ("GET", "/greet", None),
    ("GET", "/greet?name=Alice%20B&loud=true", None),
    ("GET", "/greet?name=%C3%A9t%C3%A9%26co", None),
    ("GET", "/greet?loud=nonsense", None),
    ("POST", "/visits/alice", b""),
    ("POST", "/visits/alice", b""),
    ("POST", "/visits/b%20c", b""),
    ("POST", "/statistics", b'{"values": [1, 2, 3.5, 4]}'),
    ("POST", "/statistics", b'{"values": []}'),
    ("POST", "/statistics", b"not json"),
    ("GET", "/countdown?start=4", None),
    ("GET", "/table.csv", None),
    ("HEAD", "/table.csv", None),
    ("DELETE", "/greet", None),
    ("GET", "/openapi.json", None),
]


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def ask(base: str, method: str, path: str, body: bytes | None) -> Answer:
    request = urllib.request.Request(base.rstrip("/") + path, data=body, method=method)
    if body:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Answer(answer.status, headers_of(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, headers_of(error.headers), error.read())


def headers_of(headers) -> dict[str, str]:
    return {
        name.lower(): value
        for name, value in headers.items()
        if name.lower() not in NOT_COMPARED and not name.lower().startswith("aleph-")
    }


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("sample") / "sample_project"
    shutil.copytree(SAMPLE, root, ignore=shutil.ignore_patterns("dist", ".aleph"))
    return root


@pytest.fixture(scope="module")
def deployed(network, project):
    return network.json("deploy", "--project", str(project), "--yes")


@pytest.fixture(scope="module")
def uvicorn(project, deployed, tmp_path_factory):
    """The same project with the same versions of its dependencies, as developers run it."""
    folder = tmp_path_factory.mktemp("uvicorn")
    python = interpreters.find("3.11")
    if python is None:
        pytest.skip("no Python 3.11 here")
    uv = find_uv_bin()
    # The lock that travels names no index, so it is read for names, versions and hashes.
    manifest = json.loads(next((project / "dist").glob("*.aleph.json")).read_text())
    pinned = folder / "requirements.txt"
    pinned.write_text(
        "".join(
            f"{each['name']}=={each['version']} {' '.join(f'--hash={digest}' for digest in each['hashes'])}\n"
            for each in manifest["distributions"]
        )
    )
    environment = folder / "environment"
    subprocess.run([uv, "venv", "-q", "--python", str(python.path), str(environment)], check=True)
    interpreter = environment / "bin" / "python"
    install = [uv, "pip", "install", "-q", "--python", str(interpreter)]
    subprocess.run([*install, "--require-hashes", "-r", str(pinned)], check=True)
    subprocess.run([*install, "uvicorn"], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(interpreter), "-m", "uvicorn", "sample_api.main:app", "--port", str(port), "--log-level", "error"]
    process = subprocess.Popen(command, cwd=project / "src")
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(url, timeout=2).close()
                break
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS, ids=lambda value: str(value)[:40])
def test_answers_are_those_of_uvicorn(deployed, uvicorn, method, path, body):
    here, there = ask(deployed["urls"][0], method, path, body), ask(uvicorn, method, path, body)
    assert here.status == there.status
    assert here.body == there.body
    # Streams arrive whole, so the host knows their length; nothing else differs.
    here.headers.pop("content-length") if "content-length" not in there.headers else None
    assert here.headers == there.headers


def test_an_error_of_the_app_reaches_the_client_as_the_host_tells_it(deployed, uvicorn):
    here, there = ask(deployed["urls"][0], "GET", "/nothing", None), ask(uvicorn, "GET", "/nothing", None)
    assert here.status == there.status == 404
    # Every 404 of a program becomes this JSON on the network's hosts.
    assert json.loads(here.body) == {"error": there.body.decode()}


def test_a_second_deployment_sends_nothing(network, project, deployed):
    before = messages(network)
    again = network.json("deploy", "--project", str(project), "--yes")
    assert again["item_hash"] == deployed["item_hash"]
    assert messages(network) == before


def test_changed_code_answers_under_the_same_url(network, project, deployed):
    main = project / "src" / "sample_api" / "main.py"
    text = main.read_text("utf-8")
    main.write_text(text.replace("Hello from a program", "Hello again"), "utf-8")
    changed = network.json("deploy", "--project", str(project), "--yes")
    assert changed["urls"][0] == deployed["urls"][0]
    assert ask(deployed["urls"][0], "GET", "/", None).body == b'{"message":"Hello again"}'
    main.write_text(text, "utf-8")
    network.json("deploy", "--project", str(project), "--yes")
    assert ask(deployed["urls"][0], "GET", "/", None).body == b'{"message":"Hello from a program"}'


def messages(network) -> int:
    with urllib.request.urlopen(
        f"{network.url}/api/v0/messages.json?addresses={network.address}", timeout=30
    ) as answer:
        total: int = json.load(answer)["pagination_total"]
        return total
