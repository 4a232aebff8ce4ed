"""Wall-clock times, and the stretches of a zone between two shifts: what the clocks of all dialects are made of.

Days are tried one by one. That is slow and obviously right, and shares nothing with our own expansion by masks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta

from attrs import frozen

from mainspring.core.recurrence import Shift, load_zone, next_shift, utc_to_civil

_DAY = timedelta(days=1)
_AHEAD = timedelta(days=2)


@frozen(kw_only=True)
class WallTimes:
    """The civil times of a rule: every hour, minute and second of each day that ``day_matches``; sorted, none empty."""

    day_matches: Callable[[date], bool]
    hours: tuple[int, ...]
    minutes: tuple[int, ...]
    seconds: tuple[int, ...] = (0,)

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Give the civil times (naive, in order) with ``start <= time < end``."""
        day = start.date()
        while day <= end.date():
            if self.day_matches(day):
                for moment in self._moments():
                    civil = datetime.combine(day, moment)
                    if start <= civil < end:
                        yield civil
            day += _DAY

    def _moments(self) -> Iterator[time]:
        for hour in self.hours:
            for minute in self.minutes:
                for second in self.seconds:
                    yield time(hour, minute, second)


@frozen
class Stretch:
    """A stretch of time with one offset, from ``start`` to ``end``; ``shift`` is what it begins with, if anything."""

    start: datetime
    end: datetime
    offset: timedelta
    shift: Shift | None

    def instants(self, times: WallTimes) -> Iterator[datetime]:
        """Give the instants at which the wall clock shows one of ``times``."""
        return self.instants_from(times, self.start.replace(tzinfo=None) + self.offset)

    def instants_from(self, times: WallTimes, civil: datetime) -> Iterator[datetime]:
        """Give those at or after the civil time ``civil``."""
        last = self.end.replace(tzinfo=None) + self.offset
        for found in times.between(civil, last):
            yield (found - self.offset).replace(tzinfo=UTC)


def stretches(zone_name: str, start: datetime, end: datetime) -> Iterator[Stretch]:
    """Give the stretches of a zone that cover ``start`` to ``end``; the first begins two days early."""
    zone = load_zone(zone_name)
    begin, last = start - _AHEAD, end + timedelta(seconds=1)
    shift: Shift | None = None
    while True:
        following = next_shift(zone, begin, last)
        offset = utc_to_civil(begin, zone) - begin.replace(tzinfo=None)
        yield Stretch(begin, last if following is None else following.at, offset, shift)
        if following is None:
            return
        begin, shift = following.at, following


def within(instants: Iterator[datetime], start: datetime, end: datetime) -> Iterator[datetime]:
    """Keep the instants with ``start < instant <= end``."""
    return (instant for instant in instants if start < instant <= end)
