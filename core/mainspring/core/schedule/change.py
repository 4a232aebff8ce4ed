"""What people do to a schedule: create, edit, pause, resume. Each is a pure function that gives a ``Plan``.

What an edit does to what is there already:

* Occurrences that came due before it are settled first, by the rule, the policies and the template as they were.
* Tasks that were created stay as they are, whether they wait, run or have ended; the new call, queue and settings are
  those of the tasks created from then on, also for occurrences that wait for their turn.
* A new rule (or start, end, number of runs) holds from max(now, last fired, last skipped by hand): no occurrence gets
  a second record. An edit of anything else leaves the next occurrence where it is.
* An edit names the fields that it changes, each by itself, and is applied to the schedule as it is at that moment: of
  two edits at once none is lost, unless both name the same field. Who wants to change only what he has read gives the
  version that he read; it is refused if that has moved on (each firing moves it, too).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, TypeVar

from attrs import evolve as changed
from attrs import fields, frozen

from mainspring.core.commands import UNSET, Change, Unset
from mainspring.core.errors import Conflict, InvalidInput
from mainspring.core.ids import ScheduleId
from mainspring.core.instants import format_instant, require_utc
from mainspring.core.recurrence import Recurrence, between
from mainspring.core.retry import RetryPolicy
from mainspring.core.schedule.plan import Draft, Plan, ScheduleView, following
from mainspring.core.schedule.values import (
    MAX_NOTE,
    CatchUp,
    CatchUpMode,
    Overlap,
    Paused,
    Schedule,
    ScheduleEvent,
    TaskTemplate,
)
from mainspring.core.task import DEFAULT_PROJECT, Call

T = TypeVar("T")

_TICK: Final = timedelta(microseconds=1)
MAX_BACKFILL: Final = 1_000
MAX_ROUNDS: Final = 200
"""How many plans one change makes at most to catch up with a schedule that fell behind."""


@frozen(kw_only=True)
class ScheduleEdit:
    """Change a schedule; fields left ``UNSET`` stay as they are.

    ``call`` to ``timeout`` are those of its template, ``catch_up_mode`` and ``catch_up_window`` of its catch-up.
    """

    recurrence: Change[Recurrence] = UNSET
    call: Change[Call] = UNSET
    queue: Change[str] = UNSET
    priority: Change[int] = UNSET
    retry: Change[RetryPolicy] = UNSET
    timeout: Change[timedelta] = UNSET
    name: Change[str | None] = UNSET
    description: Change[str | None] = UNSET
    overlap: Change[Overlap] = UNSET
    catch_up_mode: Change[CatchUpMode] = UNSET
    catch_up_window: Change[timedelta] = UNSET
    starts_at: Change[datetime | None] = UNSET
    ends_at: Change[datetime | None] = UNSET
    max_runs: Change[int | None] = UNSET
    jitter: Change[timedelta] = UNSET


def new_schedule(
    *,
    schedule_id: ScheduleId,
    recurrence: Recurrence,
    template: TaskTemplate,
    at: datetime,
    after: datetime | None = None,
    project: str = DEFAULT_PROJECT,
    name: str | None = None,
    description: str | None = None,
    overlap: Overlap = "serial",
    catch_up: CatchUp | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    max_runs: int | None = None,
    jitter: timedelta = timedelta(0),
) -> Schedule:
    """Make a schedule at instant ``at``; its first occurrence is the first one after ``after`` (default: ``at``)."""
    schedule = Schedule(
        id=schedule_id,
        recurrence=recurrence,
        template=template,
        created_at=at,
        next_at=None,
        wake_at=None,
        project=project,
        name=name,
        description=description,
        overlap=overlap,
        catch_up=catch_up or CatchUp(),
        starts_at=_aware("starts_at", starts_at),
        ends_at=_aware("ends_at", ends_at),
        max_runs=max_runs,
        jitter=jitter,
    )
    first = following(schedule, at if after is None else after)
    return changed(schedule, next_at=first, wake_at=first)


def edit(view: ScheduleView, edit: ScheduleEdit, at: datetime, version: int | None = None) -> Plan:
    """Change a schedule as said above. ``Conflict`` if ``version`` is given and is not the schedule's."""
    schedule = view.schedule
    if version is not None and version != schedule.version:
        what = f"its version is {schedule.version}, not {version}"
        raise Conflict(str(schedule), what, "read it again, then edit what is there now")
    draft = _settled(view, at)
    after = changed(_edited(schedule, edit), ran=None)
    if _rule(after) != _rule(schedule):
        recorded = [instant for instant in (schedule.last_fired, schedule.excluded_to) if instant is not None]
        draft.next_at = None if draft.spent(after.max_runs) else following(after, max([at, *recorded]))
    return draft.finish(after, (ScheduleEvent(at=at, kind="edited", note=", ".join(_named(edit))),))


def _named(edit: ScheduleEdit) -> tuple[str, ...]:
    """The fields that an edit names, for the history."""
    return tuple(field.name for field in fields(ScheduleEdit) if not isinstance(getattr(edit, field.name), Unset))


def _edited(schedule: Schedule, edit: ScheduleEdit) -> Schedule:
    template, catch_up = schedule.template, schedule.catch_up
    return changed(
        schedule,
        recurrence=_either(edit.recurrence, schedule.recurrence),
        template=TaskTemplate(
            call=_either(edit.call, template.call),
            queue=_either(edit.queue, template.queue),
            priority=_either(edit.priority, template.priority),
            retry=_either(edit.retry, template.retry),
            timeout=_either(edit.timeout, template.timeout),
        ),
        name=_either(edit.name, schedule.name),
        description=_either(edit.description, schedule.description),
        overlap=_either(edit.overlap, schedule.overlap),
        catch_up=CatchUp(
            window=_either(edit.catch_up_window, catch_up.window), mode=_either(edit.catch_up_mode, catch_up.mode)
        ),
        starts_at=_aware("starts_at", _either(edit.starts_at, schedule.starts_at)),
        ends_at=_aware("ends_at", _either(edit.ends_at, schedule.ends_at)),
        max_runs=_either(edit.max_runs, schedule.max_runs),
        jitter=_either(edit.jitter, schedule.jitter),
    )


def pause(view: ScheduleView, at: datetime, note: str = "") -> Plan:
    """Pause a schedule: its occurrences are skipped from now on. Pausing a paused one changes nothing."""
    if len(note) > MAX_NOTE:
        raise InvalidInput("note", f"{len(note)} characters", f"use at most {MAX_NOTE}")
    if view.schedule.paused is not None:
        return Plan(schedule=view.schedule, read_version=view.schedule.version)
    after = changed(view.schedule, paused=Paused(at=at, note=note))
    return _settled(view, at).finish(after, (ScheduleEvent(at=at, kind="paused", note=note),))


def resume(view: ScheduleView, at: datetime) -> Plan:
    """Resume a schedule: occurrences up to ``at`` still fell in the pause. Resuming one that runs changes nothing."""
    if view.schedule.paused is None:
        return Plan(schedule=view.schedule, read_version=view.schedule.version)
    after = changed(view.schedule, paused=None)
    return _settled(view, at).finish(after, (ScheduleEvent(at=at, kind="resumed"),))


def skip_next(view: ScheduleView, at: datetime) -> Plan:
    """Skip the next occurrence: its record (*excluded*) is written now. ``Conflict`` if there is no next one."""
    draft = _settled(view, at)
    if draft.next_at is None:
        raise Conflict(str(view.schedule), "it has no next occurrence", "there is nothing to skip")
    skipped = draft.next_at
    draft.skip_row((skipped,), "excluded")
    draft.next_at = following(view.schedule, skipped)
    event = ScheduleEvent(at=at, kind="skipped", note=format_instant(skipped))
    return draft.finish(changed(view.schedule, excluded_to=skipped), (event,))


def backfill(view: ScheduleView, start: datetime, end: datetime, at: datetime, overlap: Overlap | None = None) -> Plan:
    """Run the rule's occurrences from ``start`` to ``end`` (both included) by hand, whatever was made of them before.

    ``overlap`` replaces the schedule's policy for them. ``Conflict`` if one of them waits already for an earlier
    backfill (storages refuse those that have their record). ``InvalidInput`` for a range that is not past, that holds
    no occurrence, or more than ``MAX_BACKFILL``.
    """
    start, end = require_utc("start", start), require_utc("end", end)
    if end > at:
        raise InvalidInput("end", f"{format_instant(end)} is not past", "backfill a range up to now")
    found = between(view.schedule.recurrence, start - _TICK, end, limit=MAX_BACKFILL + 1)
    if not found:
        raise InvalidInput("start", "the range holds no occurrence of the rule", "use a longer range")
    if len(found) > MAX_BACKFILL:
        raise InvalidInput("end", f"the range holds more than {MAX_BACKFILL} occurrences", "backfill it in parts")
    draft = Draft(changed(view.schedule, overlap=overlap or view.schedule.overlap), view.live, at)
    for occurrence in found:
        draft.meet_by_hand(occurrence)
    note = f"{format_instant(start)} to {format_instant(end)}: {len(found)}"
    return draft.finish(view.schedule, (ScheduleEvent(at=at, kind="backfilled", note=note),))


def _rule(schedule: Schedule) -> tuple[object, ...]:
    return (schedule.recurrence, schedule.starts_at, schedule.ends_at, schedule.max_runs)


def _settled(view: ScheduleView, at: datetime) -> Draft:
    """Account for every occurrence before the change, so that none falls between the old state and the new."""
    draft = Draft(view.schedule, view.live, at)
    for _ in range(MAX_ROUNDS):
        draft.advance()
        if not draft.behind(at):
            return draft
    raise Conflict(str(view.schedule), "too far behind to be changed", "start a worker to catch up, then try again")


def _aware(field: str, value: datetime | None) -> datetime | None:
    return None if value is None else require_utc(field, value)


def _either(change: Change[T], current: T) -> T:
    return current if isinstance(change, Unset) else change
