"""What must hold of every queue: I10 and I11."""

from __future__ import annotations

from datetime import datetime

from attrs import define, field

from mainspring.core.events import RunStarted
from mainspring.core.ids import TaskId
from mainspring.core.invariants import Breaches
from mainspring.core.queue import Limits, Queue, QueueRef, queue_of
from mainspring.core.states import Cancelling, Running
from mainspring.simulation.trace import QueueSet, Removed, Trace, Wrote


@define
class _Line:
    """A queue as it is: its limits, who holds a place until when, and when runs started since the limits hold."""

    limits: Limits = field(factory=Limits)
    key_limits: Limits = field(factory=Limits)
    held: dict[TaskId, tuple[str, datetime]] = field(factory=dict[TaskId, tuple[str, datetime]])
    starts: list[tuple[str, datetime]] = field(factory=list[tuple[str, datetime]])

    def set(self, queue: Queue | None) -> None:
        """Take over what was configured; a rate judges what started since it was set."""
        limits = Limits() if queue is None else queue.limits
        key_limits = Limits() if queue is None else queue.key_limits
        if (limits.rate, key_limits.rate) != (self.limits.rate, self.key_limits.rate):
            self.starts.clear()
        self.limits, self.key_limits = limits, key_limits


def concurrency_is_kept(trace: Trace) -> Breaches:
    """I10: at every start, no more runs with a lease that has not ended than the queue, and the key, may have."""
    for line, write, key in _starts(trace):
        running = [held for held, until in line.held.values() if until > write.at]
        limit, key_limit = line.limits.concurrency, line.key_limits.concurrency
        if limit is not None and len(running) > limit:
            yield f"I10: {write.before} made {len(running)} runs of {write.before.queue}, {limit} are allowed"
        if key_limit is not None and running.count(key) > key_limit:
            yield f"I10: {write.before} made {running.count(key)} runs of key {key!r}, {key_limit} are allowed"


def rates_are_kept(trace: Trace) -> Breaches:
    """I11: in the window that ends with a start, no more starts than the queue, and the key, may have."""
    for line, write, key in _starts(trace):
        for rate, mine in ((line.limits.rate, None), (line.key_limits.rate, key)):
            if rate is None:
                continue
            found = [at for of, at in line.starts if mine in (None, of) and at > write.at - rate.per]
            if len(found) > rate.count:
                yield f"I11: {write.before} made {len(found)} starts in {rate.per}, {rate.count} are allowed"


def _starts(trace: Trace) -> list[tuple[_Line, Wrote, str]]:
    """Every start, with its queue as it was just then."""
    lines: dict[QueueRef, _Line] = {}
    found: list[tuple[_Line, Wrote, str]] = []
    for entry in trace.entries:
        if isinstance(entry, QueueSet):
            lines.setdefault(entry.before.ref, _Line()).set(entry.after)
        elif isinstance(entry, Removed):
            lines.setdefault(queue_of(entry.task), _Line()).held.pop(entry.task.id, None)
        elif isinstance(entry, Wrote):
            line, task = lines.setdefault(queue_of(entry.before), _Line()), entry.decision.task
            if isinstance(task.state, Running | Cancelling):
                line.held[task.id] = task.key or "", task.state.lease_until
            else:
                line.held.pop(task.id, None)
            if any(isinstance(event, RunStarted) for event in entry.decision.events):
                line.starts.append((task.key or "", entry.at))
                found.append((_frozen(line), entry, task.key or ""))
    return found


def _frozen(line: _Line) -> _Line:
    return _Line(line.limits, line.key_limits, dict(line.held), list(line.starts[-200:]))
