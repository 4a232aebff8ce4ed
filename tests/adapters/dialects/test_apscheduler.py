"""APScheduler's triggers, as Python prints them and as objects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from adapters.dialects.reading import START, carried, compared, read, refused, stamps
from mainspring.adapters.dialects import Carried, Once
from mainspring.core.recurrence import Cron, Interval, RRule

BERLIN = ZoneInfo("Europe/Berlin")


def _job(trigger: object, **more: object) -> list[dict[str, object]]:
    return [{"id": "x", "trigger": trigger, **more}]


@pytest.mark.parametrize(
    ("trigger", "cron"),
    [
        (CronTrigger(hour=9, timezone=BERLIN), Cron("0 9 * * *", "Europe/Berlin")),
        (CronTrigger(day_of_week="mon-fri", hour="9-17", timezone=BERLIN), Cron("0 9-17 * * MON-FRI", "Europe/Berlin")),
        (CronTrigger(day="last", hour=5, timezone=BERLIN), Cron("0 5 L * *", "Europe/Berlin")),
        (CronTrigger(day="2nd fri, last sun", hour=5, timezone=BERLIN), Cron("0 5 * * FRI#2,SUNL", "Europe/Berlin")),
        (CronTrigger(month="jan-mar", timezone=BERLIN), Cron("0 0 1 JAN-MAR *", "Europe/Berlin")),
        (CronTrigger(second="*/10", timezone=BERLIN), Cron("*/10 * * * * *", "Europe/Berlin", seconds=True)),
        (CronTrigger.from_crontab("*/5 * * * *", BERLIN), Cron("*/5 * * * *", "Europe/Berlin")),
    ],
)
def test_what_python_prints_is_read_back(trigger: CronTrigger, cron: Cron) -> None:
    """``str`` and ``repr``; a field that is not given is ``*`` or its minimum, as APScheduler has it."""
    assert carried(_job(repr(trigger)), "UTC").recurrence == cron
    assert carried(_job(str(trigger))).recurrence == cron


def test_days_of_the_week_count_from_monday() -> None:
    """``1-5`` is Tuesday to Saturday there; here it has names, and nothing changes."""
    job = _job("cron[day_of_week='1-5', hour='9']")
    found = carried(job)
    assert found.recurrence == Cron.parse("0 9 * * TUE-SAT", "Europe/Berlin")
    assert "counts from 0, Monday: here that is TUE-SAT" in found.differs[0]
    assert (compared(job).before, compared(job).changes) == (261, 0)


def test_all_fields_must_match() -> None:
    """``day`` and ``day_of_week`` are joined by AND; numbers beside positions by OR."""
    both = carried(_job({"day": "1-7", "day_of_week": "fri", "hour": 9}))
    assert both.recurrence == Cron.parse("0 9 1-7 * FRI", "Europe/Berlin", days="and")
    assert "kept by days='and'" in both.differs[0]
    either = _job({"day": "15,1st mon", "hour": 9})
    assert carried(either).recurrence == Cron.parse("0 9 15 * MON#1", "Europe/Berlin", days="or")
    assert compared(either).changes == 0


def test_shifts_differ_and_two_policies_keep_them() -> None:
    """02:30 ran at 03:30 after the gap and twice in the fold."""
    found = compared(_job({"hour": 2, "minute": 30}))
    assert (stamps(found.lost), stamps(found.gained)) == (["03-28 01:30", "10-31 01:30"], ["03-28 01:00"])
    assert (found.before, found.after, found.kept_by) == (366, 365, ("offset_before", "both"))


def test_weeks_become_an_rrule() -> None:
    """BYWEEKNO counts as ISO 8601 does; a year with the same fire times."""
    job = _job({"week": "10-13", "day_of_week": "mon,fri", "hour": 7})
    assert isinstance(carried(job).recurrence, RRule)
    assert (compared(job).before, compared(job).changes) == (8, 0)


def test_start_and_end_bound_the_comparison() -> None:
    """Both are inclusive; what lies outside neither fires there nor here."""
    trigger = CronTrigger(hour=9, start_date="2027-02-01 09:00:00", end_date="2027-02-03 09:00:00", timezone=BERLIN)
    found = carried(_job(repr(trigger)))
    assert (found.start, found.end) == (datetime(2027, 2, 1, 8, tzinfo=UTC), datetime(2027, 2, 3, 8, tzinfo=UTC))
    assert (compared(_job(repr(trigger))).before, compared(_job(repr(trigger))).changes) == (3, 0)


def test_jitter_and_pauses_are_told() -> None:
    """Neither is part of the rule."""
    trigger = repr(CronTrigger(hour=9, jitter=30, timezone=BERLIN))
    assert "up to 30 s: set the schedule's jitter" in carried(_job(trigger)).differs[0]
    assert "it is paused there" in carried(_job({"hour": 9}, next_run_time=None)).differs[0]


def test_intervals_are_read() -> None:
    """From their start; one without counts from now, and says so."""
    trigger = IntervalTrigger(days=1, minutes=10, start_date="2027-01-02 03:04:05", timezone=BERLIN)
    job = _job(repr(trigger))
    every, anchor = timedelta(days=1, minutes=10), datetime(2027, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert carried(job).recurrence == Interval(every=every, anchor=anchor)
    assert compared(job).changes == 0
    bare = carried(_job(str(trigger)))
    assert bare.recurrence == Interval(every=every, anchor=START)
    assert "counted from when it was added" in bare.differs[0]
    assert carried(_job({"type": "interval", "hours": 36})).recurrence == Interval(
        every=timedelta(hours=36), anchor=START
    )


@pytest.mark.parametrize(
    "trigger",
    [
        repr(DateTrigger("2027-05-04 10:00:00", BERLIN)),
        str(DateTrigger("2027-05-04 10:00:00", BERLIN)),
        {"run_date": "2027-05-04T10:00:00+02:00"},
    ],
)
def test_a_date_happens_once(trigger: object) -> None:
    """It is a task, not a schedule."""
    outcome = read(_job(trigger)).schedules[0].outcome
    assert outcome == Once(at=datetime(2027, 5, 4, 8, tzinfo=UTC))


def test_jobs_are_found_in_each_shape() -> None:
    """A list, ``jobs``, an object by id, one job, and Flask-APScheduler's fields beside the kind."""
    shapes: list[object] = [
        _job("cron[hour='9']"),
        {"jobs": _job("cron[hour='9']")},
        {"nightly": "cron[hour='9']"},
        {"id": "x", "trigger": "cron[hour='9']"},
        [{"id": "x", "trigger": "cron", "hour": "9", "start_date": None}],
        [{"id": "x", "trigger": {"type": "CronTrigger", "hour": 9}}],
    ]
    for shape in shapes:
        (found,) = read(shape).schedules
        assert isinstance(found.outcome, Carried), shape
        assert found.outcome.recurrence == Cron.parse("0 9 * * *", "Europe/Berlin")


@pytest.mark.parametrize(
    ("trigger", "what"),
    [
        ({"year": "2027", "hour": 9}, "year='2027': a rule here has no years"),
        ({"week": "1", "month": "1", "hour": 9}, "week='1' together with month or day"),
        ({"day": "1st mon", "day_of_week": "fri"}, "day='1st mon' with day_of_week='fri' cannot be said in one rule"),
        ({"day_of_week": "7"}, "day_of_week: '7' is out of range or order; use 0 to 6"),
        ({"day_of_week": "fri-mon"}, "day_of_week: 'fri-mon' is out of range or order"),
        ({"hour": "*/0"}, "hour: '*/0' is out of range or order"),
        ({"hour": "nine"}, "hour: 'nine' is not an expression of APScheduler's"),
        ({"hour": "1," * 300}, "hour: a text of 600 characters is too long"),
        ({"hour": 9, "timezone": "Mars/Base"}, "timezone: there is no zone"),
        ({"hour": 9, "timezone": 3}, "timezone is a number, not a text"),
        ({"hour": 9, "jitter": "x"}, "jitter is not a number"),
        ({"hour": 9, "start_date": "soon"}, "start_date 'soon' is not a time"),
        ({"type": "cron"}, "a cron trigger has none of its fields"),
        ({"type": "interval"}, "the interval is not from 1 second to 100 years"),
        ({"type": "date"}, "a date trigger has no run_date"),
        (repr(OrTrigger([CronTrigger(hour=9, timezone=BERLIN)])), '"<OrTrigger('),
        ({"type": "calendarinterval", "months": 1}, "a trigger of the kind 'calendarinterval' cannot be said"),
        ("cron[hour=9]x", "'cron[hour=9]x' is not what APScheduler prints"),
        ("cron[hour=()]", "'hour=()' in the trigger is not understood"),
        ("interval[soon]", "'interval[soon]' is not an interval"),
        (5, "the trigger is a number, not an object"),
        (None, "the trigger is null, not an object"),
        ({"__apscheduler_class__": "apscheduler.triggers.cron:CronTrigger"}, "export_jobs writes Python pickles"),
    ],
)
def test_what_cannot_be_carried_over_says_why(trigger: object, what: str) -> None:
    """The reason and the cure."""
    assert refused(_job(trigger)).startswith(what)


def test_exported_jobs_are_not_opened() -> None:
    """``export_jobs`` writes pickles, which are programs."""
    exported = {"version": 1, "jobs": [{"__apscheduler_class__": "apscheduler.job:Job", "__apscheduler_state__": {}}]}
    assert refused(exported).startswith(
        "export_jobs writes Python pickles, which mainspring does not open; dump [{'id'"
    )
