"""Migrations: each step once, whole or not at all, whoever tries it at the same time, and only forward."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from attrs import frozen

from adapters.storages.migrating import SCHEMA, knowing, schema_at, steps
from mainspring.adapters.storages.migrations import Schema, parse_migration, version_of
from mainspring.adapters.storages.postgres.migrations import statements
from mainspring.adapters.storages.sqlite.opening import prepare
from mainspring.core.errors import CorruptHistory, InvalidInput, Unavailable
from support.postgres import chosen_binaries

TESTS = Path(__file__).resolve().parents[2]


@frozen
class Proving:
    """A place for a schema, with nothing in it yet: a file that does not exist, or an empty database."""

    kind: str
    target: str

    @property
    def schema(self) -> Schema:
        """The schema there."""
        return schema_at(self.kind, self.target)

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        """Execute one statement in a transaction of its own; give its rows."""
        if self.kind == "sqlite":
            with contextlib.closing(sqlite3.connect(self.target)) as file, file:
                return file.execute(sql).fetchall()
        with psycopg.connect(self.target, options=f"-c search_path={SCHEMA}") as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def process(self, *more: str) -> subprocess.Popen[str]:
        """Migrate in a process of its own."""
        path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
        return subprocess.Popen(
            [sys.executable, "-m", "adapters.storages.migrating", self.kind, self.target, *more],
            env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(params=["sqlite", "postgres"])
def proving(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Proving]:
    kind = str(request.param)
    target = str(tmp_path / "s.db") if kind == "sqlite" else request.getfixturevalue("bare_postgres_url")
    with knowing(kind, steps(kind)):
        yield Proving(kind, target)


def numbers(taken: object) -> list[int]:
    """The numbers of steps."""
    return [step.number for step in taken]  # type: ignore[attr-defined]


def test_steps_are_taken_in_order_and_once(proving: Proving) -> None:
    """The store says which, when, and with which text; a second run finds nothing to do."""
    assert proving.schema.applied() == ()
    before = datetime.now(UTC) - timedelta(seconds=5)
    assert numbers(proving.schema.migrate()) == [1, 2, 3]
    assert proving.schema.migrate() == ()
    applied = proving.schema.applied()
    assert [(step.number, step.checksum, step.oldest) for step in applied] == [
        (step.number, step.checksum, step.oldest) for step in steps(proving.kind)
    ]
    assert all(before <= step.at <= datetime.now(UTC) + timedelta(seconds=5) for step in applied)
    assert proving.ask("SELECT place FROM nests") == [("a tree; or not",)]
    assert proving.schema.faults() == ()


def test_to_goes_so_far_and_no_further(proving: Proving) -> None:
    """Step by step, for who wants to look between them; never back, and to nothing that there is not."""
    assert numbers(proving.schema.migrate(2)) == [1, 2]
    assert proving.schema.faults() == ()
    assert proving.schema.migrate(2) == ()
    with pytest.raises(InvalidInput, match="no way back"):
        proving.schema.migrate(1)
    with pytest.raises(InvalidInput, match="there is no schema version 4; use 1 to 3"):
        proving.schema.migrate(4)
    assert numbers(proving.schema.migrate(3)) == [3]


def test_a_dry_run_changes_nothing(proving: Proving) -> None:
    """It takes the steps and rolls them back, so that what would fail does so here."""
    assert numbers(proving.schema.migrate(dry_run=True)) == [1, 2, 3]
    assert proving.schema.applied() == ()
    proving.schema.migrate(1)
    assert numbers(proving.schema.migrate(dry_run=True)) == [2, 3]
    assert version_of(proving.schema.applied()) == 1
    proving.ask("CREATE TABLE nests (id INTEGER)")
    with pytest.raises(Unavailable, match="nests"):
        proving.schema.migrate(dry_run=True)


def test_a_step_that_fails_has_not_happened(proving: Proving) -> None:
    """Whole or not at all, in both storages; what came before it stays."""
    proving.schema.migrate(1)
    proving.ask("CREATE INDEX birds_colour ON birds (id)")  # in the way of the last statement of the last step
    with pytest.raises(Unavailable, match="birds_colour"):
        proving.schema.migrate()
    assert version_of(proving.schema.applied()) == 2
    proving.ask("DROP INDEX birds_colour")
    assert numbers(proving.schema.migrate()) == [3]


def test_what_was_changed_is_found(proving: Proving) -> None:
    """An index that is gone, a step with another text: verify names them, and no further step is taken."""
    proving.schema.migrate(2)
    proving.ask("DROP INDEX birds_name")
    assert proving.schema.faults() == ("index birds_name is missing",) or proving.kind == "sqlite"
    assert "birds_name" in proving.schema.faults()[0]
    proving.ask("UPDATE migrations SET checksum = 'another' WHERE number = 1")
    assert "0001 was applied with another text" in proving.schema.faults()[0]
    with pytest.raises(CorruptHistory, match="another text"):
        proving.schema.migrate()


def test_a_step_that_was_left_out_is_a_fault(proving: Proving) -> None:
    """The numbers have no gap."""
    proving.schema.migrate()
    proving.ask("DELETE FROM migrations WHERE number = 2")
    assert "migration 0002 was left out" in proving.schema.faults()


def test_expand_then_contract(proving: Proving) -> None:
    """Code of the version before works with a store that was only added to, and is refused one that lost something."""
    proving.schema.migrate(2)
    with knowing(proving.kind, steps(proving.kind, 1)):
        assert proving.schema.migrate() == ()
        assert proving.schema.faults() == ()
        if proving.kind == "sqlite":
            assert prepare(Path(proving.target), "auto")
    proving.schema.migrate(3)
    with knowing(proving.kind, steps(proving.kind, 1)):
        with pytest.raises(Unavailable, match="has schema version 3, this mainspring knows 1; upgrade mainspring"):
            proving.schema.migrate()
        if proving.kind == "sqlite":
            with pytest.raises(Unavailable, match="upgrade mainspring"):
                prepare(Path(proving.target), "auto")


def by_hand(proving: Proving, script: str) -> None:
    """Run a script as a database administrator would; skips where the program for it is missing."""
    if proving.kind == "sqlite":
        with contextlib.closing(sqlite3.connect(proving.target)) as file:
            file.executescript(script)
        return
    psql = shutil.which("psql") or shutil.which("psql", path=str(chosen_binaries().folder))
    if psql is None:
        pytest.skip("there is no psql here")
    command = [psql, "-q", "--set", "ON_ERROR_STOP=1", "-d", proving.target]
    subprocess.run(command, input=script, text=True, check=True, capture_output=True, timeout=60)


def test_the_sql_can_be_run_by_hand(proving: Proving) -> None:
    """For those who let nobody else change a schema: it comes to the same."""
    script = proving.schema.sql(2)
    assert proving.schema.applied() == ()
    by_hand(proving, script)
    by_hand(proving, proving.schema.sql())
    assert proving.schema.sql() == ""
    assert version_of(proving.schema.applied()) == 3
    assert proving.schema.faults() == ()
    assert proving.schema.migrate() == ()


def test_of_many_processes_each_step_is_taken_by_one(proving: Proving) -> None:
    """Ten that start at once on an empty store (figure F16 does it fifty times)."""
    processes = [proving.process() for _ in range(10)]
    told = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * 10, told
    taken = sorted(int(number) for out, _ in told for number in out.split())
    assert taken == [1, 2, 3] or proving.kind == "sqlite"  # a new file is made whole by several, one of them wins
    assert version_of(proving.schema.applied()) == 3
    assert proving.ask("SELECT count(*) FROM nests") == [(1,)]
    assert proving.schema.faults() == ()


def test_a_migration_that_was_killed_can_be_run_again(proving: Proving) -> None:
    """After each statement that it makes, bookkeeping included; what was committed before is not done again."""
    last = 0
    for number in range(1, 200):
        process = proving.process(str(number))
        _, err = process.communicate(timeout=60)
        version = version_of(proving.schema.applied())
        assert version >= last
        assert proving.schema.faults() == ()
        last = version
        if process.returncode == 0:
            break
        assert process.returncode == -9, err
    assert 5 < number < 199
    assert last == 3
    assert proving.ask("SELECT count(*) FROM nests") == [(1,)]


def test_a_busy_table_is_told(proving: Proving, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step waits only so long for the locks of its tables: whoever waits behind it would stand still as well."""
    if proving.kind == "sqlite":
        pytest.skip("SQLite has one lock for all")
    monkeypatch.setattr("mainspring.adapters.storages.postgres.migrations.LOCK_SECONDS", 1)
    proving.schema.migrate(2)
    with psycopg.connect(proving.target) as other:
        other.execute("SELECT * FROM proving.birds")
        with pytest.raises(Unavailable, match="held a lock for too long"):
            proving.schema.migrate()
    assert numbers(proving.schema.migrate()) == [3]


def test_a_script_is_cut_into_its_statements() -> None:
    """At the ends of lines, and not within a quoted body or a comment."""
    script = (
        "-- oldest: 1\n-- a; b;\nSELECT 1; -- one;\nSELECT\n  2;\n"
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $body$\nBEGIN\n  RETURN 1;\nEND;\n$body$;\nSELECT 3;\n"
    )
    cut = statements(script)
    assert [text.split()[-1] for text in cut] == ["one;", "2;", "$body$;", "3;"]
    assert "".join(cut) == script


def test_a_script_says_which_code_works_with_it() -> None:
    """The first line is not optional."""
    with pytest.raises(AssertionError, match="oldest"):
        parse_migration(7, "CREATE TABLE a (b);\n")
    assert parse_migration(7, "-- oldest: 6\nCREATE TABLE a (b);\n").oldest == 6
