"""The project's wheel, whose content is the heart of the code image."""

from __future__ import annotations

import csv
import io
import shutil
import stat
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from hatch_aleph import interpreters
from hatch_aleph.backend import HATCHLING, INVALID_WHEEL, BuiltWheel, build_here, build_isolated, has_backend
from hatch_aleph.errors import ProjectError
from hatch_aleph.squashfs import Entry
from hatch_aleph.text import without_credentials, without_user_parts
from hatch_aleph.wheel_file import InvalidWheelError, is_bytecode, member_path, readable, record_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatch_aleph.build.context import BuildContext
    from hatch_aleph.project import Project
    from hatch_aleph.runtimes import Runtime

# What is signed or hashed elsewhere: RECORD names these without a hash.
_UNRECORDED = ("RECORD", "RECORD.jws", "RECORD.p7s")


def project_entries(context: BuildContext, folder: Path) -> list[Entry]:
    """Return the files that installing the project would put into site-packages; scripts go to ``bin/``.

    A project without a build backend has its metadata alone.

    Args:
        context: The build.
        folder: An empty one, where the files may lie until the image is written.

    Raises:
        ProjectError: When the wheel cannot be built, is not for the runtime, or is not what its RECORD says.
    """
    context.observer.step("wheel")
    wheel = _wheel(context)
    context.observer.done("wheel")
    if wheel is None:
        return [_as_published(_metadata(context.project), context)]
    if not _fits(wheel, context.runtime):
        tag = "-".join(wheel.path.stem.split("-")[-3:])
        raise ProjectError(
            f"The project's wheel is for {tag}, and the runtime {context.runtime.name} has CPython "
            f"{context.runtime.python} on {context.runtime.platform}.",
            where=str(context.project.root / "pyproject.toml"),
            hint="Build its extension modules on such a machine, or in a container of the runtime's distribution.",
        )
    context.warn(*_undeclared(context.project, wheel))
    return _recorded([(path, _as_published(each, context)) for path, each in _unpacked(wheel.path, folder)])


def _wheel(context: BuildContext) -> BuiltWheel | None:
    """Return the wheel, built by the runtime's Python if it matters which one does; None without a backend."""
    project, minor = context.project, context.runtime.python
    known = project.wheel
    if known is not None and (known.pure or known.python == minor):
        return known
    if project.backend == HATCHLING:
        made = build_here(project.root, context.metadata)
        if made is not None and _fits(made, context.runtime):
            return made
    elif not has_backend(project.root, project.pyproject):
        return None
    found = interpreters.find(minor, memory=context.cache.interpreters)
    return build_isolated(project.root, project.pyproject, found.path if found else minor, minor)


def _fits(wheel: BuiltWheel, runtime: Runtime) -> bool:
    if wheel.pure:
        return True
    from packaging.tags import parse_tag

    from hatch_aleph.build.packages.tags import tags

    return not parse_tag("-".join(wheel.path.stem.split("-")[-3:])).isdisjoint(tags(runtime))


def _unpacked(wheel: Path, folder: Path) -> Iterator[tuple[str, Entry]]:
    """Yield the files of a wheel by their path in it, unpacked and compared with its RECORD."""
    from hatch_aleph.build.packages.distribution import matches_record

    with readable(wheel.name, ProjectError, INVALID_WHEEL), zipfile.ZipFile(wheel) as archive:
        recorded = _record(archive, wheel)
        for number, item in enumerate(archive.infolist()):
            if item.is_dir() or is_bytecode(item.filename):
                continue
            path = PurePosixPath(member_path(item.filename))
            file = folder / str(number)
            with archive.open(item) as source, file.open("wb") as target:
                shutil.copyfileobj(source, target)
            if path.name not in _UNRECORDED and not matches_record(file, recorded.get(item.filename, "")):
                raise InvalidWheelError(f"its RECORD has another hash for {item.filename}")
            installed = _installed_path(path)
            if installed is None:
                continue
            script = installed.parts[0] == "bin" and installed != path
            executable = (item.external_attr >> 16) & stat.S_IXUSR or script
            content = _script(file) if script else None
            yield item.filename, Entry(str(installed), "file", 0o755 if executable else 0o644, content or file)


def _recorded(files: list[tuple[str, Entry]]) -> list[Entry]:
    """Return the files of a wheel as installed, RECORD as an installer leaves it: of what was moved or rewritten anew.

    Otherwise it would tell of files that are not there, and of the places on this machine that were in the metadata.
    """
    from hatch_aleph.build.packages.distribution import record_hash

    changed = {path: entry for path, entry in files if entry.path != path or isinstance(entry.source, bytes)}
    if not changed:
        return [entry for _, entry in files]
    installed = []
    for path, entry in files:
        if not path.endswith(".dist-info/RECORD") or path.count("/") > 1:
            installed.append(entry)
            continue
        text = io.StringIO()
        rows = record_rows(io.StringIO(entry.read().decode("utf-8", "surrogateescape")))
        for row in rows:
            moved = changed.get(row[0])
            content = moved.read() if moved else b""
            csv.writer(text, lineterminator="\n").writerow(
                [moved.path, record_hash(content), len(content)] if moved else row
            )
        installed.append(Entry(path, "file", entry.mode, text.getvalue().encode("utf-8", "surrogateescape")))
    return installed


def _as_published(entry: Entry, context: BuildContext) -> Entry:
    """Return an entry; of the metadata without what lets others in where its addresses lead, which no program needs."""
    if not entry.path.endswith(".dist-info/METADATA"):
        return entry
    data = entry.read()
    head, end, text = data.decode("utf-8", "surrogateescape").partition("\n\n")
    lines = [
        without_credentials(line) if line.lower().startswith("requires-dist:") else without_user_parts(line)
        for line in head.split("\n")
    ]
    shown, words = "\n".join(lines), without_user_parts(text)
    if (shown, words) == (head, text):
        return entry
    if without_user_parts(head) != head:
        context.warn("The project's metadata has addresses with credentials: the image has them without.")
    return Entry(entry.path, "file", entry.mode, f"{shown}{end}{words}".encode("utf-8", "surrogateescape"))


def _script(file: Path) -> bytes | None:
    """Return a script for the guest's interpreter if its first line leaves that to the installer."""
    from hatch_aleph.build.packages.distribution import SHEBANG

    with file.open("rb") as stream:
        # With options, too, which setuptools leaves there and installers drop.
        return SHEBANG + stream.read() if stream.readline().startswith(b"#!python") else None


def _record(archive: zipfile.ZipFile, wheel: Path) -> dict[str, str]:
    names = [each for each in archive.namelist() if each.count("/") == 1 and each.endswith(".dist-info/RECORD")]
    if not names:
        raise ProjectError("The wheel has no RECORD.", where=wheel.name)
    rows = record_rows(io.StringIO(archive.read(names[0]).decode("utf-8", "replace")))
    return {row[0]: row[1] for row in rows if len(row) > 1}


def _installed_path(path: PurePosixPath) -> PurePosixPath | None:
    if not path.parts[0].endswith(".data"):
        return path
    scheme, *rest = (*path.parts[1:], "")
    inside = member_path("/".join(rest[:-1]))
    if scheme in ("purelib", "platlib", "data"):
        return PurePosixPath(inside)
    if scheme == "scripts":
        return PurePosixPath("bin", inside)
    return None


def _metadata(project: Project) -> Entry:
    """Return the metadata of a project that nothing builds, so that ``importlib.metadata`` finds it."""
    lines = ["Metadata-Version: 2.1", f"Name: {project.name}", f"Version: {project.version}"]
    if project.requires_python:
        lines.append(f"Requires-Python: {project.requires_python}")
    lines += [f"Requires-Dist: {each}" for each in project.dependencies]
    return Entry(f"{project.stem}.dist-info/METADATA", "file", 0o644, "\n".join([*lines, ""]).encode())


def _undeclared(project: Project, wheel: BuiltWheel) -> Iterator[str]:
    """Tell where the wheel requires something else than ``project.dependencies`` says, which is what is vendored."""
    if project.wheel is not None:  # the wheel is where they come from
        return
    from hatch_aleph.build.packages.inputs import canonical

    required = [each for each in wheel.metadata().get_all("Requires-Dist", []) if "extra ==" not in each]
    built, declared = (
        {canonical(without_credentials(each)) for each in texts} for texts in (required, project.dependencies)
    )
    if built - declared:
        yield (
            f"the wheel requires {', '.join(sorted(built - declared))}, which project.dependencies does not name: "
            "it is not in the packages image"
        )
    if declared - built:
        yield f"project.dependencies names {', '.join(sorted(declared - built))}, which the wheel does not require"
