"""A schedule's edit, pause or deletion while others fire it: no occurrence is lost, none is recorded twice.

``MAINSPRING_INTERLEAVINGS`` says how many changes are raced in each test (200 unless told otherwise; the published
figure is of 10,000).
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from differential.racing import FastClock, Race, fire_until
from mainspring.adapters.storages.memory import MemoryStorage
from mainspring.adapters.storages.sqlite import SqliteStorage
from mainspring.core.ports import Storage

TESTS = Path(__file__).resolve().parents[1]
INTERLEAVINGS = int(os.environ.get("MAINSPRING_INTERLEAVINGS", "200"))
WORKERS = 2

pytestmark = pytest.mark.timeout(3_000)


@pytest.fixture(autouse=True)
def _often() -> Generator[None]:
    """Let threads take turns so often that they meet in the middle of everything."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.00002)
    yield
    sys.setswitchinterval(before)


@contextmanager
def threads(storage: Storage) -> Generator[None]:
    """Workers in threads."""
    stop, errors = threading.Event(), list[BaseException]()

    def work() -> None:
        try:
            fire_until(storage, stop.is_set)
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=work) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        stop.set()
        for worker in workers:
            worker.join(60)
    assert errors == []


@contextmanager
def processes(path: Path, base: float) -> Generator[None]:
    """Workers in processes of their own."""
    stop = path.with_name("stop")
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "differential.racing", str(path), str(base), str(stop)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(WORKERS)
    ]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        yield
    finally:
        stop.touch()
        said = [worker.communicate(timeout=120)[1] for worker in workers]
    assert said == [""] * WORKERS


def race(storage: Storage) -> Race:
    """The people who change schedules, each time others."""
    return Race(storage, random.Random(time.monotonic_ns()))


def well_raced(people: Race) -> None:
    """Nothing was lost or doubled, and it was a race: changes came before firings and behind them."""
    people.check()
    print(dict(people.seen))
    assert people.seen["changes"] >= INTERLEAVINGS
    assert people.seen["before the firing"] > INTERLEAVINGS / 500
    assert people.seen["after the firing"] > INTERLEAVINGS / 500


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_changes_race_with_firing_threads(kind: str, tmp_path: Path) -> None:
    """Two threads fire what a third one changes."""
    clock = FastClock(time.monotonic())
    made: dict[str, Callable[[], Storage]] = {
        "memory": lambda: MemoryStorage(clock=clock),
        "sqlite": lambda: SqliteStorage(tmp_path / "s.db", clock=clock),
    }
    storage = made[kind]()
    people = race(storage)
    with threads(storage):
        people.run(INTERLEAVINGS)
    well_raced(people)
    storage.close()


def test_changes_race_with_firing_processes(tmp_path: Path) -> None:
    """Two processes fire what a third one changes."""
    base = time.monotonic()
    storage = SqliteStorage(tmp_path / "s.db", clock=FastClock(base))
    people = race(storage)
    with processes(storage.path, base):
        people.run(INTERLEAVINGS)
    well_raced(people)
    assert storage.doctor().faults == ()
    storage.close()
