"""One program on a port, one request for a smoke test, and what its imports cost."""

from __future__ import annotations

import asyncio
import json
import textwrap

import aiohttp
import pytest

from hatch_aleph.errors import GuestError, UsageError
from hatch_aleph.local.host import (
    ImportCost,
    Observer,
    ProgramServer,
    ProgramSpec,
    measure_imports,
    serve_images,
    smoke,
    unused_packages,
)
from hatch_aleph.local.host.import_costs import by_package
from hatch_aleph.squashfs import scan, write_image
from tests.guest.rig import lay_out
from tests.local.host.conftest import ECHO, until


def spec_of(code, **fields):
    return ProgramSpec(item_hash="ab" * 32, code=code, **{"entrypoint": "main:app", **fields})


def test_smoke_starts_asks_once_and_stops(place, image):
    lines = []
    answer = asyncio.run(
        smoke(
            spec_of(image({"main.py": "print('imported')\n" + textwrap.dedent(ECHO)})),
            place,
            "/health?x=1",
            on_line=lines.append,
        )
    )
    assert (answer.status, json.loads(answer.body)["path"]) == (200, "/health")
    assert "imported" in lines


def test_a_server_tells_what_happens_and_exchanges_its_program(place, image):
    heard = []
    observer = Observer(
        request=lambda method, target, answer: heard.append((method, target, answer.status)),
        started=lambda seconds: heard.append(("started", seconds > 0)),
        failed=lambda error: heard.append(("failed", "SyntaxError" in error.cause)),
    )
    first, broken = image({"main.py": ECHO}), image({"main.py": "def ("}, "broken")

    async def main():
        server = ProgramServer(spec_of(first), place, observer=observer)
        url = await server.open(0)
        try:
            async with aiohttp.ClientSession() as client:
                async with client.get(f"{url}/a?b=c") as answer:
                    assert (await answer.json())["query_string"] == "b=c"
                async with client.get(url, headers={"Host": "rebound.example"}) as answer:
                    assert answer.status == 403
                await server.replace(spec_of(broken))
                async with client.get(url) as answer:
                    told = await answer.json()
        finally:
            await server.close()
        return told

    told = asyncio.run(main())
    assert told["error"] == "500: Error during vm initialisation"
    assert "SyntaxError" in told["detail"]
    assert heard[:3] == [("started", True), ("GET", "/a?b=c", 200), ("failed", True)]


def test_serving_follows_changes_until_it_is_cancelled(place, image):
    started, urls = [], []

    async def main():
        changes = asyncio.Queue()
        observer = Observer(started=started.append)
        serving = asyncio.create_task(
            serve_images(
                spec_of(image({"main.py": ECHO})), place, 0, observer=observer, opened=urls.append, changed=changes.get
            )
        )
        await until(lambda: started)
        await changes.put(spec_of(image({"main.py": ECHO}, "other")))
        await until(lambda: len(started) == 2)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(asyncio.wait_for(main(), 20))
    assert urls[0].startswith("http://127.0.0.1:")


def test_a_port_that_is_taken_is_a_usage_error(place, image):
    async def main():
        server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            await ProgramServer(spec_of(image({"main.py": ECHO})), place).open(port)

    with pytest.raises(UsageError, match="cannot be used"):
        asyncio.run(main())


def test_imports_are_measured_by_module(place, image):
    files = {
        "main.py": "import slow\nimport aiohttp\napp = None",
        "slow.py": "import time\ntime.sleep(0.05)\nimport wave",
    }
    costs = {each.module: each for each in measure_imports(spec_of(image(files)), place).costs}
    assert costs["slow"].self_ms > 50
    assert costs["main"].cumulative_ms >= costs["slow"].cumulative_ms
    assert costs["wave"].depth == costs["slow"].depth + 1 == costs["main"].depth + 2
    assert "aiohttp" not in costs  # the runtime has it loaded


def test_reads_and_bytes_are_counted_by_package(place, image):
    """Sources and data files with their size, folders that are listed, extensions with what is in memory."""
    files = {
        "main.py": "import audioop, marshal, pack.part\nopen(__file__[:-7] + 'pack/data').read()\n"
        "marshal.loads(marshal.dumps(1))\nprint('read by package: no')\napp = None",
        "pack/__init__.py": "",
        "pack/part.py": "# padding\n" * 500,
        "pack/data": "x" * 10_000,
    }
    reads = measure_imports(spec_of(image(files)), place).reads
    assert reads["pack"] == (4, 10_000 + len(files["pack/part.py"]))  # the folder, two sources, the data
    assert reads["main"] == (2, len(files["main.py"]))  # its folder, too
    assert reads["audioop"][0] >= 1
    assert reads["audioop"][1] > 0


SLEEPING = "import time\ntime.sleep(0.02)\nX = 1\n"


@pytest.mark.parametrize(("path", "unused"), [("/other", ["seldom"]), ("/", []), ("broken", [])])
def test_what_a_first_answer_does_without_is_named(place, tmp_path, path, unused):
    """Not what is imported by its names, which cannot be put off, and nothing where the answer is a failure."""
    app = f"""
import often, seldom
from named import X
async def app(scope, receive, send):
    if scope["type"] == "http":
        often.X, seldom.X if scope["path"] == "{path}" else None
        await send({{"type": "http.response.start", "status": {500 if path == "broken" else 200}, "headers": []}})
        await send({{"type": "http.response.body", "body": b""}})
"""
    files = {"main.py": app, "often.py": SLEEPING, "seldom.py": SLEEPING, "named.py": SLEEPING}
    write_image(scan(lay_out(tmp_path / "code", files)), tmp_path / "code.squashfs")
    spec = spec_of(tmp_path / "code.squashfs", entrypoint="aleph_entry:main:app")
    costs = measure_imports(spec, place).costs
    assert [name for name, _ in unused_packages(spec, place, costs)] == unused


def test_an_import_that_fails_is_told(place, image):
    with pytest.raises(GuestError, match="No module named 'missing_one'"):
        measure_imports(spec_of(image({"main.py": "import missing_one"})), place)


def test_costs_are_summed_by_package():
    costs = [ImportCost("a", 1, 9, 0), ImportCost("a.b", 2, 2, 1), ImportCost("c", 5, 5, 1)]
    assert by_package(costs) == [("c", 5.0), ("a", 3.0)]
