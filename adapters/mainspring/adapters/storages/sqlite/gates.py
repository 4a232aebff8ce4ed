"""Gated queues: what a gate has to see of one, inside a transaction that the caller holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from mainspring.adapters.storages.sqlite import task_rows
from mainspring.adapters.storages.sqlite.fetching import fetch_all
from mainspring.adapters.storages.sqlite.rows import TASK_COLUMNS, TaskRow
from mainspring.core.instants import to_micros
from mainspring.core.ports import MAX_KEYS_SEEN
from mainspring.core.queue import QueueRef
from mainspring.core.task import Task

_FROM: Final = "FROM tasks t LEFT JOIN bodies b ON b.task = t.n"
_OF_QUEUE: Final = "t.project = ? AND t.queue = ? AND t.due IS NOT NULL"
_NEXT_KEY: Final = (
    "SELECT key FROM tasks WHERE due IS NOT NULL AND key IS NOT NULL AND project = ? AND queue = ? AND key > ?"
    " ORDER BY key LIMIT 1"
)
_BY_KEY: Final = (
    f"SELECT {TASK_COLUMNS} {_FROM} WHERE {_OF_QUEUE} AND t.key = ? AND t.due <= ? ORDER BY t.rank, t.due, t.id LIMIT ?"
)
_KEYLESS: Final = (
    f"SELECT {TASK_COLUMNS} {_FROM} WHERE {_OF_QUEUE} AND t.key IS NULL AND t.due <= ?"
    " ORDER BY t.rank, t.due, t.id LIMIT ?"
)
_RUNNING: Final = (
    "SELECT coalesce(key, ''), count(*) FROM tasks"
    " WHERE lease_until IS NOT NULL AND lease_until > ? AND project = ? AND queue = ? GROUP BY 1"
)


def running(connection: sqlite3.Connection, ref: QueueRef, now: datetime) -> dict[str, int]:
    """Count the held tasks of a queue whose lease has not ended, by key."""
    return dict(connection.execute(_RUNNING, (to_micros(now), ref.project, ref.name)).fetchall())


def candidates(
    connection: sqlite3.Connection, ref: QueueRef, limit: int, now: datetime, turns: Mapping[str, datetime]
) -> list[tuple[int, Task]]:
    """Find the first due tasks of each key, ``limit`` of each; keys that wait longest for a turn first."""
    keys = list(_keys(connection, ref))
    if len(keys) > MAX_KEYS_SEEN:
        keys = sorted(keys, key=lambda key: (key in turns, turns.get(key, now), key))[:MAX_KEYS_SEEN]
    found: list[tuple[int, Task]] = []
    edge = to_micros(now)
    for key in keys:
        found += _readable(connection, _BY_KEY, (ref.project, ref.name, key, edge, limit), limit)
    return found + _readable(connection, _KEYLESS, (ref.project, ref.name, edge, limit), limit)


def _keys(connection: sqlite3.Connection, ref: QueueRef) -> Iterator[str]:
    """Find the keys of pending tasks, by hopping from one to the next in the index."""
    row = connection.execute(_NEXT_KEY, (ref.project, ref.name, "")).fetchone()
    while row is not None:
        yield row[0]
        row = connection.execute(_NEXT_KEY, (ref.project, ref.name, row[0])).fetchone()


def _readable(
    connection: sqlite3.Connection, statement: str, values: Sequence[object], limit: int
) -> list[tuple[int, Task]]:
    rows: list[TaskRow] = fetch_all(connection, statement, values)
    return task_rows.readable(connection, iter(rows), limit)
