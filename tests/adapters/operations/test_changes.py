"""What a caller wants changed of a schedule, worked out on the schedule that is there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mainspring.adapters.operations import ScheduleChange
from mainspring.adapters.operations.changes import edit_of, edited
from mainspring.core.commands import UNSET
from mainspring.core.errors import Conflict, InvalidInput
from mainspring.core.recurrence import Cron, Interval, Recurrence, RRule
from mainspring.core.retry import Fixed
from mainspring.core.schedule import AtMost, CatchUp, ScheduleEdit, ScheduleView
from support.builders import HOUR, MINUTE, NOW, SECOND
from support.schedules import make_schedule

CRON = Cron.parse("0 9 * * 1-5", timezone="Europe/Berlin", days="or", gap="skip", fold="both")
RULE = RRule.parse(
    "DTSTART;TZID=Europe/Berlin:20300101T090000\nRRULE:FREQ=DAILY\nEXDATE:20300103T090000", gap="skip", fold="second"
)
DAYS = RRule.parse("DTSTART;VALUE=DATE:20300101\nRRULE:FREQ=WEEKLY", timezone="Europe/Berlin")
EVERY = Interval(every=HOUR, anchor=NOW)


def _rule(before: Recurrence, **change: Any) -> Recurrence:
    found = edit_of(ScheduleChange(**change), before, NOW).recurrence
    assert isinstance(found, Cron | RRule | Interval)
    return found


@pytest.mark.parametrize(
    ("change", "after"),
    [
        ({"cron": "5 9 * * *"}, Cron("5 9 * * *", "Europe/Berlin", days="or", gap="skip", fold="both")),
        ({"timezone": "UTC"}, Cron("0 9 * * 1-5", "UTC", days="or", gap="skip", fold="both")),
        ({"gap": None}, Cron("0 9 * * 1-5", "Europe/Berlin", days="or", fold="both")),
        ({"fold": None}, Cron("0 9 * * 1-5", "Europe/Berlin", days="or", gap="skip")),
        ({"days": "and"}, Cron("0 9 * * 1-5", "Europe/Berlin", days="and", gap="skip", fold="both")),
        (
            {"cron": "0 5 9 * * *", "seconds": True},
            Cron("0 5 9 * * *", "Europe/Berlin", seconds=True, days="or", gap="skip", fold="both"),
        ),
        ({"every": "10m"}, Interval(every=10 * MINUTE, anchor=NOW)),
        (
            {"rrule": "FREQ=DAILY"},
            RRule.parse("FREQ=DAILY", "Europe/Berlin", NOW.replace(microsecond=0)),
        ),
    ],
)
def test_what_a_change_does_not_name_of_a_cron_rule_stays(change: dict[str, Any], after: Recurrence) -> None:
    """Zone, days, gap and fold; a rule of another kind keeps the zone and has the defaults of its kind."""
    assert _rule(CRON, **change) == after


def test_a_new_cron_expression_brings_its_own_dialect() -> None:
    """Whether it begins with seconds belongs to the text; a change of the zone alone keeps it."""
    before = Cron("0 5 9 * * *", "UTC", seconds=True)
    assert _rule(before, timezone="Europe/Berlin") == Cron("0 5 9 * * *", "Europe/Berlin", seconds=True)
    assert _rule(before, cron="5 9 * * *") == Cron("5 9 * * *", "UTC")


@pytest.mark.parametrize(
    ("change", "text", "zone"),
    [
        (
            {"timezone": "Asia/Kolkata"},
            "DTSTART;TZID=Asia/Kolkata:20300101T090000\nRRULE:FREQ=DAILY\nEXDATE:20300103T090000",
            "Asia/Kolkata",
        ),
        ({"rrule": "FREQ=WEEKLY"}, "DTSTART;TZID=Europe/Berlin:20300101T090000\nRRULE:FREQ=WEEKLY", "Europe/Berlin"),
        (
            {"rrule": "FREQ=WEEKLY", "timezone": "Asia/Kolkata"},
            "DTSTART;TZID=Asia/Kolkata:20300101T090000\nRRULE:FREQ=WEEKLY",
            "Asia/Kolkata",
        ),
        (
            {"rrule": "DTSTART:20310101T000000\nRRULE:FREQ=WEEKLY"},
            "DTSTART;TZID=Europe/Berlin:20310101T000000\nRRULE:FREQ=WEEKLY",
            "Europe/Berlin",
        ),
        (
            {"dtstart": "2031-01-01T00:00:00Z"},
            "DTSTART;TZID=Europe/Berlin:20310101T010000\nRRULE:FREQ=DAILY\nEXDATE:20300103T090000",
            "Europe/Berlin",
        ),
    ],
)
def test_what_a_change_does_not_name_of_an_rrule_stays(change: dict[str, Any], text: str, zone: str) -> None:
    """The start stays by the clock on the wall, also in another zone; the single dates belong to the rule's text."""
    assert _rule(RULE, **change) == RRule.parse(text, zone, gap="skip", fold="second")


def test_a_rule_that_starts_with_a_day_keeps_it() -> None:
    """A day has no zone of its own."""
    text = "DTSTART;VALUE=DATE:20300101\nRRULE:FREQ=WEEKLY"
    assert _rule(DAYS, timezone="Asia/Kolkata") == RRule.parse(text, "Asia/Kolkata")


def test_what_a_change_does_not_name_of_an_interval_stays() -> None:
    """The anchor, so that the instants keep their place; or the length."""
    assert _rule(EVERY, every="10m") == Interval(every=10 * MINUTE, anchor=NOW)
    assert _rule(EVERY, dtstart="2030-01-01T00:00:00Z") == Interval(every=HOUR, anchor=datetime(2030, 1, 1, tzinfo=UTC))
    assert _rule(EVERY, cron="0 9 * * *") == Cron("0 9 * * *", "UTC")


@pytest.mark.parametrize(
    ("before", "change", "field"),
    [
        (CRON, {"cron": "0 9 * * *", "every": "1h"}, "cron, rrule or every"),
        (CRON, {"dtstart": "2030-01-01T00:00:00Z"}, "dtstart"),
        (CRON, {"every": "1h", "gap": "skip"}, "gap"),
        (CRON, {"rrule": "FREQ=DAILY", "days": "or"}, "days"),
        (EVERY, {"timezone": "Europe/Berlin"}, "timezone"),
        (EVERY, {"seconds": True}, "seconds"),
        (EVERY, {"every": "x"}, "every"),
        (RULE, {"seconds": True}, "seconds"),
        (CRON, {"starts_at": "tomorrow"}, "starts_at"),
        (CRON, {"ends_at": datetime(2030, 1, 1)}, "ends_at"),  # noqa: DTZ001  that is the point
        (CRON, {"retry": "sometimes"}, "retry"),
        (CRON, {"timeout": "x"}, "timeout"),
        (CRON, {"jitter": "x"}, "jitter"),
        (CRON, {"catch_up_mode": "some"}, "catch_up_mode"),
        (CRON, {"catch_up_mode": "at most x"}, "catch_up_mode"),
        (CRON, {"catch_up_mode": "at most 0"}, "catch_up.at_most"),
        (CRON, {"catch_up_window": "x"}, "catch_up_window"),
        (CRON, {}, "change"),
        (CRON, {"cron": "0 0 30 2 *"}, "cron, rrule or every"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(before: Recurrence, change: dict[str, Any], field: str) -> None:
    """As at creation, and beside that: a change of nothing, and a rule that would never fire."""
    view = ScheduleView(schedule=make_schedule(before), live=())
    with pytest.raises(InvalidInput) as refused:
        edited(view, ScheduleChange(**change), NOW)
    assert refused.value.field == field


def test_the_rest_of_a_change_is_read_like_a_creation() -> None:
    """Durations, instants, policies and modes may be texts; the rule is left alone."""
    change = ScheduleChange(
        queue="slow",
        retry="fixed(5s, attempts=3)",
        timeout="1h",
        name=None,
        catch_up_mode="at most 3",
        catch_up_window="6h",
        starts_at="2030-01-01T00:00:00Z",
        ends_at=None,
        jitter="10s",
    )
    assert edit_of(change, CRON, NOW) == ScheduleEdit(
        queue="slow",
        retry=Fixed(delay=5 * SECOND, attempts=3),
        timeout=HOUR,
        name=None,
        catch_up_mode=AtMost(3),
        catch_up_window=6 * HOUR,
        starts_at=datetime(2030, 1, 1, tzinfo=UTC),
        ends_at=None,
        jitter=timedelta(seconds=10),
    )
    assert edit_of(ScheduleChange(catch_up_mode="latest"), CRON, NOW) == ScheduleEdit(catch_up_mode="latest")
    assert edit_of(ScheduleChange(catch_up_mode=AtMost(2)), CRON, NOW).catch_up_mode == AtMost(2)
    assert edit_of(change, CRON, NOW).recurrence is UNSET


def test_a_schedule_whose_rule_ends_by_its_bounds_may_be_edited() -> None:
    """An end in the past is a way to end it; only a rule that says nothing is an error."""
    view = ScheduleView(schedule=make_schedule(EVERY), live=())
    assert edited(view, ScheduleChange(ends_at="2001-01-01T00:00:00Z"), NOW).schedule.next_at is None


def test_a_change_of_another_version_is_refused() -> None:
    """As the core's edit is."""
    view = ScheduleView(schedule=make_schedule(EVERY, catch_up=CatchUp()), live=())
    assert edited(view, ScheduleChange(queue="slow"), NOW, view.schedule.version).schedule.template.queue == "slow"
    with pytest.raises(Conflict, match="its version is 1, not 2"):
        edited(view, ScheduleChange(queue="slow"), NOW, 2)
