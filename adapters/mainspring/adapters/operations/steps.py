"""The pure steps behind the operations: what is asked of a task or a schedule, as functions for the storage port."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attrs import evolve as changed

from mainspring.adapters.operations.changes import ScheduleChange, edited
from mainspring.core.commands import Cancel, Edit, Requeue, RunNow
from mainspring.core.errors import Conflict, IllegalTransition, MainspringError
from mainspring.core.machine import Decision, handle
from mainspring.core.matching import matches
from mainspring.core.ports import QueueStep, Refused, ScheduleStep, TaskQuery, TaskStep
from mainspring.core.queue import Queue, QueueEdit, close_queue, edit_queue, open_queue
from mainspring.core.schedule import Overlap, Plan, ScheduleEdit, ScheduleView
from mainspring.core.schedule import backfill as backfill_schedule
from mainspring.core.schedule import edit as edit_schedule
from mainspring.core.schedule import pause as pause_schedule
from mainspring.core.schedule import resume as resume_schedule
from mainspring.core.states import TERMINAL_STATUSES, Pending
from mainspring.core.task import Task


def cancel(reason: str) -> TaskStep:
    """Cancel a task."""

    def step(task: Task, at: datetime) -> Decision:
        return handle(task, Cancel(at=at, reason=reason))

    return step


def purge(task: Task, at: datetime) -> Decision:
    """Cancel a task that waits; one that has started meanwhile goes on."""
    if not isinstance(task.state, Pending):
        raise IllegalTransition(str(task), task.state.status, "purge it", "cancel it by its id, or let it run")
    return handle(task, Cancel(at=at, reason="its queue was purged"))


def run_now(task: Task, at: datetime) -> Decision:
    """Bring a task forward to now."""
    return handle(task, RunNow(at=at))


def requeue(reset: bool, statuses: frozenset[str] = TERMINAL_STATUSES) -> TaskStep:
    """Run an ended task again; ``Conflict`` if it has ended in another way than one of ``statuses``."""

    def step(task: Task, at: datetime) -> Decision:
        if task.state.status in TERMINAL_STATUSES - statuses:
            what = f"it is {task.state.status}, not {' or '.join(sorted(statuses))}"
            raise Conflict(str(task), what, "look at it again, then ask for what it is now")
        return handle(task, Requeue(at=at, reset=reset))

    return step


def edit(change: Edit) -> TaskStep:
    """Edit a pending task; the instant of the edit is the storage's."""

    def step(task: Task, at: datetime) -> Decision:
        return handle(task, changed(change, at=at))

    return step


def pause(note: str) -> ScheduleStep:
    """Pause a schedule."""

    def step(view: ScheduleView, at: datetime) -> Plan:
        return pause_schedule(view, at, note)

    return step


def resume(view: ScheduleView, at: datetime) -> Plan:
    """Resume a schedule."""
    return resume_schedule(view, at)


def change(change: ScheduleChange | ScheduleEdit, version: int | None) -> ScheduleStep:
    """Edit a schedule as it is then; ``version``: only if it is of that version."""

    def step(view: ScheduleView, at: datetime) -> Plan:
        if isinstance(change, ScheduleEdit):
            return edit_schedule(view, change, at, version)
        return edited(view, change, at, version)

    return step


def backfill(start: datetime, end: datetime, overlap: Overlap | None) -> ScheduleStep:
    """Run a range of a schedule's occurrences by hand."""

    def step(view: ScheduleView, at: datetime) -> Plan:
        return backfill_schedule(view, start, end, at, overlap)

    return step


def change_queue(edit: QueueEdit) -> QueueStep:
    """Change a queue's settings."""

    def step(queue: Queue, at: datetime) -> Queue:
        return edit_queue(queue, edit)

    return step


def pause_queue(note: str) -> QueueStep:
    """Pause a queue; a paused one keeps its first pause."""

    def step(queue: Queue, at: datetime) -> Queue:
        return close_queue(queue, "paused", at, note)

    return step


def drain_queue(note: str) -> QueueStep:
    """Let a queue run out; a draining one keeps its first note."""

    def step(queue: Queue, at: datetime) -> Queue:
        return close_queue(queue, "draining", at, note)

    return step


def resume_queue(queue: Queue, at: datetime) -> Queue:
    """Let a queue go on."""
    return open_queue(queue)


def asked_for(query: TaskQuery, task: Task) -> bool:
    """Tell whether a task is one of those that ``query`` asks for."""
    return matches(task, query)


def if_still(query: TaskQuery, step: TaskStep) -> TaskStep:
    """Do ``step`` to a task that is still one of those that ``query`` asks for; else ``Conflict``.

    What is done to many tasks finds them first; in between, each may have become another one than was asked for.
    """

    def judged(task: Task, at: datetime) -> Decision:
        if not matches(task, query):
            raise Conflict(str(task), "it has moved on and is none of those that were asked for", "ask again")
        return step(task, at)

    return judged


def tried(step: TaskStep, task: Task, at: datetime) -> Decision | Refused:
    """Say what ``update`` would answer, without writing anything."""
    try:
        return step(task, at)
    except MainspringError as error:
        return Refused(task.id, error)


def only(answers: Sequence[Decision | Refused]) -> Task:
    """Unpack the answer for a single task, or raise its refusal."""
    (answer,) = answers
    if isinstance(answer, Refused):
        raise answer.error
    return answer.task
