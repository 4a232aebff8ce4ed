"""When other schedulers fire: a small evaluator for each rule of theirs about shifts.

Each is written from what the system documents or, where it documents nothing, from what was read in its source and
measured; its docstring says which.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import frozen

from mainspring.adapters.dialects.wall_times import Stretch, WallTimes, stretches, within
from mainspring.core.recurrence import RRule, Shift, load_zone, utc_to_civil

_THREE_HOURS: Final = timedelta(hours=3)
_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)


@frozen(kw_only=True)
class DebianClock:
    """Debian's cron, and cronie without CRON_TZ: cron(8), "Notes", and the main loop that both share.

    A job with ``*`` in its minute or hour runs whenever the wall clock matches. Any other runs right after a gap that
    it fell into, and is not repeated in a fold. Three hours and more are no daylight saving (three are, backwards).
    """

    times: WallTimes
    zone: str
    wildcard: bool

    def fires(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Give the instants with ``start < instant <= end``."""
        return within(self._fires(start, end), start, end)

    def _fires(self, start: datetime, end: datetime) -> Iterator[datetime]:
        for stretch in stretches(self.zone, start, end):
            shift = stretch.shift
            if shift is None or self.wildcard:
                yield from stretch.instants(self.times)
            elif shift.is_gap:
                yield from self._after_gap(stretch, shift)
            elif shift.length <= _THREE_HOURS:
                yield from stretch.instants_from(self.times, shift.civil_end)
            else:
                yield from stretch.instants(self.times)

    def _after_gap(self, stretch: Stretch, shift: Shift) -> Iterator[datetime]:
        missed = shift.length < _THREE_HOURS and any(
            True for _ in self.times.between(shift.civil_start, shift.civil_end)
        )
        if missed:
            yield shift.at
        for instant in stretch.instants(self.times):
            if not (missed and instant == shift.at):
                yield instant


@frozen(kw_only=True)
class WallClock:
    """Whatever the wall clock shows: nothing in a gap, twice in a fold.

    cronie does this with CRON_TZ: "There will be jobs missed or run twice during the DST change in the job timezone"
    (a comment in its cron.c). It is also all there is to say of a zone without shifts, such as UTC.
    """

    times: WallTimes
    zone: str

    def fires(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Give the instants with ``start < instant <= end``."""
        found = (instant for stretch in stretches(self.zone, start, end) for instant in stretch.instants(self.times))
        return within(found, start, end)


@frozen(kw_only=True)
class CeleryClock:
    """Celery beat: from the last run on, the next match *on the wall clock*, taken with the offset before a shift.

    Not documented; read in ``celery.schedules`` and measured with 5.7. A time in a gap runs an hour late, further ones
    in the same gap are lost; a fold runs in its first pass only, also for ``minute='*/15'``, whose runs pause there for
    the whole hour.
    """

    times: WallTimes
    zone: str

    def fires(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Give the instants with ``start < instant <= end``."""
        zone = load_zone(self.zone)
        wall = utc_to_civil(start, zone).replace(fold=0)
        for civil in self.times.between(wall, utc_to_civil(end, zone).replace(fold=0) + _DAY):
            if civil <= wall:
                continue
            instant = civil.replace(tzinfo=zone).astimezone(UTC)
            if instant > end:
                return
            if instant > start:
                wall = utc_to_civil(instant, zone).replace(fold=0)
                yield instant


@frozen(kw_only=True)
class ElapsedClock:
    """Every so much elapsed time from an instant on: what all systems mean by an interval."""

    every: timedelta
    anchor: datetime

    def fires(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Give the instants with ``start < instant <= end``."""
        instant = self.anchor
        if instant <= start:
            instant += (start - instant) // self.every * self.every
        while instant <= end:
            if instant > start:
                yield instant
            instant += self.every


@frozen(kw_only=True)
class StandardClock:
    """A rule that both sides take from RFC 5545: nothing is left to compare but our own reading of it."""

    recurrence: RRule

    def fires(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Give the instants with ``start < instant <= end``."""
        return self.recurrence.between(start, end)
