"""The union of all recurrences, and the two questions that any of them answers.

Rules:

* ``next_after`` is strict: the instant it gives is later than the one it was asked about.
* ``between(start, end)`` leaves ``start`` out and ``end`` in: stretches that follow one another neither lose nor
  repeat an instant. It equals ``next_after`` asked again and again.
* Instants are aware, in UTC, and strictly increasing. None: no more within 400 years or the year 9999.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from mainspring.core.errors import InvalidRecurrence
from mainspring.core.recurrence.cron import Cron
from mainspring.core.recurrence.dst import utc_instant
from mainspring.core.recurrence.interval import Interval
from mainspring.core.recurrence.rrule import RRule

Recurrence = Cron | RRule | Interval


def next_after(recurrence: Recurrence, after: datetime) -> datetime | None:
    """Give the first instant (UTC) of ``recurrence`` strictly after ``after`` (aware), or None.

    Raises ``InvalidRecurrence`` for a naive ``after``.
    """
    return recurrence.next_after(after)


def between(recurrence: Recurrence, start: datetime, end: datetime, limit: int = 1000) -> tuple[datetime, ...]:
    """Give the instants with ``start < instant <= end``, at most ``limit`` of them, the earliest.

    Raises ``InvalidRecurrence`` for a naive ``start`` or ``end`` and for a negative ``limit``.
    """
    if limit < 0:
        raise InvalidRecurrence("limit", f"{limit} is negative", "use 0 or more")
    first, last = utc_instant("start", start), utc_instant("end", end)
    if isinstance(recurrence, RRule):  # a set goes on from where it is, better than it starts afresh
        return tuple(islice(recurrence.between(first, last), limit))
    return tuple(islice(_onwards(recurrence, first, last), limit))


def _onwards(recurrence: Cron | Interval, after: datetime, last: datetime) -> Iterator[datetime]:
    following = recurrence.next_after
    instant = following(after)
    while instant is not None and instant <= last:
        yield instant
        instant = following(instant)
