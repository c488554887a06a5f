"""What a message costs, by tokens held, tokens streamed and credits per second.

The formulas, their floor to 18 decimals and the names of the parts are those of aleph-im/pyaleph,
``src/aleph/services/cost.py``. Instances with GPUs are priced as plain ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any

from aleph_message.models import InstanceContent, ProgramContent, StoreContent, VerifiableProgramContent
from aleph_message.models.execution.volume import ImmutableVolume

from hatch_aleph.local.node.limits import MIB, MIN_STORE_MIB
from hatch_aleph.local.node.machine_files import FileRef
from hatch_aleph.local.node.prices import PRICING, Product, Rate
from hatch_aleph.network.answers import NETWORK_OWNER

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from hatch_aleph.local.node.aggregates import Aggregates
    from hatch_aleph.local.node.file_pins import FilePins
    from hatch_aleph.local.node.machine_files import Machine

AMOUNTS = ("hold", "stream", "credit")  # of a cost, by the ways to pay
_UNIT = Decimal(1) / 10**18
_MIN_CREDIT = Decimal(1) / 3600  # no part of a machine or file costs less than one credit an hour


def floor18(amount: Decimal) -> Decimal:
    """Cut an amount to the 18 decimals the network keeps."""
    return amount.quantize(_UNIT, ROUND_FLOOR)


def payment_type(content: Any) -> str:
    """Tell how a message is paid: ``hold`` unless it says otherwise."""
    payment = getattr(content, "payment", None)
    return "hold" if payment is None else str(payment.type.value)


@dataclass(frozen=True)
class Cost:
    """One part of a message's cost."""

    type: str
    name: str
    ref: str | None
    hold: Decimal
    stream: Decimal
    credit: Decimal
    size_mib: float | None = None


def column_of(payment: str) -> str:
    """Name the amount of a cost that one way to pay takes."""
    return {"superfluid": "stream", "credit": "credit"}.get(payment, "hold")


def total(costs: list[Cost], payment: str) -> Decimal:
    """Sum the parts for one way to pay."""
    return floor18(sum((getattr(cost, column_of(payment)) for cost in costs), Decimal(0)))


@dataclass(frozen=True)
class _Part:
    type: str
    name: str
    ref: str | None
    amount: Decimal  # MiB, or compute units
    size: float | None  # what an estimate shows as size_mib


class Pricer:
    """Computes costs with the prices the node publishes and the sizes of the files it holds.

    ``estimates`` are sizes in MiB of files that are not published yet, by the role of the part: ``code``, ``runtime``,
    ``data``, ``volumes/<index>`` or ``file``.
    """

    def __init__(self, pins: FilePins, aggregates: Aggregates) -> None:
        self._pins = pins
        self._aggregates = aggregates

    def costs(self, content: Any, item_hash: str, estimates: dict[str, float] | None = None) -> list[Cost]:
        """List the parts of what ``content`` costs; other messages than STORE, PROGRAM, INSTANCE are free."""
        pricing = self._aggregates.get(NETWORK_OWNER, "pricing") or PRICING
        if isinstance(content, StoreContent):
            return self._file(content, item_hash, Product.read("storage", pricing), estimates or {})
        if isinstance(content, ProgramContent):
            name = "program_persistent" if content.on.persistent else "program"
            return self._machine(content, Product.read(name, pricing), estimates or {})
        if isinstance(content, InstanceContent):
            secret = getattr(content.environment, "trusted_execution", None)
            name = "instance_confidential" if secret else "instance"
            return self._machine(content, Product.read(name, pricing), estimates or {})
        if isinstance(content, VerifiableProgramContent):  # its volumes are paid for as files
            return self._machine(content, Product.read("instance_confidential", pricing), estimates or {})
        return []

    def file_mib(self, content: StoreContent, estimates: dict[str, float] | None = None) -> Decimal | None:
        """Tell a STORE's size in MiB; None while the node lacks the file."""
        if estimates and estimates.get("file"):
            return Decimal(estimates["file"])
        size = self._pins.size(content.item_hash)
        return None if size is None else Decimal(size / MIB)

    def _file(self, content: StoreContent, item_hash: str, product: Product, estimates: dict[str, float]) -> list[Cost]:
        size = self.file_mib(content, estimates)
        if not size:
            return []
        payment = payment_type(content)
        billed = max(size, Decimal(MIN_STORE_MIB)) if payment == "credit" else size
        shown = self._pinned_mib(item_hash) or estimates.get("file")
        return [_priced(_Part("STORAGE", "STORAGE", item_hash, billed, shown), product.storage, payment)]

    def _machine(self, content: Machine, product: Product, estimates: dict[str, float]) -> list[Cost]:
        payment = payment_type(content)
        units = max(content.resources.vcpus, math.ceil(content.resources.memory / product.unit_memory_mib))
        doubled = isinstance(content, ProgramContent) and not content.on.persistent and content.environment.internet
        compute = product.compute or Rate(Decimal(0), Decimal(0), Decimal(0))
        count = units * (2 if doubled else 1)
        costs = [_priced(_Part("EXECUTION", product.name, None, Decimal(count), None), compute, payment)]
        disks = [_priced(disk, product.storage, payment) for disk in self._disks(content, estimates)]
        free = product.unit_disk_mib * units
        amounts = {}
        for name in AMOUNTS:
            whole = sum((getattr(disk, name) for disk in disks), Decimal(0))
            amounts[name] = floor18(-min(whole, free * getattr(product.storage, name)))
        return [
            *costs,
            *disks,
            Cost("EXECUTION_VOLUME_DISCOUNT", "EXECUTION_VOLUME_DISCOUNT", None, **amounts, size_mib=None),
        ]

    def _disks(self, content: Machine, estimates: dict[str, float]) -> Iterator[_Part]:
        if isinstance(content, ProgramContent):
            for role in ("code", "runtime", "data"):
                part = getattr(content, role)
                if part is not None:
                    kind = f"EXECUTION_PROGRAM_VOLUME_{role.upper()}"
                    needed = FileRef(part.ref, bool(part.use_latest))
                    yield from self._file_disk(kind, kind, needed, estimates.get(role))
        elif isinstance(content, InstanceContent):
            size = content.rootfs.size_mib
            kind = "EXECUTION_INSTANCE_VOLUME_ROOTFS"
            yield _Part(kind, kind, str(content.rootfs.parent.ref), Decimal(size), float(size))
        for index, volume in enumerate(content.volumes if not isinstance(content, VerifiableProgramContent) else ()):
            if isinstance(volume, ImmutableVolume):
                name = f"#{index}:{volume.mount or 'EXECUTION_VOLUME_INMUTABLE'}"
                needed = FileRef(volume.ref, volume.use_latest)
                yield from self._file_disk(
                    "EXECUTION_VOLUME_INMUTABLE", name, needed, estimates.get(f"volumes/{index}")
                )
            else:
                name = f"#{index}:{volume.mount or 'EXECUTION_VOLUME_PERSISTENT'}"
                size = volume.size_mib
                yield _Part("EXECUTION_VOLUME_PERSISTENT", name, None, Decimal(size), float(size))

    def _file_disk(self, kind: str, name: str, needed: FileRef, estimate: float | None) -> Iterator[_Part]:
        """A file of unknown size costs nothing, as on the network."""
        found = self._pins.file_of(needed)
        if estimate:
            yield _Part(kind, name, needed.ref, Decimal(estimate), self._pinned_mib(needed.ref) or float(estimate))
        elif found is not None:
            yield _Part(kind, name, needed.ref, Decimal(found[1] / MIB), self._pinned_mib(needed.ref))

    def written(self, cost: sqlite3.Row, content: Any) -> Cost:
        """Return a part that was written down, with its size if the message's content is given."""
        amounts = {name: Decimal(cost[name]) for name in AMOUNTS}
        size = None if content is None else self._size_mib(cost, content)
        return Cost(cost["type"], cost["name"], cost["ref"], **amounts, size_mib=size)

    def _size_mib(self, cost: sqlite3.Row, content: Any) -> float | None:
        """Tell the size of a part that was written down (get_cost_component_size_mib)."""
        if cost["type"] in ("EXECUTION", "EXECUTION_VOLUME_DISCOUNT"):
            return None
        if cost["type"] == "EXECUTION_INSTANCE_VOLUME_ROOTFS":
            return float(content.rootfs.size_mib)
        if cost["type"] == "EXECUTION_VOLUME_PERSISTENT":
            index = int(cost["name"].partition(":")[0].removeprefix("#"))
            return float(content.volumes[index].size_mib)
        return self._pinned_mib(cost["ref"] or cost["item_hash"])

    def _pinned_mib(self, item_hash: str) -> float | None:
        pin = self._pins.message_pin(item_hash)
        size = None if pin is None else self._pins.size(pin["file_hash"])
        return None if size is None else float(Decimal(size) / MIB)


def _priced(part: _Part, rate: Rate, payment: str) -> Cost:
    amounts = {name: floor18(part.amount * getattr(rate, name)) for name in AMOUNTS}
    if payment == "credit":
        amounts["credit"] = max(amounts["credit"], floor18(_MIN_CREDIT))
    return Cost(part.type, part.name, part.ref, **amounts, size_mib=part.size)
