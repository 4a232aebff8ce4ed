"""Calm: stretches of time in which a zone keeps one offset, found without asking for every instant.

Turning an instant into local time costs as much as finding the next match of a cron. Nearly always the answer is the
offset it was a moment ago. Rules that make it safe to say so:

* No offset is as much as 16 hours from UTC, and no shift leaves out or repeats more than a day (``REACH``). So
  whatever a shift does to a time, it happens within ``MARGIN`` = 16 h + 24 h, rounded up, of that time's own digits,
  read as local time.
* Two shifts are never as close as ``2 * MARGIN`` (three and a half days; tzdata has four, Freetown 1939). So when the
  offsets ``MARGIN`` before and ``MARGIN`` after a time are equal, no shift lies between and that is its offset.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from attrs import define, field

from mainspring.core.recurrence.dst import FIRST_INSTANT, LAST_INSTANT, load_zone

REACH: Final = timedelta(days=1)
MARGIN: Final = timedelta(hours=42)

_NEAR: Final = timedelta(days=3)
_STEP: Final = timedelta(days=2)
_STEPS: Final = 16
_EARLIEST: Final = FIRST_INSTANT + MARGIN
_LATEST: Final = LAST_INSTANT - MARGIN - _STEPS * _STEP
_NOTHING: Final = (LAST_INSTANT, FIRST_INSTANT, timedelta(0))


def calm_offset(zone: tzinfo, time: datetime) -> timedelta | None:
    """Give the offset at ``time`` (in UTC: an instant, or a civil time so marked) if no shift is near, else None."""
    if not _EARLIEST < time < _LATEST:
        return None
    offset = zone.utcoffset(time - MARGIN)
    return offset if offset == zone.utcoffset(time + MARGIN) else None


@define
class Calm:
    """A zone, and the stretch of calm around the last look-ups: (start, end, offset), in UTC.

    It is a memo: it changes how long an answer takes, never the answer. The stretch is replaced as a whole, so that
    threads may share it.
    """

    zone: ZoneInfo
    stretch: tuple[datetime, datetime, timedelta] = _NOTHING
    missed: datetime = field(default=FIRST_INSTANT)

    def learn(self, after: datetime) -> None:
        """Note a look-up outside the stretch; when two come within days of each other, find a stretch there."""
        near = abs(after - self.missed) < _NEAR
        self.missed = after
        offset = calm_offset(self.zone, after) if near else None
        if offset is not None:
            self.stretch = (after, self._end(after, offset), offset)

    def _end(self, after: datetime, offset: timedelta) -> datetime:
        probe = after + MARGIN
        for _ in range(_STEPS):
            if self.zone.utcoffset(probe + _STEP) != offset:
                break
            probe += _STEP
        return probe - MARGIN


@lru_cache(maxsize=1024)
def calm_of(name: str) -> Calm:
    """Give the one ``Calm`` of a zone."""
    return Calm(load_zone(name))
