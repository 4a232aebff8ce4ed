"""The server: the API and, unless told otherwise, a worker, in one process and on one event loop."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Generator
from contextlib import AsyncExitStack, contextmanager
from typing import Final

import uvicorn
from attrs import field, frozen

from mainspring.adapters.api import ApiSettings, Service, make_application
from mainspring.adapters.chance import SystemEntropy
from mainspring.adapters.engine import EngineSettings, Worker
from mainspring.adapters.executors.registry import FunctionRegistry
from mainspring.adapters.operations import Operations
from mainspring.adapters.storages.asynchronous_directory import AsyncDirectoryOver
from mainspring.app.delivery import Delivery
from mainspring.app.protocol import BoundedProtocol
from mainspring.app.wiring import Store, make_executor, worker_name
from mainspring.core.errors import InvalidInput

_log: Final = logging.getLogger("mainspring.server")

BACKLOG: Final = 1_024
KEEP_ALIVE: Final = 5
"""How many seconds a connection is kept without a request."""


@frozen(kw_only=True)
class ServerSettings:
    """``worker``: whether tasks are carried out here too."""

    worker: bool = True
    api: ApiSettings = field(factory=ApiSettings)
    engine: EngineSettings = field(factory=EngineSettings)


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen; ``InvalidInput`` says why that cannot be."""
    if not 0 <= port <= 65_535:
        raise InvalidInput("port", f"{port} is out of range", "use 1 to 65535, or 0 for any that is free")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        what = f"{host}:{port} cannot be listened on ({error.strerror or error})"
        raise InvalidInput("host" if isinstance(error, socket.gaierror) else "port", what, "use another") from None
    bound.setblocking(False)
    return bound


def address_of(bound: socket.socket) -> str:
    """Write the URL that a socket is reached at."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _nothing() -> None:
    """Nobody is to be told."""


class _Uvicorn(uvicorn.Server):
    """Signals are not its business: who runs the server says when it ends."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals alone."""
        yield


class Server:
    """One server on an open store; ``stop`` it gracefully from its own event loop."""

    def __init__(
        self,
        store: Store,
        operations: Operations,
        functions: FunctionRegistry,
        delivery: Delivery,
        settings: ServerSettings,
    ) -> None:
        self._store: Final = store
        self._operations: Final = operations
        self._functions: Final = functions
        self._delivery: Final = delivery
        self._settings: Final = settings
        self._stops: Final[list[Callable[[], None]]] = []
        self._stopped = False

    def stop(self) -> None:
        """Take nothing new; let requests and runs finish within the grace time, then end."""
        self._stopped = True
        for stop in self._stops:
            stop()

    async def run(self, bound: socket.socket, ready: Callable[[], None] = _nothing) -> None:
        """Serve on ``bound`` until ``stop`` was called; ``ready`` is told when the first request can be answered."""
        async with AsyncExitStack() as stack:
            changed: Callable[[], None] = _nothing
            jobs: list[asyncio.Future[None]] = []
            if self._settings.worker:
                changed, executor = await stack.enter_async_context(
                    make_executor(self._functions, self._delivery, self._store.directory)
                )
                worker = Worker(
                    storage=self._store.awaited,
                    executor=executor,
                    wakeups=self._store.wakeups,
                    entropy=SystemEntropy(),
                    settings=self._settings.engine,
                    name=worker_name(),
                )
                self._stops.append(worker.stop)
                jobs.append(asyncio.ensure_future(worker.run()))
            jobs.append(asyncio.ensure_future(self._answer(bound, changed, ready)))
            if self._stopped:
                self.stop()
            await _all_or_none(jobs, self.stop)

    async def _answer(self, bound: socket.socket, changed: Callable[[], None], ready: Callable[[], None]) -> None:
        service = Service(
            operations=self._operations,
            storage=self._store.awaited,
            directory=AsyncDirectoryOver(self._store.directory),
            entropy=SystemEntropy(),
            settings=self._settings.api,
            changed=changed,
        )
        grace = max(1, int(self._settings.engine.grace.total_seconds()))
        server = _Uvicorn(
            uvicorn.Config(
                make_application(service),
                http=BoundedProtocol,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                ws="none",
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=grace,
            )
        )

        def stop() -> None:
            service.streams.stop()
            server.should_exit = True

        self._stops.append(stop)
        if self._stopped:
            stop()
        ready()
        await server.serve(sockets=[bound])
        await service.keys.close()


async def _all_or_none(jobs: list[asyncio.Future[None]], stop: Callable[[], None]) -> None:
    """Wait for all; where one ends, the others are asked to. What broke one is raised."""
    try:
        await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop()
    for outcome in await asyncio.gather(*jobs, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
