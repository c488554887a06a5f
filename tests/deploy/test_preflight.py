from __future__ import annotations

from typing import TYPE_CHECKING, Any

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


def test_an_amend_that_changes_another_program_too_is_told(rig: Rig) -> None:
    rig.deploy(rig.artifact(packages=None))
    artifact = rig.artifact(packages=None)
    (ref,) = rig.target(artifact).state().volumes
    shared = {"ref": ref, "mount": "/opt/shared", "use_latest": True}
    rig.deploy(rig.artifact(name="other", volumes=[shared]))
    assert "also uses this code volume" in warnings(rig, packages=None, code=b"code 2")
