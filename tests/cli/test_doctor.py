"""``mainspring doctor``: what is installed, and how the store is."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mainspring.adapters.storages.sqlite import wal_is_safe
from mainspring.cli import health
from support.commands import read, run, well


def test_a_healthy_store_is_described(folder: Path) -> None:
    """Versions, the journal mode that was chosen, and what is in the store; for people and as JSON."""
    well("task", "add", "https://example.com")
    found = read("doctor")
    assert found["installation"]["sqlite"].startswith(sqlite3.sqlite_version)
    assert found["installation"]["tzdata"]
    assert found["store"]["url"] == "sqlite:///mainspring.db"
    assert found["store"]["state"] == "ok"
    assert found["store"]["journal_mode"] == ("wal" if wal_is_safe() else "truncate")
    assert found["store"]["tasks"] == {"pending": 1}
    assert found["faults"] == []
    shown = well("doctor")
    assert "1 pending" in shown
    assert "state           ok" in shown


def test_a_store_that_does_not_exist_yet_is_no_fault(folder: Path) -> None:
    """A fresh installation is well; nothing is created to find that out."""
    assert "does not exist yet" in well("doctor")
    assert list(folder.iterdir()) == []


def test_what_cannot_be_used_is_told_with_the_rest(folder: Path) -> None:
    """The versions are shown all the same, since they may be the reason; exit code 75."""
    (folder / "mainspring.db").write_text("a text")
    result = run("doctor")
    assert result.exit_code == 75
    assert "cannot be used" in result.stdout
    assert sqlite3.sqlite_version in result.stdout
    assert result.stderr.startswith("error: store: ")


def test_a_row_that_was_set_aside_is_a_fault(folder: Path) -> None:
    """Exit code 70, and which row it is."""
    id_ = well("task", "add", "https://example.com")
    with sqlite3.connect(folder / "mainspring.db") as connection:
        connection.execute("UPDATE tasks SET due = NULL, quarantined = 'it cannot be read' WHERE id = ?", (id_,))
    connection.close()
    result = run("doctor")
    assert result.exit_code == 70
    assert f"fault: task {id_}: it cannot be read" in result.stdout
    assert result.stderr == "error: store: 1 faults were found; keep a copy, then restore it from a backup\n"


def test_missing_extras_are_named_with_their_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is optional says how to get it."""
    monkeypatch.setattr(health, "_version", lambda name: None)
    assert read("doctor")["installation"]["aiohttp"] == "missing: pip install 'mainspring[http]'"


def test_the_zone_data_in_use_is_named(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """The system's, with its version where it says one; else the package's."""
    monkeypatch.setattr("zoneinfo.TZPATH", (str(folder),))
    assert health.zone_data().endswith("(the package tzdata)")
    (folder / "UTC").touch()
    assert health.zone_data() == f"unknown version (of the system, {folder})"
    (folder / "tzdata.zi").write_text("# version 2030a\n")
    assert health.zone_data() == f"2030a (of the system, {folder})"
