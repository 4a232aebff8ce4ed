"""The memory storage keeps the contract."""

from __future__ import annotations

from contracts.storage_contract import StorageContract
from mainspring.adapters.storages.memory import MemoryStorage
from mainspring.core.ports import Storage


class TestMemoryStorage(StorageContract):
    """Every rule, over dicts."""

    def make_storage(self) -> Storage:
        """A storage on this machine's clock."""
        return MemoryStorage()
