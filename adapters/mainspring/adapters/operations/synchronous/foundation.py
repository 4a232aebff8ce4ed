"""What the operations stand on, without an event loop (made by tests/house/colours.py)."""

from __future__ import annotations

from collections.abc import Callable

from mainspring.core.ports import Entropy, Storage
from mainspring.core.task import Call


class Foundation:
    """``check`` looks at a call before it is stored, and may refuse it."""

    def __init__(self, storage: Storage, entropy: Entropy, check: Callable[[Call], None]) -> None:
        self._storage: Storage = storage
        self._entropy: Entropy = entropy
        self._check = check
