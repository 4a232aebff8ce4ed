"""The values of schedules: the aggregate, its template, its policies, and the slot records."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final, Literal, TypeAlias

from attrs import Attribute, field, frozen

from mainspring.core.errors import InvalidInput
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.instants import format_duration
from mainspring.core.recurrence import Recurrence
from mainspring.core.retry import MERGENT_SCHEDULE, RetryPolicy
from mainspring.core.task import (
    DEFAULT_PROJECT,
    DEFAULT_QUEUE,
    DEFAULT_TIMEOUT,
    Call,
    validate_name,
    validate_optional_name,
    validate_priority,
    validate_timeout,
)

MAX_WAITING: Final = 1_000
MAX_DESCRIPTION: Final = 500
MAX_JITTER: Final = timedelta(days=1)
MAX_NOTE: Final = 500
PROMPT: Final = timedelta(seconds=60)
"""How late an occurrence may be seen and still count as on time, whatever the catch-up policy."""

Overlap = Literal["skip", "buffer_one", "buffer_all", "cancel_other", "allow_all", "serial"]
SkipReason = Literal["overlap", "paused", "outside_window", "missed", "buffer_full", "excluded"]


def _check_count(instance: object, attribute: Attribute[int], value: int) -> None:
    if not 1 <= value <= MAX_WAITING:
        raise InvalidInput("catch_up.at_most", f"{value} is out of range", f"use 1 to {MAX_WAITING}")


@frozen
class AtMost:
    """The catch-up mode that takes the last ``count`` missed occurrences."""

    count: int = field(validator=_check_count)


CatchUpMode: TypeAlias = Literal["none", "latest", "all"] | AtMost


def _check_window(instance: object, attribute: Attribute[timedelta], value: timedelta) -> None:
    if not timedelta(0) <= value <= timedelta(days=366):
        raise InvalidInput("catch_up.window", f"{format_duration(value)} is out of range", "use 0s to 366d")


@frozen(kw_only=True)
class CatchUp:
    """What to do about occurrences that were missed, e.g. while no worker ran."""

    window: timedelta = field(default=timedelta(hours=1), validator=_check_window)
    mode: CatchUpMode = "all"


def _check_description(instance: object, attribute: Attribute[str | None], value: str | None) -> None:
    if value is not None and len(value) > MAX_DESCRIPTION:
        raise InvalidInput("description", f"{len(value)} characters", f"use at most {MAX_DESCRIPTION}")


@frozen(kw_only=True)
class TaskTemplate:
    """What each task of the schedule will be."""

    call: Call
    queue: str = field(default=DEFAULT_QUEUE, validator=validate_name)
    priority: int = field(default=0, validator=validate_priority)
    retry: RetryPolicy = MERGENT_SCHEDULE
    timeout: timedelta = field(default=DEFAULT_TIMEOUT, validator=validate_timeout)


@frozen(kw_only=True)
class Paused:
    """Since when and why a schedule is paused."""

    at: datetime
    note: str = ""


@frozen(kw_only=True)
class Waiting:
    """An occurrence that waits for an earlier task of its schedule to end."""

    occurrence: datetime
    manual: bool = False


@frozen(kw_only=True)
class Created:
    """The occurrence made this task."""

    kind: ClassVar[str] = "created"
    task_id: TaskId


@frozen(kw_only=True)
class Skipped:
    """The occurrence made no task, for this reason."""

    kind: ClassVar[str] = "skipped"
    reason: SkipReason


@frozen(kw_only=True)
class Coalesced:
    """The occurrence made no task of its own: the later occurrence ``into`` stands for it."""

    kind: ClassVar[str] = "coalesced"
    into: datetime


@frozen(kw_only=True)
class Buffered:
    """The occurrence waits for an earlier task of its schedule to end."""

    kind: ClassVar[str] = "buffered"


SlotOutcome: TypeAlias = Created | Skipped | Coalesced | Buffered


@frozen(kw_only=True)
class Slot:
    """What became of an occurrence, or of ``count`` of them from ``occurrence`` to ``until`` (both included).

    A schedule has at most one slot for an ``occurrence``; one that was *buffered* is replaced when it is its turn.
    """

    schedule_id: ScheduleId
    occurrence: datetime
    until: datetime
    count: int
    outcome: SlotOutcome
    at: datetime
    manual: bool = False


def _check_max_runs(instance: object, attribute: Attribute[int | None], value: int | None) -> None:
    if value is not None and value < 1:
        raise InvalidInput("max_runs", f"{value} is out of range", "use 1 or more, or leave it out")


def _check_jitter(instance: object, attribute: Attribute[timedelta], value: timedelta) -> None:
    if not timedelta(0) <= value <= MAX_JITTER:
        raise InvalidInput("jitter", f"{format_duration(value)} is out of range", "use 0s to 1d")


@frozen(kw_only=True)
class Schedule:
    """A rule that creates tasks.

    ``next_at`` is the first occurrence without a slot record (None: the rule has ended); ``wake_at`` is when
    the schedule has to be planned again (None: never by itself). ``fired`` counts the tasks it made.
    The rule holds from ``starts_at`` to ``ends_at`` (both included) and for ``max_runs`` tasks at most; ``runs`` counts
    those that it made (``fired`` also those made by hand). Each task is due up to ``jitter`` after its occurrence,
    always the same for the same occurrence. ``excluded_to`` is the last occurrence that was skipped by hand.
    ``last_failed`` says whether the task that the waiting ones waited for ended as *failed*. ``ran`` is the record
    of the last *run now* since the last edit (so that repeating the request is safe).
    """

    id: ScheduleId
    recurrence: Recurrence
    template: TaskTemplate
    created_at: datetime
    next_at: datetime | None
    wake_at: datetime | None
    version: int = 1
    project: str = field(default=DEFAULT_PROJECT, validator=validate_name)
    name: str | None = field(default=None, validator=validate_optional_name)
    description: str | None = field(default=None, validator=_check_description)
    overlap: Overlap = "serial"
    catch_up: CatchUp = CatchUp()
    paused: Paused | None = None
    waiting: tuple[Waiting, ...] = ()
    last_fired: datetime | None = None
    last_failed: bool = False
    fired: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    max_runs: int | None = field(default=None, validator=_check_max_runs)
    jitter: timedelta = field(default=timedelta(0), validator=_check_jitter)
    runs: int = 0
    excluded_to: datetime | None = None
    ran: Slot | None = None

    def __str__(self) -> str:
        return f"schedule {self.id}"


@frozen(kw_only=True)
class ScheduleEvent:
    """Something that was done to a schedule; ``skipped`` is its next occurrence, ``ran`` is *run now*."""

    at: datetime
    kind: Literal["created", "edited", "paused", "resumed", "ran", "skipped", "backfilled"]
    note: str = ""
