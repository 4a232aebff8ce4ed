"""What is answered, as attrs classes: the answers and the OpenAPI document use the same.

Names are Mergent's where it had the thing. Fields may be added, never renamed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

from attrs import frozen

from mainspring.adapters.api.models import RateBound, Status
from mainspring.core.access import Scope
from mainspring.core.schedule import Overlap

RunOutcome: TypeAlias = Literal["success", "failure", "cancelled", "snoozed", "released"]
"""How a run ended."""


@frozen(kw_only=True)
class RequestView:
    """What is delivered; the values of headers that hold secrets are blotted out."""

    url: str
    headers: dict[str, str] | None
    body: str | None


@frozen(kw_only=True)
class FunctionView:
    """A call of a registered Python function (such tasks are not created by this API)."""

    name: str
    arguments: str


@frozen(kw_only=True)
class FailureView:
    """Why a run did not succeed."""

    kind: str
    message: str
    status: int | None
    permanent: bool


@frozen(kw_only=True)
class TaskView:
    """A task. ``status`` is Mergent's word, ``state`` mainspring's own; ``due`` is when it starts next."""

    id: str
    name: str | None
    queue: str
    status: Status
    request: RequestView | None
    scheduled_for: datetime
    created_at: datetime
    state: str
    due: datetime | None
    ended_at: datetime | None
    attempts: int
    priority: int
    key: str | None
    retry: str
    timeout: timedelta
    start_by: datetime | None
    schedule_id: str | None
    result: str | None
    failure: FailureView | None
    reason: str | None
    function: FunctionView | None


@frozen(kw_only=True)
class RunView:
    """One run of a task (Mergent: an invocation). ``outcome`` null: it goes on."""

    run: int
    attempt: int
    worker: str
    started_at: datetime
    ended_at: datetime | None
    outcome: RunOutcome | None
    result: str | None
    failure: FailureView | None
    next_due: datetime | None


@frozen(kw_only=True)
class EventView:
    """One record of a history: ``event`` names it, ``at`` is when, ``data`` is what the record says."""

    at: datetime
    event: str
    data: dict[str, Any]


@frozen(kw_only=True)
class BulkView:
    """How many tasks matched, how many were (or would be) changed, and why others were not."""

    matched: int
    done: int
    refused: dict[str, int]
    dry_run: bool


@frozen(kw_only=True)
class PauseView:
    """Since when and why."""

    at: datetime
    note: str


@frozen(kw_only=True)
class CatchUpView:
    """What becomes of missed occurrences."""

    mode: str
    at_most: int | None
    window: timedelta


@frozen(kw_only=True)
class ScheduleView:
    """A schedule. ``scheduled_for`` is its next occurrence (null: the rule has ended)."""

    id: str
    name: str | None
    description: str | None
    queue: str
    request: RequestView | None
    cron: str | None
    rrule: str | None
    every: timedelta | None
    dtstart: datetime | None
    paused: bool
    scheduled_for: datetime | None
    created_at: datetime
    timezone: str
    pause: PauseView | None
    priority: int
    retry: str
    timeout: timedelta
    overlap: Overlap
    catch_up: CatchUpView
    starts_at: datetime | None
    ends_at: datetime | None
    max_runs: int | None
    jitter: timedelta
    fired: int
    waiting: int
    function: FunctionView | None


@frozen(kw_only=True)
class SlotView:
    """What became of an occurrence, or of ``count`` of them from ``occurrence`` to ``until``."""

    occurrence: datetime
    until: datetime
    count: int
    outcome: Literal["created", "skipped", "coalesced", "buffered"]
    task_id: str | None
    reason: str | None
    into: datetime | None
    manual: bool
    at: datetime


@frozen(kw_only=True)
class PlanView:
    """What was made of a schedule by hand: the tasks, and the slot records."""

    tasks: list[TaskView]
    slots: list[SlotView]


@frozen(kw_only=True)
class PreviewRowView:
    """What will become of an occurrence."""

    occurrence: datetime
    until: datetime
    count: int
    outcome: Literal["created", "skipped", "coalesced", "buffered"]
    reason: str | None
    due: datetime | None
    starts: datetime | None
    ends: datetime | None


@frozen(kw_only=True)
class PreviewView:
    """What a schedule will do; ``cut`` counts the further occurrences that are not shown."""

    rows: list[PreviewRowView]
    cut: int


@frozen(kw_only=True)
class ProblemView:
    """One thing that was wrong."""

    message: str
    param: str | None = None
    hint: str | None = None


@frozen(kw_only=True)
class ErrorView:
    """Why a request was refused: Mergent's form."""

    message: str
    param: str | None = None
    hint: str | None = None
    errors: list[ProblemView] | None = None


@frozen(kw_only=True)
class KeyView:
    """A key, without its text."""

    id: str
    project: str
    scope: Scope
    label: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@frozen(kw_only=True)
class NewKeyView:
    """A new key with its text, which is shown this once."""

    key: str
    id: str
    project: str
    scope: Scope
    label: str
    created_at: datetime
    expires_at: datetime | None


@frozen(kw_only=True)
class ProjectView:
    """A project; of its secrets only whether there are any."""

    name: str
    created_at: datetime
    webhook_secrets: int
    mergent_secret: bool
    strict: bool
    retry: str | None


@frozen(kw_only=True)
class SecretView:
    """A new signing secret, which is shown this once."""

    webhook_secret: str


@frozen(kw_only=True)
class QueueView:
    """A queue: its settings, and how many of its tasks wait and run."""

    name: str
    concurrency: int | None
    rate: RateBound | None
    key_concurrency: int | None
    key_rate: RateBound | None
    weight: int
    retry: str | None
    timeout: timedelta | None
    paused: PauseView | None
    draining: PauseView | None
    pending: int
    running: int


@frozen(kw_only=True)
class StatsView:
    """How many tasks are in each status and each state, and in which queues."""

    tasks: dict[str, int]
    states: dict[str, int]
    queues: list[QueueView]
