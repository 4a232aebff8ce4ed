"""What both colours of the storage have in common: the database, the texts of statements, and who hears of commits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from mainspring.adapters.storages.clock import Clock, utc_now
from mainspring.adapters.storages.listeners import Listener, Listeners
from mainspring.adapters.storages.postgres.target import SETTINGS, Target
from mainspring.adapters.storages.postgres.texts import Texts
from mainspring.adapters.storages.postgres.work import Work
from mainspring.core.instants import to_micros

SOON: Final = timedelta(seconds=10)
"""What becomes due later than this is found by everybody's own look."""


class Access:
    """One schema of one database. ``clock`` overrides the server's clock: it is for tests."""

    def __init__(self, target: Target, clock: Clock | None) -> None:
        self.target: Final = target
        self.sql: Final = Texts(target.schema)
        self.listeners: Final = Listeners()
        self._clock = clock
        self._tell: tuple[Callable[[], None], ...] = ()

    def subscribe(self, callback: Listener) -> Callable[[], None]:
        """Call ``callback`` after each commit of this process that made something due, until the answer is called."""
        return self.listeners.subscribe(callback)

    @property
    def instant(self) -> int | None:
        """The instant that overrides the server's clock, or None."""
        return None if self._clock is None else to_micros(self._clock())

    def work(self, attempt: int) -> Work:
        """Begin what is done in one transaction."""
        return Work(self.sql, instant=self.instant, careful=attempt > 0)

    def begin(self, first: str = "") -> bytes:
        """Write what opens a transaction, with a statement that has to come before its first snapshot."""
        parts = ["BEGIN ISOLATION LEVEL READ COMMITTED"]
        if not self.target.wakeups:  # a pooler may give every transaction another connection
            parts += [f"SET LOCAL {key} = '{value}'" for key, value in SETTINGS.items()]
        return "; ".join([*parts, first] if first else parts).encode()

    def on_due(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` after each commit that made something due soon."""
        self._tell = (*self._tell, callback)

    def committed(self, due: datetime | None) -> None:
        """Tell who wants to know that something was committed that is due at ``due`` (None: nothing was)."""
        if due is None:
            return
        self.listeners.tell()
        if due <= utc_now() + SOON:
            for callback in self._tell:
                callback()
