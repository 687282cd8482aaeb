"""Instants and intervals of the catalogue: RFC 3339 text in, integer microseconds out.

Microseconds since 1970-01-01T00:00:00Z, negative before. An open end of an interval is
:data:`DISTANT_PAST` or :data:`DISTANT_FUTURE`, so that two comparisons decide every relation.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

DISTANT_PAST = -(2**62)
DISTANT_FUTURE = 2**62
DAY_US = 86_400_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)


def instant_us(text: str) -> int:
    """Microseconds since 1970 of an RFC 3339 date-time; finer digits are cut off.

    Raises
    ------
    ValueError
        When ``text`` is no RFC 3339 date-time with a zone.

    Examples
    --------
    >>> instant_us("1970-01-01T01:00:00.5+01:00")
    500000
    """
    match = _RFC3339.fullmatch(text)
    if not match:
        raise ValueError(
            f"{text[:64]!r} is no RFC 3339 date-time with a zone, such as 2026-11-21T09:30:00Z."
        )
    day, clock, fraction, zulu, sign, hours, minutes = match.groups()
    try:
        naive = datetime.fromisoformat(f"{day}T{clock}")
        offset_min = 0 if zulu else int(hours) * 60 + int(minutes)
        if not zulu and (int(hours) > 23 or int(minutes) > 59):
            raise ValueError("the offset is longer than a day")
    except ValueError as exc:
        raise ValueError(f"{text[:64]!r} is no date-time: {exc}.") from exc
    whole = naive.replace(tzinfo=UTC) - _EPOCH
    us = whole // timedelta(microseconds=1) + int((fraction or "0")[:6].ljust(6, "0"))
    return us - (1 if sign == "+" else -1) * offset_min * 60_000_000


def day_us(text: str) -> tuple[int, int]:
    """First and last microsecond of a date such as ``2026-11-21`` (UTC).

    Raises
    ------
    ValueError
        When ``text`` is no date.
    """
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        raise ValueError(f"{text[:64]!r} is no date such as 2026-11-21.")
    midnight = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    start = (midnight - _EPOCH) // timedelta(microseconds=1)
    return start, start + DAY_US - 1


def interval_us(text: str) -> tuple[int, int]:
    """Ends of a STAC ``datetime`` parameter: an instant, or two joined by a slash.

    ``..`` or nothing leaves an end open; one end has to be there.

    Raises
    ------
    ValueError
        When an end is no RFC 3339 date-time, both are open, or they are in the wrong order.
    """
    parts = text.split("/")
    if len(parts) == 1:
        at = instant_us(parts[0])
        return at, at
    if len(parts) != 2:
        raise ValueError(f"{text[:64]!r} has more than one slash; an interval is start/end.")
    start = DISTANT_PAST if parts[0] in ("", "..") else instant_us(parts[0])
    end = DISTANT_FUTURE if parts[1] in ("", "..") else instant_us(parts[1])
    if start == DISTANT_PAST and end == DISTANT_FUTURE:
        raise ValueError(f"{text[:64]!r} is open at both ends; give one, or leave the filter out.")
    if start > end:
        raise ValueError(f"{text[:64]!r} ends before it starts.")
    return start, end
