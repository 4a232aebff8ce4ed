"""Leases: who holds a run, how long, and what a worker that lost one may still do."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from mainspring.core.commands import Start
from mainspring.core.events import ReportDropped, RetryScheduled, RunStarted, RunSucceeded
from mainspring.core.machine import handle
from mainspring.core.ports import Done, Outcome, Run
from mainspring.core.retry import Fixed
from mainspring.core.states import Running
from mainspring.core.task import Task
from mainspring.testing.conformance.port import take
from support.engines import House, run, until

AGAIN = Fixed(delay=timedelta(0))
LEASE = timedelta(seconds=0.6)


async def _first_run_hangs(task: Task, run: Run) -> Outcome:
    if run.run == 1:
        await asyncio.sleep(30)
    return Done(result=str(run.run))


def test_a_long_run_keeps_its_lease_by_heartbeats() -> None:
    """A run may last many leases; nobody takes it over and it starts once."""

    async def long(task: Task, run: Run) -> Outcome:
        await asyncio.sleep(1.2)
        return Done()

    async def scenario() -> None:
        house = House(long)
        (task,) = house.add()
        async with house.working("worker-1", lease=timedelta(seconds=0.4)), house.working("worker-2"):
            await house.ended(task)
        assert house.happened(task) == ["RunStarted", "RunSucceeded"]

    run(scenario())


def test_the_dead_lease_of_another_worker_is_reclaimed_and_consumes_the_attempt() -> None:
    """A crashed worker's run is taken over when its lease has ended, not before, as the next attempt."""

    async def scenario() -> None:
        house = House()
        (task,) = house.add(retry=AGAIN)
        take(house.memory, (), 1, lambda task, at: handle(task, Start(at=at, worker="crashed", lease=LEASE)))
        state = house.memory.get(task).state
        assert isinstance(state, Running)
        async with house.working():
            await house.ended(task)
        lost, again = house.first(task, RetryScheduled), house.events(task, RunStarted)[1]
        assert lost.failure.kind == "lease_lost"
        assert state.lease_until <= lost.at <= again.at < state.lease_until + timedelta(seconds=1)
        assert (again.run, again.attempt) == (2, 2)

    run(scenario())


def test_a_run_whose_lease_has_ended_before_the_answer_came_does_not_begin() -> None:
    """The answer of a take may travel longer than the lease lasts: by then somebody else may run the task."""

    async def scenario() -> None:
        house = House()
        (task,) = house.add(retry=AGAIN)
        answer = house.storage.hold("take", "after")
        async with house.working("worker-1", lease=LEASE):
            await until(lambda: house.storage.calls["take"] == 1)
            async with house.working("worker-2", lease=LEASE):
                await house.ended(task)
            answer.set()
            taken = house.storage.calls["take"]
            house.add()
            await until(lambda: house.storage.calls["take"] > taken)
            await house.all_ended()
        assert [run for key, run, _ in house.executor.started if key == task] == [2]

    run(scenario())


def test_a_run_whose_lease_was_lost_is_interrupted_and_reports_nothing() -> None:
    """When a heartbeat is refused because another run took over, the old one is stopped and stays silent."""

    async def scenario() -> None:
        house = House(_first_run_hangs)
        (task,) = house.add(retry=AGAIN)
        async with house.working("worker-1", lease=LEASE):
            await until(lambda: house.executor.going[task] == 1)
            expired = timedelta(seconds=0.7)
            house.memory._clock = _shifted(house.memory._clock, expired)
            await house.ended(task)
        assert house.executor.interrupted == [(task, 1)]
        assert house.happened(task) == ["RunStarted", "RetryScheduled", "RunStarted", "RunSucceeded"]
        assert house.first(task, RunSucceeded).run == 2

    run(scenario())


def test_a_stale_completion_is_refused_and_recorded() -> None:
    """A worker that was frozen past its lease reports its result in vain: the run that replaced it counts."""
    go = asyncio.Event()

    async def frozen(task: Task, run: Run) -> Outcome:
        if run.worker == "frozen":
            await go.wait()
        return Done(result=run.worker)

    async def scenario() -> None:
        house, other = House(frozen), House(frozen)
        other.memory, other.storage.inner = house.memory, house.storage.inner
        other.memory.subscribe(other.wakeups.wake)
        (task,) = house.add(retry=AGAIN)
        async with house.working("frozen", lease=LEASE):
            await until(lambda: house.executor.going[task] == 1)
            held = house.storage.hold("now"), house.storage.hold("update")
            house.executor.script = frozen
            async with other.working("awake"):
                go.set()  # the frozen worker's job ends, but it cannot report before its lease has ended
                await house.ended(task)
            for event in held:
                event.set()
            await until(lambda: bool(house.events(task, ReportDropped)))
        state = house.memory.get(task).state
        assert state.status == "succeeded"
        assert state.result == "awake"
        assert house.happened(task) == ["RunStarted", "RetryScheduled", "RunStarted", "RunSucceeded", "ReportDropped"]
        dropped = house.first(task, ReportDropped)
        assert (dropped.run, dropped.worker, dropped.report) == (1, "frozen", "succeeded")

    run(scenario())


def test_a_run_stops_a_margin_before_its_lease_ends_while_the_storage_is_away() -> None:
    """I3: a lease that cannot be extended stops the run before anybody else may start it."""

    async def scenario() -> None:
        house = House(_first_run_hangs)
        (task,) = house.add(retry=AGAIN)
        async with house.working(lease=LEASE):
            await until(lambda: house.executor.going[task] == 1)
            house.storage.away = True
            await until(lambda: house.executor.going[task] == 0, 5)
            state = house.memory.get(task).state
            assert isinstance(state, Running)
            assert house.memory.now() < state.lease_until
            house.storage.away = False
            await house.ended(task)
        assert house.executor.interrupted == [(task, 1)]
        assert house.happened(task) == ["RunStarted", "RetryScheduled", "RunStarted", "RunSucceeded"]

    run(scenario())


def test_a_run_stops_a_margin_before_its_lease_ends_while_every_call_hangs() -> None:
    """The guard over leases does not wait for the storage: a call without an answer must not keep a run going."""

    async def scenario() -> None:
        house = House(_first_run_hangs)
        (task,) = house.add(retry=AGAIN)
        async with house.working(lease=LEASE):
            await until(lambda: house.executor.going[task] == 1)
            answers = [house.storage.hold(operation) for operation in ("now", "update", "upcoming", "save")]
            await until(lambda: house.executor.going[task] == 0, 5)
            state = house.memory.get(task).state
            assert isinstance(state, Running)
            assert house.memory.now() < state.lease_until
            for answer in answers:
                answer.set()
            await house.ended(task)
        assert house.events(task, RunStarted)[1].at >= state.lease_until

    run(scenario())


def test_a_heartbeat_that_failed_is_repeated_long_before_the_next_one_is_due() -> None:
    """One lost call does not cost a third of the lease: it is repeated after the back-off."""

    async def scenario() -> None:
        house = House(_first_run_hangs)
        (task,) = house.add()
        lease = timedelta(seconds=3)
        async with house.working(lease=lease, grace=timedelta(0)):
            await until(lambda: house.executor.going[task] == 1)
            house.storage.fail("update")
            await until(lambda: house.storage.calls["update"] == 1)
            await until(lambda: house.storage.calls["update"] == 2, 0.5)

    run(scenario())


def test_a_heartbeat_whose_answer_was_lost_changes_nothing_for_the_run() -> None:
    """Its lease was extended although nobody said so; the report is then decided on what the storage has."""
    go = asyncio.Event()

    async def wait(task: Task, run: Run) -> Outcome:
        await go.wait()
        return Done()

    async def scenario() -> None:
        house = House(wait)
        (task,) = house.add()
        async with house.working(lease=timedelta(seconds=0.9)):
            await until(lambda: house.executor.going[task] == 1)
            house.storage.fail("update", "after")
            await until(lambda: house.storage.calls["update"] == 1)
            go.set()
            await house.ended(task)
        assert house.happened(task) == ["RunStarted", "RunSucceeded"]

    run(scenario())


def test_a_task_that_was_deleted_while_it_ran_stops_its_run() -> None:
    """The heartbeat hears that the task is gone; the run is stopped and says nothing."""

    async def scenario() -> None:
        house = House(_first_run_hangs)
        (task,) = house.add()
        async with house.working(lease=timedelta(seconds=0.4)):
            await until(lambda: house.executor.going[task] == 1)
            house.memory.delete([task])
            await until(lambda: house.executor.going[task] == 0, 5)

    run(scenario())


def test_heartbeats_go_on_when_the_storages_clock_is_set_back() -> None:
    """Heartbeats go by the monotonic clock: after the storage's clock was set back an hour, a cancel is still heard."""

    async def scenario() -> None:
        house = House(_first_run_hangs)
        (task,) = house.add()
        async with house.working(lease=LEASE):
            await until(lambda: house.executor.going[task] == 1)
            house.memory._clock = _shifted(house.memory._clock, -timedelta(hours=1))
            house.cancel(task)
            await house.ended(task, seconds=5)
        assert house.status(task) == "cancelled"

    run(scenario())


def _shifted(clock, by: timedelta):
    return lambda: clock() + by
