"""The queues' settings and the idempotency keys of a file, inside a transaction that the caller holds."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from mainspring.adapters.codec import QUEUE
from mainspring.adapters.storages.sqlite.fetching import fetch_all
from mainspring.adapters.storages.sqlite.rows import check_seal, seal
from mainspring.core.creation import KEEP_KEYS, IdempotencyKey
from mainspring.core.ids import TaskId
from mainspring.core.instants import to_micros
from mainspring.core.ports import QueueStatus
from mainspring.core.queue import Queue, QueueRef, queue_ref

_GET = "SELECT body, crc FROM queues WHERE project = ? AND name = ?"
_PUT = (
    "INSERT INTO queues (project, name, gated, body, crc) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (project, name) DO UPDATE SET gated = excluded.gated, body = excluded.body, crc = excluded.crc"
)
_ALL = "SELECT project, name, body, crc FROM queues ORDER BY project, name"
_LIVE = (
    "SELECT project, queue, sum(status = 'pending'), sum(status <> 'pending') FROM tasks"
    " WHERE ended_at IS NULL AND quarantined IS NULL GROUP BY project, queue"
)
_KEY = "SELECT fingerprint, task_id FROM idempotency_keys WHERE project = ? AND key = ? AND at > ?"
_PUT_KEY = "INSERT OR REPLACE INTO idempotency_keys (project, key, fingerprint, task_id, at) VALUES (?, ?, ?, ?, ?)"


def get(connection: sqlite3.Connection, ref: QueueRef) -> Queue | None:
    """Read a queue's settings, or None if it was never configured."""
    rows: list[tuple[str, int]] = fetch_all(connection, _GET, (ref.project, ref.name))
    return _read(ref, *rows[0]) if rows else None


def _read(ref: QueueRef, body: str, crc: int) -> Queue:
    check_seal(crc, str(ref), body, ref.project, ref.name)
    return QUEUE.decode(body, str(ref))


def put(connection: sqlite3.Connection, queue: Queue) -> None:
    """Write a queue's settings."""
    body, ref = QUEUE.encode(queue), queue.ref
    row = (ref.project, ref.name, queue.gated, body, seal(body, ref.project, ref.name))
    connection.execute(_PUT, row)


def delete(connection: sqlite3.Connection, ref: QueueRef) -> bool:
    """Forget a queue's settings; tell whether there were any."""
    cursor = connection.execute("DELETE FROM queues WHERE project = ? AND name = ?", (ref.project, ref.name))
    return cursor.rowcount > 0


def configured(connection: sqlite3.Connection) -> tuple[Queue, ...]:
    """Read the settings of every configured queue."""
    rows: list[tuple[str, str, str, int]] = fetch_all(connection, _ALL, ())
    return tuple(_read(queue_ref(project, name), body, crc) for project, name, body, crc in rows)


def statuses(connection: sqlite3.Connection, project: str | None) -> tuple[QueueStatus, ...]:
    """Name the queues that are configured or hold live tasks, with their settings and counts."""
    counts = {
        queue_ref(of_project, name): (pending, held)
        for of_project, name, pending, held in connection.execute(_LIVE).fetchall()
    }
    known = {queue.ref: queue for queue in configured(connection)}
    found: list[QueueStatus] = []
    for ref in sorted({*counts, *known}):
        if project in (None, ref.project):
            pending, held = counts.get(ref, (0, 0))
            found.append(QueueStatus(queue=known.get(ref) or Queue(ref=ref), pending=pending, held=held))
    return tuple(found)


def known_key(
    connection: sqlite3.Connection, project: str, key: str, now: datetime
) -> tuple[IdempotencyKey, TaskId] | None:
    """Find what an idempotency key was used for, if that is not too long ago."""
    row = connection.execute(_KEY, (project, key, to_micros(now - KEEP_KEYS))).fetchone()
    return None if row is None else (IdempotencyKey(key=key, fingerprint=row[0]), TaskId(row[1]))


def put_key(
    connection: sqlite3.Connection, project: str, asked: IdempotencyKey, task_id: TaskId, now: datetime
) -> None:
    """Keep what an idempotency key was used for."""
    connection.execute(_PUT_KEY, (project, asked.key, asked.fingerprint, task_id, to_micros(now)))


def forget_keys(connection: sqlite3.Connection, now: datetime) -> None:
    """Forget keys that are too old to count."""
    connection.execute("DELETE FROM idempotency_keys WHERE at <= ?", (to_micros(now - KEEP_KEYS),))
