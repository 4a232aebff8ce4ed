"""A zone cut into stretches of one offset: where local time is UTC plus a constant.

Seconds count from the midnight before 0001-01-01, in UTC and in local time alike, so that day ``n`` begins at ``n *
86400``. The stretches of a UTC year are made once for a zone and a policy. Each says which local times it gives the
instants of, by the policy for folds, and which local times of the gap before it, if there is one, stand for instants
within it:

* ``offset_before``: RFC 5545 section 3.3.5, "interpreted using the UTC offset before the gap";
* ``after``: all of them stand for the first instant after the gap;
* ``skip``: none does; section 3.3.10 calls such an instance invalid and wants it ignored.

From the year 2100 on a zone goes by its yearly rule (tzdata names single shifts to 2087), which names weekdays of
months: there all years of one shape, leap or not and begun on the same weekday, are alike, and the far future costs
nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from mainspring.core.recurrence.dst import FIRST_INSTANT, LAST_INSTANT, Fold, Gap, next_shift, offset_at
from mainspring.core.recurrence.rrule_masks import CYCLE_YEARS, LAST_YEAR, calendar_of, year_start
from mainspring.core.recurrence.rrule_parts import DAY_SECONDS
from mainspring.core.recurrence.rrule_plans import MAX_RUN, Block

EPOCH: Final = datetime(1, 1, 1, tzinfo=UTC)
_FIRST_SECOND: Final = DAY_SECONDS
LAST_SECOND: Final = year_start(LAST_YEAR + 1) * DAY_SECONDS - 1

_SECOND: Final = timedelta(seconds=1)
_STEP: Final = timedelta(days=3)  # the nearest two shifts of tzdata are 3.99 days apart (Freetown, 1939)
_MARGIN: Final = 2 * DAY_SECONDS  # more than any gap or fold is long, so that all that reaches into a year is seen
YEARLY_FROM: Final = 2_100
_FOLD_CHOICES: Final = ("first", "second", "both")


class Stretch(NamedTuple):
    """Local times ``start`` to before ``end`` stand for the instants ``offset`` before them.

    The local times ``gap_start`` to before ``gap_end``, which do not exist, stand for the instants ``gap_offset``
    before them, or all for ``gap_instant`` where that is not None; the two are equal where there is no such gap.
    """

    start: int
    end: int
    offset: int
    gap_start: int = 0
    gap_end: int = 0
    gap_offset: int = 0
    gap_instant: int | None = None

    def moved(self, seconds: int) -> Stretch:
        """Give the same stretch ``seconds`` later."""
        start, end, offset, gap_start, gap_end, gap_offset, instant = self
        instant = None if instant is None else instant + seconds
        return Stretch(
            start + seconds, end + seconds, offset, gap_start + seconds, gap_end + seconds, gap_offset, instant
        )


def to_seconds(instant: datetime) -> int:
    """Count the whole seconds of an instant in UTC; a fraction is cut off."""
    since = instant - EPOCH
    return (since.days + 1) * DAY_SECONDS + since.seconds


def to_instant(seconds: int) -> datetime:
    """Give the instant (UTC) that lies so many seconds after the midnight before 0001-01-01."""
    return EPOCH + timedelta(0, seconds - DAY_SECONDS)


def times_of(block: Block) -> list[datetime]:
    """Give the instants of a block as aware datetimes."""
    base, run, low, high = block
    if base < _FIRST_SECOND:  # the base itself lies before the year 1
        return [to_instant(base + second) for second in run.seconds[low:high]]
    start = to_instant(base)
    if len(run.seconds) > MAX_RUN:  # too long to keep its durations
        return [start + timedelta(0, second) for second in run.seconds[low:high]]
    deltas = run.deltas
    return [start + delta for delta in (deltas if high - low == len(deltas) else deltas[low:high])]


def alias(year: int) -> int:
    """Give the year that stands for ``year`` in what a zone does: itself, or from 2100 on the first of its shape."""
    return year if year < YEARLY_FROM else _of_shape(calendar_of(year)[1][:2])


@lru_cache(maxsize=14)
def _of_shape(shape: tuple[bool, int]) -> int:
    years = range(YEARLY_FROM, YEARLY_FROM + CYCLE_YEARS)
    return next(year for year in years if calendar_of(year)[1][:2] == shape)


@lru_cache(maxsize=8_192)
def stretches(zone: ZoneInfo, year: int, gap: Gap, fold: Fold, elapsed: bool) -> tuple[Stretch, ...]:
    """Give the stretches of a UTC year, in order.

    For rules of elapsed time (``elapsed``) each is whole, without a gap.
    """
    other = alias(year)
    if other != year:
        seconds = (year_start(year) - year_start(other)) * DAY_SECONDS
        return tuple(stretch.moved(seconds) for stretch in stretches(zone, other, gap, fold, elapsed))
    begin, end = year_start(year) * DAY_SECONDS, year_start(year + 1) * DAY_SECONDS
    shifts = _shifts(zone, begin - _MARGIN, end + _MARGIN)
    offset = _seconds(offset_at(to_instant(max(begin - _MARGIN, _FIRST_SECOND)), zone))
    edges = [(begin - _MARGIN, offset), *shifts, (end + _MARGIN, shifts[-1][1] if shifts else offset)]
    made: list[Stretch] = []
    for place in range(len(edges) - 1):
        stretch = _cut(edges, place, begin, end, gap, "both" if elapsed else fold)
        stretch = stretch._replace(gap_start=0, gap_end=0) if elapsed else stretch
        if stretch.start < stretch.end or stretch.gap_start < stretch.gap_end:
            made.append(stretch)
    return tuple(made)


def _shifts(zone: ZoneInfo, begin: int, end: int) -> list[tuple[int, int]]:
    """Give the shifts between two instants as (first second, offset after it)."""
    late = min(to_instant(min(end, LAST_SECOND)), LAST_INSTANT)
    early, found = max(to_instant(max(begin, _FIRST_SECOND)), FIRST_INSTANT), list[tuple[int, int]]()
    offset = offset_at(early, zone)
    while early < late:
        step = min(early + _STEP, late) if late - early > _STEP else late
        shift = next_shift(zone, early, step) if offset_at(step, zone) != offset else None
        if shift is not None:
            found.append((to_seconds(shift.at), _seconds(shift.after)))
            offset = shift.after
        early = step
    return found


def _seconds(offset: timedelta) -> int:
    return offset // _SECOND


def _cut(edges: list[tuple[int, int]], place: int, begin: int, end: int, gap: Gap, fold: Fold) -> Stretch:
    """Make the stretch from edge ``place``, cut to the instants of the year and by the policies."""
    (since, offset), (until, after) = edges[place], edges[place + 1]
    before = edges[place - 1][1] if place else offset
    start, stop = max(since, begin) + offset, min(until, end) + offset
    if before > offset and fold == "first":  # the first pass was before this stretch
        start = max(start, since + before)
    if after < offset and fold == "second":  # the second pass is after this stretch
        stop = min(stop, until + after)
    if before >= offset or gap == "skip":
        return Stretch(start, stop, offset)
    if gap == "after":
        inside = begin <= since < end
        return Stretch(start, stop, offset, since + before, since + offset if inside else since + before, before, since)
    low, high = max(since, begin) + before, min(since + offset - before, end) + before
    return Stretch(start, stop, offset, low, high, before)
