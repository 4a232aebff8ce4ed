"""Schedules through the front door, in both colours: what is changed, what is foreseen, what is told."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from mainspring.app import Mainspring
from mainspring.core.errors import Conflict, InvalidInput
from mainspring.core.recurrence import Cron
from mainspring.core.retry import Never
from mainspring.core.schedule import CatchUp, TaskTemplate

Door = Callable[..., Any]
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
