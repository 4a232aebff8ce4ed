"""Retry policies: each against a plain reference written from its documented sentence, then the common rules."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve as changed
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.errors import InvalidInput
from mainspring.core.retry import (
    MAX_ATTEMPTS,
    MAX_DELAY,
    MERGENT,
    MERGENT_SCHEDULE,
    NAMED,
    DoublingThenLinear,
    Exponential,
    Failure,
    Fixed,
    GiveUp,
    Ladder,
    Linear,
    Never,
    Polynomial,
    RetryAt,
    RetryPolicy,
    Verdict,
    judge,
)
from support.builders import DAY, FAILURE, HOUR, MINUTE, NOW, SECOND

MICROSECOND = timedelta(microseconds=1)
ZERO = timedelta(0)

DELAYS = st.timedeltas(ZERO, 400 * DAY)
POSITIVE = st.timedeltas(MICROSECOND, 400 * DAY)
SHORT = st.timedeltas(MICROSECOND, HOUR)
ATTEMPTS = st.integers(1, 60) | st.integers(1, MAX_ATTEMPTS)
ENTROPY = st.floats(0, 1, exclude_max=True)

POLICIES: st.SearchStrategy[RetryPolicy] = st.one_of(
    st.builds(Never),
    st.builds(Fixed, delay=DELAYS),
    st.builds(Linear, initial=DELAYS, step=DELAYS, max=POSITIVE),
    st.builds(Exponential, initial=POSITIVE, factor=st.floats(1, 1000), max=POSITIVE),
    st.builds(DoublingThenLinear, min=POSITIVE, max=POSITIVE, max_doublings=st.integers(0, 60)),
    st.builds(Polynomial, exponent=st.floats(0, 10, exclude_min=True), unit=POSITIVE, max=POSITIVE),
    st.builds(Ladder, steps=st.lists(st.timedeltas(ZERO, MAX_DELAY), min_size=1, max_size=20).map(tuple)),
)


def micros(value: timedelta) -> int:
    """A duration as a whole number."""
    return value // MICROSECOND


def bounded(exact: Fraction, limit: timedelta) -> timedelta:
    """An exact number of microseconds, no more than the policy's limit and the overall one."""
    return timedelta(microseconds=round(min(exact, Fraction(micros(min(limit, MAX_DELAY))))))


def close(found: timedelta | None, expected: timedelta) -> bool:
    """Equal but for the rounding of floats: a microsecond, or one part in 10¹²."""
    return found is not None and abs(found - expected) <= max(MICROSECOND, expected / 10**12)


def verdict(policy: RetryPolicy, attempt: int = 1, failure: Failure = FAILURE, **fields: Any) -> Verdict:
    """The verdict at ``NOW``, first started then, without chance, unless told otherwise."""
    values: dict[str, Any] = {"first_started": NOW, "at": NOW, "entropy": 0.0}
    return judge(policy, attempt=attempt, failure=failure, **(values | fields))


# --- the curves, each against its sentence -------------------------------------------------------------------------


@given(ATTEMPTS)
def test_never(attempt: int) -> None:
    """One attempt, no retry."""
    assert Never().base_delay(attempt) is None
    assert verdict(Never(), attempt) == GiveUp("exhausted")


@given(DELAYS, ATTEMPTS)
def test_fixed(delay: timedelta, attempt: int) -> None:
    """The same delay after every failure."""
    assert Fixed(delay=delay).base_delay(attempt) == min(delay, MAX_DELAY)


@given(DELAYS, DELAYS, POSITIVE, ATTEMPTS)
def test_linear(initial: timedelta, step: timedelta, limit: timedelta, attempt: int) -> None:
    """``initial`` after the first failure and ``step`` more after each further one, at most ``max``."""
    total = Fraction(micros(initial))
    total += (attempt - 1) * micros(step)
    assert close(Linear(initial=initial, step=step, max=limit).base_delay(attempt), bounded(total, limit))


@given(SHORT, st.integers(1, 1000) | st.sampled_from([1.5, 1.25, 2.5]), POSITIVE, ATTEMPTS)
def test_exponential(initial: timedelta, factor: float, limit: timedelta, attempt: int) -> None:
    """``initial`` after the first failure, ``factor`` times as long after each further one, at most ``max``."""
    total, top = Fraction(micros(initial)), micros(min(limit, MAX_DELAY))
    for _ in range(attempt - 1):
        if factor == 1 or total > top:
            break
        total *= Fraction(factor)
    assert close(Exponential(initial=initial, factor=factor, max=limit).base_delay(attempt), bounded(total, limit))


@given(SHORT, POSITIVE, st.integers(0, 60), ATTEMPTS)
def test_doubling_then_linear(smallest: timedelta, limit: timedelta, doublings: int, attempt: int) -> None:
    """``min`` doubles ``max_doublings`` times, then grows by the last step, at most ``max``."""
    total, step = micros(smallest), micros(smallest) * 2**doublings
    for failure in range(2, attempt + 1):
        total += total if failure - 1 <= doublings else step
    expected = bounded(Fraction(total), limit)
    policy = DoublingThenLinear(min=smallest, max=limit, max_doublings=doublings)
    assert close(policy.base_delay(attempt), expected)


@given(st.sampled_from([1, 2, 3, 4, 10]), SHORT, POSITIVE, ATTEMPTS)
def test_polynomial(exponent: int, unit: timedelta, limit: timedelta, attempt: int) -> None:
    """``unit * attempt ** exponent``, at most ``max``."""
    expected = bounded(Fraction(micros(unit)) * attempt**exponent, limit)
    assert close(Polynomial(exponent=exponent, unit=unit, max=limit).base_delay(attempt), expected)


@given(st.lists(st.timedeltas(ZERO, MAX_DELAY), min_size=1, max_size=100), ATTEMPTS)
def test_ladder(steps: list[timedelta], attempt: int) -> None:
    """After failure *n* the *n*-th step; the ladder ends with its last step."""
    expected = dict(enumerate(steps, start=1)).get(attempt)
    assert Ladder(steps=tuple(steps)).base_delay(attempt) == expected


def delays(policy: RetryPolicy, count: int) -> list[float | None]:
    """The first delays of a policy, in seconds."""
    found = [policy.base_delay(attempt) for attempt in range(1, count + 1)]
    return [None if delay is None else delay.total_seconds() for delay in found]


def test_the_published_examples() -> None:
    """Figures that a reader can check in the head."""
    assert delays(Fixed(delay=MINUTE), 3) == [60, 60, 60]
    assert delays(Linear(initial=SECOND, step=10 * SECOND, max=25 * SECOND), 5) == [1, 11, 21, 25, 25]
    assert delays(Exponential(), 14)[:4] == [1, 2, 4, 8]
    assert delays(Exponential(), 14)[-3:] == [2048, 3600, 3600]
    assert delays(Exponential(factor=3.0, max=30 * SECOND), 5) == [1, 3, 9, 27, 30]
    cloud = DoublingThenLinear(min=10 * SECOND, max=300 * SECOND, max_doublings=3)
    assert delays(cloud, 8) == [10, 20, 40, 80, 160, 240, 300, 300]  # the example of Cloud Tasks' documentation
    assert delays(Polynomial(), 4) == [1, 16, 81, 256]
    assert delays(DoublingThenLinear(), 3) == [0.1, 0.2, 0.4]


def test_the_defaults_of_the_curves() -> None:
    """Bounds that hold when nothing is said."""
    assert (Exponential().max, DoublingThenLinear().max, DoublingThenLinear().max_doublings) == (HOUR, HOUR, 16)
    assert (Linear(initial=ZERO, step=ZERO).max, Polynomial().max) == (MAX_DELAY, MAX_DELAY)
    assert Never().retry_after_max == DAY


def test_a_limit_that_is_met_exactly_is_the_delay() -> None:
    """The limit is included, and nothing is rounded past it."""
    assert Exponential(max=8 * SECOND).base_delay(4) == 8 * SECOND
    assert Linear(initial=SECOND, step=SECOND, max=4 * SECOND).base_delay(4) == 4 * SECOND


def test_mergents_ladder() -> None:
    """Immediately, +5 s, +5 min, +30 min, +2 h, +5 h, +10 h, +10 h: one try and eight retries over 27 h 35 min 5 s."""
    at, total = NOW, ZERO
    for attempt in range(1, 9):
        found = verdict(MERGENT, attempt, at=at)
        assert isinstance(found, RetryAt)
        total += found.due - at
        at = found.due
    assert total == timedelta(hours=27, minutes=35, seconds=5)
    assert verdict(MERGENT, 9) == GiveUp("exhausted")
    assert delays(MERGENT, 9) == [0, 5, 300, 1800, 7200, 18000, 36000, 36000, None]


def test_mergents_ladder_for_schedules() -> None:
    """Tasks that a schedule made stop after the +5 s retry."""
    assert delays(MERGENT_SCHEDULE, 3) == [0, 5, None]


def test_the_named_policies() -> None:
    """The names that texts may use."""
    assert {"mergent": MERGENT, "mergent_schedule": MERGENT_SCHEDULE, "never": Never()} == NAMED


# --- bounds --------------------------------------------------------------------------------------------------------


@given(POLICIES, st.integers(1, MAX_ATTEMPTS), ENTROPY, st.none() | st.timedeltas())
def test_no_attempt_overflows_or_waits_for_more_than_a_year(
    policy: RetryPolicy, attempt: int, entropy: float, retry_after: timedelta | None
) -> None:
    """No delay is longer than ``MAX_DELAY``, whatever the formula says; no attempt number overflows."""
    failure = Failure(kind="status", message="", retry_after=retry_after)
    found = verdict(policy, attempt, failure, entropy=entropy)
    if isinstance(found, RetryAt):
        assert NOW <= found.due <= NOW + MAX_DELAY


STEEPEST: list[RetryPolicy] = [
    Linear(initial=MAX_DELAY, step=timedelta.max),
    Exponential(initial=timedelta.max, factor=1000, max=timedelta.max),
    DoublingThenLinear(min=timedelta.max, max=timedelta.max, max_doublings=60),
    Polynomial(exponent=10, unit=timedelta.max, max=timedelta.max),
    Fixed(delay=timedelta.max),
]


@pytest.mark.parametrize("policy", STEEPEST, ids=lambda policy: type(policy).__name__)
def test_the_steepest_curves_at_attempt_ten_thousand(policy: RetryPolicy) -> None:
    """The worst that validation lets through still gives a year, no error."""
    assert policy.base_delay(MAX_ATTEMPTS) == MAX_DELAY
    assert verdict(policy, MAX_ATTEMPTS - 1, entropy=0.999) == RetryAt(NOW + MAX_DELAY)


def test_a_retry_after_of_any_length_is_bounded_by_a_year() -> None:
    """Even a policy that lets the server say anything waits for no more than ``MAX_DELAY``."""
    failure = Failure(kind="status", message="", retry_after=timedelta.max)
    policy = Fixed(delay=SECOND, retry_after_max=timedelta.max)
    assert verdict(policy, failure=failure) == RetryAt(NOW + MAX_DELAY)


@given(POLICIES, ATTEMPTS, st.floats(0, 1), ENTROPY)
def test_jitter_only_lengthens(policy: RetryPolicy, attempt: int, jitter: float, entropy: float) -> None:
    """The delay is multiplied by ``1 + jitter * entropy``: never shorter, at most twice as long."""
    plain = verdict(policy, attempt)
    moved = verdict(changed(policy, jitter=jitter), attempt, entropy=entropy)
    assert type(moved) is type(plain)
    if isinstance(plain, RetryAt) and isinstance(moved, RetryAt):
        base = plain.due - NOW
        assert base <= moved.due - NOW <= 2 * base
        assert close(moved.due - NOW, min(base + base * (jitter * entropy), MAX_DELAY))


@pytest.mark.parametrize(("entropy", "seconds"), [(0.0, 100), (0.5, 110), (0.999999, 119.99998)])
def test_jitter_in_figures(entropy: float, seconds: float) -> None:
    """A jitter of 0.2 lengthens 100 s to less than 120 s, in proportion to the entropy."""
    found = verdict(Fixed(delay=100 * SECOND, jitter=0.2), entropy=entropy)
    assert found == RetryAt(NOW + timedelta(seconds=seconds))


@given(DELAYS, st.timedeltas(), st.timedeltas(ZERO, timedelta.max))
def test_retry_after_only_lengthens(delay: timedelta, asked: timedelta, most: timedelta) -> None:
    """A server may ask for more time, not for less, and for no more than the policy lets it."""
    found = verdict(
        Fixed(delay=delay, retry_after_max=most), failure=Failure(kind="status", message="", retry_after=asked)
    )
    assert isinstance(found, RetryAt)
    plain = min(delay, MAX_DELAY)
    assert found.due - NOW == (plain if asked <= plain else max(plain, min(asked, most, MAX_DELAY)))


def test_retry_after_by_default_adds_up_to_a_day() -> None:
    """A server that asks for a week gets a day."""
    week = Failure(kind="status", message="", status=503, retry_after=7 * DAY)
    assert verdict(Fixed(delay=SECOND), failure=week) == RetryAt(NOW + DAY)


# --- giving up -----------------------------------------------------------------------------------------------------


@given(st.integers(1, 50), st.integers(1, 60))
def test_attempts_count_the_first_one(attempts: int, attempt: int) -> None:
    """A task is given up when ``attempts`` runs were started."""
    found = verdict(Fixed(delay=SECOND, attempts=attempts), attempt)
    assert isinstance(found, GiveUp) == (attempt >= attempts)


def test_without_a_number_the_bound_is_ten_thousand() -> None:
    """None: as many as the curve has, at most ``MAX_ATTEMPTS``."""
    assert MAX_ATTEMPTS == 10_000
    assert isinstance(verdict(Fixed(delay=SECOND), MAX_ATTEMPTS - 1), RetryAt)
    assert verdict(Fixed(delay=SECOND), MAX_ATTEMPTS) == GiveUp("exhausted")


def test_attempts_can_cut_a_ladder_short_but_not_lengthen_it() -> None:
    """The curve's end and the number of attempts both hold."""
    steps = (SECOND, SECOND, SECOND)
    assert verdict(Ladder(steps=steps, attempts=2), 2) == GiveUp("exhausted")
    assert verdict(Ladder(steps=steps, attempts=9), 4) == GiveUp("exhausted")


@pytest.mark.parametrize(("late", "expected"), [(0, RetryAt(NOW + MINUTE)), (1, GiveUp("too_old"))])
def test_max_age_bounds_when_an_attempt_may_start(late: int, expected: Verdict) -> None:
    """Given up when the next attempt would start more than ``max_age`` after the first one started."""
    policy = Fixed(delay=MINUTE, max_age=HOUR)
    first = NOW + MINUTE - HOUR - late * MICROSECOND
    assert verdict(policy, first_started=first) == expected


def test_max_age_counts_jitter_and_retry_after() -> None:
    """It is the real instant of the next attempt that counts."""
    assert verdict(Fixed(delay=HOUR, max_age=HOUR, jitter=1.0), entropy=0.1) == GiveUp("too_old")
    slow = Failure(kind="status", message="", retry_after=2 * HOUR)
    assert verdict(Fixed(delay=SECOND, max_age=HOUR), failure=slow) == GiveUp("too_old")


def test_the_longest_max_age_is_no_error() -> None:
    """An age that no date can reach is simply never reached."""
    assert verdict(Fixed(delay=SECOND, max_age=timedelta.max)) == RetryAt(NOW + SECOND)


def failing(status: int | None = None, exception: str | None = None, permanent: bool = False) -> Failure:
    """A failure of kind ``status`` or ``exception``."""
    kind = "status" if exception is None else "exception"
    return Failure(kind=kind, message="", status=status, exception=exception, permanent=permanent)


@pytest.mark.parametrize("retry_on", [True, False])
@pytest.mark.parametrize("give_up_on", [True, False])
@pytest.mark.parametrize("permanent", [True, False])
def test_retry_on_beats_give_up_on_beats_the_executor(retry_on: bool, give_up_on: bool, permanent: bool) -> None:
    """Who says it most plainly wins: the policy's *retry*, then its *give up*, then the executor's verdict."""
    policy = Fixed(delay=SECOND, retry_on=("404",) if retry_on else (), give_up_on=("4xx",) if give_up_on else ())
    found = verdict(policy, failure=failing(status=404, permanent=permanent))
    retried = retry_on or not (give_up_on or permanent)
    assert found == (RetryAt(NOW + SECOND) if retried else GiveUp("non_retryable"))


def test_a_non_retryable_failure_says_so_even_at_the_last_attempt() -> None:
    """The reason is why it could not be retried, not that it was the last."""
    assert verdict(Never(), failure=failing(status=410, permanent=True)) == GiveUp("non_retryable")


@pytest.mark.parametrize(
    ("entry", "failure", "matches"),
    [
        ("503", failing(status=503), True),
        ("503", failing(status=504), False),
        ("5xx", failing(status=504), True),
        ("5xx", failing(status=404), False),
        ("4xx", failing(status=499), True),
        ("status", failing(status=404), True),
        ("exception", failing(exception="ValueError"), True),
        ("exception", failing(status=404), False),
        ("ValueError", failing(exception="ValueError"), True),
        ("ValueError", failing(exception="shop.errors.ValueError"), True),
        ("shop.errors.ValueError", failing(exception="shop.errors.ValueError"), True),
        ("errors.ValueError", failing(exception="shop.errors.ValueError"), False),
        ("KeyError", failing(exception="ValueError"), False),
        ("None", failing(), False),
    ],
)
def test_an_entry_is_a_status_a_class_or_a_name(entry: str, failure: Failure, matches: bool) -> None:
    """``503``, ``5xx``, or the name of a failure or of an exception, with or without its module."""
    found = verdict(Fixed(delay=SECOND, give_up_on=(entry,)), failure=failure)
    assert isinstance(found, GiveUp) == matches


# --- validation ----------------------------------------------------------------------------------------------------

NEGATIVE = -MICROSECOND
GOOD_ENTRIES = ("100", "599", "1xx", "ValueError", "a.b_C9", "_", "x" * 200)
BAD_ENTRIES = ["", "600", "099", "5XX", "50", "5000", "50x", "x x", "9x", ".a", "x" * 201, "é", "503\n"]

REFUSED: list[tuple[str, type[RetryPolicy], dict[str, object], str]] = [
    ("attempts", Never, {"attempts": 0}, "0 is out of range; use 1 to 10000"),
    ("attempts", Never, {"attempts": 10_001}, "10001 is out of range; use 1 to 10000"),
    ("max_age", Never, {"max_age": ZERO}, "0s is not positive; use more than 0s"),
    ("jitter", Never, {"jitter": -0.01}, "-0.01 is out of range; use a fraction from 0 to 1"),
    ("jitter", Never, {"jitter": 1.01}, "1.01 is out of range; use a fraction from 0 to 1"),
    ("jitter", Never, {"jitter": float("nan")}, "nan is out of range; use a fraction from 0 to 1"),
    ("retry_after_max", Never, {"retry_after_max": NEGATIVE}, "-1us is negative; use 0s or more"),
    ("retry_on", Never, {"retry_on": ("a",) * 101}, "101 entries; use at most 100"),
    ("give_up_on", Never, {"give_up_on": ("a",) * 101}, "101 entries; use at most 100"),
    ("delay", Fixed, {"delay": NEGATIVE}, "-1us is negative; use 0s or more"),
    ("delay", Fixed, {"delay": timedelta.min}, "is negative; use 0s or more"),
    ("initial", Linear, {"initial": NEGATIVE, "step": ZERO}, "-1us is negative; use 0s or more"),
    ("step", Linear, {"initial": ZERO, "step": NEGATIVE}, "-1us is negative; use 0s or more"),
    ("max", Linear, {"initial": ZERO, "step": ZERO, "max": ZERO}, "0s is not positive; use more than 0s"),
    ("initial", Exponential, {"initial": ZERO}, "0s is not positive; use more than 0s"),
    ("factor", Exponential, {"factor": 0.99}, "0.99 is out of range; use 1 to 1000"),
    ("factor", Exponential, {"factor": 1000.5}, "1000.5 is out of range; use 1 to 1000"),
    ("max", Exponential, {"max": ZERO}, "0s is not positive; use more than 0s"),
    ("min", DoublingThenLinear, {"min": ZERO}, "0s is not positive; use more than 0s"),
    ("max", DoublingThenLinear, {"max": ZERO}, "0s is not positive; use more than 0s"),
    ("max_doublings", DoublingThenLinear, {"max_doublings": -1}, "-1 is out of range; use 0 to 60"),
    ("max_doublings", DoublingThenLinear, {"max_doublings": 61}, "61 is out of range; use 0 to 60"),
    ("exponent", Polynomial, {"exponent": 0}, "0.0 is out of range; use more than 0, at most 10"),
    ("exponent", Polynomial, {"exponent": 10.1}, "10.1 is out of range; use more than 0, at most 10"),
    ("unit", Polynomial, {"unit": ZERO}, "0s is not positive; use more than 0s"),
    ("max", Polynomial, {"max": ZERO}, "0s is not positive; use more than 0s"),
    ("steps", Ladder, {"steps": ()}, "0 steps; use 1 to 100 steps"),
    ("steps", Ladder, {"steps": (ZERO,) * 101}, "101 steps; use 1 to 100 steps"),
    ("steps", Ladder, {"steps": (SECOND, NEGATIVE)}, "-1us is out of range; use 0s to 365d"),
    ("steps", Ladder, {"steps": (SECOND, MAX_DELAY + MICROSECOND)}, "365d1us is out of range; use 0s to 365d"),
]


@pytest.mark.parametrize(("field", "policy", "fields", "text"), REFUSED)
def test_each_bad_value_is_refused_by_its_field(
    field: str, policy: type[RetryPolicy], fields: dict[str, object], text: str
) -> None:
    """Every validation error names its field, says what was wrong, and what would be right."""
    with pytest.raises(InvalidInput) as refused:
        policy(**fields)
    assert refused.value.field == f"retry.{field}"
    assert str(refused.value).endswith(text)


@pytest.mark.parametrize("entry", BAD_ENTRIES)
@pytest.mark.parametrize("field", ["retry_on", "give_up_on"])
def test_an_entry_that_could_never_match_is_refused(field: str, entry: str) -> None:
    """A slip of the pen is found when it is written, not when it was needed."""
    with pytest.raises(InvalidInput) as refused:
        Never(**{field: ("503", entry)})
    assert (refused.value.field, refused.value.what) == (f"retry.{field}", f"{entry!r} is no entry")
    assert refused.value.cure == "use a status (503), a class (5xx) or a name"


def test_the_bounds_themselves_are_allowed() -> None:
    """The first and the last value of each range are in it."""
    Never(attempts=1, max_age=MICROSECOND, jitter=0, retry_after_max=ZERO, retry_on=GOOD_ENTRIES)
    Never(attempts=10_000, jitter=1, give_up_on=("a",) * 100)
    Fixed(delay=ZERO)
    Linear(initial=ZERO, step=ZERO, max=MICROSECOND)
    Exponential(initial=MICROSECOND, factor=1, max=MICROSECOND)
    Exponential(factor=1000)
    DoublingThenLinear(min=MICROSECOND, max=MICROSECOND, max_doublings=0)
    DoublingThenLinear(max_doublings=60)
    Polynomial(exponent=10, unit=MICROSECOND, max=MICROSECOND)
    Polynomial(exponent=0.001)
    Ladder(steps=(ZERO,))
    Ladder(steps=(MAX_DELAY,) * 100)
    assert timedelta(days=365) == MAX_DELAY


def test_numbers_may_be_whole() -> None:
    """``factor`` and ``exponent`` are kept as floats, so that equal policies are equal."""
    assert isinstance(Exponential(factor=2).factor, float)
    assert isinstance(Polynomial(exponent=4).exponent, float)
