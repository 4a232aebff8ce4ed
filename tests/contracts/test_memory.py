"""The memory storage keeps the contract."""

from __future__ import annotations

from mainspring.adapters.storages.memory import MemoryStorage
from mainspring.core.ports import Storage
from mainspring.testing.conformance import StorageConformance


class TestMemoryStorage(StorageConformance):
    """Every rule, over dicts."""

    def make_storage(self) -> Storage:
        """A storage on this machine's clock."""
        return MemoryStorage()
