"""Finding and counting the tasks of a file, inside a read transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from heapq import merge
from operator import itemgetter
from typing import Final, TypeAlias, cast

from mainspring.adapters.storages.paging import Position, page, read_cursor
from mainspring.adapters.storages.sqlite.fetching import fetch_all
from mainspring.adapters.storages.sqlite.rows import TASK_COLUMNS, TaskRow, Unreadable, micros, read_task
from mainspring.core.errors import CorruptHistory
from mainspring.core.ids import TaskId
from mainspring.core.ports import Page, TaskQuery
from mainspring.core.states import STATES
from mainspring.core.task import Task

_STATUSES: Final = tuple(state.status for state in STATES)
_END: Final = (1 << 62, "")
_ORDER: Final = "ORDER BY t.created_at DESC, t.id DESC LIMIT ?"
_FROM: Final = "FROM tasks t LEFT JOIN bodies b ON b.task = t.n"
_CHUNK: Final = 50
_Found: TypeAlias = tuple[Position, TaskRow]


def find(connection: sqlite3.Connection, query: TaskQuery) -> tuple[Page[Task], list[Unreadable]]:
    """Find tasks, newest first; and the rows among them that could not be read."""
    after = _END if query.after is None else read_cursor(query.after)
    found: list[Task] = []
    unreadable: list[Unreadable] = []
    for _, row in _newest(connection, query, after):
        try:
            found.append(read_task(row))
        except CorruptHistory as error:
            unreadable.append(Unreadable(row[0], str(error)))
        if len(found) > query.limit:
            break
    return page(found, query.limit), unreadable


def _newest(connection: sqlite3.Connection, query: TaskQuery, after: Position) -> Iterator[_Found]:
    """Walk the matching rows. By name or schedule there is one index; else one walk a status, merged."""
    conditions = "t.project = ? AND t.quarantined IS NULL"
    values: list[object] = [query.project]
    wanted_values: tuple[tuple[str, object], ...] = (
        ("queue =", query.queue),
        ("name =", query.name),
        ("key =", query.key),
        ("schedule_id =", query.schedule_id),
        ("created_at <", micros(query.created_before)),
        ("ended_at <", micros(query.ended_before)),
    )
    for condition, value in wanted_values:
        if value is not None:
            conditions += f" AND t.{condition} ?"
            values.append(value)
    wanted = [status for status in _STATUSES if not query.statuses or status in query.statuses]
    if query.name is not None or query.schedule_id is not None:
        marks = ", ".join("?" * len(wanted))
        # the + keeps the planner from walking the index by status instead of that by name or schedule
        return _walk(connection, f"{conditions} AND +t.status IN ({marks})", [*values, *wanted], after, query.limit)
    size = max(2, min(query.limit + 1, _CHUNK))
    walks = [_walk(connection, f"{conditions} AND t.status = ?", [*values, status], after, size) for status in wanted]
    return merge(*walks, key=itemgetter(0), reverse=True)


def _walk(
    connection: sqlite3.Connection, conditions: str, values: list[object], after: Position, size: int
) -> Iterator[_Found]:
    statement = (
        f"SELECT t.created_at, {TASK_COLUMNS} {_FROM} WHERE {conditions} AND (t.created_at, t.id) < (?, ?) {_ORDER}"
    )
    while True:
        rows = fetch_all(connection, statement, (*values, *after, size))
        for created_at, *columns in rows:
            row = cast("TaskRow", tuple(columns))
            after = (created_at, row[1])
            yield after, row
        if len(rows) < size:
            return


def count(connection: sqlite3.Connection, project: str) -> dict[str, int]:
    """Count the project's tasks by status."""
    rows = connection.execute("SELECT status, count(*) FROM tasks WHERE project = ? GROUP BY status", (project,))
    return dict(rows.fetchall())


def ended(
    connection: sqlite3.Connection, project: str | None, status: str, before: int, limit: int
) -> list[tuple[int, TaskId]]:
    """Find tasks that ended before ``before`` in a state, oldest end first: when, and which."""
    query = "SELECT ended_at, id FROM tasks WHERE status = ? AND ended_at IS NOT NULL AND ended_at < ?"
    values: list[object] = [status, before]
    if project is not None:
        query += " AND project = ?"
        values.append(project)
    return connection.execute(f"{query} ORDER BY ended_at, id LIMIT ?", (*values, limit)).fetchall()
