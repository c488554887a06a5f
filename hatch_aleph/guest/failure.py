"""What went wrong in a program, as text for people and as a line of JSON for the tools that read its log.

A traceback is logged with the frames of the program's own code and of its packages; those of the adapter and of the
import system say nothing to its author. A line that begins with ``FAILURE_MARK`` follows, with the keys of ``Failure``.
"""

from __future__ import annotations

import ast
import json
import logging
import os
import re
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .configuration import code_root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, TracebackType

    Frames = list[tuple[FrameType, int]]

FAILURE_MARK = "aleph_entry: failure "

_logger = logging.getLogger("aleph_entry")
_CODE = code_root() + os.sep
_ADAPTER = str(Path(__file__).parent) + os.sep
_STANDARD = str(Path(os.__file__).parent) + os.sep


class Failure:
    """A failure and where it happened.

    Attributes:
        event: ``start``, ``shutdown``, ``message``, or a request: ``GET /path``.
        type: Class of the exception; ``Timeout`` for what hung.
        message: Its text; what ``sys.exit`` was given for ``SystemExit``.
        file: The last file of the program's own code that was running, relative to the code's folder; "" for none.
        line: Line in that file, from one; 0 for none.
        code: That line.
    """

    def __init__(self, event: str, kind: str, message: str, stack: list[traceback.FrameSummary]) -> None:
        own = [each for each in stack if _is_own(each.filename)]
        self.event, self.type, self.message = event, kind, message
        self.file, self.line, self.code = "", 0, ""
        if own:
            self.file, self.line, self.code = own[-1].filename[len(_CODE) :], own[-1].lineno or 0, own[-1].line or ""

    def __str__(self) -> str:
        """Give one line: what and where."""
        text = f"{self.type}: {self.message}" if self.message else self.type
        return f"{text} ({self.file}, line {self.line}: {self.code})" if self.file else text


def report(event: str, error: BaseException, place: traceback.FrameSummary | None = None) -> Failure:
    """Log what a program raised, or what was said of a line of it that did not raise."""
    failure = failure_of(event, error, place)
    _log(failure, "".join(traceback.format_exception(type(error), error, error.__traceback__)))
    return failure


def report_hanging(event: str, message: str, frames: Frames) -> Failure:
    """Log where a program hangs.

    Args:
        event: What it should have finished.
        message: Why that is a failure.
        frames: Its stack, oldest call first.
    """
    ours = [index for index, (frame, _) in enumerate(frames) if frame.f_code.co_filename.startswith(_ADAPTER)]
    below = frames[ours[0] :] if ours else frames  # what called the adapter is the init
    stack = traceback.StackSummary.extract(each for each in below if not _is_folded(each[0].f_code.co_filename))
    failure = Failure(event, "Timeout", message, stack)
    _log(failure, "".join(["Stack (most recent call last):\n", *stack.format(), f"Timeout: {message}"]))
    return failure


def definition_of(entrypoint: str) -> traceback.FrameSummary | None:
    """Return the line of a loaded module that binds what an entry point names; None where its source does not show it.

    It is the last one at the module's top that does, as far as Python's own order tells.
    """
    module, _, attribute = entrypoint.partition(":")
    wanted = re.match(r"\w*", attribute)[0]  # type: ignore[index]  # matches in any case
    filename = getattr(sys.modules.get(module), "__file__", None) or ""
    try:
        tree = ast.parse(Path(filename).read_bytes())
        lines = [node.lineno for top in tree.body for node in _within(top) if _binds(node, wanted)]
    except (OSError, SyntaxError, ValueError, RecursionError):  # no source, or a sum of a thousand terms
        return None
    return traceback.FrameSummary(filename, lines[-1], "") if lines else None


def _within(node: ast.AST) -> Iterator[Any]:
    yield node
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        for inner in ast.iter_child_nodes(node):
            yield from _within(inner)


def _binds(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Name):
        return node.id == name and isinstance(node.ctx, ast.Store)
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return name in [each.asname or each.name for each in node.names]
    return getattr(node, "name", None) == name and not isinstance(node, ast.alias)


def failure_of(event: str, error: BaseException, place: traceback.FrameSummary | None = None) -> Failure:
    """Describe what a program raised; its traceback loses the frames that do not tell its author anything."""
    _prune(error)
    while isinstance(inner := getattr(error, "exceptions", None), (tuple, list)) and inner:  # of a group: the first
        error = inner[0]
    stack = list(traceback.extract_tb(error.__traceback__))
    if isinstance(error, SyntaxError) and error.filename and error.lineno:  # its file never ran
        stack.append(traceback.FrameSummary(error.filename, error.lineno, "", line=(error.text or "").strip()))
    if place:
        stack.append(place)
    message = f"the program called sys.exit({error.code!r})" if isinstance(error, SystemExit) else str(error)
    return Failure(event, type(error).__name__, message, stack)


def hanging_frames(coroutine: Any, thread: int) -> Frames:
    """Give the stack of what a request waits for: a thread, or a coroutine and what it awaits.

    Coroutines that wait for a thread whose number nobody knows are shown with one that runs the program's own code.
    """
    frames = thread_frames(thread)
    while coroutine is not None and not thread:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is not None:
            frames.append((frame, frame.f_lineno))
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    if not any(_is_own(frame.f_code.co_filename) for frame, _ in frames):
        for each in sys._current_frames():  # noqa: SLF001 - documented for such uses
            others = thread_frames(each)
            if any(_is_own(frame.f_code.co_filename) for frame, _ in others):
                return frames + others
    return frames


def thread_frames(identifier: int) -> Frames:
    """Give the frames of a thread, oldest call first."""
    frame = sys._current_frames().get(identifier)  # noqa: SLF001 - documented for such uses
    return list(traceback.walk_stack(frame))[::-1] if frame is not None else []


def _log(failure: Failure, text: str) -> None:
    _logger.disabled = False  # a logging configuration of the app may have switched it off
    _logger.error("%s failed\n%s", failure.event, text.rstrip().replace(f'File "{_CODE}', 'File "'))
    print(FAILURE_MARK + json.dumps(vars(failure)), file=sys.__stderr__, flush=True)


def _is_own(filename: str) -> bool:
    return filename.startswith(_CODE) and not filename.startswith(_ADAPTER)


def _is_folded(filename: str) -> bool:
    return filename.startswith((_ADAPTER, "<frozen ", f"{_STANDARD}importlib", f"{_STANDARD}concurrent"))


def _prune(error: BaseException | None) -> None:
    """Take our frames and those of the import system out of a traceback and of those that led to it."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        error.__traceback__ = _pruned(error.__traceback__)
        error = error.__cause__ or error.__context__


def _pruned(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and _is_folded(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    if trace is not None:
        trace.tb_next = _pruned(trace.tb_next)
    return trace
