"""Short forms of the storage port's operations, for tests that want one plain task created or taken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mainspring.core.creation import Creation
from mainspring.core.machine import Decision
from mainspring.core.ports import AsyncStorage, Storage, TaskStep, Unplanned
from mainspring.core.queue import admit
from mainspring.core.schedule import Plan, plan
from mainspring.core.task import Task


def creations(tasks: Iterable[Task]) -> list[Creation]:
    """Ask for these tasks, plainly."""
    return [Creation(task=task) for task in tasks]


def take(storage: Storage, queues: Sequence[str], limit: int, step: TaskStep) -> tuple[Decision, ...]:
    """Take due tasks of these queues (none: any), at most ``limit`` in all, one queue after the other."""
    taken: list[Decision] = []
    for ref in storage.upcoming(queues).tasks:
        if len(taken) < limit:
            taken += storage.take({ref: limit - len(taken)}, step, admit).decisions
    return tuple(taken)


def fire(storage: Storage, limit: int) -> tuple[Plan, ...]:
    """Fire schedules as the engine does; one that is refused is a failure."""
    fired = storage.fire(limit, plan)
    refused = [one for one in fired if isinstance(one, Unplanned)]
    assert not refused, f"fire() refused {refused}"
    return tuple(one for one in fired if isinstance(one, Plan))


async def take_async(storage: AsyncStorage, limit: int, step: TaskStep) -> tuple[Decision, ...]:
    """Take due tasks of any queue, at most ``limit`` of each."""
    upcoming = await storage.upcoming(())
    taken = await storage.take(dict.fromkeys(upcoming.tasks, limit), step, admit)
    return taken.decisions
