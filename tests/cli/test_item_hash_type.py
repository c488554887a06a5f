"""Programs are named in the ways that people have them at hand."""

import pytest

from hatch_aleph.cli.context import Context
from hatch_aleph.cli.item_hash_type import item_hash_in
from hatch_aleph.cli.output import Output
from hatch_aleph.errors import PlanError
from hatch_aleph.itemhash import to_base32
from hatch_aleph.network.client import NodeClient

HASH = "5a732f2c4e96f8eef446ba1e9c0619cb3dc2eddc190598d17f12c1623e052333"
CID = "QmYULJoNGPDmoRq4WNWTDTUvJGJv1hosox8H6vVd1kCsY8"


@pytest.mark.parametrize(
    "text",
    [
        HASH,
        HASH.upper(),
        f"http://127.0.0.1:4021/vm/{HASH}/",
        f"https://aleph.sh/vm/{HASH}/path?x=1",
        f"https://{to_base32(HASH)}.aleph.sh/",
        f"{to_base32(HASH)}.aleph.sh",
        to_base32(HASH),
        f"http://{to_base32(HASH)}.localhost:4021",
        f"{to_base32(HASH)}====",
        to_base32(HASH).upper(),
        f"https://aleph.sh/vm/{HASH.upper()}/",
        f"http://[::1]:4021/vm/{HASH}",
        f"http://host:99999/vm/{HASH}",
    ],
)
def test_each_way_of_naming_a_program(text):
    assert item_hash_in(text) == HASH


def test_a_cid_is_one():
    assert item_hash_in(CID) == CID


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        HASH[:-1],
        HASH + "0",
        "https://example.org/",
        "../../etc",
        "Qm1",
        "http://[::1",
        "//[",
        "\x00",
        "\uff10" * 64,
    ],
)
def test_what_is_none(text):
    assert item_hash_in(text) is None


@pytest.mark.parametrize("command", ["delete", "update", "logs", "persist", "run"])
def test_a_typo_is_an_error_of_the_command_line(command, cli):
    done = cli(command, "not-a-hash")
    assert done.code == 64
    assert "no item hash" in done.err


def test_the_beginning_of_a_hash_will_do(cli):
    made = cli.create()
    assert cli.json("delete", made["item_hash"][:10].upper()).result["item_hash"] == made["item_hash"]
    assert cli.json("delete", "0" * 12).error["exit_code"] == 13


def test_a_beginning_as_tables_cut_it_will_do(cli):
    made = cli.create("hello")
    for text in (f"{made['item_hash'][:12]}…", f"{made['item_hash'][:12]}..."):
        assert cli.json("show", text).result["item_hash"] == made["item_hash"]


def test_a_url_will_do(cli):
    made = cli.create()
    assert cli.json("delete", made["urls"][0] + "/").result["item_hash"] == made["item_hash"]


def test_a_beginning_of_several_names_them_all(cli):
    found = [cli.create(f"number {number}")["item_hash"] for number in range(2)]
    context = Context(Output(as_json=False), address=cli.account.address)
    with NodeClient([cli.network.url]) as client, pytest.raises(PlanError, match="2 programs begin") as caught:
        context.program(client, "")
    assert all(each in caught.value.message for each in found)


@pytest.mark.parametrize("option", ["--runtime={}", "--immutable-volume=mount=/opt/model,ref={}"])
def test_what_stands_for_a_message_yet_to_be_signed_is_not_taken_from_people(cli, option):
    done = cli("create", cli.app(), "main:app", option.format("0" * 64))
    assert (done.code, cli.sent) == (64, []), done.err
