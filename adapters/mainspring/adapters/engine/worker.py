"""The engine: turns of settle, look, fire, reclaim, take, start and rest, until it is told to stop.

Rules:

* Only ports are known here; everything that is awaited goes through one, or is a run's own job.
* A turn looks at what is coming, does what is due, and is repeated at once while it makes progress. Otherwise the
  engine rests until the next due instant, a wake-up, the next heartbeat, or ``poll``.
* The storage's clock rules what is due and whose lease has ended. Between two readings the monotonic clock carries it
  forward, and heartbeats go by the monotonic clock alone.
* A storage that is away is waited for, with a jittered back-off, for ever; runs go on meanwhile, but a run whose
  lease could not be extended is stopped a margin before the lease ends, and reports nothing.
* No single task or schedule, whatever is wrong with it, holds up the others.
* Stopping: nothing new is taken; runs may finish within the grace time; towards its end the rest is given back without
  burning an attempt.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from mainspring.adapters.engine.bell import Bell
from mainspring.adapters.engine.clock import StorageClock
from mainspring.adapters.engine.holdings import Holdings
from mainspring.adapters.engine.runs import MAX_NOTES, HeldRun, described, report
from mainspring.adapters.engine.settings import EngineSettings
from mainspring.adapters.engine.turns import Turns
from mainspring.adapters.engine.upkeep import Upkeep
from mainspring.core.commands import Command, DropReport, Heartbeat, LoseLease, Note, Start
from mainspring.core.errors import IllegalTransition, StaleRun, Unavailable
from mainspring.core.ids import ScheduleId
from mainspring.core.machine import Decision, handle
from mainspring.core.ports import AsyncStorage, Entropy, Executor, Refused, Taken, Unplanned, Upcoming, Wakeups
from mainspring.core.queue import QueueRef, admit, queue_of
from mainspring.core.schedule import Plan, ScheduleView, plan
from mainspring.core.states import Cancelling, Running
from mainspring.core.task import Task

_log = logging.getLogger("mainspring.engine")

BACKOFF_FIRST: Final = 0.05
BACKOFF_MAX: Final = 5.0
BLOCKED_REST: Final = 0.5
"""The rest after a look that found due work which could not be taken (it is another worker's, or held back)."""
SYNC_EVERY: Final = 1.0
"""How old a reading of the storage's clock may get while one turn follows the other without a rest."""
NOTES_A_TURN: Final = 10
"""How many notes of a run that goes on are written in one turn."""
LAST_WAIT: Final = 2.0
"""How many seconds jobs get to stop, and the storage to take the last reports, at the end of a shutdown."""


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
        self._entropy = entropy
        self._settings = settings
        self._name = name
        self._bell = Bell(wakeups)
        self._clock = StorageClock(storage)
        self._runs = Holdings(executor, self._clock, settings.margin, self._bell.ring)
        self._next_beat: float | None = None
        self._failures = 0
        self._rested = True
        self._rest = 0.0
        self._again: datetime | None = None
        self._turns = Turns(storage)
        self._upkeep = Upkeep(storage, settings.retention, settings.batch)
        self._unplannable: dict[ScheduleId, int] = {}
        self._refusals: dict[ScheduleId, str] = {}

    def stop(self) -> None:
        """Ask the engine to drain and end; may be called from any thread, and more than once."""
        self._bell.stop()

    async def run(self) -> None:
        """Work until ``stop`` was called and the runs have ended or were given back.

        Being cancelled is no graceful end: the runs are stopped, and their leases have to end.
        """
        _log.info("worker %s starts", self._name)
        async with self._at_work():
            while not self._bell.stopping:
                await self._cycle()
            await self._drain()
        _log.info("worker %s has stopped", self._name)

    async def run_until_idle(self) -> None:
        """Work until nothing is due that may start, and nothing runs; for tests and batch jobs.

        A rate is waited for, a pause is not. ``Unavailable`` is passed on.
        """
        async with self._at_work():
            while not self._bell.stopping:
                if await self._turn():
                    await asyncio.sleep(0)
                elif self._runs or self._again is not None:
                    await self._bell.rest(min(self._rest, self._settings.heartbeat.total_seconds()))
                else:
                    return
            await self._drain()

    @asynccontextmanager
    async def _at_work(self) -> AsyncGenerator[None]:
        """Hear wake-ups; leave nothing behind that still runs."""
        async with self._bell.listening():
            try:
                yield
            finally:
                await self._runs.close(0 if self._bell.stopping else LAST_WAIT)  # a drain has waited already

    # --- the cycle -----------------------------------------------------------------------------------------------

    async def _cycle(self) -> None:
        """One turn and, if it made no progress, one rest; an error costs a back-off, never the loop."""
        try:
            progress = await self._turn()
        except Unavailable as error:
            await self._back_off(error)
            return
        except Exception as error:
            _log.exception("a turn failed")
            await self._back_off(error)
            return
        self._failures = 0
        self._rested = not progress
        await self._bell.rest(0 if progress else self._rest)

    async def _back_off(self, error: Exception) -> None:
        ceiling = min(BACKOFF_MAX, BACKOFF_FIRST * 2 ** min(self._failures, 10))
        delay = ceiling * (0.5 + self._entropy.fraction() / 2)
        self._failures += 1
        self._rested = True
        _log.warning("the storage cannot be used, next try in %.2f s: %s", delay, error)
        await self._bell.back_off(delay)

    async def _turn(self) -> bool:
        """Do what is due; tell whether anything was done. Sets how long to rest if not."""
        if self._rested or self._clock.age() > SYNC_EVERY:
            await self._clock.sync()
            await self._turns.read()
        self._runs.let_go()
        more = await self._write_notes()
        progress = await self._settle() or more
        await self._beat()
        if self._bell.stopping:
            return progress
        upcoming = await self._storage.upcoming(self._settings.queues)
        now = self._clock.now()
        fired = await self._fire(upcoming, now)
        reclaimed = await self._reclaim(upcoming, now)
        taken = await self._take(upcoming, now)
        pruned = await self._upkeep.round(now)
        self._rest = self._rest_after(upcoming, now)
        return progress or fired or reclaimed or taken or pruned

    def _rest_after(self, upcoming: Upcoming, looked: datetime) -> float:
        """How many seconds nothing will be due, as far as could be seen at ``looked``."""
        now = self._clock.now()
        task = self._turns.earliest(upcoming) if self._free() else None
        rest = self._settings.poll.total_seconds()
        if self._again is not None:
            rest = min(rest, max((self._again - now).total_seconds(), 0.0))
        for instant in (task, upcoming.lease, upcoming.schedule):
            if instant is not None:
                rest = min(rest, BLOCKED_REST if instant <= looked else (instant - now).total_seconds())
        if self._next_beat is not None:
            rest = min(rest, self._next_beat - asyncio.get_running_loop().time())
        return rest

    def _free(self) -> int:
        return self._settings.concurrency - len(self._runs)

    # --- what a turn does ----------------------------------------------------------------------------------------

    async def _fire(self, upcoming: Upcoming, now: datetime) -> bool:
        if upcoming.schedule is None or upcoming.schedule > now:
            return False
        plans = await self._storage.fire(self._settings.batch, self._plan)
        for made in plans:
            if isinstance(made, Unplanned):
                self._unplanned(made)
            else:
                _log.debug("%s: %d tasks, %d slots", made.schedule, len(made.tasks), len(made.slots))
        return any(isinstance(made, Plan) and made.schedule.version != made.read_version for made in plans)

    def _unplanned(self, refused: Unplanned) -> None:
        """Say once of each refusal of a schedule that it holds up that schedule (and nobody else)."""
        said = str(refused.error)
        if self._refusals.get(refused.schedule_id) != said:
            self._refusals[refused.schedule_id] = said
            _log.error("schedule %s cannot be fired: %s", refused.schedule_id, said)

    def _plan(self, view: ScheduleView, at: datetime) -> Plan:
        """Plan a schedule; one whose rule fails is left as it is, so that it holds up nobody but itself."""
        try:
            return plan(view, at)
        except Exception:
            schedule = view.schedule
            if self._unplannable.get(schedule.id) != schedule.version:
                self._unplannable[schedule.id] = schedule.version
                _log.exception("%s cannot be planned: it does not fire until it is changed", schedule)
            return Plan(schedule=schedule, read_version=schedule.version)

    async def _reclaim(self, upcoming: Upcoming, now: datetime) -> bool:
        if upcoming.lease is None or upcoming.lease > now:
            return False

        def step(task: Task, at: datetime) -> Decision:
            return handle(task, LoseLease(at=at, entropy=self._entropy.fraction()))

        decisions = await self._storage.reclaim(self._settings.batch, step)
        for decision in decisions:
            _log.warning("%s: its lease ended, it is %s now", decision.task, decision.task.state.status)
            self._runs.lose(decision.task.id)
        return bool(decisions)

    async def _take(self, upcoming: Upcoming, now: datetime) -> bool:
        """Take what may start. Places that a queue does not use, since it is held back or empty, go to the others."""
        self._again = None
        due: tuple[QueueRef, ...] = self._turns.due(upcoming, now)
        count = 0
        while due and not self._bell.stopping:
            places = min(self._free(), self._settings.batch - count)
            if places <= 0:
                break
            shares = self._turns.shares(due, places)
            taken = await self._storage.take(shares, self._start, admit)
            self._begin(taken)
            count += len(taken.decisions)
            given = Counter(queue_of(decision.task) for decision in taken.decisions)
            due = tuple(ref for ref in due if given[ref] >= shares.get(ref, 0))
        return count > 0

    def _start(self, task: Task, at: datetime) -> Decision:
        return handle(task, Start(at=at, worker=self._name, lease=self._settings.lease))

    def _begin(self, taken: Taken) -> None:
        """Start the runs of what was taken, and note when a rate lets the next one go."""
        self._again = min((at for at in (self._again, taken.again) if at is not None), default=None)
        for decision in taken.decisions:
            if isinstance(decision.task.state, Running):
                self._runs.begin(decision.task, decision.task.state)
        if self._next_beat is None and self._runs:
            self._next_beat = asyncio.get_running_loop().time() + self._settings.heartbeat.total_seconds()

    # --- reporting -----------------------------------------------------------------------------------------------

    async def _settle(self) -> bool:
        """Report the runs that have ended, in one batch. What cannot be written now stays to be reported."""
        ended = self._runs.ended(self._settings.batch)
        if not ended:
            return False
        at = self._clock.latest()
        commands = [(held, report(held, at, self._entropy)) for held in ended]
        decided = [(held, command, _decide(held, command)) for held, command in commands if command is not None]
        ready = [(held, decision) for held, _, decision in decided if decision is not None]
        applied = await self._save(ready)
        done = {id(held) for (held, _), written in zip(ready, applied, strict=True) if written}
        for held, command, _ in decided:
            if id(held) not in done:
                await self._report_again(held, command)
        self._runs.forget(ended)
        return True

    async def _save(self, ready: Sequence[tuple[HeldRun, Decision]]) -> Sequence[bool]:
        if not ready:
            return ()
        try:
            return await self._storage.save([decision for _, decision in ready])
        except Exception as error:
            for held, _ in ready:
                held.uncertain = True
            if isinstance(error, Unavailable):
                raise
            _log.exception("%d reports cannot be written together; each is tried by itself", len(ready))
            return [False] * len(ready)

    async def _report_again(self, held: HeldRun, command: Command) -> None:
        """The task moved on since this worker last saw it: decide anew, on what it is now.

        A report that comes too late changes nothing and is recorded, unless it may be an earlier try of its own that
        made it late.
        """
        dropped = False

        def step(task: Task, at: datetime) -> Decision:
            nonlocal dropped
            try:
                return handle(task, command)
            except StaleRun:
                if held.uncertain:
                    raise
                dropped = True
                drop = DropReport(at=at, run=held.state.run, worker=self._name, report=described(command))
                return handle(task, drop)

        try:
            (answer,) = await self._storage.update([held.task.id], step)
        except Exception as error:
            held.uncertain = True
            if isinstance(error, Unavailable):
                raise
            _log.exception("%s: the report of its run cannot be written, its lease will end", held.task)
            return
        if dropped:
            _log.warning("%s: run %d ended too late, its report is dropped", held.task, held.state.run)
        if isinstance(answer, Refused):
            _log.log(logging.DEBUG if held.uncertain else logging.WARNING, "a report was refused: %s", answer.error)

    async def _write_notes(self) -> bool:
        """Put what runs have noted on their tasks' records; tell whether there is more.

        All that ended runs have left, since nothing can be put there after their end; a few notes of those that go on,
        so that one that never stops talking holds up nobody.
        """
        for turn in range(MAX_NOTES):
            noted = [held for held in self._runs.noted() if turn < NOTES_A_TURN or held.job.done()]
            if not noted:
                break
            await self._write_note_of_each(noted)
        return bool(self._runs.noted())

    async def _write_note_of_each(self, noted: Sequence[HeldRun]) -> None:
        """Write the first note of each run; what cannot be written now is tried again."""
        taken = {held: note for held in noted if (note := held.take_note()) is not None}
        notes = {held.task.id: (held.state.run, note) for held, note in taken.items()}

        def step(task: Task, at: datetime) -> Decision:
            run, note = notes[task.id]
            return handle(task, Note(at=at, run=run, text=note.text, progress=note.progress))

        try:
            answers = await self._storage.update(list(notes), step)
        except Unavailable:
            for held, note in taken.items():
                held.put_back(note)
            raise
        for held, answer in zip(taken, answers, strict=False):
            if not isinstance(answer, Refused):
                _hear(held, answer.task)

    # --- holding on ----------------------------------------------------------------------------------------------

    async def _beat(self) -> None:
        """Extend the leases of all runs in one batch; hear what was asked of them meanwhile."""
        if not self._runs:
            self._next_beat = None
        start = asyncio.get_running_loop().time()
        if self._next_beat is None or start < self._next_beat:
            return
        going = self._runs.going()
        runs = {held.task.id: held.state.run for held in going}

        def step(task: Task, at: datetime) -> Decision:
            return handle(task, Heartbeat(at=at, run=runs[task.id], lease=self._settings.lease))

        answers = await self._storage.update([held.task.id for held in going], step) if going else ()
        self._next_beat = start + self._settings.heartbeat.total_seconds()
        for held, answer in zip(going, answers, strict=True):
            if isinstance(answer, Refused):
                _log.warning("a run was lost: %s", answer.error)
                held.interrupt("lost")
                continue
            _hear(held, answer.task)

    # --- the end -------------------------------------------------------------------------------------------------

    async def _drain(self) -> None:
        patience = (self._settings.grace - self._settings.reserve).total_seconds()
        await self._finish(patience)
        self._runs.give_back()
        await self._finish(max(self._settings.reserve.total_seconds(), LAST_WAIT))
        if self._runs:
            _log.warning("%d runs could not be given back: their leases will end", len(self._runs))

    async def _finish(self, seconds: float) -> None:
        """Report what ends, for at most ``seconds``."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while self._runs and loop.time() < end:
            left = min(end - loop.time(), 0.2)
            try:
                progress = await self._turn()
                self._rested = True
                await self._bell.rest(0 if progress else left)
            except Exception as error:
                _log.warning("the storage cannot be used during the shutdown: %s", error)
                await asyncio.sleep(max(left, 0))


def _hear(held: HeldRun, task: Task) -> None:
    """Take over what the storage has written for a run, and stop the run if that was asked for."""
    held.confirm(task)
    if isinstance(task.state, Cancelling):
        held.interrupt("cancelled")


def _decide(held: HeldRun, command: Command) -> Decision | None:
    """Decide on the task as this worker last saw it; None if that is not possible (it will be read again)."""
    try:
        return handle(held.task, command)
    except (IllegalTransition, StaleRun):
        return None
