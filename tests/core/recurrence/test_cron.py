"""Cron on the calendar: fields, names, steps, extensions, the day rule, and the edges of time."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.recurrence.crons import any_zone, plain_texts, texts
from core.recurrence.debian_loop import expand, matches, next_civil
from mainspring.core.errors import InvalidRecurrence
from mainspring.core.recurrence import Cron, between, next_after
from mainspring.core.recurrence.cron import croniter_fires

civil_times = st.datetimes(datetime.fromisoformat("1900-01-01"), datetime.fromisoformat("2300-01-01"))
day_rules = st.sampled_from(["debian", "or", "and"])
at = partial(datetime, tzinfo=UTC)


def upcoming(text: str, after: datetime, count: int = 4, **options) -> list[str]:
    cron = Cron.parse(text, **options)
    found: list[str] = []
    for _ in range(count):
        after = next_after(cron, after)
        found.append(f"{after:%Y-%m-%d %H:%M}" if cron.seconds is False else f"{after:%Y-%m-%d %H:%M:%S}")
    return found


@settings(max_examples=300)
@given(text=texts, after=civil_times, days=day_rules)
def test_next_is_the_first_match_on_the_calendar(text: str, after: datetime, days: str) -> None:
    """In UTC the next instant is the first matching minute after the given time: no earlier one is passed over."""
    found = next_after(Cron.parse(text, days=days), after.replace(tzinfo=UTC))
    expected = next_civil(text, after, days, horizon_days=1500)
    if expected is not None:
        assert found == expected.replace(tzinfo=UTC)
    else:
        assert found is None or found > after.replace(tzinfo=UTC) + timedelta(days=1490)


@settings(max_examples=100)
@given(text=texts, zone=any_zone, after=civil_times)
def test_instants_are_strictly_increasing_and_whole_minutes(text: str, zone: str, after: datetime) -> None:
    """Each instant is later than the one before, in UTC, and has no fraction of a second."""
    cron, instant = Cron.parse(text, zone), after.replace(tzinfo=UTC)
    for _ in range(20):
        following = next_after(cron, instant)
        if following is None:
            break
        assert following > instant
        assert following.tzinfo is UTC
        assert following.microsecond == 0
        instant = following


@settings(max_examples=100)
@given(text=texts, zone=any_zone, start=civil_times, days=st.integers(0, 400), limit=st.integers(0, 30))
def test_between_is_next_asked_again_and_again(text: str, zone: str, start: datetime, days: int, limit: int) -> None:
    """``between`` leaves the start out and the end in, and stops at its limit."""
    cron, first = Cron.parse(text, zone), start.replace(tzinfo=UTC)
    last = first + timedelta(days=days)
    expected: list[datetime] = []
    instant = next_after(cron, first)
    while instant is not None and instant <= last and len(expected) < limit:
        expected.append(instant)
        instant = next_after(cron, instant)
    assert between(cron, first, last, limit) == tuple(expected)


def test_between_includes_its_end_and_not_its_start() -> None:
    """Stretches that follow one another neither lose nor repeat an instant."""
    cron = Cron.parse("0 * * * *")
    assert between(cron, at(2024, 1, 1, 1), at(2024, 1, 1, 3)) == (at(2024, 1, 1, 2), at(2024, 1, 1, 3))
    assert between(cron, at(2024, 1, 1, 3), at(2024, 1, 1, 1)) == ()
    assert len(between(Cron.parse("* * * * *"), at(2024, 1, 1), at(2025, 1, 1))) == 1000
    with pytest.raises(InvalidRecurrence, match=r"^limit: -1 is negative; use 0 or more$"):
        between(cron, at(2024, 1, 1), at(2024, 1, 2), -1)


@settings(max_examples=200)
@given(text=texts, zone=any_zone, days=day_rules)
def test_what_is_printed_reads_back_equal(text: str, zone: str, days: str) -> None:
    """Parse, print, parse: the text form loses nothing, whatever the spacing and case it was written in."""
    cron = Cron.parse(f"  {text.lower()}\t".replace(" ", "  "), zone, days=days)
    again = Cron.parse(str(cron), cron.timezone, days=cron.days)
    assert again == cron
    assert again.to_text() == cron.text == text.lower()
    assert hash(again) == hash(cron)


@settings(max_examples=200)
@given(text=plain_texts, after=civil_times)
def test_cronsim_agrees_on_the_calendar(text: str, after: datetime) -> None:
    """cronsim, an independent reading of Debian's cron, gives the same instants in UTC."""
    start = after.replace(tzinfo=UTC, microsecond=0)
    try:
        theirs = CronSim(text, start)
    except CronSimError:  # it refuses wrapping ranges, and days that no month has
        assume(False)
    assume("-" not in text or "/" not in text)  # "5-5/2" is 5 to the maximum for cronsim, 5 for Debian and us
    cron, instant = Cron.parse(text), start
    for _ in range(3):
        instant = next_after(cron, instant)
        expected = next(theirs, None)
        if expected is None:  # cronsim looks 50 years ahead
            assert instant is None or instant.year >= start.year + 50
            break
        assert instant == expected


@settings(max_examples=100)
@given(text=plain_texts, after=civil_times)
def test_croniter_agrees_where_the_day_fields_do_not_meet(text: str, after: datetime) -> None:
    """croniter, asked for a second opinion in UTC, gives the same instants where its day rule has no part."""
    _minute, _hour, day, _month, weekday = text.split()
    assume("*" in (day, weekday))
    assume("/" not in weekday)  # croniter's last day of the week is 6, so that 1/2 leaves Sunday out
    assume("-" not in text)  # croniter takes a range that starts and ends at one value for something else
    cron, start = Cron.parse(text), after.replace(tzinfo=UTC, microsecond=0)
    theirs = croniter_fires(cron, start, 3)
    if theirs:
        assert between(cron, start, theirs[-1]) == theirs


def test_the_second_opinion_is_empty_where_croniter_cannot_read() -> None:
    """croniter knows no LW, and finds no end to a day that never comes: no instants, and no error either."""
    assert croniter_fires(Cron.parse("0 0 LW * *"), at(2024, 1, 1), 1) == ()
    assert croniter_fires(Cron.parse("0 0 30 2 *"), at(2024, 1, 1), 1) == ()
    zoned = Cron.parse("30 2 * * *", "Europe/Berlin")
    assert croniter_fires(zoned, at(2024, 1, 1, 12), 2) == (at(2024, 1, 2, 1, 30), at(2024, 1, 3, 1, 30))
    assert croniter_fires(Cron.parse("5 0 0 * * *", seconds=True), at(2024, 1, 1), 1) == (at(2024, 1, 1, 0, 0, 5),)
    joined = Cron.parse("0 0 13 * 5", days="and")
    assert croniter_fires(joined, at(2024, 1, 1), 1) == (at(2024, 9, 13),)
    assert croniter_fires(Cron.parse("0 0 13 * 5"), at(2024, 1, 1), 1) == (at(2024, 1, 5),)
    assert croniter_fires(zoned, at(2024, 1, 1, 12), 1)[0].tzinfo is UTC
    with pytest.raises(InvalidRecurrence, match=r"^after: "):
        croniter_fires(joined, datetime.fromisoformat("2024-01-01"), 1)


CALENDAR = [
    # text, the next instants after 2024-01-01 00:00 UTC, a Monday
    ("@hourly", ["2024-01-01 01:00", "2024-01-01 02:00"]),
    ("@daily", ["2024-01-02 00:00", "2024-01-03 00:00"]),
    ("@midnight", ["2024-01-02 00:00"]),
    ("@weekly", ["2024-01-07 00:00", "2024-01-14 00:00"]),
    ("@monthly", ["2024-02-01 00:00", "2024-03-01 00:00"]),
    ("@yearly", ["2025-01-01 00:00"]),
    ("@annually", ["2025-01-01 00:00"]),
    ("@DAILY", ["2024-01-02 00:00"]),
    ("59 23 31 12 *", ["2024-12-31 23:59"]),
    ("0 0 29 2 *", ["2024-02-29 00:00", "2028-02-29 00:00"]),
    ("0 0 29 2 1", ["2024-02-05 00:00", "2024-02-12 00:00"]),
    ("0 0 * * 7", ["2024-01-07 00:00"]),
    ("0 0 * * 0", ["2024-01-07 00:00"]),
    ("0 0 * * SUN", ["2024-01-07 00:00"]),
    ("0 0 * * 5-7", ["2024-01-05 00:00", "2024-01-06 00:00", "2024-01-07 00:00", "2024-01-12 00:00"]),
    ("0 0 * * FRI-MON", ["2024-01-05 00:00", "2024-01-06 00:00", "2024-01-07 00:00", "2024-01-08 00:00"]),
    ("0 0 * * 6-2", ["2024-01-02 00:00", "2024-01-06 00:00", "2024-01-07 00:00", "2024-01-08 00:00"]),
    ("0 0 * * 7-2", ["2024-01-02 00:00", "2024-01-07 00:00", "2024-01-08 00:00", "2024-01-09 00:00"]),
    ("0 0 * * FRI-MON/2", ["2024-01-05 00:00", "2024-01-07 00:00", "2024-01-12 00:00"]),
    ("0 0 * * 1/2", ["2024-01-03 00:00", "2024-01-05 00:00", "2024-01-07 00:00", "2024-01-08 00:00"]),
    ("0 22-2 * * *", ["2024-01-01 01:00", "2024-01-01 02:00", "2024-01-01 22:00", "2024-01-01 23:00"]),
    ("0 0 1 nov-feb *", ["2024-02-01 00:00", "2024-11-01 00:00", "2024-12-01 00:00", "2025-01-01 00:00"]),
    ("50/4 * * * *", ["2024-01-01 00:50", "2024-01-01 00:54", "2024-01-01 00:58", "2024-01-01 01:50"]),
    ("1-10/4 * * * *", ["2024-01-01 00:01", "2024-01-01 00:05", "2024-01-01 00:09", "2024-01-01 01:01"]),
    ("*/45 * * * *", ["2024-01-01 00:45", "2024-01-01 01:00"]),
    ("*/9999 1 * * *", ["2024-01-01 01:00", "2024-01-02 01:00"]),
    ("05 01 * * *", ["2024-01-01 01:05"]),
    ("0 0 L * *", ["2024-01-31 00:00", "2024-02-29 00:00", "2024-03-31 00:00"]),
    ("0 0 1,L * *", ["2024-01-31 00:00", "2024-02-01 00:00", "2024-02-29 00:00"]),
    ("0 0 LW * *", ["2024-01-31 00:00", "2024-02-29 00:00", "2024-03-29 00:00"]),
    ("0 0 15W * *", ["2024-01-15 00:00", "2024-02-15 00:00", "2024-03-15 00:00", "2024-04-15 00:00"]),
    ("0 0 1W 6,9 *", ["2024-06-03 00:00", "2024-09-02 00:00"]),
    ("0 0 31W * *", ["2024-01-31 00:00", "2024-03-29 00:00", "2024-05-31 00:00"]),
    ("0 0 * * 5L", ["2024-01-26 00:00", "2024-02-23 00:00"]),
    ("0 0 * * FRIL", ["2024-01-26 00:00"]),
    ("0 0 * * 7L", ["2024-01-28 00:00"]),
    ("0 0 * * MON#2", ["2024-01-08 00:00", "2024-02-12 00:00"]),
    ("0 0 * * 4#5", ["2024-02-29 00:00", "2024-05-30 00:00"]),
    ("0 0 * * 1#1,7#5", ["2024-02-05 00:00", "2024-03-04 00:00", "2024-03-31 00:00"]),
    ("0 0 * 9 7#1", ["2024-09-01 00:00"]),
    ("0 0 * 9 7L", ["2024-09-29 00:00"]),
    ("0 0 ? * 1", ["2024-01-08 00:00"]),
    ("0 0 1 * ?", ["2024-02-01 00:00"]),
]


@pytest.mark.parametrize(("text", "expected"), CALENDAR)
def test_the_dialect_by_example(text: str, expected: list[str]) -> None:
    """Every form of the dialect has one meaning, and it is this one."""
    assert upcoming(text, at(2024, 1, 1), len(expected)) == expected


DAY_RULES = [
    # text, rule, the days of February 2024 that match; 2024-02-01 is a Thursday
    ("0 0 13 * 5", "debian", [2, 9, 13, 16, 23]),
    ("0 0 13 * 5", "or", [2, 9, 13, 16, 23]),
    ("0 0 16 * 5", "and", [16]),
    ("0 0 */2 * 1", "debian", [5, 19]),
    ("0 0 */2 * 1", "or", [1, 3, 5, 7, 9, 11, 12, 13, 15, 17, 19, 21, 23, 25, 26, 27, 29]),
    ("0 0 1-31/2 * 1", "debian", [1, 3, 5, 7, 9, 11, 12, 13, 15, 17, 19, 21, 23, 25, 26, 27, 29]),
    ("0 0 1-7 * */7", "debian", [4]),
    ("0 0 *,13 * 5", "debian", [2, 9, 16, 23]),
    ("0 0 * * 5", "or", [2, 9, 16, 23]),
    ("0 0 13 * *", "or", [13]),
    ("0 0 ? * 5", "or", [2, 9, 16, 23]),
    ("0 0 13 * ?", "or", [13]),
    ("0 0 13 * ?", "debian", [13]),
    ("0 0 */1 * 5", "or", [2, 9, 16, 23]),
    ("0 0 13 * */1", "or", [13]),
    ("0 0 1-31 * 5", "debian", list(range(1, 30))),
    ("0 0 L * 4", "debian", [1, 8, 15, 22, 29]),
    ("0 0 L * 4", "and", [29]),
]


@pytest.mark.parametrize(("text", "rule", "expected"), DAY_RULES)
def test_day_of_month_against_day_of_week(text: str, rule: str, expected: list[int]) -> None:
    """Debian: AND if either field starts with ``*`` (also ``*/2``), else OR; "or" and "and" for other dialects."""
    found = between(Cron.parse(text, days=rule), at(2024, 1, 31, 23), at(2024, 2, 29, 23))
    assert [instant.day for instant in found] == expected


WILDCARDS = [
    ("* * * * *", True),
    ("*/5 2 * * *", True),
    ("30 *,2 * * *", True),
    ("0 */2 * * *", True),
    ("@hourly", True),
    ("30 2 * * *", False),
    ("0-59 0-23 * * *", False),
    ("0,* 2 * * *", False),
    ("30 2 */2 * *", False),
    ("@daily", False),
]


@pytest.mark.parametrize(("text", "expected"), WILDCARDS)
def test_a_wildcard_job_is_one_whose_minute_or_hour_starts_with_a_star(text: str, expected: bool) -> None:
    """MIN_STAR and HR_STAR of Debian's cron look at the first character of two fields, nothing else."""
    assert Cron.parse(text).wildcard is expected


def test_seconds_come_first_when_asked_for() -> None:
    """With ``seconds`` there are six fields, the second first; macros then still mean second 0."""
    assert upcoming("*/20 * * * * *", at(2024, 1, 1), 4, seconds=True) == [
        "2024-01-01 00:00:20",
        "2024-01-01 00:00:40",
        "2024-01-01 00:01:00",
        "2024-01-01 00:01:20",
    ]
    assert upcoming("15,45 30 2 * * *", at(2024, 1, 1), 3, seconds=True) == [
        "2024-01-01 02:30:15",
        "2024-01-01 02:30:45",
        "2024-01-02 02:30:15",
    ]
    assert upcoming("59 59 23 31 12 *", at(2024, 1, 1), 1, seconds=True) == ["2024-12-31 23:59:59"]
    assert upcoming("@hourly", at(2024, 1, 1), 1, seconds=True) == ["2024-01-01 01:00:00"]
    assert upcoming("0 30 2 * * *", at(2024, 1, 1, 2, 30), 1, seconds=True) == ["2024-01-02 02:30:00"]


@given(
    second=st.sampled_from(["0", "30", "*", "*/20", "5,59"]),
    minute=st.sampled_from(["0", "2", "*", "*/2", "1,3"]),
    start=st.integers(0, 600),
)
def test_seconds_are_searched_like_any_field(second: str, minute: str, start: int) -> None:
    """The next instant is the first second that matches both fields, found here by trying each."""
    cron = Cron.parse(f"{second} {minute} * * * *", seconds=True)
    after = at(2024, 5, 5, 10) + timedelta(seconds=start)
    seconds, minutes = expand(second, 0, 59, ()), expand(minute, 0, 59, ())
    tried = (after + timedelta(seconds=k) for k in range(1, 3601))
    assert next_after(cron, after) == next(t for t in tried if t.second in seconds and t.minute in minutes)


@given(seconds=st.floats(0, 200))
def test_fractions_of_a_second_lose_nothing(seconds: float) -> None:
    """An instant between two seconds is followed by the first match after it, strictly."""
    after = at(2024, 5, 5, 10) + timedelta(seconds=seconds)
    every_second = next_after(Cron.parse("* * * * * *", seconds=True), after)
    assert every_second == (after.replace(microsecond=0) + timedelta(seconds=1))
    every_minute = next_after(Cron.parse("* * * * *"), after)
    assert every_minute == after.replace(second=0, microsecond=0) + timedelta(minutes=1)


EDGES = [
    # zone, the first local minute of the year 1 that is later than the first instant, the last of the year 9999
    ("UTC", "0001-01-01T00:01:00", "9999-12-31T23:59:00"),
    ("Europe/Berlin", "0001-01-01T00:00:32", "9999-12-31T22:59:00"),
    ("Asia/Tokyo", "0001-01-01T00:00:01", "9999-12-31T14:59:00"),
    ("America/New_York", "0001-01-01T04:56:02", "9999-12-31T23:59:00"),
    ("Pacific/Kiritimati", "0001-01-01T10:29:20", "9999-12-31T09:59:00"),
]


@pytest.mark.parametrize(("zone", "first", "last"), EDGES)
def test_the_first_and_the_last_minute_of_time(zone: str, first: str, last: str) -> None:
    """Years 1 and 9999 are ordinary: local time begins later in the west and ends earlier in the east."""
    cron = Cron.parse("* * * * *", zone)
    assert next_after(cron, at(1, 1, 1)) == datetime.fromisoformat(first).replace(tzinfo=UTC)
    end = datetime.fromisoformat(last).replace(tzinfo=UTC)
    assert next_after(cron, end - timedelta(seconds=1)) == end
    assert next_after(cron, end) is None
    assert next_after(cron, at(9999, 12, 31, 23, 59, 59, 999999)) is None


def test_before_local_time_begins_the_search_begins_with_it() -> None:
    """In New York the calendar starts at 04:56:02 in UTC: earlier instants have no local time, and miss no match."""
    found = [next_after(Cron.parse(text, "America/New_York"), at(1, 1, 1)) for text in ("0 0 * * *", "1 0 * * *")]
    assert found == [at(1, 1, 1, 4, 56, 2), at(1, 1, 1, 4, 57, 2)]
    assert next_after(Cron.parse("0 0 * * *", "America/New_York"), at(1, 1, 1, 4, 56, 2)) == at(1, 1, 2, 4, 56, 2)


def test_the_last_evening_of_the_year_9999() -> None:
    """Where the instant of a match would be in the year 10000, there is none."""
    east, west = Cron.parse("30 23 31 12 *", "Asia/Tokyo"), Cron.parse("30 23 31 12 *", "America/New_York")
    assert next_after(east, at(9999, 1, 1)) == at(9999, 12, 31, 14, 30)
    assert next_after(east, at(9999, 12, 31, 14, 30)) is None
    assert next_after(west, at(9998, 12, 31, 12)) == at(9999, 1, 1, 4, 30)
    assert next_after(west, at(9999, 1, 1, 4, 30)) is None


NEVER = ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30-31 2 *", "0 0 31W 2 *"]


@pytest.mark.parametrize("text", NEVER)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_a_day_that_no_year_has_never_fires(text: str, zone: str) -> None:
    """An expression may match nothing: the answer is None, proved over the 400-year cycle of the calendar."""
    assert next_after(Cron.parse(text, zone), at(2024, 1, 1)) is None


def test_rare_days_are_found_within_the_cycle() -> None:
    """Monday, 29 February: every 28 years, 40 over a century that is no leap year. The search does not give up."""
    rare = Cron.parse("0 0 29 2 1", days="and")
    assert next_after(rare, at(2024, 3, 1)) == at(2044, 2, 29)
    assert next_after(rare, at(2072, 3, 1)) == at(2112, 2, 29)
    assert next_after(Cron.parse("0 0 29 2 *"), at(1896, 3, 1)) == at(1904, 2, 29)
    assert next_after(Cron.parse("0 0 29 2 *"), at(1996, 3, 1)) == at(2000, 2, 29)


def test_after_may_be_in_any_zone_but_not_naive() -> None:
    """``after`` is an instant: its zone does not matter, but a naive time is none."""
    cron = Cron.parse("0 12 * * *")
    berlin = datetime(2024, 7, 1, 13, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    assert next_after(cron, berlin) == at(2024, 7, 1, 12)
    with pytest.raises(InvalidRecurrence) as caught:
        next_after(cron, datetime.fromisoformat("2024-07-01"))
    assert caught.value.field == "after"
    with pytest.raises(InvalidRecurrence, match=r"^start: str is not a datetime"):
        between(cron, "2024-07-01", berlin)
    with pytest.raises(InvalidRecurrence, match=r"^end: 2024-07-01T00:00:00 has no offset"):
        between(cron, berlin, datetime.fromisoformat("2024-07-01"))
    with pytest.raises(InvalidRecurrence, match="out of range"):
        next_after(cron, datetime.min.replace(tzinfo=timezone(timedelta(hours=2))))


ALIASES = ["UTC", "Etc/UTC", "Etc/UCT", "UCT", "Zulu", "Etc/Zulu", "Universal", "Etc/Universal"]


@pytest.mark.parametrize("name", ALIASES)
def test_the_names_of_utc_are_utc(name: str) -> None:
    """A zone that is UTC by another name gives the same instants; its name is kept."""
    cron = Cron.parse("30 2 * * *", name)
    assert cron.timezone == name
    assert next_after(cron, at(2024, 1, 1)) == at(2024, 1, 1, 2, 30)
    assert cron.calm is None


def test_a_zone_may_be_given_as_a_value() -> None:
    """``timezone`` is a name or a ``ZoneInfo``; a fixed offset has no name and is refused."""
    assert Cron.parse("0 0 * * *", ZoneInfo("Asia/Tokyo")).timezone == "Asia/Tokyo"
    assert Cron.parse("0 0 * * *", UTC) == Cron.parse("0 0 * * *")
    with pytest.raises(InvalidRecurrence) as caught:
        Cron.parse("0 0 * * *", timezone(timedelta(hours=2)))
    assert caught.value.field == "timezone"


def test_a_cron_is_a_value() -> None:
    """Equal texts, zones and options make equal crons; nothing about one can be changed."""
    cron = Cron.parse("30 2 * * 1-5", "Europe/Berlin", gap="skip")
    assert cron == Cron(text="30 2 * * 1-5", timezone="Europe/Berlin", gap="skip")
    assert cron != Cron.parse("30 2 * * 1-5", "Europe/Berlin")
    assert repr(cron) == (
        "Cron(text='30 2 * * 1-5', timezone='Europe/Berlin', seconds=False, days='debian', gap='skip', fold=None)"
    )
    with pytest.raises(AttributeError):
        cron.text = "* * * * *"


def test_a_cron_survives_pickling_and_copying() -> None:
    """Workers in other processes get the same value, and it works there."""
    cron = Cron.parse("30 2 * * *", "Europe/Berlin", fold="both")
    for again in (pickle.loads(pickle.dumps(cron)), copy.deepcopy(cron)):  # noqa: S301
        assert again == cron
        assert next_after(again, at(2024, 10, 27)) == at(2024, 10, 27, 0, 30)


@given(text=texts, civil=civil_times)
def test_the_masks_match_what_the_checker_matches(text: str, civil: datetime) -> None:
    """A civil minute, asked about directly, matches by the masks exactly where it does by the rule's words."""
    cron = Cron.parse(text)
    found = next_after(cron, civil.replace(tzinfo=UTC)) or at(2024, 1, 1)
    for minutes in (-1441, -1440, -60, -1, 0, 1, 60, 1440):
        minute = found.replace(tzinfo=None) + timedelta(minutes=minutes)
        assert cron.masks.matches(minute) == matches(text, minute)
        assert not cron.masks.matches(minute.replace(second=1))


def test_the_masks_match_to_the_second() -> None:
    """With a field of seconds a match is one second."""
    masks = Cron.parse("30 5 * * * *", seconds=True).masks
    assert masks.matches(at(2024, 1, 1, 0, 5, 30))
    assert not masks.matches(at(2024, 1, 1, 0, 5, 0))
    assert not masks.matches(at(2024, 1, 1, 0, 5, 31))
