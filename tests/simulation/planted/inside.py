"""Bugs of a storage, and of single steps of the core and the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import import_module
from typing import Any

from attrs import evolve as changed

from mainspring.adapters.engine import holdings, runs, worker
from mainspring.adapters.storages import memory_tasks
from mainspring.adapters.storages.memory import MemoryStorage
from mainspring.core import machine
from mainspring.core.commands import Heartbeat
from mainspring.core.events import (
    Event,
    LeaseExtended,
    RetryScheduled,
    RunReleased,
    RunSnoozed,
    RunStarted,
    TaskFailed,
    TaskRequeued,
)
from mainspring.core.machine import Decision
from mainspring.core.ports import Gate, Taken, TaskStep
from mainspring.core.queue import QueueRef
from mainspring.core.recurrence import Recurrence
from mainspring.core.retry import RetryAt, Verdict
from mainspring.core.schedule.plan import Draft, Waiting, following
from mainspring.core.schedule.values import Created
from mainspring.core.states import Running, State, Tally
from mainspring.core.task import Task
from mainspring.simulation import world as simulated
from mainspring.simulation.swarm import SHIFTS
from mainspring.simulation.virtual import current_node
from simulation.planted.planting import Bug, bug

planning = import_module("mainspring.core.schedule.plan")  # the package has a function of that name
# --- storages --------------------------------------------------------------------------------------------------------


@bug("no fencing", "I4")
class NoFencing(MemoryStorage):
    """A decision is written whatever version it was made on."""

    def _write(self, decision: Decision) -> bool:
        current = self._tasks.rows.get(decision.task.id)
        return current is not None and super()._write(changed(decision, read_version=current.version))


@bug("fence rows pruned", "I8")
class FencesPruned(MemoryStorage):
    """The records of occurrences go with the tasks that they made."""

    def prune(self, project: str | None, statuses: frozenset[str], before: datetime, limit: int) -> int:
        count = super().prune(project, statuses, before, limit)
        for slots in self._schedules.slots.values():
            for key, slot in [*slots.items()]:
                if isinstance(slot.outcome, Created) and slot.outcome.task_id not in self._tasks.rows:
                    del slots[key]
        return count


@bug("history row missing", "I13")
class RowMissing(MemoryStorage):
    """One kind of event is not written down."""

    def _write(self, decision: Decision) -> bool:
        written = super()._write(decision)
        history = self._tasks.events.get(decision.task.id)
        if written and history and isinstance(history[-1], RetryScheduled):
            history.pop()
        return written


@bug("requeue resets the history", "I13")
class HistoryReset(MemoryStorage):
    """A task that is run again begins with an empty history."""

    def _write(self, decision: Decision) -> bool:
        if any(isinstance(event, TaskRequeued) for event in decision.events):
            self._tasks.events.pop(decision.task.id, None)
        return super()._write(decision)


class _ByTheWall(MemoryStorage):
    """What is due is judged by the clock of the worker that asks."""

    def take(self, shares: Mapping[QueueRef, int], step: TaskStep, gate: Gate) -> Taken:
        node, true = current_node(), self._clock
        bound: Any = getattr(true, "__self__", None)
        assert isinstance(bound, simulated.World)
        self._clock = true if node is None else lambda: bound.wall(node)
        try:
            return super().take(shares, step, gate)
        finally:
            self._clock = true


WorkerClockForDue = bug("worker clock for what is due", "I5")(_ByTheWall)


# --- steps of the core -----------------------------------------------------------------------------------------------

_evolve, _heartbeat, _judge, _given_back = machine.evolve, machine._heartbeat, machine.judge, machine._given_back


def _counted_at_the_end(state: State, event: Event) -> State:
    after: Any = _evolve(state, event)
    match event:
        case RunStarted():
            return changed(after, tally=changed(after.tally, attempts=state.tally.attempts))
        case RetryScheduled(failure=failure) | TaskFailed(failure=failure) if failure.kind != "lease_lost":
            return changed(after, tally=changed(after.tally, attempts=after.tally.attempts + 1))
        case RunSnoozed() | RunReleased():
            return changed(after, tally=changed(after.tally, attempts=state.tally.attempts))
        case _:
            return after


def _always_extended(task: Task, command: Heartbeat) -> tuple[Event, ...]:
    held = machine._held(task, command.run)
    return (LeaseExtended(at=command.at, run=held.run, lease_until=command.at + command.lease),)


def _at_once(*args: Any, at: datetime, **fields: Any) -> Verdict:
    verdict = _judge(*args, at=at, **fields)
    return RetryAt(at) if isinstance(verdict, RetryAt) else verdict


def _kept(tally: Tally, snoozes: int) -> Tally:
    return changed(tally, snoozes=tally.snoozes + snoozes)


def _met_regardless(self: Draft, due: Waiting) -> None:
    self.create(due)


_pass = Draft._pass


def _one_too_far(self: Draft, until: datetime, limit: int) -> tuple[datetime, ...]:
    if limit == planning.SWEEP and self.schedule.paused is None and self.next_at is not None:
        following_one = following(self.schedule, until)
        if following_one is not None and self.next_at <= until and following_one <= self.at:
            until = following_one
    return _pass(self, until, limit)


_between, _next_after = planning.between, planning.next_after
_LOST = frozenset(instant for instant, _ in SHIFTS)


def _between_without_gaps(rule: Recurrence, start: datetime, end: datetime, limit: int = 1000) -> tuple[datetime, ...]:
    return tuple(instant for instant in _between(rule, start, end, limit) if instant not in _LOST)


def _next_without_gaps(rule: Recurrence, after: datetime) -> datetime | None:
    found = _next_after(rule, after)
    return _next_after(rule, found) if found in _LOST else found


# --- steps of the engine ---------------------------------------------------------------------------------------------

_interrupt, _rest_after, _begin = runs.HeldRun.interrupt, worker.Worker._rest_after, holdings.begin


def _deaf_to_cancels(self: runs.HeldRun, cause: runs.Cause) -> None:
    if cause != "cancelled":
        _interrupt(self, cause)


def _never_polls(self: worker.Worker, *args: Any) -> float:
    rest = _rest_after(self, *args)
    return 300.0 if rest == self._settings.poll.total_seconds() else rest


def _begin_whatever_the_time(self: holdings.Holdings, task: Task, state: Running) -> None:
    self.lose(task.id)
    remaining = (state.deadline - self._clock.now()).total_seconds()
    held = _begin(task, state, self._executor, remaining, self._end, self._tell)
    self._runs[held] = None
    self._newest[task.id] = held
    if self._guard is None:
        self._arm(state.lease_until)


def _never_lets_go(self: holdings.Holdings) -> None:
    """Nothing."""


async def _gives_up(self: worker.Worker, error: Exception) -> None:
    await self._bell.back_off(10_000)


def _backwards(self: memory_tasks.TaskTable, ref: QueueRef, limit: int, now: datetime) -> list[Task]:
    found = _due(self, ref, 1_000, now)
    self.refresh(found[: max(0, len(found) - limit)])
    return found[max(0, len(found) - limit) :]


_due = memory_tasks.TaskTable.due


def _step(name: str, caught_by: Sequence[str], *patches: tuple[Any, str, Any]) -> Bug:
    return Bug(name, frozenset(caught_by), patches=patches)


BUGS: tuple[Any, ...] = (
    NoFencing,
    FencesPruned,
    WorkerClockForDue,
    _step("attempts counted at completion", ["I2"], (machine, "evolve", _counted_at_the_end)),
    _step("heartbeat after a loss accepted", ["I4"], (machine, "_heartbeat", _always_extended)),
    _step("cancel ignored", ["I12"], (runs.HeldRun, "interrupt", _deaf_to_cancels)),
    _step("retry without back-off", ["I5"], (machine, "judge", _at_once)),
    RowMissing,
    _step("overlap policy ignored", ["I8"], (Draft, "meet", _met_regardless)),
    _step("catch-up window off by one", ["I8"], (Draft, "_pass", _one_too_far)),
    _step(
        "occurrence in a DST gap dropped",
        ["I8"],
        (planning, "between", _between_without_gaps),
        (planning, "next_after", _next_without_gaps),
    ),
    _step("lost wake-up with no poll", ["L1"], (worker.Worker, "_rest_after", _never_polls)),
    HistoryReset,
    _step("a give-back burns an attempt", ["I2"], (machine, "_given_back", _kept)),
    _step("runs begin after their lease", ["I3"], (holdings.Holdings, "begin", _begin_whatever_the_time)),
    _step("runs outlive their lease", ["I3"], (holdings.Holdings, "let_go", _never_lets_go)),
    _step("order of the queue reversed", ["I16"], (memory_tasks.TaskTable, "due", _backwards)),
    _step("gives up when the storage is away", ["L5"], (worker.Worker, "_back_off", _gives_up)),
)
