"""Making a key from the command line."""

from __future__ import annotations

from datetime import UTC, datetime

from attrs import evolve

from mainspring.adapters.chance import SystemEntropy
from mainspring.app.access import make_project
from mainspring.core.access import KEY_ENTROPY, ApiKey, Project, Scope, new_key, taken_over
from mainspring.core.directory import Directory, ProjectStep
from mainspring.core.errors import NotFound
from mainspring.core.instants import parse_duration
from mainspring.core.task import DEFAULT_PROJECT


def make_key(project: str, scope: Scope, label: str, expires: str | None, foreign: str | None) -> tuple[str, ApiKey]:
    """Make a key, or take over the one with the text ``foreign``: what is to be shown, and what is to be kept."""
    at = datetime.now(UTC)
    until = None if expires is None else at + parse_duration("expires", expires)
    if foreign is not None:
        key = taken_over(foreign, project=project, scope=scope, at=at, expires_at=until, label=label)
        return f"{key.id}  taken over", key
    return new_key(
        project=project,
        scope=scope,
        at=at,
        entropy=SystemEntropy().octets(KEY_ENTROPY),
        expires_at=until,
        label=label,
    )


def add_key(directory: Directory, key: ApiKey, foreign: str | None) -> None:
    """Keep a key; one from elsewhere also becomes the project's secret for Mergent's signature."""
    _require(directory, key.project)
    directory.add_key(key)
    if foreign is not None:
        directory.update_project(key.project, _signing_with(foreign))


def _require(directory: Directory, project: str) -> None:
    """The default project is made when it is first needed; any other has to be there."""
    try:
        directory.get_project(project)
    except NotFound:
        if project != DEFAULT_PROJECT:
            raise
        make_project(directory, project)


def _signing_with(secret: str) -> ProjectStep:
    def step(project: Project, at: datetime) -> Project:
        return evolve(project, mergent_secret=secret, version=project.version + 1)

    return step
