"""Recurrences in English, and what the next shift does to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.recurrence.crons import any_zone, texts
from mainspring.core.errors import InvalidRecurrence
from mainspring.core.recurrence import Cron, Interval, RRule, Shift, between, describe_dst, explain, instants, load_zone
from mainspring.core.recurrence.wording import duration, joined, members, named, stride

HOUR = timedelta(hours=1)
NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)
SPRING = Shift(datetime(2024, 3, 31, 1, tzinfo=UTC), HOUR, 2 * HOUR)
AUTUMN = Shift(datetime(2024, 10, 27, 1, tzinfo=UTC), 2 * HOUR, HOUR)

SENTENCES = {
    "* * * * *": "Every minute",
    "*/5 * * * *": "Every 5 minutes",
    "*/30 * * * *": "Every 30 minutes",
    "0-59/20 * * * *": "Every 20 minutes",
    "*/7 * * * *": "Every 7 minutes from minute 0 to 56",
    "5/20 * * * *": "Every 20 minutes from minute 5 to 45",
    "1/2 * * * *": "Every 2 minutes from minute 1 to 59",
    "*/40 * * * *": "At minutes 0 and 40 of every hour",
    "0 * * * *": "Every hour, on the hour",
    "0 */2 * * *": "Every 2 hours, on the hour",
    "0 */3 * * *": "Every 3 hours, on the hour",
    "0 */4 * * *": "At 00:00, 04:00, 08:00, 12:00, 16:00 and 20:00 every day",
    "0 1/2 * * *": "At minute 0 in every 2nd hour from 01 to 23",
    "0 1/3 * * *": "At minute 0 in every 3rd hour from 01 to 22",
    "1,2 0/4 * * *": "At minutes 1 and 2 in every 4th hour from 00 to 20",
    "5 * * * *": "At minute 5 of every hour",
    "5,10 * * * *": "At minutes 5 and 10 of every hour",
    "1,2,3 * * * *": "At minutes 1 to 3 of every hour",
    "1,2,4 * * * *": "At minutes 1, 2 and 4 of every hour",
    "30 2 * * *": "At 02:30 every day",
    "0 9,17 * * *": "At 09:00 and 17:00 every day",
    "0,30 9-11 * * *": "At 09:00, 09:30, 10:00, 10:30, 11:00 and 11:30 every day",
    "0,30 9-12 * * *": "Every 30 minutes from 09:00 to 12:59",
    "0 9-15 * * *": "At minute 0 from 09:00 to 15:59",
    "* 3 * * *": "Every minute from 03:00 to 03:59",
    "* 9,12,17 * * *": "Every minute in the hours 09, 12 and 17",
    "*/15 9-17 * * MON-FRI": "Every 15 minutes from 09:00 to 17:59 on Monday to Friday",
    "30 2 * * 1-5": "At 02:30 on Monday to Friday",
    "30 2 * * 6,0": "At 02:30 on Saturday and Sunday",
    "30 2 * * 5-7": "At 02:30 on Friday to Sunday",
    "30 2 * * 1,3,5": "At 02:30 on Monday, Wednesday and Friday",
    "30 2 * * 0": "At 02:30 on Sunday",
    "0 0 1 * *": "At 00:00 on day 1 of the month",
    "0 0 1,15 * *": "At 00:00 on days 1 and 15 of the month",
    "0 0 1-7 * *": "At 00:00 on days 1 to 7 of the month",
    "0 0 1,4,7 * *": "At 00:00 on days 1, 4 and 7 of the month",
    "0 0 */2 * *": "At 00:00 on every 2nd day from 1 to 31 of the month",
    "0 0 */10 * *": "At 00:00 on every 10th day from 1 to 31 of the month",
    "0 0 L * *": "At 00:00 on the last day of the month",
    "0 0 LW * *": "At 00:00 on the last weekday (Monday to Friday) of the month",
    "0 0 15W * *": "At 00:00 on the weekday (Monday to Friday) nearest to day 15 of the month",
    "0 0 1,L * *": "At 00:00 on day 1 and the last day of the month",
    "0 0 * * 2#2": "At 00:00 on the second Tuesday of the month",
    "0 0 * * 5L,1#1": "At 00:00 on the first Monday and the last Friday of the month",
    "0 0 * * 1,5L": "At 00:00 on Monday and the last Friday of the month",
    "0 0 * 6 *": "At 00:00 every day in June",
    "0 0 * 6-8 *": "At 00:00 every day in June to August",
    "0 0 * 1,7 *": "At 00:00 every day in January and July",
    "* * * 12 *": "Every minute every day in December",
    "0 0 1 1 *": "At 00:00 on day 1 of January",
    "0 0 * 6 1": "At 00:00 on Monday in June",
    "0 0 * 6 1#1": "At 00:00 on the first Monday of June",
    "0 0 13 * 5": "At 00:00 on day 13 of the month or on Friday",
    "0 0 13 2 5": "At 00:00 on day 13 of February or on Friday in February",
    "0 0 1-7 * */7": "At 00:00 on days 1 to 7 of the month if that is Sunday",
    "0 0 1-31 * 1": "At 00:00 every day",
    "0 0 1 * 0-6": "At 00:00 every day",
    "0 0 1-31 2 1": "At 00:00 every day in February",
    "0 0 * * 0-6": "At 00:00 every day",
}


@pytest.mark.parametrize(("text", "sentence"), SENTENCES.items())
def test_a_cron_in_plain_english(text: str, sentence: str) -> None:
    """A 24-hour clock, days as people say them, and always the zone."""
    assert explain(Cron.parse(text)) == f"{sentence}, UTC"
    assert explain(Cron.parse(text, "Europe/Berlin")) == f"{sentence}, Europe/Berlin time"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("* * * * * *", "Every second"),
        ("*/15 * * * * *", "Every 15 seconds"),
        ("*/7 * * * * *", "Every 7 seconds from second 0 to 56"),
        ("10 * * * * *", "At second 10 of every minute"),
        ("10,20 * 3 * * *", "At seconds 10 and 20 of every minute from 03:00 to 03:59"),
        ("*/15 * 3 * * *", "Every 15 seconds from 03:00 to 03:59"),
        ("*/15 5 * * * *", "Every 15 seconds at minute 5 of every hour"),
        ("0 30 2 * * *", "At 02:30 every day"),
        ("15 30 2 * * *", "At 02:30:15 every day"),
        ("5 0 * * * *", "At second 5 at minute 0 of every hour"),
        ("10,20 30 2 * * *", "At seconds 10 and 20 at minute 30 from 02:00 to 02:59"),
    ],
)
def test_a_cron_with_seconds(text: str, sentence: str) -> None:
    """Seconds are told where they are not 0."""
    assert explain(Cron.parse(text, seconds=True)) == f"{sentence}, UTC"


def test_a_day_that_no_year_has_is_never() -> None:
    """An expression that cannot fire says so first."""
    assert explain(Cron.parse("0 0 30 2 *")) == (
        "Never, since no year has such a day: at 00:00 on day 30 of February, UTC"
    )
    assert explain(Cron.parse("0 0 29 2 *")) == "At 00:00 on day 29 of February, UTC"


def test_a_dst_policy_is_named_when_it_was_chosen() -> None:
    """The default goes without saying; each named gap and fold policy is told."""
    words = {
        ("after", None): "; a time that the clocks skip fires right after the gap",
        ("skip", None): "; a time that the clocks skip does not fire",
        ("offset_before", None): "; a time that the clocks skip fires by the offset before the gap",
        (None, "first"): "; a time that the clocks repeat fires the first time",
        (None, "second"): "; a time that the clocks repeat fires the second time",
        (None, "both"): "; a time that the clocks repeat fires both times",
        ("skip", "both"): "; a time that the clocks skip does not fire; a time that the clocks repeat fires both times",
    }
    for (gap, fold), said in words.items():
        cron = Cron.parse("30 2 * * *", "Europe/Berlin", gap=gap, fold=fold)
        assert explain(cron) == f"At 02:30 every day, Europe/Berlin time{said}"


def test_intervals_and_rrules_are_explained_too() -> None:
    """An interval tells its length in words and its anchor; an RRULE speaks for itself."""
    interval = Interval(every=timedelta(minutes=90), anchor=NEW_YEAR)
    assert explain(interval) == "Every 1 hour 30 minutes of elapsed time, counted from 2024-01-01T00:00:00Z"
    rule = RRule.parse("FREQ=DAILY", dtstart=NEW_YEAR)
    assert explain(rule) == rule.explain()


@settings(max_examples=200)
@given(text=texts, zone=any_zone)
def test_any_cron_can_be_explained(text: str, zone: str) -> None:
    """One line, a capital letter, the zone at the end: whatever the expression."""
    words = explain(Cron.parse(text, zone))
    assert words[0].isupper()
    assert words.endswith(", UTC" if zone == "UTC" else f", {zone} time")
    assert "\n" not in words
    assert "  " not in words


def test_durations_in_words() -> None:
    """Days to seconds, the largest first; fractions as a decimal; one is singular."""
    said = {
        timedelta(days=1): "1 day",
        timedelta(days=2, hours=1): "2 days 1 hour",
        timedelta(seconds=61): "1 minute 1 second",
        timedelta(milliseconds=1500): "1.5 seconds",
        timedelta(milliseconds=500): "0.5 seconds",
        timedelta(hours=1, microseconds=7): "1 hour 0.000007 seconds",
        timedelta(days=36_525): "36525 days",
    }
    for value, words in said.items():
        assert duration(value) == words


def test_lists_in_words() -> None:
    """Commas and an "and"; three or more in a row become a stretch."""
    assert [joined(["a"]), joined(["a", "b"]), joined(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
    assert named([1, 2], "abcd") == "b and c"
    assert named([1, 2, 3], "abcd") == "b to d"
    assert members(0b1011) == [0, 1, 3]
    assert [stride([1, 3, 5]), stride([1, 3]), stride([1, 2, 4]), stride([4])] == [2, 0, 0, 0]


EFFECTS = [
    # text, options, after, shift, times, fires, words
    (
        "30 2 * * *", {}, "2024-01-01", SPRING, ["02:30"], ["01:00"],
        "Europe/Berlin skips 2024-03-31 02:00 to 03:00: 02:30 fires at 03:00 (01:00 UTC)",
    ),
    (
        "30 2 * * *", {"gap": "skip"}, "2024-01-01", SPRING, ["02:30"], [],
        "Europe/Berlin skips 2024-03-31 02:00 to 03:00: 02:30 does not fire",
    ),
    (
        "30 2 * * *", {"gap": "offset_before"}, "2024-01-01", SPRING, ["02:30"], ["01:30"],
        "Europe/Berlin skips 2024-03-31 02:00 to 03:00: 02:30 fires at 03:30 (01:30 UTC)",
    ),
    (
        "15,30 2 * * *", {}, "2024-01-01", SPRING, ["02:15", "02:30"], ["01:00"],
        "Europe/Berlin skips 2024-03-31 02:00 to 03:00: 02:15 and 02:30 fire at 03:00 (01:00 UTC)",
    ),
    (
        "*/20 2 * * *", {}, "2024-01-01", SPRING, ["02:00", "02:20", "02:40"], [],
        "Europe/Berlin skips 2024-03-31 02:00 to 03:00: 02:00, 02:20 and 02:40 do not fire",
    ),
    (
        "*/15 * * * *", {}, "2024-01-01", SPRING, ["02:00", "02:15", "02:30", "02:45"], [],
        "Europe/Berlin skips 2024-03-31 02:00 to 03:00: 02:00, 02:15, 02:30 and more do not fire",
    ),
    (
        "30 2 * * *", {}, "2024-03-31T01:00", AUTUMN, ["02:30"], ["00:30"],
        "Europe/Berlin repeats 2024-10-27 02:00 to 03:00: 02:30 fires at 02:30 (00:30 UTC)",
    ),
    (
        "30 2 * * *", {"fold": "both"}, "2024-04-01", AUTUMN, ["02:30"], ["00:30", "01:30"],
        "Europe/Berlin repeats 2024-10-27 02:00 to 03:00: 02:30 fires at 02:30 (00:30 UTC) and 02:30 (01:30 UTC)",
    ),
    (
        "30 2 27 10 *", {}, "2024-01-01", AUTUMN, ["02:30"], ["00:30"],
        "Europe/Berlin repeats 2024-10-27 02:00 to 03:00: 02:30 fires at 02:30 (00:30 UTC)",
    ),
    (
        "30 * * * *", {}, "2024-04-01", AUTUMN, ["02:30"], ["00:30", "01:30"],
        "Europe/Berlin repeats 2024-10-27 02:00 to 03:00: 02:30 fires at 02:30 (00:30 UTC) and 02:30 (01:30 UTC)",
    ),
    (
        "0 2 * * *", {"fold": "second"}, "2024-04-01", AUTUMN, ["02:00"], ["01:00"],
        "Europe/Berlin repeats 2024-10-27 02:00 to 03:00: 02:00 fires at 02:00 (01:00 UTC)",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "options", "after", "shift", "times", "fires", "words"), EFFECTS)
def test_what_the_next_shift_does_to_a_cron(
    text: str, options: dict[str, str], after: str, shift: Shift, times: list[str], fires: list[str], words: str
) -> None:
    """The first shift that touches a fire time, the times it touches, when they fire, and that in a sentence."""
    cron = Cron.parse(text, "Europe/Berlin", **options)
    effect = describe_dst(cron, datetime.fromisoformat(after).replace(tzinfo=UTC))
    assert effect is not None
    assert (effect.timezone, effect.shift, effect.text) == ("Europe/Berlin", shift, words)
    assert [f"{time:%H:%M}" for time in effect.times] == times
    assert [f"{fire:%H:%M}" for fire in effect.fires] == fires
    assert all(time.tzinfo is None for time in effect.times)


def test_an_effect_lists_at_most_ten() -> None:
    """A job of each minute is touched sixty times: ten are told."""
    effect = describe_dst(Cron.parse("* * * * *", "Europe/Berlin", fold="both"), SPRING.at)
    assert effect is not None
    assert (len(effect.times), len(effect.fires)) == (10, 10)
    assert effect.fires[0] == datetime(2024, 10, 27, 0, tzinfo=UTC)


def test_odd_seconds_are_told() -> None:
    """Local mean time had seconds; the sentence shows them where there are any."""
    effect = describe_dst(Cron.parse("3 0 1 4 *", "Europe/Berlin"), datetime(1893, 1, 1, tzinfo=UTC))
    assert effect is not None
    assert effect.text == ("Europe/Berlin skips 1893-04-01 00:00 to 00:06:32: 00:03 fires at 00:06:32 (23:06:32 UTC)")


@pytest.mark.parametrize(
    "recurrence",
    [
        Cron.parse("0 12 * * *", "Europe/Berlin"),
        Cron.parse("30 2 * * *"),
        Cron.parse("30 2 * * *", "Asia/Tokyo"),
        Cron.parse("0 0 30 2 *", "Europe/Berlin"),
        Cron.parse("30 2 31 10 *", "America/New_York"),
        Interval(every=HOUR, anchor=NEW_YEAR),
        RRule.parse("FREQ=HOURLY", "Europe/Berlin", NEW_YEAR),
        RRule.parse("FREQ=DAILY;BYHOUR=12", "Europe/Berlin", NEW_YEAR),
    ],
)
def test_what_no_shift_touches_within_ten_years(recurrence: Cron | Interval | RRule) -> None:
    """Noon is safe, and so is elapsed time."""
    assert describe_dst(recurrence, NEW_YEAR) is None


def test_the_horizon_of_shifts_is_ten_years() -> None:
    """Berlin's gap falls on 25 March in 2018 and 2029, eleven years apart: one must stand near enough to see it."""
    cron = Cron.parse("30 2 25 3 *", "Europe/Berlin")
    gap = datetime(2029, 3, 25, 1, tzinfo=UTC)
    effect = describe_dst(cron, gap - timedelta(days=3653))
    assert effect is not None
    assert effect.shift.at == gap
    assert describe_dst(cron, gap - timedelta(days=3653, microseconds=1)) is None
    assert describe_dst(cron, datetime(9999, 12, 1, tzinfo=UTC)) is None
    with pytest.raises(InvalidRecurrence, match=r"^after: "):
        describe_dst(cron, datetime.fromisoformat("2024-01-01"))


def test_an_rrule_in_a_zone_is_touched_as_well() -> None:
    """Its own policies count: by RFC 5545 02:30 takes the offset before the gap; excluded times do not fire."""
    text = "DTSTART;TZID=Europe/Berlin:20240101T023000\nRRULE:FREQ=DAILY"
    effect = describe_dst(RRule.parse(text), NEW_YEAR)
    assert effect is not None
    assert effect.shift == SPRING
    assert effect.text == "Europe/Berlin skips 2024-03-31 02:00 to 03:00: 02:30 fires at 03:30 (01:30 UTC)"
    skipped = describe_dst(RRule.parse(text, gap="skip"), NEW_YEAR)
    assert skipped is not None
    assert skipped.fires == ()
    excluded = describe_dst(RRule.parse(f"{text}\nEXDATE;TZID=Europe/Berlin:20240331T023000"), NEW_YEAR)
    assert excluded is not None
    assert excluded.fires == ()


def test_the_times_of_an_rrule_are_local_and_its_instants_are_not() -> None:
    """Only rules of days and longer make local times; RDATE and EXDATE in UTC are instants, and no local times."""
    noon = "DTSTART;TZID=Europe/Berlin:20240101T120000\nRRULE:FREQ=DAILY"
    assert describe_dst(RRule.parse(f"{noon}\nRDATE:20240331T023000Z"), NEW_YEAR) is None
    assert describe_dst(RRule.parse(f"{noon}\nRRULE:FREQ=HOURLY"), NEW_YEAR) is None
    night = "DTSTART;TZID=Europe/Berlin:20240101T023000\nRRULE:FREQ=DAILY\nEXDATE:20240331T023000Z"
    effect = describe_dst(RRule.parse(night), NEW_YEAR)
    assert effect is not None
    assert (effect.shift, effect.fires) == (SPRING, (datetime(2024, 3, 31, 1, 30, tzinfo=UTC),))
    west = RRule.parse("DTSTART;TZID=America/New_York:20240310T023000\nRRULE:FREQ=DAILY;COUNT=1")
    effect = describe_dst(west, NEW_YEAR)
    assert effect is not None
    assert effect.times == (datetime.fromisoformat("2024-03-10T02:30"),)


@settings(max_examples=60)
@given(
    text=texts,
    zone=any_zone,
    after=st.datetimes(datetime.fromisoformat("1920-01-01"), datetime.fromisoformat("2050-01-01")),
)
def test_an_effect_is_what_happens(text: str, zone: str, after: datetime) -> None:
    """The fires it names are instants of the cron; the times are civil times of the gap or fold that match."""
    cron = Cron.parse(text, zone)
    effect = describe_dst(cron, after.replace(tzinfo=UTC))
    if effect is None:
        return
    shift = effect.shift
    assert shift.at > after.replace(tzinfo=UTC)
    assert all(shift.civil_start <= time < shift.civil_end for time in effect.times)
    assert all(cron.masks.matches(time) for time in effect.times)
    real = between(cron, shift.at - shift.length - HOUR, shift.at + shift.length, 100_000)
    assert set(effect.fires) <= set(real)
    standing = {
        instant for time in effect.times for instant in instants(time, load_zone(zone), gap="skip", fold="both")
    }
    assert (not standing) == shift.is_gap
