"""Creations whose answer never left: the same request, sent again within ``REPEAT_WINDOW``, is told of the same task.

Mergent's clients send a request again after any error, a lost connection included. A creation without a name says by
nothing that it is a repetition: two equal ones may well be meant. Only where the caller had gone before the answer was
sent is the next equal request taken for its repetition, once. (A creation with a name: see ``core.creation``; one with
an ``Idempotency-Key`` is exact.)
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from mainspring.core.machine import REPEAT_WINDOW

MAX_REMEMBERED: Final = 10_000


class Repeats:
    """The answers of this process that could not be delivered."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now: Final = now
        self._lost: Final[dict[bytes, tuple[datetime, Any]]] = {}

    @staticmethod
    def mark(project: str, path: str, body: bytes) -> bytes:
        """Give what two equal requests have in common."""
        return sha256(b"\0".join((project.encode(), path.encode(), body))).digest()

    def lost(self, mark: bytes, answer: Any) -> None:
        """Remember an answer whose caller had gone."""
        if len(self._lost) >= MAX_REMEMBERED:
            self._lost.clear()
        self._lost[mark] = (self._now(), answer)

    def found(self, mark: bytes) -> Any:
        """Give the answer that an equal request missed, once; None if there is none."""
        at, answer = self._lost.pop(mark, (None, None))
        if at is None or self._now() - at > REPEAT_WINDOW:
            return None
        return answer
