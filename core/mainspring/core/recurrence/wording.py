"""Plain English for numbers, lists, days and times: the words that ``explain`` is made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Final

WEEKDAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
ORDINALS: Final = ("first", "second", "third", "fourth", "fifth")

_SECONDS: Final = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}


def joined(words: Sequence[str], last: str = "and") -> str:
    """Join words as in a sentence: ``a``, ``a and b``, ``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def members(mask: int) -> list[int]:
    """Give the set bits of a mask in ascending order."""
    return [bit for bit in range(mask.bit_length()) if mask >> bit & 1]


def stride(values: Sequence[int]) -> int:
    """Give the common distance of three values or more, 0 where they have none."""
    steps = {later - earlier for earlier, later in pairwise(values)}
    return steps.pop() if len(values) > 2 and len(steps) == 1 else 0


def named(values: Sequence[int], names: Sequence[str]) -> str:
    """Name values, as a stretch where three or more follow one another: ``Monday to Friday``."""
    words = [names[value] for value in values]
    return f"{words[0]} to {words[-1]}" if stride(values) == 1 else joined(words)


def duration(value: timedelta) -> str:
    """Write a duration in words: ``1 hour 30 minutes``; fractions of a second as a decimal."""
    seconds = value // timedelta(seconds=1)
    parts: list[str] = []
    for unit, size in _SECONDS.items():
        count, seconds = divmod(seconds, size)
        fraction = f".{value.microseconds:06}".rstrip("0") if unit == "second" and value.microseconds else ""
        if count or fraction:
            parts.append(f"{count}{fraction} {unit}{'' if count == 1 and not fraction else 's'}")
    return " ".join(parts)
