"""The storage that the guide writes keeps the contract: what a third party has to do is enough."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from mainspring.adapters.storages.clock import Clock
from mainspring.core.ports import Storage
from mainspring.testing.conformance import StorageConformance, StorageModel

SOURCE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "write-a-storage" / "jsonfile.py"
pytestmark = pytest.mark.skipif(not SOURCE.is_file(), reason="the documentation is not here: wheel run")


def jsonfile() -> Any:
    """The module of the guide."""
    if "jsonfile" not in sys.modules:
        spec = spec_from_file_location("jsonfile", SOURCE)
        assert spec is not None
        assert spec.loader is not None
        sys.modules["jsonfile"] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules["jsonfile"])
    return sys.modules["jsonfile"]


class TestJsonFileStorage(StorageConformance):
    """Every rule, over one JSON file."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make_storage(self) -> Storage:
        """A storage in a new file."""
        return jsonfile().JsonFileStorage(self.folder / "store.json")


class TestJsonFileModel(StorageModel):
    """It holds and answers what the memory storage does."""

    examples = 10

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        self.number = 0

    def _open(self, clock: Clock) -> Storage:
        return jsonfile().JsonFileStorage(self.folder / f"{self.number}.json", clock)

    def make_storage_on(self, clock: Clock) -> Storage:
        """A storage in a new file."""
        self.number += 1
        return self._open(clock)

    def reopen(self, storage: Storage, clock: Clock) -> Storage:
        """The same file."""
        storage.close()
        return self._open(clock)
