"""A heap whose entries can be taken back: the order in which things become due."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Final, Generic, TypeVar

_SLACK: Final = 64


K = TypeVar("K", bound="tuple[object, ...]")


class LazyHeap(Generic[K]):
    """Keys by id, smallest first; each id has at most one key.

    Taking an id back leaves its entry in the heap until it comes up or until such entries outnumber the rest:
    every operation is O(log n), amortised.
    """

    def __init__(self) -> None:
        self._keys: dict[str, K] = {}
        self._heap: list[tuple[K, str]] = []

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def put(self, item: str, key: K) -> None:
        """Give ``item`` the key ``key``, instead of the one it had."""
        if self._keys.get(item) == key:
            return
        self._keys[item] = key
        heappush(self._heap, (key, item))
        if len(self._heap) > 2 * len(self._keys) + _SLACK:
            self._heap = [(live, name) for name, live in self._keys.items()]
            heapify(self._heap)

    def discard(self, item: str) -> None:
        """Take ``item`` back, if it is there."""
        self._keys.pop(item, None)

    def peek(self) -> tuple[K, str] | None:
        """Show the smallest key and its item, or None."""
        heap, keys = self._heap, self._keys
        while heap:
            key, item = heap[0]
            if keys.get(item) == key:
                return heap[0]
            heappop(heap)
        return None

    def pop(self) -> tuple[K, str] | None:
        """Take out the item with the smallest key, or give None."""
        top = self.peek()
        if top is not None:
            heappop(self._heap)
            del self._keys[top[1]]
        return top
