"""Functions run on the loop or in threads; whatever they do, the worker goes on."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from adapters.executors.receivers import failure, make_run
from mainspring.adapters.executors.callable import CallableExecutor, Context, FunctionRegistry
from mainspring.core.errors import InvalidInput
from mainspring.core.ports import Done, Outcome, Snoozed
from mainspring.core.task import FunctionCall
from support.builders import HTTP, TASK_ID, make_task

if TYPE_CHECKING:
    from decimal import Decimal


def executed(function: Callable[..., Any], arguments: str = "{}", within: float = 5, **options: Any) -> Outcome:
    """Run one call of ``function``."""
    registry = FunctionRegistry()
    registry.register("f", function)

    async def use() -> Outcome:
        executor = CallableExecutor(registry, **options)
        try:
            return await asyncio.wait_for(call(executor, arguments=arguments), within)
        finally:
            await executor.close()

    return asyncio.run(use())


async def call(executor: CallableExecutor, name: str = "f", arguments: str = "{}", **run: Any) -> Outcome:
    task = make_task(call=FunctionCall(function=name, arguments=arguments))
    return await executor.execute(task, make_run(**run))


def both(function: Callable[..., Any]) -> list[Callable[..., Any]]:
    """The function as ``def`` and as ``async def``."""

    @functools.wraps(function)
    async def on_loop(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return [function, on_loop]


class CustomError(Exception):
    """An error of a user's."""


def test_a_value_is_done_with_its_json() -> None:
    """What a function returns is kept as JSON, in both colours."""
    for function in both(lambda a, b=2: {"sum": a + b, "ü": None}):
        assert executed(function, '{"a": 1}') == Done(result='{"sum": 3, "ü": null}')


def test_def_runs_in_a_thread_and_async_def_on_the_loop() -> None:
    """A ``def`` does not hold up the loop; an ``async def`` runs on it."""
    in_thread, on_loop = both(lambda: threading.current_thread() is threading.main_thread())
    assert executed(in_thread) == Done(result="false")
    assert executed(on_loop) == Done(result="true")


def test_threads_run_side_by_side() -> None:
    """Two calls that wait for one another both end: they have a thread each."""
    gate = threading.Barrier(2)
    registry = FunctionRegistry()
    registry.register("f", lambda: gate.wait(5) >= 0)

    async def use() -> list[Outcome]:
        executor = CallableExecutor(registry)
        outcomes = await asyncio.gather(call(executor), call(executor))
        await executor.close()
        return outcomes

    assert asyncio.run(use()) == [Done(result="true")] * 2


def test_an_awaitable_of_a_def_is_awaited() -> None:
    """A decorator that hides an ``async def`` behind a ``def`` changes nothing."""

    async def inner() -> str:
        return "inner"

    def disguised() -> Any:
        return inner()

    assert executed(disguised) == Done(result='"inner"')


def test_context_variables_reach_the_thread() -> None:
    """A thread sees the context variables of the run."""
    variable = contextvars.ContextVar("variable", default=0)
    registry = FunctionRegistry()
    registry.register("f", lambda: variable.get() + 1)

    async def use() -> Outcome:
        variable.set(7)
        executor = CallableExecutor(registry)
        outcome = await call(executor)
        await executor.close()
        return outcome

    assert asyncio.run(use()) == Done(result="8")


@pytest.mark.parametrize(
    ("error", "name", "message"),
    [
        (ValueError("bad"), "builtins.ValueError", "bad"),
        (KeyError(), "builtins.KeyError", "KeyError"),
        (SystemExit(3), "builtins.SystemExit", "3"),
        (KeyboardInterrupt(), "builtins.KeyboardInterrupt", "KeyboardInterrupt"),
        (GeneratorExit(), "builtins.GeneratorExit", "GeneratorExit"),
        (asyncio.CancelledError("own"), "asyncio.exceptions.CancelledError", None),
        (StopIteration(), "builtins.StopIteration", "StopIteration"),
    ],
)
def test_whatever_is_raised_is_broken(error: BaseException, name: str, message: str | None) -> None:
    """No exception of a function reaches the worker, not even one that is meant to end it."""

    def function() -> None:
        raise error

    for one in both(function):
        broken = failure(executed(one))
        assert broken.kind == "exception"
        assert not broken.permanent
        if not (isinstance(error, StopIteration) and one is not function):  # the language makes it a RuntimeError there
            assert broken.exception == name
            assert message in (None, broken.message)


def test_the_exception_has_its_full_name_and_a_bounded_message(caplog: pytest.LogCaptureFixture) -> None:
    """The failure names module and class; its message is cut; the traceback goes to the log, not to the history."""

    def function() -> None:
        raise CustomError("x" * 10_000 + "\x00")

    broken = failure(executed(function))
    assert broken.exception == f"{__name__}.CustomError"
    assert len(broken.message) == 2_000
    assert "\x00" not in broken.message
    assert "Traceback" not in broken.message
    assert any(record.exc_info for record in caplog.records if record.levelno == logging.WARNING)


def test_a_bad_str_of_an_exception_does_no_harm() -> None:
    """An exception that cannot be shown is still a failure."""

    class Nasty(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def function() -> None:
        raise Nasty

    assert failure(executed(function)).message == "(its __str__ failed)"


def test_an_unknown_function_is_broken_but_not_for_good() -> None:
    """A deploy may bring the function: another attempt is worth it."""
    registry = FunctionRegistry()
    registry.register("send_welcome", lambda: None)
    broken = failure(asyncio.run(call(CallableExecutor(registry), "send_welcom")))
    assert (broken.kind, broken.permanent) == ("unknown_function", False)
    assert "did you mean send_welcome?" in broken.message


def test_arguments_that_no_longer_fit_are_broken() -> None:
    """A signature that changed since the task was made fails by name, without a call."""
    called: list[int] = []

    def function(user_id: int) -> None:
        called.append(user_id)

    broken = failure(executed(function, '{"user": 7}'))
    assert (broken.kind, broken.permanent) == ("arguments", False)
    assert "arguments.user: " in broken.message
    assert not called


def test_other_calls_are_not_for_this_executor() -> None:
    """An HTTP call is an outcome too, never an exception."""
    outcome = asyncio.run(CallableExecutor(FunctionRegistry()).execute(make_task(call=HTTP), make_run()))
    assert failure(outcome).kind == "unsupported"


def test_the_context_tells_the_run() -> None:
    """A function that asks for a context learns attempt, run, task, deadline, and whether to stop."""
    seen: list[tuple[Any, ...]] = []

    def function(context: Context, x: int) -> None:
        seen.append((context.attempt, context.run, context.task_id, context.deadline, context.cancelled, x))

    for one in both(function):
        assert executed(one, '{"x": 1}') == Done(result="null")
    assert seen == [(2, 3, TASK_ID, make_run().deadline, False, 1)] * 2


def test_a_snooze_is_no_failure_and_gets_through_except() -> None:
    """``snooze`` ends the run at once, also from within the function's own ``try``."""

    def function(context: Context) -> None:
        try:
            context.snooze(timedelta(minutes=5))
        except Exception:
            pytest.fail("the signal was caught")

    for one in both(function):
        assert executed(one) == Snoozed(wait=timedelta(minutes=5))


def test_a_snooze_out_of_range_is_an_error_of_the_function() -> None:
    """A negative snooze, or one over a year, is refused where it is asked for."""

    def function(context: Context, days: int) -> None:
        context.snooze(timedelta(days=days))

    for days in (-1, 366):
        broken = failure(executed(function, f'{{"days": {days}}}'))
        assert broken.exception == "mainspring.core.errors.InvalidInput"


def test_a_cancelled_async_def_is_interrupted_and_cleans_up() -> None:
    """The engine's cancel reaches the function, whose ``finally`` is awaited before it goes through."""
    steps: list[str] = []

    async def function() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0.05)
            steps.append("cleaned")

    with pytest.raises(TimeoutError):
        executed(function, within=0.05)
    assert steps == ["cleaned"]


def test_an_async_def_that_ignores_its_cancellation_is_let_go() -> None:
    """What does not stop is given up after its clean-up time: counted, and named in a note."""
    registry = FunctionRegistry()
    release = threading.Event()

    async def function() -> None:
        while not release.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue

    registry.register("stubborn", function)

    async def use() -> None:
        executor = CallableExecutor(registry, clean_up=timedelta(seconds=0.05))
        run = asyncio.ensure_future(call(executor, "stubborn"))
        await asyncio.sleep(0.02)
        run.cancel()
        started = time.monotonic()
        with pytest.raises(asyncio.CancelledError) as caught:
            await run
        assert time.monotonic() - started < 1
        assert caught.value.__notes__ == ["stubborn goes on running: it was given up, not stopped (1 such runs here)"]
        assert executor.abandoned == ("stubborn",)
        release.set()
        while executor.abandoned:
            await asyncio.sleep(0.01)
        await executor.close()

    asyncio.run(use())


def test_a_cancelled_thread_is_let_go_at_once_and_others_go_on() -> None:
    """A thread cannot be stopped: it is given up, named, and replaced."""
    registry = FunctionRegistry()
    gate = threading.Event()
    registry.register("hang", lambda: gate.wait(5))
    registry.register("f", lambda: 1)

    async def use() -> None:
        executor = CallableExecutor(registry, max_threads=1)
        run = asyncio.ensure_future(call(executor, "hang"))
        await asyncio.sleep(0.05)
        behind = asyncio.ensure_future(call(executor))
        await asyncio.sleep(0.05)
        assert not behind.done()
        run.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await run
        assert "hang goes on running" in caught.value.__notes__[0]
        assert await behind == Done(result="1")
        assert executor.abandoned == ("hang",)
        broken = failure(await call(executor))
        assert (broken.kind, broken.permanent) == ("threads_exhausted", False)
        assert "(hang ×1)" in broken.message
        gate.set()
        while executor.abandoned:
            await asyncio.sleep(0.01)
        assert await call(executor) == Done(result="1")
        await executor.close()

    asyncio.run(use())


def test_a_call_that_waits_for_a_thread_can_be_withdrawn() -> None:
    """Cancelled before it began, a call is never made."""
    registry = FunctionRegistry()
    gate = threading.Event()
    called: list[int] = []
    registry.register("hang", lambda: gate.wait(5))
    registry.register("f", lambda: called.append(1))

    async def use() -> None:
        executor = CallableExecutor(registry, max_threads=1)
        first = asyncio.ensure_future(call(executor, "hang"))
        second = asyncio.ensure_future(call(executor))
        await asyncio.sleep(0.05)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert executor.abandoned == ()
        gate.set()
        assert await first == Done(result="true")
        await executor.close()

    asyncio.run(use())
    assert not called


def test_a_function_can_see_that_it_is_not_wanted_any_more() -> None:
    """``cancelled`` is true in a thread as soon as the engine says so."""
    registry = FunctionRegistry()
    stop = threading.Event()
    seen = threading.Event()

    def function(context: Context) -> None:
        while not context.cancelled:
            time.sleep(0.005)
        seen.set()

    registry.register("f", function)

    async def use() -> None:
        executor = CallableExecutor(registry)
        run = asyncio.ensure_future(call(executor, stopped=stop.is_set))
        await asyncio.sleep(0.02)
        stop.set()
        await asyncio.wait_for(run, 2)
        await executor.close()

    asyncio.run(use())
    assert seen.is_set()


def test_a_hanging_thread_does_not_hold_up_the_exit() -> None:
    """The process ends although a function never does, and although nobody closed the executor."""
    program = """
import asyncio, threading
from adapters.executors.test_callable import call
from mainspring.adapters.executors.callable import CallableExecutor, FunctionRegistry

registry = FunctionRegistry()
registry.register("f", lambda: threading.Event().wait())

async def main():
    try:
        await asyncio.wait_for(call(CallableExecutor(registry)), 0.1)
    except TimeoutError:
        print("given up", flush=True)

asyncio.run(main())
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "given up\n"), ended.stderr


def test_a_name_is_registered_once() -> None:
    """A second function of a name is refused: which one a task meant would be a matter of luck."""
    registry = FunctionRegistry()
    registry.register("f", lambda: None)
    with pytest.raises(InvalidInput, match="'f' is registered already"):
        registry.register("f", lambda: None)
    assert registry.names() == ("f",)


@pytest.mark.parametrize("name", ["", "1st", "a b", "x" * 501, "ü"])
def test_names_follow_the_cores_rule(name: str) -> None:
    """What could not be stored cannot be registered."""
    with pytest.raises(InvalidInput, match="function"):
        FunctionRegistry().register(name, lambda: None)


def generator() -> Any:
    yield 1


async def async_generator() -> Any:
    yield 1


def positional(x: int, /) -> None: ...


def two_contexts(a: Context, b: Context) -> None: ...


@pytest.mark.parametrize("function", [generator, async_generator, positional, two_contexts, 7])
def test_what_cannot_be_called_is_not_registered(function: Any) -> None:
    """Faults of the program show when it starts, not when the first task runs."""
    with pytest.raises(InvalidInput, match=r"^function: "):
        FunctionRegistry().register("f", function)


def keywords(a: int, *, b: int = 2, **more: int) -> None: ...


def plain(user_id: int, name: str = "x") -> None: ...


def unresolvable(context: Context, price: Decimal | None = None) -> None: ...


@pytest.mark.parametrize(
    ("function", "arguments", "fault"),
    [
        (plain, '{"user_id": 7}', None),
        (plain, '{"user_id": 7, "name": null}', None),
        (plain, "{}", "arguments.user_id: it is missing; f takes user_id, name (optional)"),
        (plain, '{"user_ID": 1}', "arguments.user_ID: f takes no such argument; did you mean user_id?"),
        (plain, '{"user_id": 7, "q": 1}', "arguments.q: f takes no such argument; f takes user_id, name (optional)"),
        (plain, "[7]", "arguments: it is no JSON object; "),
        (plain, "{", "arguments: it is no JSON ("),
        (plain, '{"user_id": NaN}', "arguments: it holds NaN, which is no JSON; "),
        (plain, '{"user_id": 1, "user_id": 2}', "arguments: it holds 'user_id' twice; "),
        (plain, '{"user_id": ' + "9" * 5_000 + "}", "arguments: it is too large a number or too deeply nested; "),
        (plain, "[" * 100_000, "arguments: it is too large a number or too deeply nested; "),
        (keywords, '{"a": 1, "z": 2}', None),
        (keywords, '{"z": 2}', "arguments.a: it is missing; "),
        (unresolvable, '{"price": 1}', None),
        (unresolvable, '{"context": 1}', "arguments.context: f takes no such argument; "),
    ],
)
def test_arguments_are_checked_against_the_signature(
    function: Callable[..., Any], arguments: str, fault: str | None
) -> None:
    """Missing, unknown and malformed arguments are refused before a task is stored, and named."""
    registry = FunctionRegistry()
    registry.register("f", function)
    if fault is None:
        registry.check(FunctionCall(function="f", arguments=arguments))
        return
    with pytest.raises(InvalidInput) as caught:
        registry.check(FunctionCall(function="f", arguments=arguments))
    assert str(caught.value).startswith(fault)


def test_an_unknown_name_lists_what_is_close_or_what_there_is() -> None:
    """Whoever mistypes a name sees the right one."""
    registry = FunctionRegistry()
    with pytest.raises(InvalidInput, match="nothing is registered here"):
        registry.lookup("f")
    for name in ("send_welcome", "send_invoice", "prune"):
        registry.register(name, lambda: None)
    with pytest.raises(InvalidInput, match="did you mean send_welcome"):
        registry.check(FunctionCall(function="send_wellcome"))
    with pytest.raises(InvalidInput, match="registered are prune, send_invoice, send_welcome"):
        registry.lookup("zzz")


def test_objects_methods_and_partials_can_be_registered() -> None:
    """Anything callable will do; an async ``__call__`` runs on the loop."""

    class Caller:
        async def __call__(self, x: int) -> bool:
            return x == 1 and threading.current_thread() is threading.main_thread()

        def method(self, x: int) -> int:
            return x

    assert executed(Caller(), '{"x": 1}') == Done(result="true")
    assert executed(Caller().method, '{"x": 1}') == Done(result="1")
    assert executed(functools.partial(plain, name="y"), '{"user_id": 1}') == Done(result="null")


def test_an_optional_context_is_a_context() -> None:
    """``Context | None = None`` lets a function be called by hand and by a worker."""

    def function(context: Context | None = None) -> bool:
        return context is not None

    assert executed(function) == Done(result="true")


def test_results_that_are_no_json_are_shown() -> None:
    """A value that JSON has no form for is kept as its repr."""
    assert executed(lambda: datetime(2030, 1, 2)) == Done(result="datetime.datetime(2030, 1, 2, 0, 0)")  # noqa: DTZ001


def test_bad_limits_are_refused() -> None:
    """A pool without threads would never run anything."""
    with pytest.raises(InvalidInput, match="max_threads"):
        CallableExecutor(FunctionRegistry(), max_threads=0)
