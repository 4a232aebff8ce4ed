"""The memory storage: the core's functions over dicts. The reference for the others; nothing outlives the process."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from threading import Lock

from mainspring.adapters.storages.clock import Clock, utc_now
from mainspring.adapters.storages.listeners import Listener, Listeners
from mainspring.adapters.storages.memory_queues import KnownKey
from mainspring.adapters.storages.memory_writes import MemoryTables
from mainspring.core.creation import KEEP_KEYS, Accepted, Creation, clash, repeated, settled
from mainspring.core.errors import Conflict, MainspringError, NotFound, Unavailable
from mainspring.core.events import Event
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.machine import Decision
from mainspring.core.ports import (
    Gate,
    Page,
    QueueStatus,
    QueueStep,
    Refused,
    ScheduleQuery,
    ScheduleStep,
    Taken,
    TaskQuery,
    TaskStep,
    TaskTest,
    Unplanned,
    Upcoming,
)
from mainspring.core.queue import Queue, QueueRef, QueueView, queue_of
from mainspring.core.schedule import (
    Plan,
    Schedule,
    ScheduleEvent,
    Slot,
    task_ended,
)
from mainspring.core.states import LIVE
from mainspring.core.task import Task


class MemoryStorage(MemoryTables):
    """``Storage`` over dicts, behind one lock. A step must not call the storage: it runs under that lock.

    ``clock`` gives the instant now; the default is this machine's clock.
    """

    def __init__(self, *, clock: Clock = utc_now) -> None:
        super().__init__()
        self._clock = clock
        self._lock = Lock()
        self._closed = False
        self._listeners = Listeners()

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
                self._undo_to(0)
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

    def add(self, creations: Sequence[Creation], *, atomic: bool = True) -> tuple[Accepted | Refused, ...]:
        """Create tasks; all or none, or each by itself."""
        with self._writing() as now:
            return tuple([self._add(creation, now, atomic) for creation in creations])

    def _add(self, creation: Creation, now: datetime, atomic: bool) -> Accepted | Refused:
        mark = len(self._undo)
        try:
            return self._create(creation, now)
        except MainspringError as error:
            if atomic:
                raise
            self._undo_to(mark)
            return Refused(creation.task.id, error)

    def _create(self, creation: Creation, now: datetime) -> Accepted:
        place = None if creation.idempotency is None else (creation.task.project, creation.idempotency.key)
        known = None if place is None else self._keys.rows.get(place)
        if creation.idempotency is not None and known is not None and known.at > now - KEEP_KEYS:
            existing = self._tasks.rows.get(known.task_id)
            if existing is not None:
                return repeated(existing, known.asked, creation.idempotency)
        accepted = self._settle(settled(creation, self._queues.rows.get(queue_of(creation.task))))
        if place is not None and creation.idempotency is not None:
            self._put_key(place, KnownKey(creation.idempotency, accepted.task.id, now))
        return accepted

    def _settle(self, creation: Creation) -> Accepted:
        existing = self._tasks.named(creation.task)
        if existing is None:
            self._insert(creation.task)
            return Accepted(task=creation.task, how="created")
        decision, how = clash(existing, creation)
        self._write(decision)
        return Accepted(task=decision.task, how=how)

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

    def take(self, shares: Mapping[QueueRef, int], step: TaskStep, gate: Gate) -> Taken:
        """Pass due tasks through ``step`` and write what it gives; those of gated queues as ``gate`` says."""
        with self._writing() as now:
            taken = [self._take(ref, share, step, gate, now) for ref, share in shares.items()]
        return Taken(
            decisions=tuple(decision for part in taken for decision in part.decisions),
            again=min((part.again for part in taken if part.again is not None), default=None),
        )

    def _take(self, ref: QueueRef, share: int, step: TaskStep, gate: Gate, now: datetime) -> Taken:
        queue = self._queues.rows.get(ref)
        if queue is None or not queue.gated:
            return Taken(decisions=self._pass(self._tasks.due(ref, share, now), step, now), again=None)
        candidates = self._tasks.candidates(ref, share, now, queue.last_turns)
        self._undo.append(partial(self._tasks.refresh, candidates))
        view = QueueView(queue=queue, running=self._tasks.running(ref, now))
        admission = gate(view, candidates, now, share)
        self._tasks.refresh(candidates)
        if admission.queue is not queue:
            self._put_queue(ref, admission.queue)
        admitted = [self._tasks.get(task_id) for task_id in admission.admitted]
        return Taken(decisions=self._pass(admitted, step, now), again=admission.again)

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
        mark = len(self._undo)
        try:
            decision = step(self._tasks.get(task_id), now)
            if not self._write(decision):
                raise Conflict(f"task {task_id}", "it has moved on", "read it again")
        except MainspringError as error:
            self._undo_to(mark)
            return Refused(task_id, error)
        return decision

    def delete(self, task_ids: Sequence[TaskId], wanted: TaskTest | None = None) -> int:
        """Remove tasks with their history, those that are (still) ``wanted``."""
        with self._writing() as now:
            return sum([self._remove(task_id, now, wanted) for task_id in task_ids])

    def _remove(self, task_id: TaskId, now: datetime, wanted: TaskTest | None = None) -> bool:
        task = self._tasks.rows.get(task_id)
        if task is None or not (wanted is None or wanted(task)):
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
                tasks=self._tasks.earliest_due(queues),
                lease=self._tasks.earliest_lease(),
                schedule=self._schedules.earliest_wake(),
            )

    def prune(self, project: str | None, statuses: frozenset[str], before: datetime, limit: int) -> int:
        """Delete tasks that ended before ``before``, and forget old idempotency keys."""
        with self._writing() as now:
            for place, known in [*self._keys.rows.items()]:
                if known.at <= now - KEEP_KEYS:
                    self._put_key(place, None)
            return sum([self._remove(task.id, now) for task in self._tasks.ended(project, statuses, before, limit)])

    # --- queues ------------------------------------------------------------------------------------------------------

    def get_queue(self, ref: QueueRef) -> Queue:
        """Read a queue's settings, or the defaults."""
        with self._reading():
            return self._queues.get(ref)

    def update_queue(self, ref: QueueRef, step: QueueStep) -> Queue:
        """Pass a queue's settings through ``step`` and write what it gives."""
        with self._writing() as now:
            before = self._queues.get(ref)
            after = step(before, now)
            if after.ref != ref:
                raise Conflict(str(ref), f"the step answered for {after.ref}", "change what the step is given")
            if after != before:
                self._put_queue(ref, after)
                self._hint = True
            return after

    def delete_queue(self, ref: QueueRef) -> None:
        """Forget a queue's settings."""
        with self._writing():
            if ref not in self._queues.rows:
                raise NotFound("queue", ref.name)
            self._put_queue(ref, None)
            self._hint = True

    def queues(self, project: str | None = None) -> tuple[QueueStatus, ...]:
        """Name the queues that are configured or hold live tasks."""
        with self._reading():
            counts = self._tasks.counts(project)
            known = {ref for ref in self._queues.rows if project in (None, ref.project)}
            return tuple(
                QueueStatus(queue=self._queues.get(ref), pending=pending, held=held)
                for ref in sorted({*counts, *known})
                for pending, held in [counts.get(ref, (0, 0))]
            )

    def configured(self) -> tuple[Queue, ...]:
        """Read the settings of every configured queue."""
        with self._reading():
            return tuple(self._queues.rows[ref] for ref in sorted(self._queues.rows))

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

    def fire(self, limit: int, step: ScheduleStep) -> tuple[Plan | Unplanned, ...]:
        """Pass schedules that are to be planned through ``step`` and write their plans."""
        with self._writing() as now:
            return tuple([self._fire(schedule, step, now) for schedule in self._schedules.due(limit, now)])

    def _fire(self, schedule: Schedule, step: ScheduleStep, now: datetime) -> Plan | Unplanned:
        mark = len(self._undo)
        try:
            return self._plan(schedule, step, now)
        except MainspringError as error:
            self._undo_to(mark)
            return Unplanned(schedule.id, error)

    def delete_schedule(self, schedule_id: ScheduleId) -> None:
        """Remove a schedule; its tasks and slot records stay."""
        with self._writing():
            self._schedules.get(schedule_id)
            self._put_schedule(schedule_id, None)

    def slots(self, schedule_id: ScheduleId, limit: int = 100, upto: datetime | None = None) -> tuple[Slot, ...]:
        """Read the newest slot records of a schedule, newest first."""
        with self._reading():
            return self._schedules.newest_slots(schedule_id, limit, upto)

    def schedule_history(self, schedule_id: ScheduleId) -> tuple[ScheduleEvent, ...]:
        """Read what was done to a schedule, oldest first."""
        with self._reading():
            return tuple(self._schedules.events.get(schedule_id, ()))

    def close(self) -> None:
        """Refuse every further operation."""
        with self._lock:
            self._closed = True
