"""Where an engine rests, and what ends its rest."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Final

from mainspring.core.ports import Wakeups

_log = logging.getLogger("mainspring.engine")

LISTEN: Final = timedelta(minutes=1)
"""How long one call of ``Wakeups.wait`` may take; its end is taken for a hint."""


class Bell:
    """Rung by a hint of the storage, by the end of a run, and by a stop.

    Hints come through the port and may never come. What the engine knows by itself (a run has ended, it was told to
    stop) does not depend on them.
    """

    def __init__(self, wakeups: Wakeups) -> None:
        self._wakeups = wakeups
        self._rung = asyncio.Event()
        self._stopped = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.stopping = False

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[None]:
        """Hear the hints of the storage for as long as the block lasts."""
        self._loop = asyncio.get_running_loop()
        listener = self._loop.create_task(self._listen(), name="mainspring wake-ups")
        try:
            yield
        finally:
            listener.cancel()
            await asyncio.wait([listener])

    async def _listen(self) -> None:
        while True:
            try:
                await self._wakeups.wait(LISTEN)
            except Exception:  # hints are a help: the engine lives without them
                _log.exception("wake-ups cannot be heard; the engine looks by itself")
                await asyncio.sleep(LISTEN.total_seconds())
            self._rung.set()

    def ring(self) -> None:
        """End the rest, or the next one; from the loop's own thread."""
        self._rung.set()

    def stop(self) -> None:
        """Note that the engine is to stop, and end whatever it waits for; from any thread."""
        self.stopping = True
        if self._loop is not None:
            with suppress(RuntimeError):  # its loop was closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        self._rung.set()
        self._stopped.set()

    async def rest(self, seconds: float) -> None:
        """Return when the bell rings (or has rung since the last rest), or after ``seconds``."""
        if self._rung.is_set() or seconds <= 0:
            await asyncio.sleep(0)  # hints without end must not starve the loop's other work
        else:
            timer = asyncio.get_running_loop().call_later(seconds, self._rung.set)
            try:
                await self._rung.wait()
            finally:
                timer.cancel()
        self._rung.clear()

    async def back_off(self, seconds: float) -> None:
        """Wait ``seconds`` whatever is hinted; only a stop ends it early."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
