"""A year of a rule as a small calendar: plain text, 71 columns wide.

A day on which the rule fires shows its number, any other a dot. ``>`` before a day: its clocks go forward; ``<``: back.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import click

from mainspring.core.errors import InvalidInput
from mainspring.core.recurrence import Recurrence, instants, load_zone, next_after, next_shift, utc_to_civil

FIRST_YEAR: Final = 2
LAST_YEAR: Final = 9998

_MONTHS_A_ROW: Final = 3
_WIDTH: Final = 21
_BETWEEN: Final = "    "
_WEEK: Final = " Mo Tu We Th Fr Sa Su"
_TICK: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)


class Year:
    """The days of a year in a zone on which a rule fires, and on which its clocks change (1 forward, -1 back)."""

    def __init__(self, rule: Recurrence, zone_name: str, year: int) -> None:
        if not FIRST_YEAR <= year <= LAST_YEAR:
            raise InvalidInput("calendar", f"{year} is out of range", f"use a year from {FIRST_YEAR} to {LAST_YEAR}")
        self.year = year
        self.zone_name = zone_name
        self.fires = frozenset(_fire_days(rule, zone_name, year))
        self.changes = dict(_change_days(zone_name, year))

    def document(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "year": self.year,
            "timezone": self.zone_name,
            "days": [day.isoformat() for day in sorted(self.fires)],
            "clock_changes": [
                {"day": day.isoformat(), "clocks": "forward" if way > 0 else "back"}
                for day, way in sorted(self.changes.items())
            ],
        }

    def lines(self, *, colour: bool) -> Iterator[str]:
        """Draw it."""
        count = len(self.fires)
        yield f"{self.year}, {self.zone_name}: fires on {count} day{'' if count == 1 else 's'}"
        for first in range(1, 13, _MONTHS_A_ROW):
            months = range(first, first + _MONTHS_A_ROW)
            yield ""
            yield _BETWEEN.join(f"{date(self.year, month, 1):%B}".center(_WIDTH) for month in months).rstrip()
            yield _BETWEEN.join([_WEEK] * _MONTHS_A_ROW)
            weeks = [list(self._weeks(month, colour=colour)) for month in months]
            for row in range(max(map(len, weeks))):
                yield _BETWEEN.join(found[row] if row < len(found) else " " * _WIDTH for found in weeks).rstrip()
        yield ""
        yield "  7 fires   · does not" + ("   >, < clocks go forward, back" if self.changes else "")

    def _weeks(self, month: int, *, colour: bool) -> Iterator[str]:
        weekday, length = monthrange(self.year, month)
        cells = ["   "] * weekday + [self._cell(date(self.year, month, day), colour) for day in range(1, length + 1)]
        cells += ["   "] * (-len(cells) % 7)
        for start in range(0, len(cells), 7):
            yield "".join(cells[start : start + 7])

    def _cell(self, day: date, colour: bool) -> str:
        way = self.changes.get(day, 0)
        mark = ">" if way > 0 else "<" if way < 0 else " "
        text = str(day.day) if day in self.fires else "·"
        pad = " " * (2 - len(text))
        if colour:
            text = click.style(text, fg="green", bold=True) if day in self.fires else click.style(text, dim=True)
            mark = click.style(mark, fg="yellow", bold=True) if way else mark
        return pad + mark + text


def _fire_days(rule: Recurrence, zone_name: str, year: int) -> Iterator[date]:
    """Go from day to day: at most one look-up a day, however often the rule fires."""
    zone = load_zone(zone_name)
    instant = next_after(rule, _begin(zone_name, date(year, 1, 1)) - _TICK)
    while instant is not None:
        day = utc_to_civil(instant, zone).date()
        if day.year > year:
            return
        if day.year == year:
            yield day
        instant = next_after(rule, max(instant, _begin(zone_name, day + _DAY) - _TICK))


def _begin(zone_name: str, day: date) -> datetime:
    """Give the first instant of a local day."""
    return instants(datetime.combine(day, time.min), load_zone(zone_name), gap="after")[0]


def _change_days(zone_name: str, year: int) -> Iterator[tuple[date, int]]:
    zone = load_zone(zone_name)
    start, end = datetime(year, 1, 1, tzinfo=UTC) - _DAY, datetime(year + 1, 1, 1, tzinfo=UTC) + _DAY
    shift = next_shift(zone, start, end)
    while shift is not None:
        day = (shift.at.replace(tzinfo=None) + shift.before - _TICK).date()  # the day that the wall clock still shows
        if day.year == year:
            yield day, 1 if shift.is_gap else -1
        shift = next_shift(zone, shift.at, end)
