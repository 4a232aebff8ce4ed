"""What a function may say of its run, and ask about it, through its context."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from adapters.executors.receivers import make_run
from mainspring.adapters.executors.callable import CallableExecutor, Context, FunctionRegistry
from mainspring.core.errors import InvalidInput
from mainspring.core.ports import Done, Outcome
from mainspring.core.task import FunctionCall
from support.builders import make_task

Notes = list[tuple[str, float | None]]


def noted(function: Callable[..., Any], **run: Any) -> tuple[Outcome, Notes]:
    """Run one call of ``function``; give the outcome and what it noted."""
    registry = FunctionRegistry()
    registry.register("f", function)
    notes: Notes = []

    def note(text: str, progress: float | None) -> None:
        notes.append((text, progress))

    async def use() -> Outcome:
        executor = CallableExecutor(registry)
        try:
            task = make_task(call=FunctionCall(function="f"))
            return await asyncio.wait_for(executor.execute(task, make_run(note=note, **run)), 5)
        finally:
            await executor.close()

    return asyncio.run(use()), notes


def say(context: Context) -> None:
    """Say all that can be said."""
    context.log("begun")
    context.progress(0)
    context.progress(0.5, "half")
    context.progress(1.0)
    context.log("")


def test_progress_and_lines_are_noted_in_order() -> None:
    """From a ``def`` in its thread and from an ``async def`` on the loop."""

    async def on_loop(context: Context) -> None:
        say(context)

    for function in (say, on_loop):
        outcome, notes = noted(function)
        assert isinstance(outcome, Done)
        assert notes == [("begun", None), ("", 0), ("half", 0.5), ("", 1.0), ("", None)]


@pytest.mark.parametrize("fraction", [-0.01, 1.01, float("nan"), float("inf")])
def test_a_fraction_out_of_range_is_refused_and_not_noted(fraction: float) -> None:
    """The function may catch it and go on."""

    def work(context: Context) -> str:
        with pytest.raises(InvalidInput, match="progress"):
            context.progress(fraction, "too far")
        return "went on"

    outcome, notes = noted(work)
    assert (outcome, notes) == (Done(result='"went on"'), [])


@pytest.mark.parametrize("stopped", [False, True])
def test_a_heartbeat_tells_whether_to_go_on(stopped: bool) -> None:
    """It is the opposite of ``cancelled``, and notes nothing."""

    def work(context: Context) -> list[bool]:
        return [context.heartbeat(), context.cancelled]

    outcome, notes = noted(work, stopped=lambda: stopped)
    answers = {False: "[true, false]", True: "[false, true]"}
    assert isinstance(outcome, Done)
    assert (outcome.result.replace(",", ", ").replace("  ", " "), notes) == (answers[stopped], [])
