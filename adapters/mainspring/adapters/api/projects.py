"""The operations on projects and keys.

A key administers its own project; one of the default project administers all. What a key may not see is not there.
"""

from __future__ import annotations

from typing import Final

from attrs import evolve

from mainspring.adapters.api.models import NewKey, NewProject, ProjectChange
from mainspring.adapters.api.operation import Answer, Asked, Operation
from mainspring.adapters.api.refusals import refuse
from mainspring.adapters.api.show import key_view, project_view
from mainspring.adapters.api.views import KeyView, NewKeyView, ProjectView, SecretView
from mainspring.core.access import KEY_ENTROPY, ApiKey, Project, governs, new_key, revoked, rotated
from mainspring.core.commands import Unset
from mainspring.core.errors import NotFound
from mainspring.core.task import DEFAULT_PROJECT
from mainspring.webhooks import secret_of


async def list_projects(asked: Asked) -> Answer:
    """GET /projects."""
    found = await asked.service.directory.projects()
    return Answer(value=[project_view(project) for project in found if governs(asked.key, project.name)])


async def create_project(asked: Asked) -> Answer:
    """POST /projects: for who administers the default project."""
    if not governs(asked.key, DEFAULT_PROJECT):
        raise refuse(403, f"only an admin key of the project {DEFAULT_PROJECT} makes projects")
    body: NewProject = asked.body
    project = Project(name=body.name, created_at=asked.service.now())
    await asked.service.directory.add_project(project)
    return Answer(value=project_view(project))


async def _governed(asked: Asked) -> Project:
    name = asked.path["name"]
    if not governs(asked.key, name):
        raise NotFound("project", name)
    return await asked.service.directory.get_project(name)


async def get_project(asked: Asked) -> Answer:
    """GET /projects/{name}."""
    return Answer(value=project_view(await _governed(asked)))


async def change_project(asked: Asked) -> Answer:
    """PATCH /projects/{name}."""
    body: ProjectChange = asked.body
    project = await _governed(asked)

    def step(before: Project, at: object) -> Project:
        after = evolve(
            before,
            mergent_secret=before.mergent_secret if isinstance(body.mergent_secret, Unset) else body.mergent_secret,
            strict=before.strict if isinstance(body.strict, Unset) else body.strict,
            retry=before.retry if isinstance(body.retry, Unset) else body.retry,
        )
        return before if after == before else evolve(after, version=before.version + 1)

    after = await asked.service.directory.update_project(project.name, step)
    asked.service.projects.forget(project.name)
    asked.service.changed()
    return Answer(value=project_view(after))


async def rotate_secret(asked: Asked) -> Answer:
    """POST /projects/{name}/rotate-secret."""
    project = await _governed(asked)
    secret = secret_of(asked.service.entropy.octets(32))
    await asked.service.directory.update_project(project.name, lambda before, at: rotated(before, secret))
    asked.service.changed()
    return Answer(value=SecretView(webhook_secret=secret))


async def list_keys(asked: Asked) -> Answer:
    """GET /keys."""
    found = await asked.service.directory.keys()
    return Answer(value=[key_view(key) for key in found if governs(asked.key, key.project)])


async def create_key(asked: Asked) -> Answer:
    """POST /keys."""
    body: NewKey = asked.body
    project = body.project or asked.project
    if not governs(asked.key, project):
        raise NotFound("project", project)
    text, key = new_key(
        project=project,
        scope=body.scope,
        at=asked.service.now(),
        entropy=asked.service.entropy.octets(KEY_ENTROPY),
        expires_at=body.expires_at,
        label=body.label,
    )
    await asked.service.directory.add_key(key)
    shown = NewKeyView(
        key=text,
        id=key.id,
        project=key.project,
        scope=key.scope,
        label=key.label,
        created_at=key.created_at,
        expires_at=key.expires_at,
    )
    return Answer(value=shown)


async def revoke_key(asked: Asked) -> Answer:
    """DELETE /keys/{id}: it counts no more; its record stays."""
    key: ApiKey = await asked.service.directory.get_key(asked.path["id"])
    if not governs(asked.key, key.project):
        raise NotFound("key", key.id)
    await asked.service.directory.update_key(key.id, revoked)
    asked.service.keys.forget(key.id)
    return Answer()


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/projects",
        id="listProjects",
        tag="Projects and keys",
        scope="admin",
        handler=list_projects,
        summary="List the projects that the key administers",
        gives=list[ProjectView],
    ),
    Operation(
        method="POST",
        path="/projects",
        id="createProject",
        tag="Projects and keys",
        scope="admin",
        handler=create_project,
        summary="Make a project (admin keys of the default project)",
        takes=NewProject,
        gives=ProjectView,
        status=201,
        errors=(409,),
    ),
    Operation(
        method="GET",
        path="/projects/{name}",
        id="getProject",
        tag="Projects and keys",
        scope="admin",
        handler=get_project,
        summary="Read the settings of a project",
        gives=ProjectView,
        errors=(404,),
    ),
    Operation(
        method="PATCH",
        path="/projects/{name}",
        id="changeProject",
        tag="Projects and keys",
        scope="admin",
        handler=change_project,
        summary="Change the settings of a project",
        takes=ProjectChange,
        gives=ProjectView,
        errors=(404,),
    ),
    Operation(
        method="POST",
        path="/projects/{name}/rotate-secret",
        id="rotateSecret",
        tag="Projects and keys",
        scope="admin",
        handler=rotate_secret,
        summary="Make a new signing secret; the one before stays live beside it",
        gives=SecretView,
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/keys",
        id="listKeys",
        tag="Projects and keys",
        scope="admin",
        handler=list_keys,
        summary="List the keys that the key administers, oldest first",
        gives=list[KeyView],
    ),
    Operation(
        method="POST",
        path="/keys",
        id="createKey",
        tag="Projects and keys",
        scope="admin",
        handler=create_key,
        summary="Make a key; its text is shown this once",
        takes=NewKey,
        needs_body=False,
        gives=NewKeyView,
        status=201,
        errors=(404, 409),
    ),
    Operation(
        method="DELETE",
        path="/keys/{id}",
        id="revokeKey",
        tag="Projects and keys",
        scope="admin",
        handler=revoke_key,
        summary="Revoke a key; its record stays",
        status=204,
        errors=(404,),
    ),
)
