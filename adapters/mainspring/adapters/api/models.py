"""What is sent, as attrs classes: the reader and the OpenAPI document use the same.

Names are Mergent's where it had the thing. A field that a request leaves out keeps (in a change) or takes (in a
creation) its default. What is answered stands in ``views``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

from attrs import Attribute, field, fields, frozen

from mainspring.adapters.api.reading import BodyText
from mainspring.core.access import MAX_TEXT, MIN_FOREIGN, Scope
from mainspring.core.commands import UNSET, Change
from mainspring.core.creation import ClashPolicy
from mainspring.core.errors import InvalidInput
from mainspring.core.recurrence import DayRule, Fold, Gap
from mainspring.core.retry import RetryPolicy
from mainspring.core.schedule import AtMost, CatchUp, Overlap, Schedule
from mainspring.core.task import (
    DEFAULT_QUEUE,
    FollowUp,
    HttpCall,
    check_name,
    validate_key,
    validate_name,
    validate_optional_name,
    validate_priority,
    validate_timeout,
)

MAX_RULE: Final = 8_192
MAX_ZONE: Final = 100
MAX_NOTE: Final = 500
HIDDEN: Final = "[redacted]"
"""What a read shows in place of the value of a header that holds a secret."""

_URL: Final = fields(HttpCall).url.validator
_HEADERS: Final = fields(HttpCall).headers.validator
_BODY: Final = fields(HttpCall).body.validator
_DELAY: Final = fields(FollowUp).delay.validator
_DESCRIPTION: Final = fields(Schedule).description.validator
_JITTER: Final = fields(Schedule).jitter.validator
_MAX_RUNS: Final = fields(Schedule).max_runs.validator
_WINDOW: Final = fields(CatchUp).window.validator
_AT_MOST: Final = fields(AtMost).count.validator


def if_given(validator: Any) -> Any:
    """Let a validator see only a value that is one: not null, not unset."""

    def check(instance: object, attribute: Attribute[Any], value: Any) -> None:
        if value is not None and value is not UNSET:
            validator(instance, attribute, value)

    check.of = validator  # type: ignore[attr-defined]  # the document's bounds are looked up by it
    return check


def check_headers(instance: object, attribute: Attribute[Any], value: Mapping[str, str] | None) -> None:
    """Refuse headers that HTTP cannot carry, that are not the caller's to set, or that a read has blotted out."""
    pairs = tuple((value or {}).items())
    _HEADERS(instance, attribute, pairs)  # type: ignore[misc]  # attrs' type of validators
    for name, text in pairs:
        if text == HIDDEN:
            cure = "send the value itself, or leave the header out"
            raise InvalidInput("headers", f"{name} holds what reads show in place of a secret", cure)


def check_cron(instance: object, attribute: Attribute[Any], value: str) -> None:
    """Bound a cron expression; its reader says the rest."""
    _bound(attribute.name, value, MAX_RULE)


def check_rrule(instance: object, attribute: Attribute[Any], value: str) -> None:
    """Bound an iCalendar rule; its reader says the rest."""
    _bound(attribute.name, value, MAX_RULE)


def check_zone(instance: object, attribute: Attribute[Any], value: str) -> None:
    """Bound the name of a time zone; the rule that it belongs to says whether there is such a zone."""
    _bound(attribute.name, value, MAX_ZONE)


def _bound(name: str, value: str, most: int) -> None:
    if len(value) > most:
        raise InvalidInput(name, f"a text of {len(value)} characters", f"use at most {most}")


def check_note(instance: object, attribute: Attribute[Any], value: str) -> None:
    """Bound a note."""
    if len(value) > MAX_NOTE:
        raise InvalidInput(attribute.name, f"{len(value)} characters", f"use at most {MAX_NOTE}")


def check_foreign(instance: object, attribute: Attribute[Any], value: str) -> None:
    """Bound a secret that is taken over from elsewhere."""
    if not MIN_FOREIGN <= len(value) <= MAX_TEXT:
        cure = f"use {MIN_FOREIGN} to {MAX_TEXT}"
        raise InvalidInput(attribute.name, f"{len(value)} characters", cure)


def check_secret(instance: object, attribute: Attribute[Any], value: str) -> None:
    """Bound a signing secret."""
    if not 1 <= len(value) <= MAX_TEXT:
        raise InvalidInput(attribute.name, f"{len(value)} characters", f"use 1 to {MAX_TEXT}")


def check_statuses(instance: object, attribute: Attribute[Any], value: tuple[str, ...]) -> None:
    """Bound the number of statuses."""
    if len(value) > 10:
        raise InvalidInput(attribute.name, f"{len(value)} of them", "use each once")


def check_name_or_none(instance: object, attribute: Attribute[Any], value: str | None) -> None:
    """Refuse what is no name."""
    if value is not None:
        check_name(attribute.name, value)


Status: TypeAlias = Literal["queued", "working", "success", "failure", "cancelled", "expired"]
"""Mergent's words for the states of a task, and two more."""


# --- tasks, asked for ------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class HttpRequest:
    """What is delivered: always a POST. A ``body`` that is no text is kept, and delivered, as its JSON text."""

    url: str = field(validator=_URL)
    headers: dict[str, str] | None = field(default=None, validator=check_headers)
    body: BodyText | None = field(default=None, validator=if_given(_BODY))


@frozen(kw_only=True)
class FollowUpRequest:
    """A task to be created, in the same transaction, when another one has ended."""

    request: HttpRequest
    queue: str = field(default=DEFAULT_QUEUE, validator=validate_name)
    delay: timedelta | None = field(default=None, validator=if_given(_DELAY))
    retry: RetryPolicy | None = None
    timeout: timedelta | None = field(default=None, validator=if_given(validate_timeout))


@frozen(kw_only=True)
class NewTask:
    """A task to be created: now, after ``delay``, or at ``scheduled_for`` (plus ``delay``)."""

    request: HttpRequest
    name: str | None = field(default=None, validator=validate_optional_name)
    queue: str | None = field(default=None, validator=check_name_or_none)
    scheduled_for: datetime | None = None
    delay: timedelta | None = field(default=None, validator=if_given(_DELAY))
    priority: int = field(default=0, validator=validate_priority)
    key: str | None = field(default=None, validator=validate_key)
    retry: RetryPolicy | None = None
    timeout: timedelta | None = field(default=None, validator=if_given(validate_timeout))
    start_by: datetime | None = None
    on_clash: ClashPolicy = "repeat"
    on_success: FollowUpRequest | None = None
    on_failure: FollowUpRequest | None = None


@frozen(kw_only=True)
class TaskChange:
    """A change of a queued task; what is left out stays as it is. ``scheduled_for`` null means now."""

    request: Change[HttpRequest] = UNSET
    name: Change[str | None] = field(default=UNSET, validator=if_given(validate_name))
    queue: Change[str | None] = field(default=UNSET, validator=if_given(validate_name))
    scheduled_for: Change[datetime | None] = UNSET
    delay: Change[timedelta | None] = field(default=UNSET, validator=if_given(_DELAY))
    priority: Change[int] = field(default=UNSET, validator=if_given(validate_priority))
    retry: Change[RetryPolicy] = UNSET
    timeout: Change[timedelta] = field(default=UNSET, validator=if_given(validate_timeout))


@frozen(kw_only=True)
class TaskFilter:
    """Which tasks a list shows: all conditions hold together. ``id`` also matches a name."""

    id: str | None = field(default=None, validator=if_given(check_note))
    name: str | None = field(default=None, validator=validate_optional_name)
    status: list[Status] = field(factory=list, validator=check_statuses)
    queue: str | None = field(default=None, validator=validate_optional_name)
    key: str | None = field(default=None, validator=validate_key)
    schedule_id: str | None = field(default=None, validator=if_given(check_note))
    created_before: datetime | None = None
    ended_before: datetime | None = None
    limit: int = 100
    after: str | None = field(default=None, validator=if_given(check_note))
    cursor: str | None = field(default=None, validator=if_given(check_note))


@frozen(kw_only=True)
class Cancellation:
    """Why a task is cancelled."""

    reason: str = field(default="by request", validator=check_note)


@frozen(kw_only=True)
class Requeueing:
    """``reset`` gives the task its attempts back."""

    reset: bool = True


@frozen(kw_only=True)
class BulkFilter:
    """Which tasks a bulk operation meets; the same conditions as of a list."""

    name: str | None = field(default=None, validator=validate_optional_name)
    status: list[Status] = field(factory=list, validator=check_statuses)
    queue: str | None = field(default=None, validator=validate_optional_name)
    key: str | None = field(default=None, validator=validate_key)
    schedule_id: str | None = field(default=None, validator=if_given(check_note))
    created_before: datetime | None = None
    ended_before: datetime | None = None


@frozen(kw_only=True)
class Bulk:
    """An operation on all tasks that match. A filter without a condition, which means all, has to be given as such."""

    filter: BulkFilter
    dry_run: bool = False
    reason: str = field(default="by request", validator=check_note)
    reset: bool = True


# --- schedules, asked for --------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class CatchUpRequest:
    """What to do about missed occurrences within ``window``; ``at_most`` replaces ``mode``."""

    mode: Literal["none", "latest", "all"] = "all"
    at_most: int | None = field(default=None, validator=if_given(_AT_MOST))
    window: timedelta | None = field(default=None, validator=if_given(_WINDOW))


@frozen(kw_only=True)
class NewSchedule:
    """A schedule to be created: exactly one of ``cron``, ``rrule`` and ``every``.

    ``dtstart`` goes with ``rrule`` (or anchors ``every``); an ``rrule`` without it starts now, with an occurrence at
    once.
    """

    request: HttpRequest
    name: str | None = field(default=None, validator=validate_optional_name)
    description: str | None = field(default=None, validator=_DESCRIPTION)
    queue: str | None = field(default=None, validator=check_name_or_none)
    cron: str | None = field(default=None, validator=if_given(check_cron))
    rrule: str | None = field(default=None, validator=if_given(check_rrule))
    every: timedelta | None = None
    dtstart: datetime | None = None
    paused: bool = False
    timezone: str = field(default="UTC", validator=check_zone)
    seconds: bool = False
    days: DayRule = "debian"
    gap: Gap | None = None
    fold: Fold | None = None
    priority: int = field(default=0, validator=validate_priority)
    retry: RetryPolicy | None = None
    timeout: timedelta | None = field(default=None, validator=if_given(validate_timeout))
    overlap: Overlap = "serial"
    catch_up: CatchUpRequest | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    max_runs: int | None = field(default=None, validator=_MAX_RUNS)
    jitter: timedelta | None = field(default=None, validator=if_given(_JITTER))


@frozen(kw_only=True)
class ScheduleChange:
    """A change of a schedule; what is left out stays as it is."""

    request: Change[HttpRequest] = UNSET
    name: Change[str | None] = field(default=UNSET, validator=if_given(validate_name))
    description: Change[str | None] = field(default=UNSET, validator=if_given(_DESCRIPTION))
    queue: Change[str | None] = field(default=UNSET, validator=if_given(validate_name))
    cron: Change[str | None] = field(default=UNSET, validator=if_given(check_cron))
    rrule: Change[str | None] = field(default=UNSET, validator=if_given(check_rrule))
    every: Change[timedelta | None] = UNSET
    dtstart: Change[datetime | None] = UNSET
    paused: Change[bool] = UNSET
    timezone: Change[str] = field(default=UNSET, validator=if_given(check_zone))
    seconds: Change[bool] = UNSET
    days: Change[DayRule] = UNSET
    gap: Change[Gap | None] = UNSET
    fold: Change[Fold | None] = UNSET
    priority: Change[int] = field(default=UNSET, validator=if_given(validate_priority))
    retry: Change[RetryPolicy] = UNSET
    timeout: Change[timedelta] = field(default=UNSET, validator=if_given(validate_timeout))
    overlap: Change[Overlap] = UNSET
    catch_up: Change[CatchUpRequest] = UNSET
    starts_at: Change[datetime | None] = UNSET
    ends_at: Change[datetime | None] = UNSET
    max_runs: Change[int | None] = field(default=UNSET, validator=if_given(_MAX_RUNS))
    jitter: Change[timedelta] = field(default=UNSET, validator=if_given(_JITTER))


@frozen(kw_only=True)
class ScheduleFilter:
    """Which schedules a list shows."""

    name: str | None = field(default=None, validator=validate_optional_name)
    limit: int = 100
    after: str | None = field(default=None, validator=if_given(check_note))
    cursor: str | None = field(default=None, validator=if_given(check_note))


@frozen(kw_only=True)
class Note:
    """Why, for those who look."""

    note: str = field(default="", validator=check_note)


@frozen(kw_only=True)
class Backfill:
    """Which past occurrences to run by hand, both ends included."""

    start: datetime
    end: datetime
    overlap: Overlap | None = None


@frozen(kw_only=True)
class HowMany:
    """How many to show."""

    limit: int = 100


@frozen(kw_only=True)
class PreviewFilter:
    """How far to look, and how long each task is assumed to run."""

    until: datetime | None = None
    duration: timedelta | None = None
    limit: int = 100


# --- queues, projects and keys, asked for --------------------------------------------------------------------------


@frozen(kw_only=True)
class NewKey:
    """A key to be made; ``project``: another project than one's own, for those who govern it."""

    scope: Scope = "write"
    label: str = field(default="", validator=check_note)
    expires_at: datetime | None = None
    project: str | None = field(default=None, validator=validate_optional_name)


@frozen(kw_only=True)
class NewProject:
    """A project to be made."""

    name: str = field(validator=validate_name)


@frozen(kw_only=True)
class ProjectChange:
    """A change of a project's settings; ``mergent_secret`` null takes it away, ``retry`` null too."""

    mergent_secret: Change[str | None] = field(default=UNSET, validator=if_given(check_secret))
    strict: Change[bool] = UNSET
    retry: Change[RetryPolicy | None] = UNSET


@frozen(kw_only=True)
class RateBound:
    """At most ``count`` starts in every window of length ``per``."""

    count: int
    per: timedelta


@frozen(kw_only=True)
class QueueChange:
    """A change of a queue's settings; null takes a limit away."""

    concurrency: Change[int | None] = UNSET
    rate: Change[RateBound | None] = UNSET
    key_concurrency: Change[int | None] = UNSET
    key_rate: Change[RateBound | None] = UNSET
    weight: Change[int] = UNSET
    retry: Change[RetryPolicy | None] = UNSET
    timeout: Change[timedelta | None] = UNSET


@frozen(kw_only=True)
class Purge:
    """``dry_run``: say what would be cancelled, and cancel nothing."""

    dry_run: bool = False
