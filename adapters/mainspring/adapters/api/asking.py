"""From the models of requests to what the operations take."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeVar

import attrs

from mainspring.adapters.api import models
from mainspring.adapters.api.models import (
    BulkFilter,
    CatchUpRequest,
    FollowUpRequest,
    HttpRequest,
    NewSchedule,
    NewTask,
    QueueChange,
    RateBound,
    ScheduleFilter,
    Status,
    TaskChange,
    TaskFilter,
)
from mainspring.adapters.api.refusals import refuse
from mainspring.adapters.operations import ScheduleChange, ScheduleRequest, TaskRequest
from mainspring.core.commands import UNSET, Change, Edit, Unset
from mainspring.core.errors import InvalidInput
from mainspring.core.ids import ScheduleId
from mainspring.core.ports import ScheduleQuery, TaskQuery
from mainspring.core.queue import QueueEdit, Rate
from mainspring.core.retry import MERGENT, RetryPolicy
from mainspring.core.schedule import AtMost, CatchUp
from mainspring.core.states import API_STATUS
from mainspring.core.task import DEFAULT_QUEUE, DEFAULT_TIMEOUT, FollowUp, HttpCall

T = TypeVar("T")


def call_of(request: HttpRequest) -> HttpCall:
    """Make the call of a request."""
    return HttpCall(url=request.url, headers=tuple((request.headers or {}).items()), body=request.body)


def _follow_up(asked: FollowUpRequest | None, retry: RetryPolicy | None) -> FollowUp | None:
    if asked is None:
        return None
    return FollowUp(
        call=call_of(asked.request),
        queue=asked.queue,
        delay=asked.delay or timedelta(0),
        retry=asked.retry or retry or MERGENT,
        timeout=asked.timeout or DEFAULT_TIMEOUT,
    )


def new_task(asked: NewTask, project: str, retry: RetryPolicy | None, idempotency_key: str | None) -> TaskRequest:
    """Make the request of a new task; ``retry`` is the project's."""
    return TaskRequest(
        call=call_of(asked.request),
        delay=asked.delay,
        at=asked.scheduled_for,
        name=asked.name,
        queue=asked.queue or DEFAULT_QUEUE,
        priority=asked.priority,
        retry=asked.retry,
        timeout=asked.timeout,
        start_by=asked.start_by,
        key=asked.key,
        on_clash=asked.on_clash,
        idempotency_key=idempotency_key,
        on_success=_follow_up(asked.on_success, retry),
        on_failure=_follow_up(asked.on_failure, retry),
        project=project,
        project_retry=retry,
    )


def task_edit(asked: TaskChange, at: datetime) -> Edit:
    """Make the edit of a task, as of ``at``."""
    return Edit(
        at=at,
        due=_due(asked, at),
        call=UNSET if isinstance(asked.request, Unset) else call_of(asked.request),
        queue=_or_default(asked.queue),
        name=asked.name,
        priority=asked.priority,
        retry=asked.retry,
        timeout=asked.timeout,
    )


def _due(asked: TaskChange, at: datetime) -> Change[datetime]:
    """``delay`` is added to ``scheduled_for``, else to now."""
    wait = None if isinstance(asked.delay, Unset) else asked.delay
    if isinstance(asked.scheduled_for, Unset) and wait is None:
        return UNSET
    start = at if isinstance(asked.scheduled_for, Unset) else asked.scheduled_for or at
    try:
        return start + (wait or timedelta(0))
    except OverflowError:
        raise InvalidInput("delay", "the task would be due after the year 9999", "use a shorter delay") from None


def _or_default(queue: Change[str | None]) -> Change[str]:
    return queue if isinstance(queue, Unset) else queue or DEFAULT_QUEUE


def _states(statuses: tuple[Status, ...] | list[Status]) -> frozenset[str]:
    return frozenset(own for own, shown in API_STATUS.items() if shown in statuses)


def task_query(asked: TaskFilter, project: str) -> TaskQuery:
    """Make the query of a list."""
    return TaskQuery(
        project=project,
        statuses=_states(asked.status),
        queue=asked.queue,
        name=asked.name,
        key=asked.key,
        schedule_id=None if asked.schedule_id is None else ScheduleId(asked.schedule_id),
        created_before=asked.created_before,
        ended_before=asked.ended_before,
        limit=asked.limit,
        after=asked.after or asked.cursor,
    )


def bulk_query(asked: BulkFilter, project: str) -> TaskQuery:
    """Make the query of a bulk operation."""
    return TaskQuery(
        project=project,
        statuses=_states(asked.status),
        queue=asked.queue,
        name=asked.name,
        key=asked.key,
        schedule_id=None if asked.schedule_id is None else ScheduleId(asked.schedule_id),
        created_before=asked.created_before,
        ended_before=asked.ended_before,
    )


# --- schedules -------------------------------------------------------------------------------------------------------


def schedule_query(asked: ScheduleFilter, project: str) -> ScheduleQuery:
    """Make the query of a list."""
    return ScheduleQuery(project=project, name=asked.name, limit=asked.limit, after=asked.after or asked.cursor)


def new_schedule(asked: NewSchedule, project: str, retry: RetryPolicy | None) -> ScheduleRequest:
    """Make the request of a new schedule; ``retry`` is the project's."""
    return ScheduleRequest(
        call=call_of(asked.request),
        cron=asked.cron,
        seconds=asked.seconds,
        rrule=asked.rrule,
        every=asked.every,
        timezone=asked.timezone,
        days=asked.days,
        gap=asked.gap,
        fold=asked.fold,
        dtstart=asked.dtstart,
        name=asked.name,
        description=asked.description,
        queue=asked.queue or DEFAULT_QUEUE,
        priority=asked.priority,
        retry=asked.retry,
        timeout=asked.timeout,
        overlap=asked.overlap,
        catch_up=None if asked.catch_up is None else catch_up(asked.catch_up),
        starts_at=asked.starts_at,
        ends_at=asked.ends_at,
        max_runs=asked.max_runs,
        jitter=asked.jitter,
        paused=asked.paused,
        project=project,
        project_retry=retry,
    )


def catch_up(asked: CatchUpRequest) -> CatchUp:
    """Make the policy for missed occurrences."""
    return CatchUp(
        mode=asked.mode if asked.at_most is None else AtMost(asked.at_most),
        window=CatchUp().window if asked.window is None else asked.window,
    )


def schedule_change(asked: models.ScheduleChange) -> ScheduleChange:
    """Make the change of a schedule that is asked for; a rule, a start or a catch-up that is null is left alone."""
    catch = None if isinstance(asked.catch_up, Unset) else asked.catch_up
    return ScheduleChange(
        cron=_named(asked.cron),
        rrule=_named(asked.rrule),
        every=_named(asked.every),
        seconds=asked.seconds,
        timezone=asked.timezone,
        days=asked.days,
        gap=asked.gap,
        fold=asked.fold,
        dtstart=_named(asked.dtstart),
        call=UNSET if isinstance(asked.request, Unset) else call_of(asked.request),
        queue=_or_default(asked.queue),
        priority=asked.priority,
        retry=asked.retry,
        timeout=asked.timeout,
        name=asked.name,
        description=asked.description,
        overlap=asked.overlap,
        catch_up_mode=UNSET if catch is None else catch_up(catch).mode,
        catch_up_window=UNSET if catch is None or catch.window is None else catch.window,
        starts_at=asked.starts_at,
        ends_at=asked.ends_at,
        max_runs=asked.max_runs,
        jitter=asked.jitter,
    )


def _named(change: Change[T | None]) -> Change[T]:
    return UNSET if isinstance(change, Unset) or change is None else change


# --- queues ----------------------------------------------------------------------------------------------------------


def queue_edit(asked: QueueChange) -> QueueEdit:
    """Make the edit of a queue's settings."""
    edit = QueueEdit(
        concurrency=asked.concurrency,
        rate=_rate(asked.rate),
        key_concurrency=asked.key_concurrency,
        key_rate=_rate(asked.key_rate),
        weight=asked.weight,
        retry=asked.retry,
        timeout=asked.timeout,
    )
    if edit == QueueEdit():
        raise refuse(422, "nothing to change was given")
    return edit


def _rate(asked: Change[RateBound | None]) -> Change[Rate | None]:
    if isinstance(asked, Unset) or asked is None:
        return asked
    return Rate(count=asked.count, per=asked.per)


def limit_of(limit: int, most: int) -> int:
    """Check how many were asked for."""
    if not 1 <= limit <= most:
        raise InvalidInput("limit", f"{limit} is out of range", f"use 1 to {most}")
    return limit


def names_nothing(value: attrs.AttrsInstance) -> bool:
    """Tell whether a filter has no condition."""
    return all(not getattr(value, field.name) for field in attrs.fields(type(value)))
