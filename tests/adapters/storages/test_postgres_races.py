"""Several at once on one Postgres: nobody decides on what is no longer so, and nobody waits for ever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TypeVar

import pytest

from adapters.storages.making import new_task, start, succeed
from mainspring.adapters.storages.postgres import PostgresStorage
from mainspring.core.commands import Cancel, DropReport, Edit, LoseLease, Requeue, Start
from mainspring.core.errors import Conflict, MainspringError
from mainspring.core.machine import Decision, handle
from mainspring.core.ports import Refused
from mainspring.core.queue import Limits, Queue, admit, close_queue, open_queue, queue_ref
from mainspring.core.task import FunctionCall, Task
from mainspring.testing.conformance.port import creations, take

T = TypeVar("T")
REFS = tuple(queue_ref("default", name) for name in ("a", "b", "c", "d"))


@pytest.fixture
def storage(postgres_url: str) -> Iterator[PostgresStorage]:
    """An empty storage with connections enough for all threads."""
    opened = PostgresStorage(f"{postgres_url}{'&' if '?' in postgres_url else '?'}pool_size=8")
    yield opened
    opened.close()


def at_once(*jobs: Callable[[], T]) -> list[T]:
    """Do jobs in a thread each."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        return [job.result() for job in [pool.submit(job) for job in jobs]]


def test_what_is_taken_is_what_it_was_edited_to(storage: PostgresStorage) -> None:
    """A taker that met an edit on its way sees all of it: never the new state with the old call."""
    made = [new_task() for _ in range(150)]
    storage.add(creations(made))

    def edit(task: Task, at: datetime) -> Decision:
        return handle(task, Edit(at=at, call=FunctionCall(function=f"edition_{task.version + 1}"), priority=1))

    def edit_all() -> int:
        return sum([isinstance(answer, Decision) for task in made for answer in storage.update([task.id], edit)])

    def take_all() -> list[Task]:
        taken: list[Task] = []
        while decisions := take(storage, (), 5, start):
            taken += [decision.task for decision in decisions]
        return taken

    _, _, *parts = at_once(edit_all, edit_all, take_all, take_all)
    taken = [task for part in parts if isinstance(part, list) for task in part]
    assert Counter(task.id for task in taken) == Counter(task.id for task in made)
    for task in taken:
        assert isinstance(task.call, FunctionCall)
        assert task.call.function == ("work" if task.version == 2 else f"edition_{task.version - 1}")
        assert storage.get(task.id) == task


def test_takers_of_many_gated_queues_do_not_block_one_another(storage: PostgresStorage) -> None:
    """Whatever order they name them in, while settings change: no deadlock, and each limit holds."""
    for ref in REFS:
        storage.update_queue(ref, lambda queue, at: Queue(ref=queue.ref, limits=Limits(concurrency=3)))
        storage.add(creations([new_task(queue=ref.name) for _ in range(30)]))

    def work(order: int) -> list[Task]:
        refs = REFS if order % 2 else REFS[::-1]
        done: list[Task] = []
        for _ in range(200):
            taken = storage.take(dict.fromkeys(refs, 2), start, admit).decisions
            for ref in REFS:
                held = [status.held for status in storage.queues() if status.queue.ref == ref]
                assert held <= [3]
            storage.save([succeed(decision.task, storage.now()) for decision in taken])
            done += [decision.task for decision in taken]
            if not taken and storage.count("default").get("pending", 0) == 0:
                break
        return done

    def change() -> list[Task]:
        for number in range(40):
            ref = REFS[number % 4]
            storage.update_queue(ref, lambda queue, at: close_queue(queue, "paused", at, ""))
            storage.update_queue(ref, lambda queue, at: open_queue(queue))
        return []

    done = at_once(*[lambda number=number: work(number) for number in range(3)], change)
    assert Counter(task.id for part in done for task in part).total() == 120
    assert storage.count("default") == {"succeeded": 120}


def test_nothing_starts_once_a_pause_was_acknowledged(storage: PostgresStorage) -> None:
    """Also by a taker that had begun before: the pause waits for it, and the next one sees the pause."""
    ref = REFS[0]
    storage.add(creations([new_task(queue=ref.name) for _ in range(400)]))

    def work() -> int:
        count = 0
        for _ in range(150):
            count += len(storage.take({ref: 1}, start, admit).decisions)
        return count

    def pause() -> int:
        wrong = 0
        for _ in range(15):
            storage.update_queue(ref, lambda queue, at: close_queue(queue, "paused", at, ""))
            before = storage.count("default").get("running", 0)
            wrong += storage.count("default").get("running", 0) - before
            storage.update_queue(ref, lambda queue, at: open_queue(queue))
        return wrong

    *_, wrong = at_once(work, work, pause)
    assert wrong == 0


def test_a_task_is_ended_requeued_and_deleted_by_many_at_once(storage: PostgresStorage) -> None:
    """It moves between tables under their hands: each sees it where it is, and every step builds on the one before."""
    made = [new_task() for _ in range(6)]
    storage.add(creations(made))

    def flip(task: Task, at: datetime) -> Decision:
        live = task.state.status in ("pending", "running")
        return handle(task, Cancel(at=at) if live else Requeue(at=at))

    def work() -> int:
        done = 0
        for number in range(120):
            (answer,) = storage.update([made[number % 6].id], flip)
            assert isinstance(answer, Decision), answer
            done += 1
        return done

    assert sum(at_once(work, work, work)) == 360
    tasks = [storage.get(task.id) for task in made]
    assert sum(task.version - 1 for task in tasks) == 360
    assert [len(storage.history(task.id)) for task in tasks] == [task.version - 1 for task in tasks]

    def remove() -> int:
        return sum([storage.delete([task.id]) for task in made])

    results = at_once(work_or_gone(storage, made, flip), work_or_gone(storage, made, flip), remove)
    assert results[2] == 6
    assert storage.count("default") == {}
    assert storage.doctor().faults == ()


def work_or_gone(
    storage: PostgresStorage, made: list[Task], step: Callable[[Task, datetime], Decision]
) -> Callable[[], int]:
    """A job that goes on changing tasks until they are gone."""

    def work() -> int:
        return sum(
            [
                not isinstance(answer, Refused)
                for _ in range(60)
                for task in made
                for answer in storage.update([task.id], step)
            ]
        )

    return work


def test_names_go_from_hand_to_hand(storage: PostgresStorage) -> None:
    """Creators, renamers and finishers want the same two names: at most one live task has one, and none is stuck."""

    def work(number: int) -> int:
        got = 0
        for index in range(40):
            name = f"n{(index + number) % 2}"
            try:
                (answer,) = storage.add(creations([new_task(name=name)]))
                assert not isinstance(answer, Refused)
            except Conflict:
                continue
            got += 1
            storage.update([answer.task.id], lambda task, at: handle(task, Edit(at=at, name="other")))
            storage.update([answer.task.id], lambda task, at: handle(task, Cancel(at=at)))
        return got

    got = at_once(*[lambda number=number: work(number) for number in range(4)])
    assert sum(got) >= 40
    assert storage.count("default") == {"cancelled": sum(got)}
    storage.add(creations([new_task(name=name) for name in ("n0", "n1", "other")]))


def test_reports_and_reclaims_of_one_run_exclude_one_another(storage: PostgresStorage) -> None:
    """A run whose lease ends just now is either reported or reclaimed, never both."""
    made = [new_task() for _ in range(60)]
    storage.add(creations(made))
    taken = storage.take({queue_ref("default", "default"): 60}, begin_late, admit).decisions
    reported: list[bool] = []
    reclaimed: list[str] = []

    def report() -> None:
        for decision in taken:
            reported.extend(storage.save([succeed(decision.task, storage.now())]))

    def reclaim() -> None:
        while len(reclaimed) + sum(reported) < len(made):
            reclaimed.extend(decision.task.id for decision in storage.reclaim(3, lose))

    at_once(report, reclaim)
    assert len(reclaimed) + sum(reported) == len(made)
    assert len(set(reclaimed)) == len(reclaimed)
    assert storage.count("default").get("succeeded", 0) == sum(reported)


def begin_late(task: Task, at: datetime) -> Decision:
    """A step that starts a task whose lease has ended already."""
    return handle(task, Start(at=at, worker="w", lease=timedelta(microseconds=1)))


def lose(task: Task, at: datetime) -> Decision:
    """A step that takes a run away."""
    return handle(task, LoseLease(at=at, entropy=0.0))


def test_a_refusal_of_one_is_no_error_of_another(storage: PostgresStorage) -> None:
    """Many that want one id: one gets it, the others hear Conflict, and nothing else is raised."""
    wanted = [new_task() for _ in range(20)]

    def work() -> int:
        got = 0
        for task in wanted:
            try:
                storage.add(creations([task]))
                got += 1
            except MainspringError as error:
                assert isinstance(error, Conflict)  # noqa: PT017  anything else is what must not be
        return got

    assert sum(at_once(work, work, work)) == 20


def test_a_late_report_is_recorded_on_a_task_that_has_ended(storage: PostgresStorage) -> None:
    """It is no plain end of a live task, and is written over the version that it was made on like any other."""
    storage.add(creations([new_task()]))
    (taken,) = take(storage, (), 1, start)
    assert storage.save([succeed(taken.task, storage.now())]) == (True,)
    late = handle(storage.get(taken.task.id), DropReport(at=storage.now(), run=1, worker="another", report="succeed"))
    assert storage.save([late, late]) == (True, False)
    assert storage.get(taken.task.id) == late.task
    assert storage.history(taken.task.id)[-1:] == late.events
