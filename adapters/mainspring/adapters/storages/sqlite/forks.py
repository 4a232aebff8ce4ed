"""Forks: SQLite must not carry a lock or a connection over one.

SQLite keeps what is locked in this process in memory of its own. A child made in the middle of a transaction would
believe for ever that it holds the parent's locks, so a fork waits (for a bounded time) until nothing is under way. The
child then leaves the parent's connections alone: it does not even close them, since closing one gives up locks and
rolls back what is being written.
"""

from __future__ import annotations

import ctypes
import os
import sqlite3
from typing import Final, Protocol
from weakref import WeakSet

PATIENCE_SECONDS: Final = 2.0
"""How long a fork waits for a transaction of another thread."""


class Forkable(Protocol):
    """Something that holds connections."""

    def hold(self) -> None:
        """Let nothing begin, and wait until nothing is under way."""
        ...

    def let_go(self) -> None:
        """Go on, in the parent."""
        ...

    def abandon(self) -> None:
        """Forget the parent's connections and locks, in the child."""
        ...


_ALL: Final[WeakSet[Forkable]] = WeakSet()
_held: Final[list[Forkable]] = []


def watch(holder: Forkable) -> None:
    """Take care of ``holder`` at every fork from now on."""
    _ALL.add(holder)


def leave_alone(connection: sqlite3.Connection | None) -> None:
    """Keep a connection of a parent process from ever being closed here, also when this process ends."""
    if connection is not None:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def _before() -> None:
    for holder in list(_ALL):
        holder.hold()
        _held.append(holder)


def _after_in_parent() -> None:
    while _held:
        _held.pop().let_go()


def _after_in_child() -> None:
    while _held:
        _held.pop().abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
