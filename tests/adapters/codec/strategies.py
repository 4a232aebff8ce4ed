"""Any value that the core can hold, for hypothesis."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from mainspring.core import events, retry, states
from mainspring.core.access import ApiKey, Project
from mainspring.core.commands import UNSET, Edit
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.preview import Preview, PreviewRow
from mainspring.core.queue import Limits, Queue, QueuePause, QueueRef, Rate, Turn
from mainspring.core.recurrence import Cron, Interval, Recurrence, RRule
from mainspring.core.schedule import (
    AtMost,
    Buffered,
    CatchUp,
    Coalesced,
    Created,
    Paused,
    Schedule,
    ScheduleEdit,
    ScheduleEvent,
    Skipped,
    Slot,
    TaskTemplate,
    Waiting,
)
from mainspring.core.task import Direct, Fired, Followed, FollowUp, FunctionCall, HttpCall, RunByHand, Task
from mainspring.core.why import Reason

instants = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
spans = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=365))
positive = st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=365))
signed = st.timedeltas(min_value=timedelta(days=-400_000), max_value=timedelta(days=400_000))
texts = st.text(st.characters(), max_size=20)
words = st.text("abcXYZ019_-", min_size=1, max_size=12)
small = st.integers(0, 10_000)
ids = st.uuids().map(lambda uuid: TaskId(str(uuid)))
schedule_ids = st.uuids().map(lambda uuid: ScheduleId(str(uuid)))


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A value or None."""
    return st.none() | strategy


_common: dict[str, Any] = {
    "attempts": maybe(st.integers(1, 10_000)),
    "max_age": maybe(positive),
    "jitter": st.floats(0, 1),
    "retry_after_max": spans,
    "retry_on": st.lists(st.sampled_from(["503", "5xx", "Timeout"]), max_size=3).map(tuple),
    "give_up_on": st.lists(st.sampled_from(["404", "4xx", "a.B"]), max_size=3).map(tuple),
}
policies: st.SearchStrategy[retry.RetryPolicy] = st.one_of(
    st.builds(retry.Ladder, steps=st.lists(spans, min_size=1, max_size=9).map(tuple), **_common),
    st.builds(retry.Fixed, delay=spans, **_common),
    st.builds(retry.Linear, initial=spans, step=spans, max=positive, **_common),
    st.builds(retry.Exponential, initial=positive, factor=st.floats(1, 1000), max=positive, **_common),
    st.builds(retry.DoublingThenLinear, min=positive, max=positive, max_doublings=st.integers(0, 60), **_common),
    st.builds(retry.Polynomial, exponent=st.floats(0.1, 10), unit=positive, max=positive, **_common),
    st.builds(retry.Never, **_common),
)
failures = st.builds(
    retry.Failure,
    kind=words,
    message=texts,
    status=maybe(small),
    exception=maybe(texts),
    retry_after=maybe(signed),
    permanent=st.booleans(),
)
tallies = st.builds(states.Tally, runs=small, attempts=small, snoozes=small, first_started=maybe(instants))
_held: dict[str, Any] = {
    "run": small,
    "worker": texts,
    "started_at": instants,
    "lease_until": instants,
    "deadline": instants,
    "tally": tallies,
}
reasons = st.sampled_from(["exhausted", "non_retryable", "too_old"])
all_states: st.SearchStrategy[states.State] = st.one_of(
    st.builds(states.Pending, due=instants, tally=tallies, failure=maybe(failures)),
    st.builds(states.Running, **_held),
    st.builds(states.Cancelling, asked_at=instants, reason=texts, **_held),
    st.builds(states.Succeeded, at=instants, result=texts, tally=tallies),
    st.builds(states.Failed, at=instants, failure=failures, reason=reasons, tally=tallies),
    st.builds(states.Cancelled, at=instants, reason=texts, tally=tallies),
    st.builds(states.Expired, at=instants, tally=tallies),
)
calls = st.one_of(
    st.builds(
        HttpCall,
        url=st.sampled_from(["https://example.com/a?b=c", "http://[::1]:8080/"]),
        headers=st.lists(st.tuples(st.sampled_from(["X-A", "Accept"]), st.sampled_from(["", "a b", "\xfc"]))).map(
            tuple
        ),
        body=maybe(st.text(max_size=30)),
    ),
    st.builds(FunctionCall, function=st.sampled_from(["f", "a.b:c"]), arguments=st.text(max_size=30)),
)
origins = st.one_of(
    st.builds(Direct),
    st.builds(Fired, schedule_id=schedule_ids, occurrence=instants),
    st.builds(RunByHand, schedule_id=schedule_ids, occurrence=instants),
    st.builds(Followed, task_id=ids, status=words),
)
timeouts = st.timedeltas(min_value=timedelta(milliseconds=1), max_value=timedelta(hours=24))
priorities = st.integers(-32_768, 32_767)
follow_ups = st.builds(FollowUp, call=calls, queue=words, delay=spans, retry=policies, timeout=timeouts)
tasks = st.builds(
    Task,
    id=ids,
    call=calls,
    state=all_states,
    created_at=instants,
    scheduled_for=instants,
    version=st.integers(1, 2**40),
    project=words,
    queue=words,
    name=maybe(words),
    priority=priorities,
    key=maybe(words),
    retry=policies,
    timeout=timeouts,
    start_by=maybe(instants),
    origin=origins,
    on_success=maybe(follow_ups),
    on_failure=maybe(follow_ups),
    forwarded_at=maybe(instants),
)


def change(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A value, or left alone."""
    return st.just(UNSET) | strategy


edits = st.builds(
    Edit,
    at=instants,
    due=change(instants),
    call=change(calls),
    queue=change(words),
    name=change(maybe(words)),
    priority=change(priorities),
    retry=change(policies),
    timeout=change(timeouts),
)
_run: dict[str, Any] = {"at": instants, "run": small}
all_events: st.SearchStrategy[events.Event] = st.one_of(
    st.builds(events.RunStarted, attempt=small, worker=texts, lease_until=instants, deadline=instants, **_run),
    st.builds(events.LeaseExtended, lease_until=instants, **_run),
    st.builds(events.RunSucceeded, took=signed, result=texts, **_run),
    st.builds(events.RetryScheduled, took=signed, failure=failures, due=instants, **_run),
    st.builds(events.TaskFailed, took=signed, failure=failures, reason=reasons, **_run),
    st.builds(events.RunSnoozed, took=signed, due=instants, **_run),
    st.builds(events.RunReleased, took=signed, **_run),
    st.builds(events.CancelAsked, reason=texts, **_run),
    st.builds(events.TaskCancelled, reason=texts, **_run),
    st.builds(events.TaskExpired, at=instants, start_by=instants),
    st.builds(events.TaskEdited, at=instants, due=instants, edit=edits),
    st.builds(events.TaskForwarded, at=instants),
    st.builds(events.TaskRequeued, at=instants, was=words, reset=st.booleans()),
    st.builds(events.RunNoted, text=texts, progress=maybe(st.floats(0, 1)), **_run),
    st.builds(events.ReportDropped, worker=texts, report=texts, **_run),
)
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"])
recurrences: st.SearchStrategy[Recurrence] = st.one_of(
    st.builds(
        Cron,
        st.sampled_from(["*/5 * * * *", "@daily", "30 2 * * 1-5", "0 0 L * *"]),
        zones,
        days=st.sampled_from(["debian", "or", "and"]),
        gap=st.sampled_from([None, "after", "skip", "offset_before"]),
        fold=st.sampled_from([None, "first", "second", "both"]),
    ),
    st.just(Cron("*/10 * * * * *", seconds=True)),
    st.builds(
        RRule.parse,
        st.sampled_from(["FREQ=MONTHLY;BYDAY=3TU", "RRULE:FREQ=DAILY;COUNT=5\nEXDATE:20300102T030405Z"]),
        zones,
        instants.map(lambda at: at.replace(microsecond=0)),
        gap=st.sampled_from(["after", "skip", "offset_before"]),
        fold=st.sampled_from(["first", "second"]),
    ),
    st.builds(Interval, every=positive, anchor=instants),
)
templates = st.builds(TaskTemplate, call=calls, queue=words, priority=priorities, retry=policies, timeout=timeouts)
catch_ups = st.builds(
    CatchUp,
    window=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=366)),
    mode=st.sampled_from(["none", "latest", "all"]) | st.builds(AtMost, st.integers(1, 1000)),
)
overlaps = st.sampled_from(["skip", "buffer_one", "buffer_all", "cancel_other", "allow_all", "serial"])
jitters = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=1))
schedules = st.builds(
    Schedule,
    id=schedule_ids,
    recurrence=recurrences,
    template=templates,
    created_at=instants,
    next_at=maybe(instants),
    wake_at=maybe(instants),
    version=small,
    project=words,
    name=maybe(words),
    description=maybe(texts),
    overlap=overlaps,
    catch_up=catch_ups,
    paused=maybe(st.builds(Paused, at=instants, note=texts)),
    waiting=st.lists(st.builds(Waiting, occurrence=instants, manual=st.booleans()), max_size=3).map(tuple),
    last_fired=maybe(instants),
    last_failed=st.booleans(),
    fired=small,
    starts_at=maybe(instants),
    ends_at=maybe(instants),
    max_runs=maybe(st.integers(1, 100)),
    jitter=jitters,
    runs=small,
)
schedule_edits = st.builds(
    ScheduleEdit,
    recurrence=change(recurrences),
    call=change(calls),
    queue=change(words),
    priority=change(priorities),
    retry=change(policies),
    timeout=change(timeouts),
    name=change(maybe(words)),
    description=change(maybe(texts)),
    overlap=change(overlaps),
    catch_up_mode=change(catch_ups.map(lambda catch_up: catch_up.mode)),
    catch_up_window=change(catch_ups.map(lambda catch_up: catch_up.window)),
    starts_at=change(maybe(instants)),
    ends_at=change(maybe(instants)),
    max_runs=change(maybe(st.integers(1, 100))),
    jitter=change(jitters),
)
outcomes = st.one_of(
    st.builds(Created, task_id=ids),
    st.builds(
        Skipped, reason=st.sampled_from(["overlap", "paused", "outside_window", "missed", "buffer_full", "excluded"])
    ),
    st.builds(Coalesced, into=instants),
    st.builds(Buffered),
)
slots = st.builds(
    Slot,
    schedule_id=schedule_ids,
    occurrence=instants,
    until=instants,
    count=small,
    outcome=outcomes,
    at=instants,
    manual=st.booleans(),
)
schedule_events = st.builds(
    ScheduleEvent,
    at=instants,
    kind=st.sampled_from(["created", "edited", "paused", "resumed", "ran", "skipped", "backfilled"]),
    note=texts,
)
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
_keys = st.sampled_from(["kind", "state", "id", "call", "at_most", "text", "every"]) | st.text(max_size=5)
plain_data = st.recursive(
    _scalars | st.sampled_from(["ladder", "pending", "http", "cron", "interval"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
)
limits = st.builds(
    Limits,
    concurrency=maybe(st.integers(1, 1_000_000)),
    rate=maybe(
        st.builds(Rate, count=st.integers(1, 10_000), per=st.timedeltas(timedelta(seconds=1), timedelta(days=7)))
    ),
)
pauses = st.builds(QueuePause, at=instants, note=texts)
queues = st.builds(
    Queue,
    ref=st.builds(QueueRef, words, words),
    version=small,
    limits=limits,
    key_limits=limits,
    paused=maybe(pauses),
    draining=maybe(pauses),
    weight=st.integers(1, 1_000),
    retry=maybe(policies),
    timeout=maybe(st.timedeltas(timedelta(milliseconds=1), timedelta(hours=24))),
    starts=st.lists(instants, max_size=3).map(tuple),
    turns=st.lists(
        st.builds(Turn, key=words, starts=st.lists(instants, max_size=2).map(tuple), last=instants), max_size=2
    ).map(tuple),
)
previews = st.builds(
    Preview,
    schedule=schedules,
    at=instants,
    until=instants,
    rows=st.lists(
        st.builds(
            PreviewRow,
            occurrence=instants,
            until=instants,
            count=small,
            outcome=outcomes,
            manual=st.booleans(),
            due=maybe(instants),
            starts=maybe(instants),
            ends=maybe(instants),
            cancelled=st.booleans(),
        ),
        max_size=2,
    ).map(tuple),
    cut=small,
)
links = st.builds(
    Reason,
    stage=st.sampled_from(["rule", "occurrence", "policy", "gate", "outcome"]),
    at=maybe(instants),
    text=texts,
    fact=words,
)
projects = st.builds(
    Project,
    name=words,
    created_at=instants,
    version=st.integers(1, 10_000),
    webhook_secrets=st.lists(words, max_size=2).map(tuple),
    mergent_secret=maybe(words),
    strict=st.booleans(),
    retry=maybe(policies),
)
api_keys = st.builds(
    ApiKey,
    id=words,
    project=words,
    digest=words,
    scope=st.sampled_from(["read", "write", "admin"]),
    created_at=instants,
    version=st.integers(1, 10_000),
    label=words,
    expires_at=maybe(instants),
    revoked_at=maybe(instants),
    last_used_at=maybe(instants),
)
