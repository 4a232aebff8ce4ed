"""Ports: what the shell needs of the world. Adapters implement them; the docstrings here are the contract.

``Storage`` and ``AsyncStorage`` are one contract in two colours: the same operations, the second awaited. A storage
decides nothing. It finds rows, holds them against others, hands values to a pure *step*, and writes what the step
returns in one transaction. What every storage guarantees:

* **Atomic.** Each operation is one transaction: all of its writes are there, or none.
* **Durable.** When an operation has returned, a crash of the process does not undo it (memory excepted).
* **Compare-and-set.** An aggregate is written only over the version that its decision read (``read_version``).
* **History.** The events of each decision are appended with it, in order, except those in ``UNRECORDED``.
* **Follow-ups.** The ``follow_ups`` of a decision are inserted with it, as ``add`` would.
* **Names.** At most one *live* (not ended) task of a name in a project: a second one is refused with ``Conflict``,
  but for ``add``, which asks ``creation.clash`` what becomes of it.
* **Gates.** A start out of a queue that is ``gated`` happens only as ``queue.admit`` says, with the queue held against
  others and its log written in the same transaction. A queue that is not gated costs no lock and no statement.
* **Slots.** At most one slot for (schedule, occurrence, manual); only a *buffered* one may be replaced.
* **Nudges.** For each ``NudgeSchedule`` effect, and for each deleted live task that a schedule made, the schedule is
  replaced by ``schedule.nudged(...)`` in the same transaction (nothing to write if that gives back the same value).
* **Clock.** ``at`` of a step is the storage's own clock, read inside the transaction.
* **Errors.** ``Unavailable`` if the store cannot be used now (nothing is known of the outcome), ``NotFound`` and
  ``Conflict`` as said below; an error of a step is passed on and nothing is written.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from attrs import Attribute, field, frozen

from mainspring.core.creation import Accepted, Creation
from mainspring.core.errors import InvalidInput, MainspringError
from mainspring.core.events import Event
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.instants import validate_instant
from mainspring.core.machine import Decision
from mainspring.core.queue import Admission, Queue, QueueRef, QueueView
from mainspring.core.retry import Failure
from mainspring.core.schedule import Plan, Schedule, ScheduleEvent, ScheduleView, Slot
from mainspring.core.task import DEFAULT_PROJECT, Task

T_co = TypeVar("T_co", covariant=True)

MAX_PAGE: Final = 1_000
MAX_KEYS_SEEN: Final = 1_000
"""Of how many keys ``take`` shows a gate the first tasks at most: those without a turn, then the longest without."""
MAX_LIVE: Final = 1_000
"""How many live tasks of a schedule a ``ScheduleView`` names at most: the first by id."""
SUPERSEDED: Final = "superseded by a later occurrence of its schedule"
"""The reason of the ``Cancel`` by which a storage carries out a plan's ``cancels``."""

TaskStep: TypeAlias = Callable[[Task, datetime], Decision]
"""A pure function of a task and the storage's instant."""

TaskTest: TypeAlias = Callable[[Task], bool]
"""A pure question about a task."""

QueueStep: TypeAlias = Callable[[Queue, datetime], Queue]
"""A pure function of a queue's settings and the storage's instant; it gives back the same value to change nothing."""

Gate: TypeAlias = Callable[[QueueView, Sequence[Task], datetime, int], Admission]
"""``queue.admit``: which of the due tasks of a gated queue may start."""

ScheduleStep: TypeAlias = Callable[[ScheduleView, datetime], Plan]
"""A pure function of a schedule, its live tasks and the storage's instant."""


def _check_limit(instance: object, attribute: Attribute[int], value: int) -> None:
    if not 1 <= value <= MAX_PAGE:
        raise InvalidInput("limit", f"{value} is out of range", f"use 1 to {MAX_PAGE}")


@frozen(kw_only=True)
class TaskQuery:
    """Which tasks to find: all conditions hold together (``matching.matches``); empty ``statuses`` means any.

    ``created_before`` and ``ended_before`` are exclusive; the latter leaves out tasks that have not ended. The order is
    newest first: by (``created_at``, ``id``), descending. ``after`` is the ``cursor`` of a page.
    """

    project: str = DEFAULT_PROJECT
    statuses: frozenset[str] = frozenset()
    queue: str | None = None
    name: str | None = None
    key: str | None = None
    schedule_id: ScheduleId | None = None
    created_before: datetime | None = field(default=None, validator=validate_instant)
    ended_before: datetime | None = field(default=None, validator=validate_instant)
    limit: int = field(default=100, validator=_check_limit)
    after: str | None = None


@frozen(kw_only=True)
class ScheduleQuery:
    """Which schedules to find; the order and ``after`` as for tasks."""

    project: str = DEFAULT_PROJECT
    name: str | None = None
    limit: int = field(default=100, validator=_check_limit)
    after: str | None = None


@frozen
class Page(Generic[T_co]):
    """A page of results, and the cursor of the next page (None: this was the last)."""

    items: tuple[T_co, ...]
    cursor: str | None


@frozen(kw_only=True)
class Upcoming:
    """When there will be something to do (None: nothing in sight).

    ``tasks``: the least ``due`` of the pending tasks of each queue asked for (none: any) that has some. ``lease``: the
    least ``lease_until`` of a held task; ``schedule``: the least ``wake_at`` of a schedule.
    """

    tasks: Mapping[QueueRef, datetime]
    lease: datetime | None
    schedule: datetime | None


@frozen(kw_only=True)
class Taken:
    """What ``take`` gives: the decisions, and when a rate lets a gated queue go on (None: no rate holds one back)."""

    decisions: tuple[Decision, ...]
    again: datetime | None


@frozen(kw_only=True)
class QueueStatus:
    """A queue that is configured or holds live tasks: its settings, and its pending and held tasks by count."""

    queue: Queue
    pending: int
    held: int


@frozen
class Refused:
    """What is answered for a task that was refused: its step, its write, or its creation."""

    task_id: TaskId
    error: MainspringError


@frozen
class Unplanned:
    """What ``fire`` answers for a schedule whose step, or whose plan, was refused; nothing of it was written."""

    schedule_id: ScheduleId
    error: MainspringError


class Storage(Protocol):
    """The storage port, in its synchronous colour. Safe to be used from several threads at once."""

    def now(self) -> datetime:
        """Read the storage's clock."""
        ...

    def add(self, creations: Sequence[Creation], *, atomic: bool = True) -> tuple[Accepted | Refused, ...]:
        """Create tasks; answers in the order asked.

        For each: if its idempotency key is known and not older than ``KEEP_KEYS``, the answer is
        ``creation.repeated(...)`` (a task that was deleted meanwhile is created again). Else it is passed through
        ``creation.settled`` with the configured queue that it goes to (None: not configured), and then, if it is live
        and its name belongs to a live task (be it of the same id), ``creation.clash`` decides and its decision is
        written; else the task is inserted (``Conflict`` if its id exists). Its idempotency key is kept with the task of
        the answer. Later creations see what earlier ones did. ``atomic``: the first refusal is raised and nothing is
        written; else it is answered.
        """
        ...

    def get(self, task_id: TaskId) -> Task:
        """Read one task, or raise ``NotFound``."""
        ...

    def find(self, query: TaskQuery) -> Page[Task]:
        """Find tasks. ``InvalidInput`` for a cursor that this storage did not give."""
        ...

    def count(self, project: str) -> Mapping[str, int]:
        """Count the project's tasks by status; a status without tasks may be left out."""
        ...

    def history(self, task_id: TaskId) -> tuple[Event, ...]:
        """Read the recorded events of a task, oldest first; ``NotFound`` if there is no such task."""
        ...

    def take(self, shares: Mapping[QueueRef, int], step: TaskStep, gate: Gate) -> Taken:
        """Pass due tasks through ``step`` and write what it gives: of each queue at most as many as its share.

        Eligible: pending, ``due <= now``, in that queue; by priority (higher first), then due, then id. If the queue is
        gated, ``gate`` chooses among the first of each key (at least as many of each as the share, for at most
        ``MAX_KEYS_SEEN`` keys), and the queue that it gives back is written. No task is handed to two takers.
        A step has to answer for the task, and on the version, that it was given: else ``Conflict``, here and in
        ``reclaim``.
        """
        ...

    def reclaim(self, limit: int, step: TaskStep) -> tuple[Decision, ...]:
        """Pass held tasks (running or cancelling) with ``lease_until <= now`` through ``step``, oldest lease first."""
        ...

    def save(self, decisions: Sequence[Decision]) -> tuple[bool, ...]:
        """Write decisions that were made outside; for each, whether it was applied (False: its version had moved on).

        They are written in order, so a later one may build on an earlier one. A decision without events writes nothing
        and counts as applied if its version is current. One stale decision does not hold up the others. ``Conflict``
        (and nothing written) if a name is taken.
        """
        ...

    def update(self, task_ids: Sequence[TaskId], step: TaskStep) -> tuple[Decision | Refused, ...]:
        """Pass each named task through ``step`` under lock and write what it gives; answers in the order asked.

        A step's own ``MainspringError``, a missing task or a taken name refuses that task only.
        """
        ...

    def delete(self, task_ids: Sequence[TaskId], wanted: TaskTest | None = None) -> int:
        """Remove tasks in any state with their history; slot records stay. Returns how many were removed.

        With ``wanted``, only those for which it is true of the task as it is in this transaction, under lock.
        """
        ...

    def prune(self, project: str | None, statuses: frozenset[str], before: datetime, limit: int) -> int:
        """Delete tasks that ended before ``before`` in one of ``statuses``, oldest end first, at most ``limit``.

        Of one project, or of all (None). Also forgets idempotency keys older than ``KEEP_KEYS``. Slot records stay:
        they are the fence of their occurrences. Returns how many tasks were deleted.
        """
        ...

    def get_queue(self, ref: QueueRef) -> Queue:
        """Read a queue's settings; one that was never configured has the defaults."""
        ...

    def update_queue(self, ref: QueueRef, step: QueueStep) -> Queue:
        """Pass a queue's settings (or the defaults) through ``step`` under lock and write what it gives."""
        ...

    def delete_queue(self, ref: QueueRef) -> None:
        """Forget a queue's settings; its tasks stay, and it is open from now on. ``NotFound`` if it has none."""
        ...

    def queues(self, project: str | None = None) -> tuple[QueueStatus, ...]:
        """Name the queues of a project (None: of all) that are configured or hold live tasks, by project and name."""
        ...

    def configured(self) -> tuple[Queue, ...]:
        """Read the settings of every configured queue; cheap, since every worker asks at each look."""
        ...

    def upcoming(self, queues: Sequence[str]) -> Upcoming:
        """Find the earliest instants at which there is something to do; they may lie in the past."""
        ...

    def add_schedule(self, schedule: Schedule) -> None:
        """Insert a new schedule and its event *created*. ``Conflict`` if the id or, in its project, the name exists."""
        ...

    def get_schedule(self, schedule_id: ScheduleId) -> Schedule:
        """Read one schedule, or raise ``NotFound``."""
        ...

    def find_schedules(self, query: ScheduleQuery) -> Page[Schedule]:
        """Find schedules. ``InvalidInput`` for a cursor that this storage did not give."""
        ...

    def update_schedule(self, schedule_id: ScheduleId, step: ScheduleStep) -> Plan:
        """Pass one schedule through ``step`` under lock and write its plan.

        ``NotFound``; ``Conflict`` for a taken name, a slot or a task that exists, or a plan of another version. A plan
        whose schedule has the version that was read changes nothing.
        """
        ...

    def fire(self, limit: int, step: ScheduleStep) -> tuple[Plan | Unplanned, ...]:
        """Pass schedules with ``wake_at <= now`` through ``step`` and write their plans, earliest first.

        At most ``limit`` of them. One plan is written whole: its tasks, its cancels (each as the core's ``Cancel``),
        its slots, its events and the advanced schedule, in one transaction. A schedule whose step or write is refused
        (a ``MainspringError``) stays as it is, and holds up no other.
        """
        ...

    def delete_schedule(self, schedule_id: ScheduleId) -> None:
        """Remove a schedule; its tasks and slot records stay. ``NotFound`` if there is none."""
        ...

    def slots(self, schedule_id: ScheduleId, limit: int = 100, upto: datetime | None = None) -> tuple[Slot, ...]:
        """Read the newest slot records of a schedule: the latest occurrence first; also of one that was deleted.

        ``upto``: only those of occurrences up to that instant (included).
        """
        ...

    def schedule_history(self, schedule_id: ScheduleId) -> tuple[ScheduleEvent, ...]:
        """Read what was done to a schedule, oldest first; also of one that was deleted."""
        ...

    def close(self) -> None:
        """Release files and connections; repeating it does nothing."""
        ...


class AsyncStorage(Protocol):
    """The storage port, in its asynchronous colour: operation by operation as ``Storage`` says."""

    async def now(self) -> datetime:
        """As ``Storage.now``."""
        ...

    async def add(self, creations: Sequence[Creation], *, atomic: bool = True) -> tuple[Accepted | Refused, ...]:
        """As ``Storage.add``."""
        ...

    async def get(self, task_id: TaskId) -> Task:
        """As ``Storage.get``."""
        ...

    async def find(self, query: TaskQuery) -> Page[Task]:
        """As ``Storage.find``."""
        ...

    async def count(self, project: str) -> Mapping[str, int]:
        """As ``Storage.count``."""
        ...

    async def history(self, task_id: TaskId) -> tuple[Event, ...]:
        """As ``Storage.history``."""
        ...

    async def take(self, shares: Mapping[QueueRef, int], step: TaskStep, gate: Gate) -> Taken:
        """As ``Storage.take``."""
        ...

    async def reclaim(self, limit: int, step: TaskStep) -> tuple[Decision, ...]:
        """As ``Storage.reclaim``."""
        ...

    async def save(self, decisions: Sequence[Decision]) -> tuple[bool, ...]:
        """As ``Storage.save``."""
        ...

    async def update(self, task_ids: Sequence[TaskId], step: TaskStep) -> tuple[Decision | Refused, ...]:
        """As ``Storage.update``."""
        ...

    async def delete(self, task_ids: Sequence[TaskId], wanted: TaskTest | None = None) -> int:
        """As ``Storage.delete``."""
        ...

    async def prune(self, project: str | None, statuses: frozenset[str], before: datetime, limit: int) -> int:
        """As ``Storage.prune``."""
        ...

    async def get_queue(self, ref: QueueRef) -> Queue:
        """As ``Storage.get_queue``."""
        ...

    async def update_queue(self, ref: QueueRef, step: QueueStep) -> Queue:
        """As ``Storage.update_queue``."""
        ...

    async def delete_queue(self, ref: QueueRef) -> None:
        """As ``Storage.delete_queue``."""
        ...

    async def queues(self, project: str | None = None) -> tuple[QueueStatus, ...]:
        """As ``Storage.queues``."""
        ...

    async def configured(self) -> tuple[Queue, ...]:
        """As ``Storage.configured``."""
        ...

    async def upcoming(self, queues: Sequence[str]) -> Upcoming:
        """As ``Storage.upcoming``."""
        ...

    async def add_schedule(self, schedule: Schedule) -> None:
        """As ``Storage.add_schedule``."""
        ...

    async def get_schedule(self, schedule_id: ScheduleId) -> Schedule:
        """As ``Storage.get_schedule``."""
        ...

    async def find_schedules(self, query: ScheduleQuery) -> Page[Schedule]:
        """As ``Storage.find_schedules``."""
        ...

    async def update_schedule(self, schedule_id: ScheduleId, step: ScheduleStep) -> Plan:
        """As ``Storage.update_schedule``."""
        ...

    async def fire(self, limit: int, step: ScheduleStep) -> tuple[Plan | Unplanned, ...]:
        """As ``Storage.fire``."""
        ...

    async def delete_schedule(self, schedule_id: ScheduleId) -> None:
        """As ``Storage.delete_schedule``."""
        ...

    async def slots(self, schedule_id: ScheduleId, limit: int = 100, upto: datetime | None = None) -> tuple[Slot, ...]:
        """As ``Storage.slots``."""
        ...

    async def schedule_history(self, schedule_id: ScheduleId) -> tuple[ScheduleEvent, ...]:
        """As ``Storage.schedule_history``."""
        ...

    async def close(self) -> None:
        """As ``Storage.close``."""
        ...


class Wakeups(Protocol):
    """Hints that there may be work. A hint may come late, twice or never: the engine's own look is the truth."""

    async def wait(self, timeout: timedelta) -> None:
        """Return at the first hint since the last call returned, or after ``timeout``."""
        ...

    def wake(self) -> None:
        """Give a hint; may be called from any thread."""
        ...


class Entropy(Protocol):
    """Where chance comes from."""

    def fraction(self) -> float:
        """Draw a number in [0, 1)."""
        ...

    def octets(self, count: int) -> bytes:
        """Draw ``count`` random bytes."""
        ...


@frozen(kw_only=True)
class Run:
    """What an executor is told of the run that it carries out, beside the task itself.

    ``deadline`` is on the storage's clock; the engine ends the run then. ``stopped()`` tells, from any thread, that
    the result is not wanted any more (cancelled, timed out, lease lost, or the worker shuts down). ``note(text,
    progress)`` puts a line, and how far the work is (0 to 1), on the task's record; from any thread, and at once.
    """

    run: int
    attempt: int
    worker: str
    deadline: datetime
    stopped: Callable[[], bool]
    note: Callable[[str, float | None], None]


@frozen(kw_only=True)
class Done:
    """The call did its work; ``result`` is an excerpt to keep."""

    result: str = ""


@frozen(kw_only=True)
class Broken:
    """The call did not do its work."""

    failure: Failure


@frozen(kw_only=True)
class Snoozed:
    """The call asks to be made again in ``wait``, without burning an attempt."""

    wait: timedelta


Outcome: TypeAlias = Done | Broken | Snoozed


class Executor(Protocol):
    """Carries out calls.

    ``execute`` returns what came of the call; it raises for nothing that the call does. It is cancelled by the
    engine at the deadline, on a cancel, on a lost lease and at the end of a shutdown: then it stops the work and lets
    ``CancelledError`` through. If the work cannot be stopped (a thread), it lets go of it all the same.
    """

    def execute(self, task: Task, run: Run) -> Awaitable[Outcome]:
        """Carry out ``task.call`` as run ``run``."""
        ...
