"""Zones, shifts, and the instants that a wall-clock time stands for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.recurrence.crons import any_zone
from mainspring.core.errors import InvalidRecurrence
from mainspring.core.recurrence import Shift, instants, load_zone, next_shift, utc_to_civil
from mainspring.core.recurrence.calm import MARGIN, Calm, calm_of, calm_offset
from mainspring.core.recurrence.dst import (
    FIRST_INSTANT,
    LAST_INSTANT,
    offset_at,
    offsets,
    shift_around,
    utc_instant,
    zone_name,
)

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
GAP = Shift(datetime(2024, 3, 31, 1, tzinfo=UTC), HOUR, 2 * HOUR)
FOLD = Shift(datetime(2024, 10, 27, 1, tzinfo=UTC), 2 * HOUR, HOUR)

FIRST_CIVIL = FIRST_INSTANT.replace(tzinfo=None)
LAST_CIVIL = LAST_INSTANT.replace(tzinfo=None)

civil_times = st.datetimes(datetime.fromisoformat("1850-01-01"), datetime.fromisoformat("2100-01-01"))


def civil(text: str) -> datetime:
    return datetime.fromisoformat(text)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@given(zone=any_zone, time=civil_times)
def test_every_instant_is_one_of_those_its_civil_time_stands_for(zone: str, time: datetime) -> None:
    """From an instant to civil time and back: with both passes of folds taken, nothing is lost."""
    tz, instant = load_zone(zone), time.replace(tzinfo=UTC)
    local = utc_to_civil(instant, tz)
    both = instants(local, tz, fold="both")
    assert instant in both
    assert both == instants(local, tz, fold="first") + (instants(local, tz, fold="second") if len(both) == 2 else ())
    assert list(both) == sorted(set(both))
    assert (local.fold == 1) == (len(both) == 2 and instant == both[1])


@given(zone=any_zone, time=civil_times)
def test_a_civil_time_stands_for_none_one_or_two_instants(zone: str, time: datetime) -> None:
    """What ``skip`` gives is real: the wall clock shows that time. Elsewhere the other rules name one instant."""
    tz = load_zone(zone)
    real = instants(time, tz, gap="skip", fold="both")
    assert all(utc_to_civil(instant, tz).replace(fold=0) == time for instant in real)
    if not real:
        (after,) = instants(time, tz, gap="after")
        (before,) = instants(time, tz, gap="offset_before")
        assert utc_to_civil(after, tz) > time
        assert offset_at(after, tz) != offset_at(after - timedelta(microseconds=1), tz)
        assert before == (time - offset_at(after - timedelta(microseconds=1), tz)).replace(tzinfo=UTC)
        assert before >= after


def test_a_time_in_a_gap() -> None:
    """02:30 on that day never was: the first instant after the gap, none, or the offset before (RFC 5545, 3.3.5)."""
    time = civil("2024-03-31T02:30")
    assert instants(time, BERLIN) == (utc("2024-03-31T01:00"),)
    assert instants(time, BERLIN, gap="skip") == ()
    assert instants(time, BERLIN, gap="offset_before") == (utc("2024-03-31T01:30"),)
    assert instants(civil("2024-03-31T02:30:15.5"), BERLIN) == (utc("2024-03-31T01:00"),)
    assert instants(civil("2024-03-31T01:59:59.9"), BERLIN) == (utc("2024-03-31T00:59:59.9"),)
    assert instants(civil("2024-03-31T03:00"), BERLIN) == (utc("2024-03-31T01:00"),)


def test_a_time_in_a_fold() -> None:
    """02:30 on that day was twice; a ``fold`` that the given time carries does not matter."""
    time = civil("2024-10-27T02:30")
    first, second = utc("2024-10-27T00:30"), utc("2024-10-27T01:30")
    for given_time in (time, time.replace(fold=1)):
        assert instants(given_time, BERLIN) == (first,)
        assert instants(given_time, BERLIN, fold="second") == (second,)
        assert instants(given_time, BERLIN, fold="both") == (first, second)
    assert instants(civil("2024-10-27T03:00"), BERLIN, fold="both") == (utc("2024-10-27T02:00"),)
    assert all(instant.fold == 0 for instant in instants(time.replace(fold=1), BERLIN, fold="both"))


def test_a_missing_day_and_odd_seconds() -> None:
    """Apia had no 30 December 2011; Berlin's first offset had odd seconds."""
    assert instants(civil("2011-12-30T12:00"), ZoneInfo("Pacific/Apia")) == (utc("2011-12-30T10:00"),)
    assert instants(civil("1893-04-01T00:03"), BERLIN) == (utc("1893-03-31T23:06:32"),)
    assert instants(civil("1893-03-31T23:59"), BERLIN) == (utc("1893-03-31T23:05:32"),)


def test_civil_times_without_an_instant_in_the_calendar() -> None:
    """A civil time whose instant would be before the year 1 or after 9999 stands for nothing."""
    assert instants(FIRST_CIVIL, ZoneInfo("Asia/Tokyo")) == ()
    assert instants(LAST_CIVIL, ZoneInfo("America/New_York"), fold="both") == ()
    assert instants(FIRST_CIVIL, UTC) == (FIRST_INSTANT,)


def test_the_shift_around_a_civil_time() -> None:
    """A shift knows its instant, its two offsets, and which civil times it leaves out or repeats."""
    assert shift_around(civil("2024-03-31T02:30:00.25"), BERLIN) == GAP
    assert shift_around(civil("2024-10-27T02:30").replace(fold=1), BERLIN) == FOLD
    assert (GAP.is_gap, GAP.length) == (True, HOUR)
    assert (FOLD.is_gap, FOLD.length) == (False, HOUR)
    assert (GAP.civil_start, GAP.civil_end) == (civil("2024-03-31T02:00"), civil("2024-03-31T03:00"))
    assert (FOLD.civil_start, FOLD.civil_end) == (civil("2024-10-27T02:00"), civil("2024-10-27T03:00"))
    assert offsets(civil("2024-03-31T02:30"), BERLIN) == (HOUR, 2 * HOUR)
    assert offsets(civil("2024-10-27T02:30").replace(fold=1), BERLIN) == (2 * HOUR, HOUR)


def test_next_shift_is_strictly_after_and_up_to() -> None:
    """``after < at <= until``, to the second, whatever the fractions of the bounds."""
    tick = timedelta(microseconds=1)
    assert next_shift(BERLIN, utc("2024-01-01"), utc("2024-12-31")) == GAP
    assert next_shift(BERLIN, GAP.at, utc("2024-12-31")) == FOLD
    assert next_shift(BERLIN, GAP.at - tick, GAP.at) == GAP
    assert next_shift(BERLIN, GAP.at - timedelta(days=40, microseconds=3), GAP.at - tick) is None
    assert next_shift(BERLIN, utc("2024-01-01"), utc("2024-03-31T00:59:59")) is None
    assert next_shift(BERLIN, utc("2024-05-01"), utc("2024-05-01")) is None
    assert next_shift(ZoneInfo("Asia/Tokyo"), utc("2024-01-01"), utc("2034-01-01")) is None
    assert next_shift(BERLIN, LAST_INSTANT - timedelta(days=5), LAST_INSTANT) is None


@settings(max_examples=60)
@given(zone=any_zone, start=civil_times)
def test_next_shift_misses_none(zone: str, start: datetime) -> None:
    """Hour by hour over 60 days there is no change of offset but those it names."""
    tz, first = load_zone(zone), start.replace(tzinfo=UTC)
    last = first + timedelta(days=60)
    found, shift = [], next_shift(tz, first, last)
    while shift is not None:
        found.append(shift)
        shift = next_shift(tz, shift.at, last)
    hours = [first + k * HOUR for k in range(60 * 24 + 1)]
    changes = [hour for hour, later in pairwise(hours) if offset_at(hour, tz) != offset_at(later, tz)]
    assert len(found) == len(changes)
    assert all(hour < shift.at <= hour + HOUR for hour, shift in zip(changes, found, strict=True))


REFUSED_ZONES = [
    ("", "'' is not a zone's name"),
    (" ", "' ' is not a zone's name"),
    ("Europe", "there is no zone 'Europe'"),
    ("Europe/Nowhere", "there is no zone 'Europe/Nowhere'"),
    ("europe/Berlin/", "'europe/Berlin/' is not a zone's name"),
    ("/etc/passwd", "'/etc/passwd' is not a zone's name"),
    ("../../etc/passwd", "'../../etc/passwd' is not a zone's name"),
    ("Europe/../Europe/Berlin", "'Europe/../Europe/Berlin' is not a zone's name"),
    ("Europe//Berlin", "'Europe//Berlin' is not a zone's name"),
    ("Europe/Berlin\n", "'Europe/Berlin\\n' is not a zone's name"),
    ("Europe/Berlin\x00", "'Europe/Berlin\\x00' is not a zone's name"),
    ("Europ\u00e9/Berlin", "'Europ\\xe9/Berlin' is not a zone's name"),
    ("\ud800", "'\\ud800' is not a zone's name"),
    ("localtime", "'localtime' is not a zone's name"),
    ("LOCALTIME", "'LOCALTIME' is not a zone's name"),
    ("posixrules", "'posixrules' is not a zone's name"),
    ("Factory", "'Factory' is not a zone's name"),
    ("right/Europe/Berlin", "'right/Europe/Berlin' is not a zone's name"),
    ("posix/Europe/Berlin", "'posix/Europe/Berlin' is not a zone's name"),
    ("+01:00", "'+01:00' is not a zone's name"),
    ("CET-1CEST,M3.5.0,M10.5.0/3", "'CET-1CEST,M3.5.0,M10.5.0/3' is not a zone's name"),
    ("A" * 64, f"there is no zone '{'A' * 64}'"),
    ("A" * 65, "a text of 65 characters is not a zone's name"),
    (None, "NoneType is not a zone's name"),
    (7, "int is not a zone's name"),
]


@pytest.mark.parametrize(("name", "what"), REFUSED_ZONES)
def test_what_is_no_zone_is_refused(name: str, what: str) -> None:
    """Only plain IANA names reach the file system; no path, no rule, no name that differs between machines."""
    with pytest.raises(InvalidRecurrence) as caught:
        load_zone(name)
    assert caught.value.field == "timezone"
    assert caught.value.what == what
    assert caught.value.cure == "use an IANA time zone name, e.g. Europe/Berlin or UTC"


@pytest.mark.parametrize(
    "name", ["UTC", "Etc/GMT+5", "EST5EDT", "America/Argentina/Buenos_Aires", "America/Port-au-Prince"]
)
def test_every_form_of_iana_name_is_a_zone(name: str) -> None:
    """Digits, signs, underscores and three parts all occur in tzdata."""
    assert load_zone(name).key == name
    assert load_zone(name) is load_zone(name)
    assert zone_name(name) == name


class Vague(tzinfo):
    """A zone that knows nothing."""

    def utcoffset(self, dt: datetime | None) -> None:
        return None

    def __repr__(self) -> str:
        return "Vague()"


def test_a_zone_given_as_a_value_must_have_a_name() -> None:
    """A schedule is stored: its zone must be one that can be named."""
    assert zone_name(UTC) == "UTC"
    assert zone_name(BERLIN) == "Europe/Berlin"
    with open(next_tzdata_file(), "rb") as file:  # noqa: PTH123
        nameless = ZoneInfo.from_file(file)
    for zone in (timezone(HOUR), Vague(), nameless):
        with pytest.raises(InvalidRecurrence, match="has no IANA name") as caught:
            zone_name(zone)
        assert caught.value.field == "timezone"
        assert caught.value.cure == "use an IANA time zone name, e.g. Europe/Berlin or UTC"
    with pytest.raises(InvalidRecurrence, match=r"^timezone: Vague\(\) has no offset; use an IANA") as caught:
        instants(civil("2024-01-01"), Vague())


def next_tzdata_file() -> str:
    from importlib.resources import files

    return str(files("tzdata") / "zoneinfo" / "Europe" / "Berlin")


def test_local_time_at_the_edges_of_the_calendar() -> None:
    """Where the local year would be 0 or 10000 there is no local time; the offset is that of the nearest one."""
    west, east = ZoneInfo("America/New_York"), ZoneInfo("Asia/Tokyo")
    assert offset_at(FIRST_INSTANT, west) == -timedelta(hours=4, minutes=56, seconds=2)
    assert offset_at(LAST_INSTANT, east) == timedelta(hours=9)
    assert utc_to_civil(utc("2024-07-01T12:00"), BERLIN) == civil("2024-07-01T14:00")
    for instant, zone in ((FIRST_INSTANT, west), (LAST_INSTANT, east)):
        with pytest.raises(InvalidRecurrence) as caught:
            utc_to_civil(instant, zone)
        assert caught.value.field == "timezone"
        assert caught.value.what == f"{instant.isoformat()} has no local time in {zone}"
        assert caught.value.cure == "use instants in the years 2 to 9998"


def test_an_instant_must_be_aware() -> None:
    """A naive time is refused for its own field; any aware one is given in UTC."""
    assert utc_instant("x", datetime(2024, 7, 1, 14, tzinfo=BERLIN)) == utc("2024-07-01T12:00")
    with pytest.raises(InvalidRecurrence) as caught:
        utc_instant("x", civil("2024-07-01"))
    assert (caught.value.field, caught.value.cure) == ("x", "give it a time zone, e.g. tzinfo=UTC")
    with pytest.raises(InvalidRecurrence) as caught:
        utc_instant("x", "2024")
    assert (caught.value.what, caught.value.cure) == ("str is not a datetime", "use an aware datetime")


@settings(max_examples=300)
@given(zone=any_zone, time=civil_times)
def test_a_calm_offset_is_the_offset(zone: str, time: datetime) -> None:
    """Where calm names an offset, it is the offset of that instant and of that civil time, and no fold is near."""
    tz, instant = load_zone(zone), time.replace(tzinfo=UTC)
    offset = calm_offset(tz, instant)
    if offset is None:
        assert next_shift(tz, instant - 2 * MARGIN, instant + 2 * MARGIN) is not None
    else:
        assert offset_at(instant, tz) == offset
        assert offsets(time, tz) == (offset, offset)
        assert offsets(time + offset, tz) == (offset, offset)


@settings(max_examples=200)
@given(zone=any_zone, time=civil_times, share=st.floats(0, 1, exclude_max=True))
def test_a_stretch_of_calm_keeps_one_offset(zone: str, time: datetime, share: float) -> None:
    """Within a stretch every instant has its offset, and no civil time is left out or repeated."""
    tz, instant = load_zone(zone), time.replace(tzinfo=UTC)
    memo = Calm(tz, missed=instant)
    memo.learn(instant)
    start, end, offset = memo.stretch
    inside = start + share * (end - start) if start < end else None
    if inside is not None:
        assert offset_at(inside, tz) == offset
        assert offsets(utc_to_civil(inside, tz), tz) == (offset, offset)


def test_calm_learns_from_look_ups_that_are_near_one_another() -> None:
    """One look-up is not worth a search; two within days are, and the stretch then reaches up to a month."""
    memo = Calm(BERLIN)
    first = utc("2024-05-01")
    memo.learn(first)
    assert memo.stretch[0] > memo.stretch[1]
    memo.learn(first + timedelta(days=3))
    assert memo.stretch[0] > memo.stretch[1]
    memo.learn(first + timedelta(days=5, hours=23))
    assert memo.stretch == (first + timedelta(days=5, hours=23), first + timedelta(days=37, hours=23), 2 * HOUR)
    near_a_shift = Calm(BERLIN, missed=GAP.at)
    near_a_shift.learn(GAP.at - timedelta(hours=40))
    assert near_a_shift.stretch[0] > near_a_shift.stretch[1]
    before = GAP.at - timedelta(days=9)
    near_a_shift.learn(before)
    start, end, offset = near_a_shift.stretch
    assert (start, offset) == (before, HOUR) if start < end else (start > end)


def test_calm_keeps_off_the_edges_of_the_calendar() -> None:
    """Within two days of the first and the last instant nothing is called calm: arithmetic would leave the calendar."""
    assert calm_offset(BERLIN, FIRST_INSTANT + MARGIN) is None
    assert calm_offset(BERLIN, FIRST_INSTANT + MARGIN + timedelta(seconds=1)) == offset_at(FIRST_INSTANT, BERLIN)
    assert calm_offset(BERLIN, LAST_INSTANT - timedelta(days=33, hours=18)) is None
    assert calm_offset(BERLIN, LAST_INSTANT - timedelta(days=33, hours=19)) == HOUR
    assert calm_of("Europe/Berlin") is calm_of("Europe/Berlin")
