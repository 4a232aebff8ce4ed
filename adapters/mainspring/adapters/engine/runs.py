"""A run that an engine holds: begun, interrupted, and turned into the command that reports its end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, Literal

from attrs import define, field, frozen

from mainspring.core.commands import MAX_NOTE, Command, ConfirmCancel, Fail, Release, Snooze, Succeed
from mainspring.core.instants import format_duration
from mainspring.core.machine import MAX_SNOOZE
from mainspring.core.ports import Broken, Done, Entropy, Executor, Outcome, Run, Snoozed
from mainspring.core.retry import Failure
from mainspring.core.states import Cancelling, Running
from mainspring.core.task import Task

Cause = Literal["timeout", "cancelled", "lost", "drain"]

MAX_NOTES: Final = 1_000
"""How many notes of a run may wait to be written; of more, the oldest are dropped."""
MAX_TEXT: Final = 65_536
"""How many characters of a result or message are kept; executors keep to less by themselves."""


@frozen
class RunNote:
    """What a run says of itself: a line, and how far it is (0 to 1)."""

    text: str
    progress: float | None


@define(eq=False)
class HeldRun:
    """A run in this process. ``task`` is as the storage last confirmed it: its version is the fencing token.

    ``uncertain``: its end was reported once with no answer; the report may have been written.
    """

    task: Task
    state: Running | Cancelling
    job: asyncio.Task[Outcome] = field(init=False)
    timer: asyncio.TimerHandle = field(init=False)
    cause: Cause | None = None
    uncertain: bool = False
    _notes: deque[RunNote] = field(init=False, factory=lambda: deque(maxlen=MAX_NOTES))

    def confirm(self, task: Task) -> None:
        """Take over what the storage has written for this run."""
        self.task = task
        if isinstance(task.state, Running | Cancelling):
            self.state = task.state

    def interrupt(self, cause: Cause) -> None:
        """Stop the run. The first cause stands, but for a lost lease, after which nothing may be reported."""
        if self.cause is not None and (cause != "lost" or self.cause == "lost"):
            return
        self.cause = cause
        self.job.cancel()

    def note(self, text: str, progress: float | None) -> None:
        """Keep a note until the engine writes it down, the newest ``MAX_NOTES``; safe to call from any thread."""
        self._notes.append(RunNote(storable(text[:MAX_NOTE]), progress))

    def take_note(self) -> RunNote | None:
        """Hand out the first note that was not written yet."""
        return self._notes.popleft() if self._notes else None

    def put_back(self, note: RunNote) -> None:
        """Keep a note that could not be written, as the first again; as the oldest, it goes if there are too many."""
        if len(self._notes) < MAX_NOTES:
            self._notes.appendleft(note)

    @property
    def has_notes(self) -> bool:
        """Whether there are notes to be written."""
        return bool(self._notes)

    def stopped(self) -> bool:
        """Whether the result is not wanted any more; safe to ask from any thread."""
        return self.cause is not None


def begin(
    task: Task,
    state: Running,
    executor: Executor,
    remaining: float,
    ended: Callable[[HeldRun], None],
    noted: Callable[[], None],
) -> HeldRun:
    """Start the run's job on the running loop; it is interrupted after ``remaining`` seconds, its deadline."""
    held = HeldRun(task, state)
    loop = asyncio.get_running_loop()

    def note(text: str, progress: float | None) -> None:
        if held.job.done():  # a thread that was let go of may go on for ever
            return
        held.note(text, progress)
        with suppress(RuntimeError):  # the loop is closed: the run was let go of, and its thread still goes on
            loop.call_soon_threadsafe(noted)

    run = Run(
        run=state.run,
        attempt=state.tally.attempts,
        worker=state.worker,
        deadline=state.deadline,
        stopped=held.stopped,
        note=note,
    )

    async def carry_out() -> Outcome:
        return await executor.execute(task, run)

    def end(job: asyncio.Task[Outcome]) -> None:
        held.timer.cancel()
        ended(held)

    held.timer = loop.call_later(max(0.0, remaining), held.interrupt, "timeout")
    held.job = loop.create_task(carry_out(), name=f"mainspring {task.id} run {state.run}")
    held.job.add_done_callback(end)
    return held


def report(held: HeldRun, at: datetime, entropy: Entropy) -> Command | None:
    """Say, as a command, how an ended run ended; None if its lease was lost: then nothing may be said."""
    if held.cause == "lost":
        return None
    if held.job.cancelled():
        return _interrupted(held, at, entropy)
    error = held.job.exception()
    if error is None:
        return _answered(held, held.job.result(), at, entropy)
    if held.cause is not None:  # it was told to stop, and this is how it stopped
        return _interrupted(held, at, entropy)
    return _fail(held, "executor_error", f"the executor failed: {_said(error)}", at, entropy)


def _answered(held: HeldRun, outcome: object, at: datetime, entropy: Entropy) -> Command:
    """Turn what an executor returned into a command; executors are others' code, so nothing is taken for granted."""
    run = held.state.run
    match outcome:
        case Done(result=str() as result):
            return Succeed(at=at, run=run, result=storable(result))
        case Broken(failure=Failure() as failure):
            return Fail(at=at, run=run, failure=failure, entropy=entropy.fraction())
        case Snoozed(wait=timedelta() as wait):
            if not timedelta(0) <= wait <= MAX_SNOOZE:
                return _fail(held, "bad_snooze", f"a snooze of {wait} is out of range", at, entropy)
            return Snooze(at=at, run=run, wait=wait, entropy=entropy.fraction())
        case _:
            what = f"the executor returned no outcome but {type(outcome).__name__}"
            return _fail(held, "executor_error", what, at, entropy)


def _interrupted(held: HeldRun, at: datetime, entropy: Entropy) -> Command:
    run = held.state.run
    match held.cause:
        case "drain":
            return Release(at=at, run=run)
        case "cancelled":
            return ConfirmCancel(at=at, run=run)
        case "timeout":
            return _fail(held, "timeout", f"not done within {format_duration(held.task.timeout)}", at, entropy)
        case _:
            return _fail(held, "interrupted", "the call was cancelled from inside", at, entropy)


def _fail(held: HeldRun, kind: str, message: str, at: datetime, entropy: Entropy) -> Fail:
    failure = Failure(kind=kind, message=storable(message[:2_000]))
    return Fail(at=at, run=held.state.run, failure=failure, entropy=entropy.fraction())


def described(command: Command) -> str:
    """Say what a report reported, for the record of one that came too late."""
    match command:
        case Succeed():
            return "succeeded"
        case Fail(failure=failure):
            return f"failed ({failure.kind})"
        case Snooze():
            return "snoozed"
        case _:
            return "stopped"


def storable(text: str) -> str:
    """Bound a text, and replace what a storage may not be able to keep: lone surrogates and NUL."""
    kept = text[:MAX_TEXT]
    if not kept.isascii():
        kept = kept.encode("utf-8", "replace").decode()
    return kept.replace("\x00", "\ufffd")


def _said(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # others' __str__ may do anything
        return type(error).__name__
