"""Several servers that answer the same, of which one is enough: retries with back-off, fall-back, one kind of error.

Everything asked here is safe to repeat: reading is, and a signed message stays the same message however often it is
sent. The loop is ours rather than a retry library's because an attempt may go to another node, at once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from hatch_aleph.commands import typed
from hatch_aleph.defaults import DEFAULT_NODES
from hatch_aleph.errors import NetworkError, UsageError
from hatch_aleph.text import printable, without_credentials
from hatch_aleph.waiting import Backoff, Waiter

from .fields import MalformedAnswerError, UnhelpfulNodeError, shown
from .http import UNREACHABLE, Connections, NoAnswerError, Reply, is_address, is_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .transport import Client

T = TypeVar("T")

ROUNDS = 4
# Twenty-three seconds at least, in which a node restarts: for what must not end half-way.
PATIENT_ROUNDS = 10
_BACKOFF = Backoff(first=0.5, longest=8.0, growth=2)
_LONGEST_RETRY_AFTER = 30.0
_SECONDS_TO_READ = 120.0
_OF_A_GATEWAY = frozenset({502, 503, 504})
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 520, 521, 522, 523, 524, 530})


class _NodeFailure(Exception):  # noqa: N818 - never leaves this module
    """One attempt that failed.

    Attributes:
        final: The same node will not do better.
        down: Nobody answers, or a gateway in its place: it may be restarting.
    """

    def __init__(self, reason: str, *, final: bool = False, down: bool = False, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final
        self.down = down
        self.retry_after = retry_after


class Nodes:
    """Asks nodes in turn until one gives a proper answer.

    Args:
        urls: Base URLs, the preferred first. The one that answered last is asked first.
        client_factory: Makes the HTTP client; for tests and special transports.
        waiter: Passes time between rounds.
        notice: Is told about each failure that is being retried.
        noun: What a server of this kind is called.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        client_factory: Callable[[], Client] | None = None,
        waiter: Waiter | None = None,
        notice: Callable[[str], None] | None = None,
        noun: str = "node",
    ) -> None:
        if not urls:
            raise UsageError("No node is named", hint="Give one with `--node URL`.")
        self.urls = tuple(checked(url, noun) for url in urls)
        self._preferred = 0
        self._has_answered = False
        self._waiter = waiter or Waiter()
        self._connections = Connections(client_factory, monotonic=self._waiter.monotonic)
        self._notice = notice or (lambda _text: None)
        self._noun = noun

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()

    def ask(self, method: str, path: str, read: Callable[[Reply], T], *, rounds: int = ROUNDS, **options: Any) -> T:
        """Send a request and return what ``read`` makes of the answer.

        Args:
            method: HTTP method.
            path: Below the node's base URL.
            read: Judges the answer. A MalformedAnswerError from it counts as a failure of the node; other errors end
                the request.
            rounds: How often each node is tried; one that has answered before and is down now gets the time to restart.
            **options: Of :meth:`.transport.Client.stream`.

        Raises:
            NetworkError: No node gave a proper answer.
        """
        seconds = _SECONDS_TO_READ if method == "GET" else None
        return self._insist(
            lambda node: read(_usable(self._connections.send(method, node + path, seconds=seconds, **options))), rounds
        )

    def fetch(self, path: str, consume: Callable[[Reply, Iterator[bytes]], T]) -> T:
        """Send a GET and hand the body over piece by piece, unbounded in size.

        Args:
            path: Below the node's base URL.
            consume: Takes the answer's head and its body; may be called again after a failure, then from the start.

        Raises:
            NetworkError: No node gave a proper answer.
        """

        def attempt(node: str) -> T:
            headers = {"Accept-Encoding": "identity"}
            with self._connections.stream("GET", node + path, headers=headers) as (head, pieces):
                return consume(_usable(head), pieces)

        return self._insist(attempt, ROUNDS)

    def _insist(self, attempt: Callable[[str], T], rounds: int) -> T:
        order = [(self._preferred + step) % len(self.urls) for step in range(len(self.urls))]
        failures: dict[int, _NodeFailure] = {}
        for number, pause in zip(range(1, max(rounds, PATIENT_ROUNDS) + 1), _BACKOFF, strict=False):
            for index in order:
                if index in failures and failures[index].final:
                    continue
                try:
                    result = attempt(self.urls[index])
                except (_NodeFailure, NoAnswerError, MalformedAnswerError) as error:
                    failures[index] = _failure(error)
                    continue
                self._preferred, self._has_answered = index, True
                return result
            restarts = self._has_answered and rounds >= ROUNDS and all(each.down for each in failures.values())
            if all(failure.final for failure in failures.values()) or (number >= rounds and not restarts):
                break
            if number == PATIENT_ROUNDS:
                break
            self._pause(pause, failures)
        raise self._given_up([(self.urls[index], failure.reason) for index, failure in failures.items()])

    def _pause(self, pause: float, failures: Mapping[int, _NodeFailure]) -> None:
        seconds = max(self._waiter.spread(pause), *(failure.retry_after for failure in failures.values()))
        for index, failure in failures.items():
            self._notice(f"{without_credentials(self.urls[index])} {failure.reason}; trying again in {seconds:.1f} s")
        self._waiter.sleep(seconds)

    def _given_up(self, failures: Sequence[tuple[str, str]]) -> NetworkError:
        local = any(is_here(node) and reason.startswith(UNREACHABLE) for node, reason in failures)
        hint = "Check your connection, or name another node with `--node URL`."
        if self._noun != "node":
            hint = "Check your connection, and try again later."
        elif local:
            hint = f"Start the local node with {typed('node')}, or name another with `--node URL`."
        if len(failures) == 1:
            node, reason = failures[0]
            return NetworkError(f"The {self._noun} {reason}", where=without_credentials(node), hint=hint)
        reasons = "; ".join(f"{without_credentials(node)} {reason}" for node, reason in failures)
        return NetworkError(f"No {self._noun} responded: {reasons}", hint=hint)


def checked(url: str, noun: str = "node") -> str:
    """Return the base URL of a server without a trailing slash; without a scheme it is https.

    Raises:
        UsageError: It is none.
    """
    try:
        parts = urlsplit(url if "//" in url else f"https://{url}")
        usable = (
            parts.scheme in ("http", "https")
            and all(0 < len(label) < 64 for label in (parts.hostname or "").removesuffix(".").split("."))  # noqa: PLR2004 - DNS
            and (parts.port or 1) > 0
            and is_address(parts.geturl())
        )
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment:
        shown_url = printable(without_credentials(url))
        raise UsageError(f"{shown_url!r} is no address of a {noun}", hint=f"Such as {DEFAULT_NODES[0]}")
    return parts.geturl().rstrip("/")


def _usable(reply: Reply) -> Reply:
    """Return an answer that is the node's own and final.

    Raises:
        _NodeFailure: It is a redirect, or a status that asks to come back.
    """
    if reply.redirect is not None:
        target = shown(without_credentials(reply.redirect))
        raise _NodeFailure(f"redirects to {target}: use the address that it names", final=True)
    if reply.status in _RETRIED:
        value = reply.headers.get("retry-after", "")
        wait = min(float(value), _LONGEST_RETRY_AFTER) if re.fullmatch(r"\d{1,6}", value) else 0.0
        down = reply.status in _OF_A_GATEWAY
        raise _NodeFailure(f"answers HTTP {reply.status} {reply.text}".rstrip(), down=down, retry_after=wait)
    return reply


def _failure(error: _NodeFailure | NoAnswerError | MalformedAnswerError) -> _NodeFailure:
    if isinstance(error, _NodeFailure):
        return error
    if isinstance(error, NoAnswerError):
        return _NodeFailure(error.reason, final=error.final, down=error.reason.startswith(UNREACHABLE))
    if isinstance(error, UnhelpfulNodeError):
        return _NodeFailure(str(error), final=True)
    return _NodeFailure(f"answers what no node should: {error}")
