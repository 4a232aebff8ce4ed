"""A storage that is away, or whose answers are lost: the engine lives, and nothing is lost or done twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from mainspring.adapters.engine import worker as worker_module
from mainspring.core.events import RetryScheduled, RunStarted
from mainspring.core.ports import Done, Outcome, Run
from mainspring.core.retry import Fixed
from mainspring.core.task import Task
from support.engines import DeafWakeups, House, run, until

AGAIN = Fixed(delay=timedelta(0))


def test_an_engine_outlives_an_outage_and_claims_again_within_its_bounds() -> None:
    """L5: while the storage is away the engine tries again and again; once it is back, work starts within 5 s."""

    async def scenario() -> None:
        house = House()
        async with house.working():
            house.storage.away = True
            (task,) = house.add()
            await asyncio.sleep(1.5)
            assert house.status(task) == "pending"
            house.storage.away = False
            await house.ended(task, seconds=worker_module.BACKOFF_MAX)

    run(scenario())


def test_the_back_off_grows_to_its_bound_and_is_jittered() -> None:
    """Failing calls are spaced: doubling from 50 ms to 5 s, each drawn anew between half of that and all of it."""

    async def scenario() -> list[float]:
        house = House()
        worker = house.worker()
        waits: list[float] = []

        async def note(seconds: float) -> None:
            waits.append(seconds)
            await asyncio.sleep(0)
            if len(waits) == 12:
                worker.stop()

        worker._bell.back_off = note  # type: ignore[method-assign]
        house.storage.away = True
        await worker.run()
        return waits

    waits = run(scenario())
    for n, wait in enumerate(waits):
        ceiling = min(worker_module.BACKOFF_MAX, worker_module.BACKOFF_FIRST * 2**n)
        assert ceiling / 2 <= wait <= ceiling
    shares = {round(wait / min(worker_module.BACKOFF_MAX, 0.05 * 2**n), 6) for n, wait in enumerate(waits)}
    assert len(shares) == len(waits)


def test_a_stop_ends_the_back_off_at_once() -> None:
    """A shutdown does not wait for the next try."""

    async def scenario() -> float:
        house = House()
        house.storage.away = True
        worker = house.worker()
        worker._failures = 10  # its next back-off takes 2.5 to 5 s
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(0.1)
        start = asyncio.get_running_loop().time()
        worker.stop()
        await running
        return asyncio.get_running_loop().time() - start

    assert run(scenario()) < 1


def test_outcomes_of_an_outage_are_reported_when_it_is_over_each_exactly_once() -> None:
    """Runs that ended while the storage was away, even past their leases, count once it is back."""
    go = asyncio.Event()

    async def wait(task: Task, run: Run) -> Outcome:
        await go.wait()
        return Done()

    async def scenario() -> None:
        house = House(wait)
        tasks = house.add(20, retry=AGAIN)
        async with house.working(lease=timedelta(seconds=0.5)):
            await until(lambda: house.executor.going.total() == 20)
            house.storage.away = True
            go.set()
            await until(lambda: house.executor.going.total() == 0)
            await asyncio.sleep(0.8)
            house.storage.away = False
            await house.all_ended()
        for task in tasks:
            assert house.happened(task) == ["RunStarted", "RunSucceeded"]

    run(scenario())


def test_a_report_whose_answer_was_lost_counts_once() -> None:
    """Unavailable after the commit of a save: the report is repeated, found stale, and dropped."""

    async def scenario() -> None:
        house = House()
        tasks = house.add(10, retry=AGAIN)
        house.storage.fail("save", "after")
        async with house.working():
            await house.all_ended()
            await until(lambda: house.storage.calls["save"] >= 2)
        assert len(house.executor.started) == 10
        for task in tasks:
            assert house.happened(task) == ["RunStarted", "RunSucceeded"]

    run(scenario())


def test_a_report_that_was_not_written_is_repeated() -> None:
    """Unavailable before the commit of a save: the report stays to be written."""

    async def scenario() -> None:
        house = House()
        tasks = house.add(10)
        house.storage.fail("save", "before")
        async with house.working():
            await house.all_ended()
        for task in tasks:
            assert house.happened(task) == ["RunStarted", "RunSucceeded"]

    run(scenario())


def test_taken_tasks_whose_answer_was_lost_are_not_lost() -> None:
    """Unavailable after the commit of a take: nobody runs the tasks; their leases end, and they are run then."""

    async def scenario() -> None:
        house = House()
        tasks = house.add(5, retry=AGAIN)
        house.storage.fail("take", "after")
        async with house.working(lease=timedelta(seconds=0.4)):
            await house.all_ended()
        for task in tasks:
            assert house.happened(task) == ["RunStarted", "RetryScheduled", "RunStarted", "RunSucceeded"]
            assert house.first(task, RetryScheduled).failure.kind == "lease_lost"
        assert len(house.executor.started) == 5

    run(scenario())


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_reclaim_whose_answer_was_lost_costs_one_attempt_at_most(when: str) -> None:
    """The reclaim happens once, whoever hears of it."""

    async def first_hangs(task: Task, run: Run) -> Outcome:
        if run.run == 1:
            await asyncio.sleep(30)
        return Done()

    async def scenario() -> None:
        house = House(first_hangs)
        (task,) = house.add(retry=AGAIN)
        async with house.working(lease=timedelta(seconds=0.4)):
            await until(lambda: house.executor.going[task] == 1)
            house.storage.away = True
            await until(lambda: house.executor.going[task] == 0)
            house.storage.away = False
            house.storage.fail("reclaim", when)  # type: ignore[arg-type]
            await house.ended(task)
        assert house.happened(task) == ["RunStarted", "RetryScheduled", "RunStarted", "RunSucceeded"]

    run(scenario())


def test_an_unexpected_error_of_the_storage_costs_a_back_off_and_not_the_worker() -> None:
    """A bug in an adapter is logged and waited for like an outage: the process never ends by itself."""

    async def scenario() -> None:
        house = House()
        house.storage.fail("upcoming", error=RuntimeError("a bug"))
        house.storage.fail("take", error=KeyError("another"))
        (task,) = house.add()
        async with house.working():
            await house.ended(task)

    run(scenario())


def test_reports_that_cannot_be_written_together_are_written_one_by_one() -> None:
    """One report that a storage refuses does not hold up the others of its batch."""

    async def scenario() -> None:
        house = House()
        tasks = house.add(5)
        house.storage.fail("save", error=ValueError("one of them is bad"))
        house.storage.fail("update", error=ValueError("this one"))
        async with house.working(lease=timedelta(seconds=0.4)):
            await house.all_ended()
        ends = sorted(house.status(task) for task in tasks)
        assert ends == ["failed", "succeeded", "succeeded", "succeeded", "succeeded"]  # its lease ended, unreported

    run(scenario())


def test_wake_ups_that_fail_do_not_end_the_engine() -> None:
    """Hints are a help: an engine whose wake-ups raise goes on by its own looks."""

    class BrokenWakeups(DeafWakeups):
        async def wait(self, timeout: timedelta) -> None:
            raise OSError("no more file handles")

    async def scenario() -> None:
        house = House()
        house.wakeups = BrokenWakeups()  # type: ignore[assignment]
        async with house.working(poll=timedelta(seconds=0.05)):
            await asyncio.sleep(0.1)
            (task,) = house.add()
            await house.ended(task)

    run(scenario())


def test_a_slow_storage_never_makes_a_task_start_early() -> None:
    """A late answer to *now* makes the engine's clock run behind, never ahead."""

    async def scenario() -> None:
        house = House()
        (task,) = house.add(delay=timedelta(seconds=0.4))
        house.storage.delay("now", 0.3, "after")
        async with house.working(poll=timedelta(seconds=10)):
            await house.ended(task)
        started = house.first(task, RunStarted).at
        due = house.memory.get(task).scheduled_for
        assert due <= started < due + timedelta(seconds=1)

    run(scenario())
