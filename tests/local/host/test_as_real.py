"""The host as a real one: stops in steps, with what goes wrong meanwhile, and the lists that tell of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import textwrap
import time
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from hatch_aleph.local.host import Host, Limits
from hatch_aleph.local.host.machine import START_MARK
from hatch_aleph.network.accounts import account_from_key
from hatch_aleph.network.hosts import signed_headers
from hatch_aleph.network.keys import Key
from tests.local.host.conftest import serving, until
from tests.local.host.test_following import get, saying
from tests.local.host.test_quirks import answer_with, app
from tests.signing import Signer

REAL = Limits.as_real(0.1)
PERSISTENT = {"http": True, "persistent": True}


async def listed(client, node) -> dict:
    return json.loads((await get(client, f"{node.url}/v2/about/executions/list"))[1])


async def amend(node, image, first: str, text: str) -> None:
    node.store(image({"main.py": saying(text)}, text).read_bytes(), ref=first)


def test_after_an_amend_the_list_shows_the_stop_and_then_nothing(with_host, image):
    async def use(node, host, client):
        first = node.store(image({"main.py": saying("one")}).read_bytes())
        item_hash = node.program(first)
        url = f"{node.url}/vm/{item_hash}/"
        assert (await get(client, url))[1] == b"one"
        before = (await listed(client, node))[item_hash]
        older = json.loads((await get(client, f"{node.url}/about/executions/list"))[1])
        await amend(node, image, first, "two")
        await until(lambda: host.pool.executions[item_hash].is_stopping)
        stopping = (await listed(client, node))[item_hash]
        older_stopping = json.loads((await get(client, f"{node.url}/about/executions/list"))[1])
        await until(lambda: item_hash not in host.pool.executions)
        return before, older[item_hash], stopping, older_stopping, await listed(client, node), await get(client, url)

    before, older, stopping, older_stopping, after, answer = with_host(use, limits=REAL)
    assert before["running"] is True
    assert before["vm_type"] == older["vm_type"] == "microvm"
    assert list(before["status"]) == [
        *("defined_at", "preparing_at", "prepared_at", "starting_at", "started_at", "stopping_at", "stopped_at")
    ]
    assert before["status"]["started_at"] > before["status"]["starting_at"]
    assert before["status"]["stopping_at"] is None
    assert stopping["running"] is False
    assert stopping["status"]["stopping_at"] > before["status"]["started_at"]
    assert older_stopping == after == {}
    assert answer[:2] == (200, b"two")


def test_a_request_into_the_stop_makes_a_machine_that_the_stop_destroys(with_host, image):
    # The stop pauses until the new machine's folder is there, and is over before that machine has booted.
    limits = Limits.as_real(0.1, linger=60.0, boot=2.0, init=3.0)

    async def use(node, host, client):
        first = node.store(image({"main.py": saying("one")}).read_bytes())
        item_hash = node.program(first)
        url = f"{node.url}/vm/{item_hash}/"
        await get(client, url)
        old = host.pool.executions[item_hash]
        await amend(node, image, first, "two")
        await until(lambda: old.is_stopping)
        began = time.monotonic()
        questions = asyncio.gather(get(client, url), get(client, url))
        await until(lambda: new_folder_is_there(host.pool.executions[item_hash], old))
        new = host.pool.executions[item_hash].machine
        old.machine.hurry.set()
        await until(lambda: new._launched is None)
        new.hurry.set()  # its own end, which needs no pause
        into, beside = await questions
        seconds = time.monotonic() - began
        await until(old.stop.done)
        return into, beside, seconds, await get(client, url)

    def new_folder_is_there(execution, old) -> bool:
        return execution is not old and execution.machine is not None and execution.machine._launched is not None

    into, beside, seconds, third = with_host(use, limits=limits)
    assert into[0] == beside[0] == 500
    assert json.loads(into[1])["error"] == "500: Error during runtime initialisation"
    assert seconds >= limits.init
    assert third[:2] == (200, b"two")


def test_the_halt_of_a_machine_whose_stop_was_held_up_does_not_reach_the_one_that_boots_in_its_folder(with_host, image):
    """Nothing listens in a VM that boots: its init makes the socket, and tells the host of it at once (init1.py)."""
    limits = Limits.as_real(0.1, boot=2.0, init=3.0)

    async def use(node, host, client):
        first = node.store(image({"main.py": saying("one")}).read_bytes())
        item_hash = node.program(first)
        url = f"{node.url}/vm/{item_hash}/"
        await get(client, url)
        old = host.pool.executions[item_hash]
        old.machine._no_runs.clear()  # as by a request that takes its time
        await amend(node, image, first, "two")
        await until(lambda: old.is_stopping)
        question = asyncio.create_task(get(client, url))
        await until(
            lambda: (new := host.pool.executions[item_hash]) is not old and new.machine and new.machine._launched
        )
        old.machine._no_runs.set()
        return await question, [line.text for line in host.pool.records[item_hash].console.lines]

    answer, log = with_host(use, limits=limits)
    assert (answer[0], json.loads(answer[1])["error"]) == (500, "500: Error during runtime initialisation")
    assert not [line for line in log if "halt" in line or "Traceback" in line]


def test_the_kind_host_starts_the_amended_program_at_once(with_host, image):
    async def use(node, host, client):
        first = node.store(image({"main.py": saying("one")}).read_bytes())
        item_hash = node.program(first)
        url = f"{node.url}/vm/{item_hash}/"
        await get(client, url)
        await amend(node, image, first, "two")
        await until(lambda: item_hash not in host.pool.executions)
        return await get(client, url)

    assert with_host(use)[:2] == (200, b"two")


def test_the_kind_host_misses_no_amend_that_comes_while_a_program_starts(with_host, image):
    """A deployment of code and packages amends twice: the second time the program may be starting with the first."""

    async def use(node, host, client):
        slow = "import time\ntime.sleep(1)\n" + textwrap.dedent(saying("one"))
        first = node.store(image({"main.py": slow}).read_bytes())
        item_hash = node.program(first, on=PERSISTENT)
        await until(lambda: (known := host.pool.executions.get(item_hash)) and known.times.starting_at)
        await amend(node, image, first, "two")
        await until(lambda: item_hash in host.pool.machines)
        starting = (await listed(client, node))[item_hash]["status"]["started_at"]
        return starting, await get(client, f"{node.url}/vm/{item_hash}/")

    started, answer = with_host(use, schedules=True)
    assert started
    assert answer[:2] == (200, b"two")


# Notes on its persistent volume what it was told.
NOTES_HALT = """
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            event = (await receive())["type"]
            with open("/mnt/keep/events", "a") as file:
                file.write(event + "\\n")
            return await send({"type": event + ".complete"})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": open("/mnt/keep/events", "rb").read()})
"""


@pytest.mark.parametrize("persistent", [True, False])
def test_a_persistent_program_is_killed_and_one_on_demand_is_told_to_halt(with_host, image, persistent):
    async def use(node, host, client):
        code = node.store(image({"main.py": textwrap.dedent(NOTES_HALT)}).read_bytes())
        volume = {"mount": "/mnt/keep", "persistence": "host", "name": "keep", "size_mib": 10}
        on = PERSISTENT if persistent else {"http": True, "persistent": False}
        item_hash = node.program(code, on=on, volumes=[volume])
        url = f"{node.url}/vm/{item_hash}/"
        if persistent:
            await until(lambda: item_hash in host.pool.machines)
        await get(client, url)
        assert host.pool.executions[item_hash].persistent == persistent
        await host.pool.stop(item_hash)
        await until(lambda: item_hash not in host.pool.executions)
        return (await get(client, url))[1].decode().split()

    events = with_host(use, schedules=True, limits=Limits.as_real(0.02, init=20.0))
    halt = [] if persistent else ["lifespan.shutdown"]
    assert events == ["lifespan.startup", *halt, "lifespan.startup"]


def test_asking_a_persistent_program_too_early_starts_it_on_demand(with_host, image):
    async def use(node, host, client):
        item_hash = node.program(node.store(image({"main.py": saying("one")}).read_bytes()), on=PERSISTENT)
        await get(client, f"{node.url}/vm/{item_hash}/")
        early = host.pool.executions[item_hash].persistent
        await until(lambda: host.scheduler._seen_running == {item_hash})
        return early, host.pool.executions[item_hash].persistent

    assert with_host(use, schedules=True, limits=Limits.as_real(0.1, schedule=0.5)) == (False, False)


@pytest.mark.parametrize("limits", [REAL, Limits()], ids=["real", "kind"])
def test_the_owner_stops_a_program(with_host, image, limits):
    owner, other = (account_from_key(Key(bytes([each]) * 32, "test"), "ETH") for each in (1, 2))

    async def use(node, host, client):
        code = node.store(image({"main.py": saying("one")}).read_bytes())
        item_hash = node.program(code, signer=Signer(1))
        url, path = f"{node.url}/vm/{item_hash}/", f"/control/machine/{item_hash}/stop"

        async def stop(account, where=path):
            signing = (account, "POST", where, "127.0.0.1", time.time())
            headers = await asyncio.to_thread(signed_headers, *signing)
            async with client.post(node.url + where, headers=headers) as answer:
                return answer.status, await answer.text()

        unknown = await stop(owner)
        await get(client, url)
        foreign, unsigned = await stop(other), (await client.post(node.url + path)).status
        machine = host.pool.machines[item_hash]
        stopped = await stop(owner)
        return unknown, foreign, unsigned, stopped, machine.state.value, await get(client, url), item_hash

    unknown, foreign, unsigned, stopped, state, again, item_hash = with_host(use, limits=limits)
    assert unknown == (404, json.dumps({"error": f"No virtual machine with ref {item_hash}"}))
    assert (foreign, unsigned) == ((403, "Unauthorized sender"), 400)
    assert stopped == (200, f"Stopped VM with ref {item_hash}")
    assert state == "stopped"
    assert again[:2] == (200, b"one")


def test_a_forgotten_program_answers_until_the_third_look(with_host, image):
    async def use(node, host, client):
        item_hash = node.program(node.store(image({"main.py": saying("one")}).read_bytes()))
        url = f"{node.url}/vm/{item_hash}/"
        await get(client, url)
        node.messages[item_hash]["status"] = "forgotten"
        node.publish("FORGET", {"hashes": [item_hash]})
        began, looks = time.monotonic(), 0
        while (await get(client, url))[0] == 200:
            looks += 1
            await asyncio.sleep(0.02)
        return time.monotonic() - began, looks, await get(client, url)

    limits = Limits.as_real(0.02, status_check=0.5)
    seconds, looks, last = with_host(use, limits=limits)
    assert looks > 3
    assert seconds > 2 * limits.status_check
    assert last[0] == 500


def test_what_no_host_has_room_for_is_a_503(with_host, image):
    async def use(node, host, client):
        code = node.store(image({"main.py": saying("one")}).read_bytes())
        sizes = [{"vcpus": 1, "memory": memory, "seconds": 10} for memory in (6144, 2049, 2048)]
        hashes = [node.program(code, resources=size) for size in sizes]
        return [await get(client, f"{node.url}/vm/{item_hash}/") for item_hash in hashes]

    first, refused, fits = with_host(use, limits=Limits.as_real(0.02))
    assert (first[0], refused[0], fits[0]) == (200, 503, 200)
    assert json.loads(refused[1])["error"] == "This CRN cannot host the requested workload at this time."


def test_the_scheduler_says_where_a_persistent_program_runs(with_host, image):
    async def use(node, host, client):
        code = node.store(image({"main.py": saying("one")}).read_bytes())
        item_hash = node.program(code, on=PERSISTENT)
        large = node.program(code, on=PERSISTENT, resources={"vcpus": 1, "memory": 16384, "seconds": 10})
        await until(lambda: len(host.scheduler._programs) == 2)

        async def ask(path):
            status, body, _ = await get(client, node.url + path)
            return status, json.loads(body)

        early = await ask(f"/api/v1/vms/{item_hash}")
        await until(lambda: item_hash in host.pool.machines)
        found = await ask(f"/api/v1/vms/{item_hash}")
        host_entry = await ask(f"/api/v1/nodes/{found[1]['allocated_node']}")
        return {
            "early": early,
            "found": found,
            "node": host_entry,
            "older": await ask(f"/api/v0/allocation/{item_hash}"),
            "large": await ask(f"/api/v1/vms/{large}"),
            "older large": await ask(f"/api/v0/allocation/{large}"),
            "page": await ask(f"/api/v1/vms?owner={node.messages[item_hash]['message']['content']['address']}"),
            "unknown": [(await ask(f"/api/v1/{kind}/{'0' * 64}"))[0] for kind in ("vms", "nodes")],
            "url": node.url,
            "running": await listed(client, node),
            "hash": item_hash,
        }

    told = with_host(use, schedules=True, limits=Limits.as_real(0.05))
    assert (told["early"][0], told["early"][1]["status"]) == (200, "scheduled")
    assert (told["found"][1]["status"], told["found"][1]["scheduling_status"]) == ("dispatched", "scheduled")
    assert told["node"][1]["address"] == told["older"][1]["node"]["url"] == told["url"] + "/"
    assert (told["large"][1]["status"], told["large"][1]["allocated_node"]) == ("unschedulable", None)
    assert told["older large"][0] == 404
    assert told["page"][1]["pagination"]["total_items"] == 2
    assert told["unknown"] == [404, 404]
    assert told["running"][told["hash"]]["running"] is True
    assert told["running"][told["hash"]]["vm_type"] == "persistent_program"


SEES = app("""
    if scope["type"] == "aleph.message":
        SEEN.append((await receive())["body"])
        return await send({"type": "taken"})
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": repr(SEEN).encode()})
""")


@asynccontextmanager
async def another_host(node, folder, cache, python, **options):
    """A second host that follows the same node."""
    application = web.Application()
    host = Host(node.url, folder, cache, python=python, **options)
    host.attach(application)
    async with serving(application) as url:
        await until(lambda: host.feed is not None and host.feed.connected.is_set())
        yield url


def test_an_event_goes_to_every_host_that_saw_the_publication_and_to_no_other(
    with_host, image, tmp_path, host_cache, python311
):
    async def use(node, host, client):
        code = node.store(image({"main.py": "SEEN = []\n" + SEES}).read_bytes())
        await until(lambda: host.feed is not None and host.feed.connected.is_set())
        options = {"limits": REAL, "cache": host_cache, "python": python311}
        async with another_host(node, tmp_path / "second", **options) as second:
            item_hash = node.program(code, on={"http": True, "message": [{"content": {"type": "greeting"}}]})
            await asyncio.sleep(0.1)
            async with another_host(node, tmp_path / "late", **options) as late:
                greeting = node.publish("POST", {"type": "greeting"})
                seen = []
                for url in (node.url, second, late):
                    for _ in range(40 if url != late else 1):
                        body = (await get(client, f"{url}/vm/{item_hash}/"))[1].decode()
                        if greeting in body:
                            break
                        await asyncio.sleep(0.05)
                    seen.append(greeting in body)
                return seen

    assert with_host(use, limits=REAL) == [True, True, False]


def test_the_log_keeps_all_starts_each_with_its_mark_and_its_end(with_host, image):
    async def use(node, host, client):
        item_hash = node.program(node.store(image({"main.py": 'print("born")\n' + saying("one")}).read_bytes()))
        url = f"{node.url}/vm/{item_hash}/"
        await get(client, url)
        await host.pool.stop(item_hash, "its owner asked for it")
        await get(client, url)
        console = host.pool.records[item_hash].console
        await until(lambda: [line.text for line in console.lines].count("born") == 2)
        return [line.text for line in console.lines]

    lines = with_host(use)
    marks = [number for number, line in enumerate(lines) if line.startswith(START_MARK)]
    assert len(marks) == 2
    assert lines[: marks[1]].count("born") == lines[marks[1] :].count("born") == 1
    assert lines[marks[1] - 1] == "local host: stopped, because its owner asked for it"


def test_a_program_that_crashed_between_two_requests_stays_broken_on_a_real_host(with_host, image):
    async def use(node, host, client):
        code = node.store(image({"main.py": answer_with(200, "[]", "b'one'")}).read_bytes())
        item_hash = node.program(code)
        url = f"{node.url}/vm/{item_hash}/"
        await get(client, url)
        process = host.pool.machines[item_hash]._launched.process
        os.killpg(process.pid, signal.SIGKILL)
        await asyncio.to_thread(process.wait)
        await asyncio.sleep(0.2)  # until the process behind it is gone as well
        broken = [await get(client, url) for _ in range(2)]
        await host.pool.stop(item_hash)
        return broken, await get(client, url)

    broken, again = with_host(use, limits=REAL)
    assert [json.loads(body)["error"] for _, body, _ in broken] == ["MicroVM may have crashed"] * 2
    assert again[0] == 200
