"""The rules of the task machine, one sentence a test."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import attrs
import pytest
from attrs import evolve as changed
from hypothesis import given

from mainspring.core.commands import (
    Cancel,
    Command,
    ConfirmCancel,
    DropReport,
    Edit,
    Expire,
    Fail,
    Heartbeat,
    LoseLease,
    Note,
    Release,
    Requeue,
    RunNow,
    Snooze,
    Start,
    Succeed,
)
from mainspring.core.effects import BeginRun, InterruptRun, NudgeSchedule, WakeAt
from mainspring.core.errors import IllegalTransition, InvalidInput, MainspringError, StaleRun
from mainspring.core.events import (
    CancelAsked,
    Event,
    LeaseExtended,
    ReportDropped,
    RetryScheduled,
    RunNoted,
    RunReleased,
    RunSnoozed,
    RunStarted,
    RunSucceeded,
    TaskCancelled,
    TaskEdited,
    TaskExpired,
    TaskFailed,
    TaskForwarded,
    TaskRequeued,
)
from mainspring.core.ids import TaskId
from mainspring.core.machine import (
    LEASE_LOST,
    MAX_SNOOZE,
    MAX_SNOOZES,
    TRANSITIONS,
    Decision,
    decide,
    evolve,
    handle,
)
from mainspring.core.retry import MERGENT, Failure, Fixed, Never
from mainspring.core.states import (
    LIVE,
    TERMINAL,
    Cancelled,
    Cancelling,
    Expired,
    Failed,
    Pending,
    Running,
    State,
    Succeeded,
    Tally,
)
from mainspring.core.task import Fired, Followed, FollowUp, RunByHand, Task, in_state, schedule_of
from support.builders import (
    FAILURE,
    FUNCTION,
    HOUR,
    HTTP,
    LEASE,
    MINUTE,
    NOW,
    RUN,
    SCHEDULE_ID,
    SECOND,
    TALLY,
    TASK_ID,
    TIMEOUT,
    at,
    cancelling,
    make_task,
    one_of_each_command,
    one_of_each_event,
    one_of_each_state,
    running,
)
from support.lives import ENTROPY, histories

WELL = FollowUp(call=HTTP, queue="mail", delay=MINUTE, retry=Never(), timeout=HOUR)
ILL = FollowUp(call=FUNCTION)

PERMANENT = Failure(kind="status", message="HTTP 410", status=410, permanent=True)


def event_of(decision: Decision) -> Event:
    """The one event of a decision."""
    (event,) = decision.events
    return event


# --- start ---------------------------------------------------------------------------------------------------------


def test_a_start_begins_the_next_run() -> None:
    """The run number, the attempt, the lease and the deadline are assigned when the run starts."""
    task = make_task(Pending(due=NOW, tally=TALLY), timeout=HOUR)
    decision = handle(task, Start(at=at(5), worker="w", lease=LEASE))
    assert decision.events == (
        RunStarted(at=at(5), run=4, attempt=3, worker="w", lease_until=at(35), deadline=at(3605)),
    )
    assert decision.task.state == Running(
        run=4,
        worker="w",
        started_at=at(5),
        lease_until=at(35),
        deadline=at(3605),
        tally=changed(TALLY, runs=4, attempts=3),
    )
    assert decision.effects == (BeginRun(task_id=TASK_ID, run=4, deadline=at(3605), lease_until=at(35)),)


def test_the_first_start_is_kept() -> None:
    """``first_started`` is when attempt 1 started: max age counts from there."""
    first = handle(make_task(), Start(at=at(5), worker="w", lease=LEASE)).task.state
    assert first.tally == Tally(runs=1, attempts=1, first_started=at(5))


def test_no_start_before_due() -> None:
    """I5: a task never starts early, not by a microsecond; at its due instant it may."""
    task = make_task()
    with pytest.raises(IllegalTransition, match=r"it is due at 2030-01-02T03:04:05Z"):
        handle(task, Start(at=NOW - timedelta(microseconds=1), worker="w", lease=LEASE))
    assert isinstance(handle(task, Start(at=NOW, worker="w", lease=LEASE)).task.state, Running)


def test_a_start_after_start_by_expires_the_task() -> None:
    """A task that was not started before its deadline does not run; at the deadline itself it still may."""
    task = make_task(start_by=at(10))
    assert isinstance(handle(task, Start(at=at(10), worker="w", lease=LEASE)).task.state, Running)
    late = handle(task, Start(at=at(10.000001), worker="w", lease=LEASE))
    assert late.events == (TaskExpired(at=at(10.000001), start_by=at(10)),)
    assert late.task.state == Expired(at=at(10.000001), tally=Tally())


# --- heartbeat -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [running(), cancelling()])
def test_a_heartbeat_extends_the_lease(state: State) -> None:
    """A worker that lives holds its run for another lease, also while it was asked to stop."""
    decision = handle(make_task(state), Heartbeat(at=at(10), run=RUN, lease=LEASE))
    assert decision.events == (LeaseExtended(at=at(10), run=RUN, lease_until=at(40)),)
    assert decision.task.state == changed(state, lease_until=at(40))
    assert decision.effects == ()


def test_a_late_heartbeat_is_refused() -> None:
    """An ended lease has freed the run's place, so a heartbeat counts only before its end."""
    just_in_time = Heartbeat(at=NOW + LEASE - timedelta(microseconds=1), run=RUN, lease=LEASE)
    assert handle(make_task(running()), just_in_time).events
    with pytest.raises(StaleRun, match=r"its lease ended at 2030-01-02T03:04:35Z"):
        handle(make_task(running()), Heartbeat(at=NOW + LEASE, run=RUN, lease=LEASE))


def test_a_heartbeat_never_shortens_a_lease() -> None:
    """A shorter lease asked for later takes nothing away that was promised."""
    decision = handle(make_task(running()), Heartbeat(at=at(1), run=RUN, lease=SECOND))
    assert decision.task.state == running()


def test_a_heartbeat_holds_no_run_beyond_its_deadline_and_one_lease() -> None:
    """A stuck run is taken over one lease after its deadline at the latest."""
    state = running(deadline=at(20), lease_until=at(45))
    decision = handle(make_task(state), Heartbeat(at=at(40), run=RUN, lease=LEASE))
    assert decision.task.state == changed(state, lease_until=at(50))


# --- the end of a run ----------------------------------------------------------------------------------------------


def test_a_success_ends_the_task() -> None:
    """Succeeded holds the instant and the excerpt; the event how long it took."""
    decision = handle(make_task(running()), Succeed(at=at(7), run=RUN, result="200 OK"))
    assert decision.events == (RunSucceeded(at=at(7), run=RUN, took=7 * SECOND, result="200 OK"),)
    assert decision.task.state == Succeeded(at=at(7), result="200 OK", tally=TALLY)


def test_a_success_counts_after_the_lease_if_nobody_took_over() -> None:
    """Work that is done is not done again only because its report is late."""
    late = handle(make_task(running()), Succeed(at=at(3600), run=RUN))
    assert isinstance(late.task.state, Succeeded)


def test_a_failure_is_tried_again_as_the_policy_says() -> None:
    """A failed attempt waits its delay as a pending task that remembers why."""
    task = make_task(running(), retry=Fixed(delay=MINUTE, jitter=0.5))
    decision = handle(task, Fail(at=at(7), run=RUN, failure=FAILURE, entropy=0.5))
    due = at(7 + 75)
    assert decision.events == (RetryScheduled(at=at(7), run=RUN, took=7 * SECOND, failure=FAILURE, due=due),)
    assert decision.task.state == Pending(due=due, tally=TALLY, failure=FAILURE)


@pytest.mark.parametrize(
    ("retry", "failure", "reason"),
    [
        (Fixed(delay=MINUTE, attempts=2), FAILURE, "exhausted"),
        (Fixed(delay=MINUTE), PERMANENT, "non_retryable"),
        (Fixed(delay=MINUTE, max_age=HOUR), FAILURE, "too_old"),
        (Never(), FAILURE, "exhausted"),
    ],
)
def test_a_failure_that_is_given_up_ends_the_task(retry: Fixed | Never, failure: Failure, reason: str) -> None:
    """Exhausted, non-retryable or too old: the task is dead, and says of what."""
    decision = handle(make_task(running(), retry=retry), Fail(at=at(7), run=RUN, failure=failure, entropy=0.0))
    assert decision.events == (TaskFailed(at=at(7), run=RUN, took=7 * SECOND, failure=failure, reason=reason),)
    assert decision.task.state == Failed(at=at(7), failure=failure, reason=reason, tally=TALLY)


def test_max_age_counts_from_the_first_start() -> None:
    """The age of a task is that of attempt 1, not of the run that failed."""
    tally = changed(TALLY, first_started=NOW - HOUR)
    task = make_task(running(tally=tally), retry=Fixed(delay=MINUTE, max_age=HOUR + 2 * MINUTE))
    assert isinstance(handle(task, Fail(at=at(60), run=RUN, failure=FAILURE, entropy=0)).task.state, Pending)
    assert isinstance(handle(task, Fail(at=at(61), run=RUN, failure=FAILURE, entropy=0)).task.state, Failed)


def test_max_age_counts_from_this_run_if_no_other_is_known() -> None:
    """A tally without a first start (an old record) is read as if this run were the first."""
    task = make_task(running(tally=Tally(runs=RUN, attempts=1)), retry=Fixed(delay=MINUTE, max_age=2 * MINUTE))
    assert isinstance(handle(task, Fail(at=at(60), run=RUN, failure=FAILURE, entropy=0)).task.state, Pending)
    assert isinstance(handle(task, Fail(at=at(61), run=RUN, failure=FAILURE, entropy=0)).task.state, Failed)


# --- a lost lease --------------------------------------------------------------------------------------------------


def test_a_lost_lease_consumes_the_attempt() -> None:
    """The attempt was counted when it started: a crash is a failure like any other."""
    task = make_task(running(), retry=Fixed(delay=MINUTE, jitter=1.0))
    decision = handle(task, LoseLease(at=NOW + LEASE, entropy=0.5))
    assert decision.events == (RetryScheduled(at=at(30), run=RUN, took=LEASE, failure=LEASE_LOST, due=at(30 + 90)),)
    assert decision.task.state == Pending(due=at(120), tally=TALLY, failure=LEASE_LOST)
    assert (LEASE_LOST.kind, LEASE_LOST.permanent) == ("lease_lost", False)


def test_a_lost_lease_can_be_the_last_attempt() -> None:
    """I2: a task that kills its workers ends, like one that fails."""
    decision = handle(make_task(running(), retry=Never()), LoseLease(at=NOW + LEASE, entropy=0))
    assert decision.task.state == Failed(at=at(30), failure=LEASE_LOST, reason="exhausted", tally=TALLY)


def test_no_lease_is_lost_before_its_end() -> None:
    """I3: a run is not taken away while it is leased."""
    early = LoseLease(at=NOW + LEASE - timedelta(microseconds=1), entropy=0)
    with pytest.raises(IllegalTransition, match="the lease holds until 2030-01-02T03:04:35Z"):
        handle(make_task(running()), early)


def test_only_a_held_task_can_lose_its_lease() -> None:
    """A pending or ended task has no lease."""
    with pytest.raises(IllegalTransition, match="only a running task holds one"):
        handle(make_task(), LoseLease(at=at(3600), entropy=0))


# --- snooze and release --------------------------------------------------------------------------------------------


def test_a_snooze_gives_the_attempt_back() -> None:
    """A snooze puts the task back without burning an attempt; the run number stays used."""
    decision = handle(make_task(running()), Snooze(at=at(7), run=RUN, wait=MINUTE, entropy=0))
    assert decision.events == (RunSnoozed(at=at(7), run=RUN, took=7 * SECOND, due=at(67)),)
    assert decision.task.state == Pending(due=at(67), tally=changed(TALLY, attempts=1, snoozes=1))


def test_snoozes_are_bounded_in_number() -> None:
    """The snooze after the last allowed one is a failure under the retry policy."""
    allowed = make_task(running(tally=changed(TALLY, snoozes=MAX_SNOOZES - 1)))
    again = handle(allowed, Snooze(at=at(7), run=RUN, wait=MINUTE, entropy=0)).task.state
    assert (type(again), again.tally.snoozes) == (Pending, MAX_SNOOZES)
    worn_out = make_task(running(tally=changed(TALLY, snoozes=MAX_SNOOZES)), retry=Fixed(delay=MINUTE, jitter=1.0))
    failed = event_of(handle(worn_out, Snooze(at=at(7), run=RUN, wait=SECOND, entropy=0.5)))
    assert failed == RetryScheduled(
        at=at(7),
        run=RUN,
        took=7 * SECOND,
        failure=Failure(kind="snoozed_too_often", message="it was snoozed 1000 times"),
        due=at(7 + 90),
    )


@pytest.mark.parametrize("wait", [timedelta(microseconds=-1), MAX_SNOOZE + timedelta(microseconds=1)])
def test_a_snooze_is_bounded_in_length(wait: timedelta) -> None:
    """A snooze of less than nothing or of more than a year is refused by its field."""
    with pytest.raises(InvalidInput) as refused:
        handle(make_task(running()), Snooze(at=at(7), run=RUN, wait=wait, entropy=0))
    assert str(refused.value) == f"snooze: {wait} is out of range; use 0s to 365d"


@pytest.mark.parametrize("wait", [timedelta(0), MAX_SNOOZE])
def test_the_bounds_of_a_snooze_are_allowed(wait: timedelta) -> None:
    """From no time at all up to a year."""
    assert handle(make_task(running()), Snooze(at=NOW, run=RUN, wait=wait, entropy=0)).task.state.due == NOW + wait


def test_a_release_gives_the_attempt_back() -> None:
    """A worker that shuts down burns nothing; the task is due at once."""
    decision = handle(make_task(running()), Release(at=at(7), run=RUN))
    assert decision.events == (RunReleased(at=at(7), run=RUN, took=7 * SECOND),)
    assert decision.task.state == Pending(due=at(7), tally=changed(TALLY, attempts=1))


@pytest.mark.parametrize("command", [Release(at=at(7), run=1), Snooze(at=at(7), run=1, wait=SECOND, entropy=0)])
def test_giving_the_first_attempt_back_forgets_when_it_started(command: Command) -> None:
    """A task whose only attempt was given back has not started: its age does not count yet."""
    first = Tally(runs=1, attempts=1, first_started=NOW)
    tally = handle(make_task(running(run=1, tally=first)), command).task.state.tally
    assert (tally.runs, tally.attempts, tally.first_started) == (1, 0, None)


# --- cancel --------------------------------------------------------------------------------------------------------


def test_a_pending_task_is_cancelled_at_once() -> None:
    """Nothing runs, so nothing has to be asked."""
    decision = handle(make_task(), Cancel(at=at(1), reason="not needed"))
    assert decision.events == (TaskCancelled(at=at(1), run=0, reason="not needed"),)
    assert decision.task.state == Cancelled(at=at(1), reason="not needed", tally=Tally())


def test_a_running_task_is_asked_to_stop() -> None:
    """The run goes on until its worker confirms; who holds it and until when stays as it was."""
    decision = handle(make_task(running()), Cancel(at=at(1), reason="not needed"))
    assert decision.events == (CancelAsked(at=at(1), run=RUN, reason="not needed"),)
    assert decision.task.state == cancelling(asked_at=at(1), reason="not needed")
    assert decision.effects == (InterruptRun(task_id=TASK_ID, run=RUN),)


def test_a_confirmed_cancel_ends_the_task_with_the_reason_it_was_asked_for() -> None:
    """The reason is the asker's, not the worker's."""
    decision = handle(make_task(cancelling(reason="not needed")), ConfirmCancel(at=at(9), run=RUN))
    assert decision.events == (TaskCancelled(at=at(9), run=RUN, reason="not needed"),)
    assert decision.task.state == Cancelled(at=at(9), reason="not needed", tally=TALLY)


def test_nobody_confirms_what_nobody_asked() -> None:
    """A worker cannot cancel a task by itself."""
    with pytest.raises(IllegalTransition, match="nobody asked to cancel it"):
        handle(make_task(running()), ConfirmCancel(at=at(9), run=RUN))


def test_a_run_that_succeeds_before_it_hears_of_the_cancel_has_succeeded() -> None:
    """What is done is done."""
    assert isinstance(handle(make_task(cancelling()), Succeed(at=at(9), run=RUN)).task.state, Succeeded)


@pytest.mark.parametrize(
    "command",
    [
        Fail(at=at(40), run=RUN, failure=FAILURE, entropy=0),
        Release(at=at(40), run=RUN),
        Snooze(at=at(40), run=RUN, wait=timedelta(days=9999), entropy=0),
        LoseLease(at=at(40), entropy=0),
    ],
)
def test_a_run_that_ends_without_success_after_a_cancel_is_cancelled(command: Command) -> None:
    """A cancelled task is not retried, snoozed or taken over."""
    decision = handle(make_task(cancelling(reason="enough")), command)
    assert decision.events == (TaskCancelled(at=at(40), run=RUN, reason="enough"),)


@pytest.mark.parametrize("state", [cancelling(), one_of_each_state()[Cancelled]])
def test_a_repeated_cancel_changes_nothing(state: State) -> None:
    """Asking again is safe, and the first reason stays."""
    task = make_task(state)
    assert handle(task, Cancel(at=at(9), reason="again")) == Decision(task=task, read_version=1, events=(), effects=())


# --- expire, edit, run now, requeue --------------------------------------------------------------------------------


def test_a_task_that_has_started_once_does_not_expire() -> None:
    """It was started in time: its retries, and what follows a snooze or a crash, go by its retry policy."""
    for state in (Pending(due=NOW, tally=TALLY, failure=FAILURE), Pending(due=NOW, tally=Tally(runs=1))):
        task = make_task(state, start_by=at(-9))
        assert [type(event) for event in handle(task, Start(at=NOW, worker="w", lease=LEASE)).events] == [RunStarted]
        with pytest.raises(IllegalTransition, match="its start_by has not passed"):
            handle(task, Expire(at=NOW))


def test_a_task_expires_only_after_its_start_by() -> None:
    """At ``start_by`` itself it may still start; without one it never expires."""
    decision = handle(make_task(start_by=at(9)), Expire(at=at(9.000001)))
    assert decision.events == (TaskExpired(at=at(9.000001), start_by=at(9)),)
    assert decision.task.state == Expired(at=at(9.000001), tally=Tally())
    for start_by in (at(9), None):
        with pytest.raises(IllegalTransition, match="its start_by has not passed"):
            handle(make_task(start_by=start_by), Expire(at=at(9)))


def test_an_edit_changes_what_it_names_and_nothing_else() -> None:
    """Fields left out stay as they are; a new due is also the new ``scheduled_for``."""
    task = make_task(Pending(due=NOW, tally=TALLY, failure=FAILURE), name="old", queue="slow", priority=1)
    edit = Edit(
        at=at(1),
        due=at(60),
        call=FUNCTION,
        queue="fast",
        name="new",
        priority=9,
        retry=Never(),
        timeout=HOUR,
    )
    decision = handle(task, edit)
    assert decision.events == (TaskEdited(at=at(1), due=at(60), edit=edit),)
    assert decision.task == changed(
        task,
        state=Pending(due=at(60), tally=TALLY, failure=FAILURE),
        call=FUNCTION,
        queue="fast",
        name="new",
        priority=9,
        retry=Never(),
        timeout=HOUR,
        scheduled_for=at(60),
        version=2,
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("call", FUNCTION),
        ("queue", "fast"),
        ("name", None),
        ("priority", 9),
        ("retry", Never()),
        ("timeout", HOUR),
        ("key", "k"),
        ("start_by", at(99)),
        ("on_success", WELL),
        ("on_failure", ILL),
    ],
)
def test_each_field_can_be_edited_alone(field: str, value: object) -> None:
    """One field changes one field; the task keeps its due, also that of a retry."""
    task = make_task(Pending(due=at(77)), name="old")
    edit = Edit(at=at(1), **{field: value})
    decision = handle(task, edit)
    assert decision.task == changed(task, version=2, **{field: value})
    assert decision.events == (TaskEdited(at=at(1), due=at(77), edit=edit),)


@pytest.mark.parametrize(
    "edit", [Edit(at=at(1)), Edit(at=at(1), due=NOW, call=HTTP, queue="default", name=None, priority=0, retry=MERGENT)]
)
def test_an_edit_to_what_already_holds_changes_nothing(edit: Edit) -> None:
    """Repeating an edit is safe: nothing is written, nothing stands in the history twice."""
    task = make_task()
    assert handle(task, edit) == Decision(task=task, read_version=1, events=(), effects=())


def test_an_edit_of_due_alone_is_an_edit() -> None:
    """A retry that is brought to the instant for which the task was first meant is moved there."""
    task = make_task(Pending(due=at(77)))
    assert handle(task, Edit(at=at(1), due=NOW)).task.state.due == NOW


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("queue", "no spaces"),
        ("key", ""),
        ("start_by", NOW - SECOND),
        ("due", at(31)),
        ("name", "no/slashes"),
        ("priority", 32_768),
        ("timeout", timedelta(0)),
    ],
)
def test_an_edit_is_checked_before_anything_is_recorded(field: str, value: object) -> None:
    """A bad value is refused by its field at the edit, not found later in the history."""
    with pytest.raises(InvalidInput) as refused:
        decide(make_task(start_by=at(30)), Edit(at=at(1), **{field: value}))
    assert refused.value.field == ("start_by" if field == "due" else field)


def test_a_task_that_has_started_once_may_be_put_off_beyond_its_start_by() -> None:
    """It was started in time, and is not held to it any more."""
    task = make_task(Pending(due=NOW, tally=TALLY), start_by=NOW)
    assert handle(task, Edit(at=NOW, due=at(60))).task.state.due == at(60)


def test_an_edit_takes_an_instant_of_any_offset_and_refuses_one_without() -> None:
    """What is recorded is in UTC; a naive instant is refused by its field."""
    there = timezone(HOUR)
    decision = handle(make_task(), Edit(at=at(1), due=at(60).astimezone(there), start_by=at(90).astimezone(there)))
    edit = Edit(at=at(1), due=at(60), start_by=at(90))
    assert decision.events == (TaskEdited(at=at(1), due=at(60), edit=edit),)
    assert (str(decision.task.scheduled_for), str(decision.task.start_by)) == (str(at(60)), str(at(90)))
    for field in ("due", "start_by"):
        with pytest.raises(InvalidInput) as refused:
            decide(make_task(), Edit(at=at(1), **{field: at(60).replace(tzinfo=None)}))
        assert refused.value.field == field
    assert decide(make_task(start_by=at(60)), Edit(at=at(1), start_by=None)) != ()


def test_run_now_brings_a_task_forward() -> None:
    """Its due becomes now; what it was first meant for stays."""
    decision = handle(make_task(Pending(due=at(60), tally=TALLY, failure=FAILURE)), RunNow(at=at(1)))
    assert decision.events == (TaskForwarded(at=at(1)),)
    assert decision.task.state == Pending(due=at(1), tally=TALLY, failure=FAILURE)
    assert (decision.task.forwarded_at, decision.task.scheduled_for) == (at(1), NOW)


def test_run_now_never_puts_a_task_back() -> None:
    """A task that is due already keeps its place in the line."""
    assert handle(make_task(Pending(due=NOW)), RunNow(at=at(60))).task.state == Pending(due=NOW)


@pytest.mark.parametrize("state", one_of_each_state().values(), ids=lambda state: state.status)
def test_a_second_run_now_within_ten_seconds_answers_as_the_first(state: State) -> None:
    """Clients re-send after a lost answer: whatever became of the task meanwhile, it changes nothing."""
    task = make_task(state, forwarded_at=NOW)
    for second in (-10, 0, 10):
        assert handle(task, RunNow(at=at(second))) == Decision(task=task, read_version=1, events=(), effects=())


def test_run_now_after_ten_seconds_is_a_new_request() -> None:
    """The repeat window ends: a pending task is brought forward again, another is refused."""
    again = handle(make_task(Pending(due=at(60)), forwarded_at=NOW), RunNow(at=at(10.000001)))
    assert again.task.forwarded_at == at(10.000001)
    with pytest.raises(IllegalTransition, match="requeue an ended one"):
        handle(make_task(running(), forwarded_at=NOW), RunNow(at=at(10.000001)))


def test_run_now_after_the_clock_went_far_back_is_a_new_request() -> None:
    """A wrong clock that was set right must not make a task deaf."""
    task = make_task(Pending(due=at(3_000)), forwarded_at=at(3_600))
    assert handle(task, RunNow(at=NOW)).task.state.due == NOW


def test_run_now_after_an_edit_of_due_is_a_new_request() -> None:
    """Who puts a task off and then wants it now gets it now."""
    task = handle(make_task(Pending(due=at(60))), RunNow(at=at(1))).task
    put_off = handle(task, Edit(at=at(2), due=at(90))).task
    assert handle(put_off, RunNow(at=at(3))).task.state.due == at(3)
    renamed = handle(task, Edit(at=at(2), name="other")).task
    assert handle(renamed, RunNow(at=at(3))).events == ()


@pytest.mark.parametrize("state", [one_of_each_state()[kind] for kind in TERMINAL], ids=lambda state: state.status)
@pytest.mark.parametrize("reset", [True, False])
def test_a_requeue_starts_over_or_goes_on(state: State, reset: bool) -> None:
    """It says what the task was; run numbers never start again, attempts do if asked."""
    task = make_task(state, start_by=NOW, forwarded_at=NOW)
    decision = handle(task, Requeue(at=at(5), reset=reset))
    assert decision.events == (TaskRequeued(at=at(5), was=state.status, reset=reset),)
    assert decision.task == changed(
        task,
        state=Pending(due=at(5), tally=Tally(runs=RUN) if reset else TALLY),
        version=2,
        start_by=None,
        forwarded_at=None,
    )


def test_a_requeue_without_reset_gets_one_more_attempt() -> None:
    """The attempts used up stay used up: the next failure ends the task again."""
    dead = make_task(one_of_each_state()[Failed], retry=Fixed(delay=SECOND, attempts=2))
    pending = handle(dead, Requeue(at=at(5), reset=False)).task
    again = handle(pending, Start(at=at(5), worker="w", lease=LEASE)).task
    assert isinstance(handle(again, Fail(at=at(6), run=4, failure=FAILURE, entropy=0)).task.state, Failed)


# --- refusals, versions, effects -----------------------------------------------------------------------------------


def test_a_refusal_names_task_state_command_and_cure() -> None:
    """Every message says what was wrong, where, and what would be right."""
    with pytest.raises(IllegalTransition) as refused:
        handle(make_task(running()), Edit(at=at(1), priority=1))
    assert str(refused.value) == f"task {TASK_ID} is running: cannot edit; only a pending task can be edited"


@pytest.mark.parametrize(
    ("state", "command", "verb", "cure"),
    [
        (running(), one_of_each_command()[Start], "start", "only a pending task can be started"),
        (make_task().state, Start(at=NOW - SECOND, worker="w", lease=LEASE), "start", "it is due at"),
        (running(), one_of_each_command()[ConfirmCancel], "confirm a cancel", "nobody asked"),
        (running(), one_of_each_command()[LoseLease], "lose its lease", "the lease holds until"),
        (make_task().state, one_of_each_command()[LoseLease], "lose its lease", "only a running task holds one"),
        (one_of_each_state()[Failed], one_of_each_command()[Cancel], "cancel", "it has ended already"),
        (running(), one_of_each_command()[Expire], "expire", "only a pending task can expire"),
        (make_task().state, one_of_each_command()[Expire], "expire", "its start_by has not passed"),
        (running(), one_of_each_command()[Edit], "edit", "only a pending task can be edited"),
        (running(), one_of_each_command()[RunNow], "run now", "only a pending task can be brought forward"),
        (running(), one_of_each_command()[Requeue], "requeue", "only an ended task can be requeued"),
    ],
)
def test_each_refusal_says_what_would_be_right(state: State, command: Command, verb: str, cure: str) -> None:
    """A refused caller learns which command was refused and what would do."""
    with pytest.raises(IllegalTransition) as refused:
        handle(make_task(state), command)
    assert (refused.value.subject, refused.value.state) == (f"task {TASK_ID}", state.status)
    assert refused.value.command == verb
    assert refused.value.cure.startswith(cure)


def test_a_stale_report_names_task_and_run() -> None:
    """The worker's log says which report of which run was dropped."""
    with pytest.raises(StaleRun) as refused:
        handle(make_task(running()), Succeed(at=at(1), run=2))
    assert (refused.value.subject, refused.value.run, refused.value.current) == (f"task {TASK_ID}", 2, "run 3")
    with pytest.raises(StaleRun) as late:
        handle(make_task(running()), Heartbeat(at=at(99), run=3, lease=LEASE))
    assert (late.value.subject, late.value.run) == (f"task {TASK_ID}", 3)


@pytest.mark.parametrize("kind", one_of_each_command(), ids=lambda kind: kind.__name__)
def test_every_decision_with_events_is_the_next_version(kind: type[Command]) -> None:
    """The version counts decisions: the one read is kept for compare-and-set, the one written is the next."""
    command = one_of_each_command()[kind]
    for state in one_of_each_state().values():
        task = make_task(state, version=7)
        try:
            decision = handle(task, command)
        except MainspringError:
            continue
        assert decision.read_version == 7
        assert decision.task.version == (8 if decision.events else 7)


@pytest.mark.parametrize(
    ("command", "due"),
    [
        (Fail(at=at(1), run=RUN, failure=FAILURE, entropy=0), at(61)),
        (Snooze(at=at(1), run=RUN, wait=HOUR, entropy=0), at(3601)),
        (Release(at=at(1), run=RUN), at(1)),
    ],
)
def test_a_task_that_waits_again_wakes_the_shell_when_it_is_due(command: Command, due: datetime) -> None:
    """Every event that leaves a task pending says when to look again."""
    decision = handle(make_task(running(), retry=Fixed(delay=MINUTE)), command)
    assert decision.effects == (WakeAt(at=due),)


def test_what_moves_a_pending_task_wakes_the_shell() -> None:
    """Edit, run now and requeue change when there is something to do."""
    pending = make_task(Pending(due=at(60)))
    assert handle(pending, Edit(at=at(1), due=at(30))).effects == (WakeAt(at=at(30)),)
    assert handle(pending, RunNow(at=at(1))).effects == (WakeAt(at=at(1)),)
    assert handle(make_task(one_of_each_state()[Failed]), Requeue(at=at(1))).effects == (WakeAt(at=at(1)),)


@pytest.mark.parametrize(
    "origin", [Fired(schedule_id=SCHEDULE_ID, occurrence=NOW), RunByHand(schedule_id=SCHEDULE_ID, occurrence=NOW)]
)
@pytest.mark.parametrize(
    ("state", "command", "failed"),
    [
        (running(), Succeed(at=at(40), run=RUN), False),
        (running(), Fail(at=at(40), run=RUN, failure=PERMANENT, entropy=0), True),
        (cancelling(), ConfirmCancel(at=at(40), run=RUN), False),
        (Pending(due=NOW), Cancel(at=at(40)), False),
        (Pending(due=NOW), Expire(at=at(40)), False),
    ],
)
def test_the_end_of_a_schedules_task_nudges_its_schedule(
    origin: Fired | RunByHand, state: State, command: Command, failed: bool
) -> None:
    """An occurrence may be waiting for it; the schedule learns whether the task failed."""
    decision = handle(make_task(state, origin=origin, start_by=at(39)), command)
    assert decision.effects == (NudgeSchedule(schedule_id=SCHEDULE_ID, at=at(40), failed=failed),)


def test_the_end_of_a_clients_task_has_no_effect() -> None:
    """A task that no schedule made nudges none."""
    assert handle(make_task(running()), Succeed(at=at(40), run=RUN)).effects == ()


@pytest.mark.parametrize("event", one_of_each_event().values(), ids=lambda event: type(event).__name__)
def test_the_tally_survives_every_event(event: Event) -> None:
    """What a task has used up is true in every state: no event loses or invents a run."""
    for kind, state in one_of_each_state().items():
        if type(event) in TRANSITIONS[kind]:
            started = isinstance(event, RunStarted)
            assert evolve(state, event).tally.runs == RUN + started


# --- notes, dropped reports, follow-ups ----------------------------------------------------------------------------


@pytest.mark.parametrize("state", [running(), cancelling()])
@pytest.mark.parametrize("progress", [None, 0, 0.5, 1])
def test_a_note_is_recorded_and_changes_nothing(state: State, progress: float | None) -> None:
    """A run may say how far it is: that is one record, one version, and no effect."""
    task = make_task(state)
    decision = handle(task, Note(at=at(1), run=RUN, text="half done", progress=progress))
    assert decision.events == (RunNoted(at=at(1), run=RUN, text="half done", progress=progress),)
    assert (decision.task, decision.effects) == (changed(task, version=2), ())


@pytest.mark.parametrize("progress", [-0.01, 1.01, float("nan")])
def test_progress_is_a_fraction(progress: float) -> None:
    """From 0 to 1, and a number."""
    with pytest.raises(InvalidInput) as refused:
        handle(make_task(running()), Note(at=at(1), run=RUN, progress=progress))
    assert str(refused.value) == f"progress: {progress} is out of range; use a fraction from 0 to 1"


def test_a_long_note_is_cut() -> None:
    """A chatty run does not fill the store: 2,000 characters of a note are kept."""
    (noted,) = handle(make_task(running()), Note(at=at(1), run=RUN, text="x" * 1999 + "yz")).events
    assert noted == RunNoted(at=at(1), run=RUN, text="x" * 1999 + "y", progress=None)


@pytest.mark.parametrize("state", one_of_each_state().values(), ids=lambda state: state.status)
def test_a_dropped_report_is_on_record(state: State) -> None:
    """I4: a stale report changes nothing and is recorded, in whatever state the task is meanwhile."""
    task = make_task(state, origin=Fired(schedule_id=SCHEDULE_ID, occurrence=NOW), on_success=FollowUp(call=HTTP))
    decision = handle(task, DropReport(at=at(1), run=2, worker="slow", report="succeeded"))
    assert decision.events == (ReportDropped(at=at(1), run=2, worker="slow", report="succeeded"),)
    assert (decision.task, decision.effects, decision.follow_ups) == (changed(task, version=2), (), ())


ENDS: list[tuple[State, Command, FollowUp | None, str]] = [
    (running(), Succeed(at=at(40), run=RUN), WELL, "succeeded"),
    (cancelling(), Succeed(at=at(40), run=RUN), WELL, "succeeded"),
    (running(), Fail(at=at(40), run=RUN, failure=PERMANENT, entropy=0), ILL, "failed"),
    (Pending(due=NOW), Expire(at=at(40)), ILL, "expired"),
    (Pending(due=NOW), Start(at=at(40), worker="w", lease=LEASE), ILL, "expired"),
    (running(), Fail(at=at(40), run=RUN, failure=FAILURE, entropy=0), None, "pending"),
    (Pending(due=NOW), Cancel(at=at(40)), None, "cancelled"),
    (cancelling(), ConfirmCancel(at=at(40), run=RUN), None, "cancelled"),
    (running(), Release(at=at(40), run=RUN), None, "pending"),
]


@pytest.mark.parametrize(("state", "command", "wanted", "status"), ENDS)
def test_the_end_of_a_task_may_ask_for_another(
    state: State, command: Command, wanted: FollowUp | None, status: str
) -> None:
    """``on_success`` follows a success, ``on_failure`` a failure for good or an expiry; nothing follows the rest."""
    task = make_task(state, project="shop", start_by=at(39), on_success=WELL, on_failure=ILL)
    decision = handle(task, command)
    assert decision.task.state.status == status
    if wanted is None:
        assert decision.follow_ups == ()
        return
    (follow_up,) = decision.follow_ups
    due = at(40) + wanted.delay
    assert follow_up == Task(
        id=follow_up.id,
        call=wanted.call,
        state=Pending(due=due),
        created_at=at(40),
        scheduled_for=due,
        project="shop",
        queue=wanted.queue,
        retry=wanted.retry,
        timeout=wanted.timeout,
        origin=Followed(task_id=TASK_ID, status=status),
    )


def test_nothing_follows_unless_it_was_asked_for() -> None:
    """Most tasks end alone."""
    for state, command, _, _ in ENDS:
        assert handle(make_task(state, start_by=at(39)), command).follow_ups == ()


def test_the_same_end_makes_the_same_follow_up() -> None:
    """Its id is computed from task, run and end: it is made once, and once more after a requeue."""
    task = make_task(running(), on_success=WELL, on_failure=WELL)
    succeed = Succeed(at=at(1), run=RUN)
    (first,) = handle(task, succeed).follow_ups
    assert handle(task, succeed).follow_ups == (first,)
    assert first.id == "01b8e094-9c70-7000-b00d-45e06ec765df"
    (later_run,) = handle(make_task(running(tally=changed(TALLY, runs=4)), on_success=WELL), succeed).follow_ups
    (other_end,) = handle(task, Fail(at=at(1), run=RUN, failure=PERMANENT, entropy=0)).follow_ups
    (other_task,) = handle(changed(task, id=TaskId(SCHEDULE_ID)), succeed).follow_ups
    assert len({first.id, later_run.id, other_end.id, other_task.id}) == 4
    assert schedule_of(first) is None


def test_the_reason_of_a_cancel_has_a_bound() -> None:
    """It stands in the record for as long as the task does."""
    assert Cancel(at=NOW, reason="x" * 2_000).reason == "x" * 2_000
    with pytest.raises(InvalidInput, match="reason: 2001 characters; use at most 2000"):
        Cancel(at=NOW, reason="x" * 2_001)


# --- properties over histories -------------------------------------------------------------------------------------


@given(histories())
def test_what_the_machine_makes_is_as_valid_as_what_a_caller_makes(
    history: list[tuple[Task, Command, Decision]],
) -> None:
    """A decision's task is copied without its validators: they would all agree, and no field is lost."""
    for before, _, decision in history:
        attrs.validate(decision.task)
        after = decision.task
        fresh = Task(**{one.name: getattr(after, one.name) for one in attrs.fields(Task)})
        assert (after, hash(after)) == (fresh, hash(fresh))
        moved = in_state(before, after.state, after.version)
        assert moved == changed(before, state=after.state, version=after.version)


@given(histories())
def test_run_numbers_have_no_gaps(lived: list[tuple[Task, Command, Decision]]) -> None:
    """I2: runs are numbered 1, 2, 3, … over retries, snoozes, releases and requeues."""
    runs = [event.run for _, _, decision in lived for event in decision.events if isinstance(event, RunStarted)]
    assert runs == list(range(1, len(runs) + 1))


@given(histories())
def test_attempts_are_bounded_by_the_policy(lived: list[tuple[Task, Command, Decision]]) -> None:
    """I2: between requeues no more attempts start than the policy allows, those given back left out."""
    used = extra = 0
    for task, _, decision in lived:
        for event in decision.events:
            match event:
                case RunStarted(attempt=attempt):
                    used += 1
                    assert attempt == used
                    assert used <= (task.retry.attempts or 0) + extra
                case RunSnoozed() | RunReleased():
                    used -= 1
                case TaskRequeued(reset=reset):
                    used, extra = (0, 0) if reset else (used, extra + 1)
                case _:
                    pass


@given(histories())
def test_nothing_starts_early(lived: list[tuple[Task, Command, Decision]]) -> None:
    """I5: no start before due, no retry before its delay."""
    due = NOW
    for task, _, decision in lived:
        for event in decision.events:
            match event:
                case RunStarted():
                    assert event.at >= due
                case RetryScheduled():
                    assert isinstance(task.retry, Fixed)
                    assert event.due >= event.at + task.retry.delay
                    due = event.due
                case RunSnoozed() | TaskEdited():
                    due = event.due
                case RunReleased() | TaskRequeued():
                    due = event.at
                case TaskForwarded():
                    due = min(due, event.at)
                case _:
                    pass


@given(histories())
def test_terminal_is_final(lived: list[tuple[Task, Command, Decision]]) -> None:
    """I6: nothing but an audited requeue leads out of a terminal state."""
    for task, command, decision in lived:
        if isinstance(task.state, TERMINAL) and isinstance(command, DropReport):
            assert decision.task.state == task.state
        elif isinstance(task.state, TERMINAL) and decision.events:
            assert isinstance(command, Requeue)
            assert decision.events == (TaskRequeued(at=command.at, was=task.state.status, reset=command.reset),)


@given(histories())
def test_only_published_edges_are_taken(lived: list[tuple[Task, Command, Decision]]) -> None:
    """I7: every (from, event, to) that happens is in the table."""
    for task, _, decision in lived:
        state = task.state
        for event in decision.events:
            after = evolve(state, event)
            assert TRANSITIONS[type(state)][type(event)] is type(after)
            state = after
        assert state == decision.task.state


@given(histories())
def test_folding_the_events_gives_the_state(lived: list[tuple[Task, Command, Decision]]) -> None:
    """The history is enough: ``evolve`` over all events gives the state that ``handle`` gave."""
    state: State = make_task().state
    for _, _, decision in lived:
        for event in decision.events:
            state = evolve(state, event)
        assert state == decision.task.state


@given(histories())
def test_no_run_overlaps_a_leased_one(lived: list[tuple[Task, Command, Decision]]) -> None:
    """I3: a run starts only after the one before it ended or lost its lease."""
    held_until: datetime | None = None
    for task, command, decision in lived:
        if isinstance(command, LoseLease):
            assert held_until is not None
            assert command.at >= held_until
        if isinstance(command, Start):
            assert held_until is None
        state = decision.task.state
        held_until = state.lease_until if isinstance(state, Running | Cancelling) else None
        assert (type(task.state) in LIVE) or held_until is None


@given(histories())
def test_the_tally_makes_sense(lived: list[tuple[Task, Command, Decision]]) -> None:
    """0 ≤ attempts ≤ runs, a current run is the last one, and a first start is known once there was an attempt."""
    for _, _, decision in lived:
        state = decision.task.state
        tally = state.tally
        assert 0 <= tally.attempts <= tally.runs
        assert (tally.first_started is None) == (tally.attempts == 0)
        if isinstance(state, Running | Cancelling):
            assert state.run == tally.runs
            assert tally.attempts >= 1


@given(histories())
def test_versions_count_the_decisions(lived: list[tuple[Task, Command, Decision]]) -> None:
    """Each decision that has events is one version; one without leaves the task untouched."""
    for task, _, decision in lived:
        assert decision.read_version == task.version
        assert decision.task.version == task.version + bool(decision.events)
        if not decision.events:
            assert decision.task is task
            assert decision.effects == ()


@given(histories())
def test_a_lease_never_outlives_the_deadline_by_more_than_one_lease(
    lived: list[tuple[Task, Command, Decision]],
) -> None:
    """A heartbeat cannot hold a run beyond its deadline and one lease, and never shortens it."""
    for task, _, decision in lived:
        before, after = task.state, decision.task.state
        if isinstance(after, Running | Cancelling):
            assert after.lease_until <= after.deadline + LEASE
            assert after.deadline == after.started_at + TIMEOUT
            if isinstance(before, Running | Cancelling):
                assert after.lease_until >= before.lease_until


@given(histories(), ENTROPY)
def test_the_same_command_gives_the_same_decision(lived: list[tuple[Task, Command, Decision]], entropy: float) -> None:
    """The core is pure: deciding again decides the same."""
    for task, command, decision in lived:
        assert handle(task, command) == decision
        assert decide(task, command) == decision.events
