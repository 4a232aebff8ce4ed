"""The chain of a schedule: what it does next, or what became of one instant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from mainspring.core.instants import format_instant, require_utc
from mainspring.core.recurrence import between, explain, next_after
from mainspring.core.schedule import Coalesced, Schedule, Slot
from mainspring.core.why.of_slot import outcome_of
from mainspring.core.why.reasons import Reason, noted, span

MAX_HOPS: Final = 10
"""How far the chain follows an occurrence that was coalesced into another, and so on."""

_TICK: Final = timedelta(microseconds=1)


def why_schedule(
    schedule: Schedule, *, slots: Sequence[Slot], at: datetime, instant: datetime | None = None
) -> tuple[Reason, ...]:
    """Tell what ``schedule`` does at instant ``at``, or what became of its occurrence at ``instant``.

    ``slots`` are its records, in any order, as many as were read; one that counts a row of occurrences speaks of each.
    """
    rule = Reason(stage="rule", at=None, text=f"Its rule: {explain(schedule.recurrence)}.", fact="schedule.recurrence")
    if instant is None:
        return (rule, *_state(schedule, slots, at))
    asked = require_utc("instant", instant)
    found = sorted((slot for slot in slots if slot.occurrence <= asked <= slot.until), key=_nearness)
    if not found:
        return (rule, _absent(schedule, len(slots), asked, at))
    return (rule, *(reason for slot in found for reason in _recorded(schedule, slot, slots, asked)))


def _nearness(slot: Slot) -> tuple[bool, int]:
    """The rule's own occurrence before what was asked for by hand, one of its own before a row."""
    return slot.manual, slot.count


# --- what it does now ----------------------------------------------------------------------------------------------


def _state(schedule: Schedule, slots: Sequence[Slot], at: datetime) -> Iterator[Reason]:
    newest = max(slots, key=lambda slot: (slot.at, slot.until), default=None)
    if newest is not None:
        yield _occurrence(newest, newest.until, "The last record")
        yield outcome_of(newest, schedule)
    if schedule.paused is not None:
        since = format_instant(schedule.paused.at)
        text = f"It is paused since {since}{noted(schedule.paused.note)}: its occurrences are skipped."
        yield Reason(stage="gate", at=schedule.paused.at, text=text, fact="schedule.paused")
    if schedule.waiting:
        first = schedule.waiting[0].occurrence
        text = (
            f"{len(schedule.waiting)} of its occurrences wait for a task to end (overlap {schedule.overlap}), "
            f"the first of them {format_instant(first)}."
        )
        yield Reason(stage="gate", at=first, text=text, fact="schedule.waiting")
    yield _ended(schedule) if schedule.next_at is None else _coming(schedule.next_at, at)


def _coming(next_at: datetime, at: datetime) -> Reason:
    if next_at > at:
        text = f"Its next occurrence is {format_instant(next_at)}, in {span(next_at - at)}."
        return Reason(stage="occurrence", at=next_at, text=text, fact="schedule.next_at")
    text = (
        f"Its occurrence {format_instant(next_at)} came due {span(at - next_at)} ago, and no worker has planned it yet."
    )
    return Reason(stage="gate", at=next_at, text=text, fact="schedule.next_at")


def _ended(schedule: Schedule) -> Reason:
    waiting = sum(1 for due in schedule.waiting if not due.manual)
    if schedule.max_runs is not None and schedule.runs + waiting >= schedule.max_runs:
        text = f"It has no next occurrence: it has come to its {schedule.max_runs} runs (max_runs)."
        return Reason(stage="rule", at=schedule.last_fired, text=text, fact="schedule.max_runs")
    if schedule.ends_at is not None:
        text = f"It has no next occurrence up to its end, {format_instant(schedule.ends_at)} (ends_at)."
        return Reason(stage="rule", at=schedule.ends_at, text=text, fact="schedule.ends_at")
    text = "It has no next occurrence: its rule has come to its end."
    return Reason(stage="rule", at=schedule.last_fired, text=text, fact="schedule.next_at")


# --- what became of an instant -------------------------------------------------------------------------------------


def _recorded(schedule: Schedule, slot: Slot, slots: Sequence[Slot], instant: datetime) -> Iterator[Reason]:
    yield _occurrence(slot, instant, "The instant" if slot.manual else "The occurrence")
    if instant not in (slot.occurrence, slot.until) and not _named(schedule, instant):
        text = f"The rule as it is now does not name {format_instant(instant)}: the record's may have been another."
        yield Reason(stage="rule", at=instant, text=text, fact="schedule.recurrence")
    for _ in range(MAX_HOPS):
        yield outcome_of(slot, schedule)
        into = slot.outcome.into if isinstance(slot.outcome, Coalesced) else None
        following = [one for one in slots if one.occurrence == into and one != slot]
        if into is None or not following:
            return
        slot = min(following, key=_nearness)
        yield _occurrence(slot, into, "That occurrence")


def _occurrence(slot: Slot, instant: datetime, what: str) -> Reason:
    if slot.manual:
        text = f"{what} {format_instant(instant)} was run by hand."
    elif slot.count == 1:
        text = f"{what} is of {format_instant(instant)}."
    else:
        first, last = format_instant(slot.occurrence), format_instant(slot.until)
        text = f"{what} {format_instant(instant)} is in a record of {slot.count}, from {first} to {last}."
    return Reason(stage="occurrence", at=instant, text=text, fact="slot")


def _named(schedule: Schedule, instant: datetime) -> bool:
    return bool(between(schedule.recurrence, instant - _TICK, instant, limit=1))


def _absent(schedule: Schedule, known: int, instant: datetime, at: datetime) -> Reason:
    """Tell why no record speaks of ``instant``."""
    when = format_instant(instant)
    if instant < schedule.created_at:
        text = f"At {when} the schedule did not exist yet: it was created at {format_instant(schedule.created_at)}."
        return Reason(stage="rule", at=schedule.created_at, text=text, fact="schedule.created_at")
    if not _named(schedule, instant):
        following = next_after(schedule.recurrence, instant)
        then = "there is none after it" if following is None else f"the next one is {format_instant(following)}"
        text = f"{when} is no occurrence of the rule; {then}."
        return Reason(stage="rule", at=instant, text=text, fact="schedule.recurrence")
    if schedule.starts_at is not None and instant < schedule.starts_at:
        text = f"{when} lies before the schedule's start, {format_instant(schedule.starts_at)} (starts_at)."
        return Reason(stage="rule", at=schedule.starts_at, text=text, fact="schedule.starts_at")
    if schedule.ends_at is not None and instant > schedule.ends_at:
        text = f"{when} lies behind the schedule's end, {format_instant(schedule.ends_at)} (ends_at)."
        return Reason(stage="rule", at=schedule.ends_at, text=text, fact="schedule.ends_at")
    if schedule.next_at is not None and instant >= schedule.next_at:
        return _to_come(instant, at)
    if schedule.next_at is None and (schedule.last_fired is None or instant > schedule.last_fired):
        return _ended(schedule)
    text = f"None of the {known} records that were read speaks of {when}: an edit of the rule, or more records, may."
    return Reason(stage="outcome", at=instant, text=text, fact="slots")


def _to_come(instant: datetime, at: datetime) -> Reason:
    when = format_instant(instant)
    if instant > at:
        text = f"{when} is an occurrence of the rule, and still to come: in {span(instant - at)}."
        return Reason(stage="occurrence", at=instant, text=text, fact="schedule.next_at")
    text = f"The occurrence {when} came due {span(at - instant)} ago, and no worker has planned it yet."
    return Reason(stage="gate", at=instant, text=text, fact="schedule.next_at")
