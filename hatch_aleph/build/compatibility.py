"""What can be seen of a program, before it is published, that the guest or the hosts will not do."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from hatch_aleph.build.checkout import lfs_pointers
from hatch_aleph.build.host_limits import host_limits
from hatch_aleph.build.module_lookup import case_clashes
from hatch_aleph.errors import ProjectError
from hatch_aleph.settings.executable_command import PYTHON, read_command

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from hatch_aleph.runtimes import Runtime
    from hatch_aleph.settings import Settings
    from hatch_aleph.squashfs import Entry

# How the network's own Python library names a handler of messages.
_EVENT = re.compile(rb"@\w+\.event\b")
_EXECUTABLE = 0o111
_LONGEST_LINE = 256  # bytes; of a script's first one, Linux reads no more


def incompatibilities(
    settings: Settings, entries: Sequence[Entry], runtime: Runtime, declared: Collection[str] = ()
) -> Iterator[str]:
    """Tell, a line each, what of a project's code and settings will not work as it does elsewhere.

    Args:
        settings: The program's.
        entries: The project's files, without the adapter.
        runtime: Where it will run.
        declared: Names of the distributions that the project itself depends on, normalised.

    Raises:
        ProjectError: For an extension module or library that the runtime cannot load.
    """
    sources = {entry.path: entry.read() for entry in entries if entry.path.endswith(".py")}
    yield from host_limits(sources, declared)
    yield from unheard_events(sources, settings)
    yield from _names(entries)
    yield from lfs_pointers(entries)
    yield from _misfits(entries, runtime)
    if settings.interface == "executable":
        yield from _other_python(settings.entrypoint, entries, runtime)
    if not settings.adapter and settings.interface == "executable":
        yield (
            "a bare executable (adapter = false) has 5 s a request, may get a failing one many times, and is not "
            "started again after a crash"
        )
        if "$" in settings.entrypoint:
            yield "variables in the command line of a bare executable (adapter = false) stay as they are"
    elif not settings.adapter:
        yield "a bare app (adapter = false) meets the guest's own calling convention, which few frameworks survive"


def unheard_events(sources: Mapping[str, bytes], settings: Settings) -> Iterator[str]:
    """Tell of handlers of messages that no message starts."""
    handlers = sorted(path for path, text in sources.items() if b"AlephApp" in text and _EVENT.search(text))
    if handlers and not settings.subscriptions:
        yield f"no message starts the program, though {', '.join(handlers)} handles events: set subscriptions"


def _names(entries: Sequence[Entry]) -> Iterator[str]:
    """Tell of names and first lines that a Linux system takes otherwise than the system they were written on."""
    odd = [entry.path for entry in entries if any("\udc80" <= letter <= "\udcff" for letter in entry.path)]
    if odd:
        yield f"names that are not UTF-8 can be neither imported nor asked for: {', '.join(map(ascii, odd))}"
    clashes = case_clashes(entry.path for entry in entries)
    if clashes:
        yield f"names that differ in case alone are one on Windows and macOS, whose builds differ then: {clashes}"
    for entry in entries:
        if entry.kind != "file" or not (entry.mode & _EXECUTABLE or entry.path.endswith(".sh")):
            continue
        with entry.open() as stream:
            first = stream.readline(_LONGEST_LINE)
        marked = first.startswith(BOM_UTF8)
        line = first.removeprefix(BOM_UTF8).decode("utf-8", "replace").rstrip("\n")
        if line.startswith("#!") and marked:
            yield f"{entry.path} begins with a byte order mark: Linux does not see its {line.strip()}"
        elif line.startswith("#!") and line.endswith("\r"):
            yield f"{entry.path} has Windows line ends: Linux looks for {line[2:-1]}\\r"


def _other_python(line: str, entries: Sequence[Entry], runtime: Runtime) -> Iterator[str]:
    """Tell of a Python that a command line starts, or the script that it names, and that the runtime does not have."""
    program = read_command(line).program
    script = next((entry for entry in entries if entry.path == PurePosixPath(program).as_posix()), None)
    where = "the command line"
    if script is not None:
        with script.open() as stream:
            first = stream.readline(_LONGEST_LINE).decode("utf-8", "replace")
        words = first.removeprefix("#!").split() if first.startswith("#!") else []
        program = next((word for word in words if PurePosixPath(word).name != "env"), "")
        where = script.path
    name = PurePosixPath(program).name
    there = ["python3", f"python{runtime.python}"]
    # Debian has no command `python`; of runtimes of others it is not known.
    known = runtime.distribution.startswith("Debian") or name != "python"
    if PYTHON.fullmatch(name) and name not in there and known and f"bin/{name}" not in {each.path for each in entries}:
        yield f"{where} starts {name}, which the runtime {runtime.name} does not have: write python3"


def _misfits(entries: Sequence[Entry], runtime: Runtime) -> Iterator[str]:
    """Tell of compiled programs in the code that the runtime cannot load; modules are judged as those of packages."""
    loadable = [
        entry for entry in entries if entry.source is not None and (entry.mode & _EXECUTABLE or ".so" in entry.path)
    ]
    if not loadable:  # most code is Python alone, and needs none of what follows
        return
    from hatch_aleph.build.packages.checks import check_binaries, is_library, misfit, missing_libraries
    from hatch_aleph.build.packages.elf import NotElfError, read_elf

    findings = check_binaries(loadable, runtime, "the code")
    if findings.fatal:
        raise ProjectError(
            "Cannot work on the runtime:\n" + "\n".join(f"  {each}" for each in sorted(findings.fatal)),
            where=f"{runtime.name} (CPython {runtime.python}, {runtime.platform})",
            hint="What the program does not need of these is left out by Hatch's `exclude`, or by its backend's.",
        )
    yield from findings.warnings
    brought = [entry.path.rpartition("/")[2] for entry in entries]
    needed = [findings.needed]
    for entry in loadable:
        if is_library(entry.path):
            continue
        with entry.open() as stream:
            try:
                elf = read_elf(stream)
            except NotElfError:
                continue
        wrong = misfit(elf, runtime)
        if wrong:
            yield f"{entry.path} {wrong}: build it on such a system, or link it statically"
        else:
            needed.append(dict.fromkeys(elf.needed, entry.path))
    for each in needed:
        missing = missing_libraries(each, brought)
        if missing:
            names, user = ", ".join(missing), next(iter(missing.values()))
            yield f"{user} needs {names}, which neither the code nor, as far as is known, the runtime has"
