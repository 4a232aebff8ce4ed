"""How the calls of a test's tasks are carried out: by the production executors, in the test's own thread.

A ``def`` function is called where the test runs, not in a pool: it sees the same database connection and the same
context as the test. What a function raises is kept for the test, besides being reported as ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from inspect import isawaitable
from typing import Final, Protocol, TypeAlias

from attrs import evolve, frozen

from mainspring.adapters.executors.context import SnoozeRequested
from mainspring.adapters.executors.dispatch import ClosableExecutor
from mainspring.adapters.executors.registry import FunctionRegistry, Registered
from mainspring.core.ports import Broken, Done, Executor, Outcome, Run
from mainspring.core.retry import Failure
from mainspring.core.task import Task
from mainspring.testing.loop import outside_loops

Raised: TypeAlias = Callable[[BaseException], None]
OUTCOMES: Final = ("succeeded", "failed", "snoozed", "interrupted")


@frozen(kw_only=True)
class Ran:
    """A run that has ended: what became of it, when (of the test's clock), and why if it failed.

    ``outcome``: ``succeeded``, ``failed``, ``snoozed`` or ``interrupted`` (timed out, cancelled, or its worker died).
    """

    task: Task
    run: int
    attempt: int
    started_at: datetime
    ended_at: datetime
    outcome: str
    failure: Failure | None = None


class InCaller(FunctionRegistry):
    """A registry whose functions are called in the thread, and outside the loop, of whoever awaits them."""

    def __init__(self, registry: FunctionRegistry, raised: Raised) -> None:
        super().__init__()
        self._registry: Final = registry
        self._raised: Final = raised

    def lookup(self, name: str) -> Registered:
        """Find a function, as ``FunctionRegistry.lookup``."""
        entry = self._registry.lookup(name)
        return evolve(entry, function=_called(entry.function, entry.on_loop, self._raised), on_loop=True)


def _called(function: Callable[..., object], on_loop: bool, raised: Raised) -> Callable[..., object]:
    async def call(**arguments: object) -> object:
        try:
            if on_loop:
                value = function(**arguments)
            else:
                with outside_loops():
                    value = function(**arguments)
            return await value if isawaitable(value) else value
        except (SnoozeRequested, asyncio.CancelledError):
            raise
        except BaseException as error:
            raised(error)
            raise

    return call


class Watched:
    """An ``Executor`` that keeps a record of the runs of another one."""

    def __init__(self, inner: Executor, now: Callable[[], datetime], raised: Raised) -> None:
        self._inner: Final = inner
        self._now: Final = now
        self._raised: Final = raised
        self.going: Final[dict[tuple[str, int], Task]] = {}
        self.ran: Final[list[Ran]] = []

    async def execute(self, task: Task, run: Run) -> Outcome:
        """As ``Executor.execute``."""
        started = self._now()
        outcome: Outcome | None = None
        self.going[task.id, run.run] = task
        try:
            answer = outcome = await self._inner.execute(task, run)
        except AssertionError as error:  # the test's receiver says that the test is wrong
            self._raised(error)
            raise
        finally:
            del self.going[task.id, run.run]
            self.ran.append(
                Ran(
                    task=task,
                    run=run.run,
                    attempt=run.attempt,
                    started_at=started,
                    ended_at=self._now(),
                    outcome=_named(outcome),
                    failure=outcome.failure if isinstance(outcome, Broken) else None,
                )
            )
        return answer


def _named(outcome: Outcome | None) -> str:
    match outcome:
        case None:
            return "interrupted"
        case Done():
            return "succeeded"
        case Broken():
            return "failed"
        case _:
            return "snoozed"


class _Home(Protocol):
    """Where the loop of an asynchronous test is known."""

    @property
    def home(self) -> asyncio.AbstractEventLoop | None: ...


class AtHome:
    """An ``Executor`` that has another one work on the test's own loop, where its connections belong."""

    def __init__(self, inner: ClosableExecutor, where: _Home) -> None:
        self._inner: Final = inner
        self._where: Final = where
        self.working: Final[set[asyncio.Future[Outcome]]] = set()

    async def execute(self, task: Task, run: Run) -> Outcome:
        """As ``Executor.execute``."""
        home = self._where.home
        if home is None:
            raise RuntimeError("a function was to run while its test was not waiting for it")
        work: asyncio.Future[Outcome] = home.create_task(_outcome(self._inner, task, run), name=f"mainspring {task.id}")
        self.working.add(work)
        work.add_done_callback(self.working.discard)
        try:
            await _ended(work)
        except asyncio.CancelledError:
            work.cancel()
            if self._where.home is not None:  # else nobody is there who could let it end
                await _ended(work)
            raise
        return work.result()

    async def close(self) -> None:
        """Close the other one."""
        await self._inner.close()


async def _outcome(inner: Executor, task: Task, run: Run) -> Outcome:
    return await inner.execute(task, run)


async def _ended(work: asyncio.Future[Outcome]) -> None:
    """Wait on this loop for what is done on another one in the same thread."""
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def tell(_: object) -> None:
        if not ended.done():
            ended.set_result(None)

    work.add_done_callback(tell)
    if work.done():
        return
    await ended
