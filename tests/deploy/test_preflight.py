from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hatch_aleph.deploy.rollback import roll_back
from hatch_aleph.errors import PlanError
from hatch_aleph.settings import HealthCheck
from tests.clock import hurried

if TYPE_CHECKING:
    from tests.deploy.conftest import Rig


def warnings(rig: Rig, **parts: Any) -> str:
    artifact = rig.artifact(**parts)
    return "\n".join(rig.target(artifact).plan(artifact.manifest).warnings)


def test_public_variables_are_named(rig: Rig) -> None:
    assert "public for ever: A, B" in warnings(rig, variables={"B": "1", "A": "2"})


def test_an_update_in_place_and_a_new_url_are_told(rig: Rig) -> None:
    rig.deploy(rig.artifact())
    assert "in place" in warnings(rig, code=b"code 2")
    assert "new URL" in warnings(rig, variables={"A": "1"})
    assert warnings(rig) == ""


def test_a_plan_from_an_old_checkout_says_that_what_is_live_is_newer(rig: Rig) -> None:
    rig.deploy(rig.artifact())
    rig.deploy(rig.artifact(code=b"newer code"))  # on another machine
    assert "that of an earlier release" in warnings(rig)
    assert "earlier release" not in warnings(rig, code=b"newest")


def test_a_persistent_program_is_said_to_be_killed_where_it_is_updated_in_place(rig: Rig) -> None:
    runs = {"on": {"http": True, "persistent": True}}
    assert "killed without `halt`" not in warnings(rig, **runs)
    rig.deploy(rig.artifact(**runs))
    # A new program answers before the old one ends.
    assert "killed" not in warnings(rig, **runs, variables={"A": "1"})
    second = rig.artifact(**runs, code=b"code 2")
    told = "\n".join(rig.target(second).plan(second.manifest).warnings)
    assert "killed without `halt`, and it is away for about half a minute" in told
    rig.deploy(second)
    notices: list[str] = []
    target, session = rig.opened(second)
    roll_back(target, replace(session, notice=notices.append), hurried(rig.host), HealthCheck(timeout_seconds=10))
    assert "killed without `halt`" in "".join(notices)


def test_old_packages_are_warned_of_only_where_both_images_change(rig: Rig) -> None:
    rig.deploy(rig.artifact(packages=b"packages 1"))
    assert "old packages" not in warnings(rig, code=b"code 2", packages=b"packages 1")
    assert "old packages" not in warnings(rig, packages=b"packages 1")
    assert "new code with old packages" in warnings(rig, code=b"code 2", packages=b"packages 2")


def test_events_come_once_a_host(rig: Rig) -> None:
    assert "once a host" in warnings(rig, on={"http": True, "persistent": False, "message": [{"channel": "TEST"}]})
    assert "once a host" not in warnings(rig)


def test_what_earlier_contents_cost_is_told(rig: Rig) -> None:
    rig.deploy(rig.artifact())
    for number in range(2):
        rig.deploy(rig.artifact(code=b"code %d of many" % number))
    assert "kept for `hatch-aleph rollback`" in warnings(rig, code=b"code 1 of many")


def test_a_runtime_that_moved_is_told(rig: Rig) -> None:
    rig.deploy(rig.artifact(name="runtime", packages=None))
    artifact = rig.artifact(name="runtime", packages=None)
    (ref,) = rig.target(artifact).state().volumes
    runtime = {"ref": ref, "use_latest": True, "comment": "ours"}
    rig.deploy(rig.artifact(runtime=runtime))
    assert "was replaced" not in warnings(rig, runtime=runtime, code=b"code 2")
    rig.deploy(rig.artifact(name="runtime", packages=None, code=b"another runtime"))
    assert f"the runtime {ref} was replaced on" in warnings(rig, runtime=runtime, code=b"code 2")


def test_what_is_no_file_is_no_runtime(rig: Rig) -> None:
    artifact = rig.artifact()
    rig.deploy(artifact)
    ref = rig.target(artifact).state().programs[0].item_hash
    with pytest.raises(PlanError, match="The runtime is a PROGRAM, not a STORE message"):
        rig.deploy(rig.artifact(name="other", runtime={"ref": ref, "use_latest": True, "comment": ""}))


def test_more_than_a_host_gives_is_told(rig: Rig) -> None:
    told = warnings(rig, resources={"vcpus": 64, "memory": 512, "seconds": 30})
    assert "a host answers 503 to a program of more than 8192 MiB or 32 virtual CPUs" in told


def test_an_amend_that_changes_another_program_too_is_told(rig: Rig) -> None:
    rig.deploy(rig.artifact(packages=None))
    artifact = rig.artifact(packages=None)
    (ref,) = rig.target(artifact).state().volumes
    shared = {"ref": ref, "mount": "/opt/shared", "use_latest": True}
    rig.deploy(rig.artifact(name="other", volumes=[shared]))
    assert "also uses this code volume" in warnings(rig, packages=None, code=b"code 2")
