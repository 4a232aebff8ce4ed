"""A Postgres that goes away and comes back: nothing acknowledged is lost, and nobody has to be restarted by hand."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeVar

import psycopg
import pytest

from adapters.storages.making import new_task, start, succeed
from mainspring.adapters.storages.postgres import AsyncPostgresStorage, PostgresStorage, PostgresWakeups
from mainspring.adapters.throwaway_postgres import ThrowawayPostgres
from mainspring.core.errors import Unavailable
from mainspring.testing.conformance.port import creations, take
from support.postgres import chosen_binaries

T = TypeVar("T")

SOON = 5.0


@pytest.fixture
def server() -> Iterator[ThrowawayPostgres]:
    """A server of the test's own."""
    with ThrowawayPostgres.start(binaries=chosen_binaries()) as started:
        yield started


def within(job: Callable[[], T], seconds: float = SOON) -> T:
    """Try until the store can be used again; for so long at most."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return job()
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def kick_out(url: str) -> None:
    """End every other connection to a database, as a restart or a fail-over does."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_restart_costs_nothing_that_was_acknowledged(server: ThrowawayPostgres) -> None:
    """After a crash of the server the same storage goes on, and every task that was added or taken is there."""
    storage = PostgresStorage(server.url())
    made = [new_task() for _ in range(20)]
    storage.add(creations(made))
    taken = take(storage, (), 5, start)
    for _ in range(3):
        server.restart("immediate")
        assert within(lambda: storage.count("default")) == {"pending": 15, "running": 5}
    assert storage.save([succeed(decision.task, storage.now()) for decision in taken]) == (True,) * 5
    storage.close()


def test_a_store_that_is_away_is_said_to_be_so_at_once(server: ThrowawayPostgres) -> None:
    """In both colours; and it can be used as soon as it is back, however long that took."""
    storage = PostgresStorage(server.url())
    awaited = AsyncPostgresStorage(storage.access)
    server.stop("immediate")

    async def ask() -> None:
        with pytest.raises(Unavailable, match="cannot be reached"):
            await awaited.count("default")

    for _ in range(3):
        with pytest.raises(Unavailable, match="cannot be reached"):
            storage.add(creations([new_task()]))
        asyncio.run(ask())
    server.resume()
    assert within(lambda: storage.count("default")) == {}
    assert within(lambda: asyncio.run(awaited.count("default"))) == {}
    awaited.release()
    storage.close()


def test_connections_that_the_server_ended_are_not_used_again(postgres_url: str) -> None:
    """Idle ones are noticed before a statement is sent: no caller sees an error for them."""
    storage = PostgresStorage(postgres_url)
    made = new_task()
    storage.add(creations([made]))
    for _ in range(5):
        kick_out(postgres_url)
        assert storage.get(made.id) == made
        assert storage.update([made.id], start)
        storage.delete([made.id])
        storage.add(creations([made]))
    storage.close()


def test_wake_ups_come_again_after_a_restart(server: ThrowawayPostgres) -> None:
    """Listening is taken up again by itself, and the first thing then is a hint: some may have been missed."""
    storage = PostgresStorage(server.url())
    wakeups = PostgresWakeups(storage.target)

    async def main() -> None:
        for _ in range(2):
            await wakeups.wait(timedelta(seconds=10))
            assert (await waited(wakeups, 0.2)) >= 0.19
            server.restart("immediate")
        assert (await waited(wakeups, 10)) < 9
        within(lambda: storage.add(creations([new_task()])))
        assert (await waited(wakeups, 10)) < 9

    asyncio.run(main())
    wakeups.close()
    storage.close()


async def waited(wakeups: PostgresWakeups, seconds: float) -> float:
    """How many seconds a wait took."""
    began = time.monotonic()
    await wakeups.wait(timedelta(seconds=seconds))
    return time.monotonic() - began


def test_a_transaction_that_is_cut_off_leaves_nothing(postgres_url: str) -> None:
    """The connection dies in the middle of a step: nothing of it is there, and the task can be taken."""
    storage = PostgresStorage(postgres_url)
    made = new_task()
    storage.add(creations([made]))

    def step(task: object, at: object) -> object:
        kick_out(postgres_url)
        return start(made, storage_now)

    storage_now = storage.now()
    with pytest.raises(Unavailable):
        storage.update([made.id], step)  # type: ignore[arg-type]
    assert storage.get(made.id) == made
    assert len(take(storage, (), 1, start)) == 1
    storage.close()


def test_a_lock_that_is_held_for_too_long_is_unavailable(postgres_url: str) -> None:
    """Waiting is bounded by the server; the one in whose way it is goes on."""
    separator = "&" if "?" in postgres_url else "?"
    storage = PostgresStorage(f"{postgres_url}{separator}options=-c%20lock_timeout%3D50ms")
    made = new_task()
    storage.add(creations([made]))
    with psycopg.connect(postgres_url) as connection:
        connection.execute("SELECT 1 FROM mainspring.live FOR UPDATE")
        with pytest.raises(Unavailable, match="held a lock for too long"):
            storage.update([made.id], start)
    assert len(take(storage, (), 1, start)) == 1
    storage.close()


def test_a_forked_child_makes_its_own_connections(postgres_url: str) -> None:
    """The parent's stay the parent's, and both go on."""
    storage = PostgresStorage(postgres_url)
    made = new_task()
    storage.add(creations([made]))
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if storage.get(made.id) == made and len(storage.add(creations([new_task()]))) == 1 else 2
            storage.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert storage.count("default") == {"pending": 2}
    storage.close()


def test_one_event_loop_after_the_other_may_use_it(postgres_url: str) -> None:
    """Connections of a loop that has ended are let go of: their number does not grow."""
    storage = PostgresStorage(postgres_url)
    awaited = AsyncPostgresStorage(storage.access)

    async def many() -> None:
        await asyncio.gather(*(awaited.count("default") for _ in range(20)))

    for _ in range(5):
        asyncio.run(many())
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        found = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        assert found.fetchone()[0] <= 2 * storage.target.pool_size + 2  # type: ignore[index]
    awaited.release()
    storage.close()


def test_a_cancelled_caller_leaves_no_operation_behind(postgres_url: str) -> None:
    """An operation that runs is waited for; its writes stay, and its connection is as good as new."""
    storage = PostgresStorage(postgres_url)
    awaited = AsyncPostgresStorage(storage.access)
    made = [new_task() for _ in range(50)]

    async def main() -> int:
        ended = 0
        for task in made:
            job = asyncio.ensure_future(awaited.add(creations([task])))
            await asyncio.sleep(0)
            job.cancel()
            with pytest.raises(asyncio.CancelledError):
                await job
            ended += (await awaited.count("default")).get("pending", 0)
        return ended

    assert asyncio.run(main()) == sum(range(1, 51))
    awaited.release()
    storage.close()
