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
