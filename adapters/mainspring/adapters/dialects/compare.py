"""Which fire times change: the old clock against our recurrence, over a year.

Rules:

* Both sides are listed from ``start`` on for a year and compared as sets: ``lost`` fired there and will not here,
  ``gained`` fires here and did not there.
* A rule with more than ``MAX_YEAR`` fire times a year is compared for its first day and around every shift of its zone,
  which is where schedulers disagree; ``whole`` tells which.
* For a cron that changes, the named gap and fold policies are tried: ``kept_by`` is the first
  pair that changes nothing; None in it is Debian's rule, the default.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, get_args

from attrs import evolve, frozen

from mainspring.adapters.dialects.imported import Carried, Clock
from mainspring.core.recurrence import Cron, Fold, Gap, Recurrence, RRule, between, load_zone, next_shift

MAX_YEAR: Final = 10_000
MAX_WINDOW: Final = 20_000

_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_TICK: Final = timedelta(microseconds=1)


@frozen(kw_only=True)
class Comparison:
    """What a year of fire times has in common and what not; instants in UTC, in order."""

    whole: bool
    before: int
    after: int
    lost: tuple[datetime, ...]
    gained: tuple[datetime, ...]
    kept_by: tuple[Gap | None, Fold | None] | None

    @property
    def changes(self) -> int:
        """How many fire times change."""
        return len(self.lost) + len(self.gained)


def year_after(start: datetime) -> datetime:
    """Give the same time of the year after; 1 March for 29 February."""
    if (start.month, start.day) == (2, 29):
        return start.replace(year=start.year + 1, month=3, day=1)
    return start.replace(year=start.year + 1)


def compare(carried: Carried, clock: Clock, start: datetime) -> Comparison:
    """Compare the fire times of the year after ``start`` (UTC).

    Raises ``InvalidRecurrence`` for an RRULE that cannot be followed so far (see ``RRule.next_after``).
    """
    end = year_after(start)
    first = start if carried.start is None or carried.start <= start else carried.start - _TICK
    last = end if carried.end is None else min(end, carried.end)
    whole = len(_ours(carried.recurrence, first, last, MAX_YEAR + 1)) <= MAX_YEAR
    windows = [(first, last)] if whole else list(_windows(carried.recurrence, first, last))
    windows = [(begin, stop) for begin, stop in windows if begin < stop]
    before = {instant for begin, stop in windows for instant in islice(clock.fires(begin, stop), MAX_WINDOW)}
    after = _fires(carried.recurrence, windows)
    kept_by = None if before == after else _policies(carried.recurrence, windows, before)
    return Comparison(
        whole=whole,
        before=len(before),
        after=len(after),
        lost=tuple(sorted(before - after)),
        gained=tuple(sorted(after - before)),
        kept_by=kept_by,
    )


def _ours(recurrence: Recurrence, start: datetime, end: datetime, limit: int) -> tuple[datetime, ...]:
    return between(recurrence, start, end, limit) if start < end else ()


def _fires(recurrence: Recurrence, windows: list[tuple[datetime, datetime]]) -> set[datetime]:
    return {instant for begin, stop in windows for instant in _ours(recurrence, begin, stop, MAX_WINDOW)}


def _windows(recurrence: Recurrence, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Give the first hours, and a stretch around each shift: short enough for a fire time each second."""
    yield start, min(end, start + 4 * _HOUR)
    if isinstance(recurrence, Cron | RRule):
        zone = load_zone(recurrence.timezone)
        shift = next_shift(zone, start, end)
        while shift is not None:
            reach = min(shift.length, _HOUR) + _HOUR
            yield shift.at - reach - _TICK, min(end, shift.at + reach)
            shift = next_shift(zone, shift.at, end)


def _policies(
    recurrence: Recurrence, windows: list[tuple[datetime, datetime]], before: set[datetime]
) -> tuple[Gap | None, Fold | None] | None:
    """Find named policies that keep every fire time; only the days around shifts can differ by them."""
    if not isinstance(recurrence, Cron) or not before:
        return None
    near = [window for begin, stop in windows for window in _near_shifts(recurrence.timezone, begin, stop)]
    far_equal = _equal_apart(recurrence, windows, near, before)
    if not far_equal:
        return None
    wanted = {instant for instant in before if any(begin < instant <= stop for begin, stop in near)}
    for gap in (None, *get_args(Gap)):
        for fold in (None, *get_args(Fold)):
            if _fires(evolve(recurrence, gap=gap, fold=fold), near) == wanted:
                return gap, fold
    return None


def _near_shifts(zone_name: str, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    zone = load_zone(zone_name)
    shift = next_shift(zone, start, end)
    while shift is not None:
        yield max(start, shift.at - _DAY), min(end, shift.at + _DAY)
        shift = next_shift(zone, shift.at, end)


def _equal_apart(
    recurrence: Cron,
    windows: list[tuple[datetime, datetime]],
    near: list[tuple[datetime, datetime]],
    before: set[datetime],
) -> bool:
    different = before ^ _fires(recurrence, windows)
    return all(any(begin < instant <= stop for begin, stop in near) for instant in different)
