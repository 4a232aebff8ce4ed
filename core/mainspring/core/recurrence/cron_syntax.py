"""Cron texts to field sets: the dialect, and nothing about time.

Rules:

* Five fields: minute, hour, day of month, month, day of week; with ``seconds`` six, the second first.
* A field is a list (``,``) of items: ``*``, ``a``, ``a-b``, each with a step (``*/n``, ``a-b/n``); names of months and
  days of the week have three letters, in either case; 0 and 7 are both Sunday.
* Extensions to Debian's cron: ``a/n`` runs from a to the field's maximum; a range may wrap (``FRI-MON``, ``22-2``);
  ``L`` is the last day of the month, ``LW`` its last weekday (Monday to Friday), ``nW`` the weekday nearest to day n
  within its month, ``dL`` the last d of the month, ``d#n`` the nth d; ``?`` alone is ``*`` in either day field.
* ``@hourly``, ``@daily``, ``@midnight``, ``@weekly``, ``@monthly``, ``@yearly``, ``@annually`` are five fields.
* Random fields (``H``, ``R``) are refused: a schedule must say when it runs. So is ``@reboot``.
* Day of month against day of week is Debian's rule (crontab(5)): both must match if either field starts with ``*``,
  else one is enough. ``days="or"`` joins by OR whenever both are restricted, ``days="and"`` always by AND.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal, NoReturn

from attrs import frozen

from mainspring.core.errors import InvalidRecurrence

DayRule = Literal["debian", "or", "and"]

MAX_TEXT: Final = 512

_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MACROS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_NUMBER: Final = re.compile(r"[0-9]{1,4}", re.ASCII)
_NTH: Final = re.compile(r"(.+)#([1-5])", re.ASCII)
_SUNDAY_TWICE: Final = 0b1000_0001
_WEEK: Final = 0b111_1111


@frozen
class Field:
    """One of the six fields: its range of values, and their names where they have any."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def refuse(self, item: str, what: str) -> NoReturn:
        """Raise ``InvalidRecurrence`` for one item of this field."""
        named = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        cure = f"use {self.low} to {self.high}{named}, '*', lists, ranges and steps"
        raise InvalidRecurrence("cron", f"{self.name} {item!a} {what}", cure)


SECOND: Final = Field("second", 0, 59)
MINUTE: Final = Field("minute", 0, 59)
HOUR: Final = Field("hour", 0, 23)
DAY: Final = Field("day of month", 1, 31)
MONTH: Final = Field("month", 1, 12, _MONTHS)
WEEKDAY: Final = Field("day of week", 0, 7, _WEEKDAYS)


@frozen
class Days:
    """The two day fields as bits: day of month in bits 1 to 31, days of the week in bits 0 (Sunday) to 6."""

    month_days: int
    last: bool
    last_weekday: bool
    nearest: int
    weekdays: int
    nth: tuple[int, int, int, int, int]
    last_of: int
    both: bool


@frozen
class Fields:
    """A cron text, read: one bit for each value, and whether Debian's cron calls the job a wildcard job."""

    seconds: int
    minutes: int
    hours: int
    months: int
    days: Days
    wildcard: bool


def normalize(text: str) -> str:
    """Give the text with single spaces; raise ``InvalidRecurrence`` for what cannot be a cron text at all."""
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] -- callers pass what users sent
        raise InvalidRecurrence("cron", f"{type(text).__name__} is not a text", "write five fields as a text")
    if len(text) > MAX_TEXT:
        what = f"a text of {len(text)} characters is too long"
        raise InvalidRecurrence("cron", what, f"use at most {MAX_TEXT}")
    body = text.strip(" \t\r\n").replace("\t", " ")
    if not (body.isascii() and body.isprintable()):
        raise InvalidRecurrence("cron", f"{body!a} has characters outside printable ASCII", "use plain ASCII")
    return " ".join(body.split())


def read(text: str, *, seconds: bool, days: DayRule) -> Fields:
    """Read a normalized cron text; raise ``InvalidRecurrence`` for any other."""
    parts = [part.upper() for part in _split(text, seconds=seconds)]
    second, minute, hour, day, month, weekday = parts
    return Fields(
        seconds=_values(SECOND, second),
        minutes=_values(MINUTE, minute),
        hours=_values(HOUR, hour),
        months=_values(MONTH, month),
        days=_days(day, weekday, days),
        wildcard=minute.startswith("*") or hour.startswith("*"),
    )


def _split(text: str, *, seconds: bool) -> list[str]:
    if text.startswith("@"):
        return ["0", *_macro(text).split()]
    parts = text.split()
    wanted = 6 if seconds else 5
    if len(parts) != wanted:
        cure = f"write {wanted} fields: {'second ' if seconds else ''}minute hour day-of-month month day-of-week"
        if len(parts) == 6:
            cure += ", or pass seconds=True for a first field of seconds"
        raise InvalidRecurrence("cron", f"{text!a} has {len(parts)} field{'' if len(parts) == 1 else 's'}", cure)
    return parts if seconds else ["0", *parts]


def _macro(text: str) -> str:
    fields = _MACROS.get(text.lower())
    if fields is None:
        raise InvalidRecurrence("cron", f"{text!a} is not known", f"use one of {', '.join(_MACROS)}")
    return fields


def _values(field: Field, text: str) -> int:
    return _union(_item(field, item) for item in text.split(","))


def _union(masks: Iterable[int]) -> int:
    union = 0
    for mask in masks:
        union |= mask
    return union


def _item(field: Field, item: str) -> int:
    """Read ``*``, ``a``, ``a-b``, ``*/n``, ``a-b/n`` or ``a/n`` as bits."""
    body, slash, step = item.partition("/")
    stride = _step(field, item, step) if slash else 1
    if body == "*":
        return _bits(field, range(field.low, field.high + 1, stride))
    start, dash, end = body.partition("-")
    first = _value(field, item, start)
    if dash:
        return _bits(field, _span(field, first, _value(field, item, end))[::stride])
    return _bits(field, range(first, field.high + 1, stride)) if slash else _bits(field, range(first, first + 1))


def _step(field: Field, item: str, step: str) -> int:
    if not _NUMBER.fullmatch(step) or int(step) == 0:
        field.refuse(item, "has a step that is not 1 to 9999")
    return int(step)


def _value(field: Field, item: str, text: str) -> int:
    if text in field.names:
        return field.names.index(text) + field.low
    if text.startswith(("H", "R")):
        field.refuse(item, "is random: a schedule must say when it runs")
    if not _NUMBER.fullmatch(text):
        field.refuse(item, "is not understood")
    value = int(text)
    if not field.low <= value <= field.high:
        field.refuse(item, "is out of range")
    return value


def _span(field: Field, first: int, last: int) -> range | list[int]:
    """Give the values of a range in order; one that ends before it starts wraps at the field's maximum."""
    if first <= last:
        return range(first, last + 1)
    high = 6 if field is WEEKDAY else field.high  # 7 is Sunday once more: going round, it must not count twice
    return [*range(first, high + 1), *range(field.low, last + 1)]


def _bits(field: Field, values: range | list[int]) -> int:
    mask = _union(1 << value for value in values)
    if field is WEEKDAY and mask & _SUNDAY_TWICE:
        mask = (mask | 1) & _WEEK
    return mask


def _days(day: str, weekday: str, rule: DayRule) -> Days:
    items = _starred(day).split(",")
    nearest = [item for item in items if item.endswith("W") and item != "LW"]
    plain = [item for item in items if not item.endswith("W") and item != "L"]
    weekdays, nth, last_of = _weekdays(_starred(weekday))
    return Days(
        month_days=_union(_item(DAY, item) for item in plain),
        last="L" in items,
        last_weekday="LW" in items,
        nearest=_union(1 << _value(DAY, item, item[:-1]) for item in nearest),
        weekdays=weekdays,
        nth=nth,
        last_of=last_of,
        both=_joined_by_and(day, weekday, rule),
    )


def _weekdays(text: str) -> tuple[int, tuple[int, int, int, int, int], int]:
    plain, nth, last_of = 0, [0, 0, 0, 0, 0], 0
    for item in text.split(","):
        numbered = _NTH.fullmatch(item)
        if numbered:
            nth[int(numbered[2]) - 1] |= _one_weekday(item, numbered[1])
        elif item.endswith("L"):
            last_of |= _one_weekday(item, item[:-1])
        else:
            plain |= _item(WEEKDAY, item)
    return plain, (nth[0], nth[1], nth[2], nth[3], nth[4]), last_of


def _one_weekday(item: str, text: str) -> int:
    value = _value(WEEKDAY, item, text)
    return _bits(WEEKDAY, range(value, value + 1))


def _starred(text: str) -> str:
    return "*" if text == "?" else text


def _joined_by_and(day: str, weekday: str, rule: DayRule) -> bool:
    """Tell whether a day must match both day fields."""
    if rule == "and":
        return True
    if rule == "or":
        return not {day, weekday}.isdisjoint({"*", "?", "*/1"})
    return day.startswith(("*", "?")) or weekday.startswith(("*", "?"))
