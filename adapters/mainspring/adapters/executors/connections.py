"""How connections to receivers are made: names resolved in threads of our own, addresses judged where they count.

The address is judged twice. ``GuardedResolver`` judges all answers for a name, so that mixed answers are refused;
``socket_factory`` judges the very address that is connected: literal addresses never come by a resolver, and an answer
could change between check and use. aiohttp hands the socket factory what it then passes to ``connect``.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Final, TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult

from mainspring.adapters.executors.guard import Guard
from mainspring.adapters.executors.threads import PoolExhausted, ThreadPool, begin

MAX_LOOKUPS: Final = 16
"""How many names are looked up at once (a name server that does not answer holds a thread for long)."""

_NUMERIC: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV

AddressInfo: TypeAlias = tuple[
    int | socket.AddressFamily,
    int | socket.SocketKind,
    int,
    str,
    tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes],
]
"""What ``getaddrinfo`` gives for one address."""


class BlockedAddress(OSError):
    """The guard refuses an address; ``reason`` names it and says why. An ``OSError``, as aiohttp expects here."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason: Final = reason


class Calling:
    """The call that the current task makes: the host as its URL has it, and the guard's objection, if there was one."""

    def __init__(self, host: str) -> None:
        self.host: Final = host
        self.objection: str | None = None


CALLING: Final[ContextVar[Calling | None]] = ContextVar("mainspring_calling", default=None)


def socket_factory(guard: Guard | None) -> Callable[[AddressInfo], socket.socket]:
    """Give the function that makes the socket for one address, or raises ``BlockedAddress`` instead."""

    def make(info: AddressInfo) -> socket.socket:
        family, kind, protocol, _, address = info
        if guard is not None:
            _judge(guard, str(address[0]))
        return socket.socket(family, kind, protocol)

    return make


def _judge(guard: Guard, address: str) -> None:
    calling = CALLING.get()
    reason = guard.verdict(address, "" if calling is None else calling.host)
    if reason is None:
        return
    if calling is not None:  # aiohttp merges the errors of several addresses into a new one
        calling.objection = reason
    raise BlockedAddress(reason)


class SystemResolver(AbstractResolver):
    """The system's own lookup (``getaddrinfo``), in daemon threads: one that hangs holds up neither loop nor exit."""

    def __init__(self) -> None:
        self._pool: Final = ThreadPool("mainspring-dns", max_threads=MAX_LOOKUPS, max_abandoned=MAX_LOOKUPS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Look ``host`` up; ``OSError`` if it has no address or cannot be looked up now."""
        lookup = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
        try:
            job, ended = begin(self._pool, host, lookup)
        except PoolExhausted as error:
            raise OSError(None, f"too many lookups hang: {error}") from None
        try:
            found = await ended
        except asyncio.CancelledError:
            self._pool.let_go(job)
            raise
        except UnicodeError:  # a label of more than 63 characters, and the like
            raise OSError(None, "it is no host name") from None
        return [
            ResolveResult(hostname=host, host=str(address[0]), port=port, family=kin, proto=protocol, flags=_NUMERIC)
            for kin, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Dismiss the threads."""
        self._pool.close()


class GuardedResolver(AbstractResolver):
    """Refuses a name if any of its addresses is blocked (mixed answers: blocked)."""

    def __init__(self, inner: AbstractResolver, guard: Guard) -> None:
        self._inner: Final = inner
        self._guard: Final = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Look ``host`` up; ``BlockedAddress`` if the guard refuses one of its addresses."""
        found: Sequence[ResolveResult] = await self._inner.resolve(host, port, family)
        for answer in found:
            reason = self._guard.verdict(answer["host"], host)
            if reason is not None:
                raise BlockedAddress(reason)
        return list(found)

    async def close(self) -> None:
        """Close the inner resolver."""
        await self._inner.close()
