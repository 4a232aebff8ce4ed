"""The two colours of the storage port are one contract."""

from __future__ import annotations

import inspect

import pytest

from mainspring.adapters.storages.asynchronous import AsyncOver
from mainspring.adapters.storages.memory import MemoryStorage
from mainspring.adapters.storages.postgres import AsyncPostgresStorage, PostgresStorage
from mainspring.adapters.storages.sqlite import SqliteStorage
from mainspring.core.ports import AsyncStorage, Storage

OPERATIONS = sorted(name for name, member in vars(Storage).items() if inspect.isfunction(member) and name[0] != "_")


def test_both_colours_have_the_same_operations() -> None:
    """None is missing on either side."""
    assert (
        sorted(name for name, member in vars(AsyncStorage).items() if inspect.isfunction(member) and name[0] != "_")
        == OPERATIONS
    )
    assert len(OPERATIONS) > 15


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_has_one_signature(name: str) -> None:
    """Parameters, defaults and results are equal; the asynchronous one is awaited."""
    expected = inspect.signature(getattr(Storage, name))
    assert inspect.signature(getattr(AsyncStorage, name)) == expected
    assert inspect.iscoroutinefunction(getattr(AsyncStorage, name))
    for adapter in (MemoryStorage, SqliteStorage, PostgresStorage, AsyncOver, AsyncPostgresStorage):
        assert inspect.signature(getattr(adapter, name)) == expected, adapter
    for adapter in (AsyncOver, AsyncPostgresStorage):
        assert inspect.iscoroutinefunction(getattr(adapter, name))
