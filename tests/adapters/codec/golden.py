"""One value of every kind with the text that stores hold for it, a line each in ``golden.jsonl``.

``python -m adapters.codec.golden`` (with ``tests`` on the path) writes the file anew: a changed line is a changed form,
and needs a migration of what is stored.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mainspring.adapters import codec
from mainspring.core import events, retry, states
from mainspring.core.commands import Edit
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.recurrence import Cron, Interval, RRule
from mainspring.core.schedule import (
    AtMost,
    Buffered,
    CatchUp,
    Coalesced,
    Created,
    Paused,
    Schedule,
    ScheduleEvent,
    Skipped,
    Slot,
    TaskTemplate,
    Waiting,
)
from mainspring.core.task import Direct, Fired, Followed, FollowUp, FunctionCall, HttpCall, RunByHand, Task

_FILE = Path(__file__).parent / "golden.jsonl"
AT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = AT + timedelta(seconds=30, microseconds=7)
TOOK = timedelta(seconds=1, milliseconds=250)
TASK_ID = TaskId("0193b3a0-0000-7000-8000-000000000001")
SCHEDULE_ID = ScheduleId("0193b3a0-0000-7000-8000-000000000002")
HTTP = HttpCall(url="https://example.com/hook", headers=(("X-A", "b"),), body='{"ü": 1}')
FUNCTION = FunctionCall(function="send_welcome", arguments='{"user": 7}')
FAILURE = retry.Failure(
    kind="status", message="HTTP 503", status=503, exception="a.B", retry_after=TOOK, permanent=True
)
TALLY = states.Tally(runs=3, attempts=2, snoozes=1, first_started=AT)
LADDER = retry.Ladder(steps=(timedelta(0), timedelta(minutes=5)), attempts=3, max_age=timedelta(days=1), jitter=0.5)
FOLLOW_UP = FollowUp(call=FUNCTION, queue="after", delay=timedelta(minutes=1), retry=retry.Never())
EDIT = Edit(
    at=AT,
    due=LATER,
    call=HTTP,
    queue="q",
    name=None,
    priority=5,
    retry=LADDER,
    timeout=timedelta(hours=1),
    key="k",
    start_by=LATER,
    on_success=FOLLOW_UP,
    on_failure=None,
)
_HELD: dict[str, Any] = {
    "run": 3,
    "worker": "host:1:ab",
    "started_at": AT,
    "lease_until": LATER,
    "deadline": LATER,
    "tally": TALLY,
}
_RUN: dict[str, Any] = {"at": AT, "run": 3}
_ENDED: dict[str, Any] = {"at": AT, "tally": TALLY}

TASK = Task(
    id=TASK_ID,
    call=HTTP,
    state=states.Pending(due=LATER, tally=TALLY, failure=FAILURE),
    created_at=AT,
    scheduled_for=LATER,
    version=4,
    project="p",
    queue="q",
    name="n",
    priority=-3,
    key="tenant",
    retry=LADDER,
    timeout=timedelta(minutes=15),
    start_by=LATER,
    origin=Fired(schedule_id=SCHEDULE_ID, occurrence=AT),
    on_success=FOLLOW_UP,
    forwarded_at=AT,
)
CRON = Cron("30 2 * * 1-5", "Europe/Berlin", days="or", gap="skip", fold="both")
SCHEDULE = Schedule(
    id=SCHEDULE_ID,
    recurrence=CRON,
    template=TaskTemplate(call=FUNCTION, queue="q", priority=1, retry=LADDER),
    created_at=AT,
    next_at=LATER,
    wake_at=None,
    version=2,
    name="nightly",
    description="every night",
    overlap="buffer_all",
    catch_up=CatchUp(window=timedelta(hours=2), mode=AtMost(3)),
    paused=Paused(at=AT, note="holidays"),
    waiting=(Waiting(occurrence=AT, manual=True),),
    last_fired=AT,
    last_failed=True,
    fired=9,
    starts_at=AT,
    ends_at=LATER,
    max_runs=10,
    jitter=timedelta(seconds=5),
    runs=8,
)

_VALUES: list[tuple[Any, list[Any]]] = [
    (codec.TASK, [TASK]),
    (codec.CALL, [HTTP, FUNCTION]),
    (
        codec.ORIGIN,
        [
            Direct(),
            Fired(schedule_id=SCHEDULE_ID, occurrence=AT),
            RunByHand(schedule_id=SCHEDULE_ID, occurrence=AT),
            Followed(task_id=TASK_ID, status="failed"),
        ],
    ),
    (
        codec.RETRY,
        [
            LADDER,
            retry.Fixed(delay=TOOK, retry_on=("5xx",), give_up_on=("404", "ValueError")),
            retry.Linear(initial=TOOK, step=TOOK),
            retry.Exponential(factor=1.5),
            retry.DoublingThenLinear(),
            retry.Polynomial(),
            retry.Never(),
        ],
    ),
    (
        codec.STATE,
        [
            states.Pending(due=LATER),
            states.Running(**_HELD),
            states.Cancelling(**_HELD, asked_at=AT, reason="enough"),
            states.Succeeded(**_ENDED, result="204"),
            states.Failed(**_ENDED, failure=FAILURE, reason="exhausted"),
            states.Cancelled(**_ENDED, reason="by request"),
            states.Expired(**_ENDED),
        ],
    ),
    (
        codec.EVENT,
        [
            events.RunStarted(**_RUN, attempt=2, worker="host:1:ab", lease_until=LATER, deadline=LATER),
            events.LeaseExtended(**_RUN, lease_until=LATER),
            events.RunSucceeded(**_RUN, took=TOOK, result="204"),
            events.RetryScheduled(**_RUN, took=-TOOK, failure=FAILURE, due=LATER),
            events.TaskFailed(**_RUN, took=TOOK, failure=FAILURE, reason="too_old"),
            events.RunSnoozed(**_RUN, took=TOOK, due=LATER),
            events.RunReleased(**_RUN, took=TOOK),
            events.CancelAsked(**_RUN, reason="enough"),
            events.TaskCancelled(**_RUN, reason="enough"),
            events.TaskExpired(at=AT, start_by=AT),
            events.TaskEdited(at=AT, due=LATER, edit=EDIT),
            events.TaskForwarded(at=AT),
            events.TaskRequeued(at=AT, was="failed", reset=True),
            events.RunNoted(**_RUN, text="half done", progress=0.5),
            events.ReportDropped(**_RUN, worker="host:1:ab", report="succeeded"),
        ],
    ),
    (
        codec.RECURRENCE,
        [
            CRON,
            RRule.parse("FREQ=MONTHLY;BYDAY=3TU", "Europe/Berlin", AT, gap="skip"),
            Interval(every=timedelta(minutes=90), anchor=AT),
        ],
    ),
    (codec.SCHEDULE, [SCHEDULE]),
    (codec.EDIT, [EDIT, Edit(at=AT)]),
    (codec.TEMPLATE, [SCHEDULE.template]),
    (codec.SCHEDULE_EVENT, [ScheduleEvent(at=AT, kind="paused", note="holidays")]),
    (
        codec.SLOT,
        [
            Slot(schedule_id=SCHEDULE_ID, occurrence=AT, until=LATER, count=2, outcome=outcome, at=LATER, manual=True)
            for outcome in (Created(task_id=TASK_ID), Skipped(reason="overlap"), Coalesced(into=LATER), Buffered())
        ],
    ),
]
_ROWS = [(form, value) for form, values in _VALUES for value in values]


def _named(form: Any, value: Any) -> str:
    inner = value.outcome if isinstance(value, Slot) else value
    return f"{form.name}: {type(inner).__name__}"


def _read() -> list[str]:
    return _FILE.read_text(encoding="utf-8").splitlines() if _FILE.exists() else []


GOLDEN = [
    (_named(form, value), form, value, text)
    for (form, value), text in zip(_ROWS, _read() or [""] * len(_ROWS), strict=True)
]

if __name__ == "__main__":
    _FILE.write_text("".join(form.encode(value) + "\n" for form, value in _ROWS), encoding="utf-8")
