"""What examining a node consists of: sending, and waiting for what becomes of it, however late a node is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.local.node.support import store_message

if TYPE_CHECKING:
    import httpx

    from tests.local.node.support import Account, Client


def outcome(client: Client, answer: httpx.Response, message: dict[str, Any]) -> dict[str, Any]:
    """Wait for the end of a message that was sent."""
    assert answer.status_code in (200, 202, 422), answer.text
    return client.wait(message["item_hash"], "processed", "rejected", seconds=60)


def code_of(client: Client, message: dict[str, Any]) -> int | None:
    """Send a message; return the code of its rejection, None when it was processed."""
    return outcome(client, client.post(message), message).get("error_code")


def store(client: Client, account: Account, data: bytes, **content: Any) -> str:
    """Upload and store; return the message's item hash once it is processed."""
    message = store_message(account, data, **content)
    shown = outcome(client, client.upload(data, message), message)
    assert shown["status"] == "processed", shown
    return str(message["item_hash"])
