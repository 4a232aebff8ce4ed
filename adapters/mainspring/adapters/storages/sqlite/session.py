"""One write transaction: decisions and plans written whole, with what follows from them."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime

from mainspring.adapters.storages.parts import changes_body
from mainspring.adapters.storages.sqlite import gates, queue_rows, schedule_rows, task_rows
from mainspring.adapters.storages.sqlite.rows import read_task
from mainspring.core.commands import Cancel
from mainspring.core.effects import NudgeSchedule
from mainspring.core.errors import Conflict, CorruptHistory, MainspringError, NotFound
from mainspring.core.events import Event
from mainspring.core.ids import TaskId
from mainspring.core.instants import to_micros
from mainspring.core.machine import Decision, handle
from mainspring.core.ports import SUPERSEDED, Gate, ScheduleStep, Taken, TaskStep, TaskTest
from mainspring.core.queue import Queue, QueueRef, QueueView
from mainspring.core.schedule import Plan, Schedule, ScheduleEvent, ScheduleView, nudged
from mainspring.core.states import LIVE, Pending
from mainspring.core.task import Task


class Session:
    """What is written in one transaction; ``now`` is its instant, ``hint`` whether it made something due.

    Writes of states and histories are gathered and made together: ``flush`` before anything that reads them.
    """

    def __init__(self, connection: sqlite3.Connection, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self.hint = False
        self._gathered: dict[TaskId, tuple[int, int]] = {}
        self._states: list[tuple[int, Task]] = []
        self._events: list[tuple[int, int, Sequence[Event]]] = []

    def flush(self) -> None:
        """Make the writes that were gathered."""
        if self._gathered:
            task_rows.write_states(self.connection, self._states)
            task_rows.add_history(self.connection, self._events)
            self._gathered.clear()
            self._states.clear()
            self._events.clear()

    @contextmanager
    def apart(self) -> Generator[None]:
        """Do the block so that, if it is refused, nothing of it stays and what was written before does."""
        self.flush()
        self.connection.execute("SAVEPOINT apart")
        try:
            yield
            self.flush()
        except MainspringError:
            self.connection.execute("ROLLBACK TO apart")
            self._gathered.clear()
            self._states.clear()
            self._events.clear()
            raise
        finally:
            self.connection.execute("RELEASE apart")

    def insert(self, tasks: Sequence[Task]) -> None:
        """Insert new tasks."""
        self.flush()
        task_rows.insert(self.connection, tasks)
        self.hint = self.hint or any(isinstance(task.state, Pending) for task in tasks)

    def read(self, task_id: TaskId) -> Task:
        """Read a task as it is by now."""
        if task_id in self._gathered:
            self.flush()
        return read_task(task_rows.row_of(self.connection, task_id))

    def pass_all(self, found: Sequence[tuple[int, Task]], step: TaskStep) -> tuple[Decision, ...]:
        """Pass tasks through ``step`` and write what it gives over their rows."""
        decisions = tuple([step(task, self.now) for _, task in found])
        for (n, task), decision in zip(found, decisions, strict=True):
            if decision.task.id != task.id or decision.read_version != task.version:
                raise Conflict(str(task), f"the step answered for {decision.task}", "decide on what the step is given")
            if decision.events:
                self._write(n, decision)
        return decisions

    def take(self, ref: QueueRef, share: int, step: TaskStep, gate: Gate) -> Taken:
        """Pass due tasks of a queue through ``step``; if it is gated, those that ``gate`` lets start."""
        lane = task_rows.next_lane(self.connection, ref)
        if lane is not None and lane.gated:
            return self._pass_gate(ref, share, step, gate)
        rows = task_rows.due_rows(self.connection, ref, lane, share, to_micros(self.now))
        return Taken(decisions=self.pass_all(task_rows.readable(self.connection, rows, share), step), again=None)

    def _pass_gate(self, ref: QueueRef, share: int, step: TaskStep, gate: Gate) -> Taken:
        """Let ``gate`` choose, and write the queue that it gives back."""
        self.flush()
        queue = queue_rows.get(self.connection, ref) or Queue(ref=ref)
        found = gates.candidates(self.connection, ref, share, self.now, queue.last_turns)
        view = QueueView(queue=queue, running=gates.running(self.connection, ref, self.now))
        admission = gate(view, [task for _, task in found], self.now, share)
        if admission.queue != queue:
            queue_rows.put(self.connection, admission.queue)
        by_id = {task.id: (n, task) for n, task in found}
        admitted = [by_id[task_id] for task_id in admission.admitted]
        return Taken(decisions=self.pass_all(admitted, step), again=admission.again)

    def save(self, decision: Decision) -> bool:
        """Write one decision; tell whether its version was still the current one."""
        task_id = decision.task.id
        found = self._gathered.get(task_id) or task_rows.version_of(self.connection, task_id)
        if found is None or found[1] != decision.read_version:
            return False
        if decision.events:
            self._write(found[0], decision)
        return True

    def _write(self, n: int, decision: Decision) -> None:
        task = decision.task
        if decision.follow_ups:  # first: what can be refused has to be before anything that stays
            self.insert(decision.follow_ups)
        if changes_body(decision.events):
            self.flush()
            task_rows.write_body(self.connection, n, task)
        self._gathered[task.id] = (n, task.version)
        self._states.append((n, task))
        self._events.append((n, task.version, decision.events))
        self.hint = self.hint or isinstance(task.state, Pending)
        for effect in decision.effects:
            if isinstance(effect, NudgeSchedule):
                self._nudge(effect)

    def _nudge(self, nudge: NudgeSchedule) -> None:
        try:
            schedule = schedule_rows.get(self.connection, nudge.schedule_id)
        except (NotFound, CorruptHistory):
            return  # deleted, or a row that firing will quarantine: the end of a task must not fail for it
        after = nudged(schedule, nudge)
        if after is not schedule:
            schedule_rows.write(self.connection, after)
            self.hint = True

    def delete(self, task_id: TaskId, wanted: TaskTest | None = None) -> bool:
        """Remove a task if it is ``wanted``; tell whether it was removed. Nothing is known of an unreadable one."""
        self.flush()
        if wanted is not None and not self._holds(wanted, task_id):
            return False
        there, schedule_id = task_rows.delete(self.connection, task_id)
        if schedule_id is not None:
            self._nudge(NudgeSchedule(schedule_id=schedule_id, at=self.now, failed=False))
        return there

    def _holds(self, test: TaskTest, task_id: TaskId) -> bool:
        try:
            return test(self.read(task_id))
        except (NotFound, CorruptHistory):
            return False

    def insert_schedule(self, schedule: Schedule) -> None:
        """Insert a new schedule and its event *created*."""
        schedule_rows.insert(self.connection, schedule)
        created = ScheduleEvent(at=schedule.created_at, kind="created")
        schedule_rows.add_history(self.connection, schedule.id, (created,))
        self.hint = self.hint or schedule.wake_at is not None

    def plan(self, schedule: Schedule, step: ScheduleStep) -> Plan:
        """Pass a schedule through ``step`` and write its plan."""
        self.flush()
        view = ScheduleView(schedule=schedule, live=task_rows.live_of(self.connection, schedule.id))
        plan = step(view, self.now)
        if plan.schedule.id != schedule.id or plan.read_version != schedule.version:
            raise Conflict(str(schedule), "the plan was made on another version", "plan what the step is given")
        if plan.schedule.version == schedule.version:
            return plan
        schedule_rows.write(self.connection, plan.schedule)
        self.insert(plan.tasks)
        schedule_rows.put_slots(self.connection, plan.slots)
        schedule_rows.add_history(self.connection, schedule.id, plan.events)
        for task_id in plan.cancels:
            self._cancel(task_id)
        self.hint = self.hint or plan.schedule.wake_at is not None
        return plan

    def _cancel(self, task_id: TaskId) -> None:
        try:
            task = self.read(task_id)
        except (NotFound, CorruptHistory):
            return  # gone, or a row that taking will quarantine: it will not run either way
        if isinstance(task.state, LIVE):
            self.save(handle(task, Cancel(at=self.now, reason=SUPERSEDED)))
