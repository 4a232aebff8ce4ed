"""A receiver of deliveries on a real socket, ordinary or hostile, by a script for each connection."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from attrs import define, field, frozen

from mainspring.adapters.executors.http import HttpExecutor
from mainspring.core.ports import Broken, Outcome, Run
from mainspring.core.retry import Failure
from mainspring.core.task import HttpCall
from support.builders import NOW, make_task

CERTIFICATE = Path(__file__).with_name("localhost.pem")
T = TypeVar("T")


@frozen
class Request:
    """A request as it came over the wire."""

    line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{name} was sent twice"
        return values[0] if values else None


@define
class Receiver:
    """What a receiver saw: the truth of these tests."""

    port: int = 0
    connections: int = 0
    requests: list[Request] = field(factory=list)

    def url(self, path: str = "/hook", scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Receiver], Awaitable[None]]


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Read one request with a Content-Length; None at the end of the connection."""
    line = await reader.readline()
    if not line:
        return None
    headers = []
    while (text := (await reader.readline()).decode().rstrip("\r\n")) != "":
        name, _, value = text.partition(":")
        headers.append((name, value.strip()))
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    return Request(line.decode().strip(), tuple(headers), await reader.readexactly(length))


def answer(status: int = 200, body: bytes = b"", *headers: str) -> Script:
    """Answer every request of the connection like this, and keep it open."""
    head = "".join(f"{header}\r\n" for header in headers)
    return raw(f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body)


def raw(octets: bytes, *, then_close: bool = False) -> Script:
    """Answer every request with these bytes."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Receiver) -> None:
        while (request := await read_request(reader)) is not None:
            seen.requests.append(request)
            writer.write(octets)
            await writer.drain()
            if then_close:
                return

    return script


def endless(head: bytes, piece: bytes, pause: float = 0) -> Script:
    """Answer with ``head`` and then ``piece`` for ever."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Receiver) -> None:
        request = await read_request(reader)
        assert request is not None
        seen.requests.append(request)
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return script


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Receiver) -> None:
    """Take the request and never answer."""
    await reader.read()


async def with_receiver(script: Script, use: Callable[[Receiver], Awaitable[T]], tls: bool = False) -> T:
    """Run a receiver on loopback while ``use`` goes on."""
    receiver = Receiver()
    handlers: set[asyncio.Task[Any]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        receiver.connections += 1
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            await script(reader, writer, receiver)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        return await use(receiver)
    finally:
        server.close()
        for task in handlers:
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
        await asyncio.sleep(0)


@asynccontextmanager
async def closing(executor: HttpExecutor) -> AsyncIterator[HttpExecutor]:
    """Close the executor at the end, whatever happened."""
    try:
        yield executor
    finally:
        await executor.close()


def make_run(**fields: Any) -> Run:
    values: dict[str, Any] = {
        "run": 3,
        "attempt": 2,
        "worker": "worker-1",
        "deadline": NOW + timedelta(minutes=15),
        "stopped": lambda: False,
        "note": lambda text, progress: None,
    }
    return Run(**(values | fields))


async def post(
    executor: HttpExecutor, url: str, *, body: str | None = None, headers: tuple[tuple[str, str], ...] = (), **task: Any
) -> Outcome:
    return await executor.execute(make_task(call=HttpCall(url=url, body=body, headers=headers), **task), make_run())


def delivered(
    script: Script,
    *,
    path: str = "/hook",
    body: str | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    within: float = 10,
    **options: Any,
) -> tuple[Outcome, Receiver]:
    """Deliver one call to a receiver with this script; give the outcome and what the receiver saw."""

    async def use(receiver: Receiver) -> tuple[Outcome, Receiver]:
        async with closing(HttpExecutor(**options)) as executor:
            call = post(executor, receiver.url(path), body=body, headers=headers)
            return await asyncio.wait_for(call, within), receiver

    return asyncio.run(with_receiver(script, use))


def failure(outcome: Outcome) -> Failure:
    assert isinstance(outcome, Broken), outcome
    return outcome.failure
