"""The receiver of all calls, and the wake-ups: what else lies between a process and the world.

The receiver keeps its own account of what arrived and how it ended; the storage's records are compared with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from mainspring.core.ports import Broken, Done, Outcome, Run, Snoozed
from mainspring.core.retry import Failure
from mainspring.core.states import Running
from mainspring.core.task import Task
from mainspring.simulation.dice import Dice
from mainspring.simulation.faults import Weather
from mainspring.simulation.trace import Began, Ended, Trace
from mainspring.simulation.virtual import Node

NEVER: Final = 1_000_000.0
"""Seconds: longer than any run of the simulation."""


class Receiver:
    """``Executor`` of the process ``node``: it does what the seed says."""

    def __init__(self, node: Node, weather: Weather, dice: Dice, trace: Trace, lease: timedelta) -> None:
        self._node = node
        self._weather = weather
        self._dice = dice
        self._trace = trace
        self._lease = lease.total_seconds()

    async def execute(self, task: Task, run: Run) -> Outcome:
        """Take a call in, and answer it (or not)."""
        lease_until = task.state.lease_until if isinstance(task.state, Running) else run.deadline
        weather = self._weather
        self._trace.add(
            Began(
                at=weather.now(),
                tick=weather.tick(),
                actor=self._node.name,
                task_id=task.id,
                run=run.run,
                lease_until=lease_until,
                thawed=self._node.thawed_at == weather.tick(),
            )
        )
        try:
            outcome, how = await self._answer(run)
        except asyncio.CancelledError:
            if weather.closed or not weather.strikes("call deaf to a stop", ""):
                self._end(task, run, "interrupted")
                raise
            await asyncio.sleep(weather.left(self._dice.scaled(0.01, 2 * self._lease)))
            outcome, how = Done(result='"too late"'), "deaf"
        self._end(task, run, how)
        return outcome

    def _end(self, task: Task, run: Run, how: str) -> None:
        weather = self._weather
        self._trace.add(
            Ended(at=weather.now(), tick=weather.tick(), actor=self._node.name, task_id=task.id, run=run.run, how=how)
        )

    async def _answer(self, run: Run) -> tuple[Outcome, str]:
        weather, dice = self._weather, self._dice
        if weather.calm:
            await asyncio.sleep(dice.between(0.01, 0.5))
            return Done(result='"well"'), "done"
        if weather.strikes("call never answers", ""):
            await asyncio.sleep(NEVER)
        if weather.strikes("call hangs", ""):
            await asyncio.sleep(weather.left(dice.between(0.5, 3) * self._lease))
        else:
            await asyncio.sleep(dice.scaled(0.01, 3))
        if dice.chance(0.1):
            run.note("half done", 0.5)
            await asyncio.sleep(dice.between(0, 0.5))
        if weather.strikes("call snoozes", ""):
            return Snoozed(wait=timedelta(seconds=round(dice.between(0, 5), 3))), "snoozed"
        if weather.strikes("call fails for good", ""):
            failure = Failure(kind="status", message="HTTP 400", status=400, permanent=True)
            return Broken(failure=failure), "broken"
        if weather.strikes("call fails", ""):
            after = timedelta(seconds=round(dice.between(1, 10), 3)) if dice.chance(0.2) else None
            return Broken(failure=Failure(kind="status", message="HTTP 503", status=503, retry_after=after)), "broken"
        return Done(result='"well"'), "done"


class Whisper:
    """``Wakeups`` of one process: hints come late, twice, or never. ``later`` calls something from nobody's process."""

    def __init__(self, weather: Weather, dice: Dice, later: Callable[[float, Callable[[], None]], None]) -> None:
        self._weather = weather
        self._dice = dice
        self._later = later
        self._hinted = asyncio.Event()
        self.deaf = False

    async def wait(self, timeout: timedelta) -> None:
        """As ``Wakeups.wait``."""
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                await self._hinted.wait()
        except TimeoutError:
            return
        self._hinted.clear()

    def wake(self) -> None:
        """As ``Wakeups.wake``."""
        self._hinted.set()

    def heard(self) -> None:
        """The storage has committed something: let the hint travel."""
        if self.deaf or self._weather.closed:
            return
        if self._weather.strikes("wake-up lost", ""):
            return
        delay = self._dice.between(0.0005, 0.01)
        if self._weather.strikes("wake-up late", ""):
            delay = self._dice.scaled(0.01, 10)
        self._later(delay, self.wake)
        if self._weather.strikes("wake-up twice", ""):
            self._later(delay + self._dice.scaled(0.001, 1), self.wake)
