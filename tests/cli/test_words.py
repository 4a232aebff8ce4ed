"""Everything that can happen has words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mainspring.cli.words import (
    call_words,
    event_words,
    failure_words,
    moment,
    retry_words,
    slot_words,
    span,
    state_words,
    when,
)
from mainspring.core.events import EVENTS, Event, RunNoted, RunSucceeded
from mainspring.core.retry import MERGENT, Failure, Fixed, Never
from mainspring.core.schedule import Buffered, Coalesced, Created, Skipped
from mainspring.core.states import STATES, State
from support.builders import FUNCTION, HTTP, NOW, TASK_ID, one_of_each_event, one_of_each_state


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_is_told_in_one_line(kind: type[Event]) -> None:
    """The history leaves nothing out."""
    words = event_words(one_of_each_event()[kind])
    assert words
    assert "\n" not in words


@pytest.mark.parametrize("kind", STATES)
def test_every_state_is_told_with_its_instant(kind: type[State]) -> None:
    """A state begins with its status, and has an instant to be listed by."""
    state = one_of_each_state()[kind]
    assert state_words(state).startswith(state.status)
    assert when(state) == NOW


def test_a_run_is_told_with_its_worker_duration_and_answer() -> None:
    """Who, how long, with what answer; a long answer is cut and marked."""
    told = event_words(RunSucceeded(at=NOW, run=3, took=timedelta(milliseconds=1500), result="x" * 300 + "\n y"))
    assert told.startswith("run 3 succeeded in 1s500ms: xxx")
    assert told.endswith("…")
    assert event_words(RunNoted(at=NOW, run=3, text="half", progress=0.5)) == "run 3 noted 50%: half"


def test_every_outcome_of_an_occurrence_is_told() -> None:
    """Created, skipped for a reason, coalesced, waiting."""
    assert slot_words(Created(task_id=TASK_ID)) == f"created task {TASK_ID}"
    assert slot_words(Skipped(reason="outside_window")) == "skipped: outside window"
    assert slot_words(Coalesced(into=NOW)) == "coalesced into 2030-01-02T03:04:05Z"
    assert slot_words(Buffered()) == "waits for an earlier task to end"


def test_calls_policies_and_failures_are_named() -> None:
    """By what a user would recognise them."""
    assert call_words(HTTP) == "POST https://example.com/hook"
    assert call_words(FUNCTION) == 'send_welcome({"user": 7})'
    assert [retry_words(policy) for policy in (MERGENT, Never(), Fixed(delay=timedelta(1)))] == [
        "mergent", "never", "fixed",
    ]  # fmt: skip
    assert failure_words(Failure(kind="status", message="HTTP 503", status=503)) == "status: HTTP 503"
    assert failure_words(Failure(kind="timeout", message="")) == "timeout"


def test_instants_and_durations_are_as_exact_as_a_person_needs() -> None:
    """Milliseconds, and no more; from a minute on whole seconds."""
    assert moment(NOW) == "2030-01-02T03:04:05Z"
    assert moment(NOW + timedelta(microseconds=1_234)) == "2030-01-02T03:04:05.001Z"
    assert moment(None) == "-"
    assert span(timedelta(microseconds=15)) == "15us"
    assert span(timedelta(seconds=1, microseconds=234_567)) == "1s234ms"
    assert span(timedelta(minutes=2, microseconds=234_567)) == "2m"
