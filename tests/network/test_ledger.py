"""The Ledger path against a device that speaks the wire protocol of its Ethereum app (APDUs) and really signs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from eth_account import Account as EthAccount
from eth_account.messages import encode_defunct
from ledgerblue.commException import CommException

from hatch_aleph.errors import AccountError
from hatch_aleph.network.accounts import load_account
from hatch_aleph.network.messages import sign_message, store_content
from tests.network.ledger_device import DECLINED, LOCKED, Device

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def device(mocker: Any) -> Iterator[Device]:
    plugged = Device()
    mocker.patch("ledgereth.comms.DONGLE_CACHE", None)
    mocker.patch("ledgereth.comms.DONGLE_CONFIG_CACHE", None)
    mocker.patch("ledgereth.comms.getDongle", return_value=plugged)
    return plugged


def test_signs_like_a_key_in_a_file(device: Device) -> None:
    account = load_account(ledger=True, environ={})
    assert (account.chain, account.address) == ("ETH", device.key.address)
    content = store_content(account.address, "ab" * 32, "storage", time=1.0, payment=None)
    message = sign_message(account, "STORE", content, channel="T", time=1.0)
    text = f"ETH\n{account.address}\nSTORE\n{message.item_hash}"
    assert EthAccount.recover_message(encode_defunct(text=text), signature=message.signature) == account.address
    by_file = load_account(private_key=(b"\x07" * 32).hex(), environ={})
    assert sign_message(by_file, "STORE", content, channel="T", time=1.0) == message


@pytest.mark.parametrize("code", [DECLINED, LOCKED])
def test_declined_or_locked_while_signing(device: Device, code: int) -> None:
    account = load_account(ledger=True, environ={})
    device.fails = code
    with pytest.raises(AccountError, match="unlock it") as caught:
        account.sign({"chain": "ETH", "type": "STORE", "item_hash": "ab" * 32})
    assert account.address in str(caught.value)


def test_locked_or_absent_device(device: Device, mocker: Any) -> None:
    device.fails = LOCKED
    with pytest.raises(AccountError, match="No Ledger answers"):
        load_account(ledger=True, environ={})
    mocker.patch("ledgereth.comms.DONGLE_CACHE", None)
    mocker.patch("ledgereth.comms.getDongle", side_effect=CommException("No dongle found", 0x6F00))
    with pytest.raises(AccountError, match="udev"):
        load_account(ledger=True, environ={})


def test_only_for_ethereum_accounts() -> None:
    with pytest.raises(AccountError, match="SOL"):
        load_account(ledger=True, chain="SOL", environ={})


@pytest.mark.parametrize("named", ["address", "path", "m/path"])
def test_another_account_is_chosen_by_its_address_or_path(device: Device, named: str) -> None:
    third = EthAccount.from_key(b"\x09" * 32)
    chosen = {"address": third.address.lower(), "path": "44'/60'/2'/0/0", "m/path": "m/44'/60'/2'/0/0"}[named]
    account = load_account(ledger=chosen, environ={})
    assert account.address == third.address
    content = store_content(account.address, "ab" * 32, "storage", time=1.0, payment=None)
    message = sign_message(account, "STORE", content, channel="T", time=1.0)
    text = f"ETH\n{third.address}\nSTORE\n{message.item_hash}"
    assert EthAccount.recover_message(encode_defunct(text=text), signature=message.signature) == third.address


def test_an_address_that_is_not_there_is_told_with_those_that_are(device: Device) -> None:
    with pytest.raises(AccountError, match="None of the Ledger's first 5 accounts") as caught:
        load_account(ledger="0x" + "ab" * 20, environ={})
    assert device.key.address in caught.value.message
    assert "m/44'/60'/4'/0/0" in caught.value.message
