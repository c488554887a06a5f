"""Builds a project's wheel with its own build backend, where the project stands.

hatchling runs in this process as long as the project needs no plugins that are not installed here. Any other backend
runs in an environment that uv makes for it. What backends leave in the tree is written elsewhere or removed.
"""

from __future__ import annotations

import json
import os
import re
import sys
import weakref
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_aleph.environment import variables
from hatch_aleph.errors import HatchAlephError, ProjectError
from hatch_aleph.files import scratch_folder
from hatch_aleph.uv import Uv, without_frames

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from email.message import Message

HATCHLING = "hatchling.build"
# Set while the wheel is built: the project's build hooks run then, ours among them.
BUILDING = "HATCH_ALEPH_BUILDING"
# What backends make in the project's folder, whatever they are told.
_LEFT = ("build", "*.egg-info", "src/*.egg-info", ".eggs", ".pdm-build", "target")
# What helps, by what backends say of layouts that they do not guess, and of imports; the message itself stays theirs.
_HINTS = (
    ("No file/folder found for package", 'Name the package in [tool.poetry]: packages = [{ include = "NAME" }]\n'),
    ("Multiple top-level packages", 'Name the packages in [tool.setuptools]: packages = ["NAME"]\n'),
    ("Multiple top-level modules", 'Name the modules in [tool.setuptools]: py-modules = ["NAME"]\n'),
    (r"No module named '(\w+)", r'Name the distribution that has \1 in [build-system]: requires = [..., "\1"]' + "\n"),
)
INVALID_WHEEL = "The build backend made a wheel that no installer takes: choose another version of it."
_LINES = 14  # of a failure; its reason stands at the end


@dataclass(frozen=True)
class BuiltWheel:
    """A wheel in a temporary folder, which goes when nobody holds this any more.

    Attributes:
        path: The wheel.
        python: Minor version of the Python that it was built with; "" for any that was there.
    """

    path: Path
    python: str = ""

    def __post_init__(self) -> None:
        weakref.finalize(self, _remove_at_last, self.path.parent)

    @property
    def pure(self) -> bool:
        """Whether it is for any Python and machine."""
        return self.path.name.endswith("-none-any.whl")

    def metadata(self) -> Message:
        """Return the headers of its METADATA.

        Raises:
            ProjectError: The wheel cannot be read, or has none.
        """
        import zipfile

        from hatch_aleph.wheel_file import MOST_READ, InvalidWheelError, headers, readable  # not where nothing is built

        with readable(self.path.name, ProjectError, INVALID_WHEEL), zipfile.ZipFile(self.path) as archive:
            name = next((each for each in archive.namelist() if each.endswith(".dist-info/METADATA")), None)
            if name is None:
                raise InvalidWheelError("it has no METADATA")
            with archive.open(name) as stream:
                return headers(stream.read(MOST_READ))


def has_backend(root: Path, pyproject: Mapping[str, Any]) -> bool:
    """Tell whether a project can be built; without ``[build-system]`` setuptools stands for it (PEP 517)."""
    return "build-system" in pyproject or any((root / name).is_file() for name in ("setup.py", "setup.cfg"))


def build_here(root: Path, metadata: Any = None) -> BuiltWheel | None:
    """Build the wheel with hatchling in this process; None when the project needs plugins that are not installed.

    Args:
        root: The project's folder.
        metadata: hatchling's own, when hatchling is calling: the environment then has all that the build needs.

    Raises:
        ProjectError: With what hatchling said.
    """
    from hatchling.plugin.exceptions import UnknownPluginError

    from hatch_aleph.hatchling_wheel import build, wheel_builder

    try:
        with _wheel_folder() as folder, _variable(BUILDING, "1"), no_bytecode():
            return BuiltWheel(build(wheel_builder(str(root), metadata), str(folder)))
    except (UnknownPluginError, ImportError) as error:
        if metadata is None:
            return None
        raise ProjectError(str(error), where=str(root / "pyproject.toml")) from error
    except (ValueError, TypeError, OSError) as error:
        raise ProjectError(f"The wheel cannot be built: {error}", where=str(root)) from error
    except HatchAlephError:
        raise
    except (Exception, SystemExit) as error:  # hooks are the project's code, and end as they like
        raise ProjectError(f"The wheel cannot be built: {type(error).__name__}: {error}", where=str(root)) from error


def build_isolated(root: Path, pyproject: Mapping[str, Any], python: Path | str = "", minor: str = "") -> BuiltWheel:
    """Build the wheel in an isolated environment.

    Args:
        root: The project's folder.
        pyproject: Its pyproject.toml.
        python: The interpreter that builds, or the version of one; "" for any.
        minor: Its minor version.

    Raises:
        ProjectError: With what the backend said at last.
        DependencyError: When there is no uv.
    """
    with _wheel_folder() as folder, scratch_folder() as scratch:
        source = _hatchling_source(pyproject, scratch) if backend_of(pyproject) == HATCHLING else root
        command = ["build", "--wheel", "--out-dir", str(folder), str(source)]
        if python:
            command += ["--python", str(python)]
        before = set(_leftovers(root))
        try:
            environ = variables() | _variables(root, scratch)
            outcome = Uv(root).run(command, quiet=False, environ=environ)
            if outcome.unwritable:  # then without what uv keeps
                outcome = Uv(root, cache=scratch / "uv").run(command, quiet=False, environ=environ)
        finally:
            for path in set(_leftovers(root)) - before:
                _remove(path)
        wheel = next(iter(folder.glob("*.whl")), None)
        if wheel is not None:
            return BuiltWheel(wheel, minor)
        lines = "\n  ".join(without_frames(outcome.lines)[-_LINES:])
        raise ProjectError(
            f"The build backend failed:\n  {lines}",
            where=str(root / "pyproject.toml"),
            hint=next((found.expand(hint) for words, hint in _HINTS if (found := re.search(words, lines))), "")
            + f"The backend says so by itself as well: uv build --wheel {root}",
        )


@contextmanager
def _wheel_folder() -> Iterator[Path]:
    """Give an empty folder that goes with the :class:`BuiltWheel` in it, and at once when there will be none."""
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="hatch-aleph-"))
    try:
        yield folder
    except BaseException:  # an interrupt, too
        _remove(folder)
        raise


def _remove(folder: Path) -> None:
    from shutil import rmtree

    rmtree(folder, ignore_errors=True)


def _remove_at_last(folder: Path) -> None:
    with suppress(KeyboardInterrupt):  # mostly at exit, when nothing is left to interrupt
        _remove(folder)


def backend_of(pyproject: Mapping[str, Any]) -> str:
    """Return the import name of a project's build backend."""
    return str(pyproject.get("build-system", {}).get("build-backend", "setuptools.build_meta:__legacy__"))


def _hatchling_source(pyproject: Mapping[str, Any], scratch: Path) -> Path:
    """Return a project whose backend builds the other one, also when that has no package."""
    import shutil

    from hatch_aleph import hatchling_wheel

    source = scratch / "source"
    source.mkdir()
    shutil.copyfile(hatchling_wheel.__file__, source / "hatchling_wheel.py")
    requires = json.dumps(pyproject["build-system"].get("requires", []))
    (source / "pyproject.toml").write_text(
        f'[build-system]\nrequires = {requires}\nbuild-backend = "hatchling_wheel"\nbackend-path = ["."]\n', "utf-8"
    )
    return source


def _variables(root: Path, scratch: Path) -> dict[str, str]:
    """Return the variables that keep backends from writing into the tree."""
    import shutil

    from hatch_aleph.hatchling_wheel import ROOT_VARIABLE

    variables = {BUILDING: "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", ROOT_VARIABLE: str(root)}
    if "DIST_EXTRA_CONFIG" not in os.environ:  # setuptools'
        for name in ("build", "egg"):
            (scratch / name).mkdir()
        for known in (*root.glob("*.egg-info/*"), *root.glob("*/*.egg-info/*")):
            if known.is_file():  # in a released tree they list the files of the wheel
                copy = scratch / "egg" / known.parent.name / known.name
                copy.parent.mkdir(exist_ok=True)
                shutil.copyfile(known, copy)
        config = scratch / "setup.cfg"
        text = f"[build]\nbuild_base = {scratch / 'build'}\n[egg_info]\negg_base = {scratch / 'egg'}\n"
        config.write_text(text, "utf-8")
        variables["DIST_EXTRA_CONFIG"] = str(config)
    if not (root / "target").exists():  # Cargo's
        variables.setdefault("CARGO_TARGET_DIR", os.environ.get("CARGO_TARGET_DIR", str(scratch / "target")))
    return variables


def _leftovers(root: Path) -> Iterator[Path]:
    for pattern in _LEFT:
        yield from root.glob(pattern)


@contextmanager
def no_bytecode() -> Iterator[None]:
    """Let the modules of a project, its hooks, leave nothing in the tree, which stays as it was found."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
