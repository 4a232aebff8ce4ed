"""Wake-ups over Postgres: heard in other processes, seldom sent, and not needed."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from adapters.storages.making import new_task, start
from mainspring.adapters.storages.postgres import AsyncPostgresStorage, PostgresStorage, PostgresWakeups
from mainspring.adapters.storages.postgres.wakeups import GAP
from mainspring.core.states import Pending
from mainspring.testing.conformance.port import creations, take, take_async

DAY = timedelta(days=1)


@pytest.fixture
def storage(postgres_url: str) -> Iterator[PostgresStorage]:
    """An empty storage."""
    opened = PostgresStorage(postgres_url)
    yield opened
    opened.close()


class Ear:
    """A connection that listens, past the storage."""

    def __init__(self, url: str, channel: str = "mainspring:mainspring") -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.connection.execute(f'LISTEN "{channel}"'.encode())

    def heard(self, seconds: float) -> int:
        """How many notifications came, until there was silence for so long."""
        count = 0
        while notes := list(self.connection.notifies(timeout=seconds, stop_after=1)):
            count += len(notes)
        return count

    def close(self) -> None:
        """Stop listening."""
        self.connection.close()


@pytest.fixture
def ear(storage: PostgresStorage, postgres_url: str) -> Iterator[Ear]:
    """Somebody who listens."""
    listening = Ear(postgres_url)
    yield listening
    listening.close()


ADD = """
import sys
from adapters.storages.making import new_task
from mainspring.adapters.storages.postgres import PostgresStorage
from mainspring.testing.conformance.port import creations
PostgresStorage(sys.argv[1]).add(creations([new_task()]))
"""


def test_a_process_that_adds_and_ends_at_once_is_heard(storage: PostgresStorage, postgres_url: str) -> None:
    """Its hint is sent before it ends, also if it closes nothing; the worker's wait is over long before its poll."""
    wakeups = PostgresWakeups(storage.target)

    async def main() -> float:
        await wakeups.wait(timedelta(seconds=10))  # the first hint: it listens now
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", ADD, postgres_url, env={"PYTHONPATH": ":".join(sys.path)}
        )
        began = time.monotonic()
        await wakeups.wait(timedelta(seconds=60))
        assert await other.wait() == 0
        return time.monotonic() - began

    assert asyncio.run(main()) < 30
    wakeups.close()


def test_many_commits_make_few_notifications(storage: PostgresStorage, ear: Ear) -> None:
    """At most one each so often, and at least one after the last commit."""
    began = time.monotonic()
    for _ in range(300):
        storage.add(creations([new_task()]))
    heard = ear.heard(1.0)
    assert 1 <= heard <= (time.monotonic() - began) / GAP + 2


def test_nothing_is_sent_for_what_is_not_due(storage: PostgresStorage, ear: Ear) -> None:
    """A task of tomorrow wakes nobody; nor does what was refused, or only read."""
    now = storage.now()
    storage.add(creations([new_task(state=Pending(due=now + DAY))]))
    storage.count("default")
    assert take(storage, (), 5, start) == ()
    assert ear.heard(0.3) == 0


def test_a_schema_hears_only_itself(postgres_url: str, ear: Ear) -> None:
    """Two schemas of one database do not wake one another's workers."""
    separator = "&" if "?" in postgres_url else "?"
    other = PostgresStorage(f"{postgres_url}{separator}schema=other_one")
    other.add(creations([new_task()]))
    assert ear.heard(0.3) == 0
    other.close()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning")
        connection.execute("DROP SCHEMA other_one CASCADE")


def test_without_wake_ups_nothing_needs_a_session(postgres_url: str) -> None:
    """Behind a pooler: nothing listens, nothing is sent, nothing is set or prepared beyond a transaction."""
    separator = "&" if "?" in postgres_url else "?"
    storage = PostgresStorage(f"{postgres_url}{separator}wakeups=off")
    awaited = AsyncPostgresStorage(storage.access)
    wakeups = PostgresWakeups(storage.target)
    ear = Ear(postgres_url)

    async def main() -> None:
        for _ in range(10):
            await awaited.add(creations([new_task()]))
            assert len(await take_async(awaited, 1, start)) == 1
        await wakeups.wait(timedelta(milliseconds=50))

    asyncio.run(main())
    for _ in range(10):
        storage.add(creations([new_task()]))
        storage.upcoming(())
    assert ear.heard(0.2) == 0
    with storage._connections.lend() as connection:
        assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchall() == [(0,)]
        assert connection.execute("SHOW enable_hashjoin").fetchall() == [("on",)]
    ear.close()
    wakeups.close()
    awaited.release()
    storage.close()
