"""Celery's beat schedules, as JSON.

Rules:

* What is read: the ``beat_schedule`` setting (an object of entries, also below ``beat_schedule``, with ``timezone``
  beside it), a list of such entries, or what ``manage.py dumpdata django_celery_beat`` writes.
* An entry's ``schedule`` is a number of seconds, an object of crontab fields, ``{"every": 10, "period": "minutes"}``,
  a timedelta's ``{"days": …, "seconds": …}``, or the text that Celery prints: ``<crontab: …>``, ``<freq: …>``. The
  letters in a crontab's text say the order of its fields; it has changed between versions.
* The zone is ``timezone``, UTC unless it is set (Celery's documentation, ``timezone`` and ``enable_utc``).
* ``solar`` events follow the sun, ``clocked`` ones happen once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, cast

from mainspring.adapters.dialects.celery_cron import FIELDS, read_crontab_fields
from mainspring.adapters.dialects.celery_django import django_entries, is_dump
from mainspring.adapters.dialects.clocks import CeleryClock, ElapsedClock
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
)
from mainspring.adapters.dialects.imported import Carried, ImportedFile, ImportedSchedule, Once, Refused
from mainspring.core.errors import InvalidInput, InvalidRecurrence
from mainspring.core.recurrence import Interval, load_zone

_PRINTED: Final = re.compile(r"<crontab: (?P<fields>.+) \((?P<order>[A-Za-z/]+)\)>", re.ASCII)
_FREQUENCY: Final = re.compile(r"<freq: (?P<count>[0-9.]+) (?P<unit>day|hour|minute|second)s?>", re.ASCII)
_LETTERS: Final = {"m": "minute", "h": "hour", "dM": "day_of_month", "MY": "month_of_year", "d": "day_of_week"}
_SPANS: Final = ("weeks", "days", "hours", "minutes", "seconds", "microseconds")
_DAYS: Final = "a day must match day_of_month and day_of_week, both: kept by days='and'"
_START: Final = "beat counts from its own start, or from the last run, and drifts with it: here it counts from {}"
_PAUSED: Final = "it is disabled there: pause it here too"
_MAX_SECONDS: Final = 3_155_760_000


def read_celery(value: object, zone: str, now: datetime) -> ImportedFile:
    """Read beat's entries; ``zone`` is Celery's ``timezone`` where the file has none, ``now`` anchors intervals."""
    if is_document(value):
        outer = document(value)
        stated = outer.get("timezone") or outer.get("CELERY_TIMEZONE")
        if isinstance(stated, str):
            zone = _zone(stated)
        value = outer.get("beat_schedule", outer.get("CELERY_BEAT_SCHEDULE", value))
    named = list(_named(value))
    found = tuple(_schedule(place, name, entry, zone, now) for place, (name, entry) in enumerate(named, 1))
    notes = (f"entries without a zone of their own ran in {zone}: Celery's timezone setting, UTC unless set",)
    return ImportedFile(format="celery", unit="entry", notes=notes, schedules=found)


def _zone(name: str) -> str:
    try:
        return load_zone(name).key
    except InvalidRecurrence as error:
        raise InvalidInput("file", f"timezone: {error.what}", error.cure) from None


def _named(value: object) -> Iterator[tuple[str, object]]:
    if is_document(value):
        pairs = cast("dict[str, object]", value)
        entries(list(pairs))
        return iter([(name, entry) for name, entry in pairs.items() if name not in ("timezone", "CELERY_TIMEZONE")])
    listed = entries(value)
    if is_dump(listed):
        return django_entries(listed)
    return iter([(label(entry, "name", "key", "task"), entry) for entry in listed])


def _schedule(place: int, name: str, entry: object, zone: str, now: datetime) -> ImportedSchedule:
    source: object = ""
    try:
        found = document(entry)
        source = found.get("schedule", entry)
        outcome = _outcome(found, found.get("schedule", found.get("run_every", found)), zone, now)
    except Unfit as unfit:
        outcome = unfit.refused
    except InvalidRecurrence as error:
        outcome = Refused(what=f"{error.field}: {error.what}", cure=error.cure)
    return ImportedSchedule(place=place, name=shown(name), source=shown(source), outcome=outcome)


def _outcome(entry: Document, rule: object, zone: str, now: datetime) -> Carried | Once | Refused:
    paused = (_PAUSED,) if entry.get("enabled") is False else ()
    if isinstance(rule, str):
        rule = _printed(rule)
    if isinstance(rule, int | float) and not isinstance(rule, bool):
        rule = {"seconds": rule}
    found = document(rule, "schedule")
    found = document(found.get("crontab", found), "schedule")
    own = found.get("timezone")
    zone = load_zone(own).key if isinstance(own, str) else zone
    if "event" in found or "solar" in found:
        cure = "let a task look up the next event and schedule itself with delay or scheduled_for"
        return Refused(what="a solar event follows the sun: no rule gives its times", cure=cure)
    clocked = moment_of(found, "clocked_time", zone)
    if clocked is not None:
        return Once(at=clocked, differs=paused)
    if any(name in found for name in FIELDS):
        recurrence, times = read_crontab_fields(found, zone)
        differs = (*((_DAYS,) if recurrence.days == "and" else ()), *paused)
        return Carried(recurrence=recurrence, clock=CeleryClock(times=times, zone=zone), differs=differs)
    return _interval(entry, found, zone, now, paused)


def _printed(text: str) -> object:
    """Read what Celery prints for a schedule."""
    crontab, frequency = _PRINTED.fullmatch(text.strip()), _FREQUENCY.fullmatch(text.strip())
    if crontab:
        order, fields = crontab["order"].split("/"), crontab["fields"].split()
        if len(fields) == 5 and sorted(order) == sorted(_LETTERS):
            return {_LETTERS[letter]: field for letter, field in zip(order, fields, strict=True)}
    if frequency:
        return {f"{frequency['unit']}s": float(frequency["count"])} if frequency["count"].count(".") < 2 else {}
    if text.startswith("<solar:"):
        return {"event": text}
    what = f"{shown(text)!r} is not what Celery prints for a crontab or an interval"
    raise Unfit(what, "dump the schedule's fields as an object")


def _interval(entry: Document, found: Document, zone: str, now: datetime, paused: tuple[str, ...]) -> Carried:
    every, period = number_of(found, "every"), found.get("period")
    if every is not None and period in _SPANS:
        seconds = timedelta(**{period: 1}).total_seconds() * every
    else:
        spans = {name: number_of(found, name) for name in _SPANS}
        seconds = sum(timedelta(**{name: 1}).total_seconds() * (count or 0) for name, count in spans.items())
    if not 0 < seconds <= _MAX_SECONDS:
        raise Unfit(
            "there is no crontab, and no interval from 1 microsecond to 100 years", "dump the schedule's fields"
        )
    last = moment_of(entry, "last_run_at", zone)
    anchor = now if last is None else last
    start = _START.format("its last run" if last else "when it is added")
    step = timedelta(seconds=seconds)
    differs = (start, *(("relative is not kept: runs are not rounded",) if entry.get("relative") else ()), *paused)
    return Carried(
        recurrence=Interval(every=step, anchor=anchor), clock=ElapsedClock(every=step, anchor=anchor), differs=differs
    )
