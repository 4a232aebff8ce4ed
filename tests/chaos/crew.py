"""The functions of the workers that the chaos runner starts and kills; each call writes itself down before it works.

``CHAOS_LOGS`` names the folder of the logs: one O_APPEND file a process.
"""

from __future__ import annotations

import asyncio
import os
from functools import cache
from pathlib import Path

from mainspring.app import Context, Mainspring
from support.receiver import line

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
