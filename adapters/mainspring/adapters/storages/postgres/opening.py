"""Opening a database: is it one that can be used, and does it hold our tables?"""

from __future__ import annotations

from typing import Final

import psycopg

from mainspring.adapters.storages.postgres.connections import connect
from mainspring.adapters.storages.postgres.faults import unavailable
from mainspring.adapters.storages.postgres.migrations import bring_up_to_date
from mainspring.adapters.storages.postgres.target import Target
from mainspring.adapters.storages.postgres.texts import Row
from mainspring.core.errors import Unavailable

OLDEST: Final = 150_000
"""The oldest server that is supported, as libpq counts."""


def prepare(target: Target) -> None:
    """Check the server, and bring the tables up to date; ``Unavailable`` if it cannot be used."""
    connection = connect(target)
    try:
        _check_server(target, connection)
        bring_up_to_date(connection, target.schema)
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
