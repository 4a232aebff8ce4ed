"""The schedules of a file, their slots and histories: the statements, inside a transaction that the caller holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from mainspring.adapters.codec import SCHEDULE_EVENT, SLOT
from mainspring.adapters.storages.paging import page, read_cursor
from mainspring.adapters.storages.sqlite.fetching import fetch_all
from mainspring.adapters.storages.sqlite.rows import (
    SCHEDULE_COLUMNS,
    ScheduleRow,
    Unreadable,
    check_seal,
    read_schedule,
    schedule_row,
    seal,
)
from mainspring.core.errors import Conflict, CorruptHistory, NotFound
from mainspring.core.ids import ScheduleId
from mainspring.core.instants import format_instant, to_micros
from mainspring.core.ports import Page, ScheduleQuery
from mainspring.core.schedule import Buffered, Schedule, ScheduleEvent, Slot

_INSERT: Final = (
    "INSERT INTO schedules (id, project, name, created_at, wake_at, version, body, crc) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_UPDATE: Final = (
    "UPDATE schedules SET project = ?, name = ?, created_at = ?, wake_at = ?, version = ?, body = ?, crc = ?"
    " WHERE id = ?"
)
_QUARANTINE: Final = "UPDATE schedules SET quarantined = ?, wake_at = NULL WHERE n = ?"
_PUT_SLOT: Final = (
    "INSERT INTO slots (schedule_id, occurrence, manual, buffered, slot, crc) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (schedule_id, occurrence, manual) DO UPDATE"
    " SET buffered = excluded.buffered, slot = excluded.slot, crc = excluded.crc WHERE slots.buffered = 1"
)
_ADD_EVENT: Final = "INSERT INTO schedule_history (schedule_id, part, event, crc) VALUES (?, ?, ?, ?)"
_LAST_EVENT: Final = "SELECT coalesce(max(part), 0) FROM schedule_history WHERE schedule_id = ?"
_BY_ID: Final = f"SELECT {SCHEDULE_COLUMNS} FROM schedules WHERE id = ?"  # noqa: S608  constants only
_LATEST: Final = 1 << 62
_END: Final = (_LATEST, "")


def get(connection: sqlite3.Connection, schedule_id: ScheduleId) -> Schedule:
    """Read a schedule, or raise ``NotFound`` or ``CorruptHistory``."""
    rows: list[ScheduleRow] = fetch_all(connection, _BY_ID, (schedule_id,))
    if not rows:
        raise NotFound("schedule", schedule_id)
    return read_schedule(rows[0])


def insert(connection: sqlite3.Connection, schedule: Schedule) -> None:
    """Insert a new schedule; ``Conflict`` if its id or name exists."""
    if connection.execute("SELECT 1 FROM schedules WHERE id = ?", (schedule.id,)).fetchone() is not None:
        raise Conflict(str(schedule), "its id exists already", "make a new id")
    _check_name(connection, schedule)
    connection.execute(_INSERT, (schedule.id, *schedule_row(schedule)))


def write(connection: sqlite3.Connection, schedule: Schedule) -> None:
    """Write a schedule over its row; ``Conflict``, before anything is changed, if its name is taken."""
    _check_name(connection, schedule)
    connection.execute(_UPDATE, (*schedule_row(schedule), schedule.id))


def _check_name(connection: sqlite3.Connection, schedule: Schedule) -> None:
    if schedule.name is None:
        return
    query = "SELECT id FROM schedules WHERE project = ? AND name = ? AND id <> ?"
    row = connection.execute(query, (schedule.project, schedule.name, schedule.id)).fetchone()
    if row is not None:
        what = f"schedule {row[0]} has it"
        raise Conflict(f"name {schedule.name!r}", what, "use another name, or edit that schedule")


def delete(connection: sqlite3.Connection, schedule_id: ScheduleId) -> bool:
    """Remove a schedule, not its slots and history; tell whether there was one."""
    return connection.execute("DELETE FROM schedules WHERE id = ?", (schedule_id,)).rowcount > 0


def due(connection: sqlite3.Connection, limit: int, now: int) -> list[Schedule]:
    """Read schedules with ``wake_at <= now``, earliest first; put those that cannot be read in quarantine."""
    found: list[Schedule] = []
    after: tuple[int, str] = (-(1 << 62), "")
    query = (
        f"SELECT {SCHEDULE_COLUMNS} FROM schedules WHERE wake_at <= ? AND (wake_at, id) > (?, ?)"  # noqa: S608  constants
        " ORDER BY wake_at, id LIMIT ?"
    )
    while len(found) < limit:
        rows: list[ScheduleRow] = fetch_all(connection, query, (now, *after, limit - len(found)))
        if not rows:
            break
        readable, unreadable = _read(rows)
        quarantine(connection, unreadable)
        found.extend(readable)
        last = rows[-1]
        assert last[2] is not None  # noqa: S101  the row was found by it
        after = (last[2], last[1])
    return found


def _read(rows: Iterable[ScheduleRow]) -> tuple[list[Schedule], list[Unreadable]]:
    found: list[Schedule] = []
    unreadable: list[Unreadable] = []
    for row in rows:
        try:
            found.append(read_schedule(row))
        except CorruptHistory as error:
            unreadable.append(Unreadable(row[0], str(error)))
    return found, unreadable


def quarantine(connection: sqlite3.Connection, rows: Sequence[Unreadable]) -> None:
    """Mark rows that cannot be read, so that nothing takes them up again."""
    connection.executemany(_QUARANTINE, [(row.reason, row.n) for row in rows])


def find(connection: sqlite3.Connection, query: ScheduleQuery) -> tuple[Page[Schedule], list[Unreadable]]:
    """Find schedules, newest first; and the rows among them that could not be read."""
    after = _END if query.after is None else read_cursor(query.after)
    conditions, values = "project = ? AND quarantined IS NULL", [query.project]
    if query.name is not None:
        conditions += " AND name = ?"
        values.append(query.name)
    statement = (
        f"SELECT {SCHEDULE_COLUMNS}, created_at FROM schedules"  # noqa: S608  the conditions are ours, values are bound
        f" WHERE {conditions} AND (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ?"
    )
    found: list[Schedule] = []
    unreadable: list[Unreadable] = []
    while len(found) <= query.limit:
        rows = fetch_all(connection, statement, (*values, *after, query.limit + 1))
        readable, broken = _read([row[:-1] for row in rows])
        found.extend(readable)
        unreadable.extend(broken)
        if len(rows) <= query.limit:
            break
        after = (rows[-1][-1], rows[-1][1])
    return page(found, query.limit), unreadable


def put_slots(connection: sqlite3.Connection, slots: Sequence[Slot]) -> None:
    """Write slot records; ``Conflict`` if one exists that is not *buffered*."""
    for slot in slots:
        text = SLOT.encode(slot)
        key = (slot.schedule_id, to_micros(slot.occurrence), int(slot.manual))
        buffered = int(isinstance(slot.outcome, Buffered))
        row = (*key, buffered, text, seal(text, *key, buffered))
        if connection.execute(_PUT_SLOT, row).rowcount == 0:
            what = f"{format_instant(slot.occurrence)} has its slot record already"
            raise Conflict(f"schedule {slot.schedule_id}", what, "read the schedule again")


def slots(
    connection: sqlite3.Connection, schedule_id: ScheduleId, limit: int, upto: datetime | None
) -> tuple[Slot, ...]:
    """Read the slots of a schedule up to an instant, the latest occurrence first."""
    query = (
        "SELECT occurrence, manual, buffered, slot, crc FROM slots WHERE schedule_id = ? AND occurrence <= ?"
        " ORDER BY occurrence DESC, manual DESC LIMIT ?"
    )
    last = _LATEST if upto is None else to_micros(upto)
    found: list[Slot] = []
    for occurrence, manual, buffered, text, crc in fetch_all(connection, query, (schedule_id, last, limit)):
        subject = f"slot of schedule {schedule_id}"
        check_seal(crc, subject, text, schedule_id, occurrence, manual, buffered)
        found.append(SLOT.decode(text, subject))
    return tuple(found)


def add_history(connection: sqlite3.Connection, schedule_id: ScheduleId, events: Sequence[ScheduleEvent]) -> None:
    """Append what was done to a schedule."""
    if not events:
        return
    (last,) = connection.execute(_LAST_EVENT, (schedule_id,)).fetchone()
    for part, event in enumerate(events, last + 1):
        text = SCHEDULE_EVENT.encode(event)
        connection.execute(_ADD_EVENT, (schedule_id, part, text, seal(text, schedule_id, part)))


def history(connection: sqlite3.Connection, schedule_id: ScheduleId) -> tuple[ScheduleEvent, ...]:
    """Read what was done to a schedule, oldest first."""
    query = "SELECT part, event, crc FROM schedule_history WHERE schedule_id = ? ORDER BY part"
    found: list[ScheduleEvent] = []
    for part, text, crc in fetch_all(connection, query, (schedule_id,)):
        subject = f"history of schedule {schedule_id}"
        check_seal(crc, subject, text, schedule_id, part)
        found.append(SCHEDULE_EVENT.decode(text, subject))
    return tuple(found)


def earliest_wake(connection: sqlite3.Connection) -> int | None:
    """Find the least ``wake_at``."""
    row = connection.execute("SELECT min(wake_at) FROM schedules WHERE wake_at IS NOT NULL").fetchone()
    found: int | None = row[0]
    return found
