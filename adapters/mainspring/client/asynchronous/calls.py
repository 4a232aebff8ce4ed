"""A method for each operation, awaited; made by tests/house/client_methods.py."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve

from mainspring.adapters.api.models import (
    Backfill,
    Bulk,
    Cancellation,
    HowMany,
    NewKey,
    NewProject,
    NewSchedule,
    NewTask,
    Note,
    PreviewFilter,
    ProjectChange,
    Purge,
    QueueChange,
    Requeueing,
    ScheduleChange,
    ScheduleFilter,
    TaskChange,
    TaskFilter,
)
from mainspring.adapters.api.views import (
    BulkView,
    EventView,
    KeyView,
    NewKeyView,
    PlanView,
    PreviewView,
    ProjectView,
    QueueView,
    RunView,
    ScheduleView,
    SecretView,
    SlotView,
    StatsView,
    TaskView,
)
from mainspring.client import routes
from mainspring.client.streams import Message
from mainspring.client.wire import IDEMPOTENCY_KEY, Created, Listed, Reply, Route, created_of, decode, page_of


class AsyncCalls(ABC):
    """The operations of the API, over ``send`` and ``stream``."""

    @abstractmethod
    async def send(
        self,
        route: Route[Any],
        parts: Iterable[str] = (),
        *,
        body: object = None,
        query: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Carry out an operation; raises what its answer says."""

    @abstractmethod
    def stream(
        self, route: Route[Any], parts: Iterable[str] = (), *, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Message]:
        """Follow a stream of events until the server ends it."""

    async def list_tasks(self, query: TaskFilter | None = None) -> Listed[TaskView]:
        """List tasks, newest first."""
        return page_of(await self.send(routes.LIST_TASKS, query=query), routes.LIST_TASKS.gives)

    async def each_task(self, query: TaskFilter | None = None) -> AsyncIterator[TaskView]:
        """List tasks, newest first: all of them, page by page (``limit`` at a time)."""
        wanted = query or TaskFilter()
        seen: str | None = None
        while True:
            page = await self.list_tasks(wanted)
            for item in page.items:
                yield item
            if page.cursor is None or page.cursor == seen:
                return
            seen = page.cursor
            wanted = evolve(wanted, after=page.cursor, cursor=None)

    async def create_task(self, body: NewTask, *, idempotency_key: str | None = None) -> TaskView:
        """Create a task."""
        return decode(
            await self.send(
                routes.CREATE_TASK, body=body, headers={IDEMPOTENCY_KEY: idempotency_key or str(uuid.uuid4())}
            ),
            routes.CREATE_TASK.gives,
        )

    async def create_tasks(self, body: Sequence[NewTask], *, idempotency_key: str | None = None) -> Created[TaskView]:
        """Create up to 1000 tasks, each by itself: those that were created are answered, newest first."""
        return created_of(
            await self.send(
                routes.CREATE_TASKS, body=body, headers={IDEMPOTENCY_KEY: idempotency_key or str(uuid.uuid4())}
            ),
            routes.CREATE_TASKS.gives,
        )

    async def cancel_tasks(self, body: Bulk) -> BulkView:
        """Cancel all tasks that match."""
        return decode(await self.send(routes.CANCEL_TASKS, body=body), routes.CANCEL_TASKS.gives)

    async def requeue_tasks(self, body: Bulk) -> BulkView:
        """Run all ended tasks that match again."""
        return decode(await self.send(routes.REQUEUE_TASKS, body=body), routes.REQUEUE_TASKS.gives)

    async def delete_tasks(self, body: Bulk) -> BulkView:
        """Delete all tasks that match, with their history."""
        return decode(await self.send(routes.DELETE_TASKS, body=body), routes.DELETE_TASKS.gives)

    async def get_task(self, id_: str) -> TaskView:
        """Read a task."""
        return decode(await self.send(routes.GET_TASK, (id_,)), routes.GET_TASK.gives)

    async def change_task(self, id_: str, body: TaskChange) -> TaskView:
        """Change a queued task."""
        return decode(await self.send(routes.CHANGE_TASK, (id_,), body=body), routes.CHANGE_TASK.gives)

    async def delete_task(self, id_: str) -> None:
        """Delete a task in any state, with its history."""
        await self.send(routes.DELETE_TASK, (id_,))

    async def run_task(self, id_: str) -> TaskView:
        """Bring a queued task forward to now; safe to repeat within ten seconds."""
        return decode(await self.send(routes.RUN_TASK, (id_,)), routes.RUN_TASK.gives)

    async def cancel_task(self, id_: str, body: Cancellation | None = None) -> TaskView:
        """Cancel a task; a running one is asked to stop."""
        return decode(await self.send(routes.CANCEL_TASK, (id_,), body=body), routes.CANCEL_TASK.gives)

    async def requeue_task(self, id_: str, body: Requeueing | None = None) -> TaskView:
        """Run an ended task again."""
        return decode(await self.send(routes.REQUEUE_TASK, (id_,), body=body), routes.REQUEUE_TASK.gives)

    async def list_runs(self, id_: str) -> list[RunView]:
        """List the runs of a task (Mergent: its invocations), the first one first."""
        return decode(await self.send(routes.LIST_RUNS, (id_,)), routes.LIST_RUNS.gives)

    async def get_task_history(self, id_: str) -> list[EventView]:
        """Read what has happened to a task, oldest first."""
        return decode(await self.send(routes.GET_TASK_HISTORY, (id_,)), routes.GET_TASK_HISTORY.gives)

    async def list_schedules(self, query: ScheduleFilter | None = None) -> Listed[ScheduleView]:
        """List schedules, newest first."""
        return page_of(await self.send(routes.LIST_SCHEDULES, query=query), routes.LIST_SCHEDULES.gives)

    async def each_schedule(self, query: ScheduleFilter | None = None) -> AsyncIterator[ScheduleView]:
        """List schedules, newest first: all of them, page by page (``limit`` at a time)."""
        wanted = query or ScheduleFilter()
        seen: str | None = None
        while True:
            page = await self.list_schedules(wanted)
            for item in page.items:
                yield item
            if page.cursor is None or page.cursor == seen:
                return
            seen = page.cursor
            wanted = evolve(wanted, after=page.cursor, cursor=None)

    async def create_schedule(self, body: NewSchedule) -> ScheduleView:
        """Create a schedule."""
        return decode(await self.send(routes.CREATE_SCHEDULE, body=body), routes.CREATE_SCHEDULE.gives)

    async def get_schedule(self, id_: str) -> ScheduleView:
        """Read a schedule."""
        return decode(await self.send(routes.GET_SCHEDULE, (id_,)), routes.GET_SCHEDULE.gives)

    async def change_schedule(self, id_: str, body: ScheduleChange) -> ScheduleView:
        """Change a schedule; tasks that it has created stay as they are."""
        return decode(await self.send(routes.CHANGE_SCHEDULE, (id_,), body=body), routes.CHANGE_SCHEDULE.gives)

    async def delete_schedule(self, id_: str) -> None:
        """Delete a schedule; tasks that it has created stay."""
        await self.send(routes.DELETE_SCHEDULE, (id_,))

    async def run_schedule(self, id_: str) -> PlanView:
        """Make a task outside the rule, as the overlap policy allows."""
        return decode(await self.send(routes.RUN_SCHEDULE, (id_,)), routes.RUN_SCHEDULE.gives)

    async def pause_schedule(self, id_: str, body: Note | None = None) -> ScheduleView:
        """Pause a schedule: its occurrences are skipped from now on."""
        return decode(await self.send(routes.PAUSE_SCHEDULE, (id_,), body=body), routes.PAUSE_SCHEDULE.gives)

    async def resume_schedule(self, id_: str) -> ScheduleView:
        """Let a paused schedule go on."""
        return decode(await self.send(routes.RESUME_SCHEDULE, (id_,)), routes.RESUME_SCHEDULE.gives)

    async def skip_schedule(self, id_: str) -> ScheduleView:
        """Skip the next occurrence."""
        return decode(await self.send(routes.SKIP_SCHEDULE, (id_,)), routes.SKIP_SCHEDULE.gives)

    async def backfill_schedule(self, id_: str, body: Backfill) -> PlanView:
        """Run past occurrences of the rule by hand."""
        return decode(await self.send(routes.BACKFILL_SCHEDULE, (id_,), body=body), routes.BACKFILL_SCHEDULE.gives)

    async def list_slots(self, id_: str, query: HowMany | None = None) -> list[SlotView]:
        """List what became of its occurrences, newest first."""
        return decode(await self.send(routes.LIST_SLOTS, (id_,), query=query), routes.LIST_SLOTS.gives)

    async def preview_schedule(self, id_: str, query: PreviewFilter | None = None) -> PreviewView:
        """Show what it will do, with overlap and limits applied."""
        return decode(await self.send(routes.PREVIEW_SCHEDULE, (id_,), query=query), routes.PREVIEW_SCHEDULE.gives)

    async def get_schedule_history(self, id_: str) -> list[EventView]:
        """Read what was done to a schedule, oldest first."""
        return decode(await self.send(routes.GET_SCHEDULE_HISTORY, (id_,)), routes.GET_SCHEDULE_HISTORY.gives)

    async def list_queues(self) -> list[QueueView]:
        """List the queues that are configured or hold tasks."""
        return decode(await self.send(routes.LIST_QUEUES), routes.LIST_QUEUES.gives)

    async def get_queue(self, name: str) -> QueueView:
        """Read a queue; one that was never configured has the defaults."""
        return decode(await self.send(routes.GET_QUEUE, (name,)), routes.GET_QUEUE.gives)

    async def change_queue(self, name: str, body: QueueChange) -> QueueView:
        """Configure a queue."""
        return decode(await self.send(routes.CHANGE_QUEUE, (name,), body=body), routes.CHANGE_QUEUE.gives)

    async def forget_queue(self, name: str) -> None:
        """Forget the settings of a queue; its tasks stay, and it is open from now on."""
        await self.send(routes.FORGET_QUEUE, (name,))

    async def pause_queue(self, name: str, body: Note | None = None) -> QueueView:
        """Let nothing of a queue start; what runs goes on."""
        return decode(await self.send(routes.PAUSE_QUEUE, (name,), body=body), routes.PAUSE_QUEUE.gives)

    async def resume_queue(self, name: str) -> QueueView:
        """Let a paused or draining queue go on."""
        return decode(await self.send(routes.RESUME_QUEUE, (name,)), routes.RESUME_QUEUE.gives)

    async def drain_queue(self, name: str, body: Note | None = None) -> QueueView:
        """Refuse new tasks for a queue; those in it run out."""
        return decode(await self.send(routes.DRAIN_QUEUE, (name,), body=body), routes.DRAIN_QUEUE.gives)

    async def purge_queue(self, name: str, body: Purge | None = None) -> BulkView:
        """Cancel every pending task of a queue."""
        return decode(await self.send(routes.PURGE_QUEUE, (name,), body=body), routes.PURGE_QUEUE.gives)

    async def get_stats(self) -> StatsView:
        """Count the tasks of the project."""
        return decode(await self.send(routes.GET_STATS), routes.GET_STATS.gives)

    async def list_projects(self) -> list[ProjectView]:
        """List the projects that the key administers."""
        return decode(await self.send(routes.LIST_PROJECTS), routes.LIST_PROJECTS.gives)

    async def create_project(self, body: NewProject) -> ProjectView:
        """Make a project (admin keys of the default project)."""
        return decode(await self.send(routes.CREATE_PROJECT, body=body), routes.CREATE_PROJECT.gives)

    async def get_project(self, name: str) -> ProjectView:
        """Read the settings of a project."""
        return decode(await self.send(routes.GET_PROJECT, (name,)), routes.GET_PROJECT.gives)

    async def change_project(self, name: str, body: ProjectChange) -> ProjectView:
        """Change the settings of a project."""
        return decode(await self.send(routes.CHANGE_PROJECT, (name,), body=body), routes.CHANGE_PROJECT.gives)

    async def rotate_secret(self, name: str) -> SecretView:
        """Make a new signing secret; the one before stays live beside it."""
        return decode(await self.send(routes.ROTATE_SECRET, (name,)), routes.ROTATE_SECRET.gives)

    async def list_keys(self) -> list[KeyView]:
        """List the keys that the key administers, oldest first."""
        return decode(await self.send(routes.LIST_KEYS), routes.LIST_KEYS.gives)

    async def create_key(self, body: NewKey | None = None) -> NewKeyView:
        """Make a key; its text is shown this once."""
        return decode(await self.send(routes.CREATE_KEY, body=body), routes.CREATE_KEY.gives)

    async def revoke_key(self, id_: str) -> None:
        """Revoke a key; its record stays."""
        await self.send(routes.REVOKE_KEY, (id_,))

    def follow_task(self, id_: str, *, after: str | None = None) -> AsyncIterator[Message]:
        """Follow what happens to a task, until it has ended (server-sent events)."""
        return self.stream(routes.FOLLOW_TASK, (id_,), headers=None if after is None else {"Last-Event-ID": after})

    def follow_project(self) -> AsyncIterator[Message]:
        """Follow the figures of the project as they change (server-sent events)."""
        return self.stream(routes.FOLLOW_PROJECT)
