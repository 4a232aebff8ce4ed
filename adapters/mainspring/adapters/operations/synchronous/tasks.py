"""The operations on tasks, without an event loop (made by tests/house/colours.py)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from mainspring.adapters.operations import steps
from mainspring.adapters.operations.intake import TaskRequest, creation_of, many
from mainspring.adapters.operations.synchronous.foundation import Foundation
from mainspring.core.commands import Edit, Unset
from mainspring.core.creation import Accepted, Creation
from mainspring.core.errors import InvalidInput, NotFound
from mainspring.core.events import Event
from mainspring.core.ids import TaskId
from mainspring.core.ports import Page, Refused, TaskQuery
from mainspring.core.states import TERMINAL_STATUSES
from mainspring.core.task import DEFAULT_PROJECT, FollowUp, Task


class TaskOperations(Foundation):
    """Create, read and change tasks."""

    def create_task(self, request: TaskRequest) -> Task:
        """Create one task. ``InvalidInput`` names what is wrong; ``Conflict``: the name is taken."""
        (task,) = self.create_tasks([request])
        return task

    def create_tasks(self, requests: Iterable[TaskRequest]) -> tuple[Task, ...]:
        """Create many tasks (at most ``MAX_BATCH``) in one transaction: all or none."""
        wanted = many(requests)
        for request in wanted:
            self._check_request(request)
        at = self._storage.now()
        creations = [creation_of(request, at, self._entropy, self._retry) for request in wanted]
        return tuple(answer.task for answer in self._storage.add(creations) if isinstance(answer, Accepted))

    def submit_tasks(self, requests: Iterable[TaskRequest]) -> tuple[Accepted | Refused, ...]:
        """Create many tasks (at most ``MAX_BATCH``), each by itself; answers in the order asked."""
        wanted = many(requests)
        at = self._storage.now()
        built = [self._built(request, at) for request in wanted]
        answers = iter(self._storage.add([c for c in built if isinstance(c, Creation)], atomic=False))
        return tuple(next(answers) if isinstance(one, Creation) else one for one in built)

    def _built(self, request: TaskRequest, at: datetime) -> Creation | Refused:
        try:
            self._check_request(request)
            return creation_of(request, at, self._entropy, self._retry)
        except InvalidInput as error:
            return Refused(TaskId(""), error)

    def _check_request(self, request: TaskRequest) -> None:
        self._check(request.call)
        for follow_up in (request.on_success, request.on_failure):
            if follow_up is not None:
                self._check(follow_up.call)

    def get_task(self, task_id: str) -> Task:
        """Read one task; ``NotFound`` if there is none."""
        return self._storage.get(TaskId(task_id))

    def find_tasks(self, query: TaskQuery) -> Page[Task]:
        """Find tasks, newest first, a page at a time."""
        return self._storage.find(query)

    def count_tasks(self, project: str = DEFAULT_PROJECT) -> Mapping[str, int]:
        """Count tasks by status."""
        return self._storage.count(project)

    def task_history(self, task_id: str) -> tuple[Event, ...]:
        """Read what has happened to a task, oldest first."""
        return self._storage.history(TaskId(task_id))

    def cancel_task(self, task_id: str, reason: str = "by request") -> Task:
        """Cancel a task; a running one is asked to stop."""
        return steps.only(self._storage.update([TaskId(task_id)], steps.cancel(reason)))

    def run_task(self, task_id: str) -> Task:
        """Bring a pending task forward to now; repeating it within ten seconds answers as the first time."""
        return steps.only(self._storage.update([TaskId(task_id)], steps.run_now))

    def requeue_task(self, task_id: str, reset: bool = True, statuses: frozenset[str] = TERMINAL_STATUSES) -> Task:
        """Run an ended task again; ``reset`` gives it its attempts back.

        ``Conflict`` if it has ended in another way than one of ``statuses``.
        """
        return steps.only(self._storage.update([TaskId(task_id)], steps.requeue(reset, statuses)))

    def edit_task(self, task_id: str, edit: Edit) -> Task:
        """Change a pending task."""
        if not isinstance(edit.call, Unset):
            self._check(edit.call)
        for follow_up in (edit.on_success, edit.on_failure):
            if isinstance(follow_up, FollowUp):
                self._check(follow_up.call)
        return steps.only(self._storage.update([TaskId(task_id)], steps.edit(edit)))

    def delete_task(self, task_id: str) -> None:
        """Remove a task in any state; ``NotFound`` if there is none."""
        if not self._storage.delete([TaskId(task_id)]):
            raise NotFound("task", task_id)
