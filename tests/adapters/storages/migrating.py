"""A schema of three steps for the tests of migrations, on both storages that have a schema; also run as a process.

``python -m adapters.storages.migrating KIND TARGET [N]`` migrates, and kills itself after N statements.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from mainspring.adapters.storages.migrations import Migration, Schema, parse_migration
from mainspring.adapters.storages.postgres import control as postgres_control
from mainspring.adapters.storages.postgres import migrations as postgres_migrations
from mainspring.adapters.storages.sqlite import control as sqlite_control
from mainspring.adapters.storages.sqlite import migrations as sqlite_migrations
from mainspring.adapters.storages.sqlite import opening as sqlite_opening

SCHEMA = "proving"
SCRIPTS = (
    (
        "-- oldest: 1\n"
        "CREATE TABLE {schema}.migrations (\n"
        "    number INTEGER PRIMARY KEY, checksum TEXT NOT NULL, oldest INTEGER NOT NULL, at {instant} NOT NULL\n"
        ");\n"
        "CREATE TABLE {schema}.birds (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n"
        "CREATE INDEX birds_name ON {schema}.birds (name);\n"
    ),
    (
        "-- oldest: 1\n"
        "CREATE TABLE {schema}.nests (id INTEGER PRIMARY KEY, place TEXT NOT NULL);\n"
        "INSERT INTO {schema}.nests (id, place) VALUES (1, 'a tree; or not');\n"
    ),
    (
        "-- oldest: 2\nALTER TABLE {schema}.birds ADD COLUMN colour TEXT;\n"
        "CREATE INDEX birds_colour ON {schema}.birds (colour);\n"
    ),
)


def steps(kind: str, count: int = len(SCRIPTS)) -> tuple[Migration, ...]:
    """The first steps, as a storage of this kind has them."""
    sqlite = kind == "sqlite"
    return tuple(
        parse_migration(
            number,
            script.replace("{schema}.", "" if sqlite else "{schema}.").replace(
                "{instant}", "INTEGER" if sqlite else "timestamptz"
            ),
        )
        for number, script in enumerate(SCRIPTS[:count], 1)
    )


@contextmanager
def knowing(kind: str, known: tuple[Migration, ...]) -> Iterator[None]:
    """Let the code of a storage know these steps, and no others, for as long as the block lasts."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (sqlite_migrations, sqlite_opening) if kind == "sqlite" else (postgres_migrations,):
            patch.setattr(module, "known", lambda: known)
        yield


def schema_at(kind: str, target: str) -> Schema:
    """The schema under proof: in a file, or in the database that a URL names."""
    if kind == "sqlite":
        return sqlite_control.SqliteSchema(target)
    return postgres_control.PostgresSchema(f"{target}&schema={SCHEMA}")


class Doomed:
    """Kills this process after so many statements."""

    def __init__(self, left: int) -> None:
        self._left = left

    def count(self, *_: object) -> None:
        """Count one."""
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _doom(kind: str, patch: pytest.MonkeyPatch, left: int) -> None:
    doomed = Doomed(left)
    if kind == "sqlite":
        connect = sqlite_opening.connect

        def watched(*args: object, **options: object) -> sqlite3.Connection:
            connection = connect(*args, **options)  # type: ignore[arg-type]
            connection.set_trace_callback(doomed.count)
            return connection

        patch.setattr(sqlite_opening, "connect", watched)
        patch.setattr(sqlite_control, "connect", watched)
        return
    execute = psycopg.Connection.execute

    def counted(connection: psycopg.Connection, *args: object, **options: object) -> object:
        done = execute(connection, *args, **options)  # type: ignore[arg-type]
        doomed.count()
        return done

    patch.setattr(psycopg.Connection, "execute", counted)


if __name__ == "__main__":
    kind, target = sys.argv[1:3]
    with knowing(kind, steps(kind)), pytest.MonkeyPatch.context() as patch:
        if len(sys.argv) > 3:
            _doom(kind, patch, int(sys.argv[3]))
        print(*(step.number for step in schema_at(kind, target).migrate()))
