"""Bounds: every text ends soon, by a value, None or InvalidRecurrence; COUNT and emptiness cost no walk."""

from __future__ import annotations

import os
import random
import time
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from mainspring.core.errors import InvalidRecurrence
from mainspring.core.recurrence.dst import Fold, Gap
from mainspring.core.recurrence.rrule import Checkpoint, RRule
from mainspring.core.recurrence.rrule_sets import MAX_EXCLUDED, MAX_LEAPS

START = datetime(2026, 1, 5, 9, 30, 15, tzinfo=UTC)
LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)
FAR = datetime(9999, 12, 30, tzinfo=UTC)
ALL_HOURS = ",".join(map(str, range(24)))
ALL_SIXTY = ",".join(map(str, range(60)))
EVERY_SECOND = f"BYHOUR={ALL_HOURS};BYMINUTE={ALL_SIXTY};BYSECOND={ALL_SIXTY}"
CPU_SECONDS = 0.05
RUNS = int(os.environ.get("MAINSPRING_FUZZ", "400"))


EMPTY = [
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30;INTERVAL=7",
    "FREQ=MONTHLY;BYDAY=6MO",
    "FREQ=MONTHLY;BYMONTHDAY=1;BYSETPOS=2",
    "FREQ=MONTHLY;INTERVAL=12;BYMONTH=2",
    "FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=YEARLY;INTERVAL=400;BYYEARDAY=366",
    "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
    "FREQ=DAILY;INTERVAL=7063;BYDAY=TU",
    "FREQ=DAILY;INTERVAL=14;BYDAY=TU;BYSETPOS=1",
    "FREQ=DAILY;BYMONTH=4;BYMONTHDAY=31",
    "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2",
    "FREQ=YEARLY;BYEASTER=0;BYMONTH=7",
    "FREQ=DAILY;INTERVAL=11;BYEASTER=0;BYMONTH=7",
    "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=HOURLY;INTERVAL=24;BYHOUR=3",
    "FREQ=HOURLY;INTERVAL=168;BYDAY=TU",
    "FREQ=HOURLY;INTERVAL=2;BYHOUR=8;BYMONTH=1",  # in summer the wall clock is an hour off, and it matches
    "FREQ=MINUTELY;INTERVAL=1440;BYHOUR=3",
    "FREQ=MINUTELY;INTERVAL=7;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=MINUTELY;BYSECOND=5;BYSETPOS=2",
    "FREQ=SECONDLY;BYSECOND=60",
    "FREQ=SECONDLY;INTERVAL=60;BYSECOND=16",
    "FREQ=SECONDLY;INTERVAL=60;BYSECOND=14,16,17,18,19,20,21",  # 10,080 times a day, and none of them is met
    "FREQ=SECONDLY;INTERVAL=3600;BYMINUTE=31,32,33;BYSECOND=15",
    "FREQ=SECONDLY;INTERVAL=86400;BYDAY=TU;BYHOUR=4",
    "FREQ=SECONDLY;INTERVAL=604800;BYDAY=TU",
    "FREQ=SECONDLY;INTERVAL=604800;BYDAY=TU;BYMONTHDAY=13;BYMONTH=2,5",
    "FREQ=SECONDLY;INTERVAL=86399;BYHOUR=3;BYMINUTE=2;BYSECOND=1;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=SECONDLY;BYHOUR=1;BYMINUTE=2;BYSECOND=3;BYMONTH=2;BYMONTHDAY=31",
]


@pytest.mark.parametrize("text", EMPTY)
@pytest.mark.parametrize("timezone", ["UTC", "America/New_York"])
def test_emptiness_is_proved(text: str, timezone: str) -> None:
    """A rule that never matches gives None, from everywhere, instead of being searched for ever."""
    start = START.replace(hour=14) if timezone != "UTC" else START
    rule = RRule.parse(text, timezone, start)
    for after in (LONG_AGO, start, datetime(7000, 1, 1, tzinfo=UTC), FAR):
        assert rule.next_after(after) is None
    assert list(rule.between(LONG_AGO, FAR)) == []
    assert RRule.parse(text + ";COUNT=5", timezone, start).next_after(LONG_AGO) is None


RARE = [
    ("FREQ=DAILY;INTERVAL=1009;BYMONTH=2;BYMONTHDAY=29", "2664-02-29T09:30:15"),
    ("FREQ=YEARLY;INTERVAL=401;BYMONTH=2;BYMONTHDAY=29", "2828-02-29T09:30:15"),
    ("FREQ=MONTHLY;INTERVAL=1201;BYMONTHDAY=31", "2026-01-31T09:30:15"),
    ("FREQ=WEEKLY;INTERVAL=1043;BYDAY=TU", "2026-01-06T09:30:15"),
    ("FREQ=HOURLY;INTERVAL=1000000007", None),
    ("FREQ=SECONDLY;INTERVAL=1000000000", "2057-09-13T11:16:55"),
    ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO", "2044-02-29T09:30:15"),
    ("FREQ=SECONDLY;INTERVAL=86399;BYHOUR=3;BYMINUTE=2;BYSECOND=1", "2089-10-15T03:02:01"),
    ("FREQ=SECONDLY;INTERVAL=86401;BYHOUR=9;BYMINUTE=30;BYSECOND=14", "2262-07-27T09:30:14"),
    ("FREQ=SECONDLY;INTERVAL=43199;BYHOUR=0,1,2", "2058-01-25T02:59:59"),
    ("FREQ=SECONDLY;INTERVAL=86399;BYHOUR=10,11,12;BYDAY=MO,WE", "2228-02-11T12:59:59"),
]


@pytest.mark.parametrize(("text", "found"), RARE)
def test_what_is_rare_is_found(text: str, found: str | None) -> None:
    """INTERVAL may leap over centuries: the next instance is found where it is, up to the year 9999."""
    rule = RRule.parse(text, dtstart=START)
    moment = rule.next_after(START)
    assert (moment and moment.replace(tzinfo=None).isoformat()) == found


COUNTED = [
    # each rule, a COUNT of 10**k, and the last instance it allows
    ("FREQ=SECONDLY", 10**9, START + timedelta(seconds=10**9 - 1)),
    ("FREQ=MINUTELY;INTERVAL=7", 10**6, START + timedelta(minutes=7 * (10**6 - 1))),
    ("FREQ=HOURLY", 10**7, START + timedelta(hours=10**7 - 1)),
    ("FREQ=DAILY", 10**6, START + timedelta(days=10**6 - 1)),
    ("FREQ=WEEKLY", 10**5, START + timedelta(days=7 * (10**5 - 1))),
    ("FREQ=MONTHLY", 12 * 400 + 1, START.replace(year=2426)),
    ("FREQ=YEARLY", 7_001, START.replace(year=9026)),
    (f"FREQ=DAILY;{EVERY_SECOND}", 86_400 * 1_000, datetime(2028, 10, 1, 9, 30, 14, tzinfo=UTC)),
    ("FREQ=MINUTELY;BYHOUR=9,10", 10**9, None),
    ("FREQ=HOURLY;BYMINUTE=0,30", 48 * 146_097, datetime(2426, 1, 5, 9, 0, tzinfo=UTC) + timedelta(seconds=15)),
]


@pytest.mark.parametrize(("text", "count", "last"), COUNTED)
def test_a_large_count_ends_where_it_should(text: str, count: int, last: datetime | None) -> None:
    """The last instance of a large COUNT is found without walking to it, and after it there is none."""
    rule = RRule.parse(f"{text};COUNT={count}", dtstart=START)
    if last is None:  # beyond the year 9999
        assert rule.next_after(FAR - timedelta(days=400)) is not None
        return
    assert rule.next_after(last - timedelta(seconds=1)) == last
    assert rule.next_after(last) is None
    assert list(rule.between(last - timedelta(seconds=1), FAR)) == [last]


def test_a_count_past_all_bounds_asks_for_a_checkpoint() -> None:
    """Where COUNT cannot be followed in bounded work, near look-ups work, far ones are refused until a checkpoint helps."""
    text = "FREQ=MINUTELY;INTERVAL=7;BYHOUR=9,10;BYDAY=MO,TU,WE;COUNT=1000000000"
    rule = RRule.parse(text, "Europe/Berlin", START)
    assert rule.next_after(START) == START + timedelta(minutes=7)
    far = datetime(2900, 1, 1, tzinfo=UTC)
    for ask in (rule.next_after, rule.checkpoint, lambda at: list(islice(rule.between(at, at + timedelta(days=9)), 3))):
        with pytest.raises(InvalidRecurrence) as caught:
            ask(far)
        assert caught.value.field == "COUNT"
    kept = None
    for year in range(2030, 2900, 29):
        kept = rule.checkpoint(datetime(year, 1, 1, tzinfo=UTC), kept)
    fresh = RRule.parse(text, "Europe/Berlin", START)
    free = RRule.parse(text.rpartition(";")[0], "Europe/Berlin", START)
    assert kept is not None
    assert fresh.next_after(kept.at, kept) == free.next_after(kept.at)
    assert (
        kept.counts == (sum(1 for _ in free.between(LONG_AGO, datetime(2031, 1, 1, tzinfo=UTC))) - 0,)
        or kept.counts[0] > 10**6
    )


def test_a_checkpoint_must_fit() -> None:
    """A checkpoint of another rule is refused where it can be told; an earlier one that is later is not gone on from."""
    rule = RRule.parse("FREQ=DAILY;COUNT=5", dtstart=START)
    with pytest.raises(InvalidRecurrence) as caught:
        rule.next_after(START, Checkpoint(at=START, counts=(1, 2)))
    assert caught.value.field == "checkpoint"
    with pytest.raises(InvalidRecurrence):
        rule.next_after(START, Checkpoint(at=START.replace(tzinfo=None), counts=(1,)))
    later = rule.checkpoint(START + timedelta(days=3))
    assert later.counts == (4,)
    assert rule.checkpoint(START, later).counts == (1,)
    assert rule.checkpoint(START - timedelta(seconds=1)).counts == (0,)
    assert RRule.parse("FREQ=DAILY", dtstart=START).checkpoint(START).counts == (0,)
    until = RRule.parse("RRULE:FREQ=DAILY;COUNT=5\nEXRULE:FREQ=WEEKLY;COUNT=1", dtstart=START)
    assert until.checkpoint(FAR).counts == (5, 1)


def test_an_exrule_that_takes_all_is_given_up() -> None:
    """A set whose EXRULE excludes instance after instance gives up after so many, with an error that says so."""
    rule = RRule.parse("RRULE:FREQ=SECONDLY\nEXRULE:FREQ=SECONDLY", dtstart=START)
    for ask in (rule.next_after, lambda at: next(rule.between(at, FAR))):
        with pytest.raises(InvalidRecurrence) as caught:
            ask(START)
        assert caught.value.field == "EXRULE"
    some = RRule.parse(f"RRULE:FREQ=SECONDLY\nEXRULE:FREQ=SECONDLY;COUNT={MAX_EXCLUDED}", dtstart=START)
    assert some.next_after(START - timedelta(seconds=1)) == START + timedelta(seconds=MAX_EXCLUDED)
    more = RRule.parse(f"RRULE:FREQ=SECONDLY\nEXRULE:FREQ=SECONDLY;COUNT={MAX_EXCLUDED + 1}", dtstart=START)
    with pytest.raises(InvalidRecurrence):
        more.next_after(START - timedelta(seconds=1))
    weekdays = RRule.parse("RRULE:FREQ=MINUTELY\nEXRULE:FREQ=MINUTELY;BYDAY=SA,SU", dtstart=START)
    assert weekdays.next_after(datetime(2026, 1, 9, 23, 59, 15, tzinfo=UTC)) == datetime(
        2026, 1, 12, 0, 0, 15, tzinfo=UTC
    )


def test_excluded_days_are_leapt_over() -> None:
    """An EXDATE that is a date excludes every second of it at no more cost than one, also where the day shifts."""
    days = "20260105,20260106,20260329,99991231"
    rule = RRule.parse(f"RRULE:FREQ=SECONDLY\nEXDATE;VALUE=DATE:{days}", "Europe/Berlin", START)
    assert rule.next_after(START) == datetime(2026, 1, 6, 23, 0, 0, tzinfo=UTC)
    assert rule.next_after(datetime(2026, 3, 28, 22, 59, 59, tzinfo=UTC)) == datetime(2026, 3, 29, 22, 0, tzinfo=UTC)
    assert rule.next_after(datetime(9999, 12, 30, 22, 59, 59, tzinfo=UTC)) is None
    nights = RRule.parse("RRULE:FREQ=HOURLY\nEXDATE:19970101\nEXDATE:20260105T103015Z,20260105T113015Z", dtstart=START)
    assert nights.next_after(START) == START + timedelta(hours=3)


def test_iterating_leaps_over_excluded_days() -> None:
    """between goes on after excluded days as next_after does, however many instances and days they are."""
    text = "RRULE:FREQ=SECONDLY\nEXDATE;VALUE=DATE:20260105,20260106,20260107,20260109"
    rule = RRule.parse(text, "Europe/Berlin", START)
    found = list(islice(rule.between(START, FAR), 86_401))
    assert found[0] == datetime(2026, 1, 7, 23, tzinfo=UTC)
    assert found[86_399:] == [datetime(2026, 1, 8, 22, 59, 59, tzinfo=UTC), datetime(2026, 1, 9, 23, tzinfo=UTC)]
    slow = RRule.parse(text.replace("SECONDLY", "HOURLY;INTERVAL=5"), "Europe/Berlin", START)
    stepped = [START - timedelta(seconds=1)]
    while len(stepped) < 30:
        following = slow.next_after(stepped[-1])
        assert following is not None
        stepped.append(following)
    assert list(islice(slow.between(stepped[0], FAR), 29)) == stepped[1:]


MONDAYS = [START.date() + timedelta(weeks=week) for week in range(MAX_LEAPS)]


@pytest.mark.parametrize(("rules", "freq", "possible"), [(2, "WEEKLY", 850), (4, "WEEKLY", 499), (4, "WEEKLY", 501),
                                                         (4, "SECONDLY;BYDAY=MO", 499), (4, "SECONDLY;BYDAY=MO", 501)])  # fmt: skip
def test_exdates_that_take_all_are_given_up(rules: int, freq: str, possible: int) -> None:
    """A look-up asks all rules of a set MAX_LEAPS times for what follows an EXDATE, and then refuses."""
    days = ",".join(f"{day:%Y%m%d}" for day in MONDAYS[:possible])
    rule = RRule.parse("\n".join([f"RRULE:FREQ={freq}"] * rules + [f"EXDATE:{days}"]), "Europe/Berlin", START)
    asks = [rule.next_after, lambda at: next(rule.between(at, FAR))]
    for ask in asks if "SECONDLY" in freq else asks[:1]:
        if rules * possible <= MAX_LEAPS:
            assert ask(START).date() == MONDAYS[possible] - timedelta(days="SECONDLY" in freq)
        else:
            with pytest.raises(InvalidRecurrence) as caught:
                ask(START)
            assert caught.value.field == "EXDATE"


def test_exrules_that_take_turns_are_asked_in_turn() -> None:
    """The EXRULE that excluded the last instance is asked first; all questions count until an instance is left."""
    week = "RRULE:FREQ=MINUTELY\nEXRULE:FREQ=MINUTELY;BYDAY=TU\nEXRULE:FREQ=HOURLY;BYDAY=MO\nEXRULE:FREQ=MINUTELY;BYDAY=SA,SU"
    rule = RRule.parse(week, dtstart=START)
    assert rule.next_after(datetime(2026, 1, 9, 23, 59, 15, tzinfo=UTC)) == datetime(2026, 1, 12, 0, 0, 15, tzinfo=UTC)
    assert rule.next_after(datetime(2026, 1, 5, 23, 59, 15, tzinfo=UTC)) == datetime(2026, 1, 7, 0, 0, 15, tzinfo=UTC)
    assert rule.next_after(datetime(2026, 1, 12, 0, 29, 15, tzinfo=UTC)) == datetime(2026, 1, 12, 0, 31, 15, tzinfo=UTC)
    turns = "RRULE:FREQ=SECONDLY;COUNT={}\nEXRULE:FREQ=SECONDLY;INTERVAL=2\nEXRULE:FREQ=SECONDLY;BYSECOND=" + ",".join(
        map(str, range(0, 60, 2))
    )
    before = START - timedelta(seconds=1)
    assert RRule.parse(turns.format(2_000), dtstart=START).next_after(before) is None
    with pytest.raises(InvalidRecurrence):
        RRule.parse(turns.format(2_001), dtstart=START).next_after(before)


def test_an_exrule_takes_nothing_that_it_does_not_have() -> None:
    """An EXRULE has nothing before DTSTART and nothing if it never matches; DTSTART as a second pass it has."""
    text = "RDATE:20260104T093015Z\nRRULE:FREQ=DAILY;COUNT=2\nEXRULE:FREQ={}"
    before = START - timedelta(days=9)
    early = START - timedelta(days=1)
    next_day = START + timedelta(days=1)
    assert list(RRule.parse(text.format("HOURLY"), dtstart=START).between(before, FAR)) == [early]
    assert list(RRule.parse(text.format("WEEKLY"), dtstart=START).between(before, FAR)) == [early, next_day]
    never = text.format("SECONDLY;BYSECOND=60")
    assert list(RRule.parse(never, dtstart=START).between(before, FAR)) == [early, START, next_day]
    second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)  # 02:30 for the second time
    days = RRule.parse("RRULE:FREQ=DAILY;COUNT=2\nEXRULE:FREQ=WEEKLY", "Europe/Berlin", second)
    assert list(days.between(second - timedelta(days=1), FAR)) == [second + timedelta(days=1)]
    gap = RRule.parse(
        "RRULE:FREQ=HOURLY;COUNT=5\nEXRULE:FREQ=DAILY;BYHOUR=2", "Europe/Berlin", datetime(2026, 3, 28, 23, tzinfo=UTC)
    )
    left = [moment.hour for moment in gap.between(START, FAR)]
    assert left == [23, 0, 2, 3]  # 02:00 does not exist: it is 03:00, 01:00 in UTC


def test_the_rules_of_a_set_share_its_bounds() -> None:
    """Several rules together look no further than one may: 600 years divided by their number, but 400 for one."""
    rare = "FREQ=SECONDLY;INTERVAL=86399;BYHOUR=3;BYMINUTE=2;BYSECOND=1"  # in 2089
    rarer = "FREQ=SECONDLY;INTERVAL=86401;BYHOUR=9;BYMINUTE=30;BYSECOND=14"  # in 2262
    assert RRule.parse("\n".join([f"RRULE:{rare}"] * 8), dtstart=START).next_after(START) is not None
    assert RRule.parse(f"RRULE:{rarer}\nRRULE:{rarer}", dtstart=START).next_after(START) is not None
    assert RRule.parse("\n".join([f"RRULE:{rarer}"] * 3), dtstart=START).next_after(START) is None
    counted = "FREQ=MINUTELY;INTERVAL=7;BYHOUR=9,10;BYDAY=MO,TU,WE;COUNT=1000000"
    at = datetime(2060, 1, 1, tzinfo=UTC)
    assert RRule.parse(counted, "Europe/Berlin", START).next_after(at) is not None
    with pytest.raises(InvalidRecurrence) as caught:
        RRule.parse("\n".join([f"RRULE:{counted}"] * 8), "Europe/Berlin", START).next_after(at)
    assert caught.value.field == "COUNT"


# --- hostile texts ----------------------------------------------------------------------------------------------------

HOSTILE = [
    f"FREQ=YEARLY;{EVERY_SECOND}",
    f"FREQ=YEARLY;{EVERY_SECOND};BYSETPOS=-1,366;BYMONTH=1,12",
    f"FREQ=YEARLY;INTERVAL=3;BYWEEKNO=1,53;{EVERY_SECOND};BYSETPOS=1,-1;COUNT=1000000000",
    f"FREQ=MONTHLY;{EVERY_SECOND};BYSETPOS=366,-366;COUNT=999999999999999999",
    f"FREQ=WEEKLY;INTERVAL=13;BYMONTH=2;{EVERY_SECOND};BYSETPOS=-366;COUNT=1000000000",
    f"FREQ=DAILY;{EVERY_SECOND};COUNT=1000000000000",
    f"FREQ=SECONDLY;INTERVAL=7;{EVERY_SECOND};COUNT=1000000000",
    f"FREQ=SECONDLY;INTERVAL=86399;BYHOUR={ALL_HOURS};BYMONTHDAY=29;BYMONTH=2;COUNT=1000000000",
    "FREQ=SECONDLY;INTERVAL=86401;BYHOUR=3;BYMINUTE=3;BYSECOND=3;BYDAY=MO;BYMONTH=2;BYMONTHDAY=29",
    "FREQ=SECONDLY;INTERVAL=999999999999999999;BYDAY=MO",
    "FREQ=SECONDLY;INTERVAL=999999999999999999",
    "FREQ=SECONDLY;INTERVAL=604801;BYDAY=MO;BYHOUR=1;BYMINUTE=1;BYSECOND=1;COUNT=1000000",
    "FREQ=MINUTELY;INTERVAL=1439;BYHOUR=1;BYMINUTE=1;BYYEARDAY=366;BYDAY=SU",
    "FREQ=MINUTELY;INTERVAL=11;BYSECOND=1,2,3;BYDAY=MO;COUNT=1000000000",
    "FREQ=HOURLY;INTERVAL=7;BYMONTHDAY=13;BYDAY=FR;BYHOUR=13;COUNT=1000000000",
    f"FREQ=HOURLY;BYMINUTE={ALL_SIXTY};BYSECOND={ALL_SIXTY};BYMONTHDAY=29;BYMONTH=2;COUNT=1000000000",
    "FREQ=DAILY;INTERVAL=999999999999999999;BYEASTER=1",
    "FREQ=DAILY;INTERVAL=60;BYMONTHDAY=-2;BYEASTER=-20;COUNT=16",
    "FREQ=MONTHLY;INTERVAL=4799;BYMONTH=2;BYMONTHDAY=29;BYDAY=SU",
    "FREQ=WEEKLY;INTERVAL=20871;BYMONTH=7",
    "FREQ=WEEKLY;INTERVAL=52;BYMONTH=7;BYDAY=WE;BYSETPOS=2;COUNT=100000",
    "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU;BYHOUR=2;BYMINUTE=30;COUNT=100000",
    f"FREQ=YEARLY;BYYEARDAY={','.join(str(n) for n in range(-366, 367) if n)};BYSETPOS=-366;INTERVAL=9",
    f"FREQ=YEARLY;BYEASTER={','.join(map(str, range(-366, 367)))}",
    "RRULE:"
    + "\nRRULE:".join(f"FREQ=DAILY;INTERVAL={n};BYDAY=TU" for n in (7007, 7014, 7021, 7028, 7035, 7042, 7049, 7063)),
    "RRULE:" + "\nRRULE:".join(["FREQ=SECONDLY;INTERVAL=86401;BYHOUR=9;BYMINUTE=30;BYSECOND=14"] * 8),
    "RRULE:" + "\nRRULE:".join(["FREQ=SECONDLY;INTERVAL=86399;BYHOUR=10,11,12;BYDAY=MO,TU,WE,TH,FR,SA"] * 8),
    "RRULE:" + "\nRRULE:".join(["FREQ=MINUTELY;INTERVAL=11;BYSECOND=1,2,3;BYDAY=MO;COUNT=1000000000"] * 8),
    "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29\nEXRULE:FREQ=DAILY",
    "RRULE:FREQ=DAILY"
    + "\nEXRULE:FREQ=SECONDLY;INTERVAL=7;BYHOUR=1,2,3,4;BYMINUTE=1,2,3,4,5,6,7" * 6
    + "\nEXRULE:FREQ=DAILY",
    "RRULE:FREQ=SECONDLY\nEXRULE:FREQ=SECONDLY;INTERVAL=2\nEXRULE:FREQ=SECONDLY;BYSECOND="
    + ",".join(map(str, range(0, 60, 2))),
    "RDATE:"
    + ",".join(f"{20000101 + n}" for n in range(28))
    + "\nEXDATE:"
    + ",".join(f"{20000101 + n}" for n in range(28)),
    "BYDAY=" + "MO," * 2000,
    ";" * 8000,
    ":" * 8000,
    "DTSTART" + ";A=B" * 2000 + ":19970101\nRRULE:FREQ=DAILY",
    "\n ".join("RRULE:FREQ=DAILY" * 100),
    "RDATE;VALUE=PERIOD:19970101T000000Z/P" + "1" * 5000,
]
AFTERS = [LONG_AGO, START, datetime(2026, 3, 29, 0, 59, tzinfo=UTC), datetime(2500, 6, 1, tzinfo=UTC), FAR]
NAMES = ["FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYHOUR",
         "BYMINUTE", "BYSECOND", "BYSETPOS", "BYEASTER", "WKST", "SKIP", "RSCALE"]  # fmt: skip
FREQS = ["SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"]
GAPS: list[Gap] = ["offset_before", "skip", "after"]
FOLDS: list[Fold] = ["first", "second", "both"]


def ends_well(text: str, timezone: str, gap: Gap, fold: Fold, afters: list[datetime]) -> float:
    """Do all that can be done with a text; give the most CPU seconds that one call took."""
    worst = 0.0

    def run(call):
        nonlocal worst
        begun = time.process_time()
        try:
            return call()
        except InvalidRecurrence:
            return None
        finally:
            worst = max(worst, time.process_time() - begun)

    rule = run(lambda: RRule.parse(text, timezone, START, gap=gap, fold=fold))
    if rule is None:
        return worst
    for after in afters:
        found = run(lambda after=after: rule.next_after(after))
        assert found is None or found > after
    run(lambda: next(rule.between(START, FAR), None))
    run(lambda: rule.checkpoint(datetime(2400, 1, 1, tzinfo=UTC)))
    run(rule.explain)
    run(rule.to_text)
    return worst


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin"])
def test_hostile_texts_end_soon(text: str, timezone: str) -> None:
    """Each text ends by a value, None or InvalidRecurrence. The time is only watched coarsely here: machines differ."""
    assert ends_well(text, timezone, "skip", "both", AFTERS) < 40 * CPU_SECONDS


def random_text(chance: random.Random) -> str:
    """A rule of random parts, now and then broken."""
    some = lambda low, high: ",".join(str(chance.randint(low, high)) for _ in range(chance.choice([1, 1, 2, 3, 9])))  # noqa: E731
    values = {
        "FREQ": lambda: chance.choice(FREQS),
        "INTERVAL": lambda: str(
            chance.choice([1, 1, 2, 3, 7, 13, 60, 61, 365, 1439, 86_399, 86_401, 10**9, chance.randint(1, 10**6)])
        ),
        "COUNT": lambda: str(chance.choice([1, 5, 1000, 10**6, 10**9, 10**18 - 1])),
        "UNTIL": lambda: chance.choice(["20300101", "20300101T000000", "20300101T000000Z", "99991231", "00010101"]),
        "BYDAY": lambda: ",".join(
            chance.choice(["", "", "1", "-1", "5", "53"]) + chance.choice(["MO", "TU", "SA", "SU"]) for _ in range(2)
        ),
        "BYMONTH": lambda: some(1, 12),
        "BYMONTHDAY": lambda: some(-31, 31),
        "BYYEARDAY": lambda: some(-366, 366),
        "BYWEEKNO": lambda: some(-53, 53),
        "BYHOUR": lambda: chance.choice([some(0, 23), ALL_HOURS]),
        "BYMINUTE": lambda: chance.choice([some(0, 59), ALL_SIXTY]),
        "BYSECOND": lambda: chance.choice([some(0, 60), ALL_SIXTY]),
        "BYSETPOS": lambda: some(-366, 366),
        "BYEASTER": lambda: some(-366, 366),
        "WKST": lambda: chance.choice(["MO", "SU", "TH"]),
        "SKIP": lambda: chance.choice(["OMIT", "FORWARD", "BACKWARD"]),
        "RSCALE": lambda: "GREGORIAN",
    }
    names = ["FREQ", *chance.sample(NAMES[1:], chance.randint(0, 7))]
    text = ";".join(f"{name}={values[name]()}" for name in names)
    if chance.random() < 0.15:
        text = f"RRULE:{text}\nEXRULE:FREQ={chance.choice(FREQS)};INTERVAL={chance.randint(1, 9)}\nEXDATE:20260106,20260107T093015Z"
    while chance.random() < 0.2:  # break it
        place = chance.randrange(len(text) + 1)
        text = (
            text[:place]
            + chance.choice(["", ";", ",", "=", "-", ":", "\n", "0", "٣", "A", text[:9]])
            + text[place + chance.randint(0, 2) :]
        )
    return text


def test_random_and_mutated_texts_end_soon() -> None:
    """MAINSPRING_FUZZ texts (400 by default), random and mutated: no other exception, and at its size 50 ms each."""
    chance = random.Random(5545)
    slow: list[tuple[float, str]] = []
    for _ in range(RUNS):
        text, zone = (
            random_text(chance),
            chance.choice(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
        )
        spent = ends_well(text, zone, chance.choice(GAPS), chance.choice(FOLDS), chance.sample(AFTERS, 2))
        if spent > CPU_SECONDS:
            slow.append((spent, text))
    slow.sort(reverse=True)
    if "MAINSPRING_FUZZ" in os.environ:
        assert slow == []
    assert not [text for spent, text in slow if spent > 40 * CPU_SECONDS]
