"""``nox -s chaos``: real processes under load, killed and restarted; the receivers' own logs are the truth.

Each figure is a line ``figure | wanted | got | ok``. ``--full`` runs the published sizes (an hour or so),
``--only NAME`` a single scenario. The exit code is 1 if a figure was missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chaos import postgres, scenarios, semantics
from chaos.ledger import Figure

BOUNDED: dict[str, Callable[[Path], list[Figure]]] = {
    "wake": scenarios.wake,
    "house": scenarios.house,
    "f13": scenarios.f13,
    "rolling": scenarios.rolling,
    "idle": lambda folder: scenarios.idle(folder, seconds=10),
    "f9": semantics.down,
    "f10": semantics.stale,
    "f11": semantics.limits,
    "f11-rate": semantics.rate,
    "pg-f4": postgres.f4,
    "pg-f5": postgres.f5,
    "pg-f6": postgres.f6,
    "pg-f8": postgres.f8,
    "pg-f10": postgres.f10,
    "pg-f11": postgres.f11,
    "pg-f11-rate": postgres.f11_rate,
    "pg-f12": postgres.f12,
    "pg-f16": postgres.f16,
    "pg-fleet": postgres.house,
}
"""What continuous integration runs; no figure of speed is among it, since other work on the machine would decide it."""

FULL: dict[str, Callable[[Path], list[Figure]]] = BOUNDED | {
    "f13": lambda folder: scenarios.f13(folder, tasks=20_000, kills=200),
    "rolling": lambda folder: scenarios.rolling(folder, restarts=100),
    "idle": scenarios.idle,
    "f11": lambda folder: semantics.limits(folder, tasks=20_000, workers=16, kills=100),
    "f11-rate": lambda folder: semantics.rate(folder, tasks=20_000, workers=16, kills=100),
    "pg-f4": lambda folder: postgres.f4(folder, tasks=50_000, kills=200),
    "pg-f5": lambda folder: postgres.f5(folder, tasks=20_000, kills=60, restarts=20),
    "pg-f6": lambda folder: postgres.f6(folder, times=1_000),
    "pg-f8": lambda folder: postgres.f8(folder, nodes=8, schedules=200, seconds=120, kills=100, stops=20),
    "pg-f11": lambda folder: postgres.f11(folder, tasks=20_000, workers=16, kills=100),
    "pg-f11-rate": lambda folder: postgres.f11_rate(folder, tasks=20_000, workers=16, kills=100),
    "pg-f12": lambda folder: postgres.f12(folder, restarts=100),
    "pg-f16": lambda folder: postgres.f16(folder, times=50),
    "pg-f18": lambda folder: postgres.f18(folder, seconds=5, rounds=5),
    "pg-fleet": lambda folder: postgres.house(folder, restarts=20),
}


def main() -> int:
    """Run the scenarios and print their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the published sizes")
    parser.add_argument("--only", choices=sorted(FULL), help="a single scenario")
    options = parser.parse_args()
    figures: list[Figure] = []
    for name, scenario in (FULL if options.full or options.only not in {None, *BOUNDED} else BOUNDED).items():
        if options.only in (None, name):
            start = time.monotonic()
            with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
                made = scenario(Path(folder))
            for figure in made:
                print(f"{name}: {figure}", flush=True)
            print(f"{name}: took {time.monotonic() - start:.0f} s", flush=True)
            figures += made
    missed = sum(not figure.well for figure in figures)
    print(f"{len(figures) - missed} passed, {missed} failed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
