"""The receiver of the demonstration: a small HTTP server in a process of its own that writes down every delivery.

``python -m mainspring.cli.demo.receiver LOG`` prints its port and serves until its standard input ends, so that it does
not outlive the process that started it. Each delivery is one line of JSON, appended to LOG before it is answered.

The path says how it answers: ``/flaky`` fails until the fourth attempt, ``/dead`` always, anything else is well.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from typing import Final

WORK_SECONDS: Final = 0.01
"""How long a delivery takes, so that some are in the works when the worker is killed."""

FLAKY_FAILURES: Final = 3
MAX_HEAD: Final = 65_536


class Receiver:
    """Answers deliveries and appends them to the file of descriptor ``log``."""

    def __init__(self, log: int) -> None:
        self._log = log

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, one after the other."""
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # the caller went away, as a killed worker does
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        path = head[0].split(" ")[1]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        await reader.readexactly(int(headers.get("content-length", 0)))
        attempt = int(headers.get("mainspring-attempt", 0))
        status = _status(path, attempt)
        self._write(headers.get("webhook-id", ""), attempt, path, status)
        await asyncio.sleep(WORK_SECONDS)
        writer.write(f"HTTP/1.1 {status} Answer\r\nContent-Length: 2\r\n\r\n{'ok' if status == 200 else 'no'}".encode())
        await writer.drain()
        return headers.get("connection", "").lower() != "close"

    def _write(self, task: str, attempt: int, path: str, status: int) -> None:
        at = datetime.now(UTC).isoformat()
        line = json.dumps({"at": at, "task": task, "attempt": attempt, "path": path, "status": status})
        os.write(self._log, line.encode() + b"\n")


def _status(path: str, attempt: int) -> int:
    if path == "/dead" or (path == "/flaky" and attempt <= FLAKY_FAILURES):
        return 500
    return 200


async def _serve(log: int) -> None:
    receiver = Receiver(log)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, limit=MAX_HEAD, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


def main() -> None:
    """Serve until standard input ends."""
    asyncio.run(_serve(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)))


if __name__ == "__main__":
    main()
