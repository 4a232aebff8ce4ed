"""APScheduler 3's triggers, as JSON.

Rules:

* What is read: a list of jobs, an object ``{"jobs": [...]}``, or an object of job ids. A job's ``trigger`` is what
  Python prints for it (``str`` or ``repr``), an object of its fields, or its kind with the fields beside it (as the
  API of Flask-APScheduler lists jobs).
* ``scheduler.export_jobs`` writes pickles, which are programs: they are not opened.
* A trigger without a zone of its own runs in the scheduler's, the machine's unless set.
* ``jitter`` delays each run by a random part of it. It is not part of the rule.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, cast

from mainspring.adapters.dialects.aps_clock import ApsClock
from mainspring.adapters.dialects.aps_cron import to_recurrence
from mainspring.adapters.dialects.aps_fields import NAMES, CronTrigger, read_trigger
from mainspring.adapters.dialects.aps_text import read_printed
from mainspring.adapters.dialects.clocks import ElapsedClock
from mainspring.adapters.dialects.documents import (
    Document,
    Unfit,
    document,
    entries,
    is_document,
    label,
    moment_of,
    number_of,
    shown,
    text_of,
)
from mainspring.adapters.dialects.imported import Carried, ImportedFile, ImportedSchedule, Once, Refused
from mainspring.core.errors import InvalidInput
from mainspring.core.recurrence import Cron, Interval, load_zone

_UNITS: Final = ("weeks", "days", "hours", "minutes", "seconds")
_NUMBERED: Final = "day_of_week={given!r} counts from 0, Monday: here that is {ours} (in cron 0 is Sunday)"
_ALL: Final = "all fields must match, day and day_of_week too: kept by days={days!r}"
_JITTER: Final = "each run was delayed at random by up to {jitter} s: set the schedule's jitter"
_PAUSED: Final = "it is paused there (it has no next run): pause it here too"
_COUNTED: Final = "without start_date it counted from when it was added: here from when it is added again"
_PICKLED: Final = Unfit(
    "export_jobs writes Python pickles, which mainspring does not open",
    "dump [{'id': job.id, 'trigger': repr(job.trigger)} for job in scheduler.get_jobs()] instead",
)
_MAX_SECONDS: Final = 3_155_760_000


def read_apscheduler(value: object, zone: str, now: datetime) -> ImportedFile:
    """Read jobs; ``zone`` is the scheduler's, ``now`` anchors intervals and RRULEs without a start."""
    found = tuple(_schedule(place, entry, zone, now) for place, entry in enumerate(_jobs(value), 1))
    notes = (f"triggers without a zone of their own ran in {zone}: name the scheduler's with --tz",)
    return ImportedFile(format="apscheduler", unit="entry", notes=notes, schedules=found)


def _jobs(value: object) -> list[object]:
    if not is_document(value):
        return entries(value)
    outer = cast("dict[str, object]", value)
    if "jobs" in outer:
        return entries(outer["jobs"])
    if "trigger" in outer:
        return [outer]
    return entries([{"id": name, "trigger": trigger} for name, trigger in outer.items()])


def _schedule(place: int, entry: object, zone: str, now: datetime) -> ImportedSchedule:
    source = ""
    try:
        job = document(entry)
        source = shown(job.get("trigger", ""))
        fields = _fields(job)
        outcome = _outcome(job, fields, zone, now)
    except Unfit as unfit:
        outcome = unfit.refused
    except InvalidInput as error:
        outcome = Refused(what=f"{error.field}: {error.what}", cure=error.cure)
    return ImportedSchedule(place=place, name=label(entry, "name", "id"), source=source, outcome=outcome)


def _fields(job: Document) -> Document:
    """Give the trigger's fields, its kind among them as ``trigger``."""
    if "__apscheduler_state__" in job or "__apscheduler_class__" in job:
        raise _PICKLED
    trigger = job.get("trigger")
    if isinstance(trigger, str):
        return job if trigger in ("cron", "interval", "date") else read_printed(trigger)
    found = document(trigger, "trigger")
    if "__apscheduler_class__" in found:
        raise _PICKLED
    named = text_of(found, "type", "kind", "trigger") or ""
    kinds = {"cron": NAMES, "interval": _UNITS, "date": ("run_date",)}
    kind = next((name for name, fields in kinds.items() if any(field in found for field in fields)), "")
    return {**found, "trigger": named.lower().removesuffix("trigger") or kind}


def _outcome(job: Document, fields: Document, zone: str, now: datetime) -> Carried | Once | Refused:
    zone = load_zone(text_of(fields, "timezone") or zone).key
    differs: list[str] = []
    jitter = number_of(fields, "jitter")
    if jitter:
        differs.append(_JITTER.format(jitter=f"{jitter:g}"))
    if "next_run_time" in job and job["next_run_time"] is None:
        differs.append(_PAUSED)
    match fields.get("trigger"):
        case "cron":
            return _cron(fields, zone, now, differs)
        case "interval":
            return _interval(fields, zone, now, differs)
        case "date":
            at = moment_of(fields, "run_date", zone)
            if at is None:
                raise Unfit("a date trigger has no run_date", "dump it with its run_date")
            return Once(at=at, differs=tuple(differs))
        case other:
            what = f"a trigger of the kind {shown(other)!r} cannot be said in one rule"
            return Refused(what=what, cure="dump each cron, interval or date trigger in it by itself")


def _cron(fields: Document, zone: str, now: datetime, differs: list[str]) -> Carried | Refused:
    given = {name: str(fields[name]) for name in NAMES if fields.get(name) is not None}
    if not given:
        raise Unfit("a cron trigger has none of its fields", f"dump it with {', '.join(NAMES)}")
    trigger = read_trigger(given)
    recurrence = to_recurrence(trigger, zone, now)
    if isinstance(recurrence, Refused):
        return recurrence
    return Carried(
        recurrence=recurrence,
        clock=ApsClock(trigger=trigger, zone=zone),
        differs=(*(_cron_differs(trigger, recurrence) if isinstance(recurrence, Cron) else ()), *differs),
        start=moment_of(fields, "start_date", zone),
        end=moment_of(fields, "end_date", zone),
    )


def _cron_differs(trigger: CronTrigger, cron: Cron) -> tuple[str, ...]:
    found: list[str] = []
    weekday = trigger.texts["day_of_week"]
    if any(character.isdigit() for character in weekday):
        found.append(_NUMBERED.format(given=weekday, ours=cron.text.split()[-1]))
    if cron.days == "and":
        found.append(_ALL.format(days=cron.days))
    return tuple(found)


def _interval(fields: Document, zone: str, now: datetime, differs: list[str]) -> Carried:
    seconds = sum(timedelta(**{unit: 1}).total_seconds() * (number_of(fields, unit) or 0) for unit in _UNITS)
    if not 0 < seconds <= _MAX_SECONDS:
        raise Unfit("the interval is not from 1 second to 100 years", f"dump it with {', '.join(_UNITS)}")
    start = moment_of(fields, "start_date", zone)
    anchor, every = start or now, timedelta(seconds=seconds)
    return Carried(
        recurrence=Interval(every=every, anchor=anchor),
        clock=ElapsedClock(every=every, anchor=anchor),
        differs=(*(() if start else (_COUNTED,)), *differs),
        end=moment_of(fields, "end_date", zone),
    )
