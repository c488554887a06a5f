from __future__ import annotations

from itertools import islice

from hatch_aleph.waiting import Backoff, Waiter


class Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def waiter(self, jitter: float = 1.0) -> Waiter:
        return Waiter(self.sleep, lambda: self.now, lambda: jitter)


def test_pauses_grow_to_the_longest() -> None:
    assert list(islice(Backoff(first=1, longest=5, growth=2), 5)) == [1, 2, 4, 5, 5]
    assert list(islice(Backoff(first=9, longest=5), 2)) == [5, 5]


def test_what_is_found_is_returned_at_once() -> None:
    clock = Clock()
    assert clock.waiter().poll(lambda left: left, 3, Backoff(1, 5)) == 3
    assert clock.pauses == []


def test_each_look_learns_what_is_left() -> None:
    clock, lefts = Clock(), []
    found = clock.waiter().poll(lambda left: lefts.append(left) or (len(lefts) == 3 or None), 60, Backoff(1, 8, 2))
    assert found is True
    assert lefts == [60, 59, 57]


def test_no_look_comes_after_the_deadline() -> None:
    clock = Clock()
    assert clock.waiter().poll(lambda _left: None, 10, Backoff(1, 4, 2)) is None
    assert clock.pauses == [1, 2, 4]  # the next look would be at 11 seconds


def test_a_deadline_that_has_passed_still_looks_once() -> None:
    clock = Clock()
    assert clock.waiter().poll(lambda left: f"left {left:.0f}", -5, Backoff(1, 4)) == "left -5"


def test_falsy_findings_are_findings() -> None:
    assert Clock().waiter().poll(lambda _left: 0, 10, Backoff(1, 4)) == 0


def test_jitter_shortens_by_up_to_a_half() -> None:
    assert Clock().waiter(0.0).spread(8) == 4
    assert Clock().waiter(1.0).spread(8) == 8
