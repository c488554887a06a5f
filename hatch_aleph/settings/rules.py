"""What settings may not say: rules of the network, the hosts and the guest, and of keys together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from hatch_aleph import runtimes
from hatch_aleph.itemhash import ITEM_HASH
from hatch_aleph.settings.entry_points import EntryPointError, is_command, parse_entrypoint
from hatch_aleph.settings.parse import Path, Problem, dotted, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_aleph.settings.model import Settings

CODE_MOUNT = "/opt/code"
PACKAGES_MOUNT = "/opt/packages"
EXECUTABLE_PORT = 8080  # where hosts ask a program that listens by itself

# The network's limits: aleph_message/models/execution/abstract.py and environment.py in aleph-im/aleph-message.
MAX_VARIABLES = 256
MAX_VARIABLE_KEY = 128
MAX_VARIABLE_VALUE = 4096
# What a host keeps for all its programs together, in MiB: src/aleph/vm/conf.py in aleph-im/aleph-vm
# (PROGRAM_MEMORY_RESERVED_MIB). A program that asks for more is answered 503 by every host that leaves it so.
HOST_MEMORY = 8192
# The machine monitor of hosts starts no machine of more (MAX_SUPPORTED_VCPUS in firecracker-microvm/firecracker), and a
# host gives four virtual cores a physical one (VCPU_OVERCOMMIT_FACTOR in conf.py): as many as eight cores make.
HOST_VCPUS = 32
# A host takes zip code in one piece up to this size, in bytes (MAX_PROGRAM_ARCHIVE_SIZE there).
MAX_ARCHIVE = 10_000_000
# The host attaches at most 25 drives, of which code and packages are two.
MAX_FURTHER_VOLUMES = 23
# What the guest runs from (runtimes/aleph-debian-12-python/init0.sh and init1.py of aleph-im/aleph-vm): a volume there,
# above or below hides it, and no program starts. Of the second only one on the folder itself does: the socket of the
# guest API is in /tmp, the init in /root.
_SYSTEM = (
    "/bin", "/boot", "/dev", "/lib", "/lib64", "/opt/aleph", "/proc", "/sbin", "/sys",
    "/usr/bin", "/usr/lib", "/usr/sbin",
)  # fmt: skip
_SYSTEM_ITSELF = ("/etc", "/root", "/run", "/tmp", "/usr/local")  # noqa: S108 - of the guest
_PRUNINGS = ("tests", "typing")

# What a filter may compare: src/aleph/vm/orchestrator/reactor.py in aleph-im/aleph-vm compares texts alone, raises at
# anything else and at a field that messages lack, and then watches no message any more for any program.
_FILTER_FIELDS = (
    "chain", "channel", "content", "hash_type", "item_content", "item_hash", "item_type", "sender", "signature", "type",
)  # fmt: skip
_FILTER_VALUES = {
    "type": ("POST", "AGGREGATE", "STORE", "PROGRAM", "INSTANCE", "V-PROGRAM", "FORGET"),
    "item_type": ("inline", "storage", "ipfs"),
}


def problems_of(settings: Settings, path: Path = (), *, packages: bool = True) -> Iterator[Problem]:
    """Yield what is wrong with keys together, or by rules of the network."""
    yield from _of_entrypoint(settings, path)
    yield from _of_resources(settings, path)
    yield from _of_strategy(settings, path)
    runtime = runtimes.find(settings.runtime)
    if runtime is None:
        suggestion = runtimes.suggest(settings.runtime)
        hint = f"; did you mean `{suggestion}`?" if suggestion else ""
        names = ", ".join(runtimes.names())
        yield Problem((*path, "runtime"), f"expected an item hash or one of {names}, not {settings.runtime!r}{hint}")
    elif settings.python not in (None, runtime.python) and runtimes.known(settings.runtime):
        text = f"the runtime {runtime.name} has Python {runtime.python}: leave the key out, or choose another runtime"
        yield Problem((*path, "python"), text)
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


def _of_resources(settings: Settings, path: Path) -> Iterator[Problem]:
    if settings.compute_units and (settings.vcpus or settings.memory):
        yield Problem((*path, "compute-units"), "say either compute-units, or vcpus and memory")
    vcpus, memory = settings.resources
    if settings.oversized:
        return
    if memory > HOST_MEMORY:
        key = "memory" if settings.memory else "compute-units"
        text = f"hosts keep {HOST_MEMORY} MiB for all programs together and answer 503 to one of {memory} MiB"
        yield Problem((*path, key), f"{text}; `oversized` allows it, where you know a host that has more")
    if vcpus > HOST_VCPUS:
        text = f"hosts start no machine of more than {HOST_VCPUS} virtual CPUs, and so none of {vcpus}"
        yield Problem((*path, "vcpus"), f"{text}; `oversized` allows it, where you know a host that does")


def _of_strategy(settings: Settings, path: Path) -> Iterator[Problem]:
    if settings.strategy != "replace":
        return
    if not settings.domains:
        text = "each update has a new item hash and URL then, so it needs `domains`, which move to the new program"
        yield Problem((*path, "strategy"), text)
    if settings.volumes.persistent:
        text = "a new program begins with empty persistent volumes: each update would lose what they hold"
        yield Problem((*path, "strategy"), text)


def _of_entrypoint(settings: Settings, path: Path) -> Iterator[Problem]:
    said = settings.entrypoint
    if settings.interface == "executable":
        from hatch_aleph.settings.executable_command import read_command  # few programs are one

        try:
            read_command(said)
        except ValueError as error:
            yield Problem((*path, "entrypoint"), f"{error}: {said!r}")
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
        where = (*path, number)
        if not filter_ or not any(value != {} for value in filter_.values()):
            yield Problem(where, "an empty filter starts the program at every message of the network")
        for name, value in filter_.items():
            if name not in _FILTER_FIELDS:
                text = f"no message has it; hosts compare {', '.join(_FILTER_FIELDS)}{nearest(name, _FILTER_FIELDS)}"
                yield Problem((*where, name), text)
            elif name == "content" and isinstance(value, Mapping):
                yield from _of_content_filter(value, (*where, name))
            elif not isinstance(value, str) or name == "content":
                expected = "a table" if name == "content" else "a string"
                yield Problem((*where, name), f"expected {expected}, the only kind that hosts compare, not {value!r}")
            elif name == "item_hash" and not ITEM_HASH.fullmatch(value):
                yield Problem((*where, name), f"no message has it: {value!r} is no item hash")
            elif value not in _FILTER_VALUES.get(name, (value,)):
                known = _FILTER_VALUES[name]
                text = f"expected one of {', '.join(known)}, not {value!r}{nearest(value, known)}"
                yield Problem((*where, name), text)


def _of_content_filter(content: Mapping[str, Any], path: Path, users_own: str | None = "content") -> Iterator[Problem]:
    for name, value in content.items():
        where = (*path, name)
        if isinstance(value, Mapping) and name == users_own:
            yield Problem(where, "hosts do not look into what a POST or an AGGREGATE holds, so nothing would match")
        elif isinstance(value, Mapping):
            yield from _of_content_filter(value, where, users_own=None)
        elif not isinstance(value, str):
            yield Problem(where, f"expected a string, the only kind that hosts compare, not {value!r}")


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
        mount = resolved_mount(volume.mount)
        system = system_folder(mount)
        if system:
            yield Problem((*where, "mount"), system)
            continue
        if mount == "/data":
            yield Problem((*where, "mount"), "the guest zips all of /data at every request; mount it elsewhere")
        for other, owner in taken.items():
            if mount == other or mount.startswith(other + "/") or other.startswith(mount + "/"):
                yield Problem((*where, "mount"), f"{mount} clashes with {owner} at {other}")
                break
        taken[mount] = dotted(where)
    yield from _of_volume_names(settings, (*path, "persistent"))
    yield from _of_volume_sources(settings, (*path, "immutable"), project=packages)
    for number in range(len(settings.volumes.ephemeral)):
        text = "hosts do not implement ephemeral volumes; write to /tmp instead"
        yield Problem((*path, "ephemeral", number), text)


def resolved_mount(mount: str) -> str:
    """Return the folder that a mount means, without doubled slashes and single dots."""
    return "/" + "/".join(PurePosixPath(mount).parts[1:])


def system_folder(mount: str) -> str | None:
    """Return why nothing can be mounted on a folder of the guest's own; None where it can."""
    mount = resolved_mount(mount)
    inside = next((each for each in _SYSTEM if f"{mount}/".startswith(f"{each}/")), None)
    above = next((each for each in (*_SYSTEM, *_SYSTEM_ITSELF) if f"{each}/".startswith(f"{mount.rstrip('/')}/")), None)
    hidden = inside or above
    return hidden and f"a volume there hides the guest's own {hidden}; mount it elsewhere, such as /opt/data"


def _of_volume_names(settings: Settings, path: Path) -> Iterator[Problem]:
    # A host keeps a volume in a file of its name, in which it replaces what it does not know: src/aleph/vm/storage.py
    # (get_volume_path) in aleph-im/aleph-vm.
    files: dict[str, int] = {}
    for number, volume in enumerate(settings.volumes.persistent):
        other = files.setdefault(re.sub(r"[^\w-]", "_", volume.name), number)
        if other != number:
            same = f"{volume.name!r} is the same file on a host as {settings.volumes.persistent[other].name!r}"
            yield Problem((*path, number, "name"), f"{same}; give each volume a name of its own")


def _of_volume_sources(settings: Settings, path: Path, *, project: bool) -> Iterator[Problem]:
    for number, volume in enumerate(settings.volumes.immutable):
        where = (*path, number)
        if bool(volume.ref) is bool(volume.path):
            yield Problem(where, "expected either ref, of a volume on the network, or path, of what is to be published")
        elif volume.path and not project:
            yield Problem((*where, "path"), "only a project publishes volumes; name one that is published by its ref")
        elif volume.path and not volume.use_latest:
            yield Problem((*where, "use-latest"), "a volume that is published from a path follows its amends")
