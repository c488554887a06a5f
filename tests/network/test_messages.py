from __future__ import annotations

import asyncio
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from aleph.sdk.chains.ethereum import ETHAccount
from aleph.sdk.client.authenticated_http import AuthenticatedAlephHttpClient
from aleph_message.models import MessageType, parse_message
from eth_account import Account as EthAccount
from eth_account.messages import encode_defunct

from hatch_aleph.errors import NetworkError, RejectedError
from hatch_aleph.network.messages import SignedMessage, aggregate_content, forget_content, sign_message, store_content

if TYPE_CHECKING:
    from hatch_aleph.network.accounts import Account

CREDIT = {"chain": "ETH", "type": "credit"}
HASH = "ab" * 32


def program_content(address: str, **changes: Any) -> dict[str, Any]:
    content = {
        "address": address,
        "time": 1795558573.25,
        "type": "vm-function",
        "allow_amend": False,
        "code": {"encoding": "squashfs", "entrypoint": "main:app", "ref": HASH, "use_latest": True},
        "runtime": {"ref": HASH, "use_latest": True, "comment": "é"},
        "on": {"http": True, "persistent": False},
        "environment": {"reproducible": False, "internet": True, "aleph_api": True, "shared_cache": False},
        "resources": {"vcpus": 1, "memory": 256, "seconds": 30},
        "volumes": [{"mount": "/opt/packages", "ref": HASH, "use_latest": True}],
        "metadata": {"name": "t", "tags": ["t/production"]},
        "payment": CREDIT,
    }
    return {**content, **changes}


def contents(address: str) -> dict[str, dict[str, Any]]:
    return {
        "STORE": store_content(address, HASH, "storage", time=1.5, payment=CREDIT, metadata={"ü": 1}, tags=["a"]),
        "PROGRAM": program_content(address),
        "FORGET": forget_content(address, [HASH], time=1.5, reason="r"),
        "AGGREGATE": aggregate_content(address, "domains", {"example.org": None}, time=1.5),
    }


@pytest.mark.parametrize("type_", ["STORE", "PROGRAM", "FORGET", "AGGREGATE"])
def test_same_identity_and_signature_as_the_sdk(account: Account, type_: Any) -> None:
    content = contents(account.address)[type_]
    ours = sign_message(account, type_, content, channel="TEST", time=2.5)

    async def theirs() -> Any:
        sdk = AuthenticatedAlephHttpClient(account=ETHAccount(bytes(range(1, 33))), api_server="http://127.0.0.1:9")
        async with sdk:
            return await sdk.generate_signed_message(MessageType(type_), content, channel="TEST")

    sdk_message = asyncio.run(theirs())
    assert ours.item_hash == str(sdk_message.item_hash)
    assert ours.item_content == sdk_message.item_content
    assert ours.signature == sdk_message.signature
    parsed = parse_message({**ours.to_json(), "content": ours.content})
    assert parsed == sdk_message.model_copy(update={"time": parsed.time})


def test_signature_covers_chain_sender_type_and_hash(account: Account) -> None:
    message = sign_message(account, "STORE", contents(account.address)["STORE"], channel="TEST", time=2.5)
    text = f"ETH\n{account.address}\nSTORE\n{message.item_hash}"
    assert EthAccount.recover_message(encode_defunct(text=text), signature=message.signature) == account.address
    assert message.item_hash == hashlib.sha256(message.item_content.encode()).hexdigest()


def test_acting_for_another_address(account: Account) -> None:
    owner = "0x000000000000000000000000000000000000dEaD"
    message = sign_message(account, "STORE", contents(owner)["STORE"], channel="TEST", time=2.5)
    assert message.sender == account.address
    assert message.content["address"] == owner


def test_journal_round_trip(account: Account) -> None:
    message = sign_message(account, "PROGRAM", program_content(account.address), channel="TEST", time=2.5)
    assert SignedMessage.from_json(json.loads(json.dumps(message.to_json()))) == message


def test_changed_or_incomplete_journal_entries_are_refused(account: Account) -> None:
    stored = sign_message(account, "STORE", contents(account.address)["STORE"], channel="TEST", time=2.5).to_json()
    with pytest.raises(NetworkError, match="changed"):
        SignedMessage.from_json({**stored, "item_content": stored["item_content"].replace("storage", "ipfs")})
    with pytest.raises(NetworkError, match="signature"):
        SignedMessage.from_json({key: value for key, value in stored.items() if key != "signature"})


def test_every_fault_of_a_content_is_named(account: Account) -> None:
    content = program_content(account.address, surprise=1, resources={"vcpus": 1, "memory": "much"})
    del content["code"]
    with pytest.raises(RejectedError) as caught:
        sign_message(account, "PROGRAM", content, channel="TEST", time=2.5)
    assert caught.value.code == 0
    assert all(word in str(caught.value) for word in ("code", "surprise", "resources.memory"))


def test_longest_inline_content(account: Account) -> None:
    short = contents(account.address)["STORE"]
    spare = 200_000 - len(json.dumps({**short, "metadata": {"x": ""}}, separators=(",", ":")))
    message = sign_message(account, "STORE", {**short, "metadata": {"x": "a" * spare}}, channel="T", time=1.0)
    assert len(message.item_content) == 200_000
    with pytest.raises(RejectedError, match="too long"):
        sign_message(account, "STORE", {**short, "metadata": {"x": "a" * (spare + 1)}}, channel="T", time=1.0)


def test_what_is_no_json_is_refused(account: Account) -> None:
    content = {**contents(account.address)["STORE"], "metadata": {"x": float("nan")}}
    with pytest.raises(RejectedError, match="JSON"):
        sign_message(account, "STORE", content, channel="TEST", time=2.5)
