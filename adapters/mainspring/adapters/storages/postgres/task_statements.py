"""The statements on tasks. ``{s}`` stands for the schema; see ``texts`` for how their parameters are made.

Locks are taken in the order of ids wherever a statement waits for them; statements that skip locked rows never wait.
"""

from __future__ import annotations

from typing import Final

from mainspring.adapters.storages.postgres import texts
from mainspring.adapters.storages.postgres.texts import NUMBERS, OPTIONAL, TEXTS, UUIDS

NOW: Final = f"SELECT {texts.NOW}"

BODY: Final = "CASE WHEN t.edition = s.edition THEN t.body END"
"""The body that goes with a live row; null if that row was changed after the snapshot in which the body is seen.

A statement that locks rows sees the newest version of those, but everything else as it was when the statement began.
"""
LOCK_LIVE: Final = f"""
SELECT {texts.NOW}, s.id::text, s.version, s.state, {BODY}, t.quarantined
FROM (SELECT * FROM {{s}}.live WHERE id = ANY ({UUIDS}) ORDER BY id FOR UPDATE) s
LEFT JOIN {{s}}.tasks t ON t.id = s.id
"""
READ_LIVE: Final = f"""
SELECT s.id::text, s.version, s.state, t.body, t.quarantined
FROM {{s}}.live s JOIN {{s}}.tasks t ON t.id = s.id WHERE s.id = ANY ({UUIDS})
"""
LOCK_ENDED: Final = f"""
SELECT {texts.NOW}, e.id::text, e.version, e.state, t.body, t.quarantined
FROM (SELECT * FROM {{s}}.ended WHERE id = ANY ({UUIDS}) ORDER BY id FOR UPDATE) e
LEFT JOIN {{s}}.tasks t ON t.id = e.id
"""
KNOWN_IDS: Final = f"SELECT id::text FROM {{s}}.tasks WHERE id = ANY ({UUIDS})"
NAME_HOLDERS: Final = f"""
SELECT l.project, l.name, l.id::text
FROM unnest({TEXTS}, {TEXTS}) AS d (project, name)
JOIN {{s}}.live l ON l.project = d.project AND l.name = d.name AND l.name IS NOT NULL
"""
LIVE_OF: Final = f"""
SELECT d.id::text, l.id::text
FROM unnest({UUIDS}) AS d (id)
CROSS JOIN LATERAL (
    SELECT id FROM {{s}}.live WHERE schedule_id = d.id AND schedule_id IS NOT NULL ORDER BY id LIMIT %s
) l
ORDER BY d.id, l.id
"""

_STATES: Final = f"{TEXTS}, {NUMBERS}, {NUMBERS}, {NUMBERS}, {NUMBERS}, {TEXTS}"
_STATE: Final = "status, due, lease_until, ended_at, version, state"
_TASKS: Final = f"{UUIDS}, {TEXTS}, {TEXTS}, {OPTIONAL}, {OPTIONAL}, {UUIDS}, {NUMBERS}, {NUMBERS}, {TEXTS}"
_TASK: Final = "id, project, queue, name, key, schedule_id, rank, created_at, body"
_EVENTS: Final = f"unnest({UUIDS}, {NUMBERS}, {NUMBERS}, {TEXTS}) AS v (task, version, part, event)"
_HISTORY: Final = "INSERT INTO {s}.history (task, version, part, event) SELECT task, version, part, event"

ADD_HISTORY: Final = f"{_HISTORY} FROM {_EVENTS}"
STAY: Final = f"""
WITH d AS MATERIALIZED (SELECT * FROM unnest({UUIDS}, {_STATES}) AS d (id, {_STATE})),
recorded AS ({_HISTORY} FROM {_EVENTS})
UPDATE {{s}}.live l
SET status = d.status, due = d.due, lease_until = d.lease_until, version = d.version, state = d.state
FROM d WHERE l.id = d.id
"""
END: Final = f"""
WITH d AS MATERIALIZED (
    SELECT * FROM unnest({UUIDS}, {TEXTS}, {NUMBERS}, {_STATES}) AS d (id, project, created_at, {_STATE})
),
recorded AS ({_HISTORY} FROM {_EVENTS}),
gone AS (DELETE FROM {{s}}.live l USING d WHERE l.id = d.id)
INSERT INTO {{s}}.ended (id, project, created_at, status, ended_at, version, state)
SELECT id, project, created_at, status, ended_at, version, state FROM d
"""
REMAIN: Final = f"""
WITH d AS MATERIALIZED (SELECT * FROM unnest({UUIDS}, {_STATES}) AS d (id, {_STATE}))
UPDATE {{s}}.ended e
SET status = d.status, ended_at = d.ended_at, version = d.version, state = d.state
FROM d WHERE e.id = d.id
"""
_TO_LIVE: Final = """
INSERT INTO {s}.live
    (id, project, queue, name, key, schedule_id, created_at, rank, status, due, lease_until, version, state)
SELECT id, project, queue, name, key, schedule_id, created_at, rank, status, due, lease_until, version, state FROM d
"""
_BOTH: Final = f"d AS MATERIALIZED (SELECT * FROM unnest({_TASKS}, {_STATES}) AS d ({_TASK}, {_STATE}))"
_TO_TASKS: Final = """
INSERT INTO {s}.tasks (id, project, queue, name, key, schedule_id, created_at, body)
SELECT id, project, queue, name, key, schedule_id, created_at, body FROM d
"""
REVIVE: Final = f"""
WITH {_BOTH},
gone AS (DELETE FROM {{s}}.ended e USING d WHERE e.id = d.id)
INSERT INTO {{s}}.live
    (id, project, queue, name, key, schedule_id, created_at, rank, status, due, lease_until, version, state, edition)
SELECT d.id, d.project, d.queue, d.name, d.key, d.schedule_id, d.created_at, d.rank,
    d.status, d.due, d.lease_until, d.version, d.state, t.edition
FROM d JOIN {{s}}.tasks t ON t.id = d.id
"""
INSERT: Final = f"""
WITH {_BOTH},
bodies AS ({_TO_TASKS}),
over AS (
    INSERT INTO {{s}}.ended (id, project, created_at, status, ended_at, version, state)
    SELECT id, project, created_at, status, ended_at, version, state FROM d WHERE ended_at IS NOT NULL
)
{_TO_LIVE} WHERE ended_at IS NULL
"""
INSERT_PLAIN: Final = f"""
WITH {_BOTH},
settings AS MATERIALIZED (
    SELECT 1 FROM {{s}}.queues q JOIN (SELECT DISTINCT project, queue FROM d) u
    ON u.project = q.project AND u.queue = q.name LIMIT 1
),
bodies AS ({_TO_TASKS} WHERE NOT EXISTS (SELECT FROM settings)),
live AS ({_TO_LIVE} WHERE NOT EXISTS (SELECT FROM settings))
SELECT EXISTS (SELECT FROM settings)
"""
"""Insert pending tasks without a name, unless a queue that they go to is configured; tells whether one was."""

DROP_NAMES: Final = f"UPDATE {{s}}.live SET name = NULL WHERE name IS NOT NULL AND id = ANY ({UUIDS})"
WRITE_BODIES: Final = f"""
WITH d AS MATERIALIZED (SELECT * FROM unnest({_TASKS}) AS d ({_TASK})),
live AS (
    UPDATE {{s}}.live l
    SET project = d.project, queue = d.queue, name = d.name, key = d.key, schedule_id = d.schedule_id, rank = d.rank,
        edition = l.edition + 1
    FROM d WHERE l.id = d.id
)
UPDATE {{s}}.tasks t
SET project = d.project, queue = d.queue, name = d.name, key = d.key, schedule_id = d.schedule_id,
    created_at = d.created_at, body = d.body, edition = t.edition + 1
FROM d WHERE t.id = d.id
"""
SAVE: Final = f"""
WITH d AS MATERIALIZED (
    SELECT * FROM unnest({UUIDS}, {TEXTS}, {NUMBERS}, {NUMBERS}, {_STATES}, {OPTIONAL})
    WITH ORDINALITY AS d (id, project, created_at, read_version, {_STATE}, event, ord)
),
hit AS MATERIALIZED (
    SELECT d.* FROM d JOIN {{s}}.live l ON l.id = d.id AND l.version = d.read_version AND NOT l.quarantined
    ORDER BY l.id FOR UPDATE OF l
),
recorded AS ({_HISTORY} FROM (SELECT id AS task, version, 0 AS part, event FROM hit WHERE event IS NOT NULL) v),
kept AS (
    UPDATE {{s}}.live l
    SET status = h.status, due = h.due, lease_until = h.lease_until, version = h.version, state = h.state
    FROM hit h WHERE l.id = h.id AND h.ended_at IS NULL
),
gone AS (DELETE FROM {{s}}.live l USING hit h WHERE l.id = h.id AND h.ended_at IS NOT NULL),
over AS (
    INSERT INTO {{s}}.ended (id, project, created_at, status, ended_at, version, state)
    SELECT id, project, created_at, status, ended_at, version, state FROM hit WHERE ended_at IS NOT NULL
)
SELECT ord FROM hit
"""
"""Write states of live tasks, each over the version that it was decided on; tells which of them were applied."""

QUARANTINE_LIVE: Final = (
    f"UPDATE {{s}}.live SET due = NULL, lease_until = NULL, quarantined = true WHERE id = ANY ({UUIDS})"
)
QUARANTINE: Final = """
UPDATE {s}.tasks t SET quarantined = d.reason FROM unnest(%s::uuid[], %s::text[]) AS d (id, reason) WHERE t.id = d.id
"""
DELETE: Final = f"""
WITH d AS MATERIALIZED (SELECT unnest({UUIDS}) AS id),
l AS (DELETE FROM {{s}}.live USING d WHERE live.id = d.id),
e AS (DELETE FROM {{s}}.ended USING d WHERE ended.id = d.id),
h AS (DELETE FROM {{s}}.history USING d WHERE history.task = d.id),
t AS (DELETE FROM {{s}}.tasks USING d WHERE tasks.id = d.id RETURNING 1)
SELECT count(*) FROM t
"""
PRUNE: Final = """
WITH d AS MATERIALIZED (
    SELECT unnest(array(
        SELECT e.id
        FROM unnest(%s::text[]) AS s (status)
        CROSS JOIN LATERAL (
            SELECT id, ended_at FROM {s}.ended
            WHERE status = s.status AND ended_at < %s AND (%s::text IS NULL OR project = %s)
            ORDER BY ended_at, id LIMIT %s
        ) e
        ORDER BY e.ended_at, e.id LIMIT %s
    )) AS id
),
e AS (DELETE FROM {s}.ended USING d WHERE ended.id = d.id RETURNING ended.id),
h AS (DELETE FROM {s}.history USING e WHERE history.task = e.id),
t AS (DELETE FROM {s}.tasks USING e WHERE tasks.id = e.id)
SELECT count(*) FROM e
"""

GET: Final = """
SELECT t.id::text, t.body, coalesce(l.state, e.state), coalesce(l.version, e.version), t.quarantined
FROM {s}.tasks t LEFT JOIN {s}.live l ON l.id = t.id LEFT JOIN {s}.ended e ON e.id = t.id
WHERE t.id = %s::uuid
"""
HISTORY: Final = """
SELECT h.event FROM {s}.tasks t LEFT JOIN {s}.history h ON h.task = t.id
WHERE t.id = %s::uuid ORDER BY h.version, h.part
"""
COUNT: Final = """
SELECT status, count(*) FROM {s}.live WHERE project = %s GROUP BY status
UNION ALL
SELECT status, count(*) FROM {s}.ended WHERE project = %s GROUP BY status
"""
LIVE_COUNTS: Final = """
SELECT project, queue, count(*) FILTER (WHERE status = 'pending'), count(*) FILTER (WHERE status <> 'pending')
FROM {s}.live WHERE NOT quarantined GROUP BY project, queue
"""
