"""Cron over the shifts of a zone: the next instant, by Debian cron's rule or one that was chosen.

Debian's rule (crontab(8) NOTES and the main loop of cron.c), the default:

* A *wildcard* job, whose minute or hour field starts with ``*``, fires at each real minute whose wall clock matches:
  never in a gap, twice in a fold.
* A *fixed* job that falls into a gap fires once, at the first instant after the gap; several such times are one.
  In a fold it fires in the first pass only.
* A gap of three hours or more, or a fold of more than three, is a correction of the clock, not a change of season:
  nothing is made up for, nothing is held back. (The loop counts a minute more forwards than backwards, so exactly
  three hours are a correction forwards and a season backwards. Casey station does both.)

A named gap or fold policy holds for every job and for every shift, however long.

The search runs in civil time, where a match is bit arithmetic, and only touches the zone to turn a match into an
instant. Between two shifts that is one subtraction; the *calm* of a zone remembers such a stretch. Near a shift the
two sides are searched apart and the earlier instant wins.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, assert_never
from zoneinfo import ZoneInfo

from attrs import frozen

from mainspring.core.recurrence.calm import Calm, calm_offset
from mainspring.core.recurrence.cron_masks import CYCLE_YEARS, Masks
from mainspring.core.recurrence.dst import (
    FIRST_INSTANT,
    Fold,
    Gap,
    Shift,
    next_shift,
    offset_at,
    offsets,
    shift_around,
)

SEASON: Final = timedelta(hours=3)

_TICK: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)


@frozen
class Policy:
    """What happens to a fire time that a gap leaves out or a fold repeats; None is Debian's rule."""

    wildcard: bool
    gap: Gap | None
    fold: Fold | None

    def gap_at(self, shift: Shift) -> Gap:
        """Give the rule for one gap."""
        if self.gap is not None:
            return self.gap
        return "skip" if self.wildcard or shift.length >= SEASON else "after"

    def fold_at(self, shift: Shift) -> Fold:
        """Give the rule for one fold."""
        if self.fold is not None:
            return self.fold
        return "both" if self.wildcard or shift.length > SEASON else "first"


def next_instant(masks: Masks, policy: Policy, memo: Calm, after: datetime) -> datetime | None:
    """Give the first instant (UTC) after ``after`` (UTC) at which the cron fires in the zone, or None."""
    start, end, offset = memo.stretch
    if start <= after < end:
        civil = masks.next(after + offset, UTC)
        if civil is not None:
            found = civil - offset
            if found < end:
                return found
    else:
        memo.learn(after)
    try:
        return _plain(masks, memo.zone, after) or _search(masks, policy, memo.zone, after)
    except OverflowError:  # the next match is later than the last instant of the year 9999 in UTC
        return None


def _plain(masks: Masks, zone: ZoneInfo, after: datetime) -> datetime | None:
    """Give the next instant where no shift has a say, else None: a shortcut through ``_search``, nothing more."""
    offset = calm_offset(zone, after)
    civil = None if offset is None else masks.next(after + offset, UTC)
    offset = None if civil is None else calm_offset(zone, civil)
    return None if civil is None or offset is None else civil - offset


def _search(masks: Masks, policy: Policy, zone: ZoneInfo, after: datetime) -> datetime | None:
    """Go from match to match in civil time; each round finds an instant or passes one shift."""
    offset = offset_at(after, zone)
    if after - FIRST_INSTANT < -offset:  # locally before the year 1, where there is no civil time to start from
        if masks.matches(FIRST_INSTANT):
            return FIRST_INSTANT - offset
        floor = FIRST_INSTANT
    else:
        floor = after + offset
    shift = _shift_behind(policy, zone, floor, after)
    if shift is not None:
        found = _near(masks, policy, shift, after)
        if found is not None:
            return found
        floor = max(floor, _marked(shift.civil_end) - _TICK)  # the second pass of a fold has been judged
    return _search_ahead(masks, policy, zone, after, floor)


def _search_ahead(masks: Masks, policy: Policy, zone: ZoneInfo, after: datetime, floor: datetime) -> datetime | None:
    last_year = floor.year + CYCLE_YEARS
    civil = masks.next(floor, UTC)
    while civil is not None and civil.year <= last_year:
        first, second = offsets(civil, zone)
        if first == second:
            return civil - first
        shift = shift_around(civil.replace(tzinfo=None), zone)
        found = _near(masks, policy, shift, after)
        if found is not None:
            return found
        civil = masks.next(_marked(shift.civil_end) - _TICK, UTC)
    return None


def _shift_behind(policy: Policy, zone: ZoneInfo, civil: datetime, after: datetime) -> Shift | None:
    """Give the shift that still has a say about what follows ``after``: its fold, or a gap it made up late."""
    first, second = offsets(civil, zone)
    if first != second:
        return shift_around(civil.replace(tzinfo=None), zone)
    if policy.gap == "offset_before" and after - FIRST_INSTANT > _DAY:
        shift = next_shift(zone, after - _DAY, after)
        if shift is not None and shift.is_gap and after < shift.at + shift.length:
            return shift
    return None


def _near(masks: Masks, policy: Policy, shift: Shift, after: datetime) -> datetime | None:
    """Give the first instant after ``after`` that a match in the shift's gap or fold stands for."""
    if shift.is_gap:
        return _near_gap(masks, policy.gap_at(shift), shift, after)
    rule = policy.fold_at(shift)
    start, end = _marked(shift.civil_start), _marked(shift.civil_end)
    first = None if rule == "second" else _match(masks, after, shift.before, start, end)
    second = None if rule == "first" else _match(masks, after, shift.after, start, end)
    return second if first is None else first


def _near_gap(masks: Masks, rule: Gap, shift: Shift, after: datetime) -> datetime | None:
    match rule:
        case "skip":
            return None
        case "after":
            return shift.at
        case "offset_before":
            start, end = _marked(shift.civil_start), _marked(shift.civil_end)
            missed = _match(masks, after, shift.before, start, end)
            real = _match(masks, after, shift.after, end, end + shift.length)
            found = [instant for instant in (missed, real) if instant is not None]
            return min(found, default=None)
        case _:
            assert_never(rule)


def _match(masks: Masks, after: datetime, offset: timedelta, start: datetime, end: datetime) -> datetime | None:
    """Give the first match after ``after`` within the civil times [start, end), read with one offset."""
    civil = masks.next(max(after + offset, start - _TICK), UTC)
    return civil - offset if civil is not None and civil < end else None


def _marked(civil: datetime) -> datetime:
    """Mark a civil time as UTC: within the search, civil times are compared and shifted like instants."""
    return civil.replace(tzinfo=UTC)
