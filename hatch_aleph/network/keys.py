"""Private keys: where they are looked for, and the forms in which wallets write them."""

from __future__ import annotations

import binascii
import contextlib
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_aleph.commands import typed
from hatch_aleph.environment import KEY_VARIABLE, key_of_environment
from hatch_aleph.errors import AccountError
from hatch_aleph.itemhash import from_base58

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

    # Asked of what is said to be encrypted.
    Password = Callable[[str], str]

_OTHERS = 0o077  # bits of a file's mode
FROM_STDIN = Path("-")
HOW_TO_CREATE = f"Make one with {typed('account create')}, or name yours with `--private-key-file`."
_KEY_SIZE = 32
_LONGEST = 64 * 1024  # of a file with a key; devices have no end
_LIKE_A_KEY = re.compile(r"(0x)?[0-9A-Fa-f]{60,}|[1-9A-HJ-NP-Za-km-z]{43,}|\[[\d\s,]*\]?")
_PAIR_SIZE = 64  # Solana's own files hold the private key and, after it, the public one.


class Key:
    """Thirty-two secret bytes that do not show themselves.

    Attributes:
        secret: The bytes.
        where: What named it.
        chain: The chain that its form belongs to; None when it tells none.
        is_default: Whether nobody named it: it is the one that the official command line would take.
        warning: What its owner should know; empty when all is well.
        phrase: The words that it is made from, if it was given by these.
    """

    __slots__ = ("chain", "is_default", "phrase", "secret", "warning", "where")

    def __init__(
        self,
        secret: bytes,
        where: str,
        *,
        chain: str | None = None,
        is_default: bool = False,
        warning: str = "",
        phrase: str = "",
    ) -> None:
        self.secret = secret
        self.where = where
        self.chain = chain
        self.is_default = is_default
        self.warning = warning
        self.phrase = phrase

    def __repr__(self) -> str:
        return f"<private key from {self.where}>"


def default_key_file(chain: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the official command line keeps the key of a chain."""
    return _folder(environ) / "private-keys" / ("solana.key" if chain == "SOL" else "ethereum.key")


def _folder(environ: Mapping[str, str]) -> Path:
    home, data = environ.get("ALEPH_CONFIG_HOME"), environ.get("XDG_DATA_HOME")
    return Path(home) if home else (Path(data) if data else Path.home()) / ".aleph-im"


def _chosen_key_file(chain: str, environ: Mapping[str, str]) -> Path:
    """Return the key that the SDK and the archived command line take when none is named.

    Raises:
        AccountError: Their configuration names a Ledger, or is none.
    """
    config, chosen = _sdk_configuration(environ)
    if (chosen.get("chain") == "SOL") == (chain == "SOL"):
        if chosen.get("type") in ("hardware", "external"):
            raise AccountError(
                f"The configuration names a Ledger ({chosen.get('address')}), not a key file",
                where=str(config),
                hint="Sign with it by `--ledger`, or name a key with `--private-key-file`.",
            )
        if isinstance(chosen.get("path"), str):
            return Path(chosen["path"])
    return default_key_file(chain, environ)


def _sdk_configuration(environ: Mapping[str, str]) -> tuple[Path, dict[str, Any]]:
    """Return the file that the SDK follows, and what it says (aleph-im/aleph-sdk-python, src/aleph/sdk/conf.py).

    Raises:
        AccountError: It says nothing that can be read, which stops the SDK too: which account is meant is not known.
    """
    config = _folder(environ) / "config.json"
    try:
        content = config.read_bytes()
    except OSError:
        return config, {}
    try:
        chosen = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        chosen = None
    if not isinstance(chosen, dict):
        raise AccountError(
            "The configuration that chooses an account cannot be read",
            where=str(config),
            hint="Mend or remove it, or name a key with `--private-key-file`.",
        )
    return config, chosen


def sdk_account_of_solana(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the key with which the SDK signs on Solana when no chain is said; None when it signs elsewhere."""
    _, chosen = _sdk_configuration(environ)
    return str(chosen.get("path")) if chosen.get("chain") == "SOL" else None


def other_tools_accounts() -> tuple[list[dict[str, str]], str | None]:
    """Return the accounts of aleph-rs, the living official command line, and the name of the one that signs.

    Each has ``name``, ``address``, ``chain`` and ``kind``. The list is ``accounts.toml`` (aleph-im/aleph-rs,
    crates/aleph-cli/src/account/store.rs); keys of the kind ``keystore`` lie beside it, others in the system's keyring.

    Raises:
        AccountError: The list is there and cannot be read.
    """
    file = _other_tools_folder() / "accounts.toml"
    try:
        text = file.read_text("utf-8")
        if sys.version_info >= (3, 11):
            import tomllib
        else:
            import tomli as tomllib

        listed = tomllib.loads(text)
        fields = ("name", "address", "chain", "kind")
        accounts = [{field: str(entry.get(field, "")) for field in fields} for entry in listed.get("accounts", ())]
    except (FileNotFoundError, NotADirectoryError):
        return [], None
    except (OSError, ValueError, TypeError, AttributeError):
        raise AccountError("The accounts of `aleph` cannot be read", where=str(file)) from None
    return accounts, listed.get("default")


def other_tools_keystore(name: str) -> Path:
    """Return where aleph-rs keeps the keystore of an account."""
    return _other_tools_folder() / "keystores" / f"{name}.json"


def _other_tools_folder() -> Path:
    from platformdirs import user_config_path

    return user_config_path("aleph", appauthor=False, roaming=True)


def is_key_named(environ: Mapping[str, str]) -> bool:
    """Tell whether the environment names a key."""
    return bool(environ.get("ALEPH_PRIVATE_KEY_FILE") or key_of_environment(environ))


def find_key(  # noqa: PLR0917 - where a key may be, in order
    file: Path | None,
    text: str | None,
    environ: Mapping[str, str],
    stdin: BinaryIO | None,
    chain: str,
    password: Password | None = None,
) -> Key:
    """Return the key of the first place that names one; see :func:`.accounts.load_account`."""
    if file is not None:
        return read_key(file, "--private-key-file", chain, password, stdin)
    if text:
        return parse_key(text.encode(), "--private-key", chain, password)
    if environ.get("ALEPH_PRIVATE_KEY_FILE"):
        return read_key(Path(environ["ALEPH_PRIVATE_KEY_FILE"]), "ALEPH_PRIVATE_KEY_FILE", chain, password, stdin)
    value = key_of_environment(environ)
    if value:
        return parse_key(value.encode(), KEY_VARIABLE, chain, password)
    default = _chosen_key_file(chain, environ)
    if default.is_file():
        key = read_key(default, "the default key", chain, password)
        key.is_default = True
        return key
    raise AccountError("There is no private key to sign with", where=str(default), hint=HOW_TO_CREATE)


def read_key(
    file: Path, named_by: str, chain: str, password: Password | None = None, stdin: BinaryIO | None = None
) -> Key:
    """Return the key in a file, or on standard input for ``-``.

    Raises:
        AccountError: It cannot be read, or as for :func:`parse_key`.
    """
    if file == FROM_STDIN:
        return parse_key(read_secret(file, named_by, stdin), "standard input", chain, password)
    file = file.expanduser()
    content = read_secret(file, named_by)
    key = parse_key(content, str(file), chain, password)
    if os.name == "posix" and file.stat().st_mode & _OTHERS:
        key.warning = f"Other users of this machine can read the private key {file}: `chmod 600 {file}`"
    return key


def read_secret(file: Path, named_by: str, stdin: BinaryIO | None = None) -> bytes:
    """Return what is in a file with a key, as it is, or on standard input for ``-``.

    Raises:
        AccountError: It cannot be read, or is longer than any key.
    """
    if file == FROM_STDIN:
        return _bounded(stdin or sys.stdin.buffer, "standard input")
    try:
        with file.expanduser().open("rb") as stream:
            return _bounded(stream, str(file))
    except OSError as error:
        refuse_key_as_file(file, named_by)
        raise AccountError(
            f"The key that {named_by} names cannot be read: {error.strerror}", where=str(file), hint=HOW_TO_CREATE
        ) from None


def _bounded(stream: BinaryIO, where: str) -> bytes:
    content = stream.read(_LONGEST + 1)
    if len(content) > _LONGEST:
        raise AccountError(f"It is longer than {_LONGEST >> 10} KiB, so it holds no private key", where=where)
    return content


def is_like_key(text: str) -> bool:
    """Tell whether a text has the form of a private key, so that no error repeats it."""
    from .keystores import is_mnemonic

    return _LIKE_A_KEY.fullmatch(text.strip()) is not None or is_mnemonic(text)


def is_at_hand(digits: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether digits are a key that would sign here, as far as that can be told without asking for anything."""
    if environ.get("ALEPH_PRIVATE_KEY_FILE") == str(FROM_STDIN):
        return False
    for chain in ("ETH", "SOL"):
        with contextlib.suppress(AccountError, OSError):
            if find_key(None, None, environ, None, chain).secret.hex() == digits:
                return True
    return False


def refuse_key_as_file(file: Path, named_by: str) -> None:
    """Refuse a key where the name of its file belongs.

    Raises:
        AccountError: It has the form of a key, which is not repeated.
    """
    if is_like_key(str(file)):
        raise AccountError(
            "This is a private key, and the name of a file is expected; it is not repeated here",
            where=named_by,
            hint=f"Write the key to a file that you alone can read and name that, or set {KEY_VARIABLE}.",
        ) from None


def parse_key(content: bytes, where: str, chain: str, password: Password | None = None) -> Key:
    """Return the key in any of its usual forms.

    These are 32 raw bytes (the official command line's files), hexadecimal digits with or without ``0x``, a V3
    keystore, a mnemonic, and Solana's own: base58 text (Phantom) or a JSON list of numbers (solana-keygen). Of these,
    those that hold the public key too are known for what they are; the others are read as such for chain SOL alone.
    Thirty-two printable characters are no random bytes but half a key or a password, and refused.

    Args:
        content: Of the file.
        where: What named it.
        chain: Of the account, as far as the form does not tell.
        password: Gives the password of a keystore.

    Raises:
        AccountError: It is none of these. The content is not repeated in the error.
    """
    text = content.decode("ascii", "replace")
    if len(content) == _KEY_SIZE and not (content.isascii() and text.isprintable()):
        return Key(content, where)
    text = text.strip()
    secret, known, phrase = _from_hex(text), None, ""
    if secret is not None:
        return Key(secret, where)
    from .keystores import is_keystore, is_mnemonic, key_of_mnemonic, open_keystore

    if is_keystore(text):
        if password is None:
            raise AccountError(
                "This is an encrypted keystore",
                where=where,
                hint="Give its password: `--password-file FILE`; or pipe the key in: `--private-key-file -`.",
            )
        secret, known = open_keystore(text, password(where), where), "ETH"
    elif is_mnemonic(text):
        # Its words serve every chain: which one is meant, the chain that is named tells.
        secret, known, phrase = key_of_mnemonic(text, where, chain), "SOL" if chain == "SOL" else "ETH", text
    else:
        secret, known = _from_solana(text, chain)
    if secret is None:
        raise AccountError(
            "There is no private key in it" if content.strip() else "It is empty, there is no private key in it",
            where=where,
            hint="A key is 32 raw bytes, 64 hexadecimal digits, a V3 keystore or a mnemonic; for Solana also base58 or "
            "a JSON list.",
        )
    return Key(secret, where, chain=known, phrase=phrase)


def _from_hex(text: str) -> bytes | None:
    try:
        secret = binascii.unhexlify(text.removeprefix("0x"))
    except (ValueError, binascii.Error):
        return None
    return secret if len(secret) == _KEY_SIZE else None


def _from_solana(text: str, chain: str) -> tuple[bytes | None, str | None]:
    """Return the key in one of Solana's forms, and the chain if the form tells it."""
    try:
        numbers: Any = json.loads(text)
        pair = bytes(numbers) if isinstance(numbers, list) else b""
    except (ValueError, TypeError):
        pair = of_base58(text)
    if len(pair) == _PAIR_SIZE:
        from nacl.signing import SigningKey

        whole = bytes(SigningKey(pair[:_KEY_SIZE]).verify_key) == pair[_KEY_SIZE:]
        return (pair[:_KEY_SIZE], "SOL") if whole else (None, None)
    return (pair, "SOL") if len(pair) == _KEY_SIZE and chain == "SOL" else (None, None)


def of_base58(text: str) -> bytes:
    """Return the bytes of base58 text, none of what is no such text."""
    try:
        return from_base58(text)
    except ValueError:
        return b""
