"""The functions of the workers that the chaos runner starts and kills; each call writes itself down before it works.

``CHAOS_LOGS`` names the folder of the logs: one O_APPEND file a process. ``CHAOS_SKEW`` says by how many seconds the
clock is wrong that the Postgres storage asks in this process.
"""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from mainspring.app import Context, Mainspring
from support.receiver import line

if "CHAOS_SKEW" in os.environ:
    from mainspring.adapters.storages.postgres import access

    wrong = timedelta(seconds=float(os.environ["CHAOS_SKEW"]))
    access.utc_now = lambda: datetime.now(UTC) + wrong

app = Mainspring("memory:")  # workers open the real one: --store


@cache
def _log() -> int:
    path = Path(os.environ["CHAOS_LOGS"]) / f"{os.getpid()}.log"
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)


@app.task("note")
async def note(context: Context, seconds: float = 0.0) -> None:
    """Write the call down, then work for so long."""
    os.write(_log(), line(context.task_id, context.attempt))
    if seconds:
        await asyncio.sleep(seconds)


@app.task("hold")
async def hold(context: Context, seconds: float) -> None:
    """Write the call down, and when it begins and ends."""
    os.write(_log(), line(context.task_id, context.attempt))
    run = f"{context.task_id}/{context.run}"
    os.write(_spans(), f"begin {run} {time.time_ns()}\n".encode())
    await asyncio.sleep(seconds)
    os.write(_spans(), f"end {run} {time.time_ns()}\n".encode())


@cache
def _spans() -> int:
    path = Path(os.environ["CHAOS_LOGS"]) / f"{os.getpid()}.spans"
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
