"""The same storage several times: memory, SQLite and Postgres under one clock, asked the same, and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

from attrs import define, evolve, field, frozen

from mainspring.adapters.storages.memory import MemoryStorage
from mainspring.adapters.storages.postgres import PostgresStorage
from mainspring.adapters.storages.sqlite import SqliteStorage
from mainspring.core.errors import MainspringError
from mainspring.core.events import Event
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.ports import (
    MAX_PAGE,
    QueueStatus,
    Refused,
    ScheduleQuery,
    Storage,
    TaskQuery,
    Unplanned,
    Upcoming,
)
from mainspring.core.queue import Queue
from mainspring.core.schedule import Schedule, ScheduleEvent, Slot
from mainspring.core.task import Task
from support.builders import NOW
from support.postgres import empty

PROJECTS = ("default", "other")
EVERY_SLOT = 1_000_000

Job: TypeAlias = Callable[[Storage], Any]


@define
class ManualClock:
    """A clock that stands until it is moved."""

    instant: datetime = NOW

    def __call__(self) -> datetime:
        """The instant now."""
        return self.instant

    def move(self, by: timedelta) -> None:
        """Let time pass, or go back."""
        self.instant += by


@frozen
class Picture:
    """All that a storage can be asked for."""

    tasks: Mapping[TaskId, Task]
    histories: Mapping[TaskId, tuple[Event, ...]]
    counts: Mapping[str, Mapping[str, int]]
    queues: tuple[QueueStatus, ...]
    configured: tuple[Queue, ...]
    upcoming: Upcoming
    schedules: Mapping[ScheduleId, Schedule]
    slots: Mapping[ScheduleId, tuple[Slot, ...]]
    schedule_histories: Mapping[ScheduleId, tuple[ScheduleEvent, ...]]


def picture_of(storage: Storage, schedule_ids: frozenset[ScheduleId]) -> Picture:
    """Ask a storage for everything; ``schedule_ids`` also of those that were deleted."""
    tasks = {task.id: task for project in PROJECTS for task in _tasks(storage, project)}
    found = [storage.find_schedules(ScheduleQuery(project=project, limit=MAX_PAGE)) for project in PROJECTS]
    assert [page.cursor for page in found] == [None, None]
    return Picture(
        tasks=tasks,
        histories={task_id: storage.history(task_id) for task_id in tasks},
        counts={project: dict(storage.count(project)) for project in PROJECTS},
        queues=storage.queues(),
        configured=storage.configured(),
        upcoming=evolve(storage.upcoming(()), tasks=dict(storage.upcoming(()).tasks)),
        schedules={schedule.id: schedule for page in found for schedule in page.items},
        slots={schedule_id: storage.slots(schedule_id, EVERY_SLOT) for schedule_id in schedule_ids},
        schedule_histories={schedule_id: storage.schedule_history(schedule_id) for schedule_id in schedule_ids},
    )


def _tasks(storage: Storage, project: str) -> list[Task]:
    """Every task of a project, in pages of seven."""
    query = TaskQuery(project=project, limit=7)
    found: list[Task] = []
    while True:
        page = storage.find(query)
        found += page.items
        if page.cursor is None:
            return found
        query = evolve(query, after=page.cursor)


def plain(answer: Any) -> Any:
    """An answer as values that can be compared: an error is its type and its text."""
    match answer:
        case Refused():
            return ("refused", answer.task_id, plain(answer.error))
        case Unplanned():
            return ("unplanned", answer.schedule_id, plain(answer.error))
        case MainspringError():
            return (type(answer).__name__, str(answer))
        case tuple():
            return tuple(plain(part) for part in answer)
        case _:
            return answer


def answer_of(job: Job, storage: Storage) -> Any:
    """What a storage answers, or the error that it raises."""
    try:
        return job(storage)
    except MainspringError as error:
        return error


@define
class Pair:
    """Memory, SQLite and, where a server is named, Postgres. ``both`` asks all the same and gives their one answer."""

    path: Path
    database: str | None = None
    clock: ManualClock = field(factory=ManualClock)
    memory: MemoryStorage = field(init=False)
    sqlite: SqliteStorage = field(init=False)
    postgres: PostgresStorage | None = field(init=False, default=None)
    schedule_ids: set[ScheduleId] = field(factory=set)

    def __attrs_post_init__(self) -> None:
        self.memory = MemoryStorage(clock=self.clock)
        self.sqlite = SqliteStorage(self.path, clock=self.clock)
        if self.database is not None:
            self.postgres = PostgresStorage(self.database, clock=self.clock)
            empty(self.database)

    @property
    def storages(self) -> Mapping[str, Storage]:
        """All of them by name; memory is the first."""
        named: dict[str, Storage] = {"memory": self.memory, "SQLite": self.sqlite}
        return named if self.postgres is None else {**named, "Postgres": self.postgres}

    def both(self, job: Job) -> Any:
        """Ask all; the answer may be an error."""
        answers = {name: answer_of(job, storage) for name, storage in self.storages.items()}
        expected = plain(answers["memory"])
        for name, answer in answers.items():
            assert plain(answer) == expected, f"memory answers {expected}, {name} {plain(answer)}"
        return answers["memory"]

    def picture(self) -> Picture:
        """What all of them hold: the same."""
        known = frozenset(self.schedule_ids)
        pictures = {name: picture_of(storage, known) for name, storage in self.storages.items()}
        expected = pictures["memory"]
        for name, found in pictures.items():
            for part in Picture.__attrs_attrs__:
                assert getattr(found, part.name) == getattr(expected, part.name), f"{name} differs in {part.name}"
        return expected

    def reopen(self) -> None:
        """Close the file and the connections, and open them again."""
        self.sqlite.close()
        self.sqlite = SqliteStorage(self.path, clock=self.clock)
        if self.postgres is not None and self.database is not None:
            self.postgres.close()
            self.postgres = PostgresStorage(self.database, clock=self.clock)

    def close(self) -> None:
        """Check what can be checked, and close all."""
        assert self.sqlite.doctor().faults == ()
        assert self.sqlite.quarantined() == ()
        if self.postgres is not None:
            assert self.postgres.doctor().faults == ()
            assert self.postgres.quarantined() == ()
        for storage in self.storages.values():
            storage.close()
