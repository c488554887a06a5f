"""Read ``[tool.aleph]``: profiles laid over the common settings, then the rules that need more than one key."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from hatch_aleph import runtimes
from hatch_aleph.errors import SettingsError
from hatch_aleph.plugins import PLUGINS
from hatch_aleph.settings.entrypoint import EntryPointError, is_command, parse_entrypoint
from hatch_aleph.settings.model import PUBLIC_FIELDS, Settings
from hatch_aleph.settings.parse import Path, Problem, dotted, nearest, parse, toml_name

CODE_MOUNT = "/opt/code"
PACKAGES_MOUNT = "/opt/packages"

# The network's limits: aleph_message/models/execution/abstract.py and environment.py in aleph-im/aleph-message.
MAX_VARIABLES = 256
MAX_VARIABLE_KEY = 128
MAX_VARIABLE_VALUE = 4096
MAX_FILTER_ENTRIES = 32
# The host attaches at most 25 drives, of which code and packages are two.
MAX_FURTHER_VOLUMES = 23

_PROFILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PROFILE_GLOB = re.compile(r"[A-Za-z0-9*?][A-Za-z0-9._*?-]{0,63}")
_PRUNINGS = ("tests", "typing")


def load_settings(
    table: Mapping[str, Any] | None,
    profile: str | None = None,
    *,
    file: str = "pyproject.toml",
    packages: bool = True,
) -> Settings:
    """Validate ``[tool.aleph]`` of a project and lay a profile over it.

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
    settings, problems = read_settings(table, profile, packages=packages)
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
    profiles = table.get("profiles", {})
    if not isinstance(profiles, Mapping) or not all(isinstance(each, Mapping) for each in profiles.values()):
        problems.append(Problem(("profiles",), "expected tables, such as [tool.aleph.profiles.staging]"))
        profiles = {}
    problems.extend(_problems_of_profiles(profiles))
    chosen = parse(Settings, table, problems, also=frozenset({"profiles"}))
    if chosen is not None:
        problems.extend(_problems(chosen, (), packages=packages))
    if profile is not None:
        chosen = _with_profile(table, profiles, profile, problems)
    return (None if problems else chosen), problems


def mistakes(problems: list[Problem], where: str, told: Callable[[Path], str]) -> str:
    """Return problems as the text of an error: how many there are, then one a line under the name of its key."""
    title = f"{len(problems)} mistake{'s' if len(problems) > 1 else ''} {where}"
    return title + "".join(f"\n  {told(problem.path)}: {problem.text}" for problem in problems)


def _in_toml(path: Path) -> str:
    return dotted(("tool", "aleph", *path))


def _problems_of_profiles(profiles: Mapping[str, Any]) -> Iterator[Problem]:
    known = [toml_name(item.name) for item in PUBLIC_FIELDS]
    for name, table in profiles.items():
        path = ("profiles", name)
        if not _PROFILE_GLOB.fullmatch(name):
            yield Problem(path, "a profile's name has letters, digits, `.`, `_`, `-`, and `*` as a wildcard")
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
        further.extend(_problems(settings, ("profiles", name)))
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


def _problems(settings: Settings, path: Path, *, packages: bool = True) -> Iterator[Problem]:
    """Yield what is wrong with keys together, or by rules of the network."""
    yield from _of_entrypoint(settings, path)
    if settings.compute_units and (settings.vcpus or settings.memory):
        yield Problem((*path, "compute-units"), "say either compute-units, or vcpus and memory")
    if runtimes.find(settings.runtime, settings.python) is None:
        suggestion = runtimes.suggest(settings.runtime)
        hint = f"; did you mean `{suggestion}`?" if suggestion else ""
        names = ", ".join(runtimes.names())
        yield Problem((*path, "runtime"), f"expected an item hash or one of {names}, not {settings.runtime!r}{hint}")
    for name in settings.prune:
        if name not in _PRUNINGS:
            text = f"expected names among {', '.join(_PRUNINGS)}, not {name!r}{nearest(name, _PRUNINGS)}"
            yield Problem((*path, "prune"), text)
    limit = {"zstd": 22, "gzip": 9, "xz": 9}[settings.compression.codec]
    if settings.compression.level and settings.compression.level > limit:
        text = f"{settings.compression.codec} has levels 1 to {limit}"
        yield Problem((*path, "compression", "level"), text)
    yield from _of_variables(settings, (*path, "variables"))
    yield from _of_subscriptions(settings, (*path, "subscriptions"))
    yield from _of_volumes(settings, (*path, "volumes"), packages=packages)


def _of_entrypoint(settings: Settings, path: Path) -> Iterator[Problem]:
    said = settings.entrypoint
    if settings.interface == "executable":
        if not settings.adapter and not settings.internet:
            text = "without it the guest's own executable mode is out of reach; set internet = true, or leave the "
            yield Problem((*path, "internet"), text + "adapter on")
        return
    try:
        plain = parse_entrypoint(said).is_plain
    except EntryPointError as error:
        hint = ""
        if is_command(said):
            hint = '; for a program of any language that listens on port 8080 add interface = "executable"'
        yield Problem((*path, "entrypoint"), f"{error}, not {said!r}{hint}")
        return
    if not plain and not settings.adapter:
        text = (
            f"without the adapter the guest loads `module:attribute` alone: no dotted attribute, no call, not {said!r}"
        )
        yield Problem((*path, "entrypoint"), text)


def _of_variables(settings: Settings, path: Path) -> Iterator[Problem]:
    if len(settings.variables) > MAX_VARIABLES:
        yield Problem(path, f"the network takes at most {MAX_VARIABLES}")
    for name, value in settings.variables.items():
        if len(name) > MAX_VARIABLE_KEY or not name or "=" in name or "\0" in name:
            yield Problem((*path, name), f"a name has 1 to {MAX_VARIABLE_KEY} characters, none of them `=`")
        if len(value) > MAX_VARIABLE_VALUE or "\0" in value:
            yield Problem((*path, name), f"a value has at most {MAX_VARIABLE_VALUE} characters")


def _of_subscriptions(settings: Settings, path: Path) -> Iterator[Problem]:
    for number, filter_ in enumerate(settings.subscriptions):
        if len(filter_) > MAX_FILTER_ENTRIES:
            yield Problem((*path, number), f"the network takes at most {MAX_FILTER_ENTRIES} entries a filter")


def _of_volumes(settings: Settings, path: Path, *, packages: bool) -> Iterator[Problem]:
    taken = {CODE_MOUNT: "the code", **({PACKAGES_MOUNT: "the packages"} if packages else {})}
    further = [
        ((*path, kind, number), volume)
        for kind in ("immutable", "persistent", "ephemeral")
        for number, volume in enumerate(getattr(settings.volumes, kind))
    ]
    if len(further) > MAX_FURTHER_VOLUMES:
        yield Problem(path, f"a host attaches at most {MAX_FURTHER_VOLUMES} beside code and packages")
    for where, volume in further:
        mount = volume.mount.rstrip("/")
        if mount == "/data":
            yield Problem((*where, "mount"), "the guest zips all of /data at every request; mount it elsewhere")
        for other, owner in taken.items():
            if mount == other or mount.startswith(other + "/") or other.startswith(mount + "/"):
                yield Problem((*where, "mount"), f"{mount} clashes with {owner} at {other}")
                break
        taken[mount] = dotted(where)
    yield from _of_volume_names(settings, (*path, "persistent"))
    for number in range(len(settings.volumes.ephemeral)):
        text = "hosts do not implement ephemeral volumes; write to /tmp instead"
        yield Problem((*path, "ephemeral", number), text)


def _of_volume_names(settings: Settings, path: Path) -> Iterator[Problem]:
    # A host keeps a volume in a file of its name, in which it replaces what it does not know: src/aleph/vm/storage.py
    # (get_volume_path) in aleph-im/aleph-vm.
    files: dict[str, int] = {}
    for number, volume in enumerate(settings.volumes.persistent):
        other = files.setdefault(re.sub(r"[^\w-]", "_", volume.name), number)
        if other != number:
            same = f"{volume.name!r} is the same file on a host as {settings.volumes.persistent[other].name!r}"
            yield Problem((*path, number, "name"), f"{same}; give each volume a name of its own")
