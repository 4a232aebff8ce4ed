"""``mainspring why``: the chain, for people and for programs."""

from __future__ import annotations

from support.commands import complaint, read, run, well

URL = "https://example.com/tick"


def test_a_task_is_told_link_by_link() -> None:
    """Each line begins with the stage of its link; JSON adds the instant and the fact."""
    id_ = well("task", "add", URL, "--delay", "1h")
    head, rule, gate = well("why", id_).splitlines()
    assert head == f"task {id_}"
    assert rule.startswith("  rule  A client created it, to run at ")
    assert gate.startswith("  gate  It does not run yet: it is due in 59m")
    found = read("why", id_)
    assert (found["subject"], found["id"]) == ("task", id_)
    assert [(reason["stage"], reason["fact"]) for reason in found["reasons"]] == [
        ("rule", "task.origin"),
        ("gate", "task.state.due"),
    ]
    assert all(set(reason) == {"stage", "at", "text", "fact"} for reason in found["reasons"])


def test_a_schedule_is_told_as_it_is_or_at_an_instant() -> None:
    """What it does next, or what became of one occurrence."""
    id_ = well("schedule", "add", URL, "--cron", "0 0 1 1 *")
    next_at = read("schedule", "show", id_)["schedule"]["next_at"]
    well("schedule", "skip", id_)
    assert "It was skipped: somebody asked for that." in well("why", id_, "--at", next_at)
    assert "is no occurrence of the rule; the next one is" in well("why", id_, "--at", "2090-01-02T00:00:00Z")
    assert read("why", id_)["subject"] == "schedule"


def test_a_task_can_be_asked_about_an_instant() -> None:
    """Before it was there, there is nothing to tell."""
    id_ = well("task", "add", URL)
    assert "the task did not exist yet" in well("why", id_, "--at", "2001-01-01T00:00:00Z")


def test_what_cannot_be_told_is_refused() -> None:
    """An unknown id may have been meant as either; an instant has an offset."""
    id_ = well("task", "add", URL)
    assert complaint(run("why", "nobody"), 3).startswith("task or schedule: there is no 'nobody'")
    assert complaint(run("why", id_, "--at", "2030-01-01T00:00:00"), 2).startswith("at: ")
