"""Reading: tasks, schedules, queues and what is coming, each by one statement and so of one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from mainspring.adapters.codec import EVENT, QUEUE
from mainspring.adapters.storages.paging import page, read_cursor
from mainspring.adapters.storages.postgres import queue_statements as queue_sql
from mainspring.adapters.storages.postgres import task_statements as task_sql
from mainspring.adapters.storages.postgres.rows import SCHEDULE_COLUMNS, Unreadable, micros, read_schedule, read_task
from mainspring.adapters.storages.postgres.texts import Operation, Texts
from mainspring.core.errors import CorruptHistory, InvalidInput, NotFound
from mainspring.core.events import Event
from mainspring.core.ids import TaskId, is_uuid
from mainspring.core.instants import from_micros
from mainspring.core.ports import Page, QueueStatus, ScheduleQuery, TaskQuery, Upcoming
from mainspring.core.queue import Queue, QueueRef, queue_ref
from mainspring.core.schedule import Schedule
from mainspring.core.states import LIVE_STATUSES, TERMINAL_STATUSES
from mainspring.core.task import Task

_NOBODY: Final = "00000000-0000-0000-0000-000000000000"
_LIVE: Final = "{s}.live s JOIN {s}.tasks t ON t.id = s.id"
_ENDED: Final = "{s}.ended s JOIN {s}.tasks t ON t.id = s.id"
_ANY: Final = """{s}.tasks t CROSS JOIN LATERAL (
    SELECT status, state, version, NULL::bigint AS ended_at FROM {s}.live WHERE id = t.id
    UNION ALL SELECT status, state, version, ended_at FROM {s}.ended WHERE id = t.id
) s"""


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


def find(sql: Texts, query: TaskQuery) -> Operation[tuple[Page[Task], list[Unreadable]]]:
    """Find tasks, newest first; and those among them that could not be read."""
    source, conditions, values = _conditions(query)
    found: list[Task] = []
    unreadable: list[Unreadable] = []
    after = _after(query.after)
    while len(found) <= query.limit:
        here, more = _behind(conditions, values, after)
        statement = (
            "SELECT t.id::text, t.body, s.state, s.version, t.quarantined, t.created_at"
            f" FROM {source} WHERE {here} ORDER BY t.created_at DESC, t.id DESC LIMIT %s"
        )
        rows = yield sql(statement), (*more, query.limit + 1)
        for *columns, _ in rows:
            try:
                found.append(read_task(*columns))
            except CorruptHistory as error:
                unreadable.append(Unreadable(columns[0], str(error)))
        if len(rows) <= query.limit:
            break
        after = (rows[-1][-1], rows[-1][0])
    return page(found, query.limit), unreadable


def _after(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    after = read_cursor(cursor)
    if not is_uuid(after[1]):
        raise InvalidInput("after", f"{cursor[:80]!r} is no cursor", "give the cursor of the page before, or none")
    return after


def _behind(conditions: str, values: Sequence[object], after: tuple[int, str] | None) -> tuple[str, tuple[object, ...]]:
    if after is None:
        return conditions, tuple(values)
    return f"{conditions} AND (t.created_at, t.id) < (%s, %s::uuid)", (*values, *after)


def _conditions(query: TaskQuery) -> tuple[str, str, list[object]]:
    """Say where to look, and for what. Tables for live and for ended tasks are asked only if they may hold it."""
    wanted = query.statuses or LIVE_STATUSES | TERMINAL_STATUSES
    if query.ended_before is not None:
        wanted &= TERMINAL_STATUSES
    source = _ENDED if wanted <= TERMINAL_STATUSES else _LIVE if wanted <= LIVE_STATUSES else _ANY
    conditions = "t.project = %s AND t.quarantined IS NULL"
    values: list[object] = [query.project]
    if query.statuses or query.ended_before is not None:
        conditions += " AND s.status = ANY (%s::text[])"
        values.append(sorted(wanted))
    asked: tuple[tuple[str, object], ...] = (
        ("t.queue = %s", query.queue),
        ("t.name = %s", query.name),
        ("t.key = %s", query.key),
        ("t.schedule_id = %s::uuid", _uuid(query.schedule_id)),
        ("t.created_at < %s", micros(query.created_before)),
        ("s.ended_at < %s", micros(query.ended_before)),
    )
    for condition, value in asked:
        if value is not None:
            conditions += f" AND {condition}"
            values.append(value)
    return source, conditions, values


def _uuid(key: str | None) -> str | None:
    """Give a key as a UUID: a text that is none finds nothing."""
    return key if key is None or is_uuid(key) else _NOBODY


def find_schedules(sql: Texts, query: ScheduleQuery) -> Operation[tuple[Page[Schedule], list[Unreadable]]]:
    """Find schedules, newest first; and those among them that could not be read."""
    conditions, values = "t.project = %s AND t.quarantined IS NULL", [query.project]
    if query.name is not None:
        conditions += " AND t.name = %s AND t.name IS NOT NULL"
        values.append(query.name)
    found: list[Schedule] = []
    unreadable: list[Unreadable] = []
    after = _after(query.after)
    while len(found) <= query.limit:
        here, more = _behind(conditions, values, after)
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
