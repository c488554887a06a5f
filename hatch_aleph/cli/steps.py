"""Tell a deployment's steps: a bar on a terminal, plain lines in a pipe, JSON events for machines."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_aleph.cli.output import Output

# Shortest time between two JSON events of one upload, in seconds.
_EVENT_SECONDS = 1.0


class Steps:
    """The observer of a deployment that tells people or machines.

    Args:
        output: Where to.
        monotonic: Clock for rates.
    """

    def __init__(self, output: Output, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._output = output
        self._monotonic = monotonic
        self._bar = contextlib.ExitStack()
        self._advance: Callable[[int], None] | None = None
        self._counted = 0
        self._began = 0.0
        self._told = 0.0

    def close(self) -> None:
        """Take away a bar that an error has left."""
        self._bar.close()

    def step(self, name: str, **facts: object) -> None:
        """Tell that a step begins."""
        self._output.event("step", step=name, **facts)
        if not self._output.as_json:
            text = _TEXTS.get(name, name)
            self._output.notice(text.format(**{key: _short(value) for key, value in facts.items()}))
        if name == "upload":
            self._began, self._told, self._counted, self._advance = self._monotonic(), 0.0, 0, None

    def progress(self, name: str, done: int, total: int) -> None:
        """Tell how many bytes went up: a bar on a terminal, an event a second for machines."""
        now = self._monotonic()
        if self._output.as_json:
            if now - self._told >= _EVENT_SECONDS or done == total:
                self._told = now
                rate = round(done / max(now - self._began, 1e-3))
                self._output.event("progress", step=name, bytes=done, total=total, bytes_per_second=rate)
            return
        if not sys.stderr.isatty():
            return
        if self._advance is None or done < self._counted:
            # A retry reads the file from its start: so does the bar.
            self._bar.close()
            self._advance, self._counted = self._bar.enter_context(self._output.progress(name, total)), 0
        self._advance(done - self._counted)
        self._counted = done

    def done(self, name: str, **facts: object) -> None:
        """Tell that a step has ended."""
        if name == "upload":
            self._bar.close()
            seconds = max(self._monotonic() - self._began, 1e-3)
            size = int(str(facts.get("size", 0)))
            facts = {**facts, "seconds": round(seconds, 3), "bytes_per_second": round(size / seconds)}
            if not self._output.as_json:
                self._output.notice(f"  {size / 1e6:.1f} MB in {seconds:.1f} s, {size / 1e6 / seconds:.1f} MB/s")
        if name == "health" and not self._output.as_json:
            self._output.notice(_answered(int(str(facts["status"]))))
        self._output.event("done", step=name, **facts)


_TEXTS = {
    "resume": "Going on with {type} {item_hash} of an earlier run",
    "scan": "Looking for secrets",
    "smoke": "Smoke-testing locally",
    "upload": "Uploading {file}",
    "publish": "Publishing {type} {item_hash}",
    "wait": "Waiting until {type} {item_hash} is processed",
    "lost": "The node has lost {type} {item_hash}, which it had taken: sending it again",
    "stop": "Waiting until the host has stopped the previous code (up to {seconds} s): a question before that would "
    "break the update",
    "end": "Waiting until no host runs {item_hash} any more",
    "schedule": "Waiting until the scheduler has started {item_hash}",
    "health": "Waiting for an answer of {url}",
    "drain": "The domains lead to {item_hash} now: the superseded program goes on for {seconds} s",
    "forget": "Forgetting what is superseded",
}


def _answered(status: int) -> str:
    warning = "" if status < 400 else " (Warning: name the path and status of a healthy program in [tool.aleph.health])"  # noqa: PLR2004 - HTTP
    return f"The program answers {status}{warning}"


def _short(value: object) -> str:
    text = str(value)
    # An item hash tells itself by its beginning; an address of the web does not.
    return f"{text[:10]}…" if len(text) == 64 and text.isalnum() else text  # noqa: PLR2004 - hex digits of sha256
