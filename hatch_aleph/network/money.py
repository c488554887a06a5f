"""What things cost and what there is to pay them with, as nodes tell it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .reading import MalformedAnswerError, as_decimal, as_list, as_mapping, as_text, shown

SECONDS_A_DAY = 86_400
SECONDS_A_MONTH = 30 * SECONDS_A_DAY


@dataclass(frozen=True)
class PriceLine:
    """One part of a price, such as the execution or a volume; a discount is negative.

    Attributes:
        type: The network's name for the part, such as ``EXECUTION``.
        name: What it is about.
        cost: Credits a second, tokens a second, or tokens to hold: as in the whole price.
        size_mib: Size that was charged, if the node says.
    """

    type: str
    name: str
    cost: Decimal
    size_mib: float | None = None


@dataclass(frozen=True)
class Price:
    """What a message costs.

    Attributes:
        payment_type: ``credit``, ``superfluid`` or ``hold``.
        cost: By credit, credits a second; by superfluid, tokens a second; by hold, the tokens to hold.
        charged_address: Who pays.
        detail: The parts.
    """

    payment_type: str
    cost: Decimal
    charged_address: str = ""
    detail: tuple[PriceLine, ...] = ()

    @property
    def per_second(self) -> Decimal:
        """Credits or tokens a second; nothing flows for tokens that are held."""
        return Decimal(0) if self.payment_type == "hold" else self.cost

    @property
    def per_day(self) -> Decimal:
        """Credits or tokens a day."""
        return self.per_second * SECONDS_A_DAY

    @property
    def per_month(self) -> Decimal:
        """Credits or tokens in thirty days."""
        return self.per_second * SECONDS_A_MONTH

    @property
    def held(self) -> Decimal:
        """Tokens that must be held."""
        return self.cost if self.payment_type == "hold" else Decimal(0)

    @classmethod
    def from_json(cls, data: Any) -> Price:
        """Read the answer of ``/api/v0/price``, actual or estimated."""
        answer = as_mapping(data)
        payment_type = as_text(answer, "payment_type")
        column = {"credit": "cost_credit", "superfluid": "cost_stream", "hold": "cost_hold"}.get(payment_type)
        if column is None:
            raise MalformedAnswerError(f"unknown payment type {shown(payment_type)}")
        lines = [as_mapping(line) for line in as_list(answer.get("detail") or [])]
        return cls(
            payment_type=payment_type,
            cost=as_decimal(answer.get("cost", answer.get("required_tokens"))),
            charged_address=str(answer.get("charged_address") or ""),
            detail=tuple(
                PriceLine(
                    type=str(line.get("type") or ""),
                    name=str(line.get("name") or ""),
                    cost=as_decimal(line.get(column, 0)),
                    size_mib=None if line.get("size_mib") is None else float(as_decimal(line["size_mib"])),
                )
                for line in lines
            ),
        )


@dataclass(frozen=True)
class Balance:
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
