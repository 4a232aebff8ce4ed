"""What every storage guarantees about schedules, slots and nudges, rule by rule."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from attrs import evolve

from mainspring.core.errors import Conflict, InvalidInput, NotFound
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.ports import SUPERSEDED, ScheduleQuery, Storage, TaskQuery, Unplanned
from mainspring.core.recurrence import Cron, Interval
from mainspring.core.schedule import (
    Buffered,
    Created,
    Plan,
    Schedule,
    ScheduleEdit,
    ScheduleView,
    Skipped,
    Slot,
    TaskTemplate,
    edit,
    pause,
    plan,
    run_now,
)
from mainspring.core.task import Fired, RunByHand
from mainspring.testing.conformance.port import fire
from mainspring.testing.conformance.values import (
    CALL,
    HOUR,
    MINUTE,
    SECOND,
    added,
    added_schedule,
    asleep,
    cancel,
    fail,
    new_id,
    schedule,
    start,
    succeed,
    unchanged,
)

NOBODY = ScheduleId("00000000-0000-7000-8000-000000000000")


def _slots(storage: Storage, schedule_id: ScheduleId) -> list[str]:
    return [type(slot.outcome).__name__ for slot in storage.slots(schedule_id)]


def _live(storage: Storage, schedule_id: ScheduleId) -> tuple[TaskId, ...]:
    seen: list[tuple[TaskId, ...]] = []

    def step(view: ScheduleView, at: datetime) -> Plan:
        seen.append(view.live)
        return unchanged(view, at)

    storage.update_schedule(schedule_id, step)
    return seen[0]


class KeepingSchedules:
    """add, get, find, update and delete."""

    def test_a_schedule_is_read_back_equal(self, storage: Storage) -> None:
        """With its template, rule and policies; its history begins with *created*."""
        made = added_schedule(
            storage,
            recurrence=Cron("30 2 * * 1-5", "Europe/Berlin", gap="skip", fold="both"),
            template=TaskTemplate(call=CALL, queue="q", priority=3),
            name="nightly",
            description="ünüsual",
            overlap="buffer_all",
        )
        assert storage.get_schedule(made.id) == made
        (event,) = storage.schedule_history(made.id)
        assert (event.kind, event.at) == ("created", made.created_at)

    def test_a_missing_schedule_is_not_found(self, storage: Storage) -> None:
        """To read, to update and to delete; its slots and history are empty."""
        with pytest.raises(NotFound):
            storage.get_schedule(NOBODY)
        with pytest.raises(NotFound):
            storage.update_schedule(NOBODY, plan)
        with pytest.raises(NotFound):
            storage.delete_schedule(NOBODY)
        assert storage.slots(NOBODY) == ()
        assert storage.schedule_history(NOBODY) == ()

    def test_ids_and_names_are_taken_once(self, storage: Storage) -> None:
        """A name in its project, by adding and by editing; a refused one leaves nothing behind."""
        made = added_schedule(storage, name="n")
        other = added_schedule(storage, name="m")
        added_schedule(storage, name="n", project="other")
        fresh = schedule(storage, name="n")
        for clash in (made, fresh):
            with pytest.raises(Conflict):
                storage.add_schedule(clash)
        with pytest.raises(Conflict):
            storage.update_schedule(other.id, lambda view, at: edit(view, ScheduleEdit(name="n"), at))
        assert storage.get_schedule(other.id) == other
        assert storage.schedule_history(fresh.id) == ()
        storage.update_schedule(made.id, lambda view, at: edit(view, ScheduleEdit(name=None), at))
        storage.update_schedule(other.id, lambda view, at: edit(view, ScheduleEdit(name="n"), at))

    def test_schedules_are_found_newest_first_page_by_page(self, storage: Storage) -> None:
        """Within the project, by name if asked; a foreign cursor is invalid input."""
        now = storage.now()
        made = [schedule(storage, at=now + index * SECOND, name=f"n{index}") for index in range(5)]
        for one in made:
            storage.add_schedule(one)
        added_schedule(storage, project="other")
        seen: list[Schedule] = []
        cursor = None
        for _ in range(3):
            page = storage.find_schedules(ScheduleQuery(limit=2, after=cursor))
            seen += list(page.items)
            cursor = page.cursor
        assert seen == made[::-1]
        assert cursor is None
        assert storage.find_schedules(ScheduleQuery(name="n3")).items == (made[3],)
        with pytest.raises(InvalidInput):
            storage.find_schedules(ScheduleQuery(after="nonsense"))

    def test_an_update_writes_the_plan_and_its_events(self, storage: Storage) -> None:
        """And answers with it."""
        made = added_schedule(storage)
        written = storage.update_schedule(made.id, lambda view, at: pause(view, at, "holidays"))
        assert storage.get_schedule(made.id) == written.schedule
        assert storage.schedule_history(made.id)[1:] == written.events

    def test_an_update_that_changes_nothing_writes_nothing(self, storage: Storage) -> None:
        """A plan with the version that was read."""
        made = added_schedule(storage)
        assert storage.update_schedule(made.id, unchanged).schedule == made
        assert len(storage.schedule_history(made.id)) == 1

    def test_a_plan_of_another_version_or_schedule_is_a_conflict(self, storage: Storage) -> None:
        """Compare-and-set: nothing of it is written."""
        made, other = added_schedule(storage), added_schedule(storage)
        stale = pause(ScheduleView(schedule=made, live=()), storage.now())
        storage.update_schedule(made.id, run_now)
        before = storage.get_schedule(made.id)
        for target in (made, other):
            with pytest.raises(Conflict):
                storage.update_schedule(target.id, lambda view, at: stale)
        assert storage.get_schedule(made.id) == before
        assert storage.get_schedule(other.id) == other

    def test_a_refused_schedule_holds_up_no_other(self, storage: Storage) -> None:
        """Its refusal is the answer, nothing of its plan is there, and the plans before and after it are written."""
        first, bad, last = (added_schedule(storage, late=late * SECOND) for late in (30, 20, 10))

        def step(view: ScheduleView, at: datetime) -> Plan:
            made = plan(view, at)
            if view.schedule.id != bad.id:
                return made
            return evolve(made, tasks=made.tasks * 2)  # the second has an id that exists

        one, refused, other = storage.fire(10, step)
        assert isinstance(refused, Unplanned)
        assert (refused.schedule_id, type(refused.error)) == (bad.id, Conflict)
        assert [made.schedule.id for made in (one, other) if isinstance(made, Plan)] == [first.id, last.id]
        assert storage.get_schedule(bad.id) == bad
        assert _slots(storage, bad.id) == []
        assert _live(storage, bad.id) == ()
        assert [len(_live(storage, good.id)) for good in (first, last)] == [1, 1]

    def test_an_error_of_the_step_is_passed_on(self, storage: Storage) -> None:
        """Nothing is written, by update or by fire."""
        made = added_schedule(storage, late=MINUTE)

        def step(view: ScheduleView, at: datetime) -> Plan:
            raise RuntimeError("the step broke")

        with pytest.raises(RuntimeError, match="broke"):
            storage.update_schedule(made.id, step)
        with pytest.raises(RuntimeError, match="broke"):
            storage.fire(10, step)
        assert storage.get_schedule(made.id) == made

    def test_a_deleted_schedule_leaves_tasks_slots_and_history(self, storage: Storage) -> None:
        """And it frees its name; a task of it may still end."""
        made = added_schedule(storage, late=SECOND, name="n")
        ((task,),) = [fired.tasks for fired in fire(storage, 10)]
        storage.delete_schedule(made.id)
        with pytest.raises(NotFound):
            storage.get_schedule(made.id)
        assert storage.get(task.id) == task
        assert _slots(storage, made.id) == ["Created"]
        assert [event.kind for event in storage.schedule_history(made.id)] == ["created"]
        storage.update([task.id], start())
        storage.update([task.id], succeed)
        added_schedule(storage, name="n")


class Firing:
    """fire, slots, cancels and nudges."""

    def test_a_due_schedule_is_planned_and_written_whole(self, storage: Storage) -> None:
        """Tasks, slots and the advanced schedule."""
        made = added_schedule(storage, late=2 * MINUTE + SECOND, overlap="allow_all")
        (fired,) = fire(storage, 10)
        assert len(fired.tasks) == 3
        assert storage.get_schedule(made.id) == fired.schedule
        assert [storage.get(task.id) for task in fired.tasks] == list(fired.tasks)
        assert storage.slots(made.id) == tuple(reversed(fired.slots))
        found = storage.find(TaskQuery(schedule_id=made.id))
        assert {task.id for task in found.items} == {task.id for task in fired.tasks}
        assert fire(storage, 10) == ()

    def test_schedules_are_fired_earliest_first_up_to_the_limit(self, storage: Storage) -> None:
        """Those that are not due, or sleep, are left alone."""
        made = [added_schedule(storage, late=late * SECOND) for late in (2, 9, 5)]
        added_schedule(storage, late=-HOUR)
        assert fire(storage, 0) == ()
        fired = [one.schedule.id for _ in range(3) for one in fire(storage, 2)]
        assert fired == [made[index].id for index in (1, 2, 0)]

    def test_upcoming_names_the_earliest_wake(self, storage: Storage) -> None:
        """None once all sleep."""
        later = added_schedule(storage, late=SECOND)
        first = added_schedule(storage, late=MINUTE)
        assert storage.upcoming(("a",)).schedule == first.wake_at
        storage.update_schedule(first.id, asleep)
        assert storage.upcoming(()).schedule == later.wake_at
        storage.delete_schedule(later.id)
        assert storage.upcoming(()).schedule is None

    def test_the_view_names_the_live_tasks_by_id(self, storage: Storage) -> None:
        """Ended ones are out, requeued or by hand ones in, those of other schedules never."""
        made, other = added_schedule(storage), added_schedule(storage)
        now = storage.now()
        ids = [new_id(now + index * SECOND) for index in range(4)]
        for task_id in reversed(ids):
            added(storage, id=task_id, origin=Fired(schedule_id=made.id, occurrence=now))
        by_hand = added(storage, origin=RunByHand(schedule_id=made.id, occurrence=now))
        added(storage, origin=Fired(schedule_id=other.id, occurrence=now))
        storage.update([ids[1]], cancel)
        storage.update([ids[2]], start())
        assert _live(storage, made.id) == tuple(sorted([ids[0], ids[2], ids[3], by_hand.id]))

    def test_an_occurrence_has_one_slot(self, storage: Storage) -> None:
        """A second record for it is a conflict and undoes the plan; one made by hand is another."""
        made = added_schedule(storage, late=SECOND)
        (fired,) = fire(storage, 1)
        (slot,) = fired.slots
        for again, fine in (
            (slot, False),
            (evolve(slot, outcome=Skipped(reason="missed")), False),
            (_manual(slot), True),
        ):
            before = storage.get_schedule(made.id)

            def step(view: ScheduleView, at: datetime, again: Slot = again) -> Plan:
                return evolve(pause(view, at), slots=(again,), tasks=())

            if fine:
                storage.update_schedule(made.id, step)
            else:
                with pytest.raises(Conflict):
                    storage.update_schedule(made.id, step)
                assert storage.get_schedule(made.id) == before
        assert len(storage.slots(made.id)) == 2

    def test_a_buffered_slot_is_replaced_once(self, storage: Storage) -> None:
        """By what became of the occurrence; that record then stands."""
        made = added_schedule(storage, late=MINUTE + SECOND)
        (fired,) = fire(storage, 1)
        assert _slots(storage, made.id) == ["Buffered", "Created"]
        buffered = fired.slots[1]
        assert isinstance(buffered.outcome, Buffered)
        (task,) = fired.tasks
        storage.update([task.id], start())
        storage.update([task.id], succeed)
        (second,) = fire(storage, 1)
        assert _slots(storage, made.id) == ["Created", "Created"]
        assert isinstance(second.slots[0].outcome, Created)
        with pytest.raises(Conflict):
            storage.update_schedule(made.id, lambda view, at: evolve(pause(view, at), slots=(buffered,)))

    def test_the_newest_slots_come_first(self, storage: Storage) -> None:
        """By occurrence; at most as many as asked for."""
        made = added_schedule(storage, late=5 * MINUTE, overlap="allow_all")
        (fired,) = fire(storage, 1)
        assert storage.slots(made.id, 2) == (fired.slots[-1], fired.slots[-2])
        assert storage.slots(made.id, 0) == ()
        oldest, *_, newest = reversed(storage.slots(made.id))
        assert storage.slots(made.id, upto=newest.occurrence) == storage.slots(made.id)
        assert storage.slots(made.id, 1, newest.occurrence - timedelta(microseconds=1)) == storage.slots(made.id)[1:2]
        assert storage.slots(made.id, upto=oldest.occurrence) == (oldest,)
        assert storage.slots(made.id, upto=oldest.occurrence - timedelta(microseconds=1)) == ()

    def test_a_task_that_exists_undoes_the_plan(self, storage: Storage) -> None:
        """The id of an occurrence's task is computed: it cannot be made twice."""
        made = added_schedule(storage, late=SECOND)
        (fired,) = fire(storage, 1)

        def step(view: ScheduleView, at: datetime) -> Plan:
            return evolve(pause(view, at), tasks=fired.tasks)

        with pytest.raises(Conflict):
            storage.update_schedule(made.id, step)
        assert storage.get_schedule(made.id) == fired.schedule

    def test_cancels_of_a_plan_are_carried_out(self, storage: Storage) -> None:
        """Waiting tasks are cancelled, running ones asked to stop, ended and missing ones left alone."""
        made = added_schedule(storage, late=SECOND, overlap="allow_all")
        now = storage.now()
        waiting, held, ended = (added(storage, origin=Fired(schedule_id=made.id, occurrence=now)) for _ in range(3))
        storage.update([held.id, ended.id], start())
        storage.update([ended.id], succeed)
        cancels = (waiting.id, held.id, ended.id, TaskId(NOBODY))
        storage.update_schedule(made.id, lambda view, at: evolve(plan(view, at), cancels=cancels))
        statuses = [storage.get(one.id).state.status for one in (waiting, held, ended)]
        assert statuses == ["cancelled", "cancelling", "succeeded"]
        event = storage.history(waiting.id)[-1]
        assert getattr(event, "reason", None) == SUPERSEDED

    def test_a_run_by_hand_that_is_asked_for_again_answers_as_the_first(self, storage: Storage) -> None:
        """Clients re-send after a lost answer, also within one tick of the clock: one task, one record, one event."""
        made = added_schedule(storage, late=-HOUR)
        now = storage.now()
        first, again = (storage.update_schedule(made.id, lambda view, at: run_now(view, now)) for _ in range(2))
        assert again.slots == first.slots
        assert again.schedule == first.schedule == storage.get_schedule(made.id)
        assert storage.slots(made.id) == first.slots
        assert _live(storage, made.id) == tuple(task.id for task in first.tasks)
        assert [event.kind for event in storage.schedule_history(made.id)] == ["created", "ran"]

    @pytest.mark.parametrize("failed", [False, True])
    def test_the_end_of_a_task_nudges_a_schedule_that_waits(self, storage: Storage, failed: bool) -> None:
        """In the same transaction: it is due at once, knows how the task ended, and has a new version."""
        made = added_schedule(storage, late=MINUTE + SECOND, recurrence=Interval(every=HOUR, anchor=storage.now()))
        storage.update_schedule(made.id, lambda view, at: run_now(view, at - MINUTE))
        storage.update_schedule(made.id, run_now)
        (task_id,) = _live(storage, made.id)
        before = storage.get_schedule(made.id)
        assert len(before.waiting) == 1
        storage.update([task_id], start())
        assert storage.get_schedule(made.id) == before
        storage.update([task_id], fail if failed else succeed)
        after = storage.get_schedule(made.id)
        assert (after.version, after.last_failed) == (before.version + 1, failed)
        assert after.wake_at is not None
        assert after.wake_at <= storage.now()
        assert storage.upcoming(()).schedule == after.wake_at
        (fired,) = fire(storage, 1)
        assert len(fired.tasks) == 1

    def test_no_nudge_where_nothing_waits(self, storage: Storage) -> None:
        """The schedule stays as it is."""
        made = added_schedule(storage, late=SECOND)
        (fired,) = fire(storage, 1)
        storage.update([fired.tasks[0].id], cancel)
        assert storage.get_schedule(made.id) == fired.schedule

    def test_deleting_a_live_task_nudges_its_schedule(self, storage: Storage) -> None:
        """Deleting an ended one does not."""
        made = added_schedule(storage, late=MINUTE + SECOND)
        (fired,) = fire(storage, 1)
        ended = added(storage, origin=Fired(schedule_id=made.id, occurrence=storage.now()))
        storage.update([ended.id], cancel)
        before = storage.get_schedule(made.id)
        storage.delete([ended.id])
        assert storage.get_schedule(made.id) == before
        storage.delete([fired.tasks[0].id])
        after = storage.get_schedule(made.id)
        assert (after.version, after.last_failed) == (before.version + 1, False)
        assert len(fire(storage, 1)[0].tasks) == 1


def _manual(slot: Slot) -> Slot:
    return evolve(slot, manual=True)
