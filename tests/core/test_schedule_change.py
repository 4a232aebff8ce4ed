"""What people do to a schedule: create, edit, pause, resume."""

from __future__ import annotations

from datetime import UTC, datetime, timezone
from unittest.mock import patch

import pytest
from attrs import evolve as changed

from mainspring.core.errors import Conflict, InvalidInput
from mainspring.core.recurrence import Cron, Interval
from mainspring.core.retry import Never
from mainspring.core.schedule import (
    CatchUp,
    Paused,
    Plan,
    Schedule,
    ScheduleEdit,
    ScheduleEvent,
    ScheduleView,
    Waiting,
    edit,
    new_schedule,
    pause,
    resume,
)
from mainspring.core.schedule.change import MAX_ROUNDS
from support.builders import DAY, FUNCTION, HOUR, MINUTE, NOW, SCHEDULE_ID, SECOND, at
from support.schedules import EVERY_TEN_MINUTES, TEMPLATE, TICK, World, make_schedule

HOURLY = Interval(every=HOUR, anchor=NOW)
QUARTERLY = Cron.parse("*/15 * * * *", timezone="UTC")


# --- new -----------------------------------------------------------------------------------------------------------


def test_a_new_schedule_starts_with_the_first_occurrence_after_its_creation() -> None:
    """One that falls on the very instant of creation is not taken."""
    schedule = new_schedule(schedule_id=SCHEDULE_ID, recurrence=HOURLY, template=TEMPLATE, at=NOW)
    assert schedule == Schedule(
        id=SCHEDULE_ID,
        recurrence=HOURLY,
        template=TEMPLATE,
        created_at=NOW,
        next_at=NOW + HOUR,
        wake_at=NOW + HOUR,
    )


def test_a_new_schedule_can_start_from_another_instant() -> None:
    """``after`` lets the first occurrence be the creation itself (Mergent's missing dtstart), or a later one."""
    for after, first in ((NOW - TICK, NOW), (NOW + 5 * HOUR, NOW + 6 * HOUR)):
        schedule = make_schedule(HOURLY, at=NOW, after=after)
        assert (schedule.next_at, schedule.wake_at, schedule.created_at) == (first, first, NOW)


def test_a_new_schedule_takes_its_options() -> None:
    """Each option ends in its field."""
    catch_up = CatchUp(mode="latest")
    schedule = make_schedule(project="shop", name="nightly", description="Reports", overlap="skip", catch_up=catch_up)
    assert (schedule.project, schedule.name, schedule.description) == ("shop", "nightly", "Reports")
    assert (schedule.overlap, schedule.catch_up) == ("skip", catch_up)


# --- edit ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "becomes"),
    [
        ({"call": FUNCTION}, {"template": changed(TEMPLATE, call=FUNCTION)}),
        ({"queue": "slow"}, {"template": changed(TEMPLATE, queue="slow")}),
        ({"priority": 7}, {"template": changed(TEMPLATE, priority=7)}),
        ({"retry": Never()}, {"template": changed(TEMPLATE, retry=Never())}),
        ({"timeout": HOUR}, {"template": changed(TEMPLATE, timeout=HOUR)}),
        ({"name": "nightly"}, {"name": "nightly"}),
        ({"name": None}, {"name": None}),
        ({"description": "Reports"}, {"description": "Reports"}),
        ({"description": None}, {"description": None}),
        ({"overlap": "skip"}, {"overlap": "skip"}),
        ({"catch_up_mode": "none"}, {"catch_up": CatchUp(mode="none")}),
        ({"catch_up_window": DAY}, {"catch_up": CatchUp(window=DAY)}),
        ({"jitter": MINUTE}, {"jitter": MINUTE}),
        ({"ends_at": NOW + DAY}, {"ends_at": NOW + DAY}),
        (
            {"recurrence": QUARTERLY, "overlap": "skip"},
            {"recurrence": QUARTERLY, "overlap": "skip", "next_at": at(655), "wake_at": at(655)},
        ),
        ({}, {}),
    ],
)
def test_an_edit_changes_what_it_names_and_nothing_else(fields: dict[str, object], becomes: dict[str, object]) -> None:
    """Fields left out stay; the version goes up; the history says what was edited."""
    schedule = make_schedule(name="old", description="Old")
    written = edit(ScheduleView(schedule=schedule, live=()), ScheduleEdit(**fields), NOW - MINUTE)
    assert written == Plan(
        schedule=changed(schedule, version=2, **becomes),
        read_version=1,
        events=(ScheduleEvent(at=NOW - MINUTE, kind="edited", note=", ".join(fields)),),
    )


def test_of_two_edits_none_is_lost() -> None:
    """Each changes its own fields of the schedule as it then is, also within the template and the catch-up."""
    world = World(make_schedule())
    first = ({"queue": "slow"}, {"priority": 3}, {"catch_up_mode": "latest"}, {"catch_up_window": DAY})
    for fields in first:
        world.edit(NOW - MINUTE, **fields)
    assert (world.schedule.template.queue, world.schedule.template.priority) == ("slow", 3)
    assert world.schedule.catch_up == CatchUp(mode="latest", window=DAY)


def test_an_edit_of_another_version_is_refused() -> None:
    """Who names the version that he read changes nothing that he has not seen."""
    view = ScheduleView(schedule=changed(make_schedule(), version=4), live=())
    assert edit(view, ScheduleEdit(queue="slow"), NOW - MINUTE, version=4).schedule.version == 5
    for version in (3, 5):
        with pytest.raises(Conflict) as refused:
            edit(view, ScheduleEdit(queue="slow"), NOW - MINUTE, version=version)
        what = f"its version is 4, not {version}; read it again, then edit what is there now"
        assert str(refused.value) == f"schedule {SCHEDULE_ID}: {what}"


@pytest.mark.parametrize("field", ["starts_at", "ends_at"])
def test_an_instant_without_an_offset_is_refused_by_its_name(field: str) -> None:
    """By creation and by edit; one with another offset is kept in UTC."""
    naive, other = NOW.replace(tzinfo=None), NOW.astimezone(timezone(HOUR))
    for make in (_made, _edited):
        with pytest.raises(InvalidInput) as refused:
            make(**{field: naive})
        assert refused.value.field == field
        found = getattr(make(**{field: other}), field)
        assert (found, found.tzinfo) == (NOW, UTC)


def _made(**fields: datetime) -> Schedule:
    return new_schedule(schedule_id=SCHEDULE_ID, recurrence=HOURLY, template=TEMPLATE, at=NOW, **fields)


def _edited(**fields: datetime) -> Schedule:
    view = ScheduleView(schedule=make_schedule(), live=())
    return edit(view, ScheduleEdit(**fields), NOW - MINUTE).schedule


def test_an_edit_of_anything_but_the_rule_keeps_the_next_occurrence() -> None:
    """I9: ``next_at`` goes back, or anywhere, only by an edit of the rule."""
    world = World(make_schedule())
    world.plan(NOW)
    world.edit(at(1), name="other", recurrence=EVERY_TEN_MINUTES)
    assert world.schedule.next_at == NOW + 10 * MINUTE


def test_what_came_due_before_an_edit_is_judged_as_it_was() -> None:
    """The old rule, template and policies hold up to the edit, the new ones after it: no occurrence is lost."""
    world = World(make_schedule(overlap="allow_all"))
    written = world.edit(NOW + 20 * MINUTE, recurrence=HOURLY, overlap="skip", call=FUNCTION, name="new")
    assert [task.scheduled_for for task in written.tasks] == [NOW, NOW + 10 * MINUTE, NOW + 20 * MINUTE]
    assert {task.call for task in written.tasks} == {TEMPLATE.call}
    assert (world.schedule.next_at, world.schedule.wake_at) == (NOW + HOUR, NOW + HOUR)
    world.check(NOW + 20 * MINUTE)


def test_a_new_rule_holds_from_now_or_from_what_was_fired_last() -> None:
    """Whichever is later: a storage whose clock went back does not fire an occurrence twice."""
    world = World(make_schedule(HOURLY))
    world.plan(NOW)
    back = edit(world.view, ScheduleEdit(recurrence=EVERY_TEN_MINUTES), NOW - 3 * HOUR)
    assert back.schedule.next_at == NOW + 10 * MINUTE
    forth = edit(world.view, ScheduleEdit(recurrence=EVERY_TEN_MINUTES), NOW + 25 * MINUTE)
    assert forth.schedule.next_at == NOW + 30 * MINUTE


def test_an_ended_schedule_can_be_given_a_new_rule() -> None:
    """It wakes again."""
    ended = changed(make_schedule(), next_at=None, wake_at=None)
    written = edit(ScheduleView(schedule=ended, live=()), ScheduleEdit(recurrence=HOURLY), at(1))
    assert (written.schedule.next_at, written.schedule.wake_at) == (NOW + HOUR, NOW + HOUR)


def test_an_edit_leaves_those_that_wait() -> None:
    """Tasks that were created and occurrences that wait are left alone."""
    world = World(make_schedule())
    world.plan(NOW + 10 * MINUTE)
    before = world.schedule.waiting
    world.edit(NOW + 11 * MINUTE, recurrence=HOURLY)
    assert (world.schedule.waiting, len(world.live)) == (before, 1)


def test_an_edit_keeps_a_pause() -> None:
    """A paused schedule stays so; what falls before the edit falls in the pause."""
    world = World(make_schedule())
    world.pause(NOW - MINUTE, "holidays")
    world.edit(NOW + 10 * MINUTE, name="other")
    assert world.schedule.paused == Paused(at=NOW - MINUTE, note="holidays")
    assert list(world.records.values()) == ["skipped: paused"] * 2


def test_a_schedule_that_is_too_far_behind_cannot_be_changed() -> None:
    """A change accounts for what came before it, within a bound; beyond it a worker has to catch up first."""
    assert MAX_ROUNDS == 200
    view = ScheduleView(schedule=make_schedule(overlap="skip"), live=())
    with (
        patch.multiple("mainspring.core.schedule.plan", BATCH=1),
        patch("mainspring.core.schedule.change.MAX_ROUNDS", 3),
    ):
        edit(view, ScheduleEdit(), NOW + 20 * MINUTE)
        with pytest.raises(Conflict) as refused:
            edit(view, ScheduleEdit(), NOW + 30 * MINUTE)
    assert str(refused.value) == (
        f"schedule {SCHEDULE_ID}: too far behind to be changed; start a worker to catch up, then try again"
    )


def test_a_change_catches_up_over_many_batches() -> None:
    """Everything up to the change is accounted for, not only the first batch."""
    world = World(make_schedule(Interval(every=MINUTE, anchor=NOW), overlap="skip", catch_up=CatchUp(window=9 * DAY)))
    written = world.pause(NOW + 2500 * MINUTE)
    assert len(written.slots) == 2501
    world.check(NOW + 2500 * MINUTE)


# --- pause and resume ----------------------------------------------------------------------------------------------


def test_a_pause_skips_what_comes_after_it() -> None:
    """What came due before is still met; what comes after is recorded as *paused*, in a row that counts."""
    world = World(make_schedule(overlap="allow_all"))
    written = world.pause(NOW + 10 * MINUTE, "holidays")
    assert [task.scheduled_for for task in written.tasks] == [NOW, NOW + 10 * MINUTE]
    assert written.events == (ScheduleEvent(at=NOW + 10 * MINUTE, kind="paused", note="holidays"),)
    assert world.schedule.paused == Paused(at=NOW + 10 * MINUTE, note="holidays")
    (slot,) = world.plan(NOW + 40 * MINUTE).slots
    assert (slot.occurrence, slot.until, slot.count) == (NOW + 20 * MINUTE, NOW + 40 * MINUTE, 3)


def test_a_pause_is_not_bound_by_the_window() -> None:
    """However old, what fell in the pause is recorded as *paused*."""
    world = World(make_schedule(catch_up=CatchUp(window=MINUTE)))
    world.pause(NOW - SECOND)
    world.plan(NOW + 5 * DAY)
    assert set(world.records.values()) == {"skipped: paused"}


def test_resume_skips_what_fell_in_the_pause() -> None:
    """Occurrences up to the resumption still fell in the pause; the next one fires."""
    world = World(make_schedule())
    world.pause(NOW - SECOND)
    written = world.resume(NOW + 10 * MINUTE)
    assert written.events == (ScheduleEvent(at=NOW + 10 * MINUTE, kind="resumed"),)
    world.plan(NOW + 20 * MINUTE)
    assert list(world.records.values()) == ["skipped: paused", "skipped: paused", "created"]
    assert world.schedule.paused is None


def test_resume_wakes_those_that_wait() -> None:
    """One whose turn came during the pause goes on at once."""
    schedule = changed(make_schedule(), waiting=(Waiting(occurrence=NOW - HOUR),), paused=Paused(at=NOW - MINUTE))
    free = resume(ScheduleView(schedule=schedule, live=()), NOW - SECOND)
    assert free.schedule.wake_at == NOW - SECOND
    busy = resume(ScheduleView(schedule=schedule, live=(World(schedule).schedule.id,)), NOW - SECOND)
    assert busy.schedule.wake_at == NOW


def test_pausing_and_resuming_twice_changes_nothing() -> None:
    """Both are safe to repeat; the first note stays."""
    schedule = make_schedule()
    view = ScheduleView(schedule=schedule, live=())
    assert resume(view, NOW + HOUR) == Plan(schedule=schedule, read_version=1)
    paused = pause(view, NOW - HOUR, "holidays").schedule
    again = pause(ScheduleView(schedule=paused, live=()), NOW + HOUR, "other")
    assert again == Plan(schedule=paused, read_version=2)


def test_a_note_has_at_most_500_characters() -> None:
    """Also when the schedule is paused already."""
    view = ScheduleView(schedule=make_schedule(), live=())
    assert pause(view, NOW - HOUR, "x" * 500).schedule.paused == Paused(at=NOW - HOUR, note="x" * 500)
    assert pause(view, NOW - HOUR).schedule.paused == Paused(at=NOW - HOUR, note="")
    with pytest.raises(InvalidInput) as refused:
        pause(view, NOW - HOUR, "x" * 501)
    assert str(refused.value) == "note: 501 characters; use at most 500"
