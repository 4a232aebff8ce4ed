"""Intervals: every so much elapsed time, counted from an anchor.

Rules:

* The instants are ``anchor + k * every`` for k = 0, 1, 2, …; the anchor is the first, nothing comes before it.
* Time is elapsed time: an hour is an hour, also over a shift of the zone. Nothing drifts, whenever one looks.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from attrs import field, frozen

from mainspring.core.errors import InvalidRecurrence
from mainspring.core.instants import MAX_DURATION, format_duration
from mainspring.core.recurrence.dst import utc_instant


def _anchor(value: datetime) -> datetime:
    return utc_instant("anchor", value)


def _every(value: timedelta) -> timedelta:
    if not isinstance(value, timedelta):  # pyright: ignore[reportUnnecessaryIsInstance] -- callers pass what users sent
        raise InvalidRecurrence("every", f"{type(value).__name__} is not a duration", "use a timedelta")
    if value <= timedelta(0):
        raise InvalidRecurrence("every", f"{format_duration(value)} is not positive", "use more than zero")
    if value > MAX_DURATION:
        raise InvalidRecurrence("every", f"{format_duration(value)} is more than 100 years", "use a shorter one")
    return value


@frozen(kw_only=True)
class Interval:
    """Every ``every`` (elapsed time) from ``anchor`` (aware; the first instant).

    Raises ``InvalidRecurrence`` unless ``every`` is positive and at most 100 years.
    """

    every: timedelta = field(converter=_every)
    anchor: datetime = field(converter=_anchor)

    def next_after(self, after: datetime) -> datetime | None:
        """Give the first instant (UTC) strictly after ``after`` (aware), or None past the year 9999."""
        if after.tzinfo is not UTC:
            after = utc_instant("after", after)
        anchor = self.anchor
        if after < anchor:
            return anchor
        try:
            return after + (self.every - (after - anchor) % self.every)
        except OverflowError:
            return None

    def to_text(self) -> str:
        """Write ``every 10m``; ``parse_recurrence`` with the anchor as ``dtstart`` reads it back."""
        return f"every {format_duration(self.every)}"

    __str__ = to_text
