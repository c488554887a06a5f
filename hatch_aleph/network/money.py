"""What things cost and what there is to pay them with, as nodes tell it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .reading import MalformedAnswerError, as_decimal, as_mapping, as_text, shown

SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Price:
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
