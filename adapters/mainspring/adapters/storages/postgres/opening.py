"""Opening a database: is it one that can be used, and does it hold our tables?"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import psycopg

from mainspring.adapters.storages.postgres.connections import connect
from mainspring.adapters.storages.postgres.faults import unavailable
from mainspring.adapters.storages.postgres.target import Target
from mainspring.adapters.storages.postgres.texts import Row
from mainspring.core.errors import Unavailable

OLDEST: Final = 150_000
"""The oldest server that is supported, as libpq counts."""
_LOCK: Final = 0x6D61696E73707267


def prepare(target: Target) -> None:
    """Check the server and make the tables if there are none; ``Unavailable`` if it cannot be used."""
    connection = connect(target)
    try:
        _check_server(target, connection)
        _make_tables(target, connection)
    except psycopg.Error as error:
        raise unavailable(target.name, error) from error
    finally:
        connection.close()


def _check_server(target: Target, connection: psycopg.Connection[Row]) -> None:
    version = connection.info.server_version
    if version < OLDEST:
        what = f"{target.name} is served by PostgreSQL {version // 10_000}"
        raise Unavailable("store", what, f"use {OLDEST // 10_000} or later")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        what = f"{target.name} is encoded as {encoding}"
        raise Unavailable("store", what, "create the database with ENCODING 'UTF8'")


def _make_tables(target: Target, connection: psycopg.Connection[Row]) -> None:
    quoted = f'"{target.schema}"'
    script = files("mainspring.adapters.storages.postgres") / "schema" / "0001.sql"
    there = b"SELECT to_regclass(%s) IS NOT NULL"
    known = connection.execute(there, (f"{quoted}.live",)).fetchone()
    if known == (True,):
        return
    with connection.transaction():
        connection.execute(b"SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        if connection.execute(there, (f"{quoted}.live",)).fetchone() == (True,):
            return
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted}".encode())
        connection.execute(script.read_text(encoding="utf-8").replace("{schema}", quoted).encode())
