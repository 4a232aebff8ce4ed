"""The orders in which things become due: right against a plain model, and fast where there are many."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.storages.making import new_task, start
from mainspring.adapters.storages.lazy_heap import LazyHeap
from mainspring.adapters.storages.memory import MemoryStorage
from mainspring.adapters.storages.sqlite import SqliteStorage, task_rows, task_search
from mainspring.core.commands import Edit
from mainspring.core.errors import Conflict
from mainspring.core.machine import handle
from mainspring.core.ports import Storage, TaskQuery
from mainspring.core.states import Pending
from mainspring.testing.conformance.port import creations, take

MANY = int(os.environ.get("MAINSPRING_MANY", "20000"))
SECOND = timedelta(seconds=1)

actions = st.lists(
    st.tuples(st.sampled_from(["put", "put", "discard", "pop"]), st.sampled_from("abcde"), st.integers(0, 9)),
    max_size=300,
)


@given(actions)
def test_a_lazy_heap_is_a_sorted_mapping(steps: list[tuple[str, str, int]]) -> None:
    """put, discard, peek and pop answer as a dict that is sorted each time."""
    heap: LazyHeap[tuple[int, str]] = LazyHeap()
    model: dict[str, tuple[int, str]] = {}
    for action, item, number in steps:
        if action == "put":
            heap.put(item, (number, item))
            model[item] = (number, item)
        elif action == "discard":
            heap.discard(item)
            model.pop(item, None)
        else:
            expected = min(((key, name) for name, key in model.items()), default=None)
            assert heap.pop() == expected
            if expected is not None:
                del model[expected[1]]
        assert heap.peek() == min(((key, name) for name, key in model.items()), default=None)
        assert (len(heap), set(heap)) == (len(model), set(model))


def test_a_lazy_heap_does_not_grow_with_what_was_taken_back() -> None:
    """Moving one item a thousand times leaves a small heap."""
    heap: LazyHeap[tuple[int, str]] = LazyHeap()
    for number in range(10_000):
        heap.put("a", (-number, "a"))
    assert len(heap._heap) < 200
    assert heap.pop() == ((-9_999, "a"), "a")
    assert heap.pop() is None


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The instant that was set."""
        return self.now


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., MemoryStorage | SqliteStorage]:
    """How to make a storage with a clock."""
    if request.param == "memory":
        return MemoryStorage
    return lambda **options: SqliteStorage(tmp_path / "s.db", **options)


def test_a_clock_that_goes_back_makes_nothing_start_early(make: Callable[..., Storage]) -> None:
    """I5: what was due before it went back is not due now, and is again later."""
    clock = Clock()
    storage = make(clock=clock)
    due = clock.now + SECOND
    storage.add(
        creations([new_task(state=Pending(due=due), priority=9), new_task(state=Pending(due=due - 2 * SECOND))])
    )
    clock.now = due
    take(storage, (), 0, start)
    (first,) = take(storage, ("default",), 1, start)
    assert first.task.priority == 9
    storage.update([first.task.id], lambda given, at: handle(given, Edit(at=at)))
    late = new_task(state=Pending(due=due), priority=5)
    storage.add(creations([late]))
    clock.now = due - SECOND
    assert [decision.task.priority for decision in take(storage, (), 9, start)] == [0]
    clock.now = due
    assert [decision.task.id for decision in take(storage, (), 9, start)] == [late.id]
    storage.close()


def _timed(job: Callable[[], Any]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def test_taking_does_not_slow_down_with_what_waits(make: Callable[..., Storage]) -> None:
    """A hundred out of many thousands, most of them not due, in many queues (MAINSPRING_MANY for more)."""
    now = datetime.now(UTC)
    storage = make()
    chance = random.Random(3)
    for base in range(0, MANY, 5_000):
        storage.add(
            creations(
                [
                    new_task(
                        queue=f"q{chance.randrange(20)}",
                        priority=chance.randrange(3),
                        state=Pending(due=now + (chance.random() - 0.3) * timedelta(days=1)),
                    )
                    for _ in range(base, min(base + 5_000, MANY))
                ]
            )
        )
    take(storage, (), 1, start)
    each = [_timed(lambda: take(storage, (), 100, start)) for _ in range(7)]
    looks = [_timed(lambda: storage.upcoming(())) for _ in range(7)]
    named = [_timed(lambda: take(storage, ("q3", "q4"), 100, start)) for _ in range(7)]
    assert sorted(each)[3] < 0.15
    assert sorted(named)[3] < 0.15
    assert sorted(looks)[3] < 0.02
    storage.close()


def _plan(connection: sqlite3.Connection, statement: str) -> str:
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", (0,) * statement.count("?"))
    return "; ".join(str(row[3]) for row in rows)


def test_the_statements_walk_the_indexes_that_were_made_for_them(tmp_path: Path) -> None:
    """No scan of a whole table, no sorting."""
    SqliteStorage(tmp_path / "s.db").close()
    seen: list[str] = []
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.set_trace_callback(lambda statement: None)
        statements = [
            task_rows._DUE, task_rows._EXPIRED, task_rows._NEXT_LANE, task_rows._NEXT_RANK, task_rows._BY_ID,
            task_rows._NAME_HOLDER,
        ]  # fmt: skip
        recorder = _Recorder(connection, seen)
        for query in (TaskQuery(), TaskQuery(name="n"), TaskQuery(schedule_id="s"), TaskQuery(queue="q")):  # type: ignore[arg-type]
            task_search.find(recorder, query)  # type: ignore[arg-type]  # it only executes
        task_search.count(recorder, "p")  # type: ignore[arg-type]
        task_rows.earliest_lease(recorder)  # type: ignore[arg-type]
        task_rows.live_of(recorder, "s")  # type: ignore[arg-type]
        for statement in {*statements, *seen}:
            found = _plan(connection, statement)
            assert "SCAN" not in found, statement
            assert "TEMP B-TREE" not in found, statement


class _Recorder:
    """A connection that notes what it executes."""

    def __init__(self, connection: sqlite3.Connection, seen: list[str]) -> None:
        self._connection = connection
        self._seen = seen

    def execute(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        """Note and execute."""
        self._seen.append(statement)
        return self._connection.execute(statement, values)


def test_what_a_refused_write_left_in_memory_is_what_was_there(make: Callable[..., Storage]) -> None:
    """After an undone batch every order is as before: names, counts, due, pages."""
    storage = make()
    kept = new_task(name="n")
    storage.add(creations([kept]))
    for _ in range(3):
        with pytest.raises(Conflict):
            storage.add(creations([new_task(name="m"), new_task(queue="z"), new_task(name="n")]))
    assert storage.count("default") == {"pending": 1}
    assert storage.find(TaskQuery()).items == (kept,)
    assert storage.upcoming(("z",)).tasks == {}
    storage.add(creations([new_task(name="m")]))
    storage.close()
