"""The fields of APScheduler's ``CronTrigger``: what they hold, and how they are written here.

Rules, from its user guide and the source of 3.11:

* ``year``, ``month``, ``day``, ``week``, ``day_of_week``, ``hour``, ``minute``, ``second``: all must match. A field
  that is not given is ``*`` above the least of those given, and its minimum below it.
* Items: ``*``, ``*/a``, ``a``, ``a-b``, ``a-b/c``, ``a/c``; names of months and days of the week, and ranges of names;
  in ``day`` also ``last``, ``1st fri`` to ``5th fri`` and ``last fri``.
* Days of the week count from 0, Monday.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from mainspring.core.errors import InvalidInput

NAMES: Final = ("year", "month", "day", "week", "day_of_week", "hour", "minute", "second")
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
POSITIONS: Final = ("1st", "2nd", "3rd", "4th", "5th", "last")

_RANGES: Final = {
    "year": (1970, 9999),
    "month": (1, 12),
    "day": (1, 31),
    "week": (1, 53),
    "day_of_week": (0, 6),
    "hour": (0, 23),
    "minute": (0, 59),
    "second": (0, 59),
}
_MAX_TEXT: Final = 512
_NUMBERS: Final = re.compile(r"(?:\*|(?P<first>\d{1,4})(?:-(?P<last>\d{1,4}))?)(?:/(?P<step>\d{1,4}))?", re.ASCII)
_WORDS: Final = re.compile(r"(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?", re.ASCII)
_POSITION: Final = re.compile(rf"(?P<position>{'|'.join(POSITIONS)}) +(?P<weekday>[a-z]{{3}})", re.ASCII)


@frozen(kw_only=True)
class DayItems:
    """The ``day`` field: numbers, ``last``, and (position, weekday) pairs; position 5 is the last, weekday 0 Monday."""

    numbers: frozenset[int]
    last: bool
    positions: tuple[tuple[int, int], ...]

    def first_from(self, year: int, month: int, day: int) -> int | None:
        """Give the first matching day of a month at or after ``day``."""
        weekday, length = monthrange(year, month)
        days = {number for number in self.numbers if number <= length}
        if self.last:
            days.add(length)
        for position, wanted in self.positions:
            found = (wanted - weekday) % 7 + 1
            found += (length - found) // 7 * 7 if position == 5 else position * 7
            if found <= length:
                days.add(found)
        return min((number for number in days if number >= day), default=None)


@frozen(kw_only=True)
class CronTrigger:
    """The fields, read: ``texts`` as they hold, defaults included, ``values`` as numbers for all but ``day``."""

    texts: Mapping[str, str]
    values: Mapping[str, frozenset[int]]
    day: DayItems


def read_trigger(given: Mapping[str, str]) -> CronTrigger:
    """Read the given fields; raise ``InvalidInput`` for what APScheduler itself would not take."""
    texts = _with_defaults({name: text.strip().lower() for name, text in given.items()})
    for name, text in texts.items():
        if len(text) > _MAX_TEXT:
            raise InvalidInput(name, f"a text of {len(text)} characters is too long", f"use at most {_MAX_TEXT}")
    values = {name: _values(name, text) for name, text in texts.items() if name != "day"}
    return CronTrigger(texts=texts, values=values, day=_day(texts["day"]))


def _with_defaults(given: Mapping[str, str]) -> dict[str, str]:
    least = max((NAMES.index(name) for name in given), default=-1)
    minimum = {"month": "1", "day": "1", "hour": "0", "minute": "0", "second": "0"}
    return {
        name: given.get(name, minimum.get(name, "*") if index > least >= 0 else "*") for index, name in enumerate(NAMES)
    }


def items(text: str) -> list[str]:
    """Split a field into its items."""
    return [item.strip() for item in text.split(",")]


def _values(name: str, text: str) -> frozenset[int]:
    return frozenset(value for item in items(text) for value in _item(name, item))


def _item(name: str, item: str) -> range:
    low, high = _RANGES[name]
    numbers, words = _NUMBERS.fullmatch(item), _WORDS.fullmatch(item)
    names = {"month": MONTHS, "day_of_week": WEEKDAYS}.get(name, ())
    if numbers:
        step = int(numbers["step"] or 1)
        first = int(numbers["first"] or low)
        lone = numbers["first"] and not numbers["last"] and not numbers["step"]
        last = first if lone else int(numbers["last"] or high)
    elif words and words["first"] in names and (words["last"] or words["first"]) in names:
        first, step = names.index(words["first"]) + low, 1
        last = names.index(words["last"] or words["first"]) + low
    else:
        raise InvalidInput(name, f"{item!a} is not an expression of APScheduler's", "check the dump")
    if not (low <= first <= last <= high and step):
        raise InvalidInput(name, f"{item!a} is out of range or order", f"use {low} to {high}")
    return range(first, last + 1, step)


def _day(text: str) -> DayItems:
    numbers: set[int] = set()
    last, positions = False, list[tuple[int, int]]()
    for item in items(text):
        placed = _POSITION.fullmatch(item)
        if placed and placed["weekday"] in WEEKDAYS:
            positions.append((POSITIONS.index(placed["position"]), WEEKDAYS.index(placed["weekday"])))
        elif item == "last":
            last = True
        else:
            numbers.update(_item("day", item))
    return DayItems(numbers=frozenset(numbers), last=last, positions=tuple(positions))
