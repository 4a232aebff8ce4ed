"""The operations on queues, without an event loop (made by tests/house/colours.py)."""

from __future__ import annotations

from mainspring.adapters.operations import steps
from mainspring.adapters.operations.bulk import BulkResult
from mainspring.adapters.operations.synchronous.bulk import BulkOperations
from mainspring.core.ports import QueueStatus, TaskQuery
from mainspring.core.queue import Queue, QueueEdit, queue_ref
from mainspring.core.states import Pending
from mainspring.core.task import DEFAULT_PROJECT


class QueueOperations(BulkOperations):
    """Read and change queues."""

    def get_queue(self, name: str, project: str = DEFAULT_PROJECT) -> Queue:
        """Read a queue's settings; one that was never configured has the defaults."""
        return self._storage.get_queue(queue_ref(project, name))

    def find_queues(self, project: str = DEFAULT_PROJECT) -> tuple[QueueStatus, ...]:
        """List the queues that are configured or hold live tasks."""
        return self._storage.queues(project)

    def edit_queue(self, name: str, edit: QueueEdit, project: str = DEFAULT_PROJECT) -> Queue:
        """Change a queue's settings."""
        return self._storage.update_queue(queue_ref(project, name), steps.change_queue(edit))

    def pause_queue(self, name: str, note: str = "", project: str = DEFAULT_PROJECT) -> Queue:
        """Let nothing of a queue start; what runs goes on."""
        return self._storage.update_queue(queue_ref(project, name), steps.pause_queue(note))

    def resume_queue(self, name: str, project: str = DEFAULT_PROJECT) -> Queue:
        """Let a paused or draining queue go on."""
        return self._storage.update_queue(queue_ref(project, name), steps.resume_queue)

    def drain_queue(self, name: str, note: str = "", project: str = DEFAULT_PROJECT) -> Queue:
        """Refuse new tasks for a queue; those in it run out."""
        return self._storage.update_queue(queue_ref(project, name), steps.drain_queue(note))

    def purge_queue(self, name: str, project: str = DEFAULT_PROJECT, dry_run: bool = False) -> BulkResult:
        """Cancel every pending task of a queue; one that starts meanwhile goes on."""
        query = TaskQuery(project=project, queue=name, statuses=frozenset({Pending.status}))
        return self._to_all(query, steps.purge, dry_run)

    def forget_queue(self, name: str, project: str = DEFAULT_PROJECT) -> None:
        """Forget a queue's settings; its tasks stay, and it is open from now on."""
        self._storage.delete_queue(queue_ref(project, name))
