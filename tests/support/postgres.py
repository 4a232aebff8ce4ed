"""A real PostgreSQL server for the tests: one per run, shared by its processes, with a database for each of them.

``MAINSPRING_TEST_POSTGRES`` names the folder ``bin`` of another PostgreSQL than the one that is found first.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mainspring.adapters.throwaway_postgres import Binaries, ThrowawayPostgres

TEMPLATE = "mainspring_template"
KEPT = ("migrations",)
"""Tables that say which schema this is: they are not emptied between tests."""


def chosen_binaries() -> Binaries:
    """The binaries that this run uses."""
    from mainspring.adapters.throwaway_postgres import find_binaries

    chosen = os.environ.get("MAINSPRING_TEST_POSTGRES")
    return find_binaries(Path(chosen) if chosen else None)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep the other processes of this run out for as long as the block lasts."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run_sql(url: str, *statements: str) -> None:
    """Execute statements, each in a transaction of its own."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def _shared_folder(factory: pytest.TempPathFactory) -> Path:
    """The folder that the processes of one run, and no other run, have in common."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def _join_or_start(note: Path) -> ThrowawayPostgres:
    from mainspring.adapters.throwaway_postgres import ThrowawayPostgres
    from mainspring.core.errors import Unavailable

    if note.exists():
        try:
            return ThrowawayPostgres.join(Path(note.read_text()))
        except Unavailable:
            pass  # those who used it have ended, and it with them
    server = ThrowawayPostgres.start(binaries=chosen_binaries(), settings={"max_connections": "200"})
    try:
        make_template(server)
    except BaseException:
        server.close()
        raise
    note.write_text(str(server.folder))
    return server


def make_template(server: ThrowawayPostgres) -> None:
    """Make the database that those of the tests are copied from."""
    from mainspring.adapters.storages.postgres.control import PostgresSchema

    run_sql(server.url(), f"CREATE DATABASE {TEMPLATE}")
    PostgresSchema(server.url(TEMPLATE)).migrate()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThrowawayPostgres]:
    """The server of this run; it ends when the last process that uses it does, however that ends."""
    folder = _shared_folder(tmp_path_factory)
    with locked(folder / "postgres.lock"):
        server = _join_or_start(folder / "postgres.folder")
    yield server
    server.close()


@pytest.fixture(scope="session")
def _own_database(postgres_server: ThrowawayPostgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    name = f"own_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    with locked(_shared_folder(tmp_path_factory) / "postgres.lock"):  # a template is copied by one at a time
        run_sql(postgres_server.url(), f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    return postgres_server.url(name)


@pytest.fixture
def postgres_url(_own_database: str) -> str:
    """The database of this process, with the latest schema and nothing in it."""
    empty(_own_database)
    return _own_database


@pytest.fixture
def bare_postgres_url(postgres_server: ThrowawayPostgres) -> Iterator[str]:
    """A new database with no schema at all; dropped after the test."""
    name = f"bare_{os.urandom(6).hex()}"
    run_sql(postgres_server.url(), f"CREATE DATABASE {name} TEMPLATE template0")
    yield postgres_server.url(name)
    run_sql(postgres_server.url(), f"DROP DATABASE {name} WITH (FORCE)")


def empty(url: str) -> None:
    """Empty all tables of a database, but for those that say which schema it has."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT format('%%I.%%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND tablename <> ALL (%s)",
            (list(KEPT),),
        ).fetchall()
        if found:
            connection.execute(f"TRUNCATE {', '.join(name for (name,) in found)} RESTART IDENTITY CASCADE".encode())
