"""Retention through the engine: ended tasks are deleted when their time has come."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mainspring.adapters.engine import EngineSettings, Retention
from mainspring.core.errors import InvalidInput
from mainspring.core.ports import Broken, Done, Outcome, Run, TaskQuery
from mainspring.core.retry import Failure
from mainspring.core.task import DEFAULT_PROJECT, Task
from support.engines import House, run, until

NOW = timedelta(0)


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
    """A long backlog is deleted in several transactions, without a rest between them."""

    async def scenario() -> None:
        house = House()
        house.add(95)
        await house.worker().run_until_idle()
        async with house.working(batch=10, retention=Retention(succeeded=NOW), poll=timedelta(minutes=1)):
            await until(lambda: house.memory.count(DEFAULT_PROJECT) == {}, 5)
        assert house.storage.calls["prune"] >= 10

    run(scenario())


def test_keys_are_forgotten_also_where_tasks_are_kept_for_ever() -> None:
    """They are kept for a day; the table of them must not grow without end."""

    async def scenario() -> None:
        house = House()
        forever = Retention(succeeded=None, cancelled=None, expired=None, failed=None)
        (task,) = house.add()
        await house.worker(retention=forever).run_until_idle()
        assert house.storage.calls["prune"] == 1
        assert house.status(task) == "succeeded"

    run(scenario())


def test_a_round_that_fails_is_made_again() -> None:
    """What was due is taken before it, and goes on."""

    async def scenario() -> None:
        house = House()
        (old,) = house.add()
        await house.worker().run_until_idle()
        (fresh,) = house.add()
        house.storage.fail("prune")
        async with house.working(retention=Retention(succeeded=NOW)):
            await until(lambda: old not in [task.id for task in house.memory.find(TaskQuery()).items])
        assert [started for started, _, _ in house.executor.started] == [old, fresh]
        assert house.storage.calls["prune"] >= 3

    run(scenario())


@pytest.mark.parametrize("age", [timedelta(seconds=-1), timedelta(days=36_501), timedelta.max])
def test_a_retention_is_in_range(age: timedelta) -> None:
    """The refusal names the state; for ever is said by None."""
    with pytest.raises(InvalidInput, match=r"retention\.failed"):
        Retention(failed=age)


def test_states_that_are_kept_equally_long_are_pruned_together() -> None:
    """Failed tasks stay for ever unless their time is set, and None keeps any state for ever."""
    assert EngineSettings().retention == Retention()
    month, century = timedelta(days=31), timedelta(days=36_500)
    assert Retention().ages() == {month: frozenset({"succeeded", "cancelled", "expired"})}
    mixed = Retention(succeeded=None, cancelled=NOW, failed=century)
    assert mixed.ages() == {
        NOW: frozenset({"cancelled"}),
        month: frozenset({"expired"}),
        century: frozenset({"failed"}),
    }
    assert list(mixed.ages()) == sorted(mixed.ages())
