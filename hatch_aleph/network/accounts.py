"""Accounts that sign messages: a private key from a file, the environment or standard input, or a Ledger.

Keys of Ethereum sign by the curve's own library, which the SDK uses as well: importing the SDK takes half a second.
Solana and Ledgers are aleph-sdk-python's, imported by the first signature; its loader is not used, because it makes and
keeps a random key where it finds none. The key is in no representation, error or log of ours.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from hatch_aleph.commands import typed
from hatch_aleph.errors import AccountError, HatchAlephError, InstallationError
from hatch_aleph.plugins import PLUGINS

from .keys import (
    HOW_TO_CREATE,
    Key,
    default_key_file,
    find_key,
    is_key_named,
    of_base58,
    other_tools_accounts,
    read_key,
    refuse_key_as_file,
    sdk_account_of_solana,
)
from .signatures import ethereum_address, sign_ethereum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import BinaryIO

    from hatch_aleph.secrets.own_key import KeyForms

    from .keys import Password


_PATH = re.compile(r"(m/)?\d+'?(/\d+'?)+")
_ON_THE_DEVICE = "Plug the Ledger in, unlock it, open its Ethereum app and confirm there; Linux needs its udev rules."

# AVAX and BASE accounts are Ethereum keys, and as the SDK does, they sign as ETH: what a node checks for messages of
# chain AVAX are X-chain addresses (aleph-im/pyaleph, src/aleph/chains/avalanche.py).
_SIGNS_AS = {"ETH": "ETH", "AVAX": "ETH", "BASE": "ETH", "SOL": "SOL"}
CHAINS = tuple(_SIGNS_AS)

__all__ = ["CHAINS", "Account", "account_from_key", "create_account", "default_key_file", "load_account"]


class Account(Protocol):
    """What can sign a message.

    Attributes:
        chain: Chain that the signatures belong to, as messages state it.
        address: Public address of the account.
    """

    @property
    def chain(self) -> str: ...  # noqa: D102

    @property
    def address(self) -> str: ...  # noqa: D102

    def sign(self, unsigned: dict[str, Any]) -> dict[str, Any]:
        """Return the message with ``sender`` and ``signature``.

        Args:
            unsigned: The envelope; ``chain``, ``type`` and ``item_hash`` are what is signed.
        """
        ...

    def sign_bytes(self, data: bytes) -> bytes:
        """Return the signature of some text's bytes, as wallets sign what they show."""
        ...


class _SdkAccount:
    """An account of aleph-sdk-python, asynchronous and free with its key, behind our narrow interface."""

    def __init__(
        self,
        load: Callable[[], Any],
        chain: str,
        address: str,
        hint: str | None = None,
        key: Callable[[], Key] | None = None,
    ) -> None:
        self._load = load
        self._hint = hint
        self._key = key
        self.chain = chain
        self.address = address

    @cached_property
    def key_forms(self) -> KeyForms | None:
        """How the key could be written, so that it is refused wherever it would be published; None for devices."""
        if self._key is None:
            return None
        from hatch_aleph.secrets.own_key import KeyForms

        key = self._key()
        return KeyForms(key.secret, of_base58(self.address) if self.chain == "SOL" else b"", key.phrase)

    @cached_property
    def _sdk_account(self) -> Any:
        return self._load()

    def __repr__(self) -> str:
        return f"<account {self.chain} {self.address}>"

    def sign(self, unsigned: dict[str, Any]) -> dict[str, Any]:
        """Return the message with ``sender`` and ``signature``.

        Raises:
            AccountError: The device is gone, locked, or its owner declined.
        """
        account = self._sdk_account
        signed: dict[str, Any] = self._run(lambda: account.sign_message(dict(unsigned)))
        return signed

    def sign_bytes(self, data: bytes) -> bytes:
        """Return the signature of some text's bytes.

        Raises:
            AccountError: As for :meth:`sign`.
        """
        account = self._sdk_account
        return bytes(self._run(lambda: account.sign_raw(data)))

    def _run(self, work: Callable[[], Any]) -> Any:
        import asyncio  # keys of Ethereum, which most accounts are, do without

        try:
            return asyncio.run(work())
        except ImportError:
            raise
        except Exception as error:  # noqa: BLE001 - devices raise anything, and a text could carry the key
            raise AccountError(
                f"The message could not be signed ({type(error).__name__})",
                where=f"account {self.address}",
                hint=self._hint,
            ) from None


class _EthereumKey:
    """Signs as the SDK's account of Ethereum does; to import that, and web3 with it, takes half of a small `create`."""

    def __init__(self, secret: bytes) -> None:
        self.private_key = secret
        self._address = _ethereum_address(secret)

    async def sign_message(self, unsigned: dict[str, Any]) -> dict[str, Any]:
        message = {**unsigned, "sender": self._address}
        text = "\n".join(message[name] for name in ("chain", "sender", "type", "item_hash"))
        return {**message, "signature": f"0x{sign_ethereum(self.private_key, text.encode()).hex()}"}

    async def sign_raw(self, text: bytes) -> bytes:
        return sign_ethereum(self.private_key, text)


def load_account(
    *,
    private_key_file: Path | None = None,
    chain: str = "ETH",
    any_chain: bool = False,
    name: str | None = None,
    private_key: str | None = None,
    ledger: bool | str = False,
    environ: Mapping[str, str] = os.environ,
    stdin: BinaryIO | None = None,
    notice: Callable[[str], None] = lambda _text: None,
    password: Password | None = None,
) -> Account:
    """Return the account to sign with.

    The key is looked for in this order: the arguments, ``ALEPH_PRIVATE_KEY_FILE``, ``ALEPH_PRIVATE_KEY``, plugins, the
    account that the user has chosen, and the key that the SDK takes: what ``~/.aleph-im/config.json`` names, else a
    file in ``~/.aleph-im/private-keys``.

    Args:
        private_key_file: File with the key; ``-`` reads it from standard input.
        chain: ETH, AVAX, BASE or SOL.
        any_chain: Nobody has named the chain: where the key's form tells another, that is meant.
        name: Of an account that the user has named.
        private_key: The key itself, as text.
        ledger: Sign on the Ledger that is plugged in: its first Ethereum account, or that of an address or path.
        environ: The environment variables.
        stdin: What ``-`` reads.
        notice: Is told what its owner should know before anything is signed: that others can read the key, that the
            official command line would sign with another account.
        password: Gives the password of a keystore.

    Raises:
        AccountError: There is no key, or it is none of that chain.
    """
    chain = _known(chain)
    if ledger:
        return _ledger_account(chain, ledger if isinstance(ledger, str) else None)
    if name is None and not (private_key_file or private_key or is_key_named(environ)):
        for account in PLUGINS.call("aleph_account", chain=chain):
            return cast("Account", account)
        from hatch_aleph.preferences import load_preferences

        name = load_preferences().account
    if name is not None:
        return named_account(name, None if any_chain else chain, notice, password)
    key = find_key(private_key_file, private_key, environ, stdin, chain, password)
    if key.chain and _SIGNS_AS[key.chain] != _SIGNS_AS[chain]:
        if not any_chain:
            raise AccountError(f"This is a key of chain {key.chain}, not of {chain}", where=key.where)
        chain = key.chain
    signer = account_from_key(key, chain)
    for told in _cautions(signer, key, chain, environ):
        notice(told)
    return signer


def _cautions(signer: Account, key: Key, chain: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what to say of a key: who can read it, and whether the user's other tools sign with another by default."""
    if key.warning:
        yield key.warning
    if not key.is_default:
        return
    signing = f"Signing as {signer.address} (the key {key.where})"
    try:
        listed, default = other_tools_accounts()
    except AccountError as error:
        yield f"{signing}. {error.message}: {error.where}"
    else:
        other = next((each for each in listed if each["name"] == default), None)
        if other and other["address"].lower() != signer.address.lower():
            yield f"{signing}; `aleph` signs as {other['name']} ({other['address']})"
    solana = sdk_account_of_solana(environ) if chain != "SOL" else None
    if solana:
        yield f"Signing as {signer.address} ({chain}); the SDK signs on Solana, by {solana}: --chain SOL"


def named_account(
    name: str, chain: str | None, notice: Callable[[str], None], password: Password | None = None
) -> Account:
    """Return an account that the user has named; its key is read when it first signs.

    Raises:
        AccountError: There is none of that name, or it is of another chain.
    """
    from hatch_aleph.preferences import load_preferences

    known = load_preferences().accounts
    if name not in known:
        named = f"There are: {', '.join(sorted(known))}." if known else "There is none yet."
        raise AccountError(f"No account has the name {name}", hint=f"{named} {typed('account list')} shows them.")
    named_as = known[name]
    if chain is not None and _SIGNS_AS[chain] != _SIGNS_AS[named_as.chain]:
        raise AccountError(f"The account {name} is of chain {named_as.chain}, not of {chain}")

    @functools.cache
    def key() -> Key:
        found = read_key(Path(named_as.file), f"the account {name}", named_as.chain, password)
        address = account_from_key(found, named_as.chain).address
        if address != named_as.address:
            raise AccountError(
                f"The key is that of {address}, and the account {name} is {named_as.address}",
                where=named_as.file,
                hint="The file was replaced, or the list of names edited: import the account anew.",
            )
        if found.warning:
            notice(found.warning)
        return found

    chain = _SIGNS_AS[named_as.chain]
    return _SdkAccount(lambda: _signer(chain, key().secret), chain, named_as.address, key=key)


def account_from_key(key: Key, chain: str) -> Account:
    """Return the account of a key."""
    try:
        if _SIGNS_AS[chain] == "ETH":
            address = _ethereum_address(key.secret)
            return _SdkAccount(lambda: _signer(chain, key.secret), "ETH", address, key=lambda: key)
        return _loaded(_signer(chain, key.secret), key=lambda: key)
    except (HatchAlephError, ImportError):
        raise
    except Exception as error:  # noqa: BLE001 - every library has its own; the text could carry the key
        raise AccountError(
            f"That is no valid private key of chain {chain} ({type(error).__name__})",
            where=key.where,
            hint=HOW_TO_CREATE,
        ) from None


def create_account(file: Path, chain: str = "ETH") -> Account:
    """Write a new random key to a file that only its owner may read, and return its account.

    The file holds the 32 raw bytes that the official command line reads and writes.

    Raises:
        AccountError: The file exists, or its folder cannot be written.
    """
    chain = _known(chain)
    refuse_key_as_file(file, "the file of the new key")
    key = Key(os.urandom(32), str(file))
    account = account_from_key(key, chain)
    from .keystores import store_secret

    store_secret(file, key.secret)
    return account


def _known(chain: str) -> str:
    if chain.upper() not in _SIGNS_AS:
        raise AccountError(f"Unknown chain {chain!r}", hint=f"Choose one of {', '.join(CHAINS)}.")
    return chain.upper()


def _loaded(account: Any, hint: str | None = None, key: Callable[[], Key] | None = None) -> _SdkAccount:
    return _SdkAccount(lambda: account, account.CHAIN, account.get_address(), hint, key)


def _ethereum_address(secret: bytes) -> str:
    with _importing_sdk():
        from coincurve import PrivateKey  # the SDK's own arithmetic, without the SDK
    return ethereum_address(PrivateKey(secret).public_key.format(compressed=False)[1:])


def _signer(chain: str, secret: bytes) -> Any:
    with _importing_sdk():
        if _SIGNS_AS[chain] == "ETH":
            return _EthereumKey(secret)
        from aleph.sdk.chains.solana import SOLAccount
    return SOLAccount(secret)


def _ledger_account(chain: str, chosen: str | None) -> Account:
    """Return an account of a Ledger: its first, or the one of an address among its first five, or of a path."""
    if _SIGNS_AS[chain] != "ETH":
        raise AccountError(f"A Ledger signs only for Ethereum accounts, not for {chain}")
    with _importing_sdk():
        from aleph.sdk.wallets.ledger.ethereum import LedgerETHAccount, get_fallback_account
    try:
        if chosen is None:
            return _loaded(get_fallback_account(), _ON_THE_DEVICE)
        if _PATH.fullmatch(chosen):
            return _loaded(LedgerETHAccount.from_path(chosen.removeprefix("m/")), _ON_THE_DEVICE)
        offered = LedgerETHAccount.get_accounts()
        for each in offered:
            if each.address.lower() == chosen.lower():
                return _loaded(LedgerETHAccount.from_path(each.path), _ON_THE_DEVICE)
    except ImportError:
        raise
    except Exception as error:  # noqa: BLE001 - the USB stack raises anything
        raise AccountError(
            f"No Ledger answers: {str(error) or type(error).__name__}",
            hint=_ON_THE_DEVICE,
        ) from None
    lines = [f"{each.address}  m/{each.path.removeprefix('m/')}" for each in offered]
    raise AccountError(
        "\n  ".join([f"None of the Ledger's first {len(lines)} accounts is {chosen}:", *lines]),
        hint="Name one of these, or its path: `--ledger-account \"m/44'/60'/7'/0/0\"`.",
    )


@contextlib.contextmanager
def _importing_sdk() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise InstallationError.from_import(error) or error from None
    except ValueError as error:
        # Its settings are checked when it is imported; the text would show the values.
        raise AccountError(
            f"The SDK does not load ({type(error).__name__})",
            hint="It reads ALEPH_* variables of the environment and of `.env` in this folder: one has a wrong value.",
        ) from None
