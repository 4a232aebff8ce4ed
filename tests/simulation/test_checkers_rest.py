"""The checkers of schedules and of liveness: each is fed traces that break its rule, and one that does not."""

from __future__ import annotations

from datetime import timedelta

from attrs import evolve as changed

from mainspring.core.queue import Queue, QueuePause
from mainspring.core.retry import Never
from mainspring.core.schedule import CatchUp, Paused, Plan, Schedule, ScheduleView, Skipped, plan
from mainspring.simulation.checkers import breaches
from simulation.telling import QUEUE, Teller, at
from simulation.test_checkers_tasks import found
from support.builders import SECOND


def fired(told: Teller, schedule: Schedule, seconds: float, **fields: object) -> tuple[Schedule, Plan]:
    """The schedule is planned as it should be, and what comes of it is changed by ``fields``."""
    made = changed(plan(ScheduleView(schedule=schedule, live=()), at(seconds)), **fields)
    return told.planned(schedule, made, seconds), made


def stored(told: Teller, schedule: Schedule, *plans: Plan, seconds: float = 12) -> None:
    """The run is over; the storage holds what the plans wrote."""
    slots = tuple(slot for made in plans for slot in made.slots)
    told.over(seconds, schedules={schedule.id: schedule}, slots={schedule.id: slots})


def test_nothing_is_said_of_a_good_schedule() -> None:
    """No checker cries wolf."""
    told = Teller()
    schedule, made = fired(told, told.schedule(), 10.5)
    stored(told, schedule, made)
    assert breaches(told.trace) == []


def test_i8_an_occurrence_without_a_record() -> None:
    """Each occurrence has a record."""
    told = Teller()
    fired(told, told.schedule(), 10.5, slots=(), tasks=())
    assert "has no record of" in found(told.trace, "I8")[0]


def test_i8_a_record_of_a_task_that_is_not_there() -> None:
    """What is recorded as created was created."""
    told = Teller()
    fired(told, told.schedule(), 10.5, tasks=())
    assert "a task that was never created" in found(told.trace, "I8")[0]


def test_i8_a_task_without_a_record() -> None:
    """Each task that a schedule made has a record."""
    told = Teller()
    schedule = told.schedule(overlap="allow_all")
    made = plan(ScheduleView(schedule=schedule, live=()), at(10.5))
    told.add(10.4, task=changed(made.tasks[0], id=told.add().id[:-1] + "f"))
    told.planned(schedule, made, 10.5)
    assert "which no record speaks of" in found(told.trace, "I8")[0]


def test_i8_a_second_record() -> None:
    """No occurrence has two records."""
    told = Teller()
    schedule, made = fired(told, told.schedule(overlap="allow_all"), 10.5)
    told.planned(schedule, changed(made, tasks=(), schedule=changed(schedule, version=3), read_version=2), 11)
    assert "has a second record of" in found(told.trace, "I8")[0]


def test_i8_records_that_were_not_kept() -> None:
    """The records that were written are stored."""
    told = Teller()
    schedule, _ = fired(told, told.schedule(), 10.5)
    stored(told, schedule)
    assert "1 records, 0 are stored" in found(told.trace, "I8")[0]


def test_i8_two_beside_one_another() -> None:
    """Under a policy that lets one wait for the other, none starts beside another."""
    told = Teller()
    schedule, _ = fired(told, told.schedule(overlap="skip"), 10.5)
    fired(told, schedule, 20.5)
    assert "1 tasks beside 1, its policy is skip" in found(told.trace, "I8")[0]


def test_i8_what_lies_in_the_window_is_passed_over() -> None:
    """Only what lies before the catch-up window is skipped as such."""
    told = Teller()
    schedule = told.schedule(catch_up=CatchUp(window=timedelta(hours=1)))
    made = plan(ScheduleView(schedule=schedule, live=()), at(10.5))
    slots = tuple(changed(slot, outcome=Skipped(reason="outside_window")) for slot in made.slots)
    told.planned(schedule, changed(made, slots=slots, tasks=()), 10.5)
    assert "which lies in the window" in found(told.trace, "I8")[0]


def test_i9_a_schedule_that_goes_back() -> None:
    """What comes next never goes back."""
    told = Teller()
    schedule, _ = fired(told, told.schedule(), 10.5)
    back = changed(schedule, next_at=at(10), version=3)
    told.planned(schedule, Plan(schedule=back, read_version=2), 11)
    assert "went back" in found(told.trace, "I9")[0]


def test_i9_a_setting_that_a_firing_overwrites() -> None:
    """What was set by hand changes only by hand."""
    told = Teller()
    schedule = told.schedule()
    paused = changed(schedule, paused=Paused(at=at(1)), version=2)
    told.planned(paused, Plan(schedule=changed(schedule, version=3), read_version=2), 11)
    assert "was changed by a firing" in found(told.trace, "I9")[0]


def test_i12_a_firing_in_a_pause() -> None:
    """A paused schedule makes nothing."""
    told = Teller()
    schedule = told.schedule()
    made = plan(ScheduleView(schedule=schedule, live=()), at(10.5))
    told.planned(changed(schedule, paused=Paused(at=at(1))), made, 10.5)
    assert "made a task while it was paused" in found(told.trace, "I12")[0]


def test_i15_a_schedule_that_is_stored_as_something_else() -> None:
    """What is stored is what was decided."""
    told = Teller()
    schedule, made = fired(told, told.schedule(), 10.5)
    stored(told, changed(schedule, fired=9), made)
    assert "is not stored as it was decided" in found(told.trace, "I15")[0]


# --- liveness --------------------------------------------------------------------------------------------------------


def test_l1_a_task_that_starts_late() -> None:
    """What is due when all is well starts within a poll."""
    told = Teller()
    told.calm(0)
    soon, late, never = told.add(1), told.add(1), told.add(1)
    for task in (soon, late, never):
        told.probe(task, 1)
    told.start(soon, 5.9)
    told.start(late, 6.1)
    told.over(30)
    assert len(found(told.trace, "L1")) == 2


def test_l2_a_task_that_does_not_end() -> None:
    """What was created before the calm comes to an end."""
    told = Teller()
    told.add(1)
    told.calm(5)
    told.add(6)
    told.over(100)
    (said,) = found(told.trace, "L2")
    assert "is pending in the end" in said


def test_l3_a_schedule_that_is_behind() -> None:
    """In the end no occurrence waits to be accounted for."""
    told = Teller()
    schedule = told.schedule()
    told.over(16, schedules={schedule.id: schedule}, slots={schedule.id: ()})
    assert "has not accounted for" in found(told.trace, "L3")[0]


def test_l4_a_lease_that_nobody_misses() -> None:
    """The end of a lease is noticed, and soon."""
    told = Teller()
    late, never = told.add(), told.add()
    told.start(late, 0)
    told.start(never, 0)
    told.calm(5)
    told.lose(late, 41)
    told.over(60)
    assert len(found(told.trace, "L4")) == 2


def test_l5_a_worker_that_does_not_come_back() -> None:
    """A process that was up when the faults ended is at work again."""
    told = Teller()
    told.up(0)
    told.up(0, "w1.0")
    told.calm(5)
    told.reached(10, "w1.0")
    told.over(60)
    (said,) = found(told.trace, "L5")
    assert said.startswith("L5: w0.0")


def test_l6_a_queue_that_stands_still() -> None:
    """A queue with due tasks starts some; a paused one need not."""
    told = Teller()
    told.calm(0)
    told.add(1, retry=Never())
    told.over(100)
    assert "started none" in found(told.trace, "L6")[0]
    paused = Teller()
    paused.calm(0)
    paused.queue(0, Queue(ref=QUEUE, paused=QueuePause(at=at(0))))
    paused.add(1)
    paused.over(100)
    assert found(paused.trace, "L6") == []


def test_liveness_is_not_judged_before_the_end() -> None:
    """The beginning of a trace says nothing of what is to come."""
    told = Teller()
    task = told.add()
    told.start(task, 0)
    told.up(0)
    told.schedule()
    assert breaches(told.trace) == []
    assert told.trace.bounds.poll == 2 * SECOND
