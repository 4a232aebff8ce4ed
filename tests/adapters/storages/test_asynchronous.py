"""The asynchronous colour: the same answers, an event loop that goes on, and cancellation that loses nothing."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from adapters.storages.making import new_task, start, succeed
from mainspring.adapters.storages.asynchronous import AsyncOver
from mainspring.adapters.storages.memory import MemoryStorage
from mainspring.adapters.storages.sqlite import SqliteStorage
from mainspring.core.errors import Conflict, NotFound, Unavailable
from mainspring.core.ids import ScheduleId
from mainspring.core.machine import Decision
from mainspring.core.ports import AsyncStorage, ScheduleQuery, Storage, TaskQuery, TaskStep
from mainspring.core.queue import queue_ref
from mainspring.core.recurrence import Interval
from mainspring.core.schedule import TaskTemplate, new_schedule, plan, run_now
from mainspring.core.task import FunctionCall, Task
from mainspring.testing.conformance.port import creations, take_async


@pytest.fixture(params=["memory inline", "memory on a thread", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncStorage:
    """Each way to carry operations out."""
    if request.param == "sqlite":
        return AsyncOver(SqliteStorage(tmp_path / "s.db"))
    return AsyncOver(MemoryStorage(), inline=request.param == "memory inline")


def test_every_operation_answers_as_the_synchronous_one_does(storage: AsyncStorage) -> None:
    """A life of a task and of a schedule."""

    async def main() -> None:
        now = await storage.now()
        task, other = new_task(), new_task()
        await storage.add(creations([task, other]))
        assert await storage.get(task.id) == task
        assert (await storage.find(TaskQuery())).items == (other, task)
        assert await storage.count("default") == {"pending": 2}
        assert list((await storage.upcoming(())).tasks) == [queue_ref("default", "default")]
        (taken,) = await take_async(storage, 1, start)
        assert await storage.reclaim(1, start) == ()
        assert await storage.save([succeed(taken.task, now)]) == (True,)
        assert len(await storage.history(task.id)) == 2
        assert len(await storage.update([other.id], start)) == 1
        assert await storage.delete([other.id]) == 1
        rule = new_schedule(
            schedule_id=ScheduleId(new_task().id),
            recurrence=Interval(every=timedelta(hours=1), anchor=now),
            template=TaskTemplate(call=FunctionCall(function="f")),
            at=now - timedelta(hours=1),
        )
        await storage.add_schedule(rule)
        assert await storage.get_schedule(rule.id) == rule
        assert (await storage.find_schedules(ScheduleQuery())).items == (rule,)
        assert len(await storage.fire(1, plan)) == 1
        await storage.update_schedule(rule.id, run_now)
        assert len(await storage.slots(rule.id)) == 2
        assert [event.kind for event in await storage.schedule_history(rule.id)] == ["created", "ran"]
        await storage.delete_schedule(rule.id)
        with pytest.raises(NotFound):
            await storage.get_schedule(rule.id)
        with pytest.raises(Conflict):
            await storage.add(creations([task]))
        await storage.close()
        await storage.close()
        with pytest.raises(Unavailable):
            await storage.get(task.id)

    asyncio.run(main())


class Slow:
    """A storage whose ``take`` can be held up."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.began = threading.Event()
        self.go = threading.Event()
        self.calls = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._storage, name)

    def take(self, queues: Sequence[str], limit: int, step: TaskStep) -> tuple[Decision, ...]:
        """Take once ``go`` is set."""
        self.calls += 1
        self.began.set()
        self.go.wait(20)
        return self._storage.take(queues, limit, step)


def slowly() -> tuple[Slow, AsyncOver, Task]:
    """A slow storage with one due task."""
    inner, task = MemoryStorage(), new_task()
    inner.add(creations([task]))
    slow = Slow(inner)
    return slow, AsyncOver(slow), task  # type: ignore[arg-type]  # a storage, by __getattr__


def test_the_loop_goes_on_while_an_operation_waits() -> None:
    """That is what the thread is for."""
    slow, storage, _ = slowly()

    async def main() -> None:
        job = asyncio.ensure_future(take_async(storage, 1, start))
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert not job.done()
        slow.go.set()
        assert len(await job) == 1
        await storage.close()

    asyncio.run(main())


def test_a_cancelled_operation_that_runs_is_seen_to_its_end() -> None:
    """However often it is cancelled, the caller goes on only when nothing happens behind its back any more."""
    slow, storage, task = slowly()

    async def main() -> None:
        job = asyncio.ensure_future(take_async(storage, 1, start))
        while not slow.began.is_set():
            await asyncio.sleep(0.001)
        for _ in range(3):
            job.cancel()
            await asyncio.sleep(0.005)
            assert not job.done()
        slow.go.set()
        with pytest.raises(asyncio.CancelledError):
            await job
        assert (await storage.get(task.id)).state.status == "running"
        await storage.close()

    asyncio.run(main())


def test_a_cancelled_operation_that_has_not_begun_never_begins() -> None:
    """It waits for its turn behind another one."""
    slow, storage, _ = slowly()

    async def main() -> None:
        first = asyncio.ensure_future(take_async(storage, 1, start))
        while not slow.began.is_set():
            await asyncio.sleep(0.001)
        second = asyncio.ensure_future(take_async(storage, 1, start))
        await asyncio.sleep(0.005)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        slow.go.set()
        await first
        assert slow.calls == 1
        await storage.close()

    asyncio.run(main())


def test_an_error_of_a_cancelled_operation_is_not_reported_as_lost() -> None:
    """The cancellation is what the caller hears of."""
    slow, storage, _ = slowly()

    def broken(task: Task, at: datetime) -> Decision:
        raise RuntimeError("the step broke")

    async def main() -> None:
        reported: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
        job = asyncio.ensure_future(take_async(storage, 1, broken))
        while not slow.began.is_set():
            await asyncio.sleep(0.001)
        job.cancel()
        await asyncio.sleep(0.005)
        slow.go.set()
        with pytest.raises(asyncio.CancelledError):
            await job
        del job
        await asyncio.sleep(0.01)
        assert reported == []
        await storage.close()

    asyncio.run(main())


def test_close_waits_for_what_runs() -> None:
    """And what was asked before is still carried out."""
    slow, storage, task = slowly()

    async def main() -> None:
        job = asyncio.ensure_future(take_async(storage, 1, start))
        while not slow.began.is_set():
            await asyncio.sleep(0.001)
        closing = asyncio.ensure_future(storage.close())
        await asyncio.sleep(0.01)
        assert not closing.done()
        slow.go.set()
        await closing
        assert [decision.task.id for decision in await job] == [task.id]

    asyncio.run(main())


def test_operations_are_made_in_the_order_asked(tmp_path: Path) -> None:
    """One after the other, from several event loops too."""
    storage = AsyncOver(SqliteStorage(tmp_path / "s.db"))
    tasks = [new_task() for _ in range(20)]

    async def add(task: Task) -> None:
        await storage.add(creations([task]))

    async def main() -> None:
        await asyncio.gather(*(add(task) for task in tasks))
        await asyncio.to_thread(asyncio.run, add(new_task()))
        assert await storage.count("default") == {"pending": 21}
        await storage.close()

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < 20
