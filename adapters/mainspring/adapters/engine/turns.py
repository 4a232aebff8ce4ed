"""Which queues a look goes to, and with how many places each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from mainspring.core.ports import AsyncStorage, Upcoming
from mainspring.core.queue import QueueRef, share


class Turns:
    """Divides the free places between the queues that have due tasks, by the weights that were configured.

    Paused queues get none. What is configured is read when the engine has rested or the reading has grown old; a pause
    or a limit does not depend on it, since the storage consults the queue itself when it hands out tasks.
    """

    def __init__(self, storage: AsyncStorage) -> None:
        self._storage = storage
        self._weights: Mapping[QueueRef, int] = {}
        self._paused: frozenset[QueueRef] = frozenset()
        self._credit: Mapping[QueueRef, float] = {}

    async def read(self) -> None:
        """Read what is configured."""
        configured = await self._storage.configured()
        self._weights = {queue.ref: queue.weight for queue in configured}
        self._paused = frozenset(queue.ref for queue in configured if queue.paused is not None)

    def due(self, upcoming: Upcoming, now: datetime) -> tuple[QueueRef, ...]:
        """Name the queues with due tasks that may start, as far as is known."""
        return tuple(ref for ref, due in upcoming.tasks.items() if due <= now and ref not in self._paused)

    def earliest(self, upcoming: Upcoming) -> datetime | None:
        """Find the least due instant of the queues that are not paused."""
        return min((due for ref, due in upcoming.tasks.items() if ref not in self._paused), default=None)

    def shares(self, refs: tuple[QueueRef, ...], places: int) -> Mapping[QueueRef, int]:
        """Divide ``places`` between these queues."""
        weights = {ref: self._weights.get(ref, 1) for ref in refs}
        parts, self._credit = share(places, weights, self._credit)
        return parts
