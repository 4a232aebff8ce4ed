"""The storage's clock, carried forward between two readings by this machine's monotonic one."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from mainspring.core.ports import AsyncStorage


class StorageClock:
    """Tells the storage's time without asking it at every step; this machine's wall clock plays no part."""

    def __init__(self, storage: AsyncStorage) -> None:
        self._storage = storage
        self._read: datetime | None = None
        self._ticks = 0.0

    async def sync(self) -> datetime:
        """Read the storage's clock anew; half of the round trip is taken as the age of the answer."""
        loop = asyncio.get_running_loop()
        before = loop.time()
        read = await self._storage.now()
        after = loop.time()
        self._ticks = (before + after) / 2
        self._read = read
        return self.now()

    def now(self) -> datetime:
        """Tell the storage's time as of the last reading plus what has passed since."""
        if self._read is None:
            raise RuntimeError("the clock was never read")
        return self._read + timedelta(seconds=asyncio.get_running_loop().time() - self._ticks)
