"""What the log of a program says: its starts, apart from the kernel's lines, why it failed; and where it is read."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hatch_aleph.commands import typed
from hatch_aleph.deploy.health import FAILED_START, listing_host
from hatch_aleph.deploy.state import find_program
from hatch_aleph.errors import HatchAlephError, HealthError, UsageError
from hatch_aleph.guest.entrypoint import START_MARK
from hatch_aleph.guest.failure import FAILURE_MARK
from hatch_aleph.network.hosts import HostClient

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from hatch_aleph.network.accounts import Account
    from hatch_aleph.network.client import NodeClient
    from hatch_aleph.network.hosts import LogLine
    from hatch_aleph.network.urls import Hosts

# A machine that boots: the kernel's first line, or that of the local host.
BOOT = re.compile(r"\[\s*0\.0+\] Linux version|local host: started at ")
# A process that ended by itself: as the local host tells it, and as the kernel does, whose first process is the init.
_ENDED = re.compile(
    r"local host: (?P<told>its process ended .*)|(?:\[[ .\d]+\] )?Kernel panic - not syncing: Attempted to kill init! "
    r"exitcode=0x(?P<status>[\da-f]+)"
)
_SHOWN = 20  # lines
_OF_ITS_OWN = "ExecutableFailed"  # only what the process wrote tells why it ended
# A reason of ``health`` that holds what a host says of a failed start.
_FAILED_START = re.compile(
    rf": 500: {FAILED_START}: (?P<what>.+?)(?: \((?P<file>[^()]+), line (?P<line>\d+)(?:: (?P<code>.*))?\))?", re.DOTALL
)


@dataclass(frozen=True)
class ProgramFailure:
    """A failure as the adapter describes it in the log; see :class:`hatch_aleph.guest.failure.Failure`."""

    event: str
    type: str
    message: str
    file: str = ""
    line: int = 0
    code: str = ""

    def __str__(self) -> str:
        """Give what happened, and where in the user's file."""
        what = f"{self.type}: {self.message}" if self.message else self.type
        when = "while it starts" if self.event == "start" else f"in {self.event}"
        lines = [f"{what} ({when})"]
        if self.file:
            lines.append(f"  {self.file}, line {self.line}" + (f":  {self.code}" if self.code else ""))
        return "\n".join(lines)


def failure_in(lines: Sequence[str]) -> ProgramFailure | None:
    """Return the last failure that a log tells, or None.

    The program writes its log itself, so anything may stand there: what is no description of a failure is passed over.
    """
    for line in reversed(lines):
        _, mark, text = line.partition(FAILURE_MARK)
        if not mark:
            continue
        try:
            data: dict[str, Any] = json.loads(text)
            texts = {name: str(data[name]) for name in ("event", "type", "message", "file", "code")}
            return ProgramFailure(**texts, line=int(data["line"]))
        except (ValueError, KeyError, TypeError):
            continue
    return None


def explanation(lines: Sequence[str], where: str) -> str:
    """Return the reason that a log gives, to stand below an error; the log's last lines when it gives none.

    Args:
        lines: The log.
        where: Tells where the whole log is; "" where nobody keeps it.
    """
    lines = _of_last_start(lines)
    failure = failure_in(lines)
    told = str(failure).splitlines() if failure else lines[-_SHOWN:]
    if failure and failure.type == _OF_ITS_OWN:
        before = itertools.takewhile(lambda line: _OF_ITS_OWN not in line, lines)  # the adapter's own words come last
        told = [*list(before)[-_SHOWN:], *told]
    return _block(told, where)


def _of_last_start(lines: Sequence[str]) -> Sequence[str]:
    """Return what was printed since the program began last; all of it where no adapter marks that."""
    begins = [number for number, line in enumerate(lines) if START_MARK in line]
    return lines[begins[-1] + 1 :] if begins else lines


def explained(reason: str, where: str) -> str:
    """Return why a program is not healthy; what its host says of a failed start stands below, as a log's reason does.

    Args:
        reason: As :class:`hatch_aleph.deploy.health.Health` gives it.
        where: Tells where the whole log is; "" where nobody keeps it.
    """
    what, mark, _ = reason.partition(f": 500: {FAILED_START}: ")
    found = _FAILED_START.fullmatch(reason, len(what)) if mark else None
    if found is None:
        return reason + _block([], where)
    failure = ProgramFailure(
        "start", found["what"], "", found["file"] or "", int(found["line"] or 0), found["code"] or ""
    )
    return what + _block(str(failure).splitlines(), where)


def keep_log(file: Path, lines: Sequence[str]) -> str:
    """Keep the log of a program that failed on this machine, and return where; "" when it cannot be kept."""
    from hatch_aleph.files import write_atomic

    try:
        write_atomic(file, "".join(f"{line}\n" for line in lines), mode=0o600)
    except OSError:  # the failure itself is what matters
        return ""
    return str(file.absolute())


def _block(told: Sequence[str], where: str) -> str:
    return "".join(f"\n  {line}" for line in [*told, *([f"The whole log: {where}"] if where else [])])


def explain(error: HealthError, hosts: Hosts, item_hash: str, account: Account, *, persistent: bool) -> None:
    """Put below an error why its log says that the program fails; what a host's answer says of that is not told twice.

    Args:
        error: Whose message grows by it.
        hosts: Where it may run.
        item_hash: Of the program.
        account: Whom the host shows its log.
        persistent: Whether the scheduler runs it.
    """
    told = reason_in_log(hosts, item_hash, account, persistent=persistent)
    what, _, said = error.message.partition(f": 500: {FAILED_START}: ")
    if said.partition(" (")[0] in told:
        error.message = what
    error.message += told


def reason_in_log(hosts: Hosts, item_hash: str, account: Account, *, persistent: bool) -> str:
    """Return why a program fails as its log tells it, to stand below an error; "" where no one host is known.

    The host of a persistent program is the one that the scheduler tells.
    """
    host = listing_host(hosts, item_hash, persistent=persistent)
    if host is None:
        return ""
    try:
        lines = HostClient(host).logs(item_hash, account)
    except HatchAlephError:
        return ""
    return explanation([line.text for line in lines], typed("logs", item_hash)) if lines else ""


@dataclass
class Start:
    """One start of a program.

    Attributes:
        time: When, as the host writes it.
        entrypoint: What was started.
        lines: What was printed from then on, until the machine booted again.
    """

    time: str
    entrypoint: str
    lines: list[LogLine] = field(default_factory=list)

    @property
    def failure(self) -> str:
        """Why it failed, or what ended its process, in a line; "" where nothing tells. No failed request ends it."""
        failure = failure_in([line.text for line in self.lines])
        if failure and failure.event == "start":
            return str(failure).splitlines()[0]
        return next((_end(found) for line in self.lines[::-1] if (found := _ENDED.match(line.text))), "")


def _end(found: re.Match[str]) -> str:
    if found["told"]:
        return found["told"]
    status = int(found["status"], 16)  # as wait(2) gives it
    return f"its process ended ({f'signal {status & 0x7F}' if status & 0x7F else f'exit code {status >> 8 & 0xFF}'})"


def starts_in(lines: Iterable[LogLine]) -> list[Start]:
    """Return the program's part of a host's log, start by start.

    A host's log is the machine's whole console: the kernel's lines, the mounts', the init's and the program's, of all
    starts. The adapter marks where the program begins; a program without it has no start here.
    """
    starts: list[Start] = []
    inside = False
    for line in lines:
        _, mark, entrypoint = line.text.partition(START_MARK)
        if mark:
            starts.append(Start(line.time, entrypoint))
            inside = True
        elif BOOT.match(line.text):
            inside = False
        elif inside:
            starts[-1].lines.append(line)
    return starts


def lines_without_a_start(lines: Iterable[LogLine]) -> int:
    """Return how many lines a machine has printed that booted last and in which the program has not begun.

    It boots just now, it came to nothing, or the program itself has printed what a kernel prints first.
    """
    count: int | None = None
    for line in lines:
        if START_MARK in line.text:
            count = None
        elif BOOT.match(line.text):
            count = 1
        elif count is not None:
            count += 1
    return count or 0


def read_logs(client: NodeClient, account: Account, item_hash: str, hosts: Hosts) -> tuple[LogLine, ...]:
    """Return what a program has printed on the one host that runs it; errors are those of the two that are asked."""
    return HostClient(host_of(client, item_hash, hosts)).logs(item_hash, account)


def host_of(client: NodeClient, item_hash: str, hosts: Hosts) -> str:
    """Return the one host that runs a program: one that is named or beside the node, or that the scheduler chose.

    Raises:
        UsageError: Any host may run it, so one must be named.
    """
    if hosts.known:
        return hosts.known
    persistent = bool(dict(find_program(client, item_hash).content.get("on") or {}).get("persistent"))
    host = hosts.allocation(item_hash).host if persistent else None
    if host is None:
        why = (
            "the scheduler has no host for it" if persistent else "a program on demand runs on whichever host is called"
        )
        raise UsageError(f"Which host? {why}", hint="Name it: --domain URL")
    return host
