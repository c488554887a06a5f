"""A host tells its owner alone what a program printed: requests signed by the client, spoilt in one place each."""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime, timedelta, timezone

import pytest

from hatch_aleph.local.host.authentication import Asked, UnauthenticatedError, sender_of
from hatch_aleph.network.accounts import account_from_key
from hatch_aleph.network.hosts import signed_headers
from hatch_aleph.network.keys import Key

PATH = f"/control/machine/{'ab' * 32}/logs"
ASKED = Asked("GET", PATH, "crn.example")


def account(chain: str = "ETH", first: int = 1):
    return account_from_key(Key(bytes(range(first, first + 32)), "test"), chain)


def signed(chain: str = "ETH", **changes):
    values = {"method": "GET", "path": PATH, "domain": "crn.example", "now": time.time(), **changes}
    return signed_headers(account(chain), **values)


def refused(headers, asked=ASKED, **options) -> tuple[int, str]:
    with pytest.raises(UnauthenticatedError) as caught:
        sender_of(headers, asked, **options)
    return caught.value.status, caught.value.reason


@pytest.mark.parametrize("chain", ["ETH", "SOL"])
def test_the_signer_is_known(chain):
    assert sender_of(signed(chain), ASKED) == account(chain).address


@pytest.mark.parametrize("changed", [{"method": "POST"}, {"path": "/other"}, {"domain": "other.example"}])
def test_a_signature_is_for_one_request(changed):
    status, reason = refused(signed(**changed))
    assert status == 401
    assert reason.startswith(f"Invalid {next(iter(changed))}")


def test_times_are_heeded():
    later = datetime.now(timezone.utc) + timedelta(seconds=150)
    assert refused(signed(), now=later) == (400, "Invalid X-SignedOperation fields")
    assert refused(signed(), now=later + timedelta(hours=1)) == (401, "Token expired")


@pytest.mark.parametrize("chain", ["ETH", "SOL"])
def test_nobody_signs_for_another(chain):
    headers = signed(chain)
    permission = json.loads(headers["X-SignedPubKey"])
    said = json.loads(bytes.fromhex(permission["payload"]))
    said["address"] = account(chain, 2).address
    permission["payload"] = json.dumps(said).encode().hex()
    assert refused({**headers, "X-SignedPubKey": json.dumps(permission)}) == (401, "Invalid signature")


@pytest.mark.parametrize(("chain", "library"), [("ETH", "coincurve"), ("SOL", "nacl.signing"), ("ETH", "jwcrypto")])
def test_a_library_that_is_missing_is_no_wrong_signature(monkeypatch, chain, library):
    headers = signed(chain)
    for loaded in [each for each in sys.modules if each.partition(".")[0] == library.partition(".")[0]]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError):
        sender_of(headers, ASKED)


def test_another_passing_key_is_not_permitted():
    headers = {**signed(), "X-SignedOperation": signed()["X-SignedOperation"]}
    assert refused(headers) == (401, "Signature could not verified")


@pytest.mark.parametrize("spoilt", ["", "no JSON", "[]", "{}", '{"payload": "zz", "signature": "00"}'])
@pytest.mark.parametrize("name", ["X-SignedPubKey", "X-SignedOperation"])
def test_what_cannot_be_read_is_a_bad_request(name, spoilt):
    assert refused({**signed(), name: spoilt})[0] == 400


@pytest.mark.parametrize("missing", ["X-SignedPubKey", "X-SignedOperation"])
def test_both_headers_are_needed(missing):
    headers = signed()
    del headers[missing]
    assert refused(headers) == (400, f"Missing {missing} header")


def test_chains_that_hosts_do_not_know():
    headers = signed()
    permission = json.loads(headers["X-SignedPubKey"])
    said = {**json.loads(bytes.fromhex(permission["payload"])), "chain": "AVAX"}
    permission["payload"] = json.dumps(said).encode().hex()
    assert refused({**headers, "X-SignedPubKey": json.dumps(permission)}) == (400, "Invalid X-SignedPubKey data")
