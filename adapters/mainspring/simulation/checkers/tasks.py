"""What must hold of every task: I1 to I7, I12 to I16."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Final

from mainspring.core.consequences import follow_ups_of
from mainspring.core.events import (
    Event,
    LeaseExtended,
    RetryScheduled,
    RunNoted,
    RunReleased,
    RunSnoozed,
    RunStarted,
    RunSucceeded,
    TaskCancelled,
    TaskFailed,
)
from mainspring.core.invariants import (
    Breaches,
    attempts_are_bounded,
    edges_are_published,
    history_is_complete,
    nothing_starts_after_a_stop,
    nothing_starts_early,
    terminal_is_final,
)
from mainspring.core.queue import QueueRef, queue_of
from mainspring.core.states import TERMINAL_STATUSES, Cancelling, Pending, Running
from mainspring.core.task import Fired, FunctionCall
from mainspring.simulation.checkers.story import Life, Story, story_of
from mainspring.simulation.trace import (
    Answered,
    Began,
    Ended,
    Entry,
    Heard,
    NodeDown,
    Planned,
    QueueSet,
    Struck,
    Took,
    Trace,
    Wrote,
)

REPORTS: Final = (
    LeaseExtended, RunSucceeded, RetryScheduled, TaskFailed, RunSnoozed, RunReleased, RunNoted,
)  # fmt: skip
"""What a worker says of a run that it holds."""

PROMPTLY: Final = 0.01
"""Seconds within which a process does what needs no storage."""

TICK: Final = timedelta(microseconds=1)


def nothing_is_lost(trace: Trace) -> Breaches:
    """I1: what was acknowledged exists until it ended and was deleted; a request made again makes no second task."""
    story = story_of(trace)
    for task_id in story.twice:
        yield f"I1: task {task_id} was created twice"
    yield from _answers(trace, story)
    yield from _marks(story)
    for life in story.lives:
        gone = life.removed
        if gone is not None and gone.op == "prune" and gone.task.state.status not in TERMINAL_STATUSES:
            yield f"I1: {life.task} was pruned while it was {gone.task.state.status}"
        if story.over is not None and gone is None and life.task.id not in story.over.tasks:
            yield f"I1: {life.task} is lost"


def _answers(trace: Trace, story: Story) -> Breaches:
    known = {life.task.id for life in story.lives}
    first: dict[str, Answered] = {}
    for answer in trace.of(Answered):
        if answer.task_id not in known:
            yield f"I1: request {answer.key} was answered with task {answer.task_id}, which was never created"
        before = first.setdefault(answer.key, answer)
        if answer.idempotent and before.task_id != answer.task_id and not _gone(story, before, answer):
            yield f"I1: request {answer.key} was answered with {before.task_id} and with {answer.task_id}"


def _gone(story: Story, before: Answered, now: Entry) -> bool:
    return any(
        life.task.id == before.task_id and life.removed is not None and life.removed.tick <= now.tick
        for life in story.lives
    )


def _marks(story: Story) -> Breaches:
    made: dict[str, Life] = {}
    for life in story.lives:
        call = life.inserted.task.call
        if not isinstance(call, FunctionCall) or '"key"' not in call.arguments:
            continue
        before = made.get(call.arguments)
        if before is not None and (before.removed is None or before.removed.tick > life.inserted.tick):
            yield f"I1: request {call.arguments} made {before.task} and {life.task}"
        made[call.arguments] = life


def attempts_stay_bounded(trace: Trace) -> Breaches:
    """I2: attempts are numbered without gaps, and no more start than the policy allows."""
    for life in story_of(trace).lives:
        yield from attempts_are_bounded(life.task, life.events)


def runs_do_not_overlap(trace: Trace) -> Breaches:
    """I3: no run is taken over before its lease has ended, and none acts after that, unless it cannot know."""
    story = story_of(trace)
    leases: dict[tuple[str, int], Wrote] = {}
    for life in story.lives:
        for write in life.writes:
            state = write.before.state
            if write.op == "reclaim" and isinstance(state, Running | Cancelling) and write.at < state.lease_until:
                yield f"I3: {write.before} was taken over at {write.at}, its lease ends at {state.lease_until}"
            after = write.decision.task.state
            if isinstance(after, Running | Cancelling):
                leases[write.before.id, after.run] = write
                if write.op == "take" and after.lease_until != write.at + trace.bounds.lease:
                    yield f"I3: the lease of {write.before} ends at {after.lease_until}, it began at {write.at}"
    asleep = {entry.actor for entry in trace.of(Struck) if entry.fault == "process frozen"}
    for entry in trace.entries:
        if isinstance(entry, Began):
            if entry.at >= entry.lease_until and not entry.thawed:
                yield f"I3: run {entry.run} of task {entry.task_id} began at {entry.at}, its lease had ended"
        elif isinstance(entry, Ended) and entry.how != "deaf" and entry.actor not in asleep:
            held = leases.get((entry.task_id, entry.run))
            holding = None if held is None else held.decision.task.state
            if isinstance(holding, Running | Cancelling) and entry.at > holding.lease_until:
                yield f"I3: run {entry.run} of task {entry.task_id} acted until {entry.at}, its lease had ended"


def fences_hold(trace: Trace) -> Breaches:
    """I4: a report counts only for the run that is current, from its own worker, on the version that it was made on."""
    for write in trace.of(Wrote):
        if write.decision.read_version != write.before.version:
            read = write.decision.read_version
            yield f"I4: {write.before} was at version {write.before.version}, a decision on {read} was written"
        for event in write.decision.events:
            if write.op == "reclaim":
                continue
            if isinstance(event, REPORTS) or (isinstance(event, TaskCancelled) and event.run):
                yield from _fenced(write, event)


def _fenced(write: Wrote, event: Event) -> Breaches:
    state = write.before.state
    what = f"{type(event).__name__} by {write.actor}"
    if write.op == "supersede":
        return
    if not isinstance(state, Running | Cancelling):
        yield f"I4: {what} was written while {write.before} was {state.status}"
    elif getattr(event, "run", state.run) != state.run or write.actor != state.worker:
        yield f"I4: {what} was written, run {state.run} of {write.before} is held by {state.worker}"
    elif isinstance(event, LeaseExtended) and write.at >= state.lease_until:
        yield f"I4: {what} was written at {write.at}, the lease of {write.before} ended at {state.lease_until}"


def nothing_comes_early(trace: Trace) -> Breaches:
    """I5: no start before its due and no retry before its delay, by the storage's clock and the receiver's account."""
    story = story_of(trace)
    for life in story.lives:
        yield from nothing_starts_early(life.task, life.events)
        for write in life.writes:
            for event in write.decision.events:
                if isinstance(event, RunStarted):
                    yield from _started(write, event)
                elif isinstance(event, RetryScheduled):
                    yield from _retried(story, write, event)


def _started(write: Wrote, event: RunStarted) -> Breaches:
    state = write.before.state
    if event.at != write.at:
        yield f"I5: {write.before} started at {write.at}, its record says {event.at}"
    if isinstance(state, Pending) and write.at < state.due:
        yield f"I5: {write.before} started at {write.at}, it was due at {state.due}"


def _retried(story: Story, write: Wrote, event: RetryScheduled) -> Breaches:
    state = write.before.state
    wait = write.before.retry.base_delay(state.tally.attempts)
    end = story.ends.get((write.before.id, event.run))
    since = write.at if write.op == "reclaim" else None if end is None else end.at
    if wait is not None and since is not None and event.due - since < wait - TICK:
        yield f"I5: {write.before} failed at {since} and is repeated at {event.due}, not {wait} later"


def ends_are_final(trace: Trace) -> Breaches:
    """I6: only a requeue leads out of a terminal state."""
    for life in story_of(trace).lives:
        yield from terminal_is_final(life.task, life.events)


def edges_are_legal(trace: Trace) -> Breaches:
    """I7: only what the published table allows."""
    for life in story_of(trace).lives:
        yield from edges_are_published(life.task, life.events)


def stops_are_heeded(trace: Trace) -> Breaches:
    """I12: nothing starts after a cancel or in a pause, and a run that hears of a cancel stops."""
    for life in story_of(trace).lives:
        yield from nothing_starts_after_a_stop(life.task, life.events)
    paused: set[QueueRef] = set()
    for entry in trace.entries:
        if isinstance(entry, QueueSet):
            (paused.add if entry.after is not None and entry.after.paused else paused.discard)(entry.before.ref)
        elif isinstance(entry, Wrote) and queue_of(entry.before) in paused:
            if any(isinstance(event, RunStarted) for event in entry.decision.events):
                yield f"I12: {entry.before} started while its queue was paused"
        elif isinstance(entry, Planned) and _fired_in_a_pause(entry):
            yield f"I12: {entry.before} made a task while it was paused"
    yield from _unheard(trace)


def _fired_in_a_pause(planned: Planned) -> bool:
    made = any(isinstance(task.origin, Fired) for task in planned.plan.tasks)
    return made and planned.op == "fire" and planned.before.paused is not None


def _unheard(trace: Trace) -> Breaches:
    """Runs that were told to stop, by workers that could, and did not."""
    story = story_of(trace)
    excused = {entry.actor for entry in trace.of(NodeDown)}
    excused |= {e.actor for e in trace.of(Struck) if e.fault in ("process frozen", "call deaf to a stop")}
    last = trace.entries[-1].tick if trace.entries else 0.0
    for heard in trace.of(Heard):
        end = story.ends.get((heard.task_id, heard.run))
        stopped = last if end is None else end.tick
        if heard.actor not in excused and stopped > heard.tick + PROMPTLY:
            yield f"I12: run {heard.run} of task {heard.task_id} was told to stop at {heard.at} and went on"


def histories_are_complete(trace: Trace) -> Breaches:
    """I13: each start has one end, and the storage's history is what happened."""
    story = story_of(trace)
    for life in story.lives:
        yield from history_is_complete(life.task, life.events)
        if story.over is not None and life.removed is None:
            kept = story.over.histories.get(life.task.id, ())
            if kept != life.recorded:
                missing = len(life.recorded) - len(kept)
                yield f"I13: the history of {life.task} is not what happened: {missing} records are missing"


def projects_are_apart(trace: Trace) -> Breaches:
    """I14: who acts in one project touches nothing of another."""
    for write in trace.of(Wrote):
        project = trace.projects.get(write.actor)
        if project is not None and write.before.project != project:
            yield f"I14: {write.actor} of project {project} changed {write.before} of {write.before.project}"


def all_is_one_transaction(trace: Trace) -> Breaches:
    """I15: state, follow-ups, timers and slots are what was decided, together."""
    story = story_of(trace)
    known = {life.task.id for life in story.lives}
    known |= {task.id for write in trace.of(Wrote) for task in write.decision.follow_ups}
    for life in story.lives:
        for write in life.writes:
            for event in write.decision.events:
                for task in follow_ups_of(write.decision.task, event):
                    if task.id not in known:
                        yield f"I15: what was to follow {life.task} was not created"
    if story.over is None:
        return
    for life in story.lives:
        if life.removed is None and story.over.tasks.get(life.task.id) not in (None, life.task):
            yield f"I15: {life.task} is not stored as it was decided"
    for schedule_id, course in story.courses.items():
        if course.gone is None and story.over.schedules.get(schedule_id) != course.schedule:
            yield f"I15: {course.schedule} is not stored as it was decided"


def order_is_kept(trace: Trace) -> Breaches:
    """I16: out of a queue go the tasks of higher priority first, then the earlier due, then the lower id."""
    gated: defaultdict[QueueRef, bool] = defaultdict(bool)
    for entry in trace.entries:
        if isinstance(entry, QueueSet):
            gated[entry.before.ref] = entry.after is not None and entry.after.gated
        elif isinstance(entry, Took) and not (gated[entry.ref] and entry.keyed):
            expected = entry.line_[: len(entry.taken)] if gated[entry.ref] else entry.line_
            if entry.taken != expected:
                yield f"I16: {entry.ref} gave out {entry.taken}, in order it would have been {expected}"
