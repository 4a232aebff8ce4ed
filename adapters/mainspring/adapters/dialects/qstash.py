"""Schedules of QStash, as its API gives them: ``GET /v2/schedules``.

Rules, from its documentation: ``cron`` has five fields, in UTC unless it begins with ``CRON_TZ=ZONE``. What happens to
times that the clocks skip or repeat, and how the two day fields are joined, is not documented.
"""

from __future__ import annotations

import re
from datetime import datetime

from mainspring.adapters.dialects.clocks import DebianClock
from mainspring.adapters.dialects.documents import Document, Unfit, document, entries, label, shown, text_of
from mainspring.adapters.dialects.fields import read_fields
from mainspring.adapters.dialects.imported import Carried, ImportedFile, ImportedSchedule, Refused
from mainspring.core.errors import InvalidRecurrence
from mainspring.core.recurrence import Cron, describe_dst, load_zone

_ZONE = re.compile(r"(?:CRON_TZ|TZ)=(?P<zone>\S+)\s+(?P<rule>.*)", re.ASCII | re.DOTALL)
_EXTENSION = "QStash does not document this form: what it does cannot be compared"
_DAYS = "QStash does not document how day of month and day of week are joined: crontab(5)'s rule is taken"
_SHIFT = "QStash does not document what it does when the clocks change; compared as if it did what is done here: {}"
_LATE = "a delay ({}) is added to each message: it is not part of the rule"


def read_qstash(value: object, now: datetime) -> ImportedFile:
    """Read a list of schedules; the next shift of a zone is looked for from ``now`` on."""
    found = tuple(_schedule(place, entry, now) for place, entry in enumerate(entries(value), 1))
    return ImportedFile(format="qstash", unit="entry", notes=(), schedules=found)


def _schedule(place: int, entry: object, now: datetime) -> ImportedSchedule:
    source = ""
    try:
        found = document(entry)
        source = text_of(found, "cron") or ""
        outcome: Carried | Refused = _outcome(found, source, now)
    except Unfit as unfit:
        outcome = unfit.refused
    except InvalidRecurrence as error:
        outcome = Refused(what=f"{error.field}: {error.what}", cure=error.cure)
    return ImportedSchedule(
        place=place, name=label(entry, "label", "destination", "scheduleId"), source=shown(source), outcome=outcome
    )


def _outcome(found: Document, source: str, now: datetime) -> Carried:
    if not source:
        raise Unfit("it has no cron", "give the schedule as the API lists it")
    zoned = _ZONE.fullmatch(source.strip())
    zone = load_zone(zoned["zone"]).key if zoned else "UTC"
    rule = zoned["rule"] if zoned else source
    recurrence = Cron.parse(rule, zone)
    notes = _notes(found)
    effect = describe_dst(recurrence, now)
    if effect is not None:
        notes = (_SHIFT.format(effect.text), *notes)
    fields = read_fields(rule)
    if fields is None:
        return Carried(recurrence=recurrence, clock=None, differs=(_EXTENSION, *notes))
    if fields.restricted_days:
        notes = (_DAYS, *notes)
    clock = DebianClock(times=fields.wall_times(), zone=zone, wildcard=fields.starred)
    return Carried(recurrence=recurrence, clock=clock, differs=notes)


def _notes(found: Document) -> tuple[str, ...]:
    notes: list[str] = []
    if found.get("isPaused") is True:
        notes.append("it is paused there: pause it here too")
    if found.get("delay"):
        notes.append(_LATE.format(shown(found["delay"])))
    return tuple(notes)
