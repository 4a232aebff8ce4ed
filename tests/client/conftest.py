"""A real server, and both colours of the client on it."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.api.serving import Api
from mainspring.client import AsyncClient, Client


class Plainly:
    """The asynchronous client, called as if it were the other: so that each test says its rule of both."""

    def __init__(self, client: AsyncClient, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found):
            return found

        def call(*given: Any, **named: Any) -> Any:
            made = found(*given, **named)
            if inspect.isasyncgen(made):
                return self._each(made)
            return self._loop.run_until_complete(made)

        return call

    def _each(self, items: AsyncIterator[Any]) -> Iterator[Any]:
        with contextlib.suppress(StopAsyncIteration):
            while True:
                yield self._loop.run_until_complete(anext(items))


Make = Callable[..., Any]


@pytest.fixture(params=["blocking", "awaited"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Make clients of one colour, closed at the end."""
    loop = asyncio.new_event_loop()
    made: list[Any] = []

    def one(url: str, key: str | None = None, **options: Any) -> Any:
        client = Client(url, key, **options) if request.param == "blocking" else None
        made.append(client or Plainly(AsyncClient(url, key, **options), loop))
        return made[-1]

    yield one
    for client in made:
        client.close()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A server on a new SQLite file, without a worker and without a limit of requests."""
    with Api(f"sqlite:///{tmp_path}/api.db") as running:
        yield running


@pytest.fixture
def client(api: Api, make: Make) -> Any:
    """A client with the first key, an admin's."""
    return make(api.url, api.key)
