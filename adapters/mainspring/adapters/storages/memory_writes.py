"""What a ``MemoryStorage`` holds, and the writes that can be undone. Not safe for threads by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from mainspring.adapters.storages.memory_queues import KeyTable, KnownKey, QueueTable
from mainspring.adapters.storages.memory_schedules import ScheduleTable, SlotKey
from mainspring.adapters.storages.memory_tasks import TaskTable
from mainspring.core.commands import Cancel
from mainspring.core.effects import NudgeSchedule
from mainspring.core.errors import Conflict
from mainspring.core.events import UNRECORDED, Event
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.instants import format_instant
from mainspring.core.machine import Decision, handle
from mainspring.core.ports import SUPERSEDED, ScheduleStep
from mainspring.core.queue import Queue, QueueRef
from mainspring.core.schedule import Buffered, Plan, Schedule, ScheduleEvent, ScheduleView, Slot, nudged
from mainspring.core.states import LIVE, Pending
from mainspring.core.task import Task


class MemoryTables:
    """Every table, and the steps that take back what was written in the current transaction.

    ``_hint`` tells whether that made something due.
    """

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] = []
        self._hint = False
        self._tasks = TaskTable()
        self._queues = QueueTable()
        self._keys = KeyTable()
        self._schedules = ScheduleTable()

    def _undo_to(self, mark: int) -> None:
        """Take back what was written since there were ``mark`` steps to undo."""
        while len(self._undo) > mark:
            self._undo.pop()()

    def _insert(self, task: Task) -> None:
        if task.id in self._tasks.rows:
            raise Conflict(str(task), "its id exists already", "make a new id")
        self._put(task.id, task)

    def _put(self, task_id: TaskId, task: Task | None) -> None:
        before = self._tasks.put(task_id, task)
        self._undo.append(partial(self._tasks.put, task_id, before))
        self._hint = self._hint or (task is not None and isinstance(task.state, Pending))

    def _write(self, decision: Decision) -> bool:
        """Write one decision, unless its version has moved on."""
        task = decision.task
        current = self._tasks.rows.get(task.id)
        if current is None or current.version != decision.read_version:
            return False
        if not decision.events:
            return True
        self._put(task.id, task)
        recorded = [event for event in decision.events if type(event) not in UNRECORDED]
        if recorded:
            history = self._tasks.events.setdefault(task.id, [])
            self._undo.append(partial(_cut, history, len(history)))
            history.extend(recorded)
        for effect in decision.effects:
            if isinstance(effect, NudgeSchedule):
                self._nudge(effect)
        for task in decision.follow_ups:
            self._insert(task)
        return True

    def _put_queue(self, ref: QueueRef, queue: Queue | None) -> None:
        self._undo.append(partial(self._queues.put, ref, self._queues.put(ref, queue)))

    def _put_key(self, place: tuple[str, str], known: KnownKey | None) -> None:
        self._undo.append(partial(self._keys.put, place, self._keys.put(place, known)))

    def _nudge(self, nudge: NudgeSchedule) -> None:
        schedule = self._schedules.rows.get(nudge.schedule_id)
        if schedule is None:
            return
        after = nudged(schedule, nudge)
        if after is not schedule:
            self._put_schedule(schedule.id, after)

    def _put_schedule(self, schedule_id: ScheduleId, schedule: Schedule | None) -> None:
        before = self._schedules.put(schedule_id, schedule)
        self._undo.append(partial(self._schedules.put, schedule_id, before))
        self._hint = self._hint or (schedule is not None and schedule.wake_at is not None)

    def _note(self, schedule_id: ScheduleId, events: Sequence[ScheduleEvent]) -> None:
        history = self._schedules.events[schedule_id]
        self._undo.append(partial(_cut, history, len(history)))
        history.extend(events)

    def _plan(self, schedule: Schedule, step: ScheduleStep, now: datetime) -> Plan:
        plan = step(ScheduleView(schedule=schedule, live=self._tasks.live_of(schedule.id)), now)
        if plan.schedule.id != schedule.id or plan.read_version != schedule.version:
            raise Conflict(str(schedule), "the plan was made on another version", "plan what the step is given")
        if plan.schedule.version == schedule.version:
            return plan
        self._put_schedule(schedule.id, plan.schedule)
        for task in plan.tasks:
            self._insert(task)
        for slot in plan.slots:
            self._put_slot(slot)
        self._note(schedule.id, plan.events)
        for task_id in plan.cancels:
            superseded = self._tasks.rows.get(task_id)
            if superseded is not None and isinstance(superseded.state, LIVE):
                self._write(handle(superseded, Cancel(at=now, reason=SUPERSEDED)))
        return plan

    def _put_slot(self, slot: Slot) -> None:
        slots = self._schedules.slots[slot.schedule_id]
        key = (slot.occurrence, slot.manual)
        before = slots.get(key)
        if before is not None and not isinstance(before.outcome, Buffered):
            what = f"{format_instant(slot.occurrence)} has its slot record already"
            raise Conflict(f"schedule {slot.schedule_id}", what, "read the schedule again")
        slots[key] = slot
        self._undo.append(partial(_restore, slots, key, before))


def _cut(history: list[Event] | list[ScheduleEvent], length: int) -> None:
    del history[length:]


def _restore(slots: dict[SlotKey, Slot], key: SlotKey, before: Slot | None) -> None:
    if before is None:
        del slots[key]
    else:
        slots[key] = before
