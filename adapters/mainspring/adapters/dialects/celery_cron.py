"""Celery's ``crontab``: its fields, read by its own rules, and written here.

Rules, from the documentation of ``celery.schedules.crontab`` and its parser:

* Five fields, ``*`` where none is given. Items: ``*``, ``*/n``, ``a``, ``a-b``, ``a-b/n``; a range may wrap. Names of
  months and days are told by their first three letters; days of the week are 0, Sunday, to 6.
* A day must be in day of month, in day of week and in month: all three.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Final, cast

from attrs import frozen

from mainspring.adapters.dialects.documents import Unfit, shown
from mainspring.adapters.dialects.wall_times import WallTimes
from mainspring.core.recurrence import Cron

FIELDS: Final = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")

_RANGES: Final = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day_of_month": (1, 31),
    "month_of_year": (1, 12),
    "day_of_week": (0, 6),
}
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "month_of_year": ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    "day_of_week": ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
}
_ITEM: Final = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[0-9]{1,4}))?", re.ASCII)
_MAX_TEXT: Final = 512
_MAX_LIST: Final = 60


@frozen(kw_only=True)
class _Item:
    """One item of a field: what it stands for, and the same in our words."""

    values: tuple[int, ...]
    text: str


def read_crontab_fields(given: Mapping[str, object], zone: str) -> tuple[Cron, WallTimes]:
    """Give the rule, and its civil times by Celery's own reading; raise ``Unfit`` for what Celery would not take."""
    read = {name: [_item(name, item) for item in _items(name, given.get(name))] for name in FIELDS}
    values = {name: frozenset(value for item in found for value in item.values) for name, found in read.items()}
    text = " ".join(",".join(item.text for item in read[name]) for name in FIELDS)

    def day_matches(day: date) -> bool:
        return (
            day.month in values["month_of_year"]
            and day.day in values["day_of_month"]
            and day.isoweekday() % 7 in values["day_of_week"]
        )

    times = WallTimes(
        day_matches=day_matches, hours=tuple(sorted(values["hour"])), minutes=tuple(sorted(values["minute"]))
    )
    both = "*" not in (text.split()[2], text.split()[4])  # with a plain * the default is the same
    return Cron.parse(text, zone, days="and" if both else "debian"), times


def _items(name: str, value: object) -> list[str]:
    if value is None:
        return ["*"]
    if isinstance(value, list):
        listed = cast("list[object]", value)
        if 0 < len(listed) <= _MAX_LIST:
            return [str(item) for item in listed]
    elif isinstance(value, int) and not isinstance(value, bool):
        return [str(value)]
    elif isinstance(value, str) and len(value) <= _MAX_TEXT:
        return [item.strip() for item in value.lower().split(",")]
    raise Unfit(f"{name} cannot be used as it is", "give it as a number, a text or a list of numbers")


def _item(name: str, item: str) -> _Item:
    low, high = _RANGES[name]
    found = _ITEM.fullmatch(item)
    step = int(found["step"] or 1) if found else 0
    if found is None or step == 0 or (found["first"] and found["step"] and not found["last"]):
        raise _unknown(name, item)
    if not found["first"]:
        values = range(low, high + 1, step)
        return _Item(values=tuple(values), text=item)
    first = _number(name, item, found["first"])
    last = first if found["last"] is None else _number(name, item, found["last"])
    whole = [*range(first, last + 1)] if first <= last else [*range(first, high + 1), *range(low, last + 1)]
    text = f"{first}" if found["last"] is None else f"{first}-{last}"
    return _Item(values=tuple(whole[::step]), text=text if step == 1 else f"{text}/{step}")


def _number(name: str, item: str, text: str) -> int:
    low, high = _RANGES[name]
    names = _NAMES.get(name, ())
    value = int(text) if text.isdigit() and len(text) < 5 else -1
    if text[:3] in names:
        value = names.index(text[:3]) + low
    if not low <= value <= high:
        raise _unknown(name, item)
    return value


def _unknown(name: str, item: str) -> Unfit:
    low, high = _RANGES[name]
    return Unfit(f"{name} {shown(item)!r} is not what Celery takes", f"use {low} to {high}, '*', ranges and steps")
