"""Send messages so that each is sent once, whatever is cut off: sign, keep, send, await."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from hatch_aleph.commands import typed
from hatch_aleph.deploy.journal import intent_of
from hatch_aleph.deploy.preflight import check_permitted
from hatch_aleph.errors import PlanError, RejectedError
from hatch_aleph.network.authenticity import MAX_AHEAD
from hatch_aleph.network.messages import sign_message
from hatch_aleph.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hatch_aleph.deploy.journal import Entry, Journal
    from hatch_aleph.network.accounts import Account
    from hatch_aleph.network.client import NodeClient
    from hatch_aleph.network.messages import MessageType, SignedMessage


# A program whose volumes a node has not seen yet is retried for about seven minutes before it is refused.
PATIENCE = 600.0
# Between the times of two messages of which the later is to win: well above a float's grain at today's dates.
_TICK = 0.001


class Dated(Protocol):
    """A message that the next one must be later than: a content of a volume, a program."""

    @property
    def item_hash(self) -> str: ...  # noqa: D102 - the class says it

    @property
    def time(self) -> float: ...  # noqa: D102


@dataclass(frozen=True)
class _Said:
    item_hash: str
    time: float


class Outbox:
    """Delivers messages for one purpose through its journal.

    Attributes:
        journal: Keeps signed messages until they are processed.
        resumed: Messages of an earlier run that were awaited.
        has_sent: Whether sending a message was begun.
        delivered: Type and item hash of each message that was sent, or taken up, and processed.

    Args:
        client: The node.
        account: Who signs.
        journal: The journal.
        channel: Of the messages.
        clock: Seconds since 1970.
        observer: Is told about uploads and waiting.
        patience: Seconds to wait for a message to be processed.
        origin: Returns the notes on where a release comes from.
    """

    def __init__(
        self,
        client: NodeClient,
        account: Account,
        journal: Journal,
        *,
        channel: str,
        clock: Callable[[], float],
        observer: Observer | None = None,
        patience: float = PATIENCE,
        origin: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self.origin = origin
        self._client = client
        self._account = account
        self.journal = journal
        self.resumed = 0
        self.has_sent = False
        self.delivered: list[tuple[str, str]] = []
        self._channel = channel
        self._clock = clock
        self._observer = observer or Observer()
        self._patience = patience
        self._last = 0.0

    @property
    def _node(self) -> str:
        return self._client.nodes[0]

    @property
    def now(self) -> float:
        """Seconds since 1970."""
        return self._clock()

    def reconcile(self) -> None:
        """Await what an earlier run sent, and count these messages as ``resumed``.

        A message that the node does not know stays open: whoever means to say the same takes it up again.

        Raises:
            NetworkError: One is still pending after all patience; the next run goes on waiting.
        """
        for entry in self.journal.open:
            status = self._client.status(entry.message.item_hash)
            if status is None:
                continue
            self._observer.step("resume", type=entry.message.type, item_hash=entry.message.item_hash)
            try:
                self._await_processed(entry)
            except RejectedError as error:
                # Its time is past; the plan that comes now knows whether it is still wanted, and signs it anew.
                self._observer.done("resume", item_hash=entry.message.item_hash, rejected=str(error))
            self.resumed += 1

    def deliver(
        self, type_: MessageType, content: Mapping[str, Any], *, after: Dated | None = None, file: Path | None = None
    ) -> SignedMessage:
        """Sign a message, or take up the one that says the same, and return once the network has processed it.

        Args:
            type_: Its type.
            content: Its content without ``time``.
            after: What it must be later than.
            file: Bytes to send along with a STORE that the node does not have.

        Raises:
            PlanError: The message that it must be later than is signed with a time in the future, the key that signs
                stands in the message or the file, or the owner has not permitted it.
            RejectedError: The network refuses it.
            NetworkError: It could not be sent, or is not processed yet; the journal has it for the next run.
        """
        if type_ == "AGGREGATE" and after is None:
            after = self._said_last(content)
        intent = intent_of(type_, self._channel, content)
        if file is not None:
            from hatch_aleph.deploy.secrets import check_outgoing_file

            check_outgoing_file(file, self._account)
        entry = self._taken_up(self.journal.find(intent, after=after.time if after else 0.0))
        if entry is None:
            entry = self._sign(type_, content, intent, after)
            self._send(entry, file)
        elif self._client.status(entry.message.item_hash) is None:
            self._send(entry, file)
        message = self._await_processed(entry, file)
        self.delivered.append((type_, message.item_hash))
        return message

    def check_time(self, after: Dated | None) -> None:
        """Refuse to sign what must be later than a message of the future.

        Raises:
            PlanError: The message is signed with a time in the future; it is named.
        """
        if after and after.time > self._clock() + MAX_AHEAD:
            raise PlanError(
                f"The message is signed with a time in the future ({_date(after.time)}): every later one would be, too",
                where=after.item_hash,
                hint=f"A clock was wrong. A program is taken out of the way by {typed('delete', after.item_hash)}, an "
                f"amend or aggregate by {typed('message forget', after.item_hash)}.",
            )

    def check_aggregate(self, owner: str, key: str) -> None:
        """Refuse, as by :meth:`check_time`, to go on towards an aggregate whose last message is one of the future."""
        self.check_time(self._said_last({"address": owner, "key": key}))

    def _said_last(self, content: Mapping[str, Any]) -> Dated | None:
        """Return the newest that the owner has said under a key: of two the later counts, whichever came last."""
        said = self._client.messages(types=("AGGREGATE",), owners=(content["address"],), keys=(content["key"],))
        newest = max(said, key=lambda message: message.content_time, default=None)
        return newest and _Said(newest.item_hash, newest.content_time)

    def sign_for_later(self, type_: MessageType, content: Mapping[str, Any]) -> None:
        """Sign a message that is to be delivered after others, so that a run that is cut off between them is finished.

        Args:
            type_: Its type.
            content: Its content without ``time``; :meth:`deliver` takes the message up by it.
        """
        intent = intent_of(type_, self._channel, content)
        if self._taken_up(self.journal.find(intent, after=0.0)) is None:
            self._sign(type_, content, intent, None)

    def _taken_up(self, entry: Entry | None) -> Entry | None:
        """Return an entry of the journal if its message may be sent; another account's is for that account to finish.

        Raises:
            PlanError: It is not what an account signed under that intent: a repository can bring a journal, too.
        """
        if entry is None:
            return None
        check_genuine(entry, self.journal)
        return entry if entry.message.sender.lower() == self._account.address.lower() else None

    def discard_unsent(self) -> None:
        """Give up messages that were never taken by this node and that nothing wants any more."""
        for entry in self.journal.open:
            # What was meant for another node may be wanted there: it is left for the next deployment to it.
            if entry.node == self._node:
                self.journal.close(entry.message.item_hash, "dropped")

    def _sign(self, type_: MessageType, content: Mapping[str, Any], intent: str, after: Dated | None) -> Entry:
        now = self._clock()
        self.check_time(after)
        if type_ != "FORGET":  # of which the kinds of its targets are asked
            owner, key = content["address"], content.get("key")
            check_permitted(self._client, self._account, owner, (type_,), self._channel, key=key)
        from hatch_aleph.deploy.secrets import check_outgoing_message

        check_outgoing_message(type_, {"channel": self._channel, "content": content}, self._account)
        time = max(now, after.time + _TICK if after else 0.0, self._last + _TICK)
        self._last = time
        message = sign_message(self._account, type_, {**content, "time": time}, channel=self._channel, time=time)
        return self.journal.add(message, intent, self._node)

    def _send(self, entry: Entry, file: Path | None) -> None:
        message = entry.message
        self.journal.sending(message.item_hash, self._node)
        try:
            self._put(message, file)
        except RejectedError:
            # Refused at the door: no node keeps it, and the next run signs anew, by then perhaps with another key.
            self.journal.close(message.item_hash, "rejected")
            raise

    def _put(self, message: SignedMessage, file: Path | None) -> None:
        self.has_sent = True
        if file is None:
            self._observer.step("publish", type=message.type, item_hash=message.item_hash)
            self._client.publish(message)
            return
        size = file.stat().st_size
        self._observer.step("upload", file=file.name, size=size, item_hash=message.item_hash)
        self._client.upload(
            message, file, progress=lambda done: self._observer.progress("upload", min(done, size), size)
        )
        self._observer.done("upload", file=file.name, size=size)

    def _send_again(self, entry: Entry, file: Path | None) -> None:
        """Send what the node had taken and lost; its signature stays, so it is the same message."""
        self._observer.step("lost", type=entry.message.type, item_hash=entry.message.item_hash)
        self._put(entry.message, file)

    def _await_processed(self, entry: Entry, file: Path | None = None) -> SignedMessage:
        item_hash = entry.message.item_hash
        self._observer.step("wait", type=entry.message.type, item_hash=item_hash)
        try:
            self._client.wait(item_hash, deadline=self._patience, lost=lambda: self._send_again(entry, file))
        except RejectedError as error:
            status = self._client.status(item_hash)
            self.journal.close(item_hash, "rejected" if status and status.value == "rejected" else "forgotten")
            error.item_hash = item_hash
            raise
        self.journal.close(item_hash, "processed")
        self._observer.done("wait", type=entry.message.type, item_hash=item_hash)
        return entry.message


def check_genuine(entry: Entry, journal: Journal) -> None:
    """Refuse a message of a journal that its sender did not sign, or that says something else than the journal does.

    Raises:
        PlanError: It is such a message.
    """
    from hatch_aleph.network.signatures import is_signed

    message = entry.message
    said = entry.intent == intent_of(message.type, message.channel, message.content)
    if not said or not is_signed(message.chain, message.sender, message.type, message.item_hash, message.signature):
        raise PlanError(
            "The journal holds a message that nobody signed as it stands there",
            where=str(journal.file),
            hint=f"Another program changed it, or a repository brought it. Compare {typed('status')} with what you "
            "expect; then move the file away and run the command again.",
        )


def _date(seconds: float) -> str:
    """Return a day; a time may lie beyond what a calendar holds."""
    try:
        return f"{dt.datetime.fromtimestamp(seconds, dt.timezone.utc):%Y-%m-%d}"
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.0f} s"
