"""What a test is told when it is wrong itself, or when its tasks are and it wants to know."""

from __future__ import annotations

from typing import Final

from mainspring.core.retry import Failure
from mainspring.core.task import Task
from mainspring.testing.questions import named


class Unanswered(AssertionError):
    """A task called a URL that the test has not said anything about."""


class TooManyRuns(AssertionError):
    """One call of the test made more runs than it may; it would perhaps never end."""


class RunFailed(AssertionError):
    """A run failed without raising anything, in a test that wants to see errors."""

    def __init__(self, task: Task, failure: Failure) -> None:
        super().__init__(f"{named(task.call)} failed: {failure.message or failure.kind}")
        self.task: Final = task
        self.failure: Final = failure
