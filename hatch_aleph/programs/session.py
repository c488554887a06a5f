"""Who acts, where, and how messages leave: the same journal and rules as for deployments."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hatch_aleph.deploy.checks import check_clock
from hatch_aleph.deploy.forgetting import live_among
from hatch_aleph.deploy.journal import Journal
from hatch_aleph.deploy.lock import deployment_lock
from hatch_aleph.deploy.observer import Observer, Silent
from hatch_aleph.deploy.sender import PATIENCE, Sender
from hatch_aleph.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hatch_aleph.network.accounts import Account
    from hatch_aleph.network.client import NodeClient
    from hatch_aleph.network.messages import SignedMessage


@dataclass(frozen=True)
class Session:
    """What every command that changes something works with.

    Attributes:
        client: The node.
        account: Who signs.
        folder: Where journals lie.
        address: The owner and payer, when it is not the account's own address.
        notice: Is told in passing, a sentence each.
        observer: Is told of uploads and waiting.
        clock: Seconds since 1970.
        patience: Seconds to wait for a message to be processed.
    """

    client: NodeClient
    account: Account
    folder: Path
    address: str | None = None
    notice: Callable[[str], None] = lambda _text: None
    observer: Observer = field(default_factory=Silent)
    clock: Callable[[], float] = time.time
    patience: float = PATIENCE

    @property
    def owner(self) -> str:
        """The address that owns and pays what is published."""
        return self.address or self.account.address

    @contextlib.contextmanager
    def sending(self, purpose: str, channel: str, *, tidy: bool = True) -> Iterator[Sender]:
        """Give what sends messages for one purpose, one run at a time; a run that is cut off is taken up by the next.

        Args:
            purpose: Names the journal.
            channel: Of the messages.
            tidy: Drop at the end what an earlier run signed and nothing wants any more.

        Raises:
            PlanError: The clock is wrong, or another run has the same purpose.
        """
        journal = Journal(self.folder, self.owner, purpose)
        with deployment_lock(self.folder / "runs" / journal.file.stem):
            check_clock(self.client)
            sender = Sender(
                self.client,
                self.account,
                journal,
                channel=channel,
                clock=self.clock,
                observer=self.observer,
                patience=self.patience,
            )
            yield sender
            if tidy:
                sender.drop_leftovers()

    def finish(self, purpose: str) -> tuple[SignedMessage, ...]:
        """Forget what an earlier run for a purpose was about to forget when it was cut off; return the messages.

        Only FORGETs are finished: they are signed when all that comes before them is done. Anything else is taken up by
        whoever means to say the same again.

        Raises:
            RejectedError: The network refuses one.
        """
        journal = Journal(self.folder, self.owner, purpose)
        open_ = [entry.message for entry in journal.open if entry.message.type == "FORGET"]
        if not open_:
            return ()
        self.notice("Going on with what an earlier run left")
        delivered = []
        with self.sending(purpose, open_[0].channel, tidy=False) as sender:
            for message in open_:
                # Of targets that are gone the network would only say, after minutes, that it knows none.
                if self.client.status(message.item_hash) is not None or live_among(
                    self.client, message.content["hashes"]
                ):
                    content = {key: value for key, value in message.content.items() if key != "time"}
                    delivered.append(sender.deliver("FORGET", content))
        return tuple(delivered)


def require_owner(session: Session, owner: str, sender: str, item_hash: str) -> None:
    """Refuse to touch what the account neither owns nor published for its owner.

    Raises:
        PlanError: It is another's.
    """
    if session.account.address not in (owner, sender):
        raise PlanError(
            f"the program belongs to {owner}, not to {session.account.address}",
            where=item_hash,
            hint="Sign with its owner's key (`--private-key-file FILE`).",
        )
