"""``mainspring schedule``: what it stores, what it prints."""

from __future__ import annotations

import pytest

from mainspring.adapters.codec import SCHEDULE, SCHEDULE_EVENT, SLOT
from support.commands import complaint, read, run, well

URL = "https://example.com/tick"


def test_a_schedule_is_stored_as_it_was_asked_for() -> None:
    """Every option reaches the schedule; what is printed is its id."""
    id_ = well(
        "schedule", "add", URL, "--cron", "30 2 * * 1-5", "--tz", "Europe/Berlin", "--name", "nightly",
        "--description", "Copies", "--overlap", "skip", "--queue", "slow", "--priority", "3", "--retry", "never",
        "--timeout", "1h", "--body", "x", "-H", "A: b",
    )  # fmt: skip
    made = read("schedule", "show", id_)["schedule"]
    assert made["id"] == id_
    assert made["recurrence"] == {
        "kind": "cron", "text": "30 2 * * 1-5", "timezone": "Europe/Berlin", "seconds": False, "days": "debian",
        "gap": None, "fold": None,
    }  # fmt: skip
    assert (made["name"], made["description"], made["overlap"]) == ("nightly", "Copies", "skip")
    template = made["template"]
    assert template["call"] == {"kind": "http", "url": URL, "headers": [["A", "b"]], "body": "x"}
    assert (template["queue"], template["priority"], template["timeout"]) == ("slow", 3, "1h")
    assert template["retry"]["kind"] == "never"


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        (["--cron", "*/5 * * * * *", "--seconds"], "cron"),
        (["--rrule", "FREQ=MONTHLY;BYDAY=3TU", "--dtstart", "2030-01-01T09:00:00Z"], "rrule"),
        (["--rrule", "FREQ=HOURLY"], "rrule"),
        (["--every", "10m"], "interval"),
        (["--every", "PT10M", "--dtstart", "2030-01-01T00:00:00Z"], "interval"),
    ],
)
def test_a_schedule_goes_by_cron_by_rrule_or_by_an_interval(rule: list[str], kind: str) -> None:
    """Each kind of rule, read back with its next instants."""
    made = read("schedule", "add", URL, *rule)
    assert made["recurrence"]["kind"] == kind
    assert SCHEDULE.of(made, "schedule").id == made["id"]
    shown = read("schedule", "show", made["id"])
    assert len(shown["upcoming"]) == 5
    assert shown["upcoming"][0] == made["next_at"]
    assert well("schedule", "show", made["id"])


def test_schedules_are_listed_newest_first_and_filtered() -> None:
    """By name, and in pages."""
    first = well("schedule", "add", URL, "--every", "1h", "--name", "a")
    second = well("schedule", "add", URL, "--every", "1h")
    page = read("schedule", "ls", "--limit", "1")
    assert [found["id"] for found in page["schedules"]] == [second]
    after = read("schedule", "ls", "--limit", "1", "--after", page["cursor"])
    assert [found["id"] for found in after["schedules"]] == [first]
    assert [found["id"] for found in read("schedule", "ls", "--name", "a")["schedules"]] == [first]
    result = run("schedule", "ls", "--limit", "1")
    head, row = result.stdout.splitlines()
    assert head.split() == ["ID", "STATUS", "NEXT", "FIRED", "NAME", "RULE", "CALL"]
    assert row.split()[:2] == [second, "active"]
    assert result.stderr.startswith("more: --after ")


def test_a_schedule_is_paused_run_by_hand_resumed_and_removed() -> None:
    """Each command says what follows; the history and the slots tell it later."""
    id_ = well("schedule", "add", URL, "--cron", "0 0 1 1 *")
    assert well("schedule", "pause", id_, "--note", "holidays").endswith(" (holidays)")
    assert " paused " in f" {well('schedule', 'ls').splitlines()[1]} "
    assert "next, were it not paused" in well("schedule", "show", id_)
    created = well("schedule", "run", id_)
    task_id = created.split()[-1]
    assert created == f"{id_}  created task {task_id}"
    assert well("schedule", "run", id_) == created, "within ten seconds it is the same request"
    well("schedule", "edit", id_, "--description", "another one")
    assert well("schedule", "run", id_) == f"{id_}  waits for an earlier task to end"
    assert well("schedule", "resume", id_).startswith(f"{id_}  active, next at ")
    shown = read("schedule", "show", id_)
    assert [event["kind"] for event in shown["history"]] == ["created", "paused", "ran", "edited", "ran", "resumed"]
    assert [SCHEDULE_EVENT.of(event, "event") for event in shown["history"]]
    assert [SLOT.of(slot, "slot").manual for slot in shown["slots"]] == [True, True]
    assert [slot["outcome"]["kind"] for slot in shown["slots"]] == ["buffered", "created"]
    assert "by hand, created task" in well("schedule", "show", id_)
    assert [task["id"] for task in read("task", "ls", "--schedule", id_)["tasks"]] == [task_id]
    assert f"schedule       {id_}" in well("task", "show", task_id)
    assert well("schedule", "rm", id_) == f"{id_}  removed"
    assert complaint(run("schedule", "show", id_), 3).startswith(f"schedule: there is no '{id_}'")
    assert read("task", "show", task_id)["task"]["id"] == task_id


def test_the_next_instants_are_also_shown_in_the_zone() -> None:
    """Nobody has to add hours up."""
    id_ = well("schedule", "add", URL, "--cron", "0 9 * * *", "--tz", "Asia/Kolkata")
    lines = well("schedule", "show", id_).splitlines()
    upcoming = lines[lines.index("next") + 1 :][:5]
    assert all("T03:30:00Z" in line and line.endswith("09:00 +0530") for line in upcoming)


def test_a_schedule_is_edited_field_by_field() -> None:
    """What is named changes, the rest stays; the answer says the version and what follows."""
    id_ = well(
        "schedule", "add", URL, "--cron", "0 9 * * *", "--tz", "Europe/Berlin", "--name", "nightly", "--gap", "skip",
        "--catch-up", "at most 3", "--catch-up-window", "6h", "--max-runs", "9", "--ends-at", "2090-01-01T00:00:00Z",
    )  # fmt: skip
    before = read("schedule", "show", id_)["schedule"]
    assert before["catch_up"] == {"window": "6h", "mode": {"at_most": 3}}
    said = well("schedule", "edit", id_, "--tz", "UTC", "--overlap", "skip", "--gap", "default", "--queue", "slow")
    assert said.startswith(f"{id_}  version 2, active, next at ")
    after = read("schedule", "show", id_)["schedule"]
    changed = {"version", "recurrence", "overlap", "template", "next_at", "wake_at"}
    assert {name for name in after if after[name] != before[name]} == changed
    assert after["recurrence"] == {**before["recurrence"], "timezone": "UTC", "gap": None}
    assert after["template"] == {**before["template"], "queue": "slow"}
    edited = read(
        "schedule", "edit", id_, "https://example.com/other", "-H", "A: b", "--body", "x", "--every", "10m",
        "--name", "", "--max-runs", "none",
        "--ends-at", "none", "--catch-up", "latest", "--jitter", "5s", "--description", "Copies",
        "--starts-at", "2089-01-01T00:00:00Z", "--timeout", "1m", "--retry", "never", "--priority", "2",
    )  # fmt: skip
    assert edited == read("schedule", "show", id_)["schedule"]
    assert edited["template"]["call"]["url"] == "https://example.com/other"
    assert (edited["name"], edited["max_runs"], edited["ends_at"]) == (None, None, None)
    assert edited["catch_up"] == {"window": "6h", "mode": "latest"}
    assert edited["recurrence"]["kind"] == "interval"
    shown = well("schedule", "show", id_)
    assert "catch-up     latest, within 6h" in shown
    assert "starts       2089-01-01T00:00:00Z" in shown
    assert "edited (recurrence, queue, overlap)" in shown


def test_an_edit_can_be_bound_to_the_version_that_was_read() -> None:
    """One that has moved on is a conflict."""
    id_ = well("schedule", "add", URL, "--every", "1h")
    well("schedule", "edit", id_, "--if-version", "1", "--max-runs", "5")
    line = complaint(run("schedule", "edit", id_, "--if-version", "1", "--max-runs", "7"), 4)
    assert line == f"schedule {id_}: its version is 2, not 1; read it again, then edit what is there now"
    assert "max runs     5, 0 of them made" in well("schedule", "show", id_)


def test_an_edit_that_says_nothing_or_too_much_is_refused() -> None:
    """By the field."""
    id_ = well("schedule", "add", URL, "--every", "1h")
    assert complaint(run("schedule", "edit", id_), 2).startswith("change: nothing to change was given")
    for options, field in (
        (("--body", "x"), "body"),
        (("--args", "{}"), "args"),
        (("--max-runs", "many"), "max-runs"),
        (("--every", "1h", "--cron", "@daily"), "cron, rrule or every"),
        (("--catch-up", "some"), "catch_up_mode"),
        (("--call", "work"), "import"),
    ):
        assert complaint(run("schedule", "edit", id_, *options), 2).startswith(f"{field}: ")
    assert read("schedule", "show", id_)["schedule"]["version"] == 1


def test_a_preview_shows_what_overlap_and_limits_do() -> None:
    """In a table for people, in JSON for programs; the rest is counted."""
    id_ = well("schedule", "add", URL, "--cron", "*/20 * * * *", "--overlap", "skip")
    head, columns, *rows, rest = well("schedule", "preview", id_, "--duration", "30m", "--limit", "3").splitlines()
    assert head.startswith(f"schedule {id_}, from ")
    assert columns.split() == ["OCCURRENCE", "BECOMES", "STARTS", "ENDS"]
    assert [("a task" in row, "skipped: overlap" in row) for row in rows] == [
        (True, False),
        (False, True),
        (True, False),
    ]
    assert rest.startswith("and 26")
    well("queue", "set", "default", "--concurrency", "1")
    seen = read("schedule", "preview", id_, "--for", "1h", "--duration", "1d")
    assert [row["outcome"]["kind"] for row in seen["rows"]] == ["created", "skipped", "skipped"]
    assert (seen["cut"], seen["schedule"]["id"]) == (0, id_)


def test_a_preview_of_an_edit_changes_nothing() -> None:
    """The options are those of edit; a row says if a later one cancels it, and if nothing happens."""
    id_ = well("schedule", "add", URL, "--cron", "*/20 * * * *")
    options = ("--overlap", "cancel_other", "--duration", "30m", "--for", "2h")
    assert "a task, cancelled by a later one" in well("schedule", "preview", id_, *options)
    edited = read("schedule", "preview", id_, "--cron", "0 0 1 1 *", "--tz", "Europe/Berlin", "--for", "1d")
    assert (edited["rows"], edited["schedule"]["recurrence"]["timezone"]) == ([], "Europe/Berlin")
    ended = well("schedule", "preview", id_, "--ends-at", "2001-01-01T00:00:00Z")
    assert ended.endswith("\nnothing happens")
    assert read("schedule", "show", id_)["schedule"]["version"] == 1
    many = well("schedule", "preview", id_, "--every", "1m", "--limit", "1")
    assert many.endswith("and 100000 or more further occurrences")


def test_a_preview_refuses_what_it_cannot_play() -> None:
    """By the field."""
    id_ = well("schedule", "add", URL, "--every", "1h")
    for options, field in (
        (("--for", "x"), "span"),
        (("--until", "x"), "until"),
        (("--until", "2001-01-01T00:00:00Z"), "until"),
        (("--until", "2090-01-01T00:00:00Z", "--for", "1h"), "until"),
        (("--duration", "x"), "duration"),
        (("--limit", "0"), "limit"),
        (("--cron", "x"), "cron"),
    ):
        assert complaint(run("schedule", "preview", id_, *options), 2).startswith(f"{field}: ")
    assert complaint(run("schedule", "preview", "nobody"), 3).startswith("schedule: there is no 'nobody'")


def test_an_empty_list_is_well_and_empty() -> None:
    """Nothing on stdout, a word on stderr."""
    well("task", "add", URL)
    result = run("schedule", "ls")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no schedules\n")


def test_a_name_belongs_to_one_schedule() -> None:
    """A second one of the name is a conflict."""
    well("schedule", "add", URL, "--every", "1h", "--name", "only")
    assert "only" in complaint(run("schedule", "add", URL, "--every", "1h", "--name", "only"), 4)
