"""The Postgres storage in its asynchronous colour: the same operations, carried out by another driver."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar

import psycopg

from mainspring.adapters.storages.postgres import creating, finding, queueing, saving, scheduling, searching, taking
from mainspring.adapters.storages.postgres.access import Access
from mainspring.adapters.storages.postgres.connections import AsyncConnections
from mainspring.adapters.storages.postgres.drivers import Job, carry_out_async, pause_before, transacted, undo_async
from mainspring.adapters.storages.postgres.faults import unavailable
from mainspring.adapters.storages.postgres.rows import Unreadable
from mainspring.adapters.storages.postgres.texts import Operation
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


class AsyncPostgresStorage:
    """``AsyncStorage`` over what a ``PostgresStorage`` has opened; for any number of event loops.

    Cancelling an awaiting caller never leaves an operation behind its back: one that runs is waited for, and then the
    cancellation goes on. Its writes stay.
    """

    def __init__(self, access: Access) -> None:
        self.access: Final = access
        self._connections = AsyncConnections(access.target)

    # --- carrying out ------------------------------------------------------------------------------------------------

    async def _once(self, operation: Operation[T]) -> T:
        """Carry out an operation of one statement, or one that only reads."""
        return await _seen_through(self._try_once(operation))

    async def _try_once(self, operation: Operation[T]) -> T:
        begin = None if self.access.target.wakeups else self.access.begin()
        try:
            async with self._connections.lend() as connection:
                try:
                    if begin is not None:
                        await connection.execute(begin, prepare=False)
                    result = await carry_out_async(connection.cursor(), operation)
                    if begin is not None:
                        await connection.execute(b"COMMIT", prepare=False)
                except BaseException:
                    await undo_async(connection)
                    raise
        except psycopg.Error as error:
            raise unavailable(self.access.target.name, error) from error
        return result

    async def _write(self, job: Job[T], first: str = "") -> T:
        """Carry out a job in a transaction; again, if others got in its way."""
        return await _seen_through(self._try_write(job, self.access.begin(first)))

    async def _try_write(self, job: Job[T], begin: bytes) -> T:
        attempt = 0
        while True:
            work = self.access.work(attempt)
            try:
                async with self._connections.lend() as connection:
                    try:
                        result = await carry_out_async(connection.cursor(), transacted(work, job, begin))
                    except BaseException:
                        await undo_async(connection)
                        raise
            except (psycopg.Error, Overtaken) as error:
                await asyncio.sleep(pause_before(attempt, error, self.access.target.name))
                attempt += 1
            else:
                self.access.committed(work.hint)
                return result

    async def _quarantine(
        self, mark: Callable[[Work, Sequence[Unreadable]], Operation[None]], rows: Sequence[Unreadable]
    ) -> None:
        if rows:
            with suppress(Unavailable):  # it is found again by the next search
                await self._write(lambda work: mark(work, rows))

    # --- tasks -------------------------------------------------------------------------------------------------------

    async def now(self) -> datetime:
        """As ``Storage.now``."""
        return from_micros(await self._once(finding.now(self.access.sql, self.access.instant)))

    async def add(self, creations: Sequence[Creation], *, atomic: bool = True) -> tuple[Accepted | Refused, ...]:
        """As ``Storage.add``."""
        if not creations:
            return ()
        at_once = creating.can_be_added_at_once(creations)
        if at_once and await self._once(creating.add_at_once(self.access.sql, creations)):
            self.access.committed(creating.first_due(creations))
            return creating.all_created(creations)
        return await self._write(partial(creating.add, creations=creations, atomic=atomic))

    async def get(self, task_id: TaskId) -> Task:
        """As ``Storage.get``."""
        return await self._once(finding.get(self.access.sql, task_id))

    async def find(self, query: TaskQuery) -> Page[Task]:
        """As ``Storage.find``."""
        found, unreadable = await self._once(searching.find(self.access.sql, query))
        await self._quarantine(taking.quarantine_tasks, unreadable)
        return found

    async def count(self, project: str) -> Mapping[str, int]:
        """As ``Storage.count``."""
        return await self._once(finding.count(self.access.sql, project))

    async def history(self, task_id: TaskId) -> tuple[Event, ...]:
        """As ``Storage.history``."""
        return await self._once(finding.history(self.access.sql, task_id))

    async def take(self, shares: Mapping[QueueRef, int], step: TaskStep, gate: Gate) -> Taken:
        """As ``Storage.take``."""
        held = taking.shared_locks(self.access.target.schema, [*shares])
        return await self._write(partial(taking.take, shares=shares, step=step, gate=gate), held)

    async def reclaim(self, limit: int, step: TaskStep) -> tuple[Decision, ...]:
        """As ``Storage.reclaim``."""
        return await self._write(partial(taking.reclaim, limit=limit, step=step))

    async def save(self, decisions: Sequence[Decision]) -> tuple[bool, ...]:
        """As ``Storage.save``."""
        if not decisions:
            return ()
        if saving.can_be_saved_at_once(decisions):
            applied = await self._once(saving.save_at_once(self.access.sql, decisions))
            self.access.committed(saving.first_due(decisions))
            return applied
        return await self._write(partial(saving.save, decisions=decisions))

    async def update(self, task_ids: Sequence[TaskId], step: TaskStep) -> tuple[Decision | Refused, ...]:
        """As ``Storage.update``."""
        return await self._write(partial(saving.update, task_ids=task_ids, step=step))

    async def delete(self, task_ids: Sequence[TaskId], wanted: TaskTest | None = None) -> int:
        """As ``Storage.delete``."""
        return await self._write(partial(saving.delete, task_ids=task_ids, wanted=wanted))

    async def prune(self, project: str | None, statuses: frozenset[str], before: datetime, limit: int) -> int:
        """As ``Storage.prune``."""
        edge = to_micros(before)
        return await self._write(partial(saving.prune, project=project, statuses=statuses, before=edge, limit=limit))

    async def upcoming(self, queues: Sequence[str]) -> Upcoming:
        """As ``Storage.upcoming``."""
        return await self._once(finding.upcoming(self.access.sql, queues))

    # --- queues ------------------------------------------------------------------------------------------------------

    async def get_queue(self, ref: QueueRef) -> Queue:
        """As ``Storage.get_queue``."""
        return await self._once(finding.get_queue(self.access.sql, ref))

    async def update_queue(self, ref: QueueRef, step: QueueStep) -> Queue:
        """As ``Storage.update_queue``."""
        held = taking.exclusive_lock(self.access.target.schema, ref)
        return await self._write(partial(queueing.update, ref=ref, step=step), held)

    async def delete_queue(self, ref: QueueRef) -> None:
        """As ``Storage.delete_queue``."""
        await self._write(partial(queueing.delete, ref=ref), taking.exclusive_lock(self.access.target.schema, ref))

    async def queues(self, project: str | None = None) -> tuple[QueueStatus, ...]:
        """As ``Storage.queues``."""
        return await self._once(finding.statuses(self.access.sql, project))

    async def configured(self) -> tuple[Queue, ...]:
        """As ``Storage.configured``."""
        return await self._once(finding.configured(self.access.sql))

    # --- schedules ---------------------------------------------------------------------------------------------------

    async def add_schedule(self, schedule: Schedule) -> None:
        """As ``Storage.add_schedule``."""
        await self._write(partial(scheduling.add_schedule, schedule=schedule))

    async def get_schedule(self, schedule_id: ScheduleId) -> Schedule:
        """As ``Storage.get_schedule``."""
        return await self._once(scheduling.get_schedule(self.access.sql, schedule_id))

    async def find_schedules(self, query: ScheduleQuery) -> Page[Schedule]:
        """As ``Storage.find_schedules``."""
        found, unreadable = await self._once(finding.find_schedules(self.access.sql, query))
        await self._quarantine(scheduling.quarantine_schedules, unreadable)
        return found

    async def update_schedule(self, schedule_id: ScheduleId, step: ScheduleStep) -> Plan:
        """As ``Storage.update_schedule``."""
        return await self._write(partial(scheduling.update_schedule, schedule_id=schedule_id, step=step))

    async def fire(self, limit: int, step: ScheduleStep) -> tuple[Plan | Unplanned, ...]:
        """As ``Storage.fire``."""
        return await self._write(partial(scheduling.fire, limit=limit, step=step))

    async def delete_schedule(self, schedule_id: ScheduleId) -> None:
        """As ``Storage.delete_schedule``."""
        await self._write(partial(scheduling.delete_schedule, schedule_id=schedule_id))

    async def slots(self, schedule_id: ScheduleId, limit: int = 100, upto: datetime | None = None) -> tuple[Slot, ...]:
        """As ``Storage.slots``."""
        return await self._once(scheduling.slots(self.access.sql, schedule_id, limit, upto))

    async def schedule_history(self, schedule_id: ScheduleId) -> tuple[ScheduleEvent, ...]:
        """As ``Storage.schedule_history``."""
        return await self._once(scheduling.schedule_history(self.access.sql, schedule_id))

    async def close(self) -> None:
        """Close the connections of this colour; repeating it does nothing."""
        self.release()

    def release(self) -> None:
        """As ``close``, from outside of any event loop."""
        self._connections.close()


async def _seen_through(job: Coroutine[Any, Any, T]) -> T:
    """Await ``job``; when cancelled, see it end first."""
    task = asyncio.ensure_future(job)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError:
                continue  # one request to stop is passed on below
        if not task.cancelled():
            task.exception()  # looked at, so that the loop does not report it as lost
        raise
