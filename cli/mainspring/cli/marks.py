"""What the clocks do to a rule, told at the instants concerned.

Rules:

* A *change* of the clocks is shown where it lies, if it leaves the local times on its two sides with different offsets,
  or if it leaves out or repeats a time of the rule.
* An instant that stands for a time in a gap is marked with that time; one whose local time is repeated, with its pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from attrs import evolve, frozen

from mainspring.core.instants import format_instant
from mainspring.core.recurrence import Cron, Interval, Recurrence, RRule, Shift, between, load_zone, next_shift
from mainspring.core.recurrence.rrule_elapsed import UNITS

MAX_TIMES: Final = 10
MAX_WORDS: Final = 3

_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)
_HALF_A_DAY: Final = timedelta(hours=12)


@frozen(kw_only=True)
class Change:
    """A change of the clocks, and the civil times (naive) of the rule that it leaves out or repeats, at most ten."""

    shift: Shift
    times: tuple[datetime, ...]

    def document(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "at": format_instant(self.shift.at),
            "kind": "gap" if self.shift.is_gap else "fold",
            "from": self.shift.civil_start.isoformat(),
            "to": self.shift.civil_end.isoformat(),
            "offset_before": offset_words(self.shift.before),
            "offset_after": offset_words(self.shift.after),
            "times": [time.isoformat() for time in self.times],
        }


@frozen(kw_only=True)
class Fire:
    """An instant at which a rule fires, its local time, and what is to be said of it ("" if nothing)."""

    utc: datetime
    local: datetime
    mark: str

    def document(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "utc": format_instant(self.utc),
            "local": self.local.isoformat(),
            "zone": self.local.strftime("%Z"),
            "mark": self.mark or None,
        }


def timeline(rule: Recurrence, zone_name: str, after: datetime, instants: list[datetime]) -> Iterator[Fire | Change]:
    """Give the instants and, between them, the changes of the clocks that matter, in order."""
    before = after
    for instant in instants:
        local = local_time(instant, zone_name)
        changes = list(_changes(rule, zone_name, before, instant))
        differs = local_time(before, zone_name).utcoffset() != local.utcoffset()
        for change in changes:
            if change.times or (differs and change is changes[-1]):
                yield change
        yield Fire(utc=instant, local=local, mark=_mark(rule, local))
        before = instant


def local_time(instant: datetime, zone_name: str) -> datetime:
    """Give the local time of an instant; it stays in UTC where the local year would be 0 or 10000."""
    try:
        return instant.astimezone(load_zone(zone_name))
    except OverflowError:
        return instant


def _changes(rule: Recurrence, zone_name: str, start: datetime, end: datetime) -> Iterator[Change]:
    zone = load_zone(zone_name)
    shift = next_shift(zone, start, end)
    while shift is not None:
        yield Change(shift=shift, times=civil_times(rule, shift))
        shift = next_shift(zone, shift.at, end)


def civil_times(rule: Recurrence, shift: Shift) -> tuple[datetime, ...]:
    """Give the civil times of the rule within a gap or fold: those of the same rule in a zone without shifts."""
    plain = _without_zone(rule)
    if plain is None:
        return ()
    start, end = shift.civil_start.replace(tzinfo=UTC), shift.civil_end.replace(tzinfo=UTC)
    return tuple(time.replace(tzinfo=None) for time in between(plain, start - _TICK, end - _TICK, MAX_TIMES))


def _without_zone(rule: Recurrence) -> Recurrence | None:
    if isinstance(rule, Interval):
        return None
    if isinstance(rule, Cron):
        return evolve(rule, timezone="UTC")
    rules = tuple(part for part in rule.rules if part.freq not in UNITS)
    if not rules:
        return None
    return evolve(rule, rules=rules, timezone="UTC", dtstart=rule.start.replace(tzinfo=UTC), rdates=(), exdates=())


def _mark(rule: Recurrence, local: datetime) -> str:
    zone = local.tzinfo
    assert zone is not None  # noqa: S101  it was made so
    civil = local.replace(tzinfo=None, fold=0)
    first, second = (civil.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    if first != second:  # a local time that exists and has two offsets is repeated
        return f"fold: {'second' if local.fold else 'first'} pass of {clock(civil)}"
    missed = _missed(rule, local)
    if not missed:
        return ""
    times, one = few([clock(time) for time in missed]), len(missed) == 1
    verbs = ("does", "runs") if one else ("do", "run")
    return f"gap: {times} {verbs[0]} not exist, {verbs[1]} at {clock(civil)} {local:%Z}"


def _missed(rule: Recurrence, local: datetime) -> tuple[datetime, ...]:
    """Give the times of a gap that an instant right after it, or within its length, stands for."""
    zone, instant = local.tzinfo, local.astimezone(UTC)
    assert zone is not None  # noqa: S101  it was made so
    shift = next_shift(zone, instant - min(_DAY, instant - _FIRST), instant)
    gap = gap_policy(rule, shift) if shift is not None and shift.is_gap else "skip"
    if shift is None or gap == "skip" or instant >= shift.at + shift.length:
        return ()
    times = civil_times(rule, shift)
    if gap == "after":
        return times if instant == shift.at else ()
    return tuple(time for time in times if time - shift.before == instant.replace(tzinfo=None))


def gap_policy(rule: Recurrence, shift: Shift) -> str:
    """Give what becomes of a time in a gap."""
    if isinstance(rule, Cron):
        return rule.policy.gap_at(shift)
    return rule.gap if isinstance(rule, RRule) else "skip"


def change_words(change: Change, rule: Recurrence, zone_name: str) -> str:
    """Say what a change does, and which times are left out: ``clocks go back, 03:00 to 02:00 (CEST +02:00 to …)``."""
    shift, zone = change.shift, load_zone(zone_name)
    before, after = (shift.at - _TICK).astimezone(zone), shift.at.astimezone(zone)
    span = (shift.civil_start, shift.civil_end) if shift.is_gap else (shift.civil_end, shift.civil_start)
    far = shift.length >= _HALF_A_DAY
    start, end = (f"{moment:%Y-%m-%d} {clock(moment)}" if far else clock(moment) for moment in span)
    names = f"{_named(before, shift.before)} to {_named(after, shift.after)}"
    words = f"clocks go {'forward' if shift.is_gap else 'back'}, {start} to {end} ({names})"
    if not (change.times and shift.is_gap and gap_policy(rule, shift) == "skip"):
        return words
    one = len(change.times) == 1
    verbs = ("does", "is") if one else ("do", "are")
    return f"{words}: {few([clock(time) for time in change.times])} {verbs[0]} not exist and {verbs[1]} left out"


def _named(local: datetime, offset: timedelta) -> str:
    name, shown = local.strftime("%Z"), offset_words(offset)
    return shown if name[:1] in "+-" else f"{name} {shown}"


def offset_words(offset: timedelta) -> str:
    """Write an offset: ``+01:00``."""
    seconds = abs(offset) // timedelta(seconds=1)
    sign = "-" if offset < timedelta(0) else "+"
    text = f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}"
    return f"{text}:{seconds % 60:02}" if seconds % 60 else text


def few(words: list[str]) -> str:
    """Join the first few words as in a sentence."""
    kept = words if len(words) <= MAX_WORDS else [*words[:MAX_WORDS], "more"]
    return kept[0] if len(kept) == 1 else f"{', '.join(kept[:-1])} and {kept[-1]}"


def clock(time: datetime) -> str:
    """Write the time of the day, with seconds where there are any."""
    return f"{time:%H:%M:%S}" if time.second else f"{time:%H:%M}"
