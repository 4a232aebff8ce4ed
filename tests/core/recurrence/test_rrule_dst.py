"""RRULE over clock changes: policies, order, COUNT, the edges of time, and the stretches that all of it stands on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainspring.core.recurrence.dst import load_zone, offset_at
from mainspring.core.recurrence.rrule import RRule, easter_day
from mainspring.core.recurrence.rrule_masks import Masks, is_leap, weekday_of, year_of, year_start
from mainspring.core.recurrence.rrule_parts import parse_rule
from mainspring.core.recurrence.rrule_plans import DayTimes, Product, moments_of
from mainspring.core.recurrence.rrule_stretches import alias, stretches, to_instant, to_seconds

LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)
FAR = datetime(9999, 12, 30, tzinfo=UTC)
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Gaza", "Pacific/Apia"]


def local(text: str, count: int, **policy: object) -> list[str]:
    rule = RRule.parse(text, **policy)  # type: ignore[arg-type]
    found = islice(rule.between(LONG_AGO, FAR), count)
    return [f"{moment.astimezone(ZoneInfo(rule.timezone)):%m-%d %H:%M %z}" for moment in found]


def test_instants_stay_in_order_when_a_gap_moves_one_past_another() -> None:
    """02:45 in the gap becomes 03:45, after 03:00 and 03:15 of the same day: results are sorted, and doubles are one."""
    text = "DTSTART;TZID=Europe/Berlin:20260329T013000\nRRULE:FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=15,45"
    assert local(text, 6) == [
        "03-29 01:45 +0100", "03-29 03:15 +0200", "03-29 03:45 +0200", "03-30 01:15 +0200", "03-30 01:45 +0200",
        "03-30 02:15 +0200",
    ]  # fmt: skip
    odd = "DTSTART;TZID=Europe/Berlin:20260329T000000\nRRULE:FREQ=DAILY;BYHOUR=2,3;BYMINUTE=10,20;BYSECOND=0"
    assert local(odd + ",30", 4)[:2] == ["03-29 03:10 +0200", "03-29 03:10 +0200"]
    apart = "DTSTART;TZID=Europe/Berlin:20260329T000000\nRRULE:FREQ=DAILY;BYHOUR=2;BYMINUTE=45\nRRULE:FREQ=DAILY;BYHOUR=3;BYMINUTE=0"
    assert local(apart, 3) == ["03-29 03:00 +0200", "03-29 03:45 +0200", "03-30 02:45 +0200"]


def test_two_rules_that_meet_give_one_instance() -> None:
    """A set has no doubles (section 3.8.5.2): an instant of two rules or of a rule and an RDATE comes once."""
    text = "DTSTART:20260105T090000Z\nRRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY\nRDATE:20260106T090000Z"
    assert local(text, 3) == ["01-05 09:00 +0000", "01-06 09:00 +0000", "01-07 09:00 +0000"]


def test_the_second_pass_as_dtstart_is_the_first_instance() -> None:
    """A dtstart in the second pass of a fold is an instance itself; other days take the first pass; COUNT counts it."""
    start = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    rule = RRule.parse("FREQ=DAILY;COUNT=400", "Europe/Berlin", start)
    found = list(rule.between(LONG_AGO, FAR))
    assert found[:2] == [start, datetime(2026, 10, 26, 1, 30, tzinfo=UTC)]
    assert len(found) == 400
    assert rule.next_after(LONG_AGO) == start
    assert rule.next_after(start) == found[1]
    assert list(rule.between(start - timedelta(seconds=1), start)) == [start]
    assert list(rule.between(start, found[1])) == [found[1]]
    assert rule.checkpoint(start).counts == (1,)
    assert rule.checkpoint(found[1]).counts == (2,)
    assert RRule.parse(rule.to_text()) == rule
    assert "DTSTART;TZID=Europe/Berlin:20261025T013000Z" in rule.to_text()
    large = RRule.parse("FREQ=DAILY;COUNT=200000", "Europe/Berlin", start)
    last = (found[0] + timedelta(days=199_999)).replace(hour=0)
    assert large.next_after(last - timedelta(days=2)) is not None
    outside = RRule.parse("FREQ=DAILY;BYHOUR=5", "Europe/Berlin", start)
    assert outside.next_after(LONG_AGO) == datetime(2026, 10, 25, 4, 30, tzinfo=UTC)
    assert RRule.parse("FREQ=DAILY", "Europe/Berlin", start, fold="both").next_after(LONG_AGO) == start


@pytest.mark.parametrize(
    ("gap", "times", "each_year"),
    [
        ("offset_before", "BYHOUR=2,3;BYMINUTE=30", 729),  # 02:30 and 03:30 of March meet
        ("skip", "BYHOUR=2,3;BYMINUTE=30", 729),
        ("after", "BYHOUR=2,3;BYMINUTE=0,30", 1458),  # 02:00, 02:30 and 03:00 of March meet
        ("offset_before", "BYHOUR=2;BYMINUTE=15,45", 730),
        ("skip", "BYHOUR=2;BYMINUTE=15,45", 728),
        ("after", "BYHOUR=2;BYMINUTE=15,45", 729),
    ],
)
def test_count_counts_results_over_gaps(gap: str, times: str, each_year: int) -> None:
    """What a gap takes away is not counted, what meets in one instant counts once: also where years are counted whole."""
    text = f"DTSTART;TZID=Europe/Berlin:20260101T000000\nRRULE:FREQ=DAILY;{times};BYSECOND=0"
    free = RRule.parse(text, gap=gap)  # type: ignore[arg-type]
    assert free.checkpoint(datetime(2026, 12, 31, 12, tzinfo=UTC)).counts == (0,)
    counted = RRule.parse(f"{text};COUNT=1000000", gap=gap)  # type: ignore[arg-type]
    assert counted.checkpoint(datetime(2026, 12, 31, 12, tzinfo=UTC)).counts == (each_year,)
    few = RRule.parse(f"{text};COUNT={each_year * 3}", gap=gap)  # type: ignore[arg-type]
    assert list(few.between(LONG_AGO, FAR)) == list(islice(free.between(LONG_AGO, FAR), each_year * 3))
    many = RRule.parse(f"{text};COUNT={each_year * 60}", gap=gap)  # type: ignore[arg-type]
    wanted = next(islice(free.between(LONG_AGO, FAR), each_year * 60 - 1, None))
    assert many.next_after(wanted - timedelta(seconds=1)) == wanted
    assert many.next_after(wanted) is None


def test_a_rule_that_only_falls_into_skipped_gaps_ends() -> None:
    """Every last Sunday of March at 02:30, with gap="skip": never, and that is found out."""
    rule = RRule.parse("FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU;BYHOUR=2;BYMINUTE=30", "Europe/Berlin",
                       datetime(2026, 1, 1, tzinfo=UTC), gap="skip")  # fmt: skip
    assert rule.next_after(LONG_AGO) is None
    assert list(rule.between(LONG_AGO, FAR)) == []


def test_a_day_that_was_left_out_is_moved_or_skipped() -> None:
    """Apia had no December 30, 2011: the offset before puts its instances on the 31st; skip drops them."""
    text = "DTSTART;TZID=Pacific/Apia:20111229T080000\nRRULE:FREQ=DAILY;COUNT=3"
    assert local(text, 9) == ["12-29 08:00 -1000", "12-31 08:00 +1400", "01-01 08:00 +1400"]
    assert local(text, 9, gap="skip") == ["12-29 08:00 -1000", "12-31 08:00 +1400", "01-01 08:00 +1400"]
    assert local(text.replace("T08", "T09") + "\nRRULE:FREQ=DAILY;COUNT=2;BYHOUR=10", 9, gap="after")[2:4] == [
        "12-31 00:00 +1400", "12-31 09:00 +1400",
    ]  # fmt: skip


def test_dtstart_in_a_gap_keeps_its_local_time() -> None:
    """DTSTART 02:30 in the gap is 03:30 on its day and 02:30 on the next, as section 3.3.5 and the peers have it."""
    text = "DTSTART;TZID=Europe/Berlin:20260329T023000\nRRULE:FREQ=DAILY"
    assert local(text, 2) == ["03-29 03:30 +0200", "03-30 02:30 +0200"]
    assert local(text, 2, gap="skip") == ["03-30 02:30 +0200", "03-31 02:30 +0200"]
    assert local(text, 2, gap="after") == ["03-29 03:00 +0200", "03-30 02:30 +0200"]
    assert RRule.parse(RRule.parse(text).to_text()) == RRule.parse(text)
    hourly = "DTSTART;TZID=Europe/Berlin:20260329T023000\nRRULE:FREQ=HOURLY"
    assert local(hourly, 2) == ["03-29 03:30 +0200", "03-29 04:30 +0200"]


@pytest.mark.parametrize("timezone", ["America/Los_Angeles", "Asia/Tokyo", "UTC", "Europe/Berlin"])
def test_the_edges_of_time(timezone: str) -> None:
    """Look-ups at the years 1 and 9999 end well in every zone, and nothing lies outside them."""
    early = datetime(1, 1, 3, tzinfo=UTC)
    for text in ("FREQ=DAILY", "FREQ=HOURLY", "FREQ=HOURLY;BYMINUTE=0", "FREQ=YEARLY", "FREQ=MINUTELY;BYHOUR=23"):
        rule = RRule.parse(text, timezone, early)
        assert rule.next_after(datetime(1, 1, 1, tzinfo=UTC)) is not None
        last = list(rule.between(datetime(9999, 12, 30, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)))
        assert last == sorted(set(last))
        assert rule.next_after(datetime.max.replace(tzinfo=UTC)) is None
    late = RRule.parse("FREQ=DAILY", timezone, datetime(9999, 12, 30, 12, tzinfo=UTC))
    assert len(list(late.between(early, datetime.max.replace(tzinfo=UTC)))) == 2
    assert late.next_after(datetime(9999, 12, 31, 12, tzinfo=UTC)) is None


@settings(max_examples=60, deadline=None)
@given(zone=st.sampled_from(ZONES), year=st.integers(1900, 2600), second=st.integers(0, 365 * 86_400 - 1))
def test_stretches_have_the_zones_offsets(zone: str, year: int, second: int) -> None:
    """Each instant of a year lies in one stretch, with the offset that the zone has there, also by way of an alias."""
    where = load_zone(zone)
    instant = year_start(year) * 86_400 + second
    holding = [
        each for each in stretches(where, year, "skip", "first", True) if each.start <= instant + each.offset < each.end
    ]
    assert len(holding) == 1
    assert timedelta(seconds=holding[0].offset) == offset_at(to_instant(instant), where)
    assert to_seconds(to_instant(instant)) == instant
    assert alias(year) == year if year < 2100 else 2100 <= alias(year) < 2140


@given(st.integers(-400, 3_700_000))
def test_the_calendar(ordinal: int) -> None:
    """Years, starts and weekdays by arithmetic are those of datetime, and go on outside its range."""
    year = year_of(ordinal)
    assert year_start(year) <= ordinal < year_start(year + 1)
    assert year_start(year + 1) - year_start(year) == 365 + is_leap(year)
    if 1 <= ordinal <= datetime.max.toordinal():
        day = datetime.fromordinal(ordinal)
        assert (day.year, day.weekday()) == (year, weekday_of(ordinal))


def test_easter_may_lie_where_no_day_is() -> None:
    """BYEASTER counts within Easter's own year: days that would lie before January 1 are none; years 0 and 10000 do not break it."""
    masks = Masks(parse_rule("FREQ=YEARLY;BYEASTER=-366,-90,0"), easter_day)
    assert masks.of(2026).bit_count() == 2
    assert masks.of(2024).bit_count() == 1 + (easter_day(2024) - year_start(2024) >= 90)
    assert easter_day(0) == easter_day(1) - 366
    assert easter_day(10_000) == easter_day(9999) + 365


def test_many_years_of_easter_are_not_all_kept() -> None:
    """A rule with BYEASTER has a mask for each year; those kept are bounded, and answers do not change for it."""
    rule = RRule.parse("FREQ=YEARLY;BYEASTER=0", dtstart=datetime(2026, 1, 1, tzinfo=UTC))
    found = list(islice(rule.between(LONG_AGO, FAR), 1_500))
    assert found[1_499].toordinal() == easter_day(3525)
    assert rule.next_after(datetime(2026, 1, 1, tzinfo=UTC)) == found[0]


def test_plans_and_runs_that_are_not_kept_are_made_again() -> None:
    """What a rule keeps is bounded: going through thousands of phases and back gives the same instances."""
    start = datetime(2026, 1, 1, 3, tzinfo=UTC)
    for text in (
        "FREQ=SECONDLY;INTERVAL=86399;BYHOUR=2,3",
        "FREQ=DAILY;INTERVAL=11;BYHOUR=1,2",
        "FREQ=WEEKLY;INTERVAL=37;BYDAY=MO,SU",
    ):
        rule = RRule.parse(text, dtstart=start)
        once = list(islice(rule.between(LONG_AGO, FAR), 9_000))
        assert list(islice(rule.between(LONG_AGO, FAR), 9_000)) == once
        assert RRule.parse(text, dtstart=start).next_after(once[-2]) == once[-1]


def test_a_product_is_what_it_says() -> None:
    """The plan of many times a day: first, rank and blocks agree with the list of all its moments."""
    for times in (DayTimes((1, 5), (0, 60, 3599)), DayTimes(tuple(range(24)), tuple(range(0, 3600, 15)))):
        plan = Product((0, 3, 4), times)
        everything = [day * 86_400 + time for day in (0, 3, 4) for time in times]
        assert plan.count == len(everything)
        assert [times[place] for place in range(len(times))] == list(times)
        assert all(time in times for time in times)
        assert 7 not in times
        for moment in (*range(0, 500_000, 7_001), *everything[::50], 0, 86_400, 4 * 86_400 + 18_000):
            assert plan.first(moment) == next((each for each in everything if each >= moment), None)
            assert plan.rank(moment) == sum(each < moment for each in everything)
            assert list(moments_of(plan.blocks(0, moment, moment + 90_000))) == [
                each for each in everything if moment <= each < moment + 90_000
            ]


def test_grids_of_one_lead_are_told_apart() -> None:
    """Lord Howe's half hours split a period over two local hours; those of summer and winter must not be mixed up."""
    text = "DTSTART;TZID=Australia/Lord_Howe:20260101T001000\nRRULE:FREQ=HOURLY;INTERVAL=24;BYMINUTE=5,50;BYHOUR=0,1,23"
    rule = RRule.parse(text)
    found = list(islice(rule.between(LONG_AGO, FAR), 2_000))
    assert found == sorted(set(found))
    for moment in found[::7]:
        seen = moment.astimezone(ZoneInfo("Australia/Lord_Howe"))
        assert seen.minute in (5, 50)
        assert seen.hour in (0, 1, 23)
        assert rule.next_after(moment - timedelta(seconds=1)) == moment


@pytest.mark.parametrize("gap", ["offset_before", "after", "skip"])
@pytest.mark.parametrize(
    "zone_and_day",
    [("Europe/Berlin", "20260329"), ("America/New_York", "20260308"), ("Australia/Lord_Howe", "20261004")],
)
def test_look_ups_that_begin_within_a_gaps_instants(gap: str, zone_and_day: tuple[str, str]) -> None:
    """Around a gap, asked from each five minutes, next_after and between agree with the sorted list of all instants."""
    zone, day = zone_and_day
    text = f"DTSTART;TZID={zone}:{day}T000000\nRRULE:FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=5,20,35,50;BYSECOND=0"
    rule = RRule.parse(text, gap=gap)  # type: ignore[arg-type]
    everything = list(islice(rule.between(LONG_AGO, FAR), 16))
    assert everything == sorted(set(everything))
    at = everything[0] - timedelta(minutes=7)
    while at < everything[-1] - timedelta(minutes=40):
        assert rule.next_after(at) == next(moment for moment in everything if moment > at)
        soon = at + timedelta(minutes=40)
        assert list(rule.between(at, soon)) == [moment for moment in everything if at < moment <= soon]
        at += timedelta(minutes=5)
