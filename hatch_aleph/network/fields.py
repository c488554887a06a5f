"""Reading of JSON that nobody promises: each helper gives a value of its kind, or says what is wrong with it."""

from __future__ import annotations

import json
import math
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from hatch_aleph.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEXT_LIMIT = 300
# No size, price or balance has more digits before or after its point; computing with a billion of them never ends.
_DIGITS = 60


class MalformedAnswerError(ValueError):
    """An answer that is not what the network's API promises."""


class UnhelpfulNodeError(MalformedAnswerError):
    """A node that cannot give the answer, however often it is asked; said as what follows "the node"."""


def parse_json(data: str | bytes) -> Any:
    """Parse JSON as the network does: no NaN, no half of a letter (no text holds it), no depth beyond the stack.

    Raises:
        ValueError: It is no such JSON.
    """
    text = data.decode() if isinstance(data, bytes) else data
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Return a JSON object, or refuse anything else."""
    if not isinstance(value, dict):
        raise MalformedAnswerError(f"expected an object, not {shown(value)}")
    return value


def as_list(value: Any) -> list[Any]:
    """Return a JSON list, or refuse anything else."""
    if not isinstance(value, list):
        raise MalformedAnswerError(f"expected a list, not {shown(value)}")
    return value


def as_text(answer: Mapping[str, Any], key: str) -> str:
    """Return a field that must be there and be text."""
    value = answer.get(key)
    if not isinstance(value, str) or not value:
        raise MalformedAnswerError(f"{key} is {shown(value)}")
    return value


def as_decimal(value: Any) -> Decimal:
    """Return a number that can be computed with; nodes write some as numbers and some as text."""
    try:
        number = Decimal(str(value)) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or abs(number.adjusted()) > _DIGITS:
        raise MalformedAnswerError(f"{shown(value)} is no number")
    return number


_LAST_SECOND = 253_402_300_799  # of the year 9999


def as_time(value: Any) -> float:
    """Return seconds since 1970 of a number or, as for pending messages, an ISO date."""
    if value is None:
        return 0.0
    if isinstance(value, float) and math.isnan(value):
        raise MalformedAnswerError("NaN is no time")
    if isinstance(value, (int, float)):  # what no calendar holds is shown as what it holds at last, still in the future
        return float(min(max(value, 0), _LAST_SECOND))
    try:
        # fromisoformat understands a trailing Z only from Python 3.11 on.
        return datetime.fromisoformat(str(value).replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        raise MalformedAnswerError(f"{shown(value)} is no time") from None


def shown(value: Any) -> str:
    """Return foreign text fit for a terminal: one line, bounded, without control characters."""
    text = value if isinstance(value, str) else repr(value)
    clean = printable(" ".join(text[: _TEXT_LIMIT + 1].split()))
    return clean if len(clean) <= _TEXT_LIMIT else clean[:_TEXT_LIMIT] + "…"
