"""Runs uv: one environment for it, and one way of turning what it says when it fails into a message."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph.errors import DependencyError
from hatch_aleph.runtimes import DEFAULT, Runtime
from hatch_aleph.text import printable, without_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Variables of the caller that uv and what it starts (build backends) must not see, each with its reason.
WITHHELD = {
    "VIRTUAL_ENV": "an environment that happens to be active is none of our business",
    "CONDA_PREFIX": "likewise",
    "ALEPH_PRIVATE_KEY": "the key that signs is for nobody else",
}
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
    """uv, configured once for a folder, a Python and a platform.

    Attributes:
        root: Where it runs: uv reads its configuration from there. None for the current folder.
        runtime: What is resolved and installed for.
        interpreter: What builds from source, and what uv wants to see besides.
        offline: Ask no index.
        verbose: Let it log what it does, instead of errors alone.
    """

    root: Path | None = None
    runtime: Runtime = DEFAULT
    interpreter: Path | None = None
    offline: bool = False
    verbose: bool = False

    @property
    def target(self) -> list[str]:
        """The options for the Python and the platform of the runtime."""
        return ["--python-version", self.runtime.python, "--python-platform", self.runtime.platform]

    @property
    def python(self) -> list[str]:
        """The options that name an interpreter; without them uv asks all that are on PATH."""
        return ["--python", str(self.interpreter or sys.executable), "--no-python-downloads"]

    def run(
        self,
        arguments: Sequence[str],
        *,
        offline: bool = False,
        text: str | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Outcome:
        """Run uv and return how it ended.

        Args:
            arguments: Command and options.
            offline: Ask no index this time.
            text: Its standard input.
            environ: The caller's variables; those withheld are left out.

        Raises:
            DependencyError: When there is no uv.
        """
        command = [_binary(), *arguments, "--no-progress", "--color=never", "--verbose" if self.verbose else "--quiet"]
        if self.offline or offline:
            command.append("--offline")
        kept = {name: value for name, value in environ.items() if name not in WITHHELD}
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, encoding="utf-8", errors="replace", cwd=self.root,
                env=kept, input=text or "",
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

    @property
    def lines(self) -> list[str]:
        """What uv says of a failure, a line each, without its warnings, hints and credentials."""
        text = printable(without_credentials(self.stderr or self.stdout), keep="\n\t").strip()
        lines = [line.removeprefix("error: ") for line in text.splitlines() if not line.startswith("warning:")]
        # uv's own hints name its own options, which are not ours.
        return [line for line in lines if line.strip() and not line.startswith("hint:")]

    @property
    def reason(self) -> str:
        """What uv says of a failure in one line: the error and its last cause."""
        said = [line.strip().removeprefix("cause: ") for line in self.lines]
        return ": ".join(dict.fromkeys((*said[:1], *said[-1:]))) or "uv failed without a message"

    def error(self, where: str) -> DependencyError:
        """Return the failure as an error of ours."""
        message = "\n".join(self.lines[:_LINES]) or "uv failed without a message"
        if self.offline:
            return DependencyError(message, where=where, hint=_OFFLINE)
        hint = next((hint for pattern, hint in _HINTS if re.search(pattern, message)), None)
        return DependencyError(message, where=where, hint=hint)


def configuration_files(root: Path) -> list[Path]:
    """Return where uv looks for its configuration besides pyproject.toml, whether such a file is there or not.

    Source: astral-sh/uv, crates/uv-dirs/src/lib.rs (XDG folders on every system but Windows).
    """
    if os.name == "nt":
        user, system = Path(os.environ.get("APPDATA", "")) / "uv", Path(os.environ.get("PROGRAMDATA", "")) / "uv"
    else:
        user = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "uv"
        system = Path("/etc/uv")
    return [folder / "uv.toml" for folder in (root, *root.parents, user, system)]


def pythons_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where uv keeps its own Pythons (``uv python dir``), which it tells too slowly to be asked each time."""
    if "UV_PYTHON_INSTALL_DIR" in environ:
        return Path(environ["UV_PYTHON_INSTALL_DIR"])
    data = environ.get("APPDATA") if os.name == "nt" else environ.get("XDG_DATA_HOME")
    return Path(data or Path.home() / ".local" / "share") / "uv" / ("data/python" if os.name == "nt" else "python")


def _binary() -> str:
    from uv import find_uv_bin

    try:
        return str(find_uv_bin())
    except FileNotFoundError as error:
        raise DependencyError("There is no uv.", hint="Install it: pip install uv") from error
