"""Storages with a bug each: what real ones got wrong, in the memory storage. ``BUGS`` names them, ``CAUGHT`` by what.

The base class is right; a bug replaces one of its methods by one that is wrong in one respect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from attrs import evolve

from mainspring.adapters.storages.memory import MemoryStorage
from mainspring.core.creation import Accepted, Creation
from mainspring.core.errors import MainspringError, NotFound
from mainspring.core.events import Event
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.machine import Decision
from mainspring.core.ports import Gate, Page, Refused, ScheduleStep, Taken, TaskQuery, TaskStep, TaskTest, Unplanned
from mainspring.core.queue import QueueRef
from mainspring.core.schedule import Plan, Schedule, Slot
from mainspring.core.task import Task


class NoFence(MemoryStorage):
    """A report is written whatever version it was made on."""

    def save(self, decisions: Sequence[Decision]) -> tuple[bool, ...]:
        with self._writing():
            return tuple([self._write(self._current(decision)) for decision in decisions])

    def _current(self, decision: Decision) -> Decision:
        task = self._tasks.rows.get(decision.task.id)
        return decision if task is None else evolve(decision, read_version=task.version)


class OneStaleStopsAll(MemoryStorage):
    """One stale report takes the others of its batch with it."""

    def save(self, decisions: Sequence[Decision]) -> tuple[bool, ...]:
        with self._writing() as _:
            written = [self._write(decision) for decision in decisions]
            if not all(written):
                self._undo_to(0)
                return (False,) * len(decisions)
            return tuple(written)


class HalfABatch(MemoryStorage):
    """What was created before a refusal stays, though all or none was asked for."""

    def add(self, creations: Sequence[Creation], *, atomic: bool = True) -> tuple[Accepted | Refused, ...]:
        answers = super().add(creations, atomic=False)
        for answer in answers:
            if atomic and isinstance(answer, Refused):
                raise answer.error
        return answers


class TakenTwice(MemoryStorage):
    """What is handed out is not written: the next worker gets it too."""

    def take(self, shares: Mapping[QueueRef, int], step: TaskStep, gate: Gate) -> Taken:
        with self._writing() as now:
            due = [task for ref, share in shares.items() for task in self._tasks.due(ref, share, now)]
            self._tasks.refresh(due)
            return Taken(decisions=tuple(step(task, now) for task in due), again=None)


class NoPriority(MemoryStorage):
    """The longest due task comes first, whatever its priority."""

    def take(self, shares: Mapping[QueueRef, int], step: TaskStep, gate: Gate) -> Taken:
        with self._writing() as now:
            decisions: list[Decision] = []
            for ref, share in shares.items():
                due = self._tasks.due(ref, 1_000_000, now)
                self._tasks.refresh(due)
                due.sort(key=lambda task: (getattr(task.state, "due", now), task.id))
                decisions += self._pass(due[:share], step, now)
            return Taken(decisions=tuple(decisions), again=None)


class DueTooLate(MemoryStorage):
    """What is due at this very instant is not taken yet."""

    def _take(self, ref: QueueRef, share: int, step: TaskStep, gate: Gate, now: datetime) -> Taken:
        queue = self._queues.rows.get(ref)
        if queue is not None and queue.gated:
            return super()._take(ref, share, step, gate, now)
        due = self._tasks.due(ref, share, now - timedelta(microseconds=1))
        return Taken(decisions=self._pass(due, step, now), again=None)


class NoisyHistory(MemoryStorage):
    """Heartbeats are kept in the history."""

    def _write(self, decision: Decision) -> bool:
        written = super()._write(decision)
        if written and decision.events:
            history: list[Event] = self._tasks.events.setdefault(decision.task.id, [])
            history[len(history) :] = [event for event in decision.events if event not in history]
        return written


class NoFollowUps(MemoryStorage):
    """The tasks that follow an end are forgotten."""

    def _write(self, decision: Decision) -> bool:
        return super()._write(evolve(decision, follow_ups=()))


class DeafSchedule(MemoryStorage):
    """A schedule is not told that the run that it waits for was deleted."""

    def delete(self, task_ids: Sequence[TaskId], wanted: TaskTest | None = None) -> int:
        with self._writing():
            found = [key for key in dict.fromkeys(task_ids) if key in self._tasks.rows]
            chosen = [key for key in found if wanted is None or wanted(self._tasks.rows[key])]
            for key in chosen:
                self._put(key, None)
                self._tasks.events.pop(key, None)
            return len(chosen)


class LostFence(MemoryStorage):
    """The slot records of a schedule go with it: what has run could run again."""

    def delete_schedule(self, schedule_id: ScheduleId) -> None:
        super().delete_schedule(schedule_id)
        self._schedules.slots.pop(schedule_id, None)


class DoubleFire(MemoryStorage):
    """A slot that is written already is written again, by a node that lags behind."""

    def _put_slot(self, slot: Slot) -> None:
        self._schedules.slots[slot.schedule_id].pop((slot.occurrence, slot.manual), None)
        super()._put_slot(slot)


class OneBlocksAll(MemoryStorage):
    """A schedule that cannot be planned holds up the others."""

    def _fire(self, schedule: Schedule, step: ScheduleStep, now: datetime) -> Plan | Unplanned:
        return self._plan(schedule, step, now)


class NoGate(MemoryStorage):
    """Limits are looked at by nobody."""

    def _take(self, ref: QueueRef, share: int, step: TaskStep, gate: Gate, now: datetime) -> Taken:
        return Taken(decisions=self._pass(self._tasks.due(ref, share, now), step, now), again=None)


class KeyForEver(MemoryStorage):
    """An idempotency key is never forgotten."""

    def _create(self, creation: Creation, now: datetime) -> Accepted:
        asked = creation.idempotency
        place = ("", "") if asked is None else (creation.task.project, asked.key)
        known = self._keys.rows.get(place)
        if known is not None:
            self._put_key(place, evolve(known, at=now))
        return super()._create(creation, now)


class NameForEver(MemoryStorage):
    """A name stays taken when its task has ended."""

    def _insert(self, task: Task) -> None:
        for other in self._tasks.rows.values():
            if task.name is not None and (other.project, other.name) == (task.project, task.name):
                raise NameTaken(task.name, other.id)
        super()._insert(task)


class NameTaken(NotFound):
    """And it is said wrongly."""


class SkippingPages(MemoryStorage):
    """The first row of each further page is left out."""

    def find(self, query: TaskQuery) -> Page[Task]:
        page = super().find(query)
        return page if query.after is None else evolve(page, items=page.items[1:])


class StepErrorsStick(MemoryStorage):
    """What was written before a step failed stays."""

    def update(self, task_ids: Sequence[TaskId], step: TaskStep) -> tuple[Decision | Refused, ...]:
        with self._writing() as now:
            answers: list[Decision | Refused] = []
            for task_id in task_ids:
                try:
                    decision = step(self._tasks.get(task_id), now)
                    self._put(task_id, decision.task)
                    self._write(evolve(decision, read_version=decision.task.version))
                except MainspringError as error:
                    answers.append(Refused(task_id, error))
                else:
                    answers.append(decision)
            return tuple(answers)


BUGS: dict[str, type[MemoryStorage]] = {
    bug.__name__: bug
    for bug in (
        NoFence,
        OneStaleStopsAll,
        HalfABatch,
        TakenTwice,
        NoPriority,
        DueTooLate,
        NoisyHistory,
        NoFollowUps,
        DeafSchedule,
        LostFence,
        DoubleFire,
        OneBlocksAll,
        NoGate,
        KeyForEver,
        NameForEver,
        SkippingPages,
        StepErrorsStick,
    )
}

CAUGHT = {
    "NoFence": "test_a_lost_run_cannot_overwrite_the_one_that_replaced_it",
    "OneStaleStopsAll": "test_save_writes_over_the_version_that_was_read_only",
    "HalfABatch": "test_all_are_created_or_none",
    "TakenTwice": "test_due_tasks_are_taken_once",
    "NoPriority": "test_the_order_is_priority_then_due_then_id",
    "DueTooLate": "model",
    "NoisyHistory": "test_a_heartbeat_moves_the_lease",
    "NoFollowUps": "test_follow_ups_are_written_with_the_end_that_asks_for_them",
    "DeafSchedule": "test_deleting_a_live_task_nudges_its_schedule",
    "LostFence": "test_a_deleted_schedule_leaves_tasks_slots_and_history",
    "DoubleFire": "test_an_occurrence_has_one_slot",
    "OneBlocksAll": "test_a_refused_schedule_holds_up_no_other",
    "NoGate": "test_a_limit_holds_over_what_runs",
    "KeyForEver": "model",
    "NameForEver": "test_a_name_is_held_by_one_live_task_of_a_project",
    "SkippingPages": "test_find_gives_the_newest_first_page_by_page",
    "StepErrorsStick": "test_a_refused_report_leaves_nothing_of_what_follows_it",
}
"""The test of the conformance kit that catches a bug, or ``model``."""
