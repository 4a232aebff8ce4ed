"""Virtual time: an event loop whose clock jumps to the next timer, and nodes in it that can be frozen or killed.

No thread, no socket and no real sleep takes part, so a run depends on nothing but its seed.

A *node* stands for a process of its own. Whatever is called in its context belongs to it. While it is frozen (SIGSTOP),
its callbacks and timers are parked and run, in their order, when it is thawed. Once it is killed (SIGKILL) none of them
ever runs: no ``finally``, no last word to the storage.
"""

from __future__ import annotations

import asyncio
import selectors
from asyncio import Handle, TimerHandle
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar

T = TypeVar("T")


class Stalled(RuntimeError):
    """Everything waits, and no timer will ever end that."""


class Node:
    """A process of the simulation."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.frozen = False
        self.dead = False
        self.thawed_at = -1.0
        """The virtual second at which it was last thawed."""
        self.parked: list[_Guarded] = []

    def run(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start ``work`` as a part of this node."""
        context = copy_context()
        context.run(_NODE.set, self)
        return loop.create_task(work, context=context)


_NODE: ContextVar[Node | None] = ContextVar("mainspring_simulation_node", default=None)


def current_node() -> Node | None:
    """Name the node that runs now; None: nobody's code does."""
    return _NODE.get()


class _Guarded:
    """A callback of a node; the loop calls it, and it asks whether the node can run."""

    __slots__ = ("_args", "_callback", "context", "handle", "node")

    def __init__(self, node: Node, callback: Callable[..., object], args: tuple[Any, ...], context: Context) -> None:
        self.node = node
        self._callback = callback
        self._args = args
        self.context = context
        self.handle: Handle | None = None

    def __call__(self) -> None:
        if self.node.frozen or self.node.dead:
            self.node.parked.append(self)
        elif self.handle is None or not self.handle.cancelled():
            self._callback(*self._args)


class _Jump(selectors.SelectSelector):
    """A selector that waits for no file: it moves the clock instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Let ``timeout`` pass at once."""
        if timeout is None:
            raise Stalled("everything waits, and no timer will ever end that")
        if timeout > 0:
            self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time, from 0 on. Of one thread only."""

    def __init__(self) -> None:
        self._jump = _Jump()
        self._kept: list[asyncio.Task[Any]] = []
        super().__init__(self._jump)

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        """As ``asyncio``; the task is kept, since nobody else holds on to those of a process that was killed."""
        task = super().create_task(coro, **options)
        self._kept.append(task)
        return task

    def time(self) -> float:
        """Tell the virtual time in seconds."""
        return self._jump.now

    def call_soon(  # type: ignore[override]  # the base says how the arguments belong to the callback
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> Handle:
        """As ``asyncio``, for the node of the context."""
        node = _NODE.get() if context is None else context.get(_NODE)
        if node is None:
            return super().call_soon(callback, *args, context=context)
        guarded = _Guarded(node, callback, args, copy_context() if context is None else context)
        guarded.handle = super().call_soon(guarded, context=guarded.context)
        return guarded.handle

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> Handle:
        """As ``call_soon``: there is one thread."""
        return self.call_soon(callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> TimerHandle:
        """As ``asyncio``, for the node of the context."""
        node = _NODE.get() if context is None else context.get(_NODE)
        if node is None:
            return super().call_at(when, callback, *args, context=context)
        guarded = _Guarded(node, callback, args, copy_context() if context is None else context)
        handle = super().call_at(when, guarded, context=guarded.context)
        guarded.handle = handle
        return handle

    def thaw(self, node: Node) -> None:
        """Let a frozen node go on with what was parked meanwhile, in its order."""
        node.frozen = False
        node.thawed_at = self.time()
        parked, node.parked = node.parked, []
        for guarded in parked:
            super().call_soon(guarded, context=guarded.context)


def run_virtually(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run ``main`` on a loop of its own, and everything that it left behind to its end."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main(loop))
    finally:
        try:
            _sweep(loop)
        finally:
            loop.close()


def _sweep(loop: VirtualLoop) -> None:
    """Cancel what is left, so that nothing is dropped in the middle."""
    for _ in range(20):
        left = asyncio.all_tasks(loop)
        if not left:
            return
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.wait(left, timeout=60))
