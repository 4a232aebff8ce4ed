"""The tasks of a file: the statements, inside a transaction that the caller holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from mainspring.adapters.codec import EVENT
from mainspring.adapters.storages.sqlite.fetching import fetch_all
from mainspring.adapters.storages.sqlite.rows import (
    TASK_COLUMNS,
    TaskRow,
    Unreadable,
    body_row,
    check_seal,
    event_row,
    key_columns,
    read_task,
    state_row,
)
from mainspring.core.errors import Conflict, CorruptHistory, NotFound
from mainspring.core.events import UNRECORDED, Event
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.ports import MAX_LIVE
from mainspring.core.queue import QueueRef, queue_ref
from mainspring.core.states import LIVE_STATUSES
from mainspring.core.task import Task

_FROM: Final = "FROM tasks t LEFT JOIN bodies b ON b.task = t.n"
_BEGINNING: Final = -(1 << 62)

_INSERT: Final = (
    "INSERT INTO tasks (n, id, project, queue, name, key, schedule_id, rank, created_at,"
    " status, due, lease_until, ended_at, version, state, crc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_BODY: Final = "INSERT INTO bodies (task, body, crc) VALUES (?, ?, ?)"
_UPDATE: Final = (
    "UPDATE tasks SET status = ?, due = ?, lease_until = ?, ended_at = ?, version = ?, state = ?, crc = ? WHERE n = ?"
)
_UPDATE_KEYS: Final = (
    "UPDATE tasks SET project = ?, queue = ?, name = ?, key = ?, schedule_id = ?, rank = ?, created_at = ? WHERE n = ?"
)
_UPDATE_BODY: Final = "UPDATE bodies SET body = ?, crc = ? WHERE task = ?"
_ADD_HISTORY: Final = "INSERT INTO history (task, version, part, event, crc) VALUES (?, ?, ?, ?, ?)"
_QUARANTINE: Final = "UPDATE tasks SET quarantined = ?, due = NULL, lease_until = NULL WHERE n = ?"
_NAME_HOLDER: Final = "SELECT id FROM tasks WHERE project = ? AND name = ? AND name IS NOT NULL AND ended_at IS NULL"
_NEXT_LANE: Final = (
    "SELECT project, queue, rank, due, 0 FROM tasks WHERE due IS NOT NULL AND (project, queue, rank) > (?, ?, ?)"
    " ORDER BY project, queue, rank, due LIMIT 1"
)
_NEXT_RANK: Final = (
    "SELECT t.project, t.queue, t.rank, t.due, coalesce(q.gated, 0) FROM tasks t"
    " LEFT JOIN queues q ON q.project = t.project AND q.name = t.queue"
    " WHERE t.due IS NOT NULL AND t.project = ? AND t.queue = ? AND t.rank > ? ORDER BY t.rank, t.due LIMIT 1"
)
_DUE: Final = (
    f"SELECT {TASK_COLUMNS} {_FROM}"
    " WHERE t.project = ? AND t.queue = ? AND t.rank = ? AND t.due <= ? AND (t.due, t.id) > (?, ?)"
    " ORDER BY t.due, t.id LIMIT ?"
)
_EXPIRED: Final = (
    f"SELECT {TASK_COLUMNS} {_FROM}"
    " WHERE t.lease_until <= ? AND (t.lease_until, t.id) > (?, ?) ORDER BY t.lease_until, t.id LIMIT ?"
)


_BY_ID: Final = f"SELECT {TASK_COLUMNS} {_FROM} WHERE t.id = ?"


class Lane(NamedTuple):
    """The pending tasks of one queue and one priority, and the least ``due`` among them.

    ``gated`` (only told by ``next_lane``): whether starts out of the queue have to be admitted.
    """

    project: str
    queue: str
    rank: int
    first_due: int
    gated: int


def lanes(connection: sqlite3.Connection) -> Iterator[Lane]:
    """Find the lanes that hold pending tasks, by hopping from one to the next in the index."""
    row = connection.execute(_NEXT_LANE, ("", "", _BEGINNING)).fetchone()
    while row is not None:
        lane = Lane(*row)
        yield lane
        row = connection.execute(_NEXT_LANE, lane[:3]).fetchone()


def earliest_dues(connection: sqlite3.Connection, names: Sequence[str]) -> dict[QueueRef, int]:
    """Find the least ``due`` of the pending tasks of each queue of those names (none: any)."""
    found: dict[QueueRef, int] = {}
    for lane in lanes(connection):
        if not names or lane.queue in names:
            ref = queue_ref(lane.project, lane.queue)
            found[ref] = min(lane.first_due, found.get(ref, lane.first_due))
    return found


def next_lane(connection: sqlite3.Connection, ref: QueueRef, rank: int = _BEGINNING) -> Lane | None:
    """Find the lane of a queue behind ``rank``."""
    row = connection.execute(_NEXT_RANK, (ref.project, ref.name, rank)).fetchone()
    return None if row is None else Lane(*row)


def due_rows(
    connection: sqlite3.Connection, ref: QueueRef, lane: Lane | None, limit: int, now: int
) -> Iterator[TaskRow]:
    """Find the rows of a queue's due tasks from ``lane`` on, by rank, due, id; rows may be changed meanwhile."""
    while lane is not None:
        if lane.first_due <= now:
            yield from _lane_rows(connection, lane, now, limit)
        lane = next_lane(connection, ref, lane.rank)


def _lane_rows(connection: sqlite3.Connection, lane: Lane, now: int, chunk: int) -> Iterator[TaskRow]:
    after: tuple[int, str] = (_BEGINNING, "")
    while True:
        values = (lane.project, lane.queue, lane.rank, now, *after, chunk)
        rows: list[TaskRow] = fetch_all(connection, _DUE, values)
        yield from rows
        if len(rows) < chunk:
            return
        last = rows[-1]
        assert last[3] is not None  # noqa: S101  the row was found by its due
        after = (last[3], last[1])


def expired_rows(connection: sqlite3.Connection, limit: int, now: int) -> Iterator[TaskRow]:
    """Find the rows of held tasks whose lease has ended, oldest lease first; rows may be changed meanwhile."""
    after: tuple[int, str] = (_BEGINNING, "")
    while True:
        rows: list[TaskRow] = fetch_all(connection, _EXPIRED, (now, *after, limit))
        yield from rows
        if len(rows) < limit:
            return
        last = rows[-1]
        assert last[4] is not None  # noqa: S101  the row was found by its lease
        after = (last[4], last[1])


def readable(connection: sqlite3.Connection, rows: Iterator[TaskRow], limit: int) -> list[tuple[int, Task]]:
    """Read up to ``limit`` tasks; put rows that cannot be read in quarantine and go on."""
    found: list[tuple[int, Task]] = []
    while len(found) < limit and (row := next(rows, None)) is not None:
        try:
            found.append((row[0], read_task(row)))
        except CorruptHistory as error:
            quarantine(connection, [Unreadable(row[0], str(error))])
    return found


def quarantine(connection: sqlite3.Connection, rows: Sequence[Unreadable]) -> None:
    """Mark rows that cannot be read, so that nothing takes them up again."""
    connection.executemany(_QUARANTINE, [(row.reason, row.n) for row in rows])


def row_of(connection: sqlite3.Connection, task_id: TaskId) -> TaskRow:
    """Find the row of a task, or raise ``NotFound``."""
    rows: list[TaskRow] = fetch_all(connection, _BY_ID, (task_id,))
    if not rows:
        raise NotFound("task", task_id)
    return rows[0]


def insert(connection: sqlite3.Connection, tasks: Sequence[Task]) -> None:
    """Insert new tasks; ``Conflict`` if an id or a live name exists (the transaction is then to be undone)."""
    (first,) = connection.execute("SELECT coalesce(max(n), 0) + 1 FROM tasks").fetchone()
    rows = [(n, task.id, *key_columns(task), *state_row(task)) for n, task in enumerate(tasks, first)]
    bodies = [(n, *body_row(task)) for n, task in enumerate(tasks, first)]
    try:
        connection.executemany(_INSERT, rows)
    except sqlite3.IntegrityError as error:
        raise _clash(connection, tasks, first) from error
    connection.executemany(_INSERT_BODY, bodies)


def _clash(connection: sqlite3.Connection, tasks: Sequence[Task], first: int) -> Conflict:
    """Say which of the tasks could not be inserted: the first that is not there under its number."""
    for n, task in enumerate(tasks, first):
        found = connection.execute("SELECT n FROM tasks WHERE id = ?", (task.id,)).fetchone()
        if found is not None and found[0] != n:
            return Conflict(str(task), "its id exists already", "make a new id")
        holder = None if found is not None else name_holder(connection, task)
        if holder is not None and holder != task.id:
            return _taken(task, holder)
    return Conflict("store", "a task breaks a rule of the schema", "report this as a bug")


def name_holder(connection: sqlite3.Connection, task: Task) -> TaskId | None:
    """Find the live task that has the name of a live task; it may be that very task."""
    if task.name is None or task.state.status not in LIVE_STATUSES:
        return None
    row = connection.execute(_NAME_HOLDER, (task.project, task.name)).fetchone()
    return None if row is None else TaskId(row[0])


def _taken(task: Task, holder: str) -> Conflict:
    return Conflict(f"name {task.name!r}", f"task {holder} has it", "wait for its end, or use another name")


def version_of(connection: sqlite3.Connection, task_id: TaskId) -> tuple[int, int] | None:
    """Give number and version of a task's row, or None."""
    row: tuple[int, int] | None = connection.execute(
        "SELECT n, version FROM tasks WHERE id = ? AND quarantined IS NULL", (task_id,)
    ).fetchone()
    return row


def write_states(connection: sqlite3.Connection, rows: Sequence[tuple[int, Task]]) -> None:
    """Write state and version of tasks over their rows, in order."""
    connection.executemany(_UPDATE, [(*state_row(task), n) for n, task in rows])


def write_body(connection: sqlite3.Connection, n: int, task: Task) -> None:
    """Write what seldom changes of a task over row ``n``; ``Conflict``, before that, if its name is taken."""
    holder = name_holder(connection, task)
    if holder is not None and holder != task.id:
        raise _taken(task, holder)
    connection.execute(_UPDATE_BODY, (*body_row(task), n))
    connection.execute(_UPDATE_KEYS, (*key_columns(task), n))


def add_history(connection: sqlite3.Connection, rows: Sequence[tuple[int, int, Sequence[Event]]]) -> None:
    """Append events to histories: number of the row, version that the events led to, events."""
    connection.executemany(
        _ADD_HISTORY,
        [
            event_row(n, version, part, event)
            for n, version, events in rows
            for part, event in enumerate(events)
            if type(event) not in UNRECORDED
        ],
    )


def history(connection: sqlite3.Connection, task_id: TaskId) -> tuple[Event, ...]:
    """Read the events of a task, oldest first; ``NotFound``, ``CorruptHistory``."""
    row = connection.execute("SELECT n FROM tasks WHERE id = ?", (task_id,)).fetchone()
    if row is None:
        raise NotFound("task", task_id)
    found: list[Event] = []
    subject = f"task {task_id}"
    query = "SELECT version, part, event, crc FROM history WHERE task = ? ORDER BY version, part"
    for version, part, text, crc in fetch_all(connection, query, row):
        check_seal(crc, subject, text, row[0], version, part)
        found.append(EVENT.decode(text, subject))
    return tuple(found)


def delete(connection: sqlite3.Connection, task_id: TaskId) -> tuple[bool, ScheduleId | None]:
    """Remove a task; tell whether there was one, and the schedule that loses a live task by it."""
    row = connection.execute("SELECT n, schedule_id, ended_at FROM tasks WHERE id = ?", (task_id,)).fetchone()
    if row is None:
        return False, None
    n, schedule_id, ended_at = row
    connection.execute("DELETE FROM tasks WHERE n = ?", (n,))
    return True, (ScheduleId(schedule_id) if schedule_id is not None and ended_at is None else None)


def live_of(connection: sqlite3.Connection, schedule_id: ScheduleId) -> tuple[TaskId, ...]:
    """Name the live tasks of a schedule, by id, at most ``MAX_LIVE``."""
    query = (
        "SELECT id FROM tasks WHERE schedule_id = ? AND schedule_id IS NOT NULL AND ended_at IS NULL"
        " ORDER BY id LIMIT ?"
    )
    return tuple(TaskId(key) for (key,) in connection.execute(query, (schedule_id, MAX_LIVE)))


def earliest_lease(connection: sqlite3.Connection) -> int | None:
    """Find the least ``lease_until`` of the held tasks."""
    row = connection.execute("SELECT min(lease_until) FROM tasks WHERE lease_until IS NOT NULL").fetchone()
    found: int | None = row[0]
    return found
