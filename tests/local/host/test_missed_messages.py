"""What a host missed while it heard nothing: more than a node's page of messages, with websockets and without."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import aiohttp
import pytest
from aiohttp import web

from hatch_aleph.local.host import message_feed
from hatch_aleph.local.host.message_feed import MessageFeed
from hatch_aleph.local.host.source import Source
from hatch_aleph.network.client import NodeClient
from hatch_aleph.waiting import Backoff
from tests.local.host.conftest import TinyNode, serving, until

PAGE = 200
MISSED = 450


class PagedNode(TinyNode):
    """A node that gives 200 messages a page at most, and can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.asked: list[int] = []
        self.refused = 0

    async def _list(self, request):
        if self.away:
            self.refused += 1
            return web.Response(status=503)
        query = request.query
        since, page = float(query.get("startDate", 0)), int(query["page"])
        found = [each["message"] for each in self.messages.values() if each["message"]["time"] >= since]
        found = found if query["msgStatuses"] == "processed" else []
        found.sort(key=lambda message: int(query["sortOrder"]) * message["time"])
        self.asked.append(page)
        return web.json_response({"messages": found[(page - 1) * PAGE : page * PAGE]})

    async def _socket(self, request):
        if self.away:
            self.refused += 1
            return web.Response(status=503)
        socket = web.WebSocketResponse()  # breaks at once: all is asked for
        await socket.prepare(request)
        await socket.close()
        return socket


@pytest.mark.parametrize("websocket", [True, False], ids=["broken websockets", "polled"])
def test_nothing_is_missed_and_nothing_comes_twice(tmp_path, websocket, monkeypatch):
    monkeypatch.setattr(message_feed, "_BACKOFF", Backoff(first=0.02, longest=0.1))

    async def main():
        node, app = PagedNode(), web.Application()
        node.attach(app, websocket=websocket)
        heard: list[str] = []
        start = time.time()
        async with serving(app) as url, aiohttp.ClientSession() as session:
            source = Source(lambda: NodeClient([url], sleep=lambda _: time.sleep(0.01)), tmp_path)
            moments = [start]
            feed = MessageFeed(source, session, lambda message: heard.append(message["item_hash"]), lambda: moments[-1])
            moments.append(start + 700)
            following = asyncio.ensure_future(feed.run())
            await until(lambda: node.asked, 30)
            first = node.publish("POST", {"type": "first", "time": start + 1}, time=start + 1)
            node.away = True
            await until(lambda: node.refused, 30)
            published = [
                node.publish("POST", {"type": str(number)}, time=start + 2 + number / 100) for number in range(MISSED)
            ]
            node.away = False
            await until(lambda: len(heard) > MISSED, 60)
            last = node.publish("POST", {"type": "last"}, time=start + 600)
            if not websocket:  # from near the newest on, a node is not asked for all of it again and again
                await until(lambda: last in heard, 30)
                node.asked.clear()
                await until(lambda: node.asked, 30)
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
            source.close()
            return [first, *published], last, heard, node.asked

    published, last, heard, asked = asyncio.run(main())
    assert [item_hash for item_hash in heard if item_hash != last] == published
    if not websocket:
        assert set(asked) == {1}


class Telling(PagedNode):
    """A node whose websocket breaks when it is told to; notes since when it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.since: list[float] = []
        self.cut = asyncio.Event()

    async def _list(self, request):
        self.since.append(float(request.query.get("startDate", 0)))
        return await super()._list(request)

    async def _socket(self, request):
        telling = asyncio.ensure_future(TinyNode._socket(self, request))
        await self.cut.wait()
        self.cut.clear()
        telling.cancel()
        return web.Response(status=503)


@pytest.mark.parametrize("websocket", [True, False], ids=["after a reconnection", "polled"])
def test_it_asks_from_near_the_newest_whatever_time_a_sender_chose(tmp_path, websocket, monkeypatch):
    """Not from its own start, which may be days ago, and not from a year that has not begun: both would be silence."""
    monkeypatch.setattr(message_feed, "_BACKOFF", Backoff(first=0.02, longest=0.1))

    async def main():
        node, app = Telling(), web.Application()
        node.attach(app, websocket=websocket)
        heard: list[str] = []
        start, moments = time.time() - 86_400, [time.time() - 86_400]
        async with serving(app) as url, aiohttp.ClientSession() as session:
            source = Source(lambda: NodeClient([url], sleep=lambda _: time.sleep(0.01)), tmp_path)
            feed = MessageFeed(source, session, lambda message: heard.append(message["item_hash"]), lambda: moments[-1])
            following = asyncio.ensure_future(feed.run())
            await until(lambda: node.since and (not websocket or node.listeners), 30)
            moments.append(start + 86_400)
            ahead = node.publish("POST", {"type": "ahead"}, time=start + 10 * 86_400)
            recent = node.publish("POST", {"type": "recent"}, time=start + 80_000)
            await until(lambda: {ahead, recent} <= set(heard), 30)
            node.since.clear()
            node.cut.set()
            await until(lambda: len(node.since) > 1 or (websocket and node.since), 30)
            asked = node.since[-1]
            last = node.publish("POST", {"type": "last"}, time=start + 80_100)
            await until(lambda: last in heard, 30)
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
            node.cut.set()  # the server waits for its end
            source.close()
            return heard, [ahead, recent, last], asked - start

    heard, published, asked = asyncio.run(main())
    assert sorted(heard) == sorted(published)
    assert asked == pytest.approx(80_000 - 120, abs=1)


def test_what_is_no_message_is_passed_over(tmp_path):
    async def main():
        node, app = TinyNode(), web.Application()
        node.attach(app)
        heard: list[str] = []

        def on_message(message):
            heard.append(message["content"]["on"].get("message"))

        async with serving(app) as url, aiohttp.ClientSession() as session:
            source = Source(lambda: NodeClient([url], sleep=lambda _: time.sleep(0.01)), tmp_path)
            following = asyncio.ensure_future(MessageFeed(source, session, on_message).run())
            await until(lambda: node.listeners, 30)
            for odd in ([1], "text", None, {"item_hash": ["x"], "type": "POST"}, {"item_hash": "x", "type": 1}):
                for listener in node.listeners:
                    listener.put_nowait(odd)
            node.publish("PROGRAM", {"on": [1]})
            node.publish("PROGRAM", {"on": {"message": "heard"}})
            await until(lambda: heard or following.done(), 30)
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
            source.close()
            return heard

    assert asyncio.run(main()) == ["heard"]
