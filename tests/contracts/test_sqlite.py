"""The SQLite storage keeps the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from mainspring.adapters.storages.sqlite import SqliteStorage
from mainspring.core.ports import Storage
from mainspring.testing.conformance import StorageConformance


class TestSqliteStorage(StorageConformance):
    """Every rule, over one file."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make_storage(self) -> Storage:
        """A storage in a new file."""
        return SqliteStorage(self.folder / "store.db")
