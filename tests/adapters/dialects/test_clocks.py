"""The evaluators of other systems' rules: held to those systems, or to what was measured of them."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.cron import CronTrigger as Oracle

from mainspring.adapters.dialects.aps_clock import ApsClock
from mainspring.adapters.dialects.aps_fields import read_trigger
from mainspring.adapters.dialects.celery_cron import read_crontab_fields
from mainspring.adapters.dialects.clocks import CeleryClock, DebianClock, ElapsedClock, WallClock
from mainspring.adapters.dialects.fields import read_fields
from mainspring.core.recurrence import Cron, between

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Africa/Cairo", "UTC"]
SPRING = datetime(2027, 3, 27, 12, tzinfo=UTC), datetime(2027, 3, 28, 6, tzinfo=UTC)
AUTUMN = datetime(2027, 10, 30, 20, tzinfo=UTC), datetime(2027, 10, 31, 6, tzinfo=UTC)


def _field(chance: random.Random, low: int, high: int) -> str:
    first = chance.randint(low, high)
    forms = ["*", f"*/{chance.randint(2, 9)}", str(first), f"{first}-{chance.randint(first, high)}", f"{low},{first}"]
    return chance.choice(forms)


def test_debians_clock_and_our_cron_agree() -> None:
    """Two ways to the same rule: days tried one by one here, masks and jumps there; over shifts of five zones."""
    chance = random.Random(1)
    for _ in range(150):
        hour = chance.choice(["0", "1", "2", "3", "*", "*/2", _field(chance, 0, 23)])
        days = f"{_field(chance, 1, 28)} * {_field(chance, 0, 7)}"
        text = f"{_field(chance, 0, 59)} {hour} {chance.choice(['* * *', days])}"
        zone, fields = chance.choice(ZONES), read_fields(text)
        assert fields is not None, text
        start = datetime(2027, chance.choice([3, 4, 10]), chance.randint(1, 28), 12, 0, 30, tzinfo=UTC)
        end = start + timedelta(days=20)
        clock = DebianClock(times=fields.wall_times(), zone=zone, wildcard=fields.starred)
        expected = between(Cron.parse(text, zone), start, end, 40_000)
        assert tuple(clock.fires(start, end)) == expected, (text, zone, start)


@pytest.mark.parametrize("hour", ["3", "*"])
@pytest.mark.parametrize("day", ["2009-10-17", "2010-03-04", "2011-10-27", "2012-02-21"])
def test_shifts_of_three_hours_count_as_in_debians_loop(hour: str, day: str) -> None:
    """Casey station: three hours forward are a correction, three back a season."""
    fields = read_fields(f"30 {hour} * * *")
    assert fields is not None
    start = datetime.fromisoformat(f"{day}T00:00:00Z") - timedelta(days=1)
    clock = DebianClock(times=fields.wall_times(), zone="Antarctica/Casey", wildcard=fields.starred)
    expected = between(Cron.parse(f"30 {hour} * * *", "Antarctica/Casey"), start, start + timedelta(days=3))
    assert tuple(clock.fires(start, start + timedelta(days=3))) == expected


def test_a_wall_clock_loses_the_gap_and_repeats_the_fold() -> None:
    """cronie's CRON_TZ, by the comment in its source."""
    fields = read_fields("30 2 * * *")
    assert fields is not None
    clock = WallClock(times=fields.wall_times(), zone="Europe/Berlin")
    assert list(clock.fires(*SPRING)) == []
    assert [f"{instant:%H:%M}" for instant in clock.fires(*AUTUMN)] == ["00:30", "01:30"]


@pytest.mark.parametrize(
    ("given", "spring", "autumn"),
    [
        ({"minute": "30", "hour": "2"}, ["03:30"], ["02:30"]),
        ({"minute": "*/15", "hour": "2"}, ["03:00"], ["02:00", "02:15", "02:30", "02:45"]),
        ({"minute": "0", "hour": "3"}, ["03:00"], ["03:00"]),
        ({"minute": "15,45", "hour": "2,3"}, ["03:15", "03:45"], ["02:15", "02:45", "03:15", "03:45"]),
        ({"minute": "30", "hour": "1-3"}, ["01:30", "03:30"], ["01:30", "02:30", "03:30"]),
    ],
)
def test_celerys_clock_does_what_was_measured(given: dict[str, object], spring: list[str], autumn: list[str]) -> None:
    """As ``celery.schedules.crontab.is_due`` of Celery 5.7 did when it was asked every second, Europe/Berlin."""
    _, times = read_crontab_fields(given, "Europe/Berlin")
    clock, zone = CeleryClock(times=times, zone="Europe/Berlin"), ZoneInfo("Europe/Berlin")
    for (start, end), expected in ((SPRING, spring), (AUTUMN, autumn)):
        assert [f"{instant.astimezone(zone):%H:%M}" for instant in clock.fires(start, end)] == expected


def test_celerys_quarter_hours_pause_for_the_second_pass() -> None:
    """From 02:45 it waits for 03:00, which is 75 minutes off."""
    _, times = read_crontab_fields({"minute": "*/15"}, "Europe/Berlin")
    fires = list(CeleryClock(times=times, zone="Europe/Berlin").fires(*AUTUMN))
    assert max(later - earlier for earlier, later in pairwise(fires)) == timedelta(minutes=75)


def _oracle(trigger: Oracle, start: datetime, count: int) -> list[datetime]:
    """What APScheduler would fire, each instant once (it can fire one twice, right after a gap)."""
    found: list[datetime] = []
    previous, now = None, start
    while len(found) < count:
        fired = trigger.get_next_fire_time(previous, now)
        if fired is None:
            break
        instant = fired.astimezone(UTC)
        if instant > start and instant not in found[-1:]:
            found.append(instant)
        previous, now = fired, max(instant, now)
    return found


def _trigger_fields(chance: random.Random) -> dict[str, str]:
    fields = {
        "hour": chance.choice(["2", "1", "0", "*", "*/2", "0,2", "1-3", "23", _field(chance, 0, 23)]),
        "minute": chance.choice(["0", "30", "*/15", "15,45", _field(chance, 0, 59)]),
    }
    optional = {
        "second": ["0", "*/20"],
        "day_of_week": ["mon-fri", "sun", "0-4", "6", "sat,sun"],
        "day": ["last", "last sun", "2nd sun", "1st fri", "*/2", "1,last", "1-7,4th sun"],
        "month": ["3", "10", "mar,oct", "*/3"],
        "week": ["10-13", "*/5"],
    }
    chosen = {name: chance.choice(values) for name, values in optional.items() if chance.random() < 0.2}
    return {**fields, **chosen}


@pytest.mark.parametrize("seed", range(4))
def test_apschedulers_clock_does_what_apscheduler_does(seed: int) -> None:
    """Random triggers in zones with gaps and folds of an hour, half an hour, at two and at midnight."""
    chance = random.Random(seed)
    for _ in range(40):
        zone, given = chance.choice(ZONES), _trigger_fields(chance)
        start = datetime(2027, chance.choice([3, 4, 10]), chance.randint(1, 28), 12, 0, 30, tzinfo=UTC)
        expected = _oracle(Oracle(timezone=ZoneInfo(zone), **given), start, 12)
        clock = ApsClock(trigger=read_trigger(given), zone=zone)
        found = list(islice(clock.fires(start, start + timedelta(days=9_000)), 12))
        assert found[: len(expected)] == expected[: len(found)], (zone, given, start)
        assert len(found) == len(expected) or found[-1] > start + timedelta(days=8_000), (zone, given, start)


def test_a_trigger_that_never_fires_ends() -> None:
    """30 February: the search is bounded."""
    clock = ApsClock(trigger=read_trigger({"month": "2", "day": "30"}), zone="UTC")
    assert list(clock.fires(SPRING[0], AUTUMN[1])) == []


def test_elapsed_time_goes_on_from_its_anchor() -> None:
    """Also from an anchor that is long past, or yet to come."""
    clock = ElapsedClock(every=timedelta(hours=36), anchor=datetime(2020, 1, 1, tzinfo=UTC))
    start = datetime(2020, 1, 4, tzinfo=UTC)
    assert [f"{instant:%d %H}" for instant in clock.fires(start, start + timedelta(days=3))] == ["05 12", "07 00"]
    later = ElapsedClock(every=timedelta(hours=1), anchor=start)
    assert next(later.fires(start - timedelta(days=9), start)) == start
