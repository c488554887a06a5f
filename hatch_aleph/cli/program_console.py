"""What a program that runs here prints and answers, for people; and why it does not start, told once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_aleph.cli.output import style
from hatch_aleph.deploy.program_log import BOOT, explanation, failure_in, keep_log
from hatch_aleph.guest.failure import FAILURE_MARK

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_aleph.cli.output import Output
    from hatch_aleph.local.host import Answer, Observer, StartError


class ProgramConsole:
    """Shows a program's lines, requests and failed starts.

    The adapter logs a failure for people and then as a line of JSON for tools; of a start the guest's init logs it once
    more, with frames of its own. People see the first, and of a failed start its place and what to do; with ``--json``
    every line passes.

    Args:
        output: Where to.
        then: What starts it again.
        log: Where the log of a start that fails is kept.
    """

    def __init__(self, output: Output, then: str, log: Path) -> None:
        self._output = output
        self._then = then
        self._log = log
        self._lines: list[str] = []  # since the machine booted
        self._told = False  # that it does not start: what follows says it again

    @property
    def observer(self) -> Observer:
        """What the local host tells."""
        from hatch_aleph.local.host import Observer

        return Observer(line=self._line, request=self._request, started=self._started, failed=self._failed)

    def _say(self, text: str) -> None:
        if not self._output.as_json:
            self._output.say(text, err=True, fold=False)

    def _line(self, text: str) -> None:
        self._output.event("log", line=text)
        if BOOT.match(text):
            self._lines, self._told = [], False
        self._lines.append(text)
        if FAILURE_MARK in text:
            failure = failure_in([text])
            self._told = failure is not None and failure.event == "start"
        elif not self._told:
            self._say(style("| ", dim=True) + text)

    def _request(self, method: str, target: str, answer: Answer) -> None:
        self._output.event("request", method=method, target=target, status=answer.status, seconds=answer.seconds)
        colour = "green" if answer.status < 400 else "red" if answer.status >= 500 else "yellow"  # noqa: PLR2004 - HTTP
        self._say(f"{style(str(answer.status), fg=colour)} {method} {target}  {answer.seconds * 1000:.1f} ms")
        if answer.detail and not self._told:
            self._say(f"    {answer.detail}")

    def _started(self, seconds: float) -> None:
        self._output.event("started", seconds=seconds)
        self._say(f"Started in {seconds:.2f} s")

    def _failed(self, error: StartError) -> None:
        from hatch_aleph.cli.smoke import remedy

        log = keep_log(self._log, self._lines)
        self._output.event("failed", message=str(error), cause=error.cause, log=log)
        why = explanation(self._lines if failure_in(self._lines) else error.cause.splitlines(), log)
        self._say(f"{style('It does not start.', fg='red')}{why}\n{remedy(error.message)}{self._then}")
        self._told = True
