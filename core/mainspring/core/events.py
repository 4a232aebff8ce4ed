"""Events: what has happened to a task. Past tense; each is one record of its history.

The codec writes them as they stand: a field added later needs a default, a field never changes its meaning.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, TypeAlias

from attrs import frozen

from mainspring.core.commands import Edit
from mainspring.core.retry import Failure, GiveUpReason


@frozen(kw_only=True)
class RunStarted:
    """Run ``run`` (attempt ``attempt``) began on ``worker``, which holds it until ``lease_until``."""

    at: datetime
    run: int
    attempt: int
    worker: str
    lease_until: datetime
    deadline: datetime


@frozen(kw_only=True)
class LeaseExtended:
    """The worker of run ``run`` showed that it is alive; kept in the state, not in the history."""

    at: datetime
    run: int
    lease_until: datetime


@frozen(kw_only=True)
class RunSucceeded:
    """Run ``run`` did its work in ``took``."""

    at: datetime
    run: int
    took: timedelta
    result: str


@frozen(kw_only=True)
class RetryScheduled:
    """Run ``run`` failed (or lost its lease) after ``took``; the next attempt is due at ``due``."""

    at: datetime
    run: int
    took: timedelta
    failure: Failure
    due: datetime


@frozen(kw_only=True)
class TaskFailed:
    """Run ``run`` failed (or lost its lease) after ``took``, and the task was given up for ``reason``."""

    at: datetime
    run: int
    took: timedelta
    failure: Failure
    reason: GiveUpReason


@frozen(kw_only=True)
class RunSnoozed:
    """Run ``run`` asked to be run again at ``due``; the attempt is given back."""

    at: datetime
    run: int
    took: timedelta
    due: datetime


@frozen(kw_only=True)
class RunReleased:
    """The worker of run ``run`` shut down and gave the task back; the attempt is given back."""

    at: datetime
    run: int
    took: timedelta


@frozen(kw_only=True)
class CancelAsked:
    """A running task was asked to stop."""

    at: datetime
    run: int
    reason: str


@frozen(kw_only=True)
class TaskCancelled:
    """The task will not run (any more); ``run`` is the run that was stopped, 0 if it was waiting."""

    at: datetime
    run: int
    reason: str


@frozen(kw_only=True)
class TaskExpired:
    """The task was not started by its ``start_by``."""

    at: datetime
    start_by: datetime


@frozen(kw_only=True)
class TaskEdited:
    """A pending task was changed; ``due`` is what holds from now on, ``edit`` says what was asked."""

    at: datetime
    due: datetime
    edit: Edit


@frozen(kw_only=True)
class TaskForwarded:
    """A pending task was told to run now."""

    at: datetime


@frozen(kw_only=True)
class TaskRequeued:
    """An ended task was told to run again; ``was`` is the status it had."""

    at: datetime
    was: str
    reset: bool


@frozen(kw_only=True)
class RunNoted:
    """Run ``run`` said how far it is."""

    at: datetime
    run: int
    text: str
    progress: float | None


@frozen(kw_only=True)
class ReportDropped:
    """A report of run ``run`` came when that run was no longer current; it changed nothing."""

    at: datetime
    run: int
    worker: str
    report: str


Event: TypeAlias = (
    RunStarted
    | LeaseExtended
    | RunSucceeded
    | RetryScheduled
    | TaskFailed
    | RunSnoozed
    | RunReleased
    | CancelAsked
    | TaskCancelled
    | TaskExpired
    | TaskEdited
    | TaskForwarded
    | TaskRequeued
    | RunNoted
    | ReportDropped
)

EVENTS: Final[tuple[type[Event], ...]] = (
    RunStarted,
    LeaseExtended,
    RunSucceeded,
    RetryScheduled,
    TaskFailed,
    RunSnoozed,
    RunReleased,
    CancelAsked,
    TaskCancelled,
    TaskExpired,
    TaskEdited,
    TaskForwarded,
    TaskRequeued,
    RunNoted,
    ReportDropped,
)

UNRECORDED: Final[frozenset[type[Event]]] = frozenset({LeaseExtended})
"""Events that change the state but leave no history record: a heartbeat every few seconds tells nobody anything."""
