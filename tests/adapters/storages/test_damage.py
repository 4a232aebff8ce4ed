"""A damaged file: it gives back what was acknowledged, or it says so. Never a wrong answer, never a traceback."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.storages.making import new_task, query, start, succeed
from mainspring.adapters.storages.sqlite import SqliteStorage
from mainspring.adapters.storages.sqlite.migrations import latest
from mainspring.core.errors import CorruptHistory, Unavailable
from mainspring.core.events import Event
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.ports import Refused, ScheduleQuery, TaskQuery
from mainspring.core.recurrence import Interval
from mainspring.core.schedule import Schedule, TaskTemplate, new_schedule, plan
from mainspring.core.task import FunctionCall, Task
from mainspring.testing.conformance.port import creations, take

FLIPS = int(os.environ.get("MAINSPRING_FLIPS", "300"))
HOUR = timedelta(hours=1)


def new_rule(late: timedelta = HOUR) -> Schedule:
    """A schedule that has been due for ``late``."""
    now = datetime.now(UTC)
    return new_schedule(
        schedule_id=ScheduleId(new_task().id),
        recurrence=Interval(every=HOUR, anchor=now - late),
        template=TaskTemplate(call=FunctionCall(function="f")),
        at=now - 2 * HOUR,
    )


def filled(path: Path) -> tuple[dict[TaskId, Task], dict[TaskId, tuple[Event, ...]]]:
    """Fill a store; what it acknowledged."""
    storage = SqliteStorage(path)
    storage.add(creations([new_task(name=f"n{index}", priority=index % 3) for index in range(40)]))
    decisions = take(storage, (), 20, start)
    storage.save([succeed(decision.task, storage.now()) for decision in decisions[:10]])
    storage.add_schedule(new_rule())
    storage.fire(1, plan)
    tasks = {task.id: task for task in storage.find(TaskQuery(limit=1000)).items}
    histories = {task_id: storage.history(task_id) for task_id in tasks}
    storage.close()
    return tasks, histories


def test_flips_and_truncations_are_found_or_harmless(tmp_path: Path) -> None:
    """F15 in small (MAINSPRING_FLIPS for more): every damage leads to the acknowledged rows or to a clear refusal."""
    good, bad = tmp_path / "good.db", tmp_path / "bad.db"
    tasks, histories = filled(good)
    content = good.read_bytes()
    chance = random.Random(7)
    refused = 0
    for number in range(FLIPS):
        damaged = bytearray(content)
        if number % 3 == 0:
            del damaged[chance.randrange(len(damaged)) :]
        elif number % 3 == 1:
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        else:
            place, length = chance.randrange(len(damaged)), chance.randrange(1, 600)
            damaged[place : place + length] = chance.randbytes(len(damaged[place : place + length]))
        bad.write_bytes(damaged)
        refused += not _sound(bad, tasks, histories)
    assert refused > FLIPS // 2


def _sound(path: Path, tasks: dict[TaskId, Task], histories: dict[TaskId, tuple[Event, ...]]) -> bool:
    """Whether a file gives back what was acknowledged; no: it was refused in one line, by an error of ours."""
    try:
        _check(path, tasks, histories)
    except (Unavailable, CorruptHistory) as error:
        if "\n" in str(error):
            raise
        return False
    return True


def _check(path: Path, tasks: dict[TaskId, Task], histories: dict[TaskId, tuple[Event, ...]]) -> None:
    storage = SqliteStorage(path)
    try:
        assert {task_id: storage.get(task_id) for task_id in tasks} == tasks
        assert {task_id: storage.history(task_id) for task_id in tasks} == histories
        assert {task.id: task for task in storage.find(TaskQuery(limit=1000)).items} == tasks
        for schedule in storage.find_schedules(ScheduleQuery()).items:
            storage.slots(schedule.id)
            storage.schedule_history(schedule.id)
    finally:
        storage.close()


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[SqliteStorage]:
    """A storage whose file is damaged by the test."""
    made = SqliteStorage(tmp_path / "s.db")
    yield made
    made.close()


DAMAGES = [
    "UPDATE tasks SET state = replace(state, 'tally', 'tilly') WHERE id = ?",
    "UPDATE tasks SET due = due - 1000 WHERE id = ?",
    "UPDATE tasks SET version = version + 1 WHERE id = ?",
    "UPDATE bodies SET body = replace(body, 'work', 'werk') WHERE task = (SELECT n FROM tasks WHERE id = ?)",
    "DELETE FROM bodies WHERE task = (SELECT n FROM tasks WHERE id = ?)",
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_task_is_set_aside_and_the_batch_goes_on(storage: SqliteStorage, damage: str) -> None:
    """take hands out the others, up to the limit; the damaged one is listed with the reason, and raises when read."""
    bad, *good = made = [new_task() for _ in range(4)]
    storage.add(creations(made))
    query(storage.path, damage, bad.id)
    taken = take(storage, (), 3, start)
    assert {decision.task.id for decision in taken} == {task.id for task in good}
    (aside,) = storage.quarantined()
    assert (aside.kind, aside.id) == ("task", bad.id)
    assert bad.id in aside.reason
    assert storage.doctor().quarantined == (aside,)
    with pytest.raises(CorruptHistory, match=bad.id):
        storage.get(bad.id)
    assert take(storage, (), 3, start) == ()
    assert storage.upcoming(()).tasks == {}
    (answer,) = storage.update([bad.id], start)
    assert isinstance(answer, Refused)
    assert isinstance(answer.error, CorruptHistory)
    assert storage.delete([bad.id]) == 1
    assert storage.quarantined() == ()


def test_a_damaged_run_is_set_aside_by_reclaim(storage: SqliteStorage) -> None:
    """And its worker's report is refused."""
    storage.add(creations([new_task()]))
    (decision,) = take(storage, (), 1, start)
    query(storage.path, "UPDATE tasks SET lease_until = 1")
    assert storage.reclaim(1, start) == ()
    assert [aside.id for aside in storage.quarantined()] == [decision.task.id]
    assert storage.save([succeed(decision.task, storage.now())]) == (False,)


def test_a_search_leaves_damaged_tasks_out_and_sets_them_aside(storage: SqliteStorage) -> None:
    """One bad row does not hide the others."""
    made = [new_task() for _ in range(3)]
    storage.add(creations(made))
    query(storage.path, DAMAGES[0], made[1].id)
    page = storage.find(TaskQuery(limit=2))
    assert [task.id for task in page.items] == [made[2].id, made[0].id]
    assert page.cursor is None
    assert [aside.id for aside in storage.quarantined()] == [made[1].id]


def test_a_damaged_schedule_is_set_aside_and_the_others_fire(storage: SqliteStorage) -> None:
    """It is listed, raises when read, and a task of it may still end."""
    bad, good = new_rule(), new_rule(HOUR / 2)
    storage.add_schedule(bad)
    storage.add_schedule(good)
    query(storage.path, "UPDATE schedules SET body = replace(body, 'serial', 'cereal') WHERE id = ?", bad.id)
    (fired,) = storage.fire(2, plan)
    assert fired.schedule.id == good.id
    assert [(aside.kind, aside.id) for aside in storage.quarantined()] == [("schedule", bad.id)]
    with pytest.raises(CorruptHistory, match=bad.id):
        storage.get_schedule(bad.id)
    assert [one.id for one in storage.find_schedules(ScheduleQuery()).items] == [good.id]
    assert storage.fire(2, plan) == ()


def test_a_damaged_schedule_does_not_stop_its_tasks_from_ending(storage: SqliteStorage) -> None:
    """Their end is written; there is nobody to nudge."""
    rule = new_rule()
    storage.add_schedule(rule)
    (fired,) = storage.fire(1, plan)
    query(storage.path, "UPDATE schedules SET crc = crc + 1")
    (decision,) = take(storage, (), 1, start)
    assert storage.save([succeed(decision.task, storage.now())]) == (True,)
    assert storage.get(fired.tasks[0].id).state.status == "succeeded"
    assert storage.find_schedules(ScheduleQuery()).items == ()
    assert [aside.kind for aside in storage.quarantined()] == ["schedule"]


@pytest.mark.parametrize("table", ["history", "slots", "schedule_history"])
def test_a_damaged_record_raises_when_it_is_read(storage: SqliteStorage, table: str) -> None:
    """History is never quietly wrong."""
    rule = new_rule()
    storage.add_schedule(rule)
    (fired,) = storage.fire(1, plan)
    take(storage, (), 1, start)
    query(storage.path, f"UPDATE {table} SET crc = crc + 1")  # noqa: S608  one of three names
    read: dict[str, Callable[[], object]] = {
        "history": lambda: storage.history(fired.tasks[0].id),
        "slots": lambda: storage.slots(rule.id),
        "schedule_history": lambda: storage.schedule_history(rule.id),
    }
    with pytest.raises(CorruptHistory):
        read[table]()


def test_a_file_that_breaks_while_in_use_is_unavailable(storage: SqliteStorage) -> None:
    """The error is ours, and says what to do."""
    storage.add(creations([new_task() for _ in range(200)]))
    with storage.path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 60_000)
    with pytest.raises((Unavailable, CorruptHistory)):
        _read_everything(storage)


def _read_everything(storage: SqliteStorage) -> None:
    for task in storage.find(TaskQuery(limit=1000)).items:
        storage.history(task.id)
    if storage.doctor().faults:
        raise Unavailable("store", "damaged, says its doctor", "none")


def test_doctor_reports_what_is_wrong(storage: SqliteStorage) -> None:
    """And that all is well, with what the file is on and how it is used."""
    report = storage.doctor()
    assert (report.faults, report.quarantined, report.schema_version) == ((), (), latest())
    assert report.sqlite_version == sqlite3.sqlite_version
    assert report.file_bytes == storage.path.stat().st_size
    storage.add(creations([new_task()]))
    query(storage.path, "UPDATE bodies SET task = 77")
    assert storage.doctor().faults == ("a row of bodies refers to nothing",)
