"""From local moments to instants: the next, all between two, how many, and how far COUNT reaches.

A *series* gives local moments. The walk lays them over the stretches of the zone: inside a stretch an instant is the
local time less the offset; the moments of a gap go where the policy sends them, and two that meet are one. That keeps
results strictly increasing, and COUNT counts results.

COUNT is turned into an end, once: the instant of the last instance. Rules without BY parts find it by multiplication,
all others year by year, and a year costs no more for having more moments. The work is bounded: what lies beyond the
bound is not guessed but refused, until the caller passes a checkpoint.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final
from zoneinfo import ZoneInfo

from attrs import frozen

from mainspring.core.errors import InvalidRecurrence
from mainspring.core.recurrence.dst import Fold, Gap
from mainspring.core.recurrence.rrule_days import DayRule
from mainspring.core.recurrence.rrule_elapsed import ElapsedRule
from mainspring.core.recurrence.rrule_masks import CYCLE_YEARS, LAST_YEAR, year_of, year_start
from mainspring.core.recurrence.rrule_parts import DAY_SECONDS
from mainspring.core.recurrence.rrule_plans import Block, Run, block, moments_of
from mainspring.core.recurrence.rrule_stretches import LAST_SECOND, YEARLY_FROM, Stretch, alias, stretches

_MAX_WORK: Final = 12_000  # about as many microseconds for the counts of one set
_PLAIN_RUN: Final = 512
_MAX_RUNS: Final = 256  # years kept for one rule,
_FEW_A_YEAR: Final = 400  # which have, with those beside them, so many instants
_FEW_BLOCKS: Final = 128  # blocks that COUNT goes through before it counts by the year
_ZERO_RUN: Final = Run((0,))
_ZONE_WORK: Final = 15  # of that for one stretch of a zone
_MOST_YEARS: Final = 600  # years looked into one by one without a result, for all rules of one set; 400 for one rule


@frozen
class Reach:
    """How far COUNT reaches: the last instance, or where it is not ``exact``, an instant that it lies beyond."""

    last: int
    exact: bool


class Walk:
    """The instants of one rule, in whole seconds, in one zone under one policy."""

    __slots__ = (
        "_barren", "_elapsed", "_fixed", "_floor", "_fold", "_gap", "_last_year", "_lone", "_max_work", "_most_years",
        "_plain", "_runs", "_series", "_years", "_zone", "reach_known",
    )  # fmt: skip

    def __init__(
        self,
        series: DayRule | ElapsedRule,
        zone: ZoneInfo,
        *,
        gap: Gap,
        fold: Fold,
        floor: int,
        until: int,
        lone: bool,
        company: int,
    ) -> None:
        """``floor`` is the least instant that may come out, DTSTART's own, and ``until`` the greatest.

        ``lone`` says that it is an instance though its local time stands for another instant: DTSTART was given as the
        second pass of a fold. ``company`` is the number of rules in the set, which share the bounds.
        """
        self._series, self._zone, self._gap, self._fold = series, zone, gap, fold
        self._elapsed = isinstance(series, ElapsedRule)
        self._plain = series.plain_step if isinstance(series, ElapsedRule) else 0
        self._fixed = zone.key in ("UTC", "Etc/UTC")
        self._floor = floor
        self._last_year = year_of(min(until, LAST_SECOND) // DAY_SECONDS)
        self._barren = isinstance(series, ElapsedRule) and series.barren
        self._lone = lone
        self._max_work = _MAX_WORK // company
        self._most_years = min(CYCLE_YEARS, _MOST_YEARS // company)
        self.reach_known: Reach | None = None
        self._years: dict[tuple[object, ...], int] = {}
        self._runs: dict[tuple[object, ...], Run] = {}

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
        if self._barren:
            return None
        return self._search(least)

    def _search(self, least: int) -> int | None:
        year = year_of(least // DAY_SECONDS)
        for _ in range(self._most_years):
            for stretch in self._stretches(year):
                found = self._in_stretch(stretch, least)
                if found is not None:
                    return found
            self._series.work += 1 if self._fixed else _ZONE_WORK
            year = self._series.next_year(year)
            if year > self._last_year:
                break
        return None

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
            moved = next(self._gap_instants(stretch, least, LAST_SECOND + 1 if found is None else found), None)
            found = found if moved is None else moved
        return found

    def has(self, instant: int) -> bool:
        """Tell whether the rule, COUNT left out of account, has this very instant."""
        if instant < self._floor or self._barren:
            return False
        if self._plain:
            return (instant - self._floor) % self._plain == 0
        if self._lone and instant == self._floor:
            return True
        return any(self._has_here(stretch, instant) for stretch in self._stretches(year_of(instant // DAY_SECONDS)))

    def _has_here(self, stretch: Stretch, instant: int) -> bool:
        moment = instant + stretch.offset
        if stretch.start <= moment < stretch.end and self._series.has(moment, stretch.offset):
            return True
        return stretch.gap_start < stretch.gap_end and instant in self._gap_instants(stretch, instant, instant + 1)

    def _gap_instants(self, stretch: Stretch, least: int, end: int) -> Iterator[int]:
        """Give the instants from ``least`` to before ``end`` that the moments of the gap before a stretch stand for."""
        offset, instant = stretch.gap_offset, stretch.gap_instant
        if instant is None:
            start, stop = max(stretch.gap_start, least + offset), min(stretch.gap_end, end + offset)
            return (moment - offset for moment in moments_of(self._series.blocks(start, stop, offset)))
        found = self._series.first(stretch.gap_start, stretch.gap_end, offset)
        return iter((instant,) if found is not None and least <= instant < end else ())

    def blocks(self, least: int, end: int) -> Iterator[Block]:
        """Give the instants from ``least`` to before ``end``, in order; COUNT is left out of account."""
        least, end = max(least, self._floor), min(end, LAST_SECOND + 1)
        if self._plain:
            yield from self._plain_blocks(least, end)
            return
        if self._lone and least == self._floor < end:
            yield self._floor, _ZERO_RUN, 0, 1
            least += 1
        while least < end:
            found = self.next(least)
            if found is None or found >= end:
                return
            year = year_of(found // DAY_SECONDS)
            least = found
            # goes on from year to year while there is something in each, and asks for the next where there is not
            while least < end:
                stop, any_here = min(end, year_start(year + 1) * DAY_SECONDS), False
                for each in self._year_blocks(year, least, stop):
                    any_here = True
                    yield each
                least, year = stop, year + 1
                if not any_here:
                    break

    def _plain_blocks(self, least: int, end: int) -> Iterator[Block]:
        step = self._plain
        base = self._floor - (self._floor - least) // step * step
        length = min(_PLAIN_RUN, max(end - base, 0) // step + 1)
        run = Run(range(0, length * step, step))
        while base < end:
            yield block(base, run, base, end)
            base += length * step

    def _year_blocks(self, year: int, least: int, end: int) -> Iterator[Block]:
        if self._fixed:
            yield from self._series.blocks(least, end, 0)
            return
        begin, stop = year_start(year) * DAY_SECONDS, year_start(year + 1) * DAY_SECONDS
        run = self._run_of(year, begin, stop) if least <= begin and stop <= end else None
        if run is None:
            yield from self._zone_blocks(year, least, end)
        elif run.seconds:
            yield begin, run, 0, len(run.seconds)

    def _run_of(self, year: int, begin: int, stop: int) -> Run | None:
        """Give all instants of a UTC year, counted from its ``begin``, if it has few and such years come again."""
        key, series = self._year_key(year), self._series
        if not key or isinstance(series, ElapsedRule):
            return None
        run = self._runs.get(key)
        if run is None:
            if sum(series.plan(near).count for near in (year - 1, year, year + 1)) > _FEW_A_YEAR:
                return None
            if len(self._runs) >= _MAX_RUNS:
                self._runs.clear()
            moments = moments_of(self._zone_blocks(year, begin, stop))
            run = self._runs[key] = Run(tuple(moment - begin for moment in moments))
        return run

    def _zone_blocks(self, year: int, least: int, end: int) -> Iterator[Block]:
        for stretch in self._stretches(year):
            offset = stretch.offset
            start, stop = max(stretch.start, least + offset), min(stretch.end, end + offset)
            if stretch.gap_start < stretch.gap_end:
                moved = list(self._gap_instants(stretch, least, end))
                if moved:
                    pause = min(stop, moved[-1] + 1 + offset)
                    regular = (moment - offset for moment in moments_of(self._series.blocks(start, pause, offset)))
                    together = tuple(sorted({*moved, *regular}))
                    yield 0, Run(together), 0, len(together)
                    start = max(start, pause)
            for base, run, low, high in self._series.blocks(start, stop, offset):
                if low < high:
                    yield base - offset, run, low, high

    def how_many(self, least: int, end: int, enough: int) -> int:
        """Count the instants from ``least`` to before ``end``, at least to ``enough`` if there are as many.

        Raises ``InvalidRecurrence`` when that is too much work.
        """
        least, end = max(least, self._floor), min(end, LAST_SECOND + 1)
        if end <= least:
            return 0
        if self._plain:
            return (end - 1 - self._floor) // self._plain - (least - 1 - self._floor) // self._plain
        total, allowed = 0, self._series.work + self._max_work
        for year in range(year_of(least // DAY_SECONDS), year_of((end - 1) // DAY_SECONDS) + 1):
            total += self._of_year(year, least, end)
            if total >= enough:
                break
            if self._series.work > allowed:
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
        total, last, allowed = 0, self._floor, self._series.work + self._max_work // 4
        for number, (base, run, low, high) in enumerate(self.blocks(self._floor, LAST_SECOND + 1)):
            total += high - low
            if total >= count:
                return Reach(base + run.seconds[high - 1 - (total - count)], True)
            last = base + run.seconds[high - 1] if low < high else last
            if number == _FEW_BLOCKS or self._series.work > allowed:
                return self._count_years(count, last)
        return Reach(LAST_SECOND, True)

    def _count_years(self, count: int, known: int) -> Reach:
        total, allowed = 0, self._series.work + self._max_work
        for year in range(year_of(self._floor // DAY_SECONDS), LAST_YEAR + 1):
            begin, end = year_start(year) * DAY_SECONDS, year_start(year + 1) * DAY_SECONDS
            found = self._of_year(year, begin, end)
            if total + found >= count:
                return Reach(self._nth(year, max(begin, self._floor), end, count - total), True)
            total += found
            if self._series.work > allowed:
                return Reach(max(end - 1, known), False)
        return Reach(LAST_SECOND, True)

    def _nth(self, year: int, begin: int, end: int, wanted: int) -> int:
        place = bisect_left(
            range(end - begin), wanted, key=lambda second: self._of_year(year, begin, begin + second + 1)
        )
        return begin + place

    def _of_year(self, year: int, least: int, end: int) -> int:
        """Count the instants of a UTC year that lie from ``least`` to before ``end``."""
        begin, stop = year_start(year) * DAY_SECONDS, year_start(year + 1) * DAY_SECONDS
        whole = least <= begin and stop <= end and self._floor <= begin
        key = self._year_key(year) if whole else ()
        if key and key in self._years:
            self._series.work += 1 if self._fixed else 2
            return self._years[key]
        least, end, total = max(least, begin, self._floor), min(end, stop), 0
        if self._lone and least == self._floor < end:
            total, least = 1, least + 1
        for stretch in self._stretches(year):
            total += self._of_piece(stretch, least, end)
        if key:
            self._years[key] = total
        return total

    def _year_key(self, year: int) -> tuple[object, ...]:
        """Give what the count of a whole UTC year depends on; nothing where such years do not come again."""
        key = self._series.key
        if self._fixed:
            return key(year)
        if year <= YEARLY_FROM:
            return ()
        return (alias(year), key(year - 1), key(year), key(year + 1))  # local years reach into the UTC year

    def _of_piece(self, stretch: Stretch, least: int, end: int) -> int:
        offset = stretch.offset
        start, stop = max(stretch.start, least + offset), min(stretch.end, end + offset)
        total = self._series.count(start, stop, offset) if start < stop else 0
        self._series.work += 0 if self._fixed else _ZONE_WORK
        if stretch.gap_start < stretch.gap_end:
            moved = list(self._gap_instants(stretch, least, end))
            if moved:
                near = self._series.blocks(max(start, moved[0] + offset), min(stop, moved[-1] + 1 + offset), offset)
                total += len(set(moved) - {moment - offset for moment in moments_of(near)})
                self._series.work += len(moved) // 2
        return total


def too_far() -> InvalidRecurrence:
    """The error for a COUNT that cannot be followed within bounds."""
    return InvalidRecurrence(
        "COUNT",
        "reaches too far from DTSTART to be counted at once",
        "pass the checkpoint of an earlier instance, or give UNTIL instead",
    )
