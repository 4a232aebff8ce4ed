"""Delivery to hostile receivers: each attempt ends in bounded time and memory, by a plain name (F20)."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import time
import tracemalloc
from collections.abc import Iterator

import pytest

from adapters.executors.receivers import (
    Receiver,
    Script,
    answer,
    closing,
    delivered,
    endless,
    failure,
    post,
    raw,
    read_request,
    silent,
    with_receiver,
)
from mainspring.adapters.executors.http import HttpExecutor
from mainspring.core.ports import Done

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
MIB = 1_048_576


@pytest.fixture
def bounded_memory() -> Iterator[None]:
    """The test's peak of traced memory is at most 4 MiB, receiver included."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * MIB


def reset(after: bytes) -> Script:
    """Send ``after`` in answer, then reset the connection (RST instead of FIN)."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Receiver) -> None:
        await read_request(reader)
        writer.write(after)
        await writer.drain()
        await asyncio.sleep(0.02)
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return script


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(silent, id="no answer"),
        pytest.param(endless(OK, b"X", 0.1), id="a header dripped"),
        pytest.param(endless(OK + b"Content-Length: 1000\r\n\r\n", b"x", 0.1), id="a body dripped"),
        pytest.param(endless(OK + CHUNKED, b"1\r\nx\r\n", 0.1), id="chunks dripped"),
        pytest.param(endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.01), id="endless interim answers"),
    ],
)
def test_the_engines_deadline_ends_it(script: Script, bounded_memory: None) -> None:
    """Whoever answers slowly for ever is cut off when the engine cancels, and not later."""
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        delivered(script, within=0.4)
    assert 0.4 <= time.monotonic() - started < 0.9


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(endless(OK, b"X-Header: y\r\n"), id="endless headers"),
        pytest.param(endless(OK + b"X: ", b"y" * 10_000), id="an endless header"),
        pytest.param(endless(b"HTTP/1.1 200 ", b"y" * 10_000), id="an endless status line"),
        pytest.param(raw(b"SSH-2.0-OpenSSH_9.2\r\n", then_close=True), id="another protocol"),
        pytest.param(raw(b"HTTP/1.1 abc OK\r\n\r\n", then_close=True), id="no status"),
        pytest.param(raw(OK + b"Content-Length: -1\r\n\r\n", then_close=True), id="a negative length"),
        pytest.param(raw(OK + CHUNKED + b"zz\r\n", then_close=True), id="no chunk"),
    ],
)
def test_what_is_no_http_is_a_protocol_failure(script: Script, bounded_memory: None) -> None:
    """Headers without end and answers that are none fail at once, by the name protocol."""
    outcome, seen = delivered(script)
    broken = failure(outcome)
    assert (broken.kind, broken.permanent) == ("protocol", False)
    assert broken.message.startswith(f"127.0.0.1:{seen.port} did not answer in HTTP: ")
    assert len(broken.message) <= 2_000
    assert "\n" not in broken.message


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(reset(b""), id="reset without an answer"),
        pytest.param(reset(OK + b"Content-Length: 10\r\n\r\n123"), id="reset in the answer"),
        pytest.param(raw(b"", then_close=True), id="closed without an answer"),
        pytest.param(raw(OK, then_close=True), id="closed in the headers"),
        pytest.param(raw(OK + b"Content-Length: 10\r\n\r\n123", then_close=True), id="closed in the body"),
        pytest.param(
            raw(OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", then_close=True), id="closed in chunks"
        ),
    ],
)
def test_a_connection_that_ends_too_early_is_a_failure(script: Script) -> None:
    """An answer that is not complete is none, even if it began with 200."""
    outcome, seen = delivered(script)
    broken = failure(outcome)
    assert (broken.kind, broken.permanent) == ("disconnect", False)
    assert broken.message == f"127.0.0.1:{seen.port} closed the connection before its answer was complete"


def test_a_malformed_chunk_is_noticed_later_too() -> None:
    """A body that goes wrong after a good beginning ends the attempt soon, not at its deadline."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Receiver) -> None:
        await read_request(reader)
        for octets in (OK + CHUNKED + b"3\r\nabc\r\n", b"zz\r\nabc"):
            writer.write(octets)
            await writer.drain()
            await asyncio.sleep(0.05)
        await reader.read()

    outcome, _ = delivered(script, within=3)
    assert failure(outcome).kind == "protocol"


@pytest.mark.parametrize(
    "head", [b"Content-Length: 10737418240\r\n\r\n", b"\r\n", b"Content-Type: text/plain\r\nConnection: close\r\n\r\n"]
)
def test_a_body_without_end_is_cut(head: bytes, bounded_memory: None) -> None:
    """Of 10 GB some are read, 64 KiB kept, and the connection is closed; the status has decided."""
    outcome, seen = delivered(endless(OK + head, b"y" * 10_000))
    assert isinstance(outcome, Done)
    assert len(outcome.result.encode()) == 65_536
    assert outcome.result.endswith("y…")
    assert seen.connections == 1


def test_a_bomb_is_not_unpacked(bounded_memory: None) -> None:
    """Of 64 MB of zeros in 64 KB of gzip no more is unpacked than is kept."""
    bomb = gzip.compress(b"\x00" * 64 * MIB)
    tracemalloc.reset_peak()
    outcome, _ = delivered(answer(200, bomb, "Content-Encoding: gzip"))
    assert isinstance(outcome, Done)
    assert len(outcome.result.encode()) <= 65_536


def test_after_a_hostile_answer_the_session_goes_on() -> None:
    """A connection on which something went wrong is not used again."""

    async def use(receiver: Receiver) -> None:
        async with closing(HttpExecutor()) as executor:
            for _ in range(3):
                assert failure(await post(executor, receiver.url())).kind == "disconnect"
        assert receiver.connections == 3

    asyncio.run(with_receiver(raw(OK + b"Content-Length: 5\r\n\r\n1", then_close=True), use))


def test_a_thousand_answers_leave_no_memory() -> None:
    """Deliveries cost nothing that stays: after warm-up, 500 more leave less than 256 KiB."""

    async def use(receiver: Receiver) -> int:
        async with closing(HttpExecutor()) as executor:

            async def some(count: int) -> None:
                for _ in range(count):
                    assert isinstance(await post(executor, receiver.url()), Done)
                receiver.requests.clear()

            await some(100)
            tracemalloc.start()
            before, _ = tracemalloc.get_traced_memory()
            await some(500)
            after, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            return after - before

    assert asyncio.run(with_receiver(answer(200, b"x" * 10_000, "Set-Cookie: a=b"), use)) < 262_144
