"""The task machine: one published table, and three pure functions over it.

* ``TRANSITIONS`` is the single truth: which event may happen in which state, and what the task becomes.
  The docs' diagram, the API's status names, the storages' checks and the exhaustive tests come from it.
* ``decide(task, command)`` says which events follow from a command; it raises ``IllegalTransition`` when the state
  does not allow it and ``StaleRun`` when it speaks of a run that is not the current one.
* ``evolve(state, event)`` says what the state becomes; a pair that is not in the table raises ``CorruptHistory``.
* ``handle(task, command)`` is both, and the only call that the shell makes.

Rules:

* A run's number is assigned when it starts, so a crash consumes it.
* A report counts only if its run is the current one (fencing); a heartbeat only if the lease has not ended yet,
  since an ended lease has freed the run's place. A finished run that nobody took over may still report its end.
* Asking to cancel: a pending task is cancelled at once, a running one is asked. A run that succeeds before it hears
  of it has succeeded; one that fails or loses its lease is cancelled, not retried.
* A heartbeat cannot hold a run beyond its deadline and one lease.
* An edit is held to what a creation is held to: a task may not be due after its ``start_by``.
* ``start_by`` is about the first start: a task that has started once is not held to it any more.
* Run now brings a task forward, never back: one that is due already keeps its place. Asking again within
  ``REPEAT_WINDOW`` answers as the first time, unless its due was edited in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, TypeVar, assert_never

from attrs import evolve as changed
from attrs import frozen

from mainspring.core.commands import (
    MAX_NOTE,
    Cancel,
    Change,
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
    Unset,
)
from mainspring.core.consequences import effects_of, follow_ups_of
from mainspring.core.effects import Effect
from mainspring.core.errors import CorruptHistory, IllegalTransition, InvalidInput, StaleRun
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
from mainspring.core.instants import format_instant, require_utc
from mainspring.core.retry import Failure, GiveUp, RetryAt, judge
from mainspring.core.states import (
    TERMINAL,
    Cancelled,
    Cancelling,
    Expired,
    Failed,
    Held,
    Pending,
    Running,
    State,
    Succeeded,
    Tally,
)
from mainspring.core.task import Task, in_state, last_start

TRANSITIONS: Final[Mapping[type[State], Mapping[type[Event], type[State]]]] = {
    Pending: {
        RunStarted: Running,
        TaskCancelled: Cancelled,
        TaskExpired: Expired,
        TaskEdited: Pending,
        TaskForwarded: Pending,
        ReportDropped: Pending,
    },
    Running: {
        LeaseExtended: Running,
        RunSucceeded: Succeeded,
        RetryScheduled: Pending,
        TaskFailed: Failed,
        RunSnoozed: Pending,
        RunReleased: Pending,
        CancelAsked: Cancelling,
        RunNoted: Running,
        ReportDropped: Running,
    },
    Cancelling: {
        LeaseExtended: Cancelling,
        RunSucceeded: Succeeded,
        TaskCancelled: Cancelled,
        RunNoted: Cancelling,
        ReportDropped: Cancelling,
    },
    Succeeded: {TaskRequeued: Pending, ReportDropped: Succeeded},
    Failed: {TaskRequeued: Pending, ReportDropped: Failed},
    Cancelled: {TaskRequeued: Pending, ReportDropped: Cancelled},
    Expired: {TaskRequeued: Pending, ReportDropped: Expired},
}

REPEAT_WINDOW: Final = timedelta(seconds=10)
"""How long a repeated *run now* answers as the first one did."""

MAX_SNOOZES: Final = 1_000
MAX_SNOOZE: Final = timedelta(days=365)

LEASE_LOST: Final = Failure(
    kind="lease_lost", message="its worker stopped extending the lease (crashed, cut off or stuck)"
)


@frozen(kw_only=True)
class Decision:
    """What a command comes to: the task as it is now, what happened, and what the shell has to do.

    ``read_version`` is the version that the decision was made on: a write is refused if it is no longer current.
    ``follow_ups`` are tasks to be created with it, in the same transaction.
    """

    task: Task
    read_version: int
    events: tuple[Event, ...]
    effects: tuple[Effect, ...]
    follow_ups: tuple[Task, ...] = ()


def handle(task: Task, command: Command) -> Decision:
    """Decide and evolve: the only call that the shell makes. No events means that nothing is to be written."""
    events = decide(task, command)
    after = task
    for event in events:
        after = _apply(after, event, task.version + 1)
    effects = tuple(effect for event in events for effect in effects_of(after, event))
    follow_ups = tuple(task for event in events for task in follow_ups_of(after, event))
    return Decision(task=after, read_version=task.version, events=events, effects=effects, follow_ups=follow_ups)


def decide(task: Task, command: Command) -> tuple[Event, ...]:  # noqa: C901  one case a command
    """Say which events follow from ``command``; none if it asks for what already holds."""
    match command:
        case Start():
            return _start(task, command)
        case Heartbeat():
            return _heartbeat(task, command)
        case Succeed():
            held = _held(task, command.run)
            return (
                RunSucceeded(at=command.at, run=held.run, took=command.at - held.started_at, result=command.result),
            )
        case Fail():
            return _failed(task, _held(task, command.run), command.failure, command.at, command.entropy)
        case Snooze():
            return _snooze(task, command)
        case Release():
            return _release(task, command)
        case ConfirmCancel():
            return _confirm(task, command)
        case LoseLease():
            return _lose_lease(task, command)
        case Cancel():
            return _cancel(task, command)
        case Expire():
            return _expire(task, command)
        case Edit():
            return _edit(task, command)
        case RunNow():
            return _run_now(task, command)
        case Requeue():
            return _requeue(task, command)
        case Note():
            return _note(task, command)
        case DropReport():
            return (ReportDropped(at=command.at, run=command.run, worker=command.worker, report=command.report),)
        case _:
            assert_never(command)


def evolve(state: State, event: Event) -> State:  # noqa: C901  one case an event
    """Say what ``state`` becomes by ``event``; raises ``CorruptHistory`` for a pair that is not in the table."""
    if type(event) not in TRANSITIONS[type(state)]:
        raise CorruptHistory(f"{type(event).__name__} cannot happen to a task that is {state.status}")
    match event:
        case RunStarted():
            return _begun(state, event)
        case LeaseExtended():
            return _extended(state, event)
        case RunSucceeded():
            return Succeeded(at=event.at, result=event.result, tally=state.tally)
        case RetryScheduled():
            return Pending(due=event.due, tally=state.tally, failure=event.failure)
        case TaskFailed():
            return Failed(at=event.at, failure=event.failure, reason=event.reason, tally=state.tally)
        case RunSnoozed():
            return Pending(due=event.due, tally=_given_back(state.tally, snoozes=1))
        case RunReleased():
            return Pending(due=event.at, tally=_given_back(state.tally, snoozes=0))
        case CancelAsked():
            return _asked(state, event)
        case TaskCancelled():
            return Cancelled(at=event.at, reason=event.reason, tally=state.tally)
        case TaskExpired():
            return Expired(at=event.at, tally=state.tally)
        case TaskEdited():
            return _moved(state, event.due)
        case TaskForwarded():
            return _forwarded(state, event)
        case TaskRequeued():
            tally = Tally(runs=state.tally.runs) if event.reset else state.tally
            return Pending(due=event.at, tally=tally)
        case RunNoted() | ReportDropped():
            return state
        case _:
            assert_never(event)


# --- decide, command by command ------------------------------------------------------------------------------------


def _refuse(task: Task, command: str, cure: str) -> IllegalTransition:
    return IllegalTransition(str(task), task.state.status, command, cure)


def _start(task: Task, command: Start) -> tuple[Event, ...]:
    state = task.state
    if not isinstance(state, Pending):
        raise _refuse(task, "start", "only a pending task can be started")
    if state.due > command.at:
        raise _refuse(task, "start", f"it is due at {format_instant(state.due)}")
    last = last_start(task)
    if last is not None and command.at > last:
        return (TaskExpired(at=command.at, start_by=last),)
    started = RunStarted(
        at=command.at,
        run=state.tally.runs + 1,
        attempt=state.tally.attempts + 1,
        worker=command.worker,
        lease_until=command.at + command.lease,
        deadline=command.at + task.timeout,
    )
    return (started,)


def _held(task: Task, run: int) -> Held:
    """The state of run ``run``, or ``StaleRun`` if it is not the current one."""
    state = task.state
    if isinstance(state, Running | Cancelling) and state.run == run:
        return state
    current = f"run {state.run}" if isinstance(state, Running | Cancelling) else f"the task is {state.status}"
    raise StaleRun(str(task), run, current)


def _heartbeat(task: Task, command: Heartbeat) -> tuple[Event, ...]:
    held = _held(task, command.run)
    if command.at >= held.lease_until:
        raise StaleRun(str(task), command.run, f"its lease ended at {format_instant(held.lease_until)}")
    until = min(command.at, held.deadline) + command.lease
    return (LeaseExtended(at=command.at, run=held.run, lease_until=max(until, held.lease_until)),)


def _failed(task: Task, held: Held, failure: Failure, at: datetime, entropy: float) -> tuple[Event, ...]:
    if isinstance(held, Cancelling):
        return (TaskCancelled(at=at, run=held.run, reason=held.reason),)
    took = at - held.started_at
    first = held.tally.first_started or held.started_at
    verdict = judge(
        task.retry, attempt=held.tally.attempts, failure=failure, first_started=first, at=at, entropy=entropy
    )
    match verdict:
        case RetryAt(due=due):
            return (RetryScheduled(at=at, run=held.run, took=took, failure=failure, due=due),)
        case GiveUp(reason=reason):
            return (TaskFailed(at=at, run=held.run, took=took, failure=failure, reason=reason),)
        case _:
            assert_never(verdict)


def _snooze(task: Task, command: Snooze) -> tuple[Event, ...]:
    held = _held(task, command.run)
    if isinstance(held, Cancelling):
        return (TaskCancelled(at=command.at, run=held.run, reason=held.reason),)
    if not timedelta(0) <= command.wait <= MAX_SNOOZE:
        raise InvalidInput("snooze", f"{command.wait} is out of range", f"use 0s to {MAX_SNOOZE.days}d")
    if held.tally.snoozes >= MAX_SNOOZES:
        failure = Failure(kind="snoozed_too_often", message=f"it was snoozed {MAX_SNOOZES} times")
        return _failed(task, held, failure, command.at, command.entropy)
    took = command.at - held.started_at
    return (RunSnoozed(at=command.at, run=held.run, took=took, due=command.at + command.wait),)


def _release(task: Task, command: Release) -> tuple[Event, ...]:
    held = _held(task, command.run)
    if isinstance(held, Cancelling):
        return (TaskCancelled(at=command.at, run=held.run, reason=held.reason),)
    return (RunReleased(at=command.at, run=held.run, took=command.at - held.started_at),)


def _confirm(task: Task, command: ConfirmCancel) -> tuple[Event, ...]:
    held = _held(task, command.run)
    if not isinstance(held, Cancelling):
        raise _refuse(task, "confirm a cancel", "nobody asked to cancel it")
    return (TaskCancelled(at=command.at, run=held.run, reason=held.reason),)


def _lose_lease(task: Task, command: LoseLease) -> tuple[Event, ...]:
    state = task.state
    if not isinstance(state, Running | Cancelling):
        raise _refuse(task, "lose its lease", "only a running task holds one")
    if command.at < state.lease_until:
        raise _refuse(task, "lose its lease", f"the lease holds until {format_instant(state.lease_until)}")
    return _failed(task, state, LEASE_LOST, command.at, command.entropy)


def _cancel(task: Task, command: Cancel) -> tuple[Event, ...]:
    match task.state:
        case Pending():
            return (TaskCancelled(at=command.at, run=0, reason=command.reason),)
        case Running(run=run):
            return (CancelAsked(at=command.at, run=run, reason=command.reason),)
        case Cancelling() | Cancelled():
            return ()
        case _:
            raise _refuse(task, "cancel", "it has ended already")


def _expire(task: Task, command: Expire) -> tuple[Event, ...]:
    if not isinstance(task.state, Pending):
        raise _refuse(task, "expire", "only a pending task can expire")
    last = last_start(task)
    if last is None or command.at <= last:
        raise _refuse(task, "expire", "its start_by has not passed")
    return (TaskExpired(at=command.at, start_by=last),)


def _edit(task: Task, command: Edit) -> tuple[Event, ...]:
    if not isinstance(task.state, Pending):
        raise _refuse(task, "edit", "only a pending task can be edited")
    command = _in_utc(command)
    due = _either(command.due, task.state.due)
    after = _edited(task, command)  # this also checks the new values
    if due == task.state.due and after == task:
        return ()
    last = last_start(after)
    if last is not None and last < due:
        raise InvalidInput("start_by", "it lies before the task is due", "use a later instant")
    return (TaskEdited(at=command.at, due=due, edit=command),)


def _in_utc(edit: Edit) -> Edit:
    due, last = edit.due, edit.start_by
    return changed(
        edit,
        due=due if isinstance(due, Unset) else require_utc("due", due),
        start_by=last if last is None or isinstance(last, Unset) else require_utc("start_by", last),
    )


def _run_now(task: Task, command: RunNow) -> tuple[Event, ...]:
    if task.forwarded_at is not None and abs(command.at - task.forwarded_at) <= REPEAT_WINDOW:
        return ()
    if not isinstance(task.state, Pending):
        raise _refuse(task, "run now", "only a pending task can be brought forward; requeue an ended one")
    return (TaskForwarded(at=command.at),)


def _requeue(task: Task, command: Requeue) -> tuple[Event, ...]:
    if not isinstance(task.state, TERMINAL):
        raise _refuse(task, "requeue", "only an ended task can be requeued")
    return (TaskRequeued(at=command.at, was=task.state.status, reset=command.reset),)


def _note(task: Task, command: Note) -> tuple[Event, ...]:
    held = _held(task, command.run)
    if command.progress is not None and not 0 <= command.progress <= 1:
        raise InvalidInput("progress", f"{command.progress} is out of range", "use a fraction from 0 to 1")
    return (RunNoted(at=command.at, run=held.run, text=command.text[:MAX_NOTE], progress=command.progress),)


# --- evolve, and what an event does beside the state ---------------------------------------------------------------


def _begun(state: State, event: RunStarted) -> Running:
    before = state.tally
    first = before.first_started or event.at
    tally = Tally(runs=event.run, attempts=event.attempt, snoozes=before.snoozes, first_started=first)
    return Running(
        run=event.run,
        worker=event.worker,
        started_at=event.at,
        lease_until=event.lease_until,
        deadline=event.deadline,
        tally=tally,
    )


def _extended(state: State, event: LeaseExtended) -> Held:
    assert isinstance(state, Running | Cancelling)  # noqa: S101  the table allows it in no other state
    return changed(state, lease_until=event.lease_until)


def _moved(state: State, due: datetime) -> Pending:
    assert isinstance(state, Pending)  # noqa: S101  the table allows it in no other state
    return changed(state, due=due)


def _forwarded(state: State, event: TaskForwarded) -> Pending:
    assert isinstance(state, Pending)  # noqa: S101  the table allows it in no other state
    return changed(state, due=min(state.due, event.at))  # one that is due already keeps its place in the line


def _asked(state: State, event: CancelAsked) -> Cancelling:
    assert isinstance(state, Running)  # noqa: S101  the table allows it in no other state
    return Cancelling(
        run=state.run,
        worker=state.worker,
        started_at=state.started_at,
        lease_until=state.lease_until,
        deadline=state.deadline,
        asked_at=event.at,
        reason=event.reason,
        tally=state.tally,
    )


def _given_back(tally: Tally, snoozes: int) -> Tally:
    attempts = tally.attempts - 1
    first = tally.first_started if attempts else None
    return changed(tally, attempts=attempts, snoozes=tally.snoozes + snoozes, first_started=first)


T = TypeVar("T")


def _either(change: Change[T], current: T) -> T:
    return current if isinstance(change, Unset) else change


def _edited(task: Task, edit: Edit) -> Task:
    return changed(
        task,
        call=_either(edit.call, task.call),
        queue=_either(edit.queue, task.queue),
        name=_either(edit.name, task.name),
        priority=_either(edit.priority, task.priority),
        retry=_either(edit.retry, task.retry),
        timeout=_either(edit.timeout, task.timeout),
        key=_either(edit.key, task.key),
        start_by=_either(edit.start_by, task.start_by),
        on_success=_either(edit.on_success, task.on_success),
        on_failure=_either(edit.on_failure, task.on_failure),
        scheduled_for=_either(edit.due, task.scheduled_for),
        forwarded_at=task.forwarded_at if isinstance(edit.due, Unset) else None,
    )


def _apply(task: Task, event: Event, version: int) -> Task:
    after = in_state(task, evolve(task.state, event), version)
    match event:
        case TaskEdited(edit=edit):
            return _edited(after, edit)
        case TaskForwarded(at=at):
            return changed(after, forwarded_at=at)
        case TaskRequeued():
            return changed(after, forwarded_at=None, start_by=None)
        case _:
            return after
