"""The demonstration from beginning to end."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, TypeAlias

from mainspring.app import Mainspring, SyncMainspring
from mainspring.cli.demo.cast import BULK, Cast, create, create_bulk
from mainspring.cli.demo.children import Children, children, stop
from mainspring.cli.demo.ledger import Ledger
from mainspring.cli.demo.show import Show
from mainspring.cli.demo.verdict import Verdict, judge
from mainspring.core.errors import Unavailable
from mainspring.core.states import LIVE_STATUSES

StoreKind: TypeAlias = Literal["sqlite", "postgres"]

STORE: Final = "demo.db"
LOG: Final = "receiver.jsonl"
KILL_AT: Final = BULK * 3 // 10
KILL_HOLDING: Final = 20
"""The worker is killed when so many tasks were answered well, and it holds so many runs."""

KILL_BY: Final = 4.0
"""It is killed after so many seconds at the latest, however slow the machine is."""

SETTLE_SECONDS: Final = 8.0
"""How long what is under way may take at most once the schedules are paused."""

LAST_SECONDS: Final = 3.0
"""How long before the end of the given time the schedules are paused."""


def play(folder: Path, seconds: float, show: Show, kind: StoreKind = "sqlite") -> Verdict:
    """Play it in ``folder``, for about ``seconds``, with the tasks in a store of this kind."""
    ledger = Ledger(folder / LOG)
    with _store(folder, kind, show) as store, children(folder) as made, Mainspring(store) as app:
        stage = Stage(app.sync, made, ledger, show, store)
        url = f"http://127.0.0.1:{made.receiver(folder / LOG)}"
        show.say(f"receiver in a process of its own, at {url}")
        return stage.play(url, seconds)


@contextmanager
def _store(folder: Path, kind: StoreKind, show: Show) -> Generator[str]:
    """Make a store, and give its URL; a server ends with the demonstration, however that ends."""
    if kind == "sqlite":
        yield f"sqlite:///{folder.absolute() / STORE}"
        return
    from mainspring.adapters.throwaway_postgres import ThrowawayPostgres, find_binaries

    binaries = find_binaries()
    with ThrowawayPostgres.start(binaries=binaries, durable=True) as server:
        show.say(f"PostgreSQL {binaries.version()}, a server of its own, on a socket in {server.folder}")
        yield server.url()
    server.wait_until_gone()


class Stage:
    """What the acts have in common."""

    def __init__(self, operations: SyncMainspring, made: Children, ledger: Ledger, show: Show, store: str) -> None:
        self._operations: Final = operations
        self._children: Final = made
        self._ledger: Final = ledger
        self._show: Final = show
        self._store: Final = store
        self._start: Final = time.monotonic()

    def play(self, url: str, seconds: float) -> Verdict:
        """Create, kill, start again, let it settle, and judge."""
        worker = self._children.worker(self._store)
        self._show.say(f"worker {worker.pid} in a process of its own")
        cast = create(self._operations, url)
        self._show.say("one task at once, one in 2 s, one that fails three times, one that always fails, one cancelled")
        self._show.say("one schedule by cron (each second), one by RRULE (each other second)")
        create_bulk(self._operations, url, cast)
        self._show.say(f"{BULK} tasks in bulk")
        self._watch(self._is_busy, KILL_BY)
        worker.kill()
        worker.wait()
        held = self._operations.count_tasks().get("running", 0)
        self._show.say(f"kill -9 of worker {worker.pid}, which held {held} runs")
        worker = self._children.worker(self._store)
        self._show.say(f"worker {worker.pid} takes over")
        self._watch(lambda: False, seconds - LAST_SECONDS - (time.monotonic() - self._start))
        self._settle(cast)
        code = stop(worker)
        if code != 0:
            raise Unavailable("worker", f"it ended with {code} when it was asked to stop", "see its log (--keep DIR)")
        self._show.say(f"worker {worker.pid} was asked to stop and has ended well")
        self._ledger.refresh()
        return judge(self._operations, cast, self._ledger)

    def _settle(self, cast: Cast) -> None:
        for schedule in cast.schedules.values():
            self._operations.pause_schedule(schedule.id, "the demonstration ends")
        self._show.say("schedules paused, the rest may finish")
        self._watch(self._is_idle, SETTLE_SECONDS)

    def _is_busy(self) -> bool:
        return len(self._ledger.arrived) >= KILL_AT and self._operations.count_tasks().get("running", 0) >= KILL_HOLDING

    def _is_idle(self) -> bool:
        counts = self._operations.count_tasks()
        return not any(counts.get(status) for status in LIVE_STATUSES)

    def _watch(self, until: Callable[[], bool], seconds: float) -> None:
        """Show how it goes on, until ``until`` comes true or ``seconds`` have passed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            counts = self._operations.count_tasks()
            self._ledger.refresh()  # read after the counts: what succeeded has arrived
            self._show.progress(counts, len(self._ledger.arrived))
            if until():
                return
            time.sleep(0.05)
