"""HTTP as this tool speaks it; nothing else in the package opens connections but the local host's own proxying.

What holds everywhere: a redirect is an answer and never followed, this machine is never behind the proxy that the
environment names, each phase of a request has its timeout and the whole of it none, an answer is cut at its limit, and
one that trickles is given up.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
import weakref
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hatch_aleph import __version__
from hatch_aleph.environment import variables
from hatch_aleph.errors import NetworkError, UsageError
from hatch_aleph.text import without_credentials

from .fields import MalformedAnswerError, UnhelpfulNodeError, parse_json, shown
from .transport import UNREACHABLE, Client, Timeouts, TransportError, is_address, proxy_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .transport import Answer

__all__ = ["UNREACHABLE", "Connections", "NoAnswerError", "Reply", "Timeouts", "is_address", "is_here", "proxy_for"]

# A page of 200 messages of 200,000 characters, and some.
MAX_ANSWER = 64 * 1024**2
# The slowest answer that is waited for, on average after a minute.
_SLOWEST = 1024
_GRACE_SECONDS = 60.0
_REFUSALS = frozenset({400, 402, 403, 404, 410, 413, 422})
_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_THIS_MACHINE = re.compile(r"localhost|127(\.\d+){3}|::1|.*\.localhost")


class NoAnswerError(NetworkError):
    """Nothing, or no whole answer, came back; ``reason`` is what follows "the node"."""

    def __init__(self, reason: str, url: str, *, final: bool = False) -> None:
        super().__init__(f"The server {reason}", where=without_credentials(url))
        self.reason = reason
        self.final = final  # whether asking again is of no use


@dataclass(frozen=True)
class Reply:
    """An answer.

    Attributes:
        url: What was asked for.
        status: HTTP status.
        headers: With keys in lower case.
        body: As far as it was read.
        started: When the request left, by the monotonic clock.
        ended: When the answer had arrived.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    started: float = 0.0
    ended: float = 0.0

    @property
    def server(self) -> str:
        """Who answered, for errors."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @property
    def is_json(self) -> bool:
        """Whether the answer calls itself JSON."""
        return self.headers.get("content-type", "").startswith("application/json")

    @property
    def is_refusal(self) -> bool:
        """Whether the node itself says no: in plain text or JSON, unlike proxies and servers that are no nodes."""
        kind = self.headers.get("content-type", "").split(";")[0]
        return self.status in _REFUSALS and kind in ("text/plain", "application/json")

    @property
    def is_not_found(self) -> bool:
        """Whether the node itself does not know what was asked for."""
        return self.is_refusal and self.status == HTTPStatus.NOT_FOUND

    @property
    def is_unsupported(self) -> bool:
        """Whether the node, of another release, does not know the path: then it may take its last part for a hash."""
        return self.is_refusal and self.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)

    @property
    def redirect(self) -> str | None:
        """Where a redirect leads."""
        return self.headers.get("location", "nowhere") if HTTPStatus(300) <= self.status < HTTPStatus(400) else None

    def expected_json(self) -> Any:
        """Return the JSON of an answer that must be there.

        Raises:
            MalformedAnswerError: It is not, or is no JSON.
        """
        if self.status != HTTPStatus.OK:
            raise self.unhelpful()
        return self.json()

    def unhelpful(self) -> UnhelpfulNodeError:
        """Return the error for a status that the API does not know here."""
        return UnhelpfulNodeError(f"answers HTTP {self.status} {self.text}".rstrip())

    @property
    def text(self) -> str:
        """The answer's text, fit for a terminal: nodes give their reasons as plain text."""
        return re.sub(r"^\d{3}: ", "", shown(self.body.decode("utf-8", "replace")))

    def json(self) -> Any:
        """Return the answer's JSON.

        Raises:
            MalformedAnswerError: It is none.
        """
        try:
            return parse_json(self.body)
        except ValueError:
            kind = self.headers.get("content-type", "no content type").split(";")[0]
            raise MalformedAnswerError(f"HTTP {self.status} without JSON ({shown(kind)})") from None

    def json_or_none(self) -> Any:
        """Return the answer's JSON, None where it holds none."""
        try:
            return self.json()
        except MalformedAnswerError:
            return None


class Connections:
    """Connections that stay open between requests; any thread may use them.

    Args:
        client_factory: Makes the HTTP client; for tests and special transports.
        monotonic: A clock in seconds that only runs forward.
    """

    def __init__(
        self,
        client_factory: Callable[[], Client] | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client_factory = client_factory
        self._clients: dict[tuple[bool, bool], Client] = {}
        self._opening = threading.Lock()
        self._monotonic = monotonic

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    @contextlib.contextmanager
    def stream(self, method: str, url: str, **options: Any) -> Iterator[tuple[Reply, Iterator[bytes]]]:
        """Send a request, and give the answer's head and its body piece by piece, unbounded in size.

        Args:
            method: HTTP method.
            url: Of what is asked for.
            **options: Of :meth:`.transport.Client.stream`.

        Raises:
            NoAnswerError: Nothing answers, or the answer breaks off, also while the caller reads it.
        """
        started = self._monotonic()
        try:
            address, headers = _without_dns(url)
            options["headers"] = {**headers, **(options.get("headers") or {})}
            with self._opened(url).stream(method, address, **options) as answer:
                reply = Reply(url, answer.status, answer.headers, started=started)
                yield reply, self._pieces(url, answer, started)
        except TransportError as error:
            raise NoAnswerError(shown(error.reason), url, final=error.final) from None

    def send(
        self,
        method: str,
        url: str,
        *,
        limit: int = MAX_ANSWER,
        cut: bool = False,
        seconds: float | None = None,
        **options: Any,
    ) -> Reply:
        """Send a request and return the answer, read to its end.

        Args:
            method: HTTP method.
            url: Of what is asked for.
            limit: Bytes of a body that are read at most.
            cut: Return the beginning of a longer body, which is an error otherwise.
            seconds: In which the whole answer must have come; None for any time, as long as bytes come.
            **options: Of :meth:`.transport.Client.stream`.

        Raises:
            NoAnswerError: Nothing answers, too slowly, or too much.
        """
        with self.stream(method, url, **options) as (head, pieces):
            body = bytearray()
            for piece in pieces:
                body += piece
                if len(body) > limit:
                    if cut:
                        break
                    raise NoAnswerError(f"answers with more than {limit >> 20} MiB", url, final=True)
                if seconds is not None and self._monotonic() - head.started > seconds:
                    raise NoAnswerError(f"has not finished its answer in {seconds:.0f} s", url)
            return replace(head, body=bytes(body[:limit]), ended=self._monotonic())

    def _pieces(self, url: str, answer: Answer, started: float) -> Iterator[bytes]:
        arrived = 0
        for piece in answer.pieces():  # as they come: a chunk size would hold back what trickles
            yield piece
            arrived += len(piece)
            late = self._monotonic() - started - _GRACE_SECONDS
            if late > 0 and arrived < late * _SLOWEST:
                raise NoAnswerError(f"sends less than {_SLOWEST} bytes a second", url)

    def _opened(self, url: str) -> Client:
        kind = is_here(url), url.startswith("http:")
        with self._opening:
            if kind not in self._clients:
                try:
                    client = self._client_factory() if self._client_factory else _new_client(*kind)
                except (OSError, ValueError) as error:
                    raise _wrong_environment(error) from None
                self._clients[kind] = client
                # Closes the connections of a client that nobody closed; a plain __del__ could run too late.
                weakref.finalize(self, client.close)
            return self._clients[kind]


def is_here(url: str) -> bool:
    """Tell whether a URL leads to this machine."""
    try:
        return _THIS_MACHINE.fullmatch(urlsplit(url).hostname or "") is not None
    except ValueError:
        return False


def _without_dns(url: str) -> tuple[str, dict[str, str]]:
    """Return what to ask for a URL, and the header that names its host.

    Names below ``localhost`` mean this machine (RFC 6761), as curl and browsers know; many resolvers do not.
    """
    if ".localhost" not in url:
        return url, {}
    parts = urlsplit(url)
    if parts.scheme != "http" or not (parts.hostname or "").endswith(".localhost"):
        return url, {}
    port = f":{parts.port}" if parts.port else ""
    return parts._replace(netloc=f"localhost{port}").geturl(), {"Host": f"{parts.hostname}{port}"}


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for a URL, for what no client of ours can ask: websockets."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    if is_here(url) or proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get({"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme), proxies.get("all"))


def _new_client(here: bool, plain: bool) -> Client:
    """Make a client of servers on this machine or elsewhere, of plain HTTP or of any."""
    headers = {"User-Agent": f"hatch-aleph/{__version__}", "Accept": "application/json, */*"}
    return Client(direct=here, plain=here and plain, headers=headers)


def _wrong_environment(error: Exception) -> UsageError:
    """Return the error for what no client can be made of: a proxy or certificates that the environment names."""
    kinds = ("SSL_CERT_FILE", "SSL_CERT_DIR") if isinstance(error, OSError) else _PROXY_VARIABLES
    names = [name for name, value in variables().items() if name.upper() in kinds and value]
    if not isinstance(error, OSError):
        names = [name for name in names if not _is_proxy(os.environ[name])] or names
    what = "certificates that cannot be read" if isinstance(error, OSError) else "a proxy that this tool cannot use"
    return UsageError(  # their values may hold a password
        f"The environment names {what} ({type(error).__name__})",
        where=", ".join(sorted(names)) or None,
        hint="Unset it, or name a file of certificates." if isinstance(error, OSError) else "Such as http://host:3128",
    )


def _is_proxy(value: str) -> bool:
    try:
        proxy_url(value)
    except ValueError:
        return False
    return True
