"""What a program is to the host, and what it answers: plain data."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Literal

from hatch_aleph import itemhash
from hatch_aleph.settings.rules import HOST_MEMORY, MAX_ARCHIVE

if TYPE_CHECKING:
    from pathlib import Path

# The item hash of a program that was never published.
LOCAL_HASH = "cafe" * 16

Interface = Literal["asgi", "executable"]
Encoding = Literal["squashfs", "zip", "plain"]
VolumeKind = Literal["immutable", "persistent", "ephemeral"]


@dataclass(frozen=True)
class VolumeSpec:
    """One volume of a program.

    Attributes:
        mount: Where it appears in the guest.
        kind: What kind of volume; the host refuses ephemeral ones, as the network's hosts do.
        image: The squashfs file of an immutable volume, or a folder in its place.
        name: Name of a persistent volume; its folder is kept under the program's item hash.
        persistence: Only "host" is possible for persistent volumes.
        size_mib: Size of a persistent volume's disk, where it is one: a folder is not bounded.
        ref: Item hash of the STORE message it came from, "" when it was never published.
    """

    mount: str
    kind: VolumeKind = "immutable"
    image: Path | None = None
    name: str = ""
    persistence: str = "host"
    size_mib: int = 100
    ref: str = ""


@dataclass(frozen=True)
class ProgramSpec:
    """All that is needed to run a program.

    Attributes:
        code: The code image, archive or source file, as ``encoding`` says.
        code_ref: Item hash of the STORE message that the code came from, told in ``Aleph-Program-Code-Ref``.
        variables: Environment variables, set after Python started.
        seconds: Longest time for one request.
        memory: MiB of memory.
        vcpus: Virtual cores, of which a host has four a core.
        internet: Whether the program may reach the network.
        python: Minor version of the runtime's Python.
        data: Archive that is unpacked to ``/data`` before the start.
        runtime: The runtime's own image; when given, the program runs in it under its own init.
        watched: Refs (originals) whose amends stop a running machine.
        subscriptions: Filters of ``on.message``.
        owner: Address of the program's owner, "" when it was never published.
        pins: What its packages image holds, as exact requirements, where that is known.
        packages_inputs: Inputs digest of its packages image.
    """

    item_hash: str
    entrypoint: str
    code: Path
    interface: Interface = "asgi"
    encoding: Encoding = "squashfs"
    code_ref: str = LOCAL_HASH
    volumes: tuple[VolumeSpec, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    seconds: float = 30.0
    memory: int = 2048
    vcpus: int = 1
    internet: bool = True
    python: str = "3.11"
    data: Path | None = None
    runtime: Path | None = None
    persistent: bool = False
    watched: frozenset[str] = frozenset()
    subscriptions: tuple[dict[str, Any], ...] = ()
    owner: str = ""
    pins: tuple[str, ...] = ()
    packages_inputs: str = ""

    @property
    def hostname(self) -> str:
        """The item hash in base32, as in the program's URL: host names are limited to 63 characters."""
        return itemhash.to_base32(self.item_hash)


@dataclass(frozen=True)
class Limits:
    """Times and sizes of the network's hosts (``src/aleph/vm/conf.py`` and ``controllers/firecracker`` in aleph-vm).

    Seconds, unless said otherwise. The defaults spare a developer what only delays; ``as_real`` has all of it.

    Attributes:
        real: Stops in steps, with the faults that the network's hosts have meanwhile; nothing is made easier.
        boot: A VM's way to its init, which takes no time here.
        linger: Between the answer to ``halt`` and the kill.
        guest_api_stop: From the deletion of a machine's folder to the end of its stop.
        piece_bytes: A request that is longer reaches the init in pieces of this size; 0 leaves it whole.
        schedule: Between two looks of the scheduler at what should run.
        confirmations: How often the host must see that a message has ended before it stops the program.
        program_memory: MiB for all programs together.
    """

    init: float = 20.0
    configuration: float = 60.0
    lifespan: float = 30.0
    shutdown_event: float = 10.0
    proxy: float = 5.0
    halt: float = 5.0
    idle: float = 3600.0
    status_check: float = 60.0
    body_bytes: int = 1024**2
    archive_bytes: int = MAX_ARCHIVE
    real: bool = False
    boot: float = 0.0
    linger: float = 0.0
    guest_api_stop: float = 0.0
    piece_bytes: int = 0
    schedule: float = 10.0
    confirmations: int = 1
    program_memory: int = HOST_MEMORY
    virtual_cores: int = 4 * (os.cpu_count() or 1)

    @classmethod
    def as_real(cls, pace: float = 1.0, **changes: Any) -> Limits:
        """Return the limits of a host that behaves as the network's do.

        Args:
            pace: Factor on the host's own times; the program's (configuration, lifespan, halt) stay as they are.
            changes: Fields to set otherwise.
        """
        own = {"init": 20.0, "boot": 1.5, "linger": 1.0, "guest_api_stop": 5.0, "schedule": 10.0, "status_check": 60.0}
        scaled = {name: seconds * pace for name, seconds in own.items()}
        return cls(**{"real": True, "confirmations": 3, "piece_bytes": 3700, **scaled, **changes})


@dataclass(frozen=True)
class Answer:
    """What the host answers to a client.

    Attributes:
        headers: Names in lower case, in order.
        seconds: From the request's arrival to the answer, without the start of the machine.
        detail: Why the host answers in the program's place, as far as this machine knows; "" else.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    reason: str | None = None
    seconds: float = 0.0
    detail: str = ""

    def header(self, name: str) -> str | None:
        """Return the first value of a header."""
        return next((value for key, value in self.headers if key == name.lower()), None)


def _now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass
class Times:
    """When an execution reached which state (VmExecutionTimes in ``src/aleph/vm/models.py`` of aleph-im/aleph-vm)."""

    defined_at: datetime = field(default_factory=_now)
    preparing_at: datetime | None = field(default_factory=_now)
    prepared_at: datetime | None = None
    starting_at: datetime | None = None
    started_at: datetime | None = None
    stopping_at: datetime | None = None
    stopped_at: datetime | None = None

    def prepared(self) -> None:
        """Note that the files are there, and that the machine starts now."""
        self.prepared_at = self.starting_at = _now()

    def started(self) -> None:
        """Note that the program answers from now on."""
        self.started_at = _now()

    def stopping(self) -> None:
        """Note the beginning of the end."""
        self.stopping_at = self.stopping_at or _now()

    def stopped(self) -> None:
        """Note the end."""
        self.stopping()
        self.stopped_at = self.stopped_at or _now()

    def as_listed(self) -> dict[str, str | None]:
        """Return the times as hosts list them."""
        return {name: None if at is None else str(at) for name, at in asdict(self).items()}
