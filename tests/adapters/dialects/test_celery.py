"""Celery's beat schedules, in each form in which they are dumped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from adapters.dialects.reading import START, carried, compared, read, refused, stamps
from mainspring.adapters.dialects import Once
from mainspring.core.errors import InvalidInput
from mainspring.core.recurrence import Cron, Interval


def _entry(schedule: object, **more: object) -> dict[str, object]:
    return {"timezone": "Europe/Berlin", "beat_schedule": {"x": {"task": "t", "schedule": schedule, **more}}}


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        ("<crontab: 30 2 * * mon-fri (m/h/dM/MY/d)>", "30 2 * * 1-5"),
        ("<crontab: 30 2 mon-fri * * (m/h/d/dM/MY)>", "30 2 * * 1-5"),
        ({"minute": "*/15"}, "*/15 * * * *"),
        ({"minute": 0, "hour": 9, "day_of_week": "sunday"}, "0 9 * * 0"),
        ({"minute": [0, 30], "hour": "8-18/2", "month_of_year": "jan,december"}, "0,30 8-18/2 * 1,12 *"),
        ({"minute": "0", "hour": "22-2", "day_of_week": "fri-mon"}, "0 22-2 * * 5-1"),
        ({"crontab": {"minute": "5", "hour": "*/3"}}, "5 */3 * * *"),
    ],
)
def test_a_crontab_is_read_in_each_form(schedule: object, text: str) -> None:
    """Celery's own text, whose letters say the order of its fields, and objects; all with its names and ranges."""
    assert carried(_entry(schedule)).recurrence == Cron.parse(text, "Europe/Berlin")


def test_days_are_joined_by_and() -> None:
    """Celery documents it: a day must be in both fields. Nothing changes by it."""
    entry = _entry({"minute": 0, "hour": 9, "day_of_month": "1-7", "day_of_week": "fri"})
    found = carried(entry)
    assert found.recurrence == Cron.parse("0 9 1-7 * 5", "Europe/Berlin", days="and")
    assert "both" in found.differs[0]
    assert (compared(entry).before, compared(entry).changes) == (12, 0)


def test_a_gap_is_half_an_hour_later_there() -> None:
    """02:30 ran at 03:30 and runs at 03:00; one policy keeps it."""
    found = compared(_entry({"minute": 30, "hour": 2}))
    assert (stamps(found.lost), stamps(found.gained)) == (["03-28 01:30"], ["03-28 01:00"])
    assert found.kept_by == ("offset_before", None)


def test_a_fold_is_a_pause_there() -> None:
    """Quarter hours run through both passes here."""
    found = compared(_entry({"minute": "*/15"}))
    assert not found.whole
    assert stamps(found.gained) == ["10-31 01:00", "10-31 01:15", "10-31 01:30", "10-31 01:45"]
    assert (found.lost, found.kept_by) == ((), (None, "first"))


def test_the_zone_is_utc_unless_it_is_set() -> None:
    """Celery's default, the file's setting, a crontab's own (django-celery-beat)."""
    plain = {"x": {"task": "t", "schedule": {"hour": 9}}}
    assert carried(plain, "UTC").recurrence == Cron.parse("* 9 * * *", "UTC")
    own = {"x": {"schedule": {"minute": 0, "hour": 9, "timezone": "Asia/Tokyo"}}}
    assert carried(own).recurrence == Cron.parse("0 9 * * *", "Asia/Tokyo")


@pytest.mark.parametrize(
    ("schedule", "every"),
    [
        (30.0, timedelta(seconds=30)),
        (0.5, timedelta(milliseconds=500)),
        ("<freq: 10.00 minutes>", timedelta(minutes=10)),
        ("<freq: 1.00 day>", timedelta(days=1)),
        ({"every": 6, "period": "hours"}, timedelta(hours=6)),
        ({"days": 1, "seconds": 30}, timedelta(days=1, seconds=30)),
    ],
)
def test_an_interval_is_read_in_each_form(schedule: object, every: timedelta) -> None:
    """It counts from now, for want of a last run, and says so."""
    found = carried(_entry(schedule))
    assert found.recurrence == Interval(every=every, anchor=START)
    assert "beat counts from its own start" in found.differs[0]


def test_an_interval_goes_on_from_its_last_run() -> None:
    """Where the dump has it; nothing changes."""
    entry = _entry(3600, last_run_at="2026-12-31T23:30:00+00:00")
    found = carried(entry)
    assert found.recurrence == Interval(every=timedelta(hours=1), anchor=datetime(2026, 12, 31, 23, 30, tzinfo=UTC))
    assert compared(entry).changes == 0


DUMP = [
    {"model": "django_celery_beat.crontabschedule", "pk": 1, "fields": {
        "minute": "0", "hour": "9", "day_of_week": "1-5", "day_of_month": "*", "month_of_year": "*",
        "timezone": "Europe/Paris"}},
    {"model": "django_celery_beat.intervalschedule", "pk": 1, "fields": {"every": 10, "period": "minutes"}},
    {"model": "django_celery_beat.clockedschedule", "pk": 3, "fields": {"clocked_time": "2027-05-04T08:00:00Z"}},
    {"model": "django_celery_beat.solarschedule", "pk": 1, "fields": {"event": "sunset", "latitude": 1}},
    {"model": "django_celery_beat.periodictask", "pk": 1, "fields": {
        "name": "report", "task": "t", "crontab": 1, "interval": None, "enabled": True, "last_run_at": None}},
    {"model": "django_celery_beat.periodictask", "pk": 2, "fields": {
        "name": "poll", "task": "t", "crontab": None, "interval": 1, "enabled": False}},
    {"model": "django_celery_beat.periodictask", "pk": 3, "fields": {"name": "launch", "clocked": 3}},
    {"model": "django_celery_beat.periodictask", "pk": 4, "fields": {"name": "dusk", "solar": 1}},
    {"model": "django_celery_beat.periodictask", "pk": 5, "fields": {"name": "lost", "crontab": 99}},
]  # fmt: skip


def test_the_dump_of_django_celery_beat_is_read() -> None:
    """Its tables point at one another; what is disabled there, happens once, or points nowhere is told."""
    found = {entry.name: entry.outcome for entry in read(DUMP).schedules}
    assert list(found) == ["report", "poll", "launch", "dusk", "lost"]
    assert carried(DUMP).recurrence == Cron.parse("0 9 * * 1-5", "Europe/Paris")
    assert carried(DUMP, place=1).differs[-1] == "it is disabled there: pause it here too"
    launch = found["launch"]
    assert isinstance(launch, Once)
    assert launch.at == datetime(2027, 5, 4, 8, tzinfo=UTC)
    assert refused(DUMP, 3).startswith("a solar event follows the sun")
    assert refused(DUMP, 4).startswith("the schedule is null")


@pytest.mark.parametrize(
    ("schedule", "what"),
    [
        ({"event": "sunset", "lat": 1, "lon": 2}, "a solar event follows the sun"),
        ("<solar: sunset at latitude 1, longitude: 2>", "a solar event follows the sun"),
        ({"day_of_week": 7}, "day_of_week '7' is not what Celery takes; use 0 to 6"),
        ({"minute": "5/15"}, "minute '5/15' is not what Celery takes"),
        ({"minute": "*/0"}, "minute '*/0' is not what Celery takes"),
        ({"hour": "24"}, "hour '24' is not what Celery takes"),
        ({"hour": "nine"}, "hour 'nine' is not what Celery takes"),
        ({"minute": []}, "minute cannot be used as it is"),
        ({"minute": {"a": 1}}, "minute cannot be used as it is"),
        ({"minute": True}, "minute cannot be used as it is"),
        ("<crontab: 1 2 (m/h)>", "'<crontab: 1 2 (m/h)>' is not what Celery prints"),
        ("sometimes", "'sometimes' is not what Celery prints"),
        ("<freq: 1.2.3 days>", "there is no crontab, and no interval"),
        (0, "there is no crontab, and no interval"),
        (-5, "there is no crontab, and no interval"),
        (1e-9, "every: 0s is not positive"),
        (float("nan"), "seconds is not a number that can be used"),
        ({"minute": 0, "timezone": "Mars/Base"}, "timezone: there is no zone 'Mars/Base'"),
        ({}, "there is no crontab, and no interval"),
        ([1], "the schedule is a list, not an object"),
        (True, "the schedule is true or false, not an object"),
        ({"clocked_time": "soon"}, "clocked_time 'soon' is not a time"),
    ],
)
def test_what_cannot_be_carried_over_says_why(schedule: object, what: str) -> None:
    """The reason and the cure."""
    assert refused(_entry(schedule)).startswith(what)


def test_an_unknown_zone_of_the_whole_file_is_an_error() -> None:
    """Nothing in the file could be trusted."""
    with pytest.raises(InvalidInput, match="timezone: there is no zone 'Mars/Base'"):
        read({"timezone": "Mars/Base", "beat_schedule": {"x": {"schedule": 5}}})


def test_entries_of_a_list_have_names_too() -> None:
    """A list of entries instead of an object."""
    listed = [{"name": "a", "schedule": 5}, {"task": "proj.b", "schedule": 5}, 7]
    assert [entry.name for entry in read(listed).schedules] == ["a", "proj.b", ""]
    assert refused(listed, 2).startswith("the entry is a number, not an object")
