"""The tasks of a ``MemoryStorage``: dicts, and the orders that its questions need. Not safe for threads by itself."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from heapq import nsmallest
from itertools import islice
from typing import TypeAlias

from mainspring.adapters.storages.lazy_heap import LazyHeap
from mainspring.adapters.storages.paging import Position, page, position, read_cursor
from mainspring.core.errors import Conflict, NotFound
from mainspring.core.events import Event
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.matching import ended_before, matches
from mainspring.core.ports import MAX_KEYS_SEEN, MAX_LIVE, Page, TaskQuery
from mainspring.core.queue import QueueRef, queue_of
from mainspring.core.states import LIVE, LIVE_STATUSES, Cancelling, Pending, Running
from mainspring.core.task import Task, schedule_of

_Turn: TypeAlias = tuple[int, datetime, str]
"""What due tasks are ordered by: minus priority, due, id."""


class _Line:
    """The pending tasks of one queue: by due, those that wait for their instant, and those whose turn has come."""

    def __init__(self) -> None:
        self.by_due: LazyHeap[tuple[datetime, str]] = LazyHeap()
        self._future: LazyHeap[tuple[datetime, str]] = LazyHeap()
        self._ready: LazyHeap[_Turn] = LazyHeap()

    def put(self, task: Task, due: datetime) -> None:
        """Add a task that is in none of the orders."""
        self.by_due.put(task.id, (due, task.id))
        self._future.put(task.id, (due, task.id))

    def discard(self, task_id: TaskId) -> None:
        """Take a task out."""
        self.by_due.discard(task_id)
        self._future.discard(task_id)
        self._ready.discard(task_id)

    def first(self, now: datetime, tasks: dict[TaskId, Task]) -> _Turn | None:
        """Move what has come due to the ready ones, and show the first of those."""
        while (top := self._future.peek()) is not None and top[0][0] <= now:
            self._future.pop()
            self._ready.put(top[1], (-tasks[TaskId(top[1])].priority, *top[0]))
        while (found := self._ready.peek()) is not None and found[0][1] > now:
            self._ready.pop()  # the clock went back: not due yet after all
            self._future.put(found[1], found[0][1:])
        return None if found is None else found[0]

    def set_first_aside(self) -> None:
        """Take the first of the ready ones out of the ready ones only."""
        self._ready.pop()


class _Queue:
    """The pending tasks of a queue: all of them in one line, those with a key once more in the line of their key."""

    def __init__(self) -> None:
        self.all = _Line()
        self.keys: dict[str, _Line] = {}
        self.held: set[TaskId] = set()

    def put(self, task: Task, due: datetime) -> None:
        """Add a pending task that is in no line."""
        self.all.put(task, due)
        if task.key is not None:
            self.keys.setdefault(task.key, _Line()).put(task, due)

    def discard(self, task: Task) -> None:
        """Take a task out of its lines."""
        self.all.discard(task.id)
        if task.key is not None and task.key in self.keys:
            self.keys[task.key].discard(task.id)
            if not self.keys[task.key].by_due:
                del self.keys[task.key]

    def idle(self) -> bool:
        """Whether there is nothing in it."""
        return not self.all.by_due and not self.held


class TaskTable:
    """Every task with its history; ``put`` keeps all orders right."""

    def __init__(self) -> None:
        self.rows: dict[TaskId, Task] = {}
        self.events: dict[TaskId, list[Event]] = {}
        self._queues: defaultdict[QueueRef, _Queue] = defaultdict(_Queue)
        self._leases: LazyHeap[tuple[datetime, str]] = LazyHeap()
        self._ended: set[TaskId] = set()
        self._names: dict[tuple[str, str], TaskId] = {}
        self._children: defaultdict[ScheduleId, set[TaskId]] = defaultdict(set)
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._order: list[Position] = []

    def get(self, task_id: TaskId) -> Task:
        """Read one task, or raise ``NotFound``."""
        try:
            return self.rows[task_id]
        except KeyError:
            raise NotFound("task", task_id) from None

    # --- writing -----------------------------------------------------------------------------------------------------

    def put(self, task_id: TaskId, task: Task | None) -> Task | None:
        """Write a task (None: remove it), and give what was there before. ``Conflict`` if its name is taken."""
        before = self.rows.get(task_id)
        if task is not None:
            self._check_name(task)
        if before is not None:
            self._unindex(before)
        elif task is not None:
            insort(self._order, position(task.created_at, task_id))
        if task is not None:
            self.rows[task_id] = task
            self._index(task)
        elif before is not None:
            del self.rows[task_id]
            del self._order[bisect_left(self._order, position(before.created_at, task_id))]
        return before

    def _check_name(self, task: Task) -> None:
        if task.name is None or task.state.status not in LIVE_STATUSES:
            return
        holder = self._names.get((task.project, task.name))
        if holder is not None and holder != task.id:
            raise Conflict(f"name {task.name!r}", f"task {holder} has it", "wait for its end, or use another name")

    def named(self, task: Task) -> Task | None:
        """Find the live task that has the name of a live task; it may be that very task."""
        if task.name is None or task.state.status not in LIVE_STATUSES:
            return None
        holder = self._names.get((task.project, task.name))
        return None if holder is None else self.rows[holder]

    def _index(self, task: Task) -> None:
        state = task.state
        self._counts[task.project][state.status] += 1
        if isinstance(state, Pending):
            self._queues[queue_of(task)].put(task, state.due)
        elif isinstance(state, Running | Cancelling):
            self._queues[queue_of(task)].held.add(task.id)
            self._leases.put(task.id, (state.lease_until, task.id))
        else:
            self._ended.add(task.id)
        if state.status in LIVE_STATUSES:
            if task.name is not None:
                self._names[task.project, task.name] = task.id
            schedule_id = schedule_of(task)
            if schedule_id is not None:
                self._children[schedule_id].add(task.id)

    def _unindex(self, task: Task) -> None:
        state = task.state
        self._counts[task.project][state.status] -= 1
        if isinstance(state, LIVE):
            self._leave(task)
        else:
            self._ended.discard(task.id)
        if task.name is not None and self._names.get((task.project, task.name)) == task.id:
            del self._names[task.project, task.name]
        schedule_id = schedule_of(task)
        if schedule_id is not None and schedule_id in self._children:
            self._children[schedule_id].discard(task.id)
            if not self._children[schedule_id]:
                del self._children[schedule_id]

    def _leave(self, task: Task) -> None:
        """Take a live task out of its queue."""
        ref = queue_of(task)
        queue = self._queues[ref]
        queue.discard(task)
        queue.held.discard(task.id)
        self._leases.discard(task.id)
        if queue.idle():
            del self._queues[ref]

    def refresh(self, tasks: Sequence[Task]) -> None:
        """Give tasks that ``due`` or ``expired`` set aside their places back."""
        for task in tasks:
            current = self.rows.get(task.id)
            if current is not None:
                self._unindex(current)
                self._index(current)

    # --- finding -----------------------------------------------------------------------------------------------------

    def due(self, ref: QueueRef, limit: int, now: datetime) -> list[Task]:
        """Set due tasks of a queue aside, at most ``limit``, by priority (higher first), then due, then id."""
        if ref not in self._queues:
            return []
        return self._set_aside(self._queues[ref].all, limit, now)

    def candidates(self, ref: QueueRef, limit: int, now: datetime, turns: Mapping[str, datetime]) -> list[Task]:
        """Set the first due tasks of each key aside, ``limit`` of each; keys that wait longest for a turn first."""
        if ref not in self._queues:
            return []
        queue = self._queues[ref]
        keys = nsmallest(MAX_KEYS_SEEN, queue.keys, key=lambda key: (key in turns, turns.get(key, now), key))
        found = [task for key in keys for task in self._set_aside(queue.keys[key], limit, now)]
        return found + self._keyless(queue, limit, now)

    def _keyless(self, queue: _Queue, limit: int, now: datetime) -> list[Task]:
        """Set the first due tasks without a key aside."""
        aside: list[Task] = []
        found: list[Task] = []
        while len(found) < limit and (turn := queue.all.first(now, self.rows)) is not None:
            task = self.rows[TaskId(turn[2])]
            queue.all.set_first_aside()
            (found if task.key is None else aside).append(task)
        self.refresh(aside)
        return found

    def _set_aside(self, line: _Line, limit: int, now: datetime) -> list[Task]:
        found: list[Task] = []
        while len(found) < limit and (turn := line.first(now, self.rows)) is not None:
            found.append(self.rows[TaskId(turn[2])])
            line.set_first_aside()
        return found

    def running(self, ref: QueueRef, now: datetime) -> dict[str, int]:
        """Count the held tasks of a queue whose lease has not ended, by key."""
        counts: Counter[str] = Counter()
        for task_id in self._queues[ref].held if ref in self._queues else ():
            task = self.rows[task_id]
            if isinstance(task.state, Running | Cancelling) and task.state.lease_until > now:
                counts[task.key or ""] += 1
        return dict(counts)

    def ended(self, project: str | None, statuses: frozenset[str], before: datetime, limit: int) -> list[Task]:
        """Find tasks that ended before ``before``, oldest end first."""
        tasks = (self.rows[task_id] for task_id in self._ended)
        matching = [
            task
            for task in tasks
            if task.state.status in statuses and project in (None, task.project) and ended_before(task, before)
        ]
        return nsmallest(limit, matching, key=lambda task: (_end(task), task.id))

    def counts(self, project: str | None) -> dict[QueueRef, tuple[int, int]]:
        """Count the pending and the held tasks of each queue that has any."""
        return {
            ref: (len(queue.all.by_due), len(queue.held))
            for ref, queue in self._queues.items()
            if project in (None, ref.project)
        }

    def expired(self, limit: int, now: datetime) -> list[Task]:
        """Set held tasks whose lease has ended aside, at most ``limit``, oldest lease first."""
        found: list[Task] = []
        while len(found) < limit and (top := self._leases.peek()) is not None and top[0][0] <= now:
            self._leases.pop()
            found.append(self.rows[TaskId(top[1])])
        return found

    def live_of(self, schedule_id: ScheduleId) -> tuple[TaskId, ...]:
        """Name the live tasks of a schedule, by id, at most ``MAX_LIVE``."""
        return tuple(nsmallest(MAX_LIVE, self._children.get(schedule_id, ())))

    def earliest_due(self, names: Sequence[str]) -> dict[QueueRef, datetime]:
        """Find the least ``due`` of the pending tasks of each queue of those names (none: any)."""
        found: dict[QueueRef, datetime] = {}
        for ref, queue in self._queues.items():
            top = queue.all.by_due.peek() if not names or ref.name in names else None
            if top is not None:
                found[ref] = top[0][0]
        return found

    def earliest_lease(self) -> datetime | None:
        """Find the least ``lease_until`` of the held tasks."""
        top = self._leases.peek()
        return None if top is None else top[0][0]

    def count(self, project: str) -> dict[str, int]:
        """Count the project's tasks by status."""
        return {status: count for status, count in self._counts[project].items() if count}

    def find(self, query: TaskQuery) -> Page[Task]:
        """Find tasks, newest first."""
        matching = (task for task in self._newest(query.after) if matches(task, query))
        found = tuple(islice(matching, query.limit + 1))
        return page(found, query.limit)

    def _newest(self, after: str | None) -> Iterator[Task]:
        end = len(self._order) if after is None else bisect_left(self._order, read_cursor(after))
        return (self.rows[TaskId(self._order[index][1])] for index in range(end - 1, -1, -1))


def _end(task: Task) -> datetime:
    state = task.state
    return task.created_at if isinstance(state, Pending | Running | Cancelling) else state.at
