"""An event loop whose time is a ``ManualClock``: it passes only when there is nothing left to do.

The production engine runs on it as it is. Its timers (rests, heartbeats, leases, deadlines) and every
``asyncio.sleep`` of a function go by the manual clock, so nothing is ever waited for in real time but work that is
real: a thread, or a socket.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Generator
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, TypeVar, TypeVarTuple

from mainspring.testing.clock import ManualClock

SOCKET_GRACE: Final = 0.2
"""How many real seconds a socket may take to answer before time passes for whoever waits for it."""
T = TypeVar("T")
Ts = TypeVarTuple("Ts")
_TICK: Final = timedelta(microseconds=1)


class VirtualLoop(asyncio.SelectorEventLoop):
    """``idle`` is called whenever nothing is ready, with the seconds until the next timer (None: there is none).

    It lets time pass, or stops the loop. ``busy`` counts the work in threads that was begun
    through the loop.
    """

    def __init__(self, clock: ManualClock, idle: Callable[[float | None], None], patience: float) -> None:
        self._manual: Final = clock
        self._slip = 0.0
        self.busy = 0
        super().__init__(_Selector(self, idle, patience))

    def time(self) -> float:
        """Tell the manual clock's time in seconds."""
        return self._manual.ticks + self._slip

    def pass_time(self, seconds: float) -> None:
        """Let time pass; what is less than the clock can show is kept apart, so that no timer is missed for ever."""
        step = round(seconds * 1e6) * _TICK
        if step:
            self._manual.move(step)
        else:
            self._slip += seconds + 1e-9

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Carry out ``func`` in a thread, and wait for it in real time."""
        future = super().run_in_executor(executor, func, *args)
        self.busy += 1
        future.add_done_callback(self._free)
        return future

    def _free(self, _: object) -> None:
        self.busy -= 1


class _Selector(selectors.DefaultSelector):
    """Where the loop would wait, it asks for time to pass instead."""

    def __init__(self, loop: VirtualLoop, idle: Callable[[float | None], None], patience: float) -> None:
        super().__init__()
        self._loop: Final = loop
        self._idle: Final = idle
        self._patience: Final = patience

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self._loop.busy:
            ready = super().select(self._patience)
            if not ready:
                raise TimeoutError(f"work in a thread is not done after {self._patience:g} s of real time")
            return ready
        if len(self.get_map()) > 1:  # more than the loop's own pipe: a socket is listened to
            ready = super().select(SOCKET_GRACE)
        if not ready:
            self._idle(timeout)
        return ready


@contextmanager
def outside_loops() -> Generator[None]:
    """Step out of the loop that runs in this thread, if one does: in the block another one may be run.

    By the means that asyncio documents for those who extend it.
    """
    loop = asyncio._get_running_loop()  # noqa: SLF001
    if loop is None:
        yield
        return
    task = asyncio.current_task(loop)
    if task is not None:
        asyncio._leave_task(loop, task)  # noqa: SLF001
    asyncio._set_running_loop(None)  # noqa: SLF001
    try:
        yield
    finally:
        asyncio._set_running_loop(loop)  # noqa: SLF001
        if task is not None:
            asyncio._enter_task(loop, task)  # noqa: SLF001
