"""A proxy in front of a PostgreSQL server that lets commits through and keeps their answers: the outcome is unknown.

It reads what passes just enough for that: a transaction begins with BEGIN and ends with COMMIT, each a message of its
own (so it is with ``wakeups=off``), and what it did is told by the tables that it wrote to.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

KINDS: Final = ("enqueue", "claim", "complete", "fire")
_COMMIT: Final = b"Q\x00\x00\x00\x0bCOMMIT\x00"
_COMMITTED: Final = b"C\x00\x00\x00\x0bCOMMIT\x00"
_IDLE: Final = b"Z\x00\x00\x00\x05I"
_MOST: Final = 1 << 20


def kind_of(seen: bytes) -> str | None:
    """Tell what a transaction did by its statements; None: it wrote nothing that counts here."""
    if b'INTO "mainspring".slots' in seen:
        return "fire"
    if b'INTO "mainspring".tasks' in seen:
        return "enqueue"
    if b'INTO "mainspring".ended' in seen:
        return "complete"
    return "claim" if b"SKIP LOCKED" in seen and b'UPDATE "mainspring".live' in seen else None


class CommitThief:
    """Listens on a port of the loopback interface; steals ``share`` answers of each kind, every second one."""

    def __init__(self, socket: Path, share: int) -> None:
        self.stolen: Final[Counter[str]] = Counter(dict.fromkeys(KINDS, 0))
        self.port = 0
        self._socket = socket
        self._share = share
        self._passed: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> CommitThief:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def is_done(self) -> bool:
        """Whether enough answers of each kind were stolen."""
        return min(self.stolen[kind] for kind in KINDS) >= self._share

    def _run(self) -> None:
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(_all(tasks))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream = await asyncio.open_unix_connection(str(self._socket))
        except OSError:
            writer.transport.abort()
            return
        session = _Session(reader, writer, *upstream, self._wants)
        with contextlib.suppress(OSError):
            await session.run()

    def _wants(self, kind: str | None) -> bool:
        """Whether the answer to this commit is to be stolen."""
        if kind is None or self.stolen[kind] >= self._share:
            return False
        self._passed[kind] += 1
        if self._passed[kind] % 2:
            return False
        self.stolen[kind] += 1
        return True


async def _all(tasks: set[asyncio.Task[None]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


class _Session:
    """One connection through the proxy."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        up_reader: asyncio.StreamReader,
        up_writer: asyncio.StreamWriter,
        wants: Callable[[str | None], bool],
    ) -> None:
        self._reader, self._writer, self._up_reader, self._up_writer = reader, writer, up_reader, up_writer
        self._wants = wants
        self._seen = b""
        self._stealing = False

    async def run(self) -> None:
        """Carry both ways until one side has gone."""
        ways = [asyncio.ensure_future(self._to_server()), asyncio.ensure_future(self._to_client())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._writer.transport.abort()
            self._up_writer.transport.abort()

    async def _to_server(self) -> None:
        while data := await self._reader.read(65536):
            self._seen = (self._seen + data)[-_MOST:]
            if data.endswith(_COMMIT):
                self._stealing = self._wants(kind_of(self._seen))
                self._seen = b""
            self._up_writer.write(data)
            await self._up_writer.drain()
        while self._stealing:
            await asyncio.sleep(0.01)

    async def _to_client(self) -> None:
        kept = b""
        while data := await self._up_reader.read(65536):
            if self._stealing:
                kept += data
                if _IDLE in kept:
                    assert _COMMITTED in kept, kept
                    return  # committed, and nobody is told
                continue
            self._writer.write(data)
            await self._writer.drain()
