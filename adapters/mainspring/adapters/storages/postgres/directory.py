"""Projects and keys in the schema of a ``PostgresStorage``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from mainspring.adapters.codec import API_KEY, PROJECT
from mainspring.adapters.storages.postgres.texts import Operation, Row, Texts
from mainspring.adapters.storages.postgres.work import Work
from mainspring.core.access import ApiKey, Project
from mainspring.core.directory import MAX_KEYS, MAX_PROJECTS, KeyStep, ProjectStep
from mainspring.core.errors import Conflict, NotFound

if TYPE_CHECKING:
    from mainspring.adapters.storages.postgres.storage import PostgresStorage

_PROJECT: Final = "SELECT body FROM {s}.projects WHERE name = %s"
_PROJECTS: Final = "SELECT name, body FROM {s}.projects ORDER BY name"
_COUNT_PROJECTS: Final = "SELECT count(*) FROM {s}.projects"
_ADD_PROJECT: Final = "INSERT INTO {s}.projects (name, body) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING 1"
_PUT_PROJECT: Final = "UPDATE {s}.projects SET body = %s WHERE name = %s RETURNING 1"
_KEY: Final = "SELECT body FROM {s}.api_keys WHERE id = %s"
_KEYS: Final = "SELECT id, body FROM {s}.api_keys WHERE project = %s"
_ALL_KEYS: Final = "SELECT id, body FROM {s}.api_keys"
_COUNT_KEYS: Final = "SELECT count(*) FROM {s}.api_keys WHERE project = %s"
_ADD_KEY: Final = "INSERT INTO {s}.api_keys (id, project, body) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING RETURNING 1"
_PUT_KEY: Final = "UPDATE {s}.api_keys SET body = %s WHERE id = %s RETURNING 1"
_LOCKED: Final = " FOR UPDATE"


class PostgresDirectory:
    """``Directory`` over the connections of a storage, which closes them."""

    def __init__(self, storage: PostgresStorage) -> None:
        self._storage: Final = storage
        self._sql: Final[Texts] = storage.access.sql

    def add_project(self, project: Project) -> None:
        """Insert a project."""
        self._storage.carry_out(partial(_add_project, project=project))

    def get_project(self, name: str) -> Project:
        """Read a project."""
        return self._storage.look_up(_project(self._sql, name, ""))

    def projects(self) -> tuple[Project, ...]:
        """Read all projects."""
        rows = self._storage.look_up(_rows(self._sql(_PROJECTS), ()))
        return tuple(PROJECT.decode(body, f"project {name}") for name, body in rows)

    def update_project(self, name: str, step: ProjectStep) -> Project:
        """Pass a project through ``step`` and write what it gives."""
        return self._storage.carry_out(partial(_update_project, name=name, step=step))

    def add_key(self, key: ApiKey) -> None:
        """Insert a key."""
        self._storage.carry_out(partial(_add_key, key=key))

    def get_key(self, key_id: str) -> ApiKey:
        """Read a key."""
        return self._storage.look_up(_key(self._sql, key_id, ""))

    def keys(self, project: str | None = None) -> tuple[ApiKey, ...]:
        """Read the keys of a project, or all."""
        statement = (_ALL_KEYS, ()) if project is None else (_KEYS, (project,))
        rows = self._storage.look_up(_rows(self._sql(statement[0]), statement[1]))
        found = [API_KEY.decode(body, f"key {key_id}") for key_id, body in rows]
        return tuple(sorted(found, key=lambda key: (key.created_at, key.id)))

    def update_key(self, key_id: str, step: KeyStep) -> ApiKey:
        """Pass a key through ``step`` and write what it gives."""
        return self._storage.carry_out(partial(_update_key, key_id=key_id, step=step))


def _rows(text: bytes, values: tuple[object, ...]) -> Operation[list[Row]]:
    return (yield text, values)


def _project(sql: Texts, name: str, lock: str) -> Operation[Project]:
    rows = yield sql(_PROJECT + lock), (name.replace("\0", ""),)
    if not rows or "\0" in name:
        raise NotFound("project", name)
    return PROJECT.decode(rows[0][0], f"project {name}")


def _add_project(work: Work, project: Project) -> Operation[None]:
    (count,) = (yield work.sql(_COUNT_PROJECTS), ())[0]
    if count >= MAX_PROJECTS:
        raise Conflict(str(project), f"there are {MAX_PROJECTS} projects", "use one of those")
    rows = yield work.sql(_ADD_PROJECT), (project.name, PROJECT.encode(project))
    if not rows:
        raise Conflict(str(project), "it exists already", "use another name")


def _update_project(work: Work, name: str, step: ProjectStep) -> Operation[Project]:
    before = yield from _project(work.sql, name, _LOCKED)
    after = step(before, (yield from work.read_clock()))
    if after != before:
        yield work.sql(_PUT_PROJECT), (PROJECT.encode(after), name)
    return after


def _key(sql: Texts, key_id: str, lock: str) -> Operation[ApiKey]:
    rows = yield sql(_KEY + lock), (key_id.replace("\0", ""),)
    if not rows or "\0" in key_id:
        raise NotFound("key", key_id)
    return API_KEY.decode(rows[0][0], f"key {key_id}")


def _add_key(work: Work, key: ApiKey) -> Operation[None]:
    yield from _project(work.sql, key.project, _LOCKED)  # held, so that the count stays true
    (count,) = (yield work.sql(_COUNT_KEYS), (key.project,))[0]
    if count >= MAX_KEYS:
        raise Conflict(str(key), f"project {key.project} has {MAX_KEYS} keys", "use one of those")
    rows = yield work.sql(_ADD_KEY), (key.id, key.project, API_KEY.encode(key))
    if not rows:
        raise Conflict(str(key), "it exists already", "make a new one")


def _update_key(work: Work, key_id: str, step: KeyStep) -> Operation[ApiKey]:
    before = yield from _key(work.sql, key_id, _LOCKED)
    after = step(before, (yield from work.read_clock()))
    if after != before:
        yield work.sql(_PUT_KEY), (API_KEY.encode(after), key_id)
    return after
