from __future__ import annotations

from functools import partial

import pytest

from hatch_aleph.deploy.deployment import deployment_tag
from hatch_aleph.errors import NetworkError, PlanError
from hatch_aleph.itemhash import to_base32
from hatch_aleph.network.executions import is_host
from hatch_aleph.network.urls import Hosts, program_urls
from hatch_aleph.waiting import Waiter
from tests.network.scripted import ScriptedNode, as_json, unused_url

HASH = "63f07193e6ee9d207b7d1fcf8286f9aee34e6f12f101d2ec77c1229f92964696"


def test_project_and_profile_make_one_tag_and_no_two_the_same() -> None:
    assert deployment_tag("My.Shop_api", None) == "hatch-aleph:my-shop-api"
    assert deployment_tag("shop", "pr-12") == "hatch-aleph:shop:pr-12"
    assert deployment_tag("shop", "default") != deployment_tag("shop", None)


@pytest.mark.parametrize(("project", "profile"), [("a,b", None), ("x" * 250, "staging")])
def test_what_the_network_cannot_find_is_refused(project: str, profile: str | None) -> None:
    with pytest.raises(PlanError):
        deployment_tag(project, profile)


def test_urls_of_the_network_of_this_machine_and_of_a_host() -> None:
    # The name is what `base32` of coreutils gives for the bytes, in lower case without padding.
    name = "mpyhde7g52osa635d7hyfbxzv3ru43ys6ea5f3dxyerj7euwi2la"
    assert to_base32(HASH) == name
    assert program_urls(HASH, None) == (
        f"https://{name}.aleph.sh",
        f"https://aleph.sh/vm/{HASH}",
    )
    assert Hosts("http://127.0.0.1:4021", is_host=lambda _: True).urls(HASH) == (
        f"http://{name}.localhost:4021",
        f"http://127.0.0.1:4021/vm/{HASH}",
    )
    assert program_urls(HASH, "https://my.host/") == (f"https://my.host/vm/{HASH}",)


def test_a_node_that_restarts_is_asked_again_and_none_else_in_its_place() -> None:
    url, back = unused_url(), []

    def return_from_restart(_seconds: float) -> None:
        if not back:
            back.append(ScriptedNode(port=int(url.rpartition(":")[2])))
            back[0].on("GET", "/v2/about/executions/list", as_json({}))

    hosts = Hosts(url, is_host=partial(is_host, waiter=Waiter(sleep=return_from_restart)))
    try:
        assert hosts.urls(HASH) == program_urls(HASH, url)
    finally:
        back[0].stop()
    away = Hosts(unused_url(), is_host=partial(is_host, seconds=0.0))
    with pytest.raises(NetworkError, match="The node cannot be reached"):
        away.urls(HASH)


def test_a_node_on_this_machine_is_a_host_only_if_it_says_so() -> None:
    alone = Hosts("http://127.0.0.1:4021", is_host=lambda _: False)
    assert alone.known is None
    assert alone.urls(HASH) == program_urls(HASH, None)
    assert Hosts("https://api2.aleph.im", is_host=lambda _: True).known is None
