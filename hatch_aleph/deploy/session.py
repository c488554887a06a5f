"""What everything that changes a deployment begins with: one at a time, a true clock, and the last run seen through."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hatch_aleph.deploy.checks import check_clock
from hatch_aleph.deploy.journal import Journal
from hatch_aleph.deploy.lock import deployment_lock
from hatch_aleph.deploy.observer import Observer, Silent
from hatch_aleph.deploy.sender import PATIENCE, Sender

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hatch_aleph.deploy.target import Target
    from hatch_aleph.network.accounts import Account

DEFAULT_CHANNEL = "ALEPH-CLOUDSOLUTIONS"


@dataclass(frozen=True)
class Session:
    """An opened deployment.

    Attributes:
        sender: Delivers messages through the journal.
        journal: What is open.
        resumed: Messages of an earlier run that were seen through.
    """

    sender: Sender
    journal: Journal
    resumed: int


@dataclass(frozen=True)
class Opener:
    """Opens a target for changes.

    Attributes:
        target: Where.
        account: Who signs.
        folder: Where the journal lies, usually ``.aleph`` in the project.
        channel: Of the messages.
        observer: Is told of each step.
        clock: Seconds since 1970.
        patience: Seconds to wait for a message to be processed.
        journal: Opens the journal.
    """

    target: Target
    account: Account
    folder: Path
    channel: str = DEFAULT_CHANNEL
    observer: Observer = field(default_factory=Silent)
    clock: Callable[[], float] = time.time
    patience: float = PATIENCE
    journal: Callable[[Path, str, str], Journal] = Journal

    @contextlib.contextmanager
    def open(self) -> Iterator[Session]:
        """Hold the project's lock, check the clock, and see through what an earlier run sent.

        Raises:
            PlanError: Another deployment runs, the clock is wrong, or the journal cannot be kept.
            NetworkError: The node is out of reach, or a message of the earlier run is still pending.
        """
        with deployment_lock(self.folder):
            check_clock(self.target.client)
            journal = self.journal(self.folder, self.target.owner, self.target.tag)
            sender = Sender(
                self.target.client,
                self.account,
                journal,
                channel=self.channel,
                clock=self.clock,
                observer=self.observer,
                patience=self.patience,
            )
            yield Session(sender, journal, sender.reconcile())
