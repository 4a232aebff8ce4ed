"""How much a key may ask: so many requests in each second, told by Mergent's headers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from mainspring.adapters.api.refusals import refuse

MAX_REMEMBERED: Final = 10_000


class Traffic:
    """Counts requests by key and second, in this process. ``X-RateLimit-Reset`` is in seconds since 1970."""

    def __init__(self, limit: int, now: Callable[[], datetime]) -> None:
        self._limit: Final = limit
        self._now: Final = now
        self._second = 0
        self._counts: Final[dict[str, int]] = {}

    def admit(self, key_id: str) -> Mapping[str, str]:
        """Count a request and give the headers of its answer; ``Refusal`` (429) over the limit."""
        if not self._limit:
            return {}
        second = int(self._now().timestamp())
        if second != self._second:
            self._second = second
            self._counts.clear()
        count = self._counts.get(key_id, 0) + 1
        self._counts[key_id] = count
        headers = {
            "X-RateLimit-Limit": str(self._limit),
            "X-RateLimit-Remaining": str(max(0, self._limit - count)),
            "X-RateLimit-Reset": str(second + 1),
        }
        if count > self._limit:
            message = f"too many requests: a key may make {self._limit} in a second"
            raise refuse(429, message, {**headers, "Retry-After": "1"})
        return headers
