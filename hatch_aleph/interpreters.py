"""Finds CPython interpreters of a runtime's minor version on this machine.

Whoever builds, the same interpreter is found: the newest of all that are here, never the one that happens to run this
tool. So bytecode is the same whatever Python the build tool itself lives in.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_aleph.environment import variables
from hatch_aleph.files import stamp, write_atomic
from hatch_aleph.shapes import ANYTHING, OTHERS, TEXT, misfit
from hatch_aleph.uv import Uv, pythons_folder

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Iterator, Mapping

_MEMORY = {OTHERS: {"path": TEXT, "version": TEXT, "base": TEXT, "key": ANYTHING, "stamp": ANYTHING}}
_ASK = """
import sys
print(sys.implementation.name, '%d.%d.%d' % sys.version_info[:3], sys.version_info[3])
print(sys.executable)
print(getattr(sys, "_base_executable", sys.executable))
"""


@dataclass(frozen=True)
class Interpreter:
    """A CPython of this machine.

    Attributes:
        path: Its executable; never a shim, whose answer depends on where and when it is asked.
        version: Its full version, ``3.11.7``.
        base: The executable that it is made of, which differs in a virtual environment; None when it does not tell.
    """

    path: Path
    version: str
    base: Path | None = None

    @property
    def identity(self) -> list[Any]:
        """What changes, on this machine, whenever the interpreter may have changed."""
        return [self.version, str(self.path), stamp(self.path.resolve())]


def find(minor: str, *, memory: Path | None = None, environ: Mapping[str, str] = os.environ) -> Interpreter | None:
    """Return the newest CPython of a minor version, or None when there is none.

    Args:
        minor: Such as "3.11".
        memory: A file that remembers what was found: asking every interpreter again takes longer than many a build.
        environ: Where PATH, HOME and PYENV_ROOT are read.
    """
    key = _surroundings(environ)
    remembered = _recall(memory, minor, key)
    if remembered is not None:
        return remembered
    candidates = list(dict.fromkeys(_candidates(minor, environ)))
    scripts = [each for each in candidates if _is_script(each)]
    programs = [each for each in candidates if each not in scripts]
    # A version manager's shims are slow to ask, and most lead to what is found without them.
    chosen = _newest(minor, programs) or _newest(minor, scripts) or _newest(minor, [Path(sys.executable)])
    if chosen is not None:
        _remember(memory, minor, key, chosen)
    return chosen


def _is_script(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(2) == b"#!"
    except OSError:
        return True


def _newest(minor: str, candidates: Iterable[Path]) -> Interpreter | None:
    asked = [(path, _start(path)) for path in candidates]  # all at once: most of the time they start
    found = [
        interpreter
        for interpreter in (_answer(*each) for each in asked)
        if interpreter is not None and interpreter.version.rpartition(".")[0] == minor
    ]
    # The path decides between two of one version, so that the choice is the same each time.
    return max(found, key=lambda each: (int(each.version.rpartition(".")[2]), str(each.path)), default=None)


def ask(path: Path) -> Interpreter | None:
    """Ask an executable what it is; None when it is no released CPython, or does not run."""
    return _answer(path, _start(path))


def _start(path: Path) -> subprocess.Popen[str] | None:
    import subprocess  # not at every start of a command: most builds remember the interpreter

    command = [str(path), "-I", "-S", "-c", _ASK]
    try:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    except OSError:
        return None


def _answer(path: Path, process: subprocess.Popen[str] | None) -> Interpreter | None:
    if process is None:
        return None
    import subprocess

    with process:
        try:
            first, _, rest = process.communicate(timeout=30)[0].partition("\n")
        except subprocess.TimeoutExpired:
            process.kill()
            return None
    words = first.split()
    if process.returncode or words[::2] != ["cpython", "final"]:
        return None  # another Python, a pre-release, or a version manager's shim that refuses to run
    itself, base, *_ = *rest.split("\n"), "", ""
    # An executable keeps the name that it was found under: links to it may say more than what they lead to.
    real = Path(itself) if itself and _is_script(path) else path
    return Interpreter(real, words[1], _path(base))


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _candidates(minor: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield what may be such an interpreter: on PATH, among pyenv's and uv's."""
    import shutil

    for folder in environ.get("PATH", "").split(os.pathsep):
        name = shutil.which(f"python{minor}", path=folder) if folder else None
        if name:
            yield Path(name)
    binary = "python.exe" if os.name == "nt" else f"bin/python{minor}"
    for root in (_pyenv(environ), pythons_folder(environ)):
        yield from sorted(root.glob(f"*{minor}*/{binary}"))
    if os.name == "nt":
        found = _ask_uv(minor)
        if found:
            yield found


def _pyenv(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"


def bring(minor: str, *, environ: Mapping[str, str] = os.environ) -> str | None:
    """Let uv install a CPython of a minor version; return why it did not, or None when it did.

    Args:
        minor: Such as "3.11".
        environ: Where ``UV_PYTHON_DOWNLOADS`` may forbid it, as it forbids uv to do so by itself.
    """
    if environ.get("UV_PYTHON_DOWNLOADS", "automatic") != "automatic":
        return "UV_PYTHON_DOWNLOADS forbids to get one"
    outcome = Uv().run(
        ["python", "install", "--no-bin", f"cpython-{minor}"], environ={"UV_HTTP_RETRIES": "1"} | variables(environ)
    )
    return outcome.reason if outcome.code else None


def _ask_uv(minor: str) -> Path | None:
    """Ask uv, which also reads the Windows registry."""
    outcome = Uv().run(["python", "find", "--no-project", "--no-python-downloads", minor])
    return Path(outcome.stdout.strip()) if outcome.code == 0 and outcome.stdout.strip() else None


def _surroundings(environ: Mapping[str, str]) -> list[Any]:
    """Return what must be as it was for a remembered interpreter to be the right one still."""
    on_path = (Path(folder) for folder in environ.get("PATH", "").split(os.pathsep) if folder)
    shims = [[name, environ.get(name, "")] for name in ("PYENV_VERSION", "ASDF_PYTHON_VERSION")]  # what they obey
    return [*shims, *([str(folder), stamp(folder)] for folder in (*on_path, _pyenv(environ), pythons_folder(environ)))]


def _recall(memory: Path | None, minor: str, key: list[Any]) -> Interpreter | None:
    if memory is None:
        return None
    try:
        entry = _remembered(memory)[minor]
        path = Path(entry["path"])
        if entry["key"] == key and entry["stamp"] == stamp(path.resolve()):
            return Interpreter(path, entry["version"], _path(entry["base"]))
    except (OSError, ValueError, KeyError):
        pass  # nothing is remembered, or nothing that can be read: look again
    return None


def _remembered(memory: Path) -> dict[str, Any]:
    """Return what is remembered; what is not of its shape counts as absent."""
    try:
        known = json.loads(memory.read_text("utf-8"))
        return known if misfit(known, _MEMORY) is None else {}
    except (OSError, ValueError, RecursionError):
        return {}


def _remember(memory: Path | None, minor: str, key: list[Any], chosen: Interpreter) -> None:
    if memory is None:
        return
    known = _remembered(memory)
    entry = {
        "path": str(chosen.path),
        "version": chosen.version,
        "base": str(chosen.base or ""),
        "key": key,
        "stamp": stamp(chosen.path.resolve()),
    }
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time and nothing else
        write_atomic(memory, json.dumps({**known, minor: entry}))
