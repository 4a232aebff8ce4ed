"""``mainspring db``: the schema of the store, for those who want to see it or to change it by themselves."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
from attrs import evolve

from adapters.storages.migrating import knowing, steps
from mainspring.adapters.storages.sqlite.migrations import known
from support.commands import complaint, read, run, well


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, folder: Path) -> str:
    """The URL of a store that does not exist yet."""
    return f"sqlite:///{folder}/s.db" if request.param == "sqlite" else request.getfixturevalue("bare_postgres_url")


def kind(store: str) -> str:
    """The kind of storage that a URL names."""
    return store.partition(":")[0].replace("postgresql", "postgres")


def test_a_store_is_migrated_step_by_step(store: str) -> None:
    """Status shows what was done and what is left; verify says when something is pending, with exit code 4."""
    with knowing(kind(store), steps(kind(store))):
        assert well("db", "migrate", "--to", "2", "--store", store) == "0001 applied\n0002 applied"
        shown = well("db", "status", "--store", store).splitlines()
        assert shown[0] == "schema version 2, the latest known here is 3"
        assert [line.split()[:2] for line in shown[2:]] == [
            ["0001", "applied"],
            ["0002", "applied"],
            ["0003", "pending"],
        ]
        pending = complaint(run("db", "verify", "--store", store), 4)
        assert pending == "store: 1 steps are pending; run 'mainspring db migrate'"
        assert well("db", "migrate", "--dry-run", "--store", store) == "0003 would be applied"
        assert well("db", "migrate", "--store", store) == "0003 applied"
        assert well("db", "migrate", "--store", store) == "nothing to do"
        assert well("db", "verify", "--store", store) == "ok"
        found = read("db", "status", "--store", store)
    assert (found["version"], found["latest"]) == (3, 3)
    assert [step["state"] for step in found["steps"]] == ["applied"] * 3


def test_what_was_changed_is_a_fault(store: str) -> None:
    """Exit code 70, and each fault on a line; status marks the step."""
    with knowing(kind(store), steps(kind(store))):
        well("db", "migrate", "--store", store)
    first, second, third = steps(kind(store))
    with knowing(kind(store), (first, second, evolve(third, script=f"{third.script}-- a remark\n"))):
        result = run("db", "verify", "--store", store)
        assert result.exit_code == 70
        assert "fault: migration 0003 was applied with another text" in result.stdout
        assert result.stderr.startswith("error: store: its schema has ")
        assert "0003  changed" in well("db", "status", "--store", store)
        assert "another text" in complaint(run("db", "migrate", "--store", store), 70)


def test_a_newer_store_is_refused(store: str) -> None:
    """One line, exit code 75: it is this program that has to be upgraded."""
    with knowing(kind(store), steps(kind(store))):
        well("db", "migrate", "--store", store)
    with knowing(kind(store), steps(kind(store), 1)):
        assert "upgrade mainspring" in complaint(run("db", "migrate", "--store", store), 75)


def test_there_is_no_way_back(store: str) -> None:
    """Exit code 2; and so for a version that does not exist, and for options that exclude one another."""
    with knowing(kind(store), steps(kind(store))):
        well("db", "migrate", "--store", store)
        assert "no way back" in complaint(run("db", "migrate", "--to", "1", "--store", store), 2)
        assert "no schema version 9" in complaint(run("db", "migrate", "--to", "9", "--store", store), 2)
    assert "--sql" in complaint(run("db", "migrate", "--dry-run", "--sql", "--store", store), 2)


def test_the_sql_of_a_new_store_makes_one(folder: Path) -> None:
    """What is printed, run by SQLite's own shell or library, is a store that works; nothing is made by printing it."""
    script = well("db", "migrate", "--sql")
    assert list(folder.iterdir()) == []
    with contextlib.closing(sqlite3.connect("mainspring.db")) as file:
        file.executescript(script)
    assert well("db", "verify") == "ok"
    assert well("db", "status").startswith(f"schema version {len(known())}, ")
    well("task", "add", "https://example.com/")


def test_a_store_that_does_not_exist_yet(folder: Path) -> None:
    """Reading creates nothing and ends with 3; migrating creates it, a dry run does not."""
    for command in ("status", "verify"):
        assert "does not exist yet" in complaint(run("db", command), 3)
    numbers = [f"{number:04}" for number in range(1, len(known()) + 1)]
    assert well("db", "migrate", "--dry-run").splitlines() == [f"{number} would be applied" for number in numbers]
    assert list(folder.iterdir()) == []
    assert well("db", "migrate").splitlines() == [f"{number} applied" for number in numbers]
    assert well("db", "verify") == "ok"


def test_what_has_no_schema_is_told(folder: Path) -> None:
    """Memory, an unknown kind, a file of another program, a server that is not there."""
    assert "memory:" in complaint(run("db", "status", "--store", "memory:"), 2)
    assert "has a schema" in complaint(run("db", "status", "--store", "redis://here"), 2)
    Path("other.db").write_text("a text, long enough to be no empty file")
    assert "not a mainspring store" in complaint(run("db", "status", "--store", "sqlite:///other.db"), 75)
    away = f"postgresql://postgres@/x?host={folder}"
    assert "cannot be reached" in complaint(run("db", "status", "--store", away), 75)
