"""From what a caller wrote to core values: texts are parsed here, once, with errors that name the field."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import islice
from typing import Final, Literal, TypeAlias

from attrs import evolve as changed
from attrs import frozen

from mainspring.core.creation import ClashPolicy, Creation, IdempotencyKey, Inherited
from mainspring.core.errors import InvalidInput
from mainspring.core.ids import ENTROPY_BYTES, ScheduleId, TaskId, uuid7
from mainspring.core.instants import format_instant, parse_duration, parse_instant, require_utc
from mainspring.core.ports import Entropy
from mainspring.core.queue import Queue
from mainspring.core.recurrence import Cron, DayRule, Fold, Gap, Interval, Recurrence, RRule
from mainspring.core.retry import MERGENT, MERGENT_SCHEDULE, RetryPolicy
from mainspring.core.retry_text import parse_retry
from mainspring.core.schedule import AtMost, CatchUp, CatchUpMode, Overlap, Paused, Schedule, TaskTemplate, new_schedule
from mainspring.core.task import (
    DEFAULT_PROJECT,
    DEFAULT_QUEUE,
    DEFAULT_TIMEOUT,
    Call,
    FollowUp,
    FunctionCall,
    HttpCall,
    Task,
)
from mainspring.core.task import new_task as core_new_task

RFC_GAP: Final[Gap] = "offset_before"
RFC_FOLD: Final[Fold] = "first"
"""RFC 5545's own policies (§3.3.5), which an RRULE has unless another is asked for."""
CATCH_UP_MODES: Final[tuple[Literal["none", "latest", "all"], ...]] = ("none", "latest", "all")
MAX_BATCH: Final = 10_000
"""How many tasks one call may create."""

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Duration: TypeAlias = timedelta | str
Instant: TypeAlias = datetime | str
Retry: TypeAlias = RetryPolicy | str


@frozen(kw_only=True)
class TaskRequest:
    """A task as a caller asks for it; durations and instants may be texts.

    ``retry`` and ``timeout`` left open are those of its queue, else its project's ``retry`` (``project_retry``, if the
    project has one of its own, else the one that the operations were given), else mainspring's.
    ``key``: what the limits per key of its queue go by. ``on_clash``: what becomes of a live task of the same name.
    ``idempotency_key``: the same request with the same key, within 24 hours, makes no second task.
    """

    call: Call
    delay: Duration | None = None
    at: Instant | None = None
    name: str | None = None
    queue: str = DEFAULT_QUEUE
    priority: int = 0
    retry: Retry | None = None
    timeout: Duration | None = None
    start_by: Instant | None = None
    key: str | None = None
    on_clash: ClashPolicy = "reject"
    idempotency_key: str | None = None
    on_success: FollowUp | None = None
    on_failure: FollowUp | None = None
    project: str = DEFAULT_PROJECT
    project_retry: RetryPolicy | None = None


@frozen(kw_only=True)
class ScheduleRequest:
    """A schedule as a caller asks for it: exactly one of ``cron``, ``rrule`` and ``every``.

    ``seconds``: the cron expression begins with a field of seconds. ``days``: how its day of month and weekday go
    together. ``gap`` and ``fold``: what happens to local times that do not exist or come twice (None: the default of
    the kind of rule). ``paused``: it starts paused. ``project_retry`` as for tasks.
    """

    call: Call
    cron: str | None = None
    seconds: bool = False
    rrule: str | None = None
    every: Duration | None = None
    timezone: str = "UTC"
    days: DayRule = "debian"
    gap: Gap | None = None
    fold: Fold | None = None
    dtstart: Instant | None = None
    name: str | None = None
    description: str | None = None
    queue: str = DEFAULT_QUEUE
    priority: int = 0
    retry: Retry | None = None
    timeout: Duration | None = None
    overlap: Overlap = "serial"
    catch_up: CatchUp | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    max_runs: int | None = None
    jitter: Duration | None = None
    paused: bool = False
    project: str = DEFAULT_PROJECT
    project_retry: RetryPolicy | None = None


def call_of(
    call: Call | str,
    arguments: Mapping[str, Json] | None = None,
    *,
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Call:
    """Make a call of a URL with ``body`` and ``headers``, or of a function's name with ``arguments``."""
    if not isinstance(call, str):
        return call
    if "://" in call:
        if arguments is not None:
            raise InvalidInput("arguments", "a URL takes none", "send them in the body")
        return HttpCall(url=call, headers=tuple((headers or {}).items()), body=body)
    if body is not None or headers is not None:
        raise InvalidInput("body" if body is not None else "headers", "a function takes none", "use arguments")
    return FunctionCall(function=call, arguments=arguments_text(arguments or {}))


def arguments_text(arguments: Mapping[str, Json]) -> str:
    """Write a function's keyword arguments as JSON; what JSON cannot carry is refused with its name."""
    for key, value in arguments.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidInput(f"arguments.{key}", str(error), "use what JSON can carry") from None
    return json.dumps(dict(arguments), ensure_ascii=False, separators=(",", ":"))


def duration_of(field: str, value: Duration) -> timedelta:
    """Read a duration that may be a text (``90s``, ``PT5M``)."""
    return parse_duration(field, value) if isinstance(value, str) else value


def instant_of(field: str, value: Instant) -> datetime:
    """Read an instant that may be a text (ISO 8601 with an offset)."""
    return parse_instant(field, value) if isinstance(value, str) else require_utc(field, value)


def retry_of(value: Retry | None, default: RetryPolicy) -> RetryPolicy:
    """Read a retry policy that may be a text: ``mergent``, ``exponential(initial=1s, attempts=10)``."""
    if value is None:
        return default
    if not isinstance(value, str):
        return value
    return parse_retry(value)


def catch_up_of(field: str, value: CatchUpMode | str) -> CatchUpMode:
    """Read a catch-up mode that may be a text: ``none``, ``latest``, ``all``, or how many at most (``at most 3``)."""
    if not isinstance(value, str):
        return value
    for mode in CATCH_UP_MODES:
        if value == mode:
            return mode
    count = value.removeprefix("at most ").strip()
    if not (count.isascii() and count.isdigit() and len(count) < 8):
        raise InvalidInput(field, f"{value[:40]!r} is no mode", "use none, latest, all or 'at most N'")
    return AtMost(int(count))


def task_of(request: TaskRequest, at: datetime, entropy: Entropy, retry: RetryPolicy | None = None) -> Task:
    """Make the task that is asked for, at instant ``at`` of the storage's clock; ``retry`` is the project's policy."""
    return core_new_task(
        task_id=TaskId(uuid7(at, entropy.octets(ENTROPY_BYTES))),
        call=request.call,
        at=at,
        scheduled_for=None if request.at is None else instant_of("at", request.at),
        delay=timedelta(0) if request.delay is None else duration_of("delay", request.delay),
        project=request.project,
        queue=request.queue,
        name=request.name,
        priority=request.priority,
        retry=retry_of(request.retry, request.project_retry or retry or MERGENT),
        timeout=DEFAULT_TIMEOUT if request.timeout is None else duration_of("timeout", request.timeout),
        start_by=None if request.start_by is None else instant_of("start_by", request.start_by),
        key=request.key,
        on_success=request.on_success,
        on_failure=request.on_failure,
    )


def creation_of(request: TaskRequest, at: datetime, entropy: Entropy, retry: RetryPolicy | None = None) -> Creation:
    """Make the creation that is asked for: the task, and what is wanted if its name or its request is known."""
    left_open: dict[Inherited, bool] = {"retry": request.retry is None, "timeout": request.timeout is None}
    idempotency = None
    if request.idempotency_key is not None:
        asked = repr(changed(request, idempotency_key=None))
        idempotency = IdempotencyKey(key=request.idempotency_key, fingerprint=sha256(asked.encode()).hexdigest())
    return Creation(
        task=task_of(request, at, entropy, retry),
        on_clash=request.on_clash,
        idempotency=idempotency,
        inherits=frozenset(name for name, is_open in left_open.items() if is_open),
    )


def many(requests: Iterable[TaskRequest]) -> tuple[TaskRequest, ...]:
    """Gather the requests of one call; ``InvalidInput`` for more than ``MAX_BATCH``."""
    gathered = tuple(islice(requests, MAX_BATCH + 1))
    if len(gathered) > MAX_BATCH:
        raise InvalidInput("tasks", f"more than {MAX_BATCH} in one call", "create them in parts")
    return gathered


def recurrence_of(
    *,
    cron: str | None,
    rrule: str | None,
    every: Duration | None,
    timezone: str,
    dtstart: Instant | None,
    at: datetime,
    seconds: bool = False,
    days: DayRule = "debian",
    gap: Gap | None = None,
    fold: Fold | None = None,
) -> tuple[Recurrence, datetime]:
    """Make the rule that is asked for, and say after which instant its first occurrence counts.

    Mergent's rule: an ``rrule`` without ``dtstart`` starts now, and its first occurrence is now.
    """
    given = [name for name, value in (("cron", cron), ("rrule", rrule), ("every", every)) if value is not None]
    if len(given) != 1:
        what = f"{' and '.join(given)} were given" if given else "none was given"
        raise InvalidInput("cron, rrule or every", what, "give exactly one of them")
    if seconds and cron is None:
        raise InvalidInput("seconds", "only a cron expression may have a field of them", "leave it out")
    start = None if dtstart is None else instant_of("dtstart", dtstart)
    if cron is not None:
        if start is not None:
            raise InvalidInput("dtstart", "a cron rule takes none", "leave it out, or use an rrule")
        return Cron.parse(cron, timezone=timezone, seconds=seconds, days=days, gap=gap, fold=fold), at
    if days != "debian":
        raise InvalidInput("days", "only a cron rule has days of month and weekdays to combine", "leave it out")
    if every is not None:
        if gap is not None or fold is not None:
            raise InvalidInput("gap" if gap else "fold", "an interval runs on elapsed time", "leave it out")
        return Interval(every=duration_of("every", every), anchor=start or at), at
    assert rrule is not None  # noqa: S101  exactly one of the three was given
    if start is not None or "DTSTART" in rrule.upper():
        return _rrule(rrule, timezone, start, gap, fold), at
    now = at.replace(microsecond=0)
    return _rrule(rrule, timezone, now, gap, fold), now - timedelta(microseconds=1)


def _rrule(text: str, timezone: str, dtstart: datetime | None, gap: Gap | None, fold: Fold | None) -> RRule:
    return RRule.parse(text, timezone=timezone, dtstart=dtstart, gap=gap or RFC_GAP, fold=fold or RFC_FOLD)


def schedule_of(
    request: ScheduleRequest,
    at: datetime,
    entropy: Entropy,
    queue: Queue | None = None,
    retry: RetryPolicy | None = None,
) -> Schedule:
    """Make the schedule asked for, at instant ``at`` of the storage's clock.

    What is open is filled in by ``queue``, then by ``retry``, the project's policy.
    """
    recurrence, after = recurrence_of(
        cron=request.cron,
        rrule=request.rrule,
        every=request.every,
        timezone=request.timezone,
        dtstart=request.dtstart,
        at=at,
        seconds=request.seconds,
        days=request.days,
        gap=request.gap,
        fold=request.fold,
    )
    template = TaskTemplate(
        call=request.call,
        queue=request.queue,
        priority=request.priority,
        retry=retry_of(request.retry, (queue and queue.retry) or request.project_retry or retry or MERGENT_SCHEDULE),
        timeout=((queue and queue.timeout) or DEFAULT_TIMEOUT)
        if request.timeout is None
        else duration_of("timeout", request.timeout),
    )
    schedule = new_schedule(
        schedule_id=ScheduleId(uuid7(at, entropy.octets(ENTROPY_BYTES))),
        recurrence=recurrence,
        template=template,
        at=at,
        after=after,
        project=request.project,
        name=request.name,
        description=request.description,
        overlap=request.overlap,
        catch_up=request.catch_up,
        starts_at=None if request.starts_at is None else instant_of("starts_at", request.starts_at),
        ends_at=None if request.ends_at is None else instant_of("ends_at", request.ends_at),
        max_runs=request.max_runs,
        jitter=timedelta(0) if request.jitter is None else duration_of("jitter", request.jitter),
    )
    if schedule.next_at is None:
        raise InvalidInput("cron, rrule or every", f"it never fires after {format_instant(at)}", "check the rule")
    return changed(schedule, paused=Paused(at=at)) if request.paused else schedule
