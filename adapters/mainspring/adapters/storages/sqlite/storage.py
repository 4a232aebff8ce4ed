"""The SQLite storage: transactions around the core's steps, over one file that several processes may share."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from mainspring.adapters.storages.clock import Clock, utc_now
from mainspring.adapters.storages.listeners import Listener, Listeners
from mainspring.adapters.storages.sqlite import doctor, queue_rows, schedule_rows, task_rows, task_search
from mainspring.adapters.storages.sqlite.connections import Connections
from mainspring.adapters.storages.sqlite.creating import Creating
from mainspring.adapters.storages.sqlite.directory import SqliteDirectory
from mainspring.adapters.storages.sqlite.doctor import Quarantined, Report
from mainspring.adapters.storages.sqlite.opening import BUSY_SECONDS, JournalMode
from mainspring.adapters.storages.sqlite.rows import Unreadable, read_task
from mainspring.adapters.storages.sqlite.session import Session
from mainspring.core.creation import Accepted, Creation
from mainspring.core.errors import Conflict, MainspringError, NotFound
from mainspring.core.events import Event
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.instants import from_micros, to_micros
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
from mainspring.core.queue import Queue, QueueRef
from mainspring.core.schedule import Plan, Schedule, ScheduleEvent, Slot
from mainspring.core.states import TERMINAL_STATUSES
from mainspring.core.task import Task


class SqliteStorage:
    """``Storage`` over one SQLite file; several processes and threads may use it at once.

    ``journal_mode`` is best left to ``auto`` (see ``opening``). ``busy_seconds`` bounds how long an operation waits
    for another process. ``clock`` gives the instant now; the default is this machine's clock.

    Opening raises ``InvalidInput`` for a path that cannot hold a store, and ``Unavailable`` for a file that is not
    ours, damaged, too new, locked, or not to be written; nothing is changed then.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        clock: Clock = utc_now,
        journal_mode: JournalMode = "auto",
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        self._connections = Connections(path, journal_mode=journal_mode, busy_seconds=busy_seconds)
        self._clock = clock
        self._listeners = Listeners()
        self.directory = SqliteDirectory(self._connections, clock)
        """The projects and keys in this file."""

    @property
    def path(self) -> Path:
        """The file."""
        return self._connections.path

    @property
    def journal_mode(self) -> str:
        """The journal mode in use: ``wal`` or ``truncate``."""
        return self._connections.journal_mode

    def subscribe(self, callback: Listener) -> Callable[[], None]:
        """Call ``callback`` after each commit of this object that made something due, until the answer is called."""
        return self._listeners.subscribe(callback)

    def doctor(self) -> Report:
        """Check the whole file and say how it is used; reads every page."""
        with self._connections.reading() as connection:
            return doctor.examine(connection, self.path, self.journal_mode)

    def quarantined(self, limit: int = 100) -> tuple[Quarantined, ...]:
        """List rows that could not be read and were set aside."""
        with self._connections.reading() as connection:
            return doctor.quarantined(connection, limit)

    @contextmanager
    def _writing(self) -> Generator[Session]:
        """Open a write transaction; after its commit, tell the listeners if it made something due."""
        with self._connections.writing() as connection:
            session = Session(connection, self._clock())
            yield session
            session.flush()
        if session.hint:
            self._listeners.tell()

    def _quarantine(
        self, mark: Callable[[sqlite3.Connection, Sequence[Unreadable]], None], rows: Sequence[Unreadable]
    ) -> None:
        """Mark rows that a search could not read."""
        if rows:
            with self._connections.writing() as connection:
                mark(connection, rows)

    # --- tasks -------------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Read the storage's clock."""
        return self._clock()

    def add(self, creations: Sequence[Creation], *, atomic: bool = True) -> tuple[Accepted | Refused, ...]:
        """Create tasks; all or none, or each by itself."""
        with self._writing() as session:
            return Creating(session).all_of(creations, atomic=atomic)

    def get(self, task_id: TaskId) -> Task:
        """Read one task."""
        with self._connections.reading() as connection:
            row = task_rows.row_of(connection, task_id)
        return read_task(row)

    def find(self, query: TaskQuery) -> Page[Task]:
        """Find tasks, newest first; rows that cannot be read are left out and quarantined."""
        with self._connections.reading() as connection:
            found, unreadable = task_search.find(connection, query)
        self._quarantine(task_rows.quarantine, unreadable)
        return found

    def count(self, project: str) -> Mapping[str, int]:
        """Count the project's tasks by status."""
        with self._connections.reading() as connection:
            return task_search.count(connection, project)

    def history(self, task_id: TaskId) -> tuple[Event, ...]:
        """Read the recorded events of a task."""
        with self._connections.reading() as connection:
            return task_rows.history(connection, task_id)

    def take(self, shares: Mapping[QueueRef, int], step: TaskStep, gate: Gate) -> Taken:
        """Pass due tasks through ``step`` and write what it gives; those of gated queues as ``gate`` says."""
        with self._writing() as session:
            taken = [session.take(ref, share, step, gate) for ref, share in shares.items()]
        return Taken(
            decisions=tuple(decision for part in taken for decision in part.decisions),
            again=min((part.again for part in taken if part.again is not None), default=None),
        )

    def reclaim(self, limit: int, step: TaskStep) -> tuple[Decision, ...]:
        """Pass held tasks whose lease has ended through ``step`` and write what it gives."""
        with self._writing() as session:
            rows = task_rows.expired_rows(session.connection, limit, to_micros(session.now))
            return session.pass_all(task_rows.readable(session.connection, rows, limit), step)

    def save(self, decisions: Sequence[Decision]) -> tuple[bool, ...]:
        """Write decisions that were made outside."""
        with self._writing() as session:
            return tuple([session.save(decision) for decision in decisions])

    def update(self, task_ids: Sequence[TaskId], step: TaskStep) -> tuple[Decision | Refused, ...]:
        """Pass each named task through ``step`` and write what it gives."""
        with self._writing() as session:
            return tuple([_update(session, task_id, step) for task_id in task_ids])

    def delete(self, task_ids: Sequence[TaskId], wanted: TaskTest | None = None) -> int:
        """Remove tasks with their history, those that are (still) ``wanted``."""
        with self._writing() as session:
            return sum([session.delete(task_id, wanted) for task_id in task_ids])

    def upcoming(self, queues: Sequence[str]) -> Upcoming:
        """Find the earliest instants at which there is something to do."""
        with self._connections.reading() as connection:
            dues = task_rows.earliest_dues(connection, queues)
            lease = task_rows.earliest_lease(connection)
            wake = schedule_rows.earliest_wake(connection)
        tasks = {ref: from_micros(due) for ref, due in dues.items()}
        return Upcoming(tasks=tasks, lease=_instant(lease), schedule=_instant(wake))

    def prune(self, project: str | None, statuses: frozenset[str], before: datetime, limit: int) -> int:
        """Delete tasks that ended before ``before``, and forget old idempotency keys."""
        with self._writing() as session:
            queue_rows.forget_keys(session.connection, session.now)
            edge = to_micros(before)
            found = [
                row
                for status in sorted(statuses & TERMINAL_STATUSES)
                for row in task_search.ended(session.connection, project, status, edge, limit)
            ]
            return sum([session.delete(task_id) for _, task_id in sorted(found)[:limit]])

    # --- queues ------------------------------------------------------------------------------------------------------

    def get_queue(self, ref: QueueRef) -> Queue:
        """Read a queue's settings, or the defaults."""
        with self._connections.reading() as connection:
            return queue_rows.get(connection, ref) or Queue(ref=ref)

    def update_queue(self, ref: QueueRef, step: QueueStep) -> Queue:
        """Pass a queue's settings through ``step`` and write what it gives."""
        with self._writing() as session:
            before = queue_rows.get(session.connection, ref) or Queue(ref=ref)
            after = step(before, session.now)
            if after.ref != ref:
                raise Conflict(str(ref), f"the step answered for {after.ref}", "change what the step is given")
            if after != before:
                queue_rows.put(session.connection, after)
                session.hint = True
            return after

    def delete_queue(self, ref: QueueRef) -> None:
        """Forget a queue's settings."""
        with self._writing() as session:
            if not queue_rows.delete(session.connection, ref):
                raise NotFound("queue", ref.name)
            session.hint = True

    def queues(self, project: str | None = None) -> tuple[QueueStatus, ...]:
        """Name the queues that are configured or hold live tasks."""
        with self._connections.reading() as connection:
            return queue_rows.statuses(connection, project)

    def configured(self) -> tuple[Queue, ...]:
        """Read the settings of every configured queue."""
        with self._connections.reading() as connection:
            return queue_rows.configured(connection)

    # --- schedules ---------------------------------------------------------------------------------------------------

    def add_schedule(self, schedule: Schedule) -> None:
        """Insert a new schedule and its event *created*."""
        with self._writing() as session:
            session.insert_schedule(schedule)

    def get_schedule(self, schedule_id: ScheduleId) -> Schedule:
        """Read one schedule."""
        with self._connections.reading() as connection:
            return schedule_rows.get(connection, schedule_id)

    def find_schedules(self, query: ScheduleQuery) -> Page[Schedule]:
        """Find schedules, newest first; rows that cannot be read are left out and quarantined."""
        with self._connections.reading() as connection:
            found, unreadable = schedule_rows.find(connection, query)
        self._quarantine(schedule_rows.quarantine, unreadable)
        return found

    def update_schedule(self, schedule_id: ScheduleId, step: ScheduleStep) -> Plan:
        """Pass one schedule through ``step`` and write its plan."""
        with self._writing() as session:
            return session.plan(schedule_rows.get(session.connection, schedule_id), step)

    def fire(self, limit: int, step: ScheduleStep) -> tuple[Plan | Unplanned, ...]:
        """Pass schedules that are to be planned through ``step`` and write their plans."""
        with self._writing() as session:
            due = schedule_rows.due(session.connection, limit, to_micros(session.now))
            return tuple([_fire(session, schedule, step) for schedule in due])

    def delete_schedule(self, schedule_id: ScheduleId) -> None:
        """Remove a schedule; its tasks and slot records stay."""
        with self._writing() as session:
            if not schedule_rows.delete(session.connection, schedule_id):
                raise NotFound("schedule", schedule_id)

    def slots(self, schedule_id: ScheduleId, limit: int = 100, upto: datetime | None = None) -> tuple[Slot, ...]:
        """Read the newest slot records of a schedule, newest first."""
        with self._connections.reading() as connection:
            return schedule_rows.slots(connection, schedule_id, limit, upto)

    def schedule_history(self, schedule_id: ScheduleId) -> tuple[ScheduleEvent, ...]:
        """Read what was done to a schedule, oldest first."""
        with self._connections.reading() as connection:
            return schedule_rows.history(connection, schedule_id)

    def close(self) -> None:
        """Close the file; repeating it does nothing."""
        self._connections.close()


def _fire(session: Session, schedule: Schedule, step: ScheduleStep) -> Plan | Unplanned:
    try:
        with session.apart():
            return session.plan(schedule, step)
    except MainspringError as error:
        return Unplanned(schedule.id, error)


def _update(session: Session, task_id: TaskId, step: TaskStep) -> Decision | Refused:
    try:
        decision = step(session.read(task_id), session.now)
        if not session.save(decision):
            raise Conflict(f"task {task_id}", "it has moved on", "read it again")
    except MainspringError as error:
        return Refused(task_id, error)
    return decision


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
