"""What a schedule of another system becomes: the common value of all readers.

Rules:

* A reader gives one ``ImportedSchedule`` for each schedule of the file, in the file's order; nothing is left out.
* Its outcome is ``Carried`` (a recurrence of ours, with what differs), ``Once`` (a single instant: a task, not a
  schedule) or ``Refused`` (why, and the cure). A file that cannot be read at all is an ``InvalidInput``.
* ``Carried.clock`` says when the schedule fired where it comes from. It shares no code with our own expansion, so that
  a comparison of the two means something. None: what it did cannot be known; a note says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from attrs import frozen

from mainspring.core.recurrence import Recurrence


class Clock(Protocol):
    """When a schedule fires by the rules of the system that it comes from."""

    def fires(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Give the instants (UTC, strictly increasing) with ``start < instant <= end``."""
        ...


@frozen(kw_only=True)
class Carried:
    """A schedule that can be kept: ``recurrence`` within ``start`` (inclusive) and ``end`` (inclusive).

    ``differs`` says, in sentences, what is written or meant differently here.
    """

    recurrence: Recurrence
    clock: Clock | None
    differs: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None


@frozen(kw_only=True)
class Once:
    """Something that happens at one instant."""

    at: datetime
    differs: tuple[str, ...] = ()


@frozen(kw_only=True)
class Refused:
    """A schedule that cannot be kept: what is in the way, and what to do about it."""

    what: str
    cure: str


@frozen(kw_only=True)
class ImportedSchedule:
    """One schedule of a file.

    ``place`` counts from 1: lines of a text, entries of a document. ``name`` is what the other system calls it (for a
    crontab the command), ``source`` the rule as it is written there.
    """

    place: int
    name: str
    source: str
    outcome: Carried | Once | Refused


@frozen(kw_only=True)
class ImportedFile:
    """A file that was read: its format, what holds for the whole of it, and its schedules."""

    format: str
    unit: str
    notes: tuple[str, ...]
    schedules: tuple[ImportedSchedule, ...]
