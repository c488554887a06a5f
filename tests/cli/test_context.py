"""Which artifact, which deployment, who signs: one answer for all commands, and never a silent choice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.cli.context import Context
from hatch_aleph.cli.output import Output
from hatch_aleph.defaults import DEFAULT_CHANNEL
from hatch_aleph.deploy.deployment import Deployment
from hatch_aleph.errors import ArtifactError, PlanError
from hatch_aleph.network.client import NodeClient
from tests.deploy.rig import make_artifact

if TYPE_CHECKING:
    from pathlib import Path

OWNER = "0x" + "12" * 20
SETTINGS_OWNER = "0x" + "34" * 20
PROJECT = """
[project]
name = "shop"
{version}
[tool.aleph]
entrypoint = "main:app"
address = "{owner}"
[tool.aleph.profiles.staging]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").write_text(PROJECT.format(owner=SETTINGS_OWNER, version='version = "1.0"'))
    (root / "main.py").write_text("async def app(scope, receive, send): ...\n")
    return root


def artifact(project: Path, **parts: Any) -> Path:
    return make_artifact(project / "dist", **parts).path


@pytest.mark.parametrize("said", ["profiles = []", "profiles = { a = 3 }", "profiles = { a = { name = 'other' } }"])
def test_the_project_at_hand_is_named_whatever_its_profiles_are(tmp_path, said):
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "p"\n[tool.aleph]\n{said}\n')
    at_hand = Context(output=Output(as_json=False), project_folder=tmp_path).project_at_hand
    assert at_hand == (("p", "other") if "other" in said else ("p",))


def planned(cli: Any, *arguments: object) -> dict[str, Any]:
    plan: dict[str, Any] = cli.json("plan", *arguments).result["plan"]
    return plan


def test_without_build_the_profile_decides_or_nothing_does(cli, project):
    artifact(project, code=b"of no profile")
    for command in ("deploy", "plan", "diff"):
        error = cli.json(command, "--project", project, "--no-build", "--profile", "staging").error
        assert error["kind"] == "ArtifactError"
        assert "shop-1.0.aleph.json" in error["message"]
    assert cli.sent == []
    artifact(project, profile="staging", version="1.1", code=b"of staging")
    plan = planned(cli, "--project", project, "--no-build", "--profile", "staging", "--address", OWNER)
    assert (plan["tag"], plan["version"]) == ("hatch-aleph:shop:staging", "1.1")
    assert planned(cli, "--project", project, "--no-build", "--address", OWNER)["tag"] == "hatch-aleph:shop"


def test_of_several_versions_none_is_taken_in_silence(cli, project):
    older = artifact(project, version="1.0", code=b"older")
    artifact(project, version="2.0", code=b"newer")
    for command in ("plan", "deploy", "serve", "verify"):
        error = cli.json(command, "--project", project, "--no-build").error
        assert error["kind"] == "ArtifactError"
        assert "shop-1.0.aleph.json (shop 1.0)" in error["message"]
        assert "shop-2.0.aleph.json (shop 2.0)" in error["message"]
    assert "several" in cli.json("inspect", "--project", project).error["message"]
    assert planned(cli, older, "--project", project)["version"] == "1.0"
    assert cli.json("deploy", older, "--project", project, "--dry-run").result["plan"]["version"] == "1.0"


def test_a_named_artifact_of_another_profile_is_refused(cli, project):
    common = artifact(project, code=b"of no profile")
    error = cli.json("deploy", common, "--project", project, "--profile", "staging").error
    assert "of no profile, not of profile staging" in error["message"]


def test_a_named_artifact_needs_no_project(cli, project, tmp_path, monkeypatch):
    manifest = artifact(project, profile="staging")
    monkeypatch.chdir(tmp_path)
    assert planned(cli, manifest)["tag"] == "hatch-aleph:shop:staging"


@pytest.mark.parametrize("command", [["plan"], ["deploy", "--yes"], ["serve"], ["inspect"], ["verify"], ["diff"]])
def test_the_manifest_that_is_named_is_meant(cli, project, command):
    artifact(project)  # lies there, and is not taken in its place
    named = project / "elsewhere" / "shop-2.0.aleph.json"
    assert cli.json(command[0], named, "--project", project, *command[1:]).error["where"] == str(named)


def test_inspect_looks_at_the_profile_that_is_named(cli, project, tmp_path):
    from hatch_aleph.squashfs import Entry, write_image

    for profile in (None, "staging"):
        image = tmp_path / "image"
        write_image([Entry(f"{profile}.py", "file", 0o644, b"pass\n")], image)
        version = f"1.0.{profile}" if profile else "1.0"
        artifact(project, profile=profile, version=version, code=image.read_bytes(), packages=None)
    done = cli.json("inspect", "--project", project, "--profile", "staging").result
    assert [each["file"].rpartition("-1.0")[2].startswith(".staging") for each in done["images"]] == [True]


@pytest.fixture
def answers(monkeypatch):
    """Record which deployment a command means, and end it there."""
    found: list[tuple[object, ...]] = []
    named = Deployment.named

    def recording(*arguments: Any, **options: Any) -> Deployment:
        deployment = named(*arguments, **options)
        found.append((deployment.owner, deployment.tag, deployment.node, deployment.host, deployment.channel))
        raise PlanError("Recorded.")

    monkeypatch.setattr(Deployment, "named", recording)
    return found


@pytest.mark.parametrize("owner", [OWNER, None])
@pytest.mark.parametrize("profile", ["staging", None])
def test_every_command_means_the_same_deployment_by_the_same_options(cli, network, project, answers, owner, profile):
    artifact(project, profile=profile, settings={"address": SETTINGS_OWNER, "channel": DEFAULT_CHANNEL})
    shared = ["--project", project]
    shared += ["--address", owner] if owner else []
    shared += ["--profile", profile] if profile else []
    host = ["--host-url", "http://host.example"]
    built = ["--no-build", *host]
    commands: dict[str, list[object]] = {
        "plan": built,
        "deploy": ["--dry-run", *built],
        "verify": built,
        "status": host,
        "rollback": ["--yes", *host],
        "prune": ["--yes", *host],
        **dict.fromkeys(("logs", "restart", "stop", "show", "open", "persist", "unpersist"), host),
    }
    for command, options in commands.items():
        assert cli.json(command, *shared, *options).error["message"] == "Recorded."
    assert cli.json("deploy", "--yes", *shared, *built).error["message"] == "Recorded."
    tag = "hatch-aleph:shop:staging" if profile else "hatch-aleph:shop"
    assert set(answers) == {(owner or SETTINGS_OWNER, tag, network.url, "http://host.example", DEFAULT_CHANNEL)}
    answers.clear()
    for command, further in {"history": [], "delete": ["--yes"], "diff": ["--no-build"]}.items():
        assert cli.json(command, *shared, *further).error["message"] == "Recorded."
    assert {answer[:3] for answer in answers} == {(owner or SETTINGS_OWNER, tag, network.url)}


def test_the_session_of_a_deployment_asks_the_host_that_is_named(project):
    """``delete --wait`` of a project looked nowhere, and said that no host was named."""
    context = Context(output=Output(as_json=False), project_folder=project, private_key="0x" + "1" * 64)
    deployment = Deployment(NodeClient(["http://127.0.0.1:9"]), OWNER, "hatch-aleph:shop", "http://host.example")
    session = context.session(deployment.client, deployment)
    assert session.hosts.known == deployment.hosts.known == "http://host.example"


BACKEND = """
import zipfile
from pathlib import Path


def build_wheel(folder, config_settings=None, metadata_directory=None):
    with open({log!r}, "a") as log:
        log.write("built\\n")
    name = "shop-1.2-py3-none-any.whl"
    with zipfile.ZipFile(Path(folder) / name, "w") as wheel:
        wheel.writestr("shop-1.2.dist-info/METADATA", "Metadata-Version: 2.1\\nName: shop\\nVersion: 1.2\\n")
        wheel.writestr("shop-1.2.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("shop-1.2.dist-info/RECORD", "")
    return name
"""


@pytest.mark.parametrize("command", [["status"], ["plan", "--no-build"], ["history"], ["rollback", "--yes"], ["logs"]])
def test_a_backend_is_asked_for_metadata_once_a_command(cli, project, tmp_path, command):
    log = tmp_path / "log"
    artifact(project)
    text = PROJECT.format(owner=SETTINGS_OWNER, version='dynamic = ["version"]')
    text += '[build-system]\nrequires = []\nbuild-backend = "counting"\nbackend-path = ["."]\n'
    (project / "pyproject.toml").write_text(text)
    (project / "counting.py").write_text(BACKEND.format(log=str(log)))
    cli.json(*command, "--project", project)
    assert len(log.read_text().splitlines() if log.exists() else []) <= 1


def test_the_profile_may_stand_in_the_environment_as_for_a_build(cli, project, monkeypatch):
    artifact(project, profile="staging")
    monkeypatch.setenv("HATCH_ALEPH_PROFILE", "staging")
    assert planned(cli, "--project", project, "--no-build")["profile"] == "staging"


def test_the_publisher_publishes_the_very_file_that_is_named(cli, project, tmp_path, monkeypatch):
    from hatch_aleph.plugin.publisher import AlephPublisher

    class App:
        def abort(self, text: str, code: int = 1) -> None:
            raise AssertionError(text, code)

    older = artifact(project, version="1.0", code=b"older")
    artifact(project, version="2.0", code=b"newer")
    staging = artifact(project, profile="staging", version="1.5", code=b"staging")
    for named, version, tag in ((older, "1.0", "hatch-aleph:shop"), (staging, "1.5", "hatch-aleph:shop:staging")):
        page = tmp_path / f"page-{version}"
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
        AlephPublisher(App(), project, project / "cache", {}, {}).publish([str(named)], {"dry_run": "true"})
        assert page.read_text("utf-8").startswith(f"### shop {version} → `{tag}`\n")
    with pytest.raises(AssertionError, match="None of these"):
        AlephPublisher(App(), project, project / "cache", {}, {}).publish(["dist/shop-1.0.whl"], {})
    with pytest.raises(AssertionError) as failed:
        AlephPublisher(App(), project, project / "cache", {"dry_run": False}, {}).publish([], {"profile": "unbuilt"})
    assert failed.value.args == ("", ArtifactError.exit_code)


KEY = "c0ffee" * 10 + "c0de"


@pytest.mark.parametrize("key", ["0x" + KEY, KEY, "4" * 88, "0x12"])
@pytest.mark.parametrize(
    "command",
    [("faucet",), ("account", "balance"), ("domain", "list"), ("list", "--address"), ("plan", "--address")],
)
def test_a_key_in_place_of_an_address_is_refused_and_not_repeated(cli, command, key):
    done = cli.json(*command, key)
    assert done.code == 64
    assert key not in done.out + done.err
    assert cli.sent == []


@pytest.mark.parametrize("url", ["http://u:secret@127.0.0.1:1", "banana", "ftp://x", "http:///secret"])
def test_the_url_of_a_host_is_checked_and_holds_no_password(cli, monkeypatch, url):
    monkeypatch.setenv("ALEPH_HOST_URL", url)
    done = cli.json("status")
    assert done.code == 64
    assert "u:secret" not in done.out + done.err


def test_a_key_in_place_of_an_item_hash_is_not_repeated(cli):
    done = cli.json("delete", "0x" + KEY)
    assert done.code == 64
    assert KEY not in done.out + done.err
