"""From local moments to instants: the next, all between two, how many, and how far COUNT reaches.

A *series* gives local moments. The walk lays them over the stretches of the zone: inside a stretch an instant is the
local time less the offset; the moments of a gap go where the policy sends them, and two that meet are one. That keeps
results strictly increasing, and COUNT counts results.

COUNT is turned into an end, once: the instant of the last instance. Rules without BY parts find it by multiplication, all
others year by year, and a year costs no more for having more moments. The work is bounded: what lies beyond the bound
is not guessed but refused, until the caller passes a checkpoint.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from heapq import merge
from typing import Final
from zoneinfo import ZoneInfo

from attrs import frozen

from mainspring.core.errors import InvalidRecurrence
from mainspring.core.recurrence.dst import Fold, Gap
from mainspring.core.recurrence.rrule_days import DayRule
from mainspring.core.recurrence.rrule_elapsed import ElapsedRule
from mainspring.core.recurrence.rrule_masks import CYCLE_YEARS, LAST_YEAR, year_of, year_start
from mainspring.core.recurrence.rrule_parts import DAY_SECONDS
from mainspring.core.recurrence.rrule_stretches import LAST_SECOND, Stretch, stretches

_MAX_WORK: Final = 12_000  # about as many microseconds for one count
_MOST_YEARS: Final = CYCLE_YEARS  # years looked into one by one without a result


@frozen
class Reach:
    """How far COUNT reaches: the last instance, or where it is not ``exact``, an instant that it lies beyond."""

    last: int
    exact: bool


class Walk:
    """The instants of one rule, in whole seconds, in one zone under one policy."""

    __slots__ = (
        "_elapsed",
        "_fixed",
        "_floor",
        "_fold",
        "_gap",
        "_lone",
        "_plain",
        "_series",
        "_years",
        "_zone",
        "reach_known",
    )

    def __init__(
        self, series: DayRule | ElapsedRule, zone: ZoneInfo, *, gap: Gap, fold: Fold, floor: int, lone: bool
    ) -> None:
        """``floor`` is the least instant that may come out: DTSTART's own.

        ``lone`` says that it is an instance though its local time stands for another instant: DTSTART was given as the
        second pass of a fold.
        """
        self._series, self._zone, self._gap, self._fold = series, zone, gap, fold
        self._elapsed = isinstance(series, ElapsedRule)
        self._plain = series.plain_step if isinstance(series, ElapsedRule) else 0
        self._fixed = zone.key in ("UTC", "Etc/UTC")
        self._floor = floor
        self._lone = lone
        self.reach_known: Reach | None = None
        self._years: dict[tuple[object, ...], int] = {}

    def next(self, least: int) -> int | None:
        """Give the first instant that is not before ``least``; COUNT is left out of account."""
        least = max(least, self._floor)
        if self._lone and least == self._floor:
            return least
        if self._plain:
            found = self._floor - (self._floor - least) // self._plain * self._plain
            return found if found <= LAST_SECOND else None
        if self._fixed and isinstance(self._series, DayRule):
            return self._series.next_civil(least)
        return self._search(least)

    def _search(self, least: int) -> int | None:
        year = year_of(least // DAY_SECONDS)
        for _ in range(_MOST_YEARS):
            for stretch in self._stretches(year):
                found = self._in_stretch(stretch, least)
                if found is not None:
                    return found
            year = self._year_after(year)
            if year > LAST_YEAR:
                break
        return None

    def _year_after(self, year: int) -> int:
        """Give the next year to look into. A rule of days is asked for its next moment, so that years may be leapt."""
        if isinstance(self._series, DayRule):
            moment = self._series.next_civil((year_start(year + 1) - 2) * DAY_SECONDS)
            return LAST_YEAR + 1 if moment is None else max(year + 1, year_of(moment // DAY_SECONDS - 2))
        return year + 1

    def _stretches(self, year: int) -> tuple[Stretch, ...]:
        if self._fixed:
            return (Stretch(year_start(year) * DAY_SECONDS, year_start(year + 1) * DAY_SECONDS, 0),)
        return stretches(self._zone, year, self._gap, self._fold, self._elapsed)

    def _in_stretch(self, stretch: Stretch, least: int) -> int | None:
        series, offset = self._series, stretch.offset
        found: int | None = None
        start = max(stretch.start, least + offset)
        if start < stretch.end:
            moment = series.first(start, stretch.end, offset)
            found = None if moment is None else moment - offset
        if stretch.gap_start < stretch.gap_end:
            moved = next(iter(self._gap_instants(stretch, least, None if found is None else found)), None)
            found = found if moved is None else moved
        return found

    def _gap_instants(self, stretch: Stretch, least: int, end: int | None) -> Iterator[int]:
        """Give the instants from ``least`` to before ``end`` that the moments of the gap before the stretch stand for."""
        offset, instant = stretch.gap_offset, stretch.gap_instant
        if instant is None:
            start = max(stretch.gap_start, least + offset)
            stop = stretch.gap_end if end is None else min(stretch.gap_end, end + offset)
            for moment in self._series.span(start, stop, offset):
                yield moment - offset
        elif least <= instant and (end is None or instant < end):
            if self._series.first(stretch.gap_start, stretch.gap_end, offset) is not None:
                yield instant

    def instants(self, least: int, end: int) -> Iterator[int]:
        """Give the instants from ``least`` to before ``end``, in order; COUNT is left out of account."""
        if self._plain:
            first = self.next(least)
            yield from range(LAST_SECOND + 1 if first is None else first, min(end, LAST_SECOND + 1), self._plain)
            return
        if self._lone and least <= self._floor < end:
            yield self._floor
            least = self._floor + 1
        while least < end:
            found = self.next(least)
            if found is None or found >= end:
                return
            year = year_of(found // DAY_SECONDS)
            least = year_start(year + 1) * DAY_SECONDS
            for stretch in self._stretches(year):
                yield from self._of_stretch(stretch, found, min(least, end))

    def _of_stretch(self, stretch: Stretch, least: int, end: int) -> Iterator[int]:
        offset = stretch.offset
        start, stop = max(stretch.start, least + offset), min(stretch.end, end + offset)
        if stretch.gap_start < stretch.gap_end:
            moved = list(self._gap_instants(stretch, least, end))
            if moved:
                pause = min(stop, moved[-1] + 1 + offset)
                regular = (moment - offset for moment in self._series.span(start, pause, offset))
                yield from _distinct(merge(moved, regular))
                start = max(start, pause)
        for moment in self._series.span(start, stop, offset):
            yield moment - offset

    def how_many(self, least: int, end: int) -> int:
        """Count the instants from ``least`` to before ``end``; COUNT is left out of account.

        Raises ``InvalidRecurrence`` when that is too much work.
        """
        least, end = max(least, self._floor), min(end, LAST_SECOND + 1)
        if end <= least:
            return 0
        if self._plain:
            return (end - 1 - self._floor) // self._plain - (least - 1 - self._floor) // self._plain
        total, work = 0, 0
        for year in range(year_of(least // DAY_SECONDS), year_of((end - 1) // DAY_SECONDS) + 1):
            found, cost = self._of_year(year, least, end)
            total, work = total + found, work + cost
            if work > _MAX_WORK:
                raise too_far()
        return total

    def reach(self, count: int) -> Reach:
        """Tell how far COUNT reaches; found once."""
        if self.reach_known is None:
            self.reach_known = self._find_reach(count)
        return self.reach_known

    def _find_reach(self, count: int) -> Reach:
        if self._plain:
            return Reach(min(LAST_SECOND, self._floor + (count - 1) * self._plain), True)
        total, work = 0, 0
        for year in range(year_of(self._floor // DAY_SECONDS), LAST_YEAR + 1):
            begin, end = year_start(year) * DAY_SECONDS, year_start(year + 1) * DAY_SECONDS
            found, cost = self._of_year(year, begin, end)
            if total + found >= count:
                wanted, begin = count - total, max(begin, self._floor)
                seconds = range(end - begin)
                place = bisect_left(seconds, wanted, key=lambda s: self._of_year(year, begin, begin + s + 1)[0])
                return Reach(begin + place, True)
            total, work = total + found, work + cost
            if work > _MAX_WORK:
                return Reach(end - 1, False)
        return Reach(LAST_SECOND, True)

    def _of_year(self, year: int, least: int, end: int) -> tuple[int, int]:
        """Count the instants of a UTC year that lie from ``least`` to before ``end``; tell also what work that was."""
        begin, stop = year_start(year) * DAY_SECONDS, year_start(year + 1) * DAY_SECONDS
        key = self._series.key(year)
        whole = self._fixed and least <= begin and stop <= end and self._floor <= begin
        if whole and key in self._years:
            return self._years[key], 1
        least, end, total, work = max(least, begin, self._floor), min(end, stop), 0, 0
        if self._lone and least == self._floor < end:
            total, least = 1, least + 1
        for stretch in self._stretches(year):
            found, cost = self._of_piece(stretch, least, end)
            total, work = total + found, work + cost
        if whole and len(self._years) < _MAX_WORK:
            self._years[key] = total
        return total, work

    def _of_piece(self, stretch: Stretch, least: int, end: int) -> tuple[int, int]:
        offset = stretch.offset
        start, stop = max(stretch.start, least + offset), min(stretch.end, end + offset)
        total = self._series.count(start, stop, offset) if start < stop else 0
        work = self._series.cost if start < stop else 1
        if stretch.gap_start < stretch.gap_end:
            moved = list(self._gap_instants(stretch, least, end))
            if moved:
                regular = set(
                    self._series.span(max(start, moved[0] + offset), min(stop, moved[-1] + 1 + offset), offset)
                )
                total += len({instant for instant in moved if instant + offset not in regular})
                work += len(moved) // 2
        return total, work


def too_far() -> InvalidRecurrence:
    """The error for a COUNT that cannot be followed within bounds."""
    return InvalidRecurrence(
        "COUNT",
        "reaches too far from DTSTART to be counted at once",
        "pass the checkpoint of an earlier instance, or give UNTIL instead",
    )


def _distinct(instants: Iterator[int]) -> Iterator[int]:
    last = -1
    for instant in instants:
        if instant != last:
            yield instant
        last = instant
