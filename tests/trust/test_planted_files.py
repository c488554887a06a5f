"""What others can plant in a project, in the shared temporary folder and in the cache: refused, or left as it is."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.build.cache import Cache
from hatch_aleph.cli import run
from hatch_aleph.deploy.history import NUMBER, next_number
from hatch_aleph.deploy.journal import Journal, Run, intent_of
from hatch_aleph.deploy.session import deployment_lock
from hatch_aleph.deploy.state import image_notes
from hatch_aleph.errors import HatchAlephError, PlanError
from hatch_aleph.files import make_own_folder, scratch_folder, sweep_scratch
from hatch_aleph.network.messages import forget_content, sign_message, store_content
from tests.deploy.conftest import new_account
from tests.deploy.rig import make_artifact

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
BEFORE = "what was there before\n"


def lock(project: Path) -> None:
    with deployment_lock(project / ".aleph"):
        pass


def journal(project: Path) -> None:
    Journal(project / ".aleph", "0xA", "tag").begin(Run("node", None))


def serve(project: Path) -> None:
    make_own_folder(project / ".aleph" / "volumes")


PLANTED: dict[str, tuple[str, Callable[[Path], None]]] = {
    "the lock": (".aleph/lock", lock),
    "what git ignores": (".aleph/.gitignore", journal),
    "the folder, for the lock": (".aleph", lock),
    "the folder, for the journal": (".aleph", journal),
    "the journals": (".aleph/journal", journal),
    "the runs": (".aleph/runs", lambda project: make_own_folder(project / ".aleph" / "runs" / "x")),
    "the volumes": (".aleph/volumes", serve),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_link_that_a_repository_brings_leads_nothing_out(tmp_path: Path, name: str) -> None:
    outside, project = tmp_path / "outside", tmp_path / "project"
    (outside / "folder").mkdir(parents=True)
    for file in ("file", "folder/lock", "folder/.gitignore"):
        (outside / file).write_text(BEFORE)
    place, use = PLANTED[name]
    (project / place).parent.mkdir(parents=True, exist_ok=True)
    is_file = place in (".aleph/lock", ".aleph/.gitignore")
    (project / place).symlink_to(outside / ("file" if is_file else "folder"))
    try:
        use(project)
    except (PlanError, OSError) as error:
        assert "link" in str(error)  # noqa: PT017 - refused or harmless: both are right
    found = {str(file.relative_to(outside)): file for file in outside.rglob("*") if file.is_file()}
    assert set(found) == {"file", "folder/lock", "folder/.gitignore"}
    assert {file.read_text() for file in found.values()} == {BEFORE}


def test_the_command_names_the_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / ".aleph").symlink_to(tmp_path / "outside")
    assert run(["node", "--port", "0", "--folder", str(tmp_path / ".aleph" / "network")]) == 64
    said = capsys.readouterr().err
    assert f"{tmp_path / '.aleph'}: The folder cannot be used: It is a link" in said
    assert not list((tmp_path / "outside").iterdir())


@pytest.mark.parametrize("link", ["dist", "build"])
def test_a_folder_for_the_artifact_that_a_repository_brings_leads_nowhere_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], link: str
) -> None:
    outside, project = tmp_path / "outside", tmp_path / "project"
    outside.mkdir()
    project.mkdir()
    (project / link).symlink_to("../outside")
    (project / "main.py").write_text("async def app(scope, receive, send): ...\n", "utf-8")
    (project / "pyproject.toml").write_text(
        '[project]\nname = "shop"\nversion = "1.0"\n[tool.aleph]\nentrypoint = "main:app"\n', "utf-8"
    )
    folder = ("--out", str(project / "build" / "deep")) if link == "build" else ()
    assert run(["build", "--project", str(project), *folder]) != 0
    said = capsys.readouterr().err
    assert "A link leads out of the project" in said
    assert str(outside) in "".join(said.split())
    assert not list(outside.iterdir())


def test_links_in_dist_are_replaced_and_never_written_through(tmp_path: Path) -> None:
    from hatch_aleph.build.staging import Staging

    outside, dist = tmp_path / "outside", tmp_path / "dist"
    outside.write_text(BEFORE)
    artifact = make_artifact(tmp_path / "made")
    dist.mkdir()
    names = ("shop-1.0.aleph.json", "shop-1.0-code.squashfs", "shop-1.0-packages.squashfs")
    for name in names:
        (dist / name).symlink_to(outside)
    with Staging(dist) as staging:
        for image in artifact.manifest.images:
            (staging.folder / image.file).write_bytes((artifact.path.parent / image.file).read_bytes())
        staging.finish("shop-1.0", artifact.manifest)
    assert outside.read_text() == BEFORE
    assert [(dist / name).is_symlink() for name in names] == [False] * 3


def test_what_is_ours_stays_out_of_git_whatever_came_first(tmp_path: Path) -> None:
    make_own_folder(tmp_path / ".aleph" / "network")
    assert (tmp_path / ".aleph" / ".gitignore").read_text() == "*\n"
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".aleph" / "network" / "node.sqlite").write_text("x")
    seen = subprocess.run(["git", "status", "--short"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert seen.stdout == ""


def test_a_folder_that_the_user_names_is_not_hidden_from_git(tmp_path: Path) -> None:
    make_own_folder(tmp_path)
    assert not list(tmp_path.iterdir())


def old(folder: Path) -> Path:
    folder.mkdir()
    (folder / "file").write_text("x")
    os.utime(folder, (time.time() - 2 * 86400,) * 2)
    return folder


def test_what_killed_runs_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    outside = old(tmp_path / "outside")
    killed = [old(tmp_path / f"hatch-aleph-{ended.pid}-abc"), old(tmp_path / "hatch-aleph-of-an-earlier-version")]
    kept = [old(tmp_path / "another-tool"), old(tmp_path / f"hatch-aleph-{os.getpid()}-long-running")]
    young = tmp_path / f"hatch-aleph-{ended.pid}-young"
    young.mkdir()
    link = tmp_path / f"hatch-aleph-{ended.pid}-link"
    link.symlink_to(outside)
    os.utime(link, (0, 0), follow_symlinks=False)
    (tmp_path / "hatch-aleph-file").write_text("x")
    if os.getuid() == 0:
        kept.append(old(tmp_path / f"hatch-aleph-{ended.pid}-of-another-user"))
        os.chown(kept[-1], 65534, 65534)
    sweep_scratch(tmp_path)
    assert [folder.exists() for folder in killed] == [False, False]
    assert all((folder / "file").exists() for folder in (*kept, outside))
    assert young.exists()
    assert link.is_symlink()


def test_a_scratch_folder_is_the_users_alone_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch_folder() as folder:
        assert folder.parent == tmp_path
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not list(tmp_path.iterdir())


def test_a_scratch_folder_ends_however_deep_what_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch_folder() as folder:
        subprocess.run(["mkdir", "-p", "d/" * 1500], cwd=folder, check=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fault", ["everybody may write", "another user"])
def test_a_cache_that_others_can_write_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setenv("HATCH_ALEPH_CACHE", str(cache))
    assert Cache.default().root == cache
    if fault == "another user":
        if os.getuid() != 0:
            pytest.skip("only root gives folders away")
        os.chown(cache, 65534, 65534)
    else:
        cache.chmod(0o777)
    with pytest.raises(HatchAlephError, match="cannot be trusted") as caught:
        Cache.default()
    assert "HATCH_ALEPH_CACHE=DIR" in str(caught.value)


def planted(rig: Any, artifact: Any, message: Any, intent: str) -> None:
    """Put a message into the deployment's journal, as a repository can that brings one."""
    journal = Journal(rig.folder / ".aleph", rig.account.address, rig.target(artifact).tag)
    journal.add(message, intent, rig.client.nodes[0])
    journal.sending(message.item_hash, rig.client.nodes[0])


@pytest.mark.parametrize("kind", ["of a stranger", "of the owner, from before", "changed"])
def test_a_journal_that_a_repository_brings_decides_nothing(scene: Any, kind: str) -> None:
    """Neither is a stranger's code taken for what was just published, nor the owner's own of last year."""
    rig = scene.rig
    artifact = rig.artifact(code=b"code 2")
    target = rig.target(artifact)
    state = target.state()
    image = artifact.manifest.images[0]
    step = target.diff(artifact.manifest, state).image("code")
    wanted = store_content(
        rig.account.address, step.file_hash, step.engine, payment=artifact.manifest.settings.payment.to_message(),
        ref=step.ref, metadata=image_notes(image, artifact.manifest, {NUMBER: next_number(state)}), tags=(target.tag,),
    )  # fmt: skip
    intent = intent_of("STORE", "TEST", wanted)
    signer = new_account(rig.node) if kind == "of a stranger" else rig.account
    later = time.time() + 5
    said = wanted if kind == "of a stranger" else {**wanted, "item_hash": "ab" * 32}
    message = sign_message(signer, "STORE", {**said, "time": later}, channel="TEST", time=later)
    if kind == "changed":
        message = dataclasses.replace(message, signature="0x" + "11" * 65)
    planted(rig, artifact, message, intent)
    if kind == "of a stranger":
        done = rig.deploy(artifact)  # as if it were not there
        assert message.item_hash not in json.dumps(done.sent)
        assert rig.target(artifact).state().volumes[step.ref].current.file_hash == step.file_hash
    else:
        with pytest.raises(PlanError, match="The journal holds a message that nobody signed as it stands there"):
            rig.deploy(artifact)
        assert target.state().volumes[step.ref].current.file_hash != "ab" * 32


def test_a_planted_journal_makes_nobody_sign_a_forget(scene: Any) -> None:
    rig = scene.rig
    session = rig.session()
    content = forget_content(rig.account.address, [scene.other], reason="planted")
    now = time.time()
    message = sign_message(new_account(rig.node), "FORGET", {**content, "time": now}, channel="TEST", time=now)
    for planted_message in (message, dataclasses.replace(message, sender=rig.account.address)):
        journal = Journal(session.folder, rig.account.address, "delete:x")
        journal.add(planted_message, intent_of("FORGET", "TEST", content), rig.client.nodes[0])
        with contextlib.suppress(PlanError):
            assert session.finish("delete:x") == ()
        journal.close(planted_message.item_hash, "dropped")
    assert scene.message(scene.other)["status"] == "processed"


def test_the_local_hosts_libraries_are_pinned_with_their_hashes() -> None:
    from hatch_aleph.local.host import cached_folders

    text = Path(cached_folders.__file__).with_name("guest_modules.txt").read_text("utf-8")
    blocks = re.split(r"\n(?=[a-z])", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    assert len(blocks) >= 12
    assert all(re.match(r"[a-z-]+==[\d.]+", block) and "--hash=sha256:" in block for block in blocks)
