"""From core values to what is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

import attrs

from mainspring.adapters.api.models import HIDDEN, RateBound, Status
from mainspring.adapters.api.views import (
    BulkView,
    CatchUpView,
    EventView,
    FailureView,
    FunctionView,
    KeyView,
    PauseView,
    PlanView,
    PreviewRowView,
    PreviewView,
    ProjectView,
    QueueView,
    RequestView,
    RunOutcome,
    RunView,
    ScheduleView,
    SlotView,
    TaskView,
)
from mainspring.adapters.codec import EVENT
from mainspring.adapters.codec.scalars import write_duration
from mainspring.adapters.operations.bulk import BulkResult
from mainspring.core.access import ApiKey, Project
from mainspring.core.events import (
    Event,
    RetryScheduled,
    RunReleased,
    RunSnoozed,
    RunStarted,
    RunSucceeded,
    TaskCancelled,
    TaskFailed,
)
from mainspring.core.instants import format_instant
from mainspring.core.ports import QueueStatus
from mainspring.core.preview import Preview
from mainspring.core.queue import QueuePause, Rate
from mainspring.core.recurrence import Cron, Interval, RRule
from mainspring.core.retry import Failure
from mainspring.core.retry_text import format_retry
from mainspring.core.schedule import (
    AtMost,
    Buffered,
    CatchUp,
    Coalesced,
    Created,
    Paused,
    Plan,
    Schedule,
    Skipped,
    Slot,
    SlotOutcome,
)
from mainspring.core.states import API_STATUS, Cancelled, Cancelling, Failed, Pending, Succeeded
from mainspring.core.task import Call, HttpCall, Task, is_secret_header, schedule_of


def plain(value: Any) -> Any:
    """Write a view as plain data for JSON: instants and durations as texts."""
    kind = _kind(value)
    if kind in _AS_IT_IS:
        return value
    if kind is datetime:
        return format_instant(value)
    if kind is timedelta:
        return write_duration(value)
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast("Sequence[Any]", value)]
    found: dict[str, Any] = {}
    for name in _names(kind):
        part = getattr(value, name)
        found[name] = part if _kind(part) in _AS_IT_IS else plain(part)
    return found


def _kind(value: object) -> type:
    return type(value)


def _names(kind: type) -> tuple[str, ...]:
    names = _KNOWN.get(kind)
    if names is None:
        names = _KNOWN[kind] = tuple(attribute.name for attribute in attrs.fields(kind))
    return names


_AS_IT_IS: Final = frozenset({str, int, bool, float, type(None)})
_KNOWN: Final[dict[type, tuple[str, ...]]] = {}


def _request(call: Call) -> RequestView | None:
    if not isinstance(call, HttpCall):
        return None
    headers = {name: HIDDEN if is_secret_header(name) else text for name, text in call.headers}
    return RequestView(url=call.url, headers=headers or None, body=call.body)


def _function(call: Call) -> FunctionView | None:
    return None if isinstance(call, HttpCall) else FunctionView(name=call.function, arguments=call.arguments)


def failure_view(failure: Failure | None) -> FailureView | None:
    """Show why a run did not succeed."""
    if failure is None:
        return None
    return FailureView(kind=failure.kind, message=failure.message, status=failure.status, permanent=failure.permanent)


def status_of(task: Task) -> Status:
    """Give Mergent's word for the state of a task."""
    return cast("Status", API_STATUS[task.state.status])


def task_view(task: Task) -> TaskView:
    """Show a task."""
    state = task.state
    failure = state.failure if isinstance(state, Pending | Failed) else None
    reason = state.reason if isinstance(state, Cancelling | Cancelled | Failed) else None
    return TaskView(
        id=task.id,
        name=task.name,
        queue=task.queue,
        status=status_of(task),
        request=_request(task.call),
        scheduled_for=task.scheduled_for,
        created_at=task.created_at,
        state=state.status,
        due=state.due if isinstance(state, Pending) else None,
        ended_at=getattr(state, "at", None),
        attempts=state.tally.attempts,
        priority=task.priority,
        key=task.key,
        retry=format_retry(task.retry),
        timeout=task.timeout,
        start_by=task.start_by,
        schedule_id=schedule_of(task),
        result=state.result if isinstance(state, Succeeded) else None,
        failure=failure_view(failure),
        reason=reason,
        function=_function(task.call),
    )


_ENDS: Final[dict[type[Event], RunOutcome]] = {
    RunSucceeded: "success",
    RetryScheduled: "failure",
    TaskFailed: "failure",
    TaskCancelled: "cancelled",
    RunSnoozed: "snoozed",
    RunReleased: "released",
}


def runs_of(history: Sequence[Event]) -> list[RunView]:
    """Gather the runs of a task from its history, the first one first."""
    runs: dict[int, RunView] = {}
    for event in history:
        if isinstance(event, RunStarted):
            runs[event.run] = RunView(
                run=event.run,
                attempt=event.attempt,
                worker=event.worker,
                started_at=event.at,
                ended_at=None,
                outcome=None,
                result=None,
                failure=None,
                next_due=None,
            )
        elif type(event) in _ENDS and getattr(event, "run", 0) in runs:
            run = getattr(event, "run", 0)
            runs[run] = attrs.evolve(
                runs[run],
                ended_at=event.at,
                outcome=_ENDS[type(event)],
                result=event.result if isinstance(event, RunSucceeded) else None,
                failure=failure_view(event.failure) if isinstance(event, RetryScheduled | TaskFailed) else None,
                next_due=event.due if isinstance(event, RetryScheduled | RunSnoozed) else None,
            )
    return [runs[number] for number in sorted(runs)]


def event_view(event: Event) -> EventView:
    """Show one record of a task's history; an edit's call is left out, since it may hold secrets."""
    data = dict(EVENT.plain(event))
    kind = data.pop("kind")
    data.pop("at", None)
    if isinstance(data.get("edit"), Mapping):
        data["edit"] = {name: value for name, value in data["edit"].items() if name != "call"}
    return EventView(at=event.at, event=kind, data=data)


def bulk_view(result: BulkResult, dry_run: bool) -> BulkView:
    """Show what a bulk operation came to."""
    return BulkView(matched=result.matched, done=result.done, refused=dict(result.refused), dry_run=dry_run)


# --- schedules -------------------------------------------------------------------------------------------------------


def rule_text(rule: RRule) -> str:
    """Write a rule as Mergent does: without DTSTART, and a single rule without its ``RRULE:``."""
    lines = [line for line in rule.to_text().split("\n") if not line.startswith("DTSTART")]
    return lines[0].removeprefix("RRULE:") if len(lines) == 1 else "\n".join(lines)


def schedule_view(schedule: Schedule) -> ScheduleView:
    """Show a schedule."""
    rule = schedule.recurrence
    template = schedule.template
    return ScheduleView(
        id=schedule.id,
        name=schedule.name,
        description=schedule.description,
        queue=template.queue,
        request=_request(template.call),
        cron=rule.to_text() if isinstance(rule, Cron) else None,
        rrule=rule_text(rule) if isinstance(rule, RRule) else None,
        every=rule.every if isinstance(rule, Interval) else None,
        dtstart=_start_of(rule),
        paused=schedule.paused is not None,
        scheduled_for=schedule.next_at,
        created_at=schedule.created_at,
        timezone="UTC" if isinstance(rule, Interval) else rule.timezone,
        pause=_pause(schedule.paused),
        priority=template.priority,
        retry=format_retry(template.retry),
        timeout=template.timeout,
        overlap=schedule.overlap,
        catch_up=_catch_up(schedule.catch_up),
        starts_at=schedule.starts_at,
        ends_at=schedule.ends_at,
        max_runs=schedule.max_runs,
        jitter=schedule.jitter,
        fired=schedule.fired,
        waiting=len(schedule.waiting),
        function=_function(template.call),
    )


def _start_of(rule: Cron | RRule | Interval) -> datetime | None:
    if isinstance(rule, RRule):
        return rule.dtstart
    return rule.anchor if isinstance(rule, Interval) else None


def _pause(pause: Paused | QueuePause | None) -> PauseView | None:
    return None if pause is None else PauseView(at=pause.at, note=pause.note)


def _catch_up(catch_up: CatchUp) -> CatchUpView:
    mode = catch_up.mode
    if isinstance(mode, AtMost):
        return CatchUpView(mode="at_most", at_most=mode.count, window=catch_up.window)
    return CatchUpView(mode=mode, at_most=None, window=catch_up.window)


def _outcome(outcome: SlotOutcome) -> tuple[Any, str | None, str | None, datetime | None]:
    """Kind, task, reason and target of an outcome."""
    match outcome:
        case Created():
            return outcome.kind, outcome.task_id, None, None
        case Skipped():
            return outcome.kind, None, outcome.reason, None
        case Coalesced():
            return outcome.kind, None, None, outcome.into
        case Buffered():
            return outcome.kind, None, None, None


def slot_view(slot: Slot) -> SlotView:
    """Show a slot record."""
    kind, task_id, reason, into = _outcome(slot.outcome)
    return SlotView(
        occurrence=slot.occurrence,
        until=slot.until,
        count=slot.count,
        outcome=kind,
        task_id=task_id,
        reason=reason,
        into=into,
        manual=slot.manual,
        at=slot.at,
    )


def plan_view(plan: Plan) -> PlanView:
    """Show what was made of a schedule by hand."""
    return PlanView(
        tasks=[task_view(task) for task in plan.tasks], slots=[slot_view(slot) for slot in plan.slots if slot.manual]
    )


def preview_view(preview: Preview) -> PreviewView:
    """Show a preview."""
    rows = [
        PreviewRowView(
            occurrence=row.occurrence,
            until=row.until,
            count=row.count,
            outcome=_outcome(row.outcome)[0],
            reason=_outcome(row.outcome)[2],
            due=row.due,
            starts=row.starts,
            ends=row.ends,
        )
        for row in preview.rows
    ]
    return PreviewView(rows=rows, cut=preview.cut)


# --- queues, projects, keys ------------------------------------------------------------------------------------------


def _rate(rate: Rate | None) -> RateBound | None:
    return None if rate is None else RateBound(count=rate.count, per=rate.per)


def queue_view(status: QueueStatus) -> QueueView:
    """Show a queue."""
    queue = status.queue
    return QueueView(
        name=queue.ref.name,
        concurrency=queue.limits.concurrency,
        rate=_rate(queue.limits.rate),
        key_concurrency=queue.key_limits.concurrency,
        key_rate=_rate(queue.key_limits.rate),
        weight=queue.weight,
        retry=None if queue.retry is None else format_retry(queue.retry),
        timeout=queue.timeout,
        paused=_pause(queue.paused),
        draining=_pause(queue.draining),
        pending=status.pending,
        running=status.held,
    )


def project_view(project: Project) -> ProjectView:
    """Show a project, and of its secrets only that they are there."""
    return ProjectView(
        name=project.name,
        created_at=project.created_at,
        webhook_secrets=len(project.webhook_secrets),
        mergent_secret=project.mergent_secret is not None,
        strict=project.strict,
        retry=None if project.retry is None else format_retry(project.retry),
    )


def key_view(key: ApiKey) -> KeyView:
    """Show a key, without what would open anything."""
    return KeyView(
        id=key.id,
        project=key.project,
        scope=key.scope,
        label=key.label,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
    )
