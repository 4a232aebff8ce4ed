"""Matching: whether a task is one that a query asks for."""

from __future__ import annotations

import pytest

from mainspring.core.ids import ScheduleId
from mainspring.core.matching import ended_before, matches
from mainspring.core.ports import TaskQuery
from mainspring.core.states import Pending, Succeeded, Tally
from mainspring.core.task import Fired
from support.builders import NOW, SECOND, make_task

MADE_BY = ScheduleId("s")
TASK = make_task(
    Succeeded(at=NOW, result="", tally=Tally()),
    name="n",
    key="k",
    queue="q",
    origin=Fired(schedule_id=MADE_BY, occurrence=NOW),
    created_at=NOW,
)
ASKED = TaskQuery(
    statuses=frozenset({"succeeded", "failed"}),
    queue="q",
    name="n",
    key="k",
    schedule_id=MADE_BY,
    created_before=NOW + SECOND,
    ended_before=NOW + SECOND,
)


def test_a_task_matches_if_all_conditions_hold() -> None:
    """Those that are left open hold for every task."""
    assert matches(TASK, ASKED)
    assert matches(TASK, TaskQuery())


@pytest.mark.parametrize(
    "other",
    [
        {"project": "theirs"},
        {"statuses": frozenset({"pending"})},
        {"queue": "another"},
        {"name": "another"},
        {"key": "another"},
        {"schedule_id": ScheduleId("another")},
        {"created_before": NOW},
        {"ended_before": NOW},
    ],
    ids=lambda other: next(iter(other)),
)
def test_one_condition_that_does_not_hold_is_enough(other: dict[str, object]) -> None:
    """Instants are exclusive."""
    assert not matches(TASK, TaskQuery(**other))  # type: ignore[arg-type]


def test_what_has_not_ended_has_ended_before_no_instant() -> None:
    """A live task is left out by ``ended_before``, however late that is."""
    assert not ended_before(make_task(Pending(due=NOW)), NOW + SECOND)
    assert ended_before(TASK, NOW + SECOND)
