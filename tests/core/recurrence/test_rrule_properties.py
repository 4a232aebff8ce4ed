"""RRULE against a slow checker written from the text of the standard, and laws that hold for every rule.

The checker knows nothing of masks, plans or stretches: it makes the set of each period day by day with ``datetime.date``,
asks every BY part about every day, and resolves local times with ``dst.instants``, whose rules have tests of their own.
"""

from __future__ import annotations

import calendar
import os
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from dateutil.easter import easter
from dateutil.rrule import rrulestr
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from mainspring.core.recurrence.dst import Fold, Gap, instants, load_zone
from mainspring.core.recurrence.rrule import RRule

WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
UNITS = {"HOURLY": 3600, "MINUTELY": 60, "SECONDLY": 1}
ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns",
    "Africa/Casablanca", "Europe/Dublin", "Asia/Kolkata", "Pacific/Apia",
]  # fmt: skip
DAY = timedelta(days=1)
TIMES = 20 if "MAINSPRING_FUZZ" in os.environ else 1  # the long run of all properties


# --- the checker ------------------------------------------------------------------------------------------------------


class Checker:
    """The recurrence set of one rule, by the letter of RFC 5545 section 3.3.10 and RFC 7529 section 4.1."""

    def __init__(self, text: str, start: datetime, end: datetime) -> None:
        self.end = end
        parts = dict(part.split("=") for part in text.split(";"))
        self.freq = parts["FREQ"]
        self.interval = int(parts.get("INTERVAL", 1))
        self.wkst = WEEKDAYS.index(parts.get("WKST", "MO"))
        self.skip = parts.get("SKIP", "OMIT")
        self.lists = {
            k: [int(n) for n in v.split(",")] for k, v in parts.items() if k.startswith("BY") and k != "BYDAY"
        }
        self.byday = (
            [(int(d[:-2] or 0), WEEKDAYS.index(d[-2:])) for d in parts["BYDAY"].split(",")] if "BYDAY" in parts else []
        )
        self.start = start

    def times(self) -> list[tuple[int, int, int]]:
        hours = self.lists.get("BYHOUR", [self.start.hour])
        minutes = self.lists.get("BYMINUTE", [self.start.minute])
        seconds = self.lists.get("BYSECOND", [self.start.second])
        return sorted({(h, m, s) for h in hours for m in minutes for s in seconds if s < 60})

    def periods(self) -> Iterator[list[date]]:
        """The days of each period that INTERVAL takes, beginning before the one that holds DTSTART."""
        day = self.start.date()
        if self.freq == "DAILY":
            while True:
                yield [day]
                day += self.interval * DAY
        elif self.freq == "WEEKLY":
            day -= (day.weekday() - self.wkst) % 7 * DAY
            while True:
                yield [day + n * DAY for n in range(7)]
                day += 7 * self.interval * DAY
        elif self.freq == "MONTHLY":
            month = day.year * 12 + day.month - 1
            while True:
                month -= (
                    1 if month == day.year * 12 + day.month - 1 and self.interval == 1 and self.skip != "OMIT" else 0
                )
                yield self.month(month // 12, month % 12 + 1)
                month += self.interval
        else:
            year = day.year - (1 if self.interval == 1 else 0)  # its last days may belong to the year before
            while True:
                yield self.year(year)
                year += self.interval

    def month(self, year: int, month: int) -> list[date]:
        return [date(year, month, n + 1) for n in range(calendar.monthrange(year, month)[1])]

    def year(self, year: int) -> list[date]:
        if "BYWEEKNO" in self.lists:  # the weeks of this year, wherever their days lie
            return [day for n in range(-7, 373) if self.week(day := date(year, 1, 1) + n * DAY)[0] == year]
        return [date(year, 1, 1) + n * DAY for n in range(366) if (date(year, 1, 1) + n * DAY).year == year]

    @cache  # noqa: B019 -- lives for one example
    def week(self, day: date) -> tuple[int, int]:
        """The year and number of the day's week: "the first week which contains at least four days" is number one."""
        first = day - (day.weekday() - self.wkst) % 7 * DAY
        year = max((first + n * DAY).year for n in range(4) if (first + n * DAY).year == (first + 3 * DAY).year)
        number = sum((first - n * 7 * DAY + 3 * DAY).year == year for n in range(54))
        return year, number

    @cache  # noqa: B019 -- lives for one example
    def weeks_in(self, year: int) -> int:
        return max(
            self.week(date(year, 12, 20) + n * DAY)[1]
            for n in range(12)
            if self.week(date(year, 12, 20) + n * DAY)[0] == year
        )

    def names(self, day: date) -> bool:
        lists, last = self.lists, calendar.monthrange(day.year, day.month)[1]
        length = 366 if calendar.isleap(day.year) else 365
        number = day.timetuple().tm_yday
        if "BYMONTH" in lists and day.month not in lists["BYMONTH"]:
            return False
        if "BYMONTHDAY" in lists and not {day.day, day.day - last - 1} & {*lists["BYMONTHDAY"]}:
            return False
        if "BYYEARDAY" in lists and not {number, number - length - 1} & {*lists["BYYEARDAY"]}:
            return False
        if "BYWEEKNO" in lists:
            year, week = self.week(day)
            if not {week, week - self.weeks_in(year) - 1} & {*lists["BYWEEKNO"]}:
                return False
        if "BYEASTER" in lists and (day - easter(day.year)).days not in lists["BYEASTER"]:
            return False
        return self.names_weekday(day) and self.names_default(day)

    def names_weekday(self, day: date) -> bool:
        if not self.byday:
            return True
        inside_month = self.freq == "MONTHLY" or "BYMONTH" in self.lists
        first, last = (date(day.year, 1, 1), date(day.year, 12, 31))
        if inside_month:
            first, last = day.replace(day=1), self.month(day.year, day.month)[-1]
        before = [day - n * 7 * DAY for n in range(1, 53) if day - n * 7 * DAY >= first]
        after = [day + n * 7 * DAY for n in range(1, 53) if day + n * 7 * DAY <= last]
        place, same = len(before), [*before, day, *after]
        return bool(
            {(0, day.weekday()), (place + 1, day.weekday()), (place - len(same), day.weekday())} & {*self.byday}
        )

    def names_default(self, day: date) -> bool:
        """What the rule does not say, DTSTART does."""
        if self.byday or {"BYMONTHDAY", "BYYEARDAY", "BYEASTER"} & self.lists.keys() or self.freq in ("DAILY", *UNITS):
            return True
        if self.freq == "WEEKLY" or "BYWEEKNO" in self.lists:
            return day.weekday() == self.start.weekday()
        month = self.start.month if self.freq == "YEARLY" and "BYMONTH" not in self.lists else day.month
        return (day.month, day.day) == (month, self.start.day)

    def civil(self) -> Iterator[datetime]:
        """The local times of a rule of days, in order."""
        for period in self.periods():
            if period[0] > self.end.date():
                return
            found = [
                datetime(day.year, day.month, day.day, *time)
                for day in sorted({*period})
                if self.names(day)
                for time in self.times()
            ]
            if "BYSETPOS" in self.lists:
                places = {n - 1 if n > 0 else len(found) + n for n in self.lists["BYSETPOS"] if abs(n) <= len(found)}
                found = [found[place] for place in sorted(places)]
            yield from (moment for moment in found if moment >= self.start)

    def elapsed(self, zone: ZoneInfo, dtstart: datetime) -> Iterator[datetime]:
        """The instants of a rule of elapsed time, in order: periods of real time, judged by the local time of each instant."""
        unit, local = UNITS[self.freq], dtstart.astimezone(zone)
        rest = (local.hour * 3600 + local.minute * 60 + local.second) % unit
        period = dtstart - timedelta(seconds=rest)
        while period < self.end.replace(tzinfo=UTC):
            found: list[datetime] = []
            for second in range(unit):
                moment = period + timedelta(seconds=second)
                seen = moment.astimezone(zone)
                if self.freq == "HOURLY":
                    minute = "BYMINUTE" in self.lists or second // 60 == rest // 60
                    if not (minute and seen.minute in self.lists.get("BYMINUTE", [seen.minute])):
                        continue
                if self.freq != "SECONDLY":
                    if "BYSECOND" in self.lists:
                        if seen.second not in self.lists["BYSECOND"]:
                            continue
                    elif second % 60 != rest % 60:
                        continue
                found.append(moment)
            if "BYSETPOS" in self.lists:
                places = {n - 1 if n > 0 else len(found) + n for n in self.lists["BYSETPOS"] if abs(n) <= len(found)}
                found = [found[place] for place in sorted(places)]
            for moment in found:
                seen = moment.astimezone(zone)
                if moment >= dtstart and self.names(seen.date()) and self.names_time(seen):
                    yield moment
            period += timedelta(seconds=unit * self.interval)

    def names_time(self, seen: datetime) -> bool:
        lists = self.lists
        return (
            seen.hour in lists.get("BYHOUR", [seen.hour])
            and (self.freq == "HOURLY" or seen.minute in lists.get("BYMINUTE", [seen.minute]))
            and (self.freq != "SECONDLY" or seen.second in lists.get("BYSECOND", [seen.second]))
        )


def expected(
    text: str, zone: str, dtstart: datetime, end: datetime, gap: Gap, fold: Fold, count: int
) -> list[datetime]:
    """The first ``count`` instants before ``end``."""
    where = load_zone(zone)
    local_end = end.astimezone(where).replace(tzinfo=None) + 2 * DAY
    checker = Checker(text, dtstart.astimezone(where).replace(tzinfo=None, fold=0), local_end)
    if checker.freq in UNITS:
        until = (moment for moment in _before(checker.elapsed(where, dtstart), end))
        return list(islice(until, count))
    found = {i for civil in _before(checker.civil(), local_end) for i in instants(civil, where, gap=gap, fold=fold)}
    if dtstart.astimezone(where).fold and next(checker.civil(), None) == checker.start:
        found.add(dtstart)
    return sorted(instant for instant in found if dtstart <= instant < end)[:count]


def _before(moments: Iterator[datetime], end: datetime) -> Iterator[datetime]:
    last = None
    for moment in moments:
        if moment >= end:
            return
        assert last is None or moment > last
        last = moment
        yield moment


# --- texts ------------------------------------------------------------------------------------------------------------


def lists(low: int, high: int, *, signed: bool = False, most: int = 4) -> st.SearchStrategy[str]:
    numbers = st.integers(low, high)
    if signed:
        numbers |= st.integers(-high, -max(low, 1))
    return st.lists(numbers, min_size=1, max_size=most, unique=True).map(lambda found: ",".join(map(str, found)))


def weekdays(ordinals: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    day = st.tuples(ordinals, st.sampled_from(WEEKDAYS)).map("".join)
    return st.lists(day, min_size=1, max_size=4, unique=True).map(",".join)


INTERVALS = {
    "YEARLY": [1, 2, 3],
    "MONTHLY": [1, 2, 3, 5, 18],
    "WEEKLY": [1, 2, 3, 7],
    "DAILY": [1, 2, 3, 7, 10],
    "HOURLY": [1, 2, 3, 5, 7, 24, 25],
    "MINUTELY": [1, 7, 15, 20, 90, 1440, 1441],
    "SECONDLY": [1, 7, 60, 90, 3600, 3601, 86_400, 86_401],
}


@st.composite
def rules(draw: st.DrawFn, freqs: tuple[str, ...] = tuple(INTERVALS)) -> str:
    """A rule that the standard allows; parts are likely enough to meet that limits and expansions do."""
    freq = draw(st.sampled_from(freqs))
    parts: dict[str, str] = {}

    def maybe(name: str, value: st.SearchStrategy[str], often: float = 0.3) -> None:
        if draw(st.floats(0, 1, exclude_max=True)) < often:
            parts[name] = draw(value)

    maybe("BYMONTH", lists(1, 12))
    if freq != "WEEKLY":
        maybe("BYMONTHDAY", lists(1, 31, signed=True))
    if freq in ("YEARLY", *UNITS):
        maybe("BYYEARDAY", lists(1, 366, signed=True, most=20), 0.15)
    if freq == "YEARLY":
        maybe("BYWEEKNO", lists(1, 53, signed=True), 0.25)
    plain = st.just("")
    numbered = st.integers(1, 5).map(str) | st.integers(-5, -1).map(str) | st.integers(6, 53).map(str) | plain
    maybe("BYDAY", weekdays(numbered if freq in ("MONTHLY", "YEARLY") and "BYWEEKNO" not in parts else plain), 0.4)
    maybe("BYEASTER", lists(-60, 60), 0.05)
    maybe("BYHOUR", lists(0, 23), 0.3)
    maybe("BYMINUTE", lists(0, 59), 0.25)
    maybe("BYSECOND", lists(0, 60), 0.2)
    if parts:
        maybe("BYSETPOS", lists(1, 9, signed=True), 0.25)
    parts["INTERVAL"] = str(draw(st.sampled_from(INTERVALS[freq])))
    maybe("WKST", st.sampled_from(WEEKDAYS), 0.4)
    return ";".join([f"FREQ={freq}", *(f"{name}={value}" for name, value in parts.items())])


STARTS = st.datetimes(datetime(1995, 1, 1), datetime(2030, 1, 1)).map(lambda d: d.replace(microsecond=0, tzinfo=UTC))
WINDOW = {"YEARLY": 2200, "MONTHLY": 800, "WEEKLY": 400, "DAILY": 400, "HOURLY": 9, "MINUTELY": 2, "SECONDLY": 1}


# --- properties -------------------------------------------------------------------------------------------------------


def found(rule: RRule, end: datetime, count: int = 60) -> list[datetime]:
    return list(islice(rule.between(rule.dtstart - timedelta(days=9), end - timedelta(seconds=1)), count))


@settings(max_examples=60 * TIMES, deadline=None)
@given(text=rules(("YEARLY", "MONTHLY", "WEEKLY", "DAILY")), zone=st.sampled_from(ZONES), start=STARTS,
       gap=st.sampled_from(["offset_before", "skip", "after"]), fold=st.sampled_from(["first", "second", "both"]))  # fmt: skip
@example(
    "FREQ=DAILY;BYHOUR=2,3;BYMINUTE=0,30;INTERVAL=1",
    "Europe/Berlin",
    datetime(2026, 3, 28, tzinfo=UTC),
    "offset_before",
    "both",
)
@example(
    "FREQ=DAILY;BYHOUR=2,3;BYMINUTE=0,30;INTERVAL=1",
    "Europe/Berlin",
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    "skip",
    "first",
)
@example("FREQ=DAILY;INTERVAL=1", "Pacific/Apia", datetime(2011, 12, 28, 20, tzinfo=UTC), "offset_before", "first")
@example("FREQ=YEARLY;BYWEEKNO=53,1;BYDAY=SA,MO;INTERVAL=1", "UTC", datetime(2009, 1, 2, tzinfo=UTC), "skip", "first")
@example(
    "FREQ=YEARLY;BYWEEKNO=1;BYMONTH=12;BYMONTHDAY=30;INTERVAL=1",
    "UTC",
    datetime(2009, 1, 2, tzinfo=UTC),
    "skip",
    "first",
)
@example(
    "FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=-1;WKST=WE;INTERVAL=2",
    "UTC",
    datetime(2009, 1, 2, tzinfo=UTC),
    "skip",
    "first",
)
def test_rules_of_days_give_what_the_standard_says(text: str, zone: str, start: datetime, gap: Gap, fold: Fold) -> None:
    """Every instance matches the rule by the slow checker, and none that the checker finds in the window is missed."""
    rule = RRule.parse(text, zone, start, gap=gap, fold=fold)
    end = start + timedelta(days=WINDOW[rule.rules[0].freq])
    assert found(rule, end) == expected(text, zone, start, end, gap, fold, 60)


NEAR_SHIFTS = st.sampled_from(
    [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 24, 20, tzinfo=UTC), datetime(2026, 4, 4, 12, tzinfo=UTC),
     datetime(2026, 10, 3, 12, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)]
)  # fmt: skip


@settings(max_examples=25 * TIMES, deadline=None)
@given(text=rules(("HOURLY", "MINUTELY")), zone=st.sampled_from(ZONES),
       start=STARTS | st.builds(lambda d, s: d + timedelta(seconds=s), NEAR_SHIFTS, st.integers(0, 40_000)))  # fmt: skip
@example(
    "FREQ=HOURLY;INTERVAL=1;BYMINUTE=0,30;BYSETPOS=1", "Australia/Lord_Howe", datetime(2026, 4, 4, 11, 10, tzinfo=UTC)
)
@example(
    "FREQ=HOURLY;INTERVAL=2;BYSECOND=5,10;BYHOUR=1,2,3",
    "Australia/Lord_Howe",
    datetime(2026, 10, 3, 11, 10, 3, tzinfo=UTC),
)
@example("FREQ=HOURLY;INTERVAL=1;BYHOUR=2", "Europe/Berlin", datetime(2026, 10, 24, 22, 15, tzinfo=UTC))
@example("FREQ=MINUTELY;INTERVAL=20;BYHOUR=2,3", "Europe/Berlin", datetime(2026, 3, 28, 22, 15, tzinfo=UTC))
@example("FREQ=MINUTELY;INTERVAL=1;BYSECOND=10,20,30;BYSETPOS=-1;BYHOUR=1", "UTC", datetime(2026, 3, 28, tzinfo=UTC))
def test_rules_of_elapsed_time_give_what_they_document(text: str, zone: str, start: datetime) -> None:
    """HOURLY and MINUTELY rules step in real time and are judged by local time, also over gaps and folds."""
    rule = RRule.parse(text, zone, start)
    end = start + timedelta(hours=30 if rule.rules[0].freq == "HOURLY" else 5)
    assert found(rule, end) == expected(text, zone, start, end, "skip", "first", 60)


@settings(max_examples=25 * TIMES, deadline=None)
@given(text=rules(("SECONDLY",)), zone=st.sampled_from(ZONES), start=STARTS)
@example("FREQ=SECONDLY;INTERVAL=7;BYMINUTE=0,59;BYSECOND=0,30", "UTC", datetime(2026, 3, 28, tzinfo=UTC))
def test_secondly_rules_give_what_they_document(text: str, zone: str, start: datetime) -> None:
    """The same at the scale of seconds."""
    rule = RRule.parse(text, zone, start)
    end = start + timedelta(seconds=900)
    assert found(rule, end) == expected(text, zone, start, end, "skip", "first", 60)


@settings(max_examples=50 * TIMES, deadline=None)
@given(text=rules(), zone=st.sampled_from(ZONES), start=STARTS, gap=st.sampled_from(["offset_before", "skip", "after"]),
       fold=st.sampled_from(["first", "second", "both"]))  # fmt: skip
def test_between_is_next_after_again_and_again(text: str, zone: str, start: datetime, gap: Gap, fold: Fold) -> None:
    """between(start, end) equals next_after repeated; results are strictly increasing and never before DTSTART."""
    rule = RRule.parse(text, zone, start, gap=gap, fold=fold)
    end = start + timedelta(days=WINDOW[rule.rules[0].freq])
    stepped: list[datetime] = []
    at = start - DAY
    while len(stepped) < 30 and (moment := rule.next_after(at)) is not None and moment < end:
        assert moment > at
        assert moment >= start
        stepped.append(moment)
        at = moment
    assert stepped == found(rule, end, 30)


@settings(max_examples=50 * TIMES, deadline=None)
@given(
    text=rules(),
    zone=st.sampled_from(ZONES),
    start=STARTS,
    shift=st.integers(0, 10**7),
    micros=st.integers(0, 10**6 - 1),
)
def test_no_look_up_depends_on_where_it_starts(text: str, zone: str, start: datetime, shift: int, micros: int) -> None:
    """Shifting ``after`` never skips an instance: whatever lies between ``after`` and its answer is no instance."""
    rule = RRule.parse(text, zone, start)
    after = start + timedelta(seconds=shift, microseconds=micros)
    answer = rule.next_after(after)
    if answer is None:
        assert next(rule.between(after, after + timedelta(days=3000)), None) is None
        return
    assert answer > after
    middle = after + (answer - after) / 2
    assert rule.next_after(middle) == answer
    assert rule.next_after(answer - timedelta(microseconds=1)) == answer
    assert list(rule.between(after, answer)) == [answer]


@settings(max_examples=50 * TIMES, deadline=None)
@given(text=rules(), zone=st.sampled_from(ZONES), start=STARTS, count=st.integers(1, 200))
def test_count_ends_after_so_many(text: str, zone: str, start: datetime, count: int) -> None:
    """A rule with COUNT is the first COUNT instances of the rule without it, from wherever it is asked."""
    whole = list(islice(RRule.parse(text, zone, start).between(start - DAY, start + timedelta(days=4000)), count + 1))
    assume(len(whole) > 0)
    counted = RRule.parse(f"{text};COUNT={count}", zone, start)
    assert list(islice(counted.between(start - DAY, whole[-1]), count + 5)) == whole[:count]
    if len(whole) > count:
        assert counted.next_after(whole[count - 1]) is None
        assert counted.next_after(whole[count - 1] - timedelta(seconds=1)) == whole[count - 1]


@settings(max_examples=30 * TIMES, deadline=None)
@given(text=rules(), zone=st.sampled_from(ZONES), start=STARTS, count=st.integers(1, 60), at=st.integers(0, 80))
def test_a_checkpoint_changes_no_answer(text: str, zone: str, start: datetime, count: int, at: int) -> None:
    """With a checkpoint, kept from anywhere, every look-up gives what it gives without."""
    whole = list(islice(RRule.parse(text, zone, start).between(start - DAY, start + timedelta(days=4000)), count + 9))
    assume(len(whole) > count)
    make = lambda: RRule.parse(f"{text};COUNT={count}", zone, start)  # noqa: E731 -- a fresh one knows nothing
    place = min(at, len(whole) - 1)
    kept = make().checkpoint(whole[place])
    assert kept.counts == (min(place + 1, count),)
    assert make().checkpoint(whole[-1], kept) == make().checkpoint(whole[-1])
    for moment in whole:
        assert make().next_after(moment, kept) == make().next_after(moment)


@settings(max_examples=50 * TIMES, deadline=None)
@given(
    text=rules(), zone=st.sampled_from(ZONES), start=STARTS, end=st.sampled_from(["", ";COUNT=3", ";UNTIL=20310101"])
)
def test_parse_print_parse(text: str, zone: str, start: datetime, end: str) -> None:
    """What to_text writes is read back as the same value, and every rule can be explained."""
    rule = RRule.parse(text + end, zone, start)
    assert RRule.parse(rule.to_text()) == rule
    assert rule.explain().endswith(zone)


# --- dateutil, where time.md says that it is right ----------------------------------------------------------------------


@settings(max_examples=50 * TIMES, deadline=None)
@given(text=rules(("DAILY", "WEEKLY", "MONTHLY", "YEARLY", "HOURLY")), start=STARTS)
def test_dateutil_agrees_where_it_is_right(text: str, start: datetime) -> None:
    """In UTC, but for BYWEEKNO, BYSETPOS in WEEKLY rules and BYSECOND=60, dateutil 4 gives the same instances."""
    assume("BYWEEKNO" not in text and not ("WEEKLY" in text and "BYSETPOS" in text))
    assume("60" not in text.partition("BYSECOND=")[2].partition(";")[0].split(","))
    assume("BYEASTER" not in text)
    byday = text.partition("BYDAY=")[2].partition(";")[0].split(",")
    assume(len({len(day) > 2 for day in byday}) == 1)  # MO beside 1TU: dateutil wants both of one day
    assume(not re.search(r"[-=,]([6-9]|\d\d)(MO|TU|WE|TH|FR|SA|SU)", text))  # an ordinal past the end: IndexError
    end = start + timedelta(days=250)
    ours = found(RRule.parse(text, "UTC", start), end + timedelta(seconds=1), 40)
    assume(len(ours) > 2)  # dateutil looks for the next of a rule without any up to the year 9999
    theirs = list(islice((m for m in rrulestr(f"{text};UNTIL={end:%Y%m%dT%H%M%SZ}", dtstart=start)), 40))
    assert ours == theirs


@pytest.mark.parametrize(
    ("text", "start", "right"),
    [
        ("FREQ=YEARLY;BYWEEKNO=53;BYDAY=SA", "20100101", ["20100102", "20160102"]),
        ("FREQ=YEARLY;BYWEEKNO=20", "19970902", ["19980512", "19990518"]),
        ("FREQ=WEEKLY;BYDAY=MO,TU,WE;BYSETPOS=1", "20260107", ["20260112", "20260119"]),
    ],
)
def test_where_dateutil_is_wrong_we_are_not(text: str, start: str, right: list[str]) -> None:
    """Week 53 at the year's edge, BYWEEKNO without BYDAY, BYSETPOS in the week of DTSTART: dateutil 4 fails, as noted."""
    rule = RRule.parse(f"DTSTART;VALUE=DATE:{start}\nRRULE:{text}")
    ours = [f"{moment:%Y%m%d}" for moment in islice(rule.between(rule.dtstart - DAY, rule.dtstart + 9000 * DAY), 2)]
    theirs = [f"{m:%Y%m%d}" for m in islice(rrulestr(text, dtstart=datetime.strptime(start, "%Y%m%d")), 2)]  # noqa: DTZ007
    assert ours == right
    assert theirs != right
