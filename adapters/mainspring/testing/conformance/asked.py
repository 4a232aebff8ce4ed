"""What is asked of the storages: few values of each kind, so that they meet often."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st

from mainspring.core.commands import (
    Cancel,
    Command,
    ConfirmCancel,
    DropReport,
    Edit,
    Fail,
    Heartbeat,
    Note,
    Release,
    Requeue,
    RunNow,
    Snooze,
    Succeed,
)
from mainspring.core.creation import Creation, IdempotencyKey, Inherited
from mainspring.core.ids import ScheduleId, TaskId, uuid7
from mainspring.core.ports import TaskQuery
from mainspring.core.queue import QueueEdit, QueueRef, Rate, queue_ref
from mainspring.core.recurrence import Cron, Interval
from mainspring.core.retry import Failure, Fixed, Never, RetryPolicy
from mainspring.core.schedule import AtMost, CatchUp, Overlap, Schedule, ScheduleEdit, TaskTemplate, new_schedule
from mainspring.core.states import STATES, Cancelling, Pending, Running
from mainspring.core.task import FollowUp, FunctionCall, Task
from mainspring.testing.conformance.sides import PROJECTS

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
LEASE = timedelta(seconds=30)
NAMES = (None, None, None, "n1", "n2")
KEYS = (None, "k1", "k2", "k3")
QUEUES = ("a", "b", "c")
REFS = tuple(queue_ref(project, queue) for project in PROJECTS for queue in QUEUES)
RETRIES: Final[tuple[RetryPolicy, ...]] = (
    Never(),
    Fixed(delay=5 * SECOND, attempts=2),
    Fixed(delay=MINUTE, attempts=3, jitter=0.5),
)
AFTER = FollowUp(call=FunctionCall(function="after"), queue="b", delay=3 * SECOND, retry=Never())
OTHERWISE = FollowUp(call=FunctionCall(function="otherwise"), queue="a")

seconds = (st.integers(-60, 0) | st.integers(-60, 0) | st.integers(1, 90)).map(lambda number: number * SECOND)
inherited: st.SearchStrategy[Inherited] = st.sampled_from(["retry", "timeout"])
retries: st.SearchStrategy[RetryPolicy] = st.sampled_from(RETRIES)
refs: st.SearchStrategy[QueueRef] = st.sampled_from(REFS)
numbers = st.integers(0, 1_000)
"""Which one of those that there are."""
steps_of_time = st.sampled_from([0.000001, 0.25, 1, 1, 5, 5, 29.999999, 30, 61, 600, 3_600, 90_000]).map(
    lambda number: timedelta(seconds=number)
)


def id_at(at: datetime, number: int) -> TaskId:
    """The id number ``number``."""
    return TaskId(uuid7(at, number.to_bytes(8, "big")))


@st.composite
def creations(draw: st.DrawFn, at: datetime, number: int) -> Creation:
    """A creation at instant ``at``; its id is the one numbered so."""
    due = at + draw(seconds)
    task = Task(
        id=id_at(at, number),
        call=FunctionCall(function=draw(st.sampled_from(["work", "play"]))),
        state=Pending(due=due),
        created_at=at,
        scheduled_for=due,
        project=draw(st.sampled_from(PROJECTS)),
        queue=draw(st.sampled_from(QUEUES)),
        name=draw(st.sampled_from(NAMES)),
        key=draw(st.sampled_from(KEYS)),
        priority=draw(st.sampled_from([0, 0, 5])),
        retry=draw(retries),
        start_by=draw(st.sampled_from([None, None, due + 20 * SECOND])),
        on_success=draw(st.sampled_from([None, AFTER])),
        on_failure=draw(st.sampled_from([None, OTHERWISE])),
    )
    known = IdempotencyKey(key=draw(st.sampled_from(["i1", "i2"])), fingerprint=draw(st.sampled_from(["x", "x", "y"])))
    return Creation(
        task=task,
        on_clash=draw(st.sampled_from(["reject", "keep", "replace", "debounce"])),
        idempotency=draw(st.sampled_from([None, None, known])),
        inherits=frozenset(draw(st.sets(inherited))),
    )


FAILURE = Failure(kind="status", message="HTTP 503", status=503)
RUNNING_COMMANDS: dict[str, Callable[[datetime, int], Command]] = {
    "heartbeat": lambda at, run: Heartbeat(at=at, run=run, lease=LEASE),
    "succeed": lambda at, run: Succeed(at=at, run=run, result="204"),
    "fail": lambda at, run: Fail(at=at, run=run, failure=FAILURE, entropy=0.25),
    "snooze": lambda at, run: Snooze(at=at, run=run, wait=10 * SECOND, entropy=0.25),
    "release": lambda at, run: Release(at=at, run=run),
    "confirm": lambda at, run: ConfirmCancel(at=at, run=run),
    "note": lambda at, run: Note(at=at, run=run, text="half", progress=0.5),
    "drop": lambda at, run: DropReport(at=at, run=run, worker="w", report="succeeded"),
}
"""What a worker says of its run."""

reports = st.sampled_from([*RUNNING_COMMANDS, "succeed", "fail", "fail"])


def report(word: str, task: Task, at: datetime) -> Command:
    """What a worker says of the run that ``task`` shows (the last one, if it shows none)."""
    state = task.state
    run = state.run if isinstance(state, Running | Cancelling) else max(1, state.tally.runs)
    return RUNNING_COMMANDS[word](at, run)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, Callable[[datetime], Command]]:
    """What people ask of a task, at an instant that is not known yet; and of what tasks that makes sense."""
    match draw(st.sampled_from(["cancel", "edit", "edit", "run now", "requeue", "requeue"])):
        case "cancel":
            return "live", lambda at: Cancel(at=at)
        case "run now":
            return "pending", lambda at: RunNow(at=at)
        case "requeue":
            reset = draw(st.booleans())
            return "ended", lambda at: Requeue(at=at, reset=reset)
        case _:
            values: dict[str, st.SearchStrategy[Any]] = {
                "queue": st.sampled_from(QUEUES),
                "name": st.sampled_from(NAMES),
                "priority": st.sampled_from([0, 5, 9]),
                "retry": st.sampled_from(RETRIES),
            }
            fields = draw(st.fixed_dictionaries({}, optional=values))
            shift = draw(st.none() | seconds)
            return "pending", lambda at: _edited(fields, at, shift)


def _edited(fields: dict[str, Any], at: datetime, shift: timedelta | None) -> Edit:
    moved: dict[str, Any] = {} if shift is None else {"due": at + shift}
    return Edit(at=at, **fields, **moved)


queue_edits = st.builds(
    QueueEdit,
    concurrency=st.sampled_from([None, 1, 2, 3]),
    rate=st.sampled_from([None, None, Rate(count=2, per=5 * SECOND), Rate(count=3, per=MINUTE)]),
    key_concurrency=st.sampled_from([None, None, 1, 2]),
    key_rate=st.sampled_from([None, None, Rate(count=1, per=5 * SECOND)]),
    weight=st.sampled_from([1, 3]),
    retry=st.sampled_from([None, Never()]),
    timeout=st.sampled_from([None, MINUTE]),
)

task_queries = st.builds(
    TaskQuery,
    project=st.sampled_from(PROJECTS),
    statuses=st.sets(st.sampled_from([state.status for state in STATES]), max_size=3).map(frozenset),
    queue=st.sampled_from([None, *QUEUES]),
    name=st.sampled_from([None, None, "n1"]),
    key=st.sampled_from([None, None, "k1"]),
    limit=st.sampled_from([1, 3, 100]),
)


# --- schedules -----------------------------------------------------------------------------------------------------

overlaps: st.SearchStrategy[Overlap] = st.sampled_from(
    ["skip", "buffer_one", "buffer_all", "cancel_other", "allow_all", "serial"]
)
catch_ups = st.builds(
    CatchUp,
    window=st.sampled_from([timedelta(0), 10 * MINUTE, timedelta(hours=30)]),
    mode=st.sampled_from(["none", "latest", "all", AtMost(2)]),
)


def recurrences(at: datetime) -> st.SearchStrategy[Interval | Cron]:
    """A rule that has something to say every few minutes."""
    intervals = st.sampled_from([2, 7, 60]).map(lambda minutes: Interval(every=minutes * MINUTE, anchor=at + SECOND))
    return intervals | st.sampled_from(["*/5 * * * *", "3 * * * *"]).map(lambda text: Cron.parse(text, timezone="UTC"))


templates = st.builds(
    TaskTemplate,
    call=st.just(FunctionCall(function="work")),
    queue=st.sampled_from(QUEUES),
    retry=st.sampled_from([Never(), Fixed(delay=5 * SECOND, attempts=2)]),
)


@st.composite
def schedules(draw: st.DrawFn, at: datetime, number: int) -> Schedule:
    """A schedule at instant ``at``; its id is the one numbered so."""
    return new_schedule(
        schedule_id=ScheduleId(id_at(at, number)),
        recurrence=draw(recurrences(at)),
        template=draw(templates),
        at=at,
        project=draw(st.sampled_from(PROJECTS)),
        name=draw(st.sampled_from(NAMES)),
        overlap=draw(overlaps),
        catch_up=draw(catch_ups),
        starts_at=draw(st.sampled_from([None, None, at + 9 * MINUTE])),
        ends_at=draw(st.sampled_from([None, None, at + timedelta(hours=2)])),
        max_runs=draw(st.sampled_from([None, None, 3])),
        jitter=draw(st.sampled_from([timedelta(0), 20 * SECOND])),
    )


@st.composite
def schedule_edits(draw: st.DrawFn, before: Schedule, at: datetime) -> ScheduleEdit:
    """An edit. The rule of one that ends after so many runs stays: what is expected of it then is hard to say."""
    values: dict[str, st.SearchStrategy[Any]] = {
        "overlap": overlaps,
        "name": st.sampled_from(NAMES),
        "catch_up_mode": catch_ups.map(lambda catch_up: catch_up.mode),
        "catch_up_window": catch_ups.map(lambda catch_up: catch_up.window),
        "call": templates.map(lambda template: template.call),
        "queue": templates.map(lambda template: template.queue),
        "retry": templates.map(lambda template: template.retry),
    }
    if before.max_runs is None:
        values["recurrence"] = recurrences(at)
        values["ends_at"] = st.sampled_from([None, at + timedelta(hours=3)])
    return ScheduleEdit(**draw(st.fixed_dictionaries({}, optional=values)))
