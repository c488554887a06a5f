"""Commands on programs that are given no item hash: they go on from what is deployed of the project."""

from __future__ import annotations

import pytest

from hatch_aleph.deploy.apply import Deployer
from hatch_aleph.deploy.deployment import Deployment
from hatch_aleph.deploy.session import Session
from hatch_aleph.network import NodeClient
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
