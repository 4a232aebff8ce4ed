"""How many seeds each planted bug takes to be caught: ``python -m simulation.planted.table`` writes the docs' table."""

from __future__ import annotations

import sys

from simulation.planted import around, inside

BUGS = (*around.BUGS, *inside.BUGS)


def rows(first: int = 0, step: int = 1) -> list[str]:
    """One row a bug; of every ``step``-th, from ``first`` on."""
    found = ["| planted bug | seeds to the first breach | noticed by |", "|---|---|---|"]
    for bug in BUGS[first::step]:
        seeds, result = bug.hunt()
        noticed = sorted({breach.partition(":")[0] for breach in result.breaches})
        found.append(f"| {bug.name} | {seeds} | {', '.join(noticed)} |")
        print(found[-1], flush=True)
    return found


if __name__ == "__main__":
    rows(*map(int, sys.argv[1:]))
