"""What a recorded event says: one sentence each, with what must be remembered of those before."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, assert_never

from attrs import evolve as changed
from attrs import fields, frozen

from mainspring.core.commands import Edit, Unset
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
from mainspring.core.instants import format_instant
from mainspring.core.ports import SUPERSEDED
from mainspring.core.retry import MAX_ATTEMPTS, Failure, GiveUpReason, entries_for
from mainspring.core.retry_text import format_retry
from mainspring.core.task import Task
from mainspring.core.why.reasons import Reason, Stage, behind, noted, span

MAX_POLICY: Final = 120
"""How many characters of a retry policy are shown."""


@frozen(kw_only=True)
class Told:
    """What is known of a task after the events told so far: when it was due, and the attempt that was started last."""

    task: Task
    due: datetime | None = None
    attempt: int = 0

    def after(self, event: Event) -> Told:
        """Take one event in."""
        match event:
            case RunStarted():
                return changed(self, attempt=event.attempt)
            case RetryScheduled() | RunSnoozed() | TaskEdited():
                return changed(self, due=event.due)
            case RunReleased() | TaskForwarded() | TaskRequeued():
                return changed(self, due=event.at)
            case _:
                return self


def reason_of(told: Told, event: Event, number: int) -> Reason | None:
    """Tell event ``number`` of the history; None for what explains nothing."""
    found = _sentence(told, event)
    if found is None:
        return None
    stage, text = found
    return Reason(stage=stage, at=event.at, text=text, fact=f"event {number}: {type(event).__name__}")


def _sentence(told: Told, event: Event) -> tuple[Stage, str] | None:  # noqa: C901  one case an event
    match event:
        case RunStarted():
            delay = "" if told.due is None else f", {behind(event.at - told.due, 'it was due')}"
            return "gate", f"Worker {event.worker} started run {event.run} (attempt {event.attempt}){delay}."
        case RunSucceeded():
            return "outcome", f"Run {event.run} succeeded after {span(event.took)}."
        case RetryScheduled():
            return "policy", _retried(told, event)
        case TaskFailed():
            failed = f"Run {event.run} failed after {span(event.took)} ({event.failure.message})"
            return (
                "outcome",
                f"{failed} and the task was given up: {gave_up(told.task, told.attempt, event.failure, event.reason)}.",
            )
        case RunSnoozed():
            wait = span(event.due - event.at)
            return "policy", f"Run {event.run} asked to be run again in {wait}; its attempt was given back."
        case RunReleased():
            text = f"The worker of run {event.run} shut down and gave it back; its attempt was given back."
            return "gate", text
        case CancelAsked():
            return "gate", f"Run {event.run} was asked to stop{cancelled_by(event.reason)}."
        case TaskCancelled():
            which = f"during run {event.run}" if event.run else "before it ran"
            return "outcome", f"It was cancelled {which}{cancelled_by(event.reason)}."
        case TaskExpired():
            return "outcome", f"It expired: it had not been started by {format_instant(event.start_by)}."
        case TaskEdited():
            return "gate", f"It was edited ({_fields(event.edit)}): due at {format_instant(event.due)}."
        case TaskForwarded():
            return "gate", "It was told to run now."
        case TaskRequeued():
            attempts = "with all its attempts" if event.reset else "with the attempts it had left"
            return "gate", f"It had ended as {event.was} and was requeued {attempts}."
        case ReportDropped():
            text = f"A report of run {event.run} ({event.report}) came too late from {event.worker}; it was dropped."
            return "gate", text
        case RunNoted() | LeaseExtended():
            return None
        case _:
            assert_never(event)


def _retried(told: Told, event: RetryScheduled) -> str:
    policy = format_retry(told.task.retry)
    shown = policy if len(policy) <= MAX_POLICY else f"{policy[:MAX_POLICY]}…"
    wait = event.due - event.at
    asked = event.failure.retry_after
    base = told.task.retry.base_delay(told.attempt) if told.attempt else None
    longest = timedelta.max if base is None else base * (1 + told.task.retry.jitter)
    by = "its answer asked for that (Retry-After)" if asked is not None and wait > longest else f"policy {shown}"
    failed = f"Run {event.run} failed after {span(event.took)} ({event.failure.message})"
    return f"{failed}; the next attempt was due {span(wait)} later, at {format_instant(event.due)}: {by}."


def gave_up(task: Task, attempts: int, failure: Failure, reason: GiveUpReason) -> str:
    """Say why there was no attempt after ``attempts`` of them, as far as the policy tells it now."""
    policy = task.retry
    match reason:
        case "exhausted":
            allowed = MAX_ATTEMPTS if policy.attempts is None else policy.attempts
            end = "all that its policy allows" if attempts >= allowed else "the policy has no further delay"
            made = "1 attempt was made" if attempts == 1 else f"{attempts} attempts were made"
            return f"{made}, {end}"
        case "non_retryable":
            named = sorted(entries_for(failure).intersection(policy.give_up_on))
            by = f"its policy gives up on {', '.join(named)}" if named else "the failure is one that does not pass"
            return f"another attempt cannot help ({by})"
        case "too_old":
            age = "its policy's max_age" if policy.max_age is None else f"{span(policy.max_age)} (max_age)"
            return f"the next attempt would have started more than {age} after the first one"
        case _:
            assert_never(reason)


def cancelled_by(reason: str) -> str:
    """Say who cancelled: the overlap policy of a schedule, or whoever gave the reason."""
    if reason == SUPERSEDED:
        return ": by the overlap policy of its schedule (cancel_other), for a later occurrence"
    return noted(reason)


def _fields(edit: Edit) -> str:
    named = [field.name for field in fields(Edit) if not isinstance(getattr(edit, field.name), Unset)]
    return ", ".join(name for name in named if name != "at")
