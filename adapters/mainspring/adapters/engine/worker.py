"""The engine: turns of look, fire, reclaim, take, start, settle and rest, until it is told to stop.

Rules:

* Only ports are known here; everything that is awaited goes through one, or is a run's own job.
* A turn looks at what is coming, does what is due, and is repeated at once while it makes progress. Otherwise the
  engine rests until the next due instant, a wake-up, the next heartbeat, or ``poll``.
* The storage's clock rules. Between two readings the monotonic clock carries it forward.
* A storage that is away is waited for, with a jittered back-off, for ever; runs go on meanwhile, but a run whose
  lease could not be extended is stopped a margin before the lease ends, and reports nothing.
* Stopping: nothing new is taken; runs may finish within the grace time; the rest is given back without burning
  an attempt.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from mainspring.adapters.engine.clock import StorageClock
from mainspring.adapters.engine.runs import HeldRun, begin, report
from mainspring.adapters.engine.settings import EngineSettings
from mainspring.core.commands import Command, Heartbeat, LoseLease, Start
from mainspring.core.errors import IllegalTransition, MainspringError, StaleRun, Unavailable
from mainspring.core.ids import TaskId
from mainspring.core.machine import Decision, handle
from mainspring.core.ports import AsyncStorage, Entropy, Executor, Refused, Upcoming, Wakeups
from mainspring.core.schedule import plan
from mainspring.core.states import Cancelling, Running
from mainspring.core.task import Task

_log = logging.getLogger("mainspring.engine")

BACKOFF_FIRST: Final = 0.05
BACKOFF_MAX: Final = 5.0
BLOCKED_REST: Final = timedelta(milliseconds=500)
"""The rest after a look that found due work which could not be taken (it is another worker's, or held back)."""
LAST_WAIT: Final = 2.0
"""How many seconds interrupted jobs get at the end of a shutdown."""


class Worker:
    """One engine: it takes due work from a storage and carries it out, until ``stop``."""

    def __init__(
        self,
        *,
        storage: AsyncStorage,
        executor: Executor,
        wakeups: Wakeups,
        entropy: Entropy,
        settings: EngineSettings,
        name: str,
    ) -> None:
        self._storage = storage
        self._executor = executor
        self._wakeups = wakeups
        self._entropy = entropy
        self._settings = settings
        self._name = name
        self._clock = StorageClock(storage)
        self._held: dict[TaskId, HeldRun] = {}
        self._ended: list[HeldRun] = []
        self._next_heartbeat: datetime | None = None
        self._stopping = False
        self._failures = 0
        self._rest = timedelta(0)

    def stop(self) -> None:
        """Ask the engine to drain and end; may be called from any thread, and more than once."""
        self._stopping = True
        self._wakeups.wake()

    async def run(self) -> None:
        """Work until ``stop`` was called and the runs have ended or were given back."""
        _log.info("worker %s starts", self._name)
        while not self._stopping:
            await self._cycle()
        await self._drain()
        _log.info("worker %s has stopped", self._name)

    async def run_until_idle(self) -> None:
        """Work until nothing is due and nothing runs; for tests and batch jobs."""
        while not self._stopping:
            progress = await self._turn()
            if not progress and not self._held and not self._ended:
                return
            if not progress:
                await self._wakeups.wait(self._settings.heartbeat)
        await self._drain()

    # --- the cycle -----------------------------------------------------------------------------------------------

    async def _cycle(self) -> None:
        """One turn and, if it made no progress, one rest; an error of the storage costs a back-off, never the loop."""
        try:
            progress = await self._turn()
            self._failures = 0
            if not progress:
                await self._wakeups.wait(self._rest)
        except Unavailable as error:
            await self._back_off(error)
        except MainspringError as error:
            _log.exception("a turn failed")
            await self._back_off(error)

    async def _back_off(self, error: MainspringError) -> None:
        ceiling = min(BACKOFF_MAX, BACKOFF_FIRST * 2 ** min(self._failures, 10))
        delay = ceiling * (0.5 + self._entropy.fraction() / 2)
        self._failures += 1
        _log.warning("the storage cannot be used, next try in %.2f s: %s", delay, error)
        await asyncio.sleep(delay)
        self._let_go_of_ending_leases()

    async def _turn(self) -> bool:
        """Do what is due; tell whether anything was done. Sets how long to rest if not."""
        now = await self._clock.sync()
        self._let_go_of_ending_leases()
        progress = await self._settle()
        await self._beat(now)
        if self._stopping:
            return progress
        upcoming = await self._storage.upcoming(self._settings.queues)
        fired = await self._fire(upcoming, now)
        reclaimed = await self._reclaim(upcoming, now)
        taken = await self._take(upcoming, now)
        self._rest = self._rest_after(upcoming, now)
        return progress or fired or reclaimed or taken

    def _rest_after(self, upcoming: Upcoming, now: datetime) -> timedelta:
        """How long nothing will be due, as far as can be seen."""
        instants = [upcoming.lease, upcoming.schedule]
        if self._free():
            instants.append(upcoming.task)
        waits = [instant - now for instant in instants if instant is not None]
        rest = min([self._settings.poll, *(wait if wait > timedelta(0) else BLOCKED_REST for wait in waits)])
        if self._next_heartbeat is not None:
            rest = min(rest, max(self._next_heartbeat - now, timedelta(0)))
        return rest

    def _free(self) -> int:
        return self._settings.concurrency - len(self._held)

    # --- what a turn does ----------------------------------------------------------------------------------------

    async def _fire(self, upcoming: Upcoming, now: datetime) -> bool:
        if upcoming.schedule is None or upcoming.schedule > now:
            return False
        plans = await self._storage.fire(self._settings.batch, plan)
        for made in plans:
            _log.debug("%s: %d tasks, %d slots", made.schedule, len(made.tasks), len(made.slots))
        return bool(plans)

    async def _reclaim(self, upcoming: Upcoming, now: datetime) -> bool:
        if upcoming.lease is None or upcoming.lease > now:
            return False

        def step(task: Task, at: datetime) -> Decision:
            return handle(task, LoseLease(at=at, entropy=self._entropy.fraction()))

        decisions = await self._storage.reclaim(self._settings.batch, step)
        for decision in decisions:
            _log.warning("%s: its lease ended, it is %s now", decision.task, decision.task.state.status)
            held = self._held.get(decision.task.id)
            if held is not None:
                held.interrupt("lost")
        return bool(decisions)

    async def _take(self, upcoming: Upcoming, now: datetime) -> bool:
        free = self._free()
        if free <= 0 or upcoming.task is None or upcoming.task > now:
            return False

        def step(task: Task, at: datetime) -> Decision:
            return handle(task, Start(at=at, worker=self._name, lease=self._settings.lease))

        decisions = await self._storage.take(self._settings.queues, min(free, self._settings.batch), step)
        for decision in decisions:
            if isinstance(decision.task.state, Running):
                self._start(decision.task, decision.task.state)
        return bool(decisions)

    def _start(self, task: Task, state: Running) -> None:
        remaining = (state.deadline - self._clock.now()).total_seconds()
        self._held[task.id] = begin(task, state, self._executor, remaining, self._end)
        if self._next_heartbeat is None:
            self._next_heartbeat = self._clock.now() + self._settings.heartbeat

    def _end(self, held: HeldRun) -> None:
        self._ended.append(held)
        self._wakeups.wake()

    # --- reporting -----------------------------------------------------------------------------------------------

    async def _settle(self) -> bool:
        """Report the runs that have ended, in one batch. What cannot be written now stays to be reported."""
        ended = self._ended[: self._settings.batch]
        if not ended:
            return False
        commands = [(held, report(held, self._clock.now(), self._entropy)) for held in ended]
        decided = [(held, command, _decide(held, command)) for held, command in commands if command is not None]
        ready = [(held, command, decision) for held, command, decision in decided if decision is not None]
        applied = await self._storage.save([decision for _, _, decision in ready]) if ready else ()
        done = {id(held) for (held, _, _), written in zip(ready, applied, strict=True) if written}
        for held, command, _ in decided:
            if id(held) not in done:
                await self._report_again(held, command)
        self._forget(ended)
        return True

    async def _report_again(self, held: HeldRun, command: Command) -> None:
        """The task moved on since this worker last saw it: decide anew, on what it is now."""

        def step(task: Task, at: datetime) -> Decision:
            return handle(task, command)

        (answer,) = await self._storage.update([held.task.id], step)
        if isinstance(answer, Refused):
            _log.warning("a report was dropped: %s", answer.error)

    def _forget(self, ended: Sequence[HeldRun]) -> None:
        for held in ended:
            if self._held.get(held.task.id) is held:
                del self._held[held.task.id]
        del self._ended[: len(ended)]
        if not self._held:
            self._next_heartbeat = None

    # --- holding on ----------------------------------------------------------------------------------------------

    async def _beat(self, now: datetime) -> None:
        """Extend the leases of all runs in one batch; hear what was asked of them meanwhile."""
        if self._next_heartbeat is None or now < self._next_heartbeat:
            return
        self._next_heartbeat = now + self._settings.heartbeat
        going = [held for held in self._held.values() if not held.job.done() and held.cause != "lost"]
        runs = {held.task.id: held.state.run for held in going}

        def step(task: Task, at: datetime) -> Decision:
            return handle(task, Heartbeat(at=at, run=runs[task.id], lease=self._settings.lease))

        answers = await self._storage.update(list(runs), step)
        for held, answer in zip(going, answers, strict=True):
            if isinstance(answer, Refused):
                _log.warning("a run was lost: %s", answer.error)
                held.interrupt("lost")
                continue
            held.confirm(answer.task)
            if isinstance(answer.task.state, Cancelling):
                held.interrupt("cancelled")

    def _let_go_of_ending_leases(self) -> None:
        """Stop runs whose lease could not be extended, before somebody else may take them over."""
        if not self._held:
            return
        edge = self._clock.now() + self._settings.margin
        for held in self._held.values():
            if held.state.lease_until <= edge and not held.job.done() and held.cause != "lost":
                _log.warning("%s: its lease could not be extended, the run stops", held.task)
                held.interrupt("lost")

    # --- the end -------------------------------------------------------------------------------------------------

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._settings.grace.total_seconds()
        while self._held and loop.time() < end:
            await self._drain_turn(end - loop.time())
        for held in self._held.values():
            if not held.job.done():
                held.interrupt("drain")
        end = loop.time() + LAST_WAIT
        while self._held and loop.time() < end:
            await self._drain_turn(end - loop.time())
        if self._held:
            _log.warning("%d runs could not be given back: their leases will end", len(self._held))

    async def _drain_turn(self, left: float) -> None:
        try:
            if not await self._turn():
                await self._wakeups.wait(timedelta(seconds=min(left, 0.2)))
        except MainspringError as error:
            _log.warning("the storage cannot be used during the shutdown: %s", error)
            await asyncio.sleep(min(left, 0.2))


def _decide(held: HeldRun, command: Command) -> Decision | None:
    """Decide on the task as this worker last saw it; None if that is not possible (it will be read again)."""
    try:
        return handle(held.task, command)
    except (IllegalTransition, StaleRun):
        return None
