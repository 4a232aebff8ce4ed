"""Recurrence rules and sets of RFC 5545 (RRULE, EXRULE, RDATE, EXDATE), with RFC 7529's SKIP.

Rules:

* A set is the instances of its RRULEs and RDATEs without those of its EXRULEs and EXDATEs. COUNT counts the instances
  of its own rule, before exclusions. DTSTART is an instance where a rule makes it one, not by itself.
* The zone is that of DTSTART;TZID, else the ``timezone`` that the caller gives. A DTSTART in the text goes before the
  ``dtstart`` of the caller, who may give one always. The core reads no clock: without either there is no rule.
* A time with a fraction of a second loses it: RFC 5545 section 3.3.12 knows none.
* DAILY and coarser rules make local times; where such a time does not exist or exists twice, ``gap`` and ``fold``
  decide; the defaults are those of RFC 5545 section 3.3.5. HOURLY and finer run on elapsed time (``rrule_elapsed``).
* An EXDATE that is a date excludes that whole local day; an RDATE that is a date is its midnight.
* Whatever the text, a look-up ends within bounds; see ``rrule_walk`` and ``rrule_sets``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, get_args
from zoneinfo import ZoneInfo

from attrs import Factory, evolve, field, frozen

from mainspring.core.errors import InvalidRecurrence
from mainspring.core.recurrence.dst import (
    Fold,
    Gap,
    instants,
    load_zone,
    offset_at,
    utc_instant,
    utc_to_civil,
    zone_name,
)
from mainspring.core.recurrence.rrule_days import DayRule
from mainspring.core.recurrence.rrule_elapsed import UNITS, ElapsedRule
from mainspring.core.recurrence.rrule_english import explain_rule, explain_set
from mainspring.core.recurrence.rrule_masks import FIRST_YEAR, LAST_YEAR, year_start
from mainspring.core.recurrence.rrule_parts import (
    DAY_SECONDS,
    Rule,
    civil_seconds,
    format_date,
    format_date_time,
    format_rule,
)
from mainspring.core.recurrence.rrule_sets import Branch, InstanceSet
from mainspring.core.recurrence.rrule_stretches import LAST_SECOND, to_instant, to_seconds
from mainspring.core.recurrence.rrule_text import MAX_TEXT, Stamp, parse_set
from mainspring.core.recurrence.rrule_walk import Walk

_START_CURE: Final = "pass dtstart=..., an aware datetime, or write a DTSTART line (RFC 5545 section 3.8.2.4)"


@frozen(kw_only=True)
class Checkpoint:
    """How many instances each rule with COUNT has had up to ``at``, inclusive: RRULEs first, then EXRULEs.

    Made by ``RRule.checkpoint`` and good for the rule that made it. A rule without COUNT has 0.
    """

    at: datetime
    counts: tuple[int, ...]


def _compile(rrule: RRule) -> InstanceSet:
    return InstanceSet(
        branches=tuple(_branch(rrule, rule) for rule in rrule.rules),
        exbranches=tuple(_branch(rrule, rule) for rule in rrule.exrules),
        rdates=tuple(to_seconds(instant) for instant in rrule.rdates),
        exdates=frozenset(to_seconds(instant) for instant in rrule.exdates),
        exdays=frozenset(day.toordinal() for day in rrule.exdays),
        zone=load_zone(rrule.timezone),
    )


@frozen(kw_only=True)
class RRule:
    """A recurrence set in a zone. Make it with ``parse``; two are equal when they say the same.

    ``start`` is DTSTART's local time (naive, whole seconds) and ``dtstart`` its instant in UTC; ``all_day`` says that
    DTSTART is a date. ``rdates`` and ``exdates`` are sorted instants in UTC, ``exdays`` local days. ``gap`` and
    ``fold`` are the policies for local times that do not exist or exist twice.
    """

    rules: tuple[Rule, ...]
    timezone: str
    start: datetime
    dtstart: datetime
    all_day: bool = False
    exrules: tuple[Rule, ...] = ()
    rdates: tuple[datetime, ...] = ()
    exdates: tuple[datetime, ...] = ()
    exdays: tuple[date, ...] = ()
    gap: Gap = "offset_before"
    fold: Fold = "first"
    _set: InstanceSet = field(init=False, eq=False, repr=False, default=Factory(_compile, takes_self=True))

    @classmethod
    def parse(
        cls,
        text: str,
        timezone: str = "UTC",
        dtstart: datetime | None = None,
        *,
        gap: Gap = "offset_before",
        fold: Fold = "first",
    ) -> RRule:
        """Read ``FREQ=...`` or DTSTART, RRULE, EXRULE, RDATE, EXDATE lines (RFC 5545 section 3.8.5).

        ``timezone`` is the zone of the local times where DTSTART names none; ``dtstart`` is used when the text has no
        DTSTART.

        Raises ``InvalidRecurrence`` for a text that the standard or a bound forbids, an unknown zone, and no DTSTART
        at all.
        """
        _one_of("gap", gap, get_args(Gap))
        _one_of("fold", fold, get_args(Fold))
        said = parse_set(text)
        name = said.dtstart.zone if said.dtstart is not None and said.dtstart.zone is not None else timezone
        zone = load_zone(zone_name(name))
        civil, instant = _start(said.dtstart, dtstart, zone, gap, fold)
        dates = [stamp for stamp in said.exdates if stamp.kind == "date"]
        made = cls(
            rules=said.rules,
            exrules=said.exrules,
            timezone=zone.key,
            start=civil,
            dtstart=instant,
            all_day=said.dtstart is not None and said.dtstart.kind == "date",
            rdates=_sorted_instants(said.rdates, zone),
            exdates=_sorted_instants([stamp for stamp in said.exdates if stamp.kind != "date"], zone),
            exdays=tuple(sorted({date.fromordinal(stamp.seconds // DAY_SECONDS) for stamp in dates})),
            gap=gap,
            fold=fold,
        )
        if len(text) > MAX_TEXT // 2 and len(made.to_text()) > MAX_TEXT:
            raise InvalidRecurrence("RRULE", "is too long with its DTSTART written out", f"use at most {MAX_TEXT}")
        return made

    def next_after(self, after: datetime, checkpoint: Checkpoint | None = None) -> datetime | None:
        """Give the first instance strictly after ``after`` (aware), in UTC; None when there is none.

        Looks to the year 9999, or 400 years ahead where a rule has to be tried year by year (HOURLY and finer with BY
        parts, and rules whose instances all fall into skipped gaps). ``checkpoint`` saves counting from DTSTART.

        Raises ``InvalidRecurrence`` for a naive ``after``, for COUNT that cannot be followed so far without a
        checkpoint, and where EXRULE or EXDATE excludes too many instances in a row.
        """
        least = to_seconds(utc_instant("after", after)) + 1
        at, counts = self._known(checkpoint)
        found = self._set.next(least, at, counts)
        return None if found is None else to_instant(found)

    def _known(self, checkpoint: Checkpoint | None) -> tuple[int, tuple[int, ...]]:
        if checkpoint is None:
            return 0, ()
        if len(checkpoint.counts) != len(self._set.branches):
            raise InvalidRecurrence("checkpoint", "is of another rule", "pass one that this rule made")
        return to_seconds(utc_instant("checkpoint", checkpoint.at)), checkpoint.counts

    def checkpoint(self, at: datetime, earlier: Checkpoint | None = None) -> Checkpoint:
        """Count the instances up to ``at``, going on from an ``earlier`` checkpoint if there is one.

        Raises ``InvalidRecurrence`` when ``at`` lies too far from the earlier checkpoint, or DTSTART, to be counted to.
        """
        instant = utc_instant("at", at)
        since, counts = self._known(earlier)
        if earlier is None or earlier.at > instant:
            since, counts = -1, (0,) * len(self._set.branches)
        end = to_seconds(instant)
        branches = zip(self._set.branches, counts, strict=True)
        return Checkpoint(at=instant, counts=tuple(branch.how_many((since, known), end) for branch, known in branches))

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Give the instances with ``start < x <= end`` (both aware), in order, in UTC, one by one."""
        least = to_seconds(utc_instant("start", start)) + 1
        stop = to_seconds(utc_instant("end", end)) + 1
        return self._set.times(least, stop)

    def to_text(self) -> str:
        """Write the set as content lines (not folded). Parsed again, with the same policies, it is equal to this one.

        A DTSTART that local time does not tell, the second pass of a fold, is written in UTC beside its TZID.
        """
        zone = load_zone(self.timezone)
        lines = [_format_start(self, zone)]
        lines += [f"RRULE:{format_rule(rule)}" for rule in self.rules]
        lines += [f"EXRULE:{format_rule(rule)}" for rule in self.exrules]
        days = [value for value in self.rdates if _is_midnight(value, zone)]
        for name, values in (
            ("RDATE;VALUE=DATE", [format_date(utc_to_civil(value, zone)) for value in days]),
            ("RDATE", [_format_instant(value, zone) for value in self.rdates if value not in days]),
            ("EXDATE", [_format_instant(value, zone) for value in self.exdates]),
            ("EXDATE;VALUE=DATE", [format_date(day) for day in self.exdays]),
        ):
            if values:
                lines.append(f"{name}:{','.join(values)}")
        return "\n".join(lines)

    def explain(self) -> str:
        """Say in English what the set does.

        A 24-hour clock, the zone's name, and any policy that is not the default.
        """
        start = civil_seconds(self.start)
        local = any(rule.freq not in UNITS for rule in self.rules)  # rules of elapsed time know no such policies
        return explain_set(
            [explain_rule(rule, start, all_day=self.all_day) for rule in self.rules],
            [explain_rule(rule, start, all_day=self.all_day) for rule in self.exrules],
            len(self.rdates),
            len(self.exdates) + len(self.exdays),
            timezone=self.timezone,
            gap=self.gap if local else "offset_before",
            fold=self.fold if local else "first",
        )


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidRecurrence(name, f"{value!a} is not a policy", f"use one of {', '.join(allowed)}")


def _start(
    stamp: Stamp | None, given: datetime | None, zone: ZoneInfo, gap: Gap, fold: Fold
) -> tuple[datetime, datetime]:
    """Give DTSTART as a local time and as an instant: the text's, else the caller's."""
    if stamp is not None and stamp.kind != "utc":
        civil = _civil(stamp.seconds)
        found = instants(civil, zone, gap=gap, fold=fold) or instants(civil, zone, gap="offset_before")
        if not found:
            raise InvalidRecurrence("DTSTART", f"{civil} is out of range", "use years 1 to 9999 in UTC")
        return civil, found[0]
    if stamp is not None:
        instant = to_instant(stamp.seconds)
    elif given is not None:
        instant = utc_instant("dtstart", given).replace(microsecond=0)
    else:
        raise InvalidRecurrence("dtstart", "is missing and the clock is not read", _START_CURE)
    return utc_to_civil(instant, zone).replace(fold=0), instant


def _civil(seconds: int) -> datetime:
    return to_instant(seconds).replace(tzinfo=None)


def _instant(stamp: Stamp, zone: ZoneInfo) -> datetime:
    """An explicit time: RFC 5545 section 3.3.5, whatever the policies for computed ones."""
    if stamp.kind == "utc":
        return to_instant(stamp.seconds)
    civil = _civil(stamp.seconds)
    found = instants(civil, zone if stamp.zone is None else load_zone(stamp.zone), gap="offset_before")
    if not found:
        raise InvalidRecurrence("RDATE", f"{civil} is out of range", "use years 1 to 9999 in UTC")
    return found[0]


def _sorted_instants(stamps: Iterable[Stamp], zone: ZoneInfo) -> tuple[datetime, ...]:
    return tuple(sorted({_instant(stamp, zone) for stamp in stamps}))


def _branch(rrule: RRule, rule: Rule) -> Branch:
    zone = load_zone(rrule.timezone)
    instant = to_seconds(rrule.dtstart)
    if rrule.all_day:  # "these rule parts MUST be ignored" where DTSTART is a date, section 3.3.10
        rule = evolve(rule, byhour=(), byminute=(), bysecond=())
    series: DayRule | ElapsedRule
    lone = False
    if rule.freq in UNITS:
        local = instant + offset_at(rrule.dtstart, zone) // timedelta(seconds=1)
        series = ElapsedRule(rule, local, instant, easter_day)
    else:
        start = civil_seconds(rrule.start)
        series = DayRule(rule, start, easter_day)
        lone = _second_pass(rrule, zone) and series.next_civil(start) == start
    until = _end(rule, zone)
    company = len(rrule.rules) + len(rrule.exrules)
    walk = Walk(series, zone, gap=rrule.gap, fold=rrule.fold, floor=instant, until=until, lone=lone, company=company)
    return Branch(walk, rule.count, until)


def _second_pass(rrule: RRule, zone: ZoneInfo) -> bool:
    """Tell whether DTSTART is an instant that its local time, by the policies, does not stand for."""
    found = instants(rrule.start, zone, gap=rrule.gap, fold=rrule.fold)
    return bool(found) and rrule.dtstart not in found


def _end(rule: Rule, zone: ZoneInfo) -> int:
    """Give the last second that UNTIL allows."""
    if rule.until is None:
        return LAST_SECOND
    if rule.until.kind == "utc":
        return rule.until.seconds
    found = instants(_civil(rule.until.seconds), zone, gap="offset_before", fold="both")
    return to_seconds(found[-1]) if found else LAST_SECOND


@lru_cache(maxsize=2_048)
def easter_day(year: int) -> int:
    """Give the ordinal of Easter Sunday; for years outside 1 to 9999, which only matter at the edge, a near guess."""
    from dateutil.easter import easter  # 10 ms that most programs never need

    near = min(max(year, FIRST_YEAR), LAST_YEAR)
    return easter(near).toordinal() + year_start(year) - year_start(near)


def _format_start(rrule: RRule, zone: ZoneInfo) -> str:
    if rrule.all_day:
        value = f"VALUE=DATE:{format_date(rrule.start)}"
        return f"DTSTART;{value}" if rrule.timezone == "UTC" else f"DTSTART;TZID={rrule.timezone};{value}"
    if rrule.timezone == "UTC":
        return f"DTSTART:{format_date_time(civil_seconds(rrule.start))}Z"
    if _second_pass(rrule, zone):
        return f"DTSTART;TZID={rrule.timezone}:{format_date_time(to_seconds(rrule.dtstart))}Z"
    return f"DTSTART;TZID={rrule.timezone}:{format_date_time(civil_seconds(rrule.start))}"


def _is_midnight(value: datetime, zone: ZoneInfo) -> bool:
    civil = utc_to_civil(value, zone).replace(fold=0)
    return civil.time() == time.min and instants(civil, zone, gap="offset_before") == (value,)


def _format_instant(value: datetime, zone: ZoneInfo) -> str:
    """Write an instant in the rule's local time, or in UTC where that would not be read back as the same."""
    civil = utc_to_civil(value, zone).replace(fold=0)
    if zone.key != "UTC" and instants(civil, zone, gap="offset_before") == (value,):
        return format_date_time(civil_seconds(civil))
    return format_date_time(to_seconds(value)) + "Z"
