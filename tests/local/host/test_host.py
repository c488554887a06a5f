"""The host over HTTP, with programs from a node."""

from __future__ import annotations

import json

from hatch_aleph import __version__
from hatch_aleph.itemhash import to_base32
from tests.local.host.conftest import ECHO


def test_a_program_answers_by_path_and_by_host_name(with_host, image):
    async def use(node, host, client):
        code = node.store(image({"main.py": ECHO}).read_bytes())
        item_hash = node.program(code)
        async with client.get(f"{node.url}/vm/{item_hash}/by/path?a=1") as by_path:
            first = await by_path.json()
        name = {"Host": f"{to_base32(item_hash)}.localhost:4020"}
        async with client.get(f"{node.url}/by/name", headers=name) as by_name:
            second = await by_name.json()
        return code, item_hash, by_path, first, second

    code, item_hash, by_path, first, second = with_host(use)
    assert (first["path"], first["query_string"]) == ("/by/path", "a=1")
    assert second["path"] == "/by/name"
    assert by_path.headers["Aleph-Program-Code-Ref"] == code
    assert by_path.headers["Aleph-Program-ItemHash"] == item_hash


async def errors_at(client, *asked):
    """Ask each address, at a host's name or none, and give the status and the error."""
    answers = []
    for url, name in asked:
        async with client.get(url, headers={"Host": name} if name else {}) as answer:
            answers.append((answer.status, json.loads(await answer.read())["error"]))
    return answers


def test_an_unknown_hash_is_a_500_and_no_hash_a_400(with_host):
    async def use(node, host, client):
        return await errors_at(client, *((f"{node.url}/vm/{ref}/", None) for ref in ("cd" * 32, "nonsense")))

    assert with_host(use) == [
        (500, "500: Unhandled error during initialisation"),
        (400, "Invalid message reference: nonsense"),
    ]


def test_what_is_no_program_has_no_answer(with_host):
    async def use(node, host, client):
        code = f"{node.url}/vm/{node.store(b'code')}/"
        return await errors_at(client, (code, None), (f"{node.url}/", "nonsense.localhost"))

    assert with_host(use) == [
        (500, "500: Unhandled error during initialisation"),
        (404, "404: Invalid message reference"),
    ]


def test_what_the_host_tells_of_itself(with_host):
    async def use(node, host, client):
        async with client.get(f"{node.url}/status/check/version") as answer:
            version = await answer.text()
        pages = []
        for query in ("", "?page=0", "?page_size=201", "?page=one"):
            async with client.get(f"{node.url}/api/v1/nodes{query}") as answer:
                pages.append((answer.status, await answer.json()))
        return version, node.url, pages

    version, url, pages = with_host(use, schedules=True)
    assert version == __version__
    assert [status for status, _ in pages] == [200, 422, 422, 422]
    assert [each["address"] for each in pages[0][1]["items"]] == [f"{url}/"]
