"""A storage that misbehaves on demand: ``AsyncStorage`` over another one, with faults before and after each operation.

* *before*: the operation fails and nothing has happened.
* *after*: the operation has happened and its answer is lost: the caller cannot know.
* *delay*: the answer comes late. *hold*: it comes when the test says so.
* *away*: everything fails, before, until the storage is back.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal, TypeVar

from attrs import frozen

from mainspring.core.creation import Accepted, Creation
from mainspring.core.errors import Unavailable
from mainspring.core.events import Event
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.machine import Decision
from mainspring.core.ports import (
    AsyncStorage,
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


@frozen
class Fault:
    """What goes wrong with one call."""

    when: Literal["before", "after"]
    error: Exception | None = None
    seconds: float = 0.0
    hold: asyncio.Event | None = None


def unavailable() -> Unavailable:
    """The error of a storage that is away."""
    return Unavailable("store", "it is away (a fault of the test)", "wait")


class FaultyStorage:
    """``AsyncStorage`` over ``inner``; counts the calls, and lets each operation's next calls go wrong as told."""

    def __init__(self, inner: AsyncStorage) -> None:
        self.inner = inner
        self.calls: Counter[str] = Counter()
        self.away = False
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)

    def fail(
        self, operation: str, when: Literal["before", "after"] = "before", *, error: Exception | None = None
    ) -> None:
        """Let the next call of ``operation`` fail, by ``Unavailable`` unless told otherwise."""
        self._faults[operation].append(Fault(when, error or unavailable()))

    def delay(self, operation: str, seconds: float, when: Literal["before", "after"] = "before") -> None:
        """Let the next call of ``operation`` take so much longer."""
        self._faults[operation].append(Fault(when, seconds=seconds))

    def hold(self, operation: str, when: Literal["before", "after"] = "before") -> asyncio.Event:
        """Let the next call of ``operation`` hang until the event is set."""
        event = asyncio.Event()
        self._faults[operation].append(Fault(when, hold=event))
        return event

    async def _do(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        self.calls[operation] += 1
        if self.away:
            raise unavailable()
        fault = self._faults[operation].popleft() if self._faults[operation] else None
        if fault is not None and fault.when == "before":
            await _suffer(fault)
        answer = await call()
        if fault is not None and fault.when == "after":
            await _suffer(fault)
        return answer

    async def now(self) -> datetime:
        return await self._do("now", self.inner.now)

    async def add(self, creations: Sequence[Creation], *, atomic: bool = True) -> tuple[Accepted | Refused, ...]:
        return await self._do("add", lambda: self.inner.add(creations, atomic=atomic))

    async def get(self, task_id: TaskId) -> Task:
        return await self._do("get", lambda: self.inner.get(task_id))

    async def find(self, query: TaskQuery) -> Page[Task]:
        return await self._do("find", lambda: self.inner.find(query))

    async def count(self, project: str) -> Mapping[str, int]:
        return await self._do("count", lambda: self.inner.count(project))

    async def history(self, task_id: TaskId) -> tuple[Event, ...]:
        return await self._do("history", lambda: self.inner.history(task_id))

    async def take(self, shares: Mapping[QueueRef, int], step: TaskStep, gate: Gate) -> Taken:
        return await self._do("take", lambda: self.inner.take(shares, step, gate))

    async def reclaim(self, limit: int, step: TaskStep) -> tuple[Decision, ...]:
        return await self._do("reclaim", lambda: self.inner.reclaim(limit, step))

    async def save(self, decisions: Sequence[Decision]) -> tuple[bool, ...]:
        return await self._do("save", lambda: self.inner.save(decisions))

    async def update(self, task_ids: Sequence[TaskId], step: TaskStep) -> tuple[Decision | Refused, ...]:
        return await self._do("update", lambda: self.inner.update(task_ids, step))

    async def delete(self, task_ids: Sequence[TaskId], wanted: TaskTest | None = None) -> int:
        return await self._do("delete", lambda: self.inner.delete(task_ids, wanted))

    async def prune(self, project: str | None, statuses: frozenset[str], before: datetime, limit: int) -> int:
        return await self._do("prune", lambda: self.inner.prune(project, statuses, before, limit))

    async def get_queue(self, ref: QueueRef) -> Queue:
        return await self._do("get_queue", lambda: self.inner.get_queue(ref))

    async def update_queue(self, ref: QueueRef, step: QueueStep) -> Queue:
        return await self._do("update_queue", lambda: self.inner.update_queue(ref, step))

    async def delete_queue(self, ref: QueueRef) -> None:
        await self._do("delete_queue", lambda: self.inner.delete_queue(ref))

    async def queues(self, project: str | None = None) -> tuple[QueueStatus, ...]:
        return await self._do("queues", lambda: self.inner.queues(project))

    async def configured(self) -> tuple[Queue, ...]:
        return await self._do("configured", self.inner.configured)

    async def upcoming(self, queues: Sequence[str]) -> Upcoming:
        return await self._do("upcoming", lambda: self.inner.upcoming(queues))

    async def add_schedule(self, schedule: Schedule) -> None:
        await self._do("add_schedule", lambda: self.inner.add_schedule(schedule))

    async def get_schedule(self, schedule_id: ScheduleId) -> Schedule:
        return await self._do("get_schedule", lambda: self.inner.get_schedule(schedule_id))

    async def find_schedules(self, query: ScheduleQuery) -> Page[Schedule]:
        return await self._do("find_schedules", lambda: self.inner.find_schedules(query))

    async def update_schedule(self, schedule_id: ScheduleId, step: ScheduleStep) -> Plan:
        return await self._do("update_schedule", lambda: self.inner.update_schedule(schedule_id, step))

    async def fire(self, limit: int, step: ScheduleStep) -> tuple[Plan | Unplanned, ...]:
        return await self._do("fire", lambda: self.inner.fire(limit, step))

    async def delete_schedule(self, schedule_id: ScheduleId) -> None:
        await self._do("delete_schedule", lambda: self.inner.delete_schedule(schedule_id))

    async def slots(self, schedule_id: ScheduleId, limit: int = 100, upto: datetime | None = None) -> tuple[Slot, ...]:
        return await self._do("slots", lambda: self.inner.slots(schedule_id, limit, upto))

    async def schedule_history(self, schedule_id: ScheduleId) -> tuple[ScheduleEvent, ...]:
        return await self._do("schedule_history", lambda: self.inner.schedule_history(schedule_id))

    async def close(self) -> None:
        await self.inner.close()


async def _suffer(fault: Fault) -> None:
    if fault.seconds:
        await asyncio.sleep(fault.seconds)
    if fault.hold is not None:
        await fault.hold.wait()
    if fault.error is not None:
        raise fault.error
