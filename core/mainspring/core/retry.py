"""Retry policies: pure functions of (policy, attempt, failure, entropy).

Rules:

* An *attempt* is a run that was started; attempts are numbered from 1. After attempt *n* failed, the policy's
  *n*-th delay is waited, then attempt *n + 1* is due.
* A task is given up when the failure is not retryable, when ``attempts`` runs were started, when the curve of
  delays has ended, or when the next attempt would start more than ``max_age`` after the first one started.
* Jitter only lengthens: the delay is multiplied by ``1 + jitter * entropy`` with entropy in [0, 1).
* ``Retry-After`` only lengthens, and by no more than ``retry_after_max``.
* ``retry_on`` beats ``give_up_on``, which beats the executor's own verdict (``failure.permanent``).
  An entry is a status (``"503"``), a class of statuses (``"5xx"``) or the name of a failure or exception.
* No delay is longer than ``MAX_DELAY``, whatever the formula says; no attempt number overflows.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from attrs import Attribute, field, frozen

from mainspring.core.errors import InvalidInput
from mainspring.core.instants import format_duration

MAX_DELAY: Final = timedelta(days=365)
MAX_ATTEMPTS: Final = 10_000
_ENTRY: Final = re.compile(r"[1-5](?:[0-9][0-9]|xx)|[A-Za-z_][A-Za-z0-9_.]{0,199}", re.ASCII)

GiveUpReason = Literal["exhausted", "non_retryable", "too_old"]


@frozen(kw_only=True)
class Failure:
    """Why a run did not succeed.

    ``kind`` is a plain name (``status``, ``timeout``, ``connect``, ``exception``, ``lease_lost`` …), ``status``
    the HTTP status if there was one, ``exception`` the class name if a callable raised. ``permanent`` is the
    executor's verdict that another attempt cannot help.
    """

    kind: str
    message: str
    status: int | None = None
    exception: str | None = None
    retry_after: timedelta | None = None
    permanent: bool = False


@frozen
class RetryAt:
    """The verdict that another attempt is due at ``due``."""

    due: datetime


@frozen
class GiveUp:
    """The verdict that no further attempt is made."""

    reason: GiveUpReason


Verdict: TypeAlias = RetryAt | GiveUp


def _not_negative(instance: object, attribute: Attribute[timedelta], value: timedelta) -> None:
    if value < timedelta(0):
        raise InvalidInput(f"retry.{attribute.name}", f"{format_duration(value)} is negative", "use 0s or more")


def _positive(instance: object, attribute: Attribute[timedelta], value: timedelta) -> None:
    if value <= timedelta(0):
        raise InvalidInput(f"retry.{attribute.name}", f"{format_duration(value)} is not positive", "use more than 0s")


def _attempts(instance: object, attribute: Attribute[int | None], value: int | None) -> None:
    if value is not None and not 1 <= value <= MAX_ATTEMPTS:
        raise InvalidInput("retry.attempts", f"{value} is out of range", f"use 1 to {MAX_ATTEMPTS}")


def _max_age(instance: object, attribute: Attribute[timedelta | None], value: timedelta | None) -> None:
    if value is not None and value <= timedelta(0):
        raise InvalidInput("retry.max_age", f"{format_duration(value)} is not positive", "use more than 0s")


def _fraction(instance: object, attribute: Attribute[float], value: float) -> None:
    if not 0 <= value <= 1:
        raise InvalidInput("retry.jitter", f"{value} is out of range", "use a fraction from 0 to 1")


def _entries(instance: object, attribute: Attribute[tuple[str, ...]], value: tuple[str, ...]) -> None:
    if len(value) > 100:
        raise InvalidInput(f"retry.{attribute.name}", f"{len(value)} entries", "use at most 100")
    for entry in value:
        if not _ENTRY.fullmatch(entry):
            raise InvalidInput(
                f"retry.{attribute.name}", f"{entry!r} is no entry", "use a status (503), a class (5xx) or a name"
            )


@frozen(kw_only=True)
class _Policy:
    """What every policy has, whatever its curve of delays.

    ``attempts``: how many runs at most, the first included (None: as many as the curve has, at most
    ``MAX_ATTEMPTS``); ``max_age``: how long after the first start another attempt may still start.
    """

    attempts: int | None = field(default=None, validator=_attempts)
    max_age: timedelta | None = field(default=None, validator=_max_age)
    jitter: float = field(default=0.0, validator=_fraction)
    retry_after_max: timedelta = field(default=timedelta(days=1), validator=_not_negative)
    retry_on: tuple[str, ...] = field(default=(), validator=_entries)
    give_up_on: tuple[str, ...] = field(default=(), validator=_entries)


@frozen(kw_only=True)
class Never(_Policy):
    """One attempt, no retry."""

    def base_delay(self, attempt: int) -> timedelta | None:
        """No attempt is followed by another."""
        return None


@frozen(kw_only=True)
class Fixed(_Policy):
    """The same delay after every failure."""

    delay: timedelta = field(validator=_not_negative)

    def base_delay(self, attempt: int) -> timedelta | None:
        """Always ``delay``."""
        return min(self.delay, MAX_DELAY)


@frozen(kw_only=True)
class Linear(_Policy):
    """``initial`` after the first failure and ``step`` more after each further one, at most ``max``."""

    initial: timedelta = field(validator=_not_negative)
    step: timedelta = field(validator=_not_negative)
    max: timedelta = field(default=MAX_DELAY, validator=_positive)

    def base_delay(self, attempt: int) -> timedelta | None:
        """``initial + (attempt - 1) * step``, bounded by ``max``."""
        seconds = self.initial.total_seconds() + (attempt - 1) * self.step.total_seconds()
        return _bounded(seconds, self.max)


def _factor(instance: object, attribute: Attribute[float], value: float) -> None:
    if not 1 <= value <= 1000:
        raise InvalidInput("retry.factor", f"{value} is out of range", "use 1 to 1000")


@frozen(kw_only=True)
class Exponential(_Policy):
    """``initial`` after the first failure, ``factor`` times as long after each further one, at most ``max``."""

    initial: timedelta = field(default=timedelta(seconds=1), validator=_positive)
    factor: float = field(default=2.0, validator=_factor, converter=float)
    max: timedelta = field(default=timedelta(hours=1), validator=_positive)

    def base_delay(self, attempt: int) -> timedelta | None:
        """``initial * factor ** (attempt - 1)``, bounded by ``max``."""
        return _grown(self.initial, math.log(self.factor) * (attempt - 1), self.max)


def _doublings(instance: object, attribute: Attribute[int], value: int) -> None:
    if not 0 <= value <= 60:
        raise InvalidInput("retry.max_doublings", f"{value} is out of range", "use 0 to 60")


@frozen(kw_only=True)
class DoublingThenLinear(_Policy):
    """Cloud Tasks' curve: ``min`` doubles ``max_doublings`` times, then grows by the last step, at most ``max``."""

    min: timedelta = field(default=timedelta(seconds=0.1), validator=_positive)
    max: timedelta = field(default=timedelta(hours=1), validator=_positive)
    max_doublings: int = field(default=16, validator=_doublings)

    def base_delay(self, attempt: int) -> timedelta | None:
        """``min * 2 ** n`` for the first doublings, then ``min * 2 ** max_doublings`` more each time."""
        doubled = min(attempt - 1, self.max_doublings)
        linear = attempt - 1 - doubled
        return _bounded(self.min.total_seconds() * 2**doubled * (1 + linear), self.max)


def _exponent(instance: object, attribute: Attribute[float], value: float) -> None:
    if not 0 < value <= 10:
        raise InvalidInput("retry.exponent", f"{value} is out of range", "use more than 0, at most 10")


@frozen(kw_only=True)
class Polynomial(_Policy):
    """``unit * attempt ** exponent``: River's curve is attempt⁴ seconds."""

    exponent: float = field(default=4.0, validator=_exponent, converter=float)
    unit: timedelta = field(default=timedelta(seconds=1), validator=_positive)
    max: timedelta = field(default=MAX_DELAY, validator=_positive)

    def base_delay(self, attempt: int) -> timedelta | None:
        """``unit * attempt ** exponent``, bounded by ``max``."""
        return _bounded(self.unit.total_seconds() * attempt**self.exponent, self.max)


def _steps(instance: object, attribute: Attribute[tuple[timedelta, ...]], value: tuple[timedelta, ...]) -> None:
    if not 1 <= len(value) <= 100:
        raise InvalidInput("retry.steps", f"{len(value)} steps", "use 1 to 100 steps")
    for step in value:
        if not timedelta(0) <= step <= MAX_DELAY:
            raise InvalidInput("retry.steps", f"{format_duration(step)} is out of range", "use 0s to 365d")


@frozen(kw_only=True)
class Ladder(_Policy):
    """A written list of delays: after failure *n* the *n*-th step; the ladder ends with its last step."""

    steps: tuple[timedelta, ...] = field(validator=_steps)

    def base_delay(self, attempt: int) -> timedelta | None:
        """The ``attempt``-th step, or None behind the last."""
        return self.steps[attempt - 1] if attempt <= len(self.steps) else None


RetryPolicy: TypeAlias = Ladder | Fixed | Linear | Exponential | DoublingThenLinear | Polynomial | Never

MERGENT: Final = Ladder(
    steps=(
        timedelta(0),
        timedelta(seconds=5),
        timedelta(minutes=5),
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(hours=5),
        timedelta(hours=10),
        timedelta(hours=10),
    )
)
"""Mergent's ladder for tasks: one try and eight retries over about 27 h 35 min."""

MERGENT_SCHEDULE: Final = Ladder(steps=MERGENT.steps[:2])
"""Mergent's ladder for tasks that a schedule made: one try and two retries."""

NAMED: Final[dict[str, RetryPolicy]] = {
    "mergent": MERGENT,
    "mergent_schedule": MERGENT_SCHEDULE,
    "never": Never(),
}
"""The policies that have a name of their own in texts."""


def _bounded(seconds: float, limit: timedelta) -> timedelta:
    ceiling = min(limit, MAX_DELAY)
    return ceiling if seconds >= ceiling.total_seconds() else timedelta(seconds=seconds)


def _grown(initial: timedelta, exponent: float, limit: timedelta) -> timedelta:
    """``initial * e ** exponent``, bounded; judged on the logarithm so that no attempt number overflows."""
    ceiling = min(limit, MAX_DELAY)
    if math.log(initial.total_seconds()) + exponent >= math.log(ceiling.total_seconds()):
        return ceiling
    return timedelta(seconds=initial.total_seconds() * math.exp(exponent))


def judge(
    policy: RetryPolicy, *, attempt: int, failure: Failure, first_started: datetime, at: datetime, entropy: float
) -> Verdict:
    """Say what follows the failure of attempt ``attempt`` (from 1) at instant ``at``.

    ``first_started`` is when attempt 1 started, ``entropy`` a number in [0, 1) for the jitter.
    """
    if not _retryable(policy, failure):
        return GiveUp("non_retryable")
    if attempt >= (MAX_ATTEMPTS if policy.attempts is None else policy.attempts):
        return GiveUp("exhausted")
    base = policy.base_delay(attempt)
    if base is None:
        return GiveUp("exhausted")
    due = at + _stretched(policy, base, failure, entropy)
    if policy.max_age is not None and due - first_started > policy.max_age:
        return GiveUp("too_old")
    return RetryAt(due)


def _stretched(policy: RetryPolicy, base: timedelta, failure: Failure, entropy: float) -> timedelta:
    delay = base * (1 + policy.jitter * entropy)
    if failure.retry_after is not None:
        delay = max(delay, min(failure.retry_after, policy.retry_after_max))
    return min(delay, MAX_DELAY)


def _retryable(policy: RetryPolicy, failure: Failure) -> bool:
    if _matches(policy.retry_on, failure):
        return True
    return not (_matches(policy.give_up_on, failure) or failure.permanent)


def _matches(entries: tuple[str, ...], failure: Failure) -> bool:
    return not entries_for(failure).isdisjoint(entries)


def entries_for(failure: Failure) -> frozenset[str]:
    """Name all entries of ``retry_on`` and ``give_up_on`` that speak of ``failure``."""
    names = {failure.kind}
    if failure.exception is not None:
        names |= {failure.exception, failure.exception.rpartition(".")[2]}
    if failure.status is not None:
        names |= {str(failure.status), f"{failure.status // 100}xx"}
    return frozenset(names)
