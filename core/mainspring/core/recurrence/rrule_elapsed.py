"""Rules of elapsed time: HOURLY, MINUTELY, SECONDLY.

Rules:

* The clock that counts INTERVAL is real time, not the wall clock: periods of 3600, 60 or 1 seconds follow one another
  from the local hour, minute or second of DTSTART, through gaps and folds. RFC 5545 section 3.3.5 has durations of
  hours and finer run that way.
* What the BY parts ask, the wall clock answers: an instant is judged by the local time that it has. So in a fold both
  passes may match, and in a gap nothing is left out that really happens.
* BYMINUTE and BYSECOND below the frequency expand; one that is absent stays where DTSTART has it within the period.
  BYSETPOS picks from the expansion of one period, before days and hours limit; where a period lies in one local hour
  (any but one cut by a shift that is no whole number of hours) this is the same as after.

Between two shifts of the zone local time is real time plus a constant, the *offset*, and the rule is plain arithmetic:
a day mask, a set of slots in the day, and a residue of the slot number that INTERVAL takes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from math import gcd
from typing import Final

from attrs import evolve, frozen

from mainspring.core.recurrence.rrule_masks import (
    CYCLE_YEARS,
    LAST_YEAR,
    Easter,
    Masks,
    calendar_of,
    year_of,
    year_start,
)
from mainspring.core.recurrence.rrule_parts import DAY_SECONDS, Rule
from mainspring.core.recurrence.rrule_plans import MAX_RUN, Block, DayTimes, Run, bits, block, pick

UNITS: Final = {"HOURLY": 3600, "MINUTELY": 60, "SECONDLY": 1}

_MAX_RUNS: Final = 2_048  # kept for one rule; all residues together have as many moments as one day
_MAX_RESIDUES: Final = 8_640  # listed at once
_IN_VAIN: Final = 100  # work after which more are, and days are asked for all at once
_TWO_YEARS: Final = 2 * 366 * DAY_SECONDS
_FEW_RESTS: Final = 4
_NO_RUN: Final = Run(())


Slots = range | DayTimes


@frozen
class _Grid:
    """A residue of local slot numbers that INTERVAL takes, and the moments (seconds) that lie within each slot."""

    residue: int
    lead: int
    step: int
    rests: tuple[int, ...]


class ElapsedRule:
    """The moments of an HOURLY, MINUTELY or SECONDLY rule, in local seconds under a given offset."""

    __slots__ = (
        "_anchor", "_days", "_grids", "_interval", "_masks", "_residues", "_rest", "_runs",
        "_slots", "_unit", "_width", "barren", "plain_step", "rule", "start", "work",
    )  # fmt: skip

    def __init__(self, rule: Rule, start: int, instant: int, easter: Easter) -> None:
        """``start`` is DTSTART's local time, ``instant`` the same in UTC, both in seconds."""
        self.rule = rule = _without_full(rule)
        self.start = instant
        self._unit = UNITS[rule.freq]
        self.work = 0  # about as many microseconds spent on counting
        self._width = DAY_SECONDS // self._unit
        self._interval = rule.interval
        self._rest = start % self._unit
        self._anchor = instant - self._rest
        self._masks = Masks(rule, easter)
        self._slots = _slots(rule, self._unit)
        self._residues: frozenset[int] | None = None
        self._grids: dict[int, tuple[_Grid, ...]] = {}
        self._days: dict[tuple[bool, int, bool, int], tuple[int, ...]] = {}
        self._runs: dict[tuple[int, int, int, int], Run] = {}
        self.barren = not self._slots or not _rests(rule, self._unit, self._rest, 0)
        parts = (rule.bymonth, rule.byyearday, rule.bymonthday, rule.byday, rule.byeaster, rule.byhour, rule.byminute)
        self.plain_step = 0 if any(parts) or rule.bysecond else rule.interval * self._unit

    def key(self, year: int) -> tuple[object, ...]:
        """Give what the moments of a year depend on, where INTERVAL divides the day; else the year itself."""
        if self._width % self._interval or self.rule.byeaster:
            return (year,)
        return calendar_of(year)[1]

    def _grids_at(self, offset: int) -> tuple[_Grid, ...]:
        """Give the grids under an offset: one, or two where the periods do not begin on a local hour or minute."""
        grids = self._grids.get(offset)
        if grids is None:
            slot, lead = divmod(self._anchor + offset, self._unit)
            rests = [lead + rest for rest in _rests(self.rule, self._unit, self._rest, lead)]
            near = tuple(rest for rest in rests if rest < self._unit)
            far = tuple(rest - self._unit for rest in rests if rest >= self._unit)
            made = [
                _Grid((slot + step) % self._interval, lead, step, part) for step, part in enumerate((near, far)) if part
            ]
            grids = self._grids[offset] = tuple(grid for grid in made if self._can_meet(grid))
        return grids

    def next_year(self, year: int) -> int:
        """Give the next year, after ``year``, that may have an instance in UTC; after 9999 there is none.

        A year has one only if it or a neighbour has a day that the rule names.
        """
        if self._interval * self._unit > _TWO_YEARS:
            return self._leap(year)
        for candidate in range(year + 1, LAST_YEAR + 1):
            self.work += 8 if self.rule.byeaster else 1
            if any(self._masks.of(near) for near in (candidate - 1, candidate, candidate + 1)):
                return candidate
            if candidate - year > CYCLE_YEARS:
                break
        return LAST_YEAR + 1

    def _leap(self, year: int) -> int:
        """Do the same where periods are years apart.

        Go from one to the next, for so many as there are years in a cycle.
        """
        stride, begin = self._interval * self._unit, (year_start(year + 1) - 1) * DAY_SECONDS
        first = self._anchor - (self._anchor - begin) // stride * stride
        for period in islice(range(first, year_start(LAST_YEAR + 1) * DAY_SECONDS, stride), CYCLE_YEARS):
            self.work += 8
            day = period // DAY_SECONDS
            if any(self._masks.names(near) for near in (day - 1, day, day + 1)):
                return max(year + 1, year_of(day - 1))
        return LAST_YEAR + 1

    def _can_meet(self, grid: _Grid) -> bool:
        """Tell whether INTERVAL ever takes a named slot.

        The slots that it takes are all alike modulo what it and the day have in common.
        """
        return isinstance(self._slots, range) or self._slots.meets(grid.residue, gcd(self._interval, self._width))

    def _listed(self) -> frozenset[int] | None:
        """Give the residues of the named slots modulo INTERVAL, or None where all are named or it is not worth while.

        A rule of many slots soon matches: only when it has been looked for in vain are they listed.
        """
        slots = self._slots
        if self._residues is not None or self._interval == 1 or isinstance(slots, range):
            return self._residues
        if len(slots) <= _MAX_RESIDUES or self.work > _IN_VAIN:
            self._residues = frozenset(slot % self._interval for slot in slots)
        return self._residues

    def _days_of(self, year: int) -> tuple[int, ...]:
        mask = self._masks.of(year)
        shape = (*calendar_of(year)[1], year if self.rule.byeaster else 0)
        days = self._days.get(shape)
        if days is None:
            self.work += 8
            days = self._days[shape] = bits(mask)
        return days

    def first(self, start: int, end: int, offset: int) -> int | None:
        """Give the first moment from ``start``, not before DTSTART, to before ``end``, where ``offset`` holds."""
        found = [self._first(grid, start, end) for grid in self._grids_at(offset)]
        return min((moment for moment in found if moment is not None), default=None)

    def has(self, moment: int, offset: int) -> bool:
        """Tell whether this, not before DTSTART, is a moment of the rule where ``offset`` holds."""
        day, time = divmod(moment, DAY_SECONDS)
        slot, rest = divmod(time, self._unit)
        if slot not in self._slots or not self._masks.names(day):
            return False
        return any(rest in grid.rests and self._takes(grid, day, slot) for grid in self._grids_at(offset))

    def _first(self, grid: _Grid, start: int, end: int) -> int | None:
        day, time = divmod(start, DAY_SECONDS)
        slot, rest = divmod(time, self._unit)
        place = bisect_left(grid.rests, rest)
        if self._masks.names(day):
            if place < len(grid.rests) and slot in self._slots and self._takes(grid, day, slot):
                return self._before(end, day, slot, grid.rests[place])
            later = self._slot(grid, day, slot + 1)
            if later is not None:
                return self._before(end, day, later, grid.rests[0])
        found = next(self._later(grid, day + 1, (end - 1) // DAY_SECONDS), None)
        return None if found is None else self._before(end, *found, grid.rests[0])

    def _before(self, end: int, day: int, slot: int, rest: int) -> int | None:
        moment = day * DAY_SECONDS + slot * self._unit + rest
        return moment if moment < end else None

    def _takes(self, grid: _Grid, day: int, slot: int) -> bool:
        return self._interval == 1 or (day * self._width + slot - grid.residue) % self._interval == 0

    def _slot(self, grid: _Grid, day: int, least: int) -> int | None:
        """Give the first slot of the day, not before ``least``, that is named and that INTERVAL takes."""
        interval, width = self._interval, self._width
        if interval == 1:
            place = bisect_left(self._slots, least)
            return self._slots[place] if place < len(self._slots) else None
        residue = (grid.residue - day * width) % interval
        residues = self._listed()
        if residues is not None and residue not in residues:
            return None
        if len(self._slots) * interval < width:
            slots = range(bisect_left(self._slots, least), len(self._slots))
            return next((self._slots[place] for place in slots if self._slots[place] % interval == residue), None)
        spots = self._slots
        return next(
            (slot for slot in range(least + (residue - least) % interval, width, interval) if slot in spots), None
        )

    def _later(self, grid: _Grid, day: int, last: int) -> Iterator[tuple[int, int]]:
        """Give the first slot of each day, from ``day`` to ``last``, that has one."""
        if self._interval > self._width:
            yield from self._strides(grid, day, last)
            return
        residue, width = grid.residue, self._width
        for year in range(year_of(day), year_of(last) + 1):
            first, named = year_start(year), self._named(year, day, last)
            self.work += 2 + len(named) // 8
            if self._in_vain(residue - first * width, named):
                continue
            for each in named:
                slot = self._slot(grid, first + each, 0)
                if slot is not None:
                    yield first + each, slot

    def _in_vain(self, residue: int, days: Sequence[int]) -> bool:
        """Tell whether none of these days of a year has a slot; asked of all at once where many years had none.

        ``residue`` is that of January 1.
        """
        if self.work <= _IN_VAIN:
            return False
        residues, interval = self._listed(), self._interval
        first, step = residue % interval, self._width % interval  # small numbers are quick
        return residues is not None and residues.isdisjoint([(first - day * step) % interval for day in days])

    def _named(self, year: int, day: int, last: int) -> Sequence[int]:
        """Give the named days of a year from ``day`` to ``last``, counted from its January 1."""
        first, days = year_start(year), self._days_of(year)
        return days[bisect_left(days, day - first) : bisect_left(days, last + 1 - first)]

    def _strides(self, grid: _Grid, day: int, last: int) -> Iterator[tuple[int, int]]:
        """Do the same for an INTERVAL longer than a day.

        Go from period to period, or through the named days if fewer.
        """
        residue, interval, width = grid.residue, self._interval, self._width
        for year in range(year_of(day), year_of(last) + 1):
            start, named = calendar_of(year)[0], self._named(year, day, last)
            begin, end = max(day, start) * width, min(last + 1, year_start(year + 1)) * width
            numbers = range(begin + (residue - begin) % interval, end, interval)
            self.work += 2 + min(len(named), len(numbers)) // 4
            slots = self._listed() or self._slots
            if len(named) <= len(numbers):
                if self._in_vain(residue - start * width, named):
                    continue
                found = ((start + each, (residue - (start + each) * width) % interval) for each in named)
                yield from ((each, slot) for each, slot in found if slot in slots)
            else:
                each_slot = (divmod(number, width) for number in numbers)
                yield from ((each, slot) for each, slot in each_slot if slot in slots and self._masks.names(each))

    def _day_run(self, day: int, grids: tuple[_Grid, ...]) -> Run:
        """Give all moments of a named day, in seconds from its midnight."""
        if not grids:
            return _NO_RUN
        shift, interval = day * self._width, self._interval
        residue = (grids[0].residue - shift) % interval
        key = (grids[0].lead, grids[0].step, len(grids), residue)
        run = self._runs.get(key)
        if run is None:
            residues = [(grid.residue - shift) % interval for grid in grids]
            met = self._listed()
            if met is not None and met.isdisjoint(residues):
                return _NO_RUN
            run = self._make_run(grids, residues)
            if len(self._runs) >= _MAX_RUNS:
                self._runs.clear()
            self._runs[key] = run
        return run

    def _make_run(self, grids: tuple[_Grid, ...], residues: list[int]) -> Run:
        unit, found = self._unit, list[int]()
        if isinstance(self._slots, range) and len(grids) == 1 and len(grids[0].rests) == 1:
            return Run(range(residues[0] * unit + grids[0].rests[0], DAY_SECONDS, self._interval * unit))
        for grid, residue in zip(grids, residues, strict=True):
            for slot in self._slots_of(residue):
                begin = slot * unit
                found += [begin + rest for rest in grid.rests]
        self.work += 2 + len(found) // 32
        return Run(tuple(sorted(found)))

    def _slots_of(self, residue: int) -> Iterable[int]:
        interval, spots = self._interval, self._slots
        if interval == 1:
            return spots
        if len(self._slots) * interval < self._width:
            return [slot for slot in self._slots if slot % interval == residue]
        return [slot for slot in range(residue, self._width, interval) if slot in spots]

    def blocks(self, start: int, end: int, offset: int) -> Iterator[Block]:
        """Give the moments from ``start``, not before DTSTART, to before ``end``, where ``offset`` holds."""
        if start >= end or self.barren:
            return
        grids = self._grids_at(offset)
        for day in self._span_days(start // DAY_SECONDS, (end - 1) // DAY_SECONDS, grids):
            base, run = day * DAY_SECONDS, self._day_run(day, grids)
            if start <= base and base + DAY_SECONDS <= end and len(run.seconds) <= MAX_RUN:
                yield base, run, 0, len(run.seconds)
                continue
            _, _, first, last = block(base, run, start, end)
            for low in range(first, last, MAX_RUN):
                yield base, run, low, min(low + MAX_RUN, last)

    def _span_days(self, first: int, last: int, grids: tuple[_Grid, ...]) -> Iterator[int]:
        if self._interval > self._width:
            yield from sorted({day for grid in grids for day, _ in self._strides(grid, first, last)})
            return
        for year in range(year_of(first), year_of(last) + 1):
            base, days = year_start(year), self._days_of(year)
            for place in range(bisect_left(days, first - base), bisect_left(days, last + 1 - base)):
                yield base + days[place]

    def count(self, start: int, end: int, offset: int) -> int:
        """Give the number of moments from ``start``, not before DTSTART, to before ``end``, where ``offset`` holds."""
        grids = self._grids_at(offset)
        self.work += 20
        if self._width % self._interval == 0:
            return self._rank(end, grids) - self._rank(start, grids) + self._whole_days(start, end, grids)
        total = 0
        for day in self._span_days(start // DAY_SECONDS, (end - 1) // DAY_SECONDS, grids):
            base = day * DAY_SECONDS
            total += self._of_day(day, grids, max(start - base, 0), min(end - base, DAY_SECONDS))
        return total

    def _of_day(self, day: int, grids: tuple[_Grid, ...], low: int, high: int) -> int:
        """Count the moments of a named day from ``low`` to before ``high``, in seconds from its midnight."""
        self.work += 1
        if isinstance(self._slots, range) and sum(len(grid.rests) for grid in grids) <= _FEW_RESTS:
            # no part limits the slots: those that INTERVAL takes are counted by division
            unit, interval = self._unit, self._interval
            first = day * self._width
            return sum(
                (first - (rest - high) // unit - 1 - grid.residue) // interval
                - (first - (rest - low) // unit - 1 - grid.residue) // interval
                for grid in grids
                for rest in grid.rests
            )
        seconds = self._day_run(day, grids).seconds
        return bisect_left(seconds, high) - bisect_left(seconds, low)

    def _rank(self, moment: int, grids: tuple[_Grid, ...]) -> int:
        day, time = divmod(moment, DAY_SECONDS)
        return bisect_left(self._day_run(day, grids).seconds, time) if self._masks.names(day) else 0

    def _whole_days(self, start: int, end: int, grids: tuple[_Grid, ...]) -> int:
        """The moments of the days from that of ``start`` to before that of ``end``: each has the same."""
        first, last, days = start // DAY_SECONDS, end // DAY_SECONDS, 0
        for year in range(year_of(first), year_of(last) + 1):
            base, named = year_start(year), self._days_of(year)
            days += bisect_left(named, last - base) - bisect_left(named, first - base)
        return days * len(self._day_run(first, grids).seconds)


def _without_full(rule: Rule) -> Rule:
    """Leave out what limits nothing: all hours, all months and the like."""
    sixty = tuple(range(60))
    return evolve(
        rule,
        bymonth=() if len(rule.bymonth) == 12 else rule.bymonth,
        byday=() if len(rule.byday) == 7 else rule.byday,
        byhour=() if len(rule.byhour) == 24 else rule.byhour,
        byminute=() if rule.byminute == sixty and rule.freq != "HOURLY" else rule.byminute,
        bysecond=() if rule.bysecond[:60] == sixty and rule.freq == "SECONDLY" else rule.bysecond,
    )


def _slots(rule: Rule, unit: int) -> Slots:
    """The hours, minutes or seconds of a day (as numbers from midnight) that BYHOUR, BYMINUTE, BYSECOND limit to."""
    width = 3600 // unit
    if not (rule.byhour or (width > 1 and rule.byminute) or (width > 60 and rule.bysecond)):
        return range(24 * width)
    rests: tuple[int, ...] = (0,)
    if width == 60:
        rests = rule.byminute or tuple(range(60))
    if width == 3600:
        seconds = [second for second in rule.bysecond or range(60) if second < 60]
        rests = tuple(minute * 60 + second for minute in rule.byminute or range(60) for second in seconds)
    return DayTimes(rule.byhour or tuple(range(24)), rests, width)


def _rests(rule: Rule, unit: int, rest: int, lead: int) -> list[int]:
    """The moments of one period, in seconds from its start, which is ``lead`` seconds into a local hour or minute."""
    minute_starts = [rest - rest % 60]
    if unit == 3600 and rule.byminute:
        minute_starts = [(minute * 60 - lead) % unit for minute in rule.byminute]
    found: set[int] = set()
    for start in minute_starts:
        if rule.bysecond and unit > 1:
            found.update((start + (second - lead - start) % 60) % unit for second in rule.bysecond if second < 60)
        else:
            found.add((start + rest % 60) % unit)
    return pick(rule.bysetpos, (0,), DayTimes((0,), tuple(sorted(found)))) if rule.bysetpos else sorted(found)
