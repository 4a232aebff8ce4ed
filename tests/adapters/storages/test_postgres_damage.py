"""A Postgres store with rows that cannot be read: they are set aside, said to be so, and hold up nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from adapters.storages.making import new_task, start, succeed
from mainspring.adapters.storages.postgres import PostgresStorage
from mainspring.core.errors import CorruptHistory
from mainspring.core.ids import ScheduleId
from mainspring.core.machine import Decision
from mainspring.core.ports import Refused, ScheduleQuery, TaskQuery
from mainspring.core.recurrence import Interval
from mainspring.core.schedule import Plan, Schedule, TaskTemplate, new_schedule, plan
from mainspring.core.states import STATES, TERMINAL
from mainspring.core.task import FunctionCall, Task
from mainspring.testing.conformance.port import creations, take

MINUTE = timedelta(minutes=1)


@pytest.fixture
def storage(postgres_url: str) -> Iterator[PostgresStorage]:
    """An empty storage."""
    opened = PostgresStorage(postgres_url)
    yield opened
    opened.close()


def damage(url: str, statement: str, *values: object) -> int:
    """Change rows past the storage; gives how many."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement.encode(), values).rowcount


def _added(storage: PostgresStorage, count: int) -> list[Task]:
    made = [new_task() for _ in range(count)]
    storage.add(creations(made))
    return made


def _added_schedule(storage: PostgresStorage) -> Schedule:
    now = storage.now()
    made = new_schedule(
        schedule_id=ScheduleId(new_task().id),
        recurrence=Interval(every=MINUTE, anchor=now),
        template=TaskTemplate(call=FunctionCall(function="work")),
        at=now - MINUTE,
    )
    storage.add_schedule(made)
    return made


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE mainspring.tasks SET body = 'x' WHERE id = %s::uuid",
        "UPDATE mainspring.tasks SET body = '{}' WHERE id = %s::uuid",
        'UPDATE mainspring.live SET state = \'{"kind":"walking"}\' WHERE id = %s::uuid',
        "DELETE FROM mainspring.tasks WHERE id = %s::uuid",
    ],
)
def test_a_task_that_cannot_be_read_does_not_hold_up_the_batch(
    storage: PostgresStorage, postgres_url: str, statement: str
) -> None:
    """The others are taken; it is quarantined, and nothing takes it up again."""
    made = _added(storage, 5)
    assert damage(postgres_url, statement, made[2].id) == 1
    taken = [decision.task.id for decision in take(storage, (), 10, start)]
    assert taken == [task.id for task in made if task is not made[2]]
    assert take(storage, (), 10, start) == ()
    assert storage.upcoming(()).tasks == {}
    (answer,) = storage.update([made[2].id], start)
    assert isinstance(answer, Refused)
    assert isinstance(answer.error, CorruptHistory)
    assert storage.save([Decision(task=made[2], read_version=1, events=(), effects=())]) == (False,)
    report = storage.doctor()
    assert [row.id for row in report.quarantined] == [made[2].id] or report.faults != ()


def test_a_held_task_that_cannot_be_read_is_not_reclaimed_for_ever(storage: PostgresStorage, postgres_url: str) -> None:
    """It is set aside like one that waits."""
    made = _added(storage, 2)
    take(storage, (), 2, start)
    damage(postgres_url, "UPDATE mainspring.live SET lease_until = 1")
    damage(postgres_url, "UPDATE mainspring.live SET state = '[]' WHERE id = %s::uuid", made[0].id)
    reclaimed = storage.reclaim(10, succeed)
    assert [decision.task.id for decision in reclaimed] == [made[1].id]
    assert storage.reclaim(10, succeed) == ()
    assert [row.id for row in storage.quarantined()] == [made[0].id]


def test_a_search_leaves_out_what_cannot_be_read(storage: PostgresStorage, postgres_url: str) -> None:
    """And puts it in quarantine; the page is full all the same."""
    made = _added(storage, 4)
    damage(postgres_url, "UPDATE mainspring.tasks SET body = 'x' WHERE id = %s::uuid", made[3].id)
    found = storage.find(TaskQuery(limit=3)).items
    assert [task.id for task in found] == [task.id for task in made[2::-1]]
    assert [row.id for row in storage.quarantined()] == [made[3].id]
    with pytest.raises(CorruptHistory, match=made[3].id):
        storage.get(made[3].id)
    assert storage.delete([made[3].id]) == 1
    assert storage.quarantined() == ()


def test_a_schedule_that_cannot_be_read_does_not_hold_up_the_others(
    storage: PostgresStorage, postgres_url: str
) -> None:
    """The others fire; it is quarantined, and does not count as due any more."""
    good, bad = _added_schedule(storage), _added_schedule(storage)
    damage(postgres_url, "UPDATE mainspring.schedules SET wake_at = 1")
    damage(postgres_url, "UPDATE mainspring.schedules SET body = '{}' WHERE id = %s::uuid", bad.id)
    fired = storage.fire(10, plan)
    assert [answer.schedule.id for answer in fired if isinstance(answer, Plan)] == [good.id]
    assert len(fired) == 1
    assert [(row.kind, row.id) for row in storage.quarantined()] == [("schedule", bad.id)]
    assert [schedule.id for schedule in storage.find_schedules(ScheduleQuery()).items] == [good.id]


def test_a_part_that_is_lost_is_a_fault(storage: PostgresStorage, postgres_url: str) -> None:
    """The doctor names a task whose row for live or ended ones is gone."""
    made = _added(storage, 2)
    assert storage.doctor().faults == ()
    damage(postgres_url, "DELETE FROM mainspring.live WHERE id = %s::uuid", made[0].id)
    assert storage.doctor().faults == (f"task {made[0].id} has lost a part of it",)


def test_the_checks_of_the_schema_are_those_of_the_states(storage: PostgresStorage, postgres_url: str) -> None:
    """The states that a column admits are those of the transition table, for live and ended tasks apart."""
    with psycopg.connect(postgres_url) as connection:
        found = dict(
            connection.execute(
                "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE contype = 'c' AND pg_get_constraintdef(oid) LIKE '%%ARRAY%%'"
                " AND connamespace = 'mainspring'::regnamespace"
            ).fetchall()
        )
    ended = {state.status for state in TERMINAL}
    live = {state.status for state in STATES} - ended
    for table, statuses in (("mainspring.live", live), ("mainspring.ended", ended)):
        named = {part for part in found[table].split("'") if part.isalpha() and part.islower() and part != "text"}
        assert named & (live | ended) == statuses
        assert found[table].count("'::text") == len(statuses)
