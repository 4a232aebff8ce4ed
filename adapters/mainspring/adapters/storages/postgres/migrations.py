"""The schema in a Postgres database: which one it is, and how it is brought up to date.

Rules:

* All of it lies in one Postgres schema, whose quoted name stands for ``{schema}`` in the scripts.
* A step waits for ``pg_advisory_xact_lock`` on the schema's name, then looks again: of many processes that start at
  once, one takes it and the others find it taken. The lock ends with the transaction, so it works through PgBouncer.
* A step waits for the locks of its tables only so long (``LOCK_SECONDS``): a waiting ALTER TABLE holds up all others.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any, Final, TypeAlias

import psycopg
from psycopg import sql

from mainspring.adapters.storages.migrations import Applied, Migration, missing, read_migrations

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

TURN_SECONDS: Final = 60
"""How long a step waits for another process that is taking one."""
LOCK_SECONDS: Final = 10
"""How long a step waits for the locks of its tables."""

_RECORD: Final = "INSERT INTO {schema}.migrations (number, checksum, oldest, at) VALUES"
_QUOTED: Final = re.compile(r"\$([A-Za-z_]*)\$")


@cache
def known() -> tuple[Migration, ...]:
    """Read the migrations that this code knows."""
    return read_migrations(files("mainspring.adapters.storages.postgres") / "schema")


def latest() -> int:
    """Give the schema version that this code works with."""
    return len(known())


def read_applied(connection: Connection, schema: str) -> tuple[Applied, ...]:
    """Read the steps that the schema has taken; none if it does not exist."""
    # not by to_regclass, whose cache may still say what was so before another process had its turn
    found = connection.execute(
        "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = 'migrations'",
        (schema,),
    ).fetchone()
    if found is None:
        return ()
    table = sql.Identifier(schema, "migrations")
    rows = connection.execute(
        sql.SQL("SELECT number, checksum, oldest, at FROM {} ORDER BY number").format(table)
    ).fetchall()
    return tuple(Applied(number=number, checksum=text, oldest=oldest, at=at) for number, text, oldest, at in rows)


def bring_up_to_date(connection: Connection, schema: str, to: int | None = None) -> tuple[Migration, ...]:
    """Take the missing steps, each in a transaction of its own; give those that were taken.

    ``connection`` is idle. Raises as ``missing`` does, and errors of psycopg as they are.
    """
    taken: list[Migration] = []
    if not missing(known(), read_applied(connection, schema), to, schema):
        connection.rollback()
        return ()
    connection.rollback()
    while step := _take_next(connection, schema, to):
        taken.append(step)
    return tuple(taken)


def _take_next(connection: Connection, schema: str, to: int | None) -> Migration | None:
    with connection.transaction(), turn(connection, schema):
        steps = missing(known(), read_applied(connection, schema), to, schema)
        if not steps:
            return None
        take(connection, schema, steps[0])
        return steps[0]


@contextmanager
def turn(connection: Connection, schema: str) -> Generator[None]:
    """Wait, inside a transaction, until no other process migrates this schema; the turn ends with the transaction."""
    connection.execute("SELECT set_config('lock_timeout', %s, true)", (f"{TURN_SECONDS}s",))
    connection.execute("SET LOCAL statement_timeout = 0")
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"mainspring {schema}",))
    connection.execute("SELECT set_config('lock_timeout', %s, true)", (f"{LOCK_SECONDS}s",))
    yield


def take(connection: Connection, schema: str, step: Migration) -> None:
    """Run one step and record it; the caller holds a transaction, and the turn."""
    if step.number == 1:
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
    for statement in statements(in_schema(step.script, schema)):
        connection.execute(statement.encode())
    record = f"{in_schema(_RECORD, schema)} (%s, %s, %s, now())"
    connection.execute(record.encode(), (step.number, step.checksum, step.oldest))


def in_schema(script: str, schema: str) -> str:
    """Put the quoted name of the schema into a script."""
    return script.replace("{schema}", f'"{schema}"')


def statements(script: str) -> list[str]:
    """Cut a script of ours into its statements: one ends with a line that ends with ``;``, outside of ``$$``."""
    found: list[str] = []
    pending, quote = "", ""
    for line in script.splitlines(keepends=True):
        pending += line
        for mark in _QUOTED.findall(line):
            quote = "" if quote == f"${mark}$" else quote or f"${mark}$"
        if not quote and line.split("--")[0].rstrip().endswith(";"):
            found.append(pending)
            pending = ""
    return found


def by_hand(steps: Sequence[Migration], schema: str) -> str:
    """Write ``steps`` as a script for ``psql``; each step fails, and changes nothing, where it was taken already."""
    return "".join(_by_hand(step, schema) for step in steps)


def _by_hand(step: Migration, schema: str) -> str:
    made = f'CREATE SCHEMA IF NOT EXISTS "{schema}";\n' if step.number == 1 else ""
    values = f"({step.number}, '{step.checksum}', {step.oldest}, now())"
    return (
        f"BEGIN;\nSET LOCAL lock_timeout = '{LOCK_SECONDS}s';\n"
        f"SELECT pg_advisory_xact_lock(hashtextextended('mainspring {schema}', 0));\n"
        f"{made}{in_schema(step.script, schema)}{in_schema(_RECORD, schema)} {values};\nCOMMIT;\n"
    )
