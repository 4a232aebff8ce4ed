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
from mainspring.core.task import DEFAULT_PROJECT, DEFAULT_QUEUE, DEFAULT_TIMEOUT, MAX_TIMEOUT, Call, check_name

MAX_WAITING: Final = 1_000
MAX_DESCRIPTION: Final = 500
MAX_NOTE: Final = 500
PROMPT: Final = timedelta(seconds=60)
"""How late an occurrence may be seen and still count as on time for catch-up ``none``."""

Overlap = Literal["skip", "buffer_one", "buffer_all", "cancel_other", "allow_all", "serial"]
SkipReason = Literal["overlap", "paused", "outside_window", "missed", "buffer_full"]


@frozen
class AtMost:
    """The catch-up mode that takes the last ``count`` missed occurrences."""

    count: int = field()

    @count.validator
    def _check(self, attribute: Attribute[int], value: int) -> None:
        if not 1 <= value <= MAX_WAITING:
            raise InvalidInput("catch_up.at_most", f"{value} is out of range", f"use 1 to {MAX_WAITING}")


CatchUpMode: TypeAlias = Literal["none", "latest", "all"] | AtMost


@frozen(kw_only=True)
class CatchUp:
    """What to do about occurrences that were missed, e.g. while no worker ran."""

    window: timedelta = field(default=timedelta(hours=1))
    mode: CatchUpMode = "all"

    @window.validator
    def _check(self, attribute: Attribute[timedelta], value: timedelta) -> None:
        if not timedelta(0) <= value <= timedelta(days=366):
            raise InvalidInput("catch_up.window", f"{format_duration(value)} is out of range", "use 0s to 366d")


def _check_name(instance: object, attribute: Attribute[str], value: str) -> None:
    check_name(attribute.name, value)


def _check_optional_name(instance: object, attribute: Attribute[str | None], value: str | None) -> None:
    if value is not None:
        check_name(attribute.name, value)


def _check_timeout(instance: object, attribute: Attribute[timedelta], value: timedelta) -> None:
    if not timedelta(milliseconds=1) <= value <= MAX_TIMEOUT:
        raise InvalidInput("timeout", f"{format_duration(value)} is out of range", "use 1ms to 24h")


def _check_description(instance: object, attribute: Attribute[str | None], value: str | None) -> None:
    if value is not None and len(value) > MAX_DESCRIPTION:
        raise InvalidInput("description", f"{len(value)} characters", f"use at most {MAX_DESCRIPTION}")


@frozen(kw_only=True)
class TaskTemplate:
    """What each task of the schedule will be."""

    call: Call
    queue: str = field(default=DEFAULT_QUEUE, validator=_check_name)
    priority: int = 0
    retry: RetryPolicy = MERGENT_SCHEDULE
    timeout: timedelta = field(default=DEFAULT_TIMEOUT, validator=_check_timeout)


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
class Schedule:
    """A rule that creates tasks.

    ``next_at`` is the first occurrence without a slot record (None: the rule has ended); ``wake_at`` is when
    the schedule has to be planned again (None: never by itself). ``fired`` counts the tasks it made.
    ``last_failed`` says whether the last of its tasks to end ended as *failed*.
    """

    id: ScheduleId
    recurrence: Recurrence
    template: TaskTemplate
    created_at: datetime
    next_at: datetime | None
    wake_at: datetime | None
    version: int = 1
    project: str = field(default=DEFAULT_PROJECT, validator=_check_name)
    name: str | None = field(default=None, validator=_check_optional_name)
    description: str | None = field(default=None, validator=_check_description)
    overlap: Overlap = "serial"
    catch_up: CatchUp = CatchUp()
    paused: Paused | None = None
    waiting: tuple[Waiting, ...] = ()
    last_fired: datetime | None = None
    last_failed: bool = False
    fired: int = 0

    def __str__(self) -> str:
        return f"schedule {self.id}"


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


@frozen(kw_only=True)
class ScheduleEvent:
    """Something that was done to a schedule: ``kind`` is ``created``, ``edited``, ``paused``, ``resumed``, ``ran``."""

    at: datetime
    kind: Literal["created", "edited", "paused", "resumed", "ran"]
    note: str = ""
