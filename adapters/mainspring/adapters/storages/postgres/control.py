"""What ``mainspring db`` does with a Postgres database: look at its schema, migrate it, compare it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import sql

from mainspring.adapters.storages.migrations import Applied, Migration, changes, missing, version_of
from mainspring.adapters.storages.postgres import migrations
from mainspring.adapters.storages.postgres.connections import connect
from mainspring.adapters.storages.postgres.faults import unavailable
from mainspring.adapters.storages.postgres.migrations import Connection
from mainspring.adapters.storages.postgres.target import Target, read_target

_ATTRIBUTES: Final = """
SELECT 'column ' || c.relname || '.' || a.attname,
       format_type(a.atttypid, a.atttypmod), a.attnotnull::text, coalesce(co.collname, ''),
       coalesce(pg_get_expr(d.adbin, d.adrelid), '')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_collation co ON co.oid = a.attcollation
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind IN ('r', 'p', 'v')
UNION ALL
SELECT 'table ' || relname, coalesce(array_to_string(reloptions, ' '), ''), relkind::text, '', ''
FROM pg_class WHERE relnamespace = %(schema)s::regnamespace AND relkind IN ('r', 'p', 'v')
UNION ALL
SELECT 'index ' || c.relname, pg_get_indexdef(c.oid), i.indisvalid::text, '', ''
FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid WHERE c.relnamespace = %(schema)s::regnamespace
UNION ALL
SELECT 'constraint ' || conname || ' of ' || conrelid::regclass::text, pg_get_constraintdef(oid), contype::text, '', ''
FROM pg_constraint WHERE connamespace = %(schema)s::regnamespace AND contype <> 'n'
UNION ALL
SELECT 'function ' || proname, md5(prosrc), '', '', '' FROM pg_proc WHERE pronamespace = %(schema)s::regnamespace
"""
"""What a schema consists of: a name each, and what it is. Not-null constraints are columns' (18 lists them twice)."""


class PostgresSchema:
    """``Schema`` of what a URL names (``target``); neither schema nor tables need exist."""

    def __init__(self, url: str | Target) -> None:
        self._target = read_target(url) if isinstance(url, str) else url
        self._schema = self._target.schema
        self._name = f"schema {self._schema} of {self._target.name}"

    @property
    def known(self) -> tuple[Migration, ...]:
        """The steps that this mainspring knows."""
        return migrations.known()

    def applied(self) -> tuple[Applied, ...]:
        """Read the steps that the schema has taken."""
        with self._connected() as connection:
            return migrations.read_applied(connection, self._schema)

    def migrate(self, to: int | None = None, *, dry_run: bool = False) -> tuple[Migration, ...]:
        """Take the missing steps, each in a transaction of its own; all in one, which is rolled back, for a dry run."""
        with self._connected() as connection:
            if not dry_run:
                return migrations.bring_up_to_date(connection, self._schema, to)
            with connection.transaction(force_rollback=True), migrations.turn(connection, self._schema):
                applied = migrations.read_applied(connection, self._schema)
                steps = missing(self.known, applied, to, self._name)
                for step in steps:
                    migrations.take(connection, self._schema, step)
                return steps

    def sql(self, to: int | None = None) -> str:
        """Write the missing steps as a script for ``psql --set ON_ERROR_STOP=1``."""
        return migrations.by_hand(missing(self.known, self.applied(), to, self._name), self._schema)

    def faults(self) -> tuple[str, ...]:
        """Name steps with another text, and whatever is missing or changed: the steps are taken anew, beside, to see.

        That is done in a transaction that is rolled back, and needs the right to create a schema.
        """
        with self._connected() as connection:
            applied = migrations.read_applied(connection, self._schema)
            found = changes(self.known, applied)
            version = version_of(applied)
            if not 1 <= version <= len(self.known):
                return found
            there = _contents(connection, self._schema)
            with connection.transaction(force_rollback=True):
                beside = f"{self._schema[:40]}_verified"
                connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(beside)))
                for step in self.known[:version]:
                    migrations.take(connection, beside, step)
                wanted = _contents(connection, beside)
        return (*found, *_differences(wanted, there))

    @contextmanager
    def _connected(self) -> Generator[Connection]:
        connection = connect(self._target)
        try:
            yield connection
        except psycopg.Error as error:
            raise unavailable(self._target.name, error) from error
        finally:
            connection.close()


def _contents(connection: Connection, schema: str) -> dict[str, tuple[str, ...]]:
    connection.execute("SELECT set_config('search_path', '', false)")  # so that every definition names its schema
    rows = connection.execute(_ATTRIBUTES, {"schema": f'"{schema}"'}).fetchall()
    return {_without(name, schema): tuple(_without(part, schema) for part in what) for name, *what in rows}


def _without(text: str, schema: str) -> str:
    return text.replace(f'"{schema}".', "").replace(f"{schema}.", "")


def _differences(wanted: dict[str, tuple[str, ...]], there: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    return (
        *(f"{name} is missing" for name in sorted(wanted.keys() - there.keys())),
        *(f"{name} was changed" for name in sorted(wanted.keys() & there.keys()) if wanted[name] != there[name]),
    )
