"""What ``mainspring doctor`` wants to know of a database."""

from __future__ import annotations

from typing import Final, Literal

from attrs import frozen

from mainspring.adapters.storages.postgres.target import Target
from mainspring.adapters.storages.postgres.texts import Operation, Texts

MAX_NAMED: Final = 100

_SERVER: Final = """
SELECT current_setting('server_version'), current_setting('synchronous_commit'), current_setting('fsync'),
       pg_is_in_recovery(), current_database(),
       (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c
        WHERE c.relnamespace = to_regnamespace(%s)::oid AND c.relkind = 'r'),
       (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(xact_start)), 0)::bigint FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_xmin IS NOT NULL)
"""
_BROKEN_INDEXES: Final = """
SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = to_regnamespace(%s)::oid AND NOT (i.indisvalid AND i.indisready) ORDER BY 1 LIMIT 100
"""
_STRAY: Final = """
SELECT 'task ' || id FROM (
    SELECT id FROM {s}.tasks t
    WHERE NOT EXISTS (SELECT FROM {s}.live WHERE id = t.id) AND NOT EXISTS (SELECT FROM {s}.ended WHERE id = t.id)
    LIMIT 20
) lost
UNION ALL
SELECT 'live task ' || id FROM (
    SELECT id FROM {s}.live l WHERE NOT EXISTS (SELECT FROM {s}.tasks WHERE id = l.id) LIMIT 20
) lost
"""
_QUARANTINED: Final = """
SELECT * FROM (
    (SELECT 'task', id::text, quarantined FROM {s}.tasks WHERE quarantined IS NOT NULL ORDER BY id LIMIT %s)
    UNION ALL
    (SELECT 'schedule', id::text, quarantined FROM {s}.schedules WHERE quarantined IS NOT NULL ORDER BY id LIMIT %s)
) q LIMIT %s
"""
_OLD_SNAPSHOT_SECONDS: Final = 300


@frozen(kw_only=True)
class Quarantined:
    """A row that could not be read and was set aside."""

    kind: Literal["task", "schedule"]
    id: str
    reason: str


@frozen(kw_only=True)
class Report:
    """How a database is, and how it is used; ``faults`` is empty if all is well, ``advice`` if all could stay so."""

    database: str
    schema: str
    server_version: str
    bytes: int
    wakeups: bool
    oldest_snapshot_seconds: int
    faults: tuple[str, ...]
    advice: tuple[str, ...]
    quarantined: tuple[Quarantined, ...]


def quarantined(sql: Texts, limit: int) -> Operation[tuple[Quarantined, ...]]:
    """List rows that could not be read and were set aside."""
    rows = yield sql(_QUARANTINED), (limit, limit, limit)
    return tuple([Quarantined(kind=kind, id=key, reason=reason) for kind, key, reason in rows])


def examine(sql: Texts, target: Target) -> Operation[Report]:
    """Look at the server's settings, at the indexes, and for rows that refer to nothing."""
    rows = yield sql(_SERVER), (sql.quoted,)
    version, synchronous, fsync, replica, database, size, oldest = rows[0]
    broken = yield sql(_BROKEN_INDEXES), (sql.quoted,)
    stray = yield sql(_STRAY), ()
    faults = [f"index {name} is not valid: REINDEX it" for (name,) in broken]
    faults += [f"{name} has lost a part of it" for (name,) in stray]
    if replica:
        faults.append("this is a replica: it cannot be written to")
    advice: list[str] = []
    if fsync != "on":
        advice.append("fsync is off: a crash of the machine can lose everything")
    if synchronous in ("off", "local"):
        advice.append(f"synchronous_commit is {synchronous}: a crash can lose what was acknowledged")
    if oldest > _OLD_SNAPSHOT_SECONDS:
        advice.append(f"a transaction has been open for {oldest} s: dead rows cannot be removed until it ends")
    return Report(
        database=database,
        schema=target.schema,
        server_version=version,
        bytes=size,
        wakeups=target.wakeups,
        oldest_snapshot_seconds=oldest,
        faults=tuple(faults),
        advice=tuple(advice),
        quarantined=(yield from quarantined(sql, MAX_NAMED)),
    )
