"""Wake-ups over Postgres: LISTEN on a connection of its own, and NOTIFY, seldom and never in anybody's transaction.

A NOTIFY in each inserting transaction would make commits wait for one another (they take one lock of the whole server),
so a process sends at most one each ``GAP``, by itself. A hint may be lost; the workers' own look is the truth.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import random
import select
import socket
import threading
import weakref
from datetime import timedelta
from typing import Final

import psycopg

from mainspring.adapters.storages.postgres.connections import Connections, connect
from mainspring.adapters.storages.postgres.target import Target
from mainspring.adapters.storages.postgres.texts import Row
from mainspring.adapters.storages.wakeups import LocalWakeups
from mainspring.core.errors import Unavailable

_log = logging.getLogger("mainspring.postgres")

GAP: Final = 0.1
"""How many seconds a process waits at least between one NOTIFY and the next."""
_NOTIFY: Final = b"SELECT set_config('synchronous_commit', 'off', true), pg_notify(%s, '')"
"""Its commit need not wait for the disk: a hint that a crash of the server loses is not missed by anybody."""
HEARTBEAT: Final = 5.0
"""How many seconds a listening connection may be silent before it is asked whether it is still there."""
_BACKOFF_FIRST: Final = 0.1
_BACKOFF_MAX: Final = 5.0
_JOIN_SECONDS: Final = 5.0


class PostgresWakeups(LocalWakeups):
    """``Wakeups`` that also hear of what other processes commit to the same schema.

    A thread listens from the first ``wait`` on. It connects again for ever, and gives a hint when it has done so, since
    it may have missed some.
    """

    def __init__(self, target: Target) -> None:
        super().__init__()
        self._target = target
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._closed = False
        self._bell: tuple[socket.socket, socket.socket] | None = None

    async def wait(self, timeout: timedelta) -> None:
        """Return at the first hint since the last call returned, or after ``timeout``."""
        if self._target.wakeups and self._pid != os.getpid():
            self._start()
        await super().wait(timeout)

    def _start(self) -> None:
        with self._starting:
            if self._closed or self._pid == os.getpid():
                return
            self._bell = socket.socketpair()
            self._thread = threading.Thread(
                target=self._listen, args=(self._bell[0],), name="mainspring-wakeups", daemon=True
            )
            self._pid = os.getpid()
            self._thread.start()

    def _listen(self, bell: socket.socket) -> None:
        failures = 0
        while not self._closed:
            try:
                connection = connect(self._target)
            except Unavailable as error:
                delay = min(_BACKOFF_MAX, _BACKOFF_FIRST * 2 ** min(failures, 10))
                failures += 1
                _log.debug("no wake-ups for %.1f s: %s", delay, error)
                select.select([bell], [], [], delay * random.uniform(0.5, 1))  # noqa: S311  not a secret
                continue
            try:
                connection.execute(f'LISTEN "{self._target.channel}"'.encode(), prepare=False)
                self.wake()
                failures = 0
                self._hear(connection, bell)
            except psycopg.Error as error:
                _log.debug("wake-ups are interrupted: %s", error)
            finally:
                connection.close()

    def _hear(self, connection: psycopg.Connection[Row], bell: socket.socket) -> None:
        """Pass hints on until this is closed, or the connection breaks."""
        connection.add_notify_handler(lambda notify: self.wake())
        while not self._closed:
            readable, _, _ = select.select([connection.fileno(), bell.fileno()], [], [], HEARTBEAT)
            if not readable:
                connection.execute(b"SELECT 1", prepare=False)
            elif bell.fileno() not in readable:
                connection.pgconn.consume_input()
                while connection.pgconn.notifies() is not None:
                    self.wake()

    def close(self) -> None:
        """Stop listening; repeating it does nothing."""
        with self._starting:
            self._closed = True
            thread, bell = self._thread, self._bell
            self._thread = self._bell = None
        if thread is None or bell is None or self._pid != os.getpid():
            return
        bell[1].send(b"x")
        thread.join(_JOIN_SECONDS)
        for end in bell:
            end.close()


class Notifier:
    """Tells the other processes that something is due: soon after ``ring``, at most once each ``GAP``."""

    def __init__(self, target: Target, connections: Connections) -> None:
        self._target = target
        self._connections = connections
        self._starting = threading.Lock()
        self._wanted = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._pid = 0
        flush = weakref.WeakMethod(self.close)

        def at_exit() -> None:
            close = flush()
            if close is not None:
                close()

        atexit.register(at_exit)
        weakref.finalize(self, atexit.unregister, at_exit)

    def ring(self) -> None:
        """Ask for a NOTIFY."""
        self._wanted.set()
        if self._pid != os.getpid():
            self._start()

    def _start(self) -> None:
        with self._starting:
            if self._stopped.is_set() or self._pid == os.getpid():
                return
            self._thread = threading.Thread(target=self._run, name="mainspring-notify", daemon=True)
            self._pid = os.getpid()
            self._thread.start()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wanted.wait()
            self._send()
            self._stopped.wait(GAP)

    def _send(self) -> None:
        """Send what was asked for. A hint that cannot be sent is lost: everybody's own look is the truth."""
        self._wanted.clear()
        with contextlib.suppress(psycopg.Error, Unavailable), self._connections.lend() as connection:
            connection.execute(_NOTIFY, (self._target.channel,))

    def close(self) -> None:
        """Send what was asked for, and end; repeating it does nothing."""
        with self._starting:
            thread, self._thread = self._thread, None
        if thread is None or self._pid != os.getpid():
            return
        self._stopped.set()
        pending = self._wanted.is_set()
        self._wanted.set()  # ends its wait; the NOTIFY that it sends for it is one too many, or the last one
        thread.join(_JOIN_SECONDS)
        if pending and self._wanted.is_set():
            self._send()
