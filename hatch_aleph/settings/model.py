"""``[tool.aleph]`` as frozen dataclasses: one field a key, its documentation beside it.

Keys in TOML are the field names with hyphens. The JSON schema and the reference page are generated from this model;
pydantic would do the checking, but its import alone takes longer than a build with nothing to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from hatch_aleph.defaults import DEFAULT_CHANNEL

Interface = Literal["auto", "asgi", "asgi2", "wsgi", "executable"]
PaymentType = Literal["credit", "hold", "superfluid"]
Chain = Literal["ETH", "AVAX", "BASE", "SOL"]
Codec = Literal["zstd", "gzip", "xz"]
Strategy = Literal["amend", "replace"]


def key(doc: str, *, default: Any = None, factory: Any = None, **limits: Any) -> Any:
    """Declare a key: its one-line documentation, default and limits (``minimum``, ``maximum``, ``pattern``...)."""
    metadata = {"doc": doc, **limits}
    if factory is not None:
        return field(default_factory=factory, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Payment:
    """How a program and its volumes are paid for."""

    type: PaymentType = key("Credits by default: the only way for new messages from 2027-01-01.", default="credit")
    chain: Chain = key("Chain of the paying account.", default="ETH")

    def to_message(self) -> dict[str, str]:
        """Return the payment as messages carry it."""
        return {"type": self.type, "chain": self.chain}


@dataclass(frozen=True)
class PersistentVolume:
    """A writable volume kept by the host that runs the program; a new item hash starts with an empty one."""

    name: str = key("Name of the volume.", default="", required=True, pattern="volume name")
    mount: str = key("Where it is mounted.", default="", required=True, pattern="mount")
    size_mib: int = key("Size in MiB.", default=0, required=True, minimum=1, maximum=1953125)
    flush: bool = key("Write it to its device before each answer: hosts stop persistent programs hard.", default=True)


@dataclass(frozen=True)
class EphemeralVolume:
    """A writable volume that is gone when the program stops."""

    mount: str = key("Where it is mounted.", default="", required=True, pattern="mount")
    size_mib: int = key("Size in MiB.", default=0, required=True, minimum=1, maximum=1000)


@dataclass(frozen=True)
class ImmutableVolume:
    """A read-only volume: one that is pinned on the network already, or a path that is packed and published."""

    ref: str = key("Item hash of its STORE message; this or `path`.", default="", pattern="item hash")
    mount: str = key("Where it is mounted.", default="", required=True, pattern="mount")
    use_latest: bool = key("Follow its amends.", default=True)
    path: str = key("Folder, file or squashfs image to pack and publish, relative to pyproject.toml.", default="")


@dataclass(frozen=True)
class Volumes:
    """Further volumes, beside the packages that a build makes."""

    persistent: tuple[PersistentVolume, ...] = key("Volumes kept by the host.", default=())
    ephemeral: tuple[EphemeralVolume, ...] = key("Volumes gone when the program stops.", default=())
    immutable: tuple[ImmutableVolume, ...] = key("Volumes pinned on the network.", default=())


@dataclass(frozen=True)
class Compression:
    """How the images are compressed."""

    codec: Codec = key("Compressor.", default="zstd")
    level: int | None = key(
        "Level: 1 to 22 for zstd (default 6; 15 for releases), 1 to 9 for gzip and xz.", minimum=1, maximum=22
    )


@dataclass(frozen=True)
class HealthCheck:
    """What counts as an answer of a healthy program."""

    path: str = key("Path that is requested after a deployment.", default="/", pattern="path")
    status: int | None = key("Status it must answer; any below 500 when absent.", minimum=100, maximum=599)
    timeout_seconds: float = key("How long to wait for it.", default=120.0, minimum=1)
    answers: bool = key(
        "Whether it answers HTTP; `health = false` for one that never listens and is healthy while its process lives.",
        default=True,
    )


@dataclass(frozen=True)
class Secrets:
    """Findings of the secret scan that are known to be harmless."""

    allow: tuple[str, ...] = key("Paths (globs) or variable names that may look like secrets.", default=())


@dataclass(frozen=True)
class PublishSettings:
    """What publishing needs beside the program's message: a manifest carries it under the same keys."""

    channel: str = key("Channel of the messages.", default=DEFAULT_CHANNEL)
    payment: Payment = key("How it is paid.", factory=Payment)
    address: str | None = key("Address that owns and pays, when it is not the account's own.", pattern="address")
    health: HealthCheck = key("What a healthy program answers.", factory=HealthCheck, off={"answers": False})
    secrets: Secrets = key("What the secret scan may ignore.", factory=Secrets)
    domains: tuple[str, ...] = key("Custom domains to attach to the program.", default=(), pattern="domain")
    strategy: Strategy = key(
        "How code and packages are updated: `amend` in place, or `replace` by a program that takes the domains over.",
        default="amend",
    )
    drain_seconds: float = key(
        "How long a replaced program goes on after the domains have moved.", default=60.0, minimum=0, maximum=3600
    )


@dataclass(frozen=True)
class ProgramSettings:
    """What a program is, and how it is built."""

    entrypoint: str = key(
        "What runs: `module:attribute` of an ASGI or WSGI app (or a factory), or the command of an executable.",
        default="",
        required=True,
    )
    name: str | None = key("Name of the program; the project's name when absent.", pattern="name")
    interface: Interface = key(
        "`auto` tells ASGI from WSGI by looking; `executable` is any program that listens on port 8080.",
        default="auto",
    )
    runtime: str = key("Name or item hash of the runtime.", default="debian-12")
    python: str | None = key("Python of the runtime, `3.11`, for runtimes that are not known.", pattern="python")
    extras: tuple[str, ...] = key("Extras of the project to vendor.", default=())
    groups: tuple[str, ...] = key("Dependency groups of the project to vendor.", default=())
    allow_source: tuple[str, ...] = key("Distributions that may be built from source.", default=())
    allow_links: tuple[str, ...] = key("Links of the project (globs of paths) that may lead out of it.", default=())
    exclude: tuple[str, ...] = key("Globs of vendored files to leave out of the packages image.", default=())
    prune: tuple[str, ...] = key("Named prunings of vendored packages: `tests`, `typing`.", default=())
    bytecode: bool = key("Vendor ready bytecode: larger image, twice as fast a start.", default=True)
    lazy: tuple[str, ...] = key("Top-level modules whose import is put off until they are used.", default=())
    optimize: bool = key("Leave docstrings and asserts out of the bytecode, as `python -OO` does.", default=False)
    packed_modules: bool = key(
        "Keep the packages' bytecode in one file a distribution, found through an index: a faster start.",
        default=True,
    )
    budget_mib: int | None = key("Largest size of the packages image, in MiB; a build above it fails.", minimum=1)
    compute_units: int | None = key("Compute units: 1 vCPU and 2048 MiB each.", minimum=1, maximum=12)
    vcpus: int | None = key("Virtual CPUs.", minimum=1, maximum=256)
    memory: int | None = key("Memory in MiB.", minimum=128, maximum=1024 * 1024)
    oversized: bool = key("Allow more than hosts give a program: 8192 MiB, 32 virtual CPUs.", default=False)
    timeout_seconds: float = key("Limit of one request, in seconds.", default=30.0, minimum=1, maximum=3600)
    internet: bool = key("Give the program access to the internet (doubles its cost on demand).", default=False)
    aleph_api: bool = key("Give the program access to the network's API.", default=True)
    updatable: bool = key("Let a later message replace this program (`allow_amend`).", default=False)
    persistent: bool = key("Run always, not on demand.", default=False)
    variables: Mapping[str, str] = key("Environment variables. They are public.", factory=dict)
    volumes: Volumes = key("Further volumes.", factory=Volumes)
    subscriptions: tuple[Mapping[str, Any], ...] = key("Filters of messages that start the program.", default=())
    compression: Compression = key("How the images are compressed.", factory=Compression)
    adapter: bool = key("Wrap the app so that it behaves as under uvicorn or gunicorn.", default=True)


@dataclass(frozen=True)
class Settings(PublishSettings, ProgramSettings):
    """Everything ``[tool.aleph]`` can say about a program."""

    profile: str | None = None  # set by the loader, not a key

    @property
    def publishing(self) -> PublishSettings:
        """The part that publishing needs beside the message."""
        return PublishSettings(**{item.name: getattr(self, item.name) for item in fields(PublishSettings)})

    @property
    def is_bare_executable(self) -> bool:
        """Whether the guest itself starts the command: the adapter is off, and the code is a zip archive."""
        return self.interface == "executable" and not self.adapter

    @property
    def resources(self) -> tuple[int, int]:
        """Return (vcpus, memory in MiB): the units' unless said otherwise; one vCPU and 2048 MiB by default."""
        units = self.compute_units or 1
        return self.vcpus or units, self.memory or units * 2048


PUBLIC_FIELDS = tuple(item for item in fields(Settings) if item.metadata)
