"""Schedules through the front door, in both colours: what is changed, what is foreseen, what is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from mainspring.adapters.operations.insights import Explanation
from mainspring.app import FunctionCall, Mainspring, QueueEdit, Rate, ScheduleChange, ScheduleRequest
from mainspring.core.commands import Start
from mainspring.core.errors import Conflict, InvalidInput, NotFound
from mainspring.core.machine import handle
from mainspring.core.ports import ScheduleQuery, TaskQuery
from mainspring.core.recurrence import Cron
from mainspring.core.retry import Never
from mainspring.core.schedule import (
    CatchUp,
    Coalesced,
    Plan,
    ScheduleEdit,
    ScheduleView,
    Skipped,
    Slot,
    TaskTemplate,
)
from support.commands import wait_until

Door = Callable[..., Any]
HOUR = timedelta(hours=1)
FAR = "2090-01-01T00:00:00Z"


def test_a_schedule_is_changed_field_by_field(door: Door) -> None:
    """What is named becomes so, in texts as at creation; all else stays, and so does what others changed meanwhile."""
    made = door("schedule", "work", cron="0 9 * * *", timezone="Europe/Berlin", name="nightly", ends_at=FAR)
    door("change_schedule", made.id, priority=3)
    changed = door(
        "change_schedule", made.id, "work", timezone="UTC", queue="slow", ends_at=None, catch_up_mode="latest"
    )
    assert (changed.recurrence, changed.name, changed.ends_at) == (Cron("0 9 * * *", "UTC"), "nightly", None)
    assert (changed.template.queue, changed.template.priority) == ("slow", 3)
    assert changed.catch_up == CatchUp(mode="latest")
    assert door("get_schedule", made.id) == changed
    assert [event.note for event in door("schedule_history", made.id)][1:] == [
        "priority",
        "recurrence, call, queue, catch_up_mode, ends_at",
    ]


def test_of_many_changes_at_once_none_is_lost(app: Mainspring) -> None:
    """Each one names another field, all of them are there in the end, and each has its version."""
    made = app.sync.schedule("work", every="1h")
    changes: list[dict[str, Any]] = [
        {"queue": "slow"},
        {"priority": 7},
        {"timeout": "1m"},
        {"retry": "never"},
        {"name": "hourly"},
        {"overlap": "skip"},
        {"catch_up_mode": "latest"},
        {"catch_up_window": "6h"},
    ]
    with ThreadPoolExecutor(len(changes)) as pool:
        done = list(pool.map(lambda change: app.sync.change_schedule(made.id, **change), changes))
    assert sorted(schedule.version for schedule in done) == list(range(2, 10))
    after = app.sync.get_schedule(made.id)
    template = TaskTemplate(
        call=made.template.call, queue="slow", priority=7, timeout=timedelta(minutes=1), retry=Never()
    )
    assert (after.template, after.name, after.overlap) == (template, "hourly", "skip")
    assert after.catch_up == CatchUp(mode="latest", window=timedelta(hours=6))


def test_a_change_can_be_bound_to_what_was_read(door: Door) -> None:
    """A version that has moved on is a conflict, and nothing is written."""
    made = door("schedule", "work", every="1h")
    assert door("change_schedule", made.id, version=made.version, queue="slow").template.queue == "slow"
    with pytest.raises(Conflict, match="its version is 2, not 1"):
        door("change_schedule", made.id, version=made.version, queue="fast")
    assert door("get_schedule", made.id).template.queue == "slow"


def test_what_is_no_change_is_refused(door: Door) -> None:
    """Nothing at all, what belongs to a call that is not named, an unknown word."""
    made = door("schedule", "work", every="1h")
    with pytest.raises(InvalidInput, match="nothing to change was given"):
        door("change_schedule", made.id)
    with pytest.raises(InvalidInput, match="arguments: it belongs to a call"):
        door("change_schedule", made.id, arguments={})
    with pytest.raises(TypeError, match="did you mean 'queue'"):
        door("change_schedule", made.id, queu="slow")
    assert door("get_schedule", made.id) == made


# --- preview -------------------------------------------------------------------------------------------------------


def test_a_preview_shows_what_the_worker_then_does(app: Mainspring, door: Door) -> None:
    """The same occurrences become the same tasks: the ids are those that production computes."""
    made = door("schedule", "work", every="1s", overlap="allow_all")
    seen = door("preview", made.id, span="3s")
    foreseen = [row.outcome for row in seen.rows]
    assert len(foreseen) in (3, 4)
    with app.worker():
        wait_until(lambda: len(app.sync.schedule_slots(made.id)) >= 3)
    happened = [slot.outcome for slot in reversed(door("schedule_slots", made.id))]
    assert happened[:3] == foreseen[:3]


def test_a_preview_applies_overlap_and_the_limits_of_the_queue(door: Door) -> None:
    """Of a queue that lets one start in a minute, and tasks that run longer than the interval."""
    door("edit_queue", "mail", QueueEdit(rate=Rate(count=1, per=timedelta(minutes=1))))
    made = door("schedule", "work", every="10s", queue="mail", overlap="skip")
    seen = door("preview", made.id, span="5m", duration="25s", limit=3)
    assert [row.outcome.kind for row in seen.rows] == ["created", "skipped", "skipped"]
    assert (seen.at, seen.until) == (seen.at, seen.at + timedelta(minutes=5))
    assert seen.cut == 27
    first = seen.rows[0]
    assert first.ends - first.starts == timedelta(seconds=25)


def test_a_preview_shows_an_edit_before_it_is_made(door: Door) -> None:
    """With the new queue's limits, from the change of a caller or the core's edit; nothing is written."""
    door("pause_queue", "slow")
    made = door("schedule", "work", cron="0 * * * *")
    change = ScheduleChange(cron="*/30 * * * *", queue="slow")
    seen = door("preview", made.id, change=change, span="2h")
    assert len(seen.rows) == 4
    assert {row.starts for row in seen.rows} == {None}
    assert seen.schedule.template.queue == "slow"
    again = door("preview", made.id, change=ScheduleEdit(overlap="allow_all", max_runs=1), until=FAR, limit=5)
    assert (len(again.rows), again.cut, again.rows[0].starts is not None) == (1, 0, True)
    assert door("get_schedule", made.id) == made
    assert door("schedule_slots", made.id) == ()


def test_what_is_only_asked_for_can_be_seen_beforehand(door: Door) -> None:
    """A request is played as it would be created, and checked like one."""
    request = ScheduleRequest(call=FunctionCall(function="work"), rrule="FREQ=DAILY;COUNT=3")
    seen = door("preview", request)
    assert len(seen.rows) == 3
    assert door("find_schedules", ScheduleQuery()).items == ()
    with pytest.raises(InvalidInput, match="nowhere"):
        door("preview", ScheduleRequest(call=FunctionCall(function="nowhere"), every="1h"))


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"until": FAR, "span": "1h"}, "until"),
        ({"until": "tomorrow"}, "until"),
        ({"span": "long"}, "span"),
        ({"span": timedelta(days=50_000)}, "span"),
        ({"duration": "long"}, "duration"),
        ({"limit": 0}, "limit"),
    ],
)
def test_a_preview_refuses_by_the_field(door: Door, options: dict[str, Any], field: str) -> None:
    """One end, bounded, and readable."""
    made = door("schedule", "work", every="1h")
    with pytest.raises(InvalidInput) as refused:
        door("preview", made.id, **options)
    assert refused.value.field == field


# --- why -----------------------------------------------------------------------------------------------------------


def _told(explanation: Explanation) -> list[str]:
    return [f"{reason.stage}: {reason.fact}" for reason in explanation.reasons]


def test_a_task_of_a_schedule_is_told_from_rule_to_outcome(app: Mainspring, door: Door) -> None:
    """Rule, occurrence, policy, gate, outcome: each from what is on record; also when the schedule is gone."""
    made = door("schedule", "work", rrule="FREQ=DAILY")
    asyncio.run(app.run_until_idle())
    (task,) = door("find_tasks", TaskQuery(schedule_id=made.id)).items
    explanation = door("why", task.id)
    assert (explanation.subject, explanation.id) == ("task", task.id)
    assert _told(explanation) == [
        "rule: schedule.recurrence",
        "occurrence: task.origin",
        "policy: slot",
        "gate: event 1: RunStarted",
        "outcome: event 4: RunSucceeded",
    ]
    door("delete_schedule", made.id)
    assert _told(door("why", task.id))[:3] == ["rule: task.origin", "occurrence: task.origin", "policy: slot"]


def test_a_task_run_by_hand_has_a_record_of_its_own(door: Door) -> None:
    """Not that of the rule's occurrence; a task of nobody's has none."""
    made = door("schedule", "work", every="1h")
    task = door("run_schedule", made.id).tasks[0]
    assert "policy: slot" in _told(door("why", task.id))
    assert _told(door("why", door("enqueue", "work").id)) == ["rule: task.origin", "gate: task.state.due"]


def test_a_task_that_waits_names_the_limit_that_holds_it(app: Mainspring, door: Door) -> None:
    """The places of its queue, counted by key as the gate counts them."""
    door("edit_queue", "mail", QueueEdit(concurrency=1))
    first = door("enqueue", "work", queue="mail", key="a")
    second = door("enqueue", "work", queue="mail", key="b")
    assert _told(door("why", second.id)) == ["rule: task.origin", "gate: task.state.due"]
    app._store.sync.update([first.id], lambda task, at: handle(task, Start(at=at, worker="w", lease=HOUR)))
    assert _told(door("why", second.id)) == ["rule: task.origin", "gate: queue.limits.concurrency"]
    assert _told(door("why", first.id))[-1] == "gate: task.state.lease_until"


def test_what_a_task_had_come_to_at_an_instant(app: Mainspring, door: Door) -> None:
    """Before it was created, and between its creation and its start."""
    task = door("enqueue", "work")
    asyncio.run(app.run_until_idle())
    early = door("why", task.id, at=task.created_at - HOUR)
    assert _told(early) == ["rule: task.created_at"]
    assert _told(door("why", task.id, at=task.created_at)) == ["rule: task.origin", "outcome: event 1: RunStarted"]


def test_an_occurrence_long_ago_is_found_among_thousands(app: Mainspring, door: Door) -> None:
    """Also one in a row that shares a record, and the one that it was coalesced into."""
    made = door("schedule", "work", every="1s", overlap="allow_all")
    store = app._store.sync
    late = [made.next_at - timedelta(seconds=n) for n in range(3000, 0, -1)]

    def record(view: ScheduleView, at: datetime) -> Plan:
        rows = [
            Slot(schedule_id=made.id, occurrence=o, until=o, count=1, outcome=Skipped(reason="overlap"), at=at)
            for o in late
        ]
        rows[7] = evolve(rows[7], outcome=Coalesced(into=late[2_000]))
        advanced = evolve(view.schedule, version=view.schedule.version + 1)
        return Plan(schedule=advanced, read_version=view.schedule.version, slots=tuple(rows))

    store.update_schedule(made.id, record)
    assert _told(door("why", made.id, at=late[9])) == ["rule: schedule.recurrence", "occurrence: slot", "policy: slot"]
    followed = door("why", made.id, at=late[7]).reasons
    assert [reason.at for reason in followed if reason.stage == "occurrence"] == [late[7], late[2_000]]
    assert _told(door("why", made.id))[-1] == "occurrence: schedule.next_at"


def test_of_what_does_not_exist_nothing_is_told(door: Door) -> None:
    """It may have been meant as either."""
    with pytest.raises(NotFound) as missing:
        door("why", "nothing")
    assert missing.value.kind == "task or schedule"
    with pytest.raises(InvalidInput, match="at: "):
        door("why", "nothing", at="yesterday")
