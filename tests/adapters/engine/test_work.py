"""What an engine does with due work when all is well."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise
from statistics import median
from typing import Any

import pytest

from mainspring.adapters.engine import EngineSettings
from mainspring.core.errors import InvalidInput
from mainspring.core.events import RetryScheduled, RunSnoozed, RunStarted, RunSucceeded, TaskFailed
from mainspring.core.ports import Broken, Done, Outcome, Run, Snoozed, Taken
from mainspring.core.retry import Failure, Fixed, Ladder
from mainspring.core.states import Failed, Succeeded
from mainspring.core.task import Task
from support.engines import House, run, until

MILLISECOND = timedelta(milliseconds=1)
REFUSED = Failure(kind="status", message="HTTP 503", status=503)


def test_a_task_added_in_the_same_process_starts_within_50_ms() -> None:
    """An enqueue wakes the engine: it does not wait for the next poll."""

    async def scenario() -> list[float]:
        house = House()
        lateness: list[float] = []
        async with house.working(poll=timedelta(seconds=30)):
            for _ in range(9):
                await asyncio.sleep(0.02)
                (task,) = house.add()
                await house.ended(task)
                started = house.first(task, RunStarted)
                lateness.append((started.at - house.memory.get(task).created_at).total_seconds())
        return lateness

    assert median(run(scenario())) < 0.05


def test_a_task_is_found_although_no_hint_ever_comes() -> None:
    """Wake-ups are a help only: the engine's own look, at least every ``poll``, is the truth."""

    async def scenario() -> None:
        house = House()
        async with house.working(deaf=True, poll=timedelta(seconds=0.1)):
            await asyncio.sleep(0.05)
            (task,) = house.add()
            await house.ended(task)

    run(scenario())


def test_the_end_of_a_run_is_reported_at_once_although_no_hint_ever_comes() -> None:
    """What an engine knows by itself does not go through the wake-ups port: a far poll delays no report."""

    async def scenario() -> float:
        house = House(_sleeping(0.1))
        (task,) = house.add()
        async with house.working(deaf=True, poll=timedelta(minutes=5), lease=timedelta(minutes=5)):
            await house.ended(task)
        return house.first(task, RunSucceeded).took.total_seconds()

    assert run(scenario()) < 2


def test_a_delayed_task_never_starts_early_and_starts_on_time() -> None:
    """A task starts when it is due by the storage's clock, not before; the poll need not come by."""

    async def scenario() -> None:
        house = House()
        delays = [timedelta(seconds=0.05 * n) for n in range(1, 8)]
        tasks = [house.add(delay=delay)[0] for delay in delays]
        async with house.working(poll=timedelta(seconds=30)):
            await house.ended(*tasks)
        late = []
        for task in tasks:
            due, started = house.memory.get(task).scheduled_for, house.first(task, RunStarted).at
            assert started >= due
            late.append(started - due)
        assert median(late) < timedelta(seconds=0.1)

    run(scenario())


def test_retries_follow_the_ladder() -> None:
    """After failure *n* the next attempt starts after the *n*-th step, not before; behind the last one it is dead."""
    ladder = Ladder(steps=(timedelta(0), 40 * MILLISECOND, 120 * MILLISECOND))

    async def refuse(task: Task, run: Run) -> Outcome:
        return Broken(failure=REFUSED)

    async def scenario() -> None:
        house = House(refuse)
        (task,) = house.add(retry=ladder)
        async with house.working(poll=timedelta(seconds=30)):
            await house.ended(task)
        retries, starts = house.events(task, RetryScheduled), house.events(task, RunStarted)
        assert [retry.due - retry.at for retry in retries] == list(ladder.steps)
        assert [start.attempt for start in starts] == [1, 2, 3, 4]
        for retry, start in zip(retries, starts[1:], strict=True):
            assert retry.due <= start.at < retry.due + timedelta(seconds=1)
        dead = house.first(task, TaskFailed)
        assert (dead.failure, dead.reason) == (REFUSED, "exhausted")

    run(scenario())


def test_a_run_past_its_deadline_is_interrupted_and_fails_with_kind_timeout() -> None:
    """The time-out ends the job itself, and the failure says so."""

    async def scenario() -> None:
        house = House(_sleeping(30))
        (task,) = house.add(timeout=150 * MILLISECOND)
        async with house.working():
            await house.ended(task)
        state = house.memory.get(task).state
        assert isinstance(state, Failed)
        assert (state.failure.kind, state.failure.message) == ("timeout", "not done within 150ms")
        assert house.executor.interrupted == [(task, 1)]
        assert timedelta(seconds=0.14) < house.first(task, TaskFailed).took < timedelta(seconds=2)

    run(scenario())


def test_a_running_task_hears_of_its_cancel_at_the_next_heartbeat_and_confirms_it() -> None:
    """Cancelling a running task interrupts its job within a heartbeat; the task ends as cancelled."""

    async def scenario() -> None:
        house = House(_sleeping(30))
        (task,) = house.add()
        async with house.working(lease=timedelta(seconds=0.6)):
            await until(lambda: house.executor.going[task] == 1)
            house.cancel(task)
            await house.ended(task, seconds=5)
        assert house.status(task) == "cancelled"
        assert house.executor.interrupted == [(task, 1)]
        assert house.happened(task) == ["RunStarted", "CancelAsked", "TaskCancelled"]

    run(scenario())


def test_a_job_that_cleans_up_after_its_cancel_is_interrupted_once() -> None:
    """Each further heartbeat hears of the same cancel; it must not interrupt the cleaning up."""

    async def tidy(task: Task, run: Run) -> Outcome:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            await asyncio.sleep(0.5)  # several heartbeats long
            cleaned.append(task.id)
            raise
        return Done()

    cleaned: list[str] = []

    async def scenario() -> None:
        house = House(tidy)
        (task,) = house.add()
        async with house.working(lease=timedelta(seconds=0.3)):
            await until(lambda: house.executor.going[task] == 1)
            house.cancel(task)
            await house.ended(task)
        assert house.status(task) == "cancelled"
        assert cleaned == [task]

    run(scenario())


def test_a_run_that_succeeds_before_it_hears_of_a_cancel_has_succeeded() -> None:
    """The report is decided anew on what the task has become meanwhile."""
    go = asyncio.Event()

    async def wait(task: Task, run: Run) -> Outcome:
        await go.wait()
        return Done(result="1")

    async def scenario() -> None:
        house = House(wait)
        (task,) = house.add()
        async with house.working(lease=timedelta(seconds=30)):
            await until(lambda: house.executor.going[task] == 1)
            house.cancel(task)
            go.set()
            await house.ended(task)
        assert house.status(task) == "succeeded"

    run(scenario())


def test_runs_never_exceed_the_concurrency() -> None:
    """However much is due, at most ``concurrency`` runs go on at once, and all of them are used."""

    async def scenario() -> None:
        house = House(_sleeping(0.01))
        house.add(60)
        async with house.working(concurrency=7):
            await house.all_ended()
        assert house.executor.peak == 7
        assert len(house.executor.started) == 60

    run(scenario())


def test_a_full_worker_with_due_work_does_not_spin() -> None:
    """With every place taken and more due, the engine waits for a run to end; it does not ask again and again."""

    async def scenario() -> None:
        house = House(_sleeping(30))
        house.add(5)
        async with house.working(concurrency=2, poll=timedelta(seconds=0.5), lease=timedelta(seconds=3), grace=_ZERO):
            await until(lambda: house.executor.peak == 2)
            await asyncio.sleep(0.1)
            house.storage.calls.clear()
            await asyncio.sleep(1)
            assert house.storage.calls["take"] == 0
            assert house.storage.calls.total() <= 16

    run(scenario())


def test_due_work_that_cannot_be_taken_is_not_asked_for_without_a_rest() -> None:
    """A look that shows due work which nobody gives is repeated after a rest, not at once."""

    async def scenario() -> None:
        house = House()
        house.add()
        house.memory.take = lambda *_: Taken(decisions=(), again=None)  # type: ignore[method-assign, assignment]
        async with house.working(poll=timedelta(seconds=30)):
            await asyncio.sleep(1.2)
            assert 2 <= house.storage.calls["take"] <= 5

    run(scenario())


def test_an_idle_worker_makes_few_storage_calls() -> None:
    """An idle engine reads the clock and looks ahead once a poll; nothing is written."""

    async def scenario() -> None:
        house = House()
        async with house.working(poll=timedelta(seconds=0.5)):
            await asyncio.sleep(0.1)
            house.storage.calls.clear()
            await asyncio.sleep(1.1)
            assert set(house.storage.calls) == {"now", "configured", "upcoming"}
            assert house.storage.calls.total() <= 9

    run(scenario())


def test_a_worker_serves_only_its_queues() -> None:
    """Tasks of other queues are left alone."""

    async def scenario() -> None:
        house = House()
        (mine,) = house.add(queue="mail")
        (theirs,) = house.add(queue="video")
        async with house.working(queues=("mail", "sms")):
            await house.ended(mine)
            await asyncio.sleep(0.1)
        assert house.status(theirs) == "pending"

    run(scenario())


def test_higher_priority_starts_first() -> None:
    """Within what is due, higher priority goes first."""

    async def scenario() -> None:
        house = House()
        tasks = {priority: house.add(priority=priority)[0] for priority in (0, 5, -5, 9)}
        async with house.working(concurrency=1):
            await house.all_ended()
        assert [task for task, _, _ in house.executor.started] == [tasks[priority] for priority in (9, 5, 0, -5)]

    run(scenario())


def test_a_snooze_runs_the_task_again_without_burning_an_attempt() -> None:
    """The next run after a snooze has the same attempt number, and starts no earlier than asked."""

    async def nap_once(task: Task, run: Run) -> Outcome:
        return Snoozed(wait=50 * MILLISECOND) if run.run == 1 else Done()

    async def scenario() -> None:
        house = House(nap_once)
        (task,) = house.add()
        async with house.working():
            await house.ended(task)
        assert house.executor.started == [(task, 1, 1), (task, 2, 1)]
        assert house.events(task, RunStarted)[1].at >= house.first(task, RunSnoozed).due

    run(scenario())


def _raise(task: Task, run: Run) -> Any:
    raise ZeroDivisionError("by the executor itself")


async def _raise_later(task: Task, run: Run) -> Outcome:
    raise ZeroDivisionError("by the executor \ud800 \x00")


def _answer(what: Any) -> Any:
    async def answer(task: Task, run: Run) -> Any:
        return what

    return answer


async def _cancel_itself(task: Task, run: Run) -> Outcome:
    raise asyncio.CancelledError


class _Unsayable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("cannot be said")


async def _raise_unsayable(task: Task, run: Run) -> Outcome:
    raise _Unsayable


@pytest.mark.parametrize(
    ("script", "kind", "says"),
    [
        (_raise, "executor_error", "ZeroDivisionError: by the executor itself"),
        (_raise_later, "executor_error", "ZeroDivisionError: by the executor ? \ufffd"),
        (_raise_unsayable, "executor_error", "_Unsayable"),
        (_answer(None), "executor_error", "no outcome but NoneType"),
        (_answer(Done(result=7)), "executor_error", "no outcome but Done"),  # type: ignore[arg-type]
        (_answer(Broken(failure="no")), "executor_error", "no outcome but Broken"),  # type: ignore[arg-type]
        (_answer(Snoozed(wait="1h")), "executor_error", "no outcome but Snoozed"),  # type: ignore[arg-type]
        (_answer(Snoozed(wait=timedelta(seconds=-1))), "bad_snooze", "out of range"),
        (_answer(Snoozed(wait=timedelta(days=366))), "bad_snooze", "out of range"),
        (_cancel_itself, "interrupted", "cancelled from inside"),
    ],
)
def test_an_executor_that_misbehaves_fails_the_run_and_nothing_else(script: Any, kind: str, says: str) -> None:
    """Executors are others' code: whatever they raise or return is a failed run, and the engine goes on."""

    async def scenario() -> None:
        house = House(script)
        (task,) = house.add()
        async with house.working():
            await house.ended(task)
            house.executor.script = _answer(Done())
            (other,) = house.add()
            await house.ended(other)
        state = house.memory.get(task).state
        assert isinstance(state, Failed)
        assert state.failure.kind == kind
        assert says in state.failure.message
        assert house.status(other) == "succeeded"

    run(scenario())


def test_a_result_that_storages_cannot_keep_is_made_storable() -> None:
    """Lone surrogates and NUL are replaced and the length is bounded, so that one result never holds up a batch."""

    async def scenario() -> None:
        house = House(_answer(Done(result="ä\ud800\x00" + "x" * 100_000)))
        (task,) = house.add()
        async with house.working():
            await house.ended(task)
        state = house.memory.get(task).state
        assert isinstance(state, Succeeded)
        assert state.result.startswith("ä?\ufffdx")
        assert len(state.result) == 65_536

    run(scenario())


def test_a_task_that_was_not_started_in_time_expires() -> None:
    """Taken after its ``start_by``, a task ends as expired, and its call is not made."""

    async def scenario() -> None:
        house = House()
        (task,) = house.add(start_by=house.memory.now() + timedelta(seconds=0.05))
        await asyncio.sleep(0.1)
        async with house.working():
            await house.ended(task)
        assert house.status(task) == "expired"
        assert house.executor.started == []

    run(scenario())


def test_run_until_idle_ends_when_nothing_is_due_and_nothing_runs() -> None:
    """What is due is worked off, retries without a delay included; what is due later is left."""

    async def refuse_twice(task: Task, run: Run) -> Outcome:
        return Done() if run.attempt > 2 else Broken(failure=REFUSED)

    async def scenario() -> None:
        house = House(refuse_twice)
        tasks = house.add(30, retry=Fixed(delay=timedelta(0)))
        (later,) = house.add(delay=timedelta(hours=1))
        await house.worker(concurrency=4).run_until_idle()
        assert {house.status(task) for task in tasks} == {"succeeded"}
        assert house.status(later) == "pending"

    run(scenario())


def test_two_engines_on_one_storage_never_run_a_task_twice_at_once() -> None:
    """Two workers share the work; each task has one run."""

    async def scenario() -> None:
        house = House(_sleeping(0.002))
        house.add(200)
        async with house.working("worker-1", concurrency=5), house.working("worker-2", concurrency=5):
            await house.all_ended()
        assert house.executor.overlaps == 0
        assert len(house.executor.started) == len({task for task, _, _ in house.executor.started}) == 200
        workers = {house.first(task, RunStarted).worker for task, _, _ in house.executor.started}
        assert workers == {"worker-1", "worker-2"}

    run(scenario())


def test_history_holds_the_runs_in_order_with_their_numbers_and_workers() -> None:
    """Runs are numbered 1, 2, 3, … without gaps, each start followed by exactly one end."""

    async def refuse(task: Task, run: Run) -> Outcome:
        return Broken(failure=REFUSED)

    async def scenario() -> None:
        house = House(refuse)
        (task,) = house.add(retry=Fixed(delay=timedelta(0), attempts=5))
        async with house.working("worker-9"):
            await house.ended(task)
        starts = house.events(task, RunStarted)
        assert [(start.run, start.worker) for start in starts] == [(n, "worker-9") for n in range(1, 6)]
        assert house.happened(task) == ["RunStarted", "RetryScheduled"] * 4 + ["RunStarted", "TaskFailed"]
        assert all(before.at <= after.at for before, after in pairwise(house.history(task)))

    run(scenario())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("concurrency", 0),
        ("concurrency", 10_001),
        ("lease", timedelta(milliseconds=99)),
        ("lease", timedelta(hours=2)),
        ("grace", timedelta(seconds=-1)),
        ("poll", timedelta(milliseconds=1)),
        ("batch", 0),
        ("batch", 1_001),
        ("queues", ("good", "b d")),
    ],
)
def test_settings_out_of_range_are_refused_by_name(name: str, value: Any) -> None:
    """Each setting has its limits, and the error names it."""
    with pytest.raises(InvalidInput) as refused:
        EngineSettings(**{name: value})
    assert refused.value.field == name


_ZERO = timedelta(0)


def _sleeping(seconds: float) -> Any:
    async def sleep(task: Task, run: Run) -> Outcome:
        await asyncio.sleep(seconds)
        return Done()

    return sleep
