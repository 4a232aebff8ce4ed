"""Reading a file's schedules in tests, and what is asked of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from mainspring.adapters.dialects import Carried, Comparison, ImportedFile, Refused, compare, read_file

START = datetime(2027, 1, 1, tzinfo=UTC)


def read(content: object, zone: str = "Europe/Berlin", format: str | None = None) -> ImportedFile:
    """Read a text, or anything else as JSON."""
    text = content if isinstance(content, str) else json.dumps(content)
    return read_file(text.encode(), zone, START, format=format)


def carried(content: object, zone: str = "Europe/Berlin", place: int = 0) -> Carried:
    """The schedule at a place, which can be carried over."""
    outcome = read(content, zone).schedules[place].outcome
    assert isinstance(outcome, Carried), outcome
    return outcome


def refused(content: object, place: int = 0) -> str:
    """Why the schedule at a place cannot be carried over, and the cure."""
    outcome = read(content).schedules[place].outcome
    assert isinstance(outcome, Refused), outcome
    assert outcome.cure
    return f"{outcome.what}; {outcome.cure}"


def compared(content: object, zone: str = "Europe/Berlin", place: int = 0) -> Comparison:
    """What changes in the year 2027."""
    found = carried(content, zone, place)
    assert found.clock is not None
    return compare(found, found.clock, START)


def stamps(instants: tuple[datetime, ...]) -> list[str]:
    """Instants, to the minute."""
    return [f"{instant:%m-%d %H:%M}" for instant in instants]
