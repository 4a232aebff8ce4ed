"""Cron and intervals against croniter and cronsim, in one run: what counts is the ratio, not the machine.

``main()`` prints a Markdown table. Each figure is the fastest of several rounds, in µs of CPU per look-up. The walk
asks for one instant after the other; the jump asks from points spread over forty years, where no memo helps.
"""

from __future__ import annotations

import time
import timeit
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSim

from mainspring.core.recurrence import Cron, Interval, between, next_after
from mainspring.core.recurrence.cron import _compiled

START = datetime(2024, 1, 15, tzinfo=UTC)
WALK = 400
ROUNDS = 5
JUMPS = [START.replace(year=1990) + timedelta(hours=1777 * k) for k in range(200)]

CASES = [
    ("* * * * *", "UTC"),
    ("*/5 * * * *", "UTC"),
    ("30 2 * * *", "UTC"),
    ("0 9 * * 1-5", "UTC"),
    ("0 0 1 * *", "UTC"),
    ("0 0 29 2 *", "UTC"),
    ("* * * * *", "Europe/Berlin"),
    ("*/5 * * * *", "Europe/Berlin"),
    ("30 2 * * *", "Europe/Berlin"),
    ("0 9 * * 1-5", "America/New_York"),
    ("0 9 * * 1", "America/New_York"),
    ("0 0 1 * *", "Europe/Berlin"),
]


def micros(run: Callable[[], object], calls: int) -> float:
    """The fastest of some rounds, in µs per call."""
    run()
    return min(timeit.repeat(run, number=1, repeat=ROUNDS, timer=time.process_time)) / calls * 1e6


def walk_ours(text: str, zone: str) -> float:
    cron = Cron.parse(text, zone)

    def run() -> None:
        instant: datetime | None = START
        for _ in range(WALK):
            instant = next_after(cron, instant) or START

    return micros(run, WALK)


def walk_cronsim(text: str, zone: str) -> float:
    local = START.astimezone(ZoneInfo(zone)) if zone != "UTC" else START
    calls = 20 if text == "0 0 29 2 *" else WALK

    def run() -> None:
        walk = CronSim(text, local)
        for _ in range(calls):
            next(walk)

    return micros(run, calls)


def walk_croniter(text: str, zone: str) -> float:
    local = START.astimezone(ZoneInfo(zone))
    calls = 10 if text == "0 0 29 2 *" else WALK // 4

    def run() -> None:
        walk = croniter(text, local, ret_type=datetime)
        for _ in range(calls):
            walk.get_next()

    return micros(run, calls)


def jump_ours(text: str, zone: str) -> float:
    cron = Cron.parse(text, zone)

    def run() -> None:
        for instant in JUMPS:
            next_after(cron, instant)

    return micros(run, len(JUMPS))


def rest() -> list[tuple[str, float]]:
    """What has no counterpart: parsing, ``between``, intervals."""
    cron, interval = Cron.parse("*/5 * * * *", "Europe/Berlin"), Interval(every=timedelta(minutes=10), anchor=START)
    end = START + timedelta(days=3)

    def walk_interval() -> None:
        instant: datetime | None = START
        for _ in range(WALK):
            instant = next_after(interval, instant) or START

    def parse_anew() -> None:
        for _ in range(50):
            _compiled.cache_clear()
            Cron.parse("30 2 * * 1-5", "Europe/Berlin")

    return [
        ("interval next", micros(walk_interval, WALK)),
        ("`between`, each of 864", micros(lambda: between(cron, START, end), 864)),
        ("parse `30 2 * * 1-5`, a new text", micros(parse_anew, 50)),
        (
            "parse `30 2 * * 1-5`, known",
            micros(lambda: [Cron.parse("30 2 * * 1-5", "Europe/Berlin") for _ in range(50)], 50),
        ),
        ("parse, croniter", micros(lambda: [croniter("30 2 * * 1-5", START) for _ in range(50)], 50)),
        ("parse, cronsim", micros(lambda: [CronSim("30 2 * * 1-5", START) for _ in range(50)], 50)),
    ]


def main() -> None:
    """Print the table."""
    print("| cron | zone | next, µs | jump, µs | cronsim, µs | croniter, µs | x cronsim | x croniter |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for text, zone in CASES:
        ours, jump = walk_ours(text, zone), jump_ours(text, zone)
        cronsim, theirs = walk_cronsim(text, zone), walk_croniter(text, zone)
        figures = f"{ours:.2f} | {jump:.2f} | {cronsim:.1f} | {theirs:.1f} | {cronsim / ours:.1f} | {theirs / ours:.0f}"
        print(f"| `{text}` | {zone} | {figures} |")
    print("\n| other | µs |\n|---|---:|")
    for name, figure in rest():
        print(f"| {name} | {figure:.2f} |")


if __name__ == "__main__":
    main()
