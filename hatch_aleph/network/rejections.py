"""Why the network refuses messages, in words, with what to do.

Codes and details are those of aleph-im/pyaleph, src/aleph/types/message_status.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hatch_aleph.commands import typed
from hatch_aleph.errors import NetworkError, RejectedError

from .answers import MessageStatus
from .fields import MalformedAnswerError, as_decimal, shown
from .money import with_credits

if TYPE_CHECKING:
    from collections.abc import Callable

    from .answers import NetworkMessage


class Meaning(NamedTuple):
    """What a code says.

    Attributes:
        text: What is wrong.
        hint: What mends it.
    """

    text: str
    hint: str


_SIGN_ANEW = "A rejected message stays rejected: after mending the cause, run the command again to sign a new one."

MEANINGS: dict[int, Meaning] = {
    -1: Meaning(
        "The node failed inside while it looked at the message",
        "It is not your message's fault: wait a little and run the command again, or choose another `--node`.",
    ),
    0: Meaning(
        "The message is not in the network's format",
        "A field is missing, unknown or of a wrong type. If you wrote none of it by hand, this tool is older or newer "
        "than the node: update hatch-aleph.",
    ),
    1: Meaning(
        "The signature is not the sender's",
        "Check that `chain` is the one that the key belongs to.",
    ),
    2: Meaning(
        "The account may not act for that address",
        "Sign with the owner's key, or let the owner permit this account (security aggregate); an amend must have the "
        "original's owner.",
    ),
    3: Meaning(
        "The content of the message is nowhere to be found",
        "It was stored apart and is gone: run the command again, which sends it inline.",
    ),
    4: Meaning(
        "The network has no copy of the file",
        "Run the command again: it uploads what the node does not have.",
    ),
    5: Meaning(
        "The account does not hold enough ALEPH tokens",
        'Add tokens, or pay by credits (`payment.type = "credit"`).',
    ),
    6: Meaning(
        "The account does not have enough credits",
        "Top up credits: they must cover a day of everything that the account pays for.",
    ),
    100: Meaning("An amending post names no post", "Name the post that it amends."),
    101: Meaning("The post to amend is unknown", "Check its item hash, and whether it was forgotten."),
    102: Meaning("The post to amend is an amend itself", "Amend the original post."),
    200: Meaning(
        "The STORE message to amend is unknown",
        "It never reached the network or was forgotten: an amend needs its original. Deploy anew without it.",
    ),
    201: Meaning(
        "The STORE message to amend is an amend itself",
        "Amend the original: its item hash is what programs refer to.",
    ),
    202: Meaning(
        "That way of paying is no longer accepted for such a message",
        'Use `payment.type = "credit"`: since March 2026 persistent programs, and from 2027 on all programs and files, '
        "are paid by credits.",
    ),
    300: Meaning(
        "The program to replace is unknown",
        "It never reached the network or was forgotten: publish without `replaces`.",
    ),
    301: Meaning(
        "A volume, the code or the runtime of the program is unknown to the network",
        "Check the item hashes in the settings. A file must be published, and not forgotten, before a program uses it.",
    ),
    302: Meaning(
        "The program to replace does not allow it",
        "It was published without `allow-amend`: publish a new program and delete the old one.",
    ),
    303: Meaning("The program to replace is a replacement itself", "Replace the original program."),
    304: Meaning(
        "A volume is smaller than what it is made from",
        "Give the volume at least the size of its parent.",
    ),
    500: Meaning("There is nothing to forget in the message", "Name at least one item hash."),
    501: Meaning(
        "What is to be forgotten is unknown",
        f"It may be forgotten already, or rejected: look at it with {typed('status')}.",
    ),
    502: Meaning("A FORGET message cannot be forgotten", "What was forgotten can only be published again."),
    503: Meaning(
        "A live program still uses the file",
        "Delete the program first, wait until it is gone, then the file. Somebody else's program keeps it too.",
    ),
    504: Meaning(
        "A message of this content was forgotten before",
        "Run the command again: it signs a new message, with another time.",
    ),
}


def _money(value: Any) -> str:
    try:
        return with_credits(as_decimal(value))
    except MalformedAnswerError:
        return shown(value)


# What the parts of `details` are called for a reader.
_DETAILS: dict[str, Callable[[Any], str]] = {
    "required_credits": lambda value: f"required: {_money(value)}",
    "account_credits": lambda value: f"available: {_money(value)}",
    "min_runtime_days": lambda value: f"counted for: {shown(value)} day(s)",
    "required_balance": lambda value: f"required: {shown(value)} ALEPH",
    "account_balance": lambda value: f"available: {shown(value)} ALEPH",
    "volume_name": lambda value: f"volume: {shown(value)}",
    "volume_size": lambda value: f"its size: {shown(value)} bytes",
    "parent_size": lambda value: f"size of its parent: {shown(value)} bytes",
    "parent_ref": lambda value: f"parent: {shown(value)}",
    "message": lambda value: f"message: {shown(value)}",
    "aggregate": lambda value: f"aggregate: {shown(value)}",
}


def explain(code: int | None) -> Meaning:
    """Return what a code says; unknown ones, of newer nodes, say so."""
    known = MEANINGS.get(code) if code is not None else None
    return known or Meaning("The network gives a reason that this tool does not know", "Update hatch-aleph.")


def facts(details: Any) -> list[str]:
    """Return the network's own words and figures, one a line."""
    errors = details.get("errors") if isinstance(details, dict) else details
    lines: list[str] = []
    for error in errors if isinstance(errors, list) else [errors]:
        if isinstance(error, dict):
            lines.append(", ".join(_DETAILS[key](error[key]) for key in _DETAILS if key in error) or shown(error))
        elif error:
            lines.append(shown(error))
    return lines


def rejection(message: NetworkMessage) -> RejectedError:
    """Return the error that tells why a message was rejected."""
    meaning = explain(message.error_code)
    said = "; ".join(facts(message.details))
    code = "without a code" if message.error_code is None else f"code {message.error_code}"
    return RejectedError(
        f"{meaning.text} ({code}{': ' + said if said else ''})",
        where=f"{message.type or 'message'} {message.item_hash}",
        hint=f"{meaning.hint}\n{_SIGN_ANEW}",
        code=message.error_code,
        item_hash=message.item_hash,
    )


def settled(message: NetworkMessage) -> NetworkMessage:
    """Return a message that has taken effect.

    Raises:
        RejectedError: It was rejected, forgotten or removed.
    """
    if message.status.is_live:
        return message
    if message.status is MessageStatus.REJECTED:
        raise rejection(message)
    by = f" by {', '.join(message.forgotten_by)}" if message.forgotten_by else ""
    raise RejectedError(
        f"The message was {message.status.value}{by}",
        where=message.item_hash,
        hint="Run the command again: it publishes a new one.",
        item_hash=message.item_hash,
    )


def still_waiting(item_hash: str, message: NetworkMessage | None, deadline: float) -> NetworkError:
    """Return the error for a message that is pending, or unknown, at the deadline."""
    again = "Run the same command again: it goes on from here and publishes nothing twice."
    if message is None:
        return NetworkError(
            f"The node does not know the message after {deadline:.0f} s",
            where=item_hash,
            hint=f"It never arrived, or carries no signature that the node reads. {again}",
        )
    return NetworkError(
        f"The {message.type or 'message'} is still pending after {deadline:.0f} s",
        where=item_hash,
        hint=f"The node retries what it waits for (a file, a volume, a ref) for several minutes. {again}",
    )
