"""The storages side by side, with everything that can be asked of one mixed: they hold and answer the same.

After every step all that can be read is compared, and held against the invariants.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import settings

from mainspring.adapters.storages.clock import Clock
from mainspring.adapters.storages.postgres import PostgresStorage
from mainspring.adapters.storages.sqlite import SqliteStorage
from mainspring.core.ports import Storage
from mainspring.testing.conformance import Side, run_model
from support.postgres import empty

pytestmark = pytest.mark.timeout(7_200)  # HYPOTHESIS_PROFILE=long lives 2,500 lives


class OnSqlite(Side):
    """A new file for each example."""

    def __init__(self, folder: Path) -> None:
        self.paths = (folder / f"{number}.db" for number in itertools.count())
        self.path = folder

    def make_storage_on(self, clock: Clock) -> Storage:
        self.path = next(self.paths)
        return SqliteStorage(self.path, clock=clock)

    def reopen(self, storage: Storage, clock: Clock) -> Storage:
        storage.close()
        return SqliteStorage(self.path, clock=clock)

    def check(self, storage: Storage) -> None:
        assert isinstance(storage, SqliteStorage)
        assert storage.doctor().faults == ()
        assert storage.quarantined() == ()


class OnPostgres(Side):
    """One database, emptied for each example; its clock is overridden by the one that the test moves."""

    def __init__(self, url: str) -> None:
        self.url = url

    def make_storage_on(self, clock: Clock) -> Storage:
        made = PostgresStorage(self.url, clock=clock)
        empty(self.url)
        return made

    def reopen(self, storage: Storage, clock: Clock) -> Storage:
        storage.close()
        return PostgresStorage(self.url, clock=clock)

    def check(self, storage: Storage) -> None:
        assert isinstance(storage, PostgresStorage)
        assert storage.doctor().faults == ()
        assert storage.quarantined() == ()


def _examples(share: int) -> int:
    return max(10, settings.default.max_examples // share) if settings.default else 10


def test_memory_and_sqlite_are_one_storage(tmp_path: Path) -> None:
    """Whatever is asked of them, in whatever order, with the clock that the test moves."""
    run_model({"SQLite": OnSqlite(tmp_path)}, examples=_examples(2), steps=50, words=True)


def test_postgres_is_that_storage_too(tmp_path: Path, postgres_url: str) -> None:
    """The same, as a third one."""
    sides = {"SQLite": OnSqlite(tmp_path), "Postgres": OnPostgres(postgres_url)}
    run_model(sides, examples=_examples(5), steps=50, words=True)
