"""Who sends a request to a host: an account signs a passing key, which signs the request.

Source: ``src/aleph/vm/orchestrator/views/authentication.py`` in aleph-im/aleph-vm: the checks, their order, and what is
answered. Only accounts of Ethereum and Solana are known to hosts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from hatch_aleph.itemhash import from_base58
from hatch_aleph.network.signatures import ethereum_signer

if TYPE_CHECKING:
    from collections.abc import Mapping

_DRIFT = timedelta(minutes=2)


class UnauthenticatedError(Exception):
    """Nobody, or not who is said to be; ``status`` and ``reason`` are the host's answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class Asked:
    """The request that must have been signed."""

    method: str
    path: str
    domain: str


def sender_of(headers: Mapping[str, str], asked: Asked, now: datetime | None = None) -> str:
    """Return the address of the account that signed a request.

    Raises:
        UnauthenticatedError: None did.
    """
    now = now or datetime.now(timezone.utc)
    permission = _permission(headers.get("X-SignedPubKey"), now)
    operation, payload, signature = _operation(headers.get("X-SignedOperation"), now)
    for name, wanted in vars(asked).items():
        if operation[name] != wanted:
            raise UnauthenticatedError(401, f"Invalid {name}: signed {operation[name]!r}, requested {wanted!r}")
    if not _by_passing_key(permission["pubkey"], payload, signature):
        raise UnauthenticatedError(401, "Signature could not verified")
    return str(permission["address"])


def _permission(header: str | None, now: datetime) -> dict[str, Any]:
    """Read the account's permission for the passing key."""
    if not header:
        raise UnauthenticatedError(400, "Missing X-SignedPubKey header")
    try:
        said = json.loads(header)
    except ValueError as error:
        raise UnauthenticatedError(400, "Invalid X-SignedPubKey format") from error
    try:
        payload, signature = bytes.fromhex(said["payload"]), bytes.fromhex(said["signature"].removeprefix("0x"))
        permission = dict(json.loads(payload))
        is_over, address = _time(permission["expires"]) <= now, str(permission["address"])
        by_account = {"ETH": _by_ethereum, "SOL": _by_solana}[permission.get("chain", "ETH")]
        dict(permission["pubkey"])
    except Exception as error:
        raise UnauthenticatedError(400, "Invalid X-SignedPubKey data") from error
    if is_over:
        raise UnauthenticatedError(401, "Token expired")
    try:
        signed = by_account(payload, signature, address)
    except ImportError:  # a library that cannot be loaded says nothing of a signature
        raise
    except Exception:  # noqa: BLE001 - whatever the libraries raise on hostile input
        signed = False
    if not signed:
        raise UnauthenticatedError(401, "Invalid signature")
    return permission


def _operation(header: str | None, now: datetime) -> tuple[dict[str, Any], bytes, bytes]:
    """Read what the passing key has signed: the operation, its bytes and the signature."""
    if header is None:
        raise UnauthenticatedError(400, "Missing X-SignedOperation header")
    try:
        said = json.loads(header)
        payload, signature = bytes.fromhex(said["payload"]), bytes.fromhex(said["signature"].removeprefix("0x"))
        operation = dict(json.loads(payload))
        is_current = abs(_time(operation["time"]) - now) <= _DRIFT
        [operation[name] for name in ("method", "path", "domain")]
    except Exception as error:
        raise UnauthenticatedError(400, "Invalid X-SignedOperation fields") from error
    if not is_current:
        raise UnauthenticatedError(400, "Invalid X-SignedOperation fields")
    return operation, payload, signature


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _by_ethereum(payload: bytes, signature: bytes, address: str) -> bool:
    return ethereum_signer(payload, signature.hex()) == address.lower()


def _by_solana(payload: bytes, signature: bytes, address: str) -> bool:
    """Wallets of Solana sign the hexadecimal text."""
    from nacl.signing import VerifyKey

    VerifyKey(from_base58(address)).verify(payload.hex().encode(), signature)
    return True


def _by_passing_key(key: dict[str, Any], payload: bytes, signature: bytes) -> bool:
    from jwcrypto import jwk
    from jwcrypto.jwa import JWA

    try:
        JWA.signing_alg("ES256").verify(jwk.JWK(**key), payload, signature)
    except Exception:  # noqa: BLE001 - whatever the libraries raise on hostile input
        return False
    return True
