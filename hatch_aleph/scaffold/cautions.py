"""What can be read of a project and will stand in its way: another Python, libraries of another time, a front end."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from hatch_aleph.files import SELDOM_READ
from hatch_aleph.runtimes import DEFAULT, find, way_out
from hatch_aleph.scaffold.start_commands import package_json, table
from hatch_aleph.text import normalize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hatch_aleph.runtimes import Runtime

# The usual distributions whose newest series has left the default runtime's Python behind: the first version that has,
# the Python it needs, the last series before it. A build asks the index and knows of all; this is told without one.
# Source: their release notes (django/django, docs/releases/6.0.txt, "Python compatibility").
_LEFT_BEHIND = {"django": ("6.0", "3.12", "5.2")}
_DEPTH = 4
_SETTINGS = ("*/settings.py", "*/settings/*.py")
_PAGE = "https://github.com/aleph-im/hatch-aleph/blob/main/docs/guides/django.md"
_NODE_PAGE = "https://github.com/aleph-im/hatch-aleph/blob/main/docs/guides/nodejs.md#what-to-know"


def cautions(root: Path, pyproject: dict[str, Any], requirements: Sequence[str], framework: str) -> list[str]:
    """Return what somebody should know before the first build, a sentence each.

    Args:
        root: The project's root.
        pyproject: Its pyproject.toml.
        requirements: What it requires, as PEP 508 writes it.
        framework: What the application is made with.
    """
    settings = pyproject.get("tool", {}).get("aleph", {})
    named = settings.get("runtime")
    runtime = (find(str(named), settings.get("python")) if named else None) or DEFAULT
    return [
        *_other_python(pyproject, runtime),
        *_left_behind(requirements, runtime),
        *(_unbuilt_front_ends(root) if framework != "Node.js" else _node_modules(root, pyproject)),
        *(_django_settings(root) if framework == "Django" else ()),
    ]


def of_their_time(pyproject: dict[str, Any]) -> str | None:
    """Return what may help when code fails in its libraries: those of its time, where their versions are not bound."""
    required = pyproject.get("project", {}).get("dependencies", ())
    unbound = [each for each in required if not any(sign in each for sign in "<=@~")]
    if not unbound or "exclude-newer" in pyproject.get("tool", {}).get("uv", {}):
        return None
    return (
        f"The newest versions of {', '.join(unbound)} were taken, since nothing bounds them. If the code is older than "
        'they are, take those of its time, in pyproject.toml: [tool.uv] exclude-newer = "2023-06-30T00:00:00Z"'
    )


def _other_python(pyproject: dict[str, Any], runtime: Runtime) -> Iterator[str]:
    written = pyproject.get("project", {}).get("requires-python")
    if written is None:
        written = pyproject.get("tool", {}).get("poetry", {}).get("dependencies", {}).get("python", "")
        # Poetry's caret: from this minor version on, below the next major one.
        written = f">={str(written)[1:]},<4" if str(written).startswith("^3") else written
    if not runtime.accepts(str(written)):
        yield (
            f"pyproject.toml says requires-python {written}, and programs run on Python {runtime.python} (runtime "
            f"{runtime.name}). {way_out(str(written), runtime)}"
        )


def _left_behind(requirements: Sequence[str], runtime: Runtime) -> Iterator[str]:
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        first, python, last = _LEFT_BEHIND.get(normalize(requirement.name), ("", "", ""))
        if not first or runtime.accepts(f">={python}"):
            continue
        floors = [each.version for each in requirement.specifier if each.operator in (">=", ">", "==", "~=")]
        if any(Version(floor.removesuffix(".*")) >= Version(first) for floor in floors):
            extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
            yield (
                f"{text} needs Python {python}, and programs run on Python {runtime.python} (runtime {runtime.name}): "
                f"{last} is the last series for it. If the program works with that, write "
                f'"{requirement.name}{extras}~={last}.0" into [project] dependencies'
            )


def _unbuilt_front_ends(root: Path) -> Iterator[str]:
    """Yield a sentence about folders whose package.json has a build: what it writes is no source, so it may miss."""
    found = []
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        deep = len(here.relative_to(root).parts) >= _DEPTH
        folders[:] = [] if deep else sorted(name for name in folders if name[0] != "." and name not in SELDOM_READ)
        if "package.json" in names and "build" in table(package_json(here), "scripts"):
            found.append(here.relative_to(root).as_posix())
    if found:
        commands = ", ".join(f"(cd {each} && npm install && npm run build)" for each in found)
        yield (
            f"Front ends are built by npm, before the images are: {commands}. What the program serves of that must be "
            "part of its wheel or of `include`, though git may ignore it"
        )


def _node_modules(root: Path, pyproject: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence where npm's packages are needed and nothing puts them into the image: git ignores them."""
    target = pyproject.get("tool", {}).get("hatch", {}).get("build", {}).get("targets", {}).get("aleph", {})
    if table(package_json(root), "dependencies") and "node_modules" not in str(target):
        yield (
            "The packages that package.json names travel as files: `npm ci --omit=dev` before each build, and "
            f'[tool.hatch.build.targets.aleph] artifacts = ["node_modules"]: {_NODE_PAGE}'
        )


def _django_settings(root: Path) -> Iterator[str]:
    """Yield what Django's settings ask of a server that a program does not have by itself."""
    folders = (root, *(each.parent for each in root.glob("*/manage.py")))
    for file in sorted({file for each in folders for name in _SETTINGS for file in each.glob(name)}):
        lines = file.read_text("utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines, 1):
            where = f"{file.relative_to(root).as_posix()}:{number}"
            code = line.partition("#")[0]
            if "ManifestStaticFilesStorage" in code:
                yield (
                    f"{where} keeps static files by a manifest: run `python manage.py collectstatic` before each "
                    f"build, and select STATIC_ROOT's folder: {_PAGE}#the-manifest-storage-of-static-files"
                )
            elif re.match(r"SECRET_KEY\s*=\s*[\"']", code):
                yield (
                    f"{where} has the key that signs sessions, and what is published is public: make it at the first "
                    f"start, on a volume: {_PAGE}#settings-that-differ-from-a-servers"
                )
            elif re.match(r"\s*ALLOWED_HOSTS\s*=\s*\[\s*[^\]*]*\]\s*$", code) and "*" not in code:
                yield (
                    f"{where} names the hosts that are answered, and a program's own name, made of its item hash, is "
                    f"none of them: {_PAGE}#settings-that-differ-from-a-servers"
                )
