"""What the receivers' own logs say, and what the histories have to say to it."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from attrs import frozen

from mainspring.app import SyncMainspring
from mainspring.core.events import RetryScheduled, RunStarted
from support.receiver import LINE


@frozen
class Figure:
    """One published figure: what was wanted, what came out, and whether that is well."""

    name: str
    wanted: str
    got: str
    well: bool

    def __str__(self) -> str:
        return f"{self.name} | {self.wanted} | {self.got} | {'ok' if self.well else 'MISSED'}"


def zero(name: str, count: int) -> Figure:
    """A figure that has to be zero."""
    return Figure(name, "0", str(count), count == 0)


def lines(logs: Iterable[Path]) -> int:
    """Count the records, by the sizes of the files."""
    return sum(log.stat().st_size for log in logs) // LINE


def deliveries(logs: Iterable[Path]) -> dict[str, list[datetime]]:
    """When each task arrived, by the logs; a line that a kill cut short is left out."""
    found: defaultdict[str, list[datetime]] = defaultdict(list)
    for log in logs:
        for row in log.read_text().splitlines():
            task, _, nanoseconds = row.split()
            found[task].append(datetime.fromtimestamp(int(nanoseconds) / 1e9, UTC))
    return {task: sorted(times) for task, times in found.items()}


def judge(app: SyncMainspring, tasks: Sequence[str], arrived: dict[str, list[datetime]]) -> list[Figure]:
    """Nothing lost, nothing that nobody asked for, every duplicate only where a lease had ended."""
    twice = {task: times for task, times in arrived.items() if len(times) > 1}
    early = [task for task, times in twice.items() if not _explained(app, task, times)]
    done = Counter(app.count_tasks())
    duplicates = sum(len(times) - 1 for times in twice.values())
    return [
        zero("lost by the receiver's log", len(set(tasks) - set(arrived))),
        zero("deliveries that nobody asked for", len(set(arrived) - set(tasks))),
        Figure("tasks that ended well", str(len(tasks)), str(done["succeeded"]), done["succeeded"] == len(tasks)),
        Figure("duplicates before a lease had ended", "0", f"{len(early)} of {duplicates}", not early),
    ]


def _explained(app: SyncMainspring, task: str, times: Sequence[datetime]) -> bool:
    """Whether each further arrival came from a run that began when the lease of the one before it had ended."""
    history = app.task_history(task)
    starts = [event for event in history if isinstance(event, RunStarted)]
    lost = {event.run for event in history if isinstance(event, RetryScheduled) and event.failure.kind == "lease_lost"}
    for before, after in pairwise(starts):
        if before.run not in lost or after.at < before.lease_until:
            return False
    runs = [max((start.run for start in starts if start.at <= time), default=0) for time in times]
    return len(set(runs)) == len(runs) and 0 not in runs  # each arrival belongs to a run of its own


def sound(path: Path) -> Figure:
    """SQLite's own opinion of the file."""
    connection = sqlite3.connect(path)
    try:
        (found,) = connection.execute("PRAGMA integrity_check").fetchone()
    finally:
        connection.close()
    return Figure("integrity_check", "ok", str(found), found == "ok")


def milliseconds(value: timedelta) -> float:
    """A duration as milliseconds."""
    return value.total_seconds() * 1000
