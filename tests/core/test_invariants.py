"""The checkers of invariants: what the machine does passes them, and each breach is caught by the one it breaks."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from attrs import evolve as changed
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.commands import Command, Edit
from mainspring.core.events import (
    CancelAsked,
    Event,
    LeaseExtended,
    ReportDropped,
    RetryScheduled,
    RunReleased,
    RunSnoozed,
    RunStarted,
    RunSucceeded,
    TaskCancelled,
    TaskEdited,
    TaskFailed,
    TaskForwarded,
    TaskRequeued,
)
from mainspring.core.ids import TaskId
from mainspring.core.invariants import (
    Breaches,
    Hold,
    attempts_are_bounded,
    breaches_of,
    broken,
    concurrency_holds,
    edges_are_published,
    history_is_complete,
    holds_of,
    next_never_goes_back,
    nothing_starts_after_a_stop,
    nothing_starts_early,
    occurrences_are_exact,
    rate_holds,
    starts_of,
    terminal_is_final,
)
from mainspring.core.machine import Decision
from mainspring.core.queue import Limits, Queue, QueueRef, QueueView, Rate, admit
from mainspring.core.recurrence import Interval
from mainspring.core.retry import MERGENT_SCHEDULE, Fixed, Never
from mainspring.core.schedule import Buffered, Coalesced, Created, Overlap, Skipped, Slot, Waiting, plan
from mainspring.core.schedule.plan import occurrence_task_id
from mainspring.core.states import Cancelled, Failed, Pending, Running, Succeeded, Tally
from mainspring.core.task import Task
from support.builders import (
    FAILURE,
    HOUR,
    LEASE,
    MINUTE,
    NOW,
    SCHEDULE_ID,
    SECOND,
    TASK_ID,
    TIMEOUT,
    at,
    make_task,
)
from support.lives import histories
from support.schedules import TICK, World, make_schedule

TEN = 10 * MINUTE
TALLY = Tally(runs=1, attempts=1, first_started=NOW)
DONE = make_task(Succeeded(at=at(1), result="", tally=TALLY))
DEAD = make_task(Failed(at=at(1), failure=FAILURE, reason="exhausted", tally=TALLY))
WAITING = make_task()


def started(run: int = 1, seconds: float = 0, attempt: int | None = None) -> RunStarted:
    """A run started."""
    when = at(seconds)
    return RunStarted(
        at=when, run=run, attempt=attempt or run, worker="w", lease_until=when + LEASE, deadline=when + TIMEOUT
    )


def succeeded(run: int = 1, seconds: float = 1, took: timedelta = SECOND) -> RunSucceeded:
    """A run succeeded, one second after it started."""
    return RunSucceeded(at=at(seconds), run=run, took=took, result="")


def retried(run: int = 1, seconds: float = 1, wait: timedelta = MINUTE) -> RetryScheduled:
    """A run failed after one second, and the next one is due a minute later."""
    return RetryScheduled(at=at(seconds), run=run, took=SECOND, failure=FAILURE, due=at(seconds) + wait)


def dead(run: int = 1, seconds: float = 1) -> TaskFailed:
    """A run failed after one second, for good."""
    return TaskFailed(at=at(seconds), run=run, took=SECOND, failure=FAILURE, reason="exhausted")


# --- of a task -----------------------------------------------------------------------------------------------------


@given(histories())
def test_what_the_machine_does_breaks_nothing(lived: list[tuple[Task, Command, Decision]]) -> None:
    """Every accepted command of a random life: no checker cries wolf, with heartbeats or without."""
    task, events = make_task(), []
    for _, _, decision in lived:
        task = decision.task
        events += decision.events
        assert breaches_of(task, events) == []
        assert breaches_of(task, [event for event in events if not isinstance(event, LeaseExtended)]) == []
    assert broken(concurrency_holds(holds_of(events), 1)) == [], "I3: one run at a time"


@pytest.mark.parametrize(
    ("task", "events", "breach"),
    [
        (WAITING, [started(2, 0, 1)], f"I2: run 2 of task {TASK_ID} follows run 0"),
        (WAITING, [started(), retried(), started(1, 61, 2)], "follows run 1"),
        (WAITING, [started(1, 0, 2)], f"I2: attempt 2 of task {TASK_ID} follows attempt 0"),
        (WAITING, [started(), retried(), started(2, 61, 1)], "attempt 1 of task"),
        (
            make_task(retry=Never()),
            [started(), retried(), started(2, 61)],
            f"I2: attempt 2 of task {TASK_ID} started, 1 are allowed",
        ),
        (
            make_task(retry=MERGENT_SCHEDULE),
            [started(), retried(), started(2, 61), retried(2), started(3), retried(3), started(4)],
            "attempt 4 of",
        ),
        (
            make_task(retry=Fixed(delay=SECOND, attempts=1)),
            [started(), dead(), TaskRequeued(at=at(2), was="failed", reset=False), started(2), dead(2), started(3)],
            "I2: attempt 3 of",
        ),
        (
            make_task(retry=Fixed(delay=SECOND, attempts=1)),
            [started(), dead(), TaskRequeued(at=at(2), was="failed", reset=True), started(2, 3, 1), started(3, 4, 2)],
            "I2: attempt 2 of",
        ),
    ],
)
def test_i2_is_checked(task: Task, events: list[Event], breach: str) -> None:
    """Run and attempt numbers without gaps, and no attempt beyond the policy."""
    (found,) = attempts_are_bounded(task, events)
    assert breach in found


def test_i2_knows_what_is_given_back() -> None:
    """A snooze and a release give the attempt back; a requeue allows one more; an edited policy is not guessed."""
    once = make_task(retry=Never())
    snoozed = RunSnoozed(at=at(1), run=1, took=SECOND, due=at(2))
    released = RunReleased(at=at(3), run=2, took=SECOND)
    again = TaskRequeued(at=at(5), was="failed", reset=False)
    events = [started(), snoozed, started(2, 2, 1), released, started(3, 4, 1), dead(3, 5), again, started(4, 6, 2)]
    assert broken(attempts_are_bounded(once, events)) == []
    edit = TaskEdited(at=at(1), due=NOW, edit=Edit(at=at(1), retry=Never()))
    assert broken(attempts_are_bounded(once, [started(), retried(), edit, started(2, 61)])) == []


@pytest.mark.parametrize(
    ("events", "breach"),
    [
        ([started(seconds=-1)], "I5: run 1 of"),
        ([started(), retried(), started(2, 60)], "I5: run 2 of"),
        ([started(), RunSnoozed(at=at(1), run=1, took=SECOND, due=at(9)), started(2, 8)], "I5: run 2 of"),
        ([TaskForwarded(at=at(-5)), started(1, -6)], "I5: run 1 of"),
        ([started(), RunReleased(at=at(5), run=1, took=SECOND), started(2, 4)], "I5: run 2 of"),
        ([started(), dead(), TaskRequeued(at=at(9), was="failed", reset=True), started(2, 8)], "I5: run 2 of"),
        (
            [TaskEdited(at=at(-9), due=at(9), edit=Edit(at=at(-9), due=at(9))), started(seconds=8)],
            "I5: run 1 of",
        ),
        ([started(), retried(wait=59 * SECOND)], f"I5: attempt 1 of task {TASK_ID} is repeated 0:00:59 later"),
    ],
)
def test_i5_is_checked(events: list[Event], breach: str) -> None:
    """No early start and no early retry, whatever last said when it is due."""
    (found,) = nothing_starts_early(make_task(retry=Fixed(delay=MINUTE)), events)
    assert breach in found


def test_i5_does_not_guess() -> None:
    """Before an edit moved it, nobody knows when it was due; nor what another policy would have waited."""
    edit = Edit(at=at(20), due=at(30), retry=Never())
    moved = [started(seconds=-99), retried(), TaskEdited(at=at(20), due=at(30), edit=edit), started(2, 30)]
    assert broken(nothing_starts_early(make_task(retry=Fixed(delay=HOUR)), moved)) == []
    forwarded = [TaskForwarded(at=at(-50)), started(seconds=-50)]
    assert broken(nothing_starts_early(make_task(), forwarded)) == []
    hidden = [TaskForwarded(at=at(-50)), started(seconds=-50), retried(), *moved[2:3]]
    assert broken(nothing_starts_early(make_task(), hidden)) == []


@pytest.mark.parametrize(
    ("task", "events", "breach"),
    [
        (DONE, [started(), succeeded(), started(2, 9)], "I6: RunStarted happened"),
        (DONE, [started(), succeeded(), succeeded(1, 2)], "I6: RunSucceeded happened"),
        (DEAD, [started(), dead(), retried(1, 2)], "I6: RetryScheduled happened"),
        (WAITING, [TaskRequeued(at=at(1), was="failed", reset=True)], "I6: "),
        (WAITING, [started(), succeeded()], f"I6: task {TASK_ID} is pending after RunSucceeded"),
    ],
)
def test_i6_is_checked(task: Task, events: list[Event], breach: str) -> None:
    """Terminal is final, but for a requeue; and a requeue needs an end."""
    found = broken(terminal_is_final(task, events))
    assert breach in found[0]


def test_i6_lets_late_reports_be() -> None:
    """They are recorded and change nothing."""
    dropped = ReportDropped(at=at(9), run=1, worker="w", report="failed")
    assert broken(terminal_is_final(DONE, [started(), succeeded(), dropped])) == []


@pytest.mark.parametrize(
    ("task", "events", "breach"),
    [
        (WAITING, [succeeded()], f"I7: RunSucceeded happened to task {TASK_ID} while it was pending"),
        (DONE, [started(), succeeded(), retried()], "I7: RetryScheduled happened"),
        (DONE, [started()], f"I7: the history of task {TASK_ID} leads to running, but it is succeeded"),
        (DEAD, [], "leads to pending, but it is failed"),
    ],
)
def test_i7_is_checked(task: Task, events: list[Event], breach: str) -> None:
    """Only published edges, and they lead to where the task is."""
    (found,) = edges_are_published(task, events)
    assert breach in found


@pytest.mark.parametrize(
    ("events", "pauses", "breach"),
    [
        ([TaskCancelled(at=NOW, run=0, reason=""), started(seconds=1)], [], "after TaskCancelled"),
        ([started(), CancelAsked(at=at(1), run=1, reason=""), started(2, 2)], [], "after CancelAsked"),
        ([started(seconds=5)], [(at(4), at(6))], "in the pause since"),
        ([started(seconds=5)], [(at(0), at(1)), (at(4), None)], "in the pause since"),
    ],
)
def test_i12_is_checked(events: list[Event], pauses: list[Any], breach: str) -> None:
    """Nothing starts after a cancel, or in a pause."""
    (found,) = nothing_starts_after_a_stop(WAITING, events, pauses)
    assert breach in found


def test_i12_leaves_the_edges_of_a_pause_alone() -> None:
    """At its very instants the order of the commits counts, which no instant tells; a requeue ends a stop."""
    for pause in [(at(5), at(6)), (at(4), at(5)), (at(6), None)]:
        assert broken(nothing_starts_after_a_stop(WAITING, [started(seconds=5)], [pause])) == []
    again = [TaskCancelled(at=NOW, run=0, reason=""), TaskRequeued(at=at(1), was="cancelled", reset=True), started()]
    assert broken(nothing_starts_after_a_stop(WAITING, again)) == []


HELD = make_task(Running(run=1, worker="w", started_at=NOW, lease_until=at(30), deadline=at(60), tally=TALLY))


@pytest.mark.parametrize(
    ("task", "events", "breach"),
    [
        (WAITING, [started()], f"I13: run 1 of task {TASK_ID} has 0 ends"),
        (DONE, [started(), retried(), succeeded()], "has 2 ends"),
        (HELD, [started(), retried()], "has 1 ends and is held"),
        (DONE, [succeeded()], f"I13: run 1 of task {TASK_ID} ended by RunSucceeded and never started"),
        (DONE, [started(), succeeded(seconds=5)], "took 0:00:05, its record says 0:00:01"),
        (
            make_task(Cancelled(at=at(1), reason="", tally=TALLY)),
            [started(), retried(), TaskCancelled(at=at(1), run=1, reason="")],
            "has 2 ends",
        ),
    ],
)
def test_i13_is_checked(task: Task, events: list[Event], breach: str) -> None:
    """Each start has exactly one end, each end its start; a run that is held has none yet."""
    (found,) = history_is_complete(task, events)
    assert breach in found


def test_i13_lets_a_waiting_task_be_cancelled() -> None:
    """That ends no run; a run that was stopped has that as its end."""
    assert broken(history_is_complete(WAITING, [TaskCancelled(at=NOW, run=0, reason="")])) == []
    assert broken(history_is_complete(WAITING, [started(), TaskCancelled(at=at(9), run=1, reason="")])) == []
    assert broken(history_is_complete(HELD, [started()])) == []


# --- of a schedule -------------------------------------------------------------------------------------------------


def recorded(*outcomes: Any, **fields: Any) -> list[Slot]:
    """A record for each of the occurrences from ``NOW`` on."""
    values: dict[str, Any] = {"schedule_id": SCHEDULE_ID, "count": 1, "at": NOW}
    return [
        Slot(occurrence=when, until=when, outcome=outcome, **(values | fields))
        for when, outcome in ((NOW + number * TEN, outcome) for number, outcome in enumerate(outcomes))
    ]


MADE = Created(task_id=occurrence_task_id(SCHEDULE_ID, NOW, False))
PAUSED = Skipped(reason="paused")


def checked(slots: list[Slot], count: int = 3, **fields: Any) -> list[str]:
    """The breaches of a schedule that has met so many occurrences."""
    schedule = make_schedule()
    after = changed(schedule, **({"next_at": NOW + count * TEN} | fields))
    return broken(occurrences_are_exact([(schedule, NOW - TICK)], after, slots))


def test_i8_is_checked() -> None:
    """None missing, none twice, none made up, none that waits unseen, none that stands for nothing."""
    assert checked(recorded(MADE, PAUSED, PAUSED)) == []
    (missing,) = checked(recorded(MADE, PAUSED))
    assert missing == f"I8: schedule {SCHEDULE_ID} has no record of {NOW + 2 * TEN}"
    (doubled,) = checked([*recorded(MADE, PAUSED, PAUSED), *recorded(PAUSED)])
    assert "has 2 records of" in doubled
    stray = changed(recorded(PAUSED)[0], occurrence=at(1), until=at(1))
    (invented,) = checked([*recorded(MADE, PAUSED, PAUSED), stray])
    assert "which is no occurrence" in invented
    (early,) = checked(recorded(MADE, PAUSED, PAUSED), count=2)
    assert "which is no occurrence" in early
    (unseen,) = checked(recorded(MADE, PAUSED, PAUSED), waiting=(Waiting(occurrence=NOW),))
    assert "lets 1 wait, 0 are recorded so" in unseen
    (forgotten,) = checked(recorded(MADE, Buffered(), PAUSED))
    assert "lets 0 wait, 1 are recorded so" in forgotten
    (nothing,) = checked(recorded(MADE, PAUSED, Coalesced(into=NOW + 9 * TEN)))
    assert "which has no record" in nothing
    (stranger,) = checked(recorded(Created(task_id=TaskId("x")), PAUSED, PAUSED))
    assert "made x, which is not its own task" in stranger


def test_i8_reads_rows_and_leaves_runs_by_hand_alone() -> None:
    """A counted row speaks of each; one by hand is a record of its own."""
    (first, second, third) = recorded(PAUSED, PAUSED, PAUSED)
    row = changed(first, until=third.until, count=3)
    assert checked([row]) == []
    by_hand = changed(second, manual=True, outcome=PAUSED)
    assert checked([row, by_hand]) == []
    (doubled,) = checked([row, second])
    assert "has 2 records of" in doubled


OVERLAPS: st.SearchStrategy[Overlap] = st.sampled_from(
    ["skip", "buffer_one", "buffer_all", "cancel_other", "allow_all", "serial"]
)


@given(
    OVERLAPS,
    st.lists(
        st.tuples(
            st.sampled_from(["plan", "pause", "resume", "skip_next", "run_now", "faster", "end"]), st.integers(1, 40)
        ),
        max_size=10,
    ),
    st.none() | st.integers(1, 4),
    st.sampled_from([None, NOW + HOUR]),
)
def test_what_schedules_do_breaks_nothing(
    overlap: Overlap, life: list[tuple[str, int]], max_runs: int | None, ends_at: datetime | None
) -> None:
    """I8 and I9 over random lives with edits, pauses and runs by hand: no checker cries wolf."""
    world = World(make_schedule(overlap=overlap, max_runs=max_runs, ends_at=ends_at))
    now, slots, versions = NOW, {}, [world.schedule]
    for change, minutes in life:
        now += minutes * MINUTE
        if change == "end":
            written = None
            for task_id in tuple(world.live):
                world.end(task_id, now)
        elif change == "faster":
            written = world.edit(now, recurrence=Interval(every=7 * MINUTE, anchor=NOW + SECOND))
        else:
            written = getattr(world, change)(now)
        slots |= {(slot.occurrence, slot.manual): slot for slot in (written.slots if written else ())}
        versions += [world.schedule] if world.schedule != versions[-1] else []
    rules = world.rules
    assert broken(occurrences_are_exact(rules, world.schedule, list(slots.values()))) == []
    assert broken(next_never_goes_back(versions)) == []


def test_a_rule_that_has_made_all_its_tasks_is_over_also_if_it_is_changed_later() -> None:
    """Nothing is expected between its last task and the change; before that every record is."""
    first = make_schedule(max_runs=2)
    spent = changed(first, runs=2, next_at=None, recurrence=Interval(every=HOUR, anchor=NOW), version=4)
    rules = [(first, NOW - TICK), (spent, NOW + 6 * TEN)]
    slots = recorded(MADE, changed(MADE, task_id=occurrence_task_id(SCHEDULE_ID, NOW + TEN, False)))
    assert broken(occurrences_are_exact(rules, spent, slots)) == []
    (missing,) = broken(occurrences_are_exact(rules, spent, slots[1:]))
    assert missing == f"I8: schedule {SCHEDULE_ID} has no record of {NOW}"
    going_on = changed(spent, runs=1)
    assert len(broken(occurrences_are_exact([rules[0], (going_on, rules[1][1])], going_on, slots))) == 5


def test_i9_is_checked() -> None:
    """Back, or back to life, is only by an edit of the rule; versions count up."""
    first = make_schedule()
    later = changed(first, next_at=NOW + TEN, version=2)
    back = changed(first, version=3)
    assert broken(next_never_goes_back([first, later])) == []
    (found,) = next_never_goes_back([first, later, back])
    assert found == f"I9: schedule {SCHEDULE_ID} went back from {NOW + TEN} to {NOW} in version 3"
    edited = changed(back, recurrence=Interval(every=HOUR, anchor=NOW))
    assert broken(next_never_goes_back([first, later, edited])) == []
    ended = changed(first, next_at=None, version=2)
    assert broken(next_never_goes_back([first, ended])) == []
    (revived,) = next_never_goes_back([ended, back])
    assert "went back from None" in revived
    (version,) = next_never_goes_back([first, changed(later, version=1)])
    assert version == f"I9: version 1 of schedule {SCHEDULE_ID} follows version 1"


# --- of a queue ----------------------------------------------------------------------------------------------------


def test_i10_is_checked() -> None:
    """At every instant; a place that is given up at an instant is free at it."""
    holds = [Hold(at(0), at(10)), Hold(at(5), at(15)), Hold(at(10), None)]
    assert broken(concurrency_holds(holds, 2)) == []
    (found,) = concurrency_holds([*holds, Hold(at(14), at(16))], 2)
    assert found == f"I10: 3 runs at {at(14)}, 2 are allowed"


def test_a_run_holds_its_place_until_its_end_or_that_of_its_lease() -> None:
    """An ended lease frees the place, whenever somebody notices; heartbeats prolong it."""
    extended = LeaseExtended(at=at(20), run=1, lease_until=at(50))
    assert holds_of([started(), succeeded()]) == [Hold(at(0), at(1))]
    assert holds_of([started(), retried(1, 99)]) == [Hold(at(0), at(30))]
    assert holds_of([started(), extended, retried(1, 99), started(2, 200)]) == [
        Hold(at(0), at(50)),
        Hold(at(200), at(230)),
    ]
    assert holds_of([TaskCancelled(at=NOW, run=0, reason=""), extended, TaskForwarded(at=NOW)]) == []
    assert holds_of([succeeded()]) == []


def test_i11_is_checked() -> None:
    """Every window, wherever it begins; starts exactly one window apart are in none together."""
    rate = Rate(count=2, per=MINUTE)
    assert broken(rate_holds([at(0), at(0), at(60), at(60), at(120)], rate)) == []
    (found,) = rate_holds([at(59), at(0), at(30)], rate)
    assert found == f"I11: 3 starts from {at(0)} to {at(59)}, 2 are allowed in 0:01:00"
    assert len(broken(rate_holds([at(0)] * 4, rate))) == 2


MICROS = st.integers(0, 20_000_000).map(lambda micros: timedelta(microseconds=micros))


@given(st.integers(1, 4), st.lists(st.tuples(MICROS, st.just(timedelta(0)) | MICROS, st.integers(0, 6)), max_size=30))
def test_i11_holds_for_what_admit_lets_start(count: int, asked: list[tuple[timedelta, timedelta, int]]) -> None:
    """The sliding log is exact: over any calls no window has more, in true time also when the clock is set back."""
    rate = Rate(count=count, per=10 * SECOND)
    queue, now, behind, starts = Queue(ref=QueueRef("default", "q"), limits=Limits(rate=rate)), NOW, timedelta(0), []
    due = [make_task(Pending(due=NOW), id=TaskId(str(number))) for number in range(6)]
    for elapsed, set_back, wanted in asked:
        now += elapsed
        behind += set_back
        found = admit(QueueView(queue=queue, running={}), due, now - behind, wanted)
        starts += [now] * len(found.admitted)
        queue = found.queue
        assert list(queue.starts) == sorted(queue.starts), "oldest first, as the queue says of itself"
        assert broken(rate_holds(starts, rate)) == []
        if len(found.admitted) < wanted:
            assert found.again is not None, "nothing but the rate holds it back"
            then = admit(QueueView(queue=queue, running={}), due, found.again, 1)
            before = admit(QueueView(queue=queue, running={}), due, found.again - TICK, 1)
            assert (len(then.admitted), len(before.admitted)) == (1, 0), "again is the very instant"


def test_starts_are_gathered_over_tasks() -> None:
    """Of all histories; what is not a start is left out."""
    histories_by_task = {"a": [started(), succeeded()], "b": [started(seconds=7)]}
    assert Counter(starts_of(histories_by_task)) == Counter([NOW, at(7)])


def test_every_checker_is_a_generator_of_sentences() -> None:
    """So that they can be asked lazily, and all of them in one go."""
    found: Breaches = attempts_are_bounded(WAITING, [started(2, 0, 1)])
    assert next(found).startswith("I2: ")
    assert [breach[:3] for breach in breaches_of(WAITING, [started(2, 0, 1)])] == ["I2:", "I7:", "I13"]


def test_a_plan_with_a_counted_row_is_exact() -> None:
    """What a plan writes of a long pause is read back occurrence by occurrence."""
    world = World(make_schedule())
    world.pause(NOW - TICK)
    written = plan(world.view, NOW + 20 * TEN)
    assert [slot.count for slot in written.slots] == [21]
    assert broken(occurrences_are_exact(world.rules, written.schedule, written.slots)) == []


def test_a_rule_that_has_ended_before_it_met_anything_owes_no_record() -> None:
    """A schedule that will never fire again and has no record of anything is expected to have none."""
    assert checked([], next_at=None) == []
