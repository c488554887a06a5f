"""Amounts are told in one way."""

from decimal import Decimal

import pytest

from hatch_aleph.network.money import Price, amount, cost_text


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (0, "credit", "$0.00"),
        (264_215.61, "credit", "$0.26"),
        (Decimal(1_000_000), "credit", "$1.00"),
        (1_234_567_890, "credit", "$1,234.57"),
        (4_210, "credit", "$0.0042"),
        (-264_215, "credit", "-$0.26"),
        (12.5, "hold", "12.5 ALEPH"),
        (1234.5, "superfluid", "1,234 ALEPH"),
    ],
)
def test_amounts(value, kind, text):
    assert amount(value, kind) == text


def test_what_is_held_and_what_is_paid_a_day_stay_apart():
    paid = [Price("credit", Decimal(each)) for each in ("1.5", "0.5")]
    held = [Price("hold", Decimal(200)), Price("hold", Decimal(50))]
    assert cost_text([*paid, *held]) == "$0.17 a day and 250 ALEPH held"
    assert cost_text(held) == "250 ALEPH held"
    assert cost_text([]) == "an unknown cost"
