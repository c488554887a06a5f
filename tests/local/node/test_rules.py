"""What each type of message demands, beyond what the recorded exchanges show."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from tests.local.node.support import (
    Account,
    Client,
    forget_message,
    payment_of,
    program_message,
    store_message,
)

if TYPE_CHECKING:
    from tests.local.node.support import RunningNode

MIB = 1024 * 1024


def moment(*date: int) -> float:
    return dt.datetime(*date, tzinfo=dt.timezone.utc).timestamp()


def refused(client: Client, message: dict[str, Any]) -> tuple[int, Any]:
    """Send a message that must be rejected at once; return code and details."""
    answer = client.post(message)
    assert answer.status_code == 422, answer.text
    shown = client.message(message["item_hash"])
    return shown["error_code"], shown["details"]


def rejected_later(client: Client, message: dict[str, Any]) -> int:
    """Send a message that waits for something that never comes; return the code."""
    assert client.post(message).status_code == 202
    return client.wait(message["item_hash"], "rejected")["error_code"]


@pytest.mark.parametrize(
    ("payment", "persistent", "date", "code"),
    [
        ("hold", False, (2026, 12, 31), None),
        (None, False, (2026, 12, 31), None),
        ("hold", False, (2027, 1, 1), 202),
        (None, False, (2027, 1, 1), 202),
        ("credit", False, (2027, 1, 1), None),
        ("hold", True, (2026, 3, 10), None),
        ("hold", True, (2026, 3, 11), 202),
        ("superfluid", True, (2026, 3, 10), None),
        ("superfluid", True, (2026, 3, 11), 202),
        ("credit", True, (2026, 3, 11), None),
    ],
)
def test_ways_to_pay_a_program_by_date(
    client: Client, rich: Account, payment: str | None, persistent: bool, date: tuple[int, ...], code: int | None
) -> None:
    ref = client.store(rich, b"code")
    message = program_message(rich, ref, payment, on={"http": True, "persistent": persistent}, time=moment(*date))
    if code is None:
        assert client.post(message).status_code == 200
    else:
        assert refused(client, message) == (code, None)


def test_programs_from_before_the_cutoff_are_free(client: Client, rich: Account, poor: Account) -> None:
    ref = client.store(rich, b"code")
    assert client.post(program_message(poor, ref, None, time=moment(2025, 4, 1))).status_code == 200
    assert refused(client, program_message(poor, ref, None, time=moment(2025, 5, 1)))[0] == 5


def test_a_store_paid_by_hold_is_free_up_to_25_mib(client: Client, poor: Account) -> None:
    for size, code in ((25 * MIB, None), (25 * MIB + 1, 5)):
        data = bytes(size)
        client.http.post("/api/v0/storage/add_file", content=data[: 25 * MIB]).raise_for_status()
        message = store_message(poor, data, "hold")
        if code is None:
            assert client.post(message).status_code == 200
    # Larger ones come with their message, and are refused before they are kept.
    assert client.upload(data, store_message(poor, data, "hold")).status_code == 402


def test_a_day_of_everything_must_be_covered_by_credits(client: Client, poor: Account) -> None:
    client.faucet(poor, 700_000)
    ref = client.store(poor, b"code")
    assert client.post(program_message(poor, ref)).status_code == 200  # about 528,000 a day
    code, details = refused(client, program_message(poor, ref, metadata={"name": "second"}))
    assert code == 6
    assert details["errors"][0]["account_credits"] == "700000"
    assert 1_055_000 < float(details["errors"][0]["required_credits"]) < 1_057_000


@pytest.mark.parametrize(
    ("change", "credits_a_second"),
    [
        ({}, 2 * 11000 / 3600),
        ({"resources": {"vcpus": 4, "memory": 512, "seconds": 30}}, 8 * 11000 / 3600),
        ({"resources": {"vcpus": 1, "memory": 4097, "seconds": 30}}, 6 * 11000 / 3600),
        ({"on": {"http": True, "persistent": True}}, 55000 / 3600),
        (
            {"environment": {"reproducible": False, "internet": False, "aleph_api": True, "shared_cache": False}},
            11000 / 3600,
        ),
        (
            {"volumes": [{"mount": "/data", "persistence": "host", "name": "d", "size_mib": 4096}]},
            2 * 11000 / 3600 + (4096 - 2048) * 0.977 / 3600,
        ),
    ],
)
def test_costs_follow_units_internet_and_disks(
    client: Client, rich: Account, change: dict[str, Any], credits_a_second: float
) -> None:
    ref = client.store(rich, b"c")
    message = program_message(rich, ref, **change)
    client.post(message)
    price = client.get(f"/api/v0/price/{message['item_hash']}")
    # Two parts of at most a credit an hour each (code, runtime) come on top of disks that exceed the free space.
    assert float(price["cost"]) == pytest.approx(credits_a_second, abs=2.1 / 3600)
    estimate = client.http.post("/api/v0/price/estimate", json={"message": message}).json()
    assert estimate["cost"] == price["cost"]


def test_estimates_take_sizes_of_unpublished_files(client: Client, rich: Account) -> None:
    unknown = "11" * 32
    message = program_message(rich, unknown, code={"encoding": "squashfs", "entrypoint": "m:a", "ref": unknown})
    free = client.http.post("/api/v0/price/estimate", json={"message": message}).json()
    sized = {"encoding": "squashfs", "entrypoint": "m:a", "ref": unknown, "estimated_size_mib": 3000}
    volume = {"mount": "/opt/packages", "ref": unknown, "use_latest": True, "estimated_size_mib": 500}
    message = program_message(rich, unknown, code=sized, volumes=[volume])
    dear = client.http.post("/api/v0/price/estimate", json={"message": message}).json()
    sizes = {part["name"]: part["size_mib"] for part in dear["detail"]}
    assert (sizes["EXECUTION_PROGRAM_VOLUME_CODE"], sizes["#0:/opt/packages"]) == (3000.0, 500.0)
    expected = float(free["cost"]) + (3500 - 2048) * 0.977 / 3600
    assert float(dear["cost"]) == pytest.approx(expected, abs=2.1 / 3600)


def test_the_newest_amend_wins_by_its_content_time(client: Client, rich: Account) -> None:
    original = client.store(rich, b"v1", time=moment(2026, 5, 1))
    client.store(rich, b"v3", ref=original, time=moment(2026, 5, 3))
    client.store(rich, b"v2", ref=original, time=moment(2026, 5, 2))
    newest = client.get(f"/api/v0/storage/by-ref/{original}")
    assert client.http.get(newest["download_url"]).content == b"v3"
    own = client.get(f"/api/v0/storage/by-message-hash/{original}")
    assert client.http.get(own["download_url"]).content == b"v1"


def test_a_named_file_is_found_by_owner_and_name(client: Client, rich: Account) -> None:
    client.store(rich, b"logo", ref="logo.png")
    found = client.get(f"/api/v0/storage/by-ref/{rich.address}/logo.png")
    assert (found["ref"], found["size"]) == ("logo.png", 4)
    assert client.http.get("/api/v0/storage/by-ref/logo.png").status_code == 400


def test_nobody_can_act_for_another_unless_permitted(client: Client, rich: Account) -> None:
    helper = Account("a helper")
    code = client.store(rich, b"code")
    program = program_message(helper, code, address=rich.address)
    assert refused(client, program)[0] == 2
    grant = {"authorizations": [{"address": helper.address, "types": ["PROGRAM"]}]}
    assert client.post(rich.sign("AGGREGATE", {"key": "security", "content": grant})).status_code == 200
    program = program_message(helper, code, address=rich.address, metadata={"name": "again"})
    assert client.post(program).status_code == 200
    # Who may create it may forget it; what was not granted stays refused.
    assert client.post(forget_message(helper, program["item_hash"])).status_code == 200
    assert refused(client, forget_message(helper, code))[0] == 2
    granted = client.get(f"/api/v0/authorizations/granted/{rich.address}.json")
    assert granted["authorizations"] == {helper.address: [{"types": ["PROGRAM"]}]}
    received = client.get(f"/api/v0/authorizations/received/{helper.address}.json")
    assert received["authorizations"] == {rich.address: [{"types": ["PROGRAM"]}]}


def test_forgetting_a_program_and_its_store_at_once_takes_neither(client: Client, rich: Account) -> None:
    code = client.store(rich, b"code")
    program = program_message(rich, code)
    client.post(program)
    both = forget_message(rich, program["item_hash"], code)
    assert refused(client, both)[0] == 503
    assert client.status(program["item_hash"]) == client.status(code) == "processed"
    assert client.post(forget_message(rich, program["item_hash"])).status_code == 200
    assert client.post(forget_message(rich, code)).status_code == 200


def test_a_store_can_be_sent_again_without_its_bytes(client: Client, rich: Account) -> None:
    first = client.store(rich, b"the same bytes")
    assert client.post(forget_message(rich, first)).status_code == 200
    again = store_message(rich, b"the same bytes", time=moment(2026, 6, 1))
    assert client.post(again).status_code == 200


def test_messages_wait_for_what_they_need(client: Client, rich: Account) -> None:
    missing = store_message(rich, b"never uploaded")
    assert rejected_later(client, missing) == 4
    assert rejected_later(client, program_message(rich, "ab" * 32)) == 301
    code = client.store(rich, b"code")
    assert rejected_later(client, program_message(rich, code, replaces="cd" * 32)) == 300
    # use_latest wants an original, not an amend; without it any STORE will do.
    amend = client.store(rich, b"amended", ref=code)
    assert rejected_later(client, program_message(rich, amend)) == 301
    pinned = {"encoding": "squashfs", "entrypoint": "m:a", "ref": amend, "use_latest": False}
    assert client.post(program_message(rich, amend, code=pinned)).status_code == 200


def test_disks_must_hold_what_they_are_copied_from(client: Client, rich: Account) -> None:
    code, parent = client.store(rich, b"code"), client.store(rich, bytes(3 * MIB))
    volume = {"mount": "/d", "persistence": "host", "name": "d", "size_mib": 2, "parent": {"ref": parent}}
    code_, details = refused(client, program_message(rich, code, volumes=[volume]))
    assert code_ == 304
    assert details["errors"][0]["parent_size"] == 3 * MIB


def test_an_instance_must_be_paid_by_credit(client: Client, rich: Account) -> None:
    rootfs = client.store(rich, b"rootfs")
    content = {
        "allow_amend": False,
        "environment": {"internet": True, "aleph_api": True},
        "resources": {"vcpus": 1, "memory": 2048, "seconds": 30},
        "rootfs": {"parent": {"ref": rootfs, "use_latest": True}, "persistence": "host", "size_mib": 20480},
        "volumes": [],
    }
    assert refused(client, rich.sign("INSTANCE", {**content, **payment_of("hold")}))[0] == 202
    paid = rich.sign("INSTANCE", {**content, **payment_of("credit")})
    assert client.post(paid).status_code == 200
    assert float(client.get(f"/api/v0/price/{paid['item_hash']}")["cost"]) == pytest.approx(14250 / 3600, abs=0.01)
    sized = client.get(f"/api/v0/price/{paid['item_hash']}", include_size="true")["detail"]
    assert {part["type"]: part["size_mib"] for part in sized}["EXECUTION_INSTANCE_VOLUME_ROOTFS"] == 20480
    assert refused(client, forget_message(rich, rootfs))[0] == 503


def test_posts_are_amended_once_and_by_their_own(client: Client, rich: Account) -> None:
    post = rich.sign("POST", {"type": "note", "content": {"text": 1}})
    assert client.post(post).status_code == 200
    amend = rich.sign("POST", {"type": "amend", "ref": post["item_hash"], "content": {"text": 2}})
    assert client.post(amend).status_code == 200
    again = rich.sign("POST", {"type": "amend", "ref": amend["item_hash"], "content": {"text": 3}})
    assert refused(client, again)[0] == 102
    stranger = Account("a stranger").sign("POST", {"type": "amend", "ref": post["item_hash"], "content": 4})
    assert refused(client, stranger)[0] == 2
    content = client.get(f"/api/v0/messages/{post['item_hash']}/content")
    assert content == {"text": 1}


def test_a_message_without_signature_disappears(client: Client, rich: Account) -> None:
    message = rich.sign("POST", {"type": "note", "content": 1})
    del message["signature"]
    assert client.post(message, sync=False).status_code == 202
    assert client.http.get(f"/api/v0/messages/{message['item_hash']}/status").status_code == 404


def test_signatures_of_other_chains(client: Client) -> None:
    for chain, status in (("BASE", 200), ("BSC", 200), ("AVAX", 422), ("DOT", 422)):
        message = Account(f"on {chain}", chain).sign("POST", {"type": "note", "content": 1})
        assert client.post(message).status_code == status, chain


def test_sync_waits_for_the_next_attempt_at_a_waiting_message(client: Client, rich: Account) -> None:
    data = b"comes later"
    code = store_message(rich, data)
    program = program_message(rich, code["item_hash"])
    assert client.post(program).status_code == 202
    assert client.upload(data, code).status_code == 200
    answer = client.post(program)
    assert answer.status_code in (200, 202)  # 202 when it was processed before the second request came
    assert client.wait(program["item_hash"], "processed")


KEY = "ab" * 32  # of an aggregate: the filter takes keys for item hashes


@pytest.mark.parametrize(
    "path",
    [
        "messages.json?contentKeys=domains",
        "messages.json?contentHashes=x",
        f"messages.json?hashes={KEY},x",
        "messages.json?chains=ETH,NOWHERE",
        "messages/hashes?hash_only=perhaps",
        "balances?chains=NOWHERE",
        "addresses/0x1/balance?chain=NOWHERE",
    ],
)
def test_item_hashes_and_chains_are_checked_in_queries(client: Client, path: str) -> None:
    """As pyaleph's schemas do: what is none is no empty list, but a mistake."""
    assert client.http.get(f"/api/v0/{path}").status_code == 422


def test_messages_are_found_by_every_filter(client: Client, rich: Account, node: RunningNode) -> None:
    first = rich.sign("POST", {"type": "a", "content": {"tags": ["one", "two"]}}, time=moment(2026, 1, 1), channel="C1")
    second = rich.sign("POST", {"type": "b", "content": {"tags": ["three"]}}, time=moment(2026, 1, 2), channel="C2")
    third = rich.sign("AGGREGATE", {"key": KEY, "content": {"x": 1}}, time=moment(2026, 1, 3), channel="C2")
    for message in (first, second, third):
        assert client.post(message).status_code == 200

    def found(**query: Any) -> list[str]:
        listed = client.get("/api/v0/messages.json", addresses=rich.address, **query)["messages"]
        names = {first["item_hash"]: "1", second["item_hash"]: "2", third["item_hash"]: "3"}
        return [names[message["item_hash"]] for message in listed]

    assert found() == ["3", "2", "1"]
    assert found(sortOrder="1") == ["1", "2", "3"]
    assert found(msgType="POST") == found(msgTypes="POST") == found(message_types="POST,STORE") == ["2", "1"]
    assert found(tags="two,three") == ["2", "1"]
    assert found(channels="C2") == ["3", "2"]
    assert found(contentTypes="a") == ["1"]
    assert found(contentKeys=KEY) == ["3"]
    assert found(chains="ETH,BASE") == ["3", "2", "1"]
    assert found(chains="BASE") == []
    assert found(startDate=moment(2026, 1, 2), endDate=moment(2026, 1, 3)) == ["2"]
    assert found(hashes=f"{first['item_hash']},{'0' * 64}") == ["1"]
    assert found(message_statuses="removing") == []
    assert found(pagination=2, page=2) == ["1"]
    assert found(owners="0xnobody") == []
    page = client.get("/api/v0/messages.json", addresses=rich.address, pagination=2, cursor="")
    assert len(page["messages"]) == 2
    rest = client.get("/api/v0/messages.json", addresses=rich.address, pagination=2, cursor=page["next_cursor"])
    assert [message["item_hash"] for message in rest["messages"]] == [first["item_hash"]]
    assert rest["next_cursor"] is None
    client.post(forget_message(rich, first["item_hash"]))
    ended = client.get("/api/v0/messages.json", addresses=rich.address, msgStatuses="forgotten")["messages"]
    assert [message["item_hash"] for message in ended] == [first["item_hash"]]
    assert "content" not in ended[0]
