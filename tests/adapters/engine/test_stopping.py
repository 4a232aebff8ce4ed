"""Stopping: what becomes of the work in hand."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

from mainspring.core.events import RunReleased, RunStarted
from mainspring.core.ports import Done, Outcome, Run
from mainspring.core.states import Pending, Running
from mainspring.core.task import Task
from support.engines import House, run, until


async def _long(task: Task, run: Run) -> Outcome:
    await asyncio.sleep(30)
    return Done()


async def _short(task: Task, run: Run) -> Outcome:
    await asyncio.sleep(0.2)
    return Done()


async def _by_queue(task: Task, run: Run) -> Outcome:
    return await (_long(task, run) if task.queue == "long" else _short(task, run))


def test_a_stopping_engine_takes_nothing_new_finishes_short_runs_and_gives_long_ones_back() -> None:
    """The drain, within the grace time: no attempt is burnt by a shutdown."""

    async def scenario() -> None:
        house = House(_by_queue)
        (short,) = house.add(queue="short")
        (long,) = house.add(queue="long")
        worker = house.worker(grace=timedelta(seconds=1))
        running = asyncio.create_task(worker.run())
        await until(lambda: house.executor.going.total() == 2)
        start = asyncio.get_running_loop().time()
        worker.stop()
        (late,) = house.add(queue="short")
        await running
        assert asyncio.get_running_loop().time() - start < 1.1
        assert house.status(short) == "succeeded"
        assert house.status(late) == "pending"
        assert house.happened(long) == ["RunStarted", "RunReleased"]
        state = house.memory.get(long).state
        assert isinstance(state, Pending)
        assert (state.due, state.failure) == (house.first(long, RunReleased).at, None)
        house.executor.script = _short
        async with house.working("worker-2"):
            await house.all_ended()
        again = house.events(long, RunStarted)[1]
        assert (again.run, again.attempt) == (2, 1)

    run(scenario())


def test_an_engine_without_runs_stops_at_once() -> None:
    """The grace time is a limit, not a wait; nor is the poll waited for."""

    async def scenario() -> float:
        house = House()
        worker = house.worker(deaf=True, poll=timedelta(minutes=5), grace=timedelta(minutes=5))
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(0.1)
        start = asyncio.get_running_loop().time()
        worker.stop()
        await running
        return asyncio.get_running_loop().time() - start

    assert run(scenario()) < 0.5


def test_stop_may_come_from_another_thread_before_the_start_and_twice() -> None:
    """``stop`` is safe wherever and whenever it is called."""

    async def scenario() -> None:
        house = House()
        worker = house.worker(deaf=True, poll=timedelta(minutes=5))
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(0.05)
        thread = threading.Thread(target=worker.stop)
        thread.start()
        await asyncio.wait_for(running, 2)
        thread.join()
        worker.stop()
        early = house.worker()
        early.stop()
        house.add()
        await asyncio.wait_for(early.run(), 2)
        assert house.executor.started == []

    run(scenario())


def test_a_stop_between_a_look_and_a_take_takes_nothing() -> None:
    """Stopping is asked for again right before tasks are taken."""

    async def scenario() -> None:
        house = House()
        house.add()
        look = house.storage.hold("upcoming", "after")
        worker = house.worker()
        running = asyncio.create_task(worker.run())
        await until(lambda: house.storage.calls["upcoming"] == 1)
        worker.stop()
        look.set()
        await running
        assert house.storage.calls["take"] == 0

    run(scenario())


def test_leases_are_extended_while_the_engine_drains() -> None:
    """A run that finishes within the grace time is not taken over meanwhile, however short its lease."""

    async def second(task: Task, run: Run) -> Outcome:
        await asyncio.sleep(1)
        return Done()

    async def scenario() -> None:
        house = House(second)
        (task,) = house.add()
        async with house.working(lease=timedelta(seconds=0.4)) as worker:
            await until(lambda: house.executor.going.total() == 1)
            worker.stop()
            async with house.working("worker-2"):
                await house.ended(task)
        assert house.happened(task) == ["RunStarted", "RunSucceeded"]

    run(scenario())


def test_a_drain_while_the_storage_is_away_ends_all_the_same() -> None:
    """A shutdown never waits for the storage for ever; the leases end, and others take over."""

    async def scenario() -> None:
        house = House(_long)
        (task,) = house.add()
        worker = house.worker(grace=timedelta(seconds=0.5), lease=timedelta(minutes=1))
        running = asyncio.create_task(worker.run())
        await until(lambda: house.executor.going.total() == 1)
        house.storage.away = True
        start = asyncio.get_running_loop().time()
        worker.stop()
        await running
        assert asyncio.get_running_loop().time() - start < 0.5 + 2 + 0.5
        assert house.executor.interrupted == [(task, 1)]
        assert isinstance(house.memory.get(task).state, Running)

    run(scenario())


def test_an_outage_that_ends_during_the_drain_loses_no_report() -> None:
    """Runs that finished are reported and the others given back as soon as the storage answers."""

    async def scenario() -> None:
        house = House(_by_queue)
        (short,) = house.add(queue="short")
        (long,) = house.add(queue="long")
        worker = house.worker(grace=timedelta(seconds=1), lease=timedelta(minutes=1))
        running = asyncio.create_task(worker.run())
        await until(lambda: house.executor.going.total() == 2)
        house.storage.away = True
        worker.stop()
        await asyncio.sleep(1)
        house.storage.away = False
        await running
        assert house.status(short) == "succeeded"
        assert house.happened(long) == ["RunStarted", "RunReleased"]

    run(scenario())


def test_a_job_that_raises_when_it_is_stopped_is_given_back_all_the_same() -> None:
    """However a run answers the interruption of a shutdown, its attempt is not burnt by it."""

    async def rude(task: Task, run: Run) -> Outcome:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            raise RuntimeError("not now") from None
        return Done()

    async def scenario() -> None:
        house = House(rude)
        (task,) = house.add()
        async with house.working(grace=timedelta(0)):
            await until(lambda: house.executor.going.total() == 1)
        assert house.happened(task) == ["RunStarted", "RunReleased"]

    run(scenario())


def test_a_job_that_ignores_its_interruption_does_not_hold_up_the_end() -> None:
    """After the grace time and a last wait the engine ends; the run's lease then ends by itself."""
    go = asyncio.Event()

    async def deaf(task: Task, run: Run) -> Outcome:
        while not go.is_set():
            try:
                await go.wait()
            except asyncio.CancelledError:
                continue
        return Done()

    async def scenario() -> None:
        house = House(deaf)
        (task,) = house.add()
        worker = house.worker(grace=timedelta(0), lease=timedelta(minutes=1))
        running = asyncio.create_task(worker.run())
        await until(lambda: house.executor.going.total() == 1)
        worker.stop()
        await asyncio.wait_for(running, 6)
        assert isinstance(house.memory.get(task).state, Running)
        go.set()
        await until(lambda: house.executor.going.total() == 0)

    run(scenario())


def test_cancelling_run_leaves_nothing_behind_that_runs() -> None:
    """An engine that is cancelled, not stopped, interrupts its runs: without it nobody would extend their leases."""

    async def scenario() -> None:
        house = House(_long)
        house.add(3)
        worker = house.worker()
        running = asyncio.create_task(worker.run())
        await until(lambda: house.executor.going.total() == 3)
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()
        assert house.executor.going.total() == 0
        assert len(asyncio.all_tasks()) == 1

    run(scenario())
