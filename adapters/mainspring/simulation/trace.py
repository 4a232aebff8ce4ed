"""The trace: what truly happened in a simulated run, written down by the simulation and never by the system itself.

Every entry carries ``at``, the storage's clock as the simulation knows it, ``tick``, the virtual seconds since the
start, and ``actor``, the node that acted (empty: nobody's node). The checkers read nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TypeVar

from attrs import field, frozen

from mainspring.core.events import Event
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.machine import Decision
from mainspring.core.queue import Queue, QueueRef
from mainspring.core.schedule import Plan, Schedule, Slot
from mainspring.core.task import Task


@frozen(kw_only=True)
class Entry:
    """Something that happened."""

    at: datetime
    tick: float
    actor: str

    def line(self) -> str:
        """Say it in one line, the same in every run of the seed."""
        return f"{self.tick:12.6f} {self.actor:8} {type(self).__name__.lower()} {self.said()}"

    def said(self) -> str:
        """Say what is special about this entry."""
        return ""


# --- what was committed ----------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Inserted(Entry):
    """The transaction ``op`` created a task."""

    op: str
    task: Task

    def said(self) -> str:
        """Name the task."""
        return f"{self.op} {self.task.id} {self.task.queue}"


@frozen(kw_only=True)
class Wrote(Entry):
    """The transaction ``op`` wrote a decision over ``before``."""

    op: str
    before: Task
    decision: Decision

    def said(self) -> str:
        """Name the task and what happened to it."""
        events = ",".join(type(event).__name__ for event in self.decision.events)
        return f"{self.op} {self.before.id} v{self.decision.task.version} {events}"


@frozen(kw_only=True)
class Removed(Entry):
    """The transaction ``op`` deleted a task."""

    op: str
    task: Task

    def said(self) -> str:
        """Name the task."""
        return f"{self.op} {self.task.id} {self.task.state.status}"


@frozen(kw_only=True)
class Planned(Entry):
    """The transaction ``op`` wrote a plan over ``before``."""

    op: str
    before: Schedule
    plan: Plan

    def said(self) -> str:
        """Name the schedule and what was made."""
        plan = self.plan
        return f"{self.op} {self.before.id} v{plan.schedule.version} tasks={len(plan.tasks)} slots={len(plan.slots)}"


@frozen(kw_only=True)
class Nudged(Entry):
    """A schedule was made due because a task of it ended."""

    before: Schedule
    after: Schedule

    def said(self) -> str:
        """Name the schedule."""
        return f"{self.after.id} v{self.after.version}"


@frozen(kw_only=True)
class ScheduleMade(Entry):
    """A schedule was created."""

    schedule: Schedule

    def said(self) -> str:
        """Name the schedule."""
        return self.schedule.id


@frozen(kw_only=True)
class ScheduleGone(Entry):
    """A schedule was deleted."""

    schedule: Schedule

    def said(self) -> str:
        """Name the schedule."""
        return self.schedule.id


@frozen(kw_only=True)
class QueueSet(Entry):
    """A queue's settings, or its log, were written (None: forgotten)."""

    op: str
    before: Queue
    after: Queue | None

    def said(self) -> str:
        """Name the queue."""
        return f"{self.op} {self.before.ref.name} v{0 if self.after is None else self.after.version}"


@frozen(kw_only=True)
class Took(Entry):
    """A worker was given ``taken`` of a queue; ``line`` are the due tasks in their documented order.

    ``line`` is cut off behind the number that was asked for.
    """

    ref: QueueRef
    keyed: bool
    line_: tuple[TaskId, ...] = field(alias="line")
    taken: tuple[TaskId, ...]

    def said(self) -> str:
        """Name the queue."""
        return f"{self.ref.name} {len(self.taken)}/{len(self.line_)}"


# --- what clients know -----------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Answered(Entry):
    """A client was told that its request ``key`` made (or had made, or met) this task."""

    key: str
    task_id: TaskId
    idempotent: bool

    def said(self) -> str:
        """Name the request and the task."""
        return f"{self.key} {self.task_id}"


# --- what the receiver saw -------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Began(Entry):
    """A call of run ``run`` arrived at the receiver."""

    task_id: TaskId
    run: int
    lease_until: datetime
    thawed: bool

    def said(self) -> str:
        """Name the run."""
        return f"{self.task_id} run {self.run}"


@frozen(kw_only=True)
class Ended(Entry):
    """A call of run ``run`` ended at the receiver; ``how`` says by what."""

    task_id: TaskId
    run: int
    how: str

    def said(self) -> str:
        """Name the run."""
        return f"{self.task_id} run {self.run} {self.how}"


@frozen(kw_only=True)
class Heard(Entry):
    """A worker was told, in answer to a heartbeat, that its run is to stop."""

    task_id: TaskId
    run: int

    def said(self) -> str:
        """Name the run."""
        return f"{self.task_id} run {self.run}"


# --- what went wrong -------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Struck(Entry):
    """A fault of class ``fault`` struck."""

    fault: str
    what: str = ""

    def said(self) -> str:
        """Name the fault."""
        return f"{self.fault} {self.what}"


@frozen(kw_only=True)
class NodeUp(Entry):
    """A worker process started."""


@frozen(kw_only=True)
class NodeDown(Entry):
    """A process ended: it was killed, or stopped in good order."""

    how: str

    def said(self) -> str:
        """Say how."""
        return self.how


@frozen(kw_only=True)
class Reached(Entry):
    """A worker process reached the storage for the first time after the faults had ended."""


@frozen(kw_only=True)
class Probed(Entry):
    """When all was well and quiet, a task was created that is due at once."""

    task_id: TaskId

    def said(self) -> str:
        """Name the task."""
        return self.task_id


@frozen(kw_only=True)
class Calm(Entry):
    """The faults have ended, and nobody asks for anything new."""


@frozen(kw_only=True)
class Over(Entry):
    """The run is over: what the storage holds now."""

    tasks: Mapping[TaskId, Task]
    histories: Mapping[TaskId, tuple[Event, ...]]
    schedules: Mapping[ScheduleId, Schedule]
    slots: Mapping[ScheduleId, tuple[Slot, ...]]

    def said(self) -> str:
        """Fold everything into a digest."""
        text = repr((self.tasks, self.histories, self.schedules, self.slots))
        return sha256(text.encode()).hexdigest()


@frozen(kw_only=True)
class Bounds:
    """What was promised to the run that a checker judges: the settings of its workers."""

    lease: timedelta
    poll: timedelta
    longest_call: timedelta
    slack: timedelta = timedelta(seconds=3)


E = TypeVar("E", bound=Entry)


class Trace:
    """The entries of a run, in the order in which they happened."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.entries: list[Entry] = []
        self.faults: Counter[str] = Counter()
        self.marks: Counter[str] = Counter()
        """How often each ``sometimes`` point was passed."""
        self.projects: dict[str, str] = {}
        """In which project a node acts, if it is bound to one."""
        self.over = False
        self.calls = 0
        """How many calls went through the port."""
        self.told: tuple[int, object] | None = None
        """What the checkers have made of so many entries."""

    def add(self, entry: Entry) -> None:
        """Write down what happened; nothing does after ``Over``."""
        if self.over:
            return
        self.entries.append(entry)
        self.over = isinstance(entry, Over)
        if isinstance(entry, Struck):
            self.faults[entry.fault] += 1

    def sometimes(self, point: str) -> None:
        """Note that something happened that has to happen in some runs, or the simulation shows little."""
        self.marks[point] += 1

    def of(self, kind: type[E]) -> Iterator[E]:
        """Give the entries of one kind."""
        return (entry for entry in self.entries if isinstance(entry, kind))

    def lines(self) -> Iterator[str]:
        """Give every entry as a line."""
        return (entry.line() for entry in self.entries)

    def digest(self) -> str:
        """Fold the whole trace into a number: the same for the same seed (I17)."""
        found = sha256()
        for line in self.lines():
            found.update(line.encode())
            found.update(b"\n")
        return found.hexdigest()

    def until(self, count: int) -> Trace:
        """Give the trace of the first ``count`` entries."""
        part = Trace(self.bounds)
        part.entries = self.entries[:count]
        part.projects = self.projects
        return part
