"""Reading: tasks, schedules, queues and what is coming, each by one statement and so of one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mainspring.adapters.codec import EVENT, QUEUE
from mainspring.adapters.storages.paging import page
from mainspring.adapters.storages.postgres import queue_statements as queue_sql
from mainspring.adapters.storages.postgres import task_statements as task_sql
from mainspring.adapters.storages.postgres.rows import SCHEDULE_COLUMNS, Unreadable, read_schedule, read_task
from mainspring.adapters.storages.postgres.searching import behind, position_behind
from mainspring.adapters.storages.postgres.texts import Operation, Texts
from mainspring.core.errors import CorruptHistory, NotFound
from mainspring.core.events import Event
from mainspring.core.ids import TaskId, is_uuid
from mainspring.core.instants import from_micros
from mainspring.core.ports import Page, QueueStatus, ScheduleQuery, Upcoming
from mainspring.core.queue import Queue, QueueRef, queue_ref
from mainspring.core.schedule import Schedule
from mainspring.core.task import Task


def now(sql: Texts, instant: int | None) -> Operation[int]:
    """Read the storage's clock, in microseconds."""
    rows = yield sql(task_sql.NOW), (instant,)
    micros_now: int = rows[0][0]
    return micros_now


def get(sql: Texts, task_id: TaskId) -> Operation[Task]:
    """Read one task."""
    rows = (yield sql(task_sql.GET), (task_id,)) if is_uuid(task_id) else []
    if not rows:
        raise NotFound("task", task_id)
    return read_task(*rows[0])


def history(sql: Texts, task_id: TaskId) -> Operation[tuple[Event, ...]]:
    """Read the recorded events of a task, oldest first."""
    rows = (yield sql(task_sql.HISTORY), (task_id,)) if is_uuid(task_id) else []
    if not rows:
        raise NotFound("task", task_id)
    return tuple([EVENT.decode(row[0], f"task {task_id}") for row in rows if row[0] is not None])


def count(sql: Texts, project: str) -> Operation[Mapping[str, int]]:
    """Count the project's tasks by status."""
    rows = yield sql(task_sql.COUNT), (project, project)
    return {row[0]: row[1] for row in rows}


def find_schedules(sql: Texts, query: ScheduleQuery) -> Operation[tuple[Page[Schedule], list[Unreadable]]]:
    """Find schedules, newest first; and those among them that could not be read."""
    conditions, values = "t.project = %s AND t.quarantined IS NULL", [query.project]
    if query.name is not None:
        conditions += " AND t.name = %s AND t.name IS NOT NULL"
        values.append(query.name)
    found: list[Schedule] = []
    unreadable: list[Unreadable] = []
    after = position_behind(query.after)
    while len(found) <= query.limit:
        here, more = behind("t", conditions, values, after)
        statement = (
            f"SELECT {SCHEDULE_COLUMNS}, t.created_at FROM {{s}}.schedules t"
            f" WHERE {here} ORDER BY t.created_at DESC, t.id DESC LIMIT %s"
        )
        rows = yield sql(statement), (*more, query.limit + 1)
        for *columns, _ in rows:
            try:
                found.append(read_schedule(*columns))
            except CorruptHistory as error:
                unreadable.append(Unreadable(columns[0], str(error)))
        if len(rows) <= query.limit:
            break
        after = (rows[-1][-1], rows[-1][0])
    return page(found, query.limit), unreadable


def upcoming(sql: Texts, queues: Sequence[str]) -> Operation[Upcoming]:
    """Find the earliest instants at which there is something to do."""
    rows = yield sql(queue_sql.UPCOMING), ()
    tasks = {
        queue_ref(project, name): from_micros(due)
        for project, name, due in rows
        if project is not None and (not queues or name in queues)
    }
    others = {name: None if at is None else from_micros(at) for project, name, at in rows if project is None}
    return Upcoming(tasks=tasks, lease=others["lease"], schedule=others["schedule"])


def get_queue(sql: Texts, ref: QueueRef) -> Operation[Queue]:
    """Read a queue's settings, or the defaults."""
    rows = yield sql(queue_sql.GET), (ref.project, ref.name)
    return QUEUE.decode(rows[0][0], str(ref)) if rows else Queue(ref=ref)


def configured(sql: Texts) -> Operation[tuple[Queue, ...]]:
    """Read the settings of every configured queue."""
    rows = yield sql(queue_sql.ALL), ()
    return tuple([QUEUE.decode(body, str(queue_ref(project, name))) for project, name, body in rows])


def statuses(sql: Texts, project: str | None) -> Operation[tuple[QueueStatus, ...]]:
    """Name the queues that are configured or hold live tasks, with their settings and counts."""
    known = {queue.ref: queue for queue in (yield from configured(sql))}
    rows = yield sql(task_sql.LIVE_COUNTS), ()
    counts = {queue_ref(of_project, name): (pending, held) for of_project, name, pending, held in rows}
    found: list[QueueStatus] = []
    for ref in sorted({*counts, *known}):
        if project in (None, ref.project):
            pending, held = counts.get(ref, (0, 0))
            found.append(QueueStatus(queue=known.get(ref) or Queue(ref=ref), pending=pending, held=held))
    return tuple(found)
