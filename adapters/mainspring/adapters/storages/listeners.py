"""Who wants to hear of commits that made something due."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Listener: TypeAlias = Callable[[], None]


class Listeners:
    """Callbacks that are called after a commit, in the thread that made it and outside every lock.

    A callback has to be quick and must not raise: ``Wakeups.wake`` is meant.
    """

    def __init__(self) -> None:
        self._callbacks: tuple[Listener, ...] = ()

    def subscribe(self, callback: Listener) -> Callable[[], None]:
        """Call ``callback`` from now on; the answer, called, ends that."""
        self._callbacks = (*self._callbacks, callback)  # a new tuple: other threads may be walking the old one

        def unsubscribe() -> None:
            self._callbacks = tuple(known for known in self._callbacks if known is not callback)

        return unsubscribe

    def tell(self) -> None:
        """Call every callback."""
        for callback in self._callbacks:
            callback()
