"""Private keys: where they are looked for, and the forms in which wallets write them."""

from __future__ import annotations

import binascii
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_aleph.errors import AccountError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

KEY_VARIABLES = ("ALEPH_PRIVATE_KEY_FILE", "ALEPH_PRIVATE_KEY")
FROM_STDIN = Path("-")
HOW_TO_CREATE = "Make one with `hatch-aleph account create`, or name yours with `--private-key-file`."
_KEY_SIZE = 32
_PAIR_SIZE = 64  # Solana's own files hold the private key and, after it, the public one.


class Key:
    """Thirty-two secret bytes that do not show themselves."""

    __slots__ = ("secret", "where")

    def __init__(self, secret: bytes, where: str) -> None:
        self.secret = secret
        self.where = where

    def __repr__(self) -> str:
        return f"<private key from {self.where}>"


def default_key_file(chain: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the official command line keeps the key of a chain."""
    home = environ.get("ALEPH_CONFIG_HOME")
    folder = Path(home) if home else Path.home() / ".aleph-im"
    return folder / "private-keys" / ("solana.key" if chain == "SOL" else "ethereum.key")


def find_key(
    file: Path | None, text: str | None, environ: Mapping[str, str], stdin: BinaryIO | None, chain: str
) -> Key:
    """Return the key of the first place that names one; see :func:`.accounts.load_account`."""
    default = default_key_file(chain, environ)
    if file is not None:
        return _read_key(file, "--private-key-file", stdin, chain)
    if text:
        return parse_key(text.encode(), "--private-key", chain)
    if environ.get("ALEPH_PRIVATE_KEY_FILE"):
        return _read_key(Path(environ["ALEPH_PRIVATE_KEY_FILE"]), "ALEPH_PRIVATE_KEY_FILE", stdin, chain)
    if environ.get("ALEPH_PRIVATE_KEY"):
        return parse_key(environ["ALEPH_PRIVATE_KEY"].encode(), "ALEPH_PRIVATE_KEY", chain)
    if default.is_file():
        return _read_key(default, "the default key", stdin, chain)
    raise AccountError("There is no private key to sign with", where=str(default), hint=HOW_TO_CREATE)


def _read_key(file: Path, named_by: str, stdin: BinaryIO | None, chain: str) -> Key:
    if file == FROM_STDIN:
        return parse_key((stdin or sys.stdin.buffer).read(), "standard input", chain)
    try:
        content = file.expanduser().read_bytes()
    except OSError as error:
        raise AccountError(
            f"The key that {named_by} names cannot be read: {error.strerror}", where=str(file), hint=HOW_TO_CREATE
        ) from None
    return parse_key(content, str(file), chain)


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
    secret = _from_hex(text) or (_from_solana(text) if chain == "SOL" else None)
    if secret is None:
        raise AccountError(
            "There is no private key in it" if content.strip() else "It is empty, there is no private key in it",
            where=where,
            hint="A key is 32 raw bytes or 64 hexadecimal digits"
            + ("; for Solana also base58 or a JSON list." if chain == "SOL" else "."),
        )
    return Key(secret, where)


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
