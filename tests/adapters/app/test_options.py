"""The options of ``enqueue`` and ``schedule`` arrive where they belong, and wrong ones are refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mainspring.app import FollowUp, FunctionCall, Mainspring
from mainspring.core.errors import Conflict, InvalidInput
from mainspring.core.recurrence import Cron, RRule

START = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def app() -> Iterator[Mainspring]:
    with Mainspring("memory:") as opened:

        @opened.task("work")
        def work() -> None:
            """Nothing."""

        yield opened


def test_what_is_said_of_a_task_is_in_it(app: Mainspring) -> None:
    """Its key, and what follows its end."""
    after = FollowUp(call=FunctionCall(function="work"))
    task = app.sync.enqueue("work", key="tenant-1", on_success=after, on_failure=after)
    assert (task.key, task.on_success, task.on_failure) == ("tenant-1", after, after)


def test_a_follow_up_is_checked_before_anything_is_stored(app: Mainspring) -> None:
    """An unknown function would be found out only when the first task has ended."""
    with pytest.raises(InvalidInput, match="no function 'wrok'"):
        app.sync.enqueue("work", on_failure=FollowUp(call=FunctionCall(function="wrok")))
    assert app.sync.count_tasks() == {}


def test_a_name_that_is_taken_is_kept_replaced_or_refused(app: Mainspring) -> None:
    """As the caller says."""
    first = app.sync.enqueue("work", name="report", delay="1h")
    assert app.sync.enqueue("work", name="report", on_clash="keep") == first
    replaced = app.sync.enqueue("work", name="report", on_clash="replace", delay="2h", priority=5)
    assert (replaced.id, replaced.priority) == (first.id, 5)
    with pytest.raises(Conflict):
        app.sync.enqueue("work", name="report")


def test_a_repeated_request_makes_no_second_task(app: Mainspring) -> None:
    """Its key tells that it is the same; another request with that key is refused."""
    first = app.sync.enqueue("work", idempotency_key="order-7")
    assert app.sync.enqueue("work", idempotency_key="order-7").id == first.id
    with pytest.raises(Conflict, match="idempotency_key"):
        app.sync.enqueue("work", idempotency_key="order-7", priority=1)


def test_what_is_said_of_a_schedule_is_in_it(app: Mainspring) -> None:
    """Its bounds, its jitter, and the policies of its rule."""
    made = app.sync.schedule(
        "work",
        cron="30 2 1 * 1",
        timezone="Europe/Berlin",
        days="and",
        gap="skip",
        fold="second",
        starts_at=START,
        ends_at="2031-01-01T00:00:00Z",
        max_runs=3,
        jitter="5m",
    )
    assert made.recurrence == Cron.parse("30 2 1 * 1", timezone="Europe/Berlin", days="and", gap="skip", fold="second")
    assert (made.starts_at, made.ends_at) == (START, datetime(2031, 1, 1, tzinfo=UTC))
    assert (made.max_runs, made.jitter) == (3, timedelta(minutes=5))
    assert made.next_at is not None
    assert made.next_at > START


def test_an_rrule_has_the_policies_of_its_standard_unless_told_otherwise(app: Mainspring) -> None:
    """RFC 5545 §3.3.5, or what is asked for."""
    rule: dict[str, Any] = {"rrule": "FREQ=DAILY", "dtstart": START, "timezone": "Europe/Berlin"}
    plain = app.sync.schedule("work", **rule)
    other = app.sync.schedule("work", **rule, gap="skip", fold="both")
    parse = RRule.parse
    assert plain.recurrence == parse("FREQ=DAILY", timezone="Europe/Berlin", dtstart=START)
    assert other.recurrence == parse("FREQ=DAILY", timezone="Europe/Berlin", dtstart=START, gap="skip", fold="both")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"every": "10m", "gap": "skip"}, "gap"),
        ({"every": "10m", "fold": "both"}, "fold"),
        ({"every": "10m", "days": "and"}, "days"),
        ({"rrule": "FREQ=DAILY", "days": "or"}, "days"),
        ({"cron": "* * * * *", "max_runs": 0}, "max_runs"),
        ({"cron": "* * * * *", "jitter": "2d"}, "jitter"),
        ({"cron": "* * * * *", "starts_at": "soon"}, "starts_at"),
        ({"cron": "* * * * *", "ends_at": "2001-01-01T00:00:00Z"}, "cron, rrule or every"),
    ],
)
def test_an_option_that_does_not_fit_is_refused_by_name(app: Mainspring, options: Any, field: str) -> None:
    """Nothing is stored."""
    with pytest.raises(InvalidInput) as refused:
        app.sync.schedule("work", **options)
    assert refused.value.field == field
