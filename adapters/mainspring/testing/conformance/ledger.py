"""What a storage was seen to hold, step by step, and what must be true of that: the invariants of the reliability page.

A record of its own, kept by the test from the answers and the pictures: nothing here asks a storage.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

from attrs import define, field

from mainspring.core.creation import KEEP_KEYS, Accepted, Creation, IdempotencyKey
from mainspring.core.errors import Conflict
from mainspring.core.events import Event, RunStarted
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.invariants import breaches_of, broken, next_never_goes_back, occurrences_are_exact, rate_holds
from mainspring.core.machine import Decision
from mainspring.core.ports import Refused
from mainspring.core.queue import Limits, Queue, QueueRef, queue_of
from mainspring.core.schedule import Buffered, Schedule, Slot
from mainspring.core.states import LIVE, Cancelling, Running
from mainspring.core.task import Task
from mainspring.testing.conformance.sides import Picture

Place: TypeAlias = tuple[QueueRef, str | None]
"""A queue as a whole (None), or one key of it."""

Held: TypeAlias = tuple[Schedule, datetime]
"""A schedule whose rule held, and from when on."""
Used: TypeAlias = tuple[IdempotencyKey, TaskId, datetime]
"""A request that was made with an idempotency key: its mark, its task, and when."""


@define
class Ledger:
    """The last picture, and what has to be remembered beyond it.

    ``straight``: the clock has never gone back; what invariants say of instants holds only then.
    """

    straight: bool = True
    there: set[TaskId] = field(factory=set[TaskId])
    """The tasks that there are; within one call, also those that it has made so far."""
    tasks: dict[TaskId, Task] = field(factory=dict[TaskId, Task])
    histories: dict[TaskId, tuple[Event, ...]] = field(factory=dict[TaskId, tuple[Event, ...]])
    schedules: dict[ScheduleId, Schedule] = field(factory=dict[ScheduleId, Schedule])
    slots: dict[ScheduleId, tuple[Slot, ...]] = field(factory=dict[ScheduleId, tuple[Slot, ...]])
    rules: dict[ScheduleId, list[tuple[Schedule, datetime]]] = field(
        factory=dict[ScheduleId, list[tuple[Schedule, datetime]]]
    )
    keys: dict[tuple[str, str], tuple[IdempotencyKey, TaskId, datetime]] = field(
        factory=dict[tuple[str, str], tuple[IdempotencyKey, TaskId, datetime]]
    )
    starts: defaultdict[Place, list[datetime]] = field(factory=lambda: defaultdict(list))
    """Starts out of a queue, or of a key of it, since its rate was set."""
    seen: Counter[str] = field(factory=Counter[str])
    """How often what was tried came to what."""

    # --- what was answered -------------------------------------------------------------------------------------------

    def created(self, creation: Creation, answer: Accepted | Refused, at: datetime) -> None:
        """I1: a request that is repeated in time gets the task of the first one, another request nothing."""
        asked, how = creation.idempotency, "refused" if isinstance(answer, Refused) else answer.how
        self.seen[how] += 1
        if how == "created":
            self.there.add(creation.task.id)
        if asked is None:
            assert how != "repeated"
            return
        place = (creation.task.project, asked.key)
        known = self.keys.get(place)
        if known is not None and known[2] > at - KEEP_KEYS and known[1] in self.there:
            if known[0].fingerprint == asked.fingerprint:
                assert isinstance(answer, Accepted)
                assert (answer.how, answer.task.id) == ("repeated", known[1])
            else:
                assert isinstance(answer, Refused)
                assert isinstance(answer.error, Conflict)
        elif isinstance(answer, Accepted):
            assert how != "repeated"
            self.keys[place] = (asked, answer.task.id, at)

    def took(self, before: Mapping[QueueRef, Queue], decisions: Iterable[Decision], after: Picture) -> None:
        """I10, I11, I12: what started out of these queues was allowed to, by what holds a place and what started."""
        started = [one.task for one in decisions if any(isinstance(event, RunStarted) for event in one.events)]
        for task in started:
            assert isinstance(task.state, Running)
            self.starts[queue_of(task), None].append(task.state.started_at)
            self.starts[queue_of(task), task.key or ""].append(task.state.started_at)
        for ref in {queue_of(task) for task in started}:
            queue = before[ref]
            assert queue.paused is None, "I12: a start out of a paused queue"
            self.seen["gated" if queue.gated else "open"] += 1
            self._within(queue.limits, (ref, None), started, after)
            for key in {task.key or "" for task in started if queue_of(task) == ref}:
                self._within(queue.key_limits, (ref, key), started, after)

    def _within(self, limits: Limits, place: Place, started: list[Task], after: Picture) -> None:
        ref, key = place
        held = [
            task
            for task in after.tasks.values()
            if queue_of(task) == ref and key in (None, task.key or "") and isinstance(task.state, Running | Cancelling)
        ]
        now = max(task.state.started_at for task in started if isinstance(task.state, Running))
        leased = [
            task for task in held if isinstance(task.state, Running | Cancelling) and task.state.lease_until > now
        ]
        if limits.concurrency is not None:
            assert len(leased) <= limits.concurrency, f"I10: {len(leased)} of {place}"
        if limits.rate is not None and self.straight:
            assert broken(rate_holds(self.starts[place], limits.rate)) == []

    def queue_changed(self, before: Queue, after: Queue | None) -> None:
        """Begin the count of starts anew where the rate is another one, or its log is forgotten."""
        for place in [*self.starts]:
            ref, key = place
            if ref != before.ref:
                continue
            was, now = (
                (queue.limits if key is None else queue.key_limits) if queue is not None else None
                for queue in (before, after)
            )
            if now is None or was is None or was.rate != now.rate:
                del self.starts[place]

    def planned(self, schedule: Schedule, at: datetime) -> None:
        """Remember the rule of a schedule that was made or changed by hand."""
        rules = self.rules.setdefault(schedule.id, [])
        if not rules or _rule(rules[-1][0]) != _rule(schedule):
            start = at if not rules else max([at, *filter(None, [schedule.excluded_to])])
            if rules and rules[-1][1] == start:
                rules.pop()  # it never held
            rules.append((schedule, start))

    # --- what was seen -----------------------------------------------------------------------------------------------

    def look(self, now: Picture) -> None:
        """Hold a picture against the one before it and against the invariants."""
        self._look_at_tasks(now)
        self._look_at_schedules(now)
        self.there = set(now.tasks)
        self.tasks, self.histories = dict(now.tasks), dict(now.histories)
        self.schedules, self.slots = dict(now.schedules), dict(now.slots)

    def _look_at_tasks(self, now: Picture) -> None:
        names = Counter(
            (task.project, task.name) for task in now.tasks.values() if task.name and isinstance(task.state, LIVE)
        )
        assert max(names.values(), default=1) == 1, "two live tasks of one name"
        for task_id, task in now.tasks.items():
            before, history = self.tasks.get(task_id), now.histories[task_id]
            if before == task:
                assert history == self.histories[task_id]
                continue
            if before is not None:
                written = self.histories[task_id]
                assert task.version > before.version
                assert history[: len(written)] == written, "I13: a history is only ever added to"
            if self.straight:
                assert breaches_of(task, history) == []

    def _look_at_schedules(self, now: Picture) -> None:
        for schedule_id, slots in now.slots.items():
            written = {(slot.occurrence, slot.manual): slot for slot in slots}
            assert len(written) == len(slots)
            for slot in self.slots.get(schedule_id, ()):
                if not isinstance(slot.outcome, Buffered):
                    assert written[slot.occurrence, slot.manual] == slot, "I8: a slot record is written once"
        for schedule_id, schedule in now.schedules.items():
            before = self.schedules.get(schedule_id)
            if before == schedule:
                continue
            if before is not None:
                assert broken(next_never_goes_back([before, schedule])) == []
            if self.straight:
                assert broken(occurrences_are_exact(self.rules[schedule_id], schedule, now.slots[schedule_id])) == []


def _rule(schedule: Schedule) -> tuple[object, ...]:
    return schedule.recurrence, schedule.starts_at, schedule.ends_at, schedule.max_runs
