"""The witness: a storage port that passes everything on, and writes down what was truly committed.

It stands directly in front of the storage. What it writes comes from the decisions that were handed in and the answers
that were given, with its own copy of every task; the storage's own history plays no part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from mainspring.core.creation import Accepted, Creation
from mainspring.core.errors import NotFound
from mainspring.core.events import UNRECORDED, Event
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.machine import Decision
from mainspring.core.ports import (
    Gate,
    Page,
    QueueStatus,
    QueueStep,
    Refused,
    ScheduleQuery,
    ScheduleStep,
    Storage,
    Taken,
    TaskQuery,
    TaskStep,
    Unplanned,
    Upcoming,
)
from mainspring.core.queue import Queue, QueueRef, queue_of
from mainspring.core.schedule import Plan, Schedule, ScheduleEvent, Slot
from mainspring.core.states import LIVE, TERMINAL, Pending
from mainspring.core.task import Task, schedule_of
from mainspring.simulation.trace import (
    Inserted,
    Nudged,
    Planned,
    QueueSet,
    Removed,
    ScheduleGone,
    ScheduleMade,
    Took,
    Trace,
    Wrote,
)


class Witness:
    """``Storage`` over ``inner``. ``clock`` is the storage's true clock, ``tick`` gives the virtual seconds."""

    def __init__(
        self,
        inner: Storage,
        trace: Trace,
        clock: Callable[[], datetime],
        tick: Callable[[], float],
        actor: Callable[[], str],
    ) -> None:
        self._inner = inner
        self._trace = trace
        self._clock = clock
        self._tick = tick
        self._actor = actor
        self.tasks: dict[TaskId, Task] = {}
        self.schedules: dict[ScheduleId, Schedule] = {}
        self._recorded: dict[TaskId, int] = {}
        self._pending: dict[QueueRef, dict[TaskId, Task]] = {}

    # --- writing down ------------------------------------------------------------------------------------------------

    def _keep(self, task: Task) -> None:
        before = self.tasks.get(task.id)
        if before is not None:
            self._pending.get(queue_of(before), {}).pop(task.id, None)
        self.tasks[task.id] = task
        if isinstance(task.state, Pending):
            self._pending.setdefault(queue_of(task), {})[task.id] = task

    def _inserted(self, op: str, task: Task) -> None:
        self._keep(task)
        self._recorded[task.id] = 0
        self._trace.add(Inserted(at=self._clock(), tick=self._tick(), actor=self._actor(), op=op, task=task))

    def _wrote(self, op: str, decision: Decision) -> None:
        if not decision.events:
            return
        before = self.tasks.get(decision.task.id)
        if before is None:
            self._inserted(op, decision.task)
            return
        self._keep(decision.task)
        kept = sum(1 for event in decision.events if type(event) not in UNRECORDED)
        self._recorded[decision.task.id] = self._recorded.get(decision.task.id, 0) + kept
        self._trace.add(
            Wrote(at=self._clock(), tick=self._tick(), actor=self._actor(), op=op, before=before, decision=decision)
        )
        if isinstance(decision.task.state, TERMINAL):
            self._follow_nudge(decision.task)
        for task in decision.follow_ups:
            self._inserted(op, task)

    def _follow_nudge(self, task: Task) -> None:
        """The end of a task may have made its schedule due: look what became of it."""
        schedule_id = schedule_of(task)
        before = None if schedule_id is None else self.schedules.get(schedule_id)
        if before is None:
            return
        after = self._inner.get_schedule(before.id)
        if after.version != before.version:
            self.schedules[before.id] = after
            self._trace.add(
                Nudged(at=self._clock(), tick=self._tick(), actor=self._actor(), before=before, after=after)
            )

    def _look_again(self, op: str, task_id: TaskId) -> None:
        """The storage changed a task by itself (a clash of names, a superseded run): read what it wrote."""
        before = self.tasks.get(task_id)
        if before is None:
            return
        after = self._inner.get(task_id)
        if after.version == before.version:
            return
        events = self._inner.history(task_id)[self._recorded[task_id] :]
        self._wrote(op, Decision(task=after, read_version=before.version, events=events, effects=()))

    def _gone(self, op: str, task: Task) -> None:
        del self.tasks[task.id]
        self._pending.get(queue_of(task), {}).pop(task.id, None)
        self._trace.add(Removed(at=self._clock(), tick=self._tick(), actor=self._actor(), op=op, task=task))
        if isinstance(task.state, LIVE):
            self._follow_nudge(task)

    def _plan(self, op: str, plan: Plan) -> None:
        if plan.schedule.version == plan.read_version:
            return
        before = self.schedules[plan.schedule.id]
        self.schedules[plan.schedule.id] = plan.schedule
        self._trace.add(
            Planned(at=self._clock(), tick=self._tick(), actor=self._actor(), op=op, before=before, plan=plan)
        )
        for task in plan.tasks:
            self._inserted(op, task)
        for task_id in plan.cancels:
            self._look_again("supersede", task_id)
        self._reread(plan.schedule.id)

    def _reread(self, schedule_id: ScheduleId) -> None:
        before = self.schedules[schedule_id]
        after = self._inner.get_schedule(schedule_id)
        if after.version != before.version:
            self.schedules[schedule_id] = after
            self._trace.add(
                Nudged(at=self._clock(), tick=self._tick(), actor=self._actor(), before=before, after=after)
            )

    def _queue(self, op: str, before: Queue, after: Queue | None) -> None:
        if before != after:
            self._trace.add(
                QueueSet(at=self._clock(), tick=self._tick(), actor=self._actor(), op=op, before=before, after=after)
            )

    # --- tasks -------------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """As ``Storage.now``."""
        return self._inner.now()

    def add(self, creations: Sequence[Creation], *, atomic: bool = True) -> tuple[Accepted | Refused, ...]:
        """As ``Storage.add``."""
        answers = self._inner.add(creations, atomic=atomic)
        for answer in answers:
            if isinstance(answer, Accepted):
                if answer.how == "created":
                    self._inserted("add", answer.task)
                else:
                    self._look_again("add", answer.task.id)
        return answers

    def get(self, task_id: TaskId) -> Task:
        """As ``Storage.get``."""
        return self._inner.get(task_id)

    def find(self, query: TaskQuery) -> Page[Task]:
        """As ``Storage.find``."""
        return self._inner.find(query)

    def count(self, project: str) -> Mapping[str, int]:
        """As ``Storage.count``."""
        return self._inner.count(project)

    def history(self, task_id: TaskId) -> tuple[Event, ...]:
        """As ``Storage.history``."""
        return self._inner.history(task_id)

    def take(self, shares: Mapping[QueueRef, int], step: TaskStep, gate: Gate) -> Taken:
        """As ``Storage.take``."""
        at = self._clock()
        lines = {ref: self._line(ref, at) for ref in shares}
        queues = {ref: self._inner.get_queue(ref) for ref in shares}
        taken = self._inner.take(shares, step, gate)
        for ref, line in lines.items():
            mine = [decision for decision in taken.decisions if queue_of(self.tasks[decision.task.id]) == ref]
            if line or mine:
                self._trace.add(
                    Took(
                        at=at,
                        tick=self._tick(),
                        actor=self._actor(),
                        ref=ref,
                        keyed=any(self.tasks[task_id].key is not None for task_id in line),
                        line=line[: shares[ref]],
                        taken=tuple(decision.task.id for decision in mine),
                    )
                )
            for decision in mine:
                self._wrote("take", decision)
            self._queue("take", queues[ref], self._inner.get_queue(ref))
        return taken

    def _line(self, ref: QueueRef, at: datetime) -> tuple[TaskId, ...]:
        """The due tasks of a queue in the documented order."""
        due = [
            (-task.priority, task.state.due, task.id)
            for task in self._pending.get(ref, {}).values()
            if isinstance(task.state, Pending) and task.state.due <= at
        ]
        return tuple(TaskId(key[2]) for key in sorted(due))

    def reclaim(self, limit: int, step: TaskStep) -> tuple[Decision, ...]:
        """As ``Storage.reclaim``."""
        decisions = self._inner.reclaim(limit, step)
        for decision in decisions:
            self._wrote("reclaim", decision)
        return decisions

    def save(self, decisions: Sequence[Decision]) -> tuple[bool, ...]:
        """As ``Storage.save``."""
        applied = self._inner.save(decisions)
        for decision, written in zip(decisions, applied, strict=True):
            if written:
                self._wrote("save", decision)
            else:
                self._trace.sometimes("a stale report is not applied")
        return applied

    def update(self, task_ids: Sequence[TaskId], step: TaskStep) -> tuple[Decision | Refused, ...]:
        """As ``Storage.update``."""
        answers = self._inner.update(task_ids, step)
        for answer in answers:
            if isinstance(answer, Decision):
                self._wrote("update", answer)
        return answers

    def delete(self, task_ids: Sequence[TaskId], wanted: Callable[[Task], bool] | None = None) -> int:
        """As ``Storage.delete``."""
        count = self._inner.delete(task_ids, wanted)
        for task_id in dict.fromkeys(task_ids):
            if task_id in self.tasks and self._is_gone(task_id):
                self._gone("delete", self.tasks[task_id])
        return count

    def prune(self, project: str | None, statuses: frozenset[str], before: datetime, limit: int) -> int:
        """As ``Storage.prune``."""
        count = self._inner.prune(project, statuses, before, limit)
        if count:
            for task in [task for task in self.tasks.values() if isinstance(task.state, TERMINAL)]:
                if self._is_gone(task.id):
                    self._gone("prune", task)
        return count

    def _is_gone(self, task_id: TaskId) -> bool:
        try:
            self._inner.get(task_id)
        except NotFound:
            return True
        return False

    # --- queues ------------------------------------------------------------------------------------------------------

    def get_queue(self, ref: QueueRef) -> Queue:
        """As ``Storage.get_queue``."""
        return self._inner.get_queue(ref)

    def update_queue(self, ref: QueueRef, step: QueueStep) -> Queue:
        """As ``Storage.update_queue``."""
        before = self._inner.get_queue(ref)
        after = self._inner.update_queue(ref, step)
        self._queue("update", before, after)
        return after

    def delete_queue(self, ref: QueueRef) -> None:
        """As ``Storage.delete_queue``."""
        before = self._inner.get_queue(ref)
        self._inner.delete_queue(ref)
        self._queue("delete", before, None)

    def queues(self, project: str | None = None) -> tuple[QueueStatus, ...]:
        """As ``Storage.queues``."""
        return self._inner.queues(project)

    def configured(self) -> tuple[Queue, ...]:
        """As ``Storage.configured``."""
        return self._inner.configured()

    def upcoming(self, queues: Sequence[str]) -> Upcoming:
        """As ``Storage.upcoming``."""
        return self._inner.upcoming(queues)

    # --- schedules ---------------------------------------------------------------------------------------------------

    def add_schedule(self, schedule: Schedule) -> None:
        """As ``Storage.add_schedule``."""
        self._inner.add_schedule(schedule)
        self.schedules[schedule.id] = schedule
        self._trace.add(ScheduleMade(at=self._clock(), tick=self._tick(), actor=self._actor(), schedule=schedule))

    def get_schedule(self, schedule_id: ScheduleId) -> Schedule:
        """As ``Storage.get_schedule``."""
        return self._inner.get_schedule(schedule_id)

    def find_schedules(self, query: ScheduleQuery) -> Page[Schedule]:
        """As ``Storage.find_schedules``."""
        return self._inner.find_schedules(query)

    def update_schedule(self, schedule_id: ScheduleId, step: ScheduleStep) -> Plan:
        """As ``Storage.update_schedule``."""
        plan = self._inner.update_schedule(schedule_id, step)
        self._plan("change", plan)
        return plan

    def fire(self, limit: int, step: ScheduleStep) -> tuple[Plan | Unplanned, ...]:
        """As ``Storage.fire``."""
        plans = self._inner.fire(limit, step)
        for plan in plans:
            if isinstance(plan, Plan):
                self._plan("fire", plan)
            else:
                self._trace.sometimes("a schedule cannot be fired")
        return plans

    def delete_schedule(self, schedule_id: ScheduleId) -> None:
        """As ``Storage.delete_schedule``."""
        self._inner.delete_schedule(schedule_id)
        schedule = self.schedules.pop(schedule_id)
        self._trace.add(ScheduleGone(at=self._clock(), tick=self._tick(), actor=self._actor(), schedule=schedule))

    def slots(self, schedule_id: ScheduleId, limit: int = 100, upto: datetime | None = None) -> tuple[Slot, ...]:
        """As ``Storage.slots``."""
        return self._inner.slots(schedule_id, limit, upto)

    def schedule_history(self, schedule_id: ScheduleId) -> tuple[ScheduleEvent, ...]:
        """As ``Storage.schedule_history``."""
        return self._inner.schedule_history(schedule_id)

    def close(self) -> None:
        """As ``Storage.close``."""
        self._inner.close()
