"""RRULE against dateutil, in one run: what counts is the ratio, not the machine.

``main()`` prints two Markdown tables. ``after`` asks for the next instance ten years into a rule, in µs of CPU per
look-up; dateutil walks there from DTSTART, so its figure is of one look-up, and one year in where ten take too long.
*iterate* goes through the first 10,000 instances, parse included, in ms of CPU.
"""

from __future__ import annotations

import time
import timeit
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from mainspring.core.recurrence import RRule, next_after

START: Final = datetime(2016, 3, 1, 9, 15, tzinfo=UTC)
INSTANCES: Final = 10_000
ROUNDS: Final = 3
FAR: Final = datetime(9999, 12, 30, tzinfo=UTC)

AFTER: Final = [
    # rule, zone, years into it for dateutil
    ("FREQ=MINUTELY", "UTC", 1),
    ("FREQ=MINUTELY", "Europe/Berlin", 1),
    ("FREQ=MINUTELY;INTERVAL=7", "UTC", 10),
    ("FREQ=MINUTELY;BYHOUR=9,10,11", "UTC", 1),
    ("FREQ=MINUTELY;INTERVAL=7;BYHOUR=9,10;BYDAY=MO", "UTC", 1),
    ("FREQ=HOURLY;INTERVAL=5", "UTC", 10),
    ("FREQ=DAILY", "UTC", 10),
    ("FREQ=DAILY", "Europe/Berlin", 10),
    ("FREQ=DAILY;COUNT=100000", "UTC", 10),
    ("FREQ=WEEKLY;BYDAY=MO,WE,FR", "Europe/Berlin", 10),
    ("FREQ=MONTHLY;BYDAY=3TU", "UTC", 10),
    ("FREQ=MONTHLY;BYDAY=3TU", "Europe/Berlin", 10),
    ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "UTC", 10),
]
ITERATE: Final = [
    "FREQ=SECONDLY",
    "FREQ=SECONDLY;BYSECOND=0,30",
    "FREQ=MINUTELY",
    "FREQ=MINUTELY;INTERVAL=7;BYHOUR=9,10",
    "FREQ=HOURLY",
    "FREQ=HOURLY;INTERVAL=5;BYMINUTE=0,30",
    "FREQ=DAILY",
    "FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=0,30",
    "FREQ=DAILY;INTERVAL=3;BYDAY=MO",
    "FREQ=WEEKLY",
    "FREQ=WEEKLY;BYDAY=MO,WE,FR",
    "FREQ=MONTHLY",
    "FREQ=MONTHLY;BYDAY=3TU",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=YEARLY;BYDAY=MO,TU,WE;BYMONTH=1,2,3",
    "FREQ=YEARLY;BYWEEKNO=1,10,20;BYDAY=MO,TU",
    "FREQ=YEARLY;BYMONTH=1;BYDAY=1MO,-1FR",
]


def cpu(run: Callable[[], object], calls: int = 1, rounds: int = ROUNDS) -> float:
    """The fastest of some rounds, in seconds of CPU per call."""
    return min(timeit.repeat(run, number=calls, repeat=rounds, timer=time.process_time)) / calls


def after_ours(text: str, zone: str) -> float:
    rule, after = RRule.parse(text, zone, START), START + timedelta(days=3652, seconds=7)
    next_after(rule, after)
    return cpu(lambda: next_after(rule, after), 1_000)


def after_dateutil(text: str, zone: str, years: int) -> float:
    local = START.astimezone(ZoneInfo(zone)) if zone != "UTC" else START
    rule, after = rrulestr(text, dtstart=local), local + timedelta(days=365 * years, seconds=7)
    return cpu(lambda: rule.after(after), rounds=1)


def iterate_ours(text: str, zone: str) -> float:
    def run() -> None:
        for _ in islice(RRule.parse(text, zone, START).between(START - timedelta(days=1), FAR), INSTANCES):
            pass

    run()
    return cpu(run)


def iterate_dateutil(text: str, zone: str) -> float:
    local = START.astimezone(ZoneInfo(zone)) if zone != "UTC" else START

    def run() -> None:
        for _ in islice(rrulestr(text, dtstart=local), INSTANCES):
            pass

    return cpu(run)


def main() -> None:
    """Print the ratios as two Markdown tables."""
    print("| `after`, ten years into the rule | zone | ours µs | dateutil µs | ratio |")
    print("|---|---|---|---|---|")
    for text, zone, years in AFTER:
        ours, theirs = after_ours(text, zone) * 1e6, after_dateutil(text, zone, years) * 1e6
        when = "" if years == 10 else f" ({years} year)"
        print(f"| `{text}` | {zone} | {ours:.1f} | {theirs:,.0f}{when} | {theirs / ours:,.0f} |")
    print(f"\n| first {INSTANCES:,} instances, parse included | zone | ours ms | dateutil ms | ratio |")
    print("|---|---|---|---|---|")
    for text in ITERATE:
        for zone in ("UTC", "Europe/Berlin"):
            ours, theirs = iterate_ours(text, zone) * 1e3, iterate_dateutil(text, zone) * 1e3
            print(f"| `{text}` | {zone} | {ours:.1f} | {theirs:.1f} | {theirs / ours:.1f} |")


if __name__ == "__main__":
    main()
