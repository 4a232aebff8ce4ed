"""The asynchronous colour of any storage: the same operations, awaited.

Two ways to carry an operation out:

* *inline*: in the caller's own thread, at once. For storages that never wait (memory).
* *on a thread*: on one thread that belongs to this object, one operation after the other, in the order asked. For
  storages that wait for a disk or a lock (SQLite), so that the event loop does not.

Cancelling an awaiting caller never leaves an operation behind its back: one that has not begun is not begun; one that
runs is waited for, and then the cancellation goes on. Its writes stay (a cancelled ``take`` may have taken tasks, whose
leases then have to end): a worker that shuts down should let its last operation return.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TypeVar

from mainspring.core.creation import Accepted, Creation
from mainspring.core.errors import Unavailable
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
    Storage,
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


class AsyncOver:
    """``AsyncStorage`` over a ``Storage``. Closing this closes the storage."""

    def __init__(self, storage: Storage, *, inline: bool = False) -> None:
        self._storage = storage
        self._thread = None if inline else ThreadPoolExecutor(1, thread_name_prefix="mainspring-storage")

    async def _do(self, operation: Callable[[], T]) -> T:
        if self._thread is None:
            return operation()
        try:
            job = self._thread.submit(operation)
        except RuntimeError:  # the pool was shut down by ``close``
            raise Unavailable("store", "the storage was closed", "open it again") from None
        return await _outcome(job)

    async def now(self) -> datetime:
        """As ``Storage.now``."""
        return await self._do(self._storage.now)

    async def add(self, creations: Sequence[Creation], *, atomic: bool = True) -> tuple[Accepted | Refused, ...]:
        """As ``Storage.add``."""
        return await self._do(partial(self._storage.add, creations, atomic=atomic))

    async def get(self, task_id: TaskId) -> Task:
        """As ``Storage.get``."""
        return await self._do(partial(self._storage.get, task_id))

    async def find(self, query: TaskQuery) -> Page[Task]:
        """As ``Storage.find``."""
        return await self._do(partial(self._storage.find, query))

    async def count(self, project: str) -> Mapping[str, int]:
        """As ``Storage.count``."""
        return await self._do(partial(self._storage.count, project))

    async def history(self, task_id: TaskId) -> tuple[Event, ...]:
        """As ``Storage.history``."""
        return await self._do(partial(self._storage.history, task_id))

    async def take(self, shares: Mapping[QueueRef, int], step: TaskStep, gate: Gate) -> Taken:
        """As ``Storage.take``."""
        return await self._do(partial(self._storage.take, shares, step, gate))

    async def reclaim(self, limit: int, step: TaskStep) -> tuple[Decision, ...]:
        """As ``Storage.reclaim``."""
        return await self._do(partial(self._storage.reclaim, limit, step))

    async def save(self, decisions: Sequence[Decision]) -> tuple[bool, ...]:
        """As ``Storage.save``."""
        return await self._do(partial(self._storage.save, decisions))

    async def update(self, task_ids: Sequence[TaskId], step: TaskStep) -> tuple[Decision | Refused, ...]:
        """As ``Storage.update``."""
        return await self._do(partial(self._storage.update, task_ids, step))

    async def delete(self, task_ids: Sequence[TaskId], wanted: TaskTest | None = None) -> int:
        """As ``Storage.delete``."""
        return await self._do(partial(self._storage.delete, task_ids, wanted))

    async def prune(self, project: str | None, statuses: frozenset[str], before: datetime, limit: int) -> int:
        """As ``Storage.prune``."""
        return await self._do(partial(self._storage.prune, project, statuses, before, limit))

    async def get_queue(self, ref: QueueRef) -> Queue:
        """As ``Storage.get_queue``."""
        return await self._do(partial(self._storage.get_queue, ref))

    async def update_queue(self, ref: QueueRef, step: QueueStep) -> Queue:
        """As ``Storage.update_queue``."""
        return await self._do(partial(self._storage.update_queue, ref, step))

    async def delete_queue(self, ref: QueueRef) -> None:
        """As ``Storage.delete_queue``."""
        await self._do(partial(self._storage.delete_queue, ref))

    async def queues(self, project: str | None = None) -> tuple[QueueStatus, ...]:
        """As ``Storage.queues``."""
        return await self._do(partial(self._storage.queues, project))

    async def configured(self) -> tuple[Queue, ...]:
        """As ``Storage.configured``."""
        return await self._do(self._storage.configured)

    async def upcoming(self, queues: Sequence[str]) -> Upcoming:
        """As ``Storage.upcoming``."""
        return await self._do(partial(self._storage.upcoming, queues))

    async def add_schedule(self, schedule: Schedule) -> None:
        """As ``Storage.add_schedule``."""
        await self._do(partial(self._storage.add_schedule, schedule))

    async def get_schedule(self, schedule_id: ScheduleId) -> Schedule:
        """As ``Storage.get_schedule``."""
        return await self._do(partial(self._storage.get_schedule, schedule_id))

    async def find_schedules(self, query: ScheduleQuery) -> Page[Schedule]:
        """As ``Storage.find_schedules``."""
        return await self._do(partial(self._storage.find_schedules, query))

    async def update_schedule(self, schedule_id: ScheduleId, step: ScheduleStep) -> Plan:
        """As ``Storage.update_schedule``."""
        return await self._do(partial(self._storage.update_schedule, schedule_id, step))

    async def fire(self, limit: int, step: ScheduleStep) -> tuple[Plan | Unplanned, ...]:
        """As ``Storage.fire``."""
        return await self._do(partial(self._storage.fire, limit, step))

    async def delete_schedule(self, schedule_id: ScheduleId) -> None:
        """As ``Storage.delete_schedule``."""
        await self._do(partial(self._storage.delete_schedule, schedule_id))

    async def slots(self, schedule_id: ScheduleId, limit: int = 100, upto: datetime | None = None) -> tuple[Slot, ...]:
        """As ``Storage.slots``."""
        return await self._do(partial(self._storage.slots, schedule_id, limit, upto))

    async def schedule_history(self, schedule_id: ScheduleId) -> tuple[ScheduleEvent, ...]:
        """As ``Storage.schedule_history``."""
        return await self._do(partial(self._storage.schedule_history, schedule_id))

    async def close(self) -> None:
        """As ``Storage.close``; waits for the operations that run."""
        if self._thread is None:
            self._storage.close()
            return
        try:
            job = self._thread.submit(self._storage.close)
        except RuntimeError:
            return  # closed before
        self._thread.shutdown(wait=False)  # what was submitted is still carried out
        await _outcome(job)


async def _outcome(job: Future[T]) -> T:
    """Await ``job``. When cancelled: drop it if it has not begun, else see it end first."""
    waiter = asyncio.wrap_future(job)
    try:
        return await asyncio.shield(waiter)
    except asyncio.CancelledError as cancelled:
        if job.cancel():
            raise
        while not waiter.done():
            try:
                await asyncio.wait([waiter])
            except asyncio.CancelledError:
                continue  # one request to stop is passed on below; the operation cannot be stopped
        if not waiter.cancelled():
            waiter.exception()  # looked at, so that the loop does not report it as lost
        raise cancelled
