"""``mainspring next`` and ``mainspring explain``: rules without a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.commands import complaint, read, run, well


def test_next_shows_the_instants_in_the_zone_and_in_utc() -> None:
    """Strictly after ``--after``, over a shift of the zone."""
    shown = well("next", "30 2 * * *", "--tz", "Europe/Berlin", "--after", "2026-03-28T00:00:00Z", "-n", "2")
    assert shown.splitlines() == [
        "At 02:30 every day, Europe/Berlin time",
        "  Sat 2026-03-28 02:30:00+01:00   2026-03-28T01:30:00Z",
        "  Sun 2026-03-29 -- clocks go forward, 02:00 to 03:00 (CET +01:00 to CEST +02:00)",
        "  Sun 2026-03-29 03:00:00+02:00   2026-03-29T01:00:00Z   gap: 02:30 does not exist, runs at 03:00 CEST",
    ]


def test_next_prints_json() -> None:
    """The documented fields, and no others."""
    assert read("next", "every 10m", "--dtstart", "2030-01-01T00:05:00Z", "--after", "2030-01-01T00:05:00Z", "-n1") == {
        "expression": "every 10m",
        "timezone": "UTC",
        "explanation": "Every 10 minutes of elapsed time, counted from 2030-01-01T00:05:00Z",
        "after": "2030-01-01T00:05:00Z",
        "instants": [
            {"utc": "2030-01-01T00:15:00Z", "local": "2030-01-01T00:15:00+00:00", "zone": "UTC", "mark": None}
        ],
        "clock_changes": [],
    }


def test_an_rrule_or_an_interval_starts_where_one_looks_unless_told_otherwise() -> None:
    """As when a schedule is added: without ``--dtstart`` it starts at once."""
    found = read("next", "FREQ=DAILY", "--after", "2030-01-02T03:04:05Z", "-n", "1")
    assert found["instants"][0]["utc"] == "2030-01-03T03:04:05Z"
    found = read("next", "every 1h", "--after", "2030-01-02T03:04:05Z", "-n", "1")
    assert found["instants"][0]["utc"] == "2030-01-02T04:04:05Z"


def test_an_rrule_that_names_a_zone_is_shown_in_it() -> None:
    """The zone of the rule goes before ``--tz``."""
    rule = "DTSTART;TZID=Asia/Tokyo:20300101T090000\nRRULE:FREQ=DAILY"
    found = read("next", rule, "--after", "2030-01-01T12:00:00Z", "-n", "1")
    assert (found["timezone"], found["instants"][0]["local"]) == ("Asia/Tokyo", "2030-01-02T09:00:00+09:00")


@pytest.mark.parametrize(
    ("expression", "end"),
    [("0 0 30 2 *", "  never"), ("DTSTART:20300101T000000Z\nRRULE:FREQ=DAILY;COUNT=2", "  and no more")],
)
def test_a_rule_that_ends_says_so(expression: str, end: str) -> None:
    """Fewer instants than asked for are explained."""
    assert well("next", expression, "--after", "2029-01-01T00:00:00Z").splitlines()[-1] == end


def test_seconds_are_read_when_asked_for() -> None:
    """Six fields need ``--seconds``."""
    args = ("next", "*/5 * * * * *", "--after", "2030-01-01T00:00:00Z", "-n", "1")
    assert well(*args, "--seconds").endswith("2030-01-01T00:00:05Z")
    assert complaint(run(*args), 2).startswith("cron: ")


def test_explain_says_it_in_english() -> None:
    """As text, and as JSON."""
    shown = well("explain", "30 2 * * 1-5", "--tz", "Europe/Berlin")
    assert shown.splitlines()[0] == "At 02:30 on Monday to Friday, Europe/Berlin time"
    assert read("explain", "@daily")["explanation"].endswith("UTC")


@pytest.mark.parametrize(
    ("args", "field"),
    [
        (["x y"], "cron"),
        (["FREQ=FOO"], "FREQ"),
        (["every fortnight"], "every"),
        (["@daily", "--tz", "Mars/Base"], "timezone"),
        (["@daily", "--after", "soon"], "after"),
        (["@daily", "--dtstart", "soon"], "dtstart"),
        (["@daily", "-n", "0"], "-n"),
    ],
)
def test_what_cannot_be_read_is_named(args: list[str], field: str, folder: Path) -> None:
    """One line with the field and the cure; nothing is created for it."""
    assert complaint(run("next", *args), 2).startswith(f"{field}: ")
    assert list(folder.iterdir()) == []
