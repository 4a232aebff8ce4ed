"""The storage's clock, carried forward between two readings by this machine's monotonic one."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from mainspring.core.ports import AsyncStorage


class StorageClock:
    """Tells the storage's time without asking it at every step; this machine's wall clock plays no part.

    A reading was taken at some moment between its request and its answer. So there are two bounds: ``now`` is never
    ahead of the storage, ``latest`` never behind it.
    """

    def __init__(self, storage: AsyncStorage) -> None:
        self._storage = storage
        self._read: datetime | None = None
        self._asked = 0.0
        self._answered = 0.0

    async def sync(self) -> datetime:
        """Read the storage's clock anew; give ``now``."""
        loop = asyncio.get_running_loop()
        asked = loop.time()
        read = await self._storage.now()
        self._read, self._asked, self._answered = read, asked, loop.time()
        return self.now()

    def age(self) -> float:
        """Tell how many seconds ago the last reading was asked for."""
        return asyncio.get_running_loop().time() - self._asked

    def now(self) -> datetime:
        """Tell the storage's time; it may be a little later already: to judge what is due."""
        return self._after(self._answered)

    def latest(self) -> datetime:
        """Tell the storage's time; it may be a little earlier still: to judge what ends, and to date what has ended."""
        return self._after(self._asked)

    def _after(self, ticks: float) -> datetime:
        if self._read is None:
            raise RuntimeError("the clock was never read")
        return self._read + timedelta(seconds=asyncio.get_running_loop().time() - ticks)
