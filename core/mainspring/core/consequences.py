"""What follows from an event beside the new state: effects for the shell, and the task that was asked to follow.

Rules:

* A run that begins has to be carried out, one that is asked to stop has to be interrupted.
* Whatever leaves a task pending says when there is something to do.
* The end of a task nudges the schedule that made it: an occurrence may be waiting for that.
* ``on_success`` follows a success; ``on_failure`` follows a failure for good, or an expiry. Nothing follows a cancel.
* What is only recorded (a note, a dropped report) has no consequences.
"""

from __future__ import annotations

from hashlib import sha256

from attrs import evolve as changed

from mainspring.core.effects import BeginRun, Effect, InterruptRun, NudgeSchedule, WakeAt
from mainspring.core.events import (
    CancelAsked,
    Event,
    ReportDropped,
    RunNoted,
    RunStarted,
    RunSucceeded,
    TaskExpired,
    TaskFailed,
)
from mainspring.core.ids import ENTROPY_BYTES, TaskId, uuid7
from mainspring.core.states import TERMINAL, Failed, Pending
from mainspring.core.task import Followed, Task, new_task, schedule_of


def effects_of(task: Task, event: Event) -> tuple[Effect, ...]:
    """Say what the shell has to do after ``event`` has made ``task`` what it is."""
    state = task.state
    match event:
        case RunNoted() | ReportDropped():
            return ()
        case RunStarted():
            begin = BeginRun(task_id=task.id, run=event.run, deadline=event.deadline, lease_until=event.lease_until)
            return (begin,)
        case CancelAsked():
            return (InterruptRun(task_id=task.id, run=event.run),)
        case _ if isinstance(state, Pending):
            return (WakeAt(at=state.due),)
        case _ if isinstance(state, TERMINAL):
            schedule_id = schedule_of(task)
            if schedule_id is None:
                return ()
            return (NudgeSchedule(schedule_id=schedule_id, at=event.at, failed=isinstance(state, Failed)),)
        case _:
            return ()


def follow_ups_of(task: Task, event: Event) -> tuple[Task, ...]:
    """Make the task that follows the end ``event`` of ``task``, if one was asked for.

    Its id is computed from the task, its run and its end, so that it is made only once.
    """
    match event:
        case RunSucceeded():
            wanted = task.on_success
        case TaskFailed() | TaskExpired():
            wanted = task.on_failure
        case _:
            return ()
    if wanted is None:
        return ()
    status = task.state.status
    digest = sha256(f"{task.id}/{task.state.tally.runs}/{status}".encode()).digest()
    follow_up = new_task(
        task_id=TaskId(uuid7(event.at, digest[:ENTROPY_BYTES])),
        call=wanted.call,
        at=event.at,
        delay=wanted.delay,
        project=task.project,
        queue=wanted.queue,
        retry=wanted.retry,
        timeout=wanted.timeout,
    )
    return (changed(follow_up, origin=Followed(task_id=task.id, status=status)),)
