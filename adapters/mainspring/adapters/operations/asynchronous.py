"""The operations, awaited."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from mainspring.adapters.operations import steps
from mainspring.adapters.operations.intake import ScheduleRequest, TaskRequest, schedule_of, task_of
from mainspring.core.commands import Edit, Unset
from mainspring.core.errors import NotFound
from mainspring.core.events import Event
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.ports import AsyncStorage, Entropy, Page, ScheduleQuery, TaskQuery
from mainspring.core.schedule import Plan, Schedule, ScheduleEdit, ScheduleEvent, Slot, run_now
from mainspring.core.task import DEFAULT_PROJECT, Call, Task


class Operations:
    """Every operation on tasks and schedules. ``check`` looks at a call before it is stored, and may refuse it."""

    def __init__(self, storage: AsyncStorage, entropy: Entropy, check: Callable[[Call], None]) -> None:
        self._storage = storage
        self._entropy = entropy
        self._check = check

    async def create_task(self, request: TaskRequest) -> Task:
        """Create one task. ``InvalidInput`` names what is wrong; ``Conflict``: the name is taken."""
        (task,) = await self.create_tasks([request])
        return task

    async def create_tasks(self, requests: Iterable[TaskRequest]) -> tuple[Task, ...]:
        """Create many tasks in one transaction: all or none."""
        at = await self._storage.now()
        wanted = tuple(requests)
        for request in wanted:
            self._check(request.call)
        tasks = tuple(task_of(request, at, self._entropy) for request in wanted)
        await self._storage.add(tasks)
        return tasks

    async def get_task(self, task_id: str) -> Task:
        """Read one task; ``NotFound`` if there is none."""
        return await self._storage.get(TaskId(task_id))

    async def find_tasks(self, query: TaskQuery) -> Page[Task]:
        """Find tasks, newest first, a page at a time."""
        return await self._storage.find(query)

    async def count_tasks(self, project: str = DEFAULT_PROJECT) -> Mapping[str, int]:
        """Count tasks by status."""
        return await self._storage.count(project)

    async def task_history(self, task_id: str) -> tuple[Event, ...]:
        """Read what has happened to a task, oldest first."""
        return await self._storage.history(TaskId(task_id))

    async def cancel_task(self, task_id: str, reason: str = "by request") -> Task:
        """Cancel a task; a running one is asked to stop."""
        return steps.only(await self._storage.update([TaskId(task_id)], steps.cancel(reason)))

    async def run_task(self, task_id: str) -> Task:
        """Bring a pending task forward to now."""
        return steps.only(await self._storage.update([TaskId(task_id)], steps.run_now))

    async def requeue_task(self, task_id: str, reset: bool = True) -> Task:
        """Run an ended task again; ``reset`` gives it its attempts back."""
        return steps.only(await self._storage.update([TaskId(task_id)], steps.requeue(reset)))

    async def edit_task(self, task_id: str, edit: Edit) -> Task:
        """Change a pending task."""
        if not isinstance(edit.call, Unset):
            self._check(edit.call)
        return steps.only(await self._storage.update([TaskId(task_id)], steps.edit(edit)))

    async def delete_task(self, task_id: str) -> None:
        """Remove a task in any state; ``NotFound`` if there is none."""
        if not await self._storage.delete([TaskId(task_id)]):
            raise NotFound("task", task_id)

    async def create_schedule(self, request: ScheduleRequest) -> Schedule:
        """Create a schedule. ``InvalidInput`` names what is wrong; ``Conflict``: the name is taken."""
        self._check(request.call)
        schedule = schedule_of(request, await self._storage.now(), self._entropy)
        await self._storage.add_schedule(schedule)
        return schedule

    async def get_schedule(self, schedule_id: str) -> Schedule:
        """Read one schedule; ``NotFound`` if there is none."""
        return await self._storage.get_schedule(ScheduleId(schedule_id))

    async def find_schedules(self, query: ScheduleQuery) -> Page[Schedule]:
        """Find schedules, newest first, a page at a time."""
        return await self._storage.find_schedules(query)

    async def edit_schedule(self, schedule_id: str, edit: ScheduleEdit) -> Schedule:
        """Change a schedule; tasks that it has created stay as they are."""
        if not isinstance(edit.template, Unset):
            self._check(edit.template.call)
        return (await self._storage.update_schedule(ScheduleId(schedule_id), steps.change(edit))).schedule

    async def pause_schedule(self, schedule_id: str, note: str = "") -> Schedule:
        """Pause a schedule: its occurrences are skipped from now on."""
        return (await self._storage.update_schedule(ScheduleId(schedule_id), steps.pause(note))).schedule

    async def resume_schedule(self, schedule_id: str) -> Schedule:
        """Let a paused schedule go on."""
        return (await self._storage.update_schedule(ScheduleId(schedule_id), steps.resume)).schedule

    async def run_schedule(self, schedule_id: str) -> Plan:
        """Make a task outside the rule; the plan says whether it was created or what the overlap policy did."""
        return await self._storage.update_schedule(ScheduleId(schedule_id), run_now)

    async def delete_schedule(self, schedule_id: str) -> None:
        """Remove a schedule; the tasks that it has created stay."""
        await self._storage.delete_schedule(ScheduleId(schedule_id))

    async def schedule_slots(self, schedule_id: str, limit: int = 100) -> tuple[Slot, ...]:
        """Read what became of the schedule's newest occurrences, newest first."""
        return await self._storage.slots(ScheduleId(schedule_id), limit)

    async def schedule_history(self, schedule_id: str) -> tuple[ScheduleEvent, ...]:
        """Read what was done to a schedule, oldest first."""
        return await self._storage.schedule_history(ScheduleId(schedule_id))
