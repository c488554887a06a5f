"""Lists that clients page through: files, credits, aggregates, balances, costs; by page and by cursor."""

from __future__ import annotations

import time

import pytest

from tests.local.node.support import Account, Client, program_message

CHANNEL = "ALEPH_CREDIT"


@pytest.fixture
def account() -> Account:
    return Account("lists")


@pytest.fixture
def client(make_node):
    asked = Client(make_node().url)
    yield asked
    asked.http.close()


def walk(client, path: str, name: str, **query):
    """Follow a list's cursors to its end."""
    found, cursor, pages = [], "", 0
    while cursor is not None:
        page = client.get(path, cursor=cursor, **query)
        assert set(page) >= {name, "next_cursor", "pagination_per_page"}
        assert "pagination_page" not in page
        assert "pagination_total" not in page
        found += page[name]
        cursor, pages = page["next_cursor"], pages + 1
    return found, pages


def transfer(client, sender: Account, *shares, channel: str = CHANNEL, **content):
    entries = [{"address": address, "amount": amount} for address, amount in shares]
    post = {"type": "aleph_credit_transfer", "content": {"transfer": {"credits": entries}}, **content}
    message = sender.sign("POST", post, channel=channel)
    return client.post(message), message["item_hash"]


def test_files_by_cursor_have_another_shape(client, account):
    client.faucet(account)
    hashes = [client.store(account, f"file {number}".encode()) for number in range(5)]
    path = f"/api/v0/addresses/{account.address}/files"
    found, pages = walk(client, path, "files", pagination=2)
    assert (pages, [each["item_hash"] for each in found]) == (3, hashes[::-1])
    assert all(isinstance(each["created"], float) for each in found)
    oldest_first, _ = walk(client, path, "files", pagination=200, sort_order=1)
    assert [each["item_hash"] for each in oldest_first] == hashes
    assert client.http.get(path, params={"cursor": "", "pagination": 0}).status_code == 422
    assert client.http.get(path, params={"cursor": "nonsense"}).status_code == 422
    by_hash = client.get(path, file_hash=found[0]["file_hash"])
    assert [each["item_hash"] for each in by_hash["files"]] == [hashes[-1]]
    assert by_hash["pagination_total"] == 5  # of all, as on the network


def test_credits_move_from_one_to_others(client, account):
    other, third = Account("other"), Account("third")
    client.faucet(account, 1_000)
    answer, item_hash = transfer(client, account, (other.address, 300), (third.address, 200))
    assert answer.status_code == 200
    balances = [client.get(f"/api/v0/addresses/{each.address}/balance") for each in (account, other, third)]
    assert [each["credit_balance"] for each in balances] == [500, 300, 200]
    [received] = client.get(f"/api/v0/addresses/{other.address}/credit_history")["credit_history"]
    expected = {"amount": 300, "origin": account.address, "payment_method": "credit_transfer", "credit_ref": item_hash}
    assert expected.items() <= received.items()
    path = f"/api/v0/addresses/{account.address}/credit_history"
    summary = client.get(f"{path}/summary")
    sums = {"entry_count": 3, "total_amount": 500, "total_incoming": 1000, "total_outgoing": -500}
    assert summary == {"address": account.address, **sums}
    assert client.get(f"{path}/summary", direction="outgoing")["total_amount"] == -500
    for query, count in (
        ({"direction": "incoming"}, 1),
        ({"payment_method": "credit_transfer"}, 2),
        ({"exclude_payment_method": "credit_transfer,other"}, 1),
        ({"origin": other.address}, 1),
        ({"resource": third.address}, 1),
        ({"provider": "ALEPH"}, 2),
        ({"has_expiration": "false"}, 3),
        ({"startDate": 0, "endDate": time.time() + 60}, 3),
    ):
        assert len(client.get(path, **query)["credit_history"]) == count, query
    for query in ({"has_expiration": "true"}, {"token": "ALEPH"}, {"resourceTypes": "STORE"}, {"endDate": 1}):
        assert client.http.get(path, params=query).status_code == 404, query
    for query in ({"direction": "up"}, {"startDate": 5, "endDate": 4}, {"startDate": -1}, {"resourceTypes": "FILE"}):
        assert client.http.get(path, params=query).status_code == 422, query


def test_a_credit_history_by_cursor_in_any_order(client, account):
    for amount in (5, 3, 9, 1, 7):
        client.faucet(account, amount)
    path = f"/api/v0/addresses/{account.address}/credit_history"
    for sort_by, sort_order in (("amount", 1), ("amount", -1), ("message_timestamp", 1), ("origin", -1)):
        query = {"sort_by": sort_by, "sort_order": sort_order}
        paged = [each["amount"] for each in client.get(path, **query)["credit_history"]]
        found, pages = walk(client, path, "credit_history", pagination=2, **query)
        assert (pages, [each["amount"] for each in found]) == (3, paged)
    cursor = client.get(path, cursor="", pagination=2, sort_by="amount")["next_cursor"]
    wrong = client.http.get(path, params={"cursor": cursor, "sort_by": "origin"})
    assert (wrong.status_code, "mismatch" in wrong.text) == (422, True)


@pytest.mark.parametrize(
    ("shares", "because"),
    [
        ([("self", 1)], "Self-transfer"),
        ([("0xaa", 10**6)], "Insufficient credit balance"),
        ([("0xaa", 0)], "Invalid credit transfer"),
        ([("0xaa", 1.5)], "Invalid credit transfer"),
        ([("0xaa", 1), ("0xaa", 2)], "Duplicate recipient"),
        ([], "Invalid credit transfer"),
        ([(" ", 1)], "Invalid credit transfer"),
    ],
)
def test_what_cannot_be_transferred_is_rejected_and_moves_nothing(client, account, shares, because):
    client.faucet(account, 100)
    shares = [(account.address if address == "self" else address, amount) for address, amount in shares]
    answer, item_hash = transfer(client, account, *shares)
    assert answer.status_code == 422
    rejected = client.message(item_hash)
    assert rejected["error_code"] == 0
    assert because in str(rejected["details"])
    assert client.get(f"/api/v0/addresses/{account.address}/balance")["credit_balance"] == 100


def test_a_transfer_in_another_channel_is_a_post_like_any(client, account):
    client.faucet(account, 100)
    answer, _ = transfer(client, account, ("0xaa", 50), channel="TEST")
    assert answer.status_code == 200
    assert client.get(f"/api/v0/addresses/{account.address}/balance")["credit_balance"] == 100


def test_everybodys_balances(client):
    people = [Account(f"person {number}") for number in range(4)]
    for number, each in enumerate(people):
        client.faucet(each, 10 * (number + 1), number)
    addresses = sorted(each.address for each in people)
    page = client.get("/api/v0/credit_balances", min_balance=20)
    assert [each["credits"] for each in page["credit_balances"]] == [
        client.get(f"/api/v0/addresses/{address}/balance")["credit_balance"]
        for address in addresses
        if address != people[0].address
    ]
    assert (page["pagination_total"], page["pagination_item"]) == (3, "credit_balances")
    found, pages = walk(client, "/api/v0/credit_balances", "credit_balances", pagination=3)
    assert (pages, [each["address"] for each in found]) == (2, addresses)
    tokens = client.get("/api/v0/balances", chains="ETH", min_balance=2)["balances"]
    assert sorted(each["balance"] for each in tokens) == [2.0, 3.0]
    assert client.get("/api/v0/balances", chains="SOL")["balances"] == []
    walked, _ = walk(client, "/api/v0/balances", "balances", pagination=1)
    assert {each["chain"] for each in walked} == {"ETH"}


def test_everybodys_aggregates(client):
    people = [Account(f"keeper {number}") for number in range(3)]
    for number, each in enumerate(people):
        client.post(each.sign("AGGREGATE", {"key": "domains", "content": {"n": number}}))
    client.post(people[0].sign("AGGREGATE", {"key": "domains", "content": {"more": True}}))
    for path in ("/api/v0/aggregates.json", "/api/v0/aggregates"):
        page = client.get(path, keys="domains")
        assert [each["address"] for each in page["aggregates"]] == [people[n].address for n in (0, 2, 1)]
        assert page["aggregates"][0]["content"] == {"n": 0, "more": True}
        assert page["pagination_total"] == 3
    by_creation = client.get("/api/v0/aggregates", keys="domains", sortBy="creation_time", sortOrder=1)["aggregates"]
    assert [each["address"] for each in by_creation] == [each.address for each in people]
    found, pages = walk(client, "/api/v0/aggregates", "aggregates", keys="domains", pagination=2)
    assert (pages, [each["address"] for each in found]) == (2, [people[n].address for n in (0, 2, 1)])
    only = client.get("/api/v0/aggregates", addresses=people[1].address)["aggregates"]
    assert [each["key"] for each in only] == ["domains"]


def test_the_networks_core_aggregate_is_there(client):
    owner = "0xa1B3bb7d2332383D96b7796B908fB7f7F3c2Be10"
    found = client.get(f"/api/v0/aggregates/{owner}.json", keys="corechannel")
    assert found["data"] == {"corechannel": {"nodes": [], "resource_nodes": []}}


def test_programs_that_messages_trigger(client, account):
    client.faucet(account)
    code = client.store(account, b"code")
    wanted = [{"sender": "0x1", "channel": "TEST"}]
    client.post(program_message(account, code))
    message = program_message(account, code, on={"http": True, "message": wanted})
    assert client.post(message).status_code == 200
    found = {each["item_hash"]: each for each in client.get("/api/v0/programs/on/message")}
    assert set(found) == {message["item_hash"]}
    assert found[message["item_hash"]]["content"]["on"]["message"] == wanted
    assert client.http.get("/api/v0/programs/on/message", params={"other": 1}).status_code == 400


def test_an_instance_is_priced_by_its_content_alone(client, account):
    content = {
        "address": account.address,
        "environment": {"reproducible": False, "internet": True, "aleph_api": True, "shared_cache": False},
        "resources": {"vcpus": 2, "memory": 4096, "seconds": 30},
        "payment": {"type": "credit", "chain": "ETH"},
        "rootfs": {"parent": {"ref": "ab" * 32, "use_latest": True}, "persistence": "host", "size_mib": 20480},
    }
    price = client.http.post("/api/v0/price/estimate/instance", json=content)
    assert price.status_code == 200, price.text
    parts = {each["type"]: each for each in price.json()["detail"]}
    assert parts["EXECUTION"]["name"] == "instance"
    assert parts["EXECUTION_INSTANCE_VOLUME_ROOTFS"]["size_mib"] == 20480.0
    assert price.json()["charged_address"] == account.address
    assert client.http.post("/api/v0/price/estimate/instance", json={"address": "x"}).status_code == 422


def test_costs_by_page_and_by_part(client, account):
    client.faucet(account)
    code = client.store(account, b"code")
    for number in range(11):
        assert client.post(program_message(account, code, variables={"n": str(number)})).status_code == 200
    page = client.get("/api/v0/costs", address=account.address, include_details=1, pagination=10, page=2)
    assert (len(page["resources"]), page["pagination_total"], page["summary"]["resource_count"]) == (2, 12, 12)
    assert client.http.get("/api/v0/costs", params={"include_details": 2}).status_code == 422
    item_hash = page["resources"][0]["item_hash"]
    for size in (False, True):
        [one] = client.get("/api/v0/costs", item_hash=item_hash, include_details=2, include_size=size)["resources"]
        assert any(part["size_mib"] for part in one["detail"]) == size
    sized = client.get(f"/api/v0/price/{item_hash}", include_size="true")["detail"]
    assert [part["size_mib"] for part in sized] == [part["size_mib"] for part in one["detail"]]
    volume = {"mount": "/d", "persistence": "host", "name": "d", "size_mib": 30}
    program = program_message(account, code, volumes=[volume])
    assert client.post(program).status_code == 200
    sized = client.get(f"/api/v0/price/{program['item_hash']}", include_size="true")["detail"]
    assert {part["type"]: part["size_mib"] for part in sized}["EXECUTION_VOLUME_PERSISTENT"] == 30


def test_grants_by_what_they_allow(client, account):
    helper = Account("helper")
    grants = [{"address": helper.address, "types": ["STORE"], "channels": ["A"]}, {"address": helper.address}]
    client.post(account.sign("AGGREGATE", {"key": "security", "content": {"authorizations": grants}}))
    path = f"/api/v0/authorizations/granted/{account.address}.json"
    for query, count in (({}, 2), ({"types": "PROGRAM"}, 1), ({"channels": "A"}, 2), ({"channels": "B"}, 1)):
        assert len(client.get(path, **query)["authorizations"][helper.address]) == count, query
    assert client.http.get(path, params={"pagination": 0}).status_code == 422
