"""An app on each storage, and its front door in each colour."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mainspring.app import Context, Mainspring

Door = Callable[..., Any]


@pytest.fixture(params=["memory", "sqlite"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mainspring]:
    store = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path / 'main.db'}"
    with Mainspring(store) as opened:

        @opened.task("work")
        def work(context: Context) -> bool:
            context.log("at it")
            context.progress(0.5, "half")
            return context.heartbeat()

        yield opened


@pytest.fixture(params=["synchronous", "asynchronous"])
def door(request: pytest.FixtureRequest, app: Mainspring) -> Door:
    """Call an operation by its name, in one colour or the other."""

    def call(name: str, /, *args: object, **options: object) -> Any:
        if request.param == "synchronous":
            return getattr(app.sync, name)(*args, **options)

        async def awaited() -> object:
            answer = getattr(app, name)(*args, **options)
            return await answer if inspect.isawaitable(answer) else answer

        return asyncio.run(awaited())

    return call
