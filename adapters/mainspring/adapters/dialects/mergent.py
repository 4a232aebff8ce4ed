"""Schedules of Mergent, as its API gave them: ``GET /v2/schedules``.

Rules, from its documentation:

* ``cron`` has five fields and is in UTC. ``rrule`` is written without its prefix, in UTC unless it says otherwise.
* ``dtstart`` absent: the schedule started when it was created, and ran at once.
* How day of month and day of week are joined is not documented; what its documentation links to is crontab(5).
"""

from __future__ import annotations

from mainspring.adapters.dialects.clocks import StandardClock, WallClock
from mainspring.adapters.dialects.documents import Document, Unfit, document, entries, label, moment_of, shown, text_of
from mainspring.adapters.dialects.fields import read_fields
from mainspring.adapters.dialects.imported import Carried, ImportedFile, ImportedSchedule, Refused
from mainspring.core.errors import InvalidRecurrence
from mainspring.core.recurrence import Cron, RRule

_PAUSED = "it is paused there: pause it here too"
_EXTENSION = "Mergent does not document this form: what it did cannot be compared"
_DAYS = "Mergent does not document how day of month and day of week are joined: crontab(5)'s rule is taken"
_AT_ONCE = "without dtstart Mergent started it when it was created ({}), and ran it at once: dtstart is set to that"
_NO_START = "neither dtstart nor created_at is given: its instants cannot be known"
_SERIAL = "a run began only when the one before had succeeded: overlap 'serial', the default here, does the same"


def read_mergent(value: object) -> ImportedFile:
    """Read a list of schedules."""
    found = tuple(_schedule(place, entry) for place, entry in enumerate(entries(value), 1))
    return ImportedFile(format="mergent", unit="entry", notes=(_SERIAL,), schedules=found)


def _schedule(place: int, entry: object) -> ImportedSchedule:
    source = ""
    try:
        found = document(entry)
        source = text_of(found, "cron", "rrule") or ""
        outcome: Carried | Refused = _outcome(found)
    except Unfit as unfit:
        outcome = unfit.refused
    except InvalidRecurrence as error:
        outcome = Refused(what=f"{error.field}: {error.what}", cure=error.cure)
    return ImportedSchedule(
        place=place, name=label(entry, "name", "description", "id"), source=shown(source), outcome=outcome
    )


def _outcome(found: Document) -> Carried:
    cron, rrule = text_of(found, "cron"), text_of(found, "rrule")
    if (cron is None) == (rrule is None):
        raise Unfit("it has both cron and rrule, or neither", "give exactly one of them")
    paused = (_PAUSED,) if found.get("paused") is True else ()
    if rrule is not None:
        return _rrule(found, rrule, paused)
    recurrence = Cron.parse(cron or "", "UTC")
    fields = read_fields(cron or "")
    if fields is None:
        return Carried(recurrence=recurrence, clock=None, differs=(_EXTENSION, *paused))
    days = (_DAYS,) if fields.restricted_days else ()
    return Carried(
        recurrence=recurrence, clock=WallClock(times=fields.wall_times(), zone="UTC"), differs=(*days, *paused)
    )


def _rrule(found: Document, rrule: str, paused: tuple[str, ...]) -> Carried:
    start, created = moment_of(found, "dtstart", "UTC"), moment_of(found, "created_at", "UTC")
    first = start or created
    notes = paused if start else (_AT_ONCE.format(shown(found.get("created_at"))), *paused)
    if first is None and "DTSTART" not in rrule.upper():
        raise Unfit(_NO_START, "add dtstart to the entry")
    recurrence = RRule.parse(rrule, "UTC", first)
    return Carried(recurrence=recurrence, clock=StandardClock(recurrence=recurrence), differs=notes)
