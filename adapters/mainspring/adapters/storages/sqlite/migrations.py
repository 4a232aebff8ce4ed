"""The schema: numbered SQL files, applied in order; the file's ``user_version`` says how far."""

from __future__ import annotations

import sqlite3
from functools import cache
from importlib.resources import files
from typing import Final

APPLICATION_ID: Final = 0x6D737067
"""What marks a SQLite file as ours (``PRAGMA application_id``): the letters mspg."""


@cache
def scripts() -> tuple[str, ...]:
    """Read the SQL files, in order."""
    folder = files("mainspring.adapters.storages.sqlite") / "schema"
    found = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    return tuple((folder / name).read_text(encoding="utf-8") for name in found)


def latest() -> int:
    """Give the schema version that this code works with."""
    return len(scripts())


def migrate(connection: sqlite3.Connection, start: int) -> None:
    """Bring the schema from version ``start`` to the latest; the caller holds a write transaction."""
    for script in scripts()[start:]:
        for statement in _statements(script):
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {latest()}")


def _statements(script: str) -> list[str]:
    found: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending)
            pending = ""
    return found


@cache
def objects() -> frozenset[tuple[str, str, str]]:
    """Give what the latest schema consists of: type, name and SQL of each table and index."""
    with_schema = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(with_schema, 0)
        return frozenset(read_objects(with_schema))
    finally:
        with_schema.close()


def read_objects(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Read what the schema of a file consists of."""
    rows: list[tuple[str, str, str]] = connection.execute(
        "SELECT type, name, coalesce(sql, '') FROM sqlite_master"
    ).fetchall()
    return rows
