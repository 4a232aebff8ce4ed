"""What we are measured by: the bare things that our own work cannot do without."""

from __future__ import annotations

import asyncio
import heapq
import json
import os
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp

from bench.measuring import rate
from mainspring.adapters.storages.sqlite.opening import wal_is_safe

STATE = json.dumps({"$": "pending", "due": "2030-01-02T03:04:05Z", "tally": {"runs": 0, "attempts": 0, "snoozes": 0}})
BODY = json.dumps({"call": {"function": "nothing", "arguments": "{}"}, "retry": {"steps": [0, 5, 300, 1800]}})
BATCH = 100


@contextmanager
def bare_sqlite() -> Iterator[sqlite3.Connection]:
    """A file with one table and one index, as durable as ours: the same journal mode, ``synchronous=FULL``."""
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
        connection.execute(f"PRAGMA journal_mode = {'WAL' if wal_is_safe() else 'TRUNCATE'}")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(
            "CREATE TABLE tasks (n INTEGER PRIMARY KEY, id TEXT UNIQUE, due INTEGER, state TEXT, body TEXT)"
        )
        connection.execute("CREATE INDEX due ON tasks (due) WHERE due IS NOT NULL")
        try:
            yield connection
        finally:
            connection.close()


def _rows(count: int) -> list[tuple[str, int, str, str]]:
    return [(os.urandom(16).hex(), n, STATE, BODY) for n in range(count)]


_INSERT = "INSERT INTO tasks (id, due, state, body) VALUES (?, ?, ?, ?)"


def sqlite_commits(count: int) -> float:
    """Single inserts, each its own commit, a second."""
    rows = _rows(count)
    with bare_sqlite() as connection:
        return rate(lambda: [connection.execute(_INSERT, row) for row in rows], count)


def sqlite_bulk(count: int, batch: int) -> float:
    """Inserts in transactions of ``batch``, a second."""
    rows = _rows(count)

    def work() -> None:
        for n in range(0, count, batch):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_INSERT, rows[n : n + batch])
            connection.execute("COMMIT")

    with bare_sqlite() as connection:
        return rate(work, count)


def sqlite_floor(count: int) -> float:
    """Claim and complete in batches of 100, two commits a batch, no history: tasks a second."""
    with bare_sqlite() as connection:
        connection.execute("BEGIN")
        connection.executemany(_INSERT, _rows(count))
        connection.execute("COMMIT")

        def work() -> None:
            while rows := _claim(connection):
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("UPDATE tasks SET state = 'succeeded' WHERE n = ?", rows)
                connection.execute("COMMIT")

        return rate(work, count)


def _claim(connection: sqlite3.Connection) -> list[tuple[int]]:
    connection.execute("BEGIN IMMEDIATE")
    rows = connection.execute("SELECT n FROM tasks WHERE due <= 1000000000 ORDER BY due LIMIT ?", (BATCH,)).fetchall()
    connection.executemany("UPDATE tasks SET due = NULL, state = 'running' WHERE n = ?", rows)
    connection.execute("COMMIT")
    return rows


def heap_pushes(count: int) -> float:
    """Pushes on a bare heap, a second."""

    def work() -> None:
        heap: list[tuple[int, int]] = []
        for n in range(count):
            heapq.heappush(heap, (n, n))

    return rate(work, count)


def heap_and_tasks(count: int) -> float:
    """Pops from a bare heap, an asyncio task for each, a second."""

    async def nothing() -> None:
        pass

    async def work() -> None:
        heap = [(n, n) for n in range(count)]
        while heap:
            batch = [asyncio.create_task(nothing()) for _ in range(min(BATCH, len(heap))) if heapq.heappop(heap)]
            await asyncio.gather(*batch)

    return rate(lambda: asyncio.run(work()), count)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            _, found, after = head.lower().partition(b"content-length:")
            if found:
                await reader.readexactly(int(after.split(b"\r\n", 1)[0]))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


@asynccontextmanager
async def answering() -> AsyncIterator[str]:
    """A server that answers every request with 200; gives its URL."""
    server = await asyncio.start_server(_answer, "127.0.0.1", 0, backlog=512)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    finally:
        server.close()


def bare_posts(count: int, at_once: int) -> float:
    """POSTs of a bare aiohttp client to a server in the same process, a second."""

    async def post(session: aiohttp.ClientSession, url: str, left: Callable[[], bool]) -> None:
        while left():
            async with session.post(url, data=b"{}") as response:
                await response.read()

    async def work() -> float:
        loop = asyncio.get_running_loop()
        taken = 0

        def left() -> bool:
            nonlocal taken
            taken += 1
            return taken <= count

        async with answering() as url, aiohttp.ClientSession() as session:
            start = loop.time()
            await asyncio.gather(*(post(session, url, left) for _ in range(at_once)))
            return count / (loop.time() - start)

    return asyncio.run(work())
