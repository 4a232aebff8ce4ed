"""Wake-ups: hints that there may be work, from this process and, over a file, from others."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from threading import Lock
from weakref import WeakKeyDictionary


class LocalWakeups:
    """``Wakeups`` within one process: ``wake`` from any thread wakes every waiter, in whatever loop it waits.

    Hints are coalesced: any number of them before a ``wait`` end that one wait. Each event loop hears of every hint
    once; two waiters that take turns in one loop share what that loop hears.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._hints = 0
        self._heard: WeakKeyDictionary[asyncio.AbstractEventLoop, int] = WeakKeyDictionary()
        self._waiters: set[asyncio.Future[None]] = set()

    async def wait(self, timeout: timedelta) -> None:
        """Return at the first hint since the last call returned, or after ``timeout``."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        with self._lock:
            fresh = self._heard.get(loop, 0) < self._hints
            if not fresh:
                self._waiters.add(waiter)
        try:
            if fresh:
                await asyncio.sleep(0)  # hints without end must not starve the loop's other work
            else:
                await asyncio.wait([waiter], timeout=timeout.total_seconds())
        finally:
            with self._lock:
                self._waiters.discard(waiter)
                self._heard[loop] = self._hints

    def wake(self) -> None:
        """Give a hint; may be called from any thread."""
        with self._lock:
            self._hints += 1
            waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            with contextlib.suppress(RuntimeError):  # its loop was closed meanwhile: nobody waits there any more
                waiter.get_loop().call_soon_threadsafe(_finish, waiter)


def _finish(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
