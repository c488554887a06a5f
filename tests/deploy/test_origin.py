"""What releases note of where they come from, and what history makes of it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hatch_aleph.deploy.history import releases
from hatch_aleph.deploy.rollback import roll_back
from hatch_aleph.deploy.state import State
from hatch_aleph.errors import HealthError
from hatch_aleph.origin import commit, machine, origin_of
from hatch_aleph.settings import HealthCheck
from tests.clock import hurried

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.artifact import Artifact
    from tests.deploy.conftest import Rig


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    git(folder, "commit", "-q", "--allow-empty", "-m", "one")
    return folder


def test_the_commit_is_what_is_checked_out(repository: Path, tmp_path: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    assert commit(repository) == head[:12]
    (repository / "inside").mkdir()
    assert commit(repository / "inside") == head[:12]
    assert commit(tmp_path) is None
    assert commit(tmp_path / "not there") is None


def test_a_repository_runs_nothing_when_it_is_asked(repository: Path, tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    program = tmp_path / "monitor"
    program.write_text(f"#!/bin/sh\ntouch {planted}\n", "utf-8")
    program.chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "core.hooksPath", "diff.external"):
        git(repository, "config", key, str(program))
    assert commit(repository)
    assert not planted.exists()


def test_a_machine_is_told_from_others_and_its_name_is_not_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.node", lambda: "alices-laptop")
    name = machine("0xabc", {})
    assert (len(name), name) == (8, machine("0xabc", {}))
    assert name != machine("0xdef", {})
    assert machine("0xabc", {"CI": "true", "GITHUB_ACTIONS": "true"}) == "GitHub Actions"


def deploy(rig: Rig, artifact: Artifact, repository: Path, state: str = ".aleph") -> None:
    deployer = rig.deployer(artifact, state=state)
    replace(deployer, session=replace(deployer.session, project=repository)).deploy(artifact)


def test_history_tells_commit_machine_and_what_changed(rig: Rig, repository: Path) -> None:
    first, second = rig.artifact(version="1.0", code=b"one"), rig.artifact(version="2.0", code=b"two")
    deploy(rig, first, repository)
    one = commit(repository)
    git(repository, "commit", "-q", "--allow-empty", "-m", "two")
    deploy(rig, second, repository)
    two, here = commit(repository), origin_of(repository, rig.account.address)["machine"]
    found = releases(rig.target(second).state())
    assert [(each.commit, each.machine, each.changed) for each in found] == [
        (two, here, ("code",)),
        (one, here, ("code", "packages")),
    ]
    target, session = rig.opened(second)
    health = hurried(rig.host), HealthCheck(timeout_seconds=10)
    roll_back(target, replace(session, project=repository), *health)
    back = releases(rig.target(second).state())[0]
    assert (back.kind, back.commit, back.machine, back.changed) == ("rollback", one, here, ("code",))


def test_a_release_that_failed_keeps_its_commit(rig: Rig, repository: Path) -> None:
    deploy(rig, rig.artifact(version="1.0", code=b"one"), repository)
    one = commit(repository)
    git(repository, "commit", "-q", "--allow-empty", "-m", "two")
    broken = rig.artifact(version="2.0", code=b"broken")
    rig.host.broken.add(broken.manifest.images[0].sha256)
    with pytest.raises(HealthError):
        deploy(rig, broken, repository)
    found = releases(rig.target(broken).state())
    assert [(each.kind, each.commit) for each in found] == [
        ("put back", one),
        ("failed", commit(repository)),
        ("deploy", one),
    ]


def test_releases_without_notes_have_no_origin(rig: Rig) -> None:
    rig.deploy(rig.artifact())
    (found,) = releases(rig.target(rig.artifact()).state())
    assert (found.commit, found.machine) == (None, None)


def test_nothing_that_is_live_has_no_releases() -> None:
    assert releases(State("0x1", "hatch-aleph:my-api")) == ()
