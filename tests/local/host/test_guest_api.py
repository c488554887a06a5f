"""The API that programs find at their unix socket, asked by programs with the SDK's own client and with plain HTTP."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from importlib import util
from pathlib import Path

import pytest
from aiohttp import web

from hatch_aleph.local.host import Machine, ProgramSpec
from hatch_aleph.local.host.aleph_host_inside import GUEST_API
from hatch_aleph.local.host.guest_api import GuestApi
from tests.local.host.conftest import serving

# Asks what a request's body says and answers with what came back.
ASKING = """
    import json, os
    import aiohttp

    async def ask(method, path, body=""):
        connector = aiohttp.UnixConnector(os.environ["ALEPH_API_UNIX_SOCKET"])
        url = os.environ["ALEPH_API_HOST"] + path
        async with aiohttp.ClientSession(connector=connector) as session:
            async with session.request(method, url, data=body) as answer:
                return [answer.status, await answer.text()]

    async def app(scope, receive, send):
        event = await receive()
        if scope["type"] == "lifespan":
            try:
                app.early = await ask("GET", "/cache/")
            except aiohttp.ClientError as error:
                app.early = type(error).__name__
            await send({"type": event["type"] + ".complete"})
            return
        told = [await ask(*each) for each in json.loads(event["body"])]
        told = {"told": told, "early": app.early, "socket": os.environ["ALEPH_API_UNIX_SOCKET"]}
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(told).encode()})
"""
# The SDK's client of the cache, as a program would use it, its file taken out of the package that it stands in.
CACHE = """
    import importlib.util, os, sys, types

    for name in ("sdk", "sdk.vm", "sdk.conf", "sdk.utils", "pydantic"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["pydantic"].AnyHttpUrl = str
    sys.modules["sdk.conf"].settings = types.SimpleNamespace(
        API_HOST=os.environ["ALEPH_API_HOST"], API_UNIX_SOCKET=os.environ["ALEPH_API_UNIX_SOCKET"]
    )
    sys.modules["sdk.utils"].check_unix_socket_valid = os.stat
    spec = importlib.util.spec_from_file_location("sdk.vm.cache", "/opt/code/cache.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await send({"type": (await receive())["type"] + ".complete"})
            return
        cache = module.VmCache()
        found = [await cache.get("a"), await cache.set("a", "1"), await cache.set("b", b"2"), await cache.get("a")]
        found += [sorted(await cache.keys()), await cache.keys("b*"), await cache.delete("a"), await cache.get("a")]
        await cache.session.close()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": repr(found).encode()})
"""


@pytest.fixture
def ask(place, image):
    """Start a program, let it ask, stop it; returns what it was told."""

    async def run(api, *questions, **changes):
        spec = ProgramSpec("ab" * 32, "main:app", image({"main.py": ASKING}))
        where = changes.pop("where", place)
        machine = Machine(dataclasses.replace(spec, **changes), where, guest_api=api)
        await machine.start()
        try:
            answer = await machine.request("POST", "/", body=json.dumps(questions).encode())
            assert answer.status == 200, answer
            return json.loads(answer.body)
        finally:
            await machine.halt()

    return run


def test_the_cache_of_a_program_outlives_it_and_is_its_own(ask):
    api = GuestApi()

    async def main():
        first = await ask(api, ("PUT", "/cache/key", "kept"), ("PUT", "/cache/empty"), ("PUT", "/cache/a-b", "x"))
        again = await ask(api, ("GET", "/cache/key"), ("GET", "/cache/empty"), ("GET", "/cache/?pattern=k%3Fy"))
        other = await ask(api, ("GET", "/cache/key"), ("DELETE", "/cache/key"), item_hash="cd" * 32)
        return first["told"], again["told"], other["told"]

    first, again, other = asyncio.run(main())
    assert first == [[200, "true"], [200, "true"], [400, "Invalid key"]]
    # an empty value is none: so the hosts' code has it
    assert again == [[200, "kept"], [404, "No such key in cache"], [200, '["key"]']]
    assert other == [[404, "No such key in cache"], [200, "0"]]


def test_it_opens_after_the_start_but_for_persistent_programs_before(ask, isolation, place):
    where = dataclasses.replace(place, isolation=isolation)
    told = asyncio.run(ask(GuestApi(), where=where))
    assert told["early"] == "ServerDisconnectedError"
    assert (told["socket"] == GUEST_API) == isolation.sandbox
    assert asyncio.run(ask(GuestApi(), where=where, persistent=True))["early"] == [200, "[]"]


def test_reads_go_to_the_node_and_nothing_is_signed(ask):
    asked = []

    async def node(request):
        asked.append((request.method, request.raw_path, request.headers.get("x-secret")))
        return web.json_response({"node": True}, status=203)

    async def main():
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", node)
        async with serving(app) as url:
            reads = ("GET", "/api/v0/messages.json?hashes=a,b"), ("HEAD", "/api/v0/info")
            writes = ("POST", "/sign", "{}"), ("POST", "/api/v0/p2p/pubsub/pub", "{}"), ("POST", "/api/v0/messages")
            return (await ask(GuestApi(url), *reads, *writes))["told"]

    told = asyncio.run(main())
    assert told[:2] == [[203, '{"node": true}'], [203, ""]]
    assert [path for _, path, _ in asked] == ["/api/v0/messages.json?hashes=a,b", "/api/v0/info"]
    assert [status for status, _ in told[2:]] == [500, 500, 405]
    assert "no key" in told[2][1]


def test_a_node_that_is_away_is_told(ask):
    told = asyncio.run(ask(GuestApi("http://127.0.0.1:9"), ("GET", "/api/v0/info")))["told"]
    assert told[0][0] == 500


def test_the_sdks_cache_works_in_a_program(place, image):
    found = util.find_spec("aleph.sdk")
    assert found
    assert found.origin
    client = Path(found.origin).with_name("vm") / "cache.py"
    code = image({"main.py": CACHE, "cache.py": client.read_text()})

    async def main():
        machine = Machine(ProgramSpec("ab" * 32, "main:app", code), place, guest_api=GuestApi())
        await machine.start()
        try:
            return (await machine.request("GET", "/")).body.decode()
        finally:
            await machine.halt()

    assert asyncio.run(main()) == "[None, True, True, b'1', ['a', 'b'], ['b'], 1, None]"
