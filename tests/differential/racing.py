"""People who change schedules against workers that fire them, at the same time, under a clock that runs fast.

``python -m differential.racing PATH BASE STOP`` is a worker in a process of its own: it fires until the file STOP is
there.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from attrs import define, evolve, field, frozen

from mainspring.adapters.storages.sqlite import SqliteStorage
from mainspring.core.commands import Start, Succeed
from mainspring.core.errors import Conflict
from mainspring.core.ids import ScheduleId, uuid7
from mainspring.core.invariants import TICK, broken, occurrences_are_exact
from mainspring.core.machine import Decision, handle
from mainspring.core.ports import ScheduleStep, Storage, TaskQuery, Unplanned
from mainspring.core.recurrence import Interval
from mainspring.core.retry import Never
from mainspring.core.schedule import (
    Buffered,
    Created,
    Overlap,
    Plan,
    Schedule,
    ScheduleEdit,
    ScheduleView,
    Slot,
    TaskTemplate,
    Waiting,
    edit,
    new_schedule,
    pause,
    plan,
    resume,
    run_now,
    skip_next,
)
from mainspring.core.task import FunctionCall, Task
from mainspring.testing.conformance.port import take
from support.builders import NOW, SECOND

SPEED = 200.0
"""How much faster than this machine's the clock runs: an occurrence of every second comes each 5 ms."""

LIFE = 6 * SECOND
CROWD = 20
"""How many schedules are raced for at once."""

OVERLAPS: tuple[Overlap, ...] = ("skip", "buffer_one", "buffer_all", "cancel_other", "allow_all", "serial")
EVERY_SLOT = 1_000_000


@frozen
class FastClock:
    """The same instant in every process that is given the same ``base``."""

    base: float

    def __call__(self) -> datetime:
        """The instant now."""
        return NOW + timedelta(seconds=(time.monotonic() - self.base) * SPEED)


def start(task: Task, at: datetime) -> Decision:
    """A step that starts a task."""
    return handle(task, Start(at=at, worker="w", lease=timedelta(days=1)))


def turn(storage: Storage) -> int:
    """Fire some schedules, and do some of the tasks that they made; tell how much there was to do."""
    plans = storage.fire(5, plan)
    for one in plans:
        assert not isinstance(one, Unplanned), f"it cannot be fired: {one.error}"
    taken = [decision.task for decision in take(storage, (), 5, start)]
    storage.save([handle(task, Succeed(at=storage.now(), run=task.state.tally.runs)) for task in taken])
    return len(plans) + len(taken)


def fire_until(storage: Storage, stopped: Callable[[], bool]) -> None:
    """Be a worker that fires as fast as it can."""
    while not stopped():
        if not turn(storage):
            time.sleep(0.0003)


def change_the_rule(view: ScheduleView, at: datetime) -> Plan:
    """Another rule, now and then with another policy."""
    every = timedelta(seconds=0.7 if view.schedule.version % 2 else 1.1)
    return edit(view, ScheduleEdit(recurrence=Interval(every=every, anchor=NOW + 0.1 * SECOND)), at)


def change_the_policy(view: ScheduleView, at: datetime) -> Plan:
    """Another overlap policy: what waits goes on under it."""
    following = OVERLAPS[(OVERLAPS.index(view.schedule.overlap) + 1) % len(OVERLAPS)]
    return edit(view, ScheduleEdit(overlap=following), at)


CHANGES: dict[str, ScheduleStep] = {
    "rule": change_the_rule,
    "policy": change_the_policy,
    "pause": lambda view, at: pause(view, at, "a note"),
    "resume": resume,
    "skip": skip_next,
    "run now": run_now,
}
LIVES: tuple[tuple[str, ...], ...] = (
    ("rule",),
    ("rule", "rule"),
    ("pause",),
    ("pause", "resume"),
    ("pause", "rule", "resume"),
    ("delete",),
    ("rule", "delete"),
    ("pause", "delete"),
    ("skip", "rule"),
    ("policy", "run now"),
)
"""What is done to a schedule while it is fired."""


@define
class Raced:
    """A schedule, and what the people who changed it know of it."""

    schedule: Schedule
    life: list[str]
    rules: list[tuple[Schedule, datetime]]
    deleted: bool = False


@define
class Race:
    """The people's side: they make crowds of schedules and change them, until so many changes were made."""

    storage: Storage
    chance: random.Random
    raced: list[Raced] = field(factory=list)
    seen: Counter[str] = field(factory=Counter)

    def run(self, changes: int) -> None:
        """Race crowd after crowd."""
        while self.seen["changes"] < changes:
            crowd = [self._make() for _ in range(CROWD)]
            while alive := [one for one in crowd if one.life]:
                self._change(self.chance.choice(alive))
                time.sleep(self.chance.choice((0, 0, 0.0002, 0.001)))

    def _make(self) -> Raced:
        at = self.storage.now()
        schedule = new_schedule(
            schedule_id=ScheduleId(uuid7(at, self.chance.randbytes(8))),
            recurrence=Interval(every=SECOND, anchor=NOW),
            template=TaskTemplate(call=FunctionCall(function="work"), retry=Never()),
            at=at,
            overlap=self.chance.choice(OVERLAPS),
            ends_at=at + LIFE,
        )
        made = Raced(schedule, list(self.chance.choice(LIVES)), [(schedule, at)])
        self.storage.add_schedule(schedule)
        self.raced.append(made)
        return made

    def _change(self, one: Raced) -> None:
        word = one.life.pop(0)
        self.seen["changes"] += 1
        self.seen[word] += 1
        if word == "delete":
            self.storage.delete_schedule(one.schedule.id)
            one.deleted = True
            return

        def step(view: ScheduleView, at: datetime) -> Plan:
            due = view.schedule.next_at
            self.seen["before the firing" if due is not None and due <= at else "after the firing"] += 1
            return CHANGES[word](view, at)

        with suppress(Conflict):  # there is no next one to skip
            made = self.storage.update_schedule(one.schedule.id, step)
            if made.events and made.schedule.recurrence != one.rules[-1][0].recurrence:
                excluded = made.schedule.excluded_to
                one.rules.append((made.schedule, max([made.events[0].at, *([excluded] if excluded else [])])))

    def check(self) -> None:
        """When all is quiet: every occurrence has one record, every task its record, every record its task."""
        while self.storage.now() < max(one.schedule.ends_at or NOW for one in self.raced) + SECOND or turn(
            self.storage
        ):
            turn(self.storage)
        for one in self.raced:
            slots = self.storage.slots(one.schedule.id, EVERY_SLOT)
            if one.deleted:
                schedule = as_left(one, slots)
            else:
                schedule = self.storage.get_schedule(one.schedule.id)
                assert schedule.next_at is None
            assert broken(occurrences_are_exact(one.rules, schedule, slots)) == [], one.rules
            page = self.storage.find(TaskQuery(schedule_id=one.schedule.id, limit=1000))
            made = {slot.outcome.task_id for slot in slots if isinstance(slot.outcome, Created)}
            assert made == {task.id for task in page.items}
            self.seen["slots"] += sum(slot.count for slot in slots)


def as_left(one: Raced, slots: tuple[Slot, ...]) -> Schedule:
    """A deleted schedule as its records say that it was: no occurrence may be missing before the last of them."""
    newest = max((slot.until for slot in slots if not slot.manual), default=one.rules[0][1])
    waiting = [slot for slot in slots if isinstance(slot.outcome, Buffered)]
    return evolve(
        one.schedule,
        next_at=newest + TICK,
        waiting=tuple(Waiting(occurrence=slot.occurrence, manual=slot.manual) for slot in waiting),
    )


def main(path: str, base: str, stop: str) -> None:
    """Be a worker in a process of its own."""
    storage = SqliteStorage(path, clock=FastClock(float(base)))
    print("ready", flush=True)
    fire_until(storage, Path(stop).exists)
    storage.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
