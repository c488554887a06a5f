"""Times as the network keeps them: UTC, microseconds.

A message's ``time`` is a float of seconds; a node stores it as a timestamp with microseconds and gives that back,
so ``…573.4478722`` becomes ``…573.447872`` (aleph-im/pyaleph, ``src/aleph/toolkit/timestamp.py``).
"""

from __future__ import annotations

import datetime as dt

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_MICROSECOND = dt.timedelta(microseconds=1)

HOUR = 3600
DAY = 24 * HOUR


def to_micros(timestamp: float) -> int:
    """Round ``timestamp`` (seconds) to microseconds as a datetime does.

    Raises:
        ValueError: It is no time a datetime can hold.
    """
    try:
        moment = dt.datetime.fromtimestamp(timestamp, dt.timezone.utc)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"time out of range: {timestamp}") from error
    return (moment - _EPOCH) // _MICROSECOND


def to_seconds(micros: int) -> float:
    """Give back the float of seconds that messages carry."""
    return micros / 10**6


def to_iso(micros: int) -> str:
    """Write a moment as the network's answers do: ``2026-11-24T22:16:13.469851Z``."""
    moment = _EPOCH + dt.timedelta(microseconds=micros)
    return moment.isoformat().replace("+00:00", "Z")


def from_iso(text: str) -> int:
    """Read what :func:`to_iso` wrote, or any ISO time with an offset, as microseconds.

    Raises:
        ValueError: It is no such time.
    """
    moment = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.timezone.utc)
    return (moment - _EPOCH) // _MICROSECOND
