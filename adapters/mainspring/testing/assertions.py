"""Questions and assertions about the tasks of a test and their runs."""

from __future__ import annotations

from datetime import datetime
from typing import Unpack

from mainspring.app import Mainspring
from mainspring.app.mainspring import Target
from mainspring.core.events import Event
from mainspring.core.instants import format_instant
from mainspring.core.ports import MAX_PAGE, Storage, TaskQuery
from mainspring.core.states import Failed
from mainspring.core.task import DEFAULT_PROJECT, Task
from mainspring.testing.executors import Ran
from mainspring.testing.questions import Criteria, asked, listing, mismatches, named, refuse_unknown


class Assertions:
    """``target`` is a URL, the name of a function, or the function itself; None: any. For the rest see ``Criteria``."""

    def _context(self) -> tuple[Mainspring, Storage, datetime]:
        """Give the app, its storage, and the instant now."""
        raise NotImplementedError

    def _runs(self) -> list[Ran]:
        raise NotImplementedError

    # --- questions ---------------------------------------------------------------------------------------------------

    def tasks(self, target: Target | None = None, **wanted: Unpack[Criteria]) -> list[Task]:
        """The tasks that are as wanted, in whatever state, the oldest first."""
        return self._matching(self._all(), target, wanted)

    def enqueued(self, target: Target | None = None, **wanted: Unpack[Criteria]) -> list[Task]:
        """The tasks that wait for a run, now or later, and are as wanted."""
        return self._matching(self._all(), target, {"status": "pending", **wanted})

    def runs(self, target: Target | None = None, **wanted: Unpack[Criteria]) -> list[Ran]:
        """The runs that have ended, in the order of their ends, of tasks that are as wanted."""
        ran = self._runs()
        fitting = {task.id for task in self._matching([run.task for run in ran], target, wanted)}
        return [run for run in ran if run.task.id in fitting]

    def history(self, task: Task) -> tuple[Event, ...]:
        """What has happened to a task, the first event first."""
        _, storage, _ = self._context()
        return storage.history(task.id)

    def describe(self) -> str:
        """Show the clock and the tasks, for a person who looks for the reason of a failure."""
        _, _, now = self._context()
        return f"it is {format_instant(now)}; the tasks:\n{listing(self._all(), None, {}, now)}"

    # --- assertions --------------------------------------------------------------------------------------------------

    def assert_enqueued(
        self, target: Target | None = None, *, count: int | None = None, **wanted: Unpack[Criteria]
    ) -> Task:
        """Fail unless a task as wanted waits for a run (``count``: exactly so many do). Gives the first of them."""
        __tracebackhide__ = True
        return self._some(target, {"status": "pending", **wanted}, count, "enqueued")

    def refute_enqueued(self, target: Target | None = None, **wanted: Unpack[Criteria]) -> None:
        """Fail if a task as wanted waits for a run."""
        __tracebackhide__ = True
        found = self.enqueued(target, **wanted)
        if found:
            _, _, now = self._context()
            what = asked(self._named(target), wanted)
            raise AssertionError(f"{what} is enqueued, and should not be:\n{listing(found, None, {}, now)}")

    def assert_succeeded(
        self, target: Target | None = None, *, count: int | None = None, **wanted: Unpack[Criteria]
    ) -> Task:
        """Fail unless a task as wanted has succeeded."""
        __tracebackhide__ = True
        return self._some(target, {"status": "succeeded", **wanted}, count, "among those that have succeeded")

    def assert_failed(
        self,
        target: Target | None = None,
        *,
        error: str | None = None,
        count: int | None = None,
        **wanted: Unpack[Criteria],
    ) -> Task:
        """Fail unless a task as wanted has failed for good (``error``: with this in its message)."""
        __tracebackhide__ = True
        task = self._some(target, {"status": "failed", **wanted}, count, "among those that have failed for good")
        if error is None:
            return task
        failed = self._matching(self._all(), target, {"status": "failed", **wanted})
        fitting = [one for one in failed if isinstance(one.state, Failed) and error in one.state.failure.message]
        if not fitting:
            _, _, now = self._context()
            raise AssertionError(f"none failed with {error!r}:\n{listing(failed, None, {}, now)}")
        return fitting[0]

    def assert_ran(
        self, target: Target | None = None, *, times: int | None = None, **wanted: Unpack[Criteria]
    ) -> list[Ran]:
        """Fail unless a task as wanted has been run, however it ended (``times``: exactly so often, all together)."""
        __tracebackhide__ = True
        ran = self.runs(target, **wanted)
        if not ran if times is None else len(ran) != times:
            what = asked(self._named(target), wanted)
            often = "never" if not ran else f"{len(ran)} times"
            expected = "" if times is None else f", not {times} times"
            raise AssertionError(f"{what} was run {often}{expected}:\n{self._all_runs()}")
        return ran

    def refute_ran(self, target: Target | None = None, **wanted: Unpack[Criteria]) -> None:
        """Fail if a task as wanted has been run."""
        __tracebackhide__ = True
        ran = self.runs(target, **wanted)
        if ran:
            what = asked(self._named(target), wanted)
            raise AssertionError(f"{what} was run, and should not have been:\n{self._all_runs()}")

    # --- inside ------------------------------------------------------------------------------------------------------

    def _some(self, target: Target | None, wanted: Criteria, count: int | None, where: str) -> Task:
        __tracebackhide__ = True
        everything = self._all()
        found = self._matching(everything, target, wanted)
        if found and count in (None, len(found)):
            return found[0]
        _, _, now = self._context()
        name = self._named(target)
        number = "no" if not found else str(len(found))
        expected = "" if count is None else f", not {count}"
        verb = "are" if len(found) > 1 else "is"
        head = f"{number} {asked(name, wanted)} {verb} {where}{expected}; the tasks:"
        raise AssertionError(f"{head}\n{listing(everything, name, wanted, now)}")

    def _matching(self, tasks: list[Task], target: Target | None, wanted: Criteria) -> list[Task]:
        refuse_unknown(wanted)
        _, _, now = self._context()
        name = self._named(target)
        return [task for task in tasks if not mismatches(task, name, wanted, now)]

    def _named(self, target: Target | None) -> str | None:
        if target is None:
            return None
        app, _, _ = self._context()
        called = app.target(target)
        return called if isinstance(called, str) else named(called)

    def _all(self) -> list[Task]:
        """Every task of the default project, the oldest first."""
        _, storage, _ = self._context()
        found: list[Task] = []
        cursor = None
        while True:
            page = storage.find(TaskQuery(project=DEFAULT_PROJECT, limit=MAX_PAGE, after=cursor))
            found += page.items
            cursor = page.cursor
            if cursor is None:
                return found[::-1]

    def _all_runs(self) -> str:
        lines = [
            f"  {format_instant(run.started_at)} {named(run.task.call)}, attempt {run.attempt}: {run.outcome}"
            + (f" ({run.failure.message})" if run.failure is not None else "")
            for run in self._runs()[-20:]
        ]
        return "\n".join(lines) or "  (there were no runs)"
