"""From what a caller wants changed of a schedule to the core's edit.

Rules:

* What is not named stays as it is. An edit is worked out inside the storage's step, on the schedule as it then is.
* A new ``cron``, ``rrule`` or ``every`` takes the place of the whole expression, ``seconds`` included. The zone stays,
  and so do ``days``, ``gap``, ``fold``, and where the rule starts, if the new rule is of the same kind and none is
  named; a rule of another kind has the defaults of its kind, and an ``rrule`` or ``every`` then starts now.
* ``timezone``, ``seconds``, ``days``, ``gap``, ``fold`` and ``dtstart`` alone change the expression that is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, TypeVar

from attrs import fields, frozen

from mainspring.adapters.operations.intake import (
    Duration,
    Instant,
    Retry,
    catch_up_of,
    duration_of,
    instant_of,
    recurrence_of,
)
from mainspring.core.commands import UNSET, Change, Unset
from mainspring.core.errors import InvalidInput
from mainspring.core.instants import format_instant
from mainspring.core.recurrence import Cron, DayRule, Fold, Gap, Interval, Recurrence, RRule
from mainspring.core.retry_text import parse_retry
from mainspring.core.schedule import CatchUpMode, Overlap, Plan, ScheduleEdit, ScheduleView
from mainspring.core.schedule import edit as edit_schedule
from mainspring.core.task import Call

T = TypeVar("T")

_UNIT: Final = timedelta(seconds=1)


@frozen(kw_only=True)
class ScheduleChange:
    """What a caller wants changed of a schedule; durations and instants may be texts, as for ``ScheduleRequest``.

    Fields left ``UNSET`` stay as they are. ``None`` takes a name, a description, a start, an end or a number of runs
    away, and gives ``gap`` and ``fold`` the default of the kind of rule. At most one of ``cron``, ``rrule``, ``every``.
    """

    cron: Change[str] = UNSET
    rrule: Change[str] = UNSET
    every: Change[Duration] = UNSET
    seconds: Change[bool] = UNSET
    timezone: Change[str] = UNSET
    days: Change[DayRule] = UNSET
    gap: Change[Gap | None] = UNSET
    fold: Change[Fold | None] = UNSET
    dtstart: Change[Instant] = UNSET
    call: Change[Call] = UNSET
    queue: Change[str] = UNSET
    priority: Change[int] = UNSET
    retry: Change[Retry] = UNSET
    timeout: Change[Duration] = UNSET
    name: Change[str | None] = UNSET
    description: Change[str | None] = UNSET
    overlap: Change[Overlap] = UNSET
    catch_up_mode: Change[CatchUpMode | str] = UNSET
    catch_up_window: Change[Duration] = UNSET
    starts_at: Change[Instant | None] = UNSET
    ends_at: Change[Instant | None] = UNSET
    max_runs: Change[int | None] = UNSET
    jitter: Change[Duration] = UNSET


_EXPRESSIONS: Final = ("cron", "rrule", "every")
_OF_THE_RULE: Final = (*_EXPRESSIONS, "seconds", "timezone", "days", "gap", "fold", "dtstart")


def given(change: ScheduleChange) -> Mapping[str, object]:
    """The fields that a change names, with what they are to become."""
    named = ((field.name, getattr(change, field.name)) for field in fields(ScheduleChange))
    return {name: value for name, value in named if not isinstance(value, Unset)}


def edited(view: ScheduleView, change: ScheduleChange, at: datetime, version: int | None = None) -> Plan:
    """Change a schedule as a caller wants it, at instant ``at``.

    ``InvalidInput`` names what is wrong: also a rule that would never fire, and a change that names nothing.
    """
    if not given(change):
        raise InvalidInput("change", "nothing to change was given", "name a field, e.g. queue")
    plan = edit_schedule(view, edit_of(change, view.schedule.recurrence, at), at, version)
    if plan.schedule.next_at is None and any(name in given(change) for name in _EXPRESSIONS):
        raise InvalidInput("cron, rrule or every", f"it never fires after {format_instant(at)}", "check the rule")
    return plan


def edit_of(change: ScheduleChange, rule: Recurrence, at: datetime) -> ScheduleEdit:
    """Work out the core's edit for a schedule that has ``rule`` at instant ``at``."""
    starts_at, ends_at, retry, mode = change.starts_at, change.ends_at, change.retry, change.catch_up_mode
    return ScheduleEdit(
        recurrence=_rule(change, rule, at) if any(name in given(change) for name in _OF_THE_RULE) else UNSET,
        call=change.call,
        queue=change.queue,
        priority=change.priority,
        retry=parse_retry(retry) if isinstance(retry, str) else retry,
        timeout=_span("timeout", change.timeout),
        name=change.name,
        description=change.description,
        overlap=change.overlap,
        catch_up_mode=mode if isinstance(mode, Unset) else catch_up_of("catch_up_mode", mode),
        catch_up_window=_span("catch_up_window", change.catch_up_window),
        starts_at=instant_of("starts_at", starts_at) if isinstance(starts_at, datetime | str) else starts_at,
        ends_at=instant_of("ends_at", ends_at) if isinstance(ends_at, datetime | str) else ends_at,
        max_runs=change.max_runs,
        jitter=_span("jitter", change.jitter),
    )


def _span(field: str, value: Change[Duration]) -> Change[timedelta]:
    return value if isinstance(value, Unset) else duration_of(field, value)


def _either(change: Change[T], current: T) -> T:
    return current if isinstance(change, Unset) else change


def _rule(change: ScheduleChange, rule: Recurrence, at: datetime) -> Recurrence:
    """The new rule: what the change names of it, and the rest from the rule that is there."""
    new = [name for name in _EXPRESSIONS if name in given(change)]
    if len(new) > 1:
        raise InvalidInput("cron, rrule or every", f"{' and '.join(new)} were given", "give at most one of them")
    match new[0] if new else _kind(rule):
        case "cron":
            return _cron(change, rule, at)
        case "rrule":
            return _rrule(change, rule, at)
        case _:
            return _interval(change, rule, at)


def _kind(rule: Recurrence) -> str:
    return {Cron: "cron", RRule: "rrule", Interval: "every"}[type(rule)]


def _zone(change: ScheduleChange, rule: Recurrence) -> str:
    return _either(change.timezone, "UTC" if isinstance(rule, Interval) else rule.timezone)


def _start(change: ScheduleChange) -> Instant | None:
    return _either(change.dtstart, None)


def _cron(change: ScheduleChange, rule: Recurrence, at: datetime) -> Recurrence:
    kept = rule if isinstance(rule, Cron) else None
    made, _ = recurrence_of(
        cron=_either(change.cron, kept.text if kept else ""),
        rrule=None,
        every=None,
        timezone=_zone(change, rule),
        dtstart=_start(change),
        at=at,
        seconds=_either(change.seconds, bool(kept and kept.seconds and isinstance(change.cron, Unset))),
        days=_either(change.days, kept.days if kept else "debian"),
        gap=_either(change.gap, kept.gap if kept else None),
        fold=_either(change.fold, kept.fold if kept else None),
    )
    return made


def _rrule(change: ScheduleChange, rule: Recurrence, at: datetime) -> Recurrence:
    kept = rule if isinstance(rule, RRule) else None
    made, _ = recurrence_of(
        cron=None,
        rrule=_text(change, kept),
        every=None,
        timezone=_zone(change, rule),
        dtstart=_start(change),
        at=at,
        seconds=_either(change.seconds, False),
        days=_either(change.days, "debian"),
        gap=_either(change.gap, kept.gap if kept else None),
        fold=_either(change.fold, kept.fold if kept else None),
    )
    return made


def _text(change: ScheduleChange, kept: RRule | None) -> str:
    """The lines of the set; where it starts, in local time, stays unless the change says otherwise."""
    start, *lines = ("",) if kept is None else kept.to_text().splitlines()
    text = _either(change.rrule, "\n".join(lines))
    if kept is None or "DTSTART" in text.upper() or not isinstance(change.dtstart, Unset):
        return text
    if not isinstance(change.timezone, Unset):
        day = f"DTSTART;VALUE=DATE:{kept.start:%Y%m%d}"
        start = day if kept.all_day else f"DTSTART;TZID={change.timezone}:{kept.start:%Y%m%dT%H%M%S}"
    return f"{start}\n{text}"


def _interval(change: ScheduleChange, rule: Recurrence, at: datetime) -> Recurrence:
    if not isinstance(change.timezone, Unset):
        raise InvalidInput("timezone", "an interval runs on elapsed time", "leave it out")
    kept = rule if isinstance(rule, Interval) else Interval(every=_UNIT, anchor=at)
    made, _ = recurrence_of(
        cron=None,
        rrule=None,
        every=kept.every if isinstance(change.every, Unset) else change.every,
        timezone="UTC",
        dtstart=kept.anchor if isinstance(change.dtstart, Unset) else change.dtstart,
        at=at,
        seconds=_either(change.seconds, False),
        days=_either(change.days, "debian"),
        gap=_either(change.gap, None),
        fold=_either(change.fold, None),
    )
    return made
