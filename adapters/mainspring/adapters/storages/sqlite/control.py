"""What ``mainspring db`` does with a SQLite file: look at its schema, migrate it, compare it. Opens no storage."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from mainspring.adapters.storages.clock import Clock, utc_now
from mainspring.adapters.storages.migrations import Applied, Migration, changes, missing, version_of
from mainspring.adapters.storages.sqlite import migrations
from mainspring.adapters.storages.sqlite.faults import unavailable
from mainspring.adapters.storages.sqlite.opening import BUSY_SECONDS, check_identity, connect, create
from mainspring.adapters.storages.sqlite.place import check_place


class SqliteSchema:
    """``Schema`` of one file, which need not exist yet."""

    def __init__(self, path: str | Path, *, clock: Clock = utc_now) -> None:
        self.path = check_place(path)
        self._clock = clock

    @property
    def known(self) -> tuple[Migration, ...]:
        """The steps that this mainspring knows."""
        return migrations.known()

    def applied(self) -> tuple[Applied, ...]:
        """Read the steps that the file has taken."""
        if not self.path.exists():
            return ()
        with self._connected() as connection:
            return migrations.read_applied(connection)

    def migrate(self, to: int | None = None, *, dry_run: bool = False) -> tuple[Migration, ...]:
        """Take the missing steps, each in a transaction of its own; all in one, which is rolled back, for a dry run."""
        if not self.path.exists():
            return self._create(to, dry_run=dry_run)
        with self._connected() as connection:
            if dry_run:
                return self._rehearse(connection, to)
            taken: list[Migration] = []
            while step := self._take_next(connection, to):
                taken.append(step)
            return tuple(taken)

    def sql(self, to: int | None = None) -> str:
        """Write the missing steps as a script for ``sqlite3 FILE``."""
        return migrations.by_hand(missing(self.known, self.applied(), to, str(self.path)), self._clock())

    def faults(self) -> tuple[str, ...]:
        """Name steps with another text, and tables and indexes that are missing or changed."""
        if not self.path.exists():
            return ()
        with self._connected() as connection:
            applied = migrations.read_applied(connection)
            lacking = migrations.objects(version_of(applied)) - set(migrations.read_objects(connection))
        objects = sorted(f"{kind} {name} is missing or was changed" for kind, name, _ in lacking)
        return (*changes(self.known, applied), *(objects if version_of(applied) <= len(self.known) else ()))

    def _create(self, to: int | None, *, dry_run: bool) -> tuple[Migration, ...]:
        steps = missing(self.known, (), to, str(self.path))
        if dry_run:
            migrations.objects(steps[-1].number)
        else:
            with _our_errors(self.path):
                create(self.path, version=steps[-1].number)
        return steps

    def _take_next(self, connection: sqlite3.Connection, to: int | None) -> Migration | None:
        """Take the next step in a transaction of its own; None: there is none left."""
        with _rolled_back(connection):
            steps = missing(self.known, migrations.read_applied(connection), to, str(self.path))
            if not steps:
                return None
            migrations.apply(connection, steps[:1], self._clock())
            connection.execute("COMMIT")
            return steps[0]

    def _rehearse(self, connection: sqlite3.Connection, to: int | None) -> tuple[Migration, ...]:
        with _rolled_back(connection):
            steps = missing(self.known, migrations.read_applied(connection), to, str(self.path))
            migrations.apply(connection, steps, self._clock())
            return steps

    @contextmanager
    def _connected(self) -> Generator[sqlite3.Connection]:
        with _our_errors(self.path), contextlib.closing(connect(self.path, busy_seconds=BUSY_SECONDS)) as connection:
            check_identity(connection, self.path)
            yield connection


@contextmanager
def _rolled_back(connection: sqlite3.Connection) -> Generator[None]:
    """Open a write transaction; what was not committed at the end is rolled back."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def _our_errors(path: Path) -> Generator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise unavailable(str(path), error) from error
