"""Connections to one database: as many as ``pool_size`` for the threads of a process, and for each event loop.

Rules:

* A connection is made when it is needed, and used again as long as nothing was wrong with it. One that the server has
  closed meanwhile is noticed before it is used: its socket has something to read.
* A database that is away is said to be so at once; whoever asked decides when to ask again. So an outage, however long,
  is over for a worker as soon as its own back-off (5 s at most) comes round.
* After a fork the child makes its own connections, and leaves its parent's alone.
* What belonged to an event loop that has ended is let go of.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import threading
from collections.abc import AsyncGenerator, Generator
from typing import Any, Final

import psycopg

from mainspring.adapters.storages.postgres.faults import unavailable
from mainspring.adapters.storages.postgres.target import Target
from mainspring.adapters.storages.postgres.texts import Row
from mainspring.core.errors import Unavailable

WAIT_SECONDS: Final = 30.0
"""How long an operation waits for one of this process's connections."""
_PREPARE_AFTER: Final = 2
_INHERITED: Final[list[object]] = []
"""Connections of a parent process: kept, so that nothing of them is closed here."""


def connect(target: Target) -> psycopg.Connection[Row]:
    """Open a connection, or raise ``Unavailable``."""
    try:
        return psycopg.connect(target.conninfo, autocommit=True, prepare_threshold=_threshold(target))
    except psycopg.Error as error:
        raise unavailable(target.name, error) from error


def _threshold(target: Target) -> int | None:
    return _PREPARE_AFTER if target.wakeups else None


def _is_sound(connection: psycopg.Connection[Row] | psycopg.AsyncConnection[Row]) -> bool:
    """Tell whether a connection can be used again: open, in no transaction, and with nothing that came unasked."""
    pgconn = connection.pgconn
    if pgconn.status != psycopg.pq.ConnStatus.OK:
        return False
    if pgconn.transaction_status != psycopg.pq.TransactionStatus.IDLE:
        return False
    poll = select.poll()
    poll.register(pgconn.socket, select.POLLIN)
    return not poll.poll(0)


def _finish(connection: psycopg.Connection[Row] | psycopg.AsyncConnection[Row]) -> None:
    connection.pgconn.finish()


class Connections:
    """The connections of the threads of one process."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._closed = False
        self._fresh()

    def _fresh(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(self.target.pool_size)
        self._idle: list[psycopg.Connection[Row]] = []

    @contextlib.contextmanager
    def lend(self) -> Generator[psycopg.Connection[Row]]:
        """Lend a connection; if it is not left as it was, it is closed."""
        if os.getpid() != self._pid:
            _INHERITED.extend(self._idle)
            self._fresh()
        places = self._places
        if not places.acquire(timeout=WAIT_SECONDS):
            raise Unavailable("store", f"all connections to {self.target.name} are in use", "try again")
        try:
            connection = self._take()
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            places.release()

    def _take(self) -> psycopg.Connection[Row]:
        while True:
            with self._lock:
                if self._closed:
                    raise closed(self.target)
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return connect(self.target)
            if _is_sound(connection):
                return connection
            _finish(connection)

    def _give_back(self, connection: psycopg.Connection[Row]) -> None:
        with self._lock:
            keep = not self._closed and _is_sound(connection)
            if keep:
                self._idle.append(connection)
        if not keep:
            _finish(connection)

    def close(self) -> None:
        """Close every connection; those that are lent are closed when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        if os.getpid() == self._pid:
            for connection in idle:
                _finish(connection)


class _OfLoop:
    """The connections of one event loop."""

    def __init__(self, target: Target) -> None:
        self.places = asyncio.Semaphore(target.pool_size)
        self.idle: list[psycopg.AsyncConnection[Row]] = []

    def finish(self) -> None:
        """Close those that nobody uses."""
        while self.idle:
            _finish(self.idle.pop())


class AsyncConnections:
    """The connections of the event loops of one process."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._closed = False
        self._fresh()

    def _fresh(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._loops: dict[asyncio.AbstractEventLoop, _OfLoop] = {}

    def _of_loop(self) -> _OfLoop:
        loop = asyncio.get_running_loop()
        if os.getpid() != self._pid:
            _INHERITED.extend(self._loops.values())
            self._fresh()
        known = self._loops.get(loop)
        if known is None:
            with self._lock:
                for other in [other for other in self._loops if other.is_closed()]:
                    self._loops.pop(other).finish()
                known = self._loops[loop] = _OfLoop(self.target)
        return known

    @contextlib.asynccontextmanager
    async def lend(self) -> AsyncGenerator[psycopg.AsyncConnection[Row]]:
        """Lend a connection; if it is not left as it was, it is closed."""
        mine = self._of_loop()
        async with mine.places:
            connection = await self._take(mine)
            try:
                yield connection
            finally:
                if not self._closed and _is_sound(connection):
                    mine.idle.append(connection)
                else:
                    _finish(connection)

    async def _take(self, mine: _OfLoop) -> psycopg.AsyncConnection[Row]:
        while True:
            if self._closed:
                raise closed(self.target)
            if not mine.idle:
                return await self._connect()
            connection = mine.idle.pop()
            if _is_sound(connection):
                return connection
            _finish(connection)

    async def _connect(self) -> psycopg.AsyncConnection[Row]:
        asked: dict[str, Any] = {"autocommit": True, "prepare_threshold": _threshold(self.target)}
        try:
            return await psycopg.AsyncConnection.connect(self.target.conninfo, **asked)
        except psycopg.Error as error:
            raise unavailable(self.target.name, error) from error

    def close(self) -> None:
        """Close every connection that nobody uses; those that are lent are closed when they come back."""
        self._closed = True
        if os.getpid() == self._pid:
            with self._lock:
                for mine in self._loops.values():
                    mine.finish()


def closed(target: Target) -> Unavailable:
    """Say that the storage was closed."""
    return Unavailable("store", f"the storage on {target.name} was closed", "open it again")
