"""A clock that stands still until it is moved: the one clock of a test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final

from mainspring.core.errors import InvalidInput
from mainspring.core.instants import format_duration, format_instant, require_utc

START: Final = datetime(2030, 1, 1, tzinfo=UTC)
"""When a test begins, unless it is told otherwise: the same in every run."""


class ManualClock:
    """Calling it gives the instant now. Safe in several threads."""

    def __init__(self, start: datetime = START) -> None:
        self._start: Final = require_utc("start", start)
        self._now = self._start
        self._lock = Lock()

    def __call__(self) -> datetime:
        """Give the instant now, in UTC."""
        return self._now

    def move(self, by: timedelta) -> None:
        """Let time pass, or (a negative duration) set the clock back, as a storage's clock may be."""
        with self._lock:
            try:
                self._now += by
            except OverflowError:
                raise InvalidInput("clock", "it would pass the year 9999", "move it by less") from None

    def move_to(self, instant: datetime) -> None:
        """Let time pass until ``instant``; ``InvalidInput`` if that is over already."""
        to = require_utc("instant", instant)
        with self._lock:
            if to < self._now:
                ago = format_duration(self._now - to)
                what = f"{format_instant(to)} is over since {ago}: it is {format_instant(self._now)} now"
                raise InvalidInput("instant", what, "time goes on, never back: choose a later one")
            self._now = to

    @property
    def ticks(self) -> float:
        """The seconds since the start: what a monotonic clock shows."""
        return (self._now - self._start).total_seconds()
