"""Retry policies as text: what is written is read back, and what is wrong is refused with its place."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.errors import InvalidInput
from mainspring.core.retry import (
    MERGENT,
    MERGENT_SCHEDULE,
    DoublingThenLinear,
    Exponential,
    Failure,
    Fixed,
    Ladder,
    Linear,
    Never,
    Polynomial,
    RetryAt,
    RetryPolicy,
    judge,
)
from mainspring.core.retry_text import format_retry, parse_retry, retry_table
from support.builders import DAY, HOUR, MINUTE, NOW, SECOND

TICK = timedelta(microseconds=1)
PLAIN = Failure(kind="", message="")
SPANS = st.timedeltas(timedelta(0), timedelta(days=300))
POSITIVE = st.timedeltas(timedelta(microseconds=1), timedelta(days=300))
ENTRIES = st.lists(st.sampled_from(["503", "5xx", "TimeoutError", "a.B"]), max_size=3).map(tuple)
COMMON = {
    "attempts": st.none() | st.integers(1, 10_000),
    "max_age": st.none() | POSITIVE,
    "jitter": st.floats(0, 1),
    "retry_after_max": SPANS,
    "retry_on": ENTRIES,
    "give_up_on": ENTRIES,
}
POLICIES: st.SearchStrategy[RetryPolicy] = st.one_of(
    st.builds(Ladder, steps=st.lists(SPANS, min_size=1, max_size=9).map(tuple), **COMMON),
    st.builds(Fixed, delay=SPANS, **COMMON),
    st.builds(Linear, initial=SPANS, step=SPANS, max=POSITIVE, **COMMON),
    st.builds(Exponential, initial=POSITIVE, factor=st.floats(1, 1000), max=POSITIVE, **COMMON),
    st.builds(DoublingThenLinear, min=POSITIVE, max=POSITIVE, max_doublings=st.integers(0, 60), **COMMON),
    st.builds(Polynomial, exponent=st.floats(1e-300, 10), unit=POSITIVE, max=POSITIVE, **COMMON),
    st.builds(Never, **COMMON),
)


@given(POLICIES)
def test_what_is_written_is_read_back(policy: RetryPolicy) -> None:
    """Every policy with every setting has a text of its own."""
    assert parse_retry(format_retry(policy)) == policy


@pytest.mark.parametrize(
    ("text", "policy", "written"),
    [
        ("mergent", MERGENT, "mergent"),
        (" mergent_schedule ", MERGENT_SCHEDULE, "mergent_schedule"),
        ("never", Never(), "never"),
        ("never()", Never(), "never"),
        ("ladder(0s, 5s, 5m)", Ladder(steps=(timedelta(0), 5 * SECOND, 5 * MINUTE)), "ladder(0s, 5s, 5m)"),
        ("ladder(PT5S)", Ladder(steps=(5 * SECOND,)), "ladder(5s)"),
        ("fixed(5s)", Fixed(delay=5 * SECOND), "fixed(delay=5s)"),
        ("fixed(delay=5s, attempts=3)", Fixed(delay=5 * SECOND, attempts=3), "fixed(attempts=3, delay=5s)"),
        ("linear(initial=1s,step=2s)", Linear(initial=SECOND, step=2 * SECOND), "linear(initial=1s, step=2s)"),
        (
            "exponential(initial=1s, factor=2, max=1h, attempts=10, jitter=0.1)",
            Exponential(attempts=10, jitter=0.1),
            "exponential(attempts=10, jitter=0.1)",
        ),
        ("exponential( factor = 1.5 )", Exponential(factor=1.5), "exponential(factor=1.5)"),
        ("exponential(jitter=1.0, factor=3e0)", Exponential(factor=3, jitter=1), "exponential(jitter=1, factor=3)"),
        ("doubling_then_linear(max_doublings=3)", DoublingThenLinear(max_doublings=3), None),
        ("polynomial", Polynomial(), "polynomial"),
        (
            "never(retry_on=[503, TimeoutError], give_up_on=[])",
            Never(retry_on=("503", "TimeoutError")),
            "never(retry_on=[503, TimeoutError])",
        ),
    ],
)
def test_texts_and_their_policies(text: str, policy: RetryPolicy, written: str | None) -> None:
    """The forms that people write, and the one form that is written."""
    assert parse_retry(text) == policy
    assert format_retry(policy) == (written or text)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", "retry: '' is no policy"),
        ("Mergent", "retry: 'Mergent' is no policy"),
        ("steps(1s)", "retry: 'steps' is no policy; use one of doubling_then_linear, exponential"),
        ("mergent(attempts=3)", "retry: 'mergent' is no policy"),
        ("never(", "is no policy"),
        ("never(5s)", "retry: never takes no 5s without a name"),
        ("fixed", "retry: fixed lacks delay"),
        ("linear(initial=1s)", "retry: linear lacks step"),
        ("fixed(1s, 2s)", "retry: fixed takes no 1s without a name"),
        ("fixed(1s, delay=2s)", "retry: fixed takes no 1s without a name"),
        ("ladder()", "retry.steps: 0 steps"),
        ("ladder", "retry.steps: 0 steps"),
        ("ladder(steps=5s)", "retry: ladder has no setting 'steps'"),
        ("ladder(attempts=3, 5s)", "retry: '5s' stands behind a setting"),
        ("ladder(5s,)", "retry.ladder: '' is not a duration"),
        ("ladder(5 parsecs)", "retry.ladder: '5 parsecs' is not a duration"),
        ("exponential(speed=3)", "retry: exponential has no setting 'speed'; use one of attempts, "),
        ("exponential(jitter=0.1, jitter=0.2)", "retry: jitter is set twice"),
        ("exponential(attempts=ten)", "retry.attempts: 'ten' is no whole number"),
        ("exponential(attempts=1.5)", "retry.attempts: '1.5' is no whole number"),
        ("exponential(attempts=０)", "retry.attempts"),
        ("exponential(factor=nan)", "retry.factor: 'nan' is no number"),
        ("exponential(jitter=2)", "retry.jitter: 2.0 is out of range"),
        ("exponential(initial=0s)", "retry.initial"),
        ("never(retry_on=503)", r"retry.retry_on: '503' is no list; write retry_on=\[503, TimeoutError\]"),
        ("never(retry_on=[)", r"retry.retry_on: '\[' is no list"),
        ("never(retry_on=[50 3])", "retry.retry_on: '50 3' is no entry"),
        ("x" * 2_001, "retry: a text of 2001 characters is no policy"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(text: str, refusal: str) -> None:
    """Strictly: nothing is guessed."""
    with pytest.raises(InvalidInput, match=refusal):
        parse_retry(text)


@given(st.text(alphabet="ladernv([=,]) 5s0.", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No other error, whatever is written."""
    try:
        policy = parse_retry(text)
    except InvalidInput:
        return
    assert parse_retry(format_retry(policy)) == policy


def test_the_table_of_mergents_ladder() -> None:
    """One try and eight retries, the last 27 h 35 min 5 s after the first."""
    rows = retry_table(MERGENT)
    assert [row.attempt for row in rows] == list(range(1, 10))
    assert [row.delay for row in rows[1:]] == list(MERGENT.steps)
    assert (rows[0].earliest, rows[-1].earliest) == (timedelta(0), timedelta(hours=27, minutes=35, seconds=5))
    assert all(row.latest == row.earliest for row in rows)


def test_a_table_shows_the_jitter_as_a_span() -> None:
    """Jitter only lengthens, and adds up."""
    rows = retry_table(Fixed(delay=MINUTE, jitter=0.5), attempts=3)
    assert [(row.earliest, row.latest) for row in rows] == [
        (timedelta(0), timedelta(0)),
        (MINUTE, 1.5 * MINUTE),
        (2 * MINUTE, 3 * MINUTE),
    ]


def test_a_table_ends_where_the_policy_does() -> None:
    """By attempts, by age (which the longest jitter may reach before the shortest), or where it was asked to."""
    assert len(retry_table(Never())) == 1
    assert len(retry_table(Fixed(delay=SECOND, attempts=4))) == 4
    aged = retry_table(Fixed(delay=HOUR, jitter=1, max_age=1.5 * HOUR))
    assert [(row.earliest, row.latest) for row in aged] == [(timedelta(0), timedelta(0)), (HOUR, 1.5 * HOUR)]
    assert len(retry_table(Fixed(delay=SECOND), attempts=7)) == 7


def test_a_table_is_of_failures_that_no_entry_names() -> None:
    """What a policy gives up on is not what is asked: any name may stand there."""
    for name in ("any", "exception", "status", "5xx"):
        assert len(retry_table(Fixed(delay=SECOND, give_up_on=(name,)), attempts=3)) == 3


def test_a_table_ends_after_a_hundred_years() -> None:
    """No instant overflows, whatever the policy and however many rows were asked for."""
    year = timedelta(days=365)
    rows = retry_table(Fixed(delay=10 * year, jitter=1), attempts=10_000)
    assert len(rows) == 102
    assert (rows[-2].earliest, rows[-1].earliest) == (100 * year, 101 * year)
    assert all(row.latest == row.earliest for row in rows), "jitter lengthens no delay of a year"
    assert len(retry_table(Fixed(delay=36_525 * DAY / 125), attempts=10_000)) == 127, "that of 100 years is not more"
    assert retry_table(Fixed(delay=year / 2, jitter=1), attempts=10_000)[-1].latest == 201 * year


@given(POLICIES, st.integers(1, 60), st.lists(st.floats(0, 1, exclude_max=True), min_size=60, max_size=60))
def test_what_happens_lies_within_the_table(policy: RetryPolicy, attempts: int, chances: list[float]) -> None:
    """A task that fails and fails starts each attempt between the row's instants, and has no attempt without a row."""
    rows, now = retry_table(policy, attempts), NOW
    for attempt, chance in zip(range(1, attempts + 1), chances, strict=False):
        row = rows[attempt - 1]
        assert NOW + row.earliest <= now <= NOW + row.latest + TICK
        verdict = judge(policy, attempt=attempt, failure=PLAIN, first_started=NOW, at=now, entropy=chance)
        if not isinstance(verdict, RetryAt) or now - NOW > 36_525 * DAY:
            return
        now = verdict.due


@pytest.mark.parametrize("attempts", [0, 10_001])
def test_a_table_is_bounded(attempts: int) -> None:
    """1 to 10,000 rows."""
    with pytest.raises(InvalidInput, match="attempts"):
        retry_table(Never(), attempts)
