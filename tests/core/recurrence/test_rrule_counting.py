"""Counting without walking gives what walking gives; leaps over years lose nothing; refusals say exactly what they say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from mainspring.core.errors import InvalidRecurrence
from mainspring.core.recurrence.rrule import RRule

START = datetime(2026, 1, 5, 9, 30, 15, tzinfo=UTC)  # a Monday
LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)
FAR = datetime(9999, 12, 30, tzinfo=UTC)

COUNTED = [
    ("FREQ=SECONDLY", 1),
    ("FREQ=SECONDLY;INTERVAL=7", 1),
    ("FREQ=SECONDLY;INTERVAL=7;BYDAY=MO,TU", 2),
    ("FREQ=SECONDLY;INTERVAL=7;BYHOUR=9,10", 2),
    ("FREQ=SECONDLY;BYSECOND=0,15,30", 1),
    ("FREQ=SECONDLY;INTERVAL=90000;BYDAY=MO,WE", 300),
    ("FREQ=MINUTELY", 3),
    ("FREQ=MINUTELY;INTERVAL=7;BYDAY=MO,WE,SA", 30),
    ("FREQ=MINUTELY;INTERVAL=7;BYSECOND=1,20,40,50", 3),
    ("FREQ=MINUTELY;INTERVAL=7;BYSECOND=1,20,40,50,55", 3),
    ("FREQ=MINUTELY;INTERVAL=15;BYHOUR=9,10,23", 30),
    ("FREQ=MINUTELY;INTERVAL=1441;BYDAY=MO", 400),
    ("FREQ=HOURLY", 40),
    ("FREQ=HOURLY;INTERVAL=5;BYDAY=MO,WE,SA", 100),
    ("FREQ=HOURLY;INTERVAL=5;BYMINUTE=0,30;BYMONTH=3,10", 400),
    ("FREQ=HOURLY;INTERVAL=6;BYMINUTE=0,30;BYDAY=SA,SU", 400),
    ("FREQ=HOURLY;BYHOUR=1,2,3;BYMINUTE=30", 400),
    ("FREQ=DAILY", 900),
    ("FREQ=DAILY;INTERVAL=3;BYHOUR=2,3;BYMINUTE=30", 900),
    ("FREQ=WEEKLY;BYDAY=MO,SU;INTERVAL=2", 900),
    ("FREQ=WEEKLY;BYDAY=MO,WE,SU;BYSETPOS=-1,1;INTERVAL=3", 900),
    ("FREQ=MONTHLY;BYMONTHDAY=1,31;BYHOUR=0,2,23", 900),
    ("FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=FORWARD;BYMONTHDAY=1,31", 900),
    ("FREQ=YEARLY;BYWEEKNO=1,53;BYDAY=MO,SU;INTERVAL=2", 4000),
    ("FREQ=YEARLY;BYEASTER=0,1", 4000),
]


@pytest.mark.parametrize(("text", "days"), COUNTED)
@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin", "Australia/Lord_Howe"])
def test_a_count_is_what_walking_finds(text: str, days: int, timezone: str) -> None:
    """checkpoint counts what between lists: from DTSTART, from an earlier checkpoint, up to an instance and just before."""
    end = START + timedelta(days=days)
    found = list(RRule.parse(text, timezone, START).between(LONG_AGO, end))
    rule = RRule.parse(f"{text};COUNT=1000000000", timezone, START)
    middle = START + timedelta(days=days / 3, seconds=1)
    kept = rule.checkpoint(middle)
    assert kept.counts == (sum(moment <= middle for moment in found),)
    for at in (middle, *found[1 :: 1 + len(found) // 5], end):
        expected = sum(moment <= at for moment in found)
        assert rule.checkpoint(at).counts == (expected,)
        if at >= middle:
            assert rule.checkpoint(at, kept).counts == (expected,)
        before = at - timedelta(seconds=1)
        assert rule.checkpoint(before).counts == (sum(moment <= before for moment in found),)
    assert rule.checkpoint(START - timedelta(seconds=1)).counts == (0,)
    assert kept.at == middle


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("FREQ=DAILY;BYHOUR=2,3;BYMINUTE=30", 2_000),
        ("FREQ=DAILY;INTERVAL=2;BYHOUR=1,2,3,4;BYMINUTE=0,30", 4_000),
        ("FREQ=WEEKLY;BYDAY=MO,SU;INTERVAL=2", 700),
        ("FREQ=MONTHLY;BYMONTHDAY=1,31;BYHOUR=0,1,2,3,23", 3_000),
        ("FREQ=HOURLY;BYHOUR=1,2,3;BYMINUTE=0,30", 4_000),
        ("FREQ=HOURLY;INTERVAL=5;BYDAY=MO,SU", 3_000),
        ("FREQ=MINUTELY;INTERVAL=30;BYHOUR=1,2", 3_000),
        ("FREQ=YEARLY;BYYEARDAY=1,-1,60", 1_000),
    ],
)
def test_a_count_beyond_the_first_blocks_ends_where_walking_ends(text: str, count: int, timezone: str) -> None:
    """COUNT that is found by counting years ends at the same instance as a walk of so many steps."""
    wanted = next(islice(RRule.parse(text, timezone, START).between(LONG_AGO, FAR), count - 1, None))
    rule = RRule.parse(f"{text};COUNT={count}", timezone, START)
    assert rule.next_after(wanted - timedelta(seconds=1)) == wanted
    assert rule.next_after(wanted) is None
    assert RRule.parse(f"{text};COUNT={count}", timezone, START).checkpoint(wanted + timedelta(days=300)).counts == (
        count,
    )


LEAPS = [
    "FREQ=DAILY;INTERVAL=367", "FREQ=DAILY;INTERVAL=1000;BYHOUR=0,23", "FREQ=DAILY;INTERVAL=731;BYMONTH=1,7,12",
    "FREQ=WEEKLY;INTERVAL=54;BYDAY=MO,SU", "FREQ=WEEKLY;INTERVAL=53;BYDAY=SU,WE;WKST=TH", "FREQ=WEEKLY;INTERVAL=100;BYDAY=SU;BYMONTH=1",
    "FREQ=MONTHLY;INTERVAL=13;BYMONTHDAY=1,-1", "FREQ=MONTHLY;INTERVAL=25;BYDAY=1MO", "FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31",
    "FREQ=YEARLY;INTERVAL=7;BYMONTH=2;BYMONTHDAY=29", "FREQ=YEARLY;INTERVAL=5;BYDAY=1MO",
    "FREQ=MONTHLY;INTERVAL=5;BYDAY=MO,TU;BYSETPOS=-1,1", "FREQ=YEARLY;INTERVAL=3;BYDAY=MO,TU;BYSETPOS=-1,1",
    "FREQ=MONTHLY;INTERVAL=5;BYMONTHDAY=31,1;BYSETPOS=-1;BYHOUR=0,23", "FREQ=YEARLY;INTERVAL=2;BYWEEKNO=14,15,16,17;BYEASTER=0,1",
    "FREQ=YEARLY;INTERVAL=3;BYWEEKNO=10,20;BYDAY=MO,SU", "FREQ=WEEKLY;INTERVAL=3;BYDAY=MO,SU;BYSETPOS=1", "FREQ=DAILY;INTERVAL=9;BYDAY=MO",
]  # fmt: skip


@pytest.mark.parametrize("text", LEAPS)
@pytest.mark.parametrize("month", [1, 12])
def test_leaps_over_years_lose_nothing(text: str, month: int) -> None:
    """Rules whose INTERVAL leaps over years give what the rule with a finer INTERVAL gives, thinned by hand."""
    start = datetime(2025, month, 29, 9, 30, tzinfo=UTC)
    parts = dict(part.split("=") for part in text.split(";"))
    interval = int(parts.pop("INTERVAL"))
    finer = RRule.parse(";".join(f"{name}={value}" for name, value in parts.items()), dtstart=start)
    wkst = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"].index(parts.get("WKST", "MO"))

    def period(moment: datetime) -> int:
        day = moment.toordinal()
        return {
            "DAILY": day,
            "WEEKLY": (day - wkst - 1) // 7,
            "MONTHLY": moment.year * 12 + moment.month,
            "YEARLY": moment.year,
        }[parts["FREQ"]]

    end = start + timedelta(days=120_000)
    thinned = [m for m in finer.between(LONG_AGO, end) if (period(m) - period(start)) % interval == 0]
    rule = RRule.parse(text, dtstart=start)
    assert list(rule.between(LONG_AGO, end)) == thinned
    at, stepped = LONG_AGO, list[datetime]()
    while (moment := rule.next_after(at)) is not None and moment <= end:
        stepped.append(moment)
        at = moment
    assert stepped == thinned
    few = min(len(thinned), 150)
    counted = RRule.parse(f"{text};COUNT={few}", dtstart=start)
    assert list(counted.between(LONG_AGO, FAR)) == thinned[:few]


def test_long_elapsed_intervals_find_their_days() -> None:
    """Periods years apart are gone through one by one, days limited: nothing that a slow walk finds is missed."""
    for text in (
        "FREQ=MINUTELY;INTERVAL=1603951;BYMONTH=1,2,3",
        "FREQ=HOURLY;INTERVAL=20000;BYDAY=MO,TU;BYMINUTE=0,59",
    ):
        rule = RRule.parse(text, "America/New_York", START)
        step = timedelta(minutes=1603951) if "MINUTELY" in text else timedelta(hours=20_000)
        found = list(islice(rule.between(LONG_AGO, FAR), 12))
        assert len(found) == 12
        minutes = [moment.replace(minute=30) if "HOURLY" in text else moment for moment in found]
        assert all((moment - START) % step == timedelta(0) for moment in minutes)
        at = LONG_AGO
        for moment in found:
            assert rule.next_after(at) == moment
            at = moment


SETS = [
    ("FREQ=DAILY", ["FREQ=WEEKLY;BYDAY=SA,SU"], 60),
    ("FREQ=MINUTELY;INTERVAL=20", ["FREQ=HOURLY", "FREQ=DAILY;BYHOUR=10;BYMINUTE=50"], 3),
    ("FREQ=HOURLY", ["FREQ=HOURLY;BYHOUR=0,1,2,3,4,5,6,7,8;BYDAY=MO"], 15),
    ("FREQ=YEARLY", ["FREQ=DAILY;BYMONTH=1;INTERVAL=2"], 9000),
    ("FREQ=MONTHLY", ["FREQ=MINUTELY;INTERVAL=3;BYMONTH=1,5"], 900),
    ("FREQ=SECONDLY;INTERVAL=11", ["FREQ=SECONDLY;INTERVAL=2", "FREQ=SECONDLY;INTERVAL=3;COUNT=500"], 1),
    ("FREQ=DAILY", ["FREQ=DAILY;COUNT=40"], 60),
    ("FREQ=DAILY", ["FREQ=DAILY;UNTIL=20250101"], 60),
]


@pytest.mark.parametrize(("text", "exrules", "days"), SETS)
def test_exrules_take_out_what_they_give(text: str, exrules: list[str], days: int) -> None:
    """A set is the difference of its parts, whether the excluded lie near one another or far apart."""
    end = START + timedelta(days=days)
    excluded = {m for each in exrules for m in RRule.parse(each, dtstart=START).between(LONG_AGO, end)}
    expected = [m for m in RRule.parse(text, dtstart=START).between(LONG_AGO, end) if m not in excluded]
    lines = "\n".join([f"RRULE:{text}", *(f"EXRULE:{each}" for each in exrules)])
    rule = RRule.parse(lines, dtstart=START)
    assert list(rule.between(LONG_AGO, end)) == expected
    at = LONG_AGO
    for moment in expected[:40]:
        assert rule.next_after(at) == moment
        at = moment


def test_a_day_taken_out_ends_where_the_next_begins() -> None:
    """EXDATE as a date in zones whose midnights move: the day ends at the first instant of the next local day."""
    beirut = RRule.parse("RRULE:FREQ=MINUTELY\nEXDATE:20260328", "Asia/Beirut", datetime(2026, 3, 27, 10, tzinfo=UTC))
    assert beirut.next_after(datetime(2026, 3, 27, 21, 59, tzinfo=UTC)) == datetime(2026, 3, 28, 22, 0, tzinfo=UTC)
    azores = RRule.parse(
        "RRULE:FREQ=MINUTELY\nEXDATE:20261025", "Atlantic/Azores", datetime(2026, 10, 24, 10, tzinfo=UTC)
    )
    assert azores.next_after(datetime(2026, 10, 24, 23, 59, tzinfo=UTC)) == datetime(2026, 10, 26, 1, 0, tzinfo=UTC)
    havana = RRule.parse(
        "RRULE:FREQ=MINUTELY\nEXDATE:20261031", "America/Havana", datetime(2026, 10, 30, 10, tzinfo=UTC)
    )
    assert havana.next_after(datetime(2026, 10, 31, 3, 59, tzinfo=UTC)) == datetime(2026, 11, 1, 4, 0, tzinfo=UTC)


def test_all_parts_are_printed_in_upper_case_and_in_order() -> None:
    """The canonical form of a rule with every part, pinned to the letter."""
    yearly = (
        "FREQ=YEARLY;RSCALE=GREGORIAN;INTERVAL=2;BYMONTH=1,12;BYWEEKNO=-1,1;BYYEARDAY=-366,1;BYMONTHDAY=-31,31;"
        "BYEASTER=-2,1;BYHOUR=0,23;BYMINUTE=0,59;BYSECOND=0,60;BYSETPOS=-1,1;BYDAY=MO,SU;WKST=SU;UNTIL=20300101T000000Z"
    )
    assert RRule.parse(yearly.lower(), dtstart=START).to_text() == f"DTSTART:20260105T093015Z\nRRULE:{yearly}"
    dates = "RDATE;VALUE=DATE:20260101\nRDATE:20260101T000001Z"
    assert RRule.parse(dates, dtstart=START).to_text() == f"DTSTART:20260105T093015Z\n{dates}"


def message(call: Callable[[], object]) -> str:
    with pytest.raises(InvalidRecurrence) as caught:
        call()
    return str(caught.value)


def parse(text: str) -> str:
    return message(lambda: RRule.parse(text, dtstart=START))


def test_refusals_say_what_and_where_and_what_would_be_right() -> None:
    """Messages are read by people: field, what was wrong (cut to a bound), and the cure, to the letter."""
    long = "1" * 99
    date_time = "write YYYYMMDDTHHMMSS, with Z for UTC (RFC 5545 section 3.3.5)"
    date = "write YYYYMMDD (RFC 5545 section 3.3.4)"
    lines = "give DTSTART, RRULE, EXRULE, RDATE or EXDATE lines (RFC 5545 section 3.8.5), or a bare FREQ=..."
    section = "(RFC 5545 section 3.3.10)"
    freqs = "SECONDLY, MINUTELY, HOURLY, DAILY, WEEKLY, MONTHLY, YEARLY"
    weekdays = "give MO, TU, WE, TH, FR, SA, SU, with an ordinal 1 to 53 or -53 to -1 before it if need be"
    assert parse("FREQ=DAILY;UNTIL=" + long) == f"UNTIL: '{long[:30]}' is not a date-time; {date_time}"
    assert parse("FREQ=DAILY;UNTIL=19970230") == f"UNTIL: '19970230' is not a date; {date}"
    assert parse("RDATE;VALUE=DATE:" + long) == f"RDATE: '{long[:30]}' is not a date; {date}"
    assert parse(f"FREQ=DAILY;BYHOUR={long}") == f"BYHOUR: '{long[:30]}' is out of range; give 0 to 23 {section}"
    assert parse("FREQ=YEARLY;BYWEEKNO=0") == f"BYWEEKNO: '0' is out of range; give 1 to 53 or -53 to -1 {section}"
    assert parse("FREQ=YEARLY;BYEASTER=367") == (
        "BYEASTER: '367' is out of range; give 0 to 366 or -366 to -1 (dateutil's extension)"
    )
    assert (
        parse(f"FREQ=DAILY;COUNT={long}") == f"COUNT: '{long[:30]}' is not a positive integer; give 1 or more {section}"
    )
    assert parse("COUNT=1") == f"FREQ: is missing; give one of {freqs} {section}"
    assert parse("FREQ=X") == f"FREQ: 'X' is no frequency; give one of {freqs} {section}"
    assert parse(f"FREQ=DAILY;BYDAY={long}") == f"BYDAY: '{long[:30]}' is not a weekday; {weekdays} {section}"
    assert (
        parse(f"FREQ=DAILY;WKST={long}")
        == f"WKST: '{long[:30]}' is not a weekday; give one of MO, TU, WE, TH, FR, SA, SU {section}"
    )
    assert (
        parse(f"FREQ=DAILY;RSCALE={long}")
        == f"RSCALE: the calendar '{long[:30]}' is not supported; use GREGORIAN (RFC 7529 section 4.1)"
    )
    assert parse(f"FREQ=DAILY;RSCALE=GREGORIAN;SKIP={long}") == (
        f"SKIP: '{long[:30]}' is no way to skip; give OMIT, BACKWARD or FORWARD (RFC 7529 section 4.1)"
    )
    assert parse("FREQ=DAILY;X") == f"RRULE: 'X' is not a rule part; write NAME=value {section}"
    assert parse("FREQ=DAILY;X=1") == "RRULE: 'X' is not a rule part; use the parts of RFC 5545 section 3.3.10"
    assert parse("FREQ=DAILY;FREQ=DAILY") == f"FREQ: is given twice; give each part once {section}"
    assert parse("FREQ=DAILY;BYSETPOS=1") == f"BYSETPOS: stands alone; add another BYxxx part {section}"
    assert (
        parse("FREQ=DAILY;BYDAY=1MO")
        == f"BYDAY: has an ordinal in a DAILY rule; use ordinals in MONTHLY and YEARLY rules {section}"
    )
    assert (
        parse("FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO")
        == f"BYDAY: has an ordinal beside BYWEEKNO; take away the ordinal or BYWEEKNO {section}"
    )
    assert parse("FREQ=WEEKLY;BYMONTHDAY=1") == f"BYMONTHDAY: stands in a WEEKLY rule; use DAILY or MONTHLY {section}"
    assert parse("FREQ=DAILY;BYYEARDAY=1") == f"BYYEARDAY: stands in a DAILY rule; use YEARLY {section}"
    assert parse("FREQ=DAILY;BYWEEKNO=1") == f"BYWEEKNO: stands in a DAILY rule; use YEARLY {section}"
    assert parse("FREQ=YEARLY;BYEASTER=1;RSCALE=GREGORIAN;SKIP=FORWARD") == (
        "SKIP: stands beside BYEASTER; take away one of the two: no standard joins them"
    )
    assert parse("X" * 99) == f"RRULE: '{'X' * 40}' is not a line of a recurrence; {lines}"
    assert parse("DTSTART:19970101T000000Z") == f"RRULE: is missing; {lines}"
    assert (
        parse("é") == "RRULE: '\\xe9' is not an ASCII character; use ASCII letters and digits (RFC 5545 section 3.3.10)"
    )
    assert parse("X" * 9_000) == "RRULE: a text of 9000 characters is too long; use at most 8192"
    assert parse("\n".join(["EXRULE:FREQ=DAILY"] * 9)) == "RRULE: 9 rules are too many; give at most 8 in one text"
    assert (
        parse("RRULE;X=1:FREQ=DAILY") == "RRULE: takes no parameters; write RRULE:FREQ=... (RFC 5545 section 3.8.5.3)"
    )
    assert parse("DTSTART;" + "x" * 99 + ":1") == (
        f"DTSTART: ';{'x' * 39}' is not a parameter; write ;NAME=value before the colon (RFC 5545 section 3.1)"
    )
    assert parse("RDATE;TZID=UTC;tzid=UTC:1") == "RDATE: TZID is given twice; give it once (RFC 5545 section 3.2)"
    assert (
        parse("DTSTART:19970101\ndtstart:19970101") == "DTSTART: is given twice; give it once (RFC 5545 section 3.6.1)"
    )
    assert parse("DTSTART:19970101,19970102\nRRULE:FREQ=DAILY") == (
        "DTSTART: holds a list; give one date or time (RFC 5545 section 3.8.2.4)"
    )
    assert parse("RDATE;ZZ=1;AA=2:19970101") == "RDATE: the parameter AA is not known here; use TZID and VALUE"
    kind = "x" * 30
    assert (
        parse(f"RDATE;VALUE={kind}:1")
        == f"RDATE: VALUE={kind[:20].upper()} is not possible; use DATE-TIME, DATE, PERIOD"
    )
    assert parse("EXDATE;VALUE=PERIOD:1") == "EXDATE: VALUE=PERIOD is not possible; use DATE-TIME, DATE"
    assert parse("RDATE;VALUE=PERIOD:19970101T000000Z/P1D/P1D") == f"RDATE: 'P1D/P1D' is not a date-time; {date_time}"
    edge = "is out of range; use years 1 to 9999 in UTC"
    assert parse("RDATE;TZID=Asia/Tokyo:00010101T000000") == f"RDATE: 0001-01-01 00:00:00 {edge}"
    assert parse("DTSTART;TZID=Asia/Tokyo:00010101T000000\nRRULE:FREQ=DAILY") == f"DTSTART: 0001-01-01 00:00:00 {edge}"
    assert message(lambda: RRule.parse("FREQ=DAILY")) == (
        "dtstart: is missing and the clock is not read; pass dtstart=..., an aware datetime, or write a DTSTART line "
        "(RFC 5545 section 3.8.2.4)"
    )
    assert message(lambda: RRule.parse("FREQ=DAILY", dtstart=START, gap="x")) == (  # type: ignore[arg-type]
        "gap: 'x' is not a policy; use one of after, skip, offset_before"
    )
    assert message(lambda: RRule.parse("FREQ=DAILY", dtstart=START, fold="x")) == (  # type: ignore[arg-type]
        "fold: 'x' is not a policy; use one of first, second, both"
    )
    daily, naive = RRule.parse("FREQ=DAILY;COUNT=9", dtstart=START), START.replace(tzinfo=None)
    assert message(lambda: daily.next_after(naive)).startswith("after: ")
    assert message(lambda: daily.checkpoint(naive)).startswith("at: ")
    assert message(lambda: daily.between(naive, START)).startswith("start: ")
    assert message(lambda: daily.between(START, naive)).startswith("end: ")
    two = RRule.parse("RRULE:FREQ=DAILY;COUNT=9\nRRULE:FREQ=DAILY", dtstart=START).checkpoint(START)
    assert (
        message(lambda: daily.next_after(START, two)) == "checkpoint: is of another rule; pass one that this rule made"
    )
    endless = RRule.parse("RRULE:FREQ=SECONDLY\nEXRULE:FREQ=SECONDLY", dtstart=START)
    assert message(lambda: endless.next_after(START)) == (
        "EXRULE: excludes too many instances in a row: none was left after 4000 questions; say in the RRULE itself when it runs, e.g. with BYDAY or BYHOUR"
    )
    far = RRule.parse("FREQ=MINUTELY;INTERVAL=7;BYHOUR=9;BYDAY=MO,TU;COUNT=1000000000", dtstart=START)
    assert message(lambda: far.next_after(datetime(9000, 1, 1, tzinfo=UTC))) == (
        "COUNT: reaches too far from DTSTART to be counted at once; pass the checkpoint of an earlier instance, "
        "or give UNTIL instead"
    )
