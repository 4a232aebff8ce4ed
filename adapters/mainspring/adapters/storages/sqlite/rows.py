"""Rows: tasks and schedules as they are kept, sealed when written, checked when read."""

from __future__ import annotations

import zlib
from datetime import datetime
from typing import Final, TypeAlias

from attrs import frozen

from mainspring.adapters.codec import EVENT, SCHEDULE, STATE, TASK
from mainspring.core.errors import CorruptHistory
from mainspring.core.events import Event
from mainspring.core.instants import to_micros
from mainspring.core.schedule import Schedule
from mainspring.core.states import Cancelling, Pending, Running, State
from mainspring.core.task import Task, schedule_of

StateRow: TypeAlias = tuple[str, int | None, int | None, int | None, int, str, int]
"""status, due, lease_until, ended_at, version, state, crc."""

TASK_COLUMNS: Final = "t.n, t.id, t.status, t.due, t.lease_until, t.ended_at, t.version, t.state, t.crc, b.body, b.crc"
TaskRow: TypeAlias = tuple[
    int, str, str, int | None, int | None, int | None, int, str, int, str | None, int | None
]  # fmt: skip


@frozen
class Unreadable:
    """A row that could not be read: its number in its table, and why."""

    n: int
    reason: str


def seal(text: str, *columns: object) -> int:
    """Compute the checksum of a text and the columns that go with it."""
    return zlib.crc32(
        repr(columns).encode("utf-8", "backslashreplace"), zlib.crc32(text.encode("utf-8", "surrogateescape"))
    )


def check_seal(crc: object, subject: str, text: str, *columns: object) -> None:
    """Raise ``CorruptHistory`` if a row is not what was written."""
    if crc != seal(text, *columns):
        raise CorruptHistory(
            f"{subject}: its row is not as it was written (checksum); the disk or a program damaged it"
        )


def _times(state: State) -> tuple[int | None, int | None, int | None]:
    if isinstance(state, Pending):
        return to_micros(state.due), None, None
    if isinstance(state, Running | Cancelling):
        return None, to_micros(state.lease_until), None
    return None, None, to_micros(state.at)


def state_row(task: Task) -> StateRow:
    """Write what changes at every step of a task."""
    text = STATE.encode(task.state)
    status = task.state.status
    due, lease_until, ended_at = _times(task.state)
    crc = seal(text, task.id, status, due, lease_until, ended_at, task.version)
    return status, due, lease_until, ended_at, task.version, text, crc


KeyColumns: TypeAlias = tuple[str, str, str | None, str | None, str | None, int, int]


def key_columns(task: Task) -> KeyColumns:
    """Give project, queue, name, key, schedule_id, rank and created_at."""
    rank, created_at = -task.priority, to_micros(task.created_at)
    return task.project, task.queue, task.name, task.key, schedule_of(task), rank, created_at


def body_row(task: Task) -> tuple[str, int]:
    """Write what seldom changes of a task, with its checksum over all columns that follow from it."""
    body = TASK.encode_body(task)
    return body, seal(body, task.id)


def read_task(row: TaskRow) -> Task:
    """Read a task, or raise ``CorruptHistory``."""
    _, key, status, due, lease_until, ended_at, version, state, crc, body, body_crc = row
    subject = f"task {key}"
    if body is None:
        raise CorruptHistory(f"{subject}: its body is missing")
    check_seal(crc, subject, state, key, status, due, lease_until, ended_at, version)
    check_seal(body_crc, subject, body, key)
    return TASK.join(body, state, version, subject)


def event_row(n: int, version: int, part: int, event: Event) -> tuple[int, int, int, str, int]:
    """Write one record of a history."""
    text = EVENT.encode(event)
    return n, version, part, text, seal(text, n, version, part)


def schedule_row(schedule: Schedule) -> tuple[str, str | None, int, int | None, int, str, int]:
    """Write a schedule: project, name, created_at, wake_at, version, body, crc."""
    body = SCHEDULE.encode(schedule)
    wake_at = micros(schedule.wake_at)
    crc = seal(body, schedule.id, wake_at, schedule.version)
    return schedule.project, schedule.name, to_micros(schedule.created_at), wake_at, schedule.version, body, crc


SCHEDULE_COLUMNS: Final = "n, id, wake_at, version, body, crc"
ScheduleRow: TypeAlias = tuple[int, str, int | None, int, str, int]


def read_schedule(row: ScheduleRow) -> Schedule:
    """Read a schedule, or raise ``CorruptHistory``."""
    _, key, wake_at, version, body, crc = row
    subject = f"schedule {key}"
    check_seal(crc, subject, body, key, wake_at, version)
    return SCHEDULE.decode(body, subject)


def micros(instant: datetime | None) -> int | None:
    """Give an instant as a column holds it."""
    return None if instant is None else to_micros(instant)
