"""Creations in one transaction: names that are taken, requests that were made before, and refusals one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from psycopg.errors import UniqueViolation

from mainspring.adapters.codec import QUEUE
from mainspring.adapters.storages.postgres import queue_statements as queue_sql
from mainspring.adapters.storages.postgres import task_statements as task_sql
from mainspring.adapters.storages.postgres.rows import state_parameters, task_parameters
from mainspring.adapters.storages.postgres.texts import Operation, Texts, texts
from mainspring.adapters.storages.postgres.work import Overtaken, Work
from mainspring.core.creation import KEEP_KEYS, Accepted, Creation, IdempotencyKey, clash, repeated, settled
from mainspring.core.errors import Conflict, MainspringError
from mainspring.core.ids import TaskId, is_uuid
from mainspring.core.instants import to_micros
from mainspring.core.ports import Refused
from mainspring.core.queue import Queue, QueueRef, queue_of, queue_ref
from mainspring.core.states import Pending

Known = tuple[IdempotencyKey, TaskId, int]
"""What an idempotency key was used for, and when."""


def can_be_added_at_once(creations: Sequence[Creation]) -> bool:
    """Tell whether ``add_at_once`` may try these: pending tasks without a name, of requests without a key."""
    return len({creation.task.id for creation in creations}) == len(creations) and all(
        creation.idempotency is None
        and creation.task.name is None
        and isinstance(creation.task.state, Pending)
        and is_uuid(creation.task.id)
        for creation in creations
    )


def add_at_once(sql: Texts, creations: Sequence[Creation]) -> Operation[bool]:
    """Insert tasks by one statement, which is a transaction by itself; tell whether that was done.

    It is not if a queue that they go to is configured (its settings have to be asked then), or if an id exists.
    """
    tasks = [creation.task for creation in creations]
    try:
        rows = yield sql(task_sql.INSERT_PLAIN), (*task_parameters(tasks), *state_parameters(tasks))
    except UniqueViolation:
        return False
    return not rows[0][0]


def first_due(creations: Sequence[Creation]) -> datetime | None:
    """Find the earliest instant at which one of these is due."""
    states = [creation.task.state for creation in creations]
    return min((state.due for state in states if isinstance(state, Pending)), default=None)


def all_created(creations: Sequence[Creation]) -> tuple[Accepted, ...]:
    """Answer that each task was created as it was asked for."""
    return tuple([Accepted(task=creation.task, how="created") for creation in creations])


def add(work: Work, creations: Sequence[Creation], *, atomic: bool) -> Operation[tuple[Accepted | Refused, ...]]:
    """Create all of them, or, if not ``atomic``, those that are not refused."""
    creating = _Creating(work)
    yield from creating.prepare(creations)
    answers: list[Accepted | Refused] = []
    for creation in creations:
        try:
            answers.append((yield from creating.one(creation)))
        except MainspringError as error:
            if atomic:
                raise
            answers.append(Refused(creation.task.id, error))
    creating.keep_keys()
    return tuple(answers)


class _Creating:
    """Carries out creations in order."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._queues: Mapping[QueueRef, Queue] = {}
        self._keys: dict[tuple[str, str], Known] = {}
        self._before: dict[tuple[str, str], int] = {}
        self._fresh: dict[tuple[str, str], Known] = {}

    def prepare(self, creations: Sequence[Creation]) -> Operation[None]:
        """Read and hold what the creations may meet."""
        work = self._work
        yield from work.read_clock()
        refs = sorted({queue_of(creation.task) for creation in creations})
        rows = yield work.sql(queue_sql.OF), (texts([ref.project for ref in refs]), texts([ref.name for ref in refs]))
        self._queues = {queue_ref(project, name): QUEUE.decode(body, f"queue {name}") for project, name, body in rows}
        yield from self._read_keys(creations)
        names = [(one.task.project, one.task.name) for one in creations if one.task.name is not None]
        yield from work.load_names(names)
        wanted = [task_id for _, task_id, _ in self._keys.values()]
        for key in dict.fromkeys(names):
            holder = yield from work.name_holder(*key)
            wanted += [] if holder is None else [holder]
        yield from work.lock(wanted)
        if work.careful:
            yield from work.look_up([creation.task.id for creation in creations])

    def _read_keys(self, creations: Sequence[Creation]) -> Operation[None]:
        asked = sorted({(one.task.project, one.idempotency.key) for one in creations if one.idempotency is not None})
        if not asked:
            return
        rows = yield self._work.sql(queue_sql.KNOWN_KEYS), ([key[0] for key in asked], [key[1] for key in asked])
        for project, key, fingerprint, task_id, at in rows:
            self._keys[(project, key)] = (IdempotencyKey(key=key, fingerprint=fingerprint), task_id, at)
            self._before[(project, key)] = at

    def one(self, creation: Creation) -> Operation[Accepted]:
        """Carry out one creation."""
        known = self._repeated(creation)
        if known is not None:
            return known
        wanted = settled(creation, self._queues.get(queue_of(creation.task)))
        accepted = yield from self._settle(wanted)
        if creation.idempotency is not None:
            place = (creation.task.project, creation.idempotency.key)
            kept = (creation.idempotency, accepted.task.id, to_micros(self._work.now))
            self._keys[place] = self._fresh[place] = kept
        return accepted

    def _repeated(self, creation: Creation) -> Accepted | None:
        if creation.idempotency is None:
            return None
        known = self._keys.get((creation.task.project, creation.idempotency.key))
        if known is None or known[2] <= to_micros(self._work.now - KEEP_KEYS) or known[1] not in self._work.entries:
            return None
        return repeated(self._work.current(known[1]), known[0], creation.idempotency)

    def _settle(self, wanted: Creation) -> Operation[Accepted]:
        work, task = self._work, wanted.task
        live = isinstance(task.state, Pending)
        holder = (yield from work.name_holder(task.project, task.name)) if task.name is not None and live else None
        if holder is None:
            yield from work.insert([task])
            return Accepted(task=task, how="created")
        yield from work.lock([holder])
        if holder not in work.entries:
            raise Overtaken  # it was deleted meanwhile
        decision, how = clash(work.current(holder), wanted)
        written = yield from work.write(decision)
        if not written:
            raise Conflict(f"task {holder}", "it has moved on", "try again")
        return Accepted(task=decision.task, how=how)

    def keep_keys(self) -> None:
        """Write what the idempotency keys were used for."""
        if not self._fresh:
            return
        kept, before = self._fresh, self._before
        values = (
            [project for project, _ in kept],
            [key for _, key in kept],
            [asked.fingerprint for asked, _, _ in kept.values()],
            [task_id for _, task_id, _ in kept.values()],
            [at for _, _, at in kept.values()],
            [project for project, _ in before],
            [key for _, key in before],
            [*before.values()],
        )
        self._work.defer(queue_sql.PUT_KEYS, values, rows=len(kept))
