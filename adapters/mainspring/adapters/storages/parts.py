"""Which parts of a task a decision may change: storages that keep the parts apart write only those."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

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
    TaskExpired,
    TaskFailed,
)

STATE_ONLY: Final[frozenset[type[Event]]] = frozenset(
    {
        CancelAsked,
        LeaseExtended,
        ReportDropped,
        RetryScheduled,
        RunNoted,
        RunReleased,
        RunSnoozed,
        RunStarted,
        RunSucceeded,
        TaskCancelled,
        TaskExpired,
        TaskFailed,
    }
)
"""Events that change nothing of a task but its state and version: its body need not be written again."""


def changes_body(events: Sequence[Event]) -> bool:
    """Tell whether events may have changed more than state and version."""
    return not all(type(event) in STATE_ONLY for event in events)
