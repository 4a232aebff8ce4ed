"""The operations that explain and foresee, without an event loop (made by tests/house/colours.py)."""

from __future__ import annotations

from datetime import datetime

from mainspring.adapters.operations.changes import ScheduleChange, edit_of
from mainspring.adapters.operations.insights import (
    DEFAULT_ROWS,
    LOOKS,
    MAX_HELD_PAGES,
    NEARBY,
    Explanation,
    end_of,
    leads_to,
    record_of,
    running_by_key,
)
from mainspring.adapters.operations.intake import (
    Duration,
    Instant,
    ScheduleRequest,
    duration_of,
    instant_of,
    schedule_of,
)
from mainspring.adapters.operations.synchronous.foundation import Foundation
from mainspring.core.commands import Unset
from mainspring.core.errors import NotFound
from mainspring.core.events import Event
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.ports import MAX_PAGE, TaskQuery
from mainspring.core.preview import Preview, preview
from mainspring.core.queue import QueueView, queue_ref
from mainspring.core.schedule import Schedule, ScheduleEdit, Slot
from mainspring.core.states import LIVE_STATUSES, Cancelling, Pending, Running
from mainspring.core.task import Fired, RunByHand, Task
from mainspring.core.why import why_schedule, why_task
from mainspring.core.why.of_schedule import MAX_HOPS


class InsightOperations(Foundation):
    """Tell why something is as it is, and what will become of a schedule."""

    def preview(
        self,
        schedule: str | ScheduleRequest,
        *,
        change: ScheduleChange | ScheduleEdit | None = None,
        until: Instant | None = None,
        span: Duration | None = None,
        duration: Duration = "0s",
        limit: int = DEFAULT_ROWS,
    ) -> Preview:
        """Play a schedule that exists (its id), or one that is only asked for, in virtual time; nothing is written.

        From now to ``until``, or for ``span`` (default: a year); each task runs for ``duration``. ``change``: as if the
        schedule were changed so now. The functions that decide in production decide here.
        """
        at = self._storage.now()
        found, live = self._asked(schedule, at)
        edit = edit_of(change, found.recurrence, at) if isinstance(change, ScheduleChange) else change
        name = found.template.queue if edit is None or isinstance(edit.queue, Unset) else edit.queue
        return preview(
            found,
            until=end_of(until, span, at),
            at=at,
            duration=duration_of("duration", duration),
            live=live,
            queue=self._storage.get_queue(queue_ref(found.project, name)),
            limit=limit,
            edit=edit,
        )

    def _asked(self, schedule: str | ScheduleRequest, at: datetime) -> tuple[Schedule, tuple[TaskId, ...]]:
        if isinstance(schedule, ScheduleRequest):
            self._check(schedule.call)
            queue = self._storage.get_queue(queue_ref(schedule.project, schedule.queue))
            return schedule_of(schedule, at, self._entropy, queue, self._retry), ()
        found = self._storage.get_schedule(ScheduleId(schedule))
        query = TaskQuery(project=found.project, schedule_id=found.id, statuses=LIVE_STATUSES, limit=MAX_PAGE)
        return found, tuple(sorted(task.id for task in (self._storage.find(query)).items))

    def why(self, subject: str, at: Instant | None = None) -> Explanation:
        """Tell why a task or a schedule (its id) is as it is, link by link, each with the fact that it rests on.

        ``at``: what a task had come to then, or what became of the schedule's occurrence of that instant. ``NotFound``
        if there is neither a task nor a schedule of that id.
        """
        now = self._storage.now()
        instant = None if at is None else instant_of("at", at)
        try:
            task, history = self._lived(TaskId(subject))
        except NotFound:
            return self._why_schedule(ScheduleId(subject), now, instant)
        schedule, slot = self._made_by(task)
        reasons = why_task(
            task,
            at=now,
            history=history,
            schedule=schedule,
            slot=slot,
            queue=self._gate_of(task, now),
            instant=instant,
        )
        return Explanation(subject="task", id=task.id, at=now, reasons=reasons)

    def _lived(self, task_id: TaskId) -> tuple[Task, tuple[Event, ...]]:
        """Read a task with the history that led to it, though it may change meanwhile."""
        task = self._storage.get(task_id)
        history = self._storage.history(task_id)
        for _ in range(LOOKS):
            again = self._storage.get(task_id)
            if again.version == task.version:
                break
            task, history = again, self._storage.history(task_id)
        return task, history

    def _made_by(self, task: Task) -> tuple[Schedule | None, Slot | None]:
        """Read the schedule that made a task, if it is still there, and the record of the task's occurrence."""
        if not isinstance(task.origin, Fired | RunByHand):
            return None, None
        schedule_id = task.origin.schedule_id
        slot = record_of(task, self._storage.slots(schedule_id, 2, task.origin.occurrence))
        try:
            return self._storage.get_schedule(schedule_id), slot
        except NotFound:
            return None, slot

    def _gate_of(self, task: Task, at: datetime) -> QueueView | None:
        """Read the queue of a task that waits, with what runs in it; None if nothing there could hold it back."""
        queue = self._storage.get_queue(queue_ref(task.project, task.queue))
        if not isinstance(task.state, Pending) or not queue.gated:
            return None
        held: list[Task] = []
        after = None
        for _ in range(MAX_HELD_PAGES):
            statuses = frozenset({Running.status, Cancelling.status})
            query = TaskQuery(project=task.project, queue=task.queue, statuses=statuses, limit=MAX_PAGE, after=after)
            page = self._storage.find(query)
            held += page.items
            after = page.cursor
            if after is None:
                break
        return QueueView(queue=queue, running=running_by_key(held, at))

    def _why_schedule(self, schedule_id: ScheduleId, now: datetime, instant: datetime | None) -> Explanation:
        try:
            schedule = self._storage.get_schedule(schedule_id)
        except NotFound:
            raise NotFound("task or schedule", schedule_id) from None
        slots = self._records(schedule_id, instant)
        reasons = why_schedule(schedule, slots=slots, at=now, instant=instant)
        return Explanation(subject="schedule", id=schedule_id, at=now, reasons=reasons)

    def _records(self, schedule_id: ScheduleId, instant: datetime | None) -> tuple[Slot, ...]:
        """Read the records that speak of an instant, or the newest ones, and those that they lead to."""
        found = list(self._storage.slots(schedule_id, NEARBY, instant))
        for _ in range(MAX_HOPS if instant is not None else 0):
            instant = None if instant is None else leads_to(found, instant)
            if instant is None:
                break
            later = self._storage.slots(schedule_id, 2, instant)
            found += [slot for slot in later if slot not in found]
        return tuple(found)
