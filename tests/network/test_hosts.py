"""Requests to hosts, checked as a host checks them, by other libraries than those that sign."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hatch_aleph.errors import AccountError, NetworkError, UsageError
from hatch_aleph.network.accounts import account_from_key
from hatch_aleph.network.executions import allocation
from hatch_aleph.network.hosts import HostClient, signed_headers
from hatch_aleph.network.keys import Key

HASH = "ab" * 32
PATH = f"/control/machine/{HASH}/logs"
LINES = [
    {"SYSLOG_IDENTIFIER": "vm-x-stdout", "MESSAGE": "one \x1b[31mred", "file": "stdout", "__REALTIME_TIMESTAMP": "T1"},
    {"SYSLOG_IDENTIFIER": "vm-x-stderr", "MESSAGE": list(b"t\xffwo"), "file": "stderr", "__REALTIME_TIMESTAMP": "T2"},
]


def check_as_a_host(headers, *, method: str, path: str, domain: str) -> str:
    """Do what authenticate_jwk of aleph-vm does; return the address that may read."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from jwcrypto.common import base64url_decode

    permission = json.loads(headers["X-SignedPubKey"])
    payload = bytes.fromhex(permission["payload"])
    said = json.loads(payload)
    assert datetime.fromisoformat(said["expires"].replace("Z", "+00:00")) > datetime.now(timezone.utc)
    check_wallet(said["chain"], said["address"], payload, bytes.fromhex(permission["signature"].removeprefix("0x")))

    numbers = [int.from_bytes(base64url_decode(said["pubkey"][name]), "big") for name in "xy"]
    key = ec.EllipticCurvePublicNumbers(*numbers, ec.SECP256R1()).public_key()
    operation = json.loads(headers["X-SignedOperation"])
    signed, signature = bytes.fromhex(operation["payload"]), bytes.fromhex(operation["signature"])
    encoded = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    key.verify(encoded, signed, ec.ECDSA(hashes.SHA256()))
    asked = json.loads(signed)
    assert (asked["method"], asked["path"], asked["domain"]) == (method, path, domain)
    drift = datetime.fromisoformat(asked["time"].replace("Z", "+00:00")) - datetime.now(timezone.utc)
    assert abs(drift.total_seconds()) < 120
    return said["address"]


def check_wallet(chain: str, address: str, payload: bytes, signature: bytes) -> None:
    if chain == "SOL":
        import base58
        from nacl.signing import VerifyKey

        VerifyKey(base58.b58decode(address)).verify(payload.hex().encode(), signature)
        return
    from eth_account import Account
    from eth_account.messages import encode_defunct

    assert Account.recover_message(encode_defunct(hexstr=payload.hex()), signature=signature) == address


class Host:
    """A host that knows one owner."""

    def __init__(self, owner: str) -> None:
        host = self
        self.answer: tuple[int, bytes] | None = None

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = host.answer or (200, json.dumps(LINES).encode())
                if host.answer is None:
                    try:
                        asking = check_as_a_host(self.headers, method="GET", path=self.path, domain="127.0.0.1")
                        status = 200 if asking == owner else 403
                    except AssertionError:
                        status = 401
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - http.server names it so

            def log_message(self, *_args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@pytest.fixture
def host(account):
    running = Host(account.address)
    yield running
    running.stop()


@pytest.mark.parametrize("chain", ["ETH", "AVAX", "SOL"])
def test_a_host_accepts_what_each_chain_signs(chain):
    account = account_from_key(Key(bytes(range(1, 33)), "test"), chain)
    now = datetime.now(timezone.utc).timestamp()
    headers = signed_headers(account, "GET", PATH, "crn.example.org", now)
    assert check_as_a_host(headers, method="GET", path=PATH, domain="crn.example.org") == account.address


def test_logs_of_the_owner(host, account):
    lines = HostClient(host.url).logs(HASH, account)
    assert [(line.time, line.text, line.source) for line in lines] == [
        ("T1", "one \\x1b[31mred", "stdout"),
        ("T2", "t\ufffdwo", "stderr"),
    ]


def test_another_account_is_refused(host):
    stranger = account_from_key(Key(bytes(range(2, 34)), "test"), "ETH")
    with pytest.raises(AccountError, match="HTTP 403"):
        HostClient(host.url).logs(HASH, stranger)


def test_a_wrong_clock_is_refused(host, account):
    with pytest.raises(AccountError, match="HTTP 401") as caught:
        HostClient(host.url, clock=lambda: 1e9).logs(HASH, account)
    assert "clock" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((404, b"No execution found for this VM"), "no execution"),
        ((500, b'{"error": "broken"}'), "HTTP 500 broken"),
        ((200, b"<html>"), "does not give the logs: HTTP 200"),
    ],
)
def test_other_answers(host, account, answer, told):
    host.answer = answer
    with pytest.raises(NetworkError, match=told):
        HostClient(host.url).logs(HASH, account)


@pytest.mark.parametrize(
    ("answer", "ran"),
    [
        ((200, f"Stopped VM with ref {HASH}".encode()), True),
        ((200, b"Already stopped, nothing to do"), False),
        ((404, json.dumps({"error": f"No virtual machine with ref {HASH}"}).encode()), False),
    ],
)
def test_a_stop_is_what_the_host_says(host, account, answer, ran):
    host.answer = answer
    assert HostClient(host.url).stop(HASH, account) is ran


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"<html>Welcome", NetworkError),
        (200, b"", NetworkError),
        (404, b"<html>Not found", NetworkError),
        (500, b'{"error": "broken"}', NetworkError),
        (502, b"", NetworkError),
        (401, b"Invalid domain", AccountError),
        (403, b"Unauthorized sender", AccountError),
    ],
)
def test_what_is_no_host_has_stopped_nothing(host, account, status, body, error):
    """A web site has pages for any address, and a 404: neither tells that the program does not run."""
    host.answer = status, body
    with pytest.raises(error, match=f"HTTP {status}"):
        HostClient(host.url).stop(HASH, account)


def test_addresses_of_hosts(account):
    with pytest.raises(UsageError, match="no address of a host"):
        HostClient("http://")
    with pytest.raises(NetworkError, match="cannot be reached"):
        HostClient("127.0.0.1:9").logs(HASH, account)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            (200, b'{"vm_hash": "x", "node": {"node_id": "n", "url": "https://crn.example.org"}}'),
            "https://crn.example.org",
        ),
        ((404, b"{}"), None),
        ((200, b"[]"), None),
        ((200, b'{"node": null}'), None),
    ],
)
def test_the_scheduler_names_the_host(host, answer, expected):
    host.answer = answer
    assert allocation(HASH, scheduler=host.url).host == expected


def test_a_scheduler_that_is_not_there():
    with pytest.raises(NetworkError, match="scheduler cannot be reached") as caught:
        allocation(HASH, scheduler="http://127.0.0.1:9")
    assert "--domain" in str(caught.value.hint)
