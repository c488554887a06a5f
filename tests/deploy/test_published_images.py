from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hatch_aleph.deploy.deployment import Deployment
from hatch_aleph.network.client import NodeClient
from tests.deploy.conftest import new_account

if TYPE_CHECKING:
    from pathlib import Path

    from tests.deploy.conftest import Rig


def test_an_image_of_the_same_inputs_is_fetched_and_only_the_owners(rig: Rig, tmp_path: Path) -> None:
    artifact = rig.artifact(packages=b"the packages")
    image = artifact.manifest.images[1]
    rig.deploy(artifact)
    target, destination = rig.target(artifact), tmp_path / "fetched"
    found = target.packages_of(image.inputs, destination)
    assert found is not None
    assert (found.sha256, found.cid, found.size) == (image.sha256, image.cid, image.size)
    assert destination.read_bytes() == b"the packages"
    assert target.packages_of("other inputs", destination) is None
    assert replace(target, owner=new_account(rig.node, 0).address).packages_of(image.inputs, destination) is None


def test_a_node_that_is_down_means_building(rig: Rig, tmp_path: Path) -> None:
    with NodeClient(["http://127.0.0.1:9"], sleep=lambda _seconds: None) as client:
        assert Deployment(client, rig.account.address, "tag").packages_of("inputs", tmp_path / "fetched") is None
