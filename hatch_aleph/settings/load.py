"""Read ``[tool.aleph]``: profiles laid over the common settings, every mistake told at once."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from hatch_aleph.errors import SettingsError
from hatch_aleph.plugins import PLUGINS
from hatch_aleph.settings.model import PUBLIC_FIELDS, Settings
from hatch_aleph.settings.parse import Path, Problem, dotted, mistakes, nearest, parse, toml_name
from hatch_aleph.settings.rules import problems_of

_PROFILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PROFILE_GLOB = re.compile(r"[A-Za-z0-9*?][A-Za-z0-9._*?-]{0,63}")


def load_settings(
    table: Mapping[str, Any] | None, profile: str | None = None, *, file: str = "pyproject.toml"
) -> Settings:
    """Validate ``[tool.aleph]`` of a project and lay a profile over it.

    Args:
        table: The content of ``[tool.aleph]``, or None when the file has none.
        profile: Name of the profile; None for the common settings alone.
        file: Where the table stands, for messages.

    Raises:
        SettingsError: With all mistakes at once, one a line.
    """
    if table is None:
        raise SettingsError(
            "There is no [tool.aleph] table.",
            where=file,
            hint='Add:\n\n[tool.aleph]\nentrypoint = "my_package.main:app"',
        )
    settings, problems = read_settings(table, profile)
    if settings is None:
        raise SettingsError(mistakes(problems, "in [tool.aleph]", _in_toml), where=file)
    return settings


def read_settings(
    table: Mapping[str, Any], profile: str | None = None, *, packages: bool = True
) -> tuple[Settings | None, list[Problem]]:
    """Read a table of settings, whatever it was written in, and lay a profile over it.

    The name of a profile's table may be a glob: ``[tool.aleph.profiles."pr-*"]`` serves ``--profile pr-12``, so a
    family of deployments needs no edit of pyproject.toml, and yet a misspelled name is an error.

    Args:
        table: The keys of ``[tool.aleph]``; plugins may change them first.
        profile: Name of the profile; None for the common settings alone.
        packages: Whether a build makes a packages image; without one its mount is free for another volume.

    Returns:
        The settings, or None and every mistake.
    """
    if PLUGINS.implementing("aleph_settings"):
        table = copy.deepcopy(dict(table))
        PLUGINS.call("aleph_settings", table=table, profile=profile)
    problems: list[Problem] = []
    profiles = profiles_of(table)
    if profiles is None:
        problems.append(Problem(("profiles",), "expected tables, such as [tool.aleph.profiles.staging]"))
        profiles = {}
    problems.extend(_problems_of_profiles(profiles))
    chosen = parse(Settings, table, problems, also=frozenset({"profiles"}))
    if chosen is not None:
        problems.extend(problems_of(chosen, packages=packages))
    if profile is not None:
        chosen = _with_profile(table, profiles, profile, problems)
    return (None if problems else chosen), problems


def profiles_of(table: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]] | None:
    """Return the tables of profiles in ``[tool.aleph]``, by name or glob; None where something else stands there."""
    profiles = table.get("profiles", {})
    wrong = not isinstance(profiles, Mapping) or not all(isinstance(each, Mapping) for each in profiles.values())
    return None if wrong else profiles


def is_family(name: str) -> bool:
    """Tell whether a profile's table is of a family, by a glob, and no profile itself."""
    return not _PROFILE_NAME.fullmatch(name)


def _in_toml(path: Path) -> str:
    return dotted(("tool", "aleph", *path))


def _problems_of_profiles(profiles: Mapping[str, Any]) -> Iterator[Problem]:
    known = [toml_name(item.name) for item in PUBLIC_FIELDS]
    for name, table in profiles.items():
        path = ("profiles", name)
        if not _PROFILE_GLOB.fullmatch(name):
            yield Problem(path, "a profile's name has letters, digits, `.`, `_`, `-`, and the wildcards `*` and `?`")
        for key in table:
            if key not in known:
                yield Problem((*path, key), f"unknown key{nearest(key, known)}")


def _with_profile(
    table: Mapping[str, Any], profiles: Mapping[str, Any], profile: str, problems: list[Problem]
) -> Settings | None:
    if not _PROFILE_NAME.fullmatch(profile):
        problems.append(Problem(("profiles", profile), "a profile's name has letters, digits, `.`, `_` and `-`"))
        return None
    name = profile if profile in profiles else next((glob for glob in profiles if fnmatchcase(profile, glob)), None)
    if name is None:
        known = f"known are {', '.join(profiles)}" if profiles else "there are none"
        problems.append(Problem(("profiles", profile), f"no such profile ({known}){nearest(profile, profiles)}"))
        return None
    merged = _merge({key: value for key, value in table.items() if key != "profiles"}, profiles[name])
    further: list[Problem] = []
    settings = parse(Settings, merged, further, path=("profiles", name))
    if settings is not None:
        further.extend(problems_of(settings, ("profiles", name)))
    if not problems:  # else the common table is wrong: its mistakes are not told a second time
        problems.extend(further)
    return dataclasses.replace(settings, profile=profile) if settings else None


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one table over another, table by table; lists are replaced whole."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    if "compute-units" in over:
        merged = {key: value for key, value in merged.items() if key not in {"vcpus", "memory"} or key in over}
    elif "vcpus" in over or "memory" in over:
        merged.pop("compute-units", None)
    return merged
