"""The contract of storages as a test suite: subclass ``StorageConformance`` and say how to make a storage.

The suite sets no clock: it works with instants before and after the storage's own, so that it also fits storages whose
clock is a server's. It checks what is promised in ``mainspring.core.ports``, and nothing about how it is kept.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mainspring.core.ports import Storage
from mainspring.testing.conformance.creations import Creating
from mainspring.testing.conformance.queues import KeepingQueues, Queues
from mainspring.testing.conformance.schedules import Firing, KeepingSchedules
from mainspring.testing.conformance.tasks import AddingAndReading, Taking, Writing
from mainspring.testing.conformance.threads import Concurrency


class StorageConformance(
    AddingAndReading, Creating, Taking, Queues, Writing, KeepingQueues, KeepingSchedules, Firing, Concurrency
):
    """The whole contract. ``make_storage`` gives an empty storage; the suite closes it."""

    def make_storage(self) -> Storage:
        """Make an empty storage of the kind under test."""
        raise NotImplementedError

    @pytest.fixture
    def storage(self) -> Iterator[Storage]:
        """An empty storage, closed after the test."""
        made = self.make_storage()
        yield made
        made.close()
