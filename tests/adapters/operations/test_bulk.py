"""Bulk operations while others change the same tasks: each task is judged in the transaction that changes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mainspring.adapters.chance import SystemEntropy
from mainspring.adapters.operations import Operations, SyncOperations
from mainspring.adapters.operations.asynchronous import bulk as asynchronous
from mainspring.adapters.operations.steps import edit, requeue
from mainspring.adapters.operations.synchronous import bulk as synchronous
from mainspring.adapters.storages.asynchronous import AsyncOver
from mainspring.adapters.storages.memory import MemoryStorage
from mainspring.adapters.storages.sqlite import SqliteStorage
from mainspring.core.commands import Edit
from mainspring.core.errors import Conflict, IllegalTransition, InvalidInput
from mainspring.core.ports import Page, Storage, TaskQuery
from mainspring.core.task import Task
from mainspring.testing.conformance.values import added, cancel, start, succeed

Door = Callable[..., Any]


class RestlessMemory(MemoryStorage):
    """A storage in which somebody else does something between each search and what follows it."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def find(self, query: TaskQuery) -> Page[Task]:
        """Find, and let the other one act."""
        found = super().find(query)
        self.meanwhile()
        return found


class RestlessSqlite(SqliteStorage):
    """The same in a file."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def find(self, query: TaskQuery) -> Page[Task]:
        """Find, and let the other one act."""
        found = super().find(query)
        self.meanwhile()
        return found


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RestlessMemory | RestlessSqlite]:
    made = RestlessMemory() if request.param == "memory" else RestlessSqlite(tmp_path / "s.db")
    yield made
    made.close()


@pytest.fixture(params=["synchronous", "asynchronous"])
def door(request: pytest.FixtureRequest, storage: Storage) -> Door:
    """Call an operation by its name, in one colour or the other."""

    def call(name: str, *args: object, **options: object) -> Any:
        if request.param == "synchronous":
            operations = SyncOperations(storage, SystemEntropy(), lambda call: None)
            return getattr(operations, name)(*args, **options)
        awaited = Operations(AsyncOver(storage, inline=True), SystemEntropy(), lambda call: None)
        return asyncio.run(getattr(awaited, name)(*args, **options))

    return call


def _ended(storage: Storage) -> Task:
    """A task that was cancelled."""
    made = added(storage)
    storage.update([made.id], cancel)
    return storage.get(made.id)


def test_what_was_requeued_or_started_since_it_was_found_is_not_deleted(
    storage: RestlessMemory | RestlessSqlite, door: Door
) -> None:
    """A deletion of ended tasks takes no live one away."""
    gone, requeued, started = (_ended(storage) for _ in range(3))

    def others() -> None:
        storage.update([requeued.id, started.id], requeue(reset=True))
        storage.update([started.id], start())

    storage.meanwhile = others
    result = door("delete_tasks", TaskQuery(statuses=frozenset({"cancelled"})))
    assert (result.matched, result.done, result.refused) == (3, 1, {"Conflict": 2})
    assert storage.count("default") == {"pending": 1, "running": 1}
    assert storage.find(TaskQuery(statuses=frozenset({"running"}))).items[0].id == started.id
    assert gone.id not in {task.id for task in storage.find(TaskQuery()).items}


def test_what_runs_by_now_is_not_cancelled_with_what_waits(
    storage: RestlessMemory | RestlessSqlite, door: Door
) -> None:
    """Cancelling what is pending asks no run to stop."""
    waiting, started = added(storage), added(storage)
    storage.meanwhile = lambda: storage.update([started.id], start())
    result = door("cancel_tasks", TaskQuery(statuses=frozenset({"pending"})))
    assert (result.matched, result.done, result.refused) == (2, 1, {"Conflict": 1})
    assert storage.get(started.id).state.status == "running"
    assert storage.get(waiting.id).state.status == "cancelled"


def test_what_has_succeeded_by_now_is_not_requeued_with_what_was_cancelled(
    storage: RestlessMemory | RestlessSqlite, door: Door
) -> None:
    """Requeuing the dead never runs again what has been done meanwhile."""
    dead, done = _ended(storage), _ended(storage)

    def others() -> None:
        storage.update([done.id], requeue(reset=True))
        storage.update([done.id], start())
        storage.update([done.id], succeed)

    storage.meanwhile = others
    result = door("requeue_tasks", TaskQuery(statuses=frozenset({"cancelled"})))
    assert (result.matched, result.done, result.refused) == (2, 1, {"Conflict": 1})
    assert storage.get(done.id).state.status == "succeeded"
    assert storage.get(dead.id).state.status == "pending"


def test_what_has_moved_to_another_queue_is_not_purged(storage: RestlessMemory | RestlessSqlite, door: Door) -> None:
    """A purge is of what is in the queue when it is purged."""
    moved, left = added(storage, queue="mail"), added(storage, queue="mail")
    storage.meanwhile = lambda: storage.update([moved.id], edit(Edit(at=storage.now(), queue="other")))
    result = door("purge_queue", "mail")
    assert (result.matched, result.done, result.refused) == (2, 1, {"Conflict": 1})
    assert storage.get(moved.id).state.status == "pending"
    assert storage.get(left.id).state.status == "cancelled"


def test_a_reason_has_a_bound(storage: RestlessMemory | RestlessSqlite, door: Door) -> None:
    """It is refused once, not task by task."""
    waiting = added(storage)
    for operation, what in (("cancel_task", waiting.id), ("cancel_tasks", TaskQuery())):
        with pytest.raises(InvalidInput, match="reason: 2001 characters; use at most 2000"):
            door(operation, what, "x" * 2_001)
    assert door("cancel_task", waiting.id, "x" * 2_000).state.status == "cancelled"


def test_a_walk_that_ends_before_the_tasks_do_says_so(
    storage: RestlessMemory | RestlessSqlite, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One operation walks a bounded number of pages; what it has not met is not passed over in silence."""
    for colour in (asynchronous, synchronous):
        monkeypatch.setattr(colour, "MAX_PAGES", 1)
        monkeypatch.setattr(colour, "MAX_PAGE", 2)
    made = [added(storage) for _ in range(3)]
    for name in ("cancel_tasks", "delete_tasks"):
        result = door(name, TaskQuery(), dry_run=True)
        assert (result.matched, result.done, result.more) == (2, 2, True)
    storage.delete([made[0].id])
    result = door("cancel_tasks", TaskQuery())
    assert (result.matched, result.done, result.more) == (2, 2, False)


def test_what_is_gone_by_now_is_counted_as_refused(storage: RestlessMemory | RestlessSqlite, door: Door) -> None:
    """A deletion that somebody else was quicker with is not counted twice."""
    made = _ended(storage)
    storage.meanwhile = lambda: storage.delete([made.id])
    result = door("delete_tasks", TaskQuery())
    assert (result.matched, result.done, result.refused) == (1, 0, {"Conflict": 1})


def test_a_requeue_of_the_dead_takes_nothing_that_has_ended_well(
    storage: RestlessMemory | RestlessSqlite, door: Door
) -> None:
    """Who looks at a failed task and runs it again may come late: how it has ended is asked under lock."""
    made = _ended(storage)
    with pytest.raises(Conflict, match="it is cancelled, not failed"):
        door("requeue_task", made.id, statuses=frozenset({"failed"}))
    assert storage.get(made.id) == made
    assert door("requeue_task", made.id, statuses=frozenset({"failed", "cancelled"})).state.status == "pending"
    with pytest.raises(IllegalTransition, match="only an ended task"):
        door("requeue_task", made.id, statuses=frozenset({"failed"}))
