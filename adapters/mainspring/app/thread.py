"""A worker in a thread of its own, with its own event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Final

from mainspring.adapters.engine import Worker
from mainspring.adapters.executors.registry import FunctionRegistry
from mainspring.app.delivery import Delivery
from mainspring.app.wiring import make_executor
from mainspring.core.directory import Directory
from mainspring.core.ports import Executor


class WorkerThread:
    """Starts a worker on entering, stops it gracefully on leaving; what broke it is raised then."""

    def __init__(
        self,
        make: Callable[[Executor], Worker],
        functions: FunctionRegistry,
        delivery: Delivery,
        directory: Directory,
    ) -> None:
        self._make: Final = make
        self._functions: Final = functions
        self._delivery: Final = delivery
        self._directory: Final = directory
        self._ready: Final = threading.Event()
        self._worker: Worker | None = None
        self._error: BaseException | None = None
        self._thread: Final = threading.Thread(target=self._run, name="mainspring-worker", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()
        self._ready.wait()
        if self._worker is None and self._error is not None:
            self._thread.join()
            raise self._error

    def __exit__(self, *error: object) -> None:
        if self._worker is not None:
            self._worker.stop()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            asyncio.run(self._work())
        except BaseException as error:
            self._error = error
        finally:
            self._ready.set()

    async def _work(self) -> None:
        async with make_executor(self._functions, self._delivery, self._directory) as (_, executor):
            self._worker = self._make(executor)
            self._ready.set()
            await self._worker.run()
