"""Hands each task to the executor of its kind of call."""

from __future__ import annotations

from collections.abc import Awaitable
from importlib.util import find_spec
from typing import Final, Protocol, assert_never

from mainspring.core.ports import Broken, Executor, Outcome, Run
from mainspring.core.retry import Failure
from mainspring.core.task import FunctionCall, HttpCall, Task


class ClosableExecutor(Executor, Protocol):
    """An executor that holds connections or threads."""

    async def close(self) -> None:
        """Release them; repeating it does nothing."""
        ...


class Executors:
    """Routes by the type of ``task.call``; an ``Executor``.

    A call that this worker has no executor for is ``Broken`` with kind ``no_executor``, which is not permanent: another
    worker may have one.
    """

    def __init__(self, *, http: ClosableExecutor | None = None, functions: ClosableExecutor | None = None) -> None:
        self._http: Final = http
        self._functions: Final = functions

    def execute(self, task: Task, run: Run) -> Awaitable[Outcome]:
        """Carry out ``task.call`` by the executor of its kind; see ``Executor.execute``."""
        match task.call:
            case HttpCall():
                return _missing(_without_http()) if self._http is None else self._http.execute(task, run)
            case FunctionCall():
                missing = "this worker calls no functions; start one that registers them"
                return _missing(missing) if self._functions is None else self._functions.execute(task, run)
            case _ as unreachable:
                assert_never(unreachable)

    async def close(self) -> None:
        """Close the executors."""
        for executor in (self._http, self._functions):
            if executor is not None:
                await executor.close()


def _without_http() -> str:
    if find_spec("aiohttp") is None:
        return "HTTP calls need aiohttp, which is not installed here; run: pip install 'mainspring[http]'"
    return "this worker makes no HTTP calls; start one with the HTTP executor"


async def _missing(message: str) -> Outcome:
    return Broken(failure=Failure(kind="no_executor", message=message))
