"""What a seed comes to: how many take part, what they are told, and how often which fault strikes.

Each seed leaves about half of the fault classes out and draws how often each of the others strikes: a run with few
kinds of faults goes deeper into each of them than one in which everything fails at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import evolve as changed
from attrs import field, frozen

from mainspring.simulation.dice import Dice

FAULTS: Final[Mapping[str, tuple[float, float]]] = {
    "crash before a call": (0.0003, 0.01),
    "crash after a call": (0.0003, 0.01),
    "connection lost before": (0.002, 0.1),
    "connection lost after": (0.002, 0.1),
    "call delayed": (0.005, 0.1),
    "transaction repeated": (0.01, 0.3),
    "batch cut short": (0.01, 0.3),
    "process frozen": (0.0005, 0.015),
    "process killed": (0.002, 0.02),
    "process restarted": (0.002, 0.02),
    "storage away": (0.002, 0.01),
    "everybody away": (0.003, 0.01),
    "wake-up late": (0.05, 0.7),
    "wake-up twice": (0.05, 0.7),
    "wake-up lost": (0.05, 0.9),
    "clock wrong": (0.3, 1.0),
    "clock jumps": (0.005, 0.05),
    "call fails": (0.02, 0.5),
    "call fails for good": (0.01, 0.2),
    "call hangs": (0.05, 0.5),
    "call never answers": (0.01, 0.1),
    "call deaf to a stop": (0.1, 0.9),
    "call answers twice": (0.02, 0.5),
    "call snoozes": (0.01, 0.2),
}
"""Every fault class, with the range of its intensity: a probability, or how often a second for those that come of
themselves."""

ZONES: Final = ("UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe")
SHIFTS: Final = (
    (datetime(2030, 3, 10, 7, 0, tzinfo=UTC), "America/New_York"),
    (datetime(2030, 11, 3, 6, 0, tzinfo=UTC), "America/New_York"),
    (datetime(2030, 3, 31, 1, 0, tzinfo=UTC), "Europe/Berlin"),
    (datetime(2030, 10, 5, 15, 30, tzinfo=UTC), "Australia/Lord_Howe"),
    (datetime(2030, 6, 1, 12, 0, tzinfo=UTC), "UTC"),
)
"""Instants at which a zone shifts its clocks (and one at which none does): a run lies around one of them."""


@frozen(kw_only=True)
class Swarm:
    """The set-up of one run; a smaller one is made by ``changed``."""

    seed: str
    faults: Mapping[str, float] = field(repr=lambda faults: repr(dict(faults)))
    storm: float
    calm: float
    start: datetime
    zone: str
    workers: int
    clients: int
    operators: int
    schedules: int
    lease: timedelta
    poll: timedelta
    grace: timedelta
    concurrency: int
    batch: int
    deaf: bool
    retention: timedelta | None

    def intensity(self, fault: str) -> float:
        """Tell how often a fault strikes; 0: never."""
        return self.faults.get(fault, 0.0)

    def without(self, fault: str) -> Swarm:
        """Leave a fault class out."""
        return changed(self, faults={name: value for name, value in self.faults.items() if name != fault})


def swarm_of(seed: str) -> Swarm:
    """Draw the set-up of a seed."""
    dice = Dice(seed).branch("swarm")
    faults = {name: dice.scaled(least, most) for name, (least, most) in FAULTS.items() if dice.chance(0.5)}
    storm = dice.between(60, 240)
    shift, zone = dice.pick(SHIFTS)
    return Swarm(
        seed=seed,
        faults=faults,
        storm=storm,
        calm=storm / 4,
        start=shift - timedelta(seconds=round(dice.between(0, storm))) + timedelta(microseconds=dice.below(1_000_000)),
        zone=zone,
        workers=1 + dice.below(4),
        clients=1 + dice.below(3),
        operators=dice.below(3),
        schedules=dice.below(5),
        lease=timedelta(seconds=round(dice.scaled(2, 30), 1)),
        poll=timedelta(seconds=round(dice.scaled(0.5, 5), 1)),
        grace=timedelta(seconds=round(dice.scaled(0.5, 10), 1)),
        concurrency=1 + dice.below(8),
        batch=dice.pick((1, 2, 5, 20, 100)),
        deaf=dice.chance(0.3),
        retention=timedelta(seconds=round(dice.between(10, 120))) if dice.chance(0.3) else None,
    )
