"""The chain of a task: who asked for it, what happened to it, and what it waits for now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, assert_never

from mainspring.core.commands import Unset
from mainspring.core.events import Event, TaskEdited
from mainspring.core.instants import format_instant, require_utc
from mainspring.core.queue import QueueView
from mainspring.core.recurrence import explain
from mainspring.core.schedule import Schedule, Slot
from mainspring.core.schedule.plan import jitter_of
from mainspring.core.states import Cancelled, Cancelling, Expired, Failed, Pending, Running, Succeeded
from mainspring.core.task import Direct, Fired, Followed, RunByHand, Task, last_start
from mainspring.core.why.of_event import Told, cancelled_by, gave_up, reason_of
from mainspring.core.why.of_queue import gates
from mainspring.core.why.of_slot import outcome_of
from mainspring.core.why.reasons import Reason, noted, span

MAX_EVENTS: Final = 200
"""How many events are told: the newest."""


def why_task(
    task: Task,
    *,
    at: datetime,
    history: Sequence[Event] = (),
    schedule: Schedule | None = None,
    slot: Slot | None = None,
    queue: QueueView | None = None,
    instant: datetime | None = None,
) -> tuple[Reason, ...]:
    """Tell why ``task`` is what it is at instant ``at``, or what it had come to at ``instant``, from what was recorded.

    ``history`` are its events, oldest first; ``schedule`` and ``slot`` are those that made it (None: none did, or they
    are not there any more); ``queue`` is its queue with what runs in it (None: nobody configured it).
    """
    asked = None if instant is None else require_utc("instant", instant)
    if asked is not None and asked < task.created_at:
        when, created = format_instant(asked), format_instant(task.created_at)
        text = f"At {when} the task did not exist yet: it was created at {created}."
        return (Reason(stage="rule", at=task.created_at, text=text, fact="task.created_at"),)
    known = [] if asked is None else [number for number, event in enumerate(history) if event.at > asked]
    if asked is None or not known:
        return (*_asked(task, schedule, slot), *_lived(task, history, schedule), *_now(task, queue, at, bool(history)))
    past = _lived(task, history[: known[0]], schedule, of=history)
    return (*_asked(task, schedule, slot), *past, _then(history[known[0]], known[0] + 1, asked))


def _then(event: Event, number: int, instant: datetime) -> Reason:
    """What came next, after an instant that has passed."""
    what = f"event {number}: {type(event).__name__}"
    text = f"At {format_instant(instant)} that was all; what came next, at {format_instant(event.at)}, is {what}."
    return Reason(stage="outcome", at=event.at, text=text, fact=what)


def _asked(task: Task, schedule: Schedule | None, slot: Slot | None) -> Iterator[Reason]:
    """Who asked for the task, for which instant, and what was decided about it."""
    when = format_instant(task.scheduled_for)
    match task.origin:
        case Direct():
            text = f"A client created it, to run at {when}."
            yield Reason(stage="rule", at=task.created_at, text=text, fact="task.origin")
        case Followed(task_id=before, status=status):
            text = f"Task {before} ended as {status} and had asked for it, to run at {when}."
            yield Reason(stage="rule", at=task.created_at, text=text, fact="task.origin")
        case RunByHand(schedule_id=schedule_id, occurrence=occurrence):
            text = f"Schedule {schedule_id} was run by hand for {format_instant(occurrence)}."
            yield Reason(stage="rule", at=task.created_at, text=text, fact="task.origin")
            yield from () if slot is None else (outcome_of(slot, schedule),)
        case Fired() as origin:
            yield from _fired(origin, schedule, slot)
        case _:
            assert_never(task.origin)


def _fired(origin: Fired, schedule: Schedule | None, slot: Slot | None) -> Iterator[Reason]:
    if schedule is None:
        text = f"Schedule {origin.schedule_id} made it; that schedule is not there any more."
        yield Reason(stage="rule", at=None, text=text, fact="task.origin")
    else:
        text = f"Schedule {origin.schedule_id} has the rule: {explain(schedule.recurrence)}."
        yield Reason(stage="rule", at=None, text=text, fact="schedule.recurrence")
    text = f"Its occurrence is {format_instant(origin.occurrence)}."
    yield Reason(stage="occurrence", at=origin.occurrence, text=text, fact="task.origin")
    if slot is not None:
        yield outcome_of(slot, schedule)
    if schedule is not None and schedule.jitter:
        wait = jitter_of(schedule, origin.occurrence)
        text = f"The schedule's jitter puts this occurrence off by {span(wait)} (of at most {span(schedule.jitter)})."
        yield Reason(stage="policy", at=origin.occurrence + wait, text=text, fact="schedule.jitter")


def _lived(
    task: Task, history: Sequence[Event], schedule: Schedule | None, of: Sequence[Event] = ()
) -> Iterator[Reason]:
    """What happened, event by event; ``of``: the whole history, if ``history`` is only its beginning."""
    left_out = max(0, len(history) - MAX_EVENTS)
    if left_out:
        text = f"The {left_out} oldest events are left out here."
        yield Reason(stage="gate", at=None, text=text, fact="history")
    told = Told(task=task, due=_first_due(task, of or history, schedule))
    for number, event in enumerate(history, start=1):
        reason = reason_of(told, event, number) if number > left_out else None
        if reason is not None:
            yield reason
        told = told.after(event)


def _first_due(task: Task, history: Sequence[Event], schedule: Schedule | None) -> datetime | None:
    """When it was first due; None where no record tells that (an edit has moved it, or jitter may have)."""
    jittered = isinstance(task.origin, Fired) and (schedule is None or bool(schedule.jitter))
    moved = any(isinstance(event, TaskEdited) and not isinstance(event.edit.due, Unset) for event in history)
    return None if jittered or moved else max(task.created_at, task.scheduled_for)


def _now(task: Task, queue: QueueView | None, at: datetime, told: bool) -> Iterator[Reason]:
    """What holds at instant ``at``; how the task ended only if no event has told it."""
    state = task.state
    match state:
        case Pending():
            yield from _pending(task, state, queue, at)
        case Running():
            text = (
                f"Worker {state.worker} runs it (run {state.run}); it has to end by {format_instant(state.deadline)}."
            )
            yield Reason(stage="outcome", at=state.started_at, text=text, fact="task.state")
            yield from _lease(state, at)
        case Cancelling():
            asked = f"at {format_instant(state.asked_at)}{noted(state.reason)}"
            text = f"Worker {state.worker} was asked to stop run {state.run} {asked}; it has not confirmed that yet."
            yield Reason(stage="outcome", at=state.asked_at, text=text, fact="task.state")
            yield from _lease(state, at)
        case _ if told:
            return
        case Succeeded():
            yield Reason(stage="outcome", at=state.at, text="It succeeded.", fact="task.state")
        case Failed():
            why = gave_up(task, state.tally.attempts, state.failure, state.reason)
            text = f"It failed for good ({state.failure.message}): {why}."
            yield Reason(stage="outcome", at=state.at, text=text, fact="task.state")
        case Cancelled():
            text = f"It was cancelled{cancelled_by(state.reason)}."
            yield Reason(stage="outcome", at=state.at, text=text, fact="task.state")
        case Expired():
            text = "It expired: it was not started in time."
            yield Reason(stage="outcome", at=state.at, text=text, fact="task.state")
        case _:
            assert_never(state)


def _pending(task: Task, state: Pending, queue: QueueView | None, at: datetime) -> Iterator[Reason]:
    due = format_instant(state.due)
    last = last_start(task)
    if last is not None and at > last:
        text = f"It was to start by {format_instant(last)}: the next look at it lets it expire."
        yield Reason(stage="gate", at=last, text=text, fact="task.start_by")
        return
    if state.due > at:
        text = f"It does not run yet: it is due in {span(state.due - at)}, at {due}."
        yield Reason(stage="gate", at=state.due, text=text, fact="task.state.due")
    held = () if queue is None else gates(task, queue, at)
    yield from held
    if state.due <= at and not held:
        waited, queue_name = span(at - state.due), task.queue
        text = f"It has been due for {waited} and no limit holds it back: no worker of queue {queue_name} took it yet."
        yield Reason(stage="gate", at=state.due, text=text, fact="task.state.due")


def _lease(state: Running | Cancelling, at: datetime) -> Iterator[Reason]:
    until = format_instant(state.lease_until)
    if state.lease_until > at:
        text = f"The worker holds it until {until}, and longer as long as it shows that it is alive."
    else:
        text = f"The worker's lease ended at {until}: it is taken for dead, and the next look takes the run from it."
    yield Reason(stage="gate", at=state.lease_until, text=text, fact="task.state.lease_until")
