"""Keys at rest: encrypted V3 keystores, mnemonics, and files that only their owner may read.

The formats are eth-account's, as wallets and the official command lines write them: a keystore is JSON with its
encryption's parameters, a mnemonic twelve to twenty-four words (BIP 39) whose first account is meant.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import re
from typing import TYPE_CHECKING

from hatch_aleph.errors import AccountError

if TYPE_CHECKING:
    from pathlib import Path

_MNEMONIC = re.compile(r"[a-z]{3,8}(\s+[a-z]{3,8}){11,23}")
_LONGEST_PASSWORD = 4096


def is_keystore(text: str) -> bool:
    """Tell whether a text is a V3 keystore: JSON with the parameters of its encryption."""
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return isinstance(found, dict) and any(name.lower() == "crypto" for name in found)


def open_keystore(text: str, password: str, where: str) -> bytes:
    """Return the key in a keystore.

    Raises:
        AccountError: The password is wrong, or the keystore damaged. Neither is repeated.
    """
    from eth_account import Account

    try:
        return bytes(Account.decrypt(text, password))
    except ImportError:
        raise
    except Exception:  # noqa: BLE001 - the library raises anything of damaged parameters
        raise AccountError(
            "The keystore does not open: the password is wrong, or the file is damaged", where=where
        ) from None


def make_keystore(secret: bytes, password: str) -> bytes:
    """Return a keystore that holds a key."""
    from eth_account import Account

    if not password:
        raise AccountError("The password is empty")
    return json.dumps(Account.encrypt(secret, password)).encode() + b"\n"


def is_mnemonic(text: str) -> bool:
    """Tell whether a text has the form of a mnemonic."""
    return _MNEMONIC.fullmatch(text.strip()) is not None


def key_of_mnemonic(text: str, where: str, chain: str) -> bytes:
    """Return the key of a mnemonic's first account: ``m/44'/60'/0'/0/0``, or Solana's ``m/44'/501'/0'/0'``.

    Raises:
        AccountError: Its words or its checksum are wrong.
    """
    from eth_account import Account
    from eth_account.hdaccount import seed_from_mnemonic

    Account.enable_unaudited_hdwallet_features()
    words = " ".join(text.split())
    try:
        if chain != "SOL":
            return bytes(Account.from_mnemonic(words).key)
        return ed25519_key(seed_from_mnemonic(words, ""), (44, 501, 0, 0))
    except ImportError:
        raise
    except Exception:  # noqa: BLE001 - the text would be repeated
        raise AccountError("A word of the mnemonic, or its checksum, is wrong", where=where) from None


def ed25519_key(seed: bytes, path: tuple[int, ...]) -> bytes:
    """Derive a key of Solana's curve, all of whose steps are hardened (SLIP-10, satoshilabs/slips, slip-0010.md)."""
    digest = hmac.digest(b"ed25519 seed", seed, "sha512")
    for step in path:
        data = b"\0" + digest[:32] + (step | 1 << 31).to_bytes(4, "big")
        digest = hmac.digest(digest[32:], data, "sha512")
    return digest[:32]


def read_password(file: Path) -> str:
    """Return the password in a file: its first line.

    Raises:
        AccountError: It cannot be read, or is empty.
    """
    try:
        with file.expanduser().open("rb") as stream:
            lines = stream.read(_LONGEST_PASSWORD).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise AccountError(f"The password cannot be read: {reason}", where=str(file)) from None
    if not lines or not lines[0]:
        raise AccountError("There is no password in the file", where=str(file))
    return lines[0]


def store_secret(file: Path, content: bytes) -> None:
    """Write a key or keystore to a new file that only its owner may read; it appears whole or not at all.

    Raises:
        AccountError: The file exists, or its folder cannot be written.
    """
    unfinished = file.with_name(f".{file.name}.{os.urandom(6).hex()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        # A link fails where the name is taken: two runs at once cannot overwrite each other's key.
        os.link(unfinished, file)
    except FileExistsError:
        raise AccountError(
            "There is a file already, and a key is never overwritten",
            where=str(file),
            hint="Choose another file, or move this one away if you are sure that its key is not needed.",
        ) from None
    except OSError as error:
        raise AccountError(f"The key cannot be written: {error.strerror}", where=str(file)) from None
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
