"""What everything that publishes works in: one run at a time, a true clock, and the journal."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hatch_aleph.deploy.journal import Journal, file_name, unwritable
from hatch_aleph.deploy.outbox import PATIENCE, Outbox, check_genuine
from hatch_aleph.deploy.preflight import check_clock, check_permitted
from hatch_aleph.deploy.state import live_among
from hatch_aleph.errors import HealthError, NetworkError, PlanError
from hatch_aleph.files import make_own_folder
from hatch_aleph.network.urls import Hosts
from hatch_aleph.observer import Observer
from hatch_aleph.plugins import Publication
from hatch_aleph.settings.model import HealthCheck
from hatch_aleph.settings.program_message import value_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from hatch_aleph.deploy.health import Health
    from hatch_aleph.network.accounts import Account
    from hatch_aleph.network.client import NodeClient
    from hatch_aleph.network.executions import Execution
    from hatch_aleph.network.messages import SignedMessage

if sys.platform == "win32":
    import msvcrt

    # Windows locks are mandatory: a byte far behind the holder's name leaves the name readable.
    _FAR = 1 << 20

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextlib.contextmanager
def deployment_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder.

    Raises:
        PlanError: Another deployment holds it, or the folder cannot be written.
    """
    file = folder / "lock"
    try:
        make_own_folder(folder)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        if not _try_lock(descriptor):
            raise PlanError(
                f"Another command holds this journal ({_holder(descriptor)})",
                where=str(file),
                hint="Wait until it has ended; a lock left by a killed one frees itself. Other projects and "
                "profiles do not wait for it.",
            )
        with contextlib.suppress(OSError):  # on a full disk the holder stays unknown; the journal tells what to do
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, json.dumps({"pid": os.getpid()}).encode())
        yield
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        return f"process {json.loads(os.read(descriptor, 200))['pid']}"
    except (ValueError, KeyError, TypeError):
        return "process unknown"


_PUBLISHED = ("STORE", "PROGRAM")


@dataclass(frozen=True)
class Session:
    """What everything that publishes works in.

    Attributes:
        client: The node.
        account: Who signs.
        folder: Where journals lie: ``.aleph`` in a project, else the user's state folder.
        address: The owner and payer, when it is not the account's own address.
        notice: Receives remarks, a sentence each.
        observer: Receives uploads and waiting.
        clock: Seconds since 1970.
        patience: Seconds to wait for a message to be processed.
        journal: Opens a journal.
        host: URL of a host to use in place of the network's own.
        health: Asks what was published without a project; None leaves that out.
        check: What counts as its answer.
        smoke: Runs it here before it is published; raises. ``beside`` are checks that go on meanwhile: one that
            fails ends it.
        confirm: Is shown what is about to be done and forgotten; raises if it is not to be.
        announce: Is told what is about to be published; raises in a dry run.
        dry_run: Send nothing, not even what an earlier run left.
        project: Folder of the project, whose commit releases note.
    """

    client: NodeClient
    account: Account
    folder: Path
    address: str | None = None
    notice: Callable[[str], None] = lambda _text: None
    observer: Observer = field(default_factory=Observer)
    clock: Callable[[], float] = time.time
    patience: float = PATIENCE
    journal: Callable[[Path, str, str], Journal] = Journal
    host: str | None = None
    health: Health | None = None
    check: HealthCheck = field(default_factory=HealthCheck)
    smoke: Callable[..., None] | None = None
    confirm: Callable[[str], None] = lambda _text: None
    announce: Callable[[str], None] = lambda _text: None
    dry_run: bool = False
    project: Path | None = None

    @property
    def owner(self) -> str:
        """The address that owns and pays what is published."""
        return self.address or self.account.address

    @functools.cached_property
    def hosts(self) -> Hosts:
        """The hosts that run what is published."""
        return Hosts(self.client.nodes[0], self.host)

    @functools.cached_property
    def origin(self) -> Mapping[str, str]:
        """Where releases that are published now come from."""
        from hatch_aleph.origin import origin_of

        return origin_of(self.project, self.owner) if self.project else {}

    def publication(
        self, command: str, item_hash: str | None = None, content: Mapping[str, Any] | None = None
    ) -> Publication:
        """Return what plugins are told of a command that publishes in this session."""
        return Publication(command, self.owner, self.client.nodes[0], item_hash, content)

    def before_amend(self, item_hash: str, content: Mapping[str, Any]) -> Execution | None:
        """Return what a host runs before an amend, for ``await_answer``; None where no host tells, or nobody asks."""
        persistent = bool(value_at(content, "on.persistent"))
        return self.health.before_amend(self.hosts, item_hash, persistent=persistent) if self.health else None

    def await_answer(
        self,
        item_hash: str,
        content: Mapping[str, Any],
        code_ref: str | None = None,
        *,
        amended: bool = False,
        before: Execution | None = None,
    ) -> None:
        """Wait until a program answers that was published or amended, if this session asks.

        Args:
            item_hash: Of the program.
            content: Of its message.
            code_ref: Item hash of the STORE message whose code must run.
            amended: Whether its code has just been amended.
            before: What ran before that.

        Raises:
            HealthError: It does not.
        """
        if self.health is not None:
            persistent = bool(value_at(content, "on.persistent"))
            options: dict[str, Any] = {"amended": amended, "persistent": persistent, "before": before}
            try:
                self.health.confirm(self.hosts, item_hash, self.check, code_ref, **options, observer=self.observer)
            except HealthError as error:
                from hatch_aleph.deploy.program_log import explain

                explain(error, self.hosts, item_hash, self.account, persistent=persistent)
                raise

    @contextlib.contextmanager
    def deploying(self, tag: str, channel: str, types: Sequence[str] = _PUBLISHED) -> Iterator[Outbox]:
        """Hold the deployment's lock, check the clock, and await what an earlier run of the deployment sent.

        Args:
            tag: The deployment's.
            channel: Of the messages.
            types: Messages that the owner must have permitted.

        Raises:
            PlanError: Another deployment runs, the clock is wrong, or the journal cannot be kept.
            NetworkError: The node is out of reach, or a message of the earlier run is still pending.
        """
        with self._journal(tag) as journal:
            outbox = self._outbox(journal, channel)
            check_permitted(self.client, self.account, self.owner, types, channel)
            with self._telling_what_is_kept(outbox):
                outbox.reconcile()
                yield outbox

    @contextlib.contextmanager
    def sending(self, purpose: str, channel: str, *, tidy: bool = True) -> Iterator[Outbox]:
        """Give what sends messages for one purpose, one run at a time; a run that is cut off is taken up by the next.

        Args:
            purpose: Names the journal.
            channel: Of the messages.
            tidy: Drop at the end what an earlier run signed and nothing wants any more.

        Raises:
            PlanError: The clock is wrong, or another run has the same purpose.
        """
        with self._journal(purpose) as journal:
            outbox = self._outbox(journal, channel)
            with self._telling_what_is_kept(outbox):
                yield outbox
            if tidy:
                outbox.discard_unsent()

    @contextlib.contextmanager
    def _telling_what_is_kept(self, outbox: Outbox) -> Iterator[None]:
        """Say of a run that ends before its end, once it has sent something, how it goes on."""
        kept = "What was sent is kept in the journal: the same command goes on from there."
        try:
            yield
        except NetworkError as error:
            if (outbox.has_sent or outbox.resumed) and "goes on from" not in (error.hint or ""):
                error.hint = "\n".join(filter(None, (error.hint, kept)))
            raise
        except KeyboardInterrupt:
            if outbox.has_sent or outbox.resumed:
                self.notice(kept)
            raise

    @contextlib.contextmanager
    def _journal(self, purpose: str) -> Iterator[Journal]:
        """Open a journal and hold its lock: each has its own, so projects that share a folder do not wait."""
        with deployment_lock(self.folder / "runs" / file_name(self.owner, purpose).removesuffix(".json")):
            yield self.journal_of(purpose)

    def journal_of(self, purpose: str) -> Journal:
        """Open the journal of a purpose, to be read: what is written to it takes its lock."""
        return self.journal(self.folder, self.owner, purpose)

    def _outbox(self, journal: Journal, channel: str) -> Outbox:
        check_clock(self.client)
        return Outbox(
            self.client,
            self.account,
            journal,
            channel=channel,
            clock=self.clock,
            observer=self.observer,
            patience=self.patience,
            origin=lambda: self.origin,
        )

    def finish(self, purpose: str) -> tuple[SignedMessage, ...]:
        """Forget what an earlier run for a purpose was about to forget when it was cut off; return the messages.

        Only FORGETs are finished: they are signed when all that comes before them is done. Anything else is taken up by
        whoever means to say the same again.

        Raises:
            RejectedError: The network refuses one.
        """
        journal = self.journal_of(purpose)
        forgets = [entry for entry in journal.open if entry.message.type == "FORGET"]
        for entry in forgets:
            check_genuine(entry, journal)
        mine = self.account.address.lower()
        open_ = [entry.message for entry in forgets if entry.message.sender.lower() == mine]
        if not open_ or self.dry_run:
            return ()
        named = [item_hash for message in open_ for item_hash in message.content["hashes"]]
        self.confirm(f"Forget for ever what an earlier run was about to: {', '.join(named)}")
        delivered = []
        with self.sending(purpose, open_[0].channel, tidy=False) as outbox:
            for message in open_:
                # Of targets that are gone the network would only say, after minutes, that it knows none.
                if self.client.status(message.item_hash) is not None or live_among(
                    self.client, message.content["hashes"]
                ):
                    content = {key: value for key, value in message.content.items() if key != "time"}
                    delivered.append(outbox.deliver("FORGET", content))
        return tuple(delivered)


def require_owner(
    session: Session,
    owner: str,
    sender: str,
    item_hash: str,
    *,
    types: Sequence[str] = _PUBLISHED,
    channel: str | None = None,
) -> None:
    """Refuse to touch what the account neither owns nor published for its owner, unless it says for whom it acts.

    Args:
        session: Who signs, and for whom.
        owner: Whose it is.
        sender: Who published it.
        item_hash: What is to be touched.
        types: Messages that will be sent, which the owner must have permitted, also whoever published it once.
        channel: Of these messages.

    Raises:
        PlanError: It is another's, or its owner has not permitted that.
    """
    if session.account.address not in (owner, sender) and (session.address or "").lower() != owner.lower():
        raise PlanError(
            f"The program belongs to {owner}, not to {session.account.address}",
            where=item_hash,
            hint="Sign with its owner's key (`--private-key-file FILE`), or act for it: `--address OWNER`.",
        )
    check_permitted(session.client, session.account, owner, types, channel)
