"""The operations on schedules, without an event loop (made by tests/house/colours.py)."""

from __future__ import annotations

from mainspring.adapters.operations import steps
from mainspring.adapters.operations.changes import ScheduleChange
from mainspring.adapters.operations.intake import Instant, ScheduleRequest, instant_of, schedule_of
from mainspring.adapters.operations.synchronous.foundation import Foundation
from mainspring.core.commands import Unset
from mainspring.core.ids import ScheduleId
from mainspring.core.ports import Page, ScheduleQuery
from mainspring.core.queue import queue_ref
from mainspring.core.schedule import Overlap, Plan, Schedule, ScheduleEdit, ScheduleEvent, Slot, run_now, skip_next


class ScheduleOperations(Foundation):
    """Create, read and change schedules."""

    def create_schedule(self, request: ScheduleRequest) -> Schedule:
        """Create a schedule. ``InvalidInput`` names what is wrong; ``Conflict``: the name is taken."""
        self._check(request.call)
        queue = self._storage.get_queue(queue_ref(request.project, request.queue))
        schedule = schedule_of(request, self._storage.now(), self._entropy, queue, self._retry)
        self._storage.add_schedule(schedule)
        return schedule

    def get_schedule(self, schedule_id: str) -> Schedule:
        """Read one schedule; ``NotFound`` if there is none."""
        return self._storage.get_schedule(ScheduleId(schedule_id))

    def find_schedules(self, query: ScheduleQuery) -> Page[Schedule]:
        """Find schedules, newest first, a page at a time."""
        return self._storage.find_schedules(query)

    def edit_schedule(
        self, schedule_id: str, change: ScheduleChange | ScheduleEdit, version: int | None = None
    ) -> Schedule:
        """Change a schedule; tasks that it has created stay as they are.

        The change is applied to the schedule as it is at that moment, so that of two changes at once none is lost.
        ``Conflict`` if ``version`` is given and is not the schedule's any more.
        """
        if not isinstance(change.call, Unset):
            self._check(change.call)
        return (self._storage.update_schedule(ScheduleId(schedule_id), steps.change(change, version))).schedule

    def pause_schedule(self, schedule_id: str, note: str = "") -> Schedule:
        """Pause a schedule: its occurrences are skipped from now on."""
        return (self._storage.update_schedule(ScheduleId(schedule_id), steps.pause(note))).schedule

    def resume_schedule(self, schedule_id: str) -> Schedule:
        """Let a paused schedule go on."""
        return (self._storage.update_schedule(ScheduleId(schedule_id), steps.resume)).schedule

    def run_schedule(self, schedule_id: str) -> Plan:
        """Make a task outside the rule; the plan's slot says whether it was created or what the overlap policy did.

        Repeating it within ten seconds answers with the same slot.
        """
        return self._storage.update_schedule(ScheduleId(schedule_id), run_now)

    def delete_schedule(self, schedule_id: str) -> None:
        """Remove a schedule; the tasks that it has created stay."""
        self._storage.delete_schedule(ScheduleId(schedule_id))

    def schedule_slots(self, schedule_id: str, limit: int = 100, upto: Instant | None = None) -> tuple[Slot, ...]:
        """Read what became of the schedule's newest occurrences (of those up to ``upto``), newest first."""
        last = None if upto is None else instant_of("upto", upto)
        return self._storage.slots(ScheduleId(schedule_id), limit, last)

    def schedule_history(self, schedule_id: str) -> tuple[ScheduleEvent, ...]:
        """Read what was done to a schedule, oldest first."""
        return self._storage.schedule_history(ScheduleId(schedule_id))

    def skip_next(self, schedule_id: str) -> Schedule:
        """Skip the next occurrence of a schedule; ``Conflict`` if there is none."""
        return (self._storage.update_schedule(ScheduleId(schedule_id), skip_next)).schedule

    def backfill_schedule(self, schedule_id: str, start: Instant, end: Instant, overlap: Overlap | None = None) -> Plan:
        """Run the rule's occurrences from ``start`` to ``end`` (both included) by hand."""
        step = steps.backfill(instant_of("start", start), instant_of("end", end), overlap)
        return self._storage.update_schedule(ScheduleId(schedule_id), step)
