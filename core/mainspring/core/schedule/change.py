"""What people do to a schedule: create, edit, pause, resume. Each is a pure function that gives a ``Plan``."""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypeVar

from attrs import evolve as changed
from attrs import frozen

from mainspring.core.commands import UNSET, Change, Unset
from mainspring.core.errors import Conflict, InvalidInput
from mainspring.core.ids import ScheduleId
from mainspring.core.recurrence import Recurrence, next_after
from mainspring.core.schedule.plan import Draft, Plan, ScheduleView
from mainspring.core.schedule.values import (
    MAX_NOTE,
    CatchUp,
    Overlap,
    Paused,
    Schedule,
    ScheduleEvent,
    TaskTemplate,
)
from mainspring.core.task import DEFAULT_PROJECT

T = TypeVar("T")

MAX_ROUNDS: Final = 200
"""How many plans one change makes at most to catch up with a schedule that fell behind."""


@frozen(kw_only=True)
class ScheduleEdit:
    """Change a schedule; fields left ``UNSET`` stay as they are."""

    recurrence: Change[Recurrence] = UNSET
    template: Change[TaskTemplate] = UNSET
    name: Change[str | None] = UNSET
    description: Change[str | None] = UNSET
    overlap: Change[Overlap] = UNSET
    catch_up: Change[CatchUp] = UNSET


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
) -> Schedule:
    """Make a schedule at instant ``at``; its first occurrence is the first one after ``after`` (default: ``at``)."""
    first = next_after(recurrence, at if after is None else after)
    return Schedule(
        id=schedule_id,
        recurrence=recurrence,
        template=template,
        created_at=at,
        next_at=first,
        wake_at=first,
        project=project,
        name=name,
        description=description,
        overlap=overlap,
        catch_up=catch_up or CatchUp(),
    )


def edit(view: ScheduleView, edit: ScheduleEdit, at: datetime) -> Plan:
    """Change a schedule. A new rule holds from max(``at``, last fired); tasks that were created stay as they are."""
    schedule = view.schedule
    draft = _settled(view, at)
    after = changed(
        schedule,
        recurrence=_either(edit.recurrence, schedule.recurrence),
        template=_either(edit.template, schedule.template),
        name=_either(edit.name, schedule.name),
        description=_either(edit.description, schedule.description),
        overlap=_either(edit.overlap, schedule.overlap),
        catch_up=_either(edit.catch_up, schedule.catch_up),
    )
    if after.recurrence != schedule.recurrence:
        since = at if schedule.last_fired is None else max(at, schedule.last_fired)
        draft.next_at = next_after(after.recurrence, since)
    return draft.finish(after, (ScheduleEvent(at=at, kind="edited"),))


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


def _settled(view: ScheduleView, at: datetime) -> Draft:
    """Account for every occurrence before the change, so that none falls between the old state and the new."""
    draft = Draft(view.schedule, view.live, at)
    for _ in range(MAX_ROUNDS):
        draft.advance()
        if not draft.behind(at):
            return draft
    raise Conflict(str(view.schedule), "too far behind to be changed", "start a worker to catch up, then try again")


def _either(change: Change[T], current: T) -> T:
    return current if isinstance(change, Unset) else change
