"""One write transaction: what was read under lock, what was decided on it, and the writes, made together at the end.

Everything that can be refused is checked against what was read before anything is changed in memory, so a refusal needs
nothing undone. What another transaction changes meanwhile in a way that no lock holds off (a name, an id, a slot) shows
as a unique violation: then the whole transaction is made again, and this time it sees what was there (``careful``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias

from attrs import define

from mainspring.adapters.codec import SCHEDULE
from mainspring.adapters.storages.parts import changes_body
from mainspring.adapters.storages.postgres import schedule_statements as schedule_sql
from mainspring.adapters.storages.postgres import task_statements as task_sql
from mainspring.adapters.storages.postgres.rows import (
    Recorded,
    history_parameters,
    micros,
    read_schedule,
    read_task,
    state_parameters,
    task_parameters,
)
from mainspring.adapters.storages.postgres.texts import Operation, Texts, optional, plain, texts
from mainspring.core.effects import NudgeSchedule
from mainspring.core.errors import Conflict, CorruptHistory, NotFound
from mainspring.core.ids import ScheduleId, TaskId, is_uuid
from mainspring.core.instants import from_micros
from mainspring.core.machine import Decision
from mainspring.core.schedule import Schedule, nudged
from mainspring.core.states import LIVE_STATUSES, Pending
from mainspring.core.task import Task

_LOOKS: Final = 3
"""How often a task is looked for: it may move between the tables for live and ended ones while we look."""

Place: TypeAlias = Literal["live", "ended", "new"]
NameKey: TypeAlias = tuple[str, str]


@define
class Entry:
    """A task that this transaction holds: where its row is, and what it is by now (or why it cannot be read)."""

    place: Place
    version: int
    task: Task | CorruptHistory

    def read(self) -> Task:
        """Give the task, or raise ``CorruptHistory``."""
        if isinstance(self.task, CorruptHistory):
            raise self.task
        return self.task


class Overtaken(Exception):
    """Another transaction wrote what this one was about to write: make the whole of it again."""


class Work:
    """What is done in one transaction. ``instant`` overrides the server's clock; ``hint`` tells what became due."""

    def __init__(self, sql: Texts, *, instant: int | None, careful: bool) -> None:
        self.sql = sql
        self.instant = instant
        self.careful = careful
        self.entries: dict[TaskId, Entry] = {}
        self.hint: datetime | None = None
        """The earliest instant at which something that was written here is due."""
        self._now: datetime | None = None
        self._dirty: dict[TaskId, None] = {}
        self._bodies: dict[TaskId, None] = {}
        self._fresh: dict[TaskId, None] = {}
        self._events: list[Recorded] = []
        self._names: dict[NameKey, TaskId | None] = {}
        self._schedules: dict[ScheduleId, Schedule | None] = {}
        self._nudged: dict[ScheduleId, None] = {}
        self._ids: dict[str, bool] = {}
        self._deferred: list[tuple[str, tuple[object, ...], int | None]] = []

    @property
    def trusting(self) -> bool:
        """Whether there are new tasks whose ids were not looked up: the database will say if one exists."""
        return bool(self._fresh) and not self.careful

    # --- the clock -------------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The instant of this transaction."""
        assert self._now is not None  # noqa: S101  every operation reads it with its first rows
        return self._now

    def see(self, instant: int) -> None:
        """Take note of what the server's clock showed."""
        seen = from_micros(instant)
        self._now = seen if self._now is None else max(seen, self._now)

    def read_clock(self) -> Operation[datetime]:
        """Read the clock, if it was not read yet."""
        if self._now is None:
            rows = yield self.sql(task_sql.NOW), (self.instant,)
            self.see(rows[0][0])
        return self.now

    # --- reading under lock ----------------------------------------------------------------------------------------

    def lock(self, task_ids: Iterable[TaskId]) -> Operation[None]:
        """Hold tasks against others, in the order of their ids; those that are missing get no entry."""
        missing: list[TaskId] = sorted({key for key in task_ids if key not in self.entries and is_uuid(key)})
        stale: list[TaskId] = []
        places: tuple[tuple[Place, str], ...] = (("live", task_sql.LOCK_LIVE), ("ended", task_sql.LOCK_ENDED))
        for look in range(_LOOKS):
            for place, statement in places:
                if not missing or (look == _LOOKS - 1 and place == "ended"):
                    break
                rows = yield self.sql(statement), (self.instant, plain(missing))
                for now, key, version, state, body, quarantined in rows:
                    self.see(now)
                    self.entries[key] = Entry(place, version, CorruptHistory(f"task {key}"))
                    if body is None:
                        stale.append(key)
                    self._fill(key, version, state, body, quarantined)
                missing = [key for key in missing if key not in self.entries]
        if stale:
            rows = yield self.sql(task_sql.READ_LIVE), (plain(stale),)
            for key, version, state, body, quarantined in rows:
                self._fill(key, version, state, body, quarantined)

    def _fill(self, key: TaskId, version: int, state: str, body: str | None, quarantined: str | None) -> None:
        try:
            self.entries[key].task = read_task(key, body, state, version, quarantined)
        except CorruptHistory as error:
            self.entries[key].task = error

    def hold(self, place: Place, task: Task) -> None:
        """Take note of a live task that a statement has locked."""
        self.entries[task.id] = Entry(place, task.version, task)

    def current(self, task_id: TaskId) -> Task:
        """Give a task as it is by now; it was asked for by ``lock`` before."""
        entry = self.entries.get(task_id)
        if entry is None:
            raise NotFound("task", task_id)
        return entry.read()

    def name_holder(self, project: str, name: str) -> Operation[TaskId | None]:
        """Find the live task that has a name by now."""
        yield from self.load_names([(project, name)])
        return self._holder((project, name))

    def load_names(self, keys: Iterable[NameKey]) -> Operation[None]:
        """Find who holds names, in one statement."""
        wanted = sorted({key for key in keys if key not in self._names})
        if not wanted:
            return
        rows = yield (
            self.sql(task_sql.NAME_HOLDERS),
            (texts([key[0] for key in wanted]), texts([key[1] for key in wanted])),
        )
        self._names.update(dict.fromkeys(wanted))
        for project, name, holder in rows:
            self._names[(project, name)] = holder

    def _holder(self, key: NameKey) -> TaskId | None:
        holder = self._names[key]
        entry = None if holder is None else self.entries.get(holder)
        if entry is None or isinstance(entry.task, CorruptHistory):
            return holder
        return holder if entry.task.name == key[1] and entry.task.state.status in LIVE_STATUSES else None

    # --- writing, in memory ----------------------------------------------------------------------------------------

    def write(self, decision: Decision) -> Operation[bool]:
        """Write one decision on a task that is held; tell whether its version was still the current one."""
        task = decision.task
        entry = self.entries.get(task.id)
        if entry is None or isinstance(entry.task, CorruptHistory) or entry.version != decision.read_version:
            return False
        if not decision.events:
            return True
        body = changes_body(decision.events)
        if body and task.name is not None and task.state.status in LIVE_STATUSES:
            holder = yield from self.name_holder(task.project, task.name)
            if holder not in (None, task.id):
                cure = "wait for its end, or use another name"
                raise Conflict(f"name {task.name!r}", f"task {holder} has it", cure)
        if decision.follow_ups:
            yield from self.insert(decision.follow_ups)
        self.apply(decision)
        if body:
            self._bodies[task.id] = None
            if task.name is not None and task.state.status in LIVE_STATUSES:
                self._names[(task.project, task.name)] = task.id
        for effect in decision.effects:
            if isinstance(effect, NudgeSchedule):
                yield from self.nudge(effect)
        return True

    def apply(self, decision: Decision) -> None:
        """Take a decision that changes only state and version, and asks for nothing else, over."""
        task = decision.task
        entry = self.entries[task.id]
        entry.task = task
        entry.version = task.version
        self._dirty[task.id] = None
        self._events.append((task.id, task.version, decision.events))
        self._note_due(task)

    def check_new(self, tasks: Sequence[Task]) -> Operation[None]:
        """Raise ``Conflict`` if an id exists."""
        if self.careful:
            yield from self.look_up([task.id for task in tasks])
        fresh: set[str] = set()
        for task in tasks:
            if not is_uuid(task.id):
                raise Conflict(str(task), "its id is no UUID in lower case", "make an id by mainspring.core.ids.uuid7")
            if self._ids.get(task.id) or task.id in self._fresh or task.id in fresh:
                raise Conflict(str(task), "its id exists already", "make a new id")
            fresh.add(task.id)

    def insert(self, tasks: Sequence[Task]) -> Operation[None]:
        """Insert new tasks; ``Conflict`` if an id exists."""
        yield from self.check_new(tasks)
        for task in tasks:
            self._fresh[task.id] = None
            self.entries[task.id] = Entry("new", task.version, task)
            if task.name is not None and task.state.status in LIVE_STATUSES:
                self._names[(task.project, task.name)] = task.id
            self._note_due(task)

    def look_up(self, task_ids: Iterable[TaskId]) -> Operation[None]:
        """Find out which ids exist, in one statement."""
        wanted = sorted({key for key in task_ids if key not in self._ids and is_uuid(key)})
        if wanted:
            rows = yield self.sql(task_sql.KNOWN_IDS), (plain(wanted),)
            self._ids.update(dict.fromkeys(wanted, False))
            self._ids.update({row[0]: True for row in rows})

    def defer(self, statement: str, values: tuple[object, ...], rows: int | None = None) -> None:
        """Execute a statement after the other writes; unless it gives ``rows`` rows, somebody else was first."""
        self._deferred.append((statement, values, rows))

    def _note_due(self, task: Task) -> None:
        if isinstance(task.state, Pending):
            self.note_due(task.state.due)

    def note_due(self, instant: datetime | None) -> None:
        """Take note that something written here is due at ``instant``."""
        if instant is not None and (self.hint is None or instant < self.hint):
            self.hint = instant

    # --- schedules -------------------------------------------------------------------------------------------------

    def lock_schedules(self, schedule_ids: Iterable[ScheduleId]) -> Operation[None]:
        """Hold schedules against others, in the order of their ids; one that cannot be read counts as missing."""
        wanted = sorted({key for key in schedule_ids if key not in self._schedules})
        if not wanted:
            return
        rows = yield self.sql(schedule_sql.LOCK), (plain(wanted),)
        self._schedules.update(dict.fromkeys(wanted))
        for key, version, body, quarantined in rows:
            try:
                self._schedules[key] = read_schedule(key, version, body, quarantined)
            except CorruptHistory:
                continue  # firing will quarantine it: the end of a task must not fail for it

    def nudge(self, nudge: NudgeSchedule) -> Operation[None]:
        """Let a schedule hear of the end of a task."""
        yield from self.lock_schedules([nudge.schedule_id])
        schedule = self._schedules[nudge.schedule_id]
        if schedule is None:
            return
        after = nudged(schedule, nudge)
        if after is not schedule:
            self.put_schedule(after)

    def hold_schedule(self, schedule: Schedule) -> None:
        """Take note of a schedule that a statement has locked."""
        self._schedules[schedule.id] = schedule

    def held_schedule(self, schedule_id: ScheduleId) -> Schedule | None:
        """Give a schedule that ``lock_schedules`` was asked for, as it is by now."""
        return self._schedules[schedule_id]

    def put_schedule(self, schedule: Schedule) -> None:
        """Write a schedule that is held."""
        self._schedules[schedule.id] = schedule
        self._nudged[schedule.id] = None
        self.note_due(schedule.wake_at)

    # --- writing, for good -----------------------------------------------------------------------------------------

    def flush(self) -> Operation[None]:
        """Make all writes of tasks, histories and schedules."""
        yield from self._flush_schedules()
        events = self._events
        staying: list[Task] = []
        ending: list[Task] = []
        reviving: list[Task] = []
        remaining: list[Task] = []
        for key in self._dirty:
            entry = self.entries[key]
            task = entry.read()
            live = task.state.status in LIVE_STATUSES
            if entry.place == "live":
                (staying if live else ending).append(task)
            elif entry.place == "ended":
                (reviving if live else remaining).append(task)
        if ending:
            places = (texts([task.project for task in ending]), plain([micros(task.created_at) for task in ending]))
            ended: tuple[str, ...] = (*_ids(ending), *places, *state_parameters(ending), *history_parameters(events))
            yield self.sql(task_sql.END), ended
            events = []
        yield from self._flush_bodies()
        if staying:
            yield self.sql(task_sql.STAY), (*_ids(staying), *state_parameters(staying), *history_parameters(events))
            events = []
        if remaining:
            yield self.sql(task_sql.REMAIN), (*_ids(remaining), *state_parameters(remaining))
        if reviving:
            yield self.sql(task_sql.REVIVE), (*task_parameters(reviving), *state_parameters(reviving))
        fresh = [self.entries[key].read() for key in self._fresh]
        if fresh:
            yield self.sql(task_sql.INSERT), (*task_parameters(fresh), *state_parameters(fresh))
        if events:
            yield self.sql(task_sql.ADD_HISTORY), history_parameters(events)
        for statement, values, expected in self._deferred:
            rows = yield self.sql(statement), values
            if expected is not None and len(rows) != expected:
                raise Overtaken

    def _flush_bodies(self) -> Operation[None]:
        """Write bodies; names that change are given up first, so that two tasks can trade theirs."""
        changed = [self.entries[key].read() for key in self._bodies if key not in self._fresh]
        if changed:
            yield self.sql(task_sql.DROP_NAMES), _ids(changed)
            yield self.sql(task_sql.WRITE_BODIES), task_parameters(changed)

    def _flush_schedules(self) -> Operation[None]:
        changed = [schedule for key in self._nudged if (schedule := self._schedules[key]) is not None]
        if changed:
            yield self.sql(schedule_sql.WRITE), schedule_parameters(changed)


def _ids(tasks: Sequence[Task]) -> tuple[str]:
    return (plain([task.id for task in tasks]),)


def schedule_parameters(schedules: Sequence[Schedule]) -> tuple[str, ...]:
    """Write schedules: id, project, name, created_at, wake_at, version, body."""
    return (
        plain([schedule.id for schedule in schedules]),
        texts([schedule.project for schedule in schedules]),
        optional([schedule.name for schedule in schedules]),
        plain([micros(schedule.created_at) for schedule in schedules]),
        plain([micros(schedule.wake_at) for schedule in schedules]),
        plain([schedule.version for schedule in schedules]),
        texts([SCHEDULE.encode(schedule) for schedule in schedules]),
    )
