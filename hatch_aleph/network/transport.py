"""HTTP/1.1 by httpcore, with what its callers need of it: phases, proxies of the environment, forms from files.

httpcore is what httpx speaks HTTP by: connections that stay open, TLS, proxies. httpx itself takes twice as long to
import, and each command that asks a node pays it (``python benchmarks/commands.py``).
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote, urlencode, urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping, Sequence

    import httpcore

UNREACHABLE = "cannot be reached"
_PIECE = 64 * 1024
_KEPT_SECONDS = 5.0  # servers close what is idle for longer
_KEPT_CONNECTIONS = 20
_AS_IT_IS = "/%:@!$&'()*+,;=~"  # of a path; everything else is quoted
_CONTROLS = frozenset(map(chr, (*range(32), 127)))
# Proxies by the schemes that can be spoken to them.
_PROXIES = ("http", "https")


class TransportError(Exception):
    """Nothing, or no whole answer, came back; ``reason`` is what follows "the server", ``final`` that it stays so."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final


class Timeouts(NamedTuple):
    """Seconds that each phase of a request may stall."""

    connect: float = 10.0
    read: float = 30.0
    write: float = 60.0


class _Target(NamedTuple):
    """What a URL leads to: a server, what is asked of it, and who asks."""

    scheme: str
    host: str
    port: int | None
    path: str
    authorization: str | None

    @classmethod
    def of(cls, url: str, params: Mapping[str, object] | None = None) -> _Target:
        try:
            parts = urlsplit(url)
            port = None if parts.port == {"http": 80, "https": 443}.get(parts.scheme) else parts.port
            host = ascii_host(parts.hostname or "")
        except ValueError as error:
            raise TransportError(f"has no address that can be asked ({error})", final=True) from None
        if parts.scheme not in ("http", "https") or not host or _CONTROLS & set(url):
            raise TransportError("has no address that can be asked", final=True)
        query = urlencode({key: "" if value is None else value for key, value in params.items()}) if params else None
        query = quote(parts.query, safe=f"{_AS_IT_IS}?") if query is None else query
        path = quote(parts.path, safe=_AS_IT_IS) or "/"
        return cls(parts.scheme, host, port, f"{path}?{query}" if query else path, _basic(parts))

    @property
    def server(self) -> str:
        """Its name and port, as the Host header has them."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port is None else f"{name}:{self.port}"

    @property
    def url(self) -> httpcore.URL:
        """The same, for the library."""
        import httpcore

        return httpcore.URL(scheme=self.scheme, host=self.host, port=self.port, target=self.path)


class Client:
    """Sends requests over connections that stay open; any thread may use it. Redirects are answers.

    Args:
        direct: Never ask through the proxy that the environment names.
        plain: Only plain HTTP is asked: to read all certificates takes as long as many a request.
        headers: Of every request.
        timeout: Of each phase, unless a request has its own.

    Raises:
        OSError: The certificates that the environment names cannot be read.
        ValueError: The proxy that it names cannot be used.
    """

    def __init__(
        self,
        *,
        direct: bool,
        plain: bool,
        headers: Mapping[str, str],
        timeout: Timeouts = Timeouts(),  # noqa: B008 - immutable
    ) -> None:
        tls = None if plain else _tls()
        self._headers = {"Accept-Encoding": "gzip", **headers}
        self._timeout = timeout
        self._proxies = {} if direct else _proxies()
        self._pools = {proxy: _pool(proxy, tls) for proxy in (None, *self._proxies.values())}
        self._lock = threading.Lock()
        self._in_use = 0
        self._closed = False

    def close(self) -> None:
        """Close all connections, once no other thread uses one: a pool forgets those that are in use, open."""
        with self._lock:
            self._closed = True
            if self._in_use:
                return
        for pool in self._pools.values():
            pool.close()

    @contextlib.contextmanager
    def _used(self) -> Iterator[None]:
        with self._lock:
            self._in_use += 1
        try:
            yield
        finally:
            with self._lock:
                self._in_use -= 1
                closed = self._closed
            if closed:
                self.close()

    @contextlib.contextmanager
    def stream(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, object] | None = None,
        json: Any = None,
        files: Sequence[tuple[str, tuple[Any, ...]]] = (),
        headers: Mapping[str, str] | None = None,
        timeout: Timeouts | None = None,
    ) -> Iterator[Answer]:
        """Send a request and give the answer's head; leaving the context before the body ended drops the connection.

        Args:
            method: HTTP method.
            url: Of what is asked for.
            params: Its query.
            json: A body, as JSON.
            files: Parts of a form in its place: name, and file name, text or open file, and type of its content.
            headers: Further ones.
            timeout: Of each phase.

        Raises:
            TransportError: Nothing answers.
        """
        import httpcore

        target = _Target.of(url, params)
        body, own = _encoded(method, json, files)
        sent = {"Host": target.server, **self._headers, **own, **(headers or {})}
        if target.authorization:
            sent.setdefault("Authorization", target.authorization)
        request = httpcore.Request(
            method,
            target.url,
            headers=list(sent.items()),
            content=body,
            extensions={"timeout": (timeout or self._timeout)._asdict()},
        )
        with self._used():
            with _told():
                response = self._pools[self._proxy_for(target)].handle_request(request)
            try:
                yield Answer(response)
            finally:
                response.close()

    def _proxy_for(self, target: _Target) -> str | None:
        proxy = self._proxies.get(target.scheme, self._proxies.get("all"))
        if proxy is None:
            return None
        from urllib.request import proxy_bypass

        return None if proxy_bypass(target.server) else proxy


def _pool(proxy: str | None, tls: ssl.SSLContext | None) -> httpcore.ConnectionPool:
    import httpcore

    class Backend(httpcore.SyncBackend):
        """Names hosts in bytes, as :func:`ascii_host` has made them: of text Python would load its codec for names."""

        def connect_tcp(self, host: str, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
            return super().connect_tcp(host.encode("ascii"), *arguments, **options)  # type: ignore[arg-type]

    through = None
    if proxy:
        parts = urlsplit(proxy)
        said = (unquote(parts.username), unquote(parts.password or "")) if parts.username is not None else None
        through = httpcore.Proxy(_Target.of(proxy).url, auth=said, ssl_context=tls if parts.scheme == "https" else None)
    return httpcore.ConnectionPool(
        tls,
        proxy=through,
        max_connections=None,
        max_keepalive_connections=_KEPT_CONNECTIONS,
        keepalive_expiry=_KEPT_SECONDS,
        network_backend=Backend(),
    )


class Answer:
    """An answer whose body is still to be read.

    Attributes:
        status: HTTP status.
        headers: With keys in lower case; of several with one name the last.
    """

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response
        self.status = response.status
        self.headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in response.headers}

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it comes, decompressed.

        Raises:
            TransportError: It breaks off.
        """
        compressed = self.headers.get("content-encoding", "").strip().lower() in ("gzip", "x-gzip", "deflate")
        yield from _decompressed(self._raw()) if compressed else self._raw()

    def _raw(self) -> Iterator[bytes]:
        body = iter(self._response.iter_stream())
        while True:
            with _told():  # of what is read here, not of what the caller does with it
                piece = next(body, None)
            if piece is None:
                return
            yield piece


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Say what goes wrong with a request as a :class:`TransportError`."""
    import httpcore

    try:
        yield
    except httpcore.ConnectTimeout:
        raise TransportError(f"{UNREACHABLE} (no answer to the connection)") from None
    except (httpcore.ConnectError, httpcore.ProxyError, httpcore.UnsupportedProtocol) as error:
        raise TransportError(f"{UNREACHABLE} ({error})") from None
    except httpcore.WriteTimeout:
        raise TransportError("takes no more bytes (stalled)") from None
    except httpcore.TimeoutException:
        raise TransportError("does not answer in time") from None
    except (httpcore.NetworkError, httpcore.ProtocolError, ValueError) as error:
        ours = isinstance(error, (httpcore.LocalProtocolError, ValueError))  # asking again would be as wrong
        raise TransportError(_broken(error), final=ours) from None


def _broken(error: Exception) -> str:
    return f"breaks off ({str(error).strip() or type(error).__name__})"


def _decompressed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what was compressed, never much more of it at once than there is of a piece."""
    reader = zlib.decompressobj(zlib.MAX_WBITS | 32)  # either format, by its header
    try:
        for piece in pieces:
            rest = piece
            while rest:
                if data := reader.decompress(rest, 16 * _PIECE):
                    yield data
                rest = reader.unconsumed_tail
    except zlib.error as error:
        raise TransportError(_broken(error)) from None
    if not reader.eof:
        raise TransportError("breaks off (its compressed answer has no end)")


def _encoded(method: str, value: Any, files: Sequence[tuple[str, tuple[Any, ...]]]) -> tuple[Any, dict[str, str]]:
    """Return a request's body and its headers."""
    if files:
        boundary = os.urandom(16).hex()
        return _form(files, boundary)
    if value is None:
        return None, {"Content-Length": "0"} if method == "POST" else {}
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    return text, {"Content-Type": "application/json", "Content-Length": str(len(text))}


def _form(files: Sequence[tuple[str, tuple[Any, ...]]], boundary: str) -> tuple[Iterator[bytes], dict[str, str]]:
    """Return a form (RFC 7578) piece by piece, with its size, so that no part of a file need be in memory."""
    parts: list[tuple[bytes, Any, int]] = []
    for name, (file_name, content, kind) in files:
        of = f'; filename="{_quoted(file_name)}"' if file_name else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{of}\r\nContent-Type: {kind}\r\n\r\n'
        content = content.encode() if isinstance(content, str) else content  # noqa: PLW2901 - the same, as bytes
        size = len(content) if isinstance(content, bytes) else os.fstat(content.fileno()).st_size
        parts.append((head.encode(), content, size))
    end = f"--{boundary}--\r\n".encode()
    length = sum(len(head) + size + 2 for head, _, size in parts) + len(end)

    def pieces() -> Iterator[bytes]:
        for head, content, size in parts:
            yield head
            yield from [content] if isinstance(content, bytes) else _read(content, size)
            yield b"\r\n"
        yield end

    return pieces(), {"Content-Type": f"multipart/form-data; boundary={boundary}", "Content-Length": str(length)}


def _read(stream: Any, left: int) -> Iterator[bytes]:
    stream.seek(0)
    while left:
        data = stream.read(min(left, _PIECE))
        if not data:
            raise ValueError("the file has become shorter")
        left -= len(data)
        yield data


def _quoted(file_name: str) -> str:
    """Return a file's name as forms have it (HTML, multipart/form-data encoding algorithm)."""
    return file_name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def ascii_host(host: str) -> str:
    """Return a host as DNS knows it.

    Raises:
        ValueError: No name of a host is written like that.
    """
    if host.isascii():
        if (_CONTROLS | {" "}) & set(host):
            raise ValueError("a host without a name")
        return host
    import idna

    return idna.encode(host.lower()).decode("ascii")


def is_address(url: str) -> bool:
    """Tell whether a URL can be asked: no control characters, and a host that has a name in DNS."""
    try:
        return bool(_Target.of(url))
    except TransportError:
        return False


def _basic(parts: Any) -> str | None:
    """Return the header for a URL's user name and password."""
    if parts.username is None:
        return None
    from base64 import b64encode

    said = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {b64encode(said.encode()).decode()}"


def _proxies() -> dict[str, str]:
    """Return the proxies that the environment names, by the scheme that they are for."""
    from urllib.request import getproxies

    return {scheme: proxy_url(value) for scheme, value in getproxies().items() if scheme in ("http", "https", "all")}


def proxy_url(value: str) -> str:
    """Return the URL of a proxy as the environment names it.

    Raises:
        ValueError: It cannot be used.
    """
    url = value if "://" in value else f"http://{value}"
    parts = urlsplit(url)
    if parts.scheme not in _PROXIES or not ascii_host(parts.hostname or "") or (parts.port or 1) < 1:
        raise ValueError("no proxy of HTTP")
    return url


def _tls() -> ssl.SSLContext:
    """Return what checks certificates: against the files that the environment names, else the usual authorities."""
    import ssl

    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if not (file or folder):
        import certifi

        file = certifi.where()
    context = ssl.create_default_context(cafile=file, capath=None if file else folder)
    context.set_alpn_protocols(["http/1.1"])
    return context
