"""The runs that an engine holds: begun, interrupted, and turned into the commands that report their end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal, assert_never

from attrs import define, field

from mainspring.core.commands import Command, ConfirmCancel, Fail, Release, Snooze, Succeed
from mainspring.core.instants import format_duration
from mainspring.core.machine import MAX_SNOOZE
from mainspring.core.ports import Broken, Done, Entropy, Executor, Outcome, Run, Snoozed
from mainspring.core.retry import Failure
from mainspring.core.states import Cancelling, Running
from mainspring.core.task import Task

Cause = Literal["timeout", "cancelled", "lost", "drain"]


@define(eq=False)
class HeldRun:
    """A run in this process. ``task`` is as the storage last confirmed it: its version is the fencing token."""

    task: Task
    state: Running | Cancelling
    job: asyncio.Task[Outcome] = field(init=False)
    timer: asyncio.TimerHandle = field(init=False)
    cause: Cause | None = None

    def confirm(self, task: Task) -> None:
        """Take over what the storage has written for this run."""
        self.task = task
        if isinstance(task.state, Running | Cancelling):
            self.state = task.state

    def interrupt(self, cause: Cause) -> None:
        """Stop the run; the first cause stands, but for a lost lease, after which nothing may be reported."""
        if self.cause is None or cause == "lost":
            self.cause = cause
        self.job.cancel()

    def stopped(self) -> bool:
        """Whether the result is not wanted any more; safe to ask from any thread."""
        return self.cause is not None


def begin(
    task: Task, state: Running, executor: Executor, remaining: float, ended: Callable[[HeldRun], None]
) -> HeldRun:
    """Start the run's job on the running loop; it is interrupted after ``remaining`` seconds, its deadline."""
    held = HeldRun(task, state)
    run = Run(
        run=state.run,
        attempt=state.tally.attempts,
        worker=state.worker,
        deadline=state.deadline,
        stopped=held.stopped,
    )
    loop = asyncio.get_running_loop()

    async def carry_out() -> Outcome:
        return await executor.execute(task, run)

    def end(job: asyncio.Task[Outcome]) -> None:
        held.timer.cancel()
        ended(held)

    held.timer = loop.call_later(max(0.0, remaining), held.interrupt, "timeout")
    held.job = loop.create_task(carry_out(), name=f"{task} run {state.run}")
    held.job.add_done_callback(end)
    return held


def report(held: HeldRun, at: datetime, entropy: Entropy) -> Command | None:
    """Say, as a command, how an ended run ended; None if its lease was lost: then nothing may be said."""
    if held.cause == "lost":
        return None
    run = held.state.run
    if held.job.cancelled():
        return _interrupted(held, at, entropy)
    error = held.job.exception()
    if error is not None:
        failure = Failure(kind="executor_error", message=f"the executor failed: {type(error).__name__}: {error}"[:2000])
        return Fail(at=at, run=run, failure=failure, entropy=entropy.fraction())
    outcome = held.job.result()
    match outcome:
        case Done(result=result):
            return Succeed(at=at, run=run, result=result)
        case Broken(failure=failure):
            return Fail(at=at, run=run, failure=failure, entropy=entropy.fraction())
        case Snoozed(wait=wait):
            if not timedelta(0) <= wait <= MAX_SNOOZE:
                failure = Failure(kind="bad_snooze", message=f"a snooze of {wait} is out of range")
                return Fail(at=at, run=run, failure=failure, entropy=entropy.fraction())
            return Snooze(at=at, run=run, wait=wait, entropy=entropy.fraction())
        case _:
            assert_never(outcome)


def _interrupted(held: HeldRun, at: datetime, entropy: Entropy) -> Command:
    run = held.state.run
    match held.cause:
        case "drain":
            return Release(at=at, run=run)
        case "cancelled":
            return ConfirmCancel(at=at, run=run)
        case "timeout":
            failure = Failure(kind="timeout", message=f"not done within {format_duration(held.task.timeout)}")
        case _:
            failure = Failure(kind="interrupted", message="the call was cancelled from inside")
    return Fail(at=at, run=run, failure=failure, entropy=entropy.fraction())
