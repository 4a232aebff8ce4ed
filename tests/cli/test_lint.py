"""``lint``: what it prints for each format, its exit codes, its JSON, and what hostile files come to."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from mainspring.adapters.dialects import FORMATS
from mainspring.cli import linting
from mainspring.cli.commands import lint as command
from support.commands import complaint, run, shell

FROM = ("--year-from", "2027-01-01T00:00:00Z")
BERLIN = ("--tz", "Europe/Berlin")
GOOD = "30 2 * * *  /usr/local/bin/backup\n"


def _lint(content: object, *args: str, code: int) -> str:
    """Lint a file in the current folder; return what was printed."""
    text = content if isinstance(content, str) else json.dumps(content)
    Path("file").write_text(text, encoding="utf-8")
    result = run("lint", "file", *BERLIN, *FROM, *args, env={"COLUMNS": "100"})
    assert result.exit_code == code, result.output
    return result.stdout


def _json(content: object, code: int) -> Any:
    return json.loads(_lint(content, "--json", code=code))


def test_the_formats_of_the_option_are_those_that_are_read() -> None:
    """The table stands in the command too, so that ``--help`` imports nothing."""
    assert command.FORMATS == FORMATS


def test_nothing_changes_and_the_exit_code_says_so() -> None:
    """A crontab of Debian's: 0."""
    assert _lint(GOOD, code=0).splitlines() == [
        "crontab, compared for the year from 2027-01-01T00:00:00Z",
        "note: mainspring calls URLs and functions, not shell commands: put each command behind one",
        "note: a crontab does not say in which zone it runs: Europe/Berlin is taken; name the machine's with --tz",
        "",
        "line 1  30 2 * * *  /usr/local/bin/backup",
        "  means    At 02:30 every day, Europe/Berlin time",
        "  here     cron 30 2 * * * (Europe/Berlin)",
        "  changes  none of 365 fire times",
        "",
        "1 schedule: 1 same",
    ]


def test_what_changes_is_listed_like_a_difference() -> None:
    """What no longer fires, what fires anew, in order, in local time and UTC; and the policy that keeps it: 1."""
    printed = _lint([{"id": "nightly", "trigger": {"hour": 2, "minute": 30}}], code=1)
    assert printed.splitlines()[3:] == [
        'entry 1  nightly  {"hour": 2, "minute": 30}',
        "  means    At 02:30 every day, Europe/Berlin time",
        "  here     cron 30 2 * * * (Europe/Berlin)",
        "  changes  3: 366 fire times before, 365 here",
        "           + Sun 2027-03-28 03:00:00+02:00   2027-03-28T01:00:00Z",
        "           - Sun 2027-03-28 03:30:00+02:00   2027-03-28T01:30:00Z",
        "           - Sun 2027-10-31 02:30:00+01:00   2027-10-31T01:30:00Z",
        "           with gap='offset_before' and fold='both' nothing would change",
        "",
        "1 schedule: 1 changes",
    ]


def test_only_the_first_few_changes_are_shown() -> None:
    """Six, and how many more."""
    lines = _lint([{"id": "x", "trigger": {"hour": 2, "minute": "0-55/5"}}], code=1).splitlines()
    assert sum(line.startswith(("           + ", "           - ")) for line in lines) == linting.SHOWN
    (more,) = [line for line in lines if line.endswith(" more")]
    assert more.startswith("           and ")


def test_each_way_out_is_counted() -> None:
    """Refused, not compared, once: 1 for the first two."""
    printed = _lint("@reboot x\n0 9 L * * y\n0 9 * * * z\n", code=1)
    assert printed.splitlines()[-1] == "3 schedules: 1 same, 1 not compared, 1 refused"
    assert "line 1  @reboot  x\n  refused  @reboot is not a time; start it with the machine" in printed
    assert "  differs  crontab(5) does not have this form" in printed
    once = _lint([{"id": "launch", "trigger": {"run_date": "2027-05-04T10:00:00+02:00"}}], code=0)
    assert "  means    once, at 2027-05-04T08:00:00Z: a task, not a schedule (mainspring task add --at)" in once


def test_long_lines_are_wrapped() -> None:
    """To the width of the terminal, hanging."""
    lines = _lint("CRON_TZ=Asia/Tokyo\n0 9 * * *  x\n", code=0).splitlines()
    assert all(len(line) <= 105 for line in lines)
    assert any(line.startswith("           runs twice") for line in lines)


def test_json_has_all_of_it() -> None:
    """The documented fields, for each status."""
    found = _json("30 2 * * * a\n@reboot b\n", 1)
    assert list(found) == ["format", "timezone", "from", "notes", "schedules", "summary"]
    assert (found["format"], found["timezone"], found["from"]) == ("crontab", "Europe/Berlin", "2027-01-01T00:00:00Z")
    assert found["summary"] == {"same": 1, "changes": 0, "not_compared": 0, "refused": 1, "once": 0}
    same, refused = found["schedules"]
    assert same == {
        "place": 1,
        "name": "a",
        "source": "30 2 * * *",
        "status": "same",
        "differs": [],
        "explanation": "At 02:30 every day, Europe/Berlin time",
        "recurrence": {
            "kind": "cron",
            "text": "30 2 * * *",
            "timezone": "Europe/Berlin",
            "seconds": False,
            "days": "debian",
            "gap": None,
            "fold": None,
        },
        "start": None,
        "end": None,
        "compared": {
            "whole_year": True,
            "before": 365,
            "after": 365,
            "changes": 0,
            "lost": [],
            "gained": [],
            "kept_by": None,
        },
    }
    assert refused == {
        "place": 2,
        "name": "b",
        "source": "@reboot",
        "status": "refused",
        "differs": [],
        "refused": {
            "what": "@reboot is not a time",
            "cure": "start it with the machine, e.g. from a systemd unit",
        },
    }


def test_json_of_the_other_kinds() -> None:
    """An interval, an RRULE, an instant, and a change with the policies that keep it."""
    every, weeks, once, nightly = _json(
        [
            {"id": "a", "trigger": {"type": "interval", "hours": 1}},
            {"id": "b", "trigger": {"week": "10", "day_of_week": "mon", "hour": 7}},
            {"id": "c", "trigger": {"run_date": "2027-05-04T10:00:00+02:00"}},
            {"id": "d", "trigger": {"hour": 2, "minute": 30, "end_date": "2027-12-31 00:00:00"}},
        ],
        1,
    )["schedules"]
    assert every["recurrence"] == {"kind": "interval", "text": "every 1h", "anchor": "2027-01-01T00:00:00Z"}
    assert weeks["recurrence"]["kind"] == "rrule"
    assert weeks["recurrence"]["text"].splitlines()[1].startswith("RRULE:FREQ=YEARLY;BYWEEKNO=10;")
    assert (once["status"], once["at"]) == ("once", "2027-05-04T08:00:00Z")
    assert nightly["end"] == "2027-12-30T23:00:00Z"
    assert nightly["compared"]["lost"] == ["2027-03-28T01:30:00Z", "2027-10-31T01:30:00Z"]
    assert nightly["compared"]["gained"] == ["2027-03-28T01:00:00Z"]
    assert nightly["compared"]["kept_by"] == {"gap": "offset_before", "fold": "both"}


def test_standard_input_is_read(folder: Path) -> None:
    """``-``, as in ``crontab -l | mainspring lint -``."""
    done = shell("lint", "-", *BERLIN, *FROM, cwd=folder, stdin=GOOD.encode())
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("1 schedule: 1 same\n")


def test_what_takes_too_long_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's comparisons have a limit together; equal rules are compared once."""
    monkeypatch.setattr(linting, "PATIENCE_SECONDS", 0.0)
    found = _json("0 9 * * * a\n", 1)["schedules"][0]
    assert (found["status"], found["compared"]) == ("not_compared", None)
    assert found["differs"] == ["the time for comparisons is used up: lint the file in parts"]


def test_a_full_file_of_one_rule_is_compared_once() -> None:
    """10,000 lines, most of them the same."""
    found = _json("".join(f"{minute % 3} 2 * * * job-{minute}\n" for minute in range(10_000)), 0)
    assert found["summary"]["same"] == 10_000


def test_a_rule_that_cannot_be_followed_is_not_compared() -> None:
    """An RRULE whose EXRULE excludes too many in a row does not spoil the rest of the file."""
    rule = "RRULE:FREQ=SECONDLY\nEXRULE:FREQ=SECONDLY"
    entries = [
        {"id": "a", "request": {}, "rrule": rule, "dtstart": "2027-01-01T00:00:00Z"},
        {"id": "b", "request": {}, "cron": "0 9 * * *"},
    ]
    first, second = _json(entries, 1)["schedules"]
    assert first["status"] in ("not_compared", "same")
    assert second["status"] == "same"


@pytest.mark.parametrize("form", [None, *FORMATS])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x01\x02\xff" * 100,
        os.urandom(2000),
        b"\xff\xfe0\x009\x00",
        b"[" * 200_000,
        b'{"a": ' * 50_000,
        b'[{"id": "a", "trigger": "cron[hour=',
        b"x" * 1_048_577,
        b"\n" * 10_002,
    ],
    ids=["empty", "binary", "random", "utf-16", "deep list", "deep object", "truncated", "large", "lines"],
)
def test_a_hostile_file_is_one_line(data: bytes, form: str | None, folder: Path) -> None:
    """Exit code 2, the file named, a cure; no traceback."""
    (folder / "file").write_bytes(data)
    result = run("lint", "file", *(["--format", form] if form else []))
    if result.exit_code == 1:  # read as a crontab, each line of it is refused
        assert form in ("crontab", "system-crontab", None)
        return
    line = complaint(result, 2)
    assert line.startswith("file: ")
    assert "; " in line


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["nothing"], "file: nothing cannot be read: no such file or directory; name a readable file, or - for"),
        (["."], "file: . is not a file; name a readable file"),
        (["/dev/zero"], "file: /dev/zero is not a file; name a readable file"),
        (["file", "--tz", "Mars/Base"], "timezone: there is no zone 'Mars/Base'; use an IANA"),
        (["file", "--year-from", "soon"], "year-from: 'soon' is not a timestamp; write it in ISO 8601"),
        (["file", "--year-from", "0001-01-01T00:00:00Z"], "year-from: the year 1 is out of range; use 1900 to 9800"),
        (["file", "--format", "fcron"], "--format: 'fcron' is not one of"),
        ([], "FILE: it is missing"),
    ],
)
def test_what_cannot_be_asked_is_one_line(args: list[str], line: str, folder: Path) -> None:
    """Exit code 2."""
    (folder / "file").write_text(GOOD)
    assert complaint(run("lint", *args), 2).startswith(line)


def test_what_comes_from_the_file_cannot_move_the_terminal() -> None:
    """Escapes are written out."""
    printed = _lint("0 9 * * * x\x1b[2J\n", code=0)
    assert "\x1b" not in printed
    assert "x\\x1b[2J" in printed
