"""The days of single periods: for BYSETPOS, which picks from a period, and SKIP, which moves days out of theirs.

Rules:

* BYSETPOS picks from one whole period, also from what lies before DTSTART (RFC 5545 section 3.3.10).
* SKIP moves a day of the month or year that does not exist before BYDAY limits (RFC 7529 section 4.1). In a rule with
  BYWEEKNO it moves nothing: weeks name no day that does not exist.
* The weeks that BYWEEKNO names are of the year that numbers them, though their days may lie in the year beside it.

What the days of a month or year are, but for Easter, follows from the shape of the year and whether the next is leap;
so they are made once for each and kept.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from mainspring.core.recurrence.rrule_masks import (
    MONTH_STARTS,
    Easter,
    Masks,
    calendar_of,
    is_leap,
    weekday_of,
    weekno_days,
    year_of,
    year_start,
)
from mainspring.core.recurrence.rrule_parts import Rule
from mainspring.core.recurrence.rrule_plans import bits


class Periods:
    """The periods of a WEEKLY, MONTHLY or YEARLY rule whose parts are filled in."""

    __slots__ = (
        "_easter", "_first_month", "_first_week", "_first_year", "_kept", "_limits", "_masks", "_moves",
        "_rule",
    )  # fmt: skip

    def __init__(self, rule: Rule, day: int, easter: Easter) -> None:
        """``day`` is the ordinal of DTSTART's day."""
        self._rule, self._easter = rule, easter
        self._moves = moves(rule)
        self._masks = Masks(rule, easter)
        self._limits = Masks(_limits(rule, self._moves), easter)
        self._first_week = self._week_start(day)
        self._first_year = year_of(day)
        self._first_month = month_of(day)
        self._kept: dict[tuple[object, ...], tuple[int, ...]] = {}

    def near(self, year: int) -> Iterator[list[int]]:
        """Give the days (ordinals, in order) of each period that INTERVAL takes and that may have days in the year."""
        freq, interval = self._rule.freq, self._rule.interval
        if freq == "WEEKLY":
            yield from self._weeks(year)
        elif freq == "MONTHLY":
            for month in range(year * 12 - 1, year * 12 + 13):
                if (month - self._first_month) % interval == 0:
                    yield self._named(month // 12, month % 12)
        else:
            for owner in (year - 1, year, year + 1):
                if (owner - self._first_year) % interval == 0:
                    yield self._named(owner, None)

    def most(self, year: int) -> int:
        """Give a bound for the number of days in any period near the year."""
        if self._moves:
            return 366
        return sum(self._masks.of(near).bit_count() for near in (year - 1, year, year + 1))

    def _weeks(self, year: int) -> Iterator[list[int]]:
        weeks: dict[int, list[int]] = {}
        for near in (year - 1, year, year + 1):
            start = calendar_of(near)[0]
            for offset in bits(self._masks.of(near)):
                week = self._week_start(start + offset)
                if (week - self._first_week) % (7 * self._rule.interval) == 0:
                    weeks.setdefault(week, []).append(start + offset)
        begin, end = year_start(year) - 7, year_start(year + 1)
        return (days for week, days in weeks.items() if begin < week < end)

    def _week_start(self, day: int) -> int:
        return day - (weekday_of(day) - self._rule.wkst) % 7

    def _named(self, year: int, month: int | None) -> list[int]:
        """The days of a month (0 to 11) or of a whole year."""
        start, shape = calendar_of(year)
        if not (self._moves or self._rule.byweekno):
            return [start + day for day in bits(_of_month(self._masks.of(year), year, month))]
        key = (shape, is_leap(year + 1), month)
        days = self._kept.get(key)
        if days is None:
            days = self._kept[key] = tuple(day - start for day in sorted(self._made(year, month)))
        if not self._rule.byeaster:
            return [start + day for day in days]
        return [start + day for day in days if start + day - self._easter(year_of(start + day)) in self._rule.byeaster]

    def _made(self, year: int, month: int | None) -> set[int]:
        """The days of a month or year in a rule with SKIP or BYWEEKNO, but for Easter."""
        rule, start, starts = self._rule, year_start(year), MONTH_STARTS[is_leap(year)]
        if rule.byweekno:
            return {day for day in weekno_days(rule, year) if self._limits.names(day)}
        if rule.byyearday:
            return self._moved(rule.byyearday, start, starts[12])
        if not rule.bymonthday:
            return {start + day for day in bits(_of_month(self._masks.of(year), year, month))}
        months = range(12) if month is None else (month,)
        named = [place for place in months if not rule.bymonth or place + 1 in rule.bymonth]
        spans = [(start + starts[place], starts[place + 1] - starts[place]) for place in named]
        return {day for first, length in spans for day in self._moved(rule.bymonthday, first, length)}

    def _moved(self, numbers: tuple[int, ...], first: int, length: int) -> set[int]:
        """The days with these numbers of a span, moved by SKIP where there is no such day, and then limited."""
        days = {first + _place(number, length, self._rule.skip) for number in numbers}
        return {day for day in days if self._limits.names(day)}


def _of_month(mask: int, year: int, month: int | None) -> int:
    """Keep the days of a month (0 to 11) in the mask of a year."""
    if month is None:
        return mask
    starts = MONTH_STARTS[is_leap(year)]
    return mask & (1 << starts[month + 1]) - (1 << starts[month])


def moves(rule: Rule) -> bool:
    """Tell whether SKIP may move a day of the rule."""
    return rule.skip != "OMIT" and rule.freq in ("MONTHLY", "YEARLY") and not rule.byweekno


def month_of(day: int) -> int:
    """Give the number of the month that holds the day with this ordinal: 12 times the year, and 0 for January."""
    year = year_of(day)
    offset = day - year_start(year)
    return year * 12 + sum(offset >= first for first in MONTH_STARTS[is_leap(year)][1:12])


def _limits(rule: Rule, may_move: bool) -> Rule:
    """What limits the days of a period once those are made.

    All parts but Easter and what makes (and SKIP may move) them.
    """
    rule = evolve(rule, byeaster=(), byweekno=())
    if not may_move:
        return rule
    inside_month = rule.freq == "MONTHLY" or bool(rule.bymonth)
    kept = evolve(rule, freq="MONTHLY" if inside_month else "YEARLY", byyearday=(), bymonthday=(), bymonth=())
    if rule.byyearday:  # the days come from BYYEARDAY: the months and their days limit
        return evolve(kept, bymonth=rule.bymonth, bymonthday=rule.bymonthday)
    return kept


def _place(number: int, length: int, skip: str) -> int:
    """Where a day counted from 1, or from the end, lies in its span, from 0.

    RFC 7529 section 4.1 for one that is not there.
    """
    if number > 0:
        return min(number, length + (skip == "FORWARD")) - 1
    return max(length + number, -1 if skip == "BACKWARD" else 0)
