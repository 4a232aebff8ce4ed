"""What the operations stand on, without an event loop (made by tests/house/colours.py)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from mainspring.core.ports import Entropy, Storage
from mainspring.core.retry import RetryPolicy
from mainspring.core.task import Call


class Foundation:
    """``check`` looks at a call before it is stored, and may refuse it.

    ``retry`` is the project's policy: of what names none itself and goes to a queue that has none.
    """

    def __init__(
        self, storage: Storage, entropy: Entropy, check: Callable[[Call], None], retry: RetryPolicy | None = None
    ) -> None:
        self._storage: Storage = storage
        self._entropy: Entropy = entropy
        self._check = check
        self._retry = retry

    def now(self) -> datetime:
        """Read the storage's clock, by which everything is judged; a client's own may go wrong."""
        return self._storage.now()
