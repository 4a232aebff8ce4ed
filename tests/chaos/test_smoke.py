"""The chaos scenarios in small: they run and find nothing missed. Their published sizes are ``nox -s chaos``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chaos import postgres, scenarios
from chaos.ledger import Figure, judge
from mainspring.core.events import Event, RetryScheduled, RunStarted
from mainspring.core.retry import Failure

pytestmark = pytest.mark.timeout(300)  # real processes on a machine that may be busy
START = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "scenario",
    [
        lambda folder: scenarios.house(folder, tasks=200, kills=2),
        lambda folder: scenarios.f13(folder, tasks=200, kills=2),
        lambda folder: scenarios.rolling(folder, restarts=2),
        lambda folder: scenarios.wake(folder, samples=5),
        lambda folder: postgres.f5(folder, tasks=200, kills=2, restarts=1, workers=2),
        lambda folder: postgres.f6(folder, times=8),
    ],
    ids=["house", "f13", "rolling", "wake", "pg-f5", "pg-f6"],
)
def test_a_scenario_in_small_misses_nothing(scenario: Callable[[Path], list[Figure]], tmp_path: Path) -> None:
    """Killed and restarted workers lose nothing, and repeat only what lost its lease."""
    missed = [str(figure) for figure in scenario(tmp_path) if not figure.well]
    assert missed == []


def _start(run: int, seconds: float) -> RunStarted:
    at = START + timedelta(seconds=seconds)
    lease = at + timedelta(seconds=2)
    return RunStarted(at=at, run=run, attempt=run, worker="w", lease_until=lease, deadline=lease)


def _lost(run: int, seconds: float, kind: str = "lease_lost") -> RetryScheduled:
    at = START + timedelta(seconds=seconds)
    failure = Failure(kind=kind, message="")
    return RetryScheduled(at=at, run=run, took=timedelta(0), failure=failure, due=at)


@pytest.mark.parametrize(
    ("history", "arrivals", "well"),
    [
        ([_start(1, 0), _lost(1, 2), _start(2, 2.1)], [0.1, 2.2], True),
        ([_start(1, 0), _lost(1, 2), _start(2, 2.1)], [0.1, 0.2], False),  # one run, two deliveries
        ([_start(1, 0), _lost(1, 1), _start(2, 1.5)], [0.1, 1.6], False),  # before the lease had ended
        ([_start(1, 0), _lost(1, 2, "status"), _start(2, 2.1)], [0.1, 2.2], False),  # no lease was lost
        ([_start(1, 1), _lost(1, 3), _start(2, 3.1)], [0.1, 3.2], False),  # before any run began
    ],
)
def test_a_duplicate_is_excused_only_by_an_ended_lease(history: list[Event], arrivals: list[float], well: bool) -> None:
    """The judge of the chaos runs is strict: each arrival needs a run of its own, begun after a lost lease."""
    app: Any = SimpleNamespace(task_history=lambda task: history, count_tasks=lambda: {"succeeded": 1})
    arrived = {"t": [START + timedelta(seconds=seconds) for seconds in arrivals]}
    figures = judge(app, ["t"], arrived)
    assert [figure.well for figure in figures] == [True, True, True, well]


def test_the_judge_notices_what_is_lost() -> None:
    """A task that never arrived, and one that nobody asked for, are counted."""
    app: Any = SimpleNamespace(task_history=lambda task: [], count_tasks=lambda: {"succeeded": 1})
    figures = judge(app, ["a", "b"], {"a": [START], "x": [START]})
    assert [figure.well for figure in figures] == [False, False, False, True]
