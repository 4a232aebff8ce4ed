"""The asynchronous colour of any directory: the same operations, awaited, on threads of the loop's own pool."""

from __future__ import annotations

import asyncio
from typing import Final

from mainspring.core.access import ApiKey, Project
from mainspring.core.directory import Directory, KeyStep, ProjectStep


class AsyncDirectoryOver:
    """``AsyncDirectory`` over a ``Directory``."""

    def __init__(self, directory: Directory) -> None:
        self._directory: Final = directory

    async def add_project(self, project: Project) -> None:
        """As ``Directory.add_project``."""
        await asyncio.to_thread(self._directory.add_project, project)

    async def get_project(self, name: str) -> Project:
        """As ``Directory.get_project``."""
        return await asyncio.to_thread(self._directory.get_project, name)

    async def projects(self) -> tuple[Project, ...]:
        """As ``Directory.projects``."""
        return await asyncio.to_thread(self._directory.projects)

    async def update_project(self, name: str, step: ProjectStep) -> Project:
        """As ``Directory.update_project``."""
        return await asyncio.to_thread(self._directory.update_project, name, step)

    async def add_key(self, key: ApiKey) -> None:
        """As ``Directory.add_key``."""
        await asyncio.to_thread(self._directory.add_key, key)

    async def get_key(self, key_id: str) -> ApiKey:
        """As ``Directory.get_key``."""
        return await asyncio.to_thread(self._directory.get_key, key_id)

    async def keys(self, project: str | None = None) -> tuple[ApiKey, ...]:
        """As ``Directory.keys``."""
        return await asyncio.to_thread(self._directory.keys, project)

    async def update_key(self, key_id: str, step: KeyStep) -> ApiKey:
        """As ``Directory.update_key``."""
        return await asyncio.to_thread(self._directory.update_key, key_id, step)
