"""What a slot record says became of an occurrence, and by which policy."""

from __future__ import annotations

from typing import assert_never

from mainspring.core.instants import format_instant
from mainspring.core.schedule import AtMost, Buffered, Coalesced, Created, Schedule, Skipped, SkipReason, Slot
from mainspring.core.schedule.values import MAX_WAITING, PROMPT
from mainspring.core.why.reasons import Reason, behind, noted, span


def outcome_of(slot: Slot, schedule: Schedule | None) -> Reason:
    """Tell what became of the slot's occurrence; ``schedule`` is as it is now (None: not there any more)."""
    outcome = slot.outcome
    match outcome:
        case Created(task_id=task_id):
            text = f"It was planned {behind(slot.at - slot.occurrence, 'it came due')}, and made task {task_id}."
            text += "" if slot.manual else _late(slot, schedule)
            return Reason(stage="policy", at=slot.at, text=text, fact="slot")
        case Skipped(reason=reason):
            return Reason(stage="policy", at=slot.at, text=_skipped(slot, reason, schedule), fact="slot")
        case Coalesced(into=into):
            text = f"The later occurrence {format_instant(into)} stands for it."
            return Reason(stage="policy", at=slot.at, text=text, fact="slot")
        case Buffered():
            text = "An earlier task of its schedule had not ended, so it waits for its turn."
            return Reason(stage="gate", at=slot.at, text=text, fact="slot")
        case _:
            assert_never(outcome)


def _late(slot: Slot, schedule: Schedule | None) -> str:
    """Why one may be planned late; the record does not say which of the two it was."""
    if slot.at - slot.occurrence <= PROMPT:
        return ""
    policies = "" if schedule is None else f" (overlap {schedule.overlap}, catch-up {_catch_up(schedule)})"
    return f" It had waited for an earlier task, or was caught up{policies}."


def _catch_up(schedule: Schedule) -> str:
    mode = schedule.catch_up.mode
    words = f"at most {mode.count}" if isinstance(mode, AtMost) else mode
    return f"{words} within {span(schedule.catch_up.window)}"


def _skipped(slot: Slot, reason: SkipReason, schedule: Schedule | None) -> str:
    whom = "It was" if slot.count == 1 else f"It was one of {slot.count} occurrences that were"
    late = span(slot.at - slot.occurrence)
    caught = "" if schedule is None else f" (now: {_catch_up(schedule)})"
    match reason:
        case "overlap":
            policy = "" if schedule is None else f" (now: {schedule.overlap})"
            return f"{whom} skipped: an earlier task had not ended, and the overlap policy let no more wait{policy}."
        case "paused":
            paused = None if schedule is None else schedule.paused
            note = "" if paused is None or paused.at > slot.at else noted(paused.note)
            return f"{whom} skipped: the schedule was paused{note}."
        case "outside_window":
            return f"{whom} skipped: seen {late} late, it lay outside the catch-up window{caught}."
        case "missed":
            return f"{whom} skipped: seen {late} late, it was not among those that catch-up takes{caught}."
        case "buffer_full":
            return f"{whom} skipped: {MAX_WAITING} occurrences waited already, which is all that may."
        case "excluded":
            return f"{whom} skipped: somebody asked for that."
        case _:
            assert_never(reason)
