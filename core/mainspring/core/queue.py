"""Queues: named lines of tasks. A queue that nobody configured is unlimited."""

from __future__ import annotations

from typing import Final

from mainspring.core.errors import InvalidInput
from mainspring.core.task import check_name

MAX_QUEUES: Final = 100


def check_queues(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the queues that a worker serves (none: all), or raise ``InvalidInput``."""
    if len(names) > MAX_QUEUES:
        raise InvalidInput("queues", f"{len(names)} queues", f"name at most {MAX_QUEUES}, or none for all")
    for name in names:
        check_name("queues", name)
    return names
