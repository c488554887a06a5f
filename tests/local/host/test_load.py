"""Many requests, rude clients and bad programs: the host and the other programs go on, and nothing is left behind."""

from __future__ import annotations

import asyncio
import io
import json
import os
import threading
from pathlib import Path

import aiohttp

from tests.local.host.conftest import until
from tests.local.host.test_quirks import answer_with, app

ECHO_BODY = app("""
    event = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": event["body"]})
""")
BAD = {
    "raises": (app("raise RuntimeError('bad')"), 20, {500}),
    "blocks": (app("__import__('time').sleep(60)"), 2, {504}),
    # those that come while another ends the machine meet a closed socket
    "exits": (app("__import__('os')._exit(1)"), 20, {502, 500}),
    "eats": (answer_with(200, "[]", "b'x' if b'x' * 600_000_000 else b''"), 20, {502, 500}),
}


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").is_dir() else 0


def counts() -> tuple[int, int, int]:
    return len(asyncio.all_tasks()), threading.active_count(), open_files()


async def post(client, url, body):
    async with client.post(url, data=io.BytesIO(body)) as answer:
        return answer.status, await answer.read()


async def slow(host_port, path, pieces):
    """Send a body piece by piece over a raw connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", host_port)
    size = sum(map(len, pieces))
    writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode())
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.1)
    answer = await reader.read()
    writer.close()
    return answer


async def aborted(host_port, path, head_only):
    """Go away in the middle of the body, or before the answer."""
    _, writer = await asyncio.open_connection("127.0.0.1", host_port)
    writer.write(
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n".encode()
        + (b"" if head_only else b"0123456789")
    )
    await writer.drain()
    writer.transport.abort()


async def ask_often(client, url, number, wrong):
    for index in range(40):
        body = f"{number}-{index}".encode()
        answer = await post(client, url, body)
        if answer != (200, body):
            wrong.append(answer)


async def provoke(client, url, allowed, wrong):
    answers = await asyncio.gather(*(post(client, url, b"") for _ in range(3)))
    wrong.extend(answer for answer in answers if answer[0] not in allowed)


def test_two_thousand_requests_beside_rude_clients_and_bad_programs(with_host, image):
    async def use(node, host, client):
        good = node.program(node.store(image({"main.py": ECHO_BODY}).read_bytes()))
        bad = {}
        for name, (source, seconds, allowed) in BAD.items():
            code = node.store(image({"main.py": source}, name).read_bytes())
            bad[node.program(code, resources={"vcpus": 1, "memory": 256, "seconds": seconds})] = allowed
        path, port = f"/vm/{good}/", int(node.url.rsplit(":", 1)[1])
        url, wrong = node.url + path, []
        assert await post(client, url, b"warm") == (200, b"warm")
        await asyncio.sleep(0.1)
        before = counts()
        async with aiohttp.ClientSession() as crowd:
            answers = await asyncio.gather(
                *(slow(port, path, [b"ab", b"cd", b"ef"]) for _ in range(10)),
                *(ask_often(crowd, url, number, wrong) for number in range(50)),
                *(aborted(port, path, head_only=bool(n % 2)) for n in range(50)),
                *(provoke(crowd, f"{node.url}/vm/{each}/", allowed, wrong) for each, allowed in bad.items()),
            )
        still_good = await post(client, url, b"still")
        machine = host.pool.machines[good]
        for item_hash in bad:
            await host.pool.stop(item_hash)
        # The host keeps its few connections to the node for some seconds: a task and two files each.
        await until(lambda: counts()[0] <= before[0] + 8 and counts()[2] <= before[2] + 16)
        return wrong, answers[:10], still_good, before, counts(), machine

    wrong, slow_answers, still_good, before, after, machine = with_host(use)
    assert wrong == []
    assert all(answer.endswith(b"abcdef") for answer in slow_answers)
    assert still_good == (200, b"still")
    # Asyncio's executor keeps its threads for later, at most as many as it may have.
    assert after[1] <= before[1] + min(32, (os.cpu_count() or 1) + 4)
    assert machine.state.value == "stopped"  # with its host


def test_many_first_requests_share_one_start(with_host, image):
    async def use(node, host, client):
        source = answer_with(200, "[]", "str(__import__('time').monotonic_ns() - BORN).encode()")
        item_hash = node.program(
            node.store(image({"main.py": f"BORN = __import__('time').monotonic_ns()\n{source}"}).read_bytes())
        )
        answers = await asyncio.gather(*(post(client, f"{node.url}/vm/{item_hash}/", b"") for _ in range(20)))
        return answers, len(host.pool.machines), len(node.fetched)

    answers, machines, fetched = with_host(use)
    assert {status for status, _ in answers} == {200}
    assert (machines, fetched) == (1, 1)


def test_a_large_answer_comes_whole(with_host, image):
    async def use(node, host, client):
        item_hash = node.program(
            node.store(image({"main.py": answer_with(200, "[]", "b'x' * 20_000_000")}).read_bytes())
        )
        async with client.get(f"{node.url}/vm/{item_hash}/") as answer:
            return len(await answer.read())

    assert with_host(use) == 20_000_000


def test_a_body_over_the_hosts_limit_is_refused_while_it_comes(with_host, image):
    async def use(node, host, client):
        item_hash = node.program(node.store(image({"main.py": ECHO_BODY}).read_bytes()))
        url = f"{node.url}/vm/{item_hash}/"
        answers = [await post(client, url, b"x" * size) for size in (1024**2 + 1, 200_000)]
        return [(status, body[:50]) for status, body in answers]

    (refused, told), (taken, _) = with_host(use)
    assert (refused, taken) == (413, 200)
    assert json.loads(told + b'"}')["error"].startswith("Maximum request body size 1048576")
