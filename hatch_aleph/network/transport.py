"""Requests to nodes: timeouts by phase, retries with back-off, fall-back to the next node, one kind of error.

Everything asked here is safe to repeat: reading is, and a signed message stays the same message however often it is
sent. The loop is ours rather than a retry library's because an attempt may go to another node, at once.
"""

from __future__ import annotations

import re
import weakref
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from hatch_aleph import __version__
from hatch_aleph.errors import NetworkError, UsageError
from hatch_aleph.text import without_credentials
from hatch_aleph.waiting import Backoff, Waiter

from .nodes import checked
from .reading import MalformedAnswerError, UnhelpfulNodeError, shown
from .reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import httpx

T = TypeVar("T")

_UNREACHABLE = "cannot be reached"
ROUNDS = 4
_BACKOFF = Backoff(first=0.5, longest=8.0, growth=2)
_LONGEST_RETRY_AFTER = 30.0
# A page of 200 messages of 200,000 characters, and some.
MAX_ANSWER = 64 * 1024**2
_TOTAL_SECONDS = 120.0
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 520, 521, 522, 523, 524, 530})
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _NodeFailure(Exception):  # noqa: N818 - never leaves this module
    """One attempt that failed; ``final`` when the same node will not do better."""

    def __init__(self, reason: str, *, final: bool = False, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final
        self.retry_after = retry_after

    @classmethod
    def of(cls, error: MalformedAnswerError) -> _NodeFailure:
        if isinstance(error, UnhelpfulNodeError):
            return cls(str(error), final=True)
        return cls(f"answers what no node should: {error}")


class Transport:
    """Asks nodes in turn until one gives a proper answer.

    Args:
        urls: Base URLs, the preferred first. The one that answered last is asked first.
        client_factory: Makes the HTTP client.
        waiter: Passes time between rounds.
        notice: Is told about each failure that is being retried.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        client_factory: Callable[[], httpx.Client] | None = None,
        waiter: Waiter | None = None,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        if not urls:
            raise UsageError("No node is named", hint="Give one with `--node URL`.")
        self.nodes = tuple(checked(url) for url in urls)
        self._preferred = 0
        self._client_factory = client_factory or default_client
        self._client: httpx.Client | None = None
        self._close: Callable[[], Any] = lambda: None
        self._waiter = waiter or Waiter()
        self._notice = notice or (lambda _text: None)

    def close(self) -> None:
        """Close all connections."""
        self._close()
        self._client = None

    def ask(self, method: str, path: str, read: Callable[[Reply], T], *, rounds: int = ROUNDS, **options: Any) -> T:
        """Send a request and return what ``read`` makes of the answer.

        Args:
            method: HTTP method.
            path: Below the node's base URL.
            read: Judges the answer. A MalformedAnswerError from it counts as a failure of the node; other errors end
                the request.
            rounds: How often each node is tried.
            **options: Of ``httpx.Client.stream``.

        Raises:
            NetworkError: No node gave a proper answer.
        """

        def attempt(node: str) -> T:
            try:
                return read(self._exchange(node, method, path, options))
            except MalformedAnswerError as error:
                raise _NodeFailure.of(error) from None

        return self._insist(attempt, rounds)

    def fetch(self, path: str, consume: Callable[[Reply, Iterator[bytes]], T], *, rounds: int = ROUNDS) -> T:
        """Send a GET and hand the body over piece by piece, unbounded in size.

        Args:
            path: Below the node's base URL.
            consume: Takes status, headers and body; may be called again after a failure, then from the start.
            rounds: How often each node is tried.

        Raises:
            NetworkError: No node gave a proper answer.
        """

        def attempt(node: str) -> T:
            with self._open(node, "GET", path, {"headers": {"Accept-Encoding": "identity"}}) as response:
                reply = self._checked(node, response, b"")
                try:
                    return consume(reply, response.iter_bytes(1 << 18))
                except MalformedAnswerError as error:
                    raise _NodeFailure.of(error) from None

        return self._insist(attempt, rounds)

    def _insist(self, attempt: Callable[[str], T], rounds: int) -> T:
        order = [(self._preferred + step) % len(self.nodes) for step in range(len(self.nodes))]
        failures: dict[int, _NodeFailure] = {}
        for left, pause in zip(range(rounds, 0, -1), _BACKOFF, strict=False):
            for index in order:
                if index in failures and failures[index].final:
                    continue
                try:
                    result = self._guarded(attempt, self.nodes[index])
                except _NodeFailure as failure:
                    failures[index] = failure
                    continue
                self._preferred = index
                return result
            if all(failure.final for failure in failures.values()) or left == 1:
                break
            self._pause(pause, failures)
        raise self._given_up([(self.nodes[index], failure.reason) for index, failure in failures.items()])

    def _guarded(self, attempt: Callable[[str], T], node: str) -> T:
        import httpx

        try:
            return attempt(node)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise _NodeFailure(_in_words(error)) from None

    def _pause(self, pause: float, failures: Mapping[int, _NodeFailure]) -> None:
        seconds = max(self._waiter.spread(pause), *(failure.retry_after for failure in failures.values()))
        for index, failure in failures.items():
            self._notice(f"{without_credentials(self.nodes[index])} {failure.reason}; trying again in {seconds:.1f} s")
        self._waiter.sleep(seconds)

    def _exchange(self, node: str, method: str, path: str, options: Mapping[str, Any]) -> Reply:
        started = self._waiter.monotonic()
        with self._open(node, method, path, options) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER:
                    raise _NodeFailure(f"answers with more than {MAX_ANSWER >> 20} MiB", final=True)
                if method == "GET" and self._waiter.monotonic() - started > _TOTAL_SECONDS:
                    raise _NodeFailure(f"has not finished its answer in {_TOTAL_SECONDS:.0f} s")
            return self._checked(node, response, bytes(body), started, self._waiter.monotonic())

    def _open(
        self, node: str, method: str, path: str, options: Mapping[str, Any]
    ) -> AbstractContextManager[httpx.Response]:
        if self._client is None:
            self._client = self._client_factory()
            # Closes the connections of a client that nobody closed; a plain __del__ could run too late.
            self._close = weakref.finalize(self, self._client.close)
        return self._client.stream(method, node + path, **options)

    def _checked(
        self, node: str, response: httpx.Response, body: bytes, started: float = 0.0, ended: float = 0.0
    ) -> Reply:
        status, headers = response.status_code, {key.lower(): value for key, value in response.headers.items()}
        if response.is_redirect or response.has_redirect_location:
            target = shown(without_credentials(headers.get("location", "nowhere")))
            raise _NodeFailure(f"redirects to {target}: use the address that it names", final=True)
        reply = Reply(node, status, headers, body, started, ended)
        if status in _RETRIED:
            raise _NodeFailure(f"answers HTTP {status} {reply.text}".rstrip(), retry_after=_retry_after(headers))
        return reply

    def _given_up(self, failures: Sequence[tuple[str, str]]) -> NetworkError:
        local = any(
            urlsplit(node).hostname in _LOOPBACK and reason.startswith(_UNREACHABLE) for node, reason in failures
        )
        hint = (
            "Start the local node with `hatch-aleph node`, or name another with `--node URL`."
            if local
            else "Check your connection, or name another node with `--node URL`."
        )
        if len(failures) == 1:
            node, reason = failures[0]
            return NetworkError(f"The node {reason}", where=without_credentials(node), hint=hint)
        reasons = "; ".join(f"{without_credentials(node)} {reason}" for node, reason in failures)
        return NetworkError(f"None of {len(failures)} nodes helps: {reasons}", hint=hint)


def default_client() -> httpx.Client:
    """Return an HTTP client with a timeout for each phase and none for the whole, so that large files may take long."""
    import httpx

    return httpx.Client(
        timeout=httpx.Timeout(connect=10, read=30, write=60, pool=10),
        headers={"User-Agent": f"hatch-aleph/{__version__}", "Accept": "application/json, */*"},
        follow_redirects=False,
        # A node on this machine is never behind the proxy that the environment names.
        mounts={f"all://{host}": httpx.HTTPTransport() for host in ("127.0.0.1", "localhost", "[::1]")},
    )


def _retry_after(headers: Mapping[str, str]) -> float:
    value = headers.get("retry-after", "")
    return min(float(value), _LONGEST_RETRY_AFTER) if re.fullmatch(r"\d{1,6}", value) else 0.0


def _in_words(error: Exception) -> str:
    import httpx

    if isinstance(error, httpx.ConnectTimeout):
        return f"{_UNREACHABLE} (no answer to the connection)"
    if isinstance(error, httpx.ConnectError):
        return f"{_UNREACHABLE} ({shown(str(error))})"
    if isinstance(error, httpx.WriteTimeout):
        return "takes no more bytes (stalled)"
    if isinstance(error, httpx.TimeoutException):
        return "does not answer in time"
    return f"breaks off ({shown(str(error)) or type(error).__name__})"
