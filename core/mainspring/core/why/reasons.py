"""Reasons, and the words that those of tasks and of schedules share."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from attrs import frozen

from mainspring.core.instants import format_duration

Stage: TypeAlias = Literal["rule", "occurrence", "policy", "gate", "outcome"]

_FINE: Final = timedelta(milliseconds=1)
_COARSE: Final = timedelta(seconds=1)
_MINUTE: Final = timedelta(minutes=1)


@frozen(kw_only=True)
class Reason:
    """A link of the chain: what held or happened at instant ``at`` (None: it holds at any), in plain English.

    ``fact`` is what it rests on, e.g. ``schedule.recurrence``, ``slot``, ``event 3: RetryScheduled``.
    """

    stage: Stage
    at: datetime | None
    text: str
    fact: str


def span(value: timedelta) -> str:
    """Write a duration as people say it: from a minute on without parts of a second."""
    unit = _COARSE if abs(value) >= _MINUTE else _FINE
    return format_duration(value // unit * unit)


def behind(delay: timedelta, what: str) -> str:
    """Say how long after ``what`` something was: ``5s after it was due``, ``the moment it was due``."""
    return f"{span(delay)} after {what}" if delay > timedelta(0) else f"the moment {what}"


def noted(note: str) -> str:
    """Add what somebody noted, if anything."""
    return f" ({note})" if note else ""
