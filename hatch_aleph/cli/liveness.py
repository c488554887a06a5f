"""Whether programs answer, asked once each, for lists that are asked to look."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_aleph.deploy.state import Program
    from hatch_aleph.network.urls import Hosts
    from hatch_aleph.settings import HealthCheck

_AT_ONCE = 8
_SECONDS = 20.0  # a cold start included


@dataclass(frozen=True)
class Answer:
    """What a program answered: its status and seconds, else why it is not healthy."""

    status: int | None
    seconds: float = 0.0
    reason: str = ""

    @property
    def short(self) -> str:
        """The answer in a few words."""
        from hatch_aleph.deploy.health import FAILED_START

        if self.status is not None:
            return f"answers {self.status} in {self.time}"
        if FAILED_START in self.reason:
            return "does not start"
        return self.reason.removeprefix("it ").partition(" (")[0].partition(": ")[0]

    def failure(self, log: str) -> str:
        """Return why it is not well: what, where in its code, and where the whole log is."""
        from hatch_aleph.deploy.program_log import explained

        return explained(self.reason, log)

    @property
    def time(self) -> str:
        """How long it took."""
        return f"{self.seconds * 1000:.0f} ms"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {"answered": self.status, "answer_seconds": self.seconds, "trouble": self.reason or None}


def answer_of(hosts: Hosts, program: Program, check: HealthCheck) -> Answer:
    """Ask one program."""
    from hatch_aleph.deploy.health import Health, Healthy

    said = Health().once(hosts, program.item_hash, check, persistent=program.persistent)
    return Answer(said.status, said.seconds) if isinstance(said, Healthy) else Answer(None, reason=said)


def answers_of(hosts: Hosts, programs: Sequence[Program]) -> dict[str, Answer]:
    """Ask several programs at once, each for its root; return the answers by item hash."""
    from hatch_aleph.settings import HealthCheck

    check = HealthCheck(timeout_seconds=_SECONDS)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = pool.map(lambda program: answer_of(hosts, program, check), programs)
        return {program.item_hash: answer for program, answer in zip(programs, answers, strict=True)}
