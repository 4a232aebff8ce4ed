"""The queues' settings and the idempotency keys of a ``MemoryStorage``. Not safe for threads by itself."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from mainspring.core.creation import IdempotencyKey
from mainspring.core.ids import TaskId
from mainspring.core.queue import Queue, QueueRef


@frozen
class KnownKey:
    """An idempotency key that was used: for which request and task, and when."""

    asked: IdempotencyKey
    task_id: TaskId
    at: datetime


class QueueTable:
    """The settings of every configured queue."""

    def __init__(self) -> None:
        self.rows: dict[QueueRef, Queue] = {}

    def get(self, ref: QueueRef) -> Queue:
        """Read a queue's settings, or the defaults."""
        return self.rows.get(ref) or Queue(ref=ref)

    def put(self, ref: QueueRef, queue: Queue | None) -> Queue | None:
        """Write a queue's settings (None: forget them), and give what was there before."""
        before = self.rows.pop(ref, None)
        if queue is not None:
            self.rows[ref] = queue
        return before


class KeyTable:
    """The idempotency keys of every project."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], KnownKey] = {}

    def put(self, place: tuple[str, str], known: KnownKey | None) -> KnownKey | None:
        """Write a key (None: forget it), and give what was there before."""
        before = self.rows.pop(place, None)
        if known is not None:
            self.rows[place] = known
        return before
