"""Runs registered Python functions: ``async def`` on the loop, ``def`` in daemon threads.

Outcomes:

* A returned value is ``Done`` with its JSON (or ``repr``) as excerpt. An awaitable returned by a ``def`` is awaited.
* Whatever is raised is ``Broken`` with kind ``exception``, also ``SystemExit``, ``KeyboardInterrupt`` and a
  ``CancelledError`` of the function's own: a function cannot stop its worker.
* A name that is not registered is ``unknown_function``, arguments that do not fit (any more) are ``arguments``,
  work that cannot begin because too many threads are held by abandoned work is ``threads_exhausted``. None of these
  is permanent: the next deploy, or the next worker, may know better.
* Cancelled by the engine, an ``async def`` is cancelled and has ``clean_up`` to end; then it is let go. A thread is
  let go at once. What is let go and still runs is counted in ``abandoned`` and named in a note of the
  ``CancelledError``.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from functools import partial
from inspect import isawaitable
from typing import Final, TypeAlias, cast

from mainspring.adapters.executors import excerpts
from mainspring.adapters.executors.context import Context, SnoozeRequested
from mainspring.adapters.executors.registry import Function, FunctionRegistry, Registered
from mainspring.adapters.executors.threads import PoolExhausted, ThreadPool, begin
from mainspring.core.errors import InvalidInput
from mainspring.core.ports import Broken, Done, Outcome, Run, Snoozed
from mainspring.core.retry import Failure
from mainspring.core.task import FunctionCall, Task

__all__ = ["CallableExecutor", "Context", "Function", "FunctionRegistry", "Registered"]

DEFAULT_MAX_THREADS: Final = 32
DEFAULT_CLEAN_UP: Final = timedelta(seconds=1)
_log: Final = logging.getLogger(__name__)

_Ended: TypeAlias = "Outcome | Awaitable[object]"
"""What a thread hands back: an outcome, or an awaitable that the loop has still to await."""


class CallableExecutor:
    """Carries out function calls by ``registry``; an ``Executor``.

    At most ``max_threads`` ``def`` functions run at once; further ones wait, within their own time. As many again may
    run on after they were given up (``abandoned``). ``clean_up`` is how long a cancelled ``async def`` is waited for.
    """

    def __init__(
        self,
        registry: FunctionRegistry,
        *,
        max_threads: int = DEFAULT_MAX_THREADS,
        clean_up: timedelta = DEFAULT_CLEAN_UP,
    ) -> None:
        if max_threads < 1:
            raise InvalidInput("max_threads", f"{max_threads} is out of range", "use 1 or more")
        self._registry: Final = registry
        self._pool: Final = ThreadPool("mainspring-call", max_threads=max_threads, max_abandoned=max_threads)
        self._clean_up: Final = clean_up.total_seconds()
        self._left: Final[dict[asyncio.Task[Outcome], str]] = {}

    @property
    def abandoned(self) -> tuple[str, ...]:
        """The names of the functions that were let go and still run, sorted; one entry for each run."""
        return tuple(sorted((*self._pool.abandoned, *self._left.values())))

    async def execute(self, task: Task, run: Run) -> Outcome:
        """Carry out ``task.call`` (a ``FunctionCall``); see ``Executor.execute``."""
        call = task.call
        if not isinstance(call, FunctionCall):
            return _broken("unsupported", "this executor calls functions only")
        try:
            entry = self._registry.lookup(call.function)
        except InvalidInput as error:
            return _broken("unknown_function", str(error))
        try:
            arguments = entry.arguments(call)
        except InvalidInput as error:
            return _broken("arguments", str(error))
        if entry.context is not None:
            arguments[entry.context] = Context(task, run)
        work = partial(entry.function, **arguments)
        return await (self._on_loop(entry, work) if entry.on_loop else self._in_thread(entry, work))

    async def close(self) -> None:
        """Dismiss the threads; those that still work end when their work does, and never hold up the exit."""
        self._pool.close()

    async def _on_loop(self, entry: Registered, work: Callable[[], object]) -> Outcome:
        return await self._watch(entry, _awaited(entry.name, work))

    async def _watch(self, entry: Registered, coroutine: Coroutine[object, object, Outcome]) -> Outcome:
        """Await ``coroutine`` in a task of its own, so that its cancellation and ours can be told apart."""
        inner = asyncio.get_running_loop().create_task(coroutine, name=f"mainspring {entry.name}")
        try:
            await asyncio.wait((inner,))
        except asyncio.CancelledError as cancelled:
            self._left[inner] = entry.name
            inner.add_done_callback(self._forget)
            inner.cancel()
            await asyncio.wait((inner,), timeout=self._clean_up)
            if not inner.done():
                self._note(cancelled, entry)
            raise
        if inner.cancelled():
            return _raised(entry.name, asyncio.CancelledError("the function cancelled itself"))
        return inner.result()

    async def _in_thread(self, entry: Registered, work: Callable[[], object]) -> Outcome:
        context = contextvars.copy_context()
        try:
            job, ended = begin(self._pool, entry.name, lambda: context.run(_called, entry.name, work))
        except PoolExhausted as error:
            return _broken("threads_exhausted", f"no thread is free to run {entry.name}: {error}")
        try:
            answer = await ended
        except asyncio.CancelledError as cancelled:
            if self._pool.let_go(job):
                self._note(cancelled, entry)
            raise
        if isinstance(answer, Done | Broken | Snoozed):
            return answer
        return await self._watch(entry, _awaited(entry.name, lambda: answer))

    def _note(self, cancelled: asyncio.CancelledError, entry: Registered) -> None:
        note = f"{entry.name} goes on running: it was given up, not stopped ({len(self.abandoned)} such runs here)"
        cancelled.add_note(note)
        _log.warning("%s", note)

    def _forget(self, inner: asyncio.Task[Outcome]) -> None:
        self._left.pop(inner, None)


def _called(name: str, work: Callable[[], object]) -> _Ended:
    """Call ``work`` and say how it ended; the excerpt is made here, off the loop."""
    try:
        value = work()
        return cast("Awaitable[object]", value) if isawaitable(value) else Done(result=excerpts.of_value(value))
    except SnoozeRequested as signal:
        return Snoozed(wait=signal.wait)
    except BaseException as error:
        return _raised(name, error)


async def _awaited(name: str, work: Callable[[], object]) -> Outcome:
    """Call ``work``, await what it returns, and say how it ended; only a cancellation gets through."""
    try:
        value = await cast("Awaitable[object]", work())
        return Done(result=excerpts.of_value(value))
    except SnoozeRequested as signal:
        return Snoozed(wait=signal.wait)
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        return _raised(name, error)


def _raised(name: str, error: BaseException) -> Broken:
    _log.warning("%s raised %s", name, type(error).__qualname__, exc_info=error)
    kind = type(error)
    exception = f"{kind.__module__}.{kind.__qualname__}"
    return Broken(failure=Failure(kind="exception", message=excerpts.of_error(error), exception=exception))


def _broken(kind: str, message: str) -> Broken:
    return Broken(failure=Failure(kind=kind, message=excerpts.message(message)))
