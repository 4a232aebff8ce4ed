"""Creations that arrive together are written together: one transaction for all that came while the last one was on.

Each is accepted or refused by itself, and is answered only when it is durable.
"""

from __future__ import annotations

import asyncio
from typing import Final

from mainspring.adapters.operations import Operations, TaskRequest
from mainspring.core.creation import Accepted
from mainspring.core.ports import Refused

MAX_TOGETHER: Final = 500


class Gathering:
    """Collects the creations of one event loop."""

    def __init__(self, operations: Operations) -> None:
        self._operations: Final = operations
        self._waiting: list[tuple[TaskRequest, asyncio.Future[Accepted]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def create(self, request: TaskRequest) -> Accepted:
        """Create one task; raises what refused it."""
        future: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.ensure_future(self._write())
        return await future

    async def _write(self) -> None:
        while self._waiting:
            together, self._waiting = self._waiting[:MAX_TOGETHER], self._waiting[MAX_TOGETHER:]
            try:
                answers = await self._operations.submit_tasks([request for request, _ in together])
            except BaseException as error:
                for _, future in together:
                    if not future.done():
                        future.set_exception(_passed_on(error))
                if not isinstance(error, Exception):
                    raise
                continue
            for (_, future), answer in zip(together, answers, strict=True):
                if future.done():
                    continue  # its caller has gone
                if isinstance(answer, Refused):
                    future.set_exception(answer.error)
                else:
                    future.set_result(answer)


def _passed_on(error: BaseException) -> BaseException:
    return error if isinstance(error, Exception) else ConnectionAbortedError("the server stops")
