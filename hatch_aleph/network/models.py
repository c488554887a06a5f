"""The network's own models judge contents, in a process beside this one where that is sooner.

Importing them takes longer than all the rest of a small command (110 of the 582 ms of a ``create``), most of which one
thread spends; a second core is idle meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from typing import IO, TYPE_CHECKING, Any

from hatch_aleph.squashfs.pool import in_background, processors

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

_MODELS = {
    "STORE": "StoreContent",
    "PROGRAM": "ProgramContent",
    "FORGET": "ForgetContent",
    "AGGREGATE": "AggregateContent",
}
# What this process imports from is what the other one does: the first line tells it, neither folder nor variable does.
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.readline()); "
    "from hatch_aleph.network.models import serve; serve(sys.stdin, sys.stdout)"
)

_beside: subprocess.Popen[str] | None = None
_asking = threading.Lock()


def begin() -> None:
    """Have the models at hand soon: for a command that will need them."""
    global _beside  # noqa: PLW0603 - one for this process
    if processors() == 1:
        in_background(_loaded)
        return
    with _asking:
        if _beside is not None:
            return
        import atexit
        import subprocess

        options = ("-I", "-S", *(("-B",) if sys.dont_write_bytecode else ()))
        with contextlib.suppress(OSError):  # then they are imported here
            _beside = subprocess.Popen(
                [sys.executable, *options, "-c", _START],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
            )
            atexit.register(_end, _beside)
            with contextlib.suppress(OSError):
                _told(_beside, sys.path)


def reasons_against(type_: str, content: Mapping[str, Any]) -> list[str]:
    """Return why the network would not understand a content; empty where it would."""
    global _beside  # noqa: PLW0603 - as above
    with _asking:
        if _beside is not None:
            try:
                _told(_beside, [type_, content])
                reasons: list[str] = json.loads(_beside.stdout.readline())  # type: ignore[union-attr] # a pipe
            except (OSError, ValueError, TypeError):  # it has ended, or this is no JSON: judged here
                _end(_beside)
                _beside = None
            else:
                return reasons
    return _judged(type_, content)


def serve(questions: IO[str], answers: IO[str]) -> None:
    """Judge a content a line, until there are no more."""
    import gc

    gc.disable()  # among what is imported there is no garbage; looking for it takes a tenth
    from pydantic import BaseModel

    BaseModel.model_config["defer_build"] = True  # of fifty models one or two are asked; nobody else is in this process
    _loaded()
    for line in questions:
        type_, content = json.loads(line)
        answers.write(json.dumps(_judged(type_, content)) + "\n")
        answers.flush()


def _told(process: subprocess.Popen[str], what: Any) -> None:
    line = json.dumps(what)
    process.stdin.write(line + "\n")  # type: ignore[union-attr] # a pipe
    process.stdin.flush()  # type: ignore[union-attr]


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            pipe.close()  # type: ignore[union-attr]


def _loaded() -> Any:
    from aleph_message import models

    return models


def _judged(type_: str, content: Mapping[str, Any]) -> list[str]:
    from pydantic import ValidationError

    try:
        getattr(_loaded(), _MODELS[type_]).model_validate(dict(content))
    except ValidationError as error:
        return [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
    return []
