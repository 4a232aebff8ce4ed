"""The one place that picks concrete adapters: a storage by its URL, an executor by what is installed."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn, cast

from attrs import frozen

from mainspring.adapters.executors.callable import CallableExecutor, FunctionRegistry
from mainspring.adapters.executors.dispatch import Executors
from mainspring.adapters.storages.asynchronous import AsyncOver
from mainspring.adapters.storages.migrations import Schema
from mainspring.adapters.storages.wakeups import LocalWakeups
from mainspring.app.delivery import Delivery
from mainspring.app.tenants import ProjectSettings
from mainspring.core.directory import Directory
from mainspring.core.errors import InvalidInput
from mainspring.core.ports import AsyncStorage, Storage, Wakeups

DEFAULT_STORE = "sqlite:///mainspring.db"
_CURE = "use sqlite:///FILE, sqlite:////ABSOLUTE/FILE, postgresql://… or memory:"


def _no_transaction(connection: object) -> NoReturn:
    what = "this store takes part in nobody's transaction"
    raise InvalidInput("connection", what, "leave it out, or keep the tasks in Postgres, with the tables of yours")


@frozen
class Store:
    """An open storage in both colours, with its directory of projects and keys, and its wake-ups."""

    sync: Storage
    awaited: AsyncStorage
    directory: Directory
    wakeups: Wakeups
    release: Callable[[], None]
    within: Callable[[object], Storage] = _no_transaction
    """Give what creates tasks in the transaction of a caller's connection."""
    within_async: Callable[[object], AsyncStorage] = _no_transaction

    def close(self) -> None:
        """Release files, threads and connections; repeating it does nothing."""
        self.release()


_unopened: ContextVar[bool] = ContextVar("unopened", default=False)


@contextmanager
def unopened() -> Generator[None]:
    """While the block lasts, stores are opened (and files created) not before they are first used.

    For who imports a module for its functions and may never need its store. Errors of opening come at the first use.
    """
    token = _unopened.set(True)
    try:
        yield
    finally:
        _unopened.reset(token)


def open_store(url: str) -> Store:
    """Open the storage that ``url`` names; ``InvalidInput`` for a URL of no known kind."""
    if _unopened.get():
        return _later(_opener(url))
    return _opener(url)()


def _opener(url: str) -> Callable[[], Store]:
    if url in ("memory:", "memory://"):
        return _memory
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
        return partial(_sqlite, Path(url.removeprefix("sqlite:///")))
    if url.startswith(("postgresql://", "postgres://")):
        return partial(_postgres, url)
    raise InvalidInput("store", f"{url!r} is no storage URL", _CURE)


def _later(open_it: Callable[[], Store]) -> Store:
    opened: list[Store] = []

    def store() -> Store:
        if not opened:
            opened.append(open_it())
        return opened[0]

    def release() -> None:
        if opened:
            opened[0].close()

    return Store(
        cast("Storage", _Later(lambda: store().sync)),
        cast("AsyncStorage", _Later(lambda: store().awaited)),
        cast("Directory", _Later(lambda: store().directory)),
        cast("Wakeups", _Later(lambda: store().wakeups)),
        release,
        within=lambda connection: store().within(connection),
        within_async=lambda connection: store().within_async(connection),
    )


class _Later:
    """Stands for what is made when it is first used."""

    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make

    def __getattr__(self, name: str) -> object:
        return getattr(self._make(), name)


def open_schema(url: str) -> Schema:
    """Give the schema of the storage that ``url`` names; nothing is opened or made by that."""
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
        from mainspring.adapters.storages.sqlite.control import SqliteSchema

        return SqliteSchema(Path(url.removeprefix("sqlite:///")))
    if url.startswith(("postgresql://", "postgres://")):
        _require_psycopg()
        from mainspring.adapters.storages.postgres.control import PostgresSchema

        return PostgresSchema(url)
    raise InvalidInput("store", f"{url!r} names no store that has a schema", _CURE)


def _memory() -> Store:
    from mainspring.adapters.storages.memory import MemoryStorage
    from mainspring.adapters.storages.memory_directory import MemoryDirectory

    storage = MemoryStorage()
    wakeups = LocalWakeups()
    storage.subscribe(wakeups.wake)
    return Store(storage, AsyncOver(storage, inline=True), MemoryDirectory(), wakeups, storage.close)


def _sqlite(path: Path) -> Store:
    from mainspring.adapters.storages.sqlite import SqliteStorage
    from mainspring.adapters.storages.wakeups import SqliteWakeups

    storage = SqliteStorage(path)
    wakeups = SqliteWakeups(path)
    storage.subscribe(wakeups.wake)

    def release() -> None:
        wakeups.close()
        storage.close()

    return Store(storage, AsyncOver(storage), storage.directory, wakeups, release)


def _postgres(url: str) -> Store:
    _require_psycopg()
    from mainspring.adapters.storages.postgres import AsyncPostgresStorage, PostgresStorage, PostgresWakeups
    from mainspring.adapters.storages.postgres.within import within, within_async

    storage = PostgresStorage(url)
    awaited = AsyncPostgresStorage(storage.access)
    wakeups = PostgresWakeups(storage.target)
    storage.subscribe(wakeups.wake)

    def release() -> None:
        wakeups.close()
        awaited.release()
        storage.close()

    return Store(
        storage,
        awaited,
        storage.directory,
        wakeups,
        release,
        within=partial(within, storage.access),
        within_async=partial(within_async, storage.access),
    )


def _require_psycopg() -> None:
    if find_spec("psycopg") is None:
        raise InvalidInput("store", "Postgres needs psycopg", "run: pip install 'mainspring[postgres]'")


@asynccontextmanager
async def make_executor(
    functions: FunctionRegistry, delivery: Delivery, directory: Directory
) -> AsyncGenerator[tuple[Callable[[], None], Executors]]:
    """Make an executor for functions and, where the extra ``http`` is installed, for URLs; close it at the end.

    With it comes what to call when a project's settings were changed. They are read from ``directory``; ``delivery``
    holds where a project has none of its own.
    """
    if find_spec("aiohttp") is None:
        executors = Executors(http=None, functions=CallableExecutor(functions))
        try:
            yield _nothing, executors
        finally:
            await executors.close()
        return
    settings = ProjectSettings(directory, delivery.signing(), delivery.strict)
    executors = Executors(http=delivery.executor(settings), functions=CallableExecutor(functions))
    async with settings.kept_fresh():
        try:
            yield settings.changed, executors
        finally:
            await executors.close()


def _nothing() -> None:
    """Nothing depends on the settings of projects."""


def worker_name() -> str:
    """Name a worker so that a person finds it: host and process, with a random tail."""
    return f"{socket.gethostname()}:{os.getpid()}:{os.urandom(3).hex()}"
