"""The guest's own executable mode: what works in it, and how it fails."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import socket
import zipfile

import pytest

from hatch_aleph.local.host import Limits, Machine, ProgramSpec, StartError

SERVER = """#!@PYTHON@ -S
import http.server, json, os, time, sys

class Handler(http.server.BaseHTTPRequestHandler):
    count = 0
    def do_GET(self):
        Handler.count += 1
        length = int(self.headers.get("content-length") or 0)
        told = {"path": self.path, "count": Handler.count, "pythonpath": os.environ.get("PYTHONPATH")}
        told["body"] = self.rfile.read(length).decode()
        if self.path == "/redirect":
            self.send_response(302); self.send_header("location", "/target"); self.end_headers(); return
        if self.path == "/slow":
            time.sleep(3)
        if self.path == "/exit":
            os._exit(1)
        body = json.dumps(told).encode()
        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET

http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
"""


@pytest.fixture
def program(tmp_path, place):
    """Zip code, as the executable mode needs it."""
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.writestr("server", SERVER.replace("@PYTHON@", str(place.python)))
    return ProgramSpec(
        item_hash="ee" * 32, entrypoint="server", code=tmp_path / "code.zip", encoding="zip", interface="executable"
    )


def use(spec, place, work, limits=None):
    async def main():
        machine = Machine(spec, place, limits=limits)
        try:
            await machine.start()
            return await work(machine)
        finally:
            await machine.halt()

    return asyncio.run(main())


@pytest.fixture(autouse=True)
def port_8080():
    """The program has the machine's own ports; skip where something else took them."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 8080))
        except OSError:
            pytest.skip("port 8080 is taken")


def test_zip_code_works_with_its_port_awaited_redirects_followed_and_escapes_doubled(program, place):
    async def work(machine):
        first = await machine.request("POST", "/a%20b?q=a%20b%2Bc", [("content-length", "2")], b"xy")
        return first, await machine.request("GET", "/redirect")

    first, second = use(program, place, work)
    told = json.loads(first.body)
    assert told["body"] == "xy"
    assert told["path"] == "/a%20b?q=a+b%252Bc"
    assert json.loads(second.body)["path"] == "/target"


def test_a_slow_request_is_cut(program, place):
    async def work(machine):
        return await machine.request("GET", "/slow")

    answer = use(program, place, work, Limits(proxy=1.0))
    assert answer.status == 500
    assert b"TimeoutError" in answer.body


def test_a_crashed_process_is_not_started_again(program, place):
    async def work(machine):
        await machine.request("GET", "/")
        return await machine.request("GET", "/exit")

    answer = use(dataclasses.replace(program, seconds=1.0), place, work)
    assert answer.status == 504


def test_code_in_an_image_never_starts(place, image):
    spec = ProgramSpec(item_hash="ee" * 32, entrypoint="server", code=image({"server": SERVER}), interface="executable")
    with pytest.raises(StartError) as caught:
        use(spec, place, None)
    assert "chmod" in caught.value.cause


def test_without_internet_it_is_out_of_reach(program, place):
    if not place.isolation.sandbox:
        pytest.skip("no namespaces here")

    async def work(machine):
        return await machine.request("GET", "/")

    answer = use(dataclasses.replace(program, internet=False, seconds=1.5), place, work)
    assert answer.status == 504


def test_archives_over_the_hosts_limit_are_refused(program, place):
    with pytest.raises(Exception, match="larger than"):
        use(program, place, None, Limits(archive_bytes=100))


def test_a_second_one_beside_it_has_a_port_of_its_own(program, place):
    if not place.isolation.sandbox:
        pytest.skip("no namespaces here")

    async def work(machine):
        async def ask(each):
            return json.loads((await each.request("GET", "/")).body)["count"]

        second = Machine(program, place)
        try:
            await ask(machine)
            await second.start()
            return await ask(machine), await ask(second), second.console.tail()
        finally:
            await second.halt()

    first, second, told = use(program, place, work)
    assert (first, second) == (2, 1)
    assert "port 8080 is taken" in told
