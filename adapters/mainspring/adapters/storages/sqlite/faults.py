"""Errors of SQLite, said as ours: what cannot be used now, and what to do about it."""

from __future__ import annotations

import sqlite3
from typing import Final

from mainspring.core.errors import Unavailable

_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_SAID: Final = {
    sqlite3.SQLITE_BUSY: ("is locked by another process for too long", "try again; look for a process that hangs"),
    sqlite3.SQLITE_LOCKED: ("is locked by another process for too long", "try again; look for a process that hangs"),
    sqlite3.SQLITE_FULL: ("cannot grow: the disk is full", "make room on the disk, then try again"),
    sqlite3.SQLITE_READONLY: ("cannot be written", "give this user the right to write the file and its directory"),
    sqlite3.SQLITE_PERM: ("cannot be opened", "give this user the right to read and write the file"),
    sqlite3.SQLITE_AUTH: ("cannot be opened", "give this user the right to read and write the file"),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "check that the file and its directory exist and can be written"),
    sqlite3.SQLITE_IOERR: ("cannot be read or written: the disk reports an error", "check the disk and the free space"),
    sqlite3.SQLITE_CORRUPT: ("is damaged", "restore it from a backup; 'sqlite3 FILE .recover' saves what can be read"),
    sqlite3.SQLITE_NOTADB: ("is not a mainspring store", "name another file; this one was not touched"),
    sqlite3.SQLITE_PROTOCOL: ("is locked in a way that cannot be", "keep it on a local disk, not on a network"),
    sqlite3.SQLITE_NOLFS: ("is too large for this file system", "move it to another disk"),
    sqlite3.SQLITE_NOMEM: ("cannot be used: there is no memory left", "give the process more memory"),
    sqlite3.SQLITE_INTERRUPT: ("was interrupted", "try again"),
    sqlite3.SQLITE_SCHEMA: ("was changed by another program", "restart the processes that use it"),
}


def code_of(error: sqlite3.Error) -> int:
    """Give the primary result code of an error; 0 if it has none."""
    extended = getattr(error, "sqlite_errorcode", None)
    return extended & 0xFF if isinstance(extended, int) else 0


def is_busy(error: sqlite3.Error) -> bool:
    """Tell whether trying again may help soon: another connection holds the lock."""
    return code_of(error) in _BUSY


def unavailable(path: str, error: sqlite3.Error) -> Unavailable:
    """Say an error of SQLite about the file ``path`` as ours."""
    cure = "try again; if it stays, run 'mainspring doctor'"
    what, cure = _SAID.get(code_of(error), (f"cannot be used: {' '.join(ascii(str(error)).split())[:200]}", cure))
    return Unavailable("store", f"{path} {what}", cure)
