"""The simulator from the command line.

``python -m mainspring.simulation --seeds 1000`` plays the seeds 0 to 999; ``--seed 17`` replays one and shows its
trace; ``--shrink`` makes one that breaks an invariant smaller first.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from mainspring.simulation.campaign import Tally, campaign, report, shrunk
from mainspring.simulation.checkers import breaches
from mainspring.simulation.swarm import swarm_of
from mainspring.simulation.world import play

SHOWN = 10
"""How many broken seeds are shown."""


def main(arguments: list[str] | None = None) -> int:
    """Play seeds; 0: no invariant was broken, 1: one was."""
    options = _parser().parse_args(arguments)
    if options.seed is not None:
        return _one(options.seed, options.shrink, options.whole)
    return _many(options.first, options.seeds, options.jobs, options.seconds, options.covered)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mainspring.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds to play")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seconds", type=float, help="stop after so many real seconds")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many processes play them")
    parser.add_argument(
        "--covered", action="store_true", help="fail if a fault class or an edge never happened in all of the seeds"
    )
    parser.add_argument("--seed", help="replay this seed and show its trace")
    parser.add_argument("--whole", action="store_true", help="show the whole trace, not its end")
    parser.add_argument("--shrink", action="store_true", help="make the seed's run smaller for as long as it breaks")
    return parser


def _one(seed: str, shrink: bool, whole: bool) -> int:
    swarm = swarm_of(seed)
    if shrink:
        swarm = shrunk(swarm)
    for line in report(swarm, whole=whole):
        sys.stdout.write(line + "\n")
    return 1 if breaches(play(swarm)) else 0


def _many(first: int, count: int, jobs: int, seconds: float | None, covered: bool) -> int:
    tally, start = Tally(), time.monotonic()
    results = campaign(range(first, first + count), jobs)
    for result in results:
        tally.add(result)
        if seconds is not None and time.monotonic() - start > seconds:
            results.close()
            break
    for line in tally.lines():
        sys.stdout.write(line + "\n")
    sys.stdout.write(f"{time.monotonic() - start:.0f} s\n")
    for broken in tally.broken[:SHOWN]:
        sys.stdout.write(f"seed {broken.seed}: {len(broken.breaches)} breaches, first {broken.breaches[0]}\n")
        sys.stdout.write(f"  replay: python -m mainspring.simulation --seed {broken.seed} --shrink\n")
    sys.stdout.write(f"{len(tally.broken)} seeds with breaches\n")
    missing = tally.uncovered() if covered and tally.seeds == count else []
    sys.stdout.writelines(f"never happened: {name}\n" for name in missing)
    return 1 if tally.broken or missing or not tally.seeds else 0


if __name__ == "__main__":
    sys.exit(main())
