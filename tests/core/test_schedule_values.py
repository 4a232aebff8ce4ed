"""The values of schedules: their limits and their defaults."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mainspring.core.errors import InvalidInput
from mainspring.core.retry import MERGENT_SCHEDULE
from mainspring.core.schedule import (
    AtMost,
    Buffered,
    CatchUp,
    Coalesced,
    Created,
    Paused,
    Skipped,
    TaskTemplate,
    Waiting,
)
from mainspring.core.schedule.values import MAX_WAITING, PROMPT
from support.builders import DAY, HOUR, HTTP, MINUTE, NOW, SCHEDULE_ID, TASK_ID
from support.schedules import make_schedule

TICK = timedelta(microseconds=1)


def test_at_most_takes_one_to_a_thousand() -> None:
    """None of them is the mode ``none``; more than can wait would be skipped again."""
    assert (AtMost(1).count, AtMost(1000).count, MAX_WAITING) == (1, 1000, 1000)
    for count in (0, 1001):
        with pytest.raises(InvalidInput) as refused:
            AtMost(count)
        assert str(refused.value) == f"catch_up.at_most: {count} is out of range; use 1 to 1000"


def test_a_window_is_nothing_to_a_year() -> None:
    """A day more than a year, so that a yearly schedule can be caught up."""
    CatchUp(window=timedelta(0))
    CatchUp(window=366 * DAY)
    for window, text in ((-TICK, "-1us"), (366 * DAY + TICK, "366d1us")):
        with pytest.raises(InvalidInput) as refused:
            CatchUp(window=window)
        assert str(refused.value) == f"catch_up.window: {text} is out of range; use 0s to 366d"


@pytest.mark.parametrize(
    ("field", "value"), [("queue", "a b"), ("timeout", timedelta(0)), ("priority", 32_768), ("priority", -32_769)]
)
def test_a_template_is_checked_as_its_tasks_will_be(field: str, value: object) -> None:
    """What no task could be is refused when the schedule is written, not when it fires."""
    with pytest.raises(InvalidInput) as refused:
        TaskTemplate(call=HTTP, **{field: value})
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("name", "a b", "'a b' contains invalid characters; use only A-Z a-z 0-9 _ -"),
        ("project", "", "'' contains invalid characters; use only A-Z a-z 0-9 _ -"),
        ("description", "x" * 501, "501 characters; use at most 500"),
    ],
)
def test_a_schedule_is_checked(field: str, value: str, text: str) -> None:
    """Each text of a schedule has its limit and is refused by its field."""
    with pytest.raises(InvalidInput) as refused:
        make_schedule(**{field: value})
    assert str(refused.value) == f"{field}: {text}"


def test_the_longest_description() -> None:
    """500 characters of anything, as Mergent had it; or none."""
    assert make_schedule(description="é" * 500).description == "é" * 500
    assert make_schedule(description=None).description is None


def test_the_defaults() -> None:
    """Mergent's overlap policy and retries; an hour of catch-up, everything in it."""
    schedule = make_schedule()
    assert (schedule.overlap, schedule.catch_up) == ("serial", CatchUp(window=HOUR, mode="all"))
    assert (schedule.version, schedule.project, schedule.name, schedule.paused) == (1, "default", None, None)
    assert (schedule.waiting, schedule.last_fired, schedule.last_failed, schedule.fired) == ((), None, False, 0)
    template = schedule.template
    assert (template.queue, template.priority, template.retry) == ("default", 0, MERGENT_SCHEDULE)
    assert template.timeout == 15 * MINUTE
    assert PROMPT == MINUTE
    assert (Paused(at=NOW).note, Waiting(occurrence=NOW).manual) == ("", False)


def test_a_schedule_is_spoken_of_by_its_id() -> None:
    """Messages name the schedule so that it can be looked up."""
    assert str(make_schedule()) == f"schedule {SCHEDULE_ID}"


def test_outcomes_have_stable_names() -> None:
    """Storages and the API write these names."""
    outcomes = (Created(task_id=TASK_ID), Skipped(reason="paused"), Coalesced(into=NOW), Buffered())
    assert [outcome.kind for outcome in outcomes] == ["created", "skipped", "coalesced", "buffered"]
