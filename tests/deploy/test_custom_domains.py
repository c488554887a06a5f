from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatch_aleph.network.domains import KEY, attached

if TYPE_CHECKING:
    from tests.deploy.conftest import Rig


def test_domains_follow_the_program_and_are_said_once(rig: Rig) -> None:
    settings = {"domains": ["api.example.org"]}

    def points_at() -> dict[str, Any]:
        return attached(rig.client.aggregate(rig.account.address, (KEY,)).get(KEY))

    first = rig.deploy(rig.artifact(settings=settings))
    assert points_at() == {"api.example.org": first.item_hash}
    rig.deploy(rig.artifact(settings=settings, code=b"code 2"))
    second = rig.deploy(rig.artifact(settings=settings, code=b"code 2", variables={"A": "1"}))
    assert points_at() == {"api.example.org": second.item_hash}
    assert rig.count()["AGGREGATE"] == 2


def test_a_domain_that_is_added_later_is_a_change_of_its_own(rig: Rig) -> None:
    rig.deploy(rig.artifact())
    artifact = rig.artifact(settings={"domains": ["api.example.org"]})
    outcome = rig.deploy(artifact)
    assert outcome.plan.domains == ("api.example.org",)
    assert [type_ for type_, _ in outcome.sent] == ["AGGREGATE"]
    assert not rig.deploy(artifact).plan.has_changes
