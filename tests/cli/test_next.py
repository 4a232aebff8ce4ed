"""``next``: instants with what the clocks do to them, and a year at a glance."""

from __future__ import annotations

from itertools import pairwise

import pytest

from support.commands import complaint, read, run, well

BERLIN = ("--tz", "Europe/Berlin")
GAP_ENDS = "  Sun 2027-03-28 03:00:00+02:00   2027-03-28T01:00:00Z   "
APIA = "  Fri 2011-12-30 -- clocks go forward, 2011-12-30 00:00 to 2011-12-31 00:00 (-10:00 to +14:00)"


def _lines(*args: str) -> list[str]:
    """What ``next`` prints below the explanation."""
    return well("next", *args).splitlines()[1:]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (
            ["30 2 * * *", *BERLIN, "--after", "2027-03-27T12:00:00Z", "-n", "2"],
            [
                "  Sun 2027-03-28 -- clocks go forward, 02:00 to 03:00 (CET +01:00 to CEST +02:00)",
                f"{GAP_ENDS}gap: 02:30 does not exist, runs at 03:00 CEST",
                "  Mon 2027-03-29 02:30:00+02:00   2027-03-29T00:30:00Z",
            ],
        ),
        (
            ["10,20 2 * * *", *BERLIN, "--after", "2027-03-27T12:00:00Z", "-n", "1"],
            [
                "  Sun 2027-03-28 -- clocks go forward, 02:00 to 03:00 (CET +01:00 to CEST +02:00)",
                f"{GAP_ENDS}gap: 02:10 and 02:20 do not exist, run at 03:00 CEST",
            ],
        ),
        (
            ["30 1 * * *", "--tz", "America/New_York", "--after", "2027-11-06T12:00:00Z", "-n", "2", "--fold", "both"],
            [
                "  Sun 2027-11-07 01:30:00-04:00   2027-11-07T05:30:00Z   fold: first pass of 01:30",
                "  Sun 2027-11-07 -- clocks go back, 02:00 to 01:00 (EDT -04:00 to EST -05:00)",
                "  Sun 2027-11-07 01:30:00-05:00   2027-11-07T06:30:00Z   fold: second pass of 01:30",
            ],
        ),
        (
            ["10 2 * * *", "--tz", "Australia/Lord_Howe", "--after", "2027-10-02T00:00:00Z", "-n", "1"],
            [
                "  Sun 2027-10-03 -- clocks go forward, 02:00 to 02:30 (+10:30 to +11:00)",
                "  Sun 2027-10-03 02:30:00+11:00   2027-10-02T15:30:00Z   gap: 02:10 does not exist, runs at 02:30 +11",
            ],
        ),
        (
            ["45 1 * * *", "--tz", "Australia/Lord_Howe", "--after", "2027-04-03T12:00:00Z", "-n", "2"],
            [
                "  Sun 2027-04-04 01:45:00+11:00   2027-04-03T14:45:00Z   fold: first pass of 01:45",
                "  Sun 2027-04-04 -- clocks go back, 02:00 to 01:30 (+11:00 to +10:30)",
                "  Mon 2027-04-05 01:45:00+10:30   2027-04-04T15:15:00Z",
            ],
        ),
        (
            ["0 12 * * *", "--tz", "Pacific/Apia", "--after", "2011-12-29T00:00:00Z", "-n", "2"],
            [
                "  Thu 2011-12-29 12:00:00-10:00   2011-12-29T22:00:00Z",
                f"{APIA}: 12:00 does not exist and is left out",
                "  Sat 2011-12-31 12:00:00+14:00   2011-12-30T22:00:00Z",
            ],
        ),
    ],
)
def test_what_the_clocks_do_stands_where_they_do_it(args: list[str], expected: list[str]) -> None:
    """Gaps and folds of an hour, half an hour and a day; the time that is meant, the offset and the pass."""
    assert _lines(*args) == expected


def test_a_gap_policy_is_shown_at_its_instant() -> None:
    """By the offset before: 02:30 runs at 03:30; left out: it says so; wildcard jobs lose the gap."""
    args = (*BERLIN, "--after", "2027-03-27T12:00:00Z", "-n", "1")
    assert _lines("30 2 * * *", *args, "--gap", "offset_before")[1].endswith(
        "2027-03-28T01:30:00Z   gap: 02:30 does not exist, runs at 03:30 CEST"
    )
    assert _lines("30 2 * * *", *args, "--gap", "skip")[0].endswith(": 02:30 does not exist and is left out")
    assert _lines("*/10 2 * * *", *args)[0].endswith(": 02:00, 02:10, 02:20 and more do not exist and are left out")


def test_an_rrule_has_its_own_policy() -> None:
    """RFC 5545 takes the offset before a gap; ``--gap`` chooses otherwise."""
    args = ("FREQ=DAILY", *BERLIN, "--dtstart", "2027-03-27T01:30:00Z", "--after", "2027-03-27T12:00:00Z", "-n", "1")
    assert _lines(*args)[1].endswith("2027-03-28T01:30:00Z   gap: 02:30 does not exist, runs at 03:30 CEST")
    assert _lines(*args, "--gap", "after")[1].endswith("runs at 03:00 CEST")
    assert _lines(*args, "--gap", "skip")[0].endswith("02:30 does not exist and is left out")


def test_elapsed_time_knows_no_gap_but_shows_its_fold() -> None:
    """An interval in a zone: no time of it is skipped, but a local time may be shown twice."""
    args = ("every 1h", "--dtstart", "2027-10-30T23:30:00Z", "--after", "2027-10-31T00:00:00Z", "-n", "2")
    assert _lines(*args, *BERLIN) == [
        "  Sun 2027-10-31 02:30:00+02:00   2027-10-31T00:30:00Z   fold: first pass of 02:30",
        "  Sun 2027-10-31 -- clocks go back, 03:00 to 02:00 (CEST +02:00 to CET +01:00)",
        "  Sun 2027-10-31 02:30:00+01:00   2027-10-31T01:30:00Z   fold: second pass of 02:30",
    ]


def test_a_change_that_cancels_out_is_not_shown() -> None:
    """Between two Christmases the clocks change twice, which is of no interest to a rule for Christmas."""
    found = well("next", "0 9 25 12 *", *BERLIN, "--after", "2027-06-01T00:00:00Z", "-n", "3").splitlines()
    assert [line for line in found if "--" in line] == [
        "  Sun 2027-10-31 -- clocks go back, 03:00 to 02:00 (CEST +02:00 to CET +01:00)"
    ]


def test_json_has_marks_and_changes() -> None:
    """The same for programs; ``times`` are those of the rule that the clocks skip or repeat."""
    found = read("next", "30 2 * * *", *BERLIN, "--after", "2027-03-27T12:00:00Z", "-n", "1")
    assert found["instants"] == [
        {
            "utc": "2027-03-28T01:00:00Z",
            "local": "2027-03-28T03:00:00+02:00",
            "zone": "CEST",
            "mark": "gap: 02:30 does not exist, runs at 03:00 CEST",
        }
    ]
    assert found["clock_changes"] == [
        {
            "at": "2027-03-28T01:00:00Z",
            "kind": "gap",
            "from": "2027-03-28T02:00:00",
            "to": "2027-03-28T03:00:00",
            "offset_before": "+01:00",
            "offset_after": "+02:00",
            "times": ["2027-03-28T02:30:00"],
        }
    ]


def test_days_chooses_how_the_day_fields_are_joined() -> None:
    """Friday the 13th needs ``--days and``."""
    args = ("0 0 13 * FRI", "--after", "2027-01-01T00:00:00Z", "-n", "1")
    assert _lines(*args)[0].startswith("  Fri 2027-01-08")
    assert _lines(*args, "--days", "and") == ["  Fri 2027-08-13 00:00:00+00:00   2027-08-13T00:00:00Z"]


YEAR = """\
At 09:00 on days 1, 2, 3, 4, 5, 6, 7 and 31 of the month if that is Sunday, Europe/Berlin time
2027, Europe/Berlin: fires on 14 days

       January                  February                  March
 Mo Tu We Th Fr Sa Su     Mo Tu We Th Fr Sa Su     Mo Tu We Th Fr Sa Su
              ·  ·  3      ·  ·  ·  ·  ·  ·  7      ·  ·  ·  ·  ·  ·  7
  ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·
  ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·
  ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  · >·
  ·  ·  ·  ·  ·  · 31                               ·  ·  ·

        April                     May                      June
 Mo Tu We Th Fr Sa Su     Mo Tu We Th Fr Sa Su     Mo Tu We Th Fr Sa Su
           ·  ·  ·  4                     ·  2         ·  ·  ·  ·  ·  6
  ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·
  ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·
  ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·
  ·  ·  ·  ·  ·            ·  ·  ·  ·  ·  ·  ·      ·  ·  ·
                           ·

         July                    August                 September
 Mo Tu We Th Fr Sa Su     Mo Tu We Th Fr Sa Su     Mo Tu We Th Fr Sa Su
           ·  ·  ·  4                        1            ·  ·  ·  ·  5
  ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·
  ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·
  ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·
  ·  ·  ·  ·  ·  ·         ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·
                           ·  ·

       October                  November                 December
 Mo Tu We Th Fr Sa Su     Mo Tu We Th Fr Sa Su     Mo Tu We Th Fr Sa Su
              ·  ·  3      ·  ·  ·  ·  ·  ·  7            ·  ·  ·  ·  5
  ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·
  ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·
  ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·      ·  ·  ·  ·  ·  ·  ·
  ·  ·  ·  ·  ·  ·<31      ·  ·                     ·  ·  ·  ·  ·

  7 fires   · does not   >, < clocks go forward, back"""


def test_a_year_is_drawn() -> None:
    """The first Sunday of each month and each Sunday that is a 31st: every row of 2027, and the days of the shifts."""
    drawn = well("next", "0 9 1-7,31 * SUN", "--days", "and", *BERLIN, "--calendar", "2027")
    assert drawn == YEAR
    assert all(len(line) <= 80 for line in drawn.splitlines()[1:])


def test_a_year_as_json_counts_local_days() -> None:
    """Apia had no 30 December 2011: the days of the rule are those that were."""
    found = read("next", "@daily", "--tz", "Pacific/Apia", "--calendar", "2011")
    assert found["year"] == 2011
    assert len(found["days"]) == 364
    assert "2011-12-30" not in found["days"]
    assert [change["clocks"] for change in found["clock_changes"]] == ["back", "forward", "forward"]
    assert all(earlier < later for earlier, later in pairwise(found["days"]))


def test_the_year_is_that_of_after_unless_given() -> None:
    """In the zone of the rule."""
    args = ("next", "@daily", "--tz", "Asia/Tokyo", "--after", "2026-12-31T18:00:00Z", "--calendar")
    assert read(*args)["year"] == 2027


def test_every_minute_is_drawn_at_once() -> None:
    """One look-up a day, however often the rule fires; a leap year has 366."""
    assert len(read("next", "* * * * * *", "--seconds", "--calendar", "2028", *BERLIN)["days"]) == 366


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["--calendar", "soon"], "calendar: 'soon' is not a year; write it as 2027, or leave it out"),
        (["--calendar", "0"], "calendar: 0 is out of range; use a year from 2 to 9998"),
        (["--calendar", "9999"], "calendar: 9999 is out of range; use a year from 2 to 9998"),
        (["--calendar", "12345"], "calendar: '12345' is not a year; write it as 2027, or leave it out"),
    ],
)
def test_a_year_that_is_none_is_refused(args: list[str], line: str) -> None:
    """One line, exit code 2."""
    assert complaint(run("next", "@daily", *args), 2) == line


def test_policies_that_a_rule_does_not_have_are_refused() -> None:
    """An interval knows no shifts, an RRULE no joined day fields."""
    assert complaint(run("next", "every 5m", "--gap", "skip"), 2).startswith("gap or fold: an interval counts")
    assert complaint(run("next", "FREQ=DAILY", "--days", "or"), 2) == "days: is for cron expressions; leave it out"
    assert complaint(run("next", "@daily", "--fold", "never"), 2).startswith("--fold: ")


def test_both_ends_of_time_are_shown() -> None:
    """The years 1 and 9999 have a local time in every zone that has one there."""
    assert "never" in well("next", "0 0 31 12 *", *BERLIN, "--after", "9999-12-31T12:00:00Z")
    assert well("next", "0 0 * * *", *BERLIN, "--after", "0001-01-01T00:00:00Z", "-n", "1").count("0001-01-02") == 1
