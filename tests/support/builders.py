"""Builders: values of the core with everything filled in that a test does not care about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from mainspring.core.commands import (
    Cancel,
    Command,
    ConfirmCancel,
    DropReport,
    Edit,
    Expire,
    Fail,
    Heartbeat,
    LoseLease,
    Note,
    Release,
    Requeue,
    RunNow,
    Snooze,
    Start,
    Succeed,
)
from mainspring.core.events import (
    CancelAsked,
    Event,
    LeaseExtended,
    ReportDropped,
    RetryScheduled,
    RunNoted,
    RunReleased,
    RunSnoozed,
    RunStarted,
    RunSucceeded,
    TaskCancelled,
    TaskEdited,
    TaskExpired,
    TaskFailed,
    TaskForwarded,
    TaskRequeued,
)
from mainspring.core.ids import ScheduleId, TaskId, uuid7
from mainspring.core.retry import Failure
from mainspring.core.states import (
    Cancelled,
    Cancelling,
    Expired,
    Failed,
    Pending,
    Running,
    State,
    Succeeded,
    Tally,
)
from mainspring.core.task import FunctionCall, HttpCall, Task

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

LEASE = timedelta(seconds=30)
TIMEOUT = timedelta(minutes=15)
FAILURE = Failure(kind="status", message="HTTP 503", status=503)
HTTP = HttpCall(url="https://example.com/hook", body="{}")
FUNCTION = FunctionCall(function="send_welcome", arguments='{"user": 7}')
TASK_ID = TaskId(uuid7(NOW, b"task0001"))
SCHEDULE_ID = ScheduleId(uuid7(NOW, b"schedule"))
RUN = 3
TALLY = Tally(runs=RUN, attempts=2, first_started=NOW - HOUR)


def at(seconds: float = 0) -> datetime:
    """The instant that lies so many seconds after ``NOW``."""
    return NOW + timedelta(seconds=seconds)


def make_task(state: State | None = None, **fields: Any) -> Task:
    """A task, pending and due at ``NOW`` unless told otherwise."""
    values: dict[str, Any] = {
        "id": TASK_ID,
        "call": HTTP,
        "state": state or Pending(due=NOW),
        "created_at": NOW - DAY,
        "scheduled_for": NOW,
        "timeout": TIMEOUT,
    }
    return Task(**(values | fields))


def running(**fields: Any) -> Running:
    """Run ``RUN``, started at ``NOW``, with a full lease."""
    values: dict[str, Any] = {
        "run": RUN,
        "worker": "worker-1",
        "started_at": NOW,
        "lease_until": NOW + LEASE,
        "deadline": NOW + TIMEOUT,
        "tally": TALLY,
    }
    return Running(**(values | fields))


def cancelling(**fields: Any) -> Cancelling:
    """Run ``RUN``, asked to stop one second after it started."""
    values: dict[str, Any] = {
        "run": RUN,
        "worker": "worker-1",
        "started_at": NOW,
        "lease_until": NOW + LEASE,
        "deadline": NOW + TIMEOUT,
        "asked_at": NOW + SECOND,
        "reason": "by request",
        "tally": TALLY,
    }
    return Cancelling(**(values | fields))


def one_of_each_state() -> dict[type[State], State]:
    """A state of every kind, after two attempts and three runs."""
    return {
        Pending: Pending(due=NOW, tally=TALLY, failure=FAILURE),
        Running: running(),
        Cancelling: cancelling(),
        Succeeded: Succeeded(at=NOW, result="200", tally=TALLY),
        Failed: Failed(at=NOW, failure=FAILURE, reason="exhausted", tally=TALLY),
        Cancelled: Cancelled(at=NOW, reason="by request", tally=TALLY),
        Expired: Expired(at=NOW, tally=TALLY),
    }


def one_of_each_event(when: datetime = NOW + 2 * SECOND) -> dict[type[Event], Event]:
    """An event of every kind, as it could happen to ``one_of_each_state``."""
    took = when - NOW
    return {
        RunStarted: RunStarted(
            at=when,
            run=RUN + 1,
            attempt=TALLY.attempts + 1,
            worker="worker-2",
            lease_until=when + LEASE,
            deadline=when + TIMEOUT,
        ),
        LeaseExtended: LeaseExtended(at=when, run=RUN, lease_until=when + LEASE),
        RunSucceeded: RunSucceeded(at=when, run=RUN, took=took, result="204"),
        RetryScheduled: RetryScheduled(at=when, run=RUN, took=took, failure=FAILURE, due=when + MINUTE),
        TaskFailed: TaskFailed(at=when, run=RUN, took=took, failure=FAILURE, reason="too_old"),
        RunSnoozed: RunSnoozed(at=when, run=RUN, took=took, due=when + HOUR),
        RunReleased: RunReleased(at=when, run=RUN, took=took),
        CancelAsked: CancelAsked(at=when, run=RUN, reason="second thoughts"),
        TaskCancelled: TaskCancelled(at=when, run=RUN, reason="second thoughts"),
        TaskExpired: TaskExpired(at=when, start_by=NOW),
        TaskEdited: TaskEdited(at=when, due=when + DAY, edit=Edit(at=when, due=when + DAY)),
        TaskForwarded: TaskForwarded(at=when),
        TaskRequeued: TaskRequeued(at=when, was="failed", reset=True),
        RunNoted: RunNoted(at=when, run=RUN, text="half done", progress=0.5),
        ReportDropped: ReportDropped(at=when, run=RUN - 1, worker="elsewhere", report="succeeded"),
    }


def one_of_each_command(when: datetime = NOW + 2 * SECOND) -> dict[type[Command], Command]:
    """A command of every kind, of the current run where it names one."""
    return {
        Start: Start(at=when, worker="worker-2", lease=LEASE),
        Heartbeat: Heartbeat(at=when, run=RUN, lease=LEASE),
        Succeed: Succeed(at=when, run=RUN, result="204"),
        Fail: Fail(at=when, run=RUN, failure=FAILURE, entropy=0.5),
        Snooze: Snooze(at=when, run=RUN, wait=MINUTE, entropy=0.5),
        Release: Release(at=when, run=RUN),
        ConfirmCancel: ConfirmCancel(at=when, run=RUN),
        LoseLease: LoseLease(at=when, entropy=0.5),
        Cancel: Cancel(at=when, reason="second thoughts"),
        Expire: Expire(at=when),
        Edit: Edit(at=when, priority=5),
        RunNow: RunNow(at=when),
        Requeue: Requeue(at=when),
        Note: Note(at=when, run=RUN, text="half done", progress=0.5),
        DropReport: DropReport(at=when, run=RUN - 1, worker="elsewhere", report="succeeded"),
    }
