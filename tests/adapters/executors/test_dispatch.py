"""Each call goes to the executor of its kind; what has none is broken, and says what to do."""

from __future__ import annotations

import asyncio

import pytest

from adapters.executors.receivers import failure, make_run
from mainspring.adapters.executors import dispatch
from mainspring.adapters.executors.dispatch import Executors
from mainspring.core.ports import Done, Outcome, Run
from mainspring.core.task import Call, Task
from support.builders import FUNCTION, HTTP, make_task


class Fake:
    """An executor that says its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = 0

    async def execute(self, task: Task, run: Run) -> Outcome:
        return Done(result=self.name)

    async def close(self) -> None:
        self.closed += 1


async def execute(executors: Executors, call: Call) -> Outcome:
    return await executors.execute(make_task(call=call), make_run())


def test_calls_go_by_their_type() -> None:
    """HTTP calls go to one executor, function calls to the other; both are closed."""
    http, functions = Fake("http"), Fake("functions")
    executors = Executors(http=http, functions=functions)
    assert asyncio.run(execute(executors, HTTP)) == Done(result="http")
    assert asyncio.run(execute(executors, FUNCTION)) == Done(result="functions")
    asyncio.run(executors.close())
    assert (http.closed, functions.closed) == (1, 1)


def test_a_missing_executor_is_broken_but_not_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker may have what this one lacks; the message says how to get it."""
    executors = Executors()
    broken = failure(asyncio.run(execute(executors, HTTP)))
    assert (broken.kind, broken.permanent) == ("no_executor", False)
    assert "makes no HTTP calls" in broken.message
    assert "calls no functions" in failure(asyncio.run(execute(executors, FUNCTION))).message
    monkeypatch.setattr(dispatch, "find_spec", lambda _: None)
    assert "pip install 'mainspring[http]'" in failure(asyncio.run(execute(executors, HTTP))).message
    asyncio.run(executors.close())
