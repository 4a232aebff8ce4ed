"""What ``doctor`` finds out: versions, what SQLite may be trusted with, and how the store is."""

from __future__ import annotations

import platform
import sqlite3
import zoneinfo
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from mainspring.cli.exits import CORRUPT, StoreMissing, code_of, line_of
from mainspring.cli.invocation import Invocation
from mainspring.cli.wiring import is_postgres, open_existing, store_of
from mainspring.core.errors import MainspringError, Unavailable
from mainspring.core.ports import Storage

_EXTRAS: Final = {"aiohttp": "http", "psycopg": "postgres", "rich": "cli"}


@define
class Health:
    """What was found; ``code`` is the exit code, ``complaint`` the line for stderr."""

    installation: dict[str, str]
    store: dict[str, Any]
    faults: list[str] = field(factory=list[str])
    code: int = 0
    complaint: str | None = None

    def document(self) -> dict[str, Any]:
        """Give it as plain data, for JSON."""
        return {"installation": self.installation, "store": self.store, "faults": self.faults}


def examine(invocation: Invocation) -> Health:
    """Look at this installation and at the store."""
    health = Health(installation=_installation(), store={"url": store_of(invocation)})
    try:
        _examine_store(invocation, health)
    except StoreMissing:
        health.store["state"] = "does not exist yet"
    except MainspringError as error:
        health.store["state"] = "cannot be used" if isinstance(error, Unavailable) else "is not well"
        health.code, health.complaint = code_of(error), line_of(error)
    return health


def _examine_store(invocation: Invocation, health: Health) -> None:
    from mainspring.adapters.storages.sqlite import SqliteStorage

    with open_existing(invocation) as store:
        counts = store.sync.count("default")
        if is_postgres(store_of(invocation)):
            _examine_postgres(store.sync, health)
        if isinstance(store.sync, SqliteStorage):
            report = store.sync.doctor()
            health.store.update(
                journal_mode=report.journal_mode,
                file_bytes=report.file_bytes,
                file_system=report.file_system or "unknown",
                schema_version=report.schema_version,
            )
            health.faults = [*report.faults, *(f"{row.kind} {row.id}: {row.reason}" for row in report.quarantined)]
    health.store["tasks"] = dict(counts)
    health.store["state"] = "damaged" if health.faults else "ok"
    if health.faults:
        health.code = CORRUPT
        health.complaint = f"store: {len(health.faults)} faults were found; keep a copy, then restore it from a backup"


def _examine_postgres(storage: Storage, health: Health) -> None:
    from mainspring.adapters.storages.postgres import PostgresStorage

    assert isinstance(storage, PostgresStorage)  # noqa: S101  that is what its URL opens
    report = storage.doctor()
    health.store["url"] = storage.target.name  # without the password that the URL may hold
    health.store.update(
        database=report.database,
        schema=report.schema,
        server_version=report.server_version,
        bytes=report.bytes,
        wakeups="on" if report.wakeups else "off: workers look every so often, and hear nothing",
        oldest_snapshot_seconds=report.oldest_snapshot_seconds,
    )
    if report.advice:
        health.store["advice"] = "; ".join(report.advice)
    health.faults = [*report.faults, *(f"{row.kind} {row.id}: {row.reason}" for row in report.quarantined)]


def _installation() -> dict[str, str]:
    from mainspring.adapters.storages.sqlite import wal_is_safe

    wal = "WAL is safe" if wal_is_safe() else "WAL can lose commits in this version: TRUNCATE is used"
    return {
        "mainspring": _version("mainspring") or "not installed",
        "python": f"{platform.python_version()} on {platform.system()}",
        "sqlite": f"{sqlite3.sqlite_version} ({wal})",
        "tzdata": zone_data(),
        **{name: _version(name) or f"missing: pip install 'mainspring[{extra}]'" for name, extra in _EXTRAS.items()},
    }


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def zone_data() -> str:
    """Name the time zone data in use: the system's goes before the package's."""
    for folder in zoneinfo.TZPATH:
        zones = Path(folder, "tzdata.zi")
        if zones.is_file():
            with zones.open(encoding="utf-8", errors="replace") as file:
                return f"{file.readline().removeprefix('# version').strip() or 'unknown'} (of the system, {folder})"
        if Path(folder, "UTC").exists() or Path(folder, "Europe").is_dir():
            return f"unknown version (of the system, {folder})"
    return f"{_version('tzdata') or 'none'} (the package tzdata)"
