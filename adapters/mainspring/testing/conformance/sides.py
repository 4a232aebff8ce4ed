"""Storages side by side: under one clock, asked the same, and held against the memory storage after every step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, cast

from attrs import evolve, fields, frozen

from mainspring.adapters.storages.clock import Clock
from mainspring.adapters.storages.memory import MemoryStorage
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
from mainspring.testing.clock import ManualClock

NOW: Final = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
MEMORY: Final = "memory"
PROJECTS: Final = ("default", "other")
EVERY_SLOT = 1_000_000

Job: TypeAlias = Callable[[Storage], Any]


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
        counts={
            project: {status: count for status, count in storage.count(project).items() if count}
            for project in PROJECTS
        },
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


def plain(answer: Any, words: bool) -> Any:
    """An answer as values that can be compared: an error is its type, and its text if ``words`` count."""
    match answer:
        case Refused():
            return ("refused", answer.task_id, plain(answer.error, words))
        case Unplanned():
            return ("unplanned", answer.schedule_id, plain(answer.error, words))
        case MainspringError():
            return (type(answer).__name__, str(answer) if words else "")
        case tuple():
            parts = cast("tuple[Any, ...]", answer)  # type: ignore[redundant-cast]  # pyright does not know of what
            return tuple(plain(part, words) for part in parts)
        case _:
            return answer


def answer_of(job: Job, storage: Storage) -> Any:
    """What a storage answers, or the error that it raises."""
    try:
        return job(storage)
    except MainspringError as error:
        return error


class Side:
    """A storage to be compared: how it is made, opened again, and looked at in the end."""

    def make_storage_on(self, clock: Clock) -> Storage:
        """Make an empty storage that goes by ``clock``."""
        raise NotImplementedError

    def reopen(self, storage: Storage, clock: Clock) -> Storage:
        """Close a storage and open what it holds again; what nothing outlives stays open."""
        return storage

    def check(self, storage: Storage) -> None:
        """Raise if a storage that is about to be closed is not whole."""


class _Memory(Side):
    def make_storage_on(self, clock: Clock) -> Storage:
        return MemoryStorage(clock=clock)


class Sides:
    """The memory storage, and what is compared with it, under one clock; ``ask`` asks all and gives their answer."""

    def __init__(self, compared: Mapping[str, Side], *, words: bool = False) -> None:
        self.clock: Final = ManualClock(NOW)
        self.schedule_ids: Final[set[ScheduleId]] = set()
        self._words: Final = words
        self._sides: Final[Mapping[str, Side]] = {MEMORY: _Memory(), **compared}
        self._storages: Final = {name: side.make_storage_on(self.clock) for name, side in self._sides.items()}

    @property
    def memory(self) -> Storage:
        """The reference."""
        return self._storages[MEMORY]

    def ask(self, job: Job) -> Any:
        """Ask all; the answer may be an error."""
        answers = {name: answer_of(job, storage) for name, storage in self._storages.items()}
        expected = plain(answers[MEMORY], self._words)
        for name, answer in answers.items():
            assert plain(answer, self._words) == expected, f"{MEMORY} answers {answers[MEMORY]}, {name} {answer}"
        return answers[MEMORY]

    def picture(self) -> Picture:
        """What all of them hold: the same."""
        known = frozenset(self.schedule_ids)
        pictures = {name: picture_of(storage, known) for name, storage in self._storages.items()}
        expected = pictures[MEMORY]
        for name, found in pictures.items():
            for part in fields(Picture):
                one, other = getattr(expected, part.name), getattr(found, part.name)
                assert one == other, f"{MEMORY} and {name} differ in {part.name}"
        return expected

    def reopen(self) -> None:
        """Open all of them again."""
        for name, side in self._sides.items():
            self._storages[name] = side.reopen(self._storages[name], self.clock)

    def close(self) -> None:
        """Check what can be checked, and close all."""
        for name, side in self._sides.items():
            side.check(self._storages[name])
            self._storages[name].close()
