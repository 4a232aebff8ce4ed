"""Running a worker in this process, with its two signals: the first asks it to stop, the second ends it at once."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from contextlib import suppress
from typing import Final

from mainspring.adapters.engine import EngineSettings
from mainspring.app import Mainspring
from mainspring.cli.invocation import Invocation
from mainspring.cli.wiring import load_app, on_store
from mainspring.core.instants import format_duration

_log: Final = logging.getLogger("mainspring.worker")
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def work(invocation: Invocation, module: str | None, settings: EngineSettings) -> None:
    """Run a worker on the store of ``invocation`` until a signal stops it."""
    with on_store(invocation, load_app(module)) as app:
        asyncio.run(_until_a_signal(app, settings))


async def _until_a_signal(app: Mainspring, settings: EngineSettings) -> None:
    loop = asyncio.get_running_loop()
    running = loop.create_task(app.run(settings, signals=False))
    asked: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        if asked:
            _log.warning("%s again: ends at once, its runs are taken over when their leases end", number.name)
            os._exit(128 + number)
        asked.append(number)
        _log.info(
            "%s: takes nothing new, and lets runs finish for up to %s", number.name, format_duration(settings.grace)
        )
        running.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop, number)
    with suppress(asyncio.CancelledError):
        await running
