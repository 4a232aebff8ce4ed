"""What is measured: the front door and the engine, as users have them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench.measuring import rate
from bench.yardsticks import answering
from mainspring.app import EngineSettings, Mainspring, TaskRequest
from mainspring.core.events import RunStarted
from mainspring.core.task import FunctionCall, HttpCall

NOTHING = TaskRequest(call=FunctionCall(function="nothing"))
SETTINGS = EngineSettings(concurrency=100)


@contextmanager
def opened(store: str) -> Iterator[Mainspring]:
    """An app on a fresh store, with a function that does nothing."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        app = Mainspring("memory:" if store == "memory" else f"sqlite:///{Path(folder) / 'bench.db'}")

        @app.task("nothing")
        async def nothing() -> None:
            pass

        with app:
            yield app


def enqueues(store: str, count: int) -> float:
    """Tasks created one by one, a second."""
    with opened(store) as app:
        return rate(lambda: [app.sync.enqueue("nothing") for _ in range(count)], count)


def bulk(store: str, count: int, batch: int) -> float:
    """Tasks created ``batch`` at a time, a second."""
    with opened(store) as app:
        return rate(lambda: [app.sync.create_tasks([NOTHING] * batch) for _ in range(0, count, batch)], count)


def fill(app: Mainspring, request: TaskRequest, count: int) -> None:
    """Store tasks."""
    for n in range(0, count, 1_000):
        app.sync.create_tasks([request] * min(1_000, count - n))


def drain(store: str, count: int) -> float:
    """Tasks of a function that does nothing, worked off by one engine, with leases and history: a second."""
    with opened(store) as app:
        fill(app, NOTHING, count)
        found = rate(lambda: asyncio.run(app.run_until_idle(SETTINGS)), count)
        assert app.sync.count_tasks() == {"succeeded": count}
        return found


def deliveries(store: str, count: int) -> float:
    """HTTP tasks worked off by one engine, the receiver in the same process: a second."""

    async def work(app: Mainspring) -> float:
        async with answering() as url:
            fill(app, TaskRequest(call=HttpCall(url=url, body="{}")), count)
            start = time.perf_counter()
            await app.run_until_idle(SETTINGS)
            return count / (time.perf_counter() - start)

    with opened(store) as app:
        found = asyncio.run(work(app))
        assert app.sync.count_tasks() == {"succeeded": count}
        return found


def latency(store: str, samples: int) -> float:
    """From the creation of a task to its start on an idle engine in the same process: the median, in ms."""
    waits: list[float] = []

    async def work(app: Mainspring) -> None:
        running = asyncio.create_task(app.run(signals=False))
        await asyncio.sleep(0.3)
        for _ in range(samples):
            task = await app.enqueue("nothing")
            await asyncio.sleep(0.05)
            started = next(event for event in await app.task_history(task.id) if isinstance(event, RunStarted))
            waits.append((started.at - task.created_at).total_seconds() * 1000)
        running.cancel()
        await asyncio.wait([running])

    with opened(store) as app:
        asyncio.run(work(app))
    return median(waits)


def seconds_of(*command: str) -> float:
    """How long a Python process takes, in ms."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    return (time.perf_counter() - start) * 1000
