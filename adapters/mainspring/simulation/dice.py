"""Chance from a seed: the same draws in every run, whatever Python version or hash seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import exp, log
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A source of chance; also the ``Entropy`` port. Only ``random()`` is drawn from: it is the same everywhere."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._random = random.Random(seed)  # noqa: S311  chance that can be repeated is the point

    def branch(self, name: str) -> Dice:
        """Make dice of their own for ``name``: what is drawn here does not move what is drawn there."""
        return Dice(f"{self._seed}/{name}")

    def fraction(self) -> float:
        """Draw a number in [0, 1)."""
        return self._random.random()

    def octets(self, count: int) -> bytes:
        """Draw ``count`` bytes."""
        return bytes(int(self._random.random() * 256) for _ in range(count))

    def chance(self, probability: float) -> bool:
        """Draw whether something of that probability happens; a probability of 0 draws nothing."""
        return probability > 0 and self._random.random() < probability

    def below(self, count: int) -> int:
        """Draw a whole number from 0 to ``count - 1``."""
        return int(self._random.random() * count)

    def pick(self, among: Sequence[T]) -> T:
        """Draw one of ``among``."""
        return among[self.below(len(among))]

    def between(self, least: float, most: float) -> float:
        """Draw a number between the two, every one as likely."""
        return least + (most - least) * self._random.random()

    def scaled(self, least: float, most: float) -> float:
        """Draw a number between the two, every order of magnitude as likely."""
        return exp(self.between(log(least), log(most)))

    def wait(self, mean: float) -> float:
        """Draw the time to the next of events that come ``mean`` seconds apart on average."""
        return -mean * log(1 - self._random.random())
