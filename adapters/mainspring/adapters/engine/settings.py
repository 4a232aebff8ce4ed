"""How an engine works: its limits and its intervals, as one value."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from attrs import Attribute, field, frozen

from mainspring.adapters.engine.upkeep import Retention
from mainspring.core.errors import InvalidInput
from mainspring.core.instants import format_duration
from mainspring.core.queue import check_queues

MAX_CONCURRENCY: Final = 10_000
MAX_BATCH: Final = 1_000
RESERVE: Final = timedelta(seconds=2)


def _check_concurrency(instance: object, attribute: Attribute[int], value: int) -> None:
    if not 1 <= value <= MAX_CONCURRENCY:
        raise InvalidInput("concurrency", f"{value} is out of range", f"use 1 to {MAX_CONCURRENCY}")


def _check_batch(instance: object, attribute: Attribute[int], value: int) -> None:
    if not 1 <= value <= MAX_BATCH:
        raise InvalidInput("batch", f"{value} is out of range", f"use 1 to {MAX_BATCH}")


def _check_queues(instance: object, attribute: Attribute[tuple[str, ...]], value: tuple[str, ...]) -> None:
    check_queues(value)


def _within(least: timedelta, most: timedelta, instance: object, name: str, value: timedelta) -> None:
    if not least <= value <= most:
        bounds = f"use {format_duration(least)} to {format_duration(most)}"
        raise InvalidInput(name, f"{format_duration(value)} is out of range", bounds)


def _check_lease(instance: object, attribute: Attribute[timedelta], value: timedelta) -> None:
    _within(timedelta(milliseconds=100), timedelta(hours=1), instance, "lease", value)


def _check_grace(instance: object, attribute: Attribute[timedelta], value: timedelta) -> None:
    _within(timedelta(0), timedelta(hours=24), instance, "grace", value)


def _check_poll(instance: object, attribute: Attribute[timedelta], value: timedelta) -> None:
    _within(timedelta(milliseconds=10), timedelta(minutes=5), instance, "poll", value)


@frozen(kw_only=True)
class EngineSettings:
    """What an engine needs to be told.

    ``queues``: the queues it serves (none: all). ``concurrency``: how many runs at once. ``lease``: how long a run is
    held without a heartbeat; a crashed worker's runs are taken over that much later. ``grace``: how long a shutdown
    may take: runs may finish until ``reserve`` before its end, then they are given back. ``poll``: the longest time
    between two looks at the storage when no wake-up comes. ``batch``: how many rows one transaction takes on.
    ``retention``: how long ended tasks are kept.
    """

    queues: tuple[str, ...] = field(default=(), validator=_check_queues)
    concurrency: int = field(default=50, validator=_check_concurrency)
    lease: timedelta = field(default=timedelta(seconds=30), validator=_check_lease)
    grace: timedelta = field(default=timedelta(seconds=25), validator=_check_grace)
    poll: timedelta = field(default=timedelta(seconds=2), validator=_check_poll)
    batch: int = field(default=100, validator=_check_batch)
    retention: Retention = field(factory=Retention)

    @property
    def heartbeat(self) -> timedelta:
        """The time between two heartbeats: a third of the lease, so that two may be lost."""
        return self.lease / 3

    @property
    def margin(self) -> timedelta:
        """How long before the end of a lease that could not be extended a run stops acting (I3)."""
        return self.lease / 10

    @property
    def reserve(self) -> timedelta:
        """The part of ``grace`` that is kept for giving back what has not finished."""
        return min(RESERVE, self.grace / 5)
