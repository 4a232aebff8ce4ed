"""Schedules: keeping them, and firing those that are due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from mainspring.adapters.codec import SCHEDULE_EVENT, SLOT
from mainspring.adapters.storages.postgres import schedule_statements as schedule_sql
from mainspring.adapters.storages.postgres import task_statements as task_sql
from mainspring.adapters.storages.postgres.rows import Unreadable, read_schedule
from mainspring.adapters.storages.postgres.texts import Operation, Texts, plain, texts
from mainspring.adapters.storages.postgres.work import Overtaken, Work, schedule_parameters
from mainspring.core.commands import Cancel
from mainspring.core.errors import Conflict, CorruptHistory, MainspringError, NotFound
from mainspring.core.ids import ScheduleId, TaskId, is_uuid
from mainspring.core.instants import format_instant, to_micros
from mainspring.core.machine import handle
from mainspring.core.ports import MAX_LIVE, SUPERSEDED, ScheduleStep, Unplanned
from mainspring.core.schedule import Buffered, Plan, Schedule, ScheduleEvent, ScheduleView, Slot
from mainspring.core.states import LIVE

SlotKey = tuple[str, int, bool]

_LATEST: Final = 1 << 62


def get_schedule(sql: Texts, schedule_id: ScheduleId) -> Operation[Schedule]:
    """Read one schedule."""
    rows = (yield sql(schedule_sql.GET), (schedule_id,)) if is_uuid(schedule_id) else []
    if not rows:
        raise NotFound("schedule", schedule_id)
    return read_schedule(*rows[0])


def add_schedule(work: Work, schedule: Schedule) -> Operation[None]:
    """Insert a new schedule and its event *created*."""
    if not is_uuid(schedule.id):
        raise Conflict(str(schedule), "its id is no UUID in lower case", "make an id by mainspring.core.ids.uuid7")
    rows = yield work.sql(schedule_sql.KNOWN), (schedule.id,)
    if rows:
        raise Conflict(str(schedule), "its id exists already", "make a new id")
    yield from _check_name(work, schedule)
    yield work.sql(schedule_sql.INSERT), schedule_parameters([schedule])
    _note(work, schedule.id, [ScheduleEvent(at=schedule.created_at, kind="created")])
    work.note_due(schedule.wake_at)


def _check_name(work: Work, schedule: Schedule) -> Operation[None]:
    if schedule.name is None:
        return
    rows = yield work.sql(schedule_sql.NAME_HOLDER), (schedule.project, schedule.name, schedule.id)
    if rows:
        what = f"schedule {rows[0][0]} has it"
        raise Conflict(f"name {schedule.name!r}", what, "use another name, or edit that schedule")


def _note(work: Work, schedule_id: ScheduleId, events: Sequence[ScheduleEvent]) -> None:
    if events:
        parts = range(1, len(events) + 1)
        values = (
            plain([schedule_id] * len(events)),
            plain(parts),
            texts([SCHEDULE_EVENT.encode(event) for event in events]),
        )
        work.defer(schedule_sql.ADD_HISTORY, values)


def delete_schedule(work: Work, schedule_id: ScheduleId) -> Operation[None]:
    """Remove a schedule; its tasks and slot records stay."""
    rows = (yield work.sql(schedule_sql.DELETE), (schedule_id,)) if is_uuid(schedule_id) else []
    if not rows:
        raise NotFound("schedule", schedule_id)


def slots(sql: Texts, schedule_id: ScheduleId, limit: int, upto: datetime | None) -> Operation[tuple[Slot, ...]]:
    """Read the newest slot records of a schedule, of occurrences up to an instant."""
    last = _LATEST if upto is None else to_micros(upto)
    rows = (yield sql(schedule_sql.SLOTS), (schedule_id, last, limit)) if is_uuid(schedule_id) else []
    return tuple([SLOT.decode(row[0], f"slot of schedule {schedule_id}") for row in rows])


def schedule_history(sql: Texts, schedule_id: ScheduleId) -> Operation[tuple[ScheduleEvent, ...]]:
    """Read what was done to a schedule, oldest first."""
    rows = (yield sql(schedule_sql.HISTORY), (schedule_id,)) if is_uuid(schedule_id) else []
    return tuple([SCHEDULE_EVENT.decode(row[0], f"history of schedule {schedule_id}") for row in rows])


def update_schedule(work: Work, schedule_id: ScheduleId, step: ScheduleStep) -> Operation[Plan]:
    """Pass one schedule through ``step`` and write its plan."""
    rows = (yield work.sql(schedule_sql.LOCK), (plain([schedule_id]),)) if is_uuid(schedule_id) else []
    if not rows:
        raise NotFound("schedule", schedule_id)
    schedule = read_schedule(*rows[0])
    yield from work.read_clock()
    planning = _Planning(work)
    (answer,) = yield from planning.all_of([schedule], step)
    if isinstance(answer, Unplanned):
        raise answer.error
    return answer


def fire(work: Work, limit: int, step: ScheduleStep) -> Operation[tuple[Plan | Unplanned, ...]]:
    """Pass schedules that are to be planned through ``step`` and write their plans."""
    now = yield from work.read_clock()
    found: list[Schedule] = []
    while len(found) < limit:
        rows = yield work.sql(schedule_sql.DUE), (to_micros(now), limit)
        found = []
        unreadable: list[Unreadable] = []
        for row in rows:
            try:
                found.append(read_schedule(*row))
            except CorruptHistory as error:
                unreadable.append(Unreadable(row[0], str(error)))
        if not unreadable:
            break
        yield from quarantine_schedules(work, unreadable)
    return (yield from _Planning(work).all_of(found, step))


def quarantine_schedules(work: Work, rows: Sequence[Unreadable]) -> Operation[None]:
    """Mark schedules that cannot be read, so that nothing takes them up again."""
    ids, reasons = [row.id for row in rows], [row.reason.replace("\0", "?") for row in rows]
    yield work.sql(schedule_sql.QUARANTINE), (ids, reasons)


def _key(slot: Slot) -> SlotKey:
    return slot.schedule_id, to_micros(slot.occurrence), slot.manual


class _Planning:
    """Plans schedules that are held, and writes the plans that are not refused."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._fixed: set[SlotKey] = set()

    def all_of(self, schedules: Sequence[Schedule], step: ScheduleStep) -> Operation[tuple[Plan | Unplanned, ...]]:
        """Pass schedules through ``step`` and write the plans."""
        work = self._work
        for schedule in schedules:
            work.hold_schedule(schedule)
        live = yield from self._live_of([schedule.id for schedule in schedules])
        plans = [self._planned(schedule, live.get(schedule.id, ()), step) for schedule in schedules]
        made = [plan for plan in plans if isinstance(plan, Plan)]
        yield from work.lock([task_id for plan in made for task_id in plan.cancels])
        if work.careful:
            yield from self._look_up([slot for plan in made for slot in plan.slots])
        answers: list[Plan | Unplanned] = []
        for before, plan in zip(schedules, plans, strict=True):
            answers.append((yield from self._written(before, plan)))
        return tuple(answers)

    def _live_of(self, schedule_ids: Sequence[ScheduleId]) -> Operation[Mapping[str, tuple[TaskId, ...]]]:
        if not schedule_ids:
            return {}
        found: dict[str, list[TaskId]] = {}
        rows = yield self._work.sql(task_sql.LIVE_OF), (plain(schedule_ids), MAX_LIVE)
        for schedule_id, task_id in rows:
            found.setdefault(schedule_id, []).append(task_id)
        return {schedule_id: tuple(ids) for schedule_id, ids in found.items()}

    def _planned(self, schedule: Schedule, live: tuple[TaskId, ...], step: ScheduleStep) -> Plan | Unplanned:
        try:
            plan = step(ScheduleView(schedule=schedule, live=live), self._work.now)
            if plan.schedule.id != schedule.id or plan.read_version != schedule.version:
                what = "the plan was made on another version"
                raise Conflict(str(schedule), what, "plan what the step is given")
        except MainspringError as error:
            return Unplanned(schedule.id, error)
        return plan

    def _look_up(self, wanted: Iterable[Slot]) -> Operation[None]:
        """Find out which slots have a record that stays."""
        keys = sorted({_key(slot) for slot in wanted})
        if keys:
            values = (plain([key[0] for key in keys]), plain([key[1] for key in keys]), [key[2] for key in keys])
            rows = yield self._work.sql(schedule_sql.FIXED_SLOTS), values
            self._fixed.update((row[0], row[1], row[2]) for row in rows)

    def _written(self, before: Schedule, plan: Plan | Unplanned) -> Operation[Plan | Unplanned]:
        if isinstance(plan, Unplanned) or plan.schedule.version == before.version:
            return plan
        try:
            yield from self._write(before, plan)
        except MainspringError as error:
            return Unplanned(before.id, error)
        return plan

    def _write(self, before: Schedule, plan: Plan) -> Operation[None]:
        """Write a plan; what can be refused comes before anything that stays."""
        work = self._work
        if plan.schedule.name != before.name or plan.schedule.project != before.project:
            yield from _check_name(work, plan.schedule)
        yield from work.check_new(plan.tasks)
        slots = self._last_of_each(plan.slots)
        yield from work.insert(plan.tasks)
        work.put_schedule(plan.schedule)
        if slots:
            work.defer(schedule_sql.PUT_SLOTS, _slot_parameters(slots), rows=len(slots))
        _note(work, plan.schedule.id, plan.events)
        for task_id in plan.cancels:
            yield from self._cancel(task_id)

    def _last_of_each(self, slots: Sequence[Slot]) -> Sequence[Slot]:
        found: dict[SlotKey, Slot] = {}
        for slot in slots:
            key = _key(slot)
            earlier = found.get(key)
            if key in self._fixed or (earlier is not None and not isinstance(earlier.outcome, Buffered)):
                what = f"{format_instant(slot.occurrence)} has its slot record already"
                raise Conflict(f"schedule {slot.schedule_id}", what, "read the schedule again")
            found[key] = slot
        return [*found.values()]

    def _cancel(self, task_id: TaskId) -> Operation[None]:
        entry = self._work.entries.get(task_id)
        if entry is None or isinstance(entry.task, CorruptHistory) or not isinstance(entry.task.state, LIVE):
            return  # gone, ended, or a row that taking will quarantine: it will not run either way
        decision = handle(entry.task, Cancel(at=self._work.now, reason=SUPERSEDED))
        written = yield from self._work.write(decision)
        if not written:
            raise Overtaken


def _slot_parameters(slots: Sequence[Slot]) -> tuple[object, ...]:
    return (
        plain([slot.schedule_id for slot in slots]),
        plain([to_micros(slot.occurrence) for slot in slots]),
        [slot.manual for slot in slots],
        [isinstance(slot.outcome, Buffered) for slot in slots],
        texts([SLOT.encode(slot) for slot in slots]),
    )
