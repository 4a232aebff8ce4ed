"""Field masks: the next civil time that matches, by bit operations.

Rules:

* A field is one integer, a bit for each value; the next value is the lowest set bit of ``mask >> (value + 1)``.
* The days of a month depend on nothing but its length and the weekday of its first day: 28 masks serve all months.
* Carry goes upwards only: minute, hour, day, month, year. No step is ever tried twice.
* The search ends after 400 years, one full cycle of the Gregorian calendar, or with the year 9999.
"""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from functools import lru_cache
from typing import Final

from attrs import frozen

from mainspring.core.recurrence.cron_syntax import Days, Fields

CYCLE_YEARS: Final = 400
LAST_YEAR: Final = 9999

_OVER_28: Final = (0, 3, 0, 3, 2, 3, 2, 3, 3, 2, 3, 2, 3)  # days of each month beyond 28
_FIVE_WEEKS: Final = 1 | 1 << 7 | 1 << 14 | 1 << 21 | 1 << 28
_SATURDAY: Final = 6
_SUNDAY: Final = 0
_ON_THE_MINUTE: Final = 0b1


@frozen
class Masks:
    """One cron expression, ready to be searched in civil time."""

    seconds: int
    minutes: int
    hours: int
    months: int
    days: tuple[int, ...]
    first_second: int
    first_minute: int
    first_hour: int

    @classmethod
    def of(cls, fields: Fields) -> Masks:
        """Make the masks of parsed fields."""
        return cls(
            seconds=fields.seconds,
            minutes=fields.minutes,
            hours=fields.hours,
            months=fields.months,
            days=month_masks(fields.days),
            first_second=_lowest(fields.seconds),
            first_minute=_lowest(fields.minutes),
            first_hour=_lowest(fields.hours),
        )

    def next(self, after: datetime, zone: tzinfo) -> datetime | None:
        """Give the first civil time after ``after`` that matches, marked with ``zone``; None within 400 years.

        Only the civil fields of ``after`` count. No offset is looked up: this is arithmetic on the calendar.
        """
        year, month, day = after.year, after.month, after.day
        if self.months >> month & 1:
            days = self.days[_index(year, month, (after.isoweekday() + 1 - day) % 7)]
            if days >> day & 1:
                hour = after.hour
                if self.hours >> hour & 1:
                    minute = after.minute
                    if self.seconds != _ON_THE_MINUTE and self.minutes >> minute & 1:
                        rest = self.seconds >> (after.second + 1)
                        if rest:
                            second = after.second + (rest & -rest).bit_length()
                            return datetime(year, month, day, hour, minute, second, 0, zone)
                    rest = self.minutes >> (minute + 1)
                    if rest:
                        minute += (rest & -rest).bit_length()
                        return datetime(year, month, day, hour, minute, self.first_second, 0, zone)
                rest = self.hours >> (hour + 1)
                if rest:
                    hour += (rest & -rest).bit_length()
                    return datetime(year, month, day, hour, self.first_minute, self.first_second, 0, zone)
            rest = days >> (day + 1)
            if rest:
                return self._at(year, month, day + (rest & -rest).bit_length(), zone)
        return self._in_later_month(year, month, zone)

    def matches(self, civil: datetime) -> bool:
        """Tell whether a civil time (whole seconds) matches."""
        days = self.days[_index(civil.year, civil.month, (civil.isoweekday() + 1 - civil.day) % 7)]
        return bool(
            self.seconds >> civil.second
            & self.minutes >> civil.minute
            & self.hours >> civil.hour
            & self.months >> civil.month
            & days >> civil.day
            & 1
        )

    def _in_later_month(self, year: int, month: int, zone: tzinfo) -> datetime | None:
        last = min(year + CYCLE_YEARS, LAST_YEAR)
        while True:
            rest = self.months >> (month + 1)
            if rest:
                month += (rest & -rest).bit_length()
            else:
                year, month = year + 1, _lowest(self.months)
            if year > last:
                return None
            days = self.days[_index(year, month, date(year, month, 1).isoweekday() % 7)]
            if days:
                return self._at(year, month, _lowest(days), zone)

    def _at(self, year: int, month: int, day: int, zone: tzinfo) -> datetime:
        return datetime(year, month, day, self.first_hour, self.first_minute, self.first_second, 0, zone)


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _index(year: int, month: int, first: int) -> int:
    """Give the place in the 28 masks of a month whose first day is weekday ``first`` (0 is Sunday)."""
    if month == 2 and year % 4 == 0 and (year % 100 or year % 400 == 0):
        return first * 4 + 1
    return first * 4 + _OVER_28[month]


@lru_cache(maxsize=512)
def month_masks(days: Days) -> tuple[int, ...]:
    """Give the matching days of each kind of month: 7 first weekdays times 4 lengths, bit 1 is the first day."""
    return tuple(_month(days, first, length) for first in range(7) for length in range(28, 32))


def _month(days: Days, first: int, length: int) -> int:
    by_date, by_weekday = _by_date(days, first, length), _by_weekday(days, first, length)
    whole = (1 << (length + 1)) - 2
    return (by_date & by_weekday if days.both else by_date | by_weekday) & whole


def _by_date(days: Days, first: int, length: int) -> int:
    mask = days.month_days
    if days.last:
        mask |= 1 << length
    if days.last_weekday:
        mask |= 1 << _nearest_weekday(length, first, length)
    for day in range(1, length + 1):
        if days.nearest >> day & 1:
            mask |= 1 << _nearest_weekday(day, first, length)
    return mask


def _nearest_weekday(day: int, first: int, length: int) -> int:
    """Give the day from Monday to Friday nearest to ``day`` that is in the same month."""
    weekday = (first + day - 1) % 7
    if weekday == _SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == _SUNDAY:
        return day + 1 if day < length else day - 2
    return day


def _by_weekday(days: Days, first: int, length: int) -> int:
    mask = _spread(days.weekdays, first)
    for week, weekdays in enumerate(days.nth):
        mask |= _spread(weekdays, first) & 0b1111111 << (7 * week + 1)
    return mask | _spread(days.last_of, first) & 0b1111111 << (length - 6)


def _spread(weekdays: int, first: int) -> int:
    """Repeat a week's bits over five weeks of a month that begins on weekday ``first``."""
    week = weekdays >> first | (weekdays << (7 - first)) & 0b1111111
    return week * _FIVE_WEEKS << 1
