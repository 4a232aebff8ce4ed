"""Values of the core in a person's words: what a task calls, when it is due, what happened to it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, assert_never

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
from mainspring.core.instants import format_duration, format_instant
from mainspring.core.preview import PreviewRow
from mainspring.core.retry import NAMED, Failure, RetryPolicy
from mainspring.core.schedule import AtMost, Buffered, CatchUp, Coalesced, Created, Skipped, SlotOutcome
from mainspring.core.states import Cancelled, Cancelling, Expired, Failed, Pending, Running, State, Succeeded
from mainspring.core.task import Call, FunctionCall, HttpCall

EXCERPT: Final = 200
_MILLISECOND: Final = timedelta(milliseconds=1)
_GAVE_UP: Final = {
    "exhausted": "no attempts left",
    "non_retryable": "another attempt cannot help",
    "too_old": "too old for another attempt",
}


def moment(value: datetime | None) -> str:
    """Write an instant, to the millisecond."""
    if value is None:
        return "-"
    return format_instant(value.replace(microsecond=value.microsecond // 1000 * 1000)).replace("000Z", "Z")


def span(value: timedelta) -> str:
    """Write a duration for people: whole seconds from a minute on, milliseconds from one on."""
    unit = timedelta(seconds=1) if abs(value) >= timedelta(minutes=1) else _MILLISECOND
    return format_duration(value if abs(value) < _MILLISECOND else value // unit * unit)


def call_words(call: Call) -> str:
    """Say what is called."""
    match call:
        case HttpCall(url=url):
            return f"POST {url}"
        case FunctionCall(function=function, arguments=arguments):
            return f"{function}({'' if arguments == '{}' else arguments})"
        case _:
            assert_never(call)


def retry_words(policy: RetryPolicy) -> str:
    """Name a retry policy, or write it out."""
    known = next((name for name, value in NAMED.items() if value == policy), None)
    return known or type(policy).__name__.lower()


def failure_words(failure: Failure) -> str:
    """Say why a run did not succeed."""
    return f"{failure.kind}: {failure.message}" if failure.message else failure.kind


def state_words(state: State) -> str:
    """Say what state a task is in, and since or until when."""
    match state:
        case Pending(due=due):
            return f"pending, due {moment(due)}"
        case Running(run=run, worker=worker, lease_until=until):
            return f"running, run {run} on {worker}, lease until {moment(until)}"
        case Cancelling(run=run, worker=worker, reason=reason):
            return f"cancelling, run {run} on {worker} was asked to stop ({reason})"
        case Succeeded(at=at):
            return f"succeeded at {moment(at)}"
        case Failed(at=at, reason=reason):
            return f"failed at {moment(at)}: {_GAVE_UP[reason]}"
        case Cancelled(at=at, reason=reason):
            return f"cancelled at {moment(at)} ({reason})"
        case Expired(at=at):
            return f"expired at {moment(at)}: not started in time"
        case _:
            assert_never(state)


def when(state: State) -> datetime:
    """The instant that matters most in a state: due, started, or ended."""
    match state:
        case Pending(due=due):
            return due
        case Running(started_at=at) | Cancelling(started_at=at):
            return at
        case Succeeded(at=at) | Failed(at=at) | Cancelled(at=at) | Expired(at=at):
            return at
        case _:
            assert_never(state)


def event_words(event: Event) -> str:  # noqa: C901  one case an event
    """Say what happened, in one line."""
    match event:
        case RunStarted(run=run, attempt=attempt, worker=worker):
            return f"run {run} started (attempt {attempt}) on {worker}"
        case LeaseExtended(run=run, lease_until=until):
            return f"run {run} goes on, lease until {moment(until)}"
        case RunSucceeded(run=run, took=took, result=result):
            return f"run {run} succeeded in {span(took)}" + (f": {_excerpt(result)}" if result else "")
        case RetryScheduled(run=run, took=took, failure=failure, due=due):
            return f"run {run} failed after {span(took)}: {_why(failure)}; next attempt at {moment(due)}"
        case TaskFailed(run=run, took=took, failure=failure, reason=reason):
            return f"run {run} failed after {span(took)}: {_why(failure)}; given up, {_GAVE_UP[reason]}"
        case RunSnoozed(run=run, due=due):
            return f"run {run} asked to be run again at {moment(due)}"
        case RunReleased(run=run, took=took):
            return f"run {run} was given back after {span(took)}: its worker shut down"
        case CancelAsked(run=run, reason=reason):
            return f"run {run} was asked to stop ({reason})"
        case TaskCancelled(run=run, reason=reason):
            return f"cancelled ({reason})" + (f", run {run} stopped" if run else "")
        case TaskExpired(start_by=start_by):
            return f"expired: it was to start by {moment(start_by)}"
        case TaskEdited(due=due):
            return f"edited, due {moment(due)}"
        case TaskForwarded():
            return "brought forward to now"
        case TaskRequeued(was=was, reset=reset):
            return f"queued again (it was {was}), attempts {'start over' if reset else 'are kept'}"
        case RunNoted(run=run, text=text, progress=progress):
            share = "" if progress is None else f" {progress:.0%}"
            return f"run {run} noted{share}" + (f": {_excerpt(text)}" if text else "")
        case ReportDropped(run=run, worker=worker, report=report):
            return f"a late report of run {run} on {worker} was dropped ({report})"
        case _:
            assert_never(event)


def catch_up_words(catch_up: CatchUp) -> str:
    """Say which missed occurrences run."""
    mode = f"at most {catch_up.mode.count}" if isinstance(catch_up.mode, AtMost) else catch_up.mode
    return f"{mode}, within {format_duration(catch_up.window)}"


def slot_words(outcome: SlotOutcome) -> str:
    """Say what became of an occurrence."""
    match outcome:
        case Created(task_id=task_id):
            return f"created task {task_id}"
        case Skipped(reason=reason):
            return f"skipped: {reason.replace('_', ' ')}"
        case Coalesced(into=into):
            return f"coalesced into {moment(into)}"
        case Buffered():
            return "waits for an earlier task to end"
        case _:
            assert_never(outcome)


def preview_words(row: PreviewRow) -> str:
    """Say what will become of an occurrence, or of a row of them."""
    many = f"{row.count} up to {moment(row.until)}: " if row.count > 1 else ""
    hand = "by hand: " if row.manual else ""
    what = "a task" if isinstance(row.outcome, Created) else slot_words(row.outcome)
    return many + hand + what + (", cancelled by a later one" if row.cancelled else "")


def _why(failure: Failure) -> str:
    return _excerpt(failure_words(failure))


def _excerpt(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= EXCERPT else flat[: EXCERPT - 1] + "…"
