"""The client, awaited: requests are made again where that is safe."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable, Mapping
from ssl import SSLContext
from types import TracebackType
from typing import Any, Final

from mainspring.client.asynchronous.calls import AsyncCalls
from mainspring.client.asynchronous.transport import AsyncTransport
from mainspring.client.errors import NotSent, error_of, unknown_outcome
from mainspring.client.streams import Message, Messages
from mainspring.client.wire import Address, Call, Reply, Route, call_for, settled, wait_before
from mainspring.core.errors import InvalidInput, Unavailable

DEFAULT_TIMEOUT: Final = 30.0
DEFAULT_ATTEMPTS: Final = 4
MAX_ATTEMPTS: Final = 20


class AsyncClient(AsyncCalls):
    """A client of one server, with one key; close it, or use it in a ``with`` block.

    ``timeout``: seconds that one attempt of a request may take in all. ``attempts``: how often a request is sent at
    most. It is sent again if nothing was sent, if the server says that there are too many requests, and, where asking
    twice comes to the same as asking once, if the answer was lost or the server could not answer. A creation of tasks
    carries an ``Idempotency-Key``, so that it is such a request. ``tls`` replaces the usual verification.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        attempts: int = DEFAULT_ATTEMPTS,
        tls: SSLContext | None = None,
    ) -> None:
        if not 0 < timeout <= 86_400:
            raise InvalidInput("timeout", f"{timeout} is out of range", "use more than 0 and at most 86400 seconds")
        if not 1 <= attempts <= MAX_ATTEMPTS:
            raise InvalidInput("attempts", f"{attempts} is out of range", f"use 1 to {MAX_ATTEMPTS}")
        if key is not None and not (key.isascii() and key.isprintable() and key and " " not in key):
            raise InvalidInput("key", "it holds what no key holds", "give the text that `mainspring key create` showed")
        self.address: Final = Address.of(url)
        self._attempts: Final = attempts
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._transport: Final = AsyncTransport(self.address, headers, timeout, tls)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def send(
        self,
        route: Route[Any],
        parts: Iterable[str] = (),
        *,
        body: object = None,
        query: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Carry out an operation; raises what its answer says."""
        call = call_for(route, parts, body=body, query=query, headers=headers)
        last: Exception | None = None
        for attempt in range(1, self._attempts + 1):
            told: str | None = None
            try:
                reply = await self._transport.exchange(call)
                found = settled(call, reply, attempt - 1)
                if found is not None:
                    return found
                last, told = error_of(reply.status, reply.body, call.target), reply.headers.get("retry-after")
            except NotSent as error:
                last = error
            except Unavailable as error:
                last = self._lost(call, error)
            if attempt < self._attempts:
                await self._transport.pause(wait_before(attempt + 1, random.random(), told))  # noqa: S311  jitter
        assert last is not None  # noqa: S101  there was an attempt, and it did not return
        raise last

    def _lost(self, call: Call, error: Unavailable) -> Unavailable:
        """An answer that never came: the request is made again, or the caller has to look."""
        if call.repeatable:
            return error
        raise unknown_outcome(f"{call.method} {call.target}", error) from error

    async def stream(
        self, route: Route[Any], parts: Iterable[str] = (), *, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Message]:
        """Follow a stream of events until the server ends it."""
        call = call_for(route, parts, headers={**(headers or {}), "Accept": "text/event-stream"})
        messages = Messages()
        async for line in self._transport.lines(call):
            message = messages.line(line)
            if message is not None:
                yield message
