"""Projects and keys in the file of a ``SqliteStorage``."""

from __future__ import annotations

import sqlite3
from typing import Final

from mainspring.adapters.codec import API_KEY, PROJECT
from mainspring.adapters.storages.clock import Clock
from mainspring.adapters.storages.sqlite.connections import Connections
from mainspring.adapters.storages.sqlite.rows import check_seal, seal
from mainspring.core.access import ApiKey, Project
from mainspring.core.directory import MAX_KEYS, MAX_PROJECTS, KeyStep, ProjectStep
from mainspring.core.errors import Conflict, NotFound


class SqliteDirectory:
    """``Directory`` over the connections of a storage, which closes them."""

    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections: Final = connections
        self._clock: Final = clock

    def add_project(self, project: Project) -> None:
        """Insert a project."""
        with self._connections.writing() as connection:
            if connection.execute("SELECT 1 FROM projects WHERE name = ?", (project.name,)).fetchone():
                raise Conflict(str(project), "it exists already", "use another name")
            (count,) = connection.execute("SELECT count(*) FROM projects").fetchone()
            if count >= MAX_PROJECTS:
                raise Conflict(str(project), f"there are {MAX_PROJECTS} projects", "use one of those")
            _put_project(connection, project)

    def get_project(self, name: str) -> Project:
        """Read a project."""
        with self._connections.reading() as connection:
            return _project(connection, name)

    def projects(self) -> tuple[Project, ...]:
        """Read all projects."""
        with self._connections.reading() as connection:
            rows = connection.execute("SELECT name, body, crc FROM projects ORDER BY name").fetchall()
        return tuple(_read_project(*row) for row in rows)

    def update_project(self, name: str, step: ProjectStep) -> Project:
        """Pass a project through ``step`` and write what it gives."""
        with self._connections.writing() as connection:
            before = _project(connection, name)
            after = step(before, self._clock())
            if after != before:
                _put_project(connection, after)
            return after

    def add_key(self, key: ApiKey) -> None:
        """Insert a key."""
        with self._connections.writing() as connection:
            _project(connection, key.project)
            if connection.execute("SELECT 1 FROM api_keys WHERE id = ?", (key.id,)).fetchone():
                raise Conflict(str(key), "it exists already", "make a new one")
            (count,) = connection.execute("SELECT count(*) FROM api_keys WHERE project = ?", (key.project,)).fetchone()
            if count >= MAX_KEYS:
                raise Conflict(str(key), f"project {key.project} has {MAX_KEYS} keys", "use one of those")
            _put_key(connection, key)

    def get_key(self, key_id: str) -> ApiKey:
        """Read a key."""
        with self._connections.reading() as connection:
            return _key(connection, key_id)

    def keys(self, project: str | None = None) -> tuple[ApiKey, ...]:
        """Read the keys of a project, or all."""
        with self._connections.reading() as connection:
            rows = connection.execute(
                "SELECT id, project, body, crc FROM api_keys WHERE project = ?1 OR ?1 IS NULL", (project,)
            ).fetchall()
        found = [_read_key(*row) for row in rows]
        return tuple(sorted(found, key=lambda key: (key.created_at, key.id)))

    def update_key(self, key_id: str, step: KeyStep) -> ApiKey:
        """Pass a key through ``step`` and write what it gives."""
        with self._connections.writing() as connection:
            before = _key(connection, key_id)
            after = step(before, self._clock())
            if after != before:
                _put_key(connection, after)
            return after


def _project(connection: sqlite3.Connection, name: str) -> Project:
    row = connection.execute("SELECT name, body, crc FROM projects WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise NotFound("project", name)
    return _read_project(*row)


def _read_project(name: str, body: str, crc: int) -> Project:
    check_seal(crc, f"project {name}", body, name)
    return PROJECT.decode(body, f"project {name}")


def _put_project(connection: sqlite3.Connection, project: Project) -> None:
    body = PROJECT.encode(project)
    row = (project.name, body, seal(body, project.name))
    connection.execute("INSERT OR REPLACE INTO projects (name, body, crc) VALUES (?, ?, ?)", row)


def _key(connection: sqlite3.Connection, key_id: str) -> ApiKey:
    row = connection.execute("SELECT id, project, body, crc FROM api_keys WHERE id = ?", (key_id,)).fetchone()
    if row is None:
        raise NotFound("key", key_id)
    return _read_key(*row)


def _read_key(key_id: str, project: str, body: str, crc: int) -> ApiKey:
    check_seal(crc, f"key {key_id}", body, key_id, project)
    return API_KEY.decode(body, f"key {key_id}")


def _put_key(connection: sqlite3.Connection, key: ApiKey) -> None:
    body = API_KEY.encode(key)
    row = (key.id, key.project, body, seal(body, key.id, key.project))
    connection.execute("INSERT OR REPLACE INTO api_keys (id, project, body, crc) VALUES (?, ?, ?, ?)", row)
