"""Runs uv: one environment for it, and one way of turning what it says when it fails into a message."""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_aleph.commands import typed
from hatch_aleph.environment import KEY_VARIABLE, variables
from hatch_aleph.errors import DependencyError, ImageError
from hatch_aleph.files import sha256_of
from hatch_aleph.runtimes import DEFAULT, Runtime
from hatch_aleph.text import normalize, printable, without_credentials

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable, Mapping, Sequence

# Variables of the caller that uv and what it starts (build backends) must not see, each with its reason.
WITHHELD = {
    "VIRTUAL_ENV": "an environment that happens to be active is none of our business",
    "CONDA_PREFIX": "likewise",
    KEY_VARIABLE: "the key that signs is for nobody else",
    "COLUMNS": "uv folds what it says at this width, and its lines are read here",
}
# Of the caller's UV_* variables uv sees these, each kind with its reason; all others would change what a build means
# (UV_RESOLUTION, UV_CONSTRAINT, UV_NO_GROUP ...) or how uv itself works (UV_WORKING_DIR, UV_REQUIRE_HASHES ...).
PASSED_ON = {
    r"UV_(?:DEFAULT_INDEX|INDEX|INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|INDEX_STRATEGY)": "which indexes there are",
    r"UV_INDEX_\w+_(?:USERNAME|PASSWORD)|UV_KEYRING_PROVIDER|UV_CREDENTIALS_DIR|UV_GITHUB_TOKEN": "credentials",
    r"UV_EXCLUDE_NEWER": "what an index is believed to have: an input of the build, as in tool.uv",
    r"UV_CONFIG_FILE|UV_NO_CONFIG|UV_NO_SYSTEM_CONFIG": "where the configuration is",
    r"UV_OFFLINE|UV_HTTP_\w+|UV_REQUEST_TIMEOUT|UV_INSECURE_HOST|UV_NATIVE_TLS|UV_SYSTEM_CERTS": "the network",
    r"UV_CONCURRENT_\w+|UV_CACHE_DIR|UV_LINK_MODE|UV_LOCK_TIMEOUT|UV_STACK_SIZE": "this machine",
    r"UV_PYTHON_(?:INSTALL_DIR|INSTALL_MIRROR|DOWNLOADS|DOWNLOADS_JSON_URL|CACHE_DIR)": "where interpreters come from",
}
# Of the others these decide nothing of what is built: how a tool shows itself, and what other commands of it do.
_NO_MATTER = (
    r"UV_(?:NO_PROGRESS|COLOR|NO_CACHE|NO_ENV_FILE|ENV_FILE|PREVIEW\w*|RUN_\w+|TOOL_\w+|PROJECT\w*|PUBLISH_\w+|PYTHON_BIN_DIR|"
    r"PYTHON_PREFERENCE|SYSTEM_PYTHON|BREAK_SYSTEM_PACKAGES|COMPILE_BYTECODE\w*|NO_SYNC|VENV_\w+|LOG_\w+|"
    r"UNMANAGED_INSTALL|INSTALL_DIR|NO_MODIFY_PATH|DISABLE_UPDATE|INSTALLER_\w+|SHOW_\w+|HIDE_\w+)|"
    r"PIP_(?:DISABLE_PIP_VERSION_CHECK|NO_PYTHON_VERSION_WARNING|NO_INPUT|NO_COLOR|PROGRESS_BAR|QUIET|VERBOSE|LOG|RETRIES|"
    r"DEFAULT_TIMEOUT|TIMEOUT|NO_CACHE_DIR|CACHE_DIR|ROOT_USER_ACTION|NO_WARN_\w+|NO_COMPILE|REQUIRE_VIRTUALENV|"
    r"BREAK_SYSTEM_PACKAGES|USER|TARGET|PREFIX|ROOT|SRC|PYTHON)"
)
# What pip is told of indexes counts where uv is told nothing: (pip's variable, uv's, its own others, separator).
_OF_PIP = (
    ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", ("UV_INDEX_URL",), " "),
    ("PIP_EXTRA_INDEX_URL", "UV_INDEX", ("UV_EXTRA_INDEX_URL",), " "),
    ("PIP_FIND_LINKS", "UV_FIND_LINKS", (), ","),
    ("PIP_TRUSTED_HOST", "UV_INSECURE_HOST", (), " "),
    ("PIP_CERT", "SSL_CERT_FILE", (), " "),
)
_TOOLS = ("UV_", "PIP_")
_RUNNING: set[subprocess.Popen[str]] = set()
# While uv unpacks a wheel that it has not had before it passes over some of what is wrong with it, and tells its log.
_LOG = "uv_extract=warn,uv_install_wheel=debug"
_UNSAFE = r"(?m)^WARN Skipping unsafe file name: (.*)$"
_LOST = r"(?m)^DEBUG Files (.*) are listed in `RECORD` but missing from the wheel archive for `?([\w.-]+)"
_LOGGED = ("warning:", "WARN ", "INFO ", "DEBUG ")
_PASSED_ON = "|".join(f"(?:{each})" for each in PASSED_ON)  # patterns are compiled where they are needed
_LINES = 14
_LONGEST_LINE = 300  # characters
_HEAD = 3
_STREAMS = ("[stderr]", "[stdout]")  # of a build backend that uv has run, told after uv's own words
_UNWRITABLE = r"[Nn]o space left|[Qq]uota exceeded|Failed to initialize cache|Failed to write to the client cache"
# What uv says of its progress when it is not told to be quiet.
_PROGRESS = (
    r"\s*(?:Download(?:ing|ed)|Buil(?:ding|t)|Updat(?:ing|ed)|Prepared|Resolved|Installed|Uninstalled|Using|Creating"
    r"|[-+~]) "
)

_OFFLINE = "The caches do not have all that is needed: build once with the index in reach, without --offline."
# What helps, by what uv says; the message itself is always uv's own.
_HINTS = (
    (r"Failed to build `",
     "It is built from source, which fails: choose a version that has a wheel, or another that builds."),
    (r"no usable wheels|only.*source distribution|building from source is disabled|no wheels? with a matching",
     "Name what may be built from source: tool.aleph.allow-source, or choose a version that has wheels."),
    (r"[Hh]ash mismatch",
     f"The file is not the one that was locked: check the index, or lock again with {typed('lock')}."),
    (r"error sending request|[Cc]onnect|dns error|timed out|[Ff]ailed to fetch",
     "Check the network and the index (UV_DEFAULT_INDEX, tool.uv.index); with warm caches --offline needs neither."),
    (r"\b40[13]\b|[Uu]nauthorized|[Ff]orbidden",
     "Give the index its credentials: UV_INDEX_<NAME>_USERNAME and _PASSWORD, or `uv auth login`."),
    (r"not found in the package registry|was not found",
     "Check the name, or add the index that has it: tool.uv.index."),
    (r"unsatisfiable|incompatible",
     "Loosen one of the named requirements, or override it: tool.uv.override-dependencies."),
    (r"[Pp]ermission denied|[Rr]ead-only", "Let uv write its cache, or move it: UV_CACHE_DIR."),
)  # fmt: skip


class CacheError(ImageError):
    """A cache, uv's or ours, cannot be written, or its disk is full: what is being built can be built without it."""


@dataclass(frozen=True)
class Uv:
    """uv, configured once for a folder, a Python and a platform.

    Attributes:
        root: Where it runs: uv reads its configuration from there. None for the current folder.
        runtime: What is resolved and installed for.
        interpreter: What builds from source, and what uv wants to see besides.
        offline: Ask no index.
        verbose: Let it log what it does, instead of errors alone.
        cache: Its cache; None for its own.
    """

    root: Path | None = None
    runtime: Runtime = DEFAULT
    interpreter: Path | None = None
    offline: bool = False
    verbose: bool = False
    cache: Path | None = None

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
        quiet: bool = True,
        text: str | None = None,
        heard: Callable[[str], None] | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Outcome:
        """Run uv and return how it ended.

        Args:
            arguments: Command and options.
            offline: Ask no index this time.
            quiet: Keep to errors; else what build backends say is there as well.
            text: Its standard input.
            heard: Gets each line that it says of what it is doing, as it says it; none is part of the outcome.
            environ: The caller's variables; those withheld are left out.

        Raises:
            DependencyError: When there is no uv.
        """
        command = [_binary(), *arguments, "--no-progress", "--color=never"]
        if self.verbose or (quiet and heard is None):
            command.append("--verbose" if self.verbose else "--quiet")
        if self.offline or offline:
            command.append("--offline")
        if self.cache:
            command += ["--cache-dir", str(self.cache)]
        others = {
            name: value
            for name, value in variables(environ).items()
            if name not in WITHHELD and not name.startswith(_TOOLS)
        }
        import subprocess

        try:
            with subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                errors="replace", cwd=self.root,
                env={**others, **index_variables(environ), "RUST_LOG": "" if self.verbose else _LOG},
            ) as process:  # fmt: skip
                _RUNNING.add(process)
                try:
                    stdout, stderr = process.communicate(text or "") if heard is None else _listened(process, heard)
                except BaseException:
                    process.kill()
                    raise
                finally:
                    _RUNNING.discard(process)
        except OSError as error:
            raise DependencyError(f"uv does not run: {error.strerror}", where=command[0]) from error
        return Outcome(process.returncode, stdout, stderr, self.offline or offline)


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
        lines = [line.removeprefix("error: ") for line in text.splitlines() if not line.startswith(_LOGGED)]
        # uv's own hints name its own options, which are not ours; what an index has answered is no hint.
        lines = [re.sub(r"^hint: (?=An index )", "", line) for line in lines]
        return [line for line in lines if line.strip() and not line.startswith("hint:")]

    @property
    def unsafe(self) -> list[str]:
        """Paths out of the wheels that it unpacked, which it leaves out."""
        return re.findall(_UNSAFE, self.stderr)

    @property
    def lost(self) -> dict[str, list[str]]:
        """By distribution, what the RECORD of a wheel that it unpacked lists and the wheel does not hold."""
        found = re.findall(_LOST, self.stderr)
        return {normalize(name): re.findall("`(.*?)`", files) for files, name in found}

    @property
    def unwritable(self) -> bool:
        """Whether it failed because its cache, or what it is to write, takes nothing more."""
        return self.code != 0 and re.search(_UNWRITABLE, "\n".join(self.lines)) is not None

    @property
    def reason(self) -> str:
        """What uv says of a failure in one line: the error and its last cause."""
        said = [line.strip().removeprefix("cause: ") for line in self.lines]
        return ": ".join(dict.fromkeys((*said[:1], *said[-1:]))) or "uv failed without a message"

    def error(self, where: str) -> DependencyError | CacheError:
        """Return the failure as an error of ours."""
        if self.unwritable:
            return CacheError(self.lines[-1].strip().removeprefix("cause: "))
        said = without_frames(self.lines)
        if len(said) > _LINES and any(line.strip() in _STREAMS for line in said):
            said = [*said[:_HEAD], *said[_HEAD - _LINES :]]  # what was built; how the build ended
        message = "\n".join(said[:_LINES]) or "uv failed without a message"
        if self.offline:
            return DependencyError(message, where=where, hint=_OFFLINE)
        hint = next((hint for pattern, hint in _HINTS if re.search(pattern, message)), None)
        return DependencyError(message, where=where, hint=hint)


def without_frames(lines: Iterable[str]) -> list[str]:
    """Return what a backend said without Python's frames, which tell of its own code, repetitions and endless lines."""
    kept: list[str] = []
    frame = -1  # the indent of the last line of a traceback
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if re.match(r'\s*(File ".*", line \d+|Traceback \()', line):
            frame = indent
        elif not 0 <= frame < indent:
            frame = -1
            said = line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"  # a list of all packages, say
            kept += [said] if kept[-1:] != [said] else []
    return kept


@atexit.register
def _end_with_us() -> None:
    # An interrupt ends the main thread alone; in another one uv would be waited for, and then go on without us.
    for process in list(_RUNNING):
        process.kill()


def _listened(process: subprocess.Popen[str], heard: Callable[[str], None]) -> tuple[str, str]:
    """Read what uv says until it ends, and hand over what is progress; its standard input stays empty."""
    kept = []
    if process.stdin:
        process.stdin.close()
    for line in process.stderr or ():
        if re.match(_PROGRESS, line):
            heard(line.rstrip("\n"))
        else:
            kept.append(line)
    return process.stdout.read() if process.stdout else "", "".join(kept)


def index_variables(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that configure uv: of the caller's those that are passed on, and what pip's say."""
    kept = {
        name: value
        for name, value in variables(environ).items()
        if name.startswith("UV_") and re.fullmatch(_PASSED_ON, name)
    }
    for theirs, ours, older, separator in _OF_PIP:
        if (given := environ.get(theirs)) and not any(environ.get(name) for name in (ours, *older)):
            kept[ours] = separator.join(given.split())
    return kept


def left_out(environ: Mapping[str, str] = os.environ) -> str:
    """Return a line that names the variables for uv and pip which might mean a build and which it does not see."""
    known = {theirs: (ours, *older) for theirs, ours, older, _ in _OF_PIP}
    found = sorted(
        name
        for name, value in variables(environ).items()
        if value
        and name.startswith(_TOOLS)
        and not (re.fullmatch(_PASSED_ON, name) or re.fullmatch(_NO_MATTER, name))
        and (name not in known or any(environ.get(each, value) not in ("", value) for each in known[name]))
    )
    if not found:
        return ""
    return (
        f"Not passed on to uv, so that every machine builds the same: {', '.join(found)}. What the project needs of it "
        "stands in [tool.uv]."
    )


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


def configuration(root: Path) -> list[str]:
    """Return digests of what configures uv besides pyproject.toml: files and variables, which may hold credentials."""
    found = [sha256_of(file) for file in configuration_files(root) if file.is_file()]
    variables = sorted(f"{name}={value}" for name, value in index_variables().items())
    return [*found, hashlib.sha256("\n".join(variables).encode("utf-8", "surrogateescape")).hexdigest()]


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
