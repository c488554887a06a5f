"""What comes after a deployment: history, roll-back, pruning, status, verification, differences."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.deploy.cleanup import find_waste, prune
from hatch_aleph.deploy.deployment import Deployment
from hatch_aleph.deploy.file_differences import differences_of
from hatch_aleph.deploy.health import Answer, Health, Healthy
from hatch_aleph.deploy.history import find_release, releases
from hatch_aleph.deploy.rollback import roll_back
from hatch_aleph.deploy.state import Program
from hatch_aleph.deploy.status import read_status
from hatch_aleph.deploy.verification import verify
from hatch_aleph.errors import HealthError, ImageError, PlanError
from hatch_aleph.network.executions import Allocation, Execution
from hatch_aleph.network.urls import Hosts
from hatch_aleph.settings import HealthCheck
from hatch_aleph.squashfs import scan, write_image
from tests.clock import hurried

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_mock import MockerFixture

    from hatch_aleph.artifact import Artifact
    from tests.deploy.conftest import Rig


def health(rig: Rig) -> tuple[Health, HealthCheck]:
    return hurried(rig.host), HealthCheck(timeout_seconds=10)


def three_releases(rig: Rig) -> list[Artifact]:
    first = rig.artifact(version="1.0", code=b"one")
    rig.deploy(first)
    second = rig.artifact(version="2.0", code=b"two", packages=b"other packages")
    rig.deploy(second)
    third = rig.artifact(version="3.0", code=b"three", packages=b"other packages")
    rig.deploy(third)
    return [first, second, third]


def codes(rig: Rig, artifact: Artifact) -> list[tuple[int, str | None, str]]:
    found = releases(rig.target(artifact).state())
    return [(each.number, each.version, each.contents["code"].file_hash) for each in found]


def test_roll_back_amends_to_any_earlier_release_without_upload(rig: Rig) -> None:
    first, second, third = three_releases(rig)
    hashes = [artifact.manifest.images[0].sha256 for artifact in (third, second, first)]
    assert codes(rig, third) == [(3, "3.0", hashes[0]), (2, "2.0", hashes[1]), (1, "1.0", hashes[2])]
    before = rig.count()
    done = roll_back(*rig.opened(third), hurried(rig.host), HealthCheck(timeout_seconds=10), to="1.0")
    assert done.amended == ("packages", "code")
    assert not rig.target(first).plan(first.manifest).has_changes
    assert rig.count()["STORE"] == before["STORE"] + 2
    back = roll_back(*rig.opened(third), hurried(rig.host), HealthCheck(timeout_seconds=10), to="3.0")
    assert (back.release.version, back.item_hash) == ("3.0", done.item_hash)
    assert not rig.target(third).plan(third.manifest).has_changes


def test_roll_back_never_goes_to_what_it_has_just_left(rig: Rig) -> None:
    _, _, third = three_releases(rig)
    versions = [roll_back(*rig.opened(third), *health(rig)).release.version for _ in range(2)]
    assert versions == ["2.0", "1.0"]
    with pytest.raises(PlanError, match="no earlier content"):
        roll_back(*rig.opened(third), *health(rig))
    found = releases(rig.target(third).state())
    assert [(each.number, each.version, each.kind) for each in found[:3]] == [
        (5, "1.0", "rollback"),
        (4, "2.0", "rollback"),
        (3, "3.0", "deploy"),
    ]


def test_what_did_not_answer_is_marked_and_passed_over(rig: Rig) -> None:
    first = rig.artifact(version="1.0", code=b"one")
    rig.deploy(first)
    rig.deploy(rig.artifact(version="2.0", code=b"two"))
    broken = rig.artifact(version="3.0", code=b"broken")
    rig.host.broken.add(broken.manifest.images[0].sha256)
    with pytest.raises(HealthError):
        rig.deploy(broken)
    found = releases(rig.target(first).state())
    assert [(each.number, each.version, each.kind) for each in found] == [
        (4, "2.0", "put back"),
        (3, "3.0", "failed"),
        (2, "2.0", "deploy"),
        (1, "1.0", "deploy"),
    ]
    assert roll_back(*rig.opened(first), *health(rig)).release.version == "1.0"


def test_a_roll_back_that_does_not_answer_is_undone(rig: Rig) -> None:
    first, _, third = three_releases(rig)
    rig.host.broken.add(first.manifest.images[0].sha256)
    with pytest.raises(HealthError) as raised:
        roll_back(*rig.opened(third), *health(rig), to="1.0")
    assert "present content again" in str(raised.value.hint)
    assert not rig.target(third).plan(third.manifest).has_changes
    assert [(each.number, each.kind) for each in releases(rig.target(third).state())][:2] == [
        (5, "put back"),
        (4, "failed"),
    ]


def test_a_roll_back_that_does_not_answer_never_undoes_what_another_machine_has_deployed_since(rig: Rig) -> None:
    first, _, third = three_releases(rig)
    rig.host.broken.add(first.manifest.images[0].sha256)
    fourth = rig.artifact(version="4.0", code=b"four", packages=b"other packages")
    deployed: list[object] = []

    def meanwhile(url: str, *, timeout: float) -> Answer:
        if not deployed:
            deployed.append(rig.deployer(fourth, state="other machine").deploy(fourth))
        return rig.host(url, timeout=timeout)

    before = rig.count()["STORE"]
    with pytest.raises(HealthError) as raised:
        roll_back(*rig.opened(third), hurried(meanwhile), HealthCheck(timeout_seconds=10), to="1.0")
    assert "Another machine has deployed meanwhile" in str(raised.value.hint)
    assert not rig.target(fourth).plan(fourth.manifest).has_changes
    assert rig.count()["STORE"] == before + 4  # both images there and again, and no way back


def test_a_release_is_named_by_number_version_or_hash_and_by_nothing_else(rig: Rig) -> None:
    first, _, third = three_releases(rig)
    found = releases(rig.target(third).state())
    assert find_release(found, "1").version == "1.0"
    numbered = replace(found[0], version="1")  # a version that looks like a number is found by any other name
    assert find_release((numbered, *found[1:]), "1").version == "1.0"
    assert find_release(found, first.manifest.images[0].sha256[:8]).version == "1.0"
    with pytest.raises(PlanError, match="No release is called 9"):
        find_release(found, "9")
    with pytest.raises(PlanError, match="no earlier content"):
        find_release(found[-1:], None)
    with pytest.raises(PlanError, match="could be any of the releases"):
        find_release((found[0], replace(found[2], version=found[0].version)), "3.0")


def test_prune_shows_and_forgets_what_no_program_needs(rig: Rig) -> None:
    _, second, third = three_releases(rig)
    shown: list[int] = []

    def ask(waste: Any) -> None:
        shown.append(len(waste))

    prune(*rig.opened(third), *health(rig), keep=1, confirm=ask)
    assert shown == []
    assert len(prune(*rig.opened(third), *health(rig), confirm=ask)) == 1
    assert shown == [1]
    # The originals are named by the program and stay, so version 1 can still be gone back to.
    assert [(number, version) for number, version, _ in codes(rig, third)] == [(3, "3.0"), (1, "1.0")]
    assert not rig.deploy(third).plan.has_changes
    assert (
        rig.host(rig.target(second).hosts.urls(rig.target(third).state().programs[0].item_hash)[0], timeout=5).status
        == 200
    )


def test_volumes_without_a_program_are_waste_unless_another_program_uses_them(rig: Rig) -> None:
    rig.deploy(rig.artifact())
    last = rig.artifact(code=b"code 2", variables={"A": "1"})
    rig.deploy(last)
    state = rig.target(last).state()
    waste = find_waste(state)
    assert [each.why for each in waste] == ["no program uses it"]
    used = replace(state, look_elsewhere=lambda: frozenset({waste[0].item_hash}))
    assert find_waste(used) == ()


def test_status_tells_contents_cost_and_health(rig: Rig) -> None:
    artifact = rig.artifact(version="1.2")
    assert read_status(rig.target(artifact), None, HealthCheck()).item_hash is None
    outcome = rig.deploy(artifact)
    found = read_status(rig.target(artifact), hurried(rig.host), HealthCheck())
    assert (found.item_hash, found.trouble) == (outcome.item_hash, ())
    assert [(each.role, each.version, each.earlier) for each in found.contents] == [
        ("code", "1.2", 0),
        ("packages", "1.2", 0),
    ]
    assert found.daily is not None
    assert found.daily > 0
    rig.host.broken.add(artifact.manifest.images[0].sha256)
    broken = read_status(rig.target(artifact), hurried(rig.host), HealthCheck())
    assert "answers 502" in broken.trouble[0]


def test_verify_compares_bytes_fields_and_what_runs(rig: Rig) -> None:
    artifact = rig.artifact()
    rig.deploy(artifact)
    assert verify(rig.target(artifact), artifact.manifest, get=rig.host).same
    other = rig.artifact(version="1.1", code=b"code 2", timeout_seconds=None, variables={"A": "1"})
    found = verify(rig.target(other), other.manifest, get=rig.host)
    assert [(each.role, each.same) for each in found.images] == [("code", False), ("packages", True)]
    assert "variables.A" in [change.path for change in found.fields]

    def stale(_url: str, *, timeout: float) -> Answer:
        return Answer(200, {"aleph-program-code-ref": "f" * 64})

    assert verify(rig.target(artifact), artifact.manifest, get=stale).running is False


def test_verify_starts_no_second_copy_of_a_persistent_program(rig: Rig, mocker: MockerFixture) -> None:
    """Anywhere but where the scheduler runs it, a question would."""
    artifact = rig.artifact()
    rig.deploy(artifact)
    mocker.patch.object(Program, "persistent", new=True)
    asked: list[str] = []

    def ask(url: str, *, timeout: float) -> Answer:
        asked.append(url)
        return Answer(200, {})

    target = rig.target(artifact)
    for host, urls in ((None, 0), ("http://elsewhere.example", 1)):
        runs = {target.state().programs[0].item_hash: Execution(running=True)}
        hosts = Hosts(
            rig.node.url,
            list_executions=lambda at, runs=runs: runs if "elsewhere" in at else None,
            ask_scheduler=lambda *_, at=host, **__: Allocation(at, "scheduled"),
            is_host=lambda _: False,
        )
        mocker.patch.object(Deployment, "hosts", new=hosts)
        assert verify(target, artifact.manifest, get=ask).running is None
        assert [url.startswith("http://elsewhere.example/") for url in asked] == [True] * urls


class CutOnce(Health):
    """Is cut off when it first waits for an amended program; notes whether it was told of an amend."""

    def confirm(self, *arguments: Any, **options: Any) -> Healthy:
        self.told = [*getattr(self, "told", []), options["amended"]]
        if self.told == [True]:
            raise KeyboardInterrupt
        return super().confirm(*arguments, **options)


class Noting(Health):
    """Notes how many messages the owner had sent each time it was asked what runs before an amend."""

    def before_amend(self, *arguments: Any, **options: Any) -> Execution | None:
        self.sent = [*getattr(self, "sent", []), sum(self.rig.count().values())]  # type: ignore[attr-defined]
        return super().before_amend(*arguments, **options)


def test_what_runs_is_noted_before_the_last_amend(rig: Rig) -> None:
    """What the first of two amends has stopped, a visitor starts again, and the second one stops that as well."""
    first, second = (rig.artifact(version=f"{n}.0", code=b"c%d" % n, packages=b"p%d" % n) for n in (1, 2))
    rig.deploy(first)
    noting = hurried(rig.host, Noting)
    noting.rig = rig  # type: ignore[attr-defined]
    replace(rig.deployer(second), health=noting).deploy(second)
    assert noting.sent[-1] == sum(rig.count().values()) - 1
    assert roll_back(*rig.opened(second), noting, HealthCheck(timeout_seconds=10)).amended == ("packages", "code")
    assert noting.sent[-1] == sum(rig.count().values()) - 1


def test_who_goes_on_after_a_cut_waits_for_the_stop_all_the_same(rig: Rig) -> None:
    """The messages are processed, and nothing is left to send: the host may be stopping the program just now."""
    _, second, third = three_releases(rig)
    cut = hurried(rig.host, CutOnce)
    for expected in (KeyboardInterrupt, None):
        with pytest.raises(expected) if expected else nullcontext():
            roll_back(*rig.opened(third), cut, HealthCheck(timeout_seconds=10), to="1.0")
    assert cut.told == [True, True]
    cut = hurried(rig.host, CutOnce)
    for expected in (KeyboardInterrupt, None):
        with pytest.raises(expected) if expected else nullcontext():
            replace(rig.deployer(second), health=cut).deploy(second)
    assert cut.told == [True, True]


def test_an_image_that_is_not_live_is_not_the_same(rig: Rig) -> None:
    artifact = rig.artifact()
    with pytest.raises(PlanError, match="Nothing of this deployment is live"):
        verify(rig.target(artifact), artifact.manifest, get=rig.host)
    rig.deploy(rig.artifact(packages=None))

    def unreachable(_url: str, *, timeout: float) -> Answer:
        raise OSError

    found = verify(rig.target(artifact), artifact.manifest, get=unreachable)
    assert [(each.role, each.same) for each in found.images] == [("code", True), ("packages", False)]
    assert found.running is None  # nobody could be asked


def test_diff_names_the_image_that_is_none(rig: Rig) -> None:
    rig.deploy(rig.artifact(code=b"no image"))
    second = rig.artifact(code=b"none either")
    with pytest.raises(ImageError, match="The code image cannot be read"):
        differences_of(rig.target(second), second)


def test_diff_names_files_in_the_images(rig: Rig, tmp_path: Path) -> None:
    rig.deploy(rig.artifact(code=image(tmp_path / "1", {"app/main.py": "one", "old.txt": "x", "same.txt": "s"})))
    second = rig.artifact(code=image(tmp_path / "2", {"app/main.py": "two!", "new.txt": "x", "same.txt": "s"}))
    found = [
        (each.kind, each.role, each.path, each.before, each.after)
        for each in differences_of(rig.target(second), second).files
    ]
    assert found == [
        ("changed", "code", "app/main.py", 3, 4),
        ("added", "code", "new.txt", None, 1),
        ("removed", "code", "old.txt", 1, None),
    ]


def test_a_difference_is_told_by_distribution_and_line_by_line(rig: Rig, tmp_path: Path) -> None:
    def wheel(version: str, text: str) -> dict[str, str]:
        info = f"lib-{version}.dist-info"
        record = f"lib.py,sha256=x,3\n{info}/METADATA,,\n{info}/RECORD,,\n"
        compiled = {"__pycache__/lib.cpython-311.opt-2.pyc": text}
        return {"lib.py": text, f"{info}/RECORD": record, f"{info}/METADATA": version, **compiled}

    rig.deploy(
        rig.artifact(
            code=image(tmp_path / "1", {"main.py": "a\nb\n", "aleph_entry/x.py": "1"}),
            packages=image(tmp_path / "p1", wheel("1.0", "old")),
        )
    )
    second = rig.artifact(
        code=image(tmp_path / "2", {"main.py": "a\nc\n", "aleph_entry/x.py": "2"}),
        packages=image(tmp_path / "p2", wheel("1.1", "newer")),
    )
    found = differences_of(rig.target(second), second)
    (lib,) = found.distributions
    assert (lib.name, lib.kind, lib.version_before, lib.version_after, lib.files) == ("lib", "changed", "1.0", "1.1", 6)
    assert {each.path: each.sort for each in found.files if each.role == "code"} == {
        "aleph_entry/x.py": "tool",
        "main.py": "own",
    }
    (main,) = [each for each in found.files if each.path == "main.py"]
    assert main.lines[2:] == ("@@ -1,2 +1,2 @@", " a", "-b", "+c")


def test_a_difference_of_what_is_no_text_shows_no_bytes(rig: Rig, tmp_path: Path) -> None:
    long = "word\n" * 30_000
    rig.deploy(
        rig.artifact(code=image(tmp_path / "1", {"a.bin": "\0\1ab", "ends": "a\r\n", "long": long, "e\x7f": "x"}))
    )
    second = rig.artifact(
        code=image(tmp_path / "2", {"a.bin": "\0\2ab", "ends": "a\n", "long": long + "w", "empty": ""})
    )
    found = {each.path: each.lines for each in differences_of(rig.target(second), second).files}
    assert found.pop("e\x7f")[2:] == ("@@ -1 +0,0 @@", "-x")
    assert found == {
        "a.bin": ("(no text)",),
        "ends": ("(no line is another; their ends may be)",),
        "long": ("(too long to show line by line)",),
        "empty": (),
    }


def test_a_difference_of_links_and_of_bytes_that_are_no_text_shows_no_line(rig: Rig, tmp_path: Path) -> None:
    for name, target, data in (("1", "here", b"text"), ("2", "there", b"\xff\xfe")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "link").symlink_to(target)
        (tmp_path / name / "data").write_bytes(data)
    rig.deploy(rig.artifact(code=image(tmp_path / "1", {}), packages=image(tmp_path / "p1", {"one.py": ""})))
    record = "two.py,,\ntwo-1.dist-info/RECORD,,\n"
    packages = image(tmp_path / "p2", {"one.py": "", "two.py": "", "two-1.dist-info/RECORD": record})
    second = rig.artifact(code=image(tmp_path / "2", {}), packages=packages)
    found = differences_of(rig.target(second), second)
    assert {each.path: (each.kind, each.lines) for each in found.files if each.role == "code"} == {
        "data": ("changed", ("(no text)",)),
        "link": ("changed", ()),
    }
    (added,) = found.distributions
    assert (added.name, added.kind, added.before, added.after) == ("two", "added", None, len(record))


def image(tree: Path, files: dict[str, str]) -> bytes:
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    file = tree.with_suffix(".squashfs")
    write_image(scan(tree), file)
    return file.read_bytes()
