"""Connections to one file: one that writes, a few that read, for all threads of a process and across a fork.

Rules:

* Writers of a process queue for one lock, and only then for SQLite's; waiting is bounded by ``busy_seconds``.
* ``BEGIN IMMEDIATE`` takes the write lock before anything is read, so that no transaction has to be repeated.
* After a fork the child makes its own connections (see ``forks``).
* A file that was moved, deleted or replaced while in use is not written any more.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
import time
from collections.abc import Generator
from pathlib import Path
from threading import Condition, Lock, get_ident
from typing import Final

from mainspring.adapters.storages.sqlite.faults import is_busy, unavailable
from mainspring.adapters.storages.sqlite.forks import PATIENCE_SECONDS, leave_alone, watch
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
        self._spoiled = False
        self._may_go_on = False
        self._fresh()
        watch(self)

    def _fresh(self) -> None:
        self._write_lock = Lock()
        self._pool = Condition()
        self._forking = False
        self._lent: list[int] = []
        self._owner: int | None = None
        self._writer: sqlite3.Connection | None = None
        self._readers: list[sqlite3.Connection] = []

    def hold(self) -> None:
        """Before a fork: let nothing begin, and wait until nothing is under way (but in this very thread)."""
        me = get_ident()
        self._may_go_on = self._owner != me and self._write_lock.acquire(timeout=PATIENCE_SECONDS)
        self._pool.acquire()
        self._forking = True
        if me not in self._lent:
            self._pool.wait_for(lambda: not self._lent, PATIENCE_SECONDS)

    def let_go(self) -> None:
        """After a fork, in the parent: go on."""
        self._forking = False
        self._pool.notify_all()
        self._pool.release()
        if self._may_go_on:
            self._write_lock.release()

    def abandon(self) -> None:
        """After a fork, in the child: forget the parent's connections."""
        self._spoiled = self._spoiled or not self._may_go_on or bool(self._lent)
        for connection in (*self._readers, self._writer):
            leave_alone(connection)
        self._fresh()

    def close(self) -> None:
        """Close every connection; repeating it does nothing."""
        with self._write_lock, self._pool:
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
        with self._pool:
            self._pool.wait_for(lambda: not self._forking)
            self._lent.append(get_ident())
            if self._readers:
                return self._readers.pop()
        try:
            return self._connect()
        except BaseException:
            self._returned()
            raise

    def _returned(self) -> None:
        with self._pool:
            self._lent.remove(get_ident())
            self._pool.notify_all()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            with self._pool:
                keep = not self._closed and len(self._readers) < MAX_IDLE_READERS
                if keep:
                    self._readers.append(connection)
        except sqlite3.Error:
            keep = False  # nothing was written; the error that led here is already on its way
        try:
            if not keep:
                connection.close()
        finally:
            self._returned()

    # --- writing ---------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """Lend the writing connection inside a write transaction; it is committed unless an error leaves the block."""
        deadline = time.monotonic() + self._busy_seconds
        if not self._write_lock.acquire(timeout=self._busy_seconds):
            raise Unavailable("store", f"{self.path} is busy in this process", "try again")
        self._owner = get_ident()
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
            self._owner = None
            self._write_lock.release()

    def _begin(self, deadline: float) -> sqlite3.Connection:
        self._check_usable()
        if self._writer is None:
            self._writer = self._connect()
            self._writer.execute(f"PRAGMA busy_timeout = {_BUSY_MILLIS}")
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

    def _connect(self) -> sqlite3.Connection:
        connection = connect(self.path, busy_seconds=self._busy_seconds)
        try:
            set_journal_mode(connection, self.path, self._mode)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_usable(self) -> None:
        if self._closed:
            raise Unavailable("store", f"{self.path} was closed", "open it again")
        if self._spoiled:
            what = f"this process was forked in the middle of a transaction on {self.path}"
            raise Unavailable("store", what, "fork between operations, or start a new process instead")
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
