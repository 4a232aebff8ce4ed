"""When APScheduler 3 fires a ``CronTrigger``.

Not documented for shifts; read in the source of 3.11 and held to it by a test. From field to field it either *sets* the
wall clock to the next value, and a time in a gap then takes the offset before the gap; or, where a field has no further
value, it *adds* the time up to the next value of the field above, as elapsed time, and so passes over a gap or into the
second pass of a fold. So ``hour=2, minute=30`` fires at 03:30 after a gap, ``hour='*', minute=30`` does not, and both
fire in both passes of a fold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from attrs import Factory, field, frozen

from mainspring.adapters.dialects.aps_fields import CronTrigger
from mainspring.core.recurrence import load_zone

_LEVELS: Final = ("year", "month", "day", "hour", "minute", "second")
_LOWEST: Final[Mapping[str, int]] = {"year": 1, "month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0}
_SECOND: Final = timedelta(seconds=1)
_MAX_MOVES: Final = 10_000


def _load(clock: ApsClock) -> ZoneInfo:
    return load_zone(clock.zone)


@frozen(kw_only=True)
class ApsClock:
    """The instants of a trigger in a zone."""

    trigger: CronTrigger
    zone: str
    _zone: ZoneInfo = field(init=False, default=Factory(_load, takes_self=True))

    def fires(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Give the instants with ``start < instant <= end``."""
        instant = start
        while True:
            found = self._first_from((instant.replace(microsecond=0) + _SECOND).astimezone(self._zone), end)
            if found is None or found > end:
                return
            yield found
            instant = found

    def _first_from(self, at: datetime, end: datetime) -> datetime | None:
        """Move on until every field matches; ``at`` is local, and may be a time that does not exist."""
        for _ in range(_MAX_MOVES):
            moved = self._move(at)
            if moved is None:
                return at.astimezone(UTC)
            if moved.astimezone(UTC) > end:
                return None
            at = moved
        return None

    def _move(self, at: datetime) -> datetime | None:
        """Mend the highest field that does not match; None when all do."""
        values = self.trigger.values
        if at.month not in values["month"]:
            return self._mend(at, "month", _least(values["month"], at.month))
        day = self.trigger.day.first_from(at.year, at.month, at.day)
        if day != at.day:
            return self._mend(at, "day", day)
        if at.weekday() not in values["day_of_week"] or at.isocalendar().week not in values["week"]:
            return self._add(at, "day")
        for level in ("hour", "minute", "second"):
            now: int = getattr(at, level)
            if now not in values[level]:
                return self._mend(at, level, _least(values[level], now))
        return None

    def _mend(self, at: datetime, level: str, value: int | None) -> datetime:
        return self._add(at, _LEVELS[_LEVELS.index(level) - 1]) if value is None else self._set(at, level, value)

    def _set(self, at: datetime, level: str, value: int) -> datetime:
        return _floor(at, level).replace(**{level: value}, tzinfo=self._zone, fold=at.fold)

    def _add(self, at: datetime, level: str) -> datetime:
        """Go to the next value of a field, or of the field above it, in elapsed time."""
        wall = at.replace(tzinfo=None, fold=0)
        elapsed = _following(wall, level) - wall
        return (at.astimezone(UTC) + elapsed).astimezone(self._zone)


def _floor(wall: datetime, level: str) -> datetime:
    """Set all fields below ``level`` to their lowest values."""
    below = _LEVELS[_LEVELS.index(level) + 1 :]
    return wall.replace(tzinfo=None, microsecond=0, **{name: _LOWEST[name] for name in below})


def _following(wall: datetime, level: str) -> datetime:
    start = _floor(wall, level)
    if level == "year":
        return start.replace(year=start.year + 1)
    if level == "month":
        return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    return start + timedelta(**{f"{level}s": 1})


def _least(values: frozenset[int], above: int) -> int | None:
    return min((value for value in values if value > above), default=None)
