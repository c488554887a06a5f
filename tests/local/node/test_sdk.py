"""aleph-sdk-python's own client works against the node as against the network."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from aleph.sdk.chains.ethereum import ETHAccount
from aleph.sdk.chains.solana import SOLAccount
from aleph.sdk.client import AuthenticatedAlephHttpClient
from aleph.sdk.client.services.runtimes import RuntimeType
from aleph.sdk.exceptions import InsufficientFundsError
from aleph.sdk.query.filters import MessageFilter
from aleph.sdk.types import StorageEnum
from aleph_message.models import Chain, MessageType, Payment, PaymentType
from aleph_message.models.execution.program import Encoding
from aleph_message.status import MessageStatus

from tests.local.node.support import DEBIAN_12

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.local.node.support import Client, RunningNode

CREDIT = Payment(chain=Chain.ETH, type=PaymentType.credit)
HOLD = Payment(chain=Chain.ETH, type=PaymentType.hold)


def ethereum(seed: str, chain: Chain | None = None) -> ETHAccount:
    return ETHAccount(hashlib.sha256(seed.encode()).digest(), chain=chain)


@pytest.fixture
def talk(node: RunningNode, client: Client) -> Callable[..., Any]:
    """Run a conversation of the SDK's client with the node, by a funded account."""

    def run(conversation: Callable[[AuthenticatedAlephHttpClient], Awaitable[Any]], account: Any, funds: int = 10**12):
        if funds:
            client.http.post("/faucet", json={"address": account.get_address(), "credits": funds, "tokens": 10**5})

        async def session() -> Any:
            async with AuthenticatedAlephHttpClient(account=account, api_server=node.url) as sdk:
                return await conversation(sdk)

        return asyncio.run(session())

    return run


async def store(sdk: AuthenticatedAlephHttpClient, data: bytes, **options: Any) -> Any:
    options = {"sync": True, "payment": CREDIT, "storage_engine": StorageEnum.storage, **options}
    return (await sdk.create_store(file_content=data, **options))[0]


async def create_program(sdk: AuthenticatedAlephHttpClient, code: str, **options: Any) -> Any:
    options = {"payment": CREDIT, "metadata": {"name": "sdk", "tags": ["sdk-tag"]}, "sync": True, **options}
    return await sdk.create_program(
        program_ref=code, entrypoint="main:app", runtime=DEBIAN_12, encoding=Encoding.squashfs, memory=256, **options
    )


def test_the_life_of_a_program(talk: Callable[..., Any]) -> None:
    account = ethereum("life of a program")

    async def life(sdk: AuthenticatedAlephHttpClient) -> None:
        code = await store(sdk, b"version 1")
        program, status = await create_program(sdk, code.item_hash)
        assert status == MessageStatus.PROCESSED
        assert await sdk.download_file(code.content.item_hash) == b"version 1"
        amend = await store(sdk, b"version 2", ref=code.item_hash)
        assert await sdk.get_message_status(amend.item_hash) == MessageStatus.PROCESSED
        listed = await sdk.get_messages(
            message_filter=MessageFilter(message_types=[MessageType.program], addresses=[account.get_address()])
        )
        assert [message.item_hash for message in listed.messages] == [program.item_hash]
        price = await sdk.get_program_price(program.item_hash)
        assert round(float(price.required_tokens), 3) == 6.111
        estimate = await sdk.get_estimated_price(content=program.content)
        assert estimate.cost == price.cost
        _, status = await sdk.forget([program.item_hash], reason="over", sync=True)
        assert status == MessageStatus.PROCESSED
        assert await sdk.get_message_status(program.item_hash) == MessageStatus.FORGOTTEN

    talk(life, account)


def test_what_an_account_has(talk: Callable[..., Any]) -> None:
    account = ethereum("what an account has")

    async def look(sdk: AuthenticatedAlephHttpClient) -> None:
        message = await store(sdk, b"my file")
        balance = await sdk.get_balances(account.get_address())
        assert (balance.credit_balance, balance.balance) == (10**12, 10**5)
        files = await sdk.get_account_files(account.get_address())
        assert [file.item_hash for file in files.files] == [message.item_hash]
        history = await sdk.get_credit_history(account.get_address())
        assert [entry.amount for entry in history.credit_history] == [10**12]

    talk(look, account)


def test_the_networks_own_lists(talk: Callable[..., Any]) -> None:
    async def look(sdk: AuthenticatedAlephHttpClient) -> None:
        default = await sdk.runtimes.get_default_runtime(RuntimeType.PROGRAM)
        assert default is not None
        assert default.item_hash == DEBIAN_12
        prices = await sdk.pricing.get_pricing_aggregate()
        assert prices["program"].price["compute_unit"].credit == 11000
        assert (await sdk.network_settings.get_settings_aggregate()).community_wallet_timestamp > 0

    talk(look, ethereum("lists"), funds=0)


def test_rejections_reach_the_sdk_with_their_codes(talk: Callable[..., Any]) -> None:
    async def reject(sdk: AuthenticatedAlephHttpClient) -> None:
        code = await store(sdk, b"code")
        with pytest.raises(ValueError, match="Unknown error code 202"):  # the SDK has no name for it
            await create_program(sdk, code.item_hash, payment=HOLD, persistent=True)

    talk(reject, ethereum("rejections"))


def test_a_program_without_means_is_refused(talk: Callable[..., Any], client: Client) -> None:
    async def give(sdk: AuthenticatedAlephHttpClient) -> str:
        return (await store(sdk, b"code of the rich")).item_hash

    code = talk(give, ethereum("rich"))

    async def refuse(sdk: AuthenticatedAlephHttpClient) -> None:
        with pytest.raises(InsufficientFundsError):
            await create_program(sdk, code, payment=HOLD)

    talk(refuse, ethereum("penniless"), funds=0)


@pytest.mark.parametrize("chain", [Chain.AVAX, Chain.BASE, None])
def test_accounts_of_ethereum_and_its_kin_are_accepted(talk: Callable[..., Any], chain: Chain | None) -> None:
    async def send(sdk: AuthenticatedAlephHttpClient) -> None:
        message = await store(sdk, b"by kin")
        assert await sdk.get_message_status(message.item_hash) == MessageStatus.PROCESSED

    talk(send, ethereum(f"kin {chain}", chain))


def test_accounts_of_solana_are_accepted(talk: Callable[..., Any]) -> None:
    async def send(sdk: AuthenticatedAlephHttpClient) -> None:
        message = await store(sdk, b"by the sun")
        assert await sdk.get_message_status(message.item_hash) == MessageStatus.PROCESSED

    talk(send, SOLAccount(hashlib.sha256(b"solana").digest()))


def test_files_go_by_ipfs_too(talk: Callable[..., Any]) -> None:
    async def send(sdk: AuthenticatedAlephHttpClient) -> None:
        message = await store(sdk, b"x" * 300_000, storage_engine=StorageEnum.ipfs)
        assert message.content.item_hash.startswith("Qm")
        assert await sdk.download_file(message.content.item_hash) == b"x" * 300_000

    talk(send, ethereum("ipfs"))


def test_aggregates_and_posts(talk: Callable[..., Any]) -> None:
    account = ethereum("aggregates")

    async def send(sdk: AuthenticatedAlephHttpClient) -> None:
        await sdk.create_aggregate(key="domains", content={"example.org": {"type": "program"}}, sync=True)
        await sdk.create_aggregate(key="domains", content={"example.net": {"type": "ipfs"}}, sync=True)
        domains = await sdk.fetch_aggregate(account.get_address(), "domains")
        assert sorted(domains) == ["example.net", "example.org"]
        post, _ = await sdk.create_post({"hello": "world"}, post_type="note", sync=True)
        _, status = await sdk.create_post({"hello": "you"}, post_type="amend", ref=post.item_hash, sync=True)
        assert status == MessageStatus.PROCESSED

    talk(send, account)


def test_a_large_message_travels_as_a_file(talk: Callable[..., Any]) -> None:
    async def send(sdk: AuthenticatedAlephHttpClient) -> None:
        post, status = await sdk.create_post({"text": "x" * 60_000}, post_type="long", sync=True)
        assert status == MessageStatus.PROCESSED
        found = await sdk.get_message(post.item_hash)
        assert found.content.content == {"text": "x" * 60_000}

    talk(send, ethereum("large"))


def test_new_messages_arrive_by_websocket(talk: Callable[..., Any]) -> None:
    account = ethereum("watcher")

    async def watch(sdk: AuthenticatedAlephHttpClient) -> None:
        async def first() -> Any:
            async for message in sdk.watch_messages(MessageFilter(addresses=[account.get_address()])):
                return message
            return None

        watching = asyncio.create_task(first())
        await asyncio.sleep(0.2)
        post, _ = await sdk.create_post("news", post_type="note", sync=True)
        assert (await asyncio.wait_for(watching, 5)).item_hash == post.item_hash

    talk(watch, account)
