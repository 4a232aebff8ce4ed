"""Both directories keep the contract, and its two colours are one."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.directory_contract import PROJECT, DirectoryContract, key
from mainspring.adapters.storages.asynchronous_directory import AsyncDirectoryOver
from mainspring.adapters.storages.memory_directory import MemoryDirectory
from mainspring.adapters.storages.postgres import PostgresStorage
from mainspring.adapters.storages.postgres.directory import PostgresDirectory
from mainspring.adapters.storages.sqlite import SqliteStorage
from mainspring.adapters.storages.sqlite.directory import SqliteDirectory
from mainspring.core.directory import AsyncDirectory, Directory

OPERATIONS = sorted(name for name, member in vars(Directory).items() if inspect.isfunction(member) and name[0] != "_")


class TestMemoryDirectory(DirectoryContract):
    """Over dicts."""

    def make_directory(self) -> Iterator[Directory]:
        """A directory of its own."""
        yield MemoryDirectory()


class TestSqliteDirectory(DirectoryContract):
    """In the file of a storage."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.file = tmp_path / "store.db"

    def make_directory(self) -> Iterator[Directory]:
        """That of a storage in a new file."""
        storage = SqliteStorage(self.file)
        yield storage.directory
        storage.close()

    def test_it_is_there_when_the_file_is_opened_again(self) -> None:
        """What was written stays."""
        storage = SqliteStorage(self.file)
        storage.directory.add_project(PROJECT)
        storage.directory.add_key(key())
        storage.close()
        storage = SqliteStorage(self.file)
        assert storage.directory.projects() == (PROJECT,)
        assert storage.directory.keys() == (key(),)
        storage.close()


class TestPostgresDirectory(DirectoryContract):
    """In the schema of a storage."""

    @pytest.fixture(autouse=True)
    def _url(self, postgres_url: str) -> None:
        self.url = postgres_url

    def make_directory(self) -> Iterator[Directory]:
        """That of a storage in an empty schema."""
        storage = PostgresStorage(self.url)
        yield storage.directory
        storage.close()


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_has_one_signature(name: str) -> None:
    """Parameters and results are equal; the asynchronous one is awaited."""
    expected = inspect.signature(getattr(Directory, name))
    assert inspect.signature(getattr(AsyncDirectory, name)) == expected
    for adapter in (MemoryDirectory, SqliteDirectory, PostgresDirectory, AsyncDirectoryOver):
        assert inspect.signature(getattr(adapter, name)) == expected, adapter
    assert inspect.iscoroutinefunction(getattr(AsyncDirectoryOver, name))
