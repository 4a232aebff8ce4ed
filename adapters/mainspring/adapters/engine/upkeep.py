"""Retention: ended tasks are deleted when their time has come, a batch at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from attrs import Attribute, field, frozen

from mainspring.core.errors import InvalidInput
from mainspring.core.instants import format_duration
from mainspring.core.ports import AsyncStorage
from mainspring.core.states import Cancelled, Expired, Failed, Succeeded

_log = logging.getLogger("mainspring.engine")

MONTH: Final[timedelta | None] = timedelta(days=31)
LONGEST: Final = timedelta(days=36_500)
NOTHING: Final = {timedelta(0): frozenset[str]()}
"""Where every task is kept for ever, a round forgets idempotency keys all the same."""
EVERY: Final = 60.0
"""How many seconds pass between two rounds."""


def _check(instance: object, attribute: Attribute[timedelta | None], value: timedelta | None) -> None:
    if value is not None and not timedelta(0) <= value <= LONGEST:
        what = f"{format_duration(value)} is out of range"
        raise InvalidInput(f"retention.{attribute.name}", what, f"use 0s to {LONGEST.days}d, or None to keep for ever")


@frozen(kw_only=True)
class Retention:
    """How long tasks are kept after their end, state by state; None: for ever.

    Failed ones stay until somebody deals with them, unless their time is set.
    """

    succeeded: timedelta | None = field(default=MONTH, validator=_check)
    cancelled: timedelta | None = field(default=MONTH, validator=_check)
    expired: timedelta | None = field(default=MONTH, validator=_check)
    failed: timedelta | None = field(default=None, validator=_check)

    def ages(self) -> Mapping[timedelta, frozenset[str]]:
        """Group the states whose tasks are deleted by the age at which they are."""
        kept = (
            (Succeeded.status, self.succeeded),
            (Cancelled.status, self.cancelled),
            (Expired.status, self.expired),
            (Failed.status, self.failed),
        )
        ages = {age for _, age in kept if age is not None}
        return {one: frozenset(status for status, age in kept if age == one) for one in sorted(ages)}


class Upkeep:
    """Prunes in rounds: a batch of each state, at once again while there is more."""

    def __init__(self, storage: AsyncStorage, retention: Retention, batch: int) -> None:
        self._storage = storage
        self._ages = retention.ages() or NOTHING
        self._batch = batch
        self._next = 0.0

    async def round(self, now: datetime) -> bool:
        """Delete what has had its time, if a round is due; tell whether there may be more of it."""
        ticks = asyncio.get_running_loop().time()
        if ticks < self._next:
            return False
        more = False
        for age, statuses in self._ages.items():
            deleted = await self._storage.prune(None, statuses, now - age, self._batch)
            more = more or deleted >= self._batch
            if deleted:
                _log.info("%d tasks had their time (%s) and were deleted", deleted, ", ".join(sorted(statuses)))
        self._next = ticks if more else ticks + EVERY
        return more
