"""Commands on programs that are given no item hash: they go on from what is deployed of the project."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import pytest

from hatch_aleph.deploy.apply import Deployer
from hatch_aleph.deploy.deployment import Deployment
from hatch_aleph.deploy.session import Session
from hatch_aleph.network.client import NodeClient
from hatch_aleph.squashfs import scan, write_image
from tests.deploy.rig import make_artifact
from tests.programs.rig import BARE_APP, ask, write_app


@pytest.fixture
def project(cli, network, tmp_path):
    """Deploy a project named shop; return its folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "shop"\nversion = "1"\n[tool.aleph]\nentrypoint = "main:app"\nupdatable = true\n'
    )
    image = tmp_path / "code.squashfs"
    write_image(scan(write_app(tmp_path / "deployed", "deployed", source=BARE_APP)), image)
    artifact = make_artifact(tmp_path / "dist", code=image.read_bytes(), packages=None, allow_amend=True)
    with NodeClient([network.url]) as client:
        session = Session(client, cli.account, tmp_path / "state")
        Deployer(Deployment.of(artifact.manifest, client, cli.account.address), session).deploy(artifact)
    return folder


def test_from_logs_to_the_end(cli, network, project):
    assert cli.json("logs", "--project", project).code == 0
    refused = cli.json("persist", "--project", project).error
    assert ("next deployment would undo" in refused["message"], "--write" in refused["hint"]) == (True, True)
    there = cli.json("persist", "--project", project, "--write").result
    assert "persistent = true" in (project / "pyproject.toml").read_text()
    assert ask(there["urls"][0]) == (200, "deployed")
    assert cli.json("delete", "--project", project).error["exit_code"] == 64
    done = cli.json("delete", "--project", project, "--yes").result
    assert done["item_hash"] == there["item_hash"]
    assert {network.status(item) for kind, item in network.sent(cli.account.address) if kind != "FORGET"} == {
        "forgotten"
    }
    assert "Nothing of this project is live" in cli.json("delete", "--project", project, "--yes").error["message"]


def test_another_profile_is_another_deployment(cli, project):
    text = (project / "pyproject.toml").read_text() + "[tool.aleph.profiles.staging]\n"
    (project / "pyproject.toml").write_text(text)
    assert (
        "not deployed" in cli.json("persist", "--project", project, "--profile", "staging", "--write").error["message"]
    )


@contextmanager
def another_address(url):
    """Give a second address of a server: bytes are passed on as they are."""
    there = urlsplit(url)
    connections = []

    def carry(source, target):
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def serve(server):
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                node = socket.create_connection((there.hostname, there.port))
                connections.extend((client, node))
                for way in ((client, node), (node, client)):
                    threading.Thread(target=carry, args=way, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    for each in connections:
        each.close()


def test_every_address_that_is_printed_is_at_the_host_that_was_named(cli, network, project, tmp_path, monkeypatch):
    """The host is no part of the node here: whatever a command says of a program leads there."""
    here = ["--project", project]
    dist = ["--dist", tmp_path / "dist", "--no-build"]
    with another_address(network.url) as host:
        monkeypatch.setenv("ALEPH_HOST_URL", host)
        made = cli.json("create", cli.app("named"), "main:app", "--name", "app", "--no-smoke").result
        program, app = made["item_hash"], cli.app("named")
        commands = {
            "create": ([app, "main:app", "--name", "other", "--no-smoke", "--verbose"], True),
            "deploy": ([*here, *dist, "--yes", "--no-smoke"], True),
            "plan": ([*here, *dist], False),
            "status": (here, True),
            "history": (here, False),
            "verify": ([*here, *dist], False),
            "report": ([*here, *dist[:2], "--no-imports"], False),
            "list": (["--long"], True),
            "show": ([program], True),
            "logs": ([program], False),
            "update": ([program, cli.app("newer"), "--no-smoke"], True),
            "restart": ([program], True),
            "stop": ([program], True),
            "runtime-checker": (["debian-12"], False),
            "persist": ([*here, "--write", "--no-smoke"], True),
            "unpersist": ([*here, "--write", "--no-smoke"], True),
            "delete": ([program], False),
        }
        port = urlsplit(host).port
        for command, (options, names_it) in commands.items():
            for form in ([], ["--json"]):
                if form and command in ("create", "persist", "unpersist", "delete", "runtime-checker"):
                    continue
                done = cli(command, *options, *form)
                assert done.code == 0, (command, done)
                urls = set(re.findall(r"https?://[^\s\"'<>,)]*[\w/]", done.out + done.err)) - {network.url}
                elsewhere = {url for url in urls if urlsplit(url).port != port}
                assert not elsewhere, (command, form)
                assert bool(urls) >= names_it, (command, form, done)
