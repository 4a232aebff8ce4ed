"""Searching tasks, newest first, whatever else is in the tables.

By name or schedule there is one index over all tasks, and so there is where nothing is said of the state. Else there is
one walk for each state that is asked for, and the walks are merged: pending and ended tasks lie in the order of their
creation by state; held ones are few.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mainspring.adapters.storages.paging import Position, page, read_cursor
from mainspring.adapters.storages.postgres.rows import Unreadable, micros, read_task
from mainspring.adapters.storages.postgres.texts import Operation, Texts
from mainspring.core.errors import CorruptHistory, InvalidInput
from mainspring.core.ids import is_uuid
from mainspring.core.ports import Page, TaskQuery
from mainspring.core.states import LIVE_STATUSES, TERMINAL_STATUSES
from mainspring.core.task import Task

_NOBODY: Final = "00000000-0000-0000-0000-000000000000"
_FOUND: Final = "t.id, t.body, s.state, s.version, t.quarantined, t.created_at"
_ANYWHERE: Final = """{s}.tasks t CROSS JOIN LATERAL (
    SELECT status, state, version, NULL::bigint AS ended_at FROM {s}.live WHERE id = t.id
    UNION ALL SELECT status, state, version, ended_at FROM {s}.ended WHERE id = t.id
) s"""
_LIVE: Final = "(SELECT *, NULL::bigint AS ended_at FROM {s}.live) s JOIN {s}.tasks t ON t.id = s.id"
_ENDED: Final = "{s}.ended s JOIN {s}.tasks t ON t.id = s.id"


def find(sql: Texts, query: TaskQuery) -> Operation[tuple[Page[Task], list[Unreadable]]]:
    """Find tasks, newest first; and those among them that could not be read."""
    found: list[Task] = []
    unreadable: list[Unreadable] = []
    after = position_behind(query.after)
    while len(found) <= query.limit:
        statement, values = _statement(query, after)
        rows = (yield sql(statement), values) if statement else []
        for *columns, _ in rows:
            try:
                found.append(read_task(*columns))
            except CorruptHistory as error:
                unreadable.append(Unreadable(columns[0], str(error)))
        if len(rows) <= query.limit:
            break
        after = (rows[-1][-1], rows[-1][0])
    return page(found, query.limit), unreadable


def position_behind(cursor: str | None) -> Position | None:
    """Read a cursor; ``InvalidInput`` for one that this storage did not give."""
    if cursor is None:
        return None
    after = read_cursor(cursor)
    if not is_uuid(after[1]):
        raise InvalidInput("after", f"{cursor[:80]!r} is no cursor", "give the cursor of the page before, or none")
    return after


def behind(
    table: str, conditions: str, values: Sequence[object], after: Position | None
) -> tuple[str, tuple[object, ...]]:
    """Add to conditions that a row comes behind a position."""
    if after is None:
        return conditions, tuple(values)
    return f"{conditions} AND ({table}.created_at, {table}.id) < (%s, %s::uuid)", (*values, *after)


def _statement(query: TaskQuery, after: Position | None) -> tuple[str, tuple[object, ...]]:
    """Write the statement for one page, and its values; an empty one if nothing can be found."""
    wanted = query.statuses or LIVE_STATUSES | TERMINAL_STATUSES
    if query.ended_before is not None:
        wanted &= TERMINAL_STATUSES
    everything = wanted == LIVE_STATUSES | TERMINAL_STATUSES
    if query.name is not None or query.schedule_id is not None or everything:
        parts = [_walk("t", _ANYWHERE, f"s.status IN ({_listed(wanted)})", query, after)] if wanted else []
    else:
        parts = [_walk("s", *_place(status), query, after) for status in sorted(wanted & TERMINAL_STATUSES)]
        held = wanted & LIVE_STATUSES - {"pending"}
        if held:
            parts.append(
                _walk("s", _LIVE, f"s.lease_until IS NOT NULL AND s.status IN ({_listed(held)})", query, after)
            )
        if "pending" in wanted:
            parts.append(_walk("s", _LIVE, "s.due IS NOT NULL", query, after))
    if not parts:
        return "", ()
    union = " UNION ALL ".join(f"({text})" for text, _ in parts)
    columns = "f.id::text, f.body, f.state, f.version, f.quarantined, f.created_at"
    text = f"SELECT {columns} FROM ({union}) f ORDER BY f.created_at DESC, f.id DESC LIMIT %s"
    return text, (*(value for _, values in parts for value in values), query.limit + 1)


def _listed(statuses: frozenset[str]) -> str:
    return ", ".join(f"'{status}'" for status in sorted(statuses & (LIVE_STATUSES | TERMINAL_STATUSES)))


def _place(status: str) -> tuple[str, str]:
    return _ENDED, f"s.status = '{status}'"


def _walk(
    table: str, source: str, condition: str, query: TaskQuery, after: Position | None
) -> tuple[str, tuple[object, ...]]:
    """Write one walk along an index of ``table``, newest first."""
    conditions = f"{table}.project = %s AND t.quarantined IS NULL AND {condition}"
    values: list[object] = [query.project]
    asked: tuple[tuple[str, object], ...] = (
        ("t.queue = %s", query.queue),
        ("t.name = %s AND t.name IS NOT NULL", query.name),
        ("t.key = %s", query.key),
        ("t.schedule_id = %s::uuid AND t.schedule_id IS NOT NULL", _uuid(query.schedule_id)),
        (f"{table}.created_at < %s", micros(query.created_before)),
        ("s.ended_at < %s", micros(query.ended_before)),
    )
    for text, value in asked:
        if value is not None:
            conditions += f" AND {text}"
            values.append(value)
    conditions, bound = behind(table, conditions, values, after)
    order = f"ORDER BY {table}.created_at DESC, {table}.id DESC LIMIT %s"
    return f"SELECT {_FOUND} FROM {source} WHERE {conditions} {order}", (*bound, query.limit + 1)


def _uuid(key: str | None) -> str | None:
    """Give a key as a UUID: a text that is none finds nothing."""
    return key if key is None or is_uuid(key) else _NOBODY
