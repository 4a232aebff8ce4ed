"""The statements on schedules, their slots and their histories. ``{s}`` stands for the schema."""

from __future__ import annotations

from typing import Final

from mainspring.adapters.storages.postgres.rows import SCHEDULE_COLUMNS
from mainspring.adapters.storages.postgres.texts import NUMBERS, OPTIONAL, TEXTS, UUIDS

_SCHEDULES: Final = f"{UUIDS}, {TEXTS}, {OPTIONAL}, {NUMBERS}, {NUMBERS}, {NUMBERS}, {TEXTS}"
_SCHEDULE: Final = "id, project, name, created_at, wake_at, version, body"

LOCK: Final = f"SELECT {SCHEDULE_COLUMNS} FROM {{s}}.schedules WHERE id = ANY ({UUIDS}) ORDER BY id FOR UPDATE"
GET: Final = f"SELECT {SCHEDULE_COLUMNS} FROM {{s}}.schedules WHERE id = %s::uuid"
DUE: Final = f"""
SELECT {SCHEDULE_COLUMNS} FROM {{s}}.schedules
WHERE wake_at <= %s AND wake_at IS NOT NULL ORDER BY wake_at, schedules.id LIMIT %s FOR UPDATE SKIP LOCKED
"""
INSERT: Final = f"""
INSERT INTO {{s}}.schedules ({_SCHEDULE}) SELECT * FROM unnest({_SCHEDULES})
"""
WRITE: Final = f"""
WITH d AS MATERIALIZED (SELECT * FROM unnest({_SCHEDULES}) AS d ({_SCHEDULE}))
UPDATE {{s}}.schedules s
SET project = d.project, name = d.name, created_at = d.created_at, wake_at = d.wake_at, version = d.version,
    body = d.body
FROM d WHERE s.id = d.id
"""
KNOWN: Final = "SELECT 1 FROM {s}.schedules WHERE id = %s::uuid"
NAME_HOLDER: Final = """
SELECT id::text FROM {s}.schedules WHERE project = %s AND name = %s AND name IS NOT NULL AND id <> %s::uuid
"""
DELETE: Final = "DELETE FROM {s}.schedules WHERE id = %s::uuid RETURNING 1"
QUARANTINE: Final = """
UPDATE {s}.schedules s SET quarantined = d.reason, wake_at = NULL
FROM unnest(%s::uuid[], %s::text[]) AS d (id, reason) WHERE s.id = d.id
"""
FIXED_SLOTS: Final = f"""
SELECT s.schedule_id::text, s.occurrence, s.manual
FROM unnest({UUIDS}, {NUMBERS}, %s::boolean[]) AS d (schedule_id, occurrence, manual)
JOIN {{s}}.slots s
ON s.schedule_id = d.schedule_id AND s.occurrence = d.occurrence AND s.manual = d.manual AND NOT s.buffered
"""
PUT_SLOTS: Final = f"""
INSERT INTO {{s}}.slots (schedule_id, occurrence, manual, buffered, slot)
SELECT * FROM unnest({UUIDS}, {NUMBERS}, %s::boolean[], %s::boolean[], {TEXTS})
ON CONFLICT (schedule_id, occurrence, manual) DO UPDATE
SET buffered = excluded.buffered, slot = excluded.slot WHERE slots.buffered
RETURNING 1
"""
SLOTS: Final = """
SELECT slot FROM {s}.slots WHERE schedule_id = %s::uuid AND occurrence <= %s
ORDER BY occurrence DESC, manual DESC LIMIT %s
"""
ADD_HISTORY: Final = f"""
INSERT INTO {{s}}.schedule_history (schedule_id, part, event)
SELECT d.schedule_id, d.part + coalesce(
    (SELECT h.part FROM {{s}}.schedule_history h WHERE h.schedule_id = d.schedule_id ORDER BY h.part DESC LIMIT 1), 0
), d.event
FROM unnest({UUIDS}, {NUMBERS}, {TEXTS}) AS d (schedule_id, part, event)
"""
HISTORY: Final = "SELECT event FROM {s}.schedule_history WHERE schedule_id = %s::uuid ORDER BY part"
