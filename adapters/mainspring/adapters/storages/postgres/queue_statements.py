"""The statements on queues, on what is due in them, and on idempotency keys. ``{s}`` stands for the schema.

A queue's pending tasks lie in *lanes*, one for each priority in use: a statement hops from lane to lane in the index,
so that tasks of the future in one of them hide nothing that is due in another, and cost nothing.
"""

from __future__ import annotations

from typing import Final

from mainspring.adapters.storages.postgres import texts
from mainspring.adapters.storages.postgres.task_statements import BODY
from mainspring.adapters.storages.postgres.texts import NUMBERS, TEXTS

_OF_QUEUE: Final = "l.due IS NOT NULL AND l.project = a.project AND l.queue = a.queue"
_CLOCK: Final = f"clock AS MATERIALIZED (SELECT {texts.NOW} AS now)"


def _due_by_lane(condition: str, share: str) -> str:
    return f"""
    WITH RECURSIVE lanes AS (
        (SELECT l.rank FROM {{s}}.live l WHERE {_OF_QUEUE} ORDER BY l.rank LIMIT 1)
        UNION ALL
        SELECT (SELECT l.rank FROM {{s}}.live l WHERE {_OF_QUEUE} AND l.rank > n.rank ORDER BY l.rank LIMIT 1)
        FROM lanes n WHERE n.rank IS NOT NULL
    )
    SELECT f.* FROM lanes n CROSS JOIN LATERAL (
        SELECT l.id, l.rank, l.due, l.version, l.state, l.edition FROM {{s}}.live l
        WHERE {_OF_QUEUE} AND l.rank = n.rank AND l.due <= (SELECT now FROM clock) {condition}
        ORDER BY l.due, l.id LIMIT {share} FOR UPDATE SKIP LOCKED
    ) f
    LIMIT {share}
    """


TAKE: Final = f"""
WITH {_CLOCK},
asked AS MATERIALIZED (
    SELECT a.*, coalesce(q.gated, false) AS gated
    FROM unnest({TEXTS}, {TEXTS}, {NUMBERS}) WITH ORDINALITY AS a (project, queue, share, ord)
    LEFT JOIN {{s}}.queues q ON q.project = a.project AND q.name = a.queue
),
picked AS MATERIALIZED (
    SELECT a.ord, p.* FROM asked a CROSS JOIN LATERAL ({_due_by_lane("", "a.share")}) p WHERE NOT a.gated
)
SELECT (SELECT now FROM clock), s.ord, s.rank, s.due, s.id::text, s.version, s.state, {BODY}
FROM picked s LEFT JOIN {{s}}.tasks t ON t.id = s.id
UNION ALL
SELECT (SELECT now FROM clock), ord, NULL, NULL, NULL, NULL, NULL, NULL FROM asked WHERE gated
"""
"""Lock the first due tasks of each queue, and name the queues that are gated instead."""

EXPIRED: Final = f"""
WITH {_CLOCK},
picked AS MATERIALIZED (
    SELECT id, lease_until, version, state, edition FROM {{s}}.live
    WHERE lease_until <= (SELECT now FROM clock) AND lease_until IS NOT NULL
    ORDER BY lease_until, id LIMIT %s FOR UPDATE SKIP LOCKED
)
SELECT (SELECT now FROM clock), s.lease_until, s.id::text, s.version, s.state, {BODY}
FROM picked s LEFT JOIN {{s}}.tasks t ON t.id = s.id
"""
LOCK: Final = f"""
SELECT project, name, body FROM {{s}}.queues q
WHERE (project, name) IN (SELECT * FROM unnest({TEXTS}, {TEXTS})) ORDER BY project, name FOR UPDATE OF q
"""
RUNNING: Final = """
SELECT coalesce(key, ''), count(*) FROM {s}.live
WHERE lease_until IS NOT NULL AND lease_until > %s AND project = %s AND queue = %s GROUP BY 1
"""
KEYS: Final = """
WITH RECURSIVE keys AS (
    (SELECT l.key FROM {s}.live l WHERE l.due IS NOT NULL AND l.key IS NOT NULL AND l.project = %s
     AND l.queue = %s ORDER BY l.key LIMIT 1)
    UNION ALL
    SELECT (SELECT l.key FROM {s}.live l WHERE l.due IS NOT NULL AND l.key IS NOT NULL AND l.project = %s
            AND l.queue = %s AND l.key > k.key ORDER BY l.key LIMIT 1)
    FROM keys k WHERE k.key IS NOT NULL
)
SELECT key FROM keys WHERE key IS NOT NULL
"""
"""Name the keys of a queue's pending tasks, by hopping from one to the next in the index."""

CANDIDATES: Final = f"""
WITH clock AS MATERIALIZED (SELECT %s::bigint AS now),
a AS MATERIALIZED (SELECT %s::text AS project, %s::text AS queue, %s::bigint AS share),
keyed AS MATERIALIZED (
    SELECT k.line, p.* FROM a CROSS JOIN unnest(%s::text[]) WITH ORDINALITY AS k (key, line) CROSS JOIN LATERAL (
        SELECT l.id, l.rank, l.due, l.version, l.state, l.edition FROM {{s}}.live l
        WHERE {_OF_QUEUE} AND l.key = k.key AND l.key IS NOT NULL AND l.due <= (SELECT now FROM clock)
        ORDER BY l.rank, l.due, l.id LIMIT a.share FOR UPDATE SKIP LOCKED
    ) p
),
keyless AS MATERIALIZED (
    SELECT NULL::bigint AS line, p.* FROM a CROSS JOIN LATERAL ({_due_by_lane("AND l.key IS NULL", "a.share")}) p
)
SELECT s.line, s.rank, s.due, s.id::text, s.version, s.state, {BODY}
FROM (SELECT * FROM keyed UNION ALL SELECT * FROM keyless) s LEFT JOIN {{s}}.tasks t ON t.id = s.id
"""
"""Lock the first due tasks of each key of a gated queue, and of those without a key; ``line`` is which key it is."""

GET: Final = "SELECT body FROM {s}.queues WHERE project = %s AND name = %s"
ALL: Final = "SELECT project, name, body FROM {s}.queues ORDER BY project, name"
OF: Final = f"""
SELECT q.project, q.name, q.body FROM unnest({TEXTS}, {TEXTS}) AS d (project, name)
JOIN {{s}}.queues q ON q.project = d.project AND q.name = d.name
"""
PUT: Final = """
INSERT INTO {s}.queues (project, name, gated, body) VALUES (%s, %s, %s, %s)
ON CONFLICT (project, name) DO UPDATE SET gated = excluded.gated, body = excluded.body
"""
DELETE: Final = "DELETE FROM {s}.queues WHERE project = %s AND name = %s RETURNING 1"

UPCOMING: Final = """
WITH RECURSIVE lanes AS (
    (SELECT project, queue, rank, due FROM {s}.live WHERE due IS NOT NULL ORDER BY project, queue, rank, due LIMIT 1)
    UNION ALL
    SELECT l.* FROM lanes n CROSS JOIN LATERAL (
        SELECT project, queue, rank, due FROM {s}.live
        WHERE due IS NOT NULL AND (project, queue, rank) > (n.project, n.queue, n.rank)
        ORDER BY project, queue, rank, due LIMIT 1
    ) l
)
SELECT project, queue, min(due) FROM lanes GROUP BY project, queue
UNION ALL
SELECT NULL, 'lease', (SELECT lease_until FROM {s}.live WHERE lease_until IS NOT NULL ORDER BY lease_until LIMIT 1)
UNION ALL
SELECT NULL, 'schedule', (SELECT wake_at FROM {s}.schedules WHERE wake_at IS NOT NULL ORDER BY wake_at LIMIT 1)
"""
"""The least due of each queue, and, without a project, the least lease and the least instant of a schedule."""

KNOWN_KEYS: Final = """
SELECT k.project, k.key, k.fingerprint, k.task_id::text, k.at
FROM unnest(%s::text[], %s::text[]) AS d (project, key)
JOIN {s}.idempotency_keys k ON k.project = d.project AND k.key = d.key
"""
PUT_KEYS: Final = """
INSERT INTO {s}.idempotency_keys AS k (project, key, fingerprint, task_id, at)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::uuid[], %s::bigint[])
ON CONFLICT (project, key) DO UPDATE
SET fingerprint = excluded.fingerprint, task_id = excluded.task_id, at = excluded.at
WHERE EXISTS (
    SELECT FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS r (project, key, at)
    WHERE r.project = k.project AND r.key = k.key AND r.at = k.at
)
RETURNING 1
"""
"""Keep keys, over what was read of them and nothing else: fewer rows than asked for mean that another was first."""

FORGET_KEYS: Final = "DELETE FROM {s}.idempotency_keys WHERE at <= %s"
