"""Effects: what the shell has to do after a decision was written. Values; the core carries none of them out."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from attrs import frozen

from mainspring.core.ids import ScheduleId, TaskId


@frozen(kw_only=True)
class BeginRun:
    """Carry out the task's call as run ``run``; it has to end by ``deadline``."""

    task_id: TaskId
    run: int
    deadline: datetime
    lease_until: datetime


@frozen(kw_only=True)
class InterruptRun:
    """Stop run ``run`` if this process holds it; otherwise its holder hears of it at its next heartbeat."""

    task_id: TaskId
    run: int


@frozen(kw_only=True)
class WakeAt:
    """Something is due at ``at``: look again then."""

    at: datetime


@frozen(kw_only=True)
class NudgeSchedule:
    """A task of this schedule ended: plan the schedule again, an occurrence may be waiting for it.

    The storage carries this one out itself, in the transaction that writes the decision: it makes the
    schedule due at ``at`` (see ``ports.Storage``).
    """

    schedule_id: ScheduleId
    at: datetime
    failed: bool


Effect: TypeAlias = BeginRun | InterruptRun | WakeAt | NudgeSchedule
