"""What every storage guarantees when several threads use it at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from mainspring.core.commands import Edit, Heartbeat
from mainspring.core.errors import Conflict
from mainspring.core.machine import Decision, handle
from mainspring.core.ports import Storage
from mainspring.core.task import Task
from mainspring.testing.conformance.port import creations, fire, take
from mainspring.testing.conformance.values import HOUR, MINUTE, SECOND, added, added_schedule, start, succeed, task

T = TypeVar("T")
THREADS = 4


def _at_once(job: Callable[[int], T]) -> list[T]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(job, range(THREADS)))


class Concurrency:
    """No task twice, no slot twice, no name twice, no lost update."""

    def test_threads_take_each_task_once(self, storage: Storage) -> None:
        """Every task exactly once, and each is complete afterwards."""
        made = [task(storage) for _ in range(200)]
        storage.add(creations(made))

        def work(_: int) -> list[Task]:
            mine: list[Task] = []
            while decisions := take(storage, (), 7, start()):
                mine += [decision.task for decision in decisions]
                applied = storage.save([succeed(decision.task, storage.now()) for decision in decisions])
                assert all(applied)
            return mine

        taken = Counter(one.id for mine in _at_once(work) for one in mine)
        assert taken == Counter(one.id for one in made)
        assert storage.count("default") == {"succeeded": 200}

    def test_threads_fire_each_occurrence_once(self, storage: Storage) -> None:
        """One slot record for each, one task for each."""
        made = [added_schedule(storage, late=5 * MINUTE + SECOND, overlap="allow_all") for _ in range(10)]

        def work(_: int) -> int:
            count = 0
            while plans := fire(storage, 1):
                count += sum(len(one.tasks) for one in plans)
            return count

        assert sum(_at_once(work)) == 60
        assert all(len(storage.slots(one.id)) == 6 for one in made)

    def test_one_of_several_creators_gets_a_name(self, storage: Storage) -> None:
        """The others get Conflict."""

        def work(number: int) -> Sequence[bool]:
            won: list[bool] = []
            for index in range(10):
                try:
                    storage.add(creations([task(storage, name=f"name-{index}")]))
                except Conflict:
                    won.append(False)
                else:
                    won.append(True)
            return won

        assert [sum(column) for column in zip(*_at_once(work), strict=True)] == [1] * 10

    def test_every_update_is_made_on_the_one_before(self, storage: Storage) -> None:
        """Nothing is overwritten unseen: the version counts them all."""
        made = added(storage, late=-HOUR)

        def bump(given: Task, at: object) -> Decision:
            return handle(given, Edit(at=storage_now, priority=given.priority + 1))

        storage_now = storage.now()

        def work(_: int) -> None:
            for _ in range(10):
                storage.update([made.id], bump)

        _at_once(work)
        after = storage.get(made.id)
        assert (after.priority, after.version) == (10 * THREADS, 10 * THREADS + 1)
        assert len(storage.history(made.id)) == 10 * THREADS

    def test_readers_see_whole_transactions(self, storage: Storage) -> None:
        """A task and its history are never seen half written."""
        made = added(storage)
        take(storage, (), 1, start())

        def beat(given: Task, at: object) -> Decision:
            return handle(given, Heartbeat(at=now, run=1, lease=HOUR))

        now = storage.now()

        def work(number: int) -> None:
            for _ in range(20):
                if number % 2:
                    storage.update([made.id], beat)
                else:
                    assert storage.get(made.id).state.status == "running"
                    assert len(storage.history(made.id)) == 1

        _at_once(work)
        assert storage.get(made.id).version == 2 + 20 * (THREADS // 2)
