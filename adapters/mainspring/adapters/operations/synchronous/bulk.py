"""The operations on many tasks at once, without an event loop (made by tests/house/colours.py)."""

from __future__ import annotations

from functools import partial

from attrs import evolve as changed

from mainspring.adapters.operations import steps
from mainspring.adapters.operations.bulk import MAX_PAGES, BulkResult, counted, deleted_of
from mainspring.adapters.operations.synchronous.foundation import Foundation
from mainspring.core.commands import Cancel
from mainspring.core.ports import MAX_PAGE, TaskQuery, TaskStep


class BulkOperations(Foundation):
    """Cancel, requeue and delete by filter: a page at a time, counted, and with a dry run.

    Tasks that are created meanwhile may or may not be met. A task that was found is changed only if it is still one of
    those that were asked for in the transaction that changes it; else it is counted as refused (``Conflict``).
    """

    def cancel_tasks(self, query: TaskQuery, reason: str = "by request", dry_run: bool = False) -> BulkResult:
        """Cancel all tasks that match; those that have ended are refused."""
        Cancel(at=self._storage.now(), reason=reason)  # a reason that is too long is refused once, for all
        return self._to_all(query, steps.cancel(reason), dry_run)

    def requeue_tasks(self, query: TaskQuery, reset: bool = True, dry_run: bool = False) -> BulkResult:
        """Run all tasks that match again; those that have not ended are refused."""
        return self._to_all(query, steps.requeue(reset), dry_run)

    def delete_tasks(self, query: TaskQuery, dry_run: bool = False) -> BulkResult:
        """Delete all tasks that match, in any state, with their history."""
        result = BulkResult()
        after = None
        for _ in range(MAX_PAGES):
            page = self._storage.find(changed(query, limit=MAX_PAGE, after=after))
            deleted = len(page.items)
            if page.items and not dry_run:
                deleted = self._storage.delete([task.id for task in page.items], partial(steps.asked_for, query))
            result = deleted_of(result, len(page.items), deleted)
            after = page.cursor
            if after is None:
                return result
        return changed(result, more=True)

    def _to_all(self, query: TaskQuery, step: TaskStep, dry_run: bool) -> BulkResult:
        step = steps.if_still(query, step)
        result = BulkResult()
        after = None
        for _ in range(MAX_PAGES):
            page = self._storage.find(changed(query, limit=MAX_PAGE, after=after))
            if dry_run:
                at = self._storage.now()
                result = counted(result, [steps.tried(step, task, at) for task in page.items])
            elif page.items:
                result = counted(result, self._storage.update([task.id for task in page.items], step))
            after = page.cursor
            if after is None:
                return result
        return changed(result, more=True)
