"""What the stateful test does with schedules, beside what it does with tasks and queues."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from mainspring.core.errors import Conflict, InvalidInput, MainspringError
from mainspring.core.ports import ScheduleStep, Unplanned
from mainspring.core.schedule import (
    Plan,
    Schedule,
    ScheduleView,
    backfill,
    edit,
    pause,
    plan,
    resume,
    run_now,
    skip_next,
)
from mainspring.testing.conformance import asked
from mainspring.testing.conformance.task_rules import TaskRules

MOST = 4
"""How many schedules there are at most."""


def paused(note: str) -> ScheduleStep:
    """A step that pauses."""

    def step(view: ScheduleView, at: datetime) -> Plan:
        return pause(view, at, note)

    return step


CHANGES: dict[str, ScheduleStep] = {
    "pause": paused("a note"),
    "resume": resume,
    "run now": run_now,
    "skip": skip_next,
    "plan": plan,
}


class ScheduleRules(TaskRules):
    """The rules of schedules."""

    def one(self, which: int) -> Schedule:
        """One of the schedules that there are."""
        known = sorted(self.picture.schedules)
        return self.picture.schedules[known[which % len(known)]]

    def planned(self, answer: Any) -> None:
        """What a plan has to be, and what is remembered of it."""
        assert isinstance(answer, Plan)
        before = self.ledger.schedules.get(answer.schedule.id)
        if before is not None and before.paused is not None:
            assert all(slot.manual for slot in answer.slots if slot.outcome.kind == "created"), "I12"
        if answer.schedule.id in self.picture.schedules:
            assert self.picture.schedules[answer.schedule.id].version >= answer.schedule.version
        for task in answer.tasks:
            assert task.id in self.picture.tasks
        self.ledger.planned(answer.schedule, self.now)
        for slot in answer.slots:
            self.ledger.seen[slot.outcome.kind] += 1

    @precondition(lambda self: len(self.picture.schedules) < MOST)
    @rule(data=st.data())
    def add_schedule(self, data: st.DataObject) -> None:
        """With any policy; its name may be taken."""
        schedule = data.draw(asked.schedules(self.now, self.next_number()))
        self.sides.schedule_ids.add(schedule.id)
        answer = self.ask_all(lambda storage: storage.add_schedule(schedule))
        if answer is None:
            self.ledger.planned(schedule, self.now)
        else:
            assert isinstance(answer, Conflict)
            assert schedule.id not in self.picture.schedules
            assert self.picture.schedule_histories[schedule.id] == ()

    @rule(limit=st.integers(1, 4))
    def fire(self, limit: int) -> None:
        """What has come due: whole, or not at all."""
        self._fire(limit, plan)

    @initialize(data=st.data())
    def begin_with_a_schedule(self, data: st.DataObject) -> None:
        """One at least."""
        self.add_schedule(data)

    @rule(minutes=st.sampled_from([1, 2, 5, 20, 150]))
    def occurrences_come_due(self, minutes: int) -> None:
        """Time passes, and what has come due is fired."""
        self.sides.clock.move(timedelta(minutes=minutes))
        self._fire(4, plan)

    @precondition(lambda self: self.picture.schedules)
    @rule(which=asked.numbers)
    def fire_with_one_that_cannot(self, which: int) -> None:
        """It holds up no other, and nothing of it is written."""
        broken, before = self.one(which), self.picture

        def step(view: ScheduleView, at: datetime) -> Plan:
            made = plan(view, at)
            if view.schedule.id == broken.id:
                raise Conflict("step", "it was told to fail", "try again")
            return made

        self._fire(4, step)
        assert self.picture.schedules[broken.id] == before.schedules[broken.id]
        assert self.picture.slots[broken.id] == before.slots[broken.id]

    def _fire(self, limit: int, step: ScheduleStep) -> None:
        answers = self.ask_all(lambda storage: storage.fire(limit, step))
        assert len(answers) <= limit
        for answer in answers:
            if isinstance(answer, Unplanned):
                assert step is not plan or not self.ledger.straight, f"it cannot be fired: {answer.error}"
            else:
                self.planned(answer)

    @precondition(lambda self: self.picture.schedules)
    @rule(which=asked.numbers, word=st.sampled_from([*CHANGES, "skip", "resume"]))
    def change_schedule(self, which: int, word: str) -> None:
        """Pause, resume, run now, skip the next one, or plan."""
        schedule = self.one(which)
        self._change(schedule, CHANGES[word])

    @precondition(lambda self: self.picture.schedules)
    @rule(which=asked.numbers, data=st.data())
    def edit_schedule(self, which: int, data: st.DataObject) -> None:
        """Its rule, its policies, its name (which may be taken)."""
        schedule = self.one(which)
        change = data.draw(asked.schedule_edits(schedule, self.now))
        self._change(schedule, lambda view, at: edit(view, change, at))

    @precondition(lambda self: self.picture.schedules)
    @rule(which=asked.numbers, minutes=st.integers(1, 30), overlap=st.none() | asked.overlaps)
    def backfill(self, which: int, minutes: int, overlap: Any) -> None:
        """The last minutes, by hand; a second time it is a conflict."""
        schedule, end = self.one(which), self.now
        begin = end - timedelta(minutes=minutes)
        self._change(schedule, lambda view, at: backfill(view, begin, end, at, overlap))

    def _change(self, schedule: Schedule, step: ScheduleStep) -> None:
        before = self.picture
        answer = self.ask_all(lambda storage: storage.update_schedule(schedule.id, step))
        if isinstance(answer, MainspringError):
            assert isinstance(answer, Conflict | InvalidInput)
            assert self.picture == before, "what is refused leaves nothing"
            self.ledger.seen["change refused"] += 1
        else:
            self.planned(answer)

    @precondition(lambda self: self.picture.schedules)
    @rule(which=asked.numbers, really=st.integers(0, 3))
    def delete_schedule(self, which: int, really: int) -> None:
        """Its tasks, slots and history stay."""
        if really:
            return
        schedule, before = self.one(which), self.picture
        assert self.ask_all(lambda storage: storage.delete_schedule(schedule.id)) is None
        assert schedule.id not in self.picture.schedules
        assert (self.picture.tasks, self.picture.slots) == (before.tasks, before.slots)
        assert self.picture.schedule_histories == before.schedule_histories
