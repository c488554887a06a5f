"""The table of docs/node.md, row by row: what is said to be otherwise here is so."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.local.node.support import DEBIAN_12, Account, forget_message, program_message, store_message

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.local.node.support import Client

PAGE = Path(__file__).parents[3] / "docs" / "node.md"
CHECKS: dict[str, Callable[[Client], None]] = {}


def row(begins: str) -> Callable[[Callable[[Client], None]], Callable[[Client], None]]:
    """Register the check of the row that begins so."""

    def register(check: Callable[[Client], None]) -> Callable[[Client], None]:
        CHECKS[begins] = check
        return check

    return register


def rich(client: Client, name: str, tokens: float = 0) -> Account:
    account = Account(name)
    client.faucet(account, tokens=tokens)
    return account


@row("no message is ever `confirmed`")
def unconfirmed(client: Client) -> None:
    account = rich(client, "unconfirmed")
    shown = client.message(client.store(account, b"unconfirmed"))["message"]
    assert shown.get("confirmed") in (None, False)
    assert not shown.get("confirmations")


@row("`sync: true` for a message that is known already")
def known_at_once(client: Client) -> None:
    account = rich(client, "known")
    message = store_message(account, b"known")
    assert client.upload(b"known", message).status_code == 200
    began = time.monotonic()
    again = client.post(message, sync=True)
    assert (again.status_code, again.json()["message_status"]) == (202, "pending")
    assert time.monotonic() - began < 20


@row("a message is tried while its request is served")
def tried_at_once(client: Client) -> None:
    account = rich(client, "at once")
    message = store_message(account, b"at once")
    answer = client.upload(b"at once", message, sync=False)
    assert answer.status_code == 202
    assert client.status(message["item_hash"]) == "processed"


@row("changes of a balance are looked at at once")
def looked_at_at_once(client: Client) -> None:
    account = rich(client, "spent")
    code = client.store(account, b"spent")
    message = program_message(account, code)
    assert client.post(message).status_code == 200
    client.faucet(account, -(10**12))
    assert client.status(message["item_hash"]) == "removing"


@row("of several programs that use a file")
def names_the_oldest(client: Client) -> None:
    account = rich(client, "several")
    code = client.store(account, b"several")
    programs = [program_message(account, code, metadata={"name": str(number)}) for number in range(3)]
    for message in programs:
        assert client.post(message).status_code == 200
    forget = forget_message(account, code)
    client.post(forget)
    assert programs[0]["item_hash"] in str(client.message(forget["item_hash"])["details"])


@row("`ipfs` names files by their CID")
def named_by_cid(client: Client) -> None:
    added = client.upload(b"by cid", engine="ipfs").json()["hash"]
    assert added.startswith("Qm")
    assert client.http.get(f"/api/v0/storage/raw/{added}").content == b"by cid"
    assert client.http.post("/api/v0/ipfs/add_car", content=b"").status_code == 404


@row("messages of the chains AVAX")
def unverified_chains(client: Client) -> None:
    account = rich(client, "chains")
    for chain, code in (("DOT", 403), ("NULS2", 403), ("TEZOS", 403), ("CSDK", 403), ("BASE", 200)):
        message = store_message(account, chain.encode(), chain=chain)
        message["signature"] = account.sign_text(f"{chain}\n{account.address}\nSTORE\n{message['item_hash']}")
        assert client.upload(chain.encode(), message).status_code == code, chain


@row("V-PROGRAM messages are kept")
def instances_with_gpus(client: Client) -> None:
    """Price an instance with a GPU as a plain one; V-PROGRAMs have test_verifiable.py."""
    account = rich(client, "gpu")
    rootfs = client.store(account, b"root")
    prices = []
    for requirements in ({}, {"requirements": {"gpu": [GPU]}}):
        content = {
            "allow_amend": False,
            "metadata": {"name": "gpu"},
            "environment": {"internet": True, "aleph_api": True, "hypervisor": "qemu"},
            "resources": {"vcpus": 1, "memory": 2048, "seconds": 30},
            "payment": {"chain": "ETH", "type": "credit"},
            "rootfs": {"parent": {"ref": rootfs, "use_latest": True}, "persistence": "host", "size_mib": 20480},
            "volumes": [],
            **requirements,
        }
        message = account.sign("INSTANCE", content)
        answer = client.http.post("/api/v0/price/estimate", json={"message": message})
        prices.append(answer.json().get("cost", answer.text))
    assert prices[0] == prices[1]
    assert float(prices[0]) > 0


GPU = {"vendor": "NVIDIA", "device_name": "AD104GL", "device_class": "0300", "device_id": "10de:27b0"}


@row("a transfer's expiration is kept and shown")
def credits_stay(client: Client) -> None:
    account = rich(client, "credits stay")
    (entry,) = client.get(f"/api/v0/addresses/{account.address}/credit_history")["credit_history"]
    assert entry["expiration_date"] is None
    assert entry["amount"] == 10**12


@row("the aggregate `corechannel`")
def no_nodes(client: Client) -> None:
    answer = client.http.get("/api/v0/aggregates/0xa1B3bb7d2332383D96b7796B908fB7f7F3c2Be10.json?keys=corechannel")
    found = answer.json().get("data", {}).get("corechannel", {}) if answer.status_code == 200 else {}
    assert not found.get("nodes")


@row("superfluid streams are not followed")
def no_streams(client: Client) -> None:
    account = rich(client, "streams", tokens=10**6)
    code = client.store(account, b"streams")
    message = program_message(account, code, "superfluid")
    outcome = client.post(message)
    client.faucet(account, 0, -(10**6))
    assert outcome.status_code == 200
    assert client.status(message["item_hash"]) == "processed"


@row("`POST` messages are kept and listed")
def posts(client: Client) -> None:
    account = rich(client, "posts")
    message = account.sign("POST", {"type": "note", "content": {"a": 1}})
    assert client.post(message).status_code == 200
    assert client.get("/api/v0/messages.json", hashes=message["item_hash"])["pagination_total"] == 1
    for path in ("posts.json", "channels/list.json", "post_types/list.json", "stats/addresses.json"):
        assert client.http.get(f"/api/v0/{path}").status_code == 404, path
    assert client.http.get("/metrics").status_code == 404


@row("`price/{item hash}` of a pending message")
def no_price_while_pending(client: Client) -> None:
    account = rich(client, "pending price")
    message = program_message(account, "ab" * 32)
    client.post(message, sync=False)
    assert client.status(message["item_hash"]) == "pending"
    assert client.http.get(f"/api/v0/price/{message['item_hash']}").status_code == 404


@row("a malformed `price/estimate`")
def malformed_estimate(client: Client) -> None:
    assert client.http.post("/api/v0/price/estimate", json={"message": {"type": "PROGRAM"}}).status_code == 422


ROWS = [
    found.group(1)
    for found in re.finditer(
        r"^\| (?!here |---)(.+?) \| ",
        PAGE.read_text("utf-8").partition("## What is not as on")[2].partition("\n## ")[0],
        re.MULTILINE,
    )
]


def test_every_row_of_the_table_has_a_check() -> None:
    assert sorted(CHECKS) == sorted(begins for begins in CHECKS for said in ROWS if said.startswith(begins))
    assert [said for said in ROWS if not any(said.startswith(begins) for begins in CHECKS)] == []


@pytest.mark.parametrize("begins", CHECKS)
def test_a_row_is_true(client: Client, begins: str) -> None:
    CHECKS[begins](client)


def test_raw_files_know_no_ranges(client: Client) -> None:
    """Answer as recorded: whole, with its length, whatever part is asked for."""
    account = rich(client, "ranges")
    item_hash = client.store(account, bytes(100_000))
    url = client.get(f"/api/v0/storage/by-ref/{item_hash}")["download_url"]
    for part in ("bytes=0-99", "bytes=-10", "bytes=200000-"):
        answer = client.http.get(url, headers={"Range": part})
        said = (answer.status_code, answer.headers["accept-ranges"], answer.headers["content-length"])
        assert said == (200, "none", "100000")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert len(answer.content) == 100_000
    head = client.http.head(url)
    assert (head.status_code, head.headers["content-length"], head.headers["accept-ranges"]) == (200, "100000", "none")


def test_official_runtimes_are_known_without_their_bytes(client: Client) -> None:
    assert client.status(DEBIAN_12) == "processed"
    named = client.get(f"/api/v0/storage/by-ref/{DEBIAN_12}")["download_url"]
    assert client.http.get(named).status_code == 404
