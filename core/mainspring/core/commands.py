"""Commands: what somebody wants of a task. Imperatives; each carries the instant ``at`` of the storage's clock.

Commands of a worker (``Heartbeat`` to ``ConfirmCancel``) name the run that they speak of; if that run is not the
current one they raise ``StaleRun`` and change nothing. Chance arrives as ``entropy`` in [0, 1).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import Final, Literal, TypeAlias, TypeVar

from attrs import Attribute, field, frozen

from mainspring.core.errors import InvalidInput
from mainspring.core.retry import Failure, RetryPolicy
from mainspring.core.task import Call, FollowUp


class Unset(Enum):
    """The value of a field that an edit leaves alone."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
T = TypeVar("T")
Change: TypeAlias = T | Literal[Unset.UNSET]


@frozen(kw_only=True)
class Start:
    """Take a due task: begin a run that ``worker`` holds for ``lease``."""

    at: datetime
    worker: str
    lease: timedelta


@frozen(kw_only=True)
class Heartbeat:
    """Hold on to run ``run`` for another ``lease`` from ``at``."""

    at: datetime
    run: int
    lease: timedelta


@frozen(kw_only=True)
class Succeed:
    """Run ``run`` did its work; ``result`` is an excerpt to keep."""

    at: datetime
    run: int
    result: str = ""


@frozen(kw_only=True)
class Fail:
    """Run ``run`` ended without doing its work."""

    at: datetime
    run: int
    failure: Failure
    entropy: float


@frozen(kw_only=True)
class Snooze:
    """Run ``run`` asks to be run again in ``wait``, without burning an attempt."""

    at: datetime
    run: int
    wait: timedelta
    entropy: float


@frozen(kw_only=True)
class Release:
    """The worker of run ``run`` shuts down and gives the task back, without burning an attempt."""

    at: datetime
    run: int


@frozen(kw_only=True)
class ConfirmCancel:
    """Run ``run`` was stopped as asked."""

    at: datetime
    run: int


@frozen(kw_only=True)
class LoseLease:
    """Reclaim a run whose lease has ended: its worker is taken for dead."""

    at: datetime
    entropy: float


MAX_REASON: Final = 2_000


def _check_reason(instance: object, attribute: Attribute[str], value: str) -> None:
    if len(value) > MAX_REASON:
        raise InvalidInput("reason", f"{len(value)} characters", f"use at most {MAX_REASON}")


@frozen(kw_only=True)
class Cancel:
    """Do not run the task (any more); a running one is asked to stop."""

    at: datetime
    reason: str = field(default="by request", validator=_check_reason)


@frozen(kw_only=True)
class Expire:
    """End a task that was not started by its ``start_by``."""

    at: datetime


@frozen(kw_only=True)
class Edit:
    """Change a pending task; fields left ``UNSET`` stay as they are."""

    at: datetime
    due: Change[datetime] = UNSET
    call: Change[Call] = UNSET
    queue: Change[str] = UNSET
    name: Change[str | None] = UNSET
    priority: Change[int] = UNSET
    retry: Change[RetryPolicy] = UNSET
    timeout: Change[timedelta] = UNSET
    key: Change[str | None] = UNSET
    start_by: Change[datetime | None] = UNSET
    on_success: Change[FollowUp | None] = UNSET
    on_failure: Change[FollowUp | None] = UNSET


@frozen(kw_only=True)
class RunNow:
    """Bring a pending task forward to now; repeating it within ``REPEAT_WINDOW`` changes nothing."""

    at: datetime


@frozen(kw_only=True)
class Requeue:
    """Run an ended task again; ``reset`` gives it its attempts back. Its history stays."""

    at: datetime
    reset: bool = True


MAX_NOTE: Final = 2_000


@frozen(kw_only=True)
class Note:
    """Run ``run`` says how far it is: a line of text, and a fraction from 0 to 1 if it knows one."""

    at: datetime
    run: int
    text: str = ""
    progress: float | None = None


@frozen(kw_only=True)
class DropReport:
    """Record that a report of run ``run`` came too late and changed nothing; ``report`` says what it reported."""

    at: datetime
    run: int
    worker: str
    report: str


Command: TypeAlias = (
    Start
    | Heartbeat
    | Succeed
    | Fail
    | Snooze
    | Release
    | ConfirmCancel
    | LoseLease
    | Cancel
    | Expire
    | Edit
    | RunNow
    | Requeue
    | Note
    | DropReport
)
