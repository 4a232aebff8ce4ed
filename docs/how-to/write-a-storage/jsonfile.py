"""A storage in one JSON file: small, slow, and complete.

It decides nothing. Each operation is a transaction: lock the file, read it, change a copy of what it holds, write that
beside it, and rename. What is refused, or raises, leaves the file as it was.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from attrs import define, field, frozen

from mainspring.adapters.codec import EVENT, QUEUE, SCHEDULE, SCHEDULE_EVENT, SLOT, TASK
from mainspring.core.commands import Cancel
from mainspring.core.creation import KEEP_KEYS, Accepted, Creation, IdempotencyKey, clash, repeated, settled
from mainspring.core.effects import NudgeSchedule
from mainspring.core.errors import Conflict, InvalidInput, MainspringError, NotFound, Unavailable
from mainspring.core.events import UNRECORDED, Event
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.instants import format_instant, parse_instant, to_micros
from mainspring.core.machine import Decision, handle
from mainspring.core.matching import ended_before, matches
from mainspring.core.ports import (
    MAX_KEYS_SEEN,
    MAX_LIVE,
    SUPERSEDED,
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
from mainspring.core.schedule import Buffered, Plan, Schedule, ScheduleEvent, ScheduleView, Slot, nudged, task_ended
from mainspring.core.states import LIVE, Cancelling, Pending, Running
from mainspring.core.task import Task, schedule_of


@frozen
class Known:
    """An idempotency key that was used: for which request and task, and when."""

    asked: IdempotencyKey
    task_id: TaskId
    at: datetime


@define
class Book:
    """All that the file holds. The values are frozen, so that a copy of the dicts is a copy of everything."""

    tasks: dict[TaskId, Task] = field(factory=dict)
    events: dict[TaskId, tuple[Event, ...]] = field(factory=dict)
    keys: dict[tuple[str, str], Known] = field(factory=dict)
    queues: dict[QueueRef, Queue] = field(factory=dict)
    schedules: dict[ScheduleId, Schedule] = field(factory=dict)
    slots: dict[tuple[ScheduleId, datetime, bool], Slot] = field(factory=dict)
    schedule_events: dict[ScheduleId, tuple[ScheduleEvent, ...]] = field(factory=dict)

    def copy(self) -> Book:
        """Copy everything, so that it can be changed and thrown away."""
        return Book(*(dict(getattr(self, name)) for name in self.__slots__ if name != "__weakref__"))

    # --- rows --------------------------------------------------------------------------------------------------------

    def task(self, task_id: TaskId) -> Task:
        if task_id not in self.tasks:
            raise NotFound("task", task_id)
        return self.tasks[task_id]

    def schedule(self, schedule_id: ScheduleId) -> Schedule:
        if schedule_id not in self.schedules:
            raise NotFound("schedule", schedule_id)
        return self.schedules[schedule_id]

    def holder(self, task: Task) -> Task | None:
        """The live task that has the name of a live task."""
        if task.name is None or not isinstance(task.state, LIVE):
            return None
        place = (task.project, task.name)
        named = (one for one in self.tasks.values() if (one.project, one.name) == place and isinstance(one.state, LIVE))
        return next(named, None)

    def put(self, task: Task) -> None:
        holder = self.holder(task)
        if holder is not None and holder.id != task.id:
            raise Conflict(f"name {task.name!r}", f"{holder} has it", "wait for its end, or use another name")
        self.tasks[task.id] = task

    def insert(self, task: Task) -> None:
        if task.id in self.tasks:
            raise Conflict(str(task), "its id exists already", "make a new id")
        self.put(task)

    def write(self, decision: Decision) -> bool:
        """Compare and set, with all that follows from it: the heart of every storage."""
        current = self.tasks.get(decision.task.id)
        if current is None or current.version != decision.read_version:
            return False
        if not decision.events:
            return True
        self.put(decision.task)
        recorded = tuple(event for event in decision.events if type(event) not in UNRECORDED)
        self.events[current.id] = self.events.get(current.id, ()) + recorded
        for effect in decision.effects:
            if isinstance(effect, NudgeSchedule):
                self.nudge(effect)
        for task in decision.follow_ups:
            self.insert(task)
        return True

    def nudge(self, nudge: NudgeSchedule) -> None:
        schedule = self.schedules.get(nudge.schedule_id)
        if schedule is not None:
            self.schedules[schedule.id] = nudged(schedule, nudge)

    def remove(self, task_id: TaskId, now: datetime) -> bool:
        task = self.tasks.pop(task_id, None)
        self.events.pop(task_id, None)
        if task is not None and isinstance(task.state, LIVE):
            nudge = task_ended(task, now)
            if nudge is not None:
                self.nudge(nudge)
        return task is not None

    def put_schedule(self, schedule: Schedule) -> None:
        place = (schedule.project, schedule.name)
        for other in self.schedules.values():
            if schedule.name is not None and (other.project, other.name) == place and other.id != schedule.id:
                raise Conflict(f"name {schedule.name!r}", f"{other} has it", "use another name, or edit that schedule")
        self.schedules[schedule.id] = schedule

    def put_slot(self, slot: Slot) -> None:
        key = (slot.schedule_id, slot.occurrence, slot.manual)
        before = self.slots.get(key)
        if before is not None and not isinstance(before.outcome, Buffered):
            what = f"{format_instant(slot.occurrence)} has its slot record already"
            raise Conflict(f"schedule {slot.schedule_id}", what, "read the schedule again")
        self.slots[key] = slot

    def note(self, schedule_id: ScheduleId, events: Sequence[ScheduleEvent]) -> None:
        self.schedule_events[schedule_id] = (*self.schedule_events.get(schedule_id, ()), *events)

    # --- what steps are passed through -------------------------------------------------------------------------------

    def create(self, creation: Creation, now: datetime) -> Accepted:
        asked = creation.idempotency
        place = ("", "") if asked is None else (creation.task.project, asked.key)
        known = self.keys.get(place)
        if asked is not None and known is not None and known.at > now - KEEP_KEYS and known.task_id in self.tasks:
            return repeated(self.tasks[known.task_id], known.asked, asked)
        creation = settled(creation, self.queues.get(queue_of(creation.task)))
        existing = self.holder(creation.task)
        if existing is None:
            self.insert(creation.task)
            accepted = Accepted(task=creation.task, how="created")
        else:
            decision, how = clash(existing, creation)
            self.write(decision)
            accepted = Accepted(task=decision.task, how=how)
        if asked is not None:
            self.keys[place] = Known(asked, accepted.task.id, now)
        return accepted

    def due(self, ref: QueueRef, now: datetime) -> list[Task]:
        """The tasks of a queue that may start, in their order."""
        waiting = (task for task in self.tasks.values() if queue_of(task) == ref)
        due = [(task.state.due, task) for task in waiting if isinstance(task.state, Pending) and task.state.due <= now]
        return [task for at, task in sorted(due, key=lambda row: (-row[1].priority, row[0], row[1].id))]

    def take(self, ref: QueueRef, share: int, step: TaskStep, gate: Gate, now: datetime) -> Taken:
        due, queue = self.due(ref, now), self.queues.get(ref)
        if queue is None or not queue.gated:
            return Taken(decisions=self.passed(due[:share], step, now), again=None)
        held = (task for task in self.tasks.values() if queue_of(task) == ref)
        running = Counter(
            task.key or ""
            for task in held
            if isinstance(task.state, Running | Cancelling) and task.state.lease_until > now
        )
        candidates = _first_of_each_key(due, share, queue)
        admission = gate(QueueView(queue=queue, running=dict(running)), candidates, now, share)
        self.queues[ref] = admission.queue
        admitted = [self.task(task_id) for task_id in admission.admitted]
        return Taken(decisions=self.passed(admitted, step, now), again=admission.again)

    def passed(self, tasks: Sequence[Task], step: TaskStep, now: datetime) -> tuple[Decision, ...]:
        decisions = tuple(step(task, now) for task in tasks)
        for task, decision in zip(tasks, decisions, strict=True):
            if decision.task.id != task.id or not self.write(decision):
                raise Conflict(str(task), f"the step answered for {decision.task}", "decide on what the step is given")
        return decisions

    def plan(self, schedule: Schedule, step: ScheduleStep, now: datetime) -> Plan:
        children = sorted(task.id for task in self.tasks.values() if schedule_of(task) == schedule.id)
        live = [task_id for task_id in children if isinstance(self.tasks[task_id].state, LIVE)]
        plan = step(ScheduleView(schedule=schedule, live=tuple(live[:MAX_LIVE])), now)
        if plan.schedule.id != schedule.id or plan.read_version != schedule.version:
            raise Conflict(str(schedule), "the plan was made on another version", "plan what the step is given")
        if plan.schedule.version == schedule.version:
            return plan
        self.put_schedule(plan.schedule)
        for task in plan.tasks:
            self.insert(task)
        for slot in plan.slots:
            self.put_slot(slot)
        self.note(schedule.id, plan.events)
        for task_id in plan.cancels:
            superseded = self.tasks.get(task_id)
            if superseded is not None and isinstance(superseded.state, LIVE):
                self.write(handle(superseded, Cancel(at=now, reason=SUPERSEDED)))
        return plan


def _first_of_each_key(due: Sequence[Task], share: int, queue: Queue) -> list[Task]:
    """At least ``share`` of each key, for the keys that have waited longest for a turn."""
    turns = queue.last_turns
    keys = {task.key for task in due if task.key is not None}
    seen = sorted(keys, key=lambda key: (key in turns, turns.get(key, due[0].created_at), key))[:MAX_KEYS_SEEN]
    return [task for key in (*seen, None) for task in [one for one in due if one.key == key][:share]]


class JsonFileStorage:
    """``Storage`` in the file ``path``, for several threads and processes."""

    def __init__(self, path: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = path
        self._clock = clock
        self._lock = Lock()  # among threads; among processes it is the lock on the file
        self._guard = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT)
        self._book, self._seen = Book(), ""

    @contextmanager
    def _reading(self) -> Iterator[Book]:
        with self._lock:
            if self._guard < 0:
                raise Unavailable("store", "the storage was closed", "open it again")
            fcntl.flock(self._guard, fcntl.LOCK_EX)
            try:
                yield self._latest()
            finally:
                fcntl.flock(self._guard, fcntl.LOCK_UN)

    @contextmanager
    def _writing(self) -> Iterator[tuple[Book, datetime]]:
        with self._reading() as before:
            book = before.copy()
            yield book, self._clock()
            if book != before:
                self._keep(book)

    def _latest(self) -> Book:
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        if text != self._seen:
            self._book, self._seen = _read(json.loads(text)), text
        return self._book

    def _keep(self, book: Book) -> None:
        text = json.dumps(_plain(book))
        fresh = self._path.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        self._book, self._seen = book, text

    # --- tasks -------------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        with self._reading():
            return self._clock()

    def add(self, creations: Sequence[Creation], *, atomic: bool = True) -> tuple[Accepted | Refused, ...]:
        with self._writing() as (book, now):
            return tuple([_one(book, creation, now, atomic) for creation in creations])

    def get(self, task_id: TaskId) -> Task:
        with self._reading() as book:
            return book.task(task_id)

    def find(self, query: TaskQuery) -> Page[Task]:
        with self._reading() as book:
            return _page([task for task in book.tasks.values() if matches(task, query)], query.limit, query.after)

    def count(self, project: str) -> Mapping[str, int]:
        with self._reading() as book:
            return Counter(task.state.status for task in book.tasks.values() if task.project == project)

    def history(self, task_id: TaskId) -> tuple[Event, ...]:
        with self._reading() as book:
            book.task(task_id)
            return book.events.get(task_id, ())

    def take(self, shares: Mapping[QueueRef, int], step: TaskStep, gate: Gate) -> Taken:
        with self._writing() as (book, now):
            parts = [book.take(ref, share, step, gate, now) for ref, share in shares.items()]
        decisions = tuple(decision for part in parts for decision in part.decisions)
        return Taken(decisions=decisions, again=min((part.again for part in parts if part.again), default=None))

    def reclaim(self, limit: int, step: TaskStep) -> tuple[Decision, ...]:
        with self._writing() as (book, now):
            held = [
                (task.state.lease_until, task)
                for task in book.tasks.values()
                if isinstance(task.state, Running | Cancelling) and task.state.lease_until <= now
            ]
            held.sort(key=lambda row: (row[0], row[1].id))
            return book.passed([task for _, task in held[:limit]], step, now)

    def save(self, decisions: Sequence[Decision]) -> tuple[bool, ...]:
        with self._writing() as (book, _):
            return tuple([book.write(decision) for decision in decisions])

    def update(self, task_ids: Sequence[TaskId], step: TaskStep) -> tuple[Decision | Refused, ...]:
        with self._writing() as (book, now):
            return tuple([_updated(book, task_id, step, now) for task_id in task_ids])

    def delete(self, task_ids: Sequence[TaskId], wanted: TaskTest | None = None) -> int:
        with self._writing() as (book, now):
            found = [task_id for task_id in task_ids if task_id in book.tasks]
            chosen = [task_id for task_id in found if wanted is None or wanted(book.tasks[task_id])]
            return sum(book.remove(task_id, now) for task_id in chosen)

    def prune(self, project: str | None, statuses: frozenset[str], before: datetime, limit: int) -> int:
        with self._writing() as (book, now):
            book.keys = {place: known for place, known in book.keys.items() if known.at > now - KEEP_KEYS}
            ended = [
                (task.state.at, task.id)
                for task in book.tasks.values()
                if not isinstance(task.state, Pending | Running | Cancelling)
                and task.state.status in statuses
                and project in (None, task.project)
                and ended_before(task, before)
            ]
            return sum(book.remove(task_id, now) for _, task_id in sorted(ended)[:limit])

    def upcoming(self, queues: Sequence[str]) -> Upcoming:
        with self._reading() as book:
            tasks: dict[QueueRef, datetime] = {}
            leases: list[datetime] = []
            for task in book.tasks.values():
                ref = queue_of(task)
                if isinstance(task.state, Pending) and (not queues or ref.name in queues):
                    tasks[ref] = min(task.state.due, tasks.get(ref, task.state.due))
                if isinstance(task.state, Running | Cancelling):
                    leases.append(task.state.lease_until)
            wakes = [one.wake_at for one in book.schedules.values() if one.wake_at is not None]
            return Upcoming(tasks=tasks, lease=min(leases, default=None), schedule=min(wakes, default=None))

    # --- queues ------------------------------------------------------------------------------------------------------

    def get_queue(self, ref: QueueRef) -> Queue:
        with self._reading() as book:
            return book.queues.get(ref) or Queue(ref=ref)

    def update_queue(self, ref: QueueRef, step: QueueStep) -> Queue:
        with self._writing() as (book, now):
            before = book.queues.get(ref) or Queue(ref=ref)
            after = step(before, now)
            if after.ref != ref:
                raise Conflict(str(ref), f"the step answered for {after.ref}", "change what the step is given")
            if after != before:
                book.queues[ref] = after
            return after

    def delete_queue(self, ref: QueueRef) -> None:
        with self._writing() as (book, _):
            if book.queues.pop(ref, None) is None:
                raise NotFound("queue", ref.name)

    def queues(self, project: str | None = None) -> tuple[QueueStatus, ...]:
        with self._reading() as book:
            pending = Counter(queue_of(task) for task in book.tasks.values() if isinstance(task.state, Pending))
            live = Counter(queue_of(task) for task in book.tasks.values() if isinstance(task.state, LIVE))
            return tuple(
                QueueStatus(
                    queue=book.queues.get(ref) or Queue(ref=ref), pending=pending[ref], held=live[ref] - pending[ref]
                )
                for ref in sorted({*live, *book.queues})
                if project in (None, ref.project)
            )

    def configured(self) -> tuple[Queue, ...]:
        with self._reading() as book:
            return tuple(book.queues[ref] for ref in sorted(book.queues))

    # --- schedules ---------------------------------------------------------------------------------------------------

    def add_schedule(self, schedule: Schedule) -> None:
        with self._writing() as (book, _):
            if schedule.id in book.schedules:
                raise Conflict(str(schedule), "its id exists already", "make a new id")
            book.put_schedule(schedule)
            book.note(schedule.id, [ScheduleEvent(at=schedule.created_at, kind="created")])

    def get_schedule(self, schedule_id: ScheduleId) -> Schedule:
        with self._reading() as book:
            return book.schedule(schedule_id)

    def find_schedules(self, query: ScheduleQuery) -> Page[Schedule]:
        with self._reading() as book:
            found = [
                one
                for one in book.schedules.values()
                if one.project == query.project and query.name in (None, one.name)
            ]
            return _page(found, query.limit, query.after)

    def update_schedule(self, schedule_id: ScheduleId, step: ScheduleStep) -> Plan:
        with self._writing() as (book, now):
            return book.plan(book.schedule(schedule_id), step, now)

    def fire(self, limit: int, step: ScheduleStep) -> tuple[Plan | Unplanned, ...]:
        with self._writing() as (book, now):
            waking = [(one.wake_at, one.id) for one in book.schedules.values() if one.wake_at and one.wake_at <= now]
            return tuple([_fired(book, schedule_id, step, now) for _, schedule_id in sorted(waking)[:limit]])

    def delete_schedule(self, schedule_id: ScheduleId) -> None:
        with self._writing() as (book, _):
            del book.schedules[book.schedule(schedule_id).id]

    def slots(self, schedule_id: ScheduleId, limit: int = 100, upto: datetime | None = None) -> tuple[Slot, ...]:
        with self._reading() as book:
            mine = [slot for slot in book.slots.values() if slot.schedule_id == schedule_id]
            mine = [slot for slot in mine if upto is None or slot.occurrence <= upto]
            return tuple(sorted(mine, key=lambda slot: (slot.occurrence, slot.manual), reverse=True)[:limit])

    def schedule_history(self, schedule_id: ScheduleId) -> tuple[ScheduleEvent, ...]:
        with self._reading() as book:
            return book.schedule_events.get(schedule_id, ())

    def close(self) -> None:
        with self._lock:
            if self._guard >= 0:
                os.close(self._guard)
                self._guard = -1


# --- each by itself --------------------------------------------------------------------------------------------------


@contextmanager
def _attempt(book: Book) -> Iterator[Book]:
    """A part of a transaction that can be taken back by itself."""
    trial = book.copy()
    yield trial
    for name in Book.__slots__:
        if name != "__weakref__":
            setattr(book, name, getattr(trial, name))


def _one(book: Book, creation: Creation, now: datetime, atomic: bool) -> Accepted | Refused:
    try:
        with _attempt(book) as trial:
            return trial.create(creation, now)
    except MainspringError as error:
        if atomic:
            raise
        return Refused(creation.task.id, error)


def _updated(book: Book, task_id: TaskId, step: TaskStep, now: datetime) -> Decision | Refused:
    try:
        with _attempt(book) as trial:
            decision = step(trial.task(task_id), now)
            if not trial.write(decision):
                raise Conflict(f"task {task_id}", "it has moved on", "read it again")
            return decision
    except MainspringError as error:
        return Refused(task_id, error)


def _fired(book: Book, schedule_id: ScheduleId, step: ScheduleStep, now: datetime) -> Plan | Unplanned:
    try:
        with _attempt(book) as trial:
            return trial.plan(trial.schedule(schedule_id), step, now)
    except MainspringError as error:
        return Unplanned(schedule_id, error)


# --- pages -----------------------------------------------------------------------------------------------------------


Row = TypeVar("Row", Task, Schedule)


def _page(found: Sequence[Row], limit: int, after: str | None) -> Page[Row]:
    """The newest first; a cursor says where the page before ended."""
    end = (1 << 62, "") if after is None else _place(after)
    rows = sorted(found, key=_place_of, reverse=True)
    items = tuple([row for row in rows if _place_of(row) < end][: limit + 1])
    more = len(items) > limit
    return Page(items[:limit], "{}.{}".format(*_place_of(items[limit - 1])) if more else None)


def _place_of(row: Task | Schedule) -> tuple[int, str]:
    return to_micros(row.created_at), row.id


def _place(cursor: str) -> tuple[int, str]:
    micros, _, last = cursor.partition(".")
    if not micros.isdecimal() or not micros.isascii() or len(micros) > 18 or not last:
        raise InvalidInput("after", f"{cursor[:80]!r} is no cursor", "give the cursor of the page before, or none")
    return int(micros), last


# --- JSON ------------------------------------------------------------------------------------------------------------


def _plain(book: Book) -> dict[str, object]:
    return {
        "tasks": [TASK.plain(task) for task in book.tasks.values()],
        "events": {key: [EVENT.plain(event) for event in events] for key, events in book.events.items()},
        "keys": [
            [*place, known.asked.fingerprint, known.task_id, format_instant(known.at)]
            for place, known in book.keys.items()
        ],
        "queues": [QUEUE.plain(queue) for queue in book.queues.values()],
        "schedules": [SCHEDULE.plain(schedule) for schedule in book.schedules.values()],
        "slots": [SLOT.plain(slot) for slot in book.slots.values()],
        "schedule_events": {
            key: [SCHEDULE_EVENT.plain(event) for event in events] for key, events in book.schedule_events.items()
        },
    }


def _read(plain: Any) -> Book:
    tasks = [TASK.of(one, "task") for one in plain["tasks"]]
    queues = [QUEUE.of(one, "queue") for one in plain["queues"]]
    schedules = [SCHEDULE.of(one, "schedule") for one in plain["schedules"]]
    slots = [SLOT.of(one, "slot") for one in plain["slots"]]
    return Book(
        tasks={task.id: task for task in tasks},
        events={
            TaskId(key): tuple(EVENT.of(one, "event") for one in events) for key, events in plain["events"].items()
        },
        keys={
            (project, key): Known(IdempotencyKey(key=key, fingerprint=mark), TaskId(task), parse_instant("at", at))
            for project, key, mark, task, at in plain["keys"]
        },
        queues={queue.ref: queue for queue in queues},
        schedules={schedule.id: schedule for schedule in schedules},
        slots={(slot.schedule_id, slot.occurrence, slot.manual): slot for slot in slots},
        schedule_events={
            ScheduleId(key): tuple(SCHEDULE_EVENT.of(one, "event") for one in events)
            for key, events in plain["schedule_events"].items()
        },
    )
