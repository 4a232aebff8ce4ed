"""The tasks of a ``MemoryStorage``: dicts, and the orders that its questions need. Not safe for threads by itself."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from heapq import heapify, heappop, heapreplace, nsmallest
from itertools import islice
from typing import TypeAlias

from mainspring.adapters.storages.lazy_heap import LazyHeap
from mainspring.adapters.storages.paging import Position, page, position, read_cursor
from mainspring.core.errors import Conflict, NotFound
from mainspring.core.events import Event
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.ports import MAX_LIVE, Page, TaskQuery
from mainspring.core.states import LIVE_STATUSES, Cancelling, Pending, Running
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


class TaskTable:
    """Every task with its history; ``put`` keeps all orders right."""

    def __init__(self) -> None:
        self.rows: dict[TaskId, Task] = {}
        self.events: dict[TaskId, list[Event]] = {}
        self._lines: defaultdict[str, _Line] = defaultdict(_Line)
        self._leases: LazyHeap[tuple[datetime, str]] = LazyHeap()
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

    def _index(self, task: Task) -> None:
        state = task.state
        self._counts[task.project][state.status] += 1
        if isinstance(state, Pending):
            self._lines[task.queue].put(task, state.due)
        elif isinstance(state, Running | Cancelling):
            self._leases.put(task.id, (state.lease_until, task.id))
        if state.status in LIVE_STATUSES:
            if task.name is not None:
                self._names[task.project, task.name] = task.id
            schedule_id = schedule_of(task)
            if schedule_id is not None:
                self._children[schedule_id].add(task.id)

    def _unindex(self, task: Task) -> None:
        state = task.state
        self._counts[task.project][state.status] -= 1
        if isinstance(state, Pending):
            line = self._lines[task.queue]
            line.discard(task.id)
            if not line.by_due:
                del self._lines[task.queue]
        elif isinstance(state, Running | Cancelling):
            self._leases.discard(task.id)
        if task.name is not None and self._names.get((task.project, task.name)) == task.id:
            del self._names[task.project, task.name]
        schedule_id = schedule_of(task)
        if schedule_id is not None and schedule_id in self._children:
            self._children[schedule_id].discard(task.id)
            if not self._children[schedule_id]:
                del self._children[schedule_id]

    def refresh(self, tasks: Sequence[Task]) -> None:
        """Give tasks that ``due`` or ``expired`` set aside their places back."""
        for task in tasks:
            current = self.rows.get(task.id)
            if current is not None:
                self._unindex(current)
                self._index(current)

    # --- finding -----------------------------------------------------------------------------------------------------

    def due(self, queues: Sequence[str], limit: int, now: datetime) -> list[Task]:
        """Set due tasks aside, at most ``limit``, by priority (higher first), then due, then id."""
        turns: list[tuple[_Turn, _Line]] = []
        for line in self._of(queues):
            turn = line.first(now, self.rows)
            if turn is not None:
                turns.append((turn, line))
        heapify(turns)
        found: list[Task] = []
        while turns and len(found) < limit:
            (_, _, task_id), line = turns[0]
            found.append(self.rows[TaskId(task_id)])
            line.set_first_aside()
            following = line.first(now, self.rows)
            if following is None:
                heappop(turns)
            else:
                heapreplace(turns, (following, line))
        return found

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

    def earliest_due(self, queues: Sequence[str]) -> datetime | None:
        """Find the least ``due`` of the pending tasks of ``queues`` (none: any)."""
        tops = [line.by_due.peek() for line in self._of(queues)]
        return min((top[0][0] for top in tops if top is not None), default=None)

    def earliest_lease(self) -> datetime | None:
        """Find the least ``lease_until`` of the held tasks."""
        top = self._leases.peek()
        return None if top is None else top[0][0]

    def _of(self, queues: Sequence[str]) -> list[_Line]:
        names = dict.fromkeys(queues) if queues else self._lines
        return [self._lines[name] for name in names if name in self._lines]

    def count(self, project: str) -> dict[str, int]:
        """Count the project's tasks by status."""
        return {status: count for status, count in self._counts[project].items() if count}

    def find(self, query: TaskQuery) -> Page[Task]:
        """Find tasks, newest first."""
        matching = (task for task in self._newest(query.after) if _matches(task, query))
        found = tuple(islice(matching, query.limit + 1))
        return page(found, query.limit)

    def _newest(self, after: str | None) -> Iterator[Task]:
        end = len(self._order) if after is None else bisect_left(self._order, read_cursor(after))
        return (self.rows[TaskId(self._order[index][1])] for index in range(end - 1, -1, -1))


def _matches(task: Task, query: TaskQuery) -> bool:
    return (
        task.project == query.project
        and (not query.statuses or task.state.status in query.statuses)
        and query.queue in (None, task.queue)
        and query.name in (None, task.name)
        and query.schedule_id in (None, schedule_of(task))
    )
