"""Connections to one file: one that writes, a few that read, for all threads of a process and across a fork.

Rules:

* Writers of a process queue for one lock, and only then for SQLite's; waiting is bounded by ``busy_seconds``.
* ``BEGIN IMMEDIATE`` takes the write lock before anything is read, so that no transaction has to be repeated.
* After a fork the child leaves the parent's connections alone, not even closing them (closing one would roll back
  what the parent is writing), and makes its own.
* A file that was moved, deleted or replaced while in use is not written any more.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import sqlite3
import time
from collections.abc import Generator
from pathlib import Path
from threading import Lock
from typing import Final
from weakref import WeakSet

from mainspring.adapters.storages.sqlite.faults import is_busy, unavailable
from mainspring.adapters.storages.sqlite.opening import JournalMode, connect, prepare, set_journal_mode
from mainspring.adapters.storages.sqlite.place import check_place, identity
from mainspring.core.errors import Unavailable

MAX_IDLE_READERS: Final = 4
_PAUSE_SECONDS: Final = (0.0005, 0.004)
_BUSY_MILLIS: Final = 20


class Connections:
    """The connections of one ``SqliteStorage``."""

    def __init__(self, path: str | Path, *, journal_mode: JournalMode, busy_seconds: float) -> None:
        self.path = check_place(path)
        self._mode: JournalMode = journal_mode
        self._busy_seconds = busy_seconds
        self.journal_mode = prepare(self.path, journal_mode)
        self._identity = identity(self.path)
        self._closed = False
        self._fresh()
        _ALL.add(self)

    def _fresh(self) -> None:
        self._write_lock = Lock()
        self._pool_lock = Lock()
        self._writer: sqlite3.Connection | None = None
        self._readers: list[sqlite3.Connection] = []

    def abandon(self) -> None:
        """Forget the parent's connections, in a forked child: they must neither be used nor closed here."""
        for connection in (*self._readers, self._writer):
            leave_alone(connection)
        self._fresh()

    def close(self) -> None:
        """Close every connection; repeating it does nothing."""
        with self._write_lock, self._pool_lock:
            self._closed = True
            for connection in [*self._readers, *([] if self._writer is None else [self._writer])]:
                connection.close()
            self._readers.clear()
            self._writer = None

    # --- reading ---------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """Lend a connection inside a read transaction: all that is read in the block is of one moment."""
        try:
            connection = self._reader()
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                self._give_back(connection)
        except sqlite3.Error as error:
            raise unavailable(str(self.path), error) from error

    def _reader(self) -> sqlite3.Connection:
        self._check_usable()
        with self._pool_lock:
            if self._readers:
                return self._readers.pop()
        return self._connect(self._busy_seconds)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            connection.close()  # nothing was written; the error that led here is already on its way
            return
        with self._pool_lock:
            if not self._closed and len(self._readers) < MAX_IDLE_READERS:
                self._readers.append(connection)
                return
        connection.close()

    # --- writing ---------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """Lend the writing connection inside a write transaction; it is committed unless an error leaves the block."""
        deadline = time.monotonic() + self._busy_seconds
        if not self._write_lock.acquire(timeout=self._busy_seconds):
            raise Unavailable("store", f"{self.path} is busy in this process", "try again")
        try:
            connection = self._begin(deadline)
            try:
                yield connection
                _patiently(connection, "COMMIT", deadline)
            except BaseException:
                self._undo(connection)
                raise
        except sqlite3.Error as error:
            raise unavailable(str(self.path), error) from error
        finally:
            self._write_lock.release()

    def _begin(self, deadline: float) -> sqlite3.Connection:
        self._check_usable()
        if self._writer is None:
            self._writer = self._connect(_BUSY_MILLIS / 1000)
        _patiently(self._writer, "BEGIN IMMEDIATE", deadline)
        return self._writer

    def _undo(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._writer = None  # its state is unknown: closing it rolls back, the next write makes a new one
            connection.close()

    # --- both ------------------------------------------------------------------------------------------------------

    def _connect(self, busy_seconds: float) -> sqlite3.Connection:
        connection = connect(self.path, busy_seconds=busy_seconds)
        try:
            set_journal_mode(connection, self.path, self._mode)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_usable(self) -> None:
        if self._closed:
            raise Unavailable("store", f"{self.path} was closed", "open it again")
        if identity(self.path) != self._identity:
            cure = "put it back, or restart the processes that use it"
            raise Unavailable("store", f"{self.path} was moved, deleted or replaced while in use", cure)


def _patiently(connection: sqlite3.Connection, statement: str, deadline: float) -> None:
    """Execute ``BEGIN`` or ``COMMIT``, again and again while another connection is in the way.

    The pauses are short and drawn anew each time, so that no process starves beside a busy one.
    """
    while True:
        try:
            connection.execute(statement)
        except sqlite3.Error as error:
            if not is_busy(error) or time.monotonic() >= deadline:
                raise
            time.sleep(random.uniform(*_PAUSE_SECONDS))  # noqa: S311  spreading load, not a secret
        else:
            return


_ALL: Final[WeakSet[Connections]] = WeakSet()


def leave_alone(connection: sqlite3.Connection | None) -> None:
    """Keep a connection of a parent process from ever being closed here, also when this process ends."""
    if connection is not None:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def _after_fork() -> None:
    for connections in list(_ALL):
        connections.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
