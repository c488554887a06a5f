"""Tell the steps of builds and deployments: the last line of a terminal, plain lines in a pipe, JSON events."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hatch_aleph.observer import BUILD_STEPS, MIB, UNCHANGED, Observer, filled, seconds_text, size_text
from hatch_aleph.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_aleph.cli.output import Output

# Shortest time between two JSON events of one step, and how far back a rate looks, in seconds.
_EVENT_SECONDS = 1.0
_WINDOW = 5.0
_SHORTEST = 0.05  # of a phase that is worth a line in the report
_TOLD = 0.1  # of one that is named where a deployment's time is added up
_LONG = 1.0  # a step that says nothing of itself is worth a line from here on
_LONGEST = 48  # columns of what is waited for
_HEARD = 46  # columns that are left to its time and to what it has answered last
_BYTES = ("upload", "fetch")

# The steps of a deployment, like those of a build; these end each other, while steps of a build may run at once.
_DEPLOY = {
    "resume": ("Going on with {type} {item_hash} of an earlier run", None),
    "scan": ("Looking for secrets", None),
    "smoke": ("Smoke-testing locally", "Smoke-tested locally in {time}"),
    "upload": ("Uploading {file}", "Uploaded {file}, {size} in {time}, {rate}"),
    "publish": ("Publishing {type} {item_hash}", None),
    "wait": ("Waiting until {type} {item_hash} is processed", None),
    "lost": ("The node has lost {type} {item_hash}, which it had taken: sending it again", None),
    "stop": (
        "Waiting until the host has stopped the previous code ({seconds} s, or as a request lasts): asking breaks it",
        "The host has stopped the previous code after {time}",
    ),
    "unseen": ("Waiting {seconds} s for its stop, as no host that is known here tells of it: asking breaks it", None),
    "end": ("Waiting until no host runs {item_hash} any more", "No host runs it any more after {time}"),
    "schedule": ("Waiting until the scheduler has started {item_hash}", "The scheduler has started it after {time}"),
    "health": ("Waiting for an answer of {url}", "The program answers {status} after {time}"),
    "drain": ("The domains lead to {item_hash} now: the superseded program goes on for {seconds} s", None),
    "forget": ("Forgetting what is superseded", None),
}
_TOLD_AT_ONCE = ("resume", "lost")
# What the steps are called where a deployment's time is added up.
_SHARES = {
    "build": "build", "scan": "secret scan",
    "smoke": "smoke test", "upload": "upload", "wait": "processing", "stop": "stop of the old code",
    "unseen": "stop of the old code", "schedule": "start", "health": "first answer",
}  # fmt: skip


@dataclass
class _Running:
    """A step that goes on."""

    began: float
    text: str
    facts: dict[str, object]
    done: int = 0
    total: int = 0
    heard: str = ""
    told: float = 0.0
    marks: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=1000))


class Steps(Observer):
    """The observer that tells people or machines.

    Attributes:
        spent: Seconds by kind of step, in the order in which they were first met.
        phases: What has ended, when it began on this clock, and its seconds, in the order in which they ended.
        began: On this clock.

    Args:
        output: Where to.
        monotonic: Clock for times and rates.
        in_project: Whether there is a table of settings that can say what a healthy program answers.
    """

    def __init__(
        self,
        output: Output,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        in_project: Callable[[], object] = lambda: True,
    ) -> None:
        self.spent: dict[str, float] = {}
        self.phases: list[tuple[str, float, float]] = []
        self.began = monotonic()
        self._output = output
        self._monotonic = monotonic
        self._in_project = in_project
        self._lock = threading.RLock()
        self._running: dict[str, _Running] = {}
        self._ended_last = monotonic()
        output.unfinished = self.unfinished_upload

    def keep(self, folder: Path, owner: str, tag: str, item_hash: str) -> None:
        """Keep when each phase of a deployment began and how long it took, for `report`.

        A full disk costs no more than that.
        """
        from hatch_aleph.report.timeline import Phase, Timeline, keep_timeline

        began = min((began for _, began, _ in self.phases), default=self.began)
        phases = sorted(
            (Phase(name, at - began, seconds) for name, at, seconds in self.phases), key=lambda each: each.start
        )
        moment_of_begin = time.time() - (self._monotonic() - began)
        try:
            keep_timeline(folder, owner, tag, Timeline(moment_of_begin, tuple(phases), item_hash))
        except OSError as error:
            self._output.notice(f"The timeline for the report cannot be kept: {error.strerror or error}")

    def step(self, name: str, **facts: object) -> None:
        """Tell that a step begins."""
        with self._lock:
            if name in _DEPLOY:
                for other in [each for each in self._running if each in _DEPLOY]:
                    self._end(other, {})
            text = _filled((BUILD_STEPS.get(name) or _DEPLOY.get(name) or (name, None))[0], facts)
            self._running.setdefault(name, _Running(self._monotonic(), text, dict(facts)))
            self._output.activity = self._activity
        self._output.event("step", step=name, **facts)
        if not self._output.as_json and name in _DEPLOY and (name in _TOLD_AT_ONCE or not self._output.is_live):
            self._output.notice(text)

    def progress(self, name: str, done: int, total: int) -> None:
        """Tell how far a step is: a bar on a terminal, an event a second for machines."""
        now = self._monotonic()
        with self._lock:
            step = self._running.get(name)
            if step is None:
                return
            if done < step.done:  # a retry reads the file from its start: so does the bar
                step.marks.clear()
            step.done, step.total = done, total
            step.marks.append((now, done))
            due = now - step.told >= _EVENT_SECONDS or done == total
            if due:
                step.told = now
            rate = _rate(step, now)
        if due and self._output.as_json:
            unit = "bytes" if name in _BYTES else "count"
            more = {"bytes_per_second": round(rate)} if name in _BYTES else {}
            self._output.event("progress", step=name, **{unit: done}, total=total, **more)

    def heard(self, name: str, text: str) -> None:
        """Tell what a step that waits has seen last."""
        with self._lock:
            step = self._running.get(name)
            if step is None or step.heard == text:
                return
            step.heard = printable(text)
        self._output.event("heard", step=name, text=text)
        if not self._output.as_json and not self._output.is_live:
            self._output.notice(f"  {printable(text)}")

    def done(self, name: str, **facts: object) -> None:
        """Tell that a step has ended."""
        with self._lock:
            seconds = self._end(name, facts)
        self._output.event("done", step=name, **{**facts, "seconds": round(seconds, 3)})

    def unfinished_upload(self) -> str | None:
        """Return what was being sent, and how far it was, for whoever stops it."""
        step = self._running.get("upload")
        if step is None or not step.total:
            return None
        share = f"{step.done / step.total:.0%} of {step.total / MIB:.1f} MiB"
        return f"{step.facts.get('file')} had gone up to {share}: the next run sends all of it again."

    def spent_text(self) -> str:
        """Return where the time went, the longest first."""
        told = sorted(((each, label) for label, each in self.spent.items() if each >= _TOLD), reverse=True)
        return ", ".join(f"{label} {seconds_text(seconds)}" for seconds, label in told)

    def _end(self, name: str, facts: dict[str, object]) -> float:
        step = self._running.pop(name, None)
        if step is None:
            return 0.0
        self._ended_last = self._monotonic()
        seconds = self._ended_last - step.began
        if name in _SHARES:
            self.spent[_SHARES[name]] = self.spent.get(_SHARES[name], 0.0) + seconds
        if seconds >= _SHORTEST:
            file = f" of {step.facts['file']}" if "file" in step.facts else ""
            self.phases.append((_SHARES.get(name, name) + file, step.began, seconds))
        text = self._ended(name, step, facts, seconds)
        if text and not self._output.as_json:
            self._output.notice(text)
        return seconds

    def _ended(self, name: str, step: _Running, facts: dict[str, object], seconds: float) -> str | None:
        over = (BUILD_STEPS.get(name) or _DEPLOY.get(name) or (name, None))[1]
        if name == "build" and facts.get("unchanged"):
            over = UNCHANGED
        # Of a step that the next one has ended nothing is known: it may have failed.
        if over is None or (name in ("health", "upload") and not facts):
            is_told = seconds >= _LONG and self._output.is_live
            return f"{step.text}: {seconds_text(seconds)}" if is_told else None
        known = {**step.facts, **facts, "time": seconds_text(seconds)}
        if isinstance(known.get("size"), int):
            size = int(str(known["size"]))
            known |= {"size": size_text(size), "rate": f"{size / MIB / max(seconds, 1e-3):.1f} MiB/s"}
        text = _filled(over, known)
        status = facts.get("status")
        # From 500 on it counts as healthy only as said: `health = false` or that very status.
        if name == "health" and isinstance(status, int) and 400 <= status < 500:  # noqa: PLR2004 - HTTP
            text += (
                " (Warning: name the path and status of a healthy program in [tool.aleph.health])"
                if self._in_project()
                else " (Warning: ask a path that it serves, to see more than that it runs)"
            )
        return text

    def _activity(self) -> str:
        with self._lock:
            now = self._monotonic()
            shown = [name for name in self._running if name != "build"] or list(self._running)
            if not shown:
                return f"Working {seconds_text(now - self._ended_last)}"
            return " · ".join(self._shown(name, self._running[name], now) for name in shown)

    def _shown(self, name: str, step: _Running, now: float) -> str:
        from hatch_aleph.cli.live import bar, cut
        from hatch_aleph.cli.tables import terminal_width

        elapsed = seconds_text(now - step.began)
        if not step.total:  # an address may be long, and what comes after it is what moves
            if not step.heard:
                return f"{cut(step.text, _LONGEST)} {elapsed}"
            longest = min(_LONGEST, max(terminal_width() - _HEARD, 0))
            return f"{cut(step.text, max(longest, 12))} {elapsed}, last: {step.heard}"
        share = step.done / step.total
        far = f"{share:.0%} {elapsed}"
        if name in _BYTES:
            far = f"{step.done / MIB:.1f} of {step.total / MIB:.1f} MiB"
            if name == "fetch":  # known file by file, so a rate would jump
                far += f" {elapsed}"
            else:
                rate = _rate(step, now)
                left = f", {seconds_text((step.total - step.done) / rate)} left" if rate and share < 1 else ""
                far = f"{share:.0%} {far}, {rate / MIB:.1f} MiB/s{left}"
        # Where room is scarce the name gives way, then the bar: how far it is comes last, and would be cut.
        room = terminal_width() - len(far) - 7
        width = max(min(20, room - len(step.text)), min(room // 3, 10), 2)
        return f"{cut(step.text, max(room - width, 3))} {bar(share, width)} {far}"


def _rate(step: _Running, now: float) -> float:
    """Return bytes a second of the last five seconds: a mean of all would hide that it stands still."""
    recent = [(at, done) for at, done in step.marks if now - at <= _WINDOW]
    if now - step.began > _WINDOW and len(recent) <= 1:
        return 0.0
    first_at, first = recent[0] if len(recent) < len(step.marks) else (step.began, 0)
    return (step.done - first) / max(now - first_at, 1e-3)


def _filled(text: str, facts: dict[str, object]) -> str:
    return filled(text, {key: _short(value) for key, value in facts.items()})


def _short(value: object) -> str:
    text = str(value)
    # An item hash tells itself by its beginning; an address of the web does not.
    return f"{text[:10]}…" if len(text) == 64 and text.isalnum() else text  # noqa: PLR2004 - hex digits of sha256
