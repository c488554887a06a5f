"""Signs messages by another library than the product's, without its checks: also what no node should show."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

from eth_account import Account as EthAccount
from eth_account.messages import encode_defunct


class Signer:
    """An Ethereum account of a small number."""

    def __init__(self, number: int) -> None:
        self.key = bytes([number]) * 32
        self.address: str = EthAccount.from_key(self.key).address

    def message(self, type_: str, content: dict[str, Any], **envelope: Any) -> dict[str, Any]:
        """Return a signed envelope as nodes show it; fields of the envelope may be set otherwise."""
        content = {"address": self.address, "time": time.time(), **content}
        text = json.dumps(content, sort_keys=True)
        message = {
            "type": type_,
            "chain": "ETH",
            "sender": self.address,
            "channel": "TEST",
            "time": content["time"],
            "item_type": "inline",
            "item_content": text,
            "item_hash": hashlib.sha256(text.encode()).hexdigest(),
            "content": content,
            **envelope,
        }
        return {"signature": self.signature(message), **message}

    def signature(self, message: dict[str, Any]) -> str:
        signed = "\n".join(str(message[name]) for name in ("chain", "sender", "type", "item_hash"))
        return "0x" + EthAccount.sign_message(encode_defunct(text=signed), self.key).signature.hex()
