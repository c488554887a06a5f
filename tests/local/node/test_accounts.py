"""Credits are spent by the hour; what they no longer cover is suspended, removed, or comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.local.node.support import NOW, Account, Client, program_message

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.local.node.support import RunningNode

HOUR = 3600
MIB = 1024 * 1024


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> float:
        return self.time


def test_credits_run_out_and_come_back(make_node: Callable[..., RunningNode]) -> None:
    clock = Clock()
    node = make_node(clock=clock)
    client, account = Client(node.url), Account("spender")
    client.faucet(account, 600_000)
    code = client.store(account, b"code")
    big = client.store(account, bytes(26 * MIB))
    program = program_message(account, code)
    assert client.post(program).status_code == 200
    clock.time += 2 * HOUR
    node.call(node.node.run_maintenance)
    left = client.get(f"/api/v0/addresses/{account.address}/balance")["credit_balance"]
    assert left == 600_000 - 2 * 22_000 - 2 * 4 - 2 * 4  # the program, and the two files at 25 and 26 MiB
    history = client.get(f"/api/v0/addresses/{account.address}/credit_history")["credit_history"]
    assert {entry["origin"] for entry in history} == {None, code, big, program["item_hash"]}
    # A day's 528,000 are no longer there after four hours: the program is suspended; the small file stays.
    clock.time += 3 * HOUR
    node.call(node.node.run_maintenance)
    shown = client.message(program["item_hash"])
    assert (shown["status"], shown["reason"]) == ("removing", "credit_insufficient")
    assert client.status(code) == "processed"
    client.faucet(account, 10**6)
    assert client.status(program["item_hash"]) == "processed"
    client.http.close()


def test_what_is_not_paid_for_a_day_is_removed(make_node: Callable[..., RunningNode]) -> None:
    clock = Clock()
    node = make_node(clock=clock)
    client, account = Client(node.url), Account("debtor")
    client.faucet(account, 10**6)
    big = client.store(account, bytes(26 * MIB))
    client.faucet(account, -(10**6))
    assert client.status(big) == "removing"
    assert client.http.get(f"/api/v0/storage/by-ref/{big}").status_code == 404
    clock.time += 26 * HOUR
    node.call(node.node.run_maintenance)
    shown = client.message(big)
    assert (shown["status"], shown["size"]) == ("removed", 26 * MIB)
    removed = client.get("/api/v0/messages.json", msgStatuses="removed")["messages"]
    assert [message["item_hash"] for message in removed] == [big]
    assert list((node.folder / "files").iterdir()) == []
    client.http.close()


def test_tokens_that_are_gone_suspend_what_they_held(make_node: Callable[..., RunningNode]) -> None:
    node = make_node()
    client, account = Client(node.url), Account("holder")
    client.faucet(account, 0, 1000)
    code = client.store(account, b"code", payment="hold")
    program = program_message(account, code, "hold")
    assert client.post(program).status_code == 200
    assert 400 <= client.get(f"/api/v0/addresses/{account.address}/balance")["locked_amount"] < 401
    client.faucet(account, 0, -900)
    shown = client.message(program["item_hash"])
    assert (shown["status"], shown["reason"]) == ("removing", "balance_insufficient")
    client.http.close()


def test_files_without_a_message_are_kept_for_a_day(make_node: Callable[..., RunningNode]) -> None:
    clock = Clock()
    node = make_node(clock=clock)
    client = Client(node.url)
    file_hash = client.upload(b"nobody's").json()["hash"]
    clock.time += 23 * HOUR
    node.call(node.node.run_maintenance)
    assert client.http.get(f"/api/v0/storage/raw/{file_hash}").content == b"nobody's"
    clock.time += 2 * HOUR
    node.call(node.node.run_maintenance)
    assert client.http.get(f"/api/v0/storage/raw/{file_hash}").status_code == 404
    client.http.close()


def test_the_faucet_gives_to_nobody_who_cannot_be(client: Client) -> None:
    small, published = f"0x{'0' * 37}abc", f"0x{'0' * 37}aBc"
    for wrong in ("0x12", "<b>", "name", f"0x{'0' * 37}aBC", small + "0", ""):
        answer = client.http.post("/faucet", json={"address": wrong, "credits": 5})
        assert (answer.status_code, "'address'" in answer.text) == (422, True), wrong
    # Nodes compare addresses letter by letter: what is given lies where messages look for it.
    given = client.http.post("/faucet", json={"address": small, "credits": 5}).json()
    assert (given["address"], given["credit_balance"]) == (published, 5)
    for other in ("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY", "4zvwRjXUKGfvwnParsHAS3HuSVzV5cA4McphgmoCtajS"):
        assert client.http.post("/faucet", json={"address": other, "credits": 5}).json()["address"] == other
