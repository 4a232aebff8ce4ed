"""The invariants of the reliability page, as functions over what was recorded.

Each returns a sentence for every breach, so that an empty answer means that it holds. They know nothing of how the
record came about: a simulation, a killed worker, two storages and a hand-written trace are checked by the same ones.

* *Of a task*: the task as it is now and its events, oldest first. Heartbeats (``LeaseExtended``) may be among them.
* *Of a schedule*: its versions, the rules that held, and its slot records.
* *Of a queue*: the spans in which runs held a place, and the instants at which runs started.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, TypeAlias

from attrs import frozen

from mainspring.core.commands import Unset
from mainspring.core.events import (
    CancelAsked,
    Event,
    LeaseExtended,
    ReportDropped,
    RetryScheduled,
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
from mainspring.core.machine import TRANSITIONS
from mainspring.core.queue import Rate
from mainspring.core.recurrence import between
from mainspring.core.retry import MAX_ATTEMPTS, Ladder, Never, RetryPolicy
from mainspring.core.schedule import Buffered, Coalesced, Created, Schedule, Slot
from mainspring.core.schedule.plan import occurrence_task_id
from mainspring.core.states import TERMINAL, Cancelling, Pending, Running, State
from mainspring.core.task import Task

Breaches: TypeAlias = Iterator[str]
RunEnd: TypeAlias = RunSucceeded | RetryScheduled | TaskFailed | RunSnoozed | RunReleased | TaskCancelled

TICK: Final = timedelta(microseconds=1)
FAR: Final = 10_000_000


def broken(breaches: Iterable[str]) -> list[str]:
    """All breaches as a list, for an assertion that shows them."""
    return list(breaches)


# --- of a task -----------------------------------------------------------------------------------------------------


def attempts_are_bounded(task: Task, events: Sequence[Event]) -> Breaches:
    """I2: runs are numbered 1, 2, 3, …; attempts count up, and no more start than the policy allows.

    A snooze or a release gives its attempt back, a requeue starts again or allows one more.
    """
    edits = [event.edit for event in events if isinstance(event, TaskEdited)]
    known = all(isinstance(edit.retry, Unset) for edit in edits)  # else an edit has overwritten what it was before
    allowed = _allowed(task.retry) if known else MAX_ATTEMPTS
    runs, attempts, more = 0, 0, 0
    for event in events:
        match event:
            case RunStarted():
                if event.run != runs + 1:
                    yield f"I2: run {event.run} of {task} follows run {runs}"
                if event.attempt != attempts + 1:
                    yield f"I2: attempt {event.attempt} of {task} follows attempt {attempts}"
                if event.attempt > allowed + more:
                    yield f"I2: attempt {event.attempt} of {task} started, {allowed + more} are allowed"
                runs, attempts = event.run, event.attempt
            case RunSnoozed() | RunReleased():
                attempts -= 1
            case TaskRequeued(reset=True):
                attempts, more = 0, 0
            case TaskRequeued():
                more = max(more, attempts + 1 - allowed)
            case _:
                pass


def _allowed(policy: RetryPolicy) -> int:
    most = MAX_ATTEMPTS if policy.attempts is None else policy.attempts
    match policy:
        case Never():
            return 1
        case Ladder(steps=steps):
            return min(most, len(steps) + 1)
        case _:
            return most


def nothing_starts_early(task: Task, events: Sequence[Event]) -> Breaches:
    """I5: no run starts before its task was due; a retry not before the policy's delay is over."""
    edited = [event.edit for event in events if isinstance(event, TaskEdited)]
    moved = any(not isinstance(edit.due, Unset) for edit in edited)
    changed = any(not isinstance(edit.retry, Unset) for edit in edited)
    due = None if moved else task.scheduled_for  # an edit has overwritten what it was before
    attempt = 0
    for event in events:
        match event:
            case RunStarted():
                if due is not None and event.at < due:
                    yield f"I5: run {event.run} of {task} started at {event.at}, before it was due at {due}"
                attempt = event.attempt
            case RetryScheduled():
                due, wait = event.due, None if changed else task.retry.base_delay(attempt)
                if wait is not None and event.due - event.at < wait:
                    yield f"I5: attempt {attempt} of {task} is repeated {event.due - event.at} later, not {wait}"
            case RunSnoozed() | TaskEdited():
                due = event.due
            case TaskForwarded():
                due = event.at if due is None else min(due, event.at)
            case RunReleased() | TaskRequeued():
                due = event.at
            case _:
                pass


_ENDS: Final = (RunSucceeded, TaskFailed, TaskCancelled, TaskExpired)


def terminal_is_final(task: Task, events: Sequence[Event]) -> Breaches:
    """I6: nothing but a requeue leads out of a terminal state; late reports change nothing."""
    ended: Event | None = None
    for event in events:
        if isinstance(event, TaskRequeued):
            if ended is None:
                yield f"I6: {task} was requeued before it had ended"
            ended = None
        elif ended is not None and not isinstance(event, ReportDropped):
            yield f"I6: {type(event).__name__} happened to {task} after {type(ended).__name__}"
        if isinstance(event, _ENDS):
            ended = event
    if ended is not None and not isinstance(task.state, TERMINAL):
        yield f"I6: {task} is {task.state.status} after {type(ended).__name__}"


def edges_are_published(task: Task, events: Sequence[Event]) -> Breaches:
    """I7: every (state, event, state) is in the published table, and they lead to the state that the task has."""
    state: type[State] = Pending
    for event in events:
        following = TRANSITIONS[state].get(type(event))
        if following is None:
            yield f"I7: {type(event).__name__} happened to {task} while it was {state.status}"
            return
        state = following
    if not isinstance(task.state, state):
        yield f"I7: the history of {task} leads to {state.status}, but it is {task.state.status}"


def nothing_starts_after_a_stop(
    task: Task, events: Sequence[Event], pauses: Sequence[tuple[datetime, datetime | None]] = ()
) -> Breaches:
    """I12: no run starts after its task was cancelled or asked to stop, nor while its queue is paused.

    ``pauses`` are the spans of its queue's pauses (None: it still lasts); their edges belong to neither side.
    """
    stopped: Event | None = None
    for event in events:
        match event:
            case RunStarted():
                if stopped is not None:
                    yield f"I12: run {event.run} of {task} started after {type(stopped).__name__}"
                for start, end in pauses:
                    if start < event.at and (end is None or event.at < end):
                        yield f"I12: run {event.run} of {task} started at {event.at}, in the pause since {start}"
            case CancelAsked() | TaskCancelled():
                stopped = event
            case TaskRequeued():
                stopped = None
            case _:
                pass


def history_is_complete(task: Task, events: Sequence[Event]) -> Breaches:
    """I13: each run that started has exactly one end, but for the one that is held now; each end has its start."""
    started = {event.run: event for event in events if isinstance(event, RunStarted)}
    ends = Counter(event.run for event in events if isinstance(event, RunEnd) and _ends_a_run(event))
    held = task.state.run if isinstance(task.state, Running | Cancelling) else 0
    for run in started:
        if ends[run] != (0 if run == held else 1):
            yield f"I13: run {run} of {task} has {ends[run]} ends{' and is held' if run == held else ''}"
    for event in events:
        if isinstance(event, RunEnd) and _ends_a_run(event):
            begun = started.get(event.run)
            if begun is None:
                yield f"I13: run {event.run} of {task} ended by {type(event).__name__} and never started"
            elif not isinstance(event, TaskCancelled) and event.took != event.at - begun.at:
                yield f"I13: run {event.run} of {task} took {event.at - begun.at}, its record says {event.took}"


def _ends_a_run(event: Event) -> bool:
    return isinstance(event, RunEnd) and event.run > 0  # a cancel of a waiting task ends run 0


OF_A_TASK: Final[Sequence[Callable[[Task, Sequence[Event]], Breaches]]] = (
    attempts_are_bounded,
    nothing_starts_early,
    terminal_is_final,
    edges_are_published,
    nothing_starts_after_a_stop,
    history_is_complete,
)


def breaches_of(task: Task, events: Sequence[Event]) -> list[str]:
    """Every breach of an invariant that a single task can show."""
    return [breach for invariant in OF_A_TASK for breach in invariant(task, events)]


# --- of a schedule -------------------------------------------------------------------------------------------------


def occurrences_are_exact(
    rules: Sequence[tuple[Schedule, datetime]], schedule: Schedule, slots: Sequence[Slot]
) -> Breaches:
    """I8: each occurrence before ``next_at`` has exactly one record, and no record is of anything else.

    ``rules`` are the schedules whose rules held, each with the instant after which it did; ``schedule`` is as it is
    now. What waits, and only that, is recorded as waiting; what stands for another is a record itself; and a task is
    the occurrence's own. Where ``max_runs`` ended a rule, nothing is expected behind its last record.
    """
    recorded = Counter(one for slot in slots if not slot.manual for one in _row(slot, rules))
    for occurrence, count in recorded.items():
        if count > 1:
            yield f"I8: {schedule} has {count} records of {occurrence}"
    expected = _expected(rules, schedule, sorted(recorded))
    for occurrence in sorted(expected - recorded.keys()):
        yield f"I8: {schedule} has no record of {occurrence}"
    for occurrence in sorted(recorded.keys() - expected):
        yield f"I8: {schedule} has a record of {occurrence}, which is no occurrence"
    waiting = {(due.occurrence, due.manual) for due in schedule.waiting}
    buffered = {(slot.occurrence, slot.manual) for slot in slots if isinstance(slot.outcome, Buffered)}
    if waiting != buffered:
        yield f"I8: {schedule} lets {len(waiting)} wait, {len(buffered)} are recorded so, or others"
    known = {slot.occurrence for slot in slots}
    for slot in slots:
        match slot.outcome:
            case Coalesced(into=into) if into not in known:
                yield f"I8: {slot.occurrence} of {schedule} was coalesced into {into}, which has no record"
            case Created(task_id=task_id):
                if task_id != occurrence_task_id(schedule.id, slot.occurrence, slot.manual):
                    yield f"I8: {slot.occurrence} of {schedule} made {task_id}, which is not its own task"
            case _:
                pass


def _row(slot: Slot, rules: Sequence[tuple[Schedule, datetime]]) -> Sequence[datetime]:
    """The occurrences that a record counts, by the rule that held then."""
    if slot.count == 1:
        return (slot.occurrence,)
    rule = max((held for held in rules if held[1] < slot.occurrence), key=lambda held: held[1])[0]
    return between(rule.recurrence, slot.occurrence - TICK, slot.until, limit=FAR)


def _expected(
    rules: Sequence[tuple[Schedule, datetime]], schedule: Schedule, recorded: Sequence[datetime]
) -> frozenset[datetime]:
    found: set[datetime] = set()
    for (rule, start), (following, end) in zip(rules, [*rules[1:], (schedule, None)], strict=True):
        last = _last(rule, following, end, recorded)
        if last is not None:
            found |= {
                one
                for one in between(rule.recurrence, start, last, limit=FAR)
                if (rule.starts_at is None or one >= rule.starts_at) and (rule.ends_at is None or one <= rule.ends_at)
            }
    return frozenset(found)


def _last(rule: Schedule, following: Schedule, end: datetime | None, recorded: Sequence[datetime]) -> datetime | None:
    """The instant up to which ``rule`` is expected to have been followed, before ``following`` was at ``end``.

    That is the newest record (None: there is none) if it was over by then: its tasks were all made, or it is the last.
    """
    waiting = sum(not due.manual for due in following.waiting)
    spent = rule.max_runs is not None and following.runs + waiting >= rule.max_runs
    if end is not None and not spent:
        return end
    if end is None and following.next_at is not None:
        return following.next_at - TICK
    return max((one for one in recorded if end is None or one <= end), default=None)


def next_never_goes_back(versions: Sequence[Schedule]) -> Breaches:
    """I9: from version to version ``next_at`` stays or moves on (None: for ever), but by an edit of the rule."""
    for before, after in pairwise(versions):
        if after.version <= before.version:
            yield f"I9: version {after.version} of {after} follows version {before.version}"
        if _rule(before) != _rule(after) or before.next_at == after.next_at or after.next_at is None:
            continue
        if before.next_at is None or after.next_at < before.next_at:
            yield f"I9: {after} went back from {before.next_at} to {after.next_at} in version {after.version}"


def _rule(schedule: Schedule) -> tuple[object, ...]:
    return schedule.recurrence, schedule.starts_at, schedule.ends_at, schedule.max_runs


# --- of a queue ----------------------------------------------------------------------------------------------------


@frozen
class Hold:
    """A run that held a place of its queue from ``start`` up to, but not at, ``end`` (None: it still does)."""

    start: datetime
    end: datetime | None


def holds_of(events: Sequence[Event]) -> list[Hold]:
    """The spans in which a task's runs held a place: up to their end, or to the end of their lease if that was first.

    Where heartbeats were not recorded, the lease is taken to have ended as it was at the start.
    """
    holds: list[Hold] = []
    start, lease = None, None
    for event in events:
        match event:
            case RunStarted():
                start, lease = event.at, event.lease_until
            case LeaseExtended():
                lease = event.lease_until
            case _ if _ends_a_run(event) and start is not None and lease is not None:
                holds.append(Hold(start, min(event.at, lease)))
                start = None
            case _:
                pass
    return holds if start is None else [*holds, Hold(start, lease)]


def concurrency_holds(holds: Iterable[Hold], limit: int) -> Breaches:
    """I10: at every instant at most ``limit`` runs with a lease that has not ended."""
    changes: list[tuple[datetime, int]] = []
    for hold in holds:
        changes.append((hold.start, 1))
        if hold.end is not None:
            changes.append((hold.end, -1))
    held = 0
    for instant, change in sorted(changes):  # at the same instant ends come first
        held += change
        if change > 0 and held > limit:
            yield f"I10: {held} runs at {instant}, {limit} are allowed"


def rate_holds(starts: Iterable[datetime], rate: Rate) -> Breaches:
    """I11: every window ``(t - per, t]`` holds at most ``count`` starts."""
    ordered = sorted(starts)
    for first, last in zip(ordered, ordered[rate.count :], strict=False):
        if last - first < rate.per:
            yield f"I11: {rate.count + 1} starts from {first} to {last}, {rate.count} are allowed in {rate.per}"


def starts_of(histories: Mapping[str, Sequence[Event]]) -> list[datetime]:
    """When runs of any of these tasks started."""
    return [event.at for events in histories.values() for event in events if isinstance(event, RunStarted)]
