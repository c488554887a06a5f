"""HTTP below everything that asks: judged by httpx, by servers that others wrote, and by raw bytes."""

from __future__ import annotations

import base64
import datetime as dt
import io
import ipaddress
import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from email import message_from_bytes
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from hatch_aleph.network.transport import Client, Timeouts, TransportError, is_address
from tests.network.scripted import Answer, ScriptedNode, as_text, unused_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


_made: list[Client] = []


def client(**options: Any) -> Client:
    _made.append(Client(**{"direct": True, "plain": True, "headers": {}, **options}))
    return _made[-1]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _made:
        _made.pop().close()


def ask(asking: Client, method: str, url: str, **options: Any) -> tuple[int, bytes]:
    with asking.stream(method, url, **options) as answer:
        return answer.status, b"".join(answer.pieces())


@contextmanager
def server(serve: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Give each connection to a function, in a thread of its own, and yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    threading.Thread(target=handle, args=(connection,), daemon=True).start()

        def handle(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                if tls is None:
                    serve(connection)
                else:
                    with tls.wrap_socket(connection, server_side=True) as secure:
                        serve(secure)

        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def head_of(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and (data := connection.recv(1)):
        head += data
    return head


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@pytest.fixture(scope="module")
def echo() -> Iterator[ScriptedNode]:
    node = ScriptedNode()
    for method in ("GET", "POST"):
        node.on(method, "*", as_text("ok"))
    yield node
    node.stop()


@settings(max_examples=60, deadline=None)
@given(
    path=st.text(
        st.characters(codec="utf-8", exclude_characters="?#\\/%", exclude_categories=["Cc", "Cs"]), max_size=9
    ),
    query=st.dictionaries(words, words | st.integers() | st.none(), min_size=1, max_size=3),
    body=st.dictionaries(words, words | st.integers() | st.floats(allow_nan=False, allow_infinity=False), max_size=3),
)
def test_a_request_is_what_httpx_sends(echo: ScriptedNode, path: str, query: Any, body: Any) -> None:
    with httpx.Client(trust_env=False) as theirs:
        theirs.post(f"{echo.url}/a/{path}", params=query, json=body)
    assert ask(client(), "POST", f"{echo.url}/a/{path}", params=query, json=body) == (200, b"ok")
    first, second = echo.asked[-2:]
    assert httpx.URL(second.path).params == httpx.URL(first.path).params
    assert httpx.URL(second.path).path == httpx.URL(first.path).path
    assert second.body == first.body


def test_a_form_is_streamed_and_read_by_others(echo: ScriptedNode, tmp_path: Path) -> None:
    file = tmp_path / 'a "name".squashfs'
    file.write_bytes(bytes(range(256)) * 1000)
    with file.open("rb") as stream:
        parts = [
            ("metadata", (None, '{"a": "ü"}', "application/json")),
            ("file", (file.name, stream, "application/octet-stream")),
        ]
        for _ in range(2):  # a retry reads the file anew
            assert ask(client(), "POST", f"{echo.url}/form", files=parts)[0] == 200
    first, second = (each.body for each in echo.asked[-2:])
    assert len(first) == len(second) > 256_000
    boundary = first.partition(b"\r\n")[0][2:].decode()
    read = message_from_bytes(f"Content-Type: multipart/form-data; boundary={boundary}\r\n\r\n".encode() + first)
    metadata, sent = read.get_payload()
    assert metadata.get_payload(decode=True) == '{"a": "ü"}'.encode()
    assert sent.get_payload(decode=True) == file.read_bytes()
    assert (sent.get_filename(), sent.get_content_type()) == ("a %22name%22.squashfs", "application/octet-stream")


def test_a_file_that_has_become_shorter_is_no_success(echo: ScriptedNode) -> None:
    class Shorter(io.BytesIO):
        def fileno(self) -> int:
            return short.fileno()

    with open(__file__, "rb") as short, pytest.raises(TransportError, match="has become shorter"):  # noqa: PTH123
        ask(client(), "POST", echo.url, files=[("file", ("x", Shorter(b"short"), "text/plain"))])


def test_connections_are_kept_and_a_closed_one_is_not_used() -> None:
    opened = []

    def serve(connection: socket.socket) -> None:
        opened.append(connection)
        for _ in range(2):  # then the server hangs up without a word
            if not head_of(connection):
                return
            connection.sendall(OK)

    with server(serve) as address:
        asking = client()
        for _ in range(2):
            assert ask(asking, "GET", f"http://{address}/") == (200, b"ok")
        assert len(opened) == 1
        while any(not each.has_expired() for each in asking._pools[None].connections):
            time.sleep(0.01)  # until the end of it has arrived
        assert ask(asking, "GET", f"http://{address}/") == (200, b"ok")
        assert len(opened) == 2


def test_an_answer_that_was_not_read_leaves_no_bytes_to_the_next(echo: ScriptedNode) -> None:
    asking = client()
    echo.on("GET", "/long", as_text("x" * 100_000))
    with asking.stream("GET", f"{echo.url}/long") as answer:
        assert next(answer.pieces()).startswith(b"x")
    assert ask(asking, "GET", f"{echo.url}/") == (200, b"ok")


def test_provisional_answers_are_passed_over() -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + OK)

    with server(serve) as address:
        assert ask(client(), "GET", f"http://{address}/") == (200, b"ok")


def test_a_server_that_refuses_a_file_half_way_is_heard() -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 7\r\nConnection: close\r\n\r\ntoo big")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    with server(serve) as address:
        body = {"x": "y" * 4_000_000}
        assert ask(client(), "POST", f"http://{address}/", json=body) == (413, b"too big")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "breaks off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nha", "breaks off"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n\x1f\x8b\x08\x00", "breaks off"),
        (b"SSH-2.0-OpenSSH\r\n", "breaks off"),
    ],
)
def test_what_breaks_off_is_no_answer(answer: bytes, words: str) -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(answer)

    with server(serve) as address, pytest.raises(TransportError, match=words):
        ask(client(), "GET", f"http://{address}/")


def test_each_phase_has_its_time() -> None:
    done = threading.Event()
    with server(lambda _: done.wait(30)) as address:
        with pytest.raises(TransportError, match="does not answer in time"):
            ask(client(), "GET", f"http://{address}/", timeout=Timeouts(read=0.1))
        with pytest.raises(TransportError, match="takes no more bytes"):
            ask(client(), "POST", f"http://{address}/", json="x" * 40_000_000, timeout=Timeouts(write=0.1))
        done.set()
    with pytest.raises(TransportError, match="cannot be reached") as caught:
        ask(client(), "GET", unused_url())
    assert not caught.value.final


def test_a_url_may_name_who_asks(echo: ScriptedNode) -> None:
    seen = []

    def serve(connection: socket.socket) -> None:
        seen.append(head_of(connection))
        connection.sendall(OK)

    with server(serve) as address:
        ask(client(), "GET", f"http://me:p%40ss@{address}/")
    assert b"Authorization: Basic " + base64.b64encode(b"me:p@ss") in seen[0]
    assert address.encode() in seen[0]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """Give a server's side of TLS for 127.0.0.1, and the file of the certificate that signs it: its own."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "here")])
    now = dt.datetime.now(dt.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "here.pem"
    encoding = serialization.Encoding.PEM
    file.write_bytes(
        certificate.public_bytes(encoding)
        + key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context, file


def answer_one(connection: socket.socket) -> None:
    head_of(connection)
    connection.sendall(OK)


def test_certificates_are_checked(authority: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    tls, file = authority
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with server(answer_one, tls) as address:
        with pytest.raises(TransportError, match=r"cannot be reached.*CERTIFICATE_VERIFY_FAILED"):
            ask(client(plain=False), "GET", f"https://{address}/")
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        assert ask(client(plain=False), "GET", f"https://{address}/") == (200, b"ok")
        with pytest.raises(TransportError, match="cannot be reached"):  # the certificate is for the number alone
            ask(client(plain=False), "GET", f"https://{address.replace('127.0.0.1', 'localhost')}/")


def through(lines: list[bytes]) -> Callable[[socket.socket], None]:
    """Return a proxy: it passes bytes on after CONNECT, and answers other requests itself."""

    def serve(connection: socket.socket) -> None:
        head = head_of(connection)
        lines.append(head)
        method, target, _ = head.split(b" ", 2)
        if method != b"CONNECT":
            connection.sendall(OK)
            return
        host, _, port = target.decode().partition(":")
        with socket.create_connection((host, int(port))) as there:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")

            def back() -> None:
                with suppress(OSError):
                    while data := there.recv(65536):
                        connection.sendall(data)

            threading.Thread(target=back, daemon=True).start()
            while data := connection.recv(65536):
                there.sendall(data)

    return serve


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.usefixtures("no_proxy")
def test_the_proxy_of_the_environment_is_asked(
    authority: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, file = authority
    lines: list[bytes] = []
    said = b"Proxy-Authorization: Basic " + base64.b64encode(b"me:secret")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with server(through(lines)) as proxy, server(answer_one, tls) as secure:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:secret@{proxy}")
        monkeypatch.setenv("HTTPS_PROXY", f"me:secret@{proxy}")
        asking = client(direct=False, plain=False)
        assert ask(asking, "GET", "http://node.invalid/x?y=1") == (200, b"ok")
        assert lines[0].startswith(b"GET http://node.invalid/x?y=1 HTTP/1.1\r\n")
        assert said in lines[0]
        assert ask(asking, "GET", f"https://{secure}/") == (200, b"ok")
        assert lines[1].startswith(f"CONNECT {secure} ".encode())
        assert said in lines[1]
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert ask(client(direct=False, plain=False), "GET", f"https://{secure}/") == (200, b"ok")
        assert len(lines) == 2
        monkeypatch.delenv("NO_PROXY")


@pytest.mark.usefixtures("no_proxy")
def test_a_proxy_that_speaks_tls_and_one_that_refuses(
    authority: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, file = authority
    lines: list[bytes] = []
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with server(through(lines), tls) as proxy, server(answer_one, tls) as secure:
        monkeypatch.setenv("HTTPS_PROXY", f"https://{proxy}")
        assert ask(client(direct=False, plain=False), "GET", f"https://{secure}/") == (200, b"ok")
        assert lines[0].startswith(f"CONNECT {secure} ".encode())

    def refuse(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    with server(refuse) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy}")
        with pytest.raises(TransportError, match=r"cannot be reached \(407 Proxy Authentication Required\)"):
            ask(client(direct=False, plain=False), "GET", "https://node.invalid/")


@pytest.mark.parametrize(
    ("url", "usable"),
    [
        ("http://api2.aleph.im", True),
        ("https://[::1]:8080/x", True),
        ("http://bücher.example", True),
        ("http://a b.example", False),
        ("http://xn--ü.example", False),
        ("http://a\u2028b.example", False),
        ("http://x:99999", False),
        ("http://x/\x00", False),
        ("ftp://x", False),
        ("http://", False),
    ],
)
def test_addresses(url: str, usable: bool) -> None:
    assert is_address(url) is usable
    if not usable:
        with pytest.raises(TransportError) as caught:
            ask(client(), "GET", url)
        assert caught.value.final


def test_answers_without_a_body_keep_the_connection(echo: ScriptedNode) -> None:
    echo.on("HEAD", "/", Answer(200, b"12345"))
    echo.on("GET", "/none", Answer(204, b""))
    asking = client()
    assert ask(asking, "HEAD", f"{echo.url}/") == (200, b"")
    assert ask(asking, "GET", f"{echo.url}/none") == (204, b"")
    assert len(asking._pools[None].connections) == 1


def test_a_client_that_another_thread_closes_keeps_nothing(echo: ScriptedNode) -> None:
    asking = client()
    with asking.stream("GET", f"{echo.url}/") as answer:
        asking.close()
        assert list(answer.pieces()) == [b"ok"]  # it is not cut off
    assert asking._pools[None].connections == []
