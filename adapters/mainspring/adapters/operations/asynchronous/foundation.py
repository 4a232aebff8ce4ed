"""What the operations stand on, awaited."""

from __future__ import annotations

from collections.abc import Callable

from mainspring.core.ports import AsyncStorage, Entropy
from mainspring.core.task import Call


class Foundation:
    """``check`` looks at a call before it is stored, and may refuse it."""

    def __init__(self, storage: AsyncStorage, entropy: Entropy, check: Callable[[Call], None]) -> None:
        self._storage: AsyncStorage = storage
        self._entropy: Entropy = entropy
        self._check = check
