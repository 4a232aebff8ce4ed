"""The memory storage of a test: what the app writes to, and what the test's worker sees of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import evolve

from mainspring.adapters.storages.asynchronous import AsyncOver
from mainspring.adapters.storages.clock import Clock
from mainspring.adapters.storages.memory import MemoryStorage
from mainspring.adapters.storages.wakeups import LocalWakeups
from mainspring.core.creation import Accepted, Creation
from mainspring.core.errors import NotFound
from mainspring.core.machine import Decision
from mainspring.core.ports import Gate, Refused, Taken, TaskStep, Upcoming
from mainspring.core.queue import QueueRef, queue_of
from mainspring.core.states import Pending

LONG: Final = timedelta(days=1_000)
Answers = tuple[Accepted | Refused, ...]


class Hints(LocalWakeups):
    """Wake-ups that come when something was committed, and never because time has passed."""

    async def wait(self, timeout: timedelta) -> None:
        """Return at the first hint since the last call returned."""
        await super().wait(max(timeout, LONG))


class TestStorage(MemoryStorage):
    """A memory storage that calls ``created`` after tasks were created, and answers with what became of them."""

    __test__ = False  # no test class, whatever pytest makes of the name

    def __init__(self, clock: Clock, created: Callable[[], None] | None) -> None:
        super().__init__(clock=clock)
        self._created: Final = created

    def add(self, creations: Sequence[Creation], *, atomic: bool = True) -> Answers:
        """Create tasks, as ``Storage.add``."""
        answers = self.add_only(creations, atomic)
        if self._created is None:
            return answers
        self._created()
        return self.anew(answers)

    def add_only(self, creations: Sequence[Creation], atomic: bool) -> Answers:
        """Create tasks, and leave it at that."""
        return super().add(creations, atomic=atomic)

    def anew(self, answers: Answers) -> Answers:
        """Read the tasks of ``answers`` again."""
        return tuple(self._anew(answer) if isinstance(answer, Accepted) else answer for answer in answers)

    def next_due(self, now: datetime, may: Callable[[QueueRef], bool]) -> datetime | None:
        """Find when the next task of these queues comes due after ``now``, whatever waits already."""
        states = [task.state for task in self._tasks.rows.values() if may(queue_of(task))]
        return min((state.due for state in states if isinstance(state, Pending) and state.due > now), default=None)

    def _anew(self, answer: Accepted) -> Accepted:
        try:
            return evolve(answer, task=self.get(answer.task.id))
        except NotFound:  # a task that deletes itself
            return answer


class TestAsyncStorage(AsyncOver):
    """The same storage, awaited; ``created`` as well."""

    __test__ = False

    def __init__(self, storage: TestStorage, created: Callable[[], Awaitable[None]] | None) -> None:
        super().__init__(storage, inline=True)
        self._memory: Final = storage
        self._created: Final = created

    async def add(self, creations: Sequence[Creation], *, atomic: bool = True) -> Answers:
        """Create tasks, as ``Storage.add``."""
        answers = self._memory.add_only(creations, atomic)
        if self._created is None:
            return answers
        await self._created()
        return self._memory.anew(answers)


class ReinedStorage(AsyncOver):
    """What the worker sees: of due tasks only those in queues of ``only`` (None: of all), and no more than ``left``."""

    def __init__(self, storage: TestStorage) -> None:
        super().__init__(storage, inline=True)
        self._memory: Final = storage
        self._again: datetime | None = None
        self.only: frozenset[str] | None = None
        self.left = 0

    def _may(self, ref: QueueRef) -> bool:
        return self.left > 0 and (self.only is None or ref.name in self.only)

    async def upcoming(self, queues: Sequence[str]) -> Upcoming:
        """As ``Storage.upcoming``."""
        upcoming = await super().upcoming(queues)
        return evolve(upcoming, tasks={ref: due for ref, due in upcoming.tasks.items() if self._may(ref)})

    async def take(self, shares: Mapping[QueueRef, int], step: TaskStep, gate: Gate) -> Taken:
        """As ``Storage.take``."""
        decisions: list[Decision] = []
        again: datetime | None = None
        for ref, share in shares.items():
            if not self._may(ref):
                continue
            taken = await super().take({ref: min(share, self.left)}, step, gate)
            self.left -= len(taken.decisions)
            decisions += taken.decisions
            again = min((at for at in (again, taken.again) if at is not None), default=None)
        self._again = again
        return Taken(decisions=tuple(decisions), again=again)

    def next_after(self, now: datetime) -> datetime | None:
        """Find the first instant after ``now`` at which there is something to do (None: never, as far as is known)."""
        if self.left <= 0:
            return None
        coming = self._memory.upcoming(())
        dues = [due for ref, due in coming.tasks.items() if self._may(ref)]
        if any(due <= now for due in dues):  # held back: others of its queue may not be
            dues = [due for due in [self._memory.next_due(now, self._may)] if due is not None]
        known = (*dues, coming.lease, coming.schedule, self._again)
        return min((instant for instant in known if instant is not None and instant > now), default=None)
