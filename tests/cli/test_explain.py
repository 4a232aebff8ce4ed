"""``explain``: what a rule means, when it fires next, and the next change of the clocks that matters."""

from __future__ import annotations

from support.commands import complaint, read, run, well

NIGHTLY = ("explain", "30 2 * * *", "--tz", "Europe/Berlin", "--after", "2027-01-01T00:00:00Z")
SPRING = "Europe/Berlin skips 2027-03-28 02:00 to 03:00"


def test_it_says_what_when_and_what_the_clocks_will_do() -> None:
    """English, three instants, and a sentence on the next shift that skips or repeats a time of the rule."""
    assert well(*NIGHTLY).splitlines() == [
        "At 02:30 every day, Europe/Berlin time",
        "  Fri 2027-01-01 02:30:00+01:00   2027-01-01T01:30:00Z",
        "  Sat 2027-01-02 02:30:00+01:00   2027-01-02T01:30:00Z",
        "  Sun 2027-01-03 02:30:00+01:00   2027-01-03T01:30:00Z",
        f"Next change of the clocks that matters: {SPRING}: 02:30 fires at 03:00 (01:00 UTC)",
    ]


def test_json_has_the_same() -> None:
    """The documented fields."""
    found = read(*NIGHTLY)
    assert list(found) == ["expression", "timezone", "explanation", "after", "instants", "next_clock_change"]
    assert [instant["utc"] for instant in found["instants"]] == [f"2027-01-0{day}T01:30:00Z" for day in (1, 2, 3)]
    change = found["next_clock_change"]
    assert (change["kind"], change["at"], change["times"]) == ("gap", "2027-03-28T01:00:00Z", ["2027-03-28T02:30:00"])
    assert change["fires"] == ["2027-03-28T01:00:00Z"]
    assert change["text"].startswith("Europe/Berlin skips 2027-03-28")


def test_a_rule_that_no_shift_affects_says_nothing_of_them() -> None:
    """Noon; UTC; elapsed time."""
    for args in (["0 12 * * *", "--tz", "Europe/Berlin"], ["30 2 * * *"], ["every 1h", "--tz", "Europe/Berlin"]):
        assert "clocks" not in well("explain", *args, "--after", "2027-01-01T00:00:00Z")
        assert read("explain", *args)["next_clock_change"] is None


def test_policies_are_part_of_the_explanation() -> None:
    """What was chosen is said, and what it does at the next shift."""
    said = well(*NIGHTLY, "--gap", "skip").splitlines()
    assert said[0] == "At 02:30 every day, Europe/Berlin time; a time that the clocks skip does not fire"
    assert said[-1].endswith("02:30 does not fire")


def test_a_rule_that_never_fires_says_so() -> None:
    """30 February."""
    assert well("explain", "0 0 30 2 *").splitlines() == [
        "Never, since no year has such a day: at 00:00 on day 30 of February, UTC",
        "  never",
    ]


def test_what_cannot_be_read_is_one_line() -> None:
    """As for ``next``."""
    assert complaint(run("explain", "61 * * * *"), 2).startswith("cron: minute '61' is out of range; ")
    assert complaint(run("explain", "@daily", "--tz", "Mars/Base"), 2).startswith("timezone: ")
