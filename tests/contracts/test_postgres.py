"""The Postgres storage keeps the contract."""

from __future__ import annotations

import os

import psycopg
import pytest

from contracts.storage_contract import StorageContract
from mainspring.adapters.storages.postgres import PostgresStorage
from mainspring.core.ports import Storage

URL = os.environ.get("PGURL", "postgresql://postgres@/ms?host=/tmp/pgs/s18")


class TestPostgresStorage(StorageContract):
    """Every rule, over a database."""

    @pytest.fixture(autouse=True)
    def _db(self):
        with psycopg.connect(URL, autocommit=True) as c:
            c.execute("set client_min_messages to error")
            c.execute("drop schema if exists mainspring cascade")

    def make_storage(self) -> Storage:
        """A storage in a new schema."""
        return PostgresStorage(URL)
