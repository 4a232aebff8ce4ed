"""The schema of a SQLite file: what it consists of, and how it is brought up to date.

The table ``migrations`` is the truth; ``user_version`` repeats the last number for a quick look.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Final

from mainspring.adapters.storages.migrations import Applied, Migration, read_migrations
from mainspring.core.errors import Unavailable
from mainspring.core.instants import from_micros, to_micros

APPLICATION_ID: Final = 0x6D737067
"""What marks a SQLite file as ours (``PRAGMA application_id``): the letters mspg."""

_COLUMNS: Final = "INSERT INTO migrations (number, checksum, oldest, at)"


@cache
def known() -> tuple[Migration, ...]:
    """Read the migrations that this code knows."""
    return read_migrations(files("mainspring.adapters.storages.sqlite") / "schema")


def latest() -> int:
    """Give the schema version that this code works with."""
    return len(known())


def apply(connection: sqlite3.Connection, steps: Sequence[Migration], at: datetime) -> None:
    """Take ``steps``, the next ones in order; the caller holds a write transaction."""
    for step in steps:
        for statement in statements(step.script):
            connection.execute(statement)
        connection.execute(f"{_COLUMNS} VALUES (?, ?, ?, ?)", (step.number, step.checksum, step.oldest, to_micros(at)))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {step.number}")


def read_applied(connection: sqlite3.Connection) -> tuple[Applied, ...]:
    """Read the steps that a file has taken; ``Unavailable`` if it does not hold what such a table holds."""
    rows = connection.execute("SELECT number, checksum, oldest, at FROM migrations ORDER BY number").fetchall()
    try:
        return tuple(
            Applied(number=int(number), checksum=str(checksum), oldest=int(oldest), at=from_micros(int(at)))
            for number, checksum, oldest, at in rows
        )
    except (TypeError, ValueError, OverflowError):
        what = "its table migrations is damaged"
        raise Unavailable("store", what, "restore it from a backup") from None


def statements(script: str) -> list[str]:
    """Cut a script into its statements."""
    found: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending)
            pending = ""
    return found


def by_hand(steps: Sequence[Migration], at: datetime) -> str:
    """Write ``steps`` as a script for ``sqlite3 FILE``."""
    return "".join(
        f"BEGIN IMMEDIATE;\n{step.script}{_COLUMNS}"
        f" VALUES ({step.number}, '{step.checksum}', {step.oldest}, {to_micros(at)});\n"
        f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {step.number};\nCOMMIT;\n"
        for step in steps
    )


def objects(version: int) -> frozenset[tuple[str, str, str]]:
    """Give what the schema of a version consists of: type, name and SQL of each table and index."""
    return _objects(known()[:version])


@cache
def _objects(steps: tuple[Migration, ...]) -> frozenset[tuple[str, str, str]]:
    with_schema = sqlite3.connect(":memory:", isolation_level=None)
    try:
        apply(with_schema, steps, from_micros(0))
        return frozenset(read_objects(with_schema))
    finally:
        with_schema.close()


def read_objects(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Read what the schema of a file consists of."""
    rows: list[tuple[str, str, str]] = connection.execute(
        "SELECT type, name, coalesce(sql, '') FROM sqlite_master"
    ).fetchall()
    return rows
