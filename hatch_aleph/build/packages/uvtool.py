"""Runs uv, and turns what it says when it fails into one message."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_aleph.errors import DependencyError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hatch_aleph.interpreters import Interpreter
    from hatch_aleph.runtimes import Runtime

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_LINES = 14

_OFFLINE = "The caches do not have all that is needed: build once with the index in reach, without --offline."
# What helps, by what uv says; the message itself is always uv's own.
_HINTS = (
    (r"no usable wheels|only.*source distribution|building from source is disabled|no wheels? with a matching",
     "Name what may be built from source: tool.aleph.allow-source, or choose a version that has wheels."),
    (r"[Hh]ash mismatch",
     "The file is not the one that was locked: check the index, or lock again with `hatch-aleph lock`."),
    (r"error sending request|[Cc]onnect|dns error|timed out|[Ff]ailed to fetch",
     "Check the network and the index (UV_DEFAULT_INDEX, tool.uv.index); with warm caches --offline needs neither."),
    (r"401|403|[Uu]nauthorized|[Ff]orbidden",
     "Give the index its credentials: UV_INDEX_<NAME>_USERNAME and _PASSWORD, or `uv auth login`."),
    (r"not found in the package registry|was not found",
     "Check the name, or add the index that has it: tool.uv.index."),
    (r"unsatisfiable|incompatible",
     "Loosen one of the named requirements, or override it: tool.uv.override-dependencies."),
    (r"[Nn]o space left", "Make room, or move the caches: UV_CACHE_DIR, HATCH_ALEPH_CACHE."),
    (r"[Pp]ermission denied|[Rr]ead-only", "Let uv write its cache, or move it: UV_CACHE_DIR."),
)  # fmt: skip


@dataclass(frozen=True)
class Uv:
    """uv, told once for which Python and platform it works.

    Attributes:
        root: The project's folder: uv reads its configuration from there.
        runtime: What is resolved and installed for.
        interpreter: What builds from source, and what uv wants to see besides.
        offline: Ask no index.
        verbose: Let it tell what it does, instead of errors alone.
    """

    root: Path
    runtime: Runtime
    interpreter: Interpreter | None
    offline: bool = False
    verbose: bool = False

    @property
    def target(self) -> list[str]:
        """The options that say for which Python and platform."""
        return ["--python-version", self.runtime.python, "--python-platform", self.runtime.platform]

    @property
    def python(self) -> list[str]:
        """The options that say which interpreter to use; without them uv asks all that are on PATH."""
        path = str(self.interpreter.path) if self.interpreter else sys.executable
        return ["--python", path, "--no-python-downloads"]

    def run(self, arguments: Sequence[str], *, offline: bool = False, text: str | None = None) -> Outcome:
        """Run uv and return how it ended.

        Raises:
            DependencyError: When there is no uv.
        """
        told = "--verbose" if self.verbose else "--quiet"
        command = [_binary(), *arguments, "--no-progress", "--color=never", told]
        if self.offline or offline:
            command.append("--offline")
        # A virtual environment that happens to be active is none of our business.
        environ = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "CONDA_PREFIX")}
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, encoding="utf-8", errors="replace", cwd=self.root,
                env=environ, input=text or "",
            )  # fmt: skip
        except OSError as error:
            raise DependencyError(f"uv does not run: {error.strerror}", where=command[0]) from error
        return Outcome(done.returncode, done.stdout, done.stderr, self.offline or offline)


@dataclass(frozen=True)
class Outcome:
    """How a run of uv ended."""

    code: int
    stdout: str
    stderr: str
    offline: bool

    def error(self, where: str) -> DependencyError:
        """Return the failure as an error of ours."""
        text = without_credentials(self.stderr or self.stdout).strip()
        lines = [line.removeprefix("error: ") for line in text.splitlines() if not line.startswith("warning:")]
        # uv's own hints name its own options, which are not ours.
        told = [line for line in lines if line.strip() and not line.startswith("hint:")]
        message = "\n".join(told[:_LINES]) or "uv failed and said nothing"
        if self.offline:
            return DependencyError(message, where=where, hint=_OFFLINE)
        hint = next((hint for pattern, hint in _HINTS if re.search(pattern, text)), None)
        return DependencyError(message, where=where, hint=hint)


def without_credentials(text: str) -> str:
    """Return a text with the user part of every URL removed."""
    return _CREDENTIALS.sub("", text)


def _binary() -> str:
    from uv import find_uv_bin

    try:
        return str(find_uv_bin())
    except FileNotFoundError as error:
        raise DependencyError("there is no uv here", hint="Install it: pip install uv") from error
