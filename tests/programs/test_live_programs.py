from __future__ import annotations

import threading

from hatch_aleph.network.http import Connections
from hatch_aleph.network.messages import sign_message
from hatch_aleph.programs.live_programs import Listed, list_programs
from tests.programs.test_revision import created


def listed_of(client, address) -> list[Listed]:
    return [each for batch in list_programs(client, address) for each in batch]


def replacing(network, client, account, original):
    """Publish a program that says to replace another, as the official command line does."""
    content = network.content(original.item_hash)
    content |= {"replaces": original.item_hash, "address": account.address, "time": content["time"] + 1}
    message = sign_message(account, "PROGRAM", content, channel="TEST", time=content["time"])
    client.publish(message)
    client.wait(message.item_hash)
    return message.item_hash


def test_programs_newest_first_with_cost_and_urls(session, client, account, app):
    first = created(session, app("one"), name="first")
    second = created(session, app("two"), name="second")
    listed = listed_of(client, account.address)
    assert [(each.name, each.message.item_hash) for each in listed] == [
        ("second", second.item_hash),
        ("first", first.item_hash),
    ]
    assert all(each.price and each.price.per_day > 0 for each in listed)
    assert listed[0].urls == second.urls
    assert listed[0].to_json()["content"]["code"]["ref"] == second.code


def test_a_list_asks_no_more_for_many_programs(session, client, account, app, monkeypatch):
    # Questions, each once however often it was asked: a busy machine's node may not answer in time. What the host of
    # this network asks meanwhile is about no owner, and is not counted.
    asked: set[str] = set()
    ask = Connections.stream

    def counted(self, method, url, **options):
        query = options.get("params") or {}
        if "startDate" not in query:
            asked.add(f"{url}?{sorted(query.items())}")
        return ask(self, method, url, **options)

    def asked_for_all() -> set[str]:
        questions = []
        for _ in range(3):  # what each of them asked: threads of the network on this machine ask now and then as well
            asked.clear()
            listed_of(client, account.address)
            questions.append(set(asked))
        return set.intersection(*questions)

    created(session, app("one"), name="one")
    monkeypatch.setattr(Connections, "stream", counted)
    before = asked_for_all()
    original = client.message(listed_of(client, account.address)[0].message.item_hash).content
    for number in range(11):
        content = original | {"time": original["time"] + 1 + number}
        client.publish(sign_message(account, "PROGRAM", content, channel="TEST", time=content["time"]))
    assert len(listed_of(client, account.address)) == 12
    after = asked_for_all()
    assert len(after) == len(before) <= 5, (before, after)


def test_of_many_the_first_come_before_all_prices_are_there(session, client, account, app, monkeypatch):
    monkeypatch.setattr("hatch_aleph.programs.live_programs._BATCH", 2)
    monkeypatch.setattr("hatch_aleph.programs.live_programs._FIRST", 1)
    for number in range(3):
        created(session, app(str(number)), name=str(number))
    asked: list[str] = []
    prices = client.prices
    there = threading.Event()
    monkeypatch.setattr(client, "prices", lambda address: [there.wait(30), asked.append(address), prices(address)][2])
    batches = list_programs(client, account.address)
    (first,) = next(batches)
    assert (first.name, asked) == ("2", [])
    there.set()
    assert first.price is not None
    assert [[each.name for each in batch] for batch in batches] == [["1"], ["0"]]
    assert asked == [account.address]


def test_what_took_over_counts_only_if_it_is_the_owners(network, session, client, account, app):
    made = created(session, app(), updatable=True)
    stranger = network.new_account()
    replacing(network, client, stranger, made)
    assert [each.superseded_by for each in listed_of(client, account.address)] == [None]
    newer = replacing(network, client, account, made)
    assert [each.superseded_by for each in listed_of(client, account.address)] == [None, newer]


def test_nobody_has_nothing(client):
    assert listed_of(client, "0x" + "12" * 20) == []
