"""Projects and keys in memory: the reference for the others; nothing outlives the process."""

from __future__ import annotations

from threading import Lock
from typing import Final

from mainspring.adapters.storages.clock import Clock, utc_now
from mainspring.core.access import ApiKey, Project
from mainspring.core.directory import MAX_KEYS, MAX_PROJECTS, KeyStep, ProjectStep
from mainspring.core.errors import Conflict, NotFound


class MemoryDirectory:
    """``Directory`` over two dicts, behind one lock."""

    def __init__(self, *, clock: Clock = utc_now) -> None:
        self._clock: Final = clock
        self._lock: Final = Lock()
        self._projects: Final[dict[str, Project]] = {}
        self._keys: Final[dict[str, ApiKey]] = {}

    def add_project(self, project: Project) -> None:
        """Insert a project."""
        with self._lock:
            if project.name in self._projects:
                raise Conflict(str(project), "it exists already", "use another name")
            if len(self._projects) >= MAX_PROJECTS:
                raise Conflict(str(project), f"there are {MAX_PROJECTS} projects", "use one of those")
            self._projects[project.name] = project

    def get_project(self, name: str) -> Project:
        """Read a project."""
        with self._lock:
            return self._project(name)

    def _project(self, name: str) -> Project:
        if name not in self._projects:
            raise NotFound("project", name)
        return self._projects[name]

    def projects(self) -> tuple[Project, ...]:
        """Read all projects."""
        with self._lock:
            return tuple(sorted(self._projects.values(), key=lambda project: project.name))

    def update_project(self, name: str, step: ProjectStep) -> Project:
        """Pass a project through ``step`` and keep what it gives."""
        with self._lock:
            after = step(self._project(name), self._clock())
            self._projects[name] = after
            return after

    def add_key(self, key: ApiKey) -> None:
        """Insert a key."""
        with self._lock:
            self._project(key.project)
            if key.id in self._keys:
                raise Conflict(str(key), "it exists already", "make a new one")
            if sum(one.project == key.project for one in self._keys.values()) >= MAX_KEYS:
                raise Conflict(str(key), f"project {key.project} has {MAX_KEYS} keys", "use one of those")
            self._keys[key.id] = key

    def get_key(self, key_id: str) -> ApiKey:
        """Read a key."""
        with self._lock:
            return self._key(key_id)

    def _key(self, key_id: str) -> ApiKey:
        if key_id not in self._keys:
            raise NotFound("key", key_id)
        return self._keys[key_id]

    def keys(self, project: str | None = None) -> tuple[ApiKey, ...]:
        """Read the keys of a project, or all."""
        with self._lock:
            found = [key for key in self._keys.values() if project in (None, key.project)]
        return tuple(sorted(found, key=lambda key: (key.created_at, key.id)))

    def update_key(self, key_id: str, step: KeyStep) -> ApiKey:
        """Pass a key through ``step`` and keep what it gives."""
        with self._lock:
            after = step(self._key(key_id), self._clock())
            self._keys[key_id] = after
            return after
