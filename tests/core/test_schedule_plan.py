"""``plan``, rule by rule: catch-up, overlap, waiting, run now, nudges."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from attrs import evolve as changed

from mainspring.core.commands import Cancel
from mainspring.core.effects import NudgeSchedule
from mainspring.core.ids import is_uuid
from mainspring.core.machine import handle
from mainspring.core.recurrence import Cron, Interval
from mainspring.core.retry import Never
from mainspring.core.schedule import (
    AtMost,
    Buffered,
    CatchUp,
    Created,
    Overlap,
    Paused,
    Plan,
    ScheduleEvent,
    ScheduleView,
    Skipped,
    Slot,
    TaskTemplate,
    Waiting,
    nudged,
    plan,
    run_now,
    task_ended,
)
from mainspring.core.schedule.plan import BATCH, SWEEP, occurrence_task_id
from mainspring.core.schedule.values import MAX_WAITING
from mainspring.core.states import Pending
from mainspring.core.task import Fired, RunByHand, Task
from support.builders import (
    DAY,
    FUNCTION,
    HOUR,
    MINUTE,
    NOW,
    SCHEDULE_ID,
    SECOND,
    TASK_ID,
    at,
    make_task,
    one_of_each_state,
)
from support.schedules import TICK, World, coalesced, make_schedule

OTHER_ID = occurrence_task_id(SCHEDULE_ID, NOW - DAY, manual=False)


def tenth(number: int) -> datetime:
    """The occurrence of the rule that comes so many times ten minutes after ``NOW``."""
    return NOW + number * 10 * MINUTE


def outcomes(world: World) -> list[str]:
    """What became of each occurrence, in order."""
    return [world.records[key] for key in sorted(world.records)]


# --- one occurrence ------------------------------------------------------------------------------------------------


def test_an_occurrence_makes_a_task() -> None:
    """The task is as the template says, due at once, and knows what it is for; the slot says what became of it."""
    template = TaskTemplate(call=FUNCTION, queue="mail", priority=7, retry=Never(), timeout=HOUR)
    schedule = make_schedule(template=template, project="shop")
    written = plan(ScheduleView(schedule=schedule, live=()), at(2))
    task_id = occurrence_task_id(SCHEDULE_ID, NOW, manual=False)
    task = Task(
        id=task_id,
        call=FUNCTION,
        state=Pending(due=at(2)),
        created_at=at(2),
        scheduled_for=NOW,
        project="shop",
        queue="mail",
        priority=7,
        retry=Never(),
        timeout=HOUR,
        origin=Fired(schedule_id=SCHEDULE_ID, occurrence=NOW),
    )
    slot = Slot(schedule_id=SCHEDULE_ID, occurrence=NOW, until=NOW, count=1, outcome=Created(task_id=task_id), at=at(2))
    after = changed(schedule, version=2, next_at=tenth(1), wake_at=tenth(1), last_fired=NOW, fired=1, runs=1)
    assert written == Plan(schedule=after, read_version=1, tasks=(task,), slots=(slot,))


def test_nothing_happens_before_the_next_occurrence() -> None:
    """A plan that comes early makes nothing and waits for the same instant."""
    world = World(make_schedule())
    written = world.plan(NOW - TICK)
    assert (written.tasks, written.slots, written.events) == ((), (), ())
    assert (world.schedule.next_at, world.schedule.wake_at) == (NOW, NOW)


def test_an_occurrence_is_due_at_its_instant() -> None:
    """Not a microsecond later."""
    assert outcomes_at(NOW) == ["created"]


def outcomes_at(when: datetime, **fields: object) -> list[str]:
    """What one plan of a new schedule at this instant makes of its occurrences."""
    world = World(make_schedule(**fields))
    world.plan(when)
    return outcomes(world)


def test_a_rule_that_has_ended_is_never_planned_again() -> None:
    """``next_at`` and ``wake_at`` are None when no occurrence is left."""
    last = datetime.fromisoformat("9999-12-31T23:00:00+00:00")
    world = World(make_schedule(Interval(every=HOUR, anchor=last), at=last - TICK))
    world.plan(last)
    assert (world.schedule.next_at, world.schedule.wake_at, world.schedule.fired) == (None, None, 1)
    again = world.plan(last + MINUTE)
    assert (again.tasks, again.slots) == ((), ())
    assert world.schedule.next_at is None


def test_firing_the_same_occurrence_twice_makes_the_same_task() -> None:
    """The id is computed from (schedule, occurrence, by hand or not): two schedulers cannot make two tasks."""
    one = occurrence_task_id(SCHEDULE_ID, NOW, manual=False)
    assert is_uuid(one)
    assert one == occurrence_task_id(SCHEDULE_ID, NOW, manual=False)
    assert one == "01b8e094-9888-7000-b669-c98d45174788"
    others = {
        occurrence_task_id(SCHEDULE_ID, NOW, manual=True),
        occurrence_task_id(SCHEDULE_ID, NOW + TICK, manual=False),
        occurrence_task_id(type(SCHEDULE_ID)(TASK_ID), NOW, manual=False),
    }
    assert len({one, *others}) == 4


def test_new_zone_data_that_takes_an_occurrence_away_breaks_nothing() -> None:
    """``next_at`` may name an instant that the rule no longer has: the plan goes on to the next one it has."""
    schedule = changed(make_schedule(), next_at=NOW - MINUTE, wake_at=NOW - MINUTE)
    world = World(schedule)
    world.plan(NOW - SECOND)
    assert (outcomes(world), world.schedule.next_at, world.schedule.wake_at) == ([], NOW, NOW)
    late = World(changed(make_schedule(), next_at=tenth(1) - MINUTE))
    late.plan(tenth(1))
    assert outcomes(late) == ["created"]


def test_a_rule_by_the_clock_of_a_zone() -> None:
    """A daily 02:30 in Berlin fires once on the day whose 02:30 does not exist."""
    rule = Cron.parse("30 2 * * *", timezone="Europe/Berlin")
    start = datetime.fromisoformat("2030-03-30T12:00:00+01:00")
    world = World(make_schedule(rule, at=start, catch_up=CatchUp(window=7 * DAY), overlap="allow_all"))
    world.plan(start + 3 * DAY)
    assert [task.scheduled_for.isoformat() for task in world.created] == [
        "2030-03-31T01:00:00+00:00",
        "2030-04-01T00:30:00+00:00",
        "2030-04-02T00:30:00+00:00",
    ]


# --- catch-up ------------------------------------------------------------------------------------------------------


def test_what_is_older_than_the_window_is_skipped_in_one_row() -> None:
    """The window's edge belongs to the window; the row counts what it stands for."""
    world = World(make_schedule(overlap="allow_all", catch_up=CatchUp(window=20 * MINUTE)))
    written = world.plan(tenth(5))
    assert written.slots[0] == Slot(
        schedule_id=SCHEDULE_ID,
        occurrence=NOW,
        until=tenth(2),
        count=3,
        outcome=Skipped(reason="outside_window"),
        at=tenth(5),
    )
    assert outcomes(world) == ["skipped: outside_window"] * 3 + ["created"] * 3


def test_a_microsecond_behind_the_window_is_outside() -> None:
    """Older than the window is outside, exactly."""
    catch_up = CatchUp(window=20 * MINUTE)
    assert outcomes_at(NOW + 20 * MINUTE, overlap="allow_all", catch_up=catch_up)[0] == "created"
    late = outcomes_at(NOW + 20 * MINUTE + TICK, overlap="allow_all", catch_up=catch_up)
    assert late == ["skipped: outside_window", "created", "created"]


@pytest.mark.parametrize("mode", ["none", "latest", "all", AtMost(1)])
def test_no_window_is_so_small_that_nothing_ever_runs(mode: str) -> None:
    """No occurrence is seen at its very instant: up to ``PROMPT`` late it counts as on time."""
    catch_up = CatchUp(window=timedelta(0), mode=mode)
    assert outcomes_at(NOW + MINUTE, catch_up=catch_up) == ["created"]
    assert outcomes_at(NOW + MINUTE + TICK, catch_up=catch_up) == ["skipped: outside_window"]


def test_catch_up_all_takes_every_one() -> None:
    """Each missed occurrence makes its task."""
    assert outcomes_at(tenth(3), overlap="allow_all") == ["created"] * 4


def test_catch_up_latest_coalesces_the_others_into_the_last() -> None:
    """One task stands for all that were missed, and each record says so."""
    found = outcomes_at(tenth(3), overlap="allow_all", catch_up=CatchUp(mode="latest"))
    assert found == [coalesced(tenth(3))] * 3 + ["created"]


def test_catch_up_latest_has_nothing_to_do_when_nothing_is_due() -> None:
    """No occurrence, no record."""
    assert outcomes_at(NOW - TICK, catch_up=CatchUp(mode="latest")) == []
    assert outcomes_at(NOW - TICK, catch_up=CatchUp(mode=AtMost(1))) == []


def test_catch_up_at_most_takes_the_last_ones() -> None:
    """The earlier ones are skipped as missed, in one row."""
    world = World(make_schedule(overlap="allow_all", catch_up=CatchUp(mode=AtMost(2))))
    written = world.plan(tenth(4))
    assert written.slots[0].outcome == Skipped(reason="missed")
    assert (written.slots[0].occurrence, written.slots[0].until, written.slots[0].count) == (NOW, tenth(2), 3)
    assert outcomes(world) == ["skipped: missed"] * 3 + ["created"] * 2
    assert outcomes_at(tenth(1), overlap="allow_all", catch_up=CatchUp(mode=AtMost(2))) == ["created"] * 2


def test_catch_up_none_takes_what_is_on_time() -> None:
    """On time is up to ``PROMPT`` late; the rest was missed."""
    catch_up = CatchUp(mode="none")
    assert outcomes_at(tenth(2) + MINUTE, catch_up=catch_up) == ["skipped: missed"] * 2 + ["created"]
    assert outcomes_at(tenth(2) + MINUTE + TICK, catch_up=catch_up) == ["skipped: missed"] * 3


MINUTELY = Interval(every=MINUTE, anchor=NOW)


def catch_up_at_once(world: World, when: datetime) -> int:
    """Plan again and again at one instant, as the engine does, until nothing is left; says how often."""
    for turn in range(1, 1000):
        world.plan(when)
        if world.schedule.wake_at is None or world.schedule.wake_at > when:
            return turn
    pytest.fail("it never caught up")


@pytest.mark.parametrize(
    ("mode", "created"),
    [("none", 2), ("latest", 1), ("all", 2 * BATCH + 501), (AtMost(700), 700), (AtMost(1000), 1000)],
)
def test_a_backlog_of_many_batches_gives_the_documented_count(mode: str, created: int) -> None:
    """2,501 missed minutes within the window: each mode makes exactly the tasks that its sentence says."""
    world = World(make_schedule(MINUTELY, overlap="allow_all", catch_up=CatchUp(window=30 * DAY, mode=mode)))
    when = NOW + 2500 * MINUTE
    assert catch_up_at_once(world, when) == 3
    assert len(world.created) == created
    assert world.created[-1].scheduled_for == when
    assert len(world.records) == 2501


def test_one_plan_takes_on_a_batch_at_most() -> None:
    """A long backlog is planned in turns of ``BATCH``; the schedule stays due until it is done."""
    assert (BATCH, SWEEP) == (1_000, 20_000)
    world = World(make_schedule(MINUTELY, overlap="allow_all", catch_up=CatchUp(window=30 * DAY)))
    written = world.plan(NOW + 2500 * MINUTE)
    assert len(written.tasks) == BATCH
    assert world.schedule.wake_at == NOW + BATCH * MINUTE


def test_the_last_occurrence_of_a_full_batch_is_not_taken_for_the_latest() -> None:
    """A batch that ends exactly at now is the last; one occurrence more and it is not."""
    latest = CatchUp(window=30 * DAY, mode="latest")
    world = World(make_schedule(MINUTELY, overlap="allow_all", catch_up=latest))
    world.plan(NOW + (BATCH - 1) * MINUTE)
    assert [task.scheduled_for for task in world.created] == [NOW + (BATCH - 1) * MINUTE]
    world = World(make_schedule(MINUTELY, overlap="allow_all", catch_up=latest))
    world.plan(NOW + BATCH * MINUTE)
    assert world.created == []
    assert set(outcomes(world)) == {coalesced(NOW + BATCH * MINUTE)}


def test_what_is_outside_the_window_is_counted_off_in_long_strides() -> None:
    """400 days of minutes: 576,000 skipped occurrences in 29 records, then the hour that counts."""
    world = World(make_schedule(MINUTELY, overlap="skip"))
    when = NOW + 400 * DAY
    first = plan(world.view, when)
    assert [(slot.count, slot.outcome) for slot in first.slots] == [(SWEEP, Skipped(reason="outside_window"))]
    assert first.schedule.wake_at == NOW + SWEEP * MINUTE
    schedule, slots = world.schedule, []
    for _ in range(40):
        written = plan(ScheduleView(schedule=schedule, live=()), when)
        schedule = written.schedule
        slots += written.slots
        if schedule.wake_at is not None and schedule.wake_at > when:
            break
    rows = [slot for slot in slots if slot.outcome == Skipped(reason="outside_window")]
    assert len(rows) == 29
    assert sum(slot.count for slot in rows) == 400 * 24 * 60 - 60
    assert len(slots) - len(rows) == 61


# --- overlap -------------------------------------------------------------------------------------------------------


def with_live(overlap: Overlap) -> World:
    """A schedule whose first task, of ``NOW``, is still running."""
    world = World(make_schedule(overlap=overlap), prompt=False)
    world.plan(NOW)
    return world


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        ("allow_all", ["created", "created", "created"]),
        ("skip", ["skipped: overlap", "skipped: overlap", "skipped: overlap"]),
        ("buffer_one", ["buffered", "skipped: overlap", "skipped: overlap"]),
        ("buffer_all", ["buffered", "buffered", "buffered"]),
        ("serial", ["buffered", "buffered", "buffered"]),
    ],
)
def test_three_occurrences_while_a_task_runs(overlap: Overlap, expected: list[str]) -> None:
    """What each overlap policy does when an occurrence is due and an earlier task has not ended."""
    world = with_live(overlap)
    for number in (1, 2, 3):
        world.plan(tenth(number))
    assert outcomes(world) == ["created", *expected]
    assert len(world.created) == 1 + expected.count("created")


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        ("allow_all", ["created"] * 4),
        ("skip", ["created"] + ["skipped: overlap"] * 3),
        ("buffer_one", ["created", "buffered"] + ["skipped: overlap"] * 2),
        ("buffer_all", ["created"] + ["buffered"] * 3),
        ("serial", ["created"] + ["buffered"] * 3),
        ("cancel_other", [coalesced(tenth(1)), coalesced(tenth(2)), coalesced(tenth(3)), "created"]),
    ],
)
def test_four_occurrences_in_one_plan(overlap: Overlap, expected: list[str]) -> None:
    """A task that this very plan makes counts as one that has not ended."""
    assert outcomes_at(tenth(3), overlap=overlap) == expected


def test_cancel_other_cancels_what_runs() -> None:
    """The new occurrence takes its place; one that was asked already is asked again, which changes nothing."""
    world = with_live("cancel_other")
    first = world.created[0].id
    written = world.plan(tenth(1))
    assert (written.cancels, len(written.tasks)) == ((first,), 1)
    written = world.plan(tenth(3))
    assert written.cancels == (first, world.created[1].id)
    assert [task.scheduled_for for task in written.tasks] == [tenth(3)]
    assert outcomes(world) == ["created", "created", coalesced(tenth(3)), "created"]


@pytest.mark.parametrize("overlap", ["buffer_one", "buffer_all", "serial"])
def test_one_that_waits_goes_on_when_the_task_before_it_has_ended(overlap: Overlap) -> None:
    """The end nudges the schedule, the next plan makes the task, its slot is replaced."""
    world = with_live(overlap)
    world.plan(tenth(1))
    assert world.schedule.wake_at == tenth(2)
    world.end(world.created[0].id, at(700))
    assert world.schedule.wake_at == at(700)
    written = world.plan(at(700))
    assert [(task.scheduled_for, task.created_at) for task in written.tasks] == [(tenth(1), at(700))]
    assert outcomes(world) == ["created", "created"]
    assert (world.schedule.waiting, world.schedule.wake_at) == ((), tenth(2))


def test_those_that_wait_go_on_one_by_one_in_their_order() -> None:
    """Each end lets one go; meanwhile due occurrences join the line at its end."""
    world = with_live("buffer_all")
    world.plan(tenth(2))
    for number in (1, 2, 3):
        world.end(world.created[-1].id, tenth(3), failed=True)
        world.plan(tenth(3))
        assert world.created[-1].scheduled_for == tenth(number)
    assert world.schedule.waiting == ()


def test_serial_coalesces_after_a_failure() -> None:
    """A failed one never blocks for ever and never makes a crowd: the latest of those that wait goes on."""
    world = with_live("serial")
    world.plan(tenth(3))
    world.end(world.created[0].id, at(1900), failed=True)
    assert world.schedule.last_failed
    world.plan(at(1900))
    assert outcomes(world) == ["created", coalesced(tenth(3)), coalesced(tenth(3)), "created"]
    assert (world.schedule.waiting, world.schedule.last_failed) == ((), False)


def test_serial_does_not_coalesce_after_a_success() -> None:
    """Only a failure shortens the line; a later success ends its effect."""
    world = with_live("serial")
    world.plan(tenth(3))
    world.end(world.created[0].id, at(1900))
    world.plan(at(1900))
    assert outcomes(world) == ["created", "created", "buffered", "buffered"]


def test_serial_coalesces_into_the_latest_instant_not_the_last_in_line() -> None:
    """A run by hand may stand in line before an earlier occurrence that was seen later."""
    world = with_live("serial")
    world.run_now(tenth(1) + SECOND)
    world.plan(tenth(1) + 2 * SECOND)
    world.end(world.created[0].id, at(700), failed=True)
    world.plan(at(700))
    assert world.records[tenth(1), False] == coalesced(tenth(1) + SECOND)
    assert world.records[tenth(1) + SECOND, True] == "created"


def test_a_failure_nobody_waited_for_is_forgotten() -> None:
    """When nothing waits, a nudge writes nothing; the next occurrence simply goes on."""
    world = with_live("serial")
    world.end(world.created[0].id, at(1), failed=True)
    assert (world.schedule.last_failed, world.schedule.version) == (False, 2)
    world.plan(tenth(1))
    assert outcomes(world) == ["created", "created"]


def test_a_failure_is_remembered_while_another_task_still_runs() -> None:
    """It is the last of the tasks to end that counts."""
    world = with_live("serial")
    world.run_now(at(1))
    schedule = changed(world.schedule, waiting=(Waiting(occurrence=at(1), manual=True),), last_failed=True)
    assert plan(ScheduleView(schedule=schedule, live=(OTHER_ID,)), at(2)).schedule.last_failed


def test_at_most_a_thousand_wait() -> None:
    """Further ones are skipped as *buffer_full*, whatever the policy that lets them wait."""
    waiting = tuple(Waiting(occurrence=NOW - number * SECOND) for number in range(MAX_WAITING - 1, 0, -1))
    for overlap in ("buffer_all", "serial"):
        schedule = changed(make_schedule(overlap=overlap), waiting=waiting)
        written = plan(ScheduleView(schedule=schedule, live=(OTHER_ID,)), tenth(2))
        assert [slot.outcome for slot in written.slots] == [
            Buffered(),
            Skipped(reason="buffer_full"),
            Skipped(reason="buffer_full"),
        ]
        assert len(written.schedule.waiting) == MAX_WAITING


def test_a_task_that_has_not_ended_may_be_of_any_occurrence() -> None:
    """What counts is that a task of the schedule is live, not which."""
    written = plan(ScheduleView(schedule=make_schedule(overlap="skip"), live=(OTHER_ID,)), NOW)
    assert [slot.outcome for slot in written.slots] == [Skipped(reason="overlap")]


def test_an_occurrence_joins_the_line_even_when_nothing_runs() -> None:
    """While others wait, none overtakes them."""
    schedule = changed(make_schedule(overlap="skip"), waiting=(Waiting(occurrence=NOW - SECOND),), paused=None)
    written = run_now(ScheduleView(schedule=schedule, live=()), NOW - TICK)
    assert [slot.outcome for slot in written.slots] == [Skipped(reason="overlap")]
    assert written.schedule.wake_at == NOW - TICK


@pytest.mark.parametrize("overlap", ["allow_all", "cancel_other"])
def test_those_that_wait_are_met_by_a_policy_under_which_nothing_waits(overlap: Overlap) -> None:
    """After an edit of the policy nothing is left behind in a line that nobody serves."""
    world = with_live("buffer_all")
    world.plan(tenth(2))
    world.edit(tenth(2) + TICK, overlap=overlap)
    assert world.schedule.wake_at == tenth(2) + TICK
    world.plan(tenth(2) + TICK)
    overtaken = "created" if overlap == "allow_all" else coalesced(tenth(2))
    assert outcomes(world) == ["created", overtaken, "created"]
    assert world.schedule.waiting == ()
    assert (world.cancelled == []) == (overlap == "allow_all")


def test_paused_ones_wait_on() -> None:
    """Nothing goes on while the schedule is paused, under no policy."""
    for overlap in ("serial", "allow_all", "cancel_other", "skip"):
        waiting = (Waiting(occurrence=NOW - HOUR),)
        schedule = changed(make_schedule(overlap=overlap), waiting=waiting, paused=Paused(at=NOW))
        written = plan(ScheduleView(schedule=schedule, live=()), NOW)
        assert (written.tasks, written.schedule.waiting) == ((), waiting)
        assert [slot.outcome for slot in written.slots] == [Skipped(reason="paused")]
        assert written.schedule.wake_at == tenth(1)


# --- run now -------------------------------------------------------------------------------------------------------


def test_run_now_makes_a_task_outside_the_rule() -> None:
    """Marked as made by hand; the rule's next occurrence stays where it is."""
    world = World(make_schedule())
    written = world.run_now(NOW - SECOND)
    (task,) = written.tasks
    assert task.origin == RunByHand(schedule_id=SCHEDULE_ID, occurrence=NOW - SECOND)
    assert (task.scheduled_for, task.state) == (NOW - SECOND, Pending(due=NOW - SECOND))
    assert task.id == occurrence_task_id(SCHEDULE_ID, NOW - SECOND, manual=True)
    (slot,) = written.slots
    assert (slot.manual, slot.outcome) == (True, Created(task_id=task.id))
    assert written.events == (ScheduleEvent(at=NOW - SECOND, kind="ran"),)
    assert (world.schedule.next_at, world.schedule.wake_at) == (NOW, NOW)
    assert (world.schedule.fired, world.schedule.last_fired) == (1, None)


def test_run_now_obeys_the_overlap_policy() -> None:
    """By hand is no licence to overlap."""
    for overlap, outcome in [("skip", "skipped: overlap"), ("serial", "buffered"), ("allow_all", "created")]:
        world = with_live(overlap)
        world.run_now(at(1))
        assert world.records[at(1), True] == outcome


@pytest.mark.parametrize("overlap", ["skip", "serial", "allow_all"])
def test_a_second_run_now_within_ten_seconds_answers_as_the_first(overlap: Overlap) -> None:
    """Also at the same instant, or when the clock went back a little: nothing is written, the slot is the first one."""
    world = with_live(overlap)
    first = world.run_now(at(20))
    for second in (20, 15, 30):
        again = world.run_now(at(second))
        assert again == Plan(schedule=first.schedule, read_version=first.schedule.version, slots=first.slots)
    assert len(world.run_now(at(30.000001)).events) == 1


def test_run_now_after_an_edit_is_a_new_request() -> None:
    """Who corrects a schedule and runs it again wants to see what the correction does."""
    world = World(make_schedule(overlap="allow_all"))
    world.run_now(at(1))
    world.edit(at(2), description="mended")
    assert len(world.run_now(at(3)).tasks) == 1


def test_run_now_after_the_clock_went_far_back_is_a_new_request() -> None:
    """A wrong clock that was set right must not make the schedule deaf."""
    world = World(make_schedule(overlap="allow_all"))
    world.run_now(at(3_600))
    assert len(world.run_now(at(1)).tasks) == 1


def test_one_run_by_hand_that_waits_stays_one_by_hand() -> None:
    """When its turn comes, its task is still marked so."""
    world = with_live("serial")
    world.run_now(at(1))
    world.end(world.created[0].id, at(2))
    world.plan(at(2))
    assert world.created[-1].origin == RunByHand(schedule_id=SCHEDULE_ID, occurrence=at(1))
    assert world.schedule.last_fired == NOW


def test_run_now_works_while_paused() -> None:
    """A paused schedule can still be tried by hand; its own occurrences stay skipped."""
    world = World(make_schedule())
    world.pause(NOW - MINUTE)
    world.run_now(NOW - SECOND)
    world.plan(NOW)
    assert outcomes(world) == ["created", "skipped: paused"]


# --- nudges --------------------------------------------------------------------------------------------------------


def test_a_nudge_makes_a_schedule_due_if_something_waits() -> None:
    """At the instant of the end, or earlier if it was due earlier; one version on."""
    waiting = changed(make_schedule(), waiting=(Waiting(occurrence=NOW - HOUR),))
    nudge = NudgeSchedule(schedule_id=SCHEDULE_ID, at=NOW - MINUTE, failed=True)
    assert nudged(waiting, nudge) == changed(waiting, wake_at=NOW - MINUTE, last_failed=True, version=2)
    late = changed(nudge, at=NOW + MINUTE, failed=False)
    assert nudged(waiting, late) == changed(waiting, version=2)
    ended = changed(waiting, wake_at=None)
    assert nudged(ended, late).wake_at == NOW + MINUTE


def test_a_nudge_of_a_schedule_for_which_nothing_waits_changes_nothing() -> None:
    """The very same value comes back: there is nothing to write."""
    schedule = make_schedule()
    assert nudged(schedule, NudgeSchedule(schedule_id=SCHEDULE_ID, at=NOW, failed=True)) is schedule


@pytest.mark.parametrize("state", one_of_each_state().values(), ids=lambda state: state.status)
def test_the_end_or_deletion_of_a_task_is_a_nudge_of_its_schedule(state: Pending) -> None:
    """It failed if its state says so; a client's task nudges nobody."""
    task = make_task(state, origin=Fired(schedule_id=SCHEDULE_ID, occurrence=NOW))
    assert task_ended(task, at(1)) == NudgeSchedule(schedule_id=SCHEDULE_ID, at=at(1), failed=state.status == "failed")
    assert task_ended(make_task(state), at(1)) is None


def test_the_machines_nudge_and_the_schedules_are_one() -> None:
    """What ``handle`` gives as an effect is what ``task_ended`` says of the task that ended."""
    task = make_task(origin=Fired(schedule_id=SCHEDULE_ID, occurrence=NOW))
    decision = handle(task, Cancel(at=at(1)))
    assert decision.effects == (task_ended(decision.task, at(1)),)
