"""``nox -s bench``: speed, as ratios to bare yardsticks of the same run, as a Markdown table.

``-- time``: the recurrences only; ``-- api``: the HTTP API. ``--json FILE``: the figures for machines as well.
``--rounds N``: how often each is repeated (the median counts).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import api, ours, yardsticks
from bench.measuring import HEAD, Measured, rates


def speed(rounds: int) -> Iterator[Measured]:
    """Measure what is not a recurrence."""

    def beside(
        name: str,
        mine: Callable[[], float],
        yardstick: str,
        theirs: Callable[[], float],
        target: float | None = None,
        unit: str = "/s",
    ) -> Measured:
        ours_, theirs_ = rates(mine, theirs, rounds)
        return Measured(name=name, yardstick=yardstick, ours=ours_, theirs=theirs_, unit=unit, target=target)

    yield beside(
        "SQLite: enqueue one by one",
        lambda: ours.enqueues("sqlite", 300),
        "bare commits",
        lambda: yardsticks.sqlite_commits(300),
    )
    yield beside(
        "SQLite: enqueue 1,000 at a time",
        lambda: ours.bulk("sqlite", 5_000, 1_000),
        "bare inserts",
        lambda: yardsticks.sqlite_bulk(20_000, 1_000),
    )
    yield beside(
        "SQLite: drain, durable, with history",
        lambda: ours.drain("sqlite", 3_000),
        "bare claim and complete by 100",
        lambda: yardsticks.sqlite_floor(20_000),
        0.3,
    )
    yield beside(
        "memory: enqueue 1,000 at a time",
        lambda: ours.bulk("memory", 10_000, 1_000),
        "bare heap",
        lambda: yardsticks.heap_pushes(100_000),
        0.1,
    )
    yield beside(
        "memory: drain",
        lambda: ours.drain("memory", 5_000),
        "bare heap, an asyncio task each",
        lambda: yardsticks.heap_and_tasks(50_000),
        0.27,
    )
    yield beside(
        "memory: HTTP delivery",
        lambda: ours.deliveries("memory", 1_500),
        "bare aiohttp",
        lambda: yardsticks.bare_posts(3_000, 100),
        0.5,
    )
    yield beside(
        "SQLite: HTTP delivery",
        lambda: ours.deliveries("sqlite", 1_500),
        "bare aiohttp",
        lambda: yardsticks.bare_posts(3_000, 100),
        0.5,
    )
    yield beside(
        "SQLite: idle latency, median",
        lambda: ours.latency("sqlite", 15),
        "three bare commits",
        lambda: 3_000 / yardsticks.sqlite_commits(100),
        unit="ms",
    )
    yield beside(
        "mainspring --help",
        lambda: ours.seconds_of("-m", "mainspring.cli", "--help"),
        "python -c 'import click'",
        lambda: ours.seconds_of("-c", "import click"),
        unit="ms",
    )


def recurrences() -> None:
    """Run the recurrences' own benchmarks."""
    for name in ("bench.time_cron", "bench.time_rrule"):
        if find_spec(name) is not None:
            import_module(name).main()


def main() -> None:
    """Measure, print, and write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["all", "time", "engine", "api"], default="all")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    found: list[Measured] = []
    if options.what in ("all", "api"):
        api.measure(3.0, min(options.rounds, 3))
        print()
    if options.what in ("all", "engine"):
        print(HEAD, flush=True)
        for measured in speed(options.rounds):
            print(measured.row(), flush=True)
            found.append(measured)
        print()
    if options.what in ("all", "time"):
        recurrences()
    if options.json is not None:
        rows = [
            {"name": one.name, "yardstick": one.yardstick, "ratio": round(one.ratio, 4), "target": one.target}
            for one in found
        ]
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
