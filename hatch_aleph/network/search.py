"""Finding messages: filters, which are applied again to what a node answers; pages; statuses that lists do not say."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from hatch_aleph.errors import NetworkError, UsageError
from hatch_aleph.squashfs.pool import in_background

from .answers import V_PROGRAM, MessageStatus, NetworkMessage
from .fields import UnhelpfulNodeError, as_list, as_mapping, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .http import Reply
    from .nodes import Nodes

_PAGE = 200
_MOST_PAGES = 1_000  # of a list: forty times what an owner of 5,000 programs fills
_ROOM = 5_400  # characters of a query for hashes and owners, in a request line of at most 8190
_AT_ONCE = 6  # requests, beyond which a node may see an attack


@dataclass(frozen=True)
class Filters:
    """What is asked for; an empty filter asks for all.

    Attributes:
        types: Such as PROGRAM.
        owners: Addresses that the messages act for.
        tags: Any of these; none may hold a comma.
        refs: Item hashes that a STORE amends.
        hashes: Item hashes.
        keys: Of aggregates. Nodes are not asked for them: they take ``contentKeys`` for item hashes, and answer 422 to
            any other (aleph-im/pyaleph, src/aleph/schemas/messages_query_params.py).
        channels: Names of channels.
        since: Seconds since 1970 of the envelope.
    """

    types: Sequence[str] = ()
    owners: Sequence[str] = ()
    tags: Sequence[str] = ()
    refs: Sequence[str] = ()
    hashes: Sequence[str] = ()
    keys: Sequence[str] = ()
    channels: Sequence[str] = ()
    since: float = 0.0

    def query(self) -> dict[str, str]:
        """Return the filters as nodes take them, but those of :meth:`parts`.

        Raises:
            UsageError: A word holds a comma.
        """
        query = {
            "msgTypes": joined(self.types),
            "tags": joined(self.tags),
            "channels": joined(self.channels),
            "startDate": f"{self.since:.3f}" if self.since else "",
        }
        return {name: value for name, value in query.items() if value}

    def parts(self) -> list[dict[str, str]]:
        """Return the filters that may be long, in as many queries as they need: a message is found by one alone.

        Raises:
            UsageError: A word holds a comma.
        """
        long = [("hashes", self.hashes), ("refs", self.refs), ("owners", self.owners)]
        given = [(name, values) for name, values in long if values]
        room = _ROOM // (len(given) or 1)
        groups = [[(name, joined(group)) for group in _groups(values, room)] for name, values in given]
        return [dict(part) for part in itertools.product(*groups)]

    def leaves_out(self, message: NetworkMessage) -> bool:
        """Tell whether a message is not what is looked for, by what no node is asked."""
        return bool(self.keys) and message.status.is_live and message.content.get("key") not in self.keys

    def ignored_for(self, message: NetworkMessage) -> str | None:
        """Return the name of a filter that a message does not pass, in the network's words, or None."""
        owners = {owner.lower() for owner in self.owners}
        if self.types and message.type not in self.types:
            return "msgTypes"
        if self.hashes and message.item_hash not in self.hashes:
            return "hashes"
        if not message.status.is_live:  # of what is gone, nodes have no content
            return None
        if owners and message.owner.lower() not in owners:
            return "owners"
        if self.tags and not message.tags & set(self.tags):
            return "tags"
        if self.refs and message.content.get("ref") not in self.refs:
            return "refs"
        if self.channels and message.channel not in self.channels:
            return "channels"
        return None


def find(
    nodes: Nodes,
    filters: Filters,
    statuses: Sequence[str],
    *,
    newest_first: bool,
    strict: bool = True,
    check: Callable[[NetworkMessage], NetworkMessage],
) -> Iterator[NetworkMessage]:
    """Find messages; see :meth:`.client.NodeClient.messages`.

    An answer with a message that was not asked for is a failure of the node: what else it says of the question cannot
    be relied on, and somebody may be about to forget what it names.

    Args:
        nodes: Who is asked.
        filters: What for.
        statuses: Each is asked for apart.
        newest_first: Order by the envelope's time.
        strict: Take a stranger in an answer for a failure; otherwise it is passed over, where nothing depends on it.
        check: Returns a message that is believed; its errors of nodes are failures of the node.
    """
    query = {**filters.query(), "sortOrder": "-1" if newest_first else "1"}
    parts = filters.parts()

    shown_as: dict[str, MessageStatus] = {}  # no message has two: one that is live, and shown as gone, may be forgotten

    def passed(message: NetworkMessage) -> NetworkMessage | None:
        ignored = filters.ignored_for(message)
        if filters.leaves_out(message) or (ignored and not strict):
            return None
        if not ignored:
            message = check(message)
            ignored = (
                None if shown_as.setdefault(message.item_hash, message.status) is message.status else "msgStatuses"
            )
        if ignored:
            raise UnhelpfulNodeError(
                f"ignores the filter `{ignored}`: it shows {shown(message.item_hash)}, which was not asked for"
            )
        return message

    streams = [
        _pages(nodes, {**query, **part, "msgStatuses": status}, MessageStatus(status), passed)
        for status in statuses
        for part in parts
    ]
    if len(streams) > 1:
        streams = [*map(_begun, streams[:_AT_ONCE]), *streams[_AT_ONCE:]]
    sign = -1 if newest_first else 1
    return heapq.merge(*streams, key=lambda message: sign * message.time)


def _begun(stream: Iterator[NetworkMessage]) -> Iterator[NetworkMessage]:
    """Return a stream whose first page is being asked for, beside those of others."""
    first = in_background(lambda: list(itertools.islice(stream, 1)))
    return itertools.chain.from_iterable(get() for get in (first.result, lambda: stream))


def _pages(
    nodes: Nodes,
    query: Mapping[str, str],
    status: MessageStatus,
    passed: Callable[[NetworkMessage], NetworkMessage | None],
) -> Iterator[NetworkMessage]:
    # Messages that arrive meanwhile push others onto the next page: those come twice, and are told once.
    seen: set[str] = set()

    def read(reply: Reply) -> list[tuple[str, NetworkMessage | None]]:
        listed = as_list(as_mapping(reply.expected_json()).get("messages"))
        said = [NetworkMessage.from_list(entry, status) for entry in listed]
        return [(each.item_hash, passed(each)) for each in said]

    def asked(params: Mapping[str, str]) -> list[tuple[str, NetworkMessage | None]]:
        known = [name for name in params.get("msgTypes", "").split(",") if name != V_PROGRAM]
        newer = V_PROGRAM in params.get("msgTypes", "")
        found = nodes.ask(
            "GET",
            "/api/v0/messages.json",
            lambda reply: None if newer and reply.is_refusal else read(reply),
            params=params,
        )
        if found is not None:
            return found
        # A node that does not know the type refuses the whole question, and has none of them.
        return asked({**params, "msgTypes": joined(known)}) if known else []

    for page in itertools.count(1):
        params = {key: value for key, value in query.items() if value}
        found = asked({**params, "page": str(page), "pagination": str(_PAGE)})
        fresh = {item_hash: message for item_hash, message in found if item_hash not in seen}
        seen.update(fresh)
        yield from filter(None, fresh.values())
        # A node that ignores the page would go on for ever: a page with nothing new ends it as well.
        if len(found) < _PAGE or not fresh:
            return
        if page == _MOST_PAGES:
            raise NetworkError(f"The node lists messages without end: {len(seen):,} so far", where=nodes.urls[0])


def _groups(values: Sequence[str], room: int) -> Iterator[list[str]]:
    group: list[str] = []
    taken = 0
    for value in values:
        size = len(quote(value, safe="")) + len("%2C")
        if group and taken + size > room:
            yield group
            group, taken = [], 0
        group.append(value)
        taken += size
    yield group


def joined(values: Sequence[str]) -> str:
    """Return words as nodes take them in a query: split at commas, so that none may hold one.

    Raises:
        UsageError: One does.
    """
    if any("," in value for value in values):
        raise UsageError(f"The network cannot look for words with a comma: {', '.join(values)}")
    return ",".join(values)
