"""The settings of projects, remembered for a moment: every creation asks for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from mainspring.core.access import Project
from mainspring.core.directory import AsyncDirectory
from mainspring.core.errors import NotFound
from mainspring.core.retry import RetryPolicy

FRESH: Final = timedelta(seconds=1)
MAX_REMEMBERED: Final = 1_000


class Tenants:
    """The projects that were asked for lately."""

    def __init__(self, directory: AsyncDirectory, now: Callable[[], datetime]) -> None:
        self._directory: Final = directory
        self._now: Final = now
        self._known: Final[dict[str, tuple[Project | None, datetime]]] = {}

    async def retry_of(self, name: str) -> RetryPolicy | None:
        """Give the retry policy of a project, if it has one of its own."""
        at = self._now()
        known = self._known.get(name)
        if known is None or not timedelta(0) <= at - known[1] < FRESH:
            try:
                project = await self._directory.get_project(name)
            except NotFound:
                project = None
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            known = self._known[name] = (project, at)
        return None if known[0] is None else known[0].retry

    def forget(self, name: str) -> None:
        """Read a project again when it is asked for next."""
        self._known.pop(name, None)
