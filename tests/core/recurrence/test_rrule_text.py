"""What texts are accepted, what they mean, what is refused, and that printing and parsing are inverse."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from typing import cast

import pytest

from mainspring.core.errors import InvalidRecurrence
from mainspring.core.recurrence.dst import Fold, Gap
from mainspring.core.recurrence.rrule import RRule
from mainspring.core.recurrence.rrule_parts import Until, format_rule, parse_rule

START = datetime(1997, 9, 2, 9, 0, tzinfo=UTC)
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


def first(rule: RRule, count: int = 3) -> list[str]:
    found: list[str] = []
    at = LONG_AGO
    while len(found) < count and (moment := rule.next_after(at)) is not None:
        found.append(f"{moment:%Y-%m-%dT%H:%M:%SZ}")
        at = moment
    return found


REFUSED = [
    # rule, field, what the message must name
    ("", "RRULE", "RFC 5545 section 3.8.5"),
    ("BYDAY=MO", "FREQ", "3.3.10"),
    ("FREQ=FORTNIGHTLY", "FREQ", "3.3.10"),
    ("FREQ=DAILY;FREQ=DAILY", "FREQ", "3.3.10"),
    ("FREQ=DAILY;BYHOUR=1;BYHOUR=2", "BYHOUR", "3.3.10"),
    ("FREQ=DAILY;COUNT=3;UNTIL=19980101T000000Z", "COUNT", "3.3.10"),
    ("FREQ=DAILY;COUNT=0", "COUNT", "3.3.10"),
    ("FREQ=DAILY;COUNT=-1", "COUNT", "3.3.10"),
    ("FREQ=DAILY;COUNT=" + "9" * 19, "COUNT", "3.3.10"),
    ("FREQ=DAILY;INTERVAL=0", "INTERVAL", "3.3.10"),
    ("FREQ=DAILY;INTERVAL=-2", "INTERVAL", "3.3.10"),
    ("FREQ=DAILY;INTERVAL=1.5", "INTERVAL", "3.3.10"),
    ("FREQ=DAILY;BYSECOND=61", "BYSECOND", "0 to 60"),
    ("FREQ=DAILY;BYMINUTE=60", "BYMINUTE", "0 to 59"),
    ("FREQ=DAILY;BYHOUR=24", "BYHOUR", "0 to 23"),
    ("FREQ=DAILY;BYHOUR=-1", "BYHOUR", "0 to 23"),
    ("FREQ=DAILY;BYHOUR=+1", "BYHOUR", "0 to 23"),
    ("FREQ=DAILY;BYHOUR=1,,2", "BYHOUR", "0 to 23"),
    ("FREQ=DAILY;BYHOUR=0001", "BYHOUR", "0 to 23"),
    ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY", "1 to 31 or -31 to -1"),
    ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY", "1 to 31"),
    ("FREQ=MONTHLY;BYMONTHDAY=-32", "BYMONTHDAY", "1 to 31"),
    ("FREQ=YEARLY;BYYEARDAY=367", "BYYEARDAY", "1 to 366"),
    ("FREQ=YEARLY;BYYEARDAY=0", "BYYEARDAY", "1 to 366"),
    ("FREQ=YEARLY;BYWEEKNO=54", "BYWEEKNO", "1 to 53"),
    ("FREQ=YEARLY;BYWEEKNO=0", "BYWEEKNO", "1 to 53"),
    ("FREQ=YEARLY;BYMONTH=13", "BYMONTH", "1 to 12"),
    ("FREQ=YEARLY;BYMONTH=0", "BYMONTH", "1 to 12"),
    ("FREQ=YEARLY;BYMONTH=5L", "BYMONTH", "1 to 12"),
    ("FREQ=YEARLY;BYEASTER=367", "BYEASTER", "dateutil"),
    ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=0", "BYSETPOS", "1 to 366"),
    ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=367", "BYSETPOS", "1 to 366"),
    ("FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS", "3.3.10"),
    ("FREQ=MONTHLY;BYDAY=0MO", "BYDAY", "3.3.10"),
    ("FREQ=MONTHLY;BYDAY=54MO", "BYDAY", "3.3.10"),
    ("FREQ=MONTHLY;BYDAY=MON", "BYDAY", "3.3.10"),
    ("FREQ=MONTHLY;BYDAY=1", "BYDAY", "3.3.10"),
    ("FREQ=WEEKLY;BYDAY=1MO", "BYDAY", "WEEKLY"),
    ("FREQ=DAILY;BYDAY=-1FR", "BYDAY", "DAILY"),
    ("FREQ=HOURLY;BYDAY=1MO", "BYDAY", "HOURLY"),
    ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=1MO", "BYDAY", "BYWEEKNO"),
    ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY", "WEEKLY"),
    ("FREQ=DAILY;BYYEARDAY=1", "BYYEARDAY", "DAILY"),
    ("FREQ=WEEKLY;BYYEARDAY=1", "BYYEARDAY", "WEEKLY"),
    ("FREQ=MONTHLY;BYYEARDAY=1", "BYYEARDAY", "MONTHLY"),
    ("FREQ=MONTHLY;BYWEEKNO=1", "BYWEEKNO", "MONTHLY"),
    ("FREQ=HOURLY;BYWEEKNO=1", "BYWEEKNO", "HOURLY"),
    ("FREQ=WEEKLY;WKST=1", "WKST", "3.3.10"),
    ("FREQ=DAILY;UNTIL=1997", "UNTIL", "3.3.5"),
    ("FREQ=DAILY;UNTIL=19971301", "UNTIL", "3.3.4"),
    ("FREQ=DAILY;UNTIL=19971301T000000", "UNTIL", "3.3.5"),
    ("FREQ=DAILY;UNTIL=19971201T240000Z", "UNTIL", "3.3.5"),
    ("FREQ=DAILY;UNTIL=00000101T000000Z", "UNTIL", "3.3.5"),
    ("FREQ=DAILY;X-THING=1", "RRULE", "3.3.10"),
    ("FREQ=DAILY;BYFOO=1", "RRULE", "3.3.10"),
    ("FREQ=DAILY;BYHOUR=", "RRULE", "3.3.10"),
    ("FREQ=DAILY;;COUNT=1", "RRULE", "3.3.10"),
    ("FREQ=DAILY;;", "RRULE", "3.3.10"),
    ("FREQ=MONTHLY;SKIP=BACKWARD", "SKIP", "RFC 7529"),
    ("FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=SIDEWAYS", "SKIP", "RFC 7529"),
    ("FREQ=YEARLY;BYEASTER=1;RSCALE=GREGORIAN;SKIP=FORWARD", "SKIP", "BYEASTER"),
    ("FREQ=MONTHLY;RSCALE=CHINESE", "RSCALE", "RFC 7529"),
    # Unicode digits are digits to Python's int(), not to the standard
    ("FREQ=DAILY;INTERVAL=２", "RRULE", "ASCII"),
    ("FREQ=DAILY;BYHOUR=٣", "RRULE", "ASCII"),
    ("every tuesday", "RRULE", "3.8.5"),
    ("SUMMARY:lunch", "RRULE", "3.8.5"),
    ("BEGIN:VEVENT", "RRULE", "3.8.5"),
    ("RRULE:FREQ=DAILY\nRRULE", "RRULE", "3.8.5"),
    ("DTSTART:19970902T090000Z\nDTSTART:19970902T090000Z\nRRULE:FREQ=DAILY", "DTSTART", "3.6.1"),
    ("DTSTART:19970902T090000Z", "RRULE", "3.8.5"),
    ("DTSTART:19970902T090000Z\nEXRULE:FREQ=DAILY\nEXDATE:19970902T090000Z", "RRULE", "3.8.5"),
    ("DTSTART:19970902,19970903\nRRULE:FREQ=DAILY", "DTSTART", "3.8.2.4"),
    ("DTSTART:1997-09-02T09:00:00\nRRULE:FREQ=DAILY", "DTSTART", "3.3.5"),
    ("DTSTART;VALUE=DATE:19970902T090000\nRRULE:FREQ=DAILY", "DTSTART", "3.3.4"),
    ("DTSTART;VALUE=DATE-TIME:19970902\nRRULE:FREQ=DAILY", "DTSTART", "3.3.5"),
    ("DTSTART;VALUE=PERIOD:19970902T090000Z/PT1H\nRRULE:FREQ=DAILY", "DTSTART", "DATE-TIME"),
    ("DTSTART;VALUE=TEXT:19970902T090000Z\nRRULE:FREQ=DAILY", "DTSTART", "DATE-TIME"),
    ("DTSTART;X-A=1:19970902T090000Z\nRRULE:FREQ=DAILY", "DTSTART", "TZID and VALUE"),
    ("DTSTART;TZID=UTC;TZID=UTC:19970902T090000\nRRULE:FREQ=DAILY", "DTSTART", "3.2"),
    ("DTSTART;TZID:19970902T090000\nRRULE:FREQ=DAILY", "DTSTART", "3.1"),
    ("DTSTART;TZID=Mars/Olympus:19970902T090000\nRRULE:FREQ=DAILY", "timezone", "Mars"),
    ("RRULE:FREQ=DAILY\nRDATE;TZID=Mars/Olympus:19970902T090000", "timezone", "Mars"),
    ("RRULE;TZID=UTC:FREQ=DAILY", "RRULE", "3.8.5.3"),
    ("RRULE:FREQ=DAILY\nRDATE;VALUE=PERIOD:19970902T090000Z", "RDATE", "3.3.5"),
    ("RRULE:FREQ=DAILY\nRDATE;VALUE=PERIOD:19970902T090000Z/P", "RDATE", "3.3.5"),
    ("RRULE:FREQ=DAILY\nEXDATE;VALUE=PERIOD:19970902T090000Z/PT1H", "EXDATE", "DATE-TIME"),
    ("RRULE:FREQ=DAILY\nEXDATE:", "EXDATE", "3.3.5"),
    ("RRULE:FREQ=DAILY\nRDATE;TZID=Asia/Tokyo:00010101T000000", "RDATE", "years 1 to 9999"),
    ("\n".join(["RRULE:FREQ=DAILY"] * 9), "RRULE", "at most 8"),
    ("RRULE:FREQ=DAILY\nRDATE:" + ",".join(["1997"] * 2), "RDATE", "3.3.5"),
    ("FREQ=DAILY;BYHOUR=" + ",".join(["1"] * 4_100), "RRULE", "at most 8192"),
]


@pytest.mark.parametrize(("text", "field", "names"), REFUSED)
def test_what_the_standard_forbids_is_refused_with_its_paragraph(text: str, field: str, names: str) -> None:
    """Each forbidden text raises InvalidRecurrence for its field and says what would be right, naming the paragraph."""
    with pytest.raises(InvalidRecurrence) as caught:
        RRule.parse(text, dtstart=START)
    assert caught.value.field == field
    assert names in str(caught.value)


def test_the_bound_of_the_text_bounds_its_dates() -> None:
    """RDATE and EXDATE together hold fewer than 1,000 dates: 8 KiB are not enough for more."""
    days = [f"{date(1997, 1, 1) + timedelta(days=n):%Y%m%d}" for n in range(890)]
    many = "RRULE:FREQ=DAILY\nRDATE:" + ",".join(days[:445]) + "\nEXDATE:" + ",".join(days[445:])
    assert len(RRule.parse(many, dtstart=START).rdates) == 445
    assert RRule.parse(RRule.parse(many, dtstart=START).to_text()).exdays[-1] == date(1999, 6, 9)
    few = ",".join(["19970101"] * 500)
    with pytest.raises(InvalidRecurrence, match="at most 8192"):
        RRule.parse(f"RRULE:FREQ=DAILY\nRDATE:{few}\nEXDATE:{few}", dtstart=START)


def test_a_text_that_is_too_long_once_its_start_is_written_is_refused() -> None:
    """The bound of 8 KiB holds for what to_text writes too, so that whatever was parsed can be parsed again."""
    dates = [f"{date(1997, 1, 1) + timedelta(days=n):%Y%m%d}T000001Z" for n in range(481)]
    assert len(RRule.parse("RDATE:" + ",".join(dates[:-1]), dtstart=START).rdates) == 480
    text = "RDATE:" + ",".join(dates)
    assert len(text) <= 8_192
    with pytest.raises(InvalidRecurrence, match="DTSTART written out"):
        RRule.parse(text, dtstart=START)


@pytest.mark.parametrize("text", [None, 3, b"FREQ=DAILY"])
def test_only_a_text_is_a_text(text: object) -> None:
    """Something that is no text is refused like a wrong one, not with another error."""
    with pytest.raises(InvalidRecurrence):
        RRule.parse(cast(str, text), dtstart=START)


def test_no_start_no_rule() -> None:
    """The core reads no clock: without DTSTART in the text and dtstart from the caller there is no rule."""
    with pytest.raises(InvalidRecurrence) as caught:
        RRule.parse("FREQ=DAILY")
    assert caught.value.field == "dtstart"
    with pytest.raises(InvalidRecurrence) as caught:
        RRule.parse("FREQ=DAILY", dtstart=START.replace(tzinfo=None))
    assert caught.value.field == "dtstart"


def test_an_unknown_policy_or_zone_is_refused() -> None:
    """gap, fold and timezone are closed sets."""
    for field, options in {"gap": {"gap": "x"}, "fold": {"fold": "x"}, "timezone": {"timezone": "x"}}.items():
        with pytest.raises(InvalidRecurrence) as caught:
            RRule.parse("FREQ=DAILY", dtstart=START, **cast(dict[str, Gap | Fold], options))  # pyright: ignore
        assert caught.value.field == field


def test_a_naive_after_is_refused() -> None:
    """next_after, between and checkpoint take aware instants only."""
    rule = RRule.parse("FREQ=DAILY", dtstart=START)
    naive = START.replace(tzinfo=None)
    for call in (
        rule.next_after,
        rule.checkpoint,
        lambda at: rule.between(at, START),
        lambda at: rule.between(START, at),
    ):
        with pytest.raises(InvalidRecurrence):
            call(naive)


def test_parts_may_stand_in_any_order_and_case() -> None:
    """Names and values may be lower case, in any order, with a prefix or without, and lists say nothing by their order."""
    expected = RRule.parse("FREQ=MONTHLY;BYDAY=1MO,-1FR;BYHOUR=9,17;COUNT=5", dtstart=START)
    for text in (
        "count=5;byhour=17,9,9;byday=-1fr,+1mo;freq=monthly",
        "RRULE:FREQ=MONTHLY;COUNT=5;BYHOUR=09,17;BYDAY=1MO,-1FR",
        "rrule:Freq=Monthly;Interval=1;Count=005;ByHour=9,17;ByDay=1MO,-1FR;Wkst=MO;",
        "  RRULE:FREQ=MONTHLY;COUNT=5;BYHOUR=9,17;BYDAY=1MO,-1FR\r\n",
        "RRULE:FREQ=MONTHLY;COU\r\n NT=5;BYHOUR=9,1\n\t7;BYDAY=1MO,-1FR\n\n",
    ):
        assert RRule.parse(text, dtstart=START) == expected


def test_the_text_says_the_zone_before_the_caller_does() -> None:
    """DTSTART;TZID is the rule's zone; DTSTART in UTC or local is taken in the caller's zone; the text's DTSTART wins."""
    named = RRule.parse("DTSTART;TZID=Asia/Tokyo:20260101T090000\nRRULE:FREQ=DAILY", "Europe/Berlin", START)
    assert (named.timezone, first(named, 1)) == ("Asia/Tokyo", ["2026-01-01T00:00:00Z"])
    utc = RRule.parse("DTSTART:20260101T080000Z\nRRULE:FREQ=DAILY", "Europe/Berlin", START)
    assert (utc.timezone, f"{utc.start:%H:%M}") == ("Europe/Berlin", "09:00")
    floating = RRule.parse("DTSTART:20260101T090000\nRRULE:FREQ=DAILY", "Europe/Berlin", START)
    assert floating == utc
    quoted = RRule.parse('DTSTART;TZID="Asia/Tokyo":20260101T090000\nRRULE:FREQ=DAILY')
    assert quoted.timezone == "Asia/Tokyo"
    both = RRule.parse("DTSTART;TZID=Asia/Tokyo:20260101T000000Z\nRRULE:FREQ=DAILY")
    assert (both.timezone, both.start.hour) == ("Asia/Tokyo", 9)


def test_the_callers_start_is_seen_in_the_zone() -> None:
    """An aware dtstart of any offset is converted to the zone's local time, and loses its fraction of a second."""
    start = datetime(2026, 7, 1, 6, 30, 15, 999_999, tzinfo=timezone(timedelta(hours=-2)))
    rule = RRule.parse("FREQ=DAILY", "Europe/Berlin", start)
    assert first(rule, 1) == ["2026-07-01T08:30:15Z"]
    assert (rule.start, rule.dtstart) == (datetime(2026, 7, 1, 10, 30, 15), datetime(2026, 7, 1, 8, 30, 15, tzinfo=UTC))


def test_dtstart_is_an_instance_only_where_the_rule_makes_it_one() -> None:
    """DTSTART counts as the first instance if it is in the rule; else it is none, and COUNT does not count it."""
    inside = RRule.parse("FREQ=WEEKLY;COUNT=2;BYDAY=TU", dtstart=START)
    assert first(inside) == ["1997-09-02T09:00:00Z", "1997-09-09T09:00:00Z"]
    outside = RRule.parse("FREQ=WEEKLY;COUNT=2;BYDAY=WE", dtstart=START)
    assert first(outside) == ["1997-09-03T09:00:00Z", "1997-09-10T09:00:00Z"]


def test_a_dtstart_that_is_a_date_takes_no_time_of_day() -> None:
    """Section 3.3.10: BYHOUR, BYMINUTE, BYSECOND "MUST be ignored" where DTSTART is a date; it is midnight in the zone."""
    for line in ("DTSTART;VALUE=DATE:20241018", "DTSTART:20241018", "dtstart;value=date:20241018"):
        rule = RRule.parse(
            f"{line}\nRRULE:FREQ=DAILY;BYHOUR=7;BYMINUTE=1,2;BYSECOND=3;INTERVAL=2;COUNT=2", "Europe/Berlin"
        )
        assert rule.all_day
        assert first(rule) == ["2024-10-17T22:00:00Z", "2024-10-19T22:00:00Z"]
        assert RRule.parse(rule.to_text()) == rule


@pytest.mark.parametrize(
    ("until", "last"),
    [
        ("19970905T070000Z", "1997-09-05T07:00:00Z"),  # inclusive
        ("19970905T065959Z", "1997-09-04T07:00:00Z"),
        ("19970905T090000", "1997-09-05T07:00:00Z"),  # local: in the rule's zone
        ("19970905T085959", "1997-09-04T07:00:00Z"),
        ("19970905", "1997-09-04T07:00:00Z"),  # a date stands for its midnight
        ("19970901", None),
        ("19970905T070060Z", "1997-09-05T07:00:00Z"),  # second 60 is read as 59, section 3.3.12
    ],
)
def test_until_is_inclusive_in_each_of_its_forms(until: str, last: str | None) -> None:
    """UNTIL bounds the rule inclusively: in UTC, in the rule's local time, or as a date, which stands for its midnight."""
    start = datetime(1997, 9, 2, 7, 0, tzinfo=UTC)
    rule = RRule.parse(f"FREQ=DAILY;UNTIL={until}", "Europe/Berlin", start)
    assert first(rule, 9)[-1:] == ([last] if last else [])


def test_until_in_a_fold_or_at_the_end_of_time() -> None:
    """A local UNTIL in a fold means its second pass, so that nothing before it is lost; 9999 may be named."""
    rule = RRule.parse(
        "FREQ=MINUTELY;INTERVAL=30;UNTIL=20261025T023000", "Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC)
    )
    assert first(rule, 9)[-1] == "2026-10-25T01:30:00Z"
    rule = RRule.parse("FREQ=YEARLY;INTERVAL=4001;UNTIL=99991231T235959", "America/Los_Angeles", START)
    assert first(rule, 9) == ["1997-09-02T09:00:00Z", "5998-09-02T09:00:00Z", "9999-09-02T09:00:00Z"]


def test_bysecond_60_is_accepted_and_never_matches() -> None:
    """Section 3.3.10 allows BYSECOND=60; there are no leap seconds here, so it matches nothing at any frequency."""
    for freq in ("SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"):
        assert RRule.parse(f"FREQ={freq};BYSECOND=60", dtstart=START).next_after(START) is None
        both = RRule.parse(f"FREQ={freq};BYSECOND=5,60", dtstart=START)
        assert first(both, 1) == ["1997-09-02T09:00:05Z"]
        assert RRule.parse(both.to_text()) == both


def test_rdate_and_exdate_in_all_their_forms() -> None:
    """RDATE adds times, dates and starts of periods; EXDATE takes out times, and whole local days where it is a date."""
    rule = RRule.parse(
        "DTSTART;TZID=Europe/Berlin:20260101T090000\n"
        "RRULE:FREQ=DAILY;COUNT=6\n"
        "RRULE:FREQ=WEEKLY;BYDAY=SA;BYHOUR=8,20;COUNT=2\n"
        "EXRULE:FREQ=WEEKLY;BYDAY=SU\n"
        "RDATE;TZID=Asia/Tokyo:20260110T090000\n"
        "RDATE;VALUE=PERIOD:20260111T090000/P1DT2H,20260112T090000/20260112T100000\n"
        "RDATE:20260115,20260101T080000Z\n"
        "EXDATE:20260101T080000Z\n"
        "EXDATE;VALUE=DATE:20260103,20260112\n"
        "EXDATE;TZID=UTC:20260102T080000,20260105T080000Z"
    )
    assert first(rule, 99) == [
        "2026-01-06T08:00:00Z",
        "2026-01-10T00:00:00Z",
        "2026-01-14T23:00:00Z",
    ]  # fmt: skip -- January 11 is a Sunday
    assert RRule.parse(rule.to_text()) == rule


def test_dates_alone_make_a_set() -> None:
    """A set may consist of RDATEs only; DTSTART is then no instance."""
    rule = RRule.parse("RDATE:20260101T000000Z,20250101T000000Z", dtstart=START)
    assert first(rule) == ["2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"]


def test_explicit_times_are_resolved_as_section_3_3_5_says() -> None:
    """An RDATE in a gap takes the offset before it, in a fold the first pass, whatever policy the rule has."""
    rule = RRule.parse("RDATE:20260329T023000,20261025T023000", "Europe/Berlin", START, gap="skip", fold="second")
    assert first(rule) == ["2026-03-29T01:30:00Z", "2026-10-25T00:30:00Z"]


TEXTS = [
    "FREQ=SECONDLY;INTERVAL=7;BYSECOND=0,30;BYMINUTE=5;BYHOUR=3;BYDAY=MO,TU;BYMONTH=1,2",
    "FREQ=YEARLY;BYYEARDAY=1,-1;BYSETPOS=-1,1;WKST=SU",
    "FREQ=YEARLY;BYWEEKNO=-1,20;BYDAY=MO;UNTIL=20300101",
    "FREQ=YEARLY;BYEASTER=-2,0,39;UNTIL=20300101T000000",
    "FREQ=MONTHLY;BYMONTHDAY=31;RSCALE=GREGORIAN;SKIP=FORWARD;UNTIL=20300101T000000Z",
    "FREQ=MONTHLY;BYDAY=3TU,-1FR;COUNT=17",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin"])
def test_printed_and_parsed_again_a_rule_is_the_same(text: str, timezone: str) -> None:
    """to_text is one canonical form: parse(to_text(x)) == x, and it says DTSTART so that no argument is needed."""
    rule = RRule.parse(text, timezone, START)
    assert RRule.parse(rule.to_text()) == rule
    assert RRule.parse(rule.to_text()).to_text() == rule.to_text()
    assert parse_rule(format_rule(rule.rules[0])) == rule.rules[0]


def test_the_canonical_form_is_pinned() -> None:
    """FREQ stands first, defaults are left out, lists are sorted: stored texts must not change from release to release."""
    rule = RRule.parse("COUNT=3;WKST=SU;BYDAY=-1FR,1MO;BYSETPOS=1;BYMONTH=2,1;INTERVAL=2;FREQ=YEARLY", dtstart=START)
    assert rule.to_text() == (
        "DTSTART:19970902T090000Z\nRRULE:FREQ=YEARLY;INTERVAL=2;BYMONTH=1,2;BYSETPOS=1;BYDAY=-1FR,1MO;WKST=SU;COUNT=3"
    )
    sets = RRule.parse(
        "DTSTART;TZID=Europe/Berlin:19970902T090000\nRRULE:FREQ=DAILY;UNTIL=20000101\n"
        "EXRULE:RSCALE=GREGORIAN;SKIP=BACKWARD;FREQ=MONTHLY;UNTIL=20000101T000000\nRDATE:19970902T070001Z\n"
        "EXDATE:20261025T013000Z,20261025T003000Z\nEXDATE:19990101"
    )
    assert sets.to_text() == (
        "DTSTART;TZID=Europe/Berlin:19970902T090000\n"
        "RRULE:FREQ=DAILY;UNTIL=20000101\n"
        "EXRULE:FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=BACKWARD;UNTIL=20000101T000000\n"
        "RDATE:19970902T090001\n"
        "EXDATE:20261025T023000,20261025T013000Z\n"
        "EXDATE;VALUE=DATE:19990101"
    )
    day = RRule.parse("DTSTART:19970902\nRRULE:FREQ=DAILY;BYSECOND=1;UNTIL=20000101T000000Z", "Europe/Berlin")
    assert day.to_text() == (
        "DTSTART;TZID=Europe/Berlin;VALUE=DATE:19970902\nRRULE:FREQ=DAILY;BYSECOND=1;UNTIL=20000101T000000Z"
    )
    assert (
        RRule.parse("DTSTART:19970902\nRRULE:FREQ=DAILY").to_text() == "DTSTART;VALUE=DATE:19970902\nRRULE:FREQ=DAILY"
    )


def test_a_rule_is_a_value() -> None:
    """Equal texts make equal, hashable, picklable values; the policies are part of the value."""
    rule = RRule.parse("FREQ=DAILY", "Europe/Berlin", START)
    assert rule == RRule.parse("RRULE:FREQ=DAILY;INTERVAL=1", "Europe/Berlin", START)
    assert hash(rule) == hash(RRule.parse("FREQ=DAILY", "Europe/Berlin", START))
    assert rule != RRule.parse("FREQ=DAILY", "Europe/Berlin", START, gap="skip")
    assert rule != RRule.parse("FREQ=DAILY", "UTC", START)
    copy = pickle.loads(pickle.dumps(rule))  # noqa: S301 -- our own bytes
    assert copy == rule
    assert copy.next_after(START) == rule.next_after(START)
    assert Until("utc", 1) == Until("utc", 1)
    assert "_set" not in repr(rule)


def test_a_start_without_local_time_or_instant_is_refused() -> None:
    """At the edges of time a local DTSTART may have no instant, and an instant no local time."""
    with pytest.raises(InvalidRecurrence) as caught:
        RRule.parse("DTSTART;TZID=Asia/Tokyo:00010101T000000\nRRULE:FREQ=DAILY")
    assert caught.value.field == "DTSTART"
    with pytest.raises(InvalidRecurrence):
        RRule.parse("FREQ=DAILY", "America/New_York", LONG_AGO)
