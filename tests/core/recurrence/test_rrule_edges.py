"""Edges of years, of time and of what is kept: tests for what mutations of the rules got away with."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest

from mainspring.core.recurrence.dst import Fold, Gap
from mainspring.core.recurrence.rrule import RRule

LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)
FAR = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def civil(rule: RRule, count: int) -> list[str]:
    """The first instances in local time."""
    zone = ZoneInfo(rule.timezone)
    return [f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" for moment in islice(rule.between(LONG_AGO, FAR), count)]


# --- what is kept of years that come again ----------------------------------------------------------------------------


@pytest.mark.parametrize(("gap", "fold"), [("offset_before", "first"), ("after", "both"), ("skip", "second")])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize(
    "text",
    [
        "FREQ=DAILY",
        "FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=0,30",
        "FREQ=WEEKLY;INTERVAL=3;BYDAY=SU",
        "FREQ=YEARLY;BYYEARDAY=1,-1;BYHOUR=0,12,23",
        "FREQ=YEARLY;INTERVAL=2;BYYEARDAY=1;BYHOUR=0",
    ],
)
def test_years_that_come_again_are_like_the_first(text: str, zone: str, gap: Gap, fold: Fold) -> None:
    """From 2100 on the instances of whole years are kept and used again: iterating still equals asking one by one."""
    start = datetime(2098, 1, 1, 1, 30, tzinfo=UTC)
    rule = RRule.parse(text, zone, start, gap=gap, fold=fold)
    for begin in (datetime(2099, 12, 1, tzinfo=UTC), datetime(2500, 2, 1, tzinfo=UTC)):
        end = begin.replace(year=begin.year + (3 if "DAILY" in text else 30))
        stepped, at = list[datetime](), begin
        while (following := rule.next_after(at)) is not None and following <= end:
            stepped.append(following)
            at = following
        assert len(stepped) > 12
        assert list(rule.between(begin, end)) == stepped


def test_a_gap_of_the_far_future_is_one() -> None:
    """A gap beyond 2100 takes the policy as one of today does: before, right after it, not at all."""
    start = datetime(2121, 3, 29, 1, 30, tzinfo=UTC)
    expected = {
        "offset_before": "2121-03-30 03:30",  # the clock leaps from 02:00 to 03:00
        "after": "2121-03-30 03:00",
        "skip": "2121-03-31 02:30",
    }
    for gap, second in expected.items():
        rule = RRule.parse("FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "Europe/Berlin", start, gap=gap)  # type: ignore[arg-type]
        moment = rule.next_after(datetime(2121, 3, 30, 0, 30, tzinfo=UTC))
        assert moment is not None
        assert f"{moment.astimezone(ZoneInfo('Europe/Berlin')):%Y-%m-%d %H:%M}" == second


def test_many_kinds_of_years_are_not_all_kept() -> None:
    """INTERVAL makes more kinds of years than are kept: going through them twice gives the same."""
    rule = RRule.parse("FREQ=DAILY;INTERVAL=97", "Europe/Berlin", datetime(2101, 1, 1, 12, tzinfo=UTC))
    once = list(rule.between(LONG_AGO, datetime(2700, 1, 1, tzinfo=UTC)))
    assert [(later - earlier).days for earlier, later in pairwise(once)].count(97) > 1_000
    assert list(rule.between(LONG_AGO, datetime(2700, 1, 1, tzinfo=UTC))) == once


def test_a_run_of_days_is_one_block_only_where_days_follow_one_another() -> None:
    """Times of day of many days in a row are handed out together; a day left out, or a clock change, is seen."""
    every = "FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=0,30"
    for text, left_out in ((every, 0), (every + ";BYMONTHDAY=" + ",".join(map(str, range(1, 31))), 7)):
        rule = RRule.parse(text, dtstart=datetime(2026, 1, 1, tzinfo=UTC))
        found = list(rule.between(LONG_AGO, datetime(2027, 1, 1, tzinfo=UTC)))
        assert len(found) == (365 - left_out) * 6
        assert found == sorted(set(found))
        assert {moment.time() for moment in found} == {time(hour, minute) for hour in (1, 2, 3) for minute in (0, 30)}


# --- edges of years ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Pacific/Kiritimati"])
def test_new_year_is_found_from_the_year_before(zone: str) -> None:
    """The first hour of January 1 lies in this UTC year or in the one before: it is found from summer all the same."""
    for interval in (1, 2, 3):
        text = f"DTSTART;TZID={zone}:20240101T003000\nRRULE:FREQ=YEARLY;INTERVAL={interval}"
        rule = RRule.parse(text)
        at, found = datetime(2024, 6, 1, tzinfo=UTC), list[str]()
        for _ in range(3):
            following = rule.next_after(at)
            assert following is not None
            found.append(f"{following.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}")
            at = following + timedelta(days=150)
        assert found == [f"{2024 + interval * place}-01-01 00:30" for place in (1, 2, 3)]


def test_weeks_over_new_year_know_the_next_year() -> None:
    """A day of a week 52 or 53 that lies in the next year is judged by that year, leap or not, in every such year."""
    text = "FREQ=YEARLY;INTERVAL=2;BYWEEKNO=52,53;BYYEARDAY=-364,-365,-366"
    rule = RRule.parse(text, dtstart=datetime(2001, 1, 1, tzinfo=UTC))  # odd years: the next may be leap
    day, expected = date(2001, 1, 1), list[date]()
    while day < date(2200, 1, 1):
        year, week, _ = day.isocalendar()
        left = (date(day.year + 1, 1, 1) - day).days
        if week in (52, 53) and year % 2 == 1 and left in (364, 365, 366):
            expected.append(day)
        day += timedelta(days=1)
    found = [
        moment.date() for moment in rule.between(LONG_AGO, datetime(2200, 1, 1, tzinfo=UTC) - timedelta(seconds=1))
    ]
    assert found == expected
    assert len(expected) > 50


def test_positions_and_skip_go_by_the_period() -> None:
    """BYSETPOS beside SKIP picks from each month where nothing can move; SKIP moves the days of all twelve months."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    mondays = RRule.parse("FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=FORWARD;BYDAY=MO;BYSETPOS=1", dtstart=start)
    assert civil(mondays, 3) == ["2026-01-05 00:00", "2026-02-02 00:00", "2026-03-02 00:00"]
    lasts = RRule.parse("FREQ=YEARLY;RSCALE=GREGORIAN;SKIP=BACKWARD;BYMONTHDAY=31", dtstart=start)
    assert civil(lasts, 13)[-2:] == ["2026-12-31 00:00", "2027-01-31 00:00"]


@pytest.mark.parametrize("text", ["FREQ=SECONDLY;INTERVAL=100000000;BYDAY=MO,TU,SA",
                                  "FREQ=MINUTELY;INTERVAL=1500001;BYDAY=MO,TU,WE;BYMONTH=1,12",
                                  "FREQ=HOURLY;INTERVAL=26299;BYDAY=SU,MO;BYMONTH=1,6,12"])  # fmt: skip
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
def test_periods_of_years_are_all_tried(text: str, zone: str) -> None:
    """HOURLY and finer with periods years apart give what all periods, judged one by one by the wall clock, give."""
    start = datetime(2026, 1, 1, 3, 20, tzinfo=UTC)
    rule = RRule.parse(text, zone, start)
    parts = dict(part.split("=") for part in text.split(";"))
    stride = int(parts["INTERVAL"]) * {"SECONDLY": 1, "MINUTELY": 60, "HOURLY": 3600}[parts["FREQ"]]
    weekdays = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
    expected = list[datetime]()
    for place in range(200):
        moment = start + timedelta(seconds=stride * place)
        seen = moment.astimezone(ZoneInfo(zone))
        named = str(seen.month) in parts.get("BYMONTH", str(seen.month)).split(",")
        if named and weekdays[seen.weekday()] in parts["BYDAY"].split(","):
            expected.append(moment)
    at, stepped = LONG_AGO, list[datetime]()
    while len(stepped) < len(expected):
        following = rule.next_after(at)
        assert following is not None
        stepped.append(following)
        at = following
    assert stepped == expected


# --- edges of time ----------------------------------------------------------------------------------------------------


def test_counting_goes_to_the_last_second() -> None:
    """COUNT and checkpoints take in the very last second of time, and the last instance of a year."""
    start = datetime(9999, 12, 30, 23, 59, 59, tzinfo=UTC)
    assert RRule.parse("FREQ=DAILY;COUNT=9", dtstart=start).checkpoint(FAR).counts == (2,)
    begin, last = datetime(2026, 1, 1, tzinfo=UTC), datetime(2426, 12, 31, tzinfo=UTC)
    counted = RRule.parse(f"FREQ=DAILY;COUNT={(last - begin).days + 1}", dtstart=begin)
    assert counted.next_after(last - timedelta(days=1)) == last
    assert counted.next_after(last) is None
    end = datetime(9999, 12, 30, tzinfo=UTC)
    whole = RRule.parse(f"FREQ=DAILY;COUNT={(end - begin).days + 1}", dtstart=begin)
    assert whole.next_after(end - timedelta(days=1)) == end
    assert whole.next_after(end) is None


def test_a_moment_at_midnight_is_counted() -> None:
    """A checkpoint at the first second of a day counts the instance of that second, and none after it."""
    midnight = datetime(2026, 1, 6, tzinfo=UTC)
    rule = RRule.parse("FREQ=MINUTELY;INTERVAL=7;BYHOUR=0,1;COUNT=1000", dtstart=midnight)
    assert rule.checkpoint(midnight).counts == (1,)
    assert rule.checkpoint(midnight - timedelta(seconds=1)).counts == (0,)
    assert rule.checkpoint(midnight + timedelta(minutes=7)).counts == (2,)


def test_a_day_after_an_excluded_one_may_begin_late() -> None:
    """Toronto left out 23:30 to 00:30 in 1919: the day after the excluded one begins at 00:30, not an hour later."""
    start = datetime(1919, 3, 30, 12, tzinfo=UTC)
    rule = RRule.parse("RRULE:FREQ=MINUTELY\nEXDATE:19190330", "America/Toronto", start)
    assert rule.next_after(start) == datetime(1919, 3, 31, 4, 30, tzinfo=UTC)
    assert next(rule.between(start, FAR)) == datetime(1919, 3, 31, 4, 30, tzinfo=UTC)


def test_the_last_day_of_time_may_be_excluded() -> None:
    """After an excluded last day nothing is left, also where the last local day ends before or after that of UTC."""
    for zone, start in (("UTC", "31T23:50"), ("Pacific/Kiritimati", "31T09:50"), ("Pacific/Pago_Pago", "31T12:00")):
        begin = datetime.fromisoformat(f"9999-12-{start}:00+00:00")
        rule = RRule.parse("RRULE:FREQ=MINUTELY;UNTIL=99991231T235959Z\nEXDATE:99991231", zone, begin)
        assert rule.next_after(begin - timedelta(days=1)) is None
        assert list(rule.between(LONG_AGO, FAR)) == []
