"""Schedules with a start, an end, a number of runs, jitter; skipping the next occurrence; backfill."""

from __future__ import annotations

from datetime import timedelta

import pytest
from attrs import evolve as changed

from mainspring.core.errors import Conflict, InvalidInput
from mainspring.core.recurrence import Interval
from mainspring.core.schedule import (
    AtMost,
    CatchUp,
    Coalesced,
    Overlap,
    Paused,
    Schedule,
    ScheduleEdit,
    ScheduleEvent,
    ScheduleView,
    Waiting,
    backfill,
    edit,
    plan,
    skip_next,
)
from mainspring.core.schedule.change import MAX_BACKFILL
from mainspring.core.schedule.plan import jitter_of
from mainspring.core.states import Pending
from mainspring.core.task import RunByHand
from support.builders import DAY, HOUR, MINUTE, NOW, SCHEDULE_ID, SECOND, TASK_ID, at
from support.schedules import EVERY_TEN_MINUTES, TICK, World, coalesced, make_schedule

TEN = 10 * MINUTE


def view(schedule: Schedule) -> ScheduleView:
    """A schedule without live tasks."""
    return ScheduleView(schedule=schedule, live=())


def outcomes(world: World) -> list[str]:
    """What became of each occurrence, in order."""
    return [world.records[key] for key in sorted(world.records)]


# --- start and end -------------------------------------------------------------------------------------------------


def test_nothing_comes_before_the_start() -> None:
    """The first occurrence is the first one from ``starts_at`` on, that instant included."""
    for starts_at, first in [(NOW - DAY, NOW), (NOW + TEN, NOW + TEN), (NOW + TEN + TICK, NOW + 2 * TEN)]:
        schedule = make_schedule(starts_at=starts_at)
        assert (schedule.next_at, schedule.starts_at) == (first, starts_at)


def test_nothing_comes_after_the_end() -> None:
    """``ends_at`` itself is included; behind it the schedule is never planned again."""
    for ends_at in (NOW + TEN, NOW + 2 * TEN - TICK):
        world = World(make_schedule(ends_at=ends_at, overlap="allow_all"))
        world.plan(NOW + HOUR)
        assert outcomes(world) == ["created", "created"]
        assert (world.schedule.next_at, world.schedule.wake_at) == (None, None)
    assert make_schedule(ends_at=NOW - TICK).next_at is None
    assert make_schedule(ends_at=NOW).next_at == NOW


def test_a_rule_that_ends_by_itself_has_no_next_occurrence_whatever_the_end() -> None:
    """No end is invented behind the last occurrence."""
    last = NOW.replace(year=9999, month=12, day=31, hour=23, minute=59)
    assert make_schedule(Interval(every=DAY, anchor=last), after=last, ends_at=last + SECOND).next_at is None


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("latest", [coalesced(NOW + 2 * TEN)] * 2 + ["created"]),
        (AtMost(2), ["skipped: missed", "created", "created"]),
        ("all", ["created"] * 3),
    ],
)
def test_catch_up_does_not_look_behind_the_end(mode: str, expected: list[str]) -> None:
    """What the rule without its end would give stands for nothing and counts for nothing."""
    world = World(make_schedule(ends_at=NOW + 2 * TEN, overlap="allow_all", catch_up=CatchUp(mode=mode)))
    world.plan(NOW + 5 * TEN)
    assert outcomes(world) == expected


# --- max runs ------------------------------------------------------------------------------------------------------


def test_max_runs_ends_the_rule() -> None:
    """The rule makes so many tasks; what would come after is no occurrence."""
    world = World(make_schedule(max_runs=2, overlap="allow_all"))
    world.plan(NOW)
    assert world.schedule.next_at == NOW + TEN
    world.plan(NOW + HOUR)
    assert outcomes(world) == ["created", "created"]
    assert (world.schedule.runs, world.schedule.next_at, world.schedule.wake_at) == (2, None, None)


def test_those_that_wait_count_and_those_skipped_do_not() -> None:
    """An occurrence in the line will be a task; one that was skipped never was."""
    waiting = World(make_schedule(max_runs=3))
    waiting.plan(NOW + HOUR)
    assert outcomes(waiting) == ["created", "buffered", "buffered"]
    skipping = World(make_schedule(max_runs=2, overlap="skip"))
    skipping.plan(NOW + TEN)
    skipping.end(skipping.created[0].id, NOW + TEN + SECOND)
    skipping.plan(NOW + 2 * TEN)
    assert outcomes(skipping) == ["created", "skipped: overlap", "created"]
    assert skipping.schedule.next_at is None


def test_runs_by_hand_do_not_count() -> None:
    """``runs`` counts what the rule made, ``fired`` everything."""
    world = World(make_schedule(max_runs=2, overlap="serial"))
    world.run_now(NOW - MINUTE)
    world.run_now(NOW - TICK)
    world.plan(NOW)
    assert outcomes(world) == ["created", "buffered", "buffered"]
    assert (world.schedule.runs, world.schedule.fired, world.schedule.next_at) == (0, 1, NOW + TEN)
    world.plan(NOW + TEN)
    assert world.schedule.next_at is None


def test_an_edit_of_max_runs_counts_the_same() -> None:
    """Those made by the rule and those that wait, not those by hand: the edit neither revives nor ends too early."""
    world = World(make_schedule(max_runs=3))
    world.run_now(NOW - SECOND)
    world.plan(NOW + TEN)
    assert world.schedule.next_at == NOW + 2 * TEN
    for max_runs, next_at in [(1, None), (2, None), (3, NOW + 2 * TEN), (None, NOW + 2 * TEN)]:
        assert edit(world.view, ScheduleEdit(max_runs=max_runs), NOW + TEN + SECOND).schedule.next_at == next_at
    world.plan(NOW + 2 * TEN)
    assert world.schedule.next_at is None
    world.edit(NOW + 3 * TEN, max_runs=4)
    assert world.schedule.next_at == NOW + 4 * TEN


@pytest.mark.parametrize("max_runs", [0, -1])
def test_max_runs_is_one_or_more(max_runs: int) -> None:
    """A schedule that may never run is a slip."""
    assert make_schedule(max_runs=1).max_runs == 1
    with pytest.raises(InvalidInput) as refused:
        make_schedule(max_runs=max_runs)
    assert str(refused.value) == f"max_runs: {max_runs} is out of range; use 1 or more, or leave it out"


@pytest.mark.parametrize(
    ("fields", "next_at"),
    [
        ({"starts_at": NOW + HOUR}, NOW + HOUR),
        ({"ends_at": NOW + TEN}, NOW + TEN),
        ({"ends_at": NOW + TEN - TICK}, None),
        ({"max_runs": 1}, None),
        ({"max_runs": 2}, NOW + TEN),
        ({"jitter": MINUTE}, NOW + TEN),
    ],
)
def test_the_bounds_can_be_edited(fields: dict[str, object], next_at: object) -> None:
    """Each is its own field, and what says when a schedule fires is worked out anew."""
    world = World(make_schedule(overlap="allow_all"))
    world.plan(NOW)
    written = world.edit(NOW + SECOND, **fields)
    assert written.schedule.next_at == next_at
    for name, value in fields.items():
        assert getattr(world.schedule, name) == value
    world.edit(NOW + 2 * SECOND, name="other")
    for name, value in fields.items():
        assert getattr(world.schedule, name) == value


# --- jitter --------------------------------------------------------------------------------------------------------


def test_jitter_is_stable_for_an_occurrence() -> None:
    """The same for the same (schedule, occurrence), within the bound, and spread over it."""
    schedule = make_schedule(jitter=HOUR)
    spread = [jitter_of(schedule, NOW + number * TEN) for number in range(1000)]
    assert spread == [jitter_of(schedule, NOW + number * TEN) for number in range(1000)]
    assert all(timedelta(0) <= one < HOUR for one in spread)
    assert len(set(spread)) == 1000
    tenths = [sum(1 for one in spread if one // (HOUR / 10) == tenth) for tenth in range(10)]
    assert min(tenths) > 60
    assert jitter_of(make_schedule(jitter=2 * HOUR), NOW) == pytest.approx(2 * spread[0], abs=TICK)
    other = make_schedule(jitter=HOUR, schedule_id=TASK_ID)
    assert jitter_of(other, NOW) != spread[0]
    assert spread[0] == timedelta(seconds=2963, microseconds=87397)


def test_a_task_is_due_at_its_occurrence_plus_its_jitter() -> None:
    """What it is for stays the occurrence; late ones are due at once; one by hand has no jitter."""
    schedule = make_schedule(jitter=HOUR, overlap="allow_all")
    (task,) = plan(view(schedule), NOW).tasks
    assert task.state == Pending(due=NOW + jitter_of(schedule, NOW))
    assert task.scheduled_for == NOW
    late = plan(view(schedule), NOW + HOUR).tasks[0]
    assert late.state == Pending(due=NOW + HOUR)
    world = World(schedule)
    (by_hand,) = world.run_now(NOW - SECOND).tasks
    assert by_hand.state == Pending(due=NOW - SECOND)


def test_without_jitter_a_task_is_due_at_once() -> None:
    """No spread at all unless asked for."""
    assert jitter_of(make_schedule(), NOW) == timedelta(0)


def test_jitter_is_at_most_a_day() -> None:
    """Nothing negative, nothing that mixes up days."""
    assert make_schedule(jitter=DAY).jitter == DAY
    for jitter, text in ((-TICK, "-1us"), (DAY + TICK, "1d1us")):
        with pytest.raises(InvalidInput) as refused:
            make_schedule(jitter=jitter)
        assert str(refused.value) == f"jitter: {text} is out of range; use 0s to 1d"


# --- skip the next one ---------------------------------------------------------------------------------------------


def test_the_next_occurrence_can_be_skipped() -> None:
    """Its record is written at once; the one after it is the next; the history says which it was."""
    world = World(make_schedule(overlap="allow_all"))
    written = world.skip_next(NOW - MINUTE)
    assert written is not None
    (slot,) = written.slots
    assert (slot.occurrence, slot.until, slot.count, slot.manual) == (NOW, NOW, 1, False)
    assert written.events == (ScheduleEvent(at=NOW - MINUTE, kind="skipped", note="2030-01-02T03:04:05Z"),)
    assert (world.schedule.next_at, world.schedule.wake_at, world.schedule.excluded_to) == (NOW + TEN, NOW + TEN, NOW)
    world.skip_next(NOW - MINUTE)
    world.plan(NOW + 2 * TEN)
    assert outcomes(world) == ["skipped: excluded", "skipped: excluded", "created"]


def test_what_came_due_before_is_met_before_the_next_is_skipped() -> None:
    """The next one is the next after now."""
    world = World(make_schedule(overlap="allow_all"))
    world.skip_next(NOW + MINUTE)
    assert outcomes(world) == ["created", "skipped: excluded"]


def test_a_skipped_occurrence_stays_skipped_after_an_edit_of_the_rule() -> None:
    """The new rule holds after it: no occurrence gets a second record."""
    world = World(make_schedule(overlap="allow_all"))
    world.skip_next(NOW - MINUTE)
    world.edit(NOW - SECOND, recurrence=Interval(every=5 * MINUTE, anchor=NOW))
    assert world.schedule.next_at == NOW + 5 * MINUTE
    world.edit(NOW + HOUR, max_runs=100)
    world.check(NOW + HOUR)


def test_there_must_be_a_next_one_to_skip() -> None:
    """A schedule that has ended says so."""
    with pytest.raises(Conflict) as refused:
        skip_next(view(make_schedule(ends_at=NOW)), NOW)
    assert str(refused.value) == f"schedule {SCHEDULE_ID}: it has no next occurrence; there is nothing to skip"


def test_the_last_one_can_be_skipped() -> None:
    """Then the schedule has ended."""
    written = skip_next(view(make_schedule(ends_at=NOW)), NOW - TICK)
    assert (written.schedule.next_at, written.schedule.wake_at) == (None, None)


# --- backfill ------------------------------------------------------------------------------------------------------


def test_a_backfill_runs_a_range_by_hand() -> None:
    """Both ends are included, whatever was made of the occurrences before; the rule's own course does not change."""
    world = World(make_schedule(overlap="allow_all"))
    world.plan(NOW + 3 * TEN)
    before = world.schedule
    written = world.backfill(NOW + TEN, NOW + 2 * TEN, NOW + 3 * TEN + SECOND)
    assert [task.scheduled_for for task in written.tasks] == [NOW + TEN, NOW + 2 * TEN]
    assert {task.origin for task in written.tasks} == {
        RunByHand(schedule_id=SCHEDULE_ID, occurrence=NOW + TEN),
        RunByHand(schedule_id=SCHEDULE_ID, occurrence=NOW + 2 * TEN),
    }
    assert {task.state for task in written.tasks} == {Pending(due=NOW + 3 * TEN + SECOND)}
    assert all(slot.manual for slot in written.slots)
    note = "2030-01-02T03:14:05Z to 2030-01-02T03:24:05Z: 2"
    assert written.events == (ScheduleEvent(at=NOW + 3 * TEN + SECOND, kind="backfilled", note=note),)
    assert world.schedule == changed(before, fired=6, version=before.version + 1)


def test_a_backfill_obeys_the_overlap_policy_or_the_one_it_is_given() -> None:
    """The schedule's own by default; another only for this range."""
    expected: dict[Overlap | None, list[str]] = {
        None: ["created", "buffered", "buffered"],
        "allow_all": ["created"] * 3,
        "skip": ["created"] + ["skipped: overlap"] * 2,
        "cancel_other": [coalesced(NOW + TEN), coalesced(NOW + 2 * TEN), "created"],
    }
    for overlap, found in expected.items():
        world = World(make_schedule(overlap="serial", at=NOW + DAY))
        world.backfill(NOW, NOW + 2 * TEN, NOW + DAY, overlap)
        assert outcomes(world) == found
        assert world.schedule.overlap == "serial"


@pytest.mark.parametrize("field", ["start", "end"])
def test_a_backfill_refuses_an_instant_without_an_offset(field: str) -> None:
    """By its name."""
    bounds = {"start": NOW, "end": NOW + TEN, field: NOW.replace(tzinfo=None)}
    with pytest.raises(InvalidInput) as refused:
        backfill(view(make_schedule()), **bounds, at=NOW + HOUR)
    assert refused.value.field == field


def test_a_backfill_of_what_waits_already_is_refused() -> None:
    """The first one stands: an occurrence is run by hand once."""
    world = World(make_schedule(overlap="buffer_all"), prompt=False)
    world.plan(NOW)
    world.backfill(NOW, NOW, at(1))
    with pytest.raises(Conflict, match="the run by hand of 2030-01-02T03:04:05Z waits already"):
        world.backfill(NOW, NOW, at(2))


def test_a_backfill_works_while_paused() -> None:
    """Like any run by hand; what has to wait waits for the end of the pause."""
    schedule = changed(make_schedule(overlap="serial"), paused=Paused(at=NOW))
    written = backfill(view(schedule), NOW, NOW + TEN, NOW + HOUR)
    assert [task.scheduled_for for task in written.tasks] == [NOW]
    assert written.schedule.waiting == (Waiting(occurrence=NOW + TEN, manual=True),)
    assert written.schedule.paused == Paused(at=NOW)


def test_a_backfill_is_of_the_past() -> None:
    """Up to now itself."""
    assert backfill(view(make_schedule()), NOW, NOW, NOW).tasks
    with pytest.raises(InvalidInput) as refused:
        backfill(view(make_schedule()), NOW, NOW + TICK, NOW)
    assert str(refused.value) == "end: 2030-01-02T03:04:05.000001Z is not past; backfill a range up to now"


@pytest.mark.parametrize(("start", "end"), [(at(1), at(599)), (at(600), at(0))])
def test_a_backfill_of_nothing_is_refused(start: object, end: object) -> None:
    """A range without an occurrence, or one that is upside down, is a slip."""
    with pytest.raises(InvalidInput) as refused:
        backfill(view(make_schedule()), start, end, NOW + DAY)
    assert str(refused.value) == "start: the range holds no occurrence of the rule; use a longer range"


def test_a_backfill_is_bounded() -> None:
    """A thousand occurrences at once; more in parts."""
    schedule = make_schedule(Interval(every=SECOND, anchor=NOW), overlap="allow_all")
    assert MAX_BACKFILL == 1000
    assert len(backfill(view(schedule), NOW, at(999), NOW + DAY).tasks) == 1000
    with pytest.raises(InvalidInput) as refused:
        backfill(view(schedule), NOW, at(1000), NOW + DAY)
    assert str(refused.value) == "end: the range holds more than 1000 occurrences; backfill it in parts"


def test_a_coalesced_record_names_the_occurrence_that_stands_for_it() -> None:
    """Also in a backfill under ``cancel_other``."""
    schedule = make_schedule(EVERY_TEN_MINUTES, overlap="cancel_other")
    first = backfill(view(schedule), NOW, NOW + TEN, NOW + DAY).slots[0]
    assert first.outcome == Coalesced(into=NOW + TEN)
