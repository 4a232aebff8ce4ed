"""The worker of a test and the time it lives in.

Rules:

* The worker is the production engine on a ``VirtualLoop``. Between two calls of the test it stands still.
* A call lets it do what is due, until nothing is ready. Then the clock is moved to the next instant at which something
  is to happen (a task or a schedule comes due, a rate lets go, a lease ends, somebody who sleeps wakes up), never past
  one, and it goes on there; until the wanted instant is reached.
* Real time passes only while a thread works, or a function on the test's own loop.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final

from attrs import frozen

from mainspring.adapters.engine import EngineSettings, Retention, Worker
from mainspring.adapters.executors.callable import CallableExecutor, FunctionRegistry
from mainspring.adapters.executors.dispatch import ClosableExecutor, Executors
from mainspring.core.ports import Entropy
from mainspring.testing.clock import ManualClock
from mainspring.testing.complaints import TooManyRuns
from mainspring.testing.executors import AtHome, InCaller, Ran, Watched
from mainspring.testing.loop import VirtualLoop, outside_loops
from mainspring.testing.storage import Hints, ReinedStorage, TestStorage

MAX_RUNS: Final = 10_000
"""How many runs one call may make unless told otherwise: of more, a task that creates itself is the likely cause."""
LAST_LOOKS: Final = 1_000
"""How often, at the end of a test, time passes for functions that do not want to end."""
KEPT: Final = Retention(succeeded=None, cancelled=None, expired=None, failed=None)
SETTINGS: Final = EngineSettings(concurrency=1, poll=timedelta(minutes=5), retention=KEPT)
"""One run at a time, so that a test is the same each time; nothing is deleted by itself."""


@frozen(kw_only=True)
class Bounds:
    """How far one call goes: to an instant (None: only as far as runs go on), in these queues, with so many runs."""

    to: datetime | None = None
    queues: frozenset[str] | None = None
    limit: int | None = None


@frozen(kw_only=True)
class Parts:
    """What a timeline works with."""

    clock: ManualClock
    storage: TestStorage
    entropy: Entropy
    functions: FunctionRegistry
    http: ClosableExecutor | None
    settings: EngineSettings
    patience: float
    max_runs: int
    awaited: bool


class Timeline:
    """``go`` lets time pass; ``home`` is the loop of an asynchronous test while it waits."""

    def __init__(self, parts: Parts) -> None:
        self.home: asyncio.AbstractEventLoop | None = None
        self.raised: Final[list[BaseException]] = []
        self._parts: Final = parts
        self._clock: Final = parts.clock
        self._seen: Final = ReinedStorage(parts.storage)
        self._hints: Final = Hints()
        self._forget: Final = parts.storage.subscribe(self._hints.wake)
        calls = CallableExecutor(InCaller(parts.functions, self._raise))
        self._at_home: Final = AtHome(calls, self) if parts.awaited else None
        self._executors: Final = Executors(http=parts.http, functions=self._at_home or calls)
        self._watched: Final = Watched(self._executors, parts.clock, self._raise)
        self._made: VirtualLoop | None = None
        self._worker: asyncio.Task[None] | None = None
        self._workers = 0
        self._bounds: Bounds | None = None
        self._looks_left = 0

    @property
    def _loop(self) -> VirtualLoop:
        if self._made is None:
            self._made = VirtualLoop(self._clock, self._idle, self._parts.patience)
        return self._made

    @property
    def ran(self) -> list[Ran]:
        """The runs that have ended, in the order of their ends."""
        return self._watched.ran

    @property
    def under_way(self) -> bool:
        """Whether time passes just now."""
        return self._bounds is not None

    def _raise(self, error: BaseException) -> None:
        self.raised.append(error)
        if not isinstance(error, Exception):
            self._loop.stop()  # Ctrl-C, or a test that was told to stop: at once

    # --- what a call asks for ----------------------------------------------------------------------------------------

    def go(self, bounds: Bounds) -> None:
        """Let time pass."""
        self._begin(bounds)
        try:
            self._turn()
            self._check_done(bounds)
        finally:
            self._end()

    async def go_awaited(self, bounds: Bounds) -> None:
        """Let time pass, from a coroutine of the test, on whose loop the functions run."""
        self._begin(bounds)
        self.home = asyncio.get_running_loop()
        try:
            self._turn()
            while self._at_home is not None and self._at_home.working:
                await self._wait_at_home(self._at_home)
                self._turn()
            self._check_done(bounds)
        finally:
            self.home = None
            self._end()

    async def _wait_at_home(self, at_home: AtHome) -> None:
        patience = self._parts.patience
        done, _ = await asyncio.wait(at_home.working, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            names = ", ".join(sorted(str(task) for task in self._watched.going.values()))
            raise TimeoutError(f"not done after {patience:g} s of real time: {names}")

    def _begin(self, bounds: Bounds) -> None:
        if self.under_way:
            raise RuntimeError("time passes already: a task must not move the clock of its test")
        self._bounds = bounds
        self._seen.only = bounds.queues
        self._seen.left = self._parts.max_runs if bounds.limit is None else bounds.limit
        if self._worker is None:
            self._workers += 1
            self._worker = self._loop.create_task(self._new_worker().run(), name="mainspring worker")
        self._hints.wake()

    def _end(self) -> None:
        self._bounds = None
        self._seen.left = 0

    def _new_worker(self) -> Worker:
        return Worker(
            storage=self._seen,
            executor=self._watched,
            wakeups=self._hints,
            entropy=self._parts.entropy,
            settings=self._parts.settings,
            name=f"test-{self._workers}",
        )

    def _turn(self) -> None:
        """Run the loop until ``_idle`` stops it."""
        with outside_loops():
            self._loop.run_forever()

    def _check_done(self, bounds: Bounds) -> None:
        if bounds.limit is None and self._seen.left <= 0:
            raise TooManyRuns(f"{self._parts.max_runs} tasks were run and there may be more: does one create itself?")

    # --- what the loop asks ------------------------------------------------------------------------------------------

    def _idle(self, seconds: float | None) -> None:
        """Nothing is ready: let time pass, or stop here."""
        bounds = self._bounds
        if bounds is None:
            self._look_last(seconds)
        elif self._at_home is not None and self._at_home.working:
            self._loop.stop()  # the test's own loop has to go on first
        elif self._watched.going:
            self._sleep(seconds, bounds.to)
        else:
            self._leap(bounds.to)

    def _sleep(self, seconds: float | None, to: datetime | None) -> None:
        """Runs go on: let time pass until the next timer, theirs or the engine's."""
        now = self._clock()
        if seconds is None or (to is not None and now + timedelta(seconds=seconds) > to):
            self._arrive(to)
        else:
            self._loop.pass_time(seconds)

    def _leap(self, to: datetime | None) -> None:
        """Nobody works: go to the next instant at which something comes due, over the engine's looks in between."""
        coming = None if to is None else self._seen.next_after(self._clock())
        if to is None or coming is None or coming > to:
            self._arrive(to)
        else:
            self._clock.move_to(coming)
            self._hints.wake()

    def _arrive(self, to: datetime | None) -> None:
        if to is not None:
            self._clock.move_to(to)
        self._loop.stop()

    def _look_last(self, seconds: float | None) -> None:
        self._looks_left -= 1
        waited_for = self._at_home is not None and self._at_home.working
        if waited_for or seconds is None or self._looks_left < 0:
            self._loop.stop()
        else:
            self._loop.pass_time(seconds)

    # --- the end -----------------------------------------------------------------------------------------------------

    def crash(self) -> None:
        """Let the worker die: its runs are lost, and their leases have to end; the next call has a new worker."""
        if self.under_way:
            raise RuntimeError("time passes already: a task must not end the worker of its test")
        if self._worker is not None:
            self._cancel({self._worker})
            self._worker = None

    async def crash_awaited(self) -> None:
        """The same, from a coroutine of the test; its functions are cancelled."""
        self.home = asyncio.get_running_loop()
        try:
            self.crash()
            while self._at_home is not None and self._at_home.working:
                await self._wait_at_home(self._at_home)
                self._turn()
        finally:
            self.home = None

    def _cancel(self, tasks: set[asyncio.Task[None]]) -> None:
        """Cancel tasks of the loop and see them end, as far as they do."""
        for task in tasks:
            task.cancel()
        self._looks_left = LAST_LOOKS
        if tasks:
            self._loop.create_task(asyncio.wait(tasks)).add_done_callback(lambda _: self._loop.stop())
            self._turn()

    def close(self) -> None:
        """End the worker and whatever else goes on; close the loop."""
        self._forget()
        if self._made is None:
            return
        self.crash()
        self._cancel(asyncio.all_tasks(self._loop))
        with outside_loops():
            self._loop.run_until_complete(self._executors.close())
            self._loop.close()
