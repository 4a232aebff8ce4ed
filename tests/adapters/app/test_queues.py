"""Queues, many tasks at once, and a schedule's skip and backfill, through the front door in both colours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from mainspring.adapters.operations import steps
from mainspring.app import FunctionCall, Mainspring, QueueEdit, Rate, TaskRequest
from mainspring.core.commands import Start
from mainspring.core.creation import Accepted
from mainspring.core.errors import Conflict, InvalidInput, NotFound
from mainspring.core.events import RunNoted
from mainspring.core.machine import Decision, handle
from mainspring.core.ports import Refused, TaskQuery
from mainspring.core.schedule import Created, ScheduleEdit, Skipped

HOUR = timedelta(hours=1)
Door = Callable[..., Any]
WORK = TaskRequest(call=FunctionCall(function="work"))


def test_a_queue_is_set_paused_drained_resumed_and_forgotten(door: Door) -> None:
    """Each step is seen by the next one."""
    rate = Rate(count=50, per=timedelta(seconds=1))
    made = door("edit_queue", "mail", QueueEdit(concurrency=3, rate=rate))
    assert (made.limits.concurrency, made.limits.rate) == (3, rate)
    assert door("get_queue", "mail") == made
    assert door("pause_queue", "mail", "deploy").paused.note == "deploy"
    assert door("drain_queue", "mail").draining is not None
    with pytest.raises(Conflict, match="draining"):
        door("enqueue", "work", queue="mail")
    opened = door("resume_queue", "mail")
    assert (opened.paused, opened.draining) == (None, None)
    door("enqueue", "work", queue="mail")
    (status,) = door("find_queues")
    assert (status.queue, status.pending, status.held) == (opened, 1, 0)
    door("forget_queue", "mail")
    with pytest.raises(NotFound):
        door("forget_queue", "mail")


def test_purging_a_queue_cancels_what_waits_in_it(door: Door) -> None:
    """Counted, and tried before without doing it."""
    for _ in range(3):
        door("enqueue", "work", queue="mail", delay="1h")
    door("enqueue", "work", delay="1h")
    tried = door("purge_queue", "mail", dry_run=True)
    assert (tried.matched, tried.done, tried.refused) == (3, 3, {})
    assert door("count_tasks") == {"pending": 4}
    assert door("purge_queue", "mail") == tried
    assert door("count_tasks") == {"pending": 1, "cancelled": 3}


def test_a_purge_leaves_what_has_started_meanwhile() -> None:
    """It is refused, and counted as such: only what waits is cancelled."""
    with Mainspring("memory:") as app:

        @app.task("work")
        def work() -> None:
            pass

        waiting, started = (app.sync.enqueue("work", queue="mail", delay="1h") for _ in range(2))
        begun = handle(started, Start(at=started.scheduled_for, worker="w", lease=HOUR)).task
        assert isinstance(steps.tried(steps.purge, begun, started.created_at), Refused)
        assert isinstance(steps.tried(steps.purge, waiting, waiting.created_at), Decision)


def test_projects_keep_their_queues_apart(door: Door) -> None:
    """The same name in another project has settings, counts and pauses of its own."""
    door("edit_queue", "mail", QueueEdit(weight=3), project="theirs")
    door("pause_queue", "mail", project="theirs")
    door("enqueue", "work", queue="mail", delay="1h")
    assert door("get_queue", "mail").paused is None
    assert [(status.queue.ref.project, status.pending) for status in door("find_queues")] == [("default", 1)]
    assert [(status.queue.weight, status.pending) for status in door("find_queues", "theirs")] == [(3, 0)]
    assert door("purge_queue", "mail", project="theirs").matched == 0
    door("forget_queue", "mail", project="theirs")
    assert door("find_queues", "theirs") == ()


def test_what_is_wrong_with_a_queue_is_said_and_changes_nothing(door: Door) -> None:
    """A name, a weight, a note that is too long."""
    wrong: list[tuple[str, tuple[object, ...]]] = [
        ("get_queue", ("no spaces",)),
        ("edit_queue", ("mail", QueueEdit(weight=0))),
        ("edit_queue", ("mail", QueueEdit(concurrency=0))),
        ("edit_queue", ("mail", QueueEdit(timeout=timedelta(days=2)))),
        ("pause_queue", ("mail", "x" * 501)),
    ]
    for operation, arguments in wrong:
        with pytest.raises(InvalidInput):
            door(operation, *arguments)
    assert door("find_queues") == ()


def test_bulk_operations_count_what_they_do_and_what_they_do_not(door: Door) -> None:
    """A dry run says the same and does nothing."""
    ids = [door("enqueue", "work", delay="1h").id for _ in range(3)]
    door("cancel_task", ids[0])
    everything = TaskQuery()
    for dry_run in (True, False):
        result = door("requeue_tasks", everything, dry_run=dry_run)
        assert (result.matched, result.done, result.refused) == (3, 1, {"IllegalTransition": 2})
    result = door("cancel_tasks", everything, "gone")
    assert (result.matched, result.done) == (3, 3)
    for dry_run, left in ((True, 3), (False, 0)):
        result = door("delete_tasks", evolve(everything, statuses=frozenset({"cancelled"})), dry_run=dry_run)
        assert (result.matched, result.done) == (3, 3)
        assert sum(door("count_tasks").values()) == left


def test_bulk_operations_walk_all_pages(app: Mainspring) -> None:
    """Also more than one page of tasks."""
    app.sync.create_tasks([evolve(WORK, delay="1h")] * 1_500)
    assert app.sync.cancel_tasks(TaskQuery()).done == 1_500
    assert app.sync.delete_tasks(TaskQuery()).done == 1_500


def test_many_tasks_each_by_itself(door: Door) -> None:
    """What is wrong with one is answered in its place."""
    unknown = TaskRequest(call=FunctionCall(function="wrok"))
    named = evolve(WORK, name="n")
    first, wrong, late, taken, last = door(
        "submit_tasks", [named, unknown, evolve(WORK, delay="soon"), named, evolve(named, on_clash="keep")]
    )
    assert isinstance(first, Accepted)
    assert [type(one.error) for one in (wrong, late, taken) if isinstance(one, Refused)] == [
        InvalidInput,
        InvalidInput,
        Conflict,
    ]
    assert last == Accepted(task=first.task, how="kept")
    assert door("count_tasks") == {"pending": 1}


def test_one_call_creates_a_bounded_number(door: Door) -> None:
    """10,000, and not one more; nothing is stored of the rest."""
    for operation in ("create_tasks", "submit_tasks"):
        with pytest.raises(InvalidInput, match="more than 10000"):
            door(operation, [WORK] * 10_001)
    assert door("count_tasks") == {}


def test_the_next_occurrence_is_skipped_and_past_ones_are_run_again(door: Door) -> None:
    """Both have slot records; the range is checked."""
    made = door("schedule", "work", cron="0 0 1 1 *", overlap="allow_all")
    assert made.next_at is not None
    skipped = door("skip_next", made.id)
    assert skipped.next_at > made.next_at
    (slot,) = door("schedule_slots", made.id)
    assert (slot.occurrence, slot.outcome) == (made.next_at, Skipped(reason="excluded"))
    plan = door("backfill_schedule", made.id, "2023-12-31T00:00:00Z", datetime(2025, 1, 2, tzinfo=UTC))
    assert [type(one.outcome) for one in plan.slots] == [Created, Created]
    with pytest.raises(InvalidInput, match="end"):
        door("backfill_schedule", made.id, "2023-12-31T00:00:00Z", "2099-01-01T00:00:00Z")
    bounded = door("edit_schedule", made.id, ScheduleEdit(max_runs=1, jitter=timedelta(minutes=1)))
    assert (bounded.max_runs, bounded.jitter) == (1, timedelta(minutes=1))


def test_the_instant_is_that_of_the_storage(door: Door, app: Mainspring) -> None:
    """Whoever asks how long ago something was goes by the clock that it was written by."""
    before = app._store.sync.now()
    assert before <= door("now") <= app._store.sync.now()


def test_a_function_puts_its_progress_on_record(app: Mainspring) -> None:
    """Lines and fractions, in the task's history; and it is told to go on."""
    task = app.sync.enqueue("work")
    asyncio.run(app.run_until_idle())
    notes = [event for event in app.sync.task_history(task.id) if isinstance(event, RunNoted)]
    assert [(note.text, note.progress) for note in notes] == [("at it", None), ("half", 0.5)]
    assert app.sync.get_task(task.id).state.result == "true"  # type: ignore[union-attr]  # it has succeeded
