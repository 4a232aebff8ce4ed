"""The settings of projects that deliveries go by: read from the directory now and then, known at once when needed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from mainspring.core.directory import Directory
from mainspring.core.errors import MainspringError

if TYPE_CHECKING:
    from mainspring.adapters.executors.requests import Signing
    from mainspring.core.access import Project

_log: Final = logging.getLogger("mainspring.worker")

EVERY: Final = 5.0
"""How many seconds a changed secret may take to be used."""


class ProjectSettings:
    """What each project set; ``signing`` and ``strict`` are those of the worker where a project set none."""

    def __init__(self, directory: Directory, signing: Signing, strict: bool) -> None:
        self._directory: Final = directory
        self._signing: Final = signing
        self._strict: Final = strict
        self._own: dict[str, tuple[Signing, bool]] = {}
        self._asked: asyncio.Event | None = None

    def signing_of(self, project: str) -> Signing:
        """Give the secrets that the deliveries of a project are signed with."""
        found = self._own.get(project)
        return self._signing if found is None else found[0]

    def strict_of(self, project: str) -> bool:
        """Tell whether only 200 and 201 are success for a project."""
        found = self._own.get(project)
        return self._strict if found is None else found[1]

    def changed(self) -> None:
        """Ask for a reading at once."""
        if self._asked is not None:
            self._asked.set()

    @asynccontextmanager
    async def kept_fresh(self) -> AsyncGenerator[None]:
        """Read the settings now, and again every ``EVERY`` seconds for as long as the block lasts."""
        self._asked = asyncio.Event()
        await self._read()
        job = asyncio.ensure_future(self._go_on(self._asked))
        try:
            yield
        finally:
            job.cancel()
            with suppress(asyncio.CancelledError):
                await job

    async def _go_on(self, asked: asyncio.Event) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(asked.wait(), EVERY)
            asked.clear()
            await self._read()

    async def _read(self) -> None:
        try:
            projects = await asyncio.to_thread(self._directory.projects)
            self._own = {project.name: self._settings(project) for project in projects}
        except MainspringError as error:
            _log.warning("the projects' settings cannot be read, those known before hold: %s", error)

    def _settings(self, project: Project) -> tuple[Signing, bool]:
        from mainspring.adapters.executors.requests import Signing

        signing = Signing(
            secrets=project.webhook_secrets or self._signing.secrets,
            mergent_secret=project.mergent_secret or self._signing.mergent_secret,
        )
        return signing, project.strict or self._strict
