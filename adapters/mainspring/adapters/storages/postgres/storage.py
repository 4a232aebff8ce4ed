"""The Postgres storage in its synchronous colour."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

import psycopg

from mainspring.adapters.storages.clock import Clock
from mainspring.adapters.storages.listeners import Listener
from mainspring.adapters.storages.postgres import (
    creating,
    doctor,
    finding,
    queueing,
    saving,
    scheduling,
    searching,
    taking,
)
from mainspring.adapters.storages.postgres.access import Access
from mainspring.adapters.storages.postgres.connections import Connections
from mainspring.adapters.storages.postgres.directory import PostgresDirectory
from mainspring.adapters.storages.postgres.doctor import Quarantined, Report
from mainspring.adapters.storages.postgres.drivers import Job, carry_out, pause_before, transacted, undo
from mainspring.adapters.storages.postgres.faults import unavailable
from mainspring.adapters.storages.postgres.opening import prepare
from mainspring.adapters.storages.postgres.rows import Unreadable
from mainspring.adapters.storages.postgres.target import Target, read_target
from mainspring.adapters.storages.postgres.texts import Operation
from mainspring.adapters.storages.postgres.wakeups import Notifier
from mainspring.adapters.storages.postgres.work import Overtaken, Work
from mainspring.core.creation import Accepted, Creation
from mainspring.core.errors import Unavailable
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
from mainspring.core.task import Task

T = TypeVar("T")


class PostgresStorage:
    """``Storage`` over one schema of a Postgres database; any number of processes on any machines may use it at once.

    ``url`` is as in ``target``. ``clock`` overrides the database's clock, for tests. A step may be called more than
    once for one operation: if others got in the way, the whole transaction is made again.

    Opening raises ``InvalidInput`` for a URL that is none, and ``Unavailable`` for a database that cannot be used.
    """

    def __init__(self, url: str | Target, *, clock: Clock | None = None) -> None:
        target = read_target(url) if isinstance(url, str) else url
        prepare(target)
        self.access: Final = Access(target, clock)
        self._connections = Connections(target)
        self._notifier = Notifier(target, self._connections)
        if target.wakeups:
            self.access.on_due(self._notifier.ring)
        self.directory: Final = PostgresDirectory(self)
        """The projects and keys in this schema."""

    @property
    def target(self) -> Target:
        """The database and how it is used."""
        return self.access.target

    def subscribe(self, callback: Listener) -> Callable[[], None]:
        """Call ``callback`` after each commit of this process that made something due, until the answer is called."""
        return self.access.subscribe(callback)

    def doctor(self) -> Report:
        """Look at the server, at the indexes, and for rows that refer to nothing."""
        return self._once(doctor.examine(self.access.sql, self.target))

    def quarantined(self, limit: int = 100) -> tuple[Quarantined, ...]:
        """List rows that could not be read and were set aside."""
        return self._once(doctor.quarantined(self.access.sql, limit))

    # --- carrying out ------------------------------------------------------------------------------------------------

    def _once(self, operation: Operation[T]) -> T:
        """Carry out an operation of one statement, or one that only reads."""
        begin = None if self.target.wakeups else self.access.begin()
        try:
            with self._connections.lend() as connection:
                try:
                    if begin is not None:
                        connection.execute(begin, prepare=False)
                    result = carry_out(connection.cursor(), operation)
                    if begin is not None:
                        connection.execute(b"COMMIT", prepare=False)
                except BaseException:
                    undo(connection)
                    raise
        except psycopg.Error as error:
            raise unavailable(self.target.name, error) from error
        return result

    def _write(self, job: Job[T], first: str = "") -> T:
        """Carry out a job in a transaction; again, if others got in its way."""
        begin = self.access.begin(first)
        attempt = 0
        while True:
            work = self.access.work(attempt)
            try:
                with self._connections.lend() as connection:
                    try:
                        result = carry_out(connection.cursor(), transacted(work, job, begin))
                    except BaseException:
                        undo(connection)
                        raise
            except (psycopg.Error, Overtaken) as error:
                time.sleep(pause_before(attempt, error, self.target.name))
                attempt += 1
            else:
                self.access.committed(work.hint)
                return result

    def look_up(self, operation: Operation[T]) -> T:
        """Carry out an operation that only reads, for what is kept beside the tasks."""
        return self._once(operation)

    def carry_out(self, job: Job[T]) -> T:
        """Carry out a job in a transaction, for what is kept beside the tasks."""
        return self._write(job)

    def _quarantine(
        self, mark: Callable[[Work, Sequence[Unreadable]], Operation[None]], rows: Sequence[Unreadable]
    ) -> None:
        if rows:
            with suppress(Unavailable):  # it is found again by the next search
                self._write(lambda work: mark(work, rows))

    # --- tasks -------------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Read the storage's clock."""
        return from_micros(self._once(finding.now(self.access.sql, self.access.instant)))

    def add(self, creations: Sequence[Creation], *, atomic: bool = True) -> tuple[Accepted | Refused, ...]:
        """Create tasks; all or none, or each by itself."""
        if not creations:
            return ()
        at_once = creating.can_be_added_at_once(creations)
        if at_once and self._once(creating.add_at_once(self.access.sql, creations)):
            self.access.committed(creating.first_due(creations))
            return creating.all_created(creations)
        return self._write(partial(creating.add, creations=creations, atomic=atomic))

    def get(self, task_id: TaskId) -> Task:
        """Read one task."""
        return self._once(finding.get(self.access.sql, task_id))

    def find(self, query: TaskQuery) -> Page[Task]:
        """Find tasks, newest first; those that cannot be read are left out and quarantined."""
        found, unreadable = self._once(searching.find(self.access.sql, query))
        self._quarantine(taking.quarantine_tasks, unreadable)
        return found

    def count(self, project: str) -> Mapping[str, int]:
        """Count the project's tasks by status."""
        return self._once(finding.count(self.access.sql, project))

    def history(self, task_id: TaskId) -> tuple[Event, ...]:
        """Read the recorded events of a task."""
        return self._once(finding.history(self.access.sql, task_id))

    def take(self, shares: Mapping[QueueRef, int], step: TaskStep, gate: Gate) -> Taken:
        """Pass due tasks through ``step`` and write what it gives; those of gated queues as ``gate`` says."""
        held = taking.shared_locks(self.target.schema, [*shares])
        return self._write(partial(taking.take, shares=shares, step=step, gate=gate), held)

    def reclaim(self, limit: int, step: TaskStep) -> tuple[Decision, ...]:
        """Pass held tasks whose lease has ended through ``step`` and write what it gives."""
        return self._write(partial(taking.reclaim, limit=limit, step=step))

    def save(self, decisions: Sequence[Decision]) -> tuple[bool, ...]:
        """Write decisions that were made outside."""
        if not decisions:
            return ()
        if saving.can_be_saved_at_once(decisions):
            applied = self._once(saving.save_at_once(self.access.sql, decisions))
            self.access.committed(saving.first_due(decisions))
            return applied
        return self._write(partial(saving.save, decisions=decisions))

    def update(self, task_ids: Sequence[TaskId], step: TaskStep) -> tuple[Decision | Refused, ...]:
        """Pass each named task through ``step`` and write what it gives."""
        return self._write(partial(saving.update, task_ids=task_ids, step=step))

    def delete(self, task_ids: Sequence[TaskId], wanted: TaskTest | None = None) -> int:
        """Remove tasks with their history, those that are (still) ``wanted``."""
        return self._write(partial(saving.delete, task_ids=task_ids, wanted=wanted))

    def prune(self, project: str | None, statuses: frozenset[str], before: datetime, limit: int) -> int:
        """Delete tasks that ended before ``before``, and forget old idempotency keys."""
        edge = to_micros(before)
        return self._write(partial(saving.prune, project=project, statuses=statuses, before=edge, limit=limit))

    def upcoming(self, queues: Sequence[str]) -> Upcoming:
        """Find the earliest instants at which there is something to do."""
        return self._once(finding.upcoming(self.access.sql, queues))

    # --- queues ------------------------------------------------------------------------------------------------------

    def get_queue(self, ref: QueueRef) -> Queue:
        """Read a queue's settings, or the defaults."""
        return self._once(finding.get_queue(self.access.sql, ref))

    def update_queue(self, ref: QueueRef, step: QueueStep) -> Queue:
        """Pass a queue's settings through ``step`` and write what it gives."""
        held = taking.exclusive_lock(self.target.schema, ref)
        return self._write(partial(queueing.update, ref=ref, step=step), held)

    def delete_queue(self, ref: QueueRef) -> None:
        """Forget a queue's settings."""
        self._write(partial(queueing.delete, ref=ref), taking.exclusive_lock(self.target.schema, ref))

    def queues(self, project: str | None = None) -> tuple[QueueStatus, ...]:
        """Name the queues that are configured or hold live tasks."""
        return self._once(finding.statuses(self.access.sql, project))

    def configured(self) -> tuple[Queue, ...]:
        """Read the settings of every configured queue."""
        return self._once(finding.configured(self.access.sql))

    # --- schedules ---------------------------------------------------------------------------------------------------

    def add_schedule(self, schedule: Schedule) -> None:
        """Insert a new schedule and its event *created*."""
        self._write(partial(scheduling.add_schedule, schedule=schedule))

    def get_schedule(self, schedule_id: ScheduleId) -> Schedule:
        """Read one schedule."""
        return self._once(scheduling.get_schedule(self.access.sql, schedule_id))

    def find_schedules(self, query: ScheduleQuery) -> Page[Schedule]:
        """Find schedules, newest first; those that cannot be read are left out and quarantined."""
        found, unreadable = self._once(finding.find_schedules(self.access.sql, query))
        self._quarantine(scheduling.quarantine_schedules, unreadable)
        return found

    def update_schedule(self, schedule_id: ScheduleId, step: ScheduleStep) -> Plan:
        """Pass one schedule through ``step`` and write its plan."""
        return self._write(partial(scheduling.update_schedule, schedule_id=schedule_id, step=step))

    def fire(self, limit: int, step: ScheduleStep) -> tuple[Plan | Unplanned, ...]:
        """Pass schedules that are to be planned through ``step`` and write their plans."""
        return self._write(partial(scheduling.fire, limit=limit, step=step))

    def delete_schedule(self, schedule_id: ScheduleId) -> None:
        """Remove a schedule; its tasks and slot records stay."""
        self._write(partial(scheduling.delete_schedule, schedule_id=schedule_id))

    def slots(self, schedule_id: ScheduleId, limit: int = 100, upto: datetime | None = None) -> tuple[Slot, ...]:
        """Read the newest slot records of a schedule, newest first."""
        return self._once(scheduling.slots(self.access.sql, schedule_id, limit, upto))

    def schedule_history(self, schedule_id: ScheduleId) -> tuple[ScheduleEvent, ...]:
        """Read what was done to a schedule, oldest first."""
        return self._once(scheduling.schedule_history(self.access.sql, schedule_id))

    def close(self) -> None:
        """Close every connection; repeating it does nothing."""
        self._notifier.close()
        self._connections.close()
