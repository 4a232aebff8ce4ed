"""The five fields of crontab(5), read by the book: the text of other systems that take the same form.

Our own reader knows more (``L``, ``FRI#2``, ranges that wrap); what it reads and this one does not is an extension
there, and said to be one.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from attrs import frozen

from mainspring.adapters.dialects.wall_times import WallTimes

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_ITEM: Final = re.compile(
    r"(?P<first>\*|[0-9]{1,2}|[a-z]{3})(?:-(?P<last>[0-9]{1,2}|[a-z]{3}))?(?:/(?P<step>[0-9]{1,4}))?"
)
MACROS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


@frozen(kw_only=True)
class CronFields:
    """The five fields as sets; days of the week from 0, Sunday. ``starred``: minute or hour starts with ``*``."""

    minutes: frozenset[int]
    hours: frozenset[int]
    month_days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    both_days: bool
    restricted_days: bool
    starred: bool

    def day_matches(self, day: date) -> bool:
        """Tell whether the rule can fire on a day."""
        if day.month not in self.months:
            return False
        by_date, by_weekday = day.day in self.month_days, day.isoweekday() % 7 in self.weekdays
        return by_date and by_weekday if self.both_days else by_date or by_weekday

    def wall_times(self) -> WallTimes:
        """Give the civil times of the rule."""
        return WallTimes(
            day_matches=self.day_matches, hours=tuple(sorted(self.hours)), minutes=tuple(sorted(self.minutes))
        )


def read_fields(text: str) -> CronFields | None:
    """Read five fields or a macro as crontab(5) has them; None for anything else."""
    parts = MACROS.get(text.strip().lower(), text).lower().split()
    if len(parts) != 5:
        return None
    minutes, hours, month_days = _values(parts[0], 0, 59), _values(parts[1], 0, 23), _values(parts[2], 1, 31)
    months, weekdays = _values(parts[3], 1, 12, _MONTHS), _values(parts[4], 0, 7, _DAYS)
    if not (minutes and hours and month_days and months and weekdays):
        return None
    starred = [part.startswith("*") for part in parts]
    return CronFields(
        minutes=minutes,
        hours=hours,
        month_days=month_days,
        months=months,
        weekdays=frozenset(day % 7 for day in weekdays),
        both_days=starred[2] or starred[4],
        restricted_days=parts[2] != "*" and parts[4] != "*",
        starred=starred[0] or starred[1],
    )


def _values(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> frozenset[int]:
    found: set[int] = set()
    for item in text.split(","):
        read = _ITEM.fullmatch(item)
        if read is None:
            return frozenset()
        starred = read["first"] == "*"
        first = low if starred else _number(read["first"], low, names)
        last = high if starred else _number(read["last"] or read["first"], low, names)
        step = int(read["step"] or 1)
        lone = not starred and read["last"] is None and read["step"] is not None  # 5/15: not in crontab(5)
        if lone or (starred and read["last"]) or not (low <= first <= last <= high and step):
            return frozenset()
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _number(text: str, low: int, names: tuple[str, ...]) -> int:
    if text.isdigit():
        return int(text)
    return names.index(text) + low if text in names else -1
