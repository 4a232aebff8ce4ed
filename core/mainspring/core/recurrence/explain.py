"""Recurrences for people: ``explain`` in plain English, ``describe_dst`` for the next shift that matters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, assert_never

from attrs import evolve, frozen

from mainspring.core.instants import format_instant
from mainspring.core.recurrence.cron import Cron
from mainspring.core.recurrence.cron_words import sentence
from mainspring.core.recurrence.dst import (
    LAST_INSTANT,
    Fold,
    Gap,
    Shift,
    instants,
    load_zone,
    next_shift,
    utc_instant,
    utc_to_civil,
)
from mainspring.core.recurrence.interval import Interval
from mainspring.core.recurrence.kinds import Recurrence, between, next_after
from mainspring.core.recurrence.rrule import RRule
from mainspring.core.recurrence.rrule_elapsed import UNITS
from mainspring.core.recurrence.wording import duration, joined

SHIFT_HORIZON: Final = timedelta(days=3653)
MAX_TIMES: Final = 10
MAX_WORDS: Final = 3

_TICK: Final = timedelta(microseconds=1)
_A_LEAP_CYCLE_STARTS: Final = datetime(2000, 1, 1, tzinfo=UTC)
_GAP_WORDS: Final = {
    "after": "a time that the clocks skip fires right after the gap",
    "skip": "a time that the clocks skip does not fire",
    "offset_before": "a time that the clocks skip fires by the offset before the gap",
}
_FOLD_WORDS: Final = {
    "first": "a time that the clocks repeat fires the first time",
    "second": "a time that the clocks repeat fires the second time",
    "both": "a time that the clocks repeat fires both times",
}


def explain(recurrence: Recurrence) -> str:
    """Say in plain English when the recurrence fires: 24-hour clock, the zone, and any DST policy that was chosen."""
    match recurrence:
        case Cron():
            return _explain_cron(recurrence)
        case RRule():
            return recurrence.explain()
        case Interval():
            every, anchor = duration(recurrence.every), format_instant(recurrence.anchor)
            return f"Every {every} of elapsed time, counted from {anchor}"
        case _:
            assert_never(recurrence)


def _explain_cron(cron: Cron) -> str:
    zone = "UTC" if cron.timezone == "UTC" else f"{cron.timezone} time"
    words = f"{sentence(cron.fields)}, {zone}"
    if cron.masks.next(_A_LEAP_CYCLE_STARTS, UTC) is None:
        return f"Never, since no year has such a day: {words[0].lower()}{words[1:]}"
    if cron.gap is not None:
        words += f"; {_GAP_WORDS[cron.gap]}"
    if cron.fold is not None:
        words += f"; {_FOLD_WORDS[cron.fold]}"
    return words


@frozen(kw_only=True)
class ShiftEffect:
    """What the next shift of its zone does to a recurrence.

    ``times`` are the civil times (naive, at most ten) that would fire and that the shift leaves out or repeats;
    ``fires`` are the instants (UTC, at most ten) at which they do.
    """

    timezone: str
    shift: Shift
    times: tuple[datetime, ...]
    fires: tuple[datetime, ...]
    text: str


def describe_dst(recurrence: Recurrence, after: datetime) -> ShiftEffect | None:
    """Give the first shift after ``after`` (aware) that leaves out or repeats a fire time; None within ten years.

    An interval counts elapsed time, and so do the HOURLY and finer rules of an RRULE: no shift affects them.
    """
    since = utc_instant("after", after)
    plain = None if isinstance(recurrence, Interval) else _without_zone(recurrence)
    if isinstance(recurrence, Interval) or plain is None:
        return None
    zone = load_zone(recurrence.timezone)
    until = since + min(SHIFT_HORIZON, LAST_INSTANT - since)
    shift = next_shift(zone, since, until)
    while shift is not None:
        times = _civil_times(plain, shift)
        if times:
            return _effect(recurrence, shift, times)
        shift = next_shift(zone, shift.at, until)
    return None


def _civil_times(plain: Cron | RRule, shift: Shift) -> tuple[datetime, ...]:
    """Give the civil times (naive) within the gap or fold, by the same rule in a zone without shifts."""
    start, end = shift.civil_start.replace(tzinfo=UTC), shift.civil_end.replace(tzinfo=UTC)
    times = between(plain, start - _TICK, end - _TICK, MAX_TIMES)
    return tuple(time.replace(tzinfo=None) for time in times)


def _without_zone(recurrence: Cron | RRule) -> Cron | RRule | None:
    if isinstance(recurrence, Cron):
        return evolve(recurrence, timezone="UTC")
    rules = tuple(rule for rule in recurrence.rules if rule.freq not in UNITS)
    if not rules:
        return None
    start = recurrence.start.replace(tzinfo=UTC)
    return evolve(recurrence, rules=rules, timezone="UTC", dtstart=start, rdates=(), exdates=())


def _effect(recurrence: Cron | RRule, shift: Shift, times: tuple[datetime, ...]) -> ShiftEffect:
    zone = load_zone(recurrence.timezone)
    gap, fold = _policy(recurrence, shift)
    meant = sorted({instant for time in times for instant in instants(time, zone, gap=gap, fold=fold)})
    fires = tuple(instant for instant in meant if next_after(recurrence, instant - _TICK) == instant)
    return ShiftEffect(
        timezone=recurrence.timezone,
        shift=shift,
        times=times,
        fires=fires[:MAX_TIMES],
        text=_effect_words(recurrence.timezone, shift, times, fires),
    )


def _policy(recurrence: Cron | RRule, shift: Shift) -> tuple[Gap, Fold]:
    if isinstance(recurrence, RRule):
        return recurrence.gap, recurrence.fold
    return recurrence.policy.gap_at(shift), recurrence.policy.fold_at(shift)


def _effect_words(timezone: str, shift: Shift, times: tuple[datetime, ...], fires: tuple[datetime, ...]) -> str:
    """Say it in a sentence: ``Europe/Berlin skips 2024-03-31 02:00 to 03:00: 02:30 fires at 03:00 (01:00 UTC)``."""
    zone = load_zone(timezone)
    verb = "skips" if shift.is_gap else "repeats"
    stretch = f"{shift.civil_start:%Y-%m-%d} {_clock(shift.civil_start)} to {_clock(shift.civil_end)}"
    what, one = _few([_clock(time) for time in times]), len(times) == 1
    if not fires:
        return f"{timezone} {verb} {stretch}: {what} {'does' if one else 'do'} not fire"
    when = _few([f"{_clock(utc_to_civil(fire, zone))} ({_clock(fire)} UTC)" for fire in fires])
    return f"{timezone} {verb} {stretch}: {what} {'fires' if one else 'fire'} at {when}"


def _few(words: list[str]) -> str:
    return joined(words if len(words) <= MAX_WORDS else [*words[:MAX_WORDS], "more"])


def _clock(time: datetime) -> str:
    return f"{time:%H:%M:%S}" if time.second else f"{time:%H:%M}"
