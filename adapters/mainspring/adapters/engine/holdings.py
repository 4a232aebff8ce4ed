"""The runs of an engine: what it holds, what of it has ended, and the guard over their leases.

The guard is a timer of the event loop. It does not wait for the storage: a run whose lease could not be extended is
stopped a margin before the lease ends even while every call to the storage hangs (I3).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from mainspring.adapters.engine.clock import StorageClock
from mainspring.adapters.engine.runs import HeldRun, begin
from mainspring.core.ids import TaskId
from mainspring.core.ports import Executor
from mainspring.core.states import Running
from mainspring.core.task import Task

_log = logging.getLogger("mainspring.engine")


class Holdings:
    """Every run that takes a place in this process, until its end was reported (or may not be)."""

    def __init__(self, executor: Executor, clock: StorageClock, margin: timedelta, ended: Callable[[], None]) -> None:
        self._executor = executor
        self._clock = clock
        self._margin = margin
        self._tell = ended
        self._runs: dict[HeldRun, None] = {}  # in the order of their starts
        self._newest: dict[TaskId, HeldRun] = {}
        self._ended: list[HeldRun] = []
        self._guard: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._runs)

    def begin(self, task: Task, state: Running) -> None:
        """Start a run that the storage has given to this engine; an older one of its task is no longer ours.

        An answer of the storage may have travelled so long that the run's lease is (all but) over: then it is not
        begun, since somebody else may start the next one any moment.
        """
        self.lose(task.id)
        if state.lease_until <= self._clock.latest() + self._margin:
            _log.warning("%s: it came too late, the lease of run %d is over before it begins", task, state.run)
            return
        remaining = (state.deadline - self._clock.now()).total_seconds()
        held = begin(task, state, self._executor, remaining, self._end, self._tell)
        self._runs[held] = None
        self._newest[task.id] = held
        if self._guard is None:
            self._arm(state.lease_until)

    def _end(self, held: HeldRun) -> None:
        self._ended.append(held)
        self._tell()

    # --- what has ended ------------------------------------------------------------------------------------------

    def ended(self, limit: int) -> Sequence[HeldRun]:
        """List runs that have ended, the earliest first; ``forget`` them once their end was reported."""
        return self._ended[:limit]

    def forget(self, ended: Sequence[HeldRun]) -> None:
        """Free the places of the runs that ``ended`` gave."""
        for held in ended:
            del self._runs[held]
            if self._newest.get(held.task.id) is held:
                del self._newest[held.task.id]
        del self._ended[: len(ended)]

    # --- what goes on --------------------------------------------------------------------------------------------

    def going(self) -> list[HeldRun]:
        """List the runs whose leases are to be extended."""
        return [held for held in self._runs if held.cause != "lost" and not held.job.done()]

    def noted(self) -> list[HeldRun]:
        """List the runs that have something to be written down."""
        return [held for held in self._runs if held.has_notes and held.cause != "lost"]

    def lose(self, task_id: TaskId) -> None:
        """Stop the run of a task that was taken away from this engine, if there is one."""
        held = self._newest.get(task_id)
        if held is not None and not held.job.done():
            held.interrupt("lost")

    def give_back(self) -> None:
        """Stop all runs at the end of a shutdown; their tasks are given back."""
        for held in self.going():
            held.interrupt("drain")

    def let_go(self) -> None:
        """Stop the runs whose leases could not be extended, before somebody else may take them over."""
        edge = self._clock.latest() + self._margin
        for held in self.going():
            if held.state.lease_until <= edge:
                _log.warning("%s: its lease could not be extended, the run stops", held.task)
                held.interrupt("lost")

    # --- the guard -----------------------------------------------------------------------------------------------

    def _arm(self, first: datetime) -> None:
        """Look again when the lease that ends first (at ``first``) comes near its end; later leases end later."""
        left = (first - self._margin - self._clock.latest()).total_seconds()
        self._guard = asyncio.get_running_loop().call_later(max(left, 0.001), self._watch)

    def _watch(self) -> None:
        self._guard = None
        self.let_go()
        leases = [held.state.lease_until for held in self.going()]
        if leases:
            self._arm(min(leases))

    async def close(self, seconds: float) -> None:
        """Stop whatever still runs, wait for it for at most ``seconds``, and end the guard."""
        if self._guard is not None:
            self._guard.cancel()
            self._guard = None
        jobs = [held.job for held in self._runs if not held.job.done()]
        for held in self._runs:
            held.interrupt("lost")
        if jobs:
            await asyncio.wait(jobs, timeout=seconds)
