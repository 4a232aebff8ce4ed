"""Measuring: repeated, interleaved with its yardstick, medians taken; what counts is the ratio, not the machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from attrs import frozen


@frozen(kw_only=True)
class Measured:
    """Ours beside a yardstick of the same run. ``ratio`` is our rate by its rate: more is better, 1 is its equal."""

    name: str
    yardstick: str
    ours: float
    theirs: float
    unit: str
    target: float | None = None

    @property
    def ratio(self) -> float:
        """How near we come."""
        return self.ours / self.theirs if self.unit == "/s" else self.theirs / self.ours

    @property
    def well(self) -> bool:
        """Whether the published target is met."""
        return self.target is None or self.ratio >= self.target

    def row(self) -> str:
        """A line of the table."""
        wanted = "" if self.target is None else f"≥ {self.target:g}"
        ours, theirs = (f"{value:,.0f}" if self.unit == "/s" else f"{value:.2f}" for value in (self.ours, self.theirs))
        verdict = "" if self.target is None else "yes" if self.well else "no"
        cells = (self.name, f"{ours} {self.unit}", f"{self.yardstick}: {theirs}", f"{self.ratio:.2f}", wanted, verdict)
        return f"| {' | '.join(cells)} |"


HEAD = "| what | ours | yardstick | ratio | target | met |\n|---|---|---|---|---|---|"


def rates(ours: Callable[[], float], theirs: Callable[[], float], rounds: int) -> tuple[float, float]:
    """Measure both in turns, so that a busy machine is busy for both; the medians."""
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    return median(mine for mine, _ in pairs), median(other for _, other in pairs)


def rate(work: Callable[[], object], count: int) -> float:
    """Count a second."""
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)
