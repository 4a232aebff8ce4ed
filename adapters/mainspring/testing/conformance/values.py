"""Values that the storage contract works with: tasks, steps and schedules relative to the storage's own clock."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

from attrs import evolve

from mainspring.core.commands import Cancel, Fail, Heartbeat, LoseLease, Start, Succeed
from mainspring.core.ids import ScheduleId, TaskId, uuid7
from mainspring.core.machine import Decision, handle
from mainspring.core.ports import Storage, TaskQuery, TaskStep
from mainspring.core.recurrence import Interval
from mainspring.core.retry import Failure, Fixed, Never
from mainspring.core.schedule import Plan, Schedule, ScheduleView, TaskTemplate, new_schedule, plan
from mainspring.core.states import Pending
from mainspring.core.task import FunctionCall, Task
from mainspring.testing.conformance.port import creations

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
CALL = FunctionCall(function="work")
FAILURE = Failure(kind="status", message="HTTP 503", status=503)
ALL = TaskQuery(limit=1000)


def new_id(at: datetime) -> TaskId:
    """A new id that sorts by ``at``."""
    return TaskId(uuid7(at, os.urandom(8)))


def task(storage: Storage, *, late: timedelta = HOUR, **fields: Any) -> Task:
    """A pending task that has been due for ``late`` (negative: will be)."""
    now = storage.now()
    values: dict[str, Any] = {
        "id": new_id(now),
        "call": CALL,
        "state": Pending(due=now - late),
        "created_at": now,
        "scheduled_for": now - late,
        "retry": Fixed(delay=HOUR, attempts=3),
    }
    return Task(**(values | fields))


def added(storage: Storage, **fields: Any) -> Task:
    """A task that was just added."""
    made = task(storage, **fields)
    storage.add(creations([made]))
    return made


def start(lease: timedelta = HOUR, worker: str = "worker-1", ago: timedelta = timedelta(0)) -> TaskStep:
    """A step that starts a task, ``ago`` before now."""

    def step(given: Task, at: datetime) -> Decision:
        return handle(given, Start(at=at - ago, worker=worker, lease=lease))

    return step


def lose(given: Task, at: datetime) -> Decision:
    """A step that reclaims a run."""
    return handle(given, LoseLease(at=at, entropy=0.0))


def heartbeat(given: Task, at: datetime) -> Decision:
    """A step that holds on to run 1."""
    return handle(given, Heartbeat(at=at, run=1, lease=HOUR))


def cancel(given: Task, at: datetime) -> Decision:
    """A step that cancels."""
    return handle(given, Cancel(at=at))


def succeed(given: Task, at: datetime) -> Decision:
    """A step that ends run 1 well."""
    return handle(given, Succeed(at=at, run=1, result="204"))


def fail(given: Task, at: datetime) -> Decision:
    """A step that ends run 1 badly."""
    return handle(given, Fail(at=at, run=1, failure=FAILURE, entropy=0.0))


def running(storage: Storage, *, lease: timedelta = HOUR, ago: timedelta = timedelta(0), **fields: Any) -> Task:
    """A task that was added and taken."""
    made = added(storage, late=2 * HOUR, **fields)
    (decision,) = storage.update([made.id], start(lease=lease, ago=ago))
    assert isinstance(decision, Decision)
    return decision.task


def schedule(storage: Storage, *, late: timedelta = timedelta(0), **fields: Any) -> Schedule:
    """A schedule of every minute that has been due for ``late`` (so ``late`` minutes plus one occurrences)."""
    now = storage.now()
    first = now - late
    values: dict[str, Any] = {
        "schedule_id": ScheduleId(new_id(now)),
        "recurrence": Interval(every=MINUTE, anchor=first),
        "template": TaskTemplate(call=CALL, retry=Never()),
        "at": first - SECOND,
    }
    return new_schedule(**(values | fields))


def added_schedule(storage: Storage, **fields: Any) -> Schedule:
    """A schedule that was just added."""
    made = schedule(storage, **fields)
    storage.add_schedule(made)
    return made


def unchanged(view: ScheduleView, at: datetime) -> Plan:
    """A step that plans nothing."""
    return Plan(schedule=view.schedule, read_version=view.schedule.version)


def asleep(view: ScheduleView, at: datetime) -> Plan:
    """A step that only puts the schedule to sleep."""
    made = plan(view, at)
    return evolve(made, tasks=(), slots=(), schedule=evolve(made.schedule, wake_at=None))
