"""Where each operation is (made from the API's table by tests/house/client_methods.py)."""

from __future__ import annotations

from typing import Final

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
from mainspring.client.wire import Route

LIST_TASKS: Final = Route(method="GET", path="/tasks", gives=list[TaskView], repeatable=True)
CREATE_TASK: Final = Route(method="POST", path="/tasks", gives=TaskView, repeatable=False, keyed=True)
CREATE_TASKS: Final = Route(
    method="POST", path="/tasks/batch-create", gives=list[TaskView], repeatable=False, keyed=True
)
CANCEL_TASKS: Final = Route(method="POST", path="/tasks/bulk-cancel", gives=BulkView, repeatable=True)
REQUEUE_TASKS: Final = Route(method="POST", path="/tasks/bulk-requeue", gives=BulkView, repeatable=False)
DELETE_TASKS: Final = Route(method="POST", path="/tasks/bulk-delete", gives=BulkView, repeatable=True)
GET_TASK: Final = Route(method="GET", path="/tasks/{id}", gives=TaskView, repeatable=True)
CHANGE_TASK: Final = Route(method="PATCH", path="/tasks/{id}", gives=TaskView, repeatable=True)
DELETE_TASK: Final = Route(method="DELETE", path="/tasks/{id}", gives=type(None), repeatable=True)
RUN_TASK: Final = Route(method="POST", path="/tasks/{id}/run", gives=TaskView, repeatable=True)
CANCEL_TASK: Final = Route(method="POST", path="/tasks/{id}/cancel", gives=TaskView, repeatable=True)
REQUEUE_TASK: Final = Route(method="POST", path="/tasks/{id}/requeue", gives=TaskView, repeatable=False)
LIST_RUNS: Final = Route(method="GET", path="/tasks/{id}/runs", gives=list[RunView], repeatable=True)
GET_TASK_HISTORY: Final = Route(method="GET", path="/tasks/{id}/history", gives=list[EventView], repeatable=True)
LIST_SCHEDULES: Final = Route(method="GET", path="/schedules", gives=list[ScheduleView], repeatable=True)
CREATE_SCHEDULE: Final = Route(method="POST", path="/schedules", gives=ScheduleView, repeatable=False)
GET_SCHEDULE: Final = Route(method="GET", path="/schedules/{id}", gives=ScheduleView, repeatable=True)
CHANGE_SCHEDULE: Final = Route(method="PATCH", path="/schedules/{id}", gives=ScheduleView, repeatable=True)
DELETE_SCHEDULE: Final = Route(method="DELETE", path="/schedules/{id}", gives=type(None), repeatable=True)
RUN_SCHEDULE: Final = Route(method="POST", path="/schedules/{id}/run", gives=PlanView, repeatable=False)
PAUSE_SCHEDULE: Final = Route(method="POST", path="/schedules/{id}/pause", gives=ScheduleView, repeatable=True)
RESUME_SCHEDULE: Final = Route(method="POST", path="/schedules/{id}/resume", gives=ScheduleView, repeatable=True)
SKIP_SCHEDULE: Final = Route(method="POST", path="/schedules/{id}/skip", gives=ScheduleView, repeatable=False)
BACKFILL_SCHEDULE: Final = Route(method="POST", path="/schedules/{id}/backfill", gives=PlanView, repeatable=False)
LIST_SLOTS: Final = Route(method="GET", path="/schedules/{id}/slots", gives=list[SlotView], repeatable=True)
PREVIEW_SCHEDULE: Final = Route(method="GET", path="/schedules/{id}/preview", gives=PreviewView, repeatable=True)
GET_SCHEDULE_HISTORY: Final = Route(
    method="GET", path="/schedules/{id}/history", gives=list[EventView], repeatable=True
)
LIST_QUEUES: Final = Route(method="GET", path="/queues", gives=list[QueueView], repeatable=True)
GET_QUEUE: Final = Route(method="GET", path="/queues/{name}", gives=QueueView, repeatable=True)
CHANGE_QUEUE: Final = Route(method="PATCH", path="/queues/{name}", gives=QueueView, repeatable=True)
FORGET_QUEUE: Final = Route(method="DELETE", path="/queues/{name}", gives=type(None), repeatable=True)
PAUSE_QUEUE: Final = Route(method="POST", path="/queues/{name}/pause", gives=QueueView, repeatable=True)
RESUME_QUEUE: Final = Route(method="POST", path="/queues/{name}/resume", gives=QueueView, repeatable=True)
DRAIN_QUEUE: Final = Route(method="POST", path="/queues/{name}/drain", gives=QueueView, repeatable=True)
PURGE_QUEUE: Final = Route(method="POST", path="/queues/{name}/purge", gives=BulkView, repeatable=True)
GET_STATS: Final = Route(method="GET", path="/stats", gives=StatsView, repeatable=True)
LIST_PROJECTS: Final = Route(method="GET", path="/projects", gives=list[ProjectView], repeatable=True)
CREATE_PROJECT: Final = Route(method="POST", path="/projects", gives=ProjectView, repeatable=False)
GET_PROJECT: Final = Route(method="GET", path="/projects/{name}", gives=ProjectView, repeatable=True)
CHANGE_PROJECT: Final = Route(method="PATCH", path="/projects/{name}", gives=ProjectView, repeatable=True)
ROTATE_SECRET: Final = Route(method="POST", path="/projects/{name}/rotate-secret", gives=SecretView, repeatable=False)
LIST_KEYS: Final = Route(method="GET", path="/keys", gives=list[KeyView], repeatable=True)
CREATE_KEY: Final = Route(method="POST", path="/keys", gives=NewKeyView, repeatable=False)
REVOKE_KEY: Final = Route(method="DELETE", path="/keys/{id}", gives=type(None), repeatable=True)
FOLLOW_TASK: Final = Route(method="GET", path="/tasks/{id}/events", gives=type(None), repeatable=True)
FOLLOW_PROJECT: Final = Route(method="GET", path="/events", gives=type(None), repeatable=True)
