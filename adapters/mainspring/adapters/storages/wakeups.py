"""Wake-ups: hints that there may be work, from this process and, over a file, from others."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import Final
from weakref import WeakKeyDictionary

from mainspring.adapters.storages.sqlite.forks import leave_alone, watch
from mainspring.adapters.storages.sqlite.opening import connect

LOOK_EVERY: Final = timedelta(milliseconds=50)
"""How often a waiting ``SqliteWakeups`` looks: an idle worker of another process starts a task after half of it."""


class LocalWakeups:
    """``Wakeups`` within one process: ``wake`` from any thread wakes every waiter, in whatever loop it waits.

    Hints are coalesced: any number of them before a ``wait`` end that one wait. Each event loop hears of every hint
    once; two waiters that take turns in one loop share what that loop hears.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._hints = 0
        self._heard: WeakKeyDictionary[asyncio.AbstractEventLoop, int] = WeakKeyDictionary()
        self._waiters: set[asyncio.Future[None]] = set()

    async def wait(self, timeout: timedelta) -> None:
        """Return at the first hint since the last call returned, or after ``timeout``."""
        await self._hinted(timeout)

    async def _hinted(self, timeout: timedelta) -> bool:
        """Wait for a hint; tell whether there was one."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        with self._lock:
            fresh = self._heard.get(loop, 0) < self._hints
            if not fresh:
                self._waiters.add(waiter)
        timer = None if fresh else loop.call_later(timeout.total_seconds(), _finish, waiter)
        try:
            if fresh:
                await asyncio.sleep(0)  # hints without end must not starve the loop's other work
            else:
                await waiter
        finally:
            if timer is not None:
                timer.cancel()
            with self._lock:
                hinted = fresh or waiter not in self._waiters
                self._waiters.discard(waiter)
                self._heard[loop] = self._hints
        return hinted

    def wake(self) -> None:
        """Give a hint; may be called from any thread."""
        with self._lock:
            self._hints += 1
            waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            with contextlib.suppress(RuntimeError):  # its loop was closed meanwhile: nobody waits there any more
                waiter.get_loop().call_soon_threadsafe(_finish, waiter)


def _finish(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class SqliteWakeups(LocalWakeups):
    """``Wakeups`` that also notice what other processes commit to a SQLite file, by looking every ``look_every``.

    What is looked at is ``PRAGMA data_version``: exact, and cheap (some ten microseconds). The file's time stamps would
    miss a commit within one tick of the file system's clock; its header must not be read past SQLite (see ``place``).
    A commit of this process is noticed in the same way once; an engine's turn that finds nothing to do ends that.
    """

    def __init__(self, path: str | Path, *, look_every: timedelta = LOOK_EVERY) -> None:
        super().__init__()
        self._path = Path(path).absolute()
        self._look_every = look_every
        self._look = Lock()
        self._connection: sqlite3.Connection | None = None
        self._seen: int | None = None
        watch(self)

    def hold(self) -> None:
        """Before a fork: wait until nothing is being looked at."""
        self._look.acquire()

    def let_go(self) -> None:
        """After a fork, in the parent: go on."""
        self._look.release()

    def abandon(self) -> None:
        """After a fork, in the child: forget the parent's connection."""
        leave_alone(self._connection)
        self._look = Lock()
        self._connection = None

    async def wait(self, timeout: timedelta) -> None:
        """Return at the first hint since the last call returned, or after ``timeout``."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout.total_seconds()
        while not self.commits_seen():
            left = timedelta(seconds=end - loop.time())
            if left <= timedelta(0) or await self._hinted(min(left, self._look_every)):
                return

    def commits_seen(self) -> bool:
        """Tell whether anything was committed to the file since this was last asked (the first time: no)."""
        with self._look:
            version = self._version()
            seen, self._seen = self._seen, version
        return version != seen and seen is not None

    def _version(self) -> int | None:
        """Read the file's data version; None if it cannot be told, e.g. while another process commits."""
        try:
            if self._connection is None:
                self._connection = connect(self._path, busy_seconds=0)
            version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error:
            # Locked: a commit is under way, and the next look will see it. Gone or damaged: the storage will say so.
            return self._seen
        return version

    def close(self) -> None:
        """Close the connection that is used for looking; repeating it does nothing."""
        with self._look:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
