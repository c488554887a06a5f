"""How the host fetches: through the client of the network, believing nothing that is not proven."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from hatch_aleph.artifact import hash_file
from hatch_aleph.errors import GuestError, NetworkError
from hatch_aleph.local.host import Source, published
from hatch_aleph.local.host.source import UnknownMessageError
from hatch_aleph.network.client import NodeClient
from tests.local.host.conftest import ACCOUNT, STRANGER, TinyNode, serving
from tests.network.scripted import unused_url

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def fetching(tmp_path: Path):
    """Serve a node of a few lines, and use it through a source whose first node is dead."""

    def run(use, *, spoil=None, urls=lambda url: [url]):
        async def main():
            node, app = TinyNode(), web.Application()
            if spoil is not None:
                app.middlewares.append(spoil)
            node.attach(app)
            async with serving(app) as url:
                node.url = url
                source = Source(lambda: NodeClient(urls(url), sleep=lambda _s: None), tmp_path / "cache")
                try:
                    return await use(node, source)
                finally:
                    source.close()

        return asyncio.run(main())

    return run


def test_the_next_node_is_asked_and_an_address_needs_no_scheme(fetching):
    async def use(node, source):
        return (await source.stored_file(node.store(b"data"))).read_bytes()

    assert fetching(use, urls=lambda url: [unused_url(), url]) == b"data"
    assert NodeClient(["127.0.0.1:4021"]).nodes == ("https://127.0.0.1:4021",)


def test_a_redirect_to_another_host_is_not_followed(fetching):
    followed = []

    @web.middleware
    async def spoil(request, handler):
        if request.path.startswith("/elsewhere"):
            followed.append(request.path)
            return web.json_response({})
        raise web.HTTPFound(f"http://{request.host}/elsewhere{request.path}")

    async def use(node, source):
        await source.message(node.store(b"data"))

    with pytest.raises(NetworkError, match="redirects to"):
        fetching(use, spoil=spoil)
    assert followed == []


@pytest.mark.parametrize("engine", ["storage", "ipfs"])
def test_files_of_either_engine_are_checked_by_their_hash(fetching, tmp_path, engine):
    good, bad = tmp_path / "good", b"other bytes"
    good.write_bytes(b"what was said" * 100)
    name = hash_file(good).name_on(engine)

    async def use(node, source):
        ref = node.publish("STORE", {"item_type": engine, "item_hash": name})
        node.files[name] = bad
        with pytest.raises(NetworkError, match="other bytes than those of the hash"):
            await source.stored_file(ref)
        node.files[name] = good.read_bytes()
        return await source.stored_file(ref)

    assert fetching(use).read_bytes() == good.read_bytes()


def test_what_the_owner_did_not_sign_is_not_run(fetching):
    async def use(node, source):
        item_hash = node.program(node.store(b"code"))
        message = node.messages[item_hash]["message"]
        message["signature"] = STRANGER.signature(message)
        await published(source, item_hash)

    with pytest.raises(NetworkError, match="did not sign"):
        fetching(use)


def test_the_content_that_was_signed_is_run_not_what_the_node_shows(fetching):
    async def use(node, source):
        item_hash = node.program(node.store(b"code"))
        node.messages[item_hash]["message"]["content"] = {"code": {"ref": "0" * 64, "entrypoint": "evil:app"}}
        return (await published(source, item_hash)).entrypoint

    assert fetching(use) == "main:app"


def test_what_is_no_program_or_unknown_is_said(fetching):
    async def use(node, source):
        stored, unknown = node.store(b"code"), "ab" * 32
        for asking, said in (
            (source.program_content(stored), "The message is a STORE, not a PROGRAM"),
            (source.status(unknown), "The node does not know it"),
            (source.latest({"ref": unknown, "use_latest": True}), "The node has no such file"),
        ):
            with pytest.raises(UnknownMessageError, match=said):
                await asking

    fetching(use)


def test_an_ephemeral_volume_is_a_folder_that_ends_with_the_machine(fetching):
    async def use(node, source):
        volume = {"ephemeral": True, "mount": "/opt/scratch", "size_mib": 5}
        item_hash = node.program(node.store(b"code"), volumes=[volume])
        return (await published(source, item_hash)).volumes

    assert [(each.mount, each.kind) for each in fetching(use)] == [("/opt/scratch", "ephemeral")]


@pytest.mark.parametrize("item_hash", ["../../../../etc/passwd", "/etc/passwd", "x" * 64, ""])
def test_item_hashes_are_never_paths(fetching, tmp_path, item_hash):
    async def use(node, source):
        ref = node.publish("STORE", {"item_type": "storage", "item_hash": item_hash})
        with pytest.raises(NetworkError, match="names no file"):
            await source.stored_file(ref)
        with pytest.raises(NetworkError, match="does not know it"):
            await published(source, item_hash)

    fetching(use)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"volumes": [{"mount": "/../../..", "ref": "ab" * 32}]},
        {"volumes": [{"mount": "relative", "size_mib": 1, "persistence": "host"}]},
        {"volumes": [{"mount": "/data", "name": "../../home", "size_mib": 1, "persistence": "host"}]},
        {"code": {"encoding": "plain", "entrypoint": "../../../tmp/x"}},
        {"code": {"encoding": "plain", "entrypoint": "/etc/cron.d/x"}},
    ],
)
def test_mounts_names_and_entry_points_stay_in_the_guest(fetching, changes):
    async def use(node, source):
        code = node.store(b"code")
        content = node.messages[node.program(code)]["message"]["content"] | changes
        content = {**content, "code": {**content["code"], "ref": code}}
        await published(source, node.publish("PROGRAM", content))

    with pytest.raises(GuestError):
        fetching(use)


def test_a_slow_file_takes_as_long_as_it_takes_and_holds_up_nothing(fetching):
    data = b"x" * 50_000
    name = hashlib.sha256(data).hexdigest()

    @web.middleware
    async def spoil(request, handler):
        if not request.path.endswith(name):
            return await handler(request)
        response = web.StreamResponse()
        await response.prepare(request)
        for start in range(0, len(data), 5000):
            await response.write(data[start : start + 5000])
            await asyncio.sleep(0.02)
        return response

    async def use(node, source):
        ref = node.publish("STORE", {"item_type": "storage", "item_hash": name}, ACCOUNT)
        fetch = asyncio.create_task(source.stored_file(ref))
        ticks = 0
        while not fetch.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return (await fetch).read_bytes(), ticks

    got, ticks = fetching(use, spoil=spoil)
    assert got == data
    assert ticks > 3


def test_a_node_that_hangs_does_not_hold_up_the_end(fetching):
    @web.middleware
    async def spoil(request, handler):
        await asyncio.sleep(5)
        return await handler(request)

    async def use(node, source):
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(source.message("ab" * 32), 0.1)
        return time.monotonic()

    ended = fetching(use, spoil=spoil)
    assert time.monotonic() - ended < 30
