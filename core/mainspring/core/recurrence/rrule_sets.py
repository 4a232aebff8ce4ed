"""A recurrence set as instants: rules and dates together, less rules and dates (RFC 5545 section 3.8.5).

Instants are whole seconds in UTC, as in ``rrule_stretches``. A *branch* is one rule up to its UNTIL and COUNT.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from heapq import merge
from itertools import chain
from typing import Final
from zoneinfo import ZoneInfo

from mainspring.core.errors import InvalidRecurrence
from mainspring.core.recurrence.dst import instants, offset_at
from mainspring.core.recurrence.rrule_masks import CYCLE_DAYS
from mainspring.core.recurrence.rrule_parts import DAY_SECONDS
from mainspring.core.recurrence.rrule_plans import Block, moments_of
from mainspring.core.recurrence.rrule_stretches import LAST_SECOND, times_of, to_instant, to_seconds
from mainspring.core.recurrence.rrule_walk import Walk, too_far

MAX_EXCLUDED: Final = 4_000
"""So many instances in a row that EXRULE excludes are looked through before a look-up gives up."""

MAX_LEAPS: Final = 2_000
"""So often are rules asked anew for what follows an EXDATE, with no instance found, before a look-up gives up."""

_HORIZON: Final = CYCLE_DAYS * DAY_SECONDS
"""Where all instances of 400 years are excluded, the search ends."""

_NEAR: Final = 50  # instants of excluded days gone through one by one before a leap
_SECOND: Final = timedelta(seconds=1)


class Branch:
    """The instants of one rule, up to UNTIL and COUNT."""

    __slots__ = ("_count", "_until", "_walk")

    def __init__(self, walk: Walk, count: int | None, until: int) -> None:
        self._walk, self._count, self._until = walk, count, until

    def next(self, least: int, known: tuple[int, int] | None = None) -> int | None:
        """Give the first instant that is not before ``least``.

        ``known`` is an instant and the number of instances up to it, from a checkpoint. Raises ``InvalidRecurrence``
        where COUNT reaches too far to be followed.
        """
        found = self._walk.next(least) if least <= self._until else None
        if found is None or found > self._until:
            return None
        return found if self._is_counted(found, known) else None

    def has(self, instant: int, known: tuple[int, int] | None = None) -> bool:
        """Tell whether the instant is one of the rule's: it looks at no other."""
        return instant <= self._until and self._walk.has(instant) and self._is_counted(instant, known)

    def _is_counted(self, instant: int, known: tuple[int, int] | None) -> bool:
        """Tell whether COUNT reaches as far as an instant of the rule."""
        if self._count is None:
            return True
        if known is not None and instant > known[0] and self._walk.reach_known is None:
            left = self._count - known[1]
            return self._walk.how_many(known[0] + 1, instant + 1, left + 1) <= left
        reach = self._walk.reach(self._count)
        if instant > reach.last and not reach.exact:
            raise too_far()
        return instant <= reach.last

    def blocks(self, least: int, end: int) -> Iterator[Block]:
        """Give the instants from ``least`` to before ``end``."""
        end = min(end, self._until + 1)
        if self._count is None:
            yield from self._walk.blocks(least, end)
            return
        reach = self._walk.reach(self._count)
        yield from self._walk.blocks(least, min(end, reach.last + 1))
        if not reach.exact and end > reach.last + 1 and self._walk.next(max(least, reach.last + 1)) is not None:
            raise too_far()

    def instants(self, least: int, end: int) -> Iterator[int]:
        """Give the instants from ``least`` to before ``end``."""
        return moments_of(self.blocks(least, end))

    def how_many(self, known: tuple[int, int], at: int) -> int:
        """Count the instances up to ``at``, given how many there are up to an earlier instant."""
        if self._count is None:
            return 0
        end = min(at, self._until) + 1
        return min(self._count, known[1] + self._walk.how_many(known[0] + 1, end, self._count - known[1]))


class InstanceSet:
    """The instants of a set."""

    __slots__ = ("_branches", "_exbranches", "_exdates", "_exdays", "_most_leaps", "_rdates", "_zone")

    def __init__(
        self,
        branches: tuple[Branch, ...],
        exbranches: tuple[Branch, ...],
        rdates: Sequence[int],
        exdates: frozenset[int],
        exdays: frozenset[int],
        zone: ZoneInfo,
    ) -> None:
        """``rdates`` are sorted; ``exdays`` are ordinals of local days that are excluded as a whole."""
        self._branches, self._exbranches = branches, exbranches
        self._rdates, self._exdates, self._exdays, self._zone = rdates, exdates, exdays, zone
        self._most_leaps = MAX_LEAPS // max(len(branches), 1)

    @property
    def branches(self) -> tuple[Branch, ...]:
        """All branches, those of EXRULEs last: the order of a checkpoint's counts."""
        return self._branches + self._exbranches

    def next(self, least: int, at: int, counts: tuple[int, ...]) -> int | None:
        """Give the first instant that is not before ``least``; ``at`` and ``counts`` come from a checkpoint, if any."""
        known = [(at, count) for count in counts] if counts else [None] * len(self.branches)
        for _ in range(self._most_leaps):  # each round goes past one EXDATE
            found = self._first(least, known)
            if found is None:
                return None
            again = self._after_excluded(found)
            if again is None:
                if any(branch.has(found, each) for branch, each in self._excluding(known)):
                    return next(self.instants(found, LAST_SECOND + 1), None)
                return found
            least = again
        raise _too_many_excluded("EXDATE", MAX_LEAPS)

    def _excluding(self, known: Sequence[tuple[int, int] | None]) -> Iterator[tuple[Branch, tuple[int, int] | None]]:
        return zip(self._exbranches, known[len(self._branches) :], strict=True)

    def _first(self, least: int, known: Sequence[tuple[int, int] | None]) -> int | None:
        place = bisect_left(self._rdates, least)
        best = self._rdates[place] if place < len(self._rdates) else None
        for branch, each in zip(self._branches, known, strict=False):
            found = branch.next(least, each)
            if found is not None and (best is None or found < best):
                best = found
        return best

    def _after_excluded(self, instant: int) -> int | None:
        """Give where to go on if EXDATE excludes the instant; None if it does not."""
        if self._exdays:
            moment = to_instant(instant)
            day = (instant + offset_at(moment, self._zone) // _SECOND) // DAY_SECONDS
            if day in self._exdays:
                while day in self._exdays:
                    day += 1
                return max(instant + 1, self._day_start(day))
        return instant + 1 if instant in self._exdates else None

    def _day_start(self, day: int) -> int:
        """The first instant of a local day; in the last hours of the year 9999 none is left."""
        try:
            midnight = datetime.fromordinal(day)  # a civil time
        except (ValueError, OverflowError):
            return LAST_SECOND + 1
        return to_seconds(instants(midnight, self._zone, gap="after")[0])

    def instants(self, least: int, end: int) -> Iterator[int]:
        """Give the instants from ``least`` to before ``end``, in order.

        Raises ``InvalidRecurrence`` when ``MAX_EXCLUDED`` in a row are excluded, each found out by one question to one
        EXRULE: several EXRULEs that take turns reach that sooner. The one that excluded the last is asked first.
        """
        exbranches = list(self._exbranches)
        last = first = -1
        asked = 0
        for instant in self._not_excluded_by_date(least, end):
            if instant == last:
                continue
            last = instant
            place = next((place for place, branch in enumerate(exbranches) if branch.has(instant)), None)
            if place is None:
                asked = 0
                yield instant
                continue
            first = instant if not asked else first
            asked += place + 1
            exbranches.insert(0, exbranches.pop(place))
            if asked > MAX_EXCLUDED:
                raise _too_many_excluded("EXRULE", MAX_EXCLUDED)
            if instant - first > _HORIZON:
                return

    def _not_excluded_by_date(self, least: int, end: int) -> Iterator[int]:
        """Give what RRULE and RDATE give and no EXDATE excludes; a day that is excluded as a whole is leapt over."""
        if not (self._exdays or self._exdates):
            yield from self._included(least, end)
            return
        leaps = 0
        while least < end:
            begin, least = least, end
            skipped, allowed, leaps = 0, -1, leaps + 1
            if leaps > self._most_leaps:
                raise _too_many_excluded("EXDATE", MAX_LEAPS)
            for instant in self._included(begin, end):
                if instant < allowed:
                    skipped += 1
                    if skipped > _NEAR:
                        least = allowed
                        break
                    continue
                again = self._after_excluded(instant)
                if again is None:
                    skipped = leaps = 0
                    yield instant
                else:
                    allowed = again

    def _included(self, least: int, end: int) -> Iterator[int]:
        if len(self._branches) == 1 and not self._rdates:
            return self._branches[0].instants(least, end)
        dates = self._rdates[bisect_left(self._rdates, least) : bisect_left(self._rdates, end)]
        return merge(dates, *(branch.instants(least, end) for branch in self._branches))

    def times(self, least: int, end: int) -> Iterator[datetime]:
        """Give the instants from ``least`` to before ``end`` as aware datetimes."""
        if len(self._branches) == 1 and not (self._rdates or self._exbranches or self._exdates or self._exdays):
            return chain.from_iterable(map(times_of, self._branches[0].blocks(least, end)))
        return map(to_instant, self.instants(least, end))


def _too_many_excluded(name: str, questions: int) -> InvalidRecurrence:
    return InvalidRecurrence(
        name,
        f"excludes too many instances in a row: none was left after {questions} questions",
        "say in the RRULE itself when it runs, e.g. with BYDAY or BYHOUR",
    )
