"""The host follows its node: amends, forgotten programs, persistent and subscribed ones, files that are not there."""

from __future__ import annotations

import asyncio
import json
import textwrap
import time

import pytest

from hatch_aleph.local.host import Limits
from hatch_aleph.local.host.message_feed import is_subscribed
from hatch_aleph.network.accounts import account_from_key
from hatch_aleph.network.hosts import signed_headers
from hatch_aleph.network.keys import Key
from tests.local.host.conftest import ECHO, OWNER, STRANGER, until
from tests.local.host.test_quirks import answer_with, app
from tests.signing import Signer


async def get(client, url):
    async with client.get(url) as answer:
        return answer.status, await answer.read(), answer.headers


def saying(text: str) -> str:
    return answer_with(200, "[]", f"{text.encode()!r}")


@pytest.fixture(params=[True, False], ids=["websocket", "polled"])
def tells(request):
    """A node with websockets, and one that has to be asked."""
    return request.param


def test_an_amend_of_the_code_stops_the_machine_and_the_next_request_runs_it(with_host, image, tells):
    async def use(node, host, client):
        first = node.store(image({"main.py": saying("one")}).read_bytes())
        item_hash = node.program(first)
        url = f"{node.url}/vm/{item_hash}/"
        assert (await get(client, url))[1] == b"one"
        amend = node.store(image({"main.py": saying("two")}, "second").read_bytes(), ref=first)
        await until(lambda: item_hash not in host.pool.machines)
        return await get(client, url), amend

    (status, body, headers), amend = with_host(use, websocket=tells)
    assert (status, body, headers["Aleph-Program-Code-Ref"]) == (200, b"two", amend)


def test_only_amends_of_the_owner_count(with_host, image):
    async def use(node, host, client):
        first = node.store(image({"main.py": saying("one")}).read_bytes())
        item_hash = node.program(first)
        foreign = image({"main.py": saying("two")}, "second").read_bytes()
        node.store(foreign, STRANGER, ref=first)
        return await get(client, f"{node.url}/vm/{item_hash}/")

    assert with_host(use)[1] == b"one"


def test_a_pinned_ref_is_not_followed(with_host, image):
    async def use(node, host, client):
        first = node.store(image({"main.py": saying("one")}).read_bytes())
        item_hash = node.program(first, follow=False)
        node.store(image({"main.py": saying("two")}, "second").read_bytes(), ref=first)
        return await get(client, f"{node.url}/vm/{item_hash}/")

    assert with_host(use)[1] == b"one"


def test_a_forgotten_program_stops(with_host, image):
    async def use(node, host, client):
        item_hash = node.program(node.store(image({"main.py": ECHO}).read_bytes()))
        await get(client, f"{node.url}/vm/{item_hash}/")
        node.messages[item_hash]["status"] = "forgotten"
        node.publish("FORGET", {"hashes": [item_hash]})
        await until(lambda: not host.pool.machines)
        return await get(client, f"{node.url}/vm/{item_hash}/")

    status, body, _ = with_host(use)
    assert status == 500
    assert "forgotten" in json.loads(body)["detail"]


def test_a_persistent_program_starts_by_itself_does_not_idle_out_and_comes_back(with_host, image):
    async def use(node, host, client):
        code = node.store(image({"main.py": answer_with(200, "[]", "__import__('os')._exit(1)")}).read_bytes())
        item_hash = node.program(code, on={"http": True, "persistent": True})
        await until(lambda: item_hash in host.pool.machines)
        await asyncio.sleep(0.5)
        assert item_hash in host.pool.machines
        status, _, _ = await get(client, f"{node.url}/vm/{item_hash}/")
        await until(lambda: item_hash in host.pool.machines)
        return status

    assert with_host(use, schedules=True, limits=Limits(idle=0.2, status_check=0.2)) == 502


def test_a_subscribed_program_gets_the_messages_that_fit(with_host, image):
    source = app("""
        if scope["type"] == "aleph.message":
            SEEN.append((await receive())["body"])
            return await send({"type": "taken"})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": repr(SEEN).encode()})
    """)

    async def use(node, host, client):
        code = node.store(image({"main.py": "SEEN = []\n" + source}).read_bytes())
        wanted = {"sender": OWNER, "content": {"type": "greeting"}}
        item_hash = node.program(code, on={"http": True, "message": [wanted]})
        await until(lambda: host.feed is not None and host.feed.connected.is_set())
        node.publish("POST", {"type": "other"})
        greeting = node.publish("POST", {"type": "greeting"})
        url = f"{node.url}/vm/{item_hash}/"
        seen = ""
        for _ in range(100):
            seen = (await get(client, url))[1].decode()
            if greeting in seen:
                break
            await asyncio.sleep(0.05)
        return greeting, seen

    greeting, seen = with_host(use)
    assert greeting in seen
    assert "other" not in seen


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({"sender": "0x1"}, True),
        ({"sender": "0x2"}, False),
        ({"content": {"type": "a"}}, True),
        ({"content": {"type": "a", "missing": "1"}}, False),
        ({"content": {"more": 1}}, False),
        ({"content": {"content": {"deep": "b"}}}, False),
        ({"content": {"content": {}}}, True),
        ({"sender": "0x1", "channel": "c"}, False),
        ({}, True),
    ],
)
def test_filters_compare_all_that_they_name(wanted, fits):
    message = {"sender": "0x1", "channel": None, "content": {"type": "a", "more": 1, "content": {"deep": "b"}}}
    assert is_subscribed((wanted,), message) is fits


def test_an_idle_program_stops_and_starts_again(with_host, image):
    async def use(node, host, client):
        item_hash = node.program(node.store(image({"main.py": ECHO}).read_bytes()))
        await get(client, f"{node.url}/vm/{item_hash}/")
        await until(lambda: not host.pool.machines)
        return (await get(client, f"{node.url}/vm/{item_hash}/"))[0]

    assert with_host(use, limits=Limits(idle=0.2)) == 200


def test_a_file_is_fetched_once_and_must_have_its_hash(with_host, image):
    async def use(node, host, client):
        code = node.store(image({"main.py": f"# fetched in this test only\n{textwrap.dedent(ECHO)}"}).read_bytes())
        first, second = node.program(code), node.program(code, variables={"A": "b"})
        good = [(await get(client, f"{node.url}/vm/{h}/"))[0] for h in (first, second)]
        fetched = len(node.fetched)
        bad = node.store(b"something else")
        node.files[node.messages[bad]["message"]["content"]["item_hash"]] = b"not what was said"
        wrong = await get(client, f"{node.url}/vm/{node.program(bad)}/")
        gone = node.store(b"gone")
        del node.files[node.messages[gone]["message"]["content"]["item_hash"]]
        missing = await get(client, f"{node.url}/vm/{node.program(gone)}/")
        as_volume = await get(client, f"{node.url}/vm/{node.program(code, volumes=[{'ref': gone, 'mount': '/v'}])}/")
        return good, fetched, wrong, missing, as_volume

    good, fetched, wrong, missing, as_volume = with_host(use)
    assert (good, fetched) == ([200, 200], 1)
    assert (wrong[0], "other bytes than those of the hash" in json.loads(wrong[1])["detail"]) == (500, True)
    assert (missing[0], json.loads(missing[1])["error"]) == (400, "400: Code, runtime or data not available")
    assert as_volume[0] == 500


def test_logs_are_kept_also_of_programs_that_did_not_start_for_their_owners(with_host, image):
    owner, stranger = (account_from_key(Key(bytes([each]) * 32, "test"), "ETH") for each in (1, 2))

    async def logs_for(account, client, url, item_hash):
        path = f"/control/machine/{item_hash}/logs"
        signing = (account, "GET", path, "127.0.0.1", time.time())
        headers = await asyncio.to_thread(signed_headers, *signing) if account else {}
        async with client.get(url + path, headers=headers) as response:
            return response.status, await response.text()

    async def use(node, host, client):
        code = node.store(image({"main.py": "print('before the end')\nraise SystemExit(3)"}).read_bytes())
        item_hash = node.program(code, signer=Signer(1))
        status, _, _ = await get(client, f"{node.url}/vm/{item_hash}/")
        asked = (owner, item_hash), (owner, "cd" * 32), (stranger, item_hash), (None, item_hash)
        return status, item_hash, [await logs_for(account, client, node.url, each) for account, each in asked]

    status, item_hash, told = with_host(use)
    assert (status, [each[0] for each in told]) == (500, [200, 404, 403, 400])
    logs = json.loads(told[0][1])
    line = next(line for line in logs if line["MESSAGE"] == "before the end")
    assert set(line) == {"SYSLOG_IDENTIFIER", "MESSAGE", "file", "__REALTIME_TIMESTAMP"}
    assert line["SYSLOG_IDENTIFIER"] == f"vm-{item_hash}-stdout"
