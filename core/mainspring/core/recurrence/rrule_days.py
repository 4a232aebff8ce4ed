"""Rules of whole days: DAILY, WEEKLY, MONTHLY, YEARLY, in civil time.

Rules:

* A part that the rule lacks and its set needs comes from DTSTART (RFC 5545 section 3.3.10): the times of day; the
  weekday of a WEEKLY rule or of BYWEEKNO; the day of a MONTHLY rule; the month and day of a YEARLY one.
* Periods count from the one that holds DTSTART. A week starts on WKST; the weeks that BYWEEKNO names belong to the
  year that numbers them, though their days may lie in the year beside it.
* BYSETPOS picks and SKIP moves period by period: ``rrule_periods``. A moved day that meets another is one day.

The moments of a calendar year follow from the shape of the year and from where it lies in the grid of INTERVAL, so
plans are made once per shape and phase. A look-up divides, asks the plan, and goes on to the next year only when the
plan is exhausted; after one whole cycle of shapes and phases without a moment there will never be one.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd
from typing import Final

from attrs import evolve

from mainspring.core.recurrence.rrule_masks import (
    CYCLE_DAYS,
    CYCLE_YEARS,
    FIRST_YEAR,
    LAST_YEAR,
    MONTH_STARTS,
    Easter,
    Masks,
    calendar_of,
    is_leap,
    weekday_of,
    year_of,
    year_start,
)
from mainspring.core.recurrence.rrule_parts import DAY_SECONDS, Rule
from mainspring.core.recurrence.rrule_periods import Periods, month_of, moves
from mainspring.core.recurrence.rrule_plans import (
    MAX_RUN,
    Block,
    DayTimes,
    Listing,
    Plan,
    bits,
    day_times,
    pick,
    plan_of,
)

_PATIENCE: Final = 8  # years without a moment before it is asked whether there can be any
_A_YEAR: Final = {"DAILY": 366, "WEEKLY": 53, "MONTHLY": 12}  # periods: no year has more
_PLAN_WORK: Final = 8  # about as many microseconds to make a plan
_PERIODS_WORK: Final = 60  # the same where each period is made by itself
_MAX_HELD: Final = 4_096  # kept for one rule: plans, and eights of moments in them
_NOTHING: Final = Listing(())
_CYCLES: Final = {"DAILY": CYCLE_DAYS, "WEEKLY": CYCLE_DAYS // 7, "MONTHLY": 12 * CYCLE_YEARS, "YEARLY": CYCLE_YEARS}


def fill(rule: Rule, start: int) -> Rule:
    """Fill in what the rule leaves to DTSTART (civil seconds ``start``); BYSECOND=60 goes, it never matches.

    A rule whose every BYSECOND is 60 keeps it: it has no moment.
    """
    day, time = divmod(start, DAY_SECONDS)
    seconds = tuple(second for second in rule.bysecond if second < 60)
    rule = evolve(
        rule,
        byhour=rule.byhour or (time // 3600,),
        byminute=rule.byminute or (time // 60 % 60,),
        bysecond=seconds or rule.bysecond or (time % 60,),
    )
    if rule.byday or rule.bymonthday or rule.byyearday or rule.byeaster or rule.freq == "DAILY":
        return rule
    if rule.freq == "WEEKLY" or rule.byweekno:
        return evolve(rule, byday=((0, weekday_of(day)),))
    year = year_of(day)
    starts, offset = MONTH_STARTS[is_leap(year)], day - year_start(year)
    month = next(place for place in range(12, 0, -1) if starts[place - 1] <= offset)
    rule = evolve(rule, bymonthday=(offset - starts[month - 1] + 1,))
    return rule if rule.freq == "MONTHLY" or rule.bymonth else evolve(rule, bymonth=(month,))


class DayRule:
    """The civil moments of a DAILY, WEEKLY, MONTHLY or YEARLY rule, in seconds (day ``n`` is ordinal ``n``)."""

    __slots__ = (
        "_barren_from", "_coarse", "_cycle", "_day", "_easter", "_held", "_masks", "_month", "_periods", "_plans",
        "_repeats", "_simple", "_times", "rule", "start", "work",
    )  # fmt: skip

    def __init__(self, rule: Rule, start: int, easter: Easter) -> None:
        self.start = start
        self.work = 0  # about as many microseconds spent on counting
        self._easter = easter
        self.rule = rule = fill(rule, start)
        self._day = start // DAY_SECONDS
        self._month = month_of(self._day)
        seconds = () if rule.bysecond == (60,) else rule.bysecond
        self._times = day_times(rule.byhour, rule.byminute, seconds)
        if rule.freq == "DAILY" and rule.bysetpos:  # each day has the same times: pick from them once for all
            self._times = DayTimes((0,), tuple(pick(rule.bysetpos, (0,), self._times)))
            self.rule = rule = evolve(rule, bysetpos=())
        self._masks = Masks(rule, easter)
        self._simple = not (rule.bysetpos or moves(rule) or (rule.byweekno and rule.interval > 1))
        self._periods = Periods(rule, self._day, easter)
        self._coarse = gcd(rule.interval, _CYCLES[rule.freq])
        steps = rule.interval // self._coarse
        if rule.byeaster:  # no cycle, but a horizon of 400 years, or as many periods
            steps = rule.interval if rule.freq == "YEARLY" else 1
        self._cycle = CYCLE_YEARS * steps + 1
        self._repeats = rule.interval == 1 and not rule.byeaster
        self._held = 0
        self._plans: dict[tuple[object, ...], Plan] = {}
        self._barren_from = LAST_YEAR + 1 if self._times else FIRST_YEAR

    def key(self, year: int) -> tuple[object, ...]:
        """Give what the plan of a year depends on."""
        shape = calendar_of(year)[1]
        if self._repeats:
            return shape
        return (shape, self._phase(year), year) if self.rule.byeaster else (shape, self._phase(year))

    def _phase(self, year: int) -> int:
        interval, freq = self.rule.interval, self.rule.freq
        if interval == 1:
            return 0
        if freq == "DAILY":
            return (self._day - year_start(year)) % interval
        if freq == "WEEKLY":
            return (self._week_start(self._day) - year_start(year)) % (7 * interval)
        if freq == "MONTHLY":
            return (self._month - year * 12) % interval
        return (year_of(self._day) - year) % interval

    def plan(self, year: int) -> Plan:
        """Give the moments of a calendar year, not yet cut at DTSTART."""
        key = self.key(year)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._make(year)
            self.work += _PLAN_WORK if self._simple and not self.rule.byeaster else _PERIODS_WORK
            self._held += 1 + min(plan.count, MAX_RUN) // 8
            if self._held > _MAX_HELD:
                self._plans.clear()
                self._held = 0
            self._plans[key] = plan
        return plan

    def _make(self, year: int) -> Plan:
        if self._simple:
            mask = self._masks.of(year)
            mask = mask and mask & self._grid(year)
            return plan_of(bits(mask), self._times) if mask else _NOTHING
        positions, start, length = self.rule.bysetpos, year_start(year), 365 + is_leap(year)
        if self._periods.most(year) * len(self._times) < min(map(abs, positions), default=1):
            return _NOTHING
        found: set[int] = set()
        for days in self._periods.near(year):
            offsets = [day - start for day in days]
            found.update(pick(positions, offsets, self._times) if positions else offsets)
        if not positions:
            return plan_of(tuple(sorted(day for day in found if 0 <= day < length)), self._times)
        return Listing(tuple(sorted(moment for moment in found if 0 <= moment < length * DAY_SECONDS)))

    def _grid(self, year: int) -> int:
        """The days of the year that lie in a period that INTERVAL takes."""
        freq, interval, length = self.rule.freq, self.rule.interval, 365 + is_leap(year)
        phase = self._phase(year)
        if interval == 1:
            return (1 << length) - 1
        if freq == "YEARLY":
            return 0 if phase else (1 << length) - 1
        if freq == "DAILY":
            return sum(1 << day for day in range(phase, length, interval))
        if freq == "WEEKLY":
            weeks = range(phase - 7 * interval, length, 7 * interval)
            return sum(127 << first if first >= 0 else 127 >> -first for first in weeks if first > -7)
        starts = MONTH_STARTS[is_leap(year)]
        # month numbers are year * 12 + month - 1: the first taken one of the year is `phase` months in
        return sum((1 << starts[month + 1]) - (1 << starts[month]) for month in range(phase, 12, interval))

    def _week_start(self, day: int) -> int:
        return day - (weekday_of(day) - self.rule.wkst) % 7

    def next_civil(self, moment: int) -> int | None:
        """Give the first moment not before ``moment`` nor DTSTART, up to the year 9999; None if there is none."""
        moment = max(moment, self.start)
        year = year_of(moment // DAY_SECONDS)
        for tries, candidate in enumerate(self._years(year)):
            plan = self.plan(candidate)
            if plan.count:
                base = calendar_of(candidate)[0] * DAY_SECONDS
                found = plan.first(moment - base if candidate == year else 0)
                if found is not None:
                    return base + found
            if tries == _PATIENCE and not self._has_any():
                break
        if not self.rule.byeaster:  # Easter has no such cycle: the horizon of 400 years moves along
            self._barren_from = min(self._barren_from, year + 1)
        return None

    def _years(self, year: int) -> Iterator[int]:
        """Give the years, from ``year`` on, that may have a moment: for one whole cycle, and not past 9999."""
        last = min(self._barren_from - 1, year + self._cycle)
        interval, freq = self.rule.interval, self.rule.freq
        if freq == "YEARLY":
            if self._simple:
                return iter(range(year + self._phase(year), last + 1, interval))
            near = (0, 1, interval - 1)  # the days of a period may lie in a year beside its own
            return (each for each in range(year, last + 1) if self._phase(each) in near)
        if interval > _A_YEAR[freq]:
            return self._leaps(year, last)
        return iter(range(year, last + 1))

    def _leaps(self, year: int, last: int) -> Iterator[int]:
        """Give the years that the days of a period may lie in, where there is less than a period in a year."""
        interval, phase, first = self.rule.interval, self._phase(year), year_start(year)
        before = year - 1
        if self.rule.freq == "MONTHLY":
            months = range(year * 12 + phase - interval, last * 12 + 13, interval)
            near = (tuple((month + step) // 12 for step in (-1, 0, 1)) for month in months)  # SKIP may move by one
        else:
            width = 1 if self.rule.freq == "DAILY" else 7
            starts = range(first + phase - interval * width, year_start(last + 1), interval * width)
            near = ((year_of(start), year_of(start + width - 1)) for start in starts)
        for candidate in (each for years in near for each in years):
            if before < candidate <= last:
                before = candidate
                yield candidate

    def _has_any(self) -> bool:
        """Tell whether the rule has any moment in 400 years if INTERVAL is made as fine as its cycle with them allows.

        A grid of step n meets every day that a grid of step gcd(n, cycle) meets, sooner or later; so none of these
        means none of those.
        """
        if self.rule.byeaster or self._coarse == self.rule.interval:
            return True
        finer = DayRule(evolve(self.rule, interval=self._coarse), self.start, self._easter)
        return finer.next_civil(self.start) is not None

    def next_year(self, year: int) -> int:
        """Give the next year, after ``year``, that may have an instance in UTC; after 9999 there is none."""
        moment = self.next_civil((year_start(year + 1) - 2) * DAY_SECONDS)
        return LAST_YEAR + 1 if moment is None else max(year + 1, year_of(moment // DAY_SECONDS - 2))

    def first(self, start: int, end: int, offset: int) -> int | None:
        """Give the first moment from ``start`` to before ``end``; the offset matters to rules of elapsed time only."""
        start = max(start, self.start)
        for year in range(year_of(start // DAY_SECONDS), year_of((end - 1) // DAY_SECONDS) + 1):
            base = calendar_of(year)[0] * DAY_SECONDS
            found = self.plan(year).first(start - base)
            if found is not None:
                return base + found if base + found < end else None
        return None

    def has(self, moment: int, offset: int) -> bool:
        """Tell whether this is a moment of the rule."""
        return self.first(moment, moment + 1, offset) == moment

    def blocks(self, start: int, end: int, offset: int) -> Iterator[Block]:
        """Give the moments from ``start`` to before ``end``."""
        start = max(start, self.start)
        if start >= end:
            return
        for year in range(year_of(start // DAY_SECONDS), year_of((end - 1) // DAY_SECONDS) + 1):
            plan = self.plan(year)
            if plan.count:
                yield from plan.blocks(calendar_of(year)[0] * DAY_SECONDS, start, end)

    def count(self, start: int, end: int, offset: int) -> int:
        """Give the number of moments from ``start`` to before ``end``."""
        start, total = max(start, self.start), 0
        self.work += 1
        for year in range(year_of(start // DAY_SECONDS), year_of(end // DAY_SECONDS) + 1):
            base, plan = year_start(year) * DAY_SECONDS, self.plan(year)
            total += plan.rank(end - base) - plan.rank(start - base)
        return total
