"""What a rule of days does in one year: a *plan* of civil moments, counted in seconds from the year's January 1.

A plan knows how many moments it has, how many come before a given one, and which is the first not before it: so a
look-up needs no walk. It hands them out in *blocks*: a base, and the part of a *run* of seconds that counts from it.
Runs are kept and used again, with the ``timedelta`` of each second, which makes iterating as cheap as one addition
for each instant.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Final

from mainspring.core.recurrence.rrule_parts import DAY_SECONDS

MAX_RUN: Final = 4_096  # moments in one run
_FEW_BITS: Final = 40
_FEW_TIMES: Final = 3  # so many times of day are listed for a whole year
_MONTH: Final = 28  # days in a row that are handed out in one block
_FEW_OF_DAY: Final = 48  # times of day for which that saves something


class Run:
    """Sorted seconds that a base is added to."""

    __slots__ = ("_deltas", "seconds")

    def __init__(self, seconds: tuple[int, ...] | range) -> None:
        self.seconds = seconds
        self._deltas: list[timedelta] | None = None

    @property
    def deltas(self) -> list[timedelta]:
        """The seconds as durations; made when first asked for."""
        if self._deltas is None:
            self._deltas = [timedelta(0, second) for second in self.seconds]
        return self._deltas


Block = tuple[int, Run, int, int]
"""A base, a run, and which places of the run count: from the first number to before the second."""


def block(base: int, run: Run, start: int, end: int) -> Block:
    """Give the block of a run's seconds, counted from ``base``, that lie from ``start`` to before ``end``."""
    seconds = run.seconds
    low = bisect_left(seconds, start - base)
    return base, run, low, bisect_left(seconds, end - base, low)


def moments_of(blocks: Iterable[Block]) -> Iterator[int]:
    """Give the moments of blocks one by one."""
    for base, run, low, high in blocks:
        for second in run.seconds[low:high]:
            yield base + second


class DayTimes:
    """Times of day as hours times what is within an hour: up to 86,400 without holding them all.

    They count seconds, or whatever there are ``width`` of in an hour.
    """

    __slots__ = ("_month", "_rest_set", "_width", "hours", "rests", "run")

    def __init__(self, hours: tuple[int, ...], rests: tuple[int, ...], width: int = 3600) -> None:
        self.hours, self.rests, self._width = hours, Run(rests), width
        self._rest_set = frozenset(rests)
        self.run = Run(tuple(self)) if len(self) <= MAX_RUN else None
        self._month: Run | None = None

    @property
    def month(self) -> Run:
        """The times of ``_MONTH`` days in a row, in seconds from the first midnight; made when first asked for."""
        if self._month is None:
            self._month = Run(tuple(day * DAY_SECONDS + time for day in range(_MONTH) for time in self))
        return self._month

    def __len__(self) -> int:
        return len(self.hours) * len(self.rests.seconds)

    def __getitem__(self, index: int) -> int:
        hour, rest = divmod(index, len(self.rests.seconds))
        return self.hours[hour] * self._width + self.rests.seconds[rest]

    def __iter__(self) -> Iterator[int]:
        return (hour * self._width + rest for hour in self.hours for rest in self.rests.seconds)

    def __contains__(self, time: int) -> bool:
        hour, rest = divmod(time, self._width)
        return rest in self._rest_set and hour in self.hours

    def meets(self, residue: int, step: int) -> bool:
        """Tell whether one of the times is congruent to ``residue`` modulo ``step``."""
        rests = {rest % step for rest in self.rests.seconds}
        return any((residue - hour * self._width) % step in rests for hour in self.hours)


def day_times(hours: tuple[int, ...], minutes: tuple[int, ...], seconds: tuple[int, ...]) -> DayTimes:
    """Give all times of day with one of the hours, minutes and seconds, sorted, in seconds from midnight."""
    return DayTimes(hours, tuple(minute * 60 + second for minute in minutes for second in seconds))


class Listing:
    """A plan that holds its moments one by one."""

    __slots__ = ("count", "run")

    def __init__(self, moments: tuple[int, ...]) -> None:
        self.run = Run(moments)
        self.count = len(moments)

    def first(self, moment: int) -> int | None:
        """Give the first moment that is not before ``moment``."""
        seconds = self.run.seconds
        place = bisect_left(seconds, moment)
        return seconds[place] if place < self.count else None

    def rank(self, moment: int) -> int:
        """Give the number of moments before ``moment``."""
        return bisect_left(self.run.seconds, moment)

    def blocks(self, base: int, start: int, end: int) -> Iterator[Block]:
        """Give the moments, moved by ``base``, that lie from ``start`` to before ``end``."""
        yield block(base, self.run, start, end)


class Product:
    """A plan of all the times of day on each of the days: for more moments than a listing should hold."""

    __slots__ = ("count", "days", "times")

    def __init__(self, days: tuple[int, ...], times: DayTimes) -> None:
        self.days, self.times = days, times
        self.count = len(days) * len(times)

    def first(self, moment: int) -> int | None:
        """Give the first moment that is not before ``moment``."""
        days, times = self.days, self.times
        day, time = divmod(moment, DAY_SECONDS)
        place = bisect_left(days, day)
        if place < len(days) and days[place] == day:
            index = bisect_left(times, time)
            if index < len(times):
                return day * DAY_SECONDS + times[index]
            place += 1
        return days[place] * DAY_SECONDS + times[0] if place < len(days) else None

    def rank(self, moment: int) -> int:
        """Give the number of moments before ``moment``."""
        day, time = divmod(moment, DAY_SECONDS)
        place = bisect_left(self.days, day)
        full = place * len(self.times)
        if place < len(self.days) and self.days[place] == day:
            return full + bisect_left(self.times, time)
        return full

    def _in_a_row(self, place: int) -> bool:
        last = place + _MONTH - 1
        return last < len(self.days) and self.days[last] - self.days[place] == _MONTH - 1

    def blocks(self, base: int, start: int, end: int) -> Iterator[Block]:
        """Give the moments, moved by ``base``, that lie from ``start`` to before ``end``: by month, day, or hour."""
        days, hours, rests, run = self.days, self.times.hours, self.times.rests, self.times.run
        month = self.times.month if run is not None and len(run.seconds) <= _FEW_OF_DAY else None
        place = bisect_left(days, (start - base) // DAY_SECONDS)
        while place < len(days):
            midnight = base + days[place] * DAY_SECONDS
            if midnight >= end:
                return
            if run is None:
                for hour in hours:
                    yield block(midnight + hour * 3600, rests, start, end)
            elif start > midnight or midnight + DAY_SECONDS > end:
                yield block(midnight, run, start, end)
            elif month is not None and self._in_a_row(place) and midnight + _MONTH * DAY_SECONDS <= end:
                yield midnight, month, 0, len(month.seconds)
                place += _MONTH
                continue
            else:
                yield midnight, run, 0, len(run.seconds)
            place += 1


Plan = Listing | Product


def plan_of(days: tuple[int, ...], times: DayTimes) -> Plan:
    """Give the plan of all the times of day on each of the days."""
    if len(times) > _FEW_TIMES:
        return Product(days, times)
    daily = tuple(times)
    return Listing(tuple(day * DAY_SECONDS + time for day in days for time in daily))


def pick(positions: tuple[int, ...], days: Sequence[int], times: DayTimes) -> list[int]:
    """Give the moments at the ``positions`` (BYSETPOS, 1 first, -1 last) of days times times, in order."""
    size, width = len(days) * len(times), len(times)
    places = {place - 1 if place > 0 else size + place for place in positions if abs(place) <= size}
    return [days[place // width] * DAY_SECONDS + times[place % width] for place in sorted(places)]


def bits(mask: int) -> tuple[int, ...]:
    """Give the numbers of the bits that are set, lowest first."""
    if mask.bit_count() > _FEW_BITS:
        return tuple(place for place, bit in enumerate(bin(mask)[:1:-1]) if bit == "1")
    found: list[int] = []
    while mask:
        found.append((mask & -mask).bit_length() - 1)
        mask &= mask - 1
    return tuple(found)
