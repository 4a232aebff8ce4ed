"""The Postgres storage keeps the contract: in both colours, and through a pooler that gives no session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from mainspring.adapters.storages.postgres import AsyncPostgresStorage, PostgresStorage
from mainspring.core.ports import Storage
from mainspring.testing.conformance import StorageConformance
from support.blocking import Blocking


class TestPostgresStorage(StorageConformance):
    """Every rule, over a database."""

    @pytest.fixture(autouse=True)
    def _url(self, postgres_url: str) -> None:
        self.url = postgres_url

    def make_storage(self) -> Storage:
        """A storage in an empty schema."""
        return PostgresStorage(self.url)


class TestAsyncPostgresStorage(StorageConformance):
    """Every rule, in the asynchronous colour."""

    @pytest.fixture(autouse=True)
    def _url(self, postgres_url: str) -> Iterator[None]:
        self.url = postgres_url
        self.made: list[Blocking] = []
        yield
        for storage in self.made:
            storage.end()

    def make_storage(self) -> Storage:
        """A storage in an empty schema, whose operations are awaited in a loop of its own."""
        storage = PostgresStorage(self.url)
        self.made.append(Blocking(AsyncPostgresStorage(storage.access), storage.close))
        return cast("Storage", self.made[-1])


class TestPollOnly(TestPostgresStorage):
    """Every rule with nothing that outlives a transaction: no LISTEN, no session settings, no prepared statements."""

    def make_storage(self) -> Storage:
        """A storage as behind a pooler in transaction mode."""
        return PostgresStorage(f"{self.url}{'&' if '?' in self.url else '?'}wakeups=off")
