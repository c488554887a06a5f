"""Private keys: where they are looked for, and the forms in which wallets write them."""

from __future__ import annotations

import binascii
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_aleph.commands import typed
from hatch_aleph.environment import KEY_VARIABLE, key_of_environment
from hatch_aleph.errors import AccountError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

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
        is_default: Whether nobody named it: it is the one that the official command line would take.
        warning: What its owner should know; empty when all is well.
    """

    __slots__ = ("is_default", "secret", "warning", "where")

    def __init__(self, secret: bytes, where: str, *, is_default: bool = False, warning: str = "") -> None:
        self.secret = secret
        self.where = where
        self.is_default = is_default
        self.warning = warning

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

    They follow ``config.json`` (aleph-im/aleph-sdk-python, src/aleph/sdk/conf.py).

    Raises:
        AccountError: It names a Ledger.
    """
    config = _folder(environ) / "config.json"
    try:
        chosen = json.loads(config.read_bytes())
    except (OSError, ValueError):
        chosen = None
    if isinstance(chosen, dict) and (chosen.get("chain") == "SOL") == (chain == "SOL"):
        if chosen.get("type") in ("hardware", "external"):
            raise AccountError(
                f"The configuration names a Ledger ({chosen.get('address')}), not a key file",
                where=str(config),
                hint="Sign with it by `--ledger`, or name a key with `--private-key-file`.",
            )
        if isinstance(chosen.get("path"), str):
            return Path(chosen["path"])
    return default_key_file(chain, environ)


def other_tools_account() -> tuple[str, str] | None:
    """Return name and address of the account that aleph-rs, the living official command line, signs with.

    Its list is ``accounts.toml`` (aleph-im/aleph-rs, crates/aleph-cli/src/account/store.rs); the keys lie elsewhere.
    """
    from platformdirs import user_config_path

    file = user_config_path("aleph", appauthor=False, roaming=True) / "accounts.toml"
    try:
        listed = tomllib.loads(file.read_text("utf-8"))
        accounts = {str(entry["name"]): str(entry["address"]) for entry in listed.get("accounts", ())}
    except (OSError, ValueError, TypeError, KeyError):
        return None
    name = str(listed.get("default"))
    return (name, accounts[name]) if name in accounts else None


def is_key_named(environ: Mapping[str, str]) -> bool:
    """Tell whether the environment names a key."""
    return bool(environ.get("ALEPH_PRIVATE_KEY_FILE") or key_of_environment(environ))


def find_key(
    file: Path | None, text: str | None, environ: Mapping[str, str], stdin: BinaryIO | None, chain: str
) -> Key:
    """Return the key of the first place that names one; see :func:`.accounts.load_account`."""
    if file is not None:
        return _read_key(file, "--private-key-file", stdin, chain)
    if text:
        return parse_key(text.encode(), "--private-key", chain)
    if environ.get("ALEPH_PRIVATE_KEY_FILE"):
        return _read_key(Path(environ["ALEPH_PRIVATE_KEY_FILE"]), "ALEPH_PRIVATE_KEY_FILE", stdin, chain)
    value = key_of_environment(environ)
    if value:
        return parse_key(value.encode(), KEY_VARIABLE, chain)
    default = _chosen_key_file(chain, environ)
    if default.is_file():
        key = _read_key(default, "the default key", stdin, chain)
        return Key(key.secret, key.where, is_default=True, warning=key.warning)
    raise AccountError("There is no private key to sign with", where=str(default), hint=HOW_TO_CREATE)


def _read_key(file: Path, named_by: str, stdin: BinaryIO | None, chain: str) -> Key:
    if file == FROM_STDIN:
        return parse_key(_bounded(stdin or sys.stdin.buffer, "standard input"), "standard input", chain)
    try:
        file = file.expanduser()
        with file.open("rb") as stream:
            content, mode = _bounded(stream, str(file)), file.stat().st_mode
    except OSError as error:
        refuse_key_as_file(file, named_by)
        raise AccountError(
            f"The key that {named_by} names cannot be read: {error.strerror}", where=str(file), hint=HOW_TO_CREATE
        ) from None
    key = parse_key(content, str(file), chain)
    if os.name == "posix" and mode & _OTHERS:
        key.warning = f"Other users of this machine can read the private key {file}: `chmod 600 {file}`"
    return key


def _bounded(stream: BinaryIO, where: str) -> bytes:
    content = stream.read(_LONGEST + 1)
    if len(content) > _LONGEST:
        raise AccountError(f"It is longer than {_LONGEST >> 10} KiB, so it holds no private key", where=where)
    return content


def is_like_key(text: str) -> bool:
    """Tell whether a text has the form of a private key, so that no error repeats it."""
    return _LIKE_A_KEY.fullmatch(text.strip()) is not None


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


def parse_key(content: bytes, where: str, chain: str) -> Key:
    """Return the key in any of its usual forms.

    These are 32 raw bytes (the official command line's files), hexadecimal digits with or without ``0x``, and for
    Solana base58 text (Phantom) or a JSON list of numbers (solana-keygen). Length tells them apart. Thirty-two
    printable characters are no random bytes but half a key or a password, and refused.

    Raises:
        AccountError: It is none of these. The content is not repeated in the error.
    """
    text = content.decode("ascii", "replace")
    if len(content) == _KEY_SIZE and not (content.isascii() and text.isprintable()):
        return Key(content, where)
    text = text.strip()
    if _is_keystore(text):
        raise AccountError(
            "This is an encrypted keystore, which this tool does not open",
            where=where,
            hint="Let its own tool give the key: `aleph account export NAME` (aleph-rs), and pipe it in: "
            "`--private-key-file -`.",
        )
    secret = _from_hex(text) or (_from_solana(text) if chain == "SOL" else None)
    if secret is None:
        raise AccountError(
            "There is no private key in it" if content.strip() else "It is empty, there is no private key in it",
            where=where,
            hint="A key is 32 raw bytes or 64 hexadecimal digits"
            + ("; for Solana also base58 or a JSON list." if chain == "SOL" else "."),
        )
    return Key(secret, where)


def _is_keystore(text: str) -> bool:
    """Tell whether a text is a V3 keystore: JSON with the parameters of its encryption."""
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return isinstance(found, dict) and any(name.lower() == "crypto" for name in found)


def _from_hex(text: str) -> bytes | None:
    try:
        secret = binascii.unhexlify(text.removeprefix("0x"))
    except (ValueError, binascii.Error):
        return None
    return secret if len(secret) == _KEY_SIZE else None


def _from_solana(text: str) -> bytes | None:
    try:
        numbers: Any = json.loads(text)
        pair = bytes(numbers) if isinstance(numbers, list) else b""
    except (ValueError, TypeError):
        pair = from_base58(text)
    return pair[:_KEY_SIZE] if len(pair) in (_KEY_SIZE, _PAIR_SIZE) else None


def from_base58(text: str) -> bytes:
    """Return the bytes of base58 text, none of what is no such text."""
    import base58

    try:
        return bytes(base58.b58decode(text))
    except ValueError:
        return b""
