"""The open event streams of a process: how many there are, and that they end when it stops."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Streams:
    """``open`` counts them; ``stop`` ends them all at their next look."""

    def __init__(self) -> None:
        self.open = 0
        self.stopping = asyncio.Event()

    def stop(self) -> None:
        """End all streams."""
        self.stopping.set()

    async def pause(self, seconds: float) -> None:
        """Wait; not longer than until the end."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)
