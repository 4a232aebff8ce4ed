"""Faults at the port: what stands between a process and the storage, and what can go wrong there.

For each call, in this order: it may travel long; the process may freeze or be killed before the storage hears of it;
the storage may be away, or the connection may break; the storage may carry the step out twice (a transaction that was
rolled back and repeated) or hand out less than was asked for; the connection may break after the commit, so that the
caller cannot know the outcome; the process may be killed or freeze before it reads the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from math import ceil
from typing import Final, Protocol, TypeVar

from attrs import evolve as changed

from mainspring.core.creation import Accepted, Creation
from mainspring.core.errors import MainspringError, Unavailable
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
    Unplanned,
    Upcoming,
)
from mainspring.core.queue import Queue, QueueRef
from mainspring.core.schedule import Plan, Schedule, ScheduleEvent, ScheduleView, Slot
from mainspring.core.states import Cancelling
from mainspring.core.task import Task
from mainspring.simulation.dice import Dice
from mainspring.simulation.trace import Heard, Reached, Trace
from mainspring.simulation.virtual import Node

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")

TRAVEL: Final = (0.0001, 0.003)
"""How many seconds a call travels, one way, when nothing is wrong."""


class Weather(Protocol):
    """What the world decides for a call: which faults strike, and what they do to the process."""

    @property
    def calm(self) -> bool:
        """Whether the faults have ended."""
        ...

    @property
    def closed(self) -> bool:
        """Whether the run is over."""
        ...

    @property
    def away(self) -> bool:
        """Whether the storage is away."""
        ...

    def strikes(self, fault: str, what: str) -> bool:
        """Draw whether a fault strikes now, and write it down."""
        ...

    def kill(self, node: Node, how: str) -> None:
        """End a process; nothing of it runs any more."""
        ...

    def freeze(self, node: Node) -> None:
        """Stop a process for a while."""
        ...

    def left(self, seconds: float) -> float:
        """Cut a delay off at the end of the faults."""
        ...

    def now(self) -> datetime:
        """Tell the storage's true clock."""
        ...

    def tick(self) -> float:
        """Tell the virtual seconds since the start."""
        ...


class FaultyStorage:
    """``AsyncStorage`` of the process ``node`` over ``inner``."""

    def __init__(self, inner: Storage, node: Node, weather: Weather, dice: Dice, trace: Trace) -> None:
        self._inner = inner
        self._node = node
        self._weather = weather
        self._dice = dice
        self._trace = trace
        self._reached = False

    async def _do(self, op: str, call: Callable[[], T]) -> T:
        """Carry one call out, with whatever goes wrong on the way."""
        weather = self._weather
        self._trace.calls += 1
        await asyncio.sleep(self._dice.between(*TRAVEL))
        if weather.calm or weather.closed:
            await self._check_open()
            answer = call()
            self._reach()
            await asyncio.sleep(self._dice.between(*TRAVEL))
            return answer
        await self._before(op)
        try:
            answer = call()
        except MainspringError:
            await self._after(op)
            raise
        await self._after(op)
        return answer

    async def _check_open(self) -> None:
        if self._weather.closed:
            raise asyncio.CancelledError

    def _reach(self) -> None:
        if not self._reached:
            self._reached = True
            self._trace.add(Reached(at=self._weather.now(), tick=self._weather.tick(), actor=self._node.name))

    async def _before(self, op: str) -> None:
        weather = self._weather
        if weather.strikes("call delayed", op):
            await asyncio.sleep(weather.left(self._dice.scaled(0.1, 40)))
        if weather.strikes("process frozen", op):
            await self._freeze()
        if weather.strikes("crash before a call", op):
            await self._die("crashed before " + op)
        if weather.away:
            raise Unavailable("store", "it is away", "wait")
        if weather.strikes("connection lost before", op):
            raise Unavailable("store", "the connection was lost", "try again")
        await self._check_open()

    async def _after(self, op: str) -> None:
        weather = self._weather
        if weather.strikes("crash after a call", op):
            await self._die("crashed after " + op)
        if weather.strikes("connection lost after", op):
            raise Unavailable("store", "the connection was lost", "try again")
        if weather.strikes("process frozen", op):
            await self._freeze()
        if weather.strikes("call delayed", op):
            await asyncio.sleep(weather.left(self._dice.scaled(0.1, 40)))
        await asyncio.sleep(self._dice.between(*TRAVEL))

    async def _freeze(self) -> None:
        self._weather.freeze(self._node)
        await asyncio.sleep(0)  # what follows is parked

    async def _die(self, how: str) -> None:
        self._weather.kill(self._node, how)
        await asyncio.Event().wait()  # nothing of this process runs any more

    def _repeated(self, op: str, step: Callable[[A, B], T]) -> Callable[[A, B], T]:
        """Let a step run twice, as in a transaction that was rolled back and repeated."""
        if self._weather.calm or not self._weather.strikes("transaction repeated", op):
            return step

        def twice(value: A, at: B) -> T:
            with suppress(MainspringError):
                step(value, at)
            return step(value, at)

        return twice

    def _cut(self, op: str, count: int) -> int:
        """Let a batch be cut short."""
        if count > 1 and not self._weather.calm and self._weather.strikes("batch cut short", op):
            return ceil(count * self._dice.fraction()) or 1
        return count

    # --- tasks -------------------------------------------------------------------------------------------------------

    async def now(self) -> datetime:
        """As ``Storage.now``."""
        return await self._do("now", self._inner.now)

    async def add(self, creations: Sequence[Creation], *, atomic: bool = True) -> tuple[Accepted | Refused, ...]:
        """As ``Storage.add``."""
        return await self._do("add", lambda: self._inner.add(creations, atomic=atomic))

    async def get(self, task_id: TaskId) -> Task:
        """As ``Storage.get``."""
        return await self._do("get", lambda: self._inner.get(task_id))

    async def find(self, query: TaskQuery) -> Page[Task]:
        """As ``Storage.find``."""
        return await self._do("find", lambda: self._inner.find(changed(query, limit=self._cut("find", query.limit))))

    async def count(self, project: str) -> Mapping[str, int]:
        """As ``Storage.count``."""
        return await self._do("count", lambda: self._inner.count(project))

    async def history(self, task_id: TaskId) -> tuple[Event, ...]:
        """As ``Storage.history``."""
        return await self._do("history", lambda: self._inner.history(task_id))

    async def take(self, shares: Mapping[QueueRef, int], step: TaskStep, gate: Gate) -> Taken:
        """As ``Storage.take``."""

        def call() -> Taken:
            cut = {ref: self._cut("take", share) for ref, share in shares.items()}
            return self._inner.take(cut, self._repeated("take", step), gate)

        return await self._do("take", call)

    async def reclaim(self, limit: int, step: TaskStep) -> tuple[Decision, ...]:
        """As ``Storage.reclaim``."""
        return await self._do(
            "reclaim", lambda: self._inner.reclaim(self._cut("reclaim", limit), self._repeated("reclaim", step))
        )

    async def save(self, decisions: Sequence[Decision]) -> tuple[bool, ...]:
        """As ``Storage.save``; a report may arrive twice, and the second answer is the one that is heard."""

        def call() -> tuple[bool, ...]:
            applied = self._inner.save(decisions)
            if not self._weather.calm and self._weather.strikes("call answers twice", "save"):
                return self._inner.save(decisions)
            return applied

        return await self._do("save", call)

    async def update(self, task_ids: Sequence[TaskId], step: TaskStep) -> tuple[Decision | Refused, ...]:
        """As ``Storage.update``."""
        answers = await self._do("update", lambda: self._inner.update(task_ids, self._repeated("update", step)))
        for answer in answers:
            if isinstance(answer, Decision) and isinstance(answer.task.state, Cancelling):
                self._hear(answer.task, answer.task.state)
        return answers

    def _hear(self, task: Task, state: Cancelling) -> None:
        if state.worker == self._node.name and not self._node.dead:
            self._trace.add(
                Heard(
                    at=self._weather.now(),
                    tick=self._weather.tick(),
                    actor=self._node.name,
                    task_id=task.id,
                    run=state.run,
                )
            )

    async def delete(self, task_ids: Sequence[TaskId], wanted: Callable[[Task], bool] | None = None) -> int:
        """As ``Storage.delete``."""
        return await self._do("delete", lambda: self._inner.delete(task_ids, wanted))

    async def prune(self, project: str | None, statuses: frozenset[str], before: datetime, limit: int) -> int:
        """As ``Storage.prune``."""
        return await self._do("prune", lambda: self._inner.prune(project, statuses, before, self._cut("prune", limit)))

    # --- queues ------------------------------------------------------------------------------------------------------

    async def get_queue(self, ref: QueueRef) -> Queue:
        """As ``Storage.get_queue``."""
        return await self._do("get_queue", lambda: self._inner.get_queue(ref))

    async def update_queue(self, ref: QueueRef, step: QueueStep) -> Queue:
        """As ``Storage.update_queue``."""
        return await self._do("update_queue", lambda: self._inner.update_queue(ref, self._repeated("queue", step)))

    async def delete_queue(self, ref: QueueRef) -> None:
        """As ``Storage.delete_queue``."""
        await self._do("delete_queue", lambda: self._inner.delete_queue(ref))

    async def queues(self, project: str | None = None) -> tuple[QueueStatus, ...]:
        """As ``Storage.queues``."""
        return await self._do("queues", lambda: self._inner.queues(project))

    async def configured(self) -> tuple[Queue, ...]:
        """As ``Storage.configured``."""
        return await self._do("configured", self._inner.configured)

    async def upcoming(self, queues: Sequence[str]) -> Upcoming:
        """As ``Storage.upcoming``."""
        return await self._do("upcoming", lambda: self._inner.upcoming(queues))

    # --- schedules ---------------------------------------------------------------------------------------------------

    async def add_schedule(self, schedule: Schedule) -> None:
        """As ``Storage.add_schedule``."""
        await self._do("add_schedule", lambda: self._inner.add_schedule(schedule))

    async def get_schedule(self, schedule_id: ScheduleId) -> Schedule:
        """As ``Storage.get_schedule``."""
        return await self._do("get_schedule", lambda: self._inner.get_schedule(schedule_id))

    async def find_schedules(self, query: ScheduleQuery) -> Page[Schedule]:
        """As ``Storage.find_schedules``."""
        return await self._do("find_schedules", lambda: self._inner.find_schedules(query))

    async def update_schedule(self, schedule_id: ScheduleId, step: ScheduleStep) -> Plan:
        """As ``Storage.update_schedule``."""
        again: Callable[[ScheduleView, datetime], Plan] = self._repeated("schedule", step)
        return await self._do("update_schedule", lambda: self._inner.update_schedule(schedule_id, again))

    async def fire(self, limit: int, step: ScheduleStep) -> tuple[Plan | Unplanned, ...]:
        """As ``Storage.fire``."""
        return await self._do("fire", lambda: self._inner.fire(self._cut("fire", limit), self._repeated("fire", step)))

    async def delete_schedule(self, schedule_id: ScheduleId) -> None:
        """As ``Storage.delete_schedule``."""
        await self._do("delete_schedule", lambda: self._inner.delete_schedule(schedule_id))

    async def slots(self, schedule_id: ScheduleId, limit: int = 100, upto: datetime | None = None) -> tuple[Slot, ...]:
        """As ``Storage.slots``."""
        return await self._do("slots", lambda: self._inner.slots(schedule_id, limit, upto))

    async def schedule_history(self, schedule_id: ScheduleId) -> tuple[ScheduleEvent, ...]:
        """As ``Storage.schedule_history``."""
        return await self._do("schedule_history", lambda: self._inner.schedule_history(schedule_id))

    async def close(self) -> None:
        """Nothing: the storage outlives its processes."""
