"""Why a schedule does what it does, and what became of an instant of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from attrs import evolve as changed
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.errors import InvalidInput
from mainspring.core.recurrence import Interval
from mainspring.core.schedule import (
    AtMost,
    Buffered,
    CatchUp,
    Coalesced,
    Created,
    Paused,
    Schedule,
    Skipped,
    SkipReason,
    Slot,
    SlotOutcome,
    Waiting,
    plan,
)
from mainspring.core.why import Reason, why_schedule
from mainspring.core.why.of_schedule import MAX_HOPS
from mainspring.core.why.of_slot import outcome_of
from support.builders import DAY, HOUR, MINUTE, NOW, SCHEDULE_ID, SECOND, TASK_ID, at
from support.schedules import TICK, World, make_schedule

TEN = 10 * MINUTE
RULE = Reason(
    stage="rule",
    at=None,
    text="Its rule: Every 10 minutes of elapsed time, counted from 2030-01-02T03:04:05Z.",
    fact="schedule.recurrence",
)


def slot(outcome: SlotOutcome, occurrence: datetime = NOW, late: timedelta = SECOND, **fields: Any) -> Slot:
    """The record of an occurrence, written a second after it came due."""
    values: dict[str, Any] = {"schedule_id": SCHEDULE_ID, "until": occurrence, "count": 1, "at": occurrence + late}
    return Slot(occurrence=occurrence, outcome=outcome, **(values | fields))


def told(schedule: Schedule, *slots: Slot, instant: datetime | None = NOW, now: datetime = NOW + HOUR) -> list[str]:
    """The chain behind the rule, sentence by sentence."""
    chain = why_schedule(schedule, slots=slots, at=now, instant=instant)
    assert chain[0] == RULE
    return [reason.text for reason in chain[1:]]


# --- what became of an instant -------------------------------------------------------------------------------------


def test_it_made_a_task() -> None:
    """Rule, occurrence, and what the record says."""
    found = why_schedule(make_schedule(), slots=[slot(Created(task_id=TASK_ID))], at=NOW, instant=NOW)
    assert found == (
        RULE,
        Reason(stage="occurrence", at=NOW, text="The occurrence is of 2030-01-02T03:04:05Z.", fact="slot"),
        Reason(
            stage="policy",
            at=at(1),
            text=f"It was planned 1s after it came due, and made task {TASK_ID}.",
            fact="slot",
        ),
    )


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("overlap", "an earlier task had not ended, and the overlap policy let no more wait (now: serial)."),
        ("paused", "the schedule was paused."),
        ("outside_window", "seen 2h late, it lay outside the catch-up window (now: all within 1h)."),
        ("missed", "seen 2h late, it was not among those that catch-up takes (now: all within 1h)."),
        ("buffer_full", "1000 occurrences waited already, which is all that may."),
        ("excluded", "somebody asked for that."),
    ],
)
def test_it_was_skipped(reason: SkipReason, text: str) -> None:
    """Each reason in words, with the setting that it goes by today."""
    record = slot(Skipped(reason=reason), late=2 * HOUR)
    assert told(make_schedule(), record)[1] == f"It was skipped: {text}"
    row = changed(record, until=NOW + 2 * TEN, count=3)
    assert told(make_schedule(), row)[1] == f"It was one of 3 occurrences that were skipped: {text}"


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("overlap", "an earlier task had not ended, and the overlap policy let no more wait."),
        ("paused", "the schedule was paused."),
        ("outside_window", "seen 1s late, it lay outside the catch-up window."),
        ("missed", "seen 1s late, it was not among those that catch-up takes."),
    ],
)
def test_a_record_without_its_schedule_names_no_setting(reason: SkipReason, text: str) -> None:
    """Slot records outlive their schedule."""
    assert outcome_of(slot(Skipped(reason=reason)), None).text == f"It was skipped: {text}"


def test_a_catch_up_of_at_most_says_how_many() -> None:
    """The mode in words."""
    schedule = make_schedule(catch_up=CatchUp(window=DAY, mode=AtMost(3)))
    assert told(schedule, slot(Skipped(reason="missed")))[1].endswith("(now: at most 3 within 1d).")


def test_the_note_of_a_pause_is_told_for_what_fell_in_it() -> None:
    """Not for an earlier pause, of which no note is kept."""
    schedule = changed(make_schedule(), paused=Paused(at=at(1), note="moving house"))
    assert told(schedule, slot(Skipped(reason="paused")))[1] == (
        "It was skipped: the schedule was paused (moving house)."
    )
    later = changed(schedule, paused=Paused(at=at(2), note="moving house"))
    assert told(later, slot(Skipped(reason="paused")))[1] == "It was skipped: the schedule was paused."


def test_it_waits() -> None:
    """Buffered is a gate: an outcome is still to come."""
    found = why_schedule(make_schedule(), slots=[slot(Buffered())], at=NOW, instant=NOW)
    assert found[-1] == Reason(
        stage="gate",
        at=at(1),
        text="An earlier task of its schedule had not ended, so it waits for its turn.",
        fact="slot",
    )


def test_a_later_one_stands_for_it() -> None:
    """The chain follows it to what became of that one, if its record was read."""
    first = slot(Coalesced(into=NOW + TEN))
    second = slot(Coalesced(into=NOW + 2 * TEN), NOW + TEN)
    third = slot(Created(task_id=TASK_ID), NOW + 2 * TEN)
    assert told(make_schedule(), third, first, second) == [
        "The occurrence is of 2030-01-02T03:04:05Z.",
        "The later occurrence 2030-01-02T03:14:05Z stands for it.",
        "That occurrence is of 2030-01-02T03:14:05Z.",
        "The later occurrence 2030-01-02T03:24:05Z stands for it.",
        "That occurrence is of 2030-01-02T03:24:05Z.",
        f"It was planned 1s after it came due, and made task {TASK_ID}.",
    ]
    assert len(told(make_schedule(), first)) == 2


def test_a_chain_is_followed_only_so_far() -> None:
    """A bound on everything: also on records that point on and on, or at themselves."""
    chain = [slot(Coalesced(into=NOW + (number + 1) * TEN), NOW + number * TEN) for number in range(30)]
    assert len(told(make_schedule(), *chain)) == 1 + 2 * MAX_HOPS
    assert len(told(make_schedule(), slot(Coalesced(into=NOW)))) == 2
    there_and_back = [slot(Coalesced(into=NOW + TEN)), slot(Coalesced(into=NOW), NOW + TEN)]
    assert len(told(make_schedule(), *there_and_back)) == 1 + 2 * MAX_HOPS


def test_an_instant_in_a_counted_row_is_found() -> None:
    """A long row of skipped ones shares a record, which speaks of each of them."""
    row = slot(Skipped(reason="paused"), until=NOW + 5 * TEN, count=6)
    for number in range(6):
        when = NOW + number * TEN
        first = told(make_schedule(), row, instant=when)[0]
        assert first == (
            f"The occurrence {when:%Y-%m-%dT%H:%M:%SZ} is in a record of 6, "
            "from 2030-01-02T03:04:05Z to 2030-01-02T03:54:05Z."
        )
        assert len(told(make_schedule(), row, instant=when)) == 2
    behind = told(make_schedule(), row, instant=NOW + 6 * TEN)
    assert behind == ["The occurrence 2030-01-02T04:04:05Z came due 0s ago, and no worker has planned it yet."]


def test_an_instant_between_those_of_a_row_is_told_as_such() -> None:
    """The rule may have been another when the row was written."""
    row = slot(Skipped(reason="paused"), until=NOW + 5 * TEN, count=6)
    assert told(make_schedule(), row, instant=NOW + MINUTE)[1] == (
        "The rule as it is now does not name 2030-01-02T03:05:05Z: the record's may have been another."
    )


def test_the_occurrence_comes_before_what_was_run_by_hand() -> None:
    """Both have a record of the same instant; one of its own comes before a row."""
    by_rule, by_hand = slot(Created(task_id=TASK_ID)), slot(Buffered(), manual=True)
    assert told(make_schedule(), by_hand, by_rule) == [
        "The occurrence is of 2030-01-02T03:04:05Z.",
        f"It was planned 1s after it came due, and made task {TASK_ID}.",
        "The instant 2030-01-02T03:04:05Z was run by hand.",
        "An earlier task of its schedule had not ended, so it waits for its turn.",
    ]
    row = slot(Skipped(reason="paused"), NOW - TEN, until=NOW + TEN, count=3)
    assert told(make_schedule(at=NOW - DAY), row, by_rule)[0] == "The occurrence is of 2030-01-02T03:04:05Z."


@pytest.mark.parametrize("zone_hours", [0, 5])
def test_an_instant_is_one_in_any_zone(zone_hours: int) -> None:
    """It is compared as an instant; one without an offset is refused."""
    zone = timezone(timedelta(hours=zone_hours))
    assert len(told(make_schedule(), slot(Buffered()), instant=NOW.astimezone(zone))) == 2
    with pytest.raises(InvalidInput) as refused:
        why_schedule(make_schedule(), slots=(), at=NOW, instant=datetime(2030, 1, 1))  # noqa: DTZ001
    assert refused.value.field == "instant"


# --- an instant without a record -----------------------------------------------------------------------------------


def absent(schedule: Schedule, instant: datetime, now: datetime = NOW) -> Reason:
    """The one reason why there is no record."""
    (_, reason) = why_schedule(schedule, slots=(), at=now, instant=instant)
    return reason


def test_the_schedule_did_not_exist_yet() -> None:
    """Nothing is recorded of the time before."""
    created = make_schedule().created_at
    assert absent(make_schedule(), created - TICK) == Reason(
        stage="rule",
        at=created,
        text="At 2030-01-02T03:04:04.999998Z the schedule did not exist yet: "
        "it was created at 2030-01-02T03:04:04.999999Z.",
        fact="schedule.created_at",
    )
    assert absent(make_schedule(), created).fact == "schedule.recurrence"


def test_it_is_no_occurrence() -> None:
    """The next one is named, if there is one."""
    assert absent(make_schedule(), NOW + MINUTE) == Reason(
        stage="rule",
        at=NOW + MINUTE,
        text="2030-01-02T03:05:05Z is no occurrence of the rule; the next one is 2030-01-02T03:14:05Z.",
        fact="schedule.recurrence",
    )
    last = datetime(9999, 12, 31, 23, tzinfo=UTC)
    ended = make_schedule(Interval(every=DAY, anchor=last))
    assert absent(ended, last + SECOND).text.endswith("is no occurrence of the rule; there is none after it.")


def test_it_lies_outside_start_and_end() -> None:
    """The rule would name it; the schedule does not reach so far."""
    schedule = make_schedule(starts_at=NOW + TEN, ends_at=NOW + 2 * TEN)
    assert absent(schedule, NOW) == Reason(
        stage="rule",
        at=NOW + TEN,
        text="2030-01-02T03:04:05Z lies before the schedule's start, 2030-01-02T03:14:05Z (starts_at).",
        fact="schedule.starts_at",
    )
    assert absent(schedule, NOW + 3 * TEN) == Reason(
        stage="rule",
        at=NOW + 2 * TEN,
        text="2030-01-02T03:34:05Z lies behind the schedule's end, 2030-01-02T03:24:05Z (ends_at).",
        fact="schedule.ends_at",
    )
    for inside in (NOW + TEN, NOW + 2 * TEN):
        assert absent(schedule, inside).fact == "schedule.next_at"


def test_it_is_still_to_come() -> None:
    """In how long."""
    assert absent(make_schedule(), NOW + TEN) == Reason(
        stage="occurrence",
        at=NOW + TEN,
        text="2030-01-02T03:14:05Z is an occurrence of the rule, and still to come: in 10m.",
        fact="schedule.next_at",
    )


def test_nobody_has_planned_it_yet() -> None:
    """It has come due, but no worker was there; also at the very instant."""
    assert absent(make_schedule(), NOW, at(90)) == Reason(
        stage="gate",
        at=NOW,
        text="The occurrence 2030-01-02T03:04:05Z came due 1m30s ago, and no worker has planned it yet.",
        fact="schedule.next_at",
    )
    assert absent(make_schedule(), NOW, NOW).stage == "gate"
    assert absent(make_schedule(), NOW, NOW - TICK).stage == "occurrence"


def test_the_rule_had_ended_before_it() -> None:
    """By ``max_runs``, or by itself: then what would come after is no occurrence."""
    world = World(make_schedule(max_runs=1))
    world.plan(NOW)
    assert absent(world.schedule, NOW + TEN, NOW + DAY) == Reason(
        stage="rule",
        at=NOW,
        text="It has no next occurrence: it has come to its 1 runs (max_runs).",
        fact="schedule.max_runs",
    )
    never_fired = changed(make_schedule(), next_at=None)
    assert absent(never_fired, NOW + TEN).text == "It has no next occurrence: its rule has come to its end."


def test_no_record_that_was_read_speaks_of_it() -> None:
    """It may be older than those, or of the time before an edit: that is said, not guessed."""
    world = World(make_schedule())
    world.plan(NOW + TEN)
    slots = [slot(Buffered(), NOW + TEN)]
    (_, reason) = why_schedule(world.schedule, slots=slots, at=NOW + TEN, instant=NOW)
    assert reason == Reason(
        stage="outcome",
        at=NOW,
        text="None of the 1 records that were read speaks of 2030-01-02T03:04:05Z: an edit of the rule, or more "
        "records, may.",
        fact="slots",
    )
    ended = World(make_schedule(ends_at=NOW))
    ended.plan(NOW)
    assert absent(ended.schedule, NOW, NOW).fact == "slots"


@given(st.integers(0, 12), st.sampled_from(["skip", "serial", "allow_all", "buffer_one"]), st.booleans())
def test_every_instant_that_a_plan_has_recorded_is_found(number: int, overlap: Any, paused: bool) -> None:
    """What became of it, whatever became of it; and what no plan has met is still to come."""
    schedule = make_schedule(overlap=overlap, catch_up=CatchUp(window=HOUR, mode="latest"))
    world = World(schedule)
    if paused:
        world.pause(NOW - TICK)
    written = plan(world.view, NOW + 11 * TEN)
    when = NOW + number * TEN
    chain = why_schedule(written.schedule, slots=written.slots, at=NOW + 11 * TEN, instant=when)
    assert chain[1].stage == "occurrence"
    assert chain[1].fact == ("slot" if number <= 11 else "schedule.next_at")
    assert all(reason.text.endswith(".") for reason in chain)


# --- what it does now ----------------------------------------------------------------------------------------------


def test_its_next_occurrence() -> None:
    """A schedule that nothing has happened to yet."""
    found = why_schedule(make_schedule(), slots=(), at=NOW - SECOND)
    assert found == (
        RULE,
        Reason(
            stage="occurrence",
            at=NOW,
            text="Its next occurrence is 2030-01-02T03:04:05Z, in 1s.",
            fact="schedule.next_at",
        ),
    )


def test_its_next_occurrence_has_come_due() -> None:
    """No worker has looked."""
    assert told(make_schedule(), instant=None, now=at(5)) == [
        "Its occurrence 2030-01-02T03:04:05Z came due 5s ago, and no worker has planned it yet."
    ]
    assert told(make_schedule(), instant=None, now=NOW)[0].startswith("Its occurrence ")


def test_the_last_record_comes_first() -> None:
    """The newest by when it was written, then by its occurrence; of a row, its last occurrence."""
    world = World(make_schedule(overlap="skip"))
    written = world.plan(NOW + TEN)
    earlier = slot(Skipped(reason="paused"), NOW - HOUR, until=NOW - TEN, count=6)
    assert told(world.schedule, earlier, *written.slots, instant=None, now=NOW + TEN) == [
        "The last record is of 2030-01-02T03:14:05Z.",
        "It was skipped: an earlier task had not ended, and the overlap policy let no more wait (now: skip).",
        "Its next occurrence is 2030-01-02T03:24:05Z, in 10m.",
    ]
    assert told(world.schedule, earlier, instant=None)[0] == (
        "The last record 2030-01-02T02:54:05Z is in a record of 6, from 2030-01-02T02:04:05Z to 2030-01-02T02:54:05Z."
    )


def test_it_is_paused() -> None:
    """Since when, and why."""
    schedule = changed(make_schedule(), paused=Paused(at=NOW, note="incident"))
    found = why_schedule(schedule, slots=(), at=NOW)
    assert found[1] == Reason(
        stage="gate",
        at=NOW,
        text="It is paused since 2030-01-02T03:04:05Z (incident): its occurrences are skipped.",
        fact="schedule.paused",
    )


def test_occurrences_wait() -> None:
    """How many, by which policy, and the first of them."""
    schedule = changed(make_schedule(), waiting=(Waiting(occurrence=NOW), Waiting(occurrence=NOW + TEN)))
    found = why_schedule(schedule, slots=(), at=NOW)
    assert found[1] == Reason(
        stage="gate",
        at=NOW,
        text="2 of its occurrences wait for a task to end (overlap serial), the first of them 2030-01-02T03:04:05Z.",
        fact="schedule.waiting",
    )


@pytest.mark.parametrize(
    ("fields", "text", "fact"),
    [
        (
            {"max_runs": 2, "runs": 1, "waiting": (Waiting(occurrence=NOW), Waiting(occurrence=at(1), manual=True))},
            "It has no next occurrence: it has come to its 2 runs (max_runs).",
            "schedule.max_runs",
        ),
        (
            {"max_runs": 2, "runs": 1, "ends_at": NOW},
            "It has no next occurrence up to its end, 2030-01-02T03:04:05Z (ends_at).",
            "schedule.ends_at",
        ),
        (
            {"max_runs": 3, "runs": 1, "waiting": (Waiting(occurrence=NOW), Waiting(occurrence=at(1), manual=True))},
            "It has no next occurrence: its rule has come to its end.",
            "schedule.next_at",
        ),
        ({"runs": 5}, "It has no next occurrence: its rule has come to its end.", "schedule.next_at"),
    ],
)
def test_it_has_ended(fields: dict[str, Any], text: str, fact: str) -> None:
    """By its runs (those that wait counted in, those by hand not), by its end, or by its rule."""
    ended = changed(make_schedule(), next_at=None, last_fired=NOW - DAY, **fields)
    found = why_schedule(ended, slots=(), at=NOW)[-1]
    assert (found.stage, found.text, found.fact) == ("rule", text, fact)
    assert found.at == (NOW if "ends_at" in fields else NOW - DAY)
