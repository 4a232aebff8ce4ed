"""Every (state, event) pair against the published table, every (state, command) pair against the design's sentences."""

from __future__ import annotations

from typing import TypeAlias, get_args

import pytest
from attrs import evolve as changed

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
from mainspring.core.errors import CorruptHistory, IllegalTransition, StaleRun
from mainspring.core.events import (
    EVENTS,
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
from mainspring.core.machine import TRANSITIONS, evolve, handle
from mainspring.core.states import (
    STATES,
    Cancelled,
    Cancelling,
    Expired,
    Failed,
    Pending,
    Running,
    State,
    Succeeded,
)
from support.builders import LEASE, NOW, RUN, make_task, one_of_each_command, one_of_each_event, one_of_each_state

COMMANDS: tuple[type[Command], ...] = get_args(Command)

# The edges of the design, one a line: "start, heartbeat, succeed, fail to retry, fail to dead, lose lease to retry
# or dead, cancel (pending: at once; running: ask, then confirm), snooze, release, expire, edit and run now (pending
# only), requeue (from a terminal state)".
EDGES: set[tuple[type[State], type[Event], type[State]]] = {
    (Pending, RunStarted, Running),
    (Pending, TaskCancelled, Cancelled),
    (Pending, TaskExpired, Expired),
    (Pending, TaskEdited, Pending),
    (Pending, TaskForwarded, Pending),
    (Running, LeaseExtended, Running),
    (Running, RunSucceeded, Succeeded),
    (Running, RetryScheduled, Pending),
    (Running, TaskFailed, Failed),
    (Running, RunSnoozed, Pending),
    (Running, RunReleased, Pending),
    (Running, CancelAsked, Cancelling),
    (Cancelling, LeaseExtended, Cancelling),
    (Cancelling, RunSucceeded, Succeeded),
    (Cancelling, TaskCancelled, Cancelled),
    (Succeeded, TaskRequeued, Pending),
    (Failed, TaskRequeued, Pending),
    (Cancelled, TaskRequeued, Pending),
    (Expired, TaskRequeued, Pending),
    # What a run says of itself, and what came too late, is recorded and changes nothing.
    (Running, RunNoted, Running),
    (Cancelling, RunNoted, Cancelling),
    *((state, ReportDropped, state) for state in STATES),
}

PAIRS = [(state, event) for state in STATES for event in EVENTS]


def _names(value: object) -> str | None:
    return value.__name__ if isinstance(value, type) else None


def test_the_published_table_has_the_edges_of_the_design_and_no_others() -> None:
    """The table is the single truth, and it says what the design says."""
    published = {(state, event, after) for state, row in TRANSITIONS.items() for event, after in row.items()}
    assert published == EDGES


def test_every_state_has_a_row() -> None:
    """A state without a row would be a dead end that nobody meant."""
    assert tuple(TRANSITIONS) == STATES


@pytest.mark.parametrize(("state", "event"), PAIRS, ids=_names)
def test_event_in_state(state: type[State], event: type[Event]) -> None:
    """An event leads where the table says, and nowhere else: any other pair is a corrupt history."""
    before, happened = one_of_each_state()[state], one_of_each_event()[event]
    expected = TRANSITIONS[state].get(event)
    if expected is None:
        with pytest.raises(CorruptHistory, match=f"{event.__name__} .* {state.status}"):
            evolve(before, happened)
    else:
        assert type(evolve(before, happened)) is expected


Outcome: TypeAlias = tuple[type[Event], type[State]] | type[Exception] | None
ILLEGAL, STALE, NOTHING = IllegalTransition, StaleRun, None

ENDED: dict[type[Command], Outcome] = {
    # "Terminal is final otherwise": what is asked of an ended task is refused, reports of old runs are stale.
    Start: ILLEGAL,
    Heartbeat: STALE,
    Succeed: STALE,
    Fail: STALE,
    Snooze: STALE,
    Release: STALE,
    ConfirmCancel: STALE,
    LoseLease: ILLEGAL,
    Cancel: ILLEGAL,
    Expire: ILLEGAL,
    Edit: ILLEGAL,
    RunNow: ILLEGAL,
    Requeue: (TaskRequeued, Pending),
    Note: STALE,
}

OUTCOMES: dict[type[State], dict[type[Command], Outcome]] = {
    Pending: {
        Start: (RunStarted, Running),
        Heartbeat: STALE,
        Succeed: STALE,
        Fail: STALE,
        Snooze: STALE,
        Release: STALE,
        ConfirmCancel: STALE,
        LoseLease: ILLEGAL,
        Cancel: (TaskCancelled, Cancelled),
        Expire: (TaskExpired, Expired),
        Edit: (TaskEdited, Pending),
        RunNow: (TaskForwarded, Pending),
        Requeue: ILLEGAL,
        Note: STALE,
        DropReport: (ReportDropped, Pending),
    },
    Running: {
        Start: ILLEGAL,
        Heartbeat: (LeaseExtended, Running),
        Succeed: (RunSucceeded, Succeeded),
        Fail: (RetryScheduled, Pending),
        Snooze: (RunSnoozed, Pending),
        Release: (RunReleased, Pending),
        ConfirmCancel: ILLEGAL,
        LoseLease: (RetryScheduled, Pending),
        Cancel: (CancelAsked, Cancelling),
        Expire: ILLEGAL,
        Edit: ILLEGAL,
        RunNow: ILLEGAL,
        Requeue: ILLEGAL,
        Note: (RunNoted, Running),
        DropReport: (ReportDropped, Running),
    },
    Cancelling: {
        Start: ILLEGAL,
        Heartbeat: (LeaseExtended, Cancelling),
        Succeed: (RunSucceeded, Succeeded),
        Fail: (TaskCancelled, Cancelled),
        Snooze: (TaskCancelled, Cancelled),
        Release: (TaskCancelled, Cancelled),
        ConfirmCancel: (TaskCancelled, Cancelled),
        LoseLease: (TaskCancelled, Cancelled),
        Cancel: NOTHING,
        Expire: ILLEGAL,
        Edit: ILLEGAL,
        RunNow: ILLEGAL,
        Requeue: ILLEGAL,
        Note: (RunNoted, Cancelling),
        DropReport: (ReportDropped, Cancelling),
    },
    Succeeded: ENDED | {DropReport: (ReportDropped, Succeeded)},
    Failed: ENDED | {DropReport: (ReportDropped, Failed)},
    Cancelled: ENDED | {Cancel: NOTHING, DropReport: (ReportDropped, Cancelled)},
    Expired: ENDED | {DropReport: (ReportDropped, Expired)},
}


def test_the_table_of_outcomes_is_whole() -> None:
    """No command and no state is left out of the expectations below."""
    assert set(OUTCOMES) == set(STATES)
    assert all(set(row) == set(COMMANDS) for row in OUTCOMES.values())


@pytest.mark.parametrize(("state", "command"), [(s, c) for s in STATES for c in COMMANDS], ids=_names)
def test_command_in_state(state: type[State], command: type[Command]) -> None:
    """A command does in each state what the design says: an event, nothing, or the right refusal."""
    task = make_task(one_of_each_state()[state])
    if command is Expire and state is Pending:
        task = make_task(Pending(due=NOW), start_by=NOW)
    asked = one_of_each_command()[command]
    if isinstance(asked, LoseLease):
        asked = changed(asked, at=NOW + LEASE)
    expected = OUTCOMES[state][command]
    if isinstance(expected, type):
        with pytest.raises(expected):
            handle(task, asked)
        return
    decision = handle(task, asked)
    if expected is None:
        assert decision.events == ()
        assert decision.task is task
    else:
        assert (tuple(map(type, decision.events)), type(decision.task.state)) == ((expected[0],), expected[1])


WORKER_COMMANDS = [
    command for command in COMMANDS if command in {Heartbeat, Succeed, Fail, Snooze, Release, ConfirmCancel, Note}
]


@pytest.mark.parametrize("other", [RUN - 1, RUN + 1])
@pytest.mark.parametrize("command", WORKER_COMMANDS, ids=_names)
@pytest.mark.parametrize("state", [Running, Cancelling], ids=_names)
def test_a_report_of_another_run_is_stale(state: type[State], command: type[Command], other: int) -> None:
    """Fencing: a worker that speaks of any run but the current one changes nothing and learns why."""
    task = make_task(one_of_each_state()[state])
    with pytest.raises(StaleRun, match=f"run {other} is no longer current \\(run {RUN}\\)"):
        handle(task, changed(one_of_each_command()[command], run=other))


@pytest.mark.parametrize("command", WORKER_COMMANDS, ids=_names)
def test_a_report_to_a_task_that_is_not_held_names_its_state(command: type[Command]) -> None:
    """Fencing: the worker of a run that somebody ended learns what became of the task."""
    with pytest.raises(StaleRun, match="the task is succeeded"):
        handle(make_task(one_of_each_state()[Succeeded]), one_of_each_command()[command])
