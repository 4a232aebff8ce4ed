"""Where chance comes from in production: the operating system."""

from __future__ import annotations

import os
import random


class SystemEntropy:
    """``Entropy`` of the operating system; safe in threads and after a fork."""

    def __init__(self) -> None:
        self._random = random.SystemRandom()

    def fraction(self) -> float:
        """Draw a number in [0, 1)."""
        return self._random.random()

    def octets(self, count: int) -> bytes:
        """Draw ``count`` random bytes."""
        return os.urandom(count)
