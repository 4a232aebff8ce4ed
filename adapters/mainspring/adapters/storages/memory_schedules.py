"""The schedules of a ``MemoryStorage``, with their slots and histories. Not safe for threads by itself."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from datetime import datetime
from heapq import nlargest
from itertools import islice
from typing import TypeAlias

from mainspring.adapters.storages.lazy_heap import LazyHeap
from mainspring.adapters.storages.paging import Position, page, position, read_cursor
from mainspring.core.errors import Conflict, NotFound
from mainspring.core.ids import ScheduleId
from mainspring.core.ports import Page, ScheduleQuery
from mainspring.core.schedule import Schedule, ScheduleEvent, Slot

SlotKey: TypeAlias = tuple[datetime, bool]


class ScheduleTable:
    """Every schedule with its slots and history. Not safe for threads by itself."""

    def __init__(self) -> None:
        self.rows: dict[ScheduleId, Schedule] = {}
        self.slots: defaultdict[ScheduleId, dict[SlotKey, Slot]] = defaultdict(dict)
        self.events: defaultdict[ScheduleId, list[ScheduleEvent]] = defaultdict(list)
        self._wakes: LazyHeap[tuple[datetime, str]] = LazyHeap()
        self._names: dict[tuple[str, str], ScheduleId] = {}
        self._order: list[Position] = []

    def get(self, schedule_id: ScheduleId) -> Schedule:
        """Read one schedule, or raise ``NotFound``."""
        try:
            return self.rows[schedule_id]
        except KeyError:
            raise NotFound("schedule", schedule_id) from None

    def put(self, schedule_id: ScheduleId, schedule: Schedule | None) -> Schedule | None:
        """Write a schedule (None: remove it), and give what was there before. ``Conflict`` if its name is taken."""
        before = self.rows.get(schedule_id)
        if schedule is not None and schedule.name is not None:
            holder = self._names.get((schedule.project, schedule.name), schedule_id)
            if holder != schedule_id:
                what = f"schedule {holder} has it"
                raise Conflict(f"name {schedule.name!r}", what, "use another name, or edit that schedule")
        if before is not None:
            self._wakes.discard(schedule_id)
            if before.name is not None:
                del self._names[before.project, before.name]
        if schedule is not None:
            self.rows[schedule_id] = schedule
            if before is None:
                insort(self._order, position(schedule.created_at, schedule_id))
            if schedule.wake_at is not None:
                self._wakes.put(schedule_id, (schedule.wake_at, schedule_id))
            if schedule.name is not None:
                self._names[schedule.project, schedule.name] = schedule_id
        elif before is not None:
            del self.rows[schedule_id]
            del self._order[bisect_left(self._order, position(before.created_at, schedule_id))]
        return before

    def earliest_wake(self) -> datetime | None:
        """Find the least ``wake_at``."""
        top = self._wakes.peek()
        return None if top is None else top[0][0]

    def due(self, limit: int, now: datetime) -> list[Schedule]:
        """Find schedules with ``wake_at <= now``, earliest first."""
        found: list[Schedule] = []
        while len(found) < limit and (top := self._wakes.peek()) is not None and top[0][0] <= now:
            self._wakes.pop()
            found.append(self.rows[ScheduleId(top[1])])
        for schedule in found:
            assert schedule.wake_at is not None  # noqa: S101  it was found by it
            self._wakes.put(schedule.id, (schedule.wake_at, schedule.id))
        return found

    def newest_slots(self, schedule_id: ScheduleId, limit: int, upto: datetime | None) -> tuple[Slot, ...]:
        """Read the slots of a schedule up to an instant, the latest occurrence first."""
        slots = self.slots.get(schedule_id, {})
        return tuple(slots[key] for key in nlargest(limit, (key for key in slots if upto is None or key[0] <= upto)))

    def find(self, query: ScheduleQuery) -> Page[Schedule]:
        """Find schedules, newest first."""
        end = len(self._order) if query.after is None else bisect_left(self._order, read_cursor(query.after))
        newest = (self.rows[ScheduleId(self._order[index][1])] for index in range(end - 1, -1, -1))
        matching = (
            schedule for schedule in newest if schedule.project == query.project and query.name in (None, schedule.name)
        )
        return page(tuple(islice(matching, query.limit + 1)), query.limit)
