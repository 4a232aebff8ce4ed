"""The operations on tasks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from attrs import evolve

from mainspring.adapters.api import asking
from mainspring.adapters.api.models import Bulk, Cancellation, NewTask, Requeueing, TaskChange, TaskFilter
from mainspring.adapters.api.operation import MAX_BATCH, Answer, Asked, Operation
from mainspring.adapters.api.reading import JSON_READER, elements_of, read
from mainspring.adapters.api.records import event_record, task_record
from mainspring.adapters.api.refusals import MAX_ERRORS, Problem, Refusal, refusal_of, refuse
from mainspring.adapters.api.show import bulk_view, event_view, runs_of, task_view
from mainspring.adapters.api.views import BulkView, EventView, RunView, TaskView
from mainspring.adapters.operations import TaskRequest
from mainspring.core.commands import Edit
from mainspring.core.creation import Accepted, IdempotencyKey
from mainspring.core.errors import MainspringError, NotFound
from mainspring.core.ids import is_uuid
from mainspring.core.matching import matches
from mainspring.core.ports import Page
from mainspring.core.task import Task

OUTCOME: Final = "Mainspring-Outcome"
REFUSED: Final = "Mainspring-Refused"
MAX_HEADER: Final = 4_096
CURSOR: Final = "X-Cursor-After"
IDEMPOTENCY_KEY: Final = "idempotency-key"


async def own_task(asked: Asked, task_id: str | None = None) -> Task:
    """Read the task that the path names; one of another project is not there."""
    wanted = (task_id or asked.path["id"]).lower()
    task = await asked.service.operations.get_task(wanted)
    if task.project != asked.project:
        raise NotFound("task", wanted)
    return task


def _answer(task: Task, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(value=task_view(task), headers=dict(headers or {}), record=lambda: task_record(task))


async def list_tasks(asked: Asked) -> Answer:
    """GET /tasks."""
    query = asking.task_query(asked.query, asked.project)
    page: Page[Task]
    if asked.query.id is not None and is_uuid(asked.query.id.lower()):
        try:
            found = await own_task(asked, asked.query.id)
        except NotFound:
            return Answer(value=[])
        return Answer(value=[task_view(found)] if matches(found, query) else [])
    if asked.query.id is not None:
        query = evolve(query, name=asked.query.id)
    page = await asked.service.operations.find_tasks(query)
    headers = {} if page.cursor is None else {CURSOR: page.cursor}
    return Answer(
        value=[task_view(task) for task in page.items],
        headers=headers,
        record=lambda: [task_record(task) for task in page.items],
    )


async def create_task(asked: Asked) -> Answer:
    """POST /tasks."""
    retry = await asked.service.projects.retry_of(asked.project)
    request = asking.new_task(asked.body, asked.project, retry, asked.headers.get(IDEMPOTENCY_KEY))
    accepted = await asked.service.gathering.create(request)
    return _answer(accepted.task, {OUTCOME: accepted.how})


async def create_tasks(asked: Asked) -> Answer:
    """POST /tasks/batch-create: those that can be, whatever becomes of the others."""
    items = elements_of(asked.body)
    if len(items) > MAX_BATCH:
        raise refuse(422, f"the list has {len(items)} tasks; use at most {MAX_BATCH}")
    retry = await asked.service.projects.retry_of(asked.project)
    key = _batch_key(asked.headers.get(IDEMPOTENCY_KEY))
    refused: dict[int, Refusal] = {}
    wanted: dict[int, TaskRequest] = {}
    for index, item in enumerate(items):
        try:
            body: NewTask = read(JSON_READER, item, NewTask)
            own = None if key is None else f"{key}-{index}"
            wanted[index] = asking.new_task(body, asked.project, retry, own)
        except Refusal as refusal:
            refused[index] = refusal
        except MainspringError as error:
            refused[index] = refusal_of(error)
    answers = await asked.service.operations.submit_tasks(wanted.values()) if wanted else ()
    created: dict[str, Task] = {}
    for index, answer in zip(wanted, answers, strict=True):
        if isinstance(answer, Accepted):
            created.pop(answer.task.id, None)
            created[answer.task.id] = answer.task
        else:
            refused[index] = refusal_of(answer.error)
    if refused and not created:
        raise Refusal(422, _of_elements(refused))
    headers = {REFUSED: _told(refused)} if refused else {}
    return Answer(value=[task_view(task) for task in reversed(created.values())], headers=headers)


def _batch_key(key: str | None) -> str | None:
    """Give what the keys of a batch's elements begin with: of the same length, however long the batch's own key is."""
    if key is None:
        return None
    IdempotencyKey(key=key, fingerprint="")  # refuses what is no key
    return sha256(key.encode()).hexdigest()


def _of_elements(refused: dict[int, Refusal]) -> list[Problem]:
    return [
        evolve(problem, param=f"{index}.{problem.param}" if problem.param else str(index))
        for index in sorted(refused)[:MAX_ERRORS]
        for problem in refused[index].problems
    ]


def _told(refused: dict[int, Refusal]) -> str:
    """Name the refused elements in a header: JSON in ASCII, cut to what a header can carry; the count is whole."""
    told: list[dict[str, Any]] = []
    text = ""
    for index in sorted(refused):
        told.append({"index": index, **refused[index].problems[0].plain()})
        longer = json.dumps({"count": len(refused), "tasks": told})
        if len(longer) > MAX_HEADER:
            break
        text = longer
    return text or json.dumps({"count": len(refused), "tasks": []})


async def get_task(asked: Asked) -> Answer:
    """GET /tasks/{id}."""
    return _answer(await own_task(asked))


async def change_task(asked: Asked) -> Answer:
    """PATCH /tasks/{id}."""
    task = await own_task(asked)
    edit: Edit = asking.task_edit(asked.body, await asked.service.storage.now())
    return _answer(await asked.service.operations.edit_task(task.id, edit))


async def delete_task(asked: Asked) -> Answer:
    """DELETE /tasks/{id}, in any state."""
    task = await own_task(asked)
    await asked.service.operations.delete_task(task.id)
    return Answer()


async def run_task(asked: Asked) -> Answer:
    """POST /tasks/{id}/run."""
    task = await own_task(asked)
    return _answer(await asked.service.operations.run_task(task.id))


async def cancel_task(asked: Asked) -> Answer:
    """POST /tasks/{id}/cancel."""
    task = await own_task(asked)
    body: Cancellation = asked.body
    return _answer(await asked.service.operations.cancel_task(task.id, body.reason))


async def requeue_task(asked: Asked) -> Answer:
    """POST /tasks/{id}/requeue."""
    task = await own_task(asked)
    body: Requeueing = asked.body
    return _answer(await asked.service.operations.requeue_task(task.id, body.reset))


async def task_runs(asked: Asked) -> Answer:
    """GET /tasks/{id}/runs."""
    task = await own_task(asked)
    return Answer(value=runs_of(await asked.service.operations.task_history(task.id)))


async def task_history(asked: Asked) -> Answer:
    """GET /tasks/{id}/history."""
    task = await own_task(asked)
    history = await asked.service.operations.task_history(task.id)
    return Answer(value=[event_view(one) for one in history], record=lambda: [event_record(one) for one in history])


async def cancel_tasks(asked: Asked) -> Answer:
    """POST /tasks/bulk-cancel."""
    body: Bulk = asked.body
    query = asking.bulk_query(body.filter, asked.project)
    return Answer(
        value=bulk_view(await asked.service.operations.cancel_tasks(query, body.reason, body.dry_run), body.dry_run)
    )


async def requeue_tasks(asked: Asked) -> Answer:
    """POST /tasks/bulk-requeue."""
    body: Bulk = asked.body
    query = asking.bulk_query(body.filter, asked.project)
    return Answer(
        value=bulk_view(await asked.service.operations.requeue_tasks(query, body.reset, body.dry_run), body.dry_run)
    )


async def delete_tasks(asked: Asked) -> Answer:
    """POST /tasks/bulk-delete."""
    body: Bulk = asked.body
    query = asking.bulk_query(body.filter, asked.project)
    return Answer(value=bulk_view(await asked.service.operations.delete_tasks(query, body.dry_run), body.dry_run))


_CURSOR: Final = {CURSOR: "Where the next page begins: send it as `after`. Absent on the last."}
_OUTCOME: Final = {OUTCOME: "How the answer came about: created, kept, replaced, debounced or repeated."}
_REFUSED: Final = {
    REFUSED: "JSON: the number of refused tasks, and of each (as far as a header can carry) index and reason."
}
_KEY: Final = {"Idempotency-Key": "The same request with the same key, within 24 hours, makes no second task."}

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/tasks",
        id="listTasks",
        tag="Tasks",
        scope="read",
        handler=list_tasks,
        summary="List tasks, newest first",
        query=TaskFilter,
        gives=list[TaskView],
        sends=_CURSOR,
    ),
    Operation(
        method="POST",
        path="/tasks",
        id="createTask",
        tag="Tasks",
        scope="write",
        handler=create_task,
        summary="Create a task",
        takes=NewTask,
        form=True,
        gives=TaskView,
        status=201,
        errors=(409,),
        sends=_OUTCOME,
        hears=_KEY,
    ),
    Operation(
        method="POST",
        path="/tasks/batch-create",
        id="createTasks",
        tag="Tasks",
        scope="write",
        handler=create_tasks,
        summary="Create up to 1000 tasks, each by itself: those that were created are answered, newest first",
        takes=list[NewTask],
        batch=True,
        gives=list[TaskView],
        status=201,
        sends=_REFUSED,
        hears=_KEY,
    ),
    Operation(
        method="POST",
        path="/tasks/bulk-cancel",
        id="cancelTasks",
        tag="Tasks",
        scope="write",
        handler=cancel_tasks,
        summary="Cancel all tasks that match",
        takes=Bulk,
        gives=BulkView,
    ),
    Operation(
        method="POST",
        path="/tasks/bulk-requeue",
        id="requeueTasks",
        tag="Tasks",
        scope="write",
        handler=requeue_tasks,
        summary="Run all ended tasks that match again",
        takes=Bulk,
        gives=BulkView,
    ),
    Operation(
        method="POST",
        path="/tasks/bulk-delete",
        id="deleteTasks",
        tag="Tasks",
        scope="write",
        handler=delete_tasks,
        summary="Delete all tasks that match, with their history",
        takes=Bulk,
        gives=BulkView,
    ),
    Operation(
        method="GET",
        path="/tasks/{id}",
        id="getTask",
        tag="Tasks",
        scope="read",
        handler=get_task,
        summary="Read a task",
        gives=TaskView,
        errors=(404,),
    ),
    Operation(
        method="PATCH",
        path="/tasks/{id}",
        id="changeTask",
        tag="Tasks",
        scope="write",
        handler=change_task,
        summary="Change a queued task",
        takes=TaskChange,
        gives=TaskView,
        errors=(404, 409),
    ),
    Operation(
        method="DELETE",
        path="/tasks/{id}",
        id="deleteTask",
        tag="Tasks",
        scope="write",
        handler=delete_task,
        summary="Delete a task in any state, with its history",
        status=204,
        errors=(404,),
    ),
    Operation(
        method="POST",
        path="/tasks/{id}/run",
        id="runTask",
        tag="Tasks",
        scope="write",
        handler=run_task,
        summary="Bring a queued task forward to now; safe to repeat within ten seconds",
        gives=TaskView,
        errors=(404, 409),
    ),
    Operation(
        method="POST",
        path="/tasks/{id}/cancel",
        id="cancelTask",
        tag="Tasks",
        scope="write",
        handler=cancel_task,
        summary="Cancel a task; a running one is asked to stop",
        takes=Cancellation,
        needs_body=False,
        gives=TaskView,
        errors=(404, 409),
    ),
    Operation(
        method="POST",
        path="/tasks/{id}/requeue",
        id="requeueTask",
        tag="Tasks",
        scope="write",
        handler=requeue_task,
        summary="Run an ended task again",
        takes=Requeueing,
        needs_body=False,
        gives=TaskView,
        errors=(404, 409),
    ),
    Operation(
        method="GET",
        path="/tasks/{id}/runs",
        id="listRuns",
        tag="Tasks",
        scope="read",
        handler=task_runs,
        summary="List the runs of a task (Mergent: its invocations), the first one first",
        gives=list[RunView],
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/tasks/{id}/history",
        id="getTaskHistory",
        tag="Tasks",
        scope="read",
        handler=task_history,
        summary="Read what has happened to a task, oldest first",
        gives=list[EventView],
        errors=(404,),
    ),
)
