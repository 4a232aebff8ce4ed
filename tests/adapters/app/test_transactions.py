"""Tasks in the caller's own transaction: there if and when it commits, on psycopg, SQLAlchemy and Django."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy
from psycopg.rows import dict_row
from sqlalchemy.ext.asyncio import create_async_engine

from mainspring.app import Fixed, Mainspring
from mainspring.app.wiring import unopened
from mainspring.core.errors import Conflict, InvalidInput
from mainspring.core.ports import TaskQuery
from mainspring.testing import Testing
from support.postgres import run_sql

DONE: list[int] = []


@pytest.fixture
def app(postgres_url: str) -> Iterator[Mainspring]:
    """An app on a Postgres store, with one function; beside its tables one of the caller's."""
    DONE.clear()
    run_sql(postgres_url, "CREATE TABLE IF NOT EXISTS orders (id integer PRIMARY KEY)", "TRUNCATE orders")
    with Mainspring(postgres_url) as made:
        made.task("ship")(ship)
        yield made


def ship(order: int) -> None:
    DONE.append(order)


def stored(app: Mainspring) -> list[str | None]:
    """The names of the tasks that everybody sees."""
    return sorted(str(task.name) for task in app.sync.find_tasks(TaskQuery()).items)


def orders(url: str) -> list[int]:
    """The orders that everybody sees."""
    with psycopg.connect(url) as connection:
        return [number for (number,) in connection.execute("SELECT id FROM orders ORDER BY id")]


def place(app: Mainspring, connection: Any, number: int, **options: Any) -> None:
    """What an application does: its own row, and the task for it."""
    connection.execute("INSERT INTO orders VALUES (%s)", (number,))
    options = {"name": f"order-{number}", **options}
    app.sync.enqueue("ship", arguments={"order": number}, connection=connection, **options)


def test_a_task_is_there_when_the_transaction_commits(app: Mainspring, postgres_url: str) -> None:
    """Not before: neither for others, nor for a worker; then a worker finds it."""
    with psycopg.connect(postgres_url) as connection:
        place(app, connection, 1)
        assert (stored(app), orders(postgres_url)) == ([], [])
        asyncio.run(app.run_until_idle())
        assert DONE == []
    assert (stored(app), orders(postgres_url)) == (["order-1"], [1])
    asyncio.run(app.run_until_idle())
    assert DONE == [1]


def test_a_task_goes_with_its_transaction(app: Mainspring, postgres_url: str) -> None:
    """Rolled back with it, by an error, by hand, or with a savepoint alone."""
    with pytest.raises(Conflict), psycopg.connect(postgres_url) as connection:  # noqa: PT012
        place(app, connection, 1)
        place(app, connection, 2, name="order-1")
    with psycopg.connect(postgres_url) as connection:
        place(app, connection, 2)
        connection.rollback()
        place(app, connection, 3)
        with connection.transaction(force_rollback=True):
            place(app, connection, 4)
        place(app, connection, 5)
    assert (stored(app), orders(postgres_url)) == (["order-3", "order-5"], [3, 5])


def test_a_task_of_a_transaction_is_made_by_the_rules_of_the_app(postgres_url: str) -> None:
    """Its project's retry policy holds; and also an app that opens its store late takes part."""
    with unopened():
        late = Mainspring(postgres_url, retry="fixed(5s, attempts=3)")
    with late, psycopg.connect(postgres_url) as connection:
        late.task("ship")(ship)
        made = late.sync.enqueue("ship", arguments={"order": 1}, connection=connection)
        assert made.retry == Fixed(delay=timedelta(seconds=5), attempts=3)

        async def awaited() -> None:
            async with await psycopg.AsyncConnection.connect(postgres_url) as own:
                again = await late.enqueue("ship", arguments={"order": 2}, connection=own)
                assert again.retry == made.retry

        asyncio.run(awaited())


def test_a_killed_caller_leaves_nothing(app: Mainspring, postgres_url: str) -> None:
    """The server rolls back what a connection that is gone has not committed."""
    connection = psycopg.connect(postgres_url)
    place(app, connection, 1)
    connection.pgconn.finish()
    assert (stored(app), orders(postgres_url)) == ([], [])


def test_what_is_refused_undoes_nothing_of_the_callers(app: Mainspring, postgres_url: str) -> None:
    """A name that is taken, also within the same transaction: the transaction goes on, and commits the rest."""
    app.sync.enqueue("ship", arguments={"order": 1}, name="order-1", delay="1h")
    with psycopg.connect(postgres_url) as connection:
        with pytest.raises(Conflict, match="order-1"):
            place(app, connection, 1)
        place(app, connection, 2)
        with pytest.raises(Conflict, match="order-2"):
            app.sync.enqueue("ship", arguments={"order": 2}, name="order-2", connection=connection)
        with pytest.raises(InvalidInput, match="order"):
            app.sync.enqueue("ship", arguments={"number": 2}, connection=connection)
    assert (stored(app), orders(postgres_url)) == (["order-1", "order-2"], [1, 2])


def test_idempotency_keys_hold_in_a_transaction(app: Mainspring, postgres_url: str) -> None:
    """The same request with the same key gives the same task, whether the first was committed or is of this one."""
    with psycopg.connect(postgres_url) as connection:
        first, second = (
            app.sync.enqueue("ship", arguments={"order": 1}, idempotency_key="k", connection=connection) for _ in "ab"
        )
        assert first == second
    assert app.sync.enqueue("ship", arguments={"order": 1}, idempotency_key="k") == first
    assert len(stored(app)) == 1


@pytest.mark.parametrize("autocommit", [False, True])
def test_the_callers_settings_do_not_matter(app: Mainspring, postgres_url: str, autocommit: bool) -> None:
    """Rows as dictionaries, autocommit (then the task is there at once), repeatable reads, prepared statements."""
    with psycopg.connect(postgres_url, row_factory=dict_row, autocommit=autocommit) as connection:  # type: ignore[arg-type]
        connection.prepare_threshold = 0
        connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        for number in range(4):
            place(app, connection, number)
        assert stored(app) == ([f"order-{number}" for number in range(4)] if autocommit else [])
        assert connection.execute("SELECT 1 AS one").fetchone() == {"one": 1}
    assert len(stored(app)) == 4


def test_a_transaction_that_has_failed_is_told_by_psycopg(app: Mainspring, postgres_url: str) -> None:
    """The connection is the caller's: so are its errors, and they come as they are."""
    with psycopg.connect(postgres_url) as connection:
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT * FROM nothing")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            app.sync.enqueue("ship", arguments={"order": 1}, connection=connection)


def test_an_asynchronous_connection(app: Mainspring, postgres_url: str) -> None:
    """As on a synchronous one: with the transaction it comes, and with it it goes."""

    async def work() -> None:
        async with await psycopg.AsyncConnection.connect(postgres_url) as connection:
            for number in (1, 2):
                await connection.execute("INSERT INTO orders VALUES (%s)", (number,))
                await app.enqueue(ship, arguments={"order": number}, name=f"order-{number}", connection=connection)
                assert len(stored(app)) == number - 1
                await (connection.commit() if number == 1 else connection.rollback())

    asyncio.run(work())
    assert (stored(app), orders(postgres_url)) == (["order-1"], [1])


def test_sqlalchemy(app: Mainspring, postgres_url: str) -> None:
    """Through the connection of the driver, in both of its colours."""
    url = postgres_url.replace("postgresql:", "postgresql+psycopg:")
    engine = sqlalchemy.create_engine(url)
    insert = sqlalchemy.text("INSERT INTO orders VALUES (:id)")

    def attempt(number: int, *, fail: bool) -> None:
        with engine.begin() as connection:
            connection.execute(insert, {"id": number})
            raw = connection.connection.driver_connection
            app.sync.enqueue("ship", arguments={"order": number}, name=f"order-{number}", connection=raw)
            assert 1 // (not fail)

    attempt(1, fail=False)
    with pytest.raises(ZeroDivisionError):
        attempt(2, fail=True)
    engine.dispose()

    async def attempt_async(number: int, *, fail: bool) -> None:
        made = create_async_engine(url)
        try:
            async with made.begin() as connection:
                await connection.execute(insert, {"id": number})
                raw = (await connection.get_raw_connection()).driver_connection
                await app.enqueue("ship", arguments={"order": number}, name=f"order-{number}", connection=raw)
                assert 1 // (not fail)
        finally:
            await made.dispose()

    asyncio.run(attempt_async(3, fail=False))
    with pytest.raises(ZeroDivisionError):
        asyncio.run(attempt_async(4, fail=True))
    assert (stored(app), orders(postgres_url)) == (["order-1", "order-3"], [1, 3])


def test_django(app: Mainspring, postgres_url: str) -> None:
    """Through the connection beneath Django's, in ``atomic`` blocks, nested ones too."""
    tests = Path(__file__).resolve().parents[2]
    told = subprocess.run(
        [sys.executable, "-m", "adapters.app.in_django", postgres_url],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tests), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.stdout.splitlines() == ["failed 2", "failed 3", "seen by others {'pending': 1}"], told.stderr
    assert (stored(app), orders(postgres_url)) == (["order-1", "order-4"], [1, 4])


def test_what_is_no_connection_is_refused(app: Mainspring, postgres_url: str) -> None:
    """In one line that says what would be right: the other colour, what lies beneath, or another store."""
    engine = sqlalchemy.create_engine(postgres_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection, pytest.raises(InvalidInput, match="driver_connection"):
        app.sync.enqueue("ship", arguments={"order": 1}, connection=connection)
    engine.dispose()
    with psycopg.connect(postgres_url) as plain:
        with pytest.raises(InvalidInput, match=r"call app\.sync\.enqueue"):
            asyncio.run(app.enqueue("ship", arguments={"order": 1}, connection=plain))
        with Mainspring("memory:") as other, pytest.raises(InvalidInput, match="keep the tasks in Postgres"):
            other.sync.enqueue("https://example.com/", connection=plain)

    async def wrong_colour() -> None:
        async with await psycopg.AsyncConnection.connect(postgres_url) as awaited:
            app.sync.enqueue("ship", arguments={"order": 1}, connection=awaited)

    with pytest.raises(InvalidInput, match=r"await app\.enqueue"):
        asyncio.run(wrong_colour())
    assert stored(app) == []


def test_in_a_test_of_the_app_the_transaction_is_not_looked_at(app: Mainspring, postgres_url: str) -> None:
    """The testing kit keeps tasks in memory, also those of a caller's transaction."""
    with Testing(app) as testing, psycopg.connect(postgres_url) as connection:
        place(app, connection, 1)
        assert len(testing.tasks()) == 1
        connection.rollback()
    assert stored(app) == []
