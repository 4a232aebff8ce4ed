"""Scenarios of limits, stale reports and long down-times: F9, F10 and F11."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from chaos.crew import app
from chaos.ledger import Figure, deliveries, judge, zero
from chaos.processes import TESTS, Worker, crew_of
from chaos.scenarios import Logs, all_ended, fill, kill_by_progress, store_url
from mainspring.adapters.storages.sqlite import SqliteStorage
from mainspring.core.events import ReportDropped, RunStarted
from mainspring.core.ids import ScheduleId
from mainspring.core.ports import TaskQuery
from mainspring.core.queue import QueueEdit, Rate
from mainspring.core.recurrence import Cron
from mainspring.core.schedule import AtMost, CatchUp, Overlap, Slot, TaskTemplate, new_schedule, plan
from mainspring.core.schedule.values import CatchUpMode
from mainspring.core.task import FunctionCall

SECOND = timedelta(seconds=1)
DOWN = timedelta(days=400)
MINUTES = 400 * 24 * 60


# --- F11 -------------------------------------------------------------------------------------------------------------


def limits(folder: Path, *, tasks: int = 600, workers: int = 4, kills: int = 8) -> list[Figure]:
    """F11: a limit of 3 at once over all workers, under kill -9; the receiver's log says how many there were."""
    with app.on(store_url(folder)) as store:
        store.sync.edit_queue("three", QueueEdit(concurrency=3))
        call = FunctionCall(function="hold", arguments='{"seconds":0.01}')
        ids = fill(store, call, tasks, queue="three")
        with crew_of(workers, lambda: Worker(folder, store_url(folder), lease="1s", concurrency=20)) as crew:
            killed = kill_by_progress(crew, Logs(folder), tasks, kills)
            all_ended(store, tasks)
        figures = judge(store.sync, ids, deliveries(Logs(folder)))
    peak = _peak(_spans(folder.glob("*.spans"), SECOND / 100))
    done = Figure(f"kill -9 among {workers} workers", str(kills), str(killed), killed == kills)
    return [done, Figure("at once, by the workers' own logs", "≤ 3", str(peak), peak == 3), *figures]


def rate(folder: Path, *, tasks: int = 300, workers: int = 4, kills: int = 4) -> list[Figure]:
    """F11: at most 50 starts in every window of a second, over all workers, under kill -9."""
    with app.on(store_url(folder)) as store:
        store.sync.edit_queue("fifty", QueueEdit(rate=Rate(count=50, per=SECOND)))
        ids = fill(store, FunctionCall(function="note", arguments="{}"), tasks, queue="fifty")
        with crew_of(workers, lambda: Worker(folder, store_url(folder), lease="1s", concurrency=50)) as crew:
            killed = kill_by_progress(crew, Logs(folder), tasks, kills)
            all_ended(store, tasks)
        starts = sorted(
            event.at for task in ids for event in store.sync.task_history(task) if isinstance(event, RunStarted)
        )
        figures = judge(store.sync, ids, deliveries(Logs(folder)))
    most = _fullest(starts)
    done = Figure(f"kill -9 among {workers} workers", str(kills), str(killed), killed == kills)
    return [done, Figure("starts in the fullest second", "≤ 50", str(most), most <= 50), *figures]


Span: TypeAlias = tuple[datetime, datetime]


def _spans(logs: Iterable[Path], longest: timedelta) -> list[Span]:
    """From when to when each run worked; one that was killed, for as long as it could have."""
    begun: dict[str, datetime] = {}
    spans: list[Span] = []
    for row in chain.from_iterable(log.read_text().splitlines() for log in logs):
        word, run, nanoseconds = row.split()
        instant = datetime.fromtimestamp(int(nanoseconds) / 1e9, UTC)
        if word == "begin":
            begun[run] = instant
        else:
            spans.append((begun.pop(run), instant))
    return spans + [(start, start + longest) for start in begun.values()]


def _peak(spans: list[Span]) -> int:
    steps = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    peak = now = 0
    for _, step in steps:
        now += step
        peak = max(peak, now)
    return peak


def _fullest(starts: list[datetime]) -> int:
    """The most starts in a window ``(t - 1 s, t]``."""
    most = first = 0
    for index, start in enumerate(starts):
        while starts[first] <= start - SECOND:
            first += 1
        most = max(most, index - first + 1)
    return most


# --- F10 -------------------------------------------------------------------------------------------------------------


def stale(folder: Path, *, workers: int = 200) -> list[Figure]:
    """F10: workers stopped (SIGSTOP) past their leases; each is replaced meanwhile, then resumes and reports."""
    url = store_url(folder)
    with app.on(url) as store:
        ids = fill(store, FunctionCall(function="note", arguments="{}"), workers)
        command = [sys.executable, str(TESTS / "chaos" / "holder.py"), url, str(workers)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdin is not None
            assert holder.stdout is not None
            assert holder.stdout.readline().split() == ["held", str(workers)]
            subprocess.run(["kill", "-STOP", str(holder.pid)], check=True)
            with crew_of(2, lambda: Worker(folder, url, lease="5s")):
                all_ended(store, workers)
            before = [store.sync.get_task(task) for task in ids]
            subprocess.run(["kill", "-CONT", str(holder.pid)], check=True)
            holder.stdin.close()
            refused = int(holder.stdout.readline().split()[1])
        after = [store.sync.get_task(task) for task in ids]
        dropped = sum(isinstance(event, ReportDropped) for task in ids for event in store.sync.task_history(task))
    changed = sum(one.state != other.state for one, other in zip(before, after, strict=True))
    return [
        Figure("stale completions refused", str(workers), str(refused), refused == workers),
        Figure("of them on record", str(workers), str(dropped), dropped == workers),
        zero("tasks that they changed", changed),
    ]


# --- F9 --------------------------------------------------------------------------------------------------------------

MODES: tuple[tuple[str, CatchUpMode, Overlap, dict[str, int]], ...] = (
    ("all", "all", "allow_all", {"created": 60}),
    ("latest", "latest", "allow_all", {"created": 1, "coalesced": 59}),
    ("none", "none", "allow_all", {"created": 1, "missed": 59}),
    ("at most 5", AtMost(5), "allow_all", {"created": 5, "missed": 55}),
    ("all, serial", "all", "serial", {"created": 1, "buffered": 59}),
    ("all, skip", "all", "skip", {"created": 1, "overlap": 59}),
    ("all, buffer one", "all", "buffer_one", {"created": 1, "buffered": 1, "overlap": 58}),
    ("all, cancel other", "all", "cancel_other", {"created": 1, "coalesced": 59}),
)


def down(folder: Path) -> list[Figure]:
    """F9: nothing runs for 400 days on ``* * * * *``; what the restart makes of it, by policy."""
    return [figure for mode in MODES for figure in _down_for_long(folder, *mode)]


def _down_for_long(
    folder: Path, name: str, mode: CatchUpMode, overlap: Overlap, expected: dict[str, int]
) -> list[Figure]:
    start = datetime(2030, 1, 1, 0, 0, 30, tzinfo=UTC)
    clock = [start]
    path = folder / f"{name.replace(' ', '-').replace(',', '')}.db"
    schedule = new_schedule(
        schedule_id=ScheduleId("01a20c00-0000-7000-8000-000000000000"),
        recurrence=Cron.parse("* * * * *"),
        template=TaskTemplate(call=FunctionCall(function="note")),
        at=start,
        overlap=overlap,
        catch_up=CatchUp(mode=mode),
    )
    before = SqliteStorage(path, clock=lambda: clock[0])
    before.add_schedule(schedule)
    before.close()
    clock[0] = start + DOWN
    begun = time.monotonic()
    storage = SqliteStorage(path, clock=lambda: clock[0])
    storage.find(TaskQuery())
    answered = time.monotonic() - begun
    slowest = 0.0
    while (wake := storage.upcoming(()).schedule) is not None and wake <= clock[0]:
        turn = time.monotonic()
        storage.fire(100, plan)
        slowest = max(slowest, time.monotonic() - turn)
    counts = _counted(storage.slots(schedule.id, 1_000))
    storage.close()
    expected = expected | {"outside_window": MINUTES - 60}
    return [
        Figure(f"{name}: answers after the restart", "≤ 1 s", f"{answered:.3f} s", answered <= 1),
        Figure(f"{name}: longest turn of firing", "≤ 1 s", f"{slowest:.3f} s", slowest <= 1),
        Figure(f"{name}: what became of {MINUTES} occurrences", _said(expected), _said(counts), counts == expected),
    ]


def _counted(slots: tuple[Slot, ...]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for slot in slots:
        counts[getattr(slot.outcome, "reason", slot.outcome.kind)] += slot.count
    return dict(counts)


def _said(counts: dict[str, int]) -> str:
    return ", ".join(f"{counts[word]} {word}" for word in sorted(counts))
