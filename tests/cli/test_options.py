"""What ``task add`` and ``schedule add`` may be told beside the call, and what is done to a schedule's occurrences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mainspring.cli.main import cli

URL = "https://example.com/hook"


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'main.db'}"


def run(store: str, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--store", store, *arguments])


def document(store: str, *arguments: str) -> Any:
    done = run(store, *arguments, "--json")
    assert done.exit_code == 0, done
    return json.loads(done.output)


def test_a_task_has_a_key_and_a_say_about_its_name(store: str) -> None:
    """``--on-clash keep`` answers with the task that is there."""
    first = document(store, "task", "add", URL, "--name", "report", "--key", "tenant-1", "--delay", "1h")
    assert first["key"] == "tenant-1"
    assert document(store, "task", "add", URL, "--name", "report", "--on-clash", "keep")["id"] == first["id"]
    moved = document(store, "task", "add", URL, "--name", "report", "--on-clash", "debounce", "--delay", "2h")
    assert (moved["id"], moved["version"]) == (first["id"], 2)


def test_a_repeated_request_makes_no_second_task(store: str) -> None:
    """With the same key; a policy may be written as text."""
    same = ["task", "add", URL, "--idempotency-key", "order-7", "--retry", "fixed(5s, attempts=3)"]
    first, second = document(store, *same), document(store, *same)
    assert first["id"] == second["id"]
    assert first["retry"] | {"kind": "fixed", "attempts": 3, "delay": "5s"} == first["retry"]


def test_a_schedule_has_bounds_jitter_and_policies(store: str) -> None:
    """Each option arrives where it belongs."""
    options = ["--tz", "Europe/Berlin", "--days", "and", "--gap", "skip", "--fold", "both", "--max-runs", "3"]
    bounds = ["--starts-at", "2030-01-01T00:00:00Z", "--ends-at", "2031-01-01T00:00:00Z", "--jitter", "5m"]
    made = document(store, "schedule", "add", URL, "--cron", "30 2 1 * 1", *options, *bounds)
    assert (made["starts_at"], made["ends_at"]) == ("2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z")
    assert (made["max_runs"], made["jitter"]) == (3, "5m")
    rule = made["recurrence"]
    assert (rule["days"], rule["gap"], rule["fold"]) == ("and", "skip", "both")


def test_an_occurrence_is_skipped_and_others_are_run_again(store: str) -> None:
    """The next one by ``skip``, past ones by ``backfill``; both are in the slots."""
    made = document(store, "schedule", "add", URL, "--cron", "0 0 1 1 *")
    skipped = run(store, "schedule", "skip", made["id"])
    assert skipped.output.startswith(f"{made['id']}  active, next at ")
    again = ["schedule", "backfill", made["id"], "--from", "2024-01-01T00:00:00Z", "--to", "2025-01-01T00:00:00Z"]
    lines = run(store, *again, "--overlap", "allow_all").output.splitlines()
    assert [line[:32] for line in lines] == [
        "2024-01-01T00:00:00Z  created ta",
        "2025-01-01T00:00:00Z  created ta",
    ]
    shown = run(store, "schedule", "show", made["id"]).output
    assert "excluded" in shown
