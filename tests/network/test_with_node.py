"""The client and the embedded node, whole: what a deployment asks of the network."""

from __future__ import annotations

import hashlib
import json
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from hatch_aleph.artifact import hash_file
from hatch_aleph.errors import NetworkError, RejectedError
from hatch_aleph.local.node.limits import Limits
from hatch_aleph.network.accounts import load_account
from hatch_aleph.network.answers import Limits as ClientLimits
from hatch_aleph.network.answers import MessageStatus
from hatch_aleph.network.client import NodeClient
from hatch_aleph.network.messages import aggregate_content, forget_content, sign_message, store_content
from hatch_aleph.network.nodes import PATIENT_ROUNDS
from hatch_aleph.network.transfer import choose_engine
from tests.local.node.support import DEBIAN_12, RunningNode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatch_aleph.network.accounts import Account
    from hatch_aleph.network.messages import SignedMessage

CREDIT = {"chain": "ETH", "type": "credit"}
CHANNEL = "TEST"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    node = RunningNode(tmp_path_factory.mktemp("node"), retry_scale=0.001)
    yield node
    node.stop()


@pytest.fixture
def network(running: RunningNode) -> Iterator[NodeClient]:
    with NodeClient([running.url]) as client:
        yield client


def fund(node: RunningNode, address: str, credit: int = 10**12, tokens: float = 0) -> None:
    body = {"address": address, "credits": credit, "tokens": tokens}
    httpx.post(f"{node.url}/faucet", json=body, trust_env=False).raise_for_status()


@pytest.fixture
def rich(running: RunningNode, request: pytest.FixtureRequest) -> Account:
    account = load_account(private_key=hashlib.sha256(request.node.name.encode()).hexdigest(), environ={})
    fund(running, account.address)
    return account


def image(folder: Path, data: bytes) -> Path:
    path = folder / hashlib.sha256(data).hexdigest()[:8]
    path.write_bytes(data)
    return path


def signed_store(account: Account, file: Path, engine: Any = "storage", **more: Any) -> SignedMessage:
    more = {"payment": CREDIT, "time": time.time(), "address": account.address, **more}
    content = store_content(more.pop("address"), hash_file(file).name_on(engine), engine, **more)
    return sign_message(account, "STORE", content, channel=CHANNEL, time=time.time())


def signed_program(account: Account, code: str, **more: Any) -> SignedMessage:
    content = {
        "address": account.address,
        "time": time.time(),
        "type": "vm-function",
        "allow_amend": False,
        "code": {"encoding": "squashfs", "entrypoint": "main:app", "ref": code, "use_latest": True},
        "runtime": {"ref": DEBIAN_12, "use_latest": True, "comment": ""},
        "on": {"http": True, "persistent": False},
        "environment": {"reproducible": False, "internet": True, "aleph_api": True, "shared_cache": False},
        "resources": {"vcpus": 1, "memory": 256, "seconds": 30},
        "volumes": [],
        "payment": CREDIT,
        **more,
    }
    return sign_message(account, "PROGRAM", content, channel=CHANNEL, time=time.time())


def signed_forget(account: Account, item_hash: str) -> SignedMessage:
    content = forget_content(account.address, [item_hash], time=time.time())
    return sign_message(account, "FORGET", content, channel=CHANNEL, time=time.time())


def test_a_deployment_from_upload_to_delete(network: NodeClient, rich: Account, tmp_path: Path) -> None:
    file = image(tmp_path, b"hsqs code")
    store = signed_store(rich, file, metadata={"inputs": "digest"}, tags=["p/production"])
    assert not network.has_file(store.content["item_hash"])
    network.upload(store, file)
    assert network.wait(store.item_hash).content == store.content
    assert network.has_file(store.content["item_hash"])

    program = signed_program(rich, store.item_hash, metadata={"name": "p", "tags": ["p/production"]})
    assert network.status(program.item_hash) is None
    network.publish(program)
    assert network.wait(program.item_hash).type == "PROGRAM"
    found = network.messages(types=["PROGRAM"], owners=[rich.address], tags=["p/production"])
    assert [message.item_hash for message in found] == [program.item_hash]

    # Sending again is harmless, and only a GET tells the truth.
    assert network.publish(program) is MessageStatus.PENDING
    assert network.wait(program.item_hash).status is MessageStatus.PROCESSED
    assert len(list(network.messages(owners=[rich.address]))) == 2

    assert network.price(program.item_hash).payment_type == "credit"
    stored = network.newest_content(store.item_hash)
    assert stored
    network.download(stored.file_hash, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"hsqs code"

    used = signed_forget(rich, store.item_hash)
    network.publish(used)
    with pytest.raises(RejectedError, match="still uses the file") as caught:
        network.wait(used.item_hash)
    assert caught.value.code == 503

    gone = signed_forget(rich, program.item_hash)
    network.publish(gone)
    network.wait(gone.item_hash)
    message = network.message(program.item_hash)
    assert message
    assert (message.status, message.forgotten_by) == (MessageStatus.FORGOTTEN, (gone.item_hash,))
    with pytest.raises(RejectedError, match="forgotten"):
        network.price(program.item_hash)


def test_amends_move_the_newest_file(network: NodeClient, rich: Account, tmp_path: Path) -> None:
    first = signed_store(rich, image(tmp_path, b"one"))
    network.upload(first, image(tmp_path, b"one"))
    network.wait(first.item_hash)
    second = signed_store(rich, image(tmp_path, b"two"), ref=first.item_hash)
    network.upload(second, image(tmp_path, b"two"))
    network.wait(second.item_hash)
    newest, original = network.newest_content(first.item_hash), network.message(first.item_hash)
    assert newest
    assert original
    assert newest.file_hash == hashlib.sha256(b"two").hexdigest()
    assert original.file_hash == hashlib.sha256(b"one").hexdigest()
    assert [found.item_hash for found in network.messages(refs=[first.item_hash])] == [second.item_hash]


def test_ipfs_engine_takes_the_cid(network: NodeClient, rich: Account, tmp_path: Path) -> None:
    file = image(tmp_path, bytes(300_000))
    store = signed_store(rich, file, "ipfs")
    network.upload(store, file)
    network.wait(store.item_hash)
    network.download(hash_file(file).cid, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == bytes(300_000)


def test_unpaid_uploads_and_programs_tell_figures(network: NodeClient, running: RunningNode, tmp_path: Path) -> None:
    poor = load_account(private_key="44" * 32, environ={})
    file = image(tmp_path, b"poor")
    with pytest.raises(RejectedError, match=r"a day of it costs \$0\.00011, there is \$0\.00 for everything") as caught:
        network.upload(signed_store(poor, file), file)
    assert caught.value.code == 6
    fund(running, poor.address, credit=1000)
    store = signed_store(poor, file)
    network.upload(store, file)
    network.wait(store.item_hash)
    program = signed_program(poor, store.item_hash)
    network.publish(program)
    with pytest.raises(
        RejectedError, match=r"required: \$[0-9.]+ \([\d,]+ credits\), available: \$[0-9.]+ \([\d,]+ credits\)"
    ) as caught:
        network.wait(program.item_hash)
    assert (caught.value.code, caught.value.item_hash) == (6, program.item_hash)


def test_changed_file_wrong_signature_and_other_owner(network: NodeClient, rich: Account, tmp_path: Path) -> None:
    file = image(tmp_path, b"before")
    store = signed_store(rich, file)
    file.write_bytes(b"after")
    with pytest.raises(RejectedError, match="build and deploy again"):
        network.upload(store, file)
    file.write_bytes(b"before")
    forged = type(store)(**{**store.to_json(), "signature": "0x" + "11" * 65})
    with pytest.raises(RejectedError) as caught:
        network.upload(forged, file)
    assert caught.value.code == 1
    other = signed_store(rich, file, address="0x000000000000000000000000000000000000dEaD")
    network.upload(signed_store(rich, file), file)
    network.publish(other)
    with pytest.raises(RejectedError) as caught:
        network.wait(other.item_hash)
    assert caught.value.code in (2, 6)


@pytest.mark.parametrize("chain", ["ETH", "AVAX", "BASE", "SOL"])
def test_every_chain_signs_what_nodes_accept(
    network: NodeClient, running: RunningNode, tmp_path: Path, chain: str
) -> None:
    account = load_account(private_key=hashlib.sha256(chain.encode()).hexdigest(), chain=chain, environ={})
    fund(running, account.address)
    file = image(tmp_path, chain.encode())
    store = signed_store(account, file)
    network.upload(store, file)
    assert network.wait(store.item_hash).sender == account.address


def test_acting_for_an_owner_who_permits_it(network: NodeClient, rich: Account, tmp_path: Path) -> None:
    deployer = load_account(private_key="55" * 32, environ={})
    file = image(tmp_path, b"delegated")
    permission = {"authorizations": [{"address": deployer.address, "types": ["STORE"]}]}
    permit = aggregate_content(rich.address, "security", permission, time=time.time())
    message = sign_message(rich, "AGGREGATE", permit, channel=CHANNEL, time=time.time())
    network.publish(message)
    network.wait(message.item_hash)
    store = signed_store(deployer, file, address=rich.address)
    network.upload(store, file)
    found = network.wait(store.item_hash)
    assert (found.sender, found.owner) == (deployer.address, rich.address)


def test_estimates_agree_with_what_is_charged(network: NodeClient, rich: Account, tmp_path: Path) -> None:
    data = bytes(3 * 1024**2)
    file = image(tmp_path, data)
    placeholder = hash_file(file).sha256
    guess = network.estimate(signed_program(rich, placeholder).content, sizes={placeholder: len(data)})
    store = signed_store(rich, file)
    guessed_store = network.estimate(store.content, "STORE", {placeholder: len(data)})
    network.upload(store, file)
    network.wait(store.item_hash)
    program = signed_program(rich, store.item_hash)
    network.publish(program)
    network.wait(program.item_hash)
    assert network.price(program.item_hash).cost == guess.cost > 0
    assert network.price(store.item_hash).cost == guessed_store.cost > 0


def test_what_the_network_publishes(network: NodeClient, rich: Account) -> None:
    assert network.balance(rich.address).credits == Decimal(10**12)
    assert network.limits() == ClientLimits()
    assert DEBIAN_12 in network.runtimes().values()
    assert abs(network.clock_offset()) < 1.5


def test_the_limits_of_the_node_choose_the_engine(tmp_path: Path) -> None:
    node = RunningNode(
        tmp_path / "small",
        limits=Limits(storage=1024**2, ipfs=2 * 1024**2),
    )
    try:
        with NodeClient([node.url]) as client:
            limits = client.limits()
            assert choose_engine(1000, limits) == "storage"
            assert choose_engine(1024**2, limits) == "ipfs"
    finally:
        node.stop()


def test_a_node_that_comes_back_is_found_again(tmp_path: Path) -> None:
    node = RunningNode(tmp_path / "node")
    other = RunningNode(tmp_path / "other")
    told: list[str] = []
    with NodeClient([node.url, other.url], notice=told.append, sleep=lambda _seconds: None) as client:
        assert client.limits()
        node.stop()
        assert client.limits()
        other.stop()
        with pytest.raises(NetworkError, match="No node responded"):
            client.limits()
    assert json.dumps(told).count("trying again") == 2 * (PATIENT_ROUNDS - 1)  # they have answered before


@pytest.mark.parametrize("newest_first", [True, False])
def test_pages_of_a_real_list(
    network: NodeClient, rich: Account, monkeypatch: pytest.MonkeyPatch, newest_first: bool
) -> None:
    monkeypatch.setattr("hatch_aleph.network.search._PAGE", 2)
    sent = []
    for number in range(5):
        content = aggregate_content(rich.address, f"key-{number}", {"n": number}, time=time.time())
        message = sign_message(rich, "AGGREGATE", content, channel=CHANNEL, time=time.time())
        network.publish(message)
        sent.append(network.wait(message.item_hash).item_hash)
    found = network.messages(types=["AGGREGATE"], owners=[rich.address], newest_first=newest_first)
    assert [message.item_hash for message in found] == (sent[::-1] if newest_first else sent)
    chosen = network.messages(hashes=[sent[1], sent[3], "ab" * 32], newest_first=newest_first)
    assert {message.item_hash for message in chosen} == {sent[1], sent[3]}
