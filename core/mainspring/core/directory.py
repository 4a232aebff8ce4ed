"""The directory port: where projects and keys are kept.

``Directory`` and ``AsyncDirectory`` are one contract in two colours, apart from the storage of tasks, since a library
user needs none of it. As storages do, a directory decides nothing: it holds a value against others, passes it to a pure
step and writes what the step gives, in one transaction. An operation that has returned is durable (memory excepted).
``Unavailable`` if it cannot be used now; an error of a step is passed on and nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol, TypeAlias

from mainspring.core.access import ApiKey, Project

MAX_PROJECTS: Final = 10_000
MAX_KEYS: Final = 1_000
"""How many keys a project has at most, those that have ended included."""

ProjectStep: TypeAlias = Callable[[Project, datetime], Project]
"""A pure function of a project and the directory's instant; it gives back the same value to change nothing."""

KeyStep: TypeAlias = Callable[[ApiKey, datetime], ApiKey]
"""The same for a key."""


class Directory(Protocol):
    """The directory port, in its synchronous colour. Safe to be used from several threads at once."""

    def add_project(self, project: Project) -> None:
        """Insert a project. ``Conflict`` if there is one of that name, or ``MAX_PROJECTS`` of them."""
        ...

    def get_project(self, name: str) -> Project:
        """Read a project, or raise ``NotFound``."""
        ...

    def projects(self) -> tuple[Project, ...]:
        """Read all projects, by name."""
        ...

    def update_project(self, name: str, step: ProjectStep) -> Project:
        """Pass a project through ``step`` under lock and write what it gives. ``NotFound``."""
        ...

    def add_key(self, key: ApiKey) -> None:
        """Insert a key. ``Conflict`` if its id exists, or its project has ``MAX_KEYS``; ``NotFound``: the project."""
        ...

    def get_key(self, key_id: str) -> ApiKey:
        """Read a key, or raise ``NotFound``."""
        ...

    def keys(self, project: str | None = None) -> tuple[ApiKey, ...]:
        """Read the keys of a project (None: of all), those that have ended included, oldest first."""
        ...

    def update_key(self, key_id: str, step: KeyStep) -> ApiKey:
        """Pass a key through ``step`` under lock and write what it gives. ``NotFound``."""
        ...


class AsyncDirectory(Protocol):
    """The directory port, in its asynchronous colour: operation by operation as ``Directory`` says."""

    async def add_project(self, project: Project) -> None:
        """As ``Directory.add_project``."""
        ...

    async def get_project(self, name: str) -> Project:
        """As ``Directory.get_project``."""
        ...

    async def projects(self) -> tuple[Project, ...]:
        """As ``Directory.projects``."""
        ...

    async def update_project(self, name: str, step: ProjectStep) -> Project:
        """As ``Directory.update_project``."""
        ...

    async def add_key(self, key: ApiKey) -> None:
        """As ``Directory.add_key``."""
        ...

    async def get_key(self, key_id: str) -> ApiKey:
        """As ``Directory.get_key``."""
        ...

    async def keys(self, project: str | None = None) -> tuple[ApiKey, ...]:
        """As ``Directory.keys``."""
        ...

    async def update_key(self, key_id: str, step: KeyStep) -> ApiKey:
        """As ``Directory.update_key``."""
        ...
