"""The memory storage: the core's functions over dicts. The reference for the others; nothing outlives the process."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from threading import Lock

from mainspring.adapters.storages.clock import Clock, utc_now
from mainspring.adapters.storages.listeners import Listener, Listeners
from mainspring.adapters.storages.memory_schedules import ScheduleTable, SlotKey
from mainspring.adapters.storages.memory_tasks import TaskTable
from mainspring.core.commands import Cancel
from mainspring.core.effects import NudgeSchedule
from mainspring.core.errors import Conflict, MainspringError, Unavailable
from mainspring.core.events import UNRECORDED, Event
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.instants import format_instant
from mainspring.core.machine import Decision, handle
from mainspring.core.ports import (
    SUPERSEDED,
    Page,
    Refused,
    ScheduleQuery,
    ScheduleStep,
    TaskQuery,
    TaskStep,
    Upcoming,
)
from mainspring.core.schedule import (
    Buffered,
    Plan,
    Schedule,
    ScheduleEvent,
    ScheduleView,
    Slot,
    nudged,
    task_ended,
)
from mainspring.core.states import LIVE, Pending
from mainspring.core.task import Task


class MemoryStorage:
    """``Storage`` over dicts, behind one lock. A step must not call the storage: it runs under that lock.

    ``clock`` gives the instant now; the default is this machine's clock.
    """

    def __init__(self, *, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._lock = Lock()
        self._closed = False
        self._listeners = Listeners()
        self._undo: list[Callable[[], object]] = []
        self._hint = False
        self._tasks = TaskTable()
        self._schedules = ScheduleTable()

    def subscribe(self, callback: Listener) -> Callable[[], None]:
        """Call ``callback`` after each commit that made something due, until the answer is called."""
        return self._listeners.subscribe(callback)

    @contextmanager
    def _reading(self) -> Generator[None]:
        with self._lock:
            self._check_open()
            yield

    @contextmanager
    def _writing(self) -> Generator[datetime]:
        """Hold the lock, give the instant; undo everything if an error leaves the block, else tell the listeners."""
        with self._lock:
            self._check_open()
            self._undo.clear()
            self._hint = False
            try:
                yield self._clock()
            except BaseException:
                for step in reversed(self._undo):
                    step()
                raise
            hint = self._hint
        if hint:
            self._listeners.tell()

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("store", "the storage was closed", "open it again")

    # --- tasks -------------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Read the storage's clock."""
        with self._reading():
            return self._clock()

    def add(self, tasks: Sequence[Task]) -> None:
        """Insert new tasks, all or none."""
        with self._writing():
            for task in tasks:
                self._insert(task)

    def get(self, task_id: TaskId) -> Task:
        """Read one task."""
        with self._reading():
            return self._tasks.get(task_id)

    def find(self, query: TaskQuery) -> Page[Task]:
        """Find tasks, newest first."""
        with self._reading():
            return self._tasks.find(query)

    def count(self, project: str) -> Mapping[str, int]:
        """Count the project's tasks by status."""
        with self._reading():
            return self._tasks.count(project)

    def history(self, task_id: TaskId) -> tuple[Event, ...]:
        """Read the recorded events of a task."""
        with self._reading():
            self._tasks.get(task_id)
            return tuple(self._tasks.events.get(task_id, ()))

    def take(self, queues: Sequence[str], limit: int, step: TaskStep) -> tuple[Decision, ...]:
        """Pass due tasks through ``step`` and write what it gives."""
        with self._writing() as now:
            return self._pass(self._tasks.due(queues, limit, now), step, now)

    def reclaim(self, limit: int, step: TaskStep) -> tuple[Decision, ...]:
        """Pass held tasks whose lease has ended through ``step`` and write what it gives."""
        with self._writing() as now:
            return self._pass(self._tasks.expired(limit, now), step, now)

    def _pass(self, tasks: Sequence[Task], step: TaskStep, now: datetime) -> tuple[Decision, ...]:
        self._undo.append(partial(self._tasks.refresh, tasks))
        decisions = tuple([step(task, now) for task in tasks])
        for task, decision in zip(tasks, decisions, strict=True):
            if decision.task.id != task.id or not self._write(decision):
                raise Conflict(str(task), f"the step answered for {decision.task}", "decide on what the step is given")
        self._tasks.refresh([decision.task for decision in decisions if not decision.events])
        return decisions

    def save(self, decisions: Sequence[Decision]) -> tuple[bool, ...]:
        """Write decisions that were made outside."""
        with self._writing():
            return tuple([self._write(decision) for decision in decisions])

    def update(self, task_ids: Sequence[TaskId], step: TaskStep) -> tuple[Decision | Refused, ...]:
        """Pass each named task through ``step`` and write what it gives."""
        with self._writing() as now:
            return tuple([self._update(task_id, step, now) for task_id in task_ids])

    def _update(self, task_id: TaskId, step: TaskStep, now: datetime) -> Decision | Refused:
        try:
            decision = step(self._tasks.get(task_id), now)
            if not self._write(decision):
                raise Conflict(f"task {task_id}", "it has moved on", "read it again")
        except MainspringError as error:
            return Refused(task_id, error)
        return decision

    def delete(self, task_ids: Sequence[TaskId]) -> int:
        """Remove tasks with their history."""
        with self._writing() as now:
            return sum([self._remove(task_id, now) for task_id in task_ids])

    def _remove(self, task_id: TaskId, now: datetime) -> bool:
        task = self._tasks.rows.get(task_id)
        if task is None:
            return False
        self._put(task_id, None)
        events = self._tasks.events.pop(task_id, None)
        if events is not None:
            self._undo.append(partial(self._tasks.events.__setitem__, task_id, events))
        nudge = task_ended(task, now) if isinstance(task.state, LIVE) else None
        if nudge is not None:
            self._nudge(nudge)
        return True

    def upcoming(self, queues: Sequence[str]) -> Upcoming:
        """Find the earliest instants at which there is something to do."""
        with self._reading():
            return Upcoming(
                task=self._tasks.earliest_due(queues),
                lease=self._tasks.earliest_lease(),
                schedule=self._schedules.earliest_wake(),
            )

    # --- schedules ---------------------------------------------------------------------------------------------------

    def add_schedule(self, schedule: Schedule) -> None:
        """Insert a new schedule and its event *created*."""
        with self._writing():
            if schedule.id in self._schedules.rows:
                raise Conflict(str(schedule), "its id exists already", "make a new id")
            self._put_schedule(schedule.id, schedule)
            self._note(schedule.id, (ScheduleEvent(at=schedule.created_at, kind="created"),))

    def get_schedule(self, schedule_id: ScheduleId) -> Schedule:
        """Read one schedule."""
        with self._reading():
            return self._schedules.get(schedule_id)

    def find_schedules(self, query: ScheduleQuery) -> Page[Schedule]:
        """Find schedules, newest first."""
        with self._reading():
            return self._schedules.find(query)

    def update_schedule(self, schedule_id: ScheduleId, step: ScheduleStep) -> Plan:
        """Pass one schedule through ``step`` and write its plan."""
        with self._writing() as now:
            return self._plan(self._schedules.get(schedule_id), step, now)

    def fire(self, limit: int, step: ScheduleStep) -> tuple[Plan, ...]:
        """Pass schedules that are to be planned through ``step`` and write their plans."""
        with self._writing() as now:
            return tuple([self._plan(schedule, step, now) for schedule in self._schedules.due(limit, now)])

    def delete_schedule(self, schedule_id: ScheduleId) -> None:
        """Remove a schedule; its tasks and slot records stay."""
        with self._writing():
            self._schedules.get(schedule_id)
            self._put_schedule(schedule_id, None)

    def slots(self, schedule_id: ScheduleId, limit: int = 100) -> tuple[Slot, ...]:
        """Read the newest slot records of a schedule, newest first."""
        with self._reading():
            return self._schedules.newest_slots(schedule_id, limit)

    def schedule_history(self, schedule_id: ScheduleId) -> tuple[ScheduleEvent, ...]:
        """Read what was done to a schedule, oldest first."""
        with self._reading():
            return tuple(self._schedules.events.get(schedule_id, ()))

    def close(self) -> None:
        """Refuse every further operation."""
        with self._lock:
            self._closed = True

    # --- writing, under the lock -------------------------------------------------------------------------------------

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
            held = self._tasks.rows.get(task_id)
            if held is not None and isinstance(held.state, LIVE):
                self._write(handle(held, Cancel(at=now, reason=SUPERSEDED)))
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
