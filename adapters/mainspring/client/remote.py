"""The operations of a store, over HTTP: what the command line does with ``--store http://…``.

Values come back whole (see ``mainspring.adapters.api.records``), so that they are shown as those of a store here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, NoReturn, TypeVar, cast
from uuid import uuid4

from attrs import frozen

from mainspring.adapters.api.models import (
    Backfill,
    Cancellation,
    CatchUpRequest,
    HowMany,
    NewSchedule,
    NewTask,
    Note,
    Purge,
    QueueChange,
    RateBound,
    Requeueing,
    ScheduleFilter,
    Status,
    TaskFilter,
)
from mainspring.adapters.api.records import RECORD
from mainspring.adapters.codec import EVENT, QUEUE, SCHEDULE, SCHEDULE_EVENT, SLOT, TASK
from mainspring.adapters.operations import ScheduleRequest, TaskRequest
from mainspring.adapters.operations.bulk import BulkResult
from mainspring.adapters.operations.intake import duration_of, instant_of
from mainspring.client import routes
from mainspring.client.synchronous import Client
from mainspring.client.wire import CURSOR, IDEMPOTENCY_KEY, Reply, Route, http_request
from mainspring.core.commands import Change, Unset
from mainspring.core.errors import InvalidInput
from mainspring.core.events import Event
from mainspring.core.ports import Page, QueueStatus, ScheduleQuery, TaskQuery
from mainspring.core.queue import Queue, QueueEdit, Rate
from mainspring.core.retry import RetryPolicy
from mainspring.core.retry_text import parse_retry
from mainspring.core.schedule import AtMost, CatchUp, Overlap, Schedule, ScheduleEvent, Slot
from mainspring.core.states import API_STATUS
from mainspring.core.task import Call, HttpCall, Task

T = TypeVar("T")
_WHERE: Final = "answer"


@frozen
class Planned:
    """What was made of a schedule by hand, as far as it is told: the slot records."""

    slots: tuple[Slot, ...]


class RemoteOperations:
    """The operations that a server offers to whoever has ``key``."""

    def __init__(self, url: str, key: str | None) -> None:
        self._client: Final = Client(url, key)

    def __enter__(self) -> RemoteOperations:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        what = f"{name.replace('_', ' ')} is not done over HTTP"
        raise InvalidInput("store", what, "run this command on the machine of the server, with its store")

    def _ask(self, route: Route[Any], *parts: str, **given: Any) -> Reply:
        headers = {"Accept": RECORD, **given.pop("headers", {})}
        return self._client.send(route, parts, headers=headers, **given)

    def now(self) -> datetime:
        """Read this machine's clock, as the nearest that there is to the server's."""
        return datetime.now(UTC)

    # --- tasks

    def _task(self, route: Route[Any], *parts: str, **given: Any) -> Task:
        return TASK.of(_plain(self._ask(route, *parts, **given)), _WHERE)

    def create_task(self, request: TaskRequest) -> Task:
        """Create one task."""
        body = NewTask(
            request=_request(request.call),
            name=request.name,
            queue=request.queue,
            scheduled_for=None if request.at is None else instant_of("at", request.at),
            delay=None if request.delay is None else duration_of("delay", request.delay),
            priority=request.priority,
            key=request.key,
            retry=_policy(request.retry),
            timeout=None if request.timeout is None else duration_of("timeout", request.timeout),
            start_by=None if request.start_by is None else instant_of("start_by", request.start_by),
            on_clash=request.on_clash,
        )
        key = request.idempotency_key or str(uuid4())
        return self._task(routes.CREATE_TASK, body=body, headers={IDEMPOTENCY_KEY: key})

    def get_task(self, task_id: str) -> Task:
        """Read one task."""
        return self._task(routes.GET_TASK, task_id)

    def find_tasks(self, query: TaskQuery) -> Page[Task]:
        """Find tasks, newest first, a page at a time."""
        statuses = cast("list[Status]", sorted({API_STATUS[one] for one in query.statuses}))
        asked = TaskFilter(
            name=query.name,
            status=statuses,
            queue=query.queue,
            key=query.key,
            schedule_id=query.schedule_id,
            created_before=query.created_before,
            ended_before=query.ended_before,
            limit=query.limit,
            after=query.after,
        )
        reply = self._ask(routes.LIST_TASKS, query=asked)
        found = _each(reply, TASK.of)
        kept = tuple(task for task in found if not query.statuses or task.state.status in query.statuses)
        return Page(kept, reply.headers.get(CURSOR))

    def task_history(self, task_id: str) -> tuple[Event, ...]:
        """Read what has happened to a task, oldest first."""
        return _each(self._ask(routes.GET_TASK_HISTORY, task_id), EVENT.of)

    def cancel_task(self, task_id: str, reason: str = "by request") -> Task:
        """Cancel a task; a running one is asked to stop."""
        return self._task(routes.CANCEL_TASK, task_id, body=Cancellation(reason=reason))

    def run_task(self, task_id: str) -> Task:
        """Bring a pending task forward to now."""
        return self._task(routes.RUN_TASK, task_id)

    def requeue_task(self, task_id: str, reset: bool = True) -> Task:
        """Run an ended task again."""
        return self._task(routes.REQUEUE_TASK, task_id, body=Requeueing(reset=reset))

    def delete_task(self, task_id: str) -> None:
        """Remove a task in any state."""
        self._client.delete_task(task_id)

    # --- schedules

    def _schedule(self, route: Route[Any], *parts: str, **given: Any) -> Schedule:
        return SCHEDULE.of(_plain(self._ask(route, *parts, **given)), _WHERE)

    def create_schedule(self, request: ScheduleRequest) -> Schedule:
        """Create a schedule."""
        body = NewSchedule(
            request=_request(request.call),
            name=request.name,
            description=request.description,
            queue=request.queue,
            cron=request.cron if isinstance(request.cron, str) else None,
            rrule=request.rrule if isinstance(request.rrule, str) else None,
            every=None if request.every is None else duration_of("every", request.every),
            dtstart=None if request.dtstart is None else instant_of("dtstart", request.dtstart),
            timezone=request.timezone,
            seconds=request.seconds,
            days=request.days,
            gap=request.gap,
            fold=request.fold,
            priority=request.priority,
            retry=_policy(request.retry),
            timeout=None if request.timeout is None else duration_of("timeout", request.timeout),
            overlap=request.overlap,
            catch_up=None if request.catch_up is None else _catch_up(request.catch_up),
            starts_at=None if request.starts_at is None else instant_of("starts_at", request.starts_at),
            ends_at=None if request.ends_at is None else instant_of("ends_at", request.ends_at),
            max_runs=request.max_runs,
            jitter=None if request.jitter is None else duration_of("jitter", request.jitter),
        )
        return self._schedule(routes.CREATE_SCHEDULE, body=body)

    def get_schedule(self, schedule_id: str) -> Schedule:
        """Read one schedule."""
        return self._schedule(routes.GET_SCHEDULE, schedule_id)

    def find_schedules(self, query: ScheduleQuery) -> Page[Schedule]:
        """Find schedules, newest first, a page at a time."""
        asked = ScheduleFilter(name=query.name, limit=query.limit, after=query.after)
        reply = self._ask(routes.LIST_SCHEDULES, query=asked)
        return Page(_each(reply, SCHEDULE.of), reply.headers.get(CURSOR))

    def schedule_slots(self, schedule_id: str, limit: int = 100) -> tuple[Slot, ...]:
        """Read what became of its occurrences, newest first."""
        return _each(self._ask(routes.LIST_SLOTS, schedule_id, query=HowMany(limit=limit)), SLOT.of)

    def schedule_history(self, schedule_id: str) -> tuple[ScheduleEvent, ...]:
        """Read what was done to a schedule, oldest first."""
        return _each(self._ask(routes.GET_SCHEDULE_HISTORY, schedule_id), SCHEDULE_EVENT.of)

    def pause_schedule(self, schedule_id: str, note: str = "") -> Schedule:
        """Pause a schedule."""
        return self._schedule(routes.PAUSE_SCHEDULE, schedule_id, body=Note(note=note))

    def resume_schedule(self, schedule_id: str) -> Schedule:
        """Let a paused schedule go on."""
        return self._schedule(routes.RESUME_SCHEDULE, schedule_id)

    def skip_next(self, schedule_id: str) -> Schedule:
        """Skip the next occurrence."""
        return self._schedule(routes.SKIP_SCHEDULE, schedule_id)

    def run_schedule(self, schedule_id: str) -> Planned:
        """Make a task outside the rule."""
        return Planned(_each(self._ask(routes.RUN_SCHEDULE, schedule_id), SLOT.of))

    def backfill_schedule(self, schedule_id: str, start: str, end: str, overlap: Overlap | None = None) -> Planned:
        """Run past occurrences by hand."""
        body = Backfill(start=instant_of("from", start), end=instant_of("to", end), overlap=overlap)
        return Planned(_each(self._ask(routes.BACKFILL_SCHEDULE, schedule_id, body=body), SLOT.of))

    def delete_schedule(self, schedule_id: str) -> None:
        """Remove a schedule; its tasks stay."""
        self._client.delete_schedule(schedule_id)

    # --- queues

    def _queue(self, route: Route[Any], name: str, **given: Any) -> Queue:
        return _status(_plain(self._ask(route, name, **given)), _WHERE).queue

    def find_queues(self) -> tuple[QueueStatus, ...]:
        """List the queues that are configured or hold tasks."""
        return _each(self._ask(routes.LIST_QUEUES), _status)

    def get_queue(self, name: str) -> Queue:
        """Read the settings of a queue."""
        return self._queue(routes.GET_QUEUE, name)

    def edit_queue(self, name: str, edit: QueueEdit) -> Queue:
        """Change the settings of a queue."""
        body = QueueChange(
            concurrency=edit.concurrency,
            rate=_bound(edit.rate),
            key_concurrency=edit.key_concurrency,
            key_rate=_bound(edit.key_rate),
            weight=edit.weight,
            retry=edit.retry,
            timeout=edit.timeout,
        )
        return self._queue(routes.CHANGE_QUEUE, name, body=body)

    def pause_queue(self, name: str, note: str = "") -> Queue:
        """Let nothing of a queue start."""
        return self._queue(routes.PAUSE_QUEUE, name, body=Note(note=note))

    def drain_queue(self, name: str, note: str = "") -> Queue:
        """Refuse new tasks for a queue."""
        return self._queue(routes.DRAIN_QUEUE, name, body=Note(note=note))

    def resume_queue(self, name: str) -> Queue:
        """Let a queue go on."""
        return self._queue(routes.RESUME_QUEUE, name)

    def purge_queue(self, name: str, *, dry_run: bool = False) -> BulkResult:
        """Cancel every pending task of a queue."""
        done = self._client.purge_queue(name, Purge(dry_run=dry_run))
        return BulkResult(matched=done.matched, done=done.done, refused=done.refused)

    def forget_queue(self, name: str) -> None:
        """Forget the settings of a queue."""
        self._client.forget_queue(name)


def _plain(reply: Reply) -> Any:
    return json.loads(reply.body)


def _each(reply: Reply, read: Callable[[Any, str], T]) -> tuple[T, ...]:
    found: Iterable[Any] = _plain(reply)
    return tuple(read(one, _WHERE) for one in found)


def _status(plain: Any, field: str) -> QueueStatus:
    return QueueStatus(queue=QUEUE.of(plain["queue"], field), pending=plain["pending"], held=plain["held"])


def _request(call: Call | str) -> Any:
    if not isinstance(call, HttpCall):
        raise InvalidInput("call", "a function is not called over HTTP", "give a URL, or name the store itself")
    return http_request(call.url, headers=dict(call.headers) or None, body=call.body)


def _policy(retry: RetryPolicy | str | None) -> RetryPolicy | None:
    return parse_retry(retry) if isinstance(retry, str) else retry


def _catch_up(catch_up: CatchUp) -> CatchUpRequest:
    if isinstance(catch_up.mode, AtMost):
        return CatchUpRequest(at_most=catch_up.mode.count, window=catch_up.window)
    return CatchUpRequest(mode=catch_up.mode, window=catch_up.window)


def _bound(rate: Change[Rate | None]) -> Change[RateBound | None]:
    if rate is None or isinstance(rate, Unset):
        return rate
    return RateBound(count=rate.count, per=rate.per)
