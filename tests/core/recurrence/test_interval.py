"""Intervals: elapsed time from an anchor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.errors import InvalidRecurrence
from mainspring.core.instants import MAX_DURATION
from mainspring.core.recurrence import Interval, between, next_after, parse_recurrence

START = datetime(2024, 3, 30, 12, tzinfo=UTC)
moments = st.datetimes(
    datetime.fromisoformat("1950-01-01"), datetime.fromisoformat("2150-01-01"), timezones=st.just(UTC)
)
lengths = st.timedeltas(timedelta(microseconds=1), MAX_DURATION)


@given(every=lengths, anchor=moments, after=moments)
def test_next_is_the_first_multiple_after(every: timedelta, anchor: datetime, after: datetime) -> None:
    """The instants are anchor + k * every, k from 0; the next is strictly later, and no earlier one is passed over."""
    found = next_after(Interval(every=every, anchor=anchor), after)
    assert found > after
    assert found >= anchor
    assert (found - anchor) % every == timedelta(0)
    assert found == anchor or found - every <= after


def test_the_anchor_is_the_first_instant() -> None:
    """Nothing comes before the anchor; at the anchor, the next is one interval later."""
    every_ten = Interval(every=timedelta(minutes=10), anchor=START)
    assert next_after(every_ten, START - timedelta(days=900)) == START
    assert next_after(every_ten, START - timedelta(microseconds=1)) == START
    assert next_after(every_ten, START) == START + timedelta(minutes=10)
    assert next_after(every_ten, START + timedelta(minutes=25)) == START + timedelta(minutes=30)


def test_an_interval_is_elapsed_time() -> None:
    """24 hours are 24 hours over a shift: the wall clock shows another time afterwards."""
    daily = Interval(every=timedelta(hours=24), anchor=START)
    berlin = [
        f"{instant.astimezone(ZoneInfo('Europe/Berlin')):%H:%M}"
        for instant in between(daily, START, START + timedelta(days=2))
    ]
    assert berlin == ["14:00", "14:00"]
    assert f"{START.astimezone(ZoneInfo('Europe/Berlin')):%H:%M}" == "13:00"


def test_an_interval_ends_with_the_calendar() -> None:
    """Past the year 9999 there is nothing, and no error."""
    interval = Interval(every=timedelta(days=365), anchor=datetime(9998, 6, 1, tzinfo=UTC))
    last = datetime(9999, 6, 1, tzinfo=UTC)
    assert next_after(interval, datetime(9998, 6, 1, tzinfo=UTC)) == last
    assert next_after(interval, last) is None
    assert next_after(interval, datetime(9999, 12, 31, 23, tzinfo=UTC)) is None


def test_instants_may_be_given_in_any_zone() -> None:
    """The anchor is kept in UTC; ``after`` may be in any zone, but not naive."""
    berlin = ZoneInfo("Europe/Berlin")
    interval = Interval(every=timedelta(hours=1), anchor=datetime(2024, 7, 1, 14, tzinfo=berlin))
    assert interval.anchor == datetime(2024, 7, 1, 12, tzinfo=UTC)
    assert interval.anchor.tzinfo is UTC
    assert next_after(interval, datetime(2024, 7, 1, 14, 30, tzinfo=berlin)) == datetime(2024, 7, 1, 13, tzinfo=UTC)
    with pytest.raises(InvalidRecurrence, match=r"^after: "):
        next_after(interval, datetime.fromisoformat("2024-07-01"))


@pytest.mark.parametrize(
    ("every", "anchor", "message"),
    [
        (timedelta(0), START, "every: 0s is not positive; use more than zero"),
        (timedelta(seconds=-5), START, "every: -5s is not positive; use more than zero"),
        (MAX_DURATION + timedelta(microseconds=1), START, "every: 36525d1us is more than 100 years; use a shorter one"),
        (10, START, "every: int is not a duration; use a timedelta"),
        (
            timedelta(1),
            START.replace(tzinfo=None),
            "anchor: 2024-03-30T12:00:00 has no offset; give it a time zone, e.g. tzinfo=UTC",
        ),
        (timedelta(1), "2024", "anchor: str is not a datetime; use an aware datetime"),
    ],
)
def test_what_is_no_interval_is_refused(every: timedelta, anchor: datetime, message: str) -> None:
    """An interval is positive, at most 100 years, and anchored at an instant."""
    with pytest.raises(InvalidRecurrence) as caught:
        Interval(every=every, anchor=anchor)
    assert str(caught.value) == message


@given(every=lengths, anchor=moments)
def test_what_is_printed_reads_back_equal(every: timedelta, anchor: datetime) -> None:
    """Print and parse, with the anchor as ``dtstart``: the same value."""
    interval = Interval(every=every, anchor=anchor)
    assert parse_recurrence(str(interval), dtstart=anchor) == interval
    assert interval.to_text() == str(interval)


def test_the_longest_and_the_shortest() -> None:
    """One microsecond and a hundred years are both intervals."""
    assert Interval(every=MAX_DURATION, anchor=START).to_text() == "every 36525d"
    shortest = Interval(every=timedelta(microseconds=1), anchor=START)
    assert next_after(shortest, START) == START + timedelta(microseconds=1)
