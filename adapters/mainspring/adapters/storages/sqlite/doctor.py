"""What ``mainspring doctor`` wants to know of a file."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Literal

from attrs import frozen

from mainspring.adapters.storages.sqlite.opening import wal_is_safe
from mainspring.adapters.storages.sqlite.place import file_system


@frozen(kw_only=True)
class Quarantined:
    """A row that could not be read and was set aside."""

    kind: Literal["task", "schedule"]
    id: str
    reason: str


@frozen(kw_only=True)
class Report:
    """How a file is, and how it is used; ``faults`` is empty if all is well."""

    path: Path
    file_bytes: int
    file_system: str
    sqlite_version: str
    wal_is_safe: bool
    journal_mode: str
    schema_version: int
    faults: tuple[str, ...]
    quarantined: tuple[Quarantined, ...]


def examine(connection: sqlite3.Connection, path: Path, journal_mode: str) -> Report:
    """Check every page, index and reference of the file."""
    found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)")]
    faults = [" ".join(text.split()) for text in found if text != "ok"]
    faults += [f"a row of {row[0]} refers to nothing" for row in connection.execute("PRAGMA foreign_key_check")]
    (schema_version,) = connection.execute("PRAGMA user_version").fetchone()
    return Report(
        path=path,
        file_bytes=path.stat().st_size,
        file_system=file_system(path.parent),
        sqlite_version=sqlite3.sqlite_version,
        wal_is_safe=wal_is_safe(),
        journal_mode=journal_mode,
        schema_version=schema_version,
        faults=tuple(faults[:20]),
        quarantined=quarantined(connection, 100),
    )


def quarantined(connection: sqlite3.Connection, limit: int) -> tuple[Quarantined, ...]:
    """List quarantined rows."""
    rows = connection.execute(
        "SELECT 'task', id, quarantined FROM tasks WHERE quarantined IS NOT NULL"
        " UNION ALL SELECT 'schedule', id, quarantined FROM schedules WHERE quarantined IS NOT NULL LIMIT ?",
        (limit,),
    )
    return tuple(Quarantined(kind=kind, id=key, reason=reason) for kind, key, reason in rows)
