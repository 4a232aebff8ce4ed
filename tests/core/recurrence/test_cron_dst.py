"""Cron over the shifts of real zones, against Debian's loop and against a table of all real minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.recurrence.crons import any_zone, plain_texts
from core.recurrence.debian_loop import fires, fires_by_policy
from mainspring.core.recurrence import Cron, between, load_zone, next_after, next_shift
from mainspring.core.recurrence.calm import Calm
from mainspring.core.recurrence.cron_dst import next_instant

ALL = 10**6
HALF_WINDOW = timedelta(hours=30)

# Zone, and an instant just before one of its shifts. What is special about it stands beside it.
SHIFTS = {
    "Berlin, gap of an hour": ("Europe/Berlin", "2024-03-30"),
    "Berlin, fold of an hour": ("Europe/Berlin", "2024-10-26"),
    "New York, gap": ("America/New_York", "2024-03-09"),
    "New York, fold": ("America/New_York", "2024-11-02"),
    "Lord Howe, gap of 30 minutes": ("Australia/Lord_Howe", "2024-10-04"),
    "Lord Howe, fold of 30 minutes": ("Australia/Lord_Howe", "2024-04-05"),
    "Troll, gap of two hours": ("Antarctica/Troll", "2024-03-30"),
    "Troll, fold of two hours": ("Antarctica/Troll", "2024-10-26"),
    "Casey, gap of exactly three hours: a correction": ("Antarctica/Casey", "2009-10-16"),
    "Casey, fold of exactly three hours: a season": ("Antarctica/Casey", "2010-03-03"),
    "Apia, a missing day": ("Pacific/Apia", "2011-12-29"),
    "Apia, gap at 03:00": ("Pacific/Apia", "2012-09-28"),
    "Kwajalein, fold of 23 hours": ("Pacific/Kwajalein", "1969-09-29"),
    "Kwajalein, a missing day": ("Pacific/Kwajalein", "1993-08-19"),
    "Dublin, winter time is the negative one: gap": ("Europe/Dublin", "2024-03-30"),
    "Dublin, winter time is the negative one: fold": ("Europe/Dublin", "2024-10-26"),
    "Casablanca, Ramadan: fold": ("Africa/Casablanca", "2024-03-08"),
    "Casablanca, Ramadan: gap": ("Africa/Casablanca", "2024-04-12"),
    "Sao Paulo, gap at midnight": ("America/Sao_Paulo", "2018-11-02"),
    "Sao Paulo, fold over midnight": ("America/Sao_Paulo", "2018-02-16"),
    "Gaza, fold": ("Asia/Gaza", "2022-10-27"),
    "St John's, gap one minute after midnight": ("America/St_Johns", "2006-03-31"),
    "St John's, double summer time": ("America/St_Johns", "1988-04-01"),
    "Rangoon, gap of two and a half hours": ("Asia/Rangoon", "1942-04-29"),
    "Caracas, half an hour for good": ("America/Caracas", "2016-04-29"),
    "Pyongyang, half an hour back": ("Asia/Pyongyang", "2015-08-13"),
}

WINDOW_TEXTS = st.builds(
    lambda minute, hour, tail: f"{minute} {hour} {tail}",
    st.sampled_from(["0", "30", "15,45", "*", "*/7", "0-40/20", "59", "1"]),
    st.sampled_from(["*", "*/2", "0", "1", "2", "3", "0-3", "23-2", "1,2,3", "12"]),
    st.sampled_from(["* * *", "* * 0", "*/2 * *", "1-31 * 6", "30,31 * *"]),
)


def shift_of(name: str):
    zone_name, day = SHIFTS[name]
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    shift = next_shift(load_zone(zone_name), start, start + timedelta(days=4))
    assert shift is not None, name
    return zone_name, shift


@pytest.mark.parametrize("name", SHIFTS)
@settings(max_examples=12, deadline=None)
@given(text=WINDOW_TEXTS)
def test_by_default_a_cron_fires_when_debians_loop_runs_it(name: str, text: str) -> None:
    """The default is Debian cron's rule: wildcard jobs at real minutes, fixed jobs once."""
    zone_name, shift = shift_of(name)
    start, end = shift.at - HALF_WINDOW, shift.at + HALF_WINDOW
    cron = Cron.parse(text, zone_name)
    assert list(between(cron, start, end, ALL)) == fires(text, load_zone(zone_name), start, end)


@pytest.mark.parametrize("gap", ["after", "skip", "offset_before"])
@pytest.mark.parametrize("fold", ["first", "second", "both"])
@settings(max_examples=20, deadline=None)
@given(name=st.sampled_from(sorted(SHIFTS)), text=WINDOW_TEXTS)
def test_a_named_policy_holds_for_every_job_and_every_shift(gap: str, fold: str, name: str, text: str) -> None:
    """A named gap or fold policy is taken literally: also for wildcard jobs, also for a missing day."""
    zone_name, shift = shift_of(name)
    start, end = shift.at - HALF_WINDOW, shift.at + HALF_WINDOW
    cron = Cron.parse(text, zone_name, gap=gap, fold=fold)
    wanted = fires_by_policy(text, load_zone(zone_name), start, end, gap=gap, fold=fold)
    assert list(between(cron, start, end, ALL)) == wanted


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(sorted(SHIFTS)),
    text=WINDOW_TEXTS,
    seconds=st.floats(-108_000, 108_000),
    gap=st.sampled_from([None, "after", "skip", "offset_before"]),
    fold=st.sampled_from([None, "first", "second", "both"]),
)
def test_where_one_starts_changes_nothing(name: str, text: str, seconds: float, gap, fold) -> None:
    """Shifting ``after`` never skips or invents an instant: in either pass of a fold, with microseconds, anywhere."""
    zone_name, shift = shift_of(name)
    cron = Cron.parse(text, zone_name, gap=gap, fold=fold)
    whole = between(cron, shift.at - HALF_WINDOW, shift.at + HALF_WINDOW, ALL)
    after = shift.at + timedelta(seconds=seconds)
    later = [instant for instant in whole if instant > after]
    found = next_after(cron, after)
    if later:
        assert found == later[0]
    else:
        assert found is None or found > shift.at + HALF_WINDOW


@settings(max_examples=40, deadline=None)
@given(
    zone=any_zone,
    text=plain_texts,
    start=st.datetimes(datetime.fromisoformat("1880-01-01"), datetime.fromisoformat("2060-01-01")),
)
def test_any_zone_at_any_time_is_as_debians_loop(zone: str, text: str, start: datetime) -> None:
    """The rule holds in every zone of tzdata, also where local mean time had odd seconds."""
    first = start.replace(second=0, microsecond=0, tzinfo=UTC)
    shift = next_shift(load_zone(zone), first, first + timedelta(days=400))
    begin = first if shift is None else shift.at.replace(second=0) - timedelta(hours=4)
    end = begin + timedelta(hours=8)
    cron = Cron.parse(text, zone)
    assert list(between(cron, begin, end, ALL)) == fires(text, load_zone(zone), begin, end)


VECTORS = [
    # text, zone, options, after, the next instants
    ("30 2 * * *", "Europe/Berlin", {}, "2024-03-30T12:00Z", ["2024-03-31T01:00Z", "2024-04-01T00:30Z"]),
    ("10,20,30 2 * * *", "Europe/Berlin", {}, "2024-03-31T00:59Z", ["2024-03-31T01:00Z", "2024-04-01T00:10Z"]),
    ("30 2 * * *", "Europe/Berlin", {"gap": "skip"}, "2024-03-30T12:00Z", ["2024-04-01T00:30Z"]),
    ("30 2 * * *", "Europe/Berlin", {"gap": "offset_before"}, "2024-03-30T12:00Z", ["2024-03-31T01:30Z"]),
    ("0,30 2,3 * * *", "Europe/Berlin", {}, "2024-03-30T12:00Z", ["2024-03-31T01:00Z", "2024-03-31T01:30Z"]),
    ("* 2 * * *", "Europe/Berlin", {}, "2024-03-30T12:00Z", ["2024-04-01T00:00Z"]),
    ("*/30 * * * *", "Europe/Berlin", {}, "2024-03-31T00:30Z", ["2024-03-31T01:00Z", "2024-03-31T01:30Z"]),
    ("30 2 * * *", "Europe/Berlin", {}, "2024-10-26T12:00Z", ["2024-10-27T00:30Z", "2024-10-28T01:30Z"]),
    ("30 2 * * *", "Europe/Berlin", {}, "2024-10-27T01:10Z", ["2024-10-28T01:30Z"]),
    ("30 2 * * *", "Europe/Berlin", {"fold": "second"}, "2024-10-27T00:10Z", ["2024-10-27T01:30Z"]),
    ("30 2 * * *", "Europe/Berlin", {"fold": "both"}, "2024-10-27T00:10Z", ["2024-10-27T00:30Z", "2024-10-27T01:30Z"]),
    ("30 * * * *", "Europe/Berlin", {}, "2024-10-27T00:10Z", ["2024-10-27T00:30Z", "2024-10-27T01:30Z"]),
    ("@hourly", "Europe/Berlin", {}, "2024-10-27T00:10Z", ["2024-10-27T01:00Z", "2024-10-27T02:00Z"]),
    ("15 2 * * *", "Australia/Lord_Howe", {}, "2024-10-05T12:00Z", ["2024-10-05T15:30Z", "2024-10-06T15:15Z"]),
    ("45 1 * * *", "Australia/Lord_Howe", {}, "2024-04-06T12:00Z", ["2024-04-06T14:45Z", "2024-04-07T15:15Z"]),
    ("45 1 * * *", "Australia/Lord_Howe", {"fold": "second"}, "2024-04-06T12:00Z", ["2024-04-06T15:15Z"]),
    ("0 12 * * *", "Pacific/Apia", {}, "2011-12-29T12:00Z", ["2011-12-29T22:00Z", "2011-12-30T22:00Z"]),
    ("0 12 * * *", "Pacific/Apia", {"gap": "after"}, "2011-12-30T00:00Z", ["2011-12-30T10:00Z", "2011-12-30T22:00Z"]),
    ("0 12 30 12 *", "Pacific/Apia", {}, "2011-01-01T00:00Z", ["2012-12-29T22:00Z"]),
    ("0 12 30 * *", "Pacific/Kwajalein", {}, "1969-09-29T12:00Z", ["1969-09-30T01:00Z", "1969-10-01T00:00Z"]),
    ("30 0 * * *", "America/Sao_Paulo", {}, "2018-11-03T12:00Z", ["2018-11-04T03:00Z", "2018-11-05T02:30Z"]),
    ("30 1 31 3 *", "Europe/London", {}, "2024-01-01T00:00Z", ["2024-03-31T01:00Z", "2025-03-31T00:30Z"]),
    ("0 1 1 4 *", "Europe/Berlin", {}, "1893-01-01T00:00Z", ["1893-04-01T00:00Z"]),
    ("3 0 1 4 *", "Europe/Berlin", {}, "1893-01-01T00:00Z", ["1893-03-31T23:06:32Z"]),
]


@pytest.mark.parametrize(("text", "zone", "options", "after", "wanted"), VECTORS)
def test_exact_instants(text: str, zone: str, options: dict[str, str], after: str, wanted: list[str]) -> None:
    """The published rule, case by case: what is printed here is what the documentation promises."""
    cron = Cron.parse(text, zone, **options)
    instant = datetime.fromisoformat(after)
    for expected in wanted:
        instant = next_after(cron, instant)
        assert instant == datetime.fromisoformat(expected)


def test_a_job_that_only_ever_falls_into_skipped_gaps_ends_at_the_horizon() -> None:
    """Emptiness is proved over 400 years, not searched for ever: this hour never exists on that Sunday."""
    cron = Cron.parse("30 2 25-31 3 0", "Europe/Berlin", days="and", gap="skip")
    assert next_after(cron, datetime(1997, 1, 1, tzinfo=UTC)) is None
    assert next_after(cron, datetime(1970, 1, 1, tzinfo=UTC)) is not None


class Untouchable(ZoneInfo):
    """A zone that must not be asked."""

    def utcoffset(self, dt: datetime | None) -> timedelta:
        raise AssertionError


def test_within_a_calm_stretch_no_offset_is_looked_up() -> None:
    """From the start of a stretch to before its end, the next instant is bit arithmetic and one subtraction."""
    cron = Cron.parse("*/30 * * * *", "Europe/Berlin")
    start, end = datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 2, tzinfo=UTC)
    memo = Calm(Untouchable("Europe/Berlin"), stretch=(start, end, timedelta(hours=2)))
    half_an_hour = timedelta(minutes=30)
    assert next_instant(cron.masks, cron.policy, memo, start) == start + half_an_hour
    assert next_instant(cron.masks, cron.policy, memo, end - half_an_hour - half_an_hour) == end - half_an_hour
    daily = Cron.parse("0 9 * * *", "Europe/Berlin")
    assert next_instant(daily.masks, daily.policy, memo, start) == datetime(2024, 5, 1, 7, tzinfo=UTC)
    for outside in (start - half_an_hour, end - half_an_hour, end):
        with pytest.raises(AssertionError):
            next_instant(cron.masks, cron.policy, memo, outside)


def test_far_from_shifts_no_shift_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two probes tell that no shift has a say; the search proper, with its bisections, is for the days around one."""
    cron = Cron.parse("0 9 * * *", "Europe/Berlin", gap="offset_before")
    monkeypatch.setattr("mainspring.core.recurrence.cron_dst.offset_at", Untouchable.utcoffset)
    memo = Calm(load_zone("Europe/Berlin"))
    for month, hour in ((1, 8), (5, 7), (8, 7), (12, 8)):
        after = datetime(2024, month, 5, 12, tzinfo=UTC)
        found = next_instant(cron.masks, cron.policy, memo, after)
        assert found == datetime(2024, month, 6, hour, tzinfo=UTC)
    with pytest.raises((AssertionError, TypeError)):
        next_instant(cron.masks, cron.policy, memo, datetime(2024, 3, 30, 12, tzinfo=UTC))


def test_the_memo_of_calm_stretches_changes_no_answer() -> None:
    """Look-ups in any order give the same instants: what a zone remembers is only how to be quick."""
    cron = Cron.parse("*/30 * * * *", "America/New_York")
    start = datetime(2024, 1, 1, tzinfo=UTC)
    hours = [start + timedelta(hours=5 * (k * 7919 % 1753)) for k in range(1753)]
    wild = {after: next_after(cron, after) for after in hours}
    ordered = {after: next_after(cron, after) for after in sorted(hours)}
    assert wild == ordered
    everything = set(between(cron, start, start + timedelta(days=367), ALL))
    assert set(wild.values()) <= everything
    assert len(everything) == 367 * 48
