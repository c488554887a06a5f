"""The Aleph network: accounts, signed messages, uploads, prices and statuses.

Names are loaded when they are first used: importing this package costs nothing, the SDK is imported only to sign
and the HTTP client only to talk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_aleph.lazy import door

if TYPE_CHECKING:
    from .accounts import Account as Account
    from .accounts import create_account as create_account
    from .accounts import load_account as load_account
    from .answers import Limits as Limits
    from .answers import MessageStatus as MessageStatus
    from .answers import NetworkMessage as NetworkMessage
    from .answers import PublishedRuntime as PublishedRuntime
    from .answers import StoredFile as StoredFile
    from .client import NodeClient as NodeClient
    from .messages import SignedMessage as SignedMessage
    from .messages import aggregate_content as aggregate_content
    from .messages import forget_content as forget_content
    from .messages import sign_message as sign_message
    from .messages import store_content as store_content
    from .money import Balance as Balance
    from .money import Price as Price
    from .rejections import explain as explain
    from .transfer import choose_engine as choose_engine

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "accounts": "Account create_account load_account",
        "answers": "Limits MessageStatus NetworkMessage PublishedRuntime StoredFile",
        "client": "NodeClient",
        "messages": "SignedMessage aggregate_content forget_content sign_message store_content",
        "money": "Balance Price",
        "rejections": "explain",
        "transfer": "choose_engine",
    },
)
