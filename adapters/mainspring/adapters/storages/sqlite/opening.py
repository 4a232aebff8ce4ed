"""Opening the file: it is made whole or not at all, and used only if it is ours, sound, and of a known version.

Rules:

* A new store is made under another name beside the file and then given its name, so that the name never stands for a
  file in the making. An empty file is therefore never ours: it was cut off, and is refused like any other foreign one.
* Journal mode: SQLite 3.7.0 to 3.51.2 (but 3.44.6 and 3.50.7) can lose a commit in WAL mode with two or more
  connections. There, TRUNCATE is used, and a file in WAL mode is taken out of it. Elsewhere a new file gets WAL, and a
  file keeps the mode that it has.
* A small file is checked in full when it is opened, a larger one only for its structure, a large one not at all: that
  is ``mainspring doctor``'s task.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Final, Literal

from mainspring.adapters.storages.clock import utc_now
from mainspring.adapters.storages.migrations import missing, newer, refuse_newer, version_of
from mainspring.adapters.storages.sqlite.faults import unavailable
from mainspring.adapters.storages.sqlite.migrations import (
    APPLICATION_ID,
    apply,
    known,
    latest,
    objects,
    read_applied,
    read_objects,
)
from mainspring.core.errors import InvalidInput, Unavailable

JournalMode = Literal["auto", "wal", "truncate"]

FULL_CHECK_BYTES: Final = 4 << 20
QUICK_CHECK_BYTES: Final = 64 << 20
BUSY_SECONDS: Final = 10.0

_RESTORE: Final = "restore it from a backup; 'sqlite3 FILE .recover' saves what can be read"


def wal_is_safe(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> bool:
    """Tell whether this SQLite is free of the WAL-reset bug (fixed in 3.51.3, 3.50.7 and 3.44.6)."""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51, 0) or (3, 44, 6) <= version < (3, 45, 0)


def connect(path: Path, *, busy_seconds: float) -> sqlite3.Connection:
    """Connect to an existing file, with what every connection needs; the file is not looked into."""
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw",
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    for pragma in ("foreign_keys = ON", "synchronous = FULL", "cache_spill = OFF", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def prepare(path: Path, mode: JournalMode) -> str:
    """Make the file if there is none, check it, bring its schema up to date; give the journal mode in use."""
    if mode == "wal" and not wal_is_safe():
        what = f"WAL can lose commits with SQLite {sqlite3.sqlite_version}"
        raise InvalidInput("journal_mode", what, "use auto, or a SQLite of 3.51.3 or later")
    try:
        if not path.exists():
            create(path, mode)
        return _check(path, mode)
    except sqlite3.Error as error:
        raise unavailable(str(path), error) from error
    except UnicodeDecodeError as error:  # SQLite's own message quotes what is damaged
        raise Unavailable("store", f"{path} is damaged: its schema cannot be read", _RESTORE) from error
    except OSError as error:
        cure = "check the directory, its rights and the free space"
        raise Unavailable("store", f"{path} cannot be made: {error.strerror}", cure) from error


def create(path: Path, mode: JournalMode = "auto", version: int | None = None) -> None:
    """Make a new file, with the schema of ``version`` (None: the latest); one that is there already is left alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644))
        connection = connect(draft, busy_seconds=BUSY_SECONDS)
        try:
            connection.execute("BEGIN IMMEDIATE")
            apply(connection, known()[:version], utc_now())
            connection.execute("COMMIT")
            if mode == "wal" or (mode == "auto" and wal_is_safe()):
                connection.execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()
        with contextlib.suppress(FileExistsError):  # another process was first: its file is as good
            os.link(draft, path)
        _sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the new name last: a file whose directory was never synced may be gone after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check(path: Path, mode: JournalMode) -> str:
    size = path.stat().st_size
    if size == 0:
        cure = "restore it from a backup, or delete it to start with an empty store"
        raise Unavailable("store", f"{path} is empty: not a mainspring store, or one that was cut off", cure)
    connection = connect(path, busy_seconds=BUSY_SECONDS)
    try:
        check_identity(connection, path)
        _bring_up_to_date(connection, path)
        _check_sound(connection, path, size)
        _check_schema(connection, path)
        return set_journal_mode(connection, path, mode)
    finally:
        connection.close()


def check_identity(connection: sqlite3.Connection, path: Path) -> int:
    """Refuse a file that is not ours, or too new for this code; give its schema version."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        cure = "name another file; this one was not touched"
        raise Unavailable("store", f"{path} is a SQLite file of another program, not a mainspring store", cure)
    version = _version(connection)
    if version < 1:
        raise Unavailable("store", f"{path} has schema version {version}, which never was", _RESTORE)
    if version > latest():
        applied = read_applied(connection)
        refuse_newer(known(), applied, str(path))
        if version_of(applied) != version:  # what wrote this number did not record the step
            raise newer(str(path), version, latest())
    return version


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection) < latest():
        connection.execute("BEGIN IMMEDIATE")  # and asked again: another process may have been first
        apply(connection, missing(known(), read_applied(connection), None, str(path)), utc_now())
        connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _check_sound(connection: sqlite3.Connection, path: Path, size: int) -> None:
    if size > QUICK_CHECK_BYTES:
        return
    pragma = "integrity_check" if size <= FULL_CHECK_BYTES else "quick_check"
    (found,) = connection.execute(f"PRAGMA {pragma}(1)").fetchone()
    if found != "ok":
        raise Unavailable("store", f"{path} is damaged: {' '.join(str(found).split())[:200]}", _RESTORE)


def _check_schema(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection)
    if version > latest():
        return  # a later release made it, and says that this one can work with it
    lacking = objects(version) - set(read_objects(connection))
    if lacking:
        names = ", ".join(sorted(name for _, name, _ in lacking))
        raise Unavailable("store", f"{path} lacks or has changed: {names[:200]}", _RESTORE)


def set_journal_mode(connection: sqlite3.Connection, path: Path, mode: JournalMode) -> str:
    """Put a connection into the journal mode that is right for this file and this SQLite; give its name."""
    (current,) = connection.execute("PRAGMA journal_mode").fetchone()
    keep_wal = current == "wal" and wal_is_safe() and mode != "truncate"
    wanted = "wal" if keep_wal or mode == "wal" else "truncate"
    if current != wanted:
        (current,) = connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()
    if current != wanted:
        what = f"{path} is in journal mode {current} and another program keeps it there"
        raise Unavailable("store", what, "stop the other programs that use it, then try again")
    return wanted
