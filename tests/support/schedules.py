"""A schedule's world in memory, and the plain model of its rules.

``World`` does what a storage does with plans and holds them to the storage's rules. ``Model`` says what should come
of it all; it is written from the sentences of ``mainspring.core.schedule`` for rules with few occurrences, without a
look at the code: whole lists, no batches, no jumps.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeAlias

from attrs import define, field

from mainspring.core.effects import NudgeSchedule
from mainspring.core.errors import Conflict
from mainspring.core.ids import TaskId
from mainspring.core.recurrence import Interval, Recurrence, between
from mainspring.core.schedule import (
    AtMost,
    Buffered,
    CatchUp,
    Coalesced,
    Created,
    Overlap,
    Plan,
    Schedule,
    ScheduleEdit,
    ScheduleEvent,
    ScheduleView,
    Skipped,
    SlotOutcome,
    TaskTemplate,
    backfill,
    edit,
    new_schedule,
    nudged,
    pause,
    plan,
    resume,
    run_now,
    skip_next,
)
from mainspring.core.task import Fired, RunByHand, Task
from support.builders import HTTP, MINUTE, NOW, SCHEDULE_ID

TICK = timedelta(microseconds=1)
FAR = 10_000_000
TEMPLATE = TaskTemplate(call=HTTP)
EVERY_TEN_MINUTES = Interval(every=10 * MINUTE, anchor=NOW)

Key: TypeAlias = tuple[datetime, bool]
"""An occurrence, and whether it was asked for by hand."""


def make_schedule(recurrence: Recurrence = EVERY_TEN_MINUTES, **fields: Any) -> Schedule:
    """A schedule that was created just before ``NOW``: every ten minutes from ``NOW`` unless told otherwise."""
    values: dict[str, Any] = {"schedule_id": SCHEDULE_ID, "template": TEMPLATE, "at": NOW - TICK}
    return new_schedule(recurrence=recurrence, **(values | fields))


def describe(outcome: SlotOutcome) -> str:
    """An outcome in words."""
    match outcome:
        case Created():
            return "created"
        case Skipped(reason=reason):
            return f"skipped: {reason}"
        case Coalesced(into=into):
            return f"coalesced into {into:%d %H:%M:%S.%f}"
        case Buffered():
            return "buffered"


def coalesced(into: datetime) -> str:
    """The words for an occurrence for which a later one stands."""
    return describe(Coalesced(into=into))


@define
class World:
    """A schedule with its tasks and slots, as a storage keeps them.

    ``prompt``: whether tasks end as soon as they are cancelled (pending ones do; running ones are asked first).
    """

    schedule: Schedule
    prompt: bool = True
    live: dict[TaskId, Key] = field(factory=dict)
    created: list[Task] = field(factory=list)
    records: dict[Key, str] = field(factory=dict)
    cancelled: list[TaskId] = field(factory=list)
    events: list[ScheduleEvent] = field(factory=list)
    rules: list[tuple[Schedule, datetime]] = field(factory=list)
    """The schedules whose rules held, each with the instant after which it held."""

    def __attrs_post_init__(self) -> None:
        self.rules.append((self.schedule, self.schedule.created_at))

    @property
    def view(self) -> ScheduleView:
        """What a step is shown."""
        return ScheduleView(schedule=self.schedule, live=tuple(self.live))

    def plan(self, at: datetime) -> Plan:
        """Plan once."""
        return self.write(plan(self.view, at), at)

    def run_now(self, at: datetime) -> Plan:
        """Run by hand."""
        return self.write(run_now(self.view, at), at)

    def pause(self, at: datetime, note: str = "") -> Plan:
        """Pause."""
        return self.write(pause(self.view, at, note), at)

    def resume(self, at: datetime) -> Plan:
        """Resume."""
        return self.write(resume(self.view, at), at)

    def edit(self, at: datetime, **fields: Any) -> Plan:
        """Edit."""
        catch_up = fields.pop("catch_up", None)
        if catch_up is not None:
            fields |= {"catch_up_mode": catch_up.mode, "catch_up_window": catch_up.window}
        written = self.write(edit(self.view, ScheduleEdit(**fields), at), at)
        if rule_of(self.schedule) != rule_of(self.rules[-1][0]):
            self.rules.append((self.schedule, max([at, *filter(None, [self.schedule.excluded_to])])))
        return written

    def skip_next(self, at: datetime) -> Plan | None:
        """Skip the next occurrence, if there is one."""
        try:
            return self.write(skip_next(self.view, at), at)
        except Conflict:
            return None

    def backfill(self, start: datetime, end: datetime, at: datetime, overlap: Overlap | None = None) -> Plan:
        """Backfill."""
        return self.write(backfill(self.view, start, end, at, overlap), at)

    def end(self, task_id: TaskId, at: datetime, failed: bool = False) -> None:
        """Let a task end."""
        del self.live[task_id]
        before = self.schedule
        self.schedule = nudged(before, NudgeSchedule(schedule_id=before.id, at=at, failed=failed))
        if before.waiting:
            assert self.schedule.version == before.version + 1
        else:
            assert self.schedule is before

    def write(self, written: Plan, at: datetime) -> Plan:
        """Write a plan as the port says, and hold it to the storage's rules."""
        before = self.schedule
        assert written.read_version == before.version
        if written.schedule == before:
            assert (written.tasks, written.cancels, written.events) == ((), (), ())
            return written
        assert written.schedule.version == before.version + 1
        if rule_of(written.schedule) == rule_of(before) and written.schedule.next_at is not None:
            assert before.next_at is not None
            assert written.schedule.next_at >= before.next_at, "I9: next_at never goes back but by an edit"
        self.schedule = written.schedule
        for task_id in written.cancels:
            assert task_id in self.live
            self.cancelled.append(task_id)
        assert len(set(written.cancels)) == len(written.cancels)
        self._create(written)
        for slot in written.slots:
            assert (slot.schedule_id, slot.at) == (before.id, at)
            self._record(slot.occurrence, slot.until, slot.count, slot.manual, slot.outcome)
        self.events.extend(written.events)
        for task_id in written.cancels if self.prompt else ():
            self.end(task_id, at)
        return written

    def _create(self, written: Plan) -> None:
        known = {task.id for task in self.created}
        slots = {slot.outcome.task_id for slot in written.slots if isinstance(slot.outcome, Created)}
        assert {task.id for task in written.tasks} == slots
        for task in written.tasks:
            assert task.id not in known
            self.created.append(task)
            self.live[task.id] = key_of(task)

    def _record(self, first: datetime, last: datetime, count: int, manual: bool, outcome: SlotOutcome) -> None:
        row = (first,) if count == 1 else occurrences(self.rules[-1][0], first - TICK, last)
        assert (row[0], row[-1], len(row)) == (first, last, count)
        for occurrence in row:
            assert self.records.get((occurrence, manual), "buffered") == "buffered", "a slot is written once"
            self.records[occurrence, manual] = describe(outcome)

    def check(self, now: datetime) -> None:
        """I8: each occurrence that ``next_at`` has passed has exactly one record; and no wake-up is lost."""
        next_at = self.schedule.next_at
        recorded = sorted(occurrence for occurrence, manual in self.records if not manual)
        if not any(rule.max_runs for rule, _ in self.rules):  # else a rule may have ended at any occurrence
            ends = [start for _, start in self.rules[1:]] + [max([now, *recorded[-1:]])]
            expected = [
                occurrence
                for (rule, start), end in zip(self.rules, ends, strict=True)
                for occurrence in occurrences(rule, start, end)
            ]
            assert recorded == [occurrence for occurrence in expected if next_at is None or occurrence < next_at]
        waiting = {(due.occurrence, due.manual) for due in self.schedule.waiting}
        assert {key for key, outcome in self.records.items() if outcome == "buffered"} == waiting
        if next_at is not None:
            assert self.schedule.wake_at is not None
            assert self.schedule.wake_at <= max(next_at, now)
        free = not self.live or self.schedule.overlap in ("allow_all", "cancel_other")
        if waiting and free and self.schedule.paused is None:
            assert self.schedule.wake_at is not None
            assert self.schedule.wake_at <= now


def key_of(task: Task) -> Key:
    """The occurrence that made a task."""
    assert isinstance(task.origin, Fired | RunByHand)
    return task.scheduled_for, isinstance(task.origin, RunByHand)


def rule_of(schedule: Schedule) -> tuple[object, ...]:
    """What says when a schedule fires."""
    return schedule.recurrence, schedule.starts_at, schedule.ends_at, schedule.max_runs


def occurrences(rule: Schedule | Model, start: datetime, end: datetime) -> list[datetime]:
    """The occurrences of a schedule's rule with ``start < o <= end``, within the schedule's own start and end."""
    return [
        one
        for one in between(rule.recurrence, start, end, limit=FAR)
        if (rule.starts_at is None or one >= rule.starts_at) and (rule.ends_at is None or one <= rule.ends_at)
    ]


@define
class Model:
    """What should become of each occurrence, said plainly."""

    recurrence: Recurrence
    since: datetime
    """Up to here every occurrence has its record."""
    overlap: Overlap
    catch_up: CatchUp
    paused: bool = False
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    max_runs: int | None = None
    ended: bool = False
    ran: datetime | None = None
    """Whether ``max_runs`` has been reached."""
    last_failed: bool = False
    runs: int = 0
    live: set[Key] = field(factory=set)
    waiting: list[Key] = field(factory=list)
    records: dict[Key, str] = field(factory=dict)
    cancelled: set[Key] = field(factory=set)

    def plan(self, at: datetime) -> None:
        """Account for those that wait and for every occurrence up to ``at``."""
        made: list[Key] = []
        self._let_waiting_go(made)
        due = [] if self.ended else occurrences(self, self.since, at)
        self.since = max(self.since, at)
        if self.paused:
            self._skip(due, "paused")
            return
        window = max(self.catch_up.window, timedelta(seconds=60))
        self._skip([one for one in due if one < at - window], "outside_window")
        fresh = [one for one in due if one >= at - window]
        match self.catch_up.mode:
            case "all":
                taken = fresh
            case "latest":
                taken = fresh[-1:]
                for one in fresh[:-1]:
                    self.records[one, False] = coalesced(fresh[-1])
            case "none":
                taken = [one for one in fresh if one >= at - timedelta(seconds=60)]
                self._skip(fresh[: len(fresh) - len(taken)], "missed")
            case AtMost(count=count):
                taken = fresh[-count:]
                self._skip(fresh[: len(fresh) - len(taken)], "missed")
        for one in taken:
            self.meet((one, False), made)
            self.ended = self._spent()
            if self.ended:
                return

    def _spent(self) -> bool:
        """``max_runs`` tasks at most, those that wait counted in, those by hand not."""
        waiting = [due for due in self.waiting if not due[1]]
        return self.max_runs is not None and self.runs + len(waiting) >= self.max_runs

    def pause(self, at: datetime) -> None:
        """Occurrences from now on fall in the pause."""
        if not self.paused:
            self.plan(at)
            self.paused = True

    def resume(self, at: datetime) -> None:
        """Occurrences up to now still fell in the pause."""
        if self.paused:
            self.plan(at)
            self.paused = False

    def edit(self, at: datetime, **fields: Any) -> None:
        """What came due before the edit is judged as it was; what comes after, by the new rule."""
        self.ran = None
        self.plan(at)
        for name, value in fields.items():
            setattr(self, name, value)
        if fields.keys() & {"recurrence", "starts_at", "ends_at", "max_runs"}:
            self.ended = self._spent()

    def skip_next(self, at: datetime) -> bool:
        """The next occurrence gets its record now; says whether there was one."""
        self.plan(at)
        upcoming = [] if self.ended else occurrences(self, self.since, self.since + timedelta(days=3))
        if upcoming:
            self.since = upcoming[0]
            self.records[upcoming[0], False] = "skipped: excluded"
        return bool(upcoming)

    def backfill(self, start: datetime, end: datetime, overlap: Overlap | None) -> None:
        """Each occurrence of the range meets the overlap policy as one by hand."""
        own, self.overlap = self.overlap, overlap or self.overlap
        made: list[Key] = []
        for one in between(self.recurrence, start - TICK, end, limit=FAR):
            self.meet((one, True), made)
        self.overlap = own

    def end(self, key: Key, failed: bool) -> None:
        """A task ended; whether it failed is what those that wait for it go by."""
        self.live.remove(key)
        self.last_failed = failed

    def run_now(self, at: datetime) -> None:
        """Meet the overlap policy at once, also when paused; within ten seconds it is the same request again."""
        if self.ran is None or at - self.ran > timedelta(seconds=10):
            self.ran = at
            self.meet((at, True), [])

    def meet(self, due: Key, made: list[Key]) -> None:
        """The overlap policy, when an occurrence is due; ``made`` are the tasks that this plan has made so far."""
        if not self.live and not self.waiting:
            self._create(due, made)
            return
        match self.overlap:
            case "allow_all":
                self._create(due, made)
            case "skip":
                self.records[due] = "skipped: overlap"
            case "buffer_one" if self.waiting:
                self.records[due] = "skipped: overlap"
            case "buffer_one" | "buffer_all" | "serial":
                self.waiting.append(due)
                self.records[due] = "buffered"
            case "cancel_other":
                for key in made:  # made and overtaken in one breath: there never was a task
                    self.records[key] = coalesced(due[0])
                    self.live.remove(key)
                    self.runs -= not key[1]
                self.cancelled |= self.live
                made.clear()
                self._create(due, made)

    def _create(self, due: Key, made: list[Key]) -> None:
        self.records[due] = "created"
        self.last_failed = False
        self.runs += not due[1]
        self.live.add(due)
        made.append(due)

    def _let_waiting_go(self, made: list[Key]) -> None:
        if self.paused:
            return
        if self.overlap in ("allow_all", "cancel_other"):
            waited, self.waiting = self.waiting, []
            for due in waited:
                self.meet(due, made)
        elif self.waiting and not self.live:
            if self.overlap == "serial" and self.last_failed:
                latest = max(self.waiting, key=lambda due: due[0])
                for due in self.waiting:
                    self.records[due] = coalesced(latest[0])
                self.waiting = [latest]
            self._create(self.waiting.pop(0), made)

    def _skip(self, row: list[datetime], reason: str) -> None:
        for one in row:
            self.records[one, False] = f"skipped: {reason}"
