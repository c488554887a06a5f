"""Requests that arrive in pieces, under the inits before and after March 2026, which read once."""

from __future__ import annotations

import asyncio
import random
import socket
from concurrent.futures import ThreadPoolExecutor

import msgpack
import pytest

from hatch_aleph.guest.instruction_reader import complete_reads
from hatch_aleph.local.host import Limits, Machine, ProgramSpec
from hatch_aleph.squashfs import scan, write_image
from tests.guest.rig import Guest, lay_out

ECHO = """
import hashlib

async def app(scope, receive, send):
    body = (await receive())["body"] if scope["type"] == "http" else scope["body"].encode()
    if scope["type"] != "http":
        return await send({"type": "done", "body": len(body)})
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": hashlib.sha256(body).hexdigest().encode()})
"""
LARGEST = 1_000_000


def request(body: bytes) -> dict:
    headers = [[b"host", b"localhost"], [b"content-length", b"%d" % len(body)], [b"x-long", b"\xa4body\xc4\x00" * 40]]
    keys = {"type": "http", "path": "/", "method": "POST", "query_string": "a=1"}
    return {**keys, "headers": headers, "body": body}


def digest(body: bytes) -> bytes:
    import hashlib

    return hashlib.sha256(body).hexdigest().encode()


@pytest.fixture(params=[False, True], ids=["new", "old"])
def guest(run, request):
    return run({"main.py": ECHO}, "main:app", old=request.param)


def test_a_request_split_anywhere_is_whole(guest):
    """Each place of a small request, several at once, byte by byte."""
    choose = random.Random(11)  # noqa: S311 - no secret
    body = b"\x81\xa5scope\x80halt"
    cuts = [[place] for place in range(1, 60)]
    cuts += [sorted(choose.sample(range(1, 300), choose.randint(2, 6))) for _ in range(20)]
    cuts.append(list(range(1, 120)))
    for pieces in cuts:
        assert guest.ask(request(body), pieces=pieces)[1]["body"] == digest(body), pieces


@pytest.mark.parametrize("size", [64_000, 300_000, LARGEST])
def test_uploads_up_to_the_hosts_limit_arrive(guest, size):
    body = random.Random(size).randbytes(size)  # noqa: S311 - no secret
    assert guest.ask(request(body))[1]["body"] == digest(body)
    assert guest.ask(request(body), pieces=list(range(3700, size, 37_001)))[1]["body"] == digest(body)


def test_slow_senders_do_not_hold_up_each_other(guest):
    """Bodies of any size, split at random, several under way at once, beside a request that is whole."""
    choose = random.Random(7)  # noqa: S311 - no secret

    def send(number: int) -> bool:
        size = choose.choice((1, 2, 3, 255, 256, 65_535, 65_536, choose.randint(1, LARGEST)))
        body = random.Random(number).randbytes(size)  # noqa: S311 - no secret
        cuts = sorted(choose.sample(range(1, size + 300), min(12, size)))
        return guest.ask(request(body), pieces=cuts)[1]["body"] == digest(body)

    with socket.create_connection(("127.0.0.1", guest.port)) as silent, ThreadPoolExecutor(4) as pool:
        silent.sendall(b"\x81\xa5sco")  # and says no more
        assert all(pool.map(send, range(40)))
        assert guest.get("/").status == 200


def test_messages_arrive_whole_too(guest):
    event = {"type": "aleph.message", "body": "x" * 200_000}
    assert guest.ask(event, pieces=[4000, 100_000])[1]["body"] == 200_000


def test_what_is_no_request_is_left_as_it_is(guest):
    assert guest.ask(b"!tasks")[0] > 0
    with pytest.raises(ConnectionError):  # the init's own judgement
        guest.ask(b"\xc1\xc1")
    assert guest.ask(b"halt", pieces=[1, 3]) == b"STOP\nSTOPZ\n"


def test_the_inits_handler_begins_with_a_whole_instruction_and_waits_for_nothing():
    """What ends too early it gets as well, and a connection without a word."""
    told = []

    async def handle(reader, writer):
        told.append("begins")
        turn = asyncio.get_running_loop().call_soon(told.append, "a turn")
        told.append(await reader.read(10_000_000))
        turn.cancel()
        writer.close()

    async def run():
        complete_reads(__name__)
        async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
            request = msgpack.dumps({"scope": {"path": "/"}})
            for pieces in ([request], [request[:5], request[5:]], [b"ha", b"lt"], [request[:5]], []):
                reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
                for piece in pieces:
                    assert told == []
                    writer.write(piece)
                    await asyncio.sleep(0.02)
                writer.write_eof()
                assert await asyncio.wait_for(reader.read(), 5) == b""
                writer.close()
                yield b"".join(pieces), told
                told.clear()

    async def compare():
        got = [(sent, list(told)) async for sent, told in run()]
        assert [told for _, told in got[:4]] == [["begins", sent] for sent, _ in got[:4]]
        assert got[4] == (b"", ["begins", "a turn", b""])

    asyncio.run(compare())


def test_servers_of_the_app_are_left_alone(run):
    text = (
        "import asyncio\n"
        "async def echo(reader, writer):\n"
        "    writer.write(await reader.read(100)); writer.close()\n"
        "async def app(scope, receive, send):\n"
        "    if scope['type'] == 'lifespan':\n"
        "        app.server = await asyncio.start_server(echo, '127.0.0.1', 0)\n"
        "        for event in ('startup', 'shutdown'):\n"
        "            await receive(); await send({'type': f'lifespan.{event}.complete'})\n"
        "        return\n"
        "    reader, writer = await asyncio.open_connection(*app.server.sockets[0].getsockname())\n"
        "    writer.write(b'\\x82'); await writer.drain()\n"  # the beginning of an object that never ends
        "    got = await asyncio.wait_for(reader.read(), 5); writer.close()\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': got})\n"
    )
    guest = run({"main.py": text}, "main:app")
    assert guest.get("/").body == b"\x82"
    assert guest.ask(request(b"x"), pieces=[7])[1]["body"] == b"\x82"


def test_a_server_whose_handler_names_no_module_starts(run):
    """Methods of classes that mypyc compiles are such; here one of a dict."""
    text = (
        "import asyncio\n"
        "async def app(scope, receive, send):\n"
        "    if scope['type'] == 'lifespan':\n"
        "        app.server = await asyncio.start_server({}.setdefault, '127.0.0.1', 0)\n"
        "        for event in ('startup', 'shutdown'):\n"
        "            await receive(); await send({'type': f'lifespan.{event}.complete'})\n"
        "        return\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': b'%d' % app.server.is_serving()})\n"
    )
    assert run({"main.py": text}, "main:app").get("/").body == b"1"


@pytest.mark.parametrize(("size", "status"), [(200_000, 200), (300_000, 200), (LARGEST, 200), (1_100_000, 413)])
def test_the_local_host_takes_uploads(tmp_path, place, size, status):
    image = tmp_path / "code.squashfs"
    write_image(scan(lay_out(tmp_path / "code", {"main.py": ECHO})), image)
    spec = ProgramSpec(item_hash="cafe" * 16, entrypoint="aleph_entry:main:app", code=image)
    body = random.Random(size).randbytes(size)  # noqa: S311 - no secret

    async def post():
        machine = Machine(spec, place, limits=Limits())
        await machine.start()
        try:
            return await machine.request("POST", "/", (), body)
        finally:
            await machine.halt()

    answer = asyncio.run(post())
    assert answer.status == status
    assert status == 413 or answer.body == digest(body)


def test_without_the_adapter_the_rest_is_lost(tmp_path):
    """What the init alone does when one read brings a part: it answers nothing, whatever follows."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "main.py").write_text(ECHO.replace("async def app(scope", "async def bare(scope") + BARE_LIFESPAN)
    with Guest(code, "main:app", bare=True) as guest, pytest.raises(ConnectionError):
        guest.ask(msgpack.dumps({"scope": request(b"x")})[:40])


BARE_LIFESPAN = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await send({"type": (await receive())["type"] + ".complete"})
    else:
        await bare(scope, receive, send)
"""
