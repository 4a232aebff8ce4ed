"""Queues through the engine: shares by weight, pauses, rates; notes of runs; the end of what is kept."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from attrs import evolve

from mainspring.adapters.engine import EngineSettings, Retention
from mainspring.core.errors import InvalidInput
from mainspring.core.events import RunNoted, RunStarted
from mainspring.core.ports import Broken, Done, Outcome, Run, TaskQuery
from mainspring.core.queue import QueueEdit, Rate, close_queue, edit_queue, open_queue, queue_ref
from mainspring.core.retry import Failure
from mainspring.core.task import DEFAULT_PROJECT, Task
from support.engines import House, run, until

SECOND = timedelta(seconds=1)


def _configure(house: House, name: str, edit: QueueEdit) -> None:
    house.memory.update_queue(queue_ref(DEFAULT_PROJECT, name), lambda queue, at: edit_queue(queue, edit))


def _order(house: House) -> list[str]:
    """The queues that tasks were started from, in order."""
    return [house.memory.get(task_id).queue for task_id, _, _ in house.executor.started]


def test_queues_share_a_worker_by_weight() -> None:
    """Also with a single place: three of the one for one of the other, and neither waits for the other's end."""

    async def scenario() -> None:
        house = House()
        _configure(house, "heavy", QueueEdit(weight=3))
        house.add(40, queue="heavy")
        house.add(40, queue="light")
        await house.worker(concurrency=1).run_until_idle()
        first = Counter(_order(house)[:40])
        assert 28 <= first["heavy"] <= 32
        assert house.memory.count(DEFAULT_PROJECT) == {"succeeded": 80}

    run(scenario())


def test_a_flood_starves_nobody() -> None:
    """A queue full of urgent tasks leaves the others their part."""

    async def scenario() -> None:
        house = House()
        house.add(60, queue="flood", priority=100)
        house.add(5, queue="quiet")
        await house.worker(concurrency=2).run_until_idle()
        assert "quiet" in _order(house)[:6]

    run(scenario())


def test_a_paused_queue_waits_and_holds_up_no_other() -> None:
    """It goes on when it is resumed, without a restart."""

    async def scenario() -> None:
        house = House()
        ref = queue_ref(DEFAULT_PROJECT, "paused")
        house.memory.update_queue(ref, lambda queue, at: close_queue(queue, "paused", at, ""))
        (waiting,) = house.add(queue="paused")
        (other,) = house.add()
        async with house.working():
            await house.ended(other)
            await asyncio.sleep(0.3)
            assert house.status(waiting) == "pending"
            house.memory.update_queue(ref, lambda queue, at: open_queue(queue))
            await house.ended(waiting)

    run(scenario())


def test_a_rate_is_waited_for_and_kept() -> None:
    """The worker looks again when the window lets the next one start, and ``run_until_idle`` stays until then."""

    async def scenario() -> None:
        house = House()
        _configure(house, "slow", QueueEdit(rate=Rate(count=4, per=SECOND)))
        tasks = house.add(9, queue="slow")
        await house.worker().run_until_idle()
        starts = sorted(house.first(task, RunStarted).at for task in tasks)
        assert all(sum(one - SECOND < other <= one for other in starts) <= 4 for one in starts)
        assert starts[-1] - starts[0] < 4 * SECOND

    run(scenario())


def test_what_a_run_notes_is_on_record_in_order() -> None:
    """From the loop and from threads, before the end of the run; notes do not disturb its report."""

    async def script(task: Task, told: Run) -> Outcome:
        told.note("begun", 0.0)
        await asyncio.to_thread(told.note, "in a thread", 0.5)
        await asyncio.sleep(0.1)
        told.note("nearly done", None)
        await asyncio.sleep(0.1)
        return Done(result='"well"')

    async def scenario() -> None:
        house = House(script)
        (task,) = house.add()
        await house.worker().run_until_idle()
        notes = [(note.text, note.progress) for note in house.events(task, RunNoted)]
        assert notes == [("begun", 0.0), ("in a thread", 0.5), ("nearly done", None)]
        assert house.happened(task)[-1] == "RunSucceeded"
        assert house.happened(task).count("ReportDropped") == 0

    run(scenario())


def test_what_has_had_its_time_is_deleted() -> None:
    """State by state; a failed task stays until somebody deals with it."""

    async def script(task: Task, told: Run) -> Outcome:
        if task.queue == "bad":
            return Broken(failure=Failure(kind="exception", message="no"))
        return Done()

    async def scenario() -> None:
        house = House(script)
        (well,), (bad,) = house.add(), house.add(queue="bad")
        await house.worker().run_until_idle()
        kept = house.worker(retention=Retention(succeeded=timedelta(days=1)))
        await kept.run_until_idle()
        assert {house.status(well), house.status(bad)} == {"succeeded", "failed"}
        await house.worker(retention=Retention(succeeded=timedelta(0))).run_until_idle()
        assert [one.id for one in house.memory.find(TaskQuery()).items] == [bad]
        await house.worker(retention=Retention(failed=timedelta(0))).run_until_idle()
        assert house.memory.find(TaskQuery()).items == ()

    run(scenario())


def test_upkeep_goes_on_batch_by_batch() -> None:
    """A long backlog is deleted in several transactions, without a minute between them."""

    async def scenario() -> None:
        house = House()
        house.add(25)
        await house.worker().run_until_idle()
        async with house.working(batch=10, retention=Retention(succeeded=timedelta(0)), poll=timedelta(seconds=0.05)):
            await until(lambda: house.memory.count(DEFAULT_PROJECT) == {})

    run(scenario())


def test_a_retention_is_not_negative() -> None:
    """And the refusal names the state."""
    with pytest.raises(InvalidInput, match=r"retention\.failed"):
        Retention(failed=timedelta(seconds=-1))
    assert EngineSettings().retention == Retention()
    assert evolve(EngineSettings(), batch=5).retention.ages() == {
        timedelta(days=31): frozenset({"succeeded", "cancelled", "expired"})
    }
