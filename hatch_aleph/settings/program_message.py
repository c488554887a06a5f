"""The one map between settings and the content of a PROGRAM message, both ways.

What a message says of a program is here once: what each setting becomes, what the network takes an absent field for,
and where in the message a setting stands. ``address``, ``time``, ``code.ref`` and the packages volume are not settings:
publishing adds them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from hatch_aleph.settings.entry_points import in_message, is_command, of_message
from hatch_aleph.settings.model import (
    EphemeralVolume,
    ImmutableVolume,
    Payment,
    PersistentVolume,
    Settings,
    Volumes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hatch_aleph.runtimes import Runtime

# What the network takes a field for that is absent or null (aleph-im/aleph-message, aleph_message/models/execution).
ABSENT: Mapping[str, Any] = {
    "allow_amend": False,
    "code.use_latest": False,
    "environment.aleph_api": False,
    "environment.internet": False,
    "environment.reproducible": False,
    "environment.shared_cache": False,
    "on.persistent": False,
    "payment.type": "hold",
    "resources.memory": 128,
    "resources.seconds": 1,
    "resources.vcpus": 1,
    "runtime.use_latest": True,
    "variables": {},
    "volumes": [],
}

# Where in the message each setting stands. The others decide what is in the images, or how they are published.
PLACES: Mapping[str, tuple[str, ...]] = {
    "adapter": ("code.entrypoint", "code.interface"),
    "aleph_api": ("environment.aleph_api",),
    "compute_units": ("resources.vcpus", "resources.memory"),
    "entrypoint": ("code.entrypoint",),
    "interface": ("code.interface",),
    "internet": ("environment.internet",),
    "memory": ("resources.memory",),
    "name": ("metadata.name",),
    "payment": ("payment",),
    "persistent": ("on.persistent",),
    "runtime": ("runtime",),
    "subscriptions": ("on.message",),
    "timeout_seconds": ("resources.seconds",),
    "updatable": ("allow_amend",),
    "variables": ("variables",),
    "vcpus": ("resources.vcpus",),
    "volumes": ("volumes",),
}


def program_content(settings: Settings, runtime: Runtime, *, name: str, encoding: str) -> dict[str, Any]:
    """Return the content of the PROGRAM message that says what settings say.

    Args:
        settings: What the program is to be.
        runtime: Where it runs.
        name: What to call it when the settings do not name it.
        encoding: ``squashfs`` or ``zip``, of the code.
    """
    vcpus, memory = settings.resources
    on: dict[str, Any] = {"http": True, "persistent": settings.persistent}
    if settings.subscriptions:
        on["message"] = [dict(each) for each in settings.subscriptions]
    return {
        "type": "vm-function",
        "allow_amend": settings.updatable,
        "code": {
            "encoding": encoding,
            "entrypoint": in_message(settings.entrypoint, adapter=settings.adapter),
            "interface": "binary" if settings.is_bare_executable else "asgi",
            "use_latest": True,  # so that an amend of the code is an update in place
        },
        "runtime": {"ref": runtime.item_hash, "use_latest": True, "comment": runtime.distribution or runtime.name},
        "on": on,
        "environment": {
            "reproducible": False,
            "internet": settings.internet,
            "aleph_api": settings.aleph_api,
            "shared_cache": False,
        },
        # The network takes whole seconds: rounded up, so that nothing is cut earlier than was said.
        "resources": {"vcpus": vcpus, "memory": memory, "seconds": math.ceil(settings.timeout_seconds)},
        "variables": dict(settings.variables),
        "volumes": _volumes(settings.volumes),
        "metadata": {"name": settings.name or name},
        "payment": settings.payment.to_message(),
    }


def settings_of(content: Mapping[str, Any]) -> Settings:
    """Return what a PROGRAM message says, with the network's own defaults for what it leaves open.

    A message does not tell which interface an app has (the code image does), nor what only concerns the build.
    """
    entrypoint, adapter = of_message(str(value_at(content, "code.entrypoint") or ""))
    command = value_at(content, "code.interface") == "binary" or is_command(entrypoint)
    return Settings(
        entrypoint=entrypoint,
        adapter=adapter,
        interface="executable" if command else "auto",
        name=value_at(content, "metadata.name"),
        runtime=str(value_at(content, "runtime.ref") or ""),
        vcpus=value_at(content, "resources.vcpus"),
        memory=value_at(content, "resources.memory"),
        timeout_seconds=float(value_at(content, "resources.seconds")),
        internet=value_at(content, "environment.internet"),
        aleph_api=value_at(content, "environment.aleph_api"),
        updatable=value_at(content, "allow_amend"),
        persistent=value_at(content, "on.persistent"),
        subscriptions=tuple(value_at(content, "on.message") or ()),
        variables=dict(value_at(content, "variables")),
        volumes=_volumes_of(value_at(content, "volumes")),
        payment=Payment(value_at(content, "payment.type"), value_at(content, "payment.chain") or "ETH"),
    )


def adapter_remark(content: Mapping[str, Any]) -> str | None:
    """Return what the owner of a program should know whose code other tools may replace: they leave the adapter out.

    aleph-rs and the archived command line amend the code of updatable programs alone, with any image they are given.
    """
    if not (starts_through_adapter(content) and value_at(content, "allow_amend")):
        return None
    return (
        "It starts through the adapter in its code: give it new code by hatch-aleph alone, for an image of another "
        "tool's has no adapter and does not start"
    )


def starts_through_adapter(content: Mapping[str, Any]) -> bool:
    """Tell whether a program cannot start without the adapter in its code."""
    return of_message(str(value_at(content, "code.entrypoint") or ""))[1]


def value_at(content: Mapping[str, Any], path: str) -> Any:
    """Return a field of a message by its dotted path, or what the network takes it for when it is absent."""
    found: Any = content
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return ABSENT.get(path) if found is None else found


def with_settings(
    content: Mapping[str, Any], said: Mapping[str, Any], keys: Iterable[str], *, paths: Iterable[str] = ()
) -> dict[str, Any]:
    """Return a message's content in which some settings are as in another, and all else is as it was.

    Args:
        content: Of a message, of whatever tool.
        said: What :func:`program_content` gave.
        keys: Names of settings; those that stand in no message change nothing.
        paths: Further dotted paths of the message to take over.
    """
    changed = dict(content)
    for path in (*(path for key in keys for path in PLACES.get(key, ())), *paths):
        part, _, field = path.partition(".")
        if field:
            rest = {name: value for name, value in (changed.get(part) or {}).items() if name != field}
            changed[part] = rest | ({field: said[part][field]} if field in said[part] else {})
        else:
            changed[part] = said[part]
    return changed


def _volumes(volumes: Volumes) -> list[dict[str, Any]]:
    return [
        *(
            {"mount": each.mount, "ref": each.ref, "use_latest": each.use_latest}
            for each in volumes.immutable
            if each.ref
        ),
        *(
            {"mount": each.mount, "name": each.name, "size_mib": each.size_mib, "persistence": "host"}
            for each in volumes.persistent
        ),
        *({"mount": each.mount, "size_mib": each.size_mib, "ephemeral": True} for each in volumes.ephemeral),
    ]


def _volumes_of(content: Iterable[Mapping[str, Any]]) -> Volumes:
    immutable, persistent, ephemeral = [], [], []
    for each in content:
        mount, size_mib = each.get("mount") or "", each.get("size_mib") or 1
        if each.get("ref"):
            latest = each.get("use_latest")
            immutable.append(ImmutableVolume(each["ref"], mount, use_latest=latest is None or bool(latest)))
        elif each.get("ephemeral"):
            ephemeral.append(EphemeralVolume(mount, size_mib))
        else:
            persistent.append(PersistentVolume(each.get("name") or "", mount, size_mib))
    return Volumes(tuple(persistent), tuple(ephemeral), tuple(immutable))
