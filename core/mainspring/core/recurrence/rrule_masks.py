"""Which days of a year a rule's date parts name: one integer per year, bit 0 for January 1.

Every date part of RFC 5545 section 3.3.10 (BYMONTH, BYWEEKNO, BYYEARDAY, BYMONTHDAY, BYDAY) is a question about a day
that its year's *shape* answers: leap or not, the weekday of January 1, and for week numbers whether the year before was
leap. That makes 28 masks for all time; "expand" and "limit" of the standard's table come to the
same intersection, once the parts that are absent have been filled in from DTSTART.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Final

from mainspring.core.recurrence.rrule_parts import Rule

FIRST_YEAR: Final = 1
LAST_YEAR: Final = 9999
_MAX_YEARS: Final = 1_024  # masks with Easter kept for one rule
CYCLE_YEARS: Final = 400  # the Gregorian calendar repeats after 400 years = 146,097 days = 20,871 weeks
CYCLE_DAYS: Final = 146_097

_LENGTHS: Final = (
    (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31),
    (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31),
)
MONTH_STARTS: Final = tuple(tuple(sum(lengths[:month]) for month in range(13)) for lengths in _LENGTHS)

Shape = tuple[bool, int, bool]
"""Whether a year is leap, the weekday of its January 1 (Monday 0), whether the year before was leap."""

Easter = Callable[[int], int]
"""Gives the ordinal of Easter Sunday in a year."""


def is_leap(year: int) -> bool:
    """Tell whether a (proleptic) Gregorian year has 366 days; also for years outside 1 to 9999."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def year_start(year: int) -> int:
    """Give the ordinal of January 1 (1 for 0001-01-01); also for years outside 1 to 9999."""
    before = year - 1
    return before * 365 + before // 4 - before // 100 + before // 400 + 1


def year_of(ordinal: int) -> int:
    """Give the year that holds the day with this ordinal; also outside the years 1 to 9999."""
    year = (ordinal - 1) * CYCLE_YEARS // CYCLE_DAYS + 1  # never too late: leap days lag behind 0.2425 a year
    return year + 1 if year_start(year + 1) <= ordinal else year


@lru_cache(maxsize=2_048)
def calendar_of(year: int) -> tuple[int, Shape]:
    """Give the ordinal of a year's January 1, and the year's shape."""
    start = year_start(year)
    return start, (is_leap(year), weekday_of(start), is_leap(year - 1))


def weekday_of(ordinal: int) -> int:
    """Give the weekday, Monday 0, of the day with this ordinal."""
    return (ordinal + 6) % 7


class Masks:
    """The day masks of one rule, by the shape of the year."""

    __slots__ = ("_by_shape", "_by_year", "_easter", "rule")

    def __init__(self, rule: Rule, easter: Easter) -> None:
        self.rule = rule
        self._easter = easter
        self._by_shape: dict[Shape, int] = {}
        self._by_year: dict[int, int] = {}

    def of(self, year: int) -> int:
        """Give the mask of the days of ``year`` that the date parts name."""
        shape = calendar_of(year)[1]
        mask = self._by_shape.get(shape)
        if mask is None:
            mask = self._by_shape[shape] = _shape_mask(self.rule, year)
        return self._with_easter(year, mask) if mask and self.rule.byeaster else mask

    def names(self, day: int) -> bool:
        """Tell whether the date parts name the day with this ordinal."""
        year = year_of(day)
        return bool(self.of(year) >> day - calendar_of(year)[0] & 1)

    def _with_easter(self, year: int, mask: int) -> int:
        found = self._by_year.get(year)
        if found is None:
            if len(self._by_year) >= _MAX_YEARS:
                self._by_year.clear()
            first = self._easter(year) - year_start(year)
            days = sum(1 << first + days for days in self.rule.byeaster if first + days >= 0)
            found = self._by_year[year] = mask & days
        return found


def _shape_mask(rule: Rule, year: int) -> int:
    leap, start = is_leap(year), year_start(year)
    mask = (1 << 365 + leap) - 1
    if rule.bymonth:
        mask &= _month_mask(rule.bymonth, leap)
    if rule.bymonthday:
        mask &= _monthday_mask(rule.bymonthday, leap)
    if rule.byyearday:
        mask &= _yearday_mask(rule.byyearday, 365 + leap)
    if rule.byweekno:
        mask &= _weekno_mask(rule, year)
    if rule.byday:
        mask &= _weekday_mask(rule, leap, weekday_of(start))
    return mask


def _month_mask(months: tuple[int, ...], leap: bool) -> int:
    starts = MONTH_STARTS[leap]
    return sum((1 << starts[month]) - (1 << starts[month - 1]) for month in months)


def _monthday_mask(days: tuple[int, ...], leap: bool) -> int:
    starts, mask = MONTH_STARTS[leap], 0
    for month in range(12):
        length = starts[month + 1] - starts[month]
        for day in days:
            if abs(day) <= length:  # "invalid dates are ignored", section 3.3.10
                mask |= 1 << starts[month] + (day - 1 if day > 0 else length + day)
    return mask


def _yearday_mask(days: tuple[int, ...], length: int) -> int:
    mask = 0
    for day in days:
        if abs(day) <= length:
            mask |= 1 << (day - 1 if day > 0 else length + day)
    return mask


def _weekno_mask(rule: Rule, year: int) -> int:
    """The days of the calendar year that lie in the named weeks, be they weeks of this year or of a neighbour."""
    mask, start, length = 0, year_start(year), 365 + is_leap(year)
    for owner in (year - 1, year, year + 1):
        for day in weekno_days(rule, owner):
            if 0 <= day - start < length:
                mask |= 1 << day - start
    return mask


def weekno_days(rule: Rule, year: int) -> list[int]:
    """Give the ordinals of all days in the weeks that BYWEEKNO names in ``year``, in order.

    Week 1 is the first that has four days in the year (section 3.3.10); its days may lie in the year before.
    """
    first, end = _first_week(year, rule.wkst), _first_week(year + 1, rule.wkst)
    count = (end - first) // 7
    weeks = {week if week > 0 else count + 1 + week for week in rule.byweekno if abs(week) <= count}
    return [first + (week - 1) * 7 + day for week in sorted(weeks) for day in range(7)]


def _first_week(year: int, wkst: int) -> int:
    fourth = year_start(year) + 3  # January 4 is always in week 1
    return fourth - (weekday_of(fourth) - wkst) % 7


def _weekday_mask(rule: Rule, leap: bool, first_weekday: int) -> int:
    """BYDAY.

    Notes 1 and 2 of section 3.3.10; an ordinal counts in the month, or in the year where no month is named.
    """
    starts, length, mask = MONTH_STARTS[leap], 365 + leap, 0
    by_month = rule.freq == "MONTHLY" or bool(rule.bymonth)
    spans = tuple(pairwise(starts)) if by_month else ((0, length),)
    for ordinal, weekday in rule.byday:
        for start, end in spans if ordinal else ((0, length),):
            days = range(start + (weekday - first_weekday - start) % 7, end, 7)
            if not ordinal:
                mask |= sum(1 << day for day in days)
            elif abs(ordinal) <= len(days):
                mask |= 1 << days[ordinal - 1 if ordinal > 0 else ordinal]
    return mask
