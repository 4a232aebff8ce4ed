"""Queues through the engine: shares by weight, pauses, limits and rates."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

from mainspring.core.commands import Start
from mainspring.core.events import RunStarted
from mainspring.core.machine import handle
from mainspring.core.ports import Done, Outcome, Run
from mainspring.core.queue import QueueEdit, Rate, close_queue, edit_queue, open_queue, queue_ref
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


def test_a_queue_that_is_held_back_leaves_its_places_to_the_others() -> None:
    """However much it weighs: a look that gives it nothing goes on to those that have something."""

    async def scenario() -> None:
        house = House()
        _configure(house, "full", QueueEdit(concurrency=1, weight=1000))
        elsewhere, *_ = house.add(3, queue="full")
        hour = timedelta(hours=1)
        house.memory.update([elsewhere], lambda task, at: handle(task, Start(at=at, worker="other", lease=hour)))
        others = house.add(30)
        async with house.working(concurrency=1, poll=timedelta(minutes=1)):
            await house.ended(*others, seconds=5)
        assert house.memory.count(DEFAULT_PROJECT) == {"pending": 2, "running": 1, "succeeded": 30}

    run(scenario())


def test_places_that_a_queue_does_not_need_are_used_at_once() -> None:
    """One look fills the worker, by as many takes as it needs and no more."""

    async def scenario() -> None:
        release = asyncio.Event()

        async def script(task: Task, told: Run) -> Outcome:
            await release.wait()
            return Done()

        house = House(script)
        house.add(1, queue="short"), house.add(9, queue="long")
        async with house.working(concurrency=8):
            await until(lambda: len(house.executor.started) == 8)
            assert house.storage.calls["take"] == 2
            release.set()
            await house.all_ended()

    run(scenario())


def test_a_limit_holds_over_several_workers() -> None:
    """Together they never run more of a queue than it allows, and they get through it."""

    async def script(task: Task, told: Run) -> Outcome:
        await asyncio.sleep(0.002)
        return Done()

    async def scenario() -> None:
        house = House(script)
        _configure(house, "few", QueueEdit(concurrency=3))
        house.add(30, queue="few")
        async with house.working("worker-1"), house.working("worker-2"):
            await house.all_ended()
        assert house.executor.peak <= 3
        assert house.executor.overlaps == 0

    run(scenario())
