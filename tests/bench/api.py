"""``nox -s bench -- api``: creations over HTTP, one by one and in batches, beside an empty Starlette route.

The server is ``mainspring serve`` in a process of its own, on SQLite, without a worker. The requests come from this
process, over connections that are kept open, by a client that does next to nothing (so that the server is measured).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles

from attrs import frozen

CONNECTIONS = 32
BATCH = 1_000
CALL = {"request": {"url": "https://example.com/hook", "body": '{"n":1}'}}

EMPTY = """
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

async def created(request):
    await request.body()
    return Response(b"{}", 201, media_type="application/json")

uvicorn.run(Starlette(routes=[Route("/v2/tasks", created, methods=["POST"])]), port={port}, log_config=None,
            access_log=False)
"""


@frozen(kw_only=True)
class Load:
    """What a load came to: requests a second, and how long each one took."""

    rate: float
    milliseconds: Sequence[float]
    cpu: float
    """Milliseconds of the server's processor time a request; nan where the system does not tell."""

    @property
    def p50(self) -> float:
        """The median."""
        return median(self.milliseconds)

    @property
    def p99(self) -> float:
        """What one in a hundred is slower than."""
        return quantiles(self.milliseconds, n=100)[98]


def free_port() -> int:
    """A port that nobody listens on."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], port: int, folder: str) -> Iterator[int]:
    """Run a server in a process of its own, once it answers, until the block ends; gives its process id."""
    import socket

    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        process = subprocess.Popen(command, cwd=folder, stdout=nowhere, stderr=nowhere)
    end = time.monotonic() + 60
    while True:
        assert process.poll() is None
        assert time.monotonic() < end
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            break
        time.sleep(0.05)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)


def ours(folder: str, port: int) -> tuple[list[str], str]:
    """The command that serves a new store, and its key."""
    store = f"sqlite:///{folder}/bench.db"
    run = [sys.executable, "-m", "mainspring.cli", "--store", store]
    key = subprocess.run([*run, "key", "create"], check=True, capture_output=True, text=True).stdout.strip()
    return [*run, "serve", "--no-worker", "--port", str(port), "--rate-limit", "0", "--log-level", "warning"], key


def request_of(path: str, body: bytes, key: str) -> bytes:
    """The bytes of a request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


async def _connection(port: int, request: bytes, end: float, took: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
    clock = time.perf_counter
    while (start := clock()) < end:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 201"), head + await reader.read(1_000)
        found = _LENGTH.search(head)
        assert found is not None
        await reader.readexactly(int(found[1]))
        took.append((clock() - start) * 1_000)
    writer.close()


def cpu_seconds(process: int) -> float:
    """How much of a processor a process has used."""
    stat = Path(f"/proc/{process}/stat")
    if not stat.exists():
        return float("nan")
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _load(process: int, port: int, request: bytes, connections: int, seconds: float) -> Load:
    took: list[float] = []
    used, start = cpu_seconds(process), time.perf_counter()
    await asyncio.gather(*(_connection(port, request, start + seconds, took) for _ in range(connections)))
    rate, cpu = len(took) / (time.perf_counter() - start), cpu_seconds(process) - used
    return Load(rate=rate, milliseconds=took, cpu=cpu * 1_000 / len(took))


Server = tuple[int, int, str]
"""Its process, its port, and a key."""


def load(server: Server, path: str, body: object, seconds: float, connections: int = CONNECTIONS) -> Load:
    """Send the same request over all connections, as fast as the answers come."""
    process, port, key = server
    request = request_of(path, json.dumps(body).encode(), key)
    return asyncio.run(_load(process, port, request, connections, seconds))


def measure(seconds: float, rounds: int) -> None:
    """Measure the three in turns, and print the table of the medians."""
    singles: list[Load] = []
    batches: list[Load] = []
    empties: list[Load] = []
    with tempfile.TemporaryDirectory() as folder:
        mine, other = free_port(), free_port()
        command, key = ours(folder, mine)
        bare = [sys.executable, "-c", EMPTY.replace("{port}", str(other))]
        with running(command, mine, folder) as first, running(bare, other, folder) as second:
            served, nothing = (first, mine, key), (second, other, key)
            load(served, "/v2/tasks", CALL, 0.5)
            for _ in range(rounds):
                empties.append(load(nothing, "/v2/tasks", CALL, seconds))
                singles.append(load(served, "/v2/tasks", CALL, seconds))
                batches.append(load(served, "/v2/tasks/batch-create", [CALL] * BATCH, seconds, 2))
    empty = median(one.rate for one in empties)
    print("| what | a second | to an empty route | p50 ms | p99 ms | CPU ms a request | target | met |")
    print("|---|---|---|---|---|---|---|---|")
    single, slowest = median(one.rate for one in singles), median(one.p99 for one in singles)
    batch = median(one.rate for one in batches) * BATCH
    rows = (
        (f"empty Starlette route, {CONNECTIONS} connections", empty, empties, "", ""),
        (
            f"create a task, {CONNECTIONS} connections",
            single,
            singles,
            "≥ 1,000, p99 < 50",
            "yes" if single >= 1_000 and slowest < 50 else "no",
        ),
        (f"create {BATCH:,} a request, 2 connections", batch, batches, "≥ 10,000", "yes" if batch >= 10_000 else "no"),
    )
    for name, rate, loads, target, met in rows:
        times = f"{median(one.p50 for one in loads):.1f} | {median(one.p99 for one in loads):.1f}"
        times += f" | {median(one.cpu for one in loads):.2f}"
        print(f"| {name} | {rate:,.0f} | {rate / empty:.2f} | {times} | {target} | {met} |", flush=True)
