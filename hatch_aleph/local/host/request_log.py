"""What programs were asked lately, and why starts failed: for whoever watches them on this machine."""

from __future__ import annotations

import re
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from hatch_aleph.settings.entry_points import START_FAILED
from hatch_aleph.text import printable

if TYPE_CHECKING:
    from hatch_aleph.local.host.console import Console
    from hatch_aleph.local.host.spec import Answer

_KEPT = 500  # requests of one program
_PROGRAMS = 200
_SERVER_ERROR = 500
# The last line of a traceback.
_EXCEPTION = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Warning|Group)\b.*")


@dataclass(frozen=True)
class Exchange:
    """One request and its answer.

    Attributes:
        at: When it was answered, in seconds since 1970.
        seconds: How long that took, the start of the program not counted.
        exception: What the program raised or why the host answered in its place; "" for nothing.
    """

    at: float
    method: str
    target: str
    status: int
    seconds: float
    exception: str


@dataclass
class Asked:
    """What one program was asked since this host runs."""

    exchanges: deque[Exchange] = field(default_factory=lambda: deque(maxlen=_KEPT))
    count: int = 0
    failed: int = 0
    trouble: str = ""


class RequestLog:
    """Requests by program; bounded."""

    def __init__(self) -> None:
        self.programs: dict[str, Asked] = {}

    def of(self, item_hash: str) -> Asked:
        """Return what a program was asked."""
        return self.programs.get(item_hash) or Asked()

    def note(
        self,
        item_hash: str,
        method: str,
        target: str,
        answer: Answer,
        *,
        console: Console | None = None,
        trouble: bool = False,
    ) -> None:
        """Note an answer, of a failing program with its exception; of the host itself where there is ``trouble``."""
        asked = self.programs.pop(item_hash, None) or Asked()
        self.programs[item_hash] = asked
        while len(self.programs) > _PROGRAMS:
            del self.programs[next(iter(self.programs))]
        exception = ""
        if trouble or answer.status >= _SERVER_ERROR:
            asked.failed += 1
            said = answer.body.decode("utf-8", "replace") if trouble else ""
            exception = _last_line(answer.detail or said) or _raised(console, time.time() - answer.seconds)
        asked.count += 1
        asked.trouble = exception if trouble else ""
        asked.exchanges.append(Exchange(time.time(), method, target, answer.status, answer.seconds, exception))

    def to_json(self, item_hash: str) -> list[dict[str, Any]]:
        """Return the requests of a program, the newest first."""
        return [asdict(each) for each in reversed(self.of(item_hash).exchanges)]


def _last_line(text: str) -> str:
    """Return what a traceback comes to, without the name of our own error around the program's."""
    line = (text.strip().splitlines() or [""])[-1].strip()
    return printable(line.removeprefix(START_FAILED))


def _raised(console: Console | None, since: float) -> str:
    """Return the last exception that was printed while a request was answered."""
    for line in reversed(console.lines if console else ()):
        if line.at < since - 0.05:  # the console is read a little later than the answer
            break
        if _EXCEPTION.fullmatch(line.text.strip()):
            return printable(line.text.strip())
    return ""
