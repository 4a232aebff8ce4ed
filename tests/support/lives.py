"""Random lives of a task: commands at rising instants, and what the machine made of them."""

from __future__ import annotations

import string
from datetime import datetime, timedelta

from hypothesis import note
from hypothesis import strategies as st

from mainspring.core.commands import (
    Command,
    ConfirmCancel,
    DropReport,
    Fail,
    Heartbeat,
    LoseLease,
    Note,
    Release,
    Snooze,
    Start,
    Succeed,
)
from mainspring.core.errors import MainspringError
from mainspring.core.machine import Decision, handle
from mainspring.core.retry import Failure, Fixed
from mainspring.core.task import Task
from support.builders import HOUR, LEASE, NOW, SECOND, at, make_task, one_of_each_command

FAILURES = st.builds(
    Failure,
    kind=st.sampled_from(["status", "timeout"]),
    message=st.text(string.ascii_letters, max_size=5),
    permanent=st.booleans(),
    retry_after=st.none() | st.timedeltas(timedelta(0), HOUR),
)
ENTROPY = st.floats(0, 1, exclude_max=True)
STEPS = st.timedeltas(timedelta(0), timedelta(seconds=45))


@st.composite
def commands(draw: st.DrawFn, task: Task, when: datetime) -> Command:
    """Any command at ``when``; its run is mostly the current one."""
    current = getattr(task.state, "run", task.state.tally.runs)
    run = draw(st.sampled_from([current, current, current, current - 1, current + 1]))
    kind = draw(st.sampled_from(list(one_of_each_command())))
    fields: dict[str, object] = {}
    if kind in {Heartbeat, Succeed, Fail, Snooze, Release, ConfirmCancel, Note, DropReport}:
        fields["run"] = run
    if kind in {Start, Heartbeat}:
        fields["lease"] = LEASE
    if kind in {Fail, Snooze, LoseLease}:
        fields["entropy"] = draw(ENTROPY)
    match kind.__name__:
        case "Start":
            fields["worker"] = "w"
        case "Fail":
            fields["failure"] = draw(FAILURES)
        case "Snooze":
            fields["wait"] = draw(STEPS)
        case "Edit":
            fields["due"] = when + draw(STEPS)
        case "Requeue":
            fields["reset"] = draw(st.booleans())
        case "DropReport":
            fields |= {"worker": "elsewhere", "report": "succeeded"}
    return kind(at=when, **fields)


RETRIES = st.builds(
    Fixed,
    delay=STEPS,
    jitter=st.floats(0, 1),
    attempts=st.integers(1, 4),
    max_age=st.none() | st.timedeltas(SECOND, HOUR),
)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[Task, Command, Decision]]:
    """The accepted commands of a task's life, each with the task before and the decision."""
    task = make_task(retry=draw(RETRIES), start_by=draw(st.none() | st.just(at(120))))
    when, lived = NOW, []
    for _ in range(draw(st.integers(1, 40))):
        when += draw(STEPS)
        command = draw(commands(task, when))
        try:
            decision = handle(task, command)
        except MainspringError:
            continue
        lived.append((task, command, decision))
        task = decision.task
    note(f"{[command for _, command, _ in lived]}")
    return lived
