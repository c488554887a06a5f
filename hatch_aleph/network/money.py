"""What things cost and what there is to pay them with, as nodes tell it."""

from __future__ import annotations

import copy
import hashlib
import json
import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from .fields import MalformedAnswerError, as_decimal, as_list, as_mapping, as_text, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SECONDS_A_DAY = 86_400
CREDITS_A_DOLLAR = 1_000_000  # aleph-im/pyaleph, src/aleph/toolkit/constants.py
_MIB = 1024**2
_FEW_DAYS = 10


class Price(NamedTuple):
    """What a message costs.

    Attributes:
        payment_type: ``credit``, ``superfluid`` or ``hold``.
        cost: By credit, credits a second; by superfluid, tokens a second; by hold, the tokens to hold.
    """

    payment_type: str
    cost: Decimal

    @property
    def per_second(self) -> Decimal:
        """Credits or tokens a second; nothing flows for tokens that are held."""
        return Decimal(0) if self.payment_type == "hold" else self.cost

    @property
    def per_day(self) -> Decimal:
        """Credits or tokens a day."""
        return self.per_second * SECONDS_A_DAY

    @property
    def held(self) -> Decimal:
        """Tokens that must be held."""
        return self.cost if self.payment_type == "hold" else Decimal(0)

    @classmethod
    def from_json(cls, data: Any) -> Price:
        """Read the answer of ``/api/v0/price``, actual or estimated."""
        answer = as_mapping(data)
        payment_type = as_text(answer, "payment_type")
        if payment_type not in ("credit", "superfluid", "hold"):
            raise MalformedAnswerError(f"unknown payment type {shown(payment_type)}")
        return cls(payment_type, as_decimal(answer.get("cost", answer.get("required_tokens"))))


class Balance(NamedTuple):
    """What an address has.

    Attributes:
        tokens: ALEPH tokens on all chains.
        locked: Tokens that what it holds already needs.
        credits: Prepaid credits.
    """

    tokens: Decimal
    locked: Decimal
    credits: Decimal

    @property
    def free(self) -> Decimal:
        """Tokens that can still be used to hold something."""
        return self.tokens - self.locked

    @classmethod
    def from_json(cls, data: Any) -> Balance:
        """Read the answer of ``/api/v0/addresses/{address}/balance``."""
        answer = as_mapping(data)
        return cls(
            tokens=as_decimal(answer.get("balance")),
            locked=as_decimal(answer.get("locked_amount") or 0),
            credits=as_decimal(answer.get("credit_balance") or 0),
        )


def amount(value: Decimal | float, payment_type: str) -> str:
    """Return an amount as people read it: credits in dollars, to two digits below one; tokens as they are.

    Args:
        value: Credits, or tokens by any other way of paying.
        payment_type: ``credit``, ``superfluid`` or ``hold``.
    """
    if payment_type != "credit":
        return f"{float(value):,.4g} ALEPH"
    dollars = float(value) / CREDITS_A_DOLLAR
    digits = 2 if not dollars or abs(dollars) >= 1 else 1 - math.floor(math.log10(abs(dollars)))
    return f"-${-dollars:,.{digits}f}" if dollars < 0 else f"${dollars:,.{digits}f}"


def cost_text(prices: Iterable[Price]) -> str:
    """Return what some messages cost together as people read it, hold and the rest apart."""
    sums: dict[str, Decimal] = {}
    for price in prices:
        sums[price.payment_type] = sums.get(price.payment_type, Decimal(0)) + (price.held or price.per_day)
    parts = [f"{amount(sums[kind], kind)}{' held' if kind == 'hold' else ' a day'}" for kind in sorted(sums)]
    return " and ".join(parts) or "an unknown cost"


def for_a_day(per_day: Decimal | float | None) -> str:
    """Say what something costs in a day, in credits, as the end of a sentence; None stands for no estimate."""
    return "at unknown cost" if per_day is None else f"for {amount(per_day, 'credit')} a day"


def with_earlier(per_day: Decimal | float | None, before: Decimal | float | None) -> str:
    """Say what new content costs beside earlier contents, which stay and are paid for: added, before and after.

    Args:
        per_day: Credits a day for the new content; None stands for no estimate.
        before: Credits a day for all earlier contents.
    """
    kept = "the earlier content stays and is paid for"
    if per_day is None or before is None:
        return f"{for_a_day(per_day)}; {kept}"
    after = Decimal(before) + Decimal(per_day)
    return f"{for_a_day(per_day)}: {amount(before, 'credit')} before, {amount(after, 'credit')} after, as {kept}"


def days_text(days: Decimal | float) -> str:
    """Return how long a balance lasts, to a tenth where that matters."""
    return f"{days:,.1f} days" if days < _FEW_DAYS else f"{days:,.0f} days"


def figure(value: Decimal | float) -> float:
    """Return an amount as JSON has it: a number, to a millionth of a credit or token."""
    return round(float(value), 6)


def figures(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with each number that is not whole as :func:`figure` has it."""
    return {name: figure(value) if isinstance(value, float) else value for name, value in fields.items()}


def with_credits(value: Decimal | float) -> str:
    """Return credits as dollars with the credits beside them, for details."""
    return f"{amount(value, 'credit')} ({float(value):,.0f} credits)"


class Tier(NamedTuple):
    """A size of program; the prices are credits a day.

    Attributes:
        units: Compute units.
        vcpus: Virtual CPUs.
        memory_mib: Memory.
        disk_mib: Of its volumes, what the price includes on demand.
        on_demand: Without access to the internet.
        internet: On demand, with access to it: twice the units (aleph-im/pyaleph, src/aleph/services/cost.py).
        persistent: Running always.
    """

    units: int
    vcpus: int
    memory_mib: int
    disk_mib: int
    on_demand: Decimal
    internet: Decimal
    persistent: Decimal


class Pricing(NamedTuple):
    """The network's prices of programs and files: tiers, and credits a day for a MiB of a file or of a volume."""

    tiers: tuple[Tier, ...]
    file_mib: Decimal
    volume_mib: Decimal

    @classmethod
    def from_json(cls, data: Any) -> Pricing:
        """Read the aggregate ``pricing``, whose prices are for an hour."""
        listed = as_mapping(data)
        program, persistent, files = (as_mapping(listed.get(key)) for key in _PRODUCTS)
        unit, day = as_mapping(program.get("compute_unit")), Decimal(24)

        def credit(product: Mapping[str, Any], kind: str) -> Decimal:
            return as_decimal(as_mapping(as_mapping(product.get("price")).get(kind)).get("credit")) * day

        always, at_times = credit(persistent, "compute_unit"), credit(program, "compute_unit")
        counts = [int(as_decimal(as_mapping(each).get("compute_units"))) for each in as_list(program.get("tiers"))]
        vcpus, memory, disk = (int(as_decimal(unit.get(key))) for key in ("vcpus", "memory_mib", "disk_mib"))
        tiers = (Tier(n, n * vcpus, n * memory, n * disk, n * at_times, 2 * n * at_times, n * always) for n in counts)
        return cls(tuple(tiers), credit(files, "storage"), credit(program, "storage"))


_PRODUCTS = ("program", "program_persistent", "storage")


class CreditChange(NamedTuple):
    """What came to an address's credits, or went: an amount, when, what did it, and when it expires."""

    amount: Decimal
    time: str
    provider: str
    origin: str | None
    expires: str | None

    @classmethod
    def from_json(cls, data: Any) -> CreditChange:
        """Read an entry of ``/api/v0/addresses/{address}/credit_history``."""
        entry = as_mapping(data)
        origin, expires = entry.get("origin"), entry.get("expiration_date")
        return cls(
            as_decimal(entry.get("amount")),
            str(entry.get("message_timestamp") or ""),
            str(entry.get("payment_method") or entry.get("provider") or ""),
            None if origin is None else str(origin),
            None if expires is None else str(expires),
        )


def spending_of(data: Any) -> Decimal:
    """Read the answer of ``/api/v0/costs``: the credits a day of all that an address pays for."""
    summary = as_mapping(as_mapping(data).get("summary"))
    return as_decimal(summary.get("total_cost_credit")) * SECONDS_A_DAY


def estimation_message(content: Mapping[str, Any], type_: str, sizes: Mapping[str, int], time: float) -> dict[str, Any]:
    """Return the envelope for ``POST /api/v0/price/estimate``.

    Args:
        content: Content of the message.
        type_: PROGRAM or STORE.
        sizes: Bytes by ``ref``, or by a STORE's file hash.
        time: Seconds since 1970.
    """
    sized = copy.deepcopy(dict(content))
    parts = [sized.get("code"), sized.get("runtime"), sized.get("data"), *(sized.get("volumes") or [])]
    if type_ == "STORE":
        parts = [sized]
    for part in parts:
        size = sizes.get(str(part.get("item_hash" if type_ == "STORE" else "ref"))) if part else None
        if part and size is not None:
            # Whole MiB: the network's model of programs takes integers only.
            part["estimated_size_mib"] = math.ceil(size / _MIB)
    item_content = json.dumps(sized, separators=(",", ":"))
    return {
        "type": type_,
        "chain": "ETH",
        "sender": str(content.get("address", "")),
        "time": time,
        "item_type": "inline",
        "item_content": item_content,
        "item_hash": hashlib.sha256(item_content.encode()).hexdigest(),
    }
