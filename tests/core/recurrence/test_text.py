"""Texts of any kind, told apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.recurrence.crons import texts
from mainspring.core.errors import InvalidRecurrence
from mainspring.core.instants import EPOCH
from mainspring.core.recurrence import Cron, Interval, RRule, between, parse_recurrence

START = datetime(2024, 1, 1, tzinfo=UTC)
CURE = "write cron ('30 2 * * 1-5'), an RRULE ('FREQ=DAILY'), or 'every 10m'"


@given(text=texts, zone=st.sampled_from(["UTC", "Europe/Berlin"]))
def test_cron_is_cron(text: str, zone: str) -> None:
    """Five fields are cron, in the zone that is given; white space around does not matter."""
    assert parse_recurrence(f"\n {text}\t", zone) == Cron.parse(text, zone)


@pytest.mark.parametrize("text", ["@daily", "@hourly", "@yearly"])
def test_macros_are_cron(text: str) -> None:
    """A macro is cron, also where an anchor is given."""
    assert parse_recurrence(text, ZoneInfo("Asia/Tokyo"), START) == Cron.parse(text, "Asia/Tokyo")


@pytest.mark.parametrize(
    ("text", "every"),
    [
        ("every 10m", timedelta(minutes=10)),
        ("every 1h30m", timedelta(minutes=90)),
        ("every  1.5h ", timedelta(minutes=90)),
        ("Every\tPT5M", timedelta(minutes=5)),
        ("EVERY 90s", timedelta(seconds=90)),
        ("@every 1d", timedelta(days=1)),
        ("every P1W", timedelta(days=7)),
    ],
)
def test_every_is_an_interval(text: str, every: timedelta) -> None:
    """``every`` and a duration count from ``dtstart``, else from the epoch, which is the same everywhere."""
    assert parse_recurrence(text, dtstart=START) == Interval(every=every, anchor=START)
    assert parse_recurrence(text, "Europe/Berlin") == Interval(every=every, anchor=EPOCH)


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=DAILY",
        "freq=daily",
        "INTERVAL=1;FREQ=DAILY",
        "RRULE:FREQ=DAILY",
        "rrule:freq=daily",
        "DTSTART:20240101T000000Z\nRRULE:FREQ=DAILY",
        "RRULE:FREQ=DAILY\nEXDATE:20240105T000000Z",
    ],
)
def test_rrule_is_rrule(text: str) -> None:
    """``FREQ=`` anywhere, or a property of RFC 5545 in front, makes an RRULE."""
    found = parse_recurrence(text, "Europe/Berlin", START)
    assert isinstance(found, RRule)
    assert found == RRule.parse(text, "Europe/Berlin", START)


@pytest.mark.parametrize("name", ["DTSTART", "RRULE", "EXRULE", "RDATE", "EXDATE"])
def test_a_broken_rrule_is_not_taken_for_cron(name: str) -> None:
    """A text that begins like an RRULE is refused as one."""
    for mark in ":;":
        with pytest.raises(InvalidRecurrence) as caught:
            parse_recurrence(f"{name}{mark}nonsense", dtstart=START)
        assert caught.value.field != "cron"


@pytest.mark.parametrize(
    ("text", "field", "what"),
    [
        ("", "recurrence", "the text is empty"),
        (" \n\t", "recurrence", "the text is empty"),
        ("x" * 8193, "recurrence", "a text of 8193 characters is too long"),
        (None, "recurrence", "NoneType is not a text"),
        (5, "recurrence", "int is not a text"),
        ("\x0b@daily", "cron", "'\\x0b@daily' has characters outside printable ASCII"),
        ("Xevery 10m", "cron", "'Xevery 10m' has 2 fields"),
        ("x" * 8192, "cron", "a text of 8192 characters is too long"),
        ("every", "every", "'' is not a duration"),
        ("everyone", "cron", "'everyone' has 1 field"),
        ("Every10m", "cron", "'Every10m' has 1 field"),
        ("every ten minutes", "every", "'ten minutes' is not a duration"),
        ("every 0s", "every", "0s is not positive"),
        ("every 200000d", "every", "'200000d' is more than 100 years"),
        ("every \u0661m", "every", "'\u0661m' is not a duration"),
        ("@reboot", "cron", "'@reboot' is not known"),
        ("* * * * * *", "cron", "'* * * * * *' has 6 fields"),
    ],
)
def test_what_is_none_of_them_is_refused(text: str, field: str, what: str) -> None:
    """The refusal names the kind that the text came nearest to."""
    with pytest.raises(InvalidRecurrence) as caught:
        parse_recurrence(text, dtstart=START)
    assert (caught.value.field, caught.value.what) == (field, what)
    if field == "recurrence":
        assert caught.value.cure == CURE
    assert caught.value.cure


def test_seconds_must_be_asked_for() -> None:
    """Six fields mean different things in different dialects; with ``seconds`` the first is the second."""
    assert parse_recurrence("30 * * * * *", seconds=True) == Cron.parse("30 * * * * *", seconds=True)


def test_an_anchor_must_be_aware_and_a_zone_known() -> None:
    """What is not used is checked all the same: a wrong zone is a wrong zone."""
    with pytest.raises(InvalidRecurrence, match=r"^dtstart: "):
        parse_recurrence("every 10m", dtstart=datetime.fromisoformat("2024-01-01"))
    for text in ("every 10m", "@daily", "FREQ=DAILY"):
        with pytest.raises(InvalidRecurrence) as caught:
            parse_recurrence(text, "Europe/Nowhere", START)
        assert caught.value.field == "timezone"


def test_between_limits_every_kind() -> None:
    """The limit holds for cron, RRULE and intervals alike."""
    for text in ("@hourly", "FREQ=HOURLY", "every 1h"):
        found = between(parse_recurrence(text, dtstart=START), START, START + timedelta(days=400), 3)
        assert found == tuple(START + timedelta(hours=hours) for hours in (1, 2, 3))
