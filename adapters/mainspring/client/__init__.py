"""A client of the HTTP API: ``Client``, and ``AsyncClient`` for those who await.

Each operation of the API is a method; lists are also iterators over all pages (``each_task``). What is sent and what
comes back are the API's own models. ``Client`` needs the standard library only, ``AsyncClient`` the extra ``http``.
"""

from mainspring.adapters.api.models import (
    Backfill,
    Bulk,
    BulkFilter,
    Cancellation,
    CatchUpRequest,
    FollowUpRequest,
    HowMany,
    HttpRequest,
    NewKey,
    NewProject,
    NewSchedule,
    NewTask,
    Note,
    PreviewFilter,
    ProjectChange,
    Purge,
    QueueChange,
    RateBound,
    Requeueing,
    ScheduleChange,
    ScheduleFilter,
    TaskChange,
    TaskFilter,
)
from mainspring.client.asynchronous import AsyncClient
from mainspring.client.errors import NotAllowed, NotSent, OutcomeUnknown
from mainspring.client.streams import Message
from mainspring.client.synchronous import Client
from mainspring.client.wire import Batch, Created, Listed, http_request

__all__ = [
    "AsyncClient",
    "Backfill",
    "Batch",
    "Bulk",
    "BulkFilter",
    "Cancellation",
    "CatchUpRequest",
    "Client",
    "Created",
    "FollowUpRequest",
    "HowMany",
    "HttpRequest",
    "Listed",
    "Message",
    "NewKey",
    "NewProject",
    "NewSchedule",
    "NewTask",
    "NotAllowed",
    "NotSent",
    "Note",
    "OutcomeUnknown",
    "PreviewFilter",
    "ProjectChange",
    "Purge",
    "QueueChange",
    "RateBound",
    "Requeueing",
    "ScheduleChange",
    "ScheduleFilter",
    "TaskChange",
    "TaskFilter",
    "http_request",
]
