"""Finding messages: filters, pages, and statuses that lists do not say."""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING

from hatch_aleph.errors import UsageError

from .answers import MessageStatus, NetworkMessage
from .fields import as_list, as_mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .http import Reply
    from .nodes import Nodes

_PAGE = 200
_HASHES_A_QUERY = 80  # 65 characters each, in a request line of at most 8190.


def find(
    nodes: Nodes,
    *,
    types: Iterable[str],
    owners: Iterable[str],
    tags: Iterable[str],
    statuses: Iterable[str],
    refs: Iterable[str],
    hashes: Iterable[str],
    newest_first: bool,
) -> Iterator[NetworkMessage]:
    """Find messages; see :meth:`.client.NodeClient.messages`."""
    query = {
        "msgTypes": joined(types),
        "owners": joined(owners),
        "tags": joined(tags),
        "refs": joined(refs),
        "sortOrder": "-1" if newest_first else "1",
    }
    wanted = list(hashes)
    groups = [wanted[i : i + _HASHES_A_QUERY] for i in range(0, len(wanted), _HASHES_A_QUERY)] or [[]]
    streams = [
        _pages(nodes, {**query, "hashes": joined(group), "msgStatuses": status}, MessageStatus(status))
        for status in statuses
        for group in groups
    ]
    sign = -1 if newest_first else 1
    return heapq.merge(*streams, key=lambda message: sign * message.time)


def _pages(nodes: Nodes, query: Mapping[str, str], status: MessageStatus) -> Iterator[NetworkMessage]:
    # Messages that arrive meanwhile push others onto the next page: those come twice, and are told once.
    seen: set[str] = set()

    def read(reply: Reply) -> list[NetworkMessage]:
        listed = as_list(as_mapping(reply.expected_json()).get("messages"))
        return [NetworkMessage.from_list(entry, status) for entry in listed]

    for page in itertools.count(1):
        params = {key: value for key, value in query.items() if value}
        params |= {"page": str(page), "pagination": str(_PAGE)}
        found = nodes.ask("GET", "/api/v0/messages.json", read, params=params)
        fresh = [message for message in found if message.item_hash not in seen]
        seen.update(message.item_hash for message in fresh)
        yield from fresh
        # A node that ignores the page would go on for ever: a page with nothing new ends it as well.
        if len(found) < _PAGE or not fresh:
            return


def joined(values: Iterable[str]) -> str:
    """Return words as nodes take them in a query: split at commas, so that none may hold one.

    Raises:
        UsageError: One does.
    """
    listed = list(values)
    if any("," in value for value in listed):
        raise UsageError(f"The network cannot look for words with a comma: {', '.join(listed)}")
    return ",".join(listed)
