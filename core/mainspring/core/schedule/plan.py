"""``plan``: from a schedule and an instant to the tasks to create, the slots to record, and the advanced schedule."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from attrs import define, field, frozen
from attrs import evolve as changed

from mainspring.core.effects import NudgeSchedule
from mainspring.core.errors import Conflict
from mainspring.core.ids import ScheduleId, TaskId, uuid7
from mainspring.core.instants import format_instant, to_micros
from mainspring.core.machine import REPEAT_WINDOW
from mainspring.core.recurrence import between, next_after
from mainspring.core.schedule.values import (
    MAX_WAITING,
    PROMPT,
    Buffered,
    Coalesced,
    Created,
    Overlap,
    Schedule,
    ScheduleEvent,
    Skipped,
    SkipReason,
    Slot,
    SlotOutcome,
    Waiting,
)
from mainspring.core.states import Failed, Pending
from mainspring.core.task import Fired, RunByHand, Task, schedule_of

BATCH: Final = 1_000
"""How many occurrences one plan takes on at most; a longer backlog is planned in several turns."""

SWEEP: Final = 20_000
"""How many occurrences outside the catch-up window one plan counts off at most."""

PARALLEL: Final = frozenset[Overlap]({"allow_all", "cancel_other"})
"""The overlap policies under which nothing waits."""

_TICK: Final = timedelta(microseconds=1)


@frozen(kw_only=True)
class ScheduleView:
    """A schedule as the storage sees it in one transaction; ``live`` are its tasks that have not ended."""

    schedule: Schedule
    live: tuple[TaskId, ...]


@frozen(kw_only=True)
class Plan:
    """What a decision about a schedule comes to.

    ``schedule`` is the advanced one, ``read_version`` the version that the plan was made on. ``tasks`` are to be
    created, ``cancels`` to be cancelled, ``slots`` to be recorded (a slot replaces a *buffered* one of its key).
    """

    schedule: Schedule
    read_version: int
    tasks: tuple[Task, ...] = ()
    cancels: tuple[TaskId, ...] = ()
    slots: tuple[Slot, ...] = ()
    events: tuple[ScheduleEvent, ...] = ()


def plan(view: ScheduleView, at: datetime) -> Plan:
    """Account for every occurrence up to ``at`` (at most ``BATCH`` of them), and for those that wait."""
    draft = Draft(view.schedule, view.live, at)
    draft.advance()
    return draft.finish(view.schedule, ())


def run_now(view: ScheduleView, at: datetime) -> Plan:
    """Make a task outside the rule, at once if the overlap policy allows it; also when the schedule is paused.

    The plan's one slot says what came of it. Within ``REPEAT_WINDOW`` of the last one it is the same request again:
    nothing is written, and the slot is that of the first, unless the schedule was edited in between.
    """
    schedule = view.schedule
    if schedule.ran is not None and abs(at - schedule.ran.at) <= REPEAT_WINDOW:
        return Plan(schedule=schedule, read_version=schedule.version, slots=(schedule.ran,))
    draft = Draft(schedule, view.live, at)
    draft.meet_by_hand(at)
    return draft.finish(changed(schedule, ran=draft.slots[-1]), (ScheduleEvent(at=at, kind="ran"),))


def nudged(schedule: Schedule, nudge: NudgeSchedule) -> Schedule:
    """Make a schedule due for planning because a task of it ended; storages call it where they write that end.

    Gives back the very same schedule if nothing waits, so that nothing has to be written.
    """
    if not schedule.waiting:
        return schedule
    wake_at = nudge.at if schedule.wake_at is None else min(schedule.wake_at, nudge.at)
    return changed(schedule, wake_at=wake_at, last_failed=nudge.failed, version=schedule.version + 1)


def task_ended(task: Task, at: datetime) -> NudgeSchedule | None:
    """Say what the end (or the deletion) of ``task`` means for its schedule; None if it has none."""
    schedule_id = schedule_of(task)
    if schedule_id is None:
        return None
    return NudgeSchedule(schedule_id=schedule_id, at=at, failed=isinstance(task.state, Failed))


def occurrence_task_id(schedule_id: ScheduleId, occurrence: datetime, manual: bool) -> TaskId:
    """Compute the id of the task of an occurrence: the same for the same occurrence, whoever fires it."""
    text = f"{schedule_id}/{to_micros(occurrence)}/{int(manual)}"
    return TaskId(uuid7(occurrence, sha256(text.encode()).digest()[:8]))


def following(schedule: Schedule, after: datetime) -> datetime | None:
    """Find the first occurrence after ``after`` within the schedule's start and end; None: there is no more."""
    start = after if schedule.starts_at is None else max(after, schedule.starts_at - _TICK)
    found = next_after(schedule.recurrence, start)
    if found is None or (schedule.ends_at is not None and found > schedule.ends_at):
        return None
    return found


def jitter_of(schedule: Schedule, occurrence: datetime) -> timedelta:
    """How long after ``occurrence`` its task is due: a fraction of ``jitter`` computed from both, always the same."""
    if not schedule.jitter:
        return schedule.jitter
    digest = sha256(f"jitter/{schedule.id}/{to_micros(occurrence)}".encode()).digest()
    return schedule.jitter * (int.from_bytes(digest[:6], "big") / (1 << 48))


def _occurrences(tasks: Sequence[Task]) -> list[datetime]:
    return [task.origin.occurrence for task in tasks if isinstance(task.origin, Fired)]


@define
class Draft:
    """A plan in the making: what a schedule comes to at instant ``at``."""

    schedule: Schedule
    live: tuple[TaskId, ...]
    at: datetime
    next_at: datetime | None = field(init=False)
    waiting: list[Waiting] = field(init=False)
    tasks: list[Task] = field(init=False, factory=list[Task])
    cancels: list[TaskId] = field(init=False, factory=list[TaskId])
    slots: list[Slot] = field(init=False, factory=list[Slot])

    def __attrs_post_init__(self) -> None:
        self.next_at = self.schedule.next_at
        self.waiting = list(self.schedule.waiting)

    def advance(self) -> None:
        """Let one that waits go on if it can, then meet the occurrences that have come due (a bounded number)."""
        self.take_waiting()
        if self.schedule.paused is not None:
            self.skip_row(self._pass(self.at, SWEEP), "paused")
            return
        stale = self.at - max(self.schedule.catch_up.window, PROMPT) - _TICK
        self.skip_row(self._pass(stale, SWEEP), "outside_window")
        if self.behind(stale):
            return
        for occurrence in self._caught_up(self._pass(self.at, BATCH)):
            self.meet(Waiting(occurrence=occurrence))
            if self.spent(self.schedule.max_runs):
                self.next_at = None  # the rule has ended: what came after is no occurrence any more
                return

    def behind(self, until: datetime) -> bool:
        """Whether occurrences up to ``until`` are left that no record speaks of."""
        return self.next_at is not None and self.next_at <= until

    def spent(self, max_runs: int | None) -> bool:
        """Whether ``max_runs`` tasks of the rule were made, those that wait counted in."""
        if max_runs is None:
            return False
        planned = len(_occurrences(self.tasks)) + sum(1 for due in self.waiting if not due.manual)
        return self.schedule.runs + planned >= max_runs

    def _pass(self, until: datetime, limit: int) -> tuple[datetime, ...]:
        """Move ``next_at`` behind the occurrences up to ``until`` (at most ``limit``); return them, oldest first.

        There may be none although ``next_at`` has come: new zone data can take away what the old data promised.
        """
        if self.next_at is None or self.next_at > until:
            return ()
        found = self._between(self.next_at - _TICK, until, limit)
        self.next_at = following(self.schedule, found[-1] if found else until)
        return found

    def _caught_up(self, fresh: tuple[datetime, ...]) -> tuple[datetime, ...]:
        """Apply the catch-up mode to a batch, behind which more may have come due: return what is to be met."""
        match self.schedule.catch_up.mode:
            case "all":
                return fresh
            case "latest":
                more = self._behind_batch(fresh, 1)
                row = fresh + more
                for passed in row[:-1]:
                    self.record(Waiting(occurrence=passed), Coalesced(into=row[-1]))
                return () if more else fresh[-1:]
            case "none":
                late = sum(1 for occurrence in fresh if occurrence < self.at - PROMPT)
            case at_most:
                more = self._behind_batch(fresh, at_most.count)
                late = max(0, len(fresh) + len(more) - at_most.count)
        self.skip_row(fresh[:late], "missed")
        return fresh[late:]

    def _behind_batch(self, fresh: tuple[datetime, ...], limit: int) -> tuple[datetime, ...]:
        """The first occurrences up to ``at`` that did not fit into the batch ``fresh``."""
        return self._between(fresh[-1], self.at, limit) if fresh else ()

    def _between(self, start: datetime, end: datetime, limit: int) -> tuple[datetime, ...]:
        last = end if self.schedule.ends_at is None else min(end, self.schedule.ends_at)
        return between(self.schedule.recurrence, start, last, limit=limit)

    def busy(self) -> bool:
        """Whether a task of the schedule has not ended, those of this plan included."""
        return bool(self.live or self.tasks)

    def take_waiting(self) -> None:
        """Let the occurrence whose turn it is go on, once nothing runs (or the policy does not mind)."""
        if not self.waiting or self.schedule.paused is not None:
            return
        if self.schedule.overlap in PARALLEL:  # they waited under another policy, before an edit
            waited, self.waiting = self.waiting, []
            for due in waited:
                self.meet(due)
        elif self.busy():
            return
        elif self.schedule.overlap == "serial" and self.schedule.last_failed:
            latest = max(self.waiting, key=lambda due: due.occurrence)
            self.waiting.remove(latest)
            for passed in self.waiting:
                self.record(passed, Coalesced(into=latest.occurrence))
            self.waiting.clear()
            self.create(latest)
        else:
            self.create(self.waiting.pop(0))

    def meet(self, due: Waiting) -> None:
        """Apply the overlap policy to one occurrence."""
        overlap = self.schedule.overlap
        if overlap == "allow_all" or not (self.busy() or self.waiting):
            self.create(due)
        elif overlap == "cancel_other":
            self._supersede(due)
            self.create(due)
        elif overlap == "skip" or (overlap == "buffer_one" and self.waiting):
            self.record(due, Skipped(reason="overlap"))
        elif len(self.waiting) >= MAX_WAITING:
            self.record(due, Skipped(reason="buffer_full"))
        else:
            self.waiting.append(due)
            self.record(due, Buffered())

    def meet_by_hand(self, occurrence: datetime) -> None:
        """Apply the overlap policy to one that was asked for; ``Conflict`` if it waits already."""
        due = Waiting(occurrence=occurrence, manual=True)
        if due in self.waiting:
            what = f"the run by hand of {format_instant(occurrence)} waits already"
            raise Conflict(str(self.schedule), what, "wait for its turn")
        self.meet(due)

    def _supersede(self, due: Waiting) -> None:
        """Cancel what runs; what this plan was about to create is coalesced instead."""
        self.cancels.extend(task_id for task_id in self.live if task_id not in self.cancels)
        made = {task.id for task in self.tasks}
        self.tasks.clear()
        self.slots = [
            changed(slot, outcome=Coalesced(into=due.occurrence))
            if isinstance(slot.outcome, Created) and slot.outcome.task_id in made
            else slot
            for slot in self.slots
        ]

    def create(self, due: Waiting) -> None:
        """Make the task of an occurrence."""
        schedule, template = self.schedule, self.schedule.template
        spread = timedelta(0) if due.manual else jitter_of(schedule, due.occurrence)
        task = Task(
            id=occurrence_task_id(schedule.id, due.occurrence, due.manual),
            call=template.call,
            state=Pending(due=max(self.at, due.occurrence + spread)),
            created_at=self.at,
            scheduled_for=due.occurrence,
            project=schedule.project,
            queue=template.queue,
            priority=template.priority,
            retry=template.retry,
            timeout=template.timeout,
            origin=RunByHand(schedule_id=schedule.id, occurrence=due.occurrence)
            if due.manual
            else Fired(schedule_id=schedule.id, occurrence=due.occurrence),
        )
        self.tasks.append(task)
        self.record(due, Created(task_id=task.id))

    def record(self, due: Waiting, outcome: SlotOutcome) -> None:
        """Write the slot of one occurrence."""
        self._slot(due.occurrence, due.occurrence, 1, outcome, due.manual)

    def skip_row(self, row: tuple[datetime, ...], reason: SkipReason) -> None:
        """Write one slot for a row of occurrences that make no task."""
        if row:
            self._slot(row[0], row[-1], len(row), Skipped(reason=reason), manual=False)

    def _slot(self, first: datetime, last: datetime, count: int, outcome: SlotOutcome, manual: bool) -> None:
        slot = Slot(
            schedule_id=self.schedule.id,
            occurrence=first,
            until=last,
            count=count,
            outcome=outcome,
            at=self.at,
            manual=manual,
        )
        self.slots.append(slot)

    def finish(self, after: Schedule, events: tuple[ScheduleEvent, ...]) -> Plan:
        """Close the plan: ``after`` (the schedule, perhaps changed by hand) as it is afterwards, one version on."""
        before = self.schedule
        fired = _occurrences(self.tasks)
        free = after.overlap in PARALLEL or not self.busy()
        ready = bool(self.waiting) and free and after.paused is None
        after = changed(
            after,
            next_at=self.next_at,
            wake_at=self.at if ready else self.next_at,
            waiting=tuple(self.waiting),
            last_fired=max(fired, default=before.last_fired),
            fired=before.fired + len(self.tasks),
            runs=before.runs + len(fired),
            last_failed=before.last_failed and not self.tasks,
            version=before.version + 1,
        )
        return Plan(
            schedule=after,
            read_version=before.version,
            tasks=tuple(self.tasks),
            cancels=tuple(self.cancels),
            slots=tuple(self.slots),
            events=events,
        )
