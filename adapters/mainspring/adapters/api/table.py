"""Every operation of ``/v2``, in one table: what is routed, what is documented, and what the tests go through."""

from __future__ import annotations

from typing import Final

from mainspring.adapters.api import events, projects, queues, schedules, tasks

PREFIX: Final = "/v2"

OPERATIONS: Final = (
    *tasks.OPERATIONS,
    *schedules.OPERATIONS,
    *queues.OPERATIONS,
    *projects.OPERATIONS,
    *events.OPERATIONS,
)
