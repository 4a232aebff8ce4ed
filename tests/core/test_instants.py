"""Instants and durations: what is read, what is refused, and that writing and reading agree."""

from __future__ import annotations

import decimal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.errors import InvalidInput
from mainspring.core.instants import (
    EPOCH,
    MAX_DURATION,
    format_duration,
    format_instant,
    from_micros,
    parse_duration,
    parse_instant,
    require_utc,
    to_micros,
)
from support.builders import NOW

INSTANTS = st.datetimes(timezones=st.just(UTC))
NAIVE = st.datetimes(datetime.fromisoformat("0001-01-03"), datetime.fromisoformat("9999-12-29"))
OFFSETS = st.timedeltas(timedelta(hours=-23, minutes=-59), timedelta(hours=23, minutes=59)).map(
    lambda offset: timezone(timedelta(minutes=offset // timedelta(minutes=1)))
)


class Nowhere(tzinfo):
    """A time zone that knows no offset."""

    def utcoffset(self, when: datetime | None) -> None:
        return None

    def dst(self, when: datetime | None) -> None:
        return None

    def tzname(self, when: datetime | None) -> None:
        return None


# --- instants ------------------------------------------------------------------------------------------------------


@given(INSTANTS)
def test_an_instant_survives_its_text(value: datetime) -> None:
    """What is written is read back, to the microsecond."""
    text = format_instant(value)
    assert text.endswith("Z")
    assert parse_instant("at", text) == value


@given(INSTANTS)
def test_an_instant_survives_its_number(value: datetime) -> None:
    """Microseconds since 1970 are exact both ways."""
    assert from_micros(to_micros(value)) == value
    assert from_micros(to_micros(value)).tzinfo is UTC


@given(INSTANTS, INSTANTS)
def test_numbers_keep_the_order(one: datetime, other: datetime) -> None:
    """Storages may compare the numbers instead of the instants."""
    assert (to_micros(one) < to_micros(other)) == (one < other)
    assert (to_micros(one) == to_micros(other)) == (one == other)


@given(NAIVE, OFFSETS)
def test_any_offset_is_read_and_becomes_utc(value: datetime, zone: timezone) -> None:
    """An instant is the same whatever zone it was written in, and is kept in UTC."""
    aware = value.replace(tzinfo=zone)
    found = parse_instant("at", aware.isoformat())
    assert found == aware
    assert found.tzinfo is UTC
    assert require_utc("at", aware) == aware
    assert require_utc("at", aware).tzinfo is UTC
    assert format_instant(aware) == aware.astimezone(UTC).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    "text",
    [
        "2030-01-02T03:04:05Z",
        "2030-01-02T03:04:05+00:00",
        "2030-01-02 03:04:05 UTC",
        "  2030-01-02T05:04:05+02:00\n",
        "2030-01-02T03:04:05.000Z",
        "2030-01-02t03:04:05z",
        "2030-01-02T03:04:05.0000009Z",
        "2030-01-02T04:04:05 +01:00",
        "20300102T030405Z",
        "2030-W01-3T03:04:05Z",
    ],
)
def test_the_spellings_of_an_instant(text: str) -> None:
    """ISO 8601 as its users write it, and as Ruby prints a time."""
    assert parse_instant("at", text) == NOW


def test_instants_are_written_plainly() -> None:
    """``Z`` for UTC, microseconds only where there are any."""
    assert format_instant(NOW) == "2030-01-02T03:04:05Z"
    assert format_instant(NOW + timedelta(microseconds=6)) == "2030-01-02T03:04:05.000006Z"
    assert to_micros(EPOCH) == 0
    assert to_micros(EPOCH - timedelta(microseconds=1)) == -1
    assert to_micros(datetime(1970, 1, 2, tzinfo=UTC)) == 86_400_000_000


@pytest.fixture
def _in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own clock is set to another zone."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_in_tokyo")
def test_the_machines_own_zone_changes_nothing() -> None:
    """The core is pure: what is written and read does not depend on where it runs."""
    assert format_instant(NOW) == "2030-01-02T03:04:05Z"
    assert parse_instant("at", "2030-01-02T03:04:05Z") == require_utc("at", NOW) == NOW


ISO_CURE = "write it in ISO 8601 with an offset, e.g. 2030-01-02T03:04:05Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "1893553445",
        "2030-13-01T00:00:00Z",
        "2030-02-30T00:00:00Z",
        "2030-01-02T25:00:00Z",
        "2030-01-02T03:04:05+25:00",
        "2030-01-02T03:04:05Z UTC",
        "2030-01-02T03:04:05 PST",
        "２０３０-01-02T03:04:05Z",
        "2030-01-02T03:04:05Z\x00",
        "2030-01-02T03:04\x00Z",
        "2030-01-02\x0003:04:05Z",
        "2030-01-02x03:04:05Z",
        "2030-01-02é03:04:05Z",
        "2030-01-02T03:04:05.Z",
        "2030-01-02 UTC",
        "\ud800",
    ],
)
def test_what_is_no_timestamp_is_refused(text: str) -> None:
    """Nothing is guessed; the message shows the text and a good one."""
    with pytest.raises(InvalidInput) as refused:
        parse_instant("scheduled_for", text)
    assert (refused.value.field, refused.value.cure) == ("scheduled_for", ISO_CURE)
    assert refused.value.what == f"{text!r} is not a timestamp"


@pytest.mark.parametrize("text", ["2030-01-02T03:04:05", "2030-01-02", "2030-01-02T03:04"])
def test_a_local_time_is_refused(text: str) -> None:
    """A naive timestamp could mean any of 38 instants: it is refused, never guessed."""
    with pytest.raises(InvalidInput) as refused:
        parse_instant("at", text)
    assert str(refused.value) == f"at: {text!r} has no offset; {ISO_CURE}"


def test_a_text_that_is_too_long_is_refused_unread() -> None:
    """A bound on everything: 64 characters are read, 65 are not."""
    longest = "2030-01-02T03:04:05Z".ljust(64)
    assert parse_instant("at", longest) == NOW
    with pytest.raises(InvalidInput) as refused:
        parse_instant("at", longest + " ")
    assert str(refused.value) == f"at: a text of 65 characters is no timestamp; {ISO_CURE}"


@pytest.mark.parametrize("zone", [None, Nowhere()])
def test_a_naive_value_is_refused(zone: tzinfo | None) -> None:
    """A datetime without an offset is no instant, even if it carries a ``tzinfo``."""
    with pytest.raises(InvalidInput) as refused:
        require_utc("at", datetime(2030, 1, 2, tzinfo=zone))
    assert str(refused.value) == "at: 2030-01-02T00:00:00 has no offset; give it a time zone, e.g. tzinfo=UTC"


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_an_instant_outside_the_years_1_to_9999_is_refused(text: str) -> None:
    """A local time at the edge of the calendar may have no UTC time: that is said, not raised as an overflow."""
    with pytest.raises(InvalidInput) as refused:
        parse_instant("at", text)
    assert str(refused.value) == f"at: {text} is out of range; use years 1 to 9999 in UTC"


# --- durations -----------------------------------------------------------------------------------------------------


@given(st.timedeltas(timedelta(0), MAX_DURATION))
def test_a_duration_survives_its_text(value: timedelta) -> None:
    """What ``format_duration`` writes, ``parse_duration`` reads back exactly."""
    assert parse_duration("delay", format_duration(value)) == value


@given(st.timedeltas(timedelta.min, timedelta(microseconds=-1)))
def test_a_negative_duration_is_written_with_its_sign(value: timedelta) -> None:
    """Error messages can show any duration; none that is negative is read."""
    text = format_duration(value)
    assert text[0] == "-"
    with pytest.raises(InvalidInput):
        parse_duration("delay", text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(hours=1, minutes=30), "1h30m"),
        (timedelta(weeks=2), "14d"),
        (timedelta(days=1, microseconds=1), "1d1us"),
        (timedelta(milliseconds=1500), "1s500ms"),
        (timedelta(seconds=-90), "-1m30s"),
        (timedelta(microseconds=-1), "-1us"),
    ],
)
def test_durations_are_written_in_units_largest_first(value: timedelta, text: str) -> None:
    """Days rather than weeks; nothing that is zero."""
    assert format_duration(value) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("1,5h", 5400),
        ("2h45m", 9900),
        ("1.5h2m60s", 5580),
        ("250ms", 0.25),
        ("7us", 0.000007),
        ("1w2d", 9 * 86400),
        ("0s", 0),
        ("00s", 0),
        (" 5m ", 300),
        ("PT5M", 300),
        ("pt5m", 300),
        ("P1W", 604_800),
        ("P1DT2H", 93_600),
        ("PT1.5S", 1.5),
        ("PT1,5S", 1.5),
        ("P1W1DT1H1M1S", 604_800 + 86_400 + 3_661),
        ("P0D", 0),
        ("PT0.000001S", 0.000001),
        ("36525d", 36_525 * 86_400),
    ],
)
def test_both_forms_of_a_duration(text: str, seconds: float) -> None:
    """ISO 8601 from weeks to seconds, and units, each with decimals."""
    assert parse_duration("delay", text) == timedelta(seconds=seconds)


DURATION_CURE = "write it as '90s', '1h30m', '1.5h' or in ISO 8601 as 'PT5M' (weeks to seconds)"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "5",
        "s",
        "5 m",
        "1h 30m",
        "-5s",
        "+5s",
        "5S",
        "1H",
        "5x",
        "1m1h",
        "1h1h",
        "1us1ms",
        ".5s",
        "5.s",
        "1e3s",
        "٥s",
        "P",
        "PT",
        "P1",
        "P1DT",
        "PT5",
        "P5M",
        "P1Y",
        "P1M",
        "P1H",
        "PT1D",
        "PT1M1H",
        "-PT5M",
        "P-1D",
        "P1DT1D",
        "PT5M\x00",
        "5s5",
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    """No sign, no bare number, no year or month (they have no fixed length), no unit twice or out of order."""
    with pytest.raises(InvalidInput) as refused:
        parse_duration("delay", text)
    assert str(refused.value) == f"delay: {text!r} is not a duration; {DURATION_CURE}"


def test_a_duration_text_that_is_too_long_is_refused() -> None:
    """A bound on everything: 64 characters beside blanks."""
    assert parse_duration("delay", "5s".rjust(64, "0")) == timedelta(seconds=5)
    with pytest.raises(InvalidInput) as refused:
        parse_duration("delay", "5s".rjust(65, "0"))
    assert str(refused.value) == f"delay: a text of 65 characters is no duration; {DURATION_CURE}"


@pytest.mark.parametrize("text", ["36525d1us", "36526d", "9" * 60 + "w", "P5218W"])
def test_more_than_a_hundred_years_is_refused(text: str) -> None:
    """A bound on everything, and no overflow behind it."""
    with pytest.raises(InvalidInput) as refused:
        parse_duration("delay", text)
    assert str(refused.value) == f"delay: {text!r} is more than 100 years; use a shorter duration"


@pytest.mark.parametrize("text", ["0.5us", "0.0000001s", "PT0.0000001S", f"1.{'0' * 50}1s"])
def test_finer_than_a_microsecond_is_refused(text: str) -> None:
    """Nothing is rounded silently, however far behind the point it stands."""
    with pytest.raises(InvalidInput) as refused:
        parse_duration("delay", text)
    assert str(refused.value) == f"delay: {text!r} is finer than a microsecond; round it to microseconds"


def test_the_sum_is_exact_whatever_the_callers_decimal_context() -> None:
    """The core is pure: no setting of the caller's thread changes what a text means."""
    with decimal.localcontext(prec=2):
        assert parse_duration("delay", "1h30m1s") == timedelta(seconds=5401)
    assert parse_duration("delay", "0.1s200ms") == timedelta(milliseconds=300)
