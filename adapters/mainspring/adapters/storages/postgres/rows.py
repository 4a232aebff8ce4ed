"""Rows: tasks, schedules and queues as they are kept, and the columns that are searched by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias

from attrs import frozen

from mainspring.adapters.codec import EVENT, SCHEDULE, STATE, TASK
from mainspring.adapters.storages.postgres.texts import optional, plain, texts
from mainspring.core.errors import CorruptHistory
from mainspring.core.events import UNRECORDED, Event
from mainspring.core.ids import TaskId
from mainspring.core.instants import to_micros
from mainspring.core.schedule import Schedule
from mainspring.core.states import Cancelling, Pending, Running
from mainspring.core.task import Task, schedule_of


@frozen
class Unreadable:
    """A row that could not be read: the id of what it holds, and why."""

    id: str
    reason: str


class StateColumns(NamedTuple):
    """What changes at every step of a task."""

    status: str
    due: int | None
    lease_until: int | None
    ended_at: int | None
    text: str


def state_columns(task: Task) -> StateColumns:
    """Write the state of a task, with the instant that it is searched by."""
    state = task.state
    text = STATE.encode(state)
    if isinstance(state, Pending):
        return StateColumns(state.status, to_micros(state.due), None, None, text)
    if isinstance(state, Running | Cancelling):
        return StateColumns(state.status, None, to_micros(state.lease_until), None, text)
    return StateColumns(state.status, None, None, to_micros(state.at), text)


def read_task(task_id: str, body: str | None, state: str | None, version: int | None, quarantined: str | None) -> Task:
    """Read a task, or raise ``CorruptHistory``."""
    subject = f"task {task_id}"
    if quarantined is not None:
        raise CorruptHistory(quarantined)
    if body is None or state is None or version is None:
        raise CorruptHistory(f"{subject}: a part of it is missing")
    return TASK.join(body, state, version, subject)


def task_parameters(tasks: Sequence[Task]) -> tuple[str, ...]:
    """Write what seldom changes of tasks: id, project, queue, name, key, schedule_id, rank, created_at, body."""
    return (
        plain([task.id for task in tasks]),
        texts([task.project for task in tasks]),
        texts([task.queue for task in tasks]),
        optional([task.name for task in tasks]),
        optional([task.key for task in tasks]),
        plain([schedule_of(task) for task in tasks]),
        plain([-task.priority for task in tasks]),
        plain([to_micros(task.created_at) for task in tasks]),
        texts([TASK.encode_body(task) for task in tasks]),
    )


def state_parameters(tasks: Sequence[Task]) -> tuple[str, ...]:
    """Write the states of tasks: status, due, lease_until, ended_at, version, state."""
    columns = [state_columns(task) for task in tasks]
    return (
        texts([column.status for column in columns]),
        plain([column.due for column in columns]),
        plain([column.lease_until for column in columns]),
        plain([column.ended_at for column in columns]),
        plain([task.version for task in tasks]),
        texts([column.text for column in columns]),
    )


Recorded: TypeAlias = tuple[TaskId, int, Sequence[Event]]
"""A task, the version that events led to, and the events."""


def history_parameters(recorded: Iterable[Recorded]) -> tuple[str, ...]:
    """Write records of histories: task, version, part, event."""
    rows = [
        (task_id, version, part, EVENT.encode(event))
        for task_id, version, events in recorded
        for part, event in enumerate(events)
        if type(event) not in UNRECORDED
    ]
    return (
        plain([row[0] for row in rows]),
        plain([row[1] for row in rows]),
        plain([row[2] for row in rows]),
        texts([row[3] for row in rows]),
    )


SCHEDULE_COLUMNS: Final = "id::text, version, body, quarantined"


def read_schedule(schedule_id: str, version: int, body: str, quarantined: str | None) -> Schedule:
    """Read a schedule, or raise ``CorruptHistory``."""
    subject = f"schedule {schedule_id}"
    if quarantined is not None:
        raise CorruptHistory(quarantined)
    schedule = SCHEDULE.decode(body, subject)
    if schedule.id != schedule_id or schedule.version != version:
        raise CorruptHistory(f"{subject}: its stored text is of another one, or of another version")
    return schedule


def micros(instant: datetime | None) -> int | None:
    """Give an instant as a column holds it."""
    return None if instant is None else to_micros(instant)
