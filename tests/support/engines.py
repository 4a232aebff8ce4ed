"""A real engine over the real memory storage, with a scripted executor: everything that an engine test needs."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeAlias, TypeVar

from attrs import define, field

from mainspring.adapters.engine import EngineSettings, Worker
from mainspring.adapters.storages.asynchronous import AsyncOver
from mainspring.adapters.storages.memory import MemoryStorage
from mainspring.adapters.storages.wakeups import LocalWakeups
from mainspring.core.commands import Cancel
from mainspring.core.events import Event
from mainspring.core.ids import ENTROPY_BYTES, TaskId, uuid7
from mainspring.core.machine import handle
from mainspring.core.ports import Done, Outcome, Run, TaskQuery
from mainspring.core.retry import Never
from mainspring.core.states import TERMINAL
from mainspring.core.task import FunctionCall, Task, new_task
from mainspring.testing.conformance.port import creations
from support.faults import FaultyStorage

T = TypeVar("T")
Script: TypeAlias = Callable[[Task, Run], Awaitable[Outcome]]

LONG = 20.0
"""Seconds after which a test gives up waiting; never reached when all is well."""


def run(scenario: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine; nothing may hang."""

    async def bounded() -> T:
        async with asyncio.timeout(60):
            return await scenario

    return asyncio.run(bounded())


class SeededEntropy:
    """``Entropy`` that is the same in every run."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def fraction(self) -> float:
        return self._random.random()

    def octets(self, count: int) -> bytes:
        return self._random.randbytes(count)


class DeafWakeups:
    """``Wakeups`` over which no hint ever comes."""

    async def wait(self, timeout: timedelta) -> None:
        await asyncio.sleep(timeout.total_seconds())

    def wake(self) -> None:
        pass


async def well(task: Task, run: Run) -> Outcome:
    """The call does its work at once."""
    return Done(result='"well"')


@define
class ScriptedExecutor:
    """``Executor`` that does what its script says, and keeps account of what ran when."""

    script: Script = well
    started: list[tuple[TaskId, int, int]] = field(factory=list)
    """(task, run, attempt), in the order of their starts."""
    interrupted: list[tuple[TaskId, int]] = field(factory=list)
    going: Counter[TaskId] = field(factory=Counter)
    peak: int = 0
    overlaps: int = 0
    """How often a task was started while another run of it went on."""

    async def execute(self, task: Task, run: Run) -> Outcome:
        self.started.append((task.id, run.run, run.attempt))
        self.overlaps += self.going[task.id] > 0
        self.going[task.id] += 1
        self.peak = max(self.peak, self.going.total())
        try:
            return await self.script(task, run)
        except asyncio.CancelledError:
            self.interrupted.append((task.id, run.run))
            raise
        finally:
            self.going[task.id] -= 1


class House:
    """A memory storage behind a faulty front, an executor, and tasks for them."""

    def __init__(self, script: Script = well) -> None:
        self.memory = MemoryStorage()
        self.storage = FaultyStorage(AsyncOver(self.memory, inline=True))
        self.executor = ScriptedExecutor(script)
        self.entropy = SeededEntropy()
        self.wakeups = LocalWakeups()
        self.memory.subscribe(self.wakeups.wake)

    def worker(self, name: str = "worker-1", *, deaf: bool = False, **settings: Any) -> Worker:
        """An engine on this storage; short leases, so that tests need not wait."""
        values: dict[str, Any] = {
            "lease": timedelta(seconds=1),
            "grace": timedelta(seconds=5),
            "poll": timedelta(seconds=0.25),
        }
        return Worker(
            storage=self.storage,
            executor=self.executor,
            wakeups=DeafWakeups() if deaf else self.wakeups,
            entropy=self.entropy,
            settings=EngineSettings(**(values | settings)),
            name=name,
        )

    @asynccontextmanager
    async def working(self, name: str = "worker-1", *, deaf: bool = False, **settings: Any) -> AsyncIterator[Worker]:
        """An engine that runs while the block does, and is then stopped gracefully."""
        worker = self.worker(name, deaf=deaf, **settings)
        running = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            worker.stop()
            await asyncio.wait_for(running, LONG)

    def add(self, count: int = 1, **fields: Any) -> list[TaskId]:
        """Store tasks, due at once and never retried unless told otherwise."""
        now = self.memory.now()
        values: dict[str, Any] = {"call": FunctionCall(function="work"), "at": now, "retry": Never()}
        tasks = [
            new_task(task_id=TaskId(uuid7(now, self.entropy.octets(ENTROPY_BYTES))), **(values | fields))
            for _ in range(count)
        ]
        self.memory.add(creations(tasks))
        return [task.id for task in tasks]

    def cancel(self, task_id: TaskId) -> None:
        """Ask for the end of a task, as a client does."""
        self.memory.update([task_id], lambda task, at: handle(task, Cancel(at=at)))

    def status(self, task_id: TaskId) -> str:
        return self.memory.get(task_id).state.status

    def happened(self, task_id: TaskId) -> list[str]:
        """The names of what is in a task's history."""
        return [type(event).__name__ for event in self.memory.history(task_id)]

    def events(self, task_id: TaskId, kind: type[T]) -> list[T]:
        """The events of one kind in a task's history."""
        return [event for event in self.memory.history(task_id) if isinstance(event, kind)]

    def first(self, task_id: TaskId, kind: type[T]) -> T:
        return self.events(task_id, kind)[0]

    async def ended(self, *task_ids: TaskId, seconds: float = LONG) -> None:
        """Wait until tasks have ended."""
        await until(lambda: all(isinstance(self.memory.get(key).state, TERMINAL) for key in task_ids), seconds)

    async def all_ended(self, seconds: float = LONG) -> None:
        """Wait until no task is live."""
        query = TaskQuery(statuses=frozenset({"pending", "running", "cancelling"}), limit=1)
        await until(lambda: not self.memory.find(query).items, seconds)

    def history(self, task_id: TaskId) -> tuple[Event, ...]:
        return self.memory.history(task_id)


async def until(condition: Callable[[], bool], seconds: float = LONG) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)
