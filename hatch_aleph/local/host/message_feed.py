"""Follows what happens on the node: amends and ends of running programs, events that programs subscribed to.

Source: ``src/aleph/vm/orchestrator/tasks.py`` (watch_for_messages, check_payment), ``pubsub.py`` and ``reactor.py`` in
aleph-im/aleph-vm. The node tells by websocket; what was missed while there was none is asked for.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiohttp

from hatch_aleph.errors import HatchAlephError
from hatch_aleph.network.http import proxy_for
from hatch_aleph.waiting import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_aleph.local.host.source import Source

_BACKOFF = Backoff(first=0.1, longest=8.0, growth=2)
_REMEMBERED = 20_000
# What was missed is asked for from so long before the newest message: they do not arrive in the order of their times.
_OVERLAP_SECONDS = 120.0
_USERS_OWN = ("content", "content")
_KINDS = ("STORE", "PROGRAM", "FORGET", "POST", "AGGREGATE")


class MessageFeed:
    """Hands each new message of a node to a callback, once.

    Args:
        source: The node.
        session: For the websocket; all else is asked of the source.
        on_message: Gets each message.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        source: Source,
        session: aiohttp.ClientSession,
        on_message: Callable[[dict[str, Any]], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._session = session
        self._on_message = on_message
        self._clock = clock
        self._since = clock()
        self._seen: deque[str] = deque(maxlen=_REMEMBERED)
        self.connected = asyncio.Event()

    async def run(self) -> None:
        """Listen for ever, connecting again after a pause that grows while the node is away."""
        pauses = iter(_BACKOFF)
        while True:
            try:
                await self._listen()
                pauses = iter(_BACKOFF)
            except (aiohttp.ClientError, asyncio.TimeoutError, ValueError, HatchAlephError):
                pass
            self.connected.clear()
            await asyncio.sleep(next(pauses))

    async def _listen(self) -> None:
        url = f"{self._source.node}/api/ws0/messages?startDate={int(self._since)}"
        try:
            async with self._session.ws_connect(url, heartbeat=30, proxy=proxy_for(url)) as socket:
                await self._catch_up()
                self.connected.set()
                async for event in socket:
                    if event.type is aiohttp.WSMsgType.TEXT:
                        self._take(json.loads(event.data))
        except aiohttp.WSServerHandshakeError:
            # A node without websockets: asking now and then has to do.
            await self._catch_up()
            self.connected.set()
            raise

    async def _catch_up(self) -> None:
        # Nothing is verified yet: whoever acts on a message looks it up.
        found = await self._source.messages(types=_KINDS, since=self._since, newest_first=False, verify=False)
        for message in found:
            self._take(dict(message.envelope))

    def _take(self, message: Any) -> None:
        """Hand a message on, unless it is one of those that only confirm, or was seen, or no message at all."""
        item_hash = message.get("item_hash") if isinstance(message, dict) else None
        if not isinstance(item_hash, str) or "type" not in message or item_hash in self._seen:
            return
        self._seen.append(item_hash)
        moment = message.get("time")
        # Senders choose their time: after one that lies ahead, nothing of the present would be asked for any more.
        if isinstance(moment, (int, float)) and moment <= self._clock():
            self._since = max(self._since, moment - _OVERLAP_SECONDS)
        # A node can say anything: one message of another shape than the network's is no reason to hear no other.
        with suppress(AttributeError, KeyError, TypeError):
            self._on_message(message)


def is_subscribed(subscriptions: tuple[dict[str, Any], ...], message: dict[str, Any]) -> bool:
    """Tell whether one of the filters of ``on.message`` fits (subscription_matches in ``reactor.py``).

    Only texts are compared, and what lies below ``content.content``, a user's own data, is never found. A filter that
    says nothing fits every message.
    """
    return any(_includes(wanted, message) for wanted in subscriptions)


def _includes(wanted: Any, found: Any, *path: str) -> bool:
    if not isinstance(wanted, dict):
        return isinstance(wanted, str) and wanted == found
    if not isinstance(found, dict) or path == _USERS_OWN:
        return not wanted
    return all(key in found and _includes(value, found[key], *path, key) for key, value in wanted.items())
