"""What a rule of days does in one year: a *plan* of civil moments, counted in seconds from the year's January 1.

A *product* is days times times-of-day, the case without BYSETPOS. A *listing* holds its moments one by one. Both know
how many they are, how many come before a moment, and which is the first not before it: so a look-up needs no walk.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final, Protocol, overload

from mainspring.core.recurrence.rrule_parts import DAY_SECONDS

_FLAT: Final = 4_096  # up to here the times of a day are kept as one tuple


class Plan(Protocol):
    """The moments of one year, in order, in seconds from its start."""

    count: int

    def first(self, moment: int) -> int | None:
        """Give the first moment that is not before ``moment``."""
        ...

    def rank(self, moment: int) -> int:
        """Give the number of moments before ``moment``."""
        ...

    def span(self, start: int, end: int) -> Iterator[int]:
        """Give the moments from ``start`` to before ``end``."""
        ...


class DayTimes(Sequence[int]):
    """Times of day as hours times (minutes and seconds): up to 86,400 without holding them all."""

    __slots__ = ("_hours", "_rests")

    def __init__(self, hours: tuple[int, ...], rests: tuple[int, ...]) -> None:
        self._hours, self._rests = hours, rests

    def __len__(self) -> int:
        return len(self._hours) * len(self._rests)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...
    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        hour, rest = divmod(index, len(self._rests))
        return self._hours[hour] * 3600 + self._rests[rest]

    def __iter__(self) -> Iterator[int]:
        return (hour * 3600 + rest for hour in self._hours for rest in self._rests)


def day_times(hours: tuple[int, ...], minutes: tuple[int, ...], seconds: tuple[int, ...]) -> Sequence[int]:
    """Give all times of day with one of the hours, minutes and seconds, sorted, in seconds from midnight."""
    rests = tuple(minute * 60 + second for minute in minutes for second in seconds)
    times = DayTimes(hours, rests)
    return tuple(times) if len(times) <= _FLAT else times


class Product:
    """All the times of day on each of the days."""

    __slots__ = ("count", "days", "times")

    def __init__(self, days: tuple[int, ...], times: Sequence[int]) -> None:
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

    def span(self, start: int, end: int) -> Iterator[int]:
        """Give the moments from ``start`` to before ``end``."""
        days, times = self.days, self.times
        for place in range(bisect_left(days, start // DAY_SECONDS), len(days)):
            base = days[place] * DAY_SECONDS
            if base >= end:
                return
            if start <= base and base + DAY_SECONDS <= end:
                for time in times:
                    yield base + time
            else:
                for index in range(bisect_left(times, start - base), bisect_left(times, end - base)):
                    yield base + times[index]


class Listing:
    """Moments one by one: what BYSETPOS leaves."""

    __slots__ = ("count", "moments")

    def __init__(self, moments: tuple[int, ...]) -> None:
        self.moments = moments
        self.count = len(moments)

    def first(self, moment: int) -> int | None:
        """Give the first moment that is not before ``moment``."""
        place = bisect_left(self.moments, moment)
        return self.moments[place] if place < self.count else None

    def rank(self, moment: int) -> int:
        """Give the number of moments before ``moment``."""
        return bisect_left(self.moments, moment)

    def span(self, start: int, end: int) -> Iterator[int]:
        """Give the moments from ``start`` to before ``end``."""
        moments = self.moments
        return iter(moments[bisect_left(moments, start) : bisect_left(moments, end)])


def pick(positions: tuple[int, ...], days: Sequence[int], times: Sequence[int]) -> list[int]:
    """Give the moments at the ``positions`` (BYSETPOS, 1 first, -1 last) of days times times, in order."""
    size, width = len(days) * len(times), len(times)
    places = {place - 1 if place > 0 else size + place for place in positions if abs(place) <= size}
    return [days[place // width] * DAY_SECONDS + times[place % width] for place in sorted(places)]


def bits(mask: int) -> tuple[int, ...]:
    """Give the numbers of the bits that are set, lowest first."""
    return tuple(place for place, bit in enumerate(bin(mask)[:1:-1]) if bit == "1")
