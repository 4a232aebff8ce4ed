"""What is told of a task or a schedule, and what is foreseen of one: what that is put together from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from attrs import frozen

from mainspring.adapters.operations.intake import Duration, Instant, duration_of, instant_of
from mainspring.core.errors import InvalidInput
from mainspring.core.instants import MAX_DURATION, format_duration
from mainspring.core.schedule import Coalesced, Slot
from mainspring.core.states import Cancelling, Running
from mainspring.core.task import Fired, RunByHand, Task
from mainspring.core.why import Reason

DEFAULT_SPAN: Final = "366d"
"""How far a preview looks unless its end is given."""
DEFAULT_ROWS: Final = 100
NEARBY: Final = 100
"""How many records before an instant are looked at for those that speak of it."""
LOOKS: Final = 3
"""How often a task that changes while it is read is read again."""
MAX_HELD_PAGES: Final = 10
"""How many pages of tasks that run are counted at most, to tell which limit of a queue is reached."""


@frozen(kw_only=True)
class Explanation:
    """The chain of decisions about a task or a schedule, as ``mainspring.core.why`` tells it at instant ``at``."""

    subject: Literal["task", "schedule"]
    id: str
    at: datetime
    reasons: tuple[Reason, ...]


def end_of(until: Instant | None, span: Duration | None, at: datetime) -> datetime:
    """When a preview that starts at ``at`` ends: at an instant, or so long after its start; not both."""
    if until is not None:
        if span is not None:
            raise InvalidInput("until", "an end and a length were given", "give one of them")
        return instant_of("until", until)
    length = duration_of("span", DEFAULT_SPAN if span is None else span)
    if not timedelta(0) <= length <= MAX_DURATION:
        raise InvalidInput("span", f"{format_duration(length)} is out of range", "use 0s to 100 years")
    return at + length


def running_by_key(held: Sequence[Task], at: datetime) -> Mapping[str, int]:
    """Count the tasks whose lease has not ended, by key, as a queue's gate is shown them."""
    live = (task for task in held if isinstance(task.state, Running | Cancelling) and task.state.lease_until > at)
    return Counter(task.key or "" for task in live)


def record_of(task: Task, nearby: Sequence[Slot]) -> Slot | None:
    """Find the slot record of a task among those near its occurrence."""
    if not isinstance(task.origin, Fired | RunByHand):
        return None
    key = (task.origin.occurrence, isinstance(task.origin, RunByHand))
    return next((slot for slot in nearby if (slot.occurrence, slot.manual) == key), None)


def leads_to(slots: Sequence[Slot], instant: datetime) -> datetime | None:
    """The later occurrence that stands for the one at ``instant``, if a record says so."""
    into = [s.outcome.into for s in slots if s.occurrence <= instant <= s.until and isinstance(s.outcome, Coalesced)]
    return into[0] if into else None
