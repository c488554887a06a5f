"""Decisions alone, on states that are written down."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.deploy.comparison import Planner, program_content
from hatch_aleph.deploy.deployment import deployment_tag
from hatch_aleph.deploy.plan import Cost, reviewed_checksum
from hatch_aleph.deploy.state import NOTES, Program, State, Version, Volume, image_notes
from hatch_aleph.errors import PlanError
from hatch_aleph.network.answers import Limits
from tests.deploy.rig import make_artifact

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.artifact import Manifest
    from hatch_aleph.deploy.plan import Plan

OWNER = "0xowner"


def tag_of(manifest: Manifest) -> str:
    return deployment_tag(manifest.project["name"], manifest.profile)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return make_artifact(tmp_path).manifest


def volume(manifest: Manifest, role: Any, ref: str, *, content: str | None = None, time: float = 1.0) -> Volume:
    image = manifest.image(role)
    assert image is not None
    original = Version(ref, content or image.sha256, "storage", time, {"role": role, "sha256": image.sha256})
    return Volume(original)


def program(manifest: Manifest, item_hash: str, refs: dict[str, str], *, time: float = 2.0, **changes: Any) -> Program:
    content = program_content(manifest, refs, owner=OWNER, tag=tag_of(manifest), time=time)
    return Program(item_hash, {**content, **changes}, time)


def state_of(manifest: Manifest, *programs: Program, volumes: list[Volume], elsewhere: tuple[str, ...] = ()) -> State:
    return State(
        OWNER,
        tag_of(manifest),
        programs,
        volumes={each.ref: each for each in volumes},
        look_elsewhere=lambda: frozenset(elsewhere),
    )


def plan(state: State, manifest: Manifest, has: bool = False) -> Plan:
    return Planner(state, limits=Limits(), has_file=lambda _hash: has, node="http://node").plan(manifest)


def actions(made: Plan) -> list[str]:
    return [step.action for step in made.images] + [made.program.action]


def test_nothing_live_means_all_new_and_what_the_node_has_is_not_sent(manifest: Manifest) -> None:
    empty = state_of(manifest, volumes=[])
    assert actions(plan(empty, manifest)) == ["pin", "pin", "create"]
    assert plan(empty, manifest).upload_bytes == sum(image.size for image in manifest.images)
    assert plan(empty, manifest, has=True).upload_bytes == 0


def test_what_says_the_same_is_unchanged_whoever_worded_it(manifest: Manifest) -> None:
    volumes = [volume(manifest, "code", "c"), volume(manifest, "packages", "p")]
    live = program(manifest, "x", {"code": "c", "packages": "p"}, metadata={"name": "other"})
    runtime = {**live.content["runtime"], "comment": "another word"}
    worded = replace(live, content={**live.content, "runtime": runtime, "replaces": None, "data": None})
    made = plan(state_of(manifest, worded, volumes=volumes), manifest)
    assert actions(made) == ["unchanged", "unchanged", "unchanged"]
    assert not made.has_changes


def test_the_program_that_fits_is_kept_and_every_other_one_superseded(manifest: Manifest) -> None:
    volumes = [volume(manifest, "code", "c"), volume(manifest, "packages", "p")]
    refs = {"code": "c", "packages": "p"}
    newer = program(manifest, "newer", refs, time=5.0, variables={"A": "1"})
    older = program(manifest, "older", refs)
    made = plan(state_of(manifest, newer, older, volumes=volumes), manifest)
    assert (made.program.item_hash, made.forget) == ("older", ("newer",))


def test_a_volume_of_a_run_that_was_cut_off_is_reused_unless_somebody_has_it(manifest: Manifest) -> None:
    volumes = [volume(manifest, "code", "c"), volume(manifest, "packages", "p")]
    assert actions(plan(state_of(manifest, volumes=volumes), manifest)) == ["reuse", "reuse", "create"]
    taken = state_of(manifest, volumes=volumes, elsewhere=("p",))
    assert actions(plan(taken, manifest)) == ["reuse", "pin", "create"]


def test_a_program_whose_volume_is_gone_is_replaced(manifest: Manifest) -> None:
    live = program(manifest, "x", {"code": "gone", "packages": "p"})
    made = plan(state_of(manifest, live, volumes=[volume(manifest, "packages", "p")]), manifest)
    assert actions(made) == ["pin", "unchanged", "replace"]
    assert made.forget == ("x",)


def test_the_newest_content_counts_not_the_original(manifest: Manifest) -> None:
    code = volume(manifest, "code", "c", content="of before")
    image = manifest.image("code")
    assert image is not None
    amended = replace(code, amends=(Version("a", image.sha256, "storage", 9.0), Version("b", "older", "storage", 4.0)))
    live = program(manifest, "x", {"code": "c", "packages": "p"})
    made = plan(state_of(manifest, live, volumes=[amended, volume(manifest, "packages", "p")]), manifest)
    assert not made.has_changes


def test_large_images_go_to_ipfs_under_their_cid(manifest: Manifest) -> None:
    limits = Limits(storage=1, ipfs=10**9)
    planner = Planner(state_of(manifest, volumes=[]), limits=limits, has_file=lambda _hash: False, node="n")
    step = planner.plan(manifest).images[0]
    assert (step.engine, step.file_hash) == ("ipfs", manifest.images[0].cid)


def test_the_checksum_covers_decisions_and_not_prices_or_uploads(manifest: Manifest) -> None:
    empty = state_of(manifest, volumes=[])
    made = plan(empty, manifest)
    assert made.checksum == plan(empty, manifest, has=True).checksum
    assert made.checksum == replace(made, cost=Cost("credit", 1.0, 2.0), warnings=("w",), node="other").checksum
    assert made.checksum != replace(made, forget=("x",)).checksum


def test_a_saved_plan_is_read_again_and_nothing_else_is_one(manifest: Manifest, tmp_path: Path) -> None:
    made = plan(state_of(manifest, volumes=[]), manifest)
    made.save(tmp_path / "plan.json")
    assert reviewed_checksum(tmp_path / "plan.json") == made.checksum
    saved = json.loads((tmp_path / "plan.json").read_text())
    (tmp_path / "plan.json").write_text(json.dumps({**saved, "schema": 0}))
    with pytest.raises(PlanError, match="The plan has schema 0"):
        reviewed_checksum(tmp_path / "plan.json")
    (tmp_path / "plan.json").write_text("[" * 100_000)
    with pytest.raises(PlanError, match="This is no saved plan"):
        reviewed_checksum(tmp_path / "plan.json")
    with pytest.raises(PlanError, match="No such file"):
        reviewed_checksum(tmp_path / "none.json")
    with pytest.raises(PlanError, match="The plan cannot be written"):
        made.save(tmp_path / "plan.json" / "below a file.json")


def test_what_can_be_paid_is_a_day_by_credit_or_the_tokens_to_hold() -> None:
    assert Cost("credit", 0, 10, balance=10).affordable
    assert Cost("credit", 0, 10).affordable  # as far as is known
    assert not Cost("credit", 0, 10, balance=9).affordable
    assert Cost("hold", 0, 0, held_now=90, held_after=100, balance=10).affordable
    assert not Cost("hold", 0, 0, held_now=0, held_after=100, balance=10).affordable


@pytest.mark.parametrize(
    ("strategy", "content", "expected"),
    [
        ("replace", "of before", ["unchanged", "pin", "replace"]),
        ("replace", None, ["unchanged", "unchanged", "unchanged"]),
        ("amend", "of before", ["unchanged", "amend", "unchanged"]),
    ],
)
def test_a_strategy_that_replaces_amends_no_volume(manifest: Manifest, strategy, content, expected) -> None:
    manifest = replace(manifest, settings=replace(manifest.settings, strategy=strategy))
    volumes = [volume(manifest, "code", "c"), volume(manifest, "packages", "p", content=content)]
    live = program(manifest, "x", {"code": "c", "packages": "p"})
    assert actions(plan(state_of(manifest, live, volumes=volumes), manifest)) == expected


def test_a_volume_notes_the_code_that_it_was_published_with_and_the_code_does_not(manifest: Manifest) -> None:
    code, packages = manifest.images
    assert image_notes(packages, manifest, {"commit": "abc"})[NOTES] == {
        "role": "packages",
        "sha256": packages.sha256,
        "cid": packages.cid,
        "size": packages.size,
        "inputs": packages.inputs,
        "mount": packages.mount,
        "encoding": packages.encoding,
        "version": manifest.project["version"],
        "code": code.sha256,
        "commit": "abc",
    }
    assert "code" not in image_notes(code, manifest, {})[NOTES]
