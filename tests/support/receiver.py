"""A receiver of deliveries in a process of its own, which writes each one down: the ground truth of the chaos tests.

``python receiver.py LOG [MILLISECONDS]`` prints its port and serves until its standard input ends. Each delivery is a
line of fixed length (task, attempt, time in nanoseconds), appended to LOG before it is answered, which takes so long.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time

LINE = 36 + 1 + 6 + 1 + 20 + 1
"""Bytes of a line, so that lines can be counted by the size of the file."""

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def line(task: str, attempt: int) -> bytes:
    """The record of a delivery (or of a call) now."""
    return f"{task:36} {attempt:6d} {time.time_ns():20d}\n".encode()


class Delivery(asyncio.Protocol):
    """One connection: requests one after the other, each with a Content-Length or without a body."""

    def __init__(self, log: int, seconds: float) -> None:
        self._log = log
        self._seconds = seconds
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            headers = dict(_header(row) for row in self._buffer[:end].split(b"\r\n")[1:])
            size = end + 4 + int(headers.get(b"content-length", 0))
            if len(self._buffer) < size:
                return
            self._buffer = self._buffer[size:]
            os.write(self._log, line(headers[b"webhook-id"].decode(), int(headers[b"mainspring-attempt"])))
            if self._seconds:
                asyncio.get_running_loop().call_later(self._seconds, self._answer)
            else:
                self._answer()

    def _answer(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(ANSWER)


def _header(row: bytes) -> tuple[bytes, bytes]:
    name, _, value = row.partition(b":")
    return name.lower(), value.strip()


async def _serve(log: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Delivery(log, seconds), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)


def main() -> None:
    """Serve until standard input ends."""
    seconds = int(sys.argv[2]) / 1000 if len(sys.argv) > 2 else 0.0
    asyncio.run(_serve(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), seconds))


if __name__ == "__main__":
    main()
