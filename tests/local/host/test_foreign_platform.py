"""On another platform than the runtime's, the same distributions are installed for this one."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from hatch_aleph.errors import GuestError
from hatch_aleph.local.host import ProgramSpec, VolumeSpec, smoke
from tests.local.host.test_quirks import answer_with


@pytest.mark.index
def test_pinned_distributions_stand_in_the_image_s_place(place, image):
    source = "import markupsafe\n" + answer_with(
        200, "[]", "(markupsafe.__version__ + open('/opt/packages/.aleph/inputs').read()).encode()"
    )
    if not place.isolation.sandbox:
        pytest.skip("paths are mapped")
    spec = ProgramSpec(
        item_hash="ab" * 32,
        entrypoint="main:app",
        code=image({"main.py": source}),
        volumes=(VolumeSpec(mount="/opt/packages", image=image({"markupsafe.py": "wrong platform"}, "packages")),),
        pins=("markupsafe==2.1.5",),
        packages_inputs="digest",
    )
    answer = asyncio.run(smoke(spec, dataclasses.replace(place, foreign=True)))
    assert answer.body == b"2.1.5digest\n"


@pytest.mark.index
def test_a_distribution_that_is_not_to_be_had_is_told(place, image):
    spec = ProgramSpec(
        item_hash="ab" * 32, entrypoint="main:app", code=image({"main.py": ""}), pins=("markupsafe==0.0.0.1",)
    )
    with pytest.raises(GuestError, match="cannot be installed"):
        asyncio.run(smoke(spec, dataclasses.replace(place, foreign=True)))
