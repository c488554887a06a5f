"""The runtime as installers see it: its marker environment and the wheels it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from packaging.tags import Tag

    from hatch_aleph.runtimes import Runtime

# Names of before PEP 600, by the glibc they stand for.
_LEGACY = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
_OLDEST_GLIBC = 5


def environment(runtime: Runtime) -> Any:
    """Return the values of environment markers; like uv, for the first micro version, which needs most backports."""
    python_full = f"{runtime.python}.0"
    return {
        "implementation_name": "cpython",
        "implementation_version": python_full,
        "os_name": "posix",
        "platform_machine": runtime.architecture,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": python_full,
        "python_version": runtime.python,
        "sys_platform": "linux",
    }


def tags(runtime: Runtime) -> list[Tag]:
    """Return the tags of the wheels that the runtime takes, best first (PEP 425, PEP 600)."""
    from packaging.tags import compatible_tags, cpython_tags

    version = tuple(int(part) for part in runtime.python.split("."))
    platforms = []
    major, minor = runtime.glibc
    for each in range(minor, _OLDEST_GLIBC - 1, -1):
        platforms.append(f"manylinux_{major}_{each}_{runtime.architecture}")
        if (major, each) in _LEGACY:
            platforms.append(f"{_LEGACY[major, each]}_{runtime.architecture}")
    platforms.append(f"linux_{runtime.architecture}")
    interpreter = f"cp{runtime.python.replace('.', '')}"
    return [
        *cpython_tags(version, abis=[interpreter], platforms=platforms),
        *compatible_tags(version, interpreter, platforms),
    ]


def best(wheels: Sequence[str], runtime: Runtime) -> int:
    """Return which of some wheels the runtime likes best; the first when it takes none."""
    from packaging.tags import create_compatible_tags_selector, parse_tag

    tagged = ((number, parse_tag("-".join(wheel[:-4].split("-")[-3:]))) for number, wheel in enumerate(wheels))
    return next(create_compatible_tags_selector(tags(runtime))(tagged), 0)
