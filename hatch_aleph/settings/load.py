"""Read ``[tool.aleph]``: profiles laid over the common settings, then the rules that need more than one key."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from hatch_aleph import runtimes
from hatch_aleph.errors import SettingsError
from hatch_aleph.settings.model import PUBLIC_FIELDS, Settings
from hatch_aleph.settings.parse import nearest, parse, toml_name

CODE_MOUNT = "/opt/code"
PACKAGES_MOUNT = "/opt/packages"

# The network's limits on variables: aleph_message/models/execution/abstract.py in aleph-im/aleph-message.
MAX_VARIABLES = 256
MAX_VARIABLE_KEY = 128
MAX_VARIABLE_VALUE = 4096
# The host attaches at most 25 drives, of which code and packages are two.
MAX_FURTHER_VOLUMES = 23

_PROFILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PROFILE_GLOB = re.compile(r"[A-Za-z0-9*?][A-Za-z0-9._*?-]{0,63}")
_ENTRYPOINT = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(\(\))?")
_PRUNINGS = ("tests", "typing")


def load_settings(
    table: Mapping[str, Any] | None,
    profile: str | None = None,
    *,
    file: str = "pyproject.toml",
    packages: bool = True,
) -> Settings:
    """Validate ``[tool.aleph]`` and lay a profile over it.

    The name of a profile's table may be a glob: ``[tool.aleph.profiles."pr-*"]`` serves ``--profile pr-12``, so a
    family of deployments needs no edit of pyproject.toml, and yet a misspelled name is an error.

    Args:
        table: The content of ``[tool.aleph]``, or None when the file has none.
        profile: Name of the profile; None for the common settings alone.
        file: Where the table stands, for messages.
        packages: Whether a build makes a packages image; without one its mount is free for another volume.

    Raises:
        SettingsError: With all mistakes at once, one a line.
    """
    if table is None:
        raise SettingsError(
            "there is no [tool.aleph] table",
            where=file,
            hint='Add:\n\n[tool.aleph]\nentrypoint = "my_package.main:app"',
        )
    problems: list[str] = []
    profiles = table.get("profiles", {})
    if not isinstance(profiles, Mapping) or not all(isinstance(each, Mapping) for each in profiles.values()):
        problems.append("tool.aleph.profiles: expected tables, such as [tool.aleph.profiles.staging]")
        profiles = {}
    _check_profiles(profiles, problems)
    common = parse(Settings, table, "tool.aleph", problems, also=frozenset({"profiles"}))
    if common is not None:
        _check(common, "tool.aleph", problems, packages=packages)
    chosen = common
    if profile is not None:
        chosen = _with_profile(table, profiles, profile, problems)
    if problems or chosen is None:
        count = len(problems)
        title = f"{count} mistake{'s' if count > 1 else ''} in [tool.aleph]"
        raise SettingsError(title + "".join(f"\n  {each}" for each in problems), where=file)
    return chosen


def _check_profiles(profiles: Mapping[str, Any], problems: list[str]) -> None:
    known = [toml_name(item.name) for item in PUBLIC_FIELDS]
    for name, table in profiles.items():
        where = f"tool.aleph.profiles.{name}"
        if not _PROFILE_GLOB.fullmatch(name):
            problems.append(f"{where}: a profile's name has letters, digits, `.`, `_`, `-`, and `*` as a wildcard")
        problems.extend(f"{where}.{key}: unknown key{nearest(key, known)}" for key in table if key not in known)


def _with_profile(
    table: Mapping[str, Any],
    profiles: Mapping[str, Any],
    profile: str,
    problems: list[str],
) -> Settings | None:
    if not _PROFILE_NAME.fullmatch(profile):
        problems.append(f"--profile {profile}: a profile's name has letters, digits, `.`, `_` and `-`")
        return None
    name = profile if profile in profiles else next((glob for glob in profiles if fnmatchcase(profile, glob)), None)
    if name is None:
        known = f"known are {', '.join(profiles)}" if profiles else "there are none"
        problems.append(f"tool.aleph.profiles.{profile}: no such profile ({known}){nearest(profile, profiles)}")
        return None
    where = f"tool.aleph.profiles.{name}"
    merged = _merge({key: value for key, value in table.items() if key != "profiles"}, profiles[name])
    already = len(problems)
    settings = parse(Settings, merged, where, problems)
    if settings is not None:
        _check(settings, where, problems)
    if already:  # the common table was wrong: its mistakes are not told a second time
        del problems[already:]
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


def _check(settings: Settings, where: str, problems: list[str], *, packages: bool = True) -> None:
    _check_entrypoint(settings, where, problems)
    if settings.compute_units and (settings.vcpus or settings.memory):
        problems.append(f"{where}.compute-units: say either compute-units, or vcpus and memory")
    runtime = runtimes.find(settings.runtime, settings.python)
    if runtime is None:
        suggestion = runtimes.suggest(settings.runtime)
        hint = f"; did you mean `{suggestion}`?" if suggestion else ""
        names = ", ".join(runtimes.KNOWN)
        problems.append(f"{where}.runtime: expected an item hash or one of {names}, not {settings.runtime!r}{hint}")
    problems.extend(
        f"{where}.prune: expected names among {', '.join(_PRUNINGS)}, not {name!r}{nearest(name, _PRUNINGS)}"
        for name in settings.prune
        if name not in _PRUNINGS
    )
    limit = {"zstd": 22, "gzip": 9, "xz": 9}[settings.compression.codec]
    if settings.compression.level and settings.compression.level > limit:
        problems.append(f"{where}.compression.level: {settings.compression.codec} has levels 1 to {limit}")
    if settings.interface == "executable" and not settings.adapter and not settings.internet:
        problems.append(
            f"{where}.internet: without it the guest's own executable mode is out of reach; set internet = true, or "
            "leave the adapter on"
        )
    _check_variables(settings, where, problems)
    _check_volumes(settings, where, problems, packages=packages)


def _check_entrypoint(settings: Settings, where: str, problems: list[str]) -> None:
    if settings.interface != "executable" and not _ENTRYPOINT.fullmatch(settings.entrypoint):
        hint = ""
        if ":" not in settings.entrypoint:
            hint = '; for a program of any language that listens on port 8080 add interface = "executable"'
        problems.append(f"{where}.entrypoint: expected `module:attribute`, not {settings.entrypoint!r}{hint}")


def _check_variables(settings: Settings, where: str, problems: list[str]) -> None:
    if len(settings.variables) > MAX_VARIABLES:
        problems.append(f"{where}.variables: the network takes at most {MAX_VARIABLES}")
    for name, value in settings.variables.items():
        if len(name) > MAX_VARIABLE_KEY or not name or "=" in name or "\0" in name:
            problems.append(
                f"{where}.variables.{name}: a name has 1 to {MAX_VARIABLE_KEY} characters, none of them `=`"
            )
        if len(value) > MAX_VARIABLE_VALUE or "\0" in value:
            problems.append(f"{where}.variables.{name}: a value has at most {MAX_VARIABLE_VALUE} characters")


def _check_volumes(settings: Settings, where: str, problems: list[str], *, packages: bool) -> None:
    taken = {CODE_MOUNT: "the code", **({PACKAGES_MOUNT: "the packages"} if packages else {})}
    volumes = settings.volumes
    further = [
        (f"{where}.volumes.{kind}[{number}]", volume)
        for kind in ("immutable", "persistent", "ephemeral")
        for number, volume in enumerate(getattr(volumes, kind))
    ]
    if len(further) > MAX_FURTHER_VOLUMES:
        problems.append(f"{where}.volumes: a host attaches at most {MAX_FURTHER_VOLUMES} beside code and packages")
    for key, volume in further:
        mount = volume.mount.rstrip("/")
        if mount == "/data":
            problems.append(f"{key}.mount: the guest zips all of /data at every request; mount it elsewhere")
        for other, owner in taken.items():
            if mount == other or mount.startswith(other + "/") or other.startswith(mount + "/"):
                problems.append(f"{key}.mount: {mount} clashes with {owner} at {other}")
                break
        taken[mount] = key
    problems.extend(
        f"{where}.volumes.ephemeral[{number}]: hosts do not implement ephemeral volumes; write to /tmp instead"
        for number in range(len(volumes.ephemeral))
    )
