"""An asynchronous storage, used as if it were a synchronous one: its loop runs in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from mainspring.core.ports import AsyncStorage


class Blocking:
    """``Storage`` over an ``AsyncStorage``: every operation is awaited in one loop, from any thread."""

    def __init__(self, storage: AsyncStorage, release: Callable[[], None]) -> None:
        self._storage = storage
        self._release = release
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def __getattr__(self, name: str) -> Any:
        """The operation of this name, made blocking."""
        operation = getattr(self._storage, name)

        def blocking(*values: Any, **named: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(operation(*values, **named), self._loop).result()

        return blocking

    def close(self) -> None:
        """Close the storage; operations afterwards are still asked of it."""
        asyncio.run_coroutine_threadsafe(self._storage.close(), self._loop).result()
        self._release()

    def end(self) -> None:
        """End the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
