"""The keyword arguments of ``enqueue``, ``schedule`` and the like, as types that checkers and editors know."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TypedDict

from mainspring.adapters.operations.intake import Duration, Instant, Json, Retry
from mainspring.core.creation import ClashPolicy
from mainspring.core.recurrence import DayRule, Fold, Gap
from mainspring.core.schedule import CatchUp, CatchUpMode, Overlap
from mainspring.core.task import FollowUp


class CallOptions(TypedDict, total=False):
    """What the call carries: ``arguments`` for a function; ``body`` and ``headers`` for a URL."""

    arguments: Mapping[str, Json] | None
    body: str | None
    headers: Mapping[str, str] | None


class TaskOptions(CallOptions, total=False):
    """When and how a task is run.

    ``delay`` (``"5m"``, a ``timedelta``) after now, or ``at`` an instant; ``start_by``: not started by then, it
    expires; ``retry``: a policy or the name of one; ``timeout``: how long a run may take. ``key``: what the limits
    per key of its queue go by; ``on_clash``: what becomes of a live task of the same ``name``; ``idempotency_key``: the
    same request with the same key makes no second task within 24 hours; ``on_success``, ``on_failure``: what follows.
    """

    delay: Duration | None
    at: Instant | None
    start_by: Instant | None
    name: str | None
    queue: str
    priority: int
    retry: Retry | None
    timeout: Duration | None
    key: str | None
    on_clash: ClashPolicy
    idempotency_key: str | None
    on_success: FollowUp | None
    on_failure: FollowUp | None


class ScheduleOptions(CallOptions, total=False):
    """When a schedule fires (exactly one of ``cron``, ``rrule``, ``every``) and how its tasks are run.

    ``seconds``: the cron expression begins with a field of seconds; ``days``, ``gap``, ``fold``: see the recurrences.
    The rule holds from ``starts_at`` to ``ends_at`` and for ``max_runs`` tasks; each is due up to ``jitter`` later.
    """

    cron: str | None
    seconds: bool
    rrule: str | None
    every: Duration | None
    timezone: str
    days: DayRule
    gap: Gap | None
    fold: Fold | None
    dtstart: Instant | None
    name: str | None
    description: str | None
    queue: str
    priority: int
    retry: Retry | None
    timeout: Duration | None
    overlap: Overlap
    catch_up: CatchUp | None
    starts_at: Instant | None
    ends_at: Instant | None
    max_runs: int | None
    jitter: Duration | None


class ScheduleChanges(CallOptions, total=False):
    """What is to become of a schedule; what is not named stays as it is.

    As in ``ScheduleOptions``; at most one of ``cron``, ``rrule``, ``every``. ``None`` takes a name, a description, a
    start, an end or a number of runs away, and gives ``gap`` and ``fold`` the default of the kind of rule.
    """

    cron: str
    seconds: bool
    rrule: str
    every: Duration
    timezone: str
    days: DayRule
    gap: Gap | None
    fold: Fold | None
    dtstart: Instant
    name: str | None
    description: str | None
    queue: str
    priority: int
    retry: Retry
    timeout: Duration
    overlap: Overlap
    catch_up_mode: CatchUpMode | str
    catch_up_window: Duration
    starts_at: Instant | None
    ends_at: Instant | None
    max_runs: int | None
    jitter: Duration


def refuse_unknown(function: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise ``TypeError`` for a keyword argument that ``function`` does not have: a typing error must not be silent."""
    names = set(known)
    for name in given:
        if name not in names:
            close = difflib.get_close_matches(name, sorted(names), n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}{hint}")
