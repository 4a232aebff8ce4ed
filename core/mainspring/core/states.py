"""The states of a task: one frozen class each, holding only what is true in it.

* ``Pending``: waits to be run; *due* once ``due <= now`` (due is not a state of its own).
* ``Running``: a worker holds run ``run`` until ``lease_until``; it must end by ``deadline``.
* ``Cancelling``: as running, and its worker was asked to stop; not yet confirmed.
* ``Succeeded``, ``Failed``, ``Cancelled``, ``Expired``: terminal; only a requeue leads out of them.

Who moves a task in and out of each state is the transition table's to say: ``mainspring.core.machine``.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final, TypeAlias

from attrs import frozen

from mainspring.core.retry import Failure, GiveUpReason


@frozen(kw_only=True)
class Tally:
    """What a task has used up: true in every state.

    ``runs`` counts every start ever made (1, 2, 3, … without gaps; a run's number is its fence);
    ``attempts`` those that count against the retry policy; ``first_started`` is when attempt 1 started.
    """

    runs: int = 0
    attempts: int = 0
    snoozes: int = 0
    first_started: datetime | None = None


@frozen(kw_only=True)
class Pending:
    """Waits for its ``due`` instant; ``failure`` is that of the run that ended last, if it failed."""

    status: ClassVar[str] = "pending"
    due: datetime
    tally: Tally = Tally()
    failure: Failure | None = None


@frozen(kw_only=True)
class Running:
    """Run ``run`` is held by ``worker`` until ``lease_until``, and has to end by ``deadline``."""

    status: ClassVar[str] = "running"
    run: int
    worker: str
    started_at: datetime
    lease_until: datetime
    deadline: datetime
    tally: Tally


@frozen(kw_only=True)
class Cancelling:
    """Run ``run`` was asked to stop at ``asked_at`` and has not confirmed it yet."""

    status: ClassVar[str] = "cancelling"
    run: int
    worker: str
    started_at: datetime
    lease_until: datetime
    deadline: datetime
    asked_at: datetime
    reason: str
    tally: Tally


@frozen(kw_only=True)
class Succeeded:
    """Done. ``result`` is an excerpt of the response or the returned value as JSON."""

    status: ClassVar[str] = "succeeded"
    at: datetime
    result: str
    tally: Tally


@frozen(kw_only=True)
class Failed:
    """Dead: given up for ``reason`` after ``failure``."""

    status: ClassVar[str] = "failed"
    at: datetime
    failure: Failure
    reason: GiveUpReason
    tally: Tally


@frozen(kw_only=True)
class Cancelled:
    """Cancelled for ``reason``, before or during a run."""

    status: ClassVar[str] = "cancelled"
    at: datetime
    reason: str
    tally: Tally


@frozen(kw_only=True)
class Expired:
    """Never started until its ``start_by``."""

    status: ClassVar[str] = "expired"
    at: datetime
    tally: Tally


State: TypeAlias = Pending | Running | Cancelling | Succeeded | Failed | Cancelled | Expired
Held: TypeAlias = Running | Cancelling

STATES: Final[tuple[type[State], ...]] = (Pending, Running, Cancelling, Succeeded, Failed, Cancelled, Expired)
LIVE: Final[tuple[type[State], ...]] = (Pending, Running, Cancelling)
TERMINAL: Final[tuple[type[State], ...]] = (Succeeded, Failed, Cancelled, Expired)

LIVE_STATUSES: Final = frozenset(state.status for state in LIVE)
TERMINAL_STATUSES: Final = frozenset(state.status for state in TERMINAL)

API_STATUS: Final[dict[str, str]] = {
    Pending.status: "queued",
    Running.status: "working",
    Cancelling.status: "working",
    Succeeded.status: "success",
    Failed.status: "failure",
    Cancelled.status: "cancelled",
    Expired.status: "expired",
}
"""The names that Mergent's API gives the states (its clients know the first, second, fourth and fifth)."""
