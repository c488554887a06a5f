"""The Aleph network: accounts, signed messages, uploads, prices and statuses.

Names are loaded when they are first used: importing this package costs nothing, the SDK is imported only to sign
and the HTTP client only to talk.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .accounts import Account, create_account, load_account
    from .answers import Limits, MessageStatus, NetworkMessage, PublishedRuntime, StoredFile
    from .client import NodeClient
    from .defaults import DEFAULT_NODES
    from .messages import SignedMessage, aggregate_content, forget_content, sign_message, store_content
    from .money import Balance, Price
    from .rejections import explain
    from .transfer import choose_engine

_HOME = {
    "accounts": ("Account", "create_account", "load_account"),
    "answers": (
        "Limits",
        "MessageStatus",
        "NetworkMessage",
        "PublishedRuntime",
        "StoredFile",
    ),
    "client": ("NodeClient",),
    "transfer": ("choose_engine",),
    "money": ("Balance", "Price"),
    "messages": ("SignedMessage", "aggregate_content", "forget_content", "sign_message", "store_content"),
    "defaults": ("DEFAULT_NODES",),
    "rejections": ("explain",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "DEFAULT_NODES",
    "Account",
    "Balance",
    "Limits",
    "MessageStatus",
    "NetworkMessage",
    "NodeClient",
    "Price",
    "PublishedRuntime",
    "SignedMessage",
    "StoredFile",
    "aggregate_content",
    "choose_engine",
    "create_account",
    "explain",
    "forget_content",
    "load_account",
    "sign_message",
    "store_content",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
