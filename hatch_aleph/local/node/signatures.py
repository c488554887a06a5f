"""Signatures, as the network checks them: by chain, over chain, sender, type and item hash, a line each.

Sources: aleph-im/pyaleph, ``src/aleph/chains/{common,evm,solana,signature_verifier}.py``. Chains that no account of
the SDK signs with (the X-chain of AVAX, Cosmos, NULS, Polkadot, Tezos) are not verified here, so their messages are
rejected as wrongly signed. Accounts for AVAX or BASE sign as ``ETH``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hatch_aleph.local.node.message import Message

# fmt: off
EVM_CHAINS = frozenset({
    "ARB", "BASE", "BLAST", "BOB", "BSC", "CYBER", "ETH", "ETHERLINK", "FRAX", "HYPE", "INK", "LENS", "LINEA", "LISK",
    "METIS", "MODE", "NEO", "OP", "POL", "SONIC", "UNICHAIN", "WLD", "ZORA",
})
# fmt: on
SOLANA_CHAINS = frozenset({"SOL", "ES"})


def is_signed(message: Message) -> bool:
    """Say whether the sender signed the message."""
    if message.signature is None:
        return False
    signed = f"{message.chain}\n{message.sender}\n{message.type}\n{message.item_hash}"
    if message.chain in EVM_CHAINS:
        return _evm(signed, message.sender, message.signature)
    if message.chain in SOLANA_CHAINS:
        return _solana(signed, message.sender, message.signature)
    return False


def _evm(signed: str, sender: str, signature: str) -> bool:
    from eth_account import Account
    from eth_account.messages import encode_defunct

    try:
        signer: str = Account.recover_message(encode_defunct(text=signed), signature=signature)
    except Exception:  # noqa: BLE001 - whatever the libraries raise on hostile input, it is no signature
        return False
    return signer.lower() == sender.lower()


def _solana(signed: str, sender: str, signature: str) -> bool:
    import base58
    from nacl.signing import VerifyKey

    try:
        parts = json.loads(signature)
        if parts.get("version", 1) != 1 or parts["publicKey"] != sender:
            return False
        VerifyKey(base58.b58decode(parts["publicKey"])).verify(signed.encode(), base58.b58decode(parts["signature"]))
    except Exception:  # noqa: BLE001 - as above
        return False
    return True
