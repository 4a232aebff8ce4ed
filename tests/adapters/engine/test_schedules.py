"""Schedules, fired through the engine."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise
from typing import Any

from mainspring.adapters.engine import worker as worker_module
from mainspring.core.events import RunStarted
from mainspring.core.ids import ScheduleId, uuid7
from mainspring.core.ports import Broken, Done, Outcome, Run, TaskQuery
from mainspring.core.recurrence import Interval
from mainspring.core.retry import Failure, Never
from mainspring.core.schedule import Created, Plan, Schedule, ScheduleView, TaskTemplate, new_schedule, plan
from mainspring.core.task import Fired, FunctionCall, Task
from support.engines import House, run, until

SECOND = timedelta(seconds=1)


def _schedule(house: House, every: timedelta = SECOND, **fields: Any) -> Schedule:
    now = house.memory.now()
    schedule = new_schedule(
        schedule_id=ScheduleId(uuid7(now, house.entropy.octets(8))),
        recurrence=Interval(every=every, anchor=now + timedelta(seconds=0.2)),
        template=TaskTemplate(call=FunctionCall(function="work"), retry=Never()),
        at=now,
        **fields,
    )
    house.memory.add_schedule(schedule)
    return schedule


def _tasks(house: House, schedule: Schedule) -> list[Task]:
    """Its tasks, in the order of their occurrences."""
    found = house.memory.find(TaskQuery(schedule_id=schedule.id)).items
    return sorted(found, key=lambda task: task.scheduled_for)


def test_a_schedule_fires_at_its_occurrences_and_its_tasks_run() -> None:
    """Each occurrence makes one task, on time and never early."""

    async def scenario() -> None:
        house = House()
        async with house.working(poll=timedelta(seconds=30)):
            schedule = _schedule(house)
            await until(lambda: len(house.executor.started) == 3)
            await house.all_ended()
        for task in _tasks(house, schedule)[:3]:
            assert isinstance(task.origin, Fired)
            started = house.first(task.id, RunStarted).at
            assert task.origin.occurrence <= started < task.origin.occurrence + SECOND / 2

    run(scenario())


def test_serial_occurrences_wait_for_the_run_before_them_and_none_is_lost() -> None:
    """Under ``serial`` the next occurrence starts when the task before it has ended, at once, and never beside it."""

    async def slow(task: Task, run: Run) -> Outcome:
        await asyncio.sleep(1.4)
        return Done()

    async def scenario() -> None:
        house = House(slow)
        async with house.working(poll=timedelta(seconds=30), lease=timedelta(seconds=5)):
            schedule = _schedule(house, overlap="serial")
            await until(lambda: len(house.executor.started) == 3)
            assert house.executor.peak == 1
        tasks = _tasks(house, schedule)[:3]
        occurrences = [task.scheduled_for for task in tasks]
        assert [after - before for before, after in pairwise(occurrences)] == [SECOND, SECOND]
        ends = [house.memory.history(task.id)[-1].at for task in tasks]
        starts = [house.first(task.id, RunStarted).at for task in tasks]
        for end, start in zip(ends, starts[1:], strict=False):
            assert end <= start < end + SECOND / 2

    run(scenario())


def test_a_failed_task_lets_the_latest_waiting_occurrence_go_on() -> None:
    """Under ``serial`` a failure coalesces what waits: no crowd, and no halt."""

    async def slow(task: Task, run: Run) -> Outcome:
        if len(house.executor.started) == 1:
            await asyncio.sleep(2.5)
            return Broken(failure=Failure(kind="status", message="HTTP 500", status=500))
        return Done()

    house = House(slow)

    async def scenario() -> None:
        async with house.working(lease=timedelta(seconds=5)):
            schedule = _schedule(house, overlap="serial")
            await until(lambda: len(house.executor.started) >= 2)
            await until(lambda: len(house.memory.slots(schedule.id)) >= 3)
        first, second = _tasks(house, schedule)[:2]
        assert second.scheduled_for - first.scheduled_for == 2 * SECOND
        slots = {slot.occurrence: slot.outcome for slot in house.memory.slots(schedule.id)}
        assert type(slots[first.scheduled_for + SECOND]).__name__ == "Coalesced"
        assert isinstance(slots[second.scheduled_for], Created)

    run(scenario())


def test_two_engines_fire_each_occurrence_once() -> None:
    """However many engines look, an occurrence has one task."""

    async def scenario() -> None:
        house = House()
        async with house.working("worker-1"), house.working("worker-2"):
            schedule = _schedule(house)
            await until(lambda: len(house.executor.started) == 3)
        occurrences = [task.scheduled_for for task in _tasks(house, schedule)]
        assert len(occurrences) == len(set(occurrences))

    run(scenario())


def test_a_schedule_that_cannot_be_planned_holds_up_nobody(monkeypatch: Any) -> None:
    """A rule that fails in planning is logged and left; others fire, tasks run, and the engine does not spin."""

    async def scenario() -> None:
        house = House()
        bad = _schedule(house)

        def fails(view: ScheduleView, at: Any) -> Plan:
            if view.schedule.id == bad.id:
                raise OverflowError("a rule beyond all years")
            return plan(view, at)

        monkeypatch.setattr(worker_module, "plan", fails)
        good = _schedule(house)
        async with house.working():
            (task,) = house.add()
            await house.ended(task)
            await until(lambda: len(_tasks(house, good)) == 2)
            house.storage.calls.clear()
            await asyncio.sleep(0.6)
            assert house.storage.calls["fire"] <= 15
        assert house.memory.get_schedule(bad.id) == bad

    run(scenario())
