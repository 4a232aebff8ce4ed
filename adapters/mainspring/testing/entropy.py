"""Chance that comes out the same in every run of a test."""

from __future__ import annotations

import itertools
import random
from typing import Final

COUNTED: Final = 4
"""How many of the drawn bytes count."""


class SeededEntropy:
    """``Entropy`` from a seed: the same ids and the same jitter, as long as the same is asked in the same order.

    While a clock stands still, ids come in the order in which they are made: the first bytes count.
    """

    def __init__(self, seed: int = 0) -> None:
        self._random: Final = random.Random(seed)  # noqa: S311  chance that can be repeated is what a test wants
        self._drawn = itertools.count(1)

    def fraction(self) -> float:
        """Draw a number in [0, 1)."""
        return self._random.random()

    def octets(self, count: int) -> bytes:
        """Draw ``count`` bytes."""
        number = next(self._drawn).to_bytes(COUNTED, "big")
        return (number + self._random.randbytes(max(0, count - COUNTED)))[:count]
