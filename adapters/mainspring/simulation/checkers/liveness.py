"""What must come true once the faults have ended: L1 to L6."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from mainspring.core.invariants import Breaches
from mainspring.core.queue import Queue, QueueRef, queue_of
from mainspring.core.states import TERMINAL, Cancelling, Pending, Running
from mainspring.simulation.checkers.story import story_of
from mainspring.simulation.trace import NodeDown, NodeUp, Probed, QueueSet, Reached, Trace, Wrote

BACK_OFF: Final = 5.0
"""Seconds within which a process tries a storage again that was away."""


def due_tasks_start(trace: Trace) -> Breaches:
    """L1: what is created, and due, when all is well starts within a poll, with or without wake-ups."""
    lives = {life.inserted.task.id: life for life in story_of(trace).lives}
    over = story_of(trace).over
    bound = trace.bounds.poll + trace.bounds.slack
    for probe in trace.of(Probed):
        life = lives[probe.task_id]
        started = life.writes[0].at if life.writes else None
        if started is None and over is not None and over.at - probe.at > bound:
            yield f"L1: {life.task} was due at {probe.at} and has not started"
        if started is not None and started - probe.at > bound:
            yield f"L1: {life.task} was due at {probe.at} and started at {started}, {started - probe.at} later"


def tasks_end(trace: Trace) -> Breaches:
    """L2: every task that was created before the faults ended comes to an end."""
    story = story_of(trace)
    if story.calm is None or story.over is None:
        return
    for life in story.lives:
        if life.inserted.tick < story.calm.tick and life.removed is None and not isinstance(life.task.state, TERMINAL):
            yield f"L2: {life.task} is {life.task.state.status} in the end"


def occurrences_are_accounted(trace: Trace) -> Breaches:
    """L3: in the end no schedule is behind."""
    story = story_of(trace)
    if story.over is None:
        return
    edge = story.over.at - trace.bounds.poll - trace.bounds.slack
    for course in story.courses.values():
        schedule = course.schedule
        if course.gone is None and schedule.next_at is not None and schedule.next_at < edge:
            yield f"L3: {schedule} has not accounted for {schedule.next_at}"


def leases_are_reclaimed(trace: Trace) -> Breaches:
    """L4: a lease that has ended is noticed within a poll."""
    story = story_of(trace)
    if story.calm is None or story.over is None:
        return
    bound = trace.bounds.poll + trace.bounds.slack
    for write in trace.of(Wrote):
        state = write.before.state
        if write.op == "reclaim" and write.at > story.calm.at and isinstance(state, Running | Cancelling):
            late = write.at - max(state.lease_until, story.calm.at)
            if late > bound + timedelta(seconds=BACK_OFF):
                yield f"L4: the end of the lease of {write.before} was noticed {late} later"
    for life in story.lives:
        state = life.task.state
        if (
            life.removed is None
            and isinstance(state, Running | Cancelling)
            and state.lease_until < story.over.at - bound
        ):
            yield f"L4: the lease of {life.task} ended at {state.lease_until}, and nobody noticed"


def workers_come_back(trace: Trace) -> Breaches:
    """L5: a process outlives an outage of any length, and is at work again within a back-off."""
    story = story_of(trace)
    if story.calm is None or story.over is None:
        return
    edge = story.calm.tick + max(BACK_OFF, trace.bounds.poll.total_seconds()) + 1
    down = {entry.actor for entry in trace.of(NodeDown) if entry.tick <= edge}
    reached = {entry.actor for entry in trace.of(Reached) if entry.tick <= edge}
    for up in trace.of(NodeUp):
        if up.tick < story.calm.tick and up.actor not in down | reached and story.over.tick > edge:
            yield f"L5: {up.actor} was not at work again {edge - story.calm.tick} s after the faults"


def queues_progress(trace: Trace) -> Breaches:
    """L6: a queue that is not paused and holds due tasks starts some."""
    story = story_of(trace)
    if story.calm is None or story.over is None:
        return
    queues = {entry.before.ref: entry.after for entry in trace.of(QueueSet)}
    last = _last_starts(trace)
    for ref, due in _oldest_due(trace):
        queue = queues.get(ref)
        if queue is not None and queue.paused is not None:
            continue
        since = max(due, last.get(ref, due), story.calm.at)
        if story.over.at - since > _patience(trace, queue):
            yield f"L6: {ref} holds tasks that are due since {due} and started none since {since}"


def _oldest_due(trace: Trace) -> Iterator[tuple[QueueRef, datetime]]:
    oldest: dict[QueueRef, datetime] = {}
    for life in story_of(trace).lives:
        if life.removed is None and isinstance(life.task.state, Pending):
            ref = queue_of(life.task)
            oldest[ref] = min(life.task.state.due, oldest.get(ref, life.task.state.due))
    yield from oldest.items()


def _last_starts(trace: Trace) -> dict[QueueRef, datetime]:
    return {queue_of(write.before): write.at for write in trace.of(Wrote) if write.op == "take"}


def _patience(trace: Trace, queue: Queue | None) -> timedelta:
    bounds = trace.bounds
    rates = [] if queue is None else [queue.limits.rate, queue.key_limits.rate]
    window = max((rate.per for rate in rates if rate is not None), default=timedelta(0))
    return bounds.longest_call + bounds.lease + bounds.poll + bounds.slack + window
