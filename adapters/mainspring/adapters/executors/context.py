"""What a registered function may know of its run, and ask for.

A function takes a context by annotating one parameter with ``Context``:

    def send_report(context: Context, customer: int) -> None:
        if context.attempt > 3:
            context.snooze(timedelta(hours=1))
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NoReturn

from mainspring.core.errors import InvalidInput
from mainspring.core.ids import TaskId
from mainspring.core.machine import MAX_SNOOZE
from mainspring.core.ports import Run
from mainspring.core.task import Task


class SnoozeRequested(BaseException):
    """The signal behind ``Context.snooze``; no ``Exception``, so that the function's own ``except`` lets it through."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(wait)
        self.wait: Final = wait


class Context:
    """One run, as the function that carries it out sees it.

    ``task_id`` is the same over all attempts (dedupe by it), ``attempt`` counts from 1, ``run`` numbers every start
    of the task, ``deadline`` (UTC, on the storage's clock) is when the run is ended.
    """

    def __init__(self, task: Task, run: Run) -> None:
        self._task: Final = task
        self._run: Final = run

    @property
    def task_id(self) -> TaskId:
        """The id of the task."""
        return self._task.id

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""
        return self._run.attempt

    @property
    def run(self) -> int:
        """The number of this run, from 1; snoozed and interrupted runs count here, not as attempts."""
        return self._run.run

    @property
    def deadline(self) -> datetime:
        """When the run is ended, in UTC on the storage's clock."""
        return self._run.deadline

    @property
    def cancelled(self) -> bool:
        """Whether the result is not wanted any more (cancelled, timed out, lease lost, shutdown): stop soon.

        An ``async def`` is interrupted then; a ``def`` cannot be and should ask, from time to time.
        """
        return self._run.stopped()

    def progress(self, fraction: float, note: str = "") -> None:
        """Put on record how far the work is (0 to 1), with a line of text if wanted; never waits.

        Raises ``InvalidInput`` for a fraction that is out of range.
        """
        if not 0 <= fraction <= 1:
            raise InvalidInput("progress", f"{fraction} is out of range", "use a fraction from 0 to 1")
        self._run.note(note, fraction)

    def log(self, text: str) -> None:
        """Put a line on the task's record; never waits."""
        self._run.note(text, None)

    def heartbeat(self) -> bool:
        """Tell whether to go on: a ``def`` should ask from time to time. The lease is extended by itself."""
        return not self.cancelled

    def snooze(self, wait: timedelta) -> NoReturn:
        """End this run now and ask for another after ``wait`` (0 s to 365 days), without burning an attempt.

        Never returns. Raises ``InvalidInput`` for a wait that is out of range.
        """
        if not timedelta(0) <= wait <= MAX_SNOOZE:
            raise InvalidInput("snooze", f"{wait} is out of range", f"use 0s to {MAX_SNOOZE.days}d")
        raise SnoozeRequested(wait)
