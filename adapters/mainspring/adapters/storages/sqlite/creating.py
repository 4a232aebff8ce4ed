"""Creations in one write transaction: names that are taken, requests that were made before, and refusals one by one."""

from __future__ import annotations

from collections.abc import Sequence

from mainspring.adapters.storages.sqlite import queue_rows, task_rows
from mainspring.adapters.storages.sqlite.session import Session
from mainspring.core.creation import Accepted, Creation, clash, repeated, settled
from mainspring.core.errors import Conflict, MainspringError, NotFound
from mainspring.core.ports import Refused
from mainspring.core.queue import Queue, QueueRef, queue_of
from mainspring.core.task import Task


class Creating:
    """Carries out creations in order. Plain ones are gathered and inserted together."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._queues: dict[QueueRef, Queue | None] = {}
        self._gathered: list[Task] = []
        self._names: set[tuple[str, str | None]] = set()

    def all_of(self, creations: Sequence[Creation], *, atomic: bool) -> tuple[Accepted | Refused, ...]:
        """Create all of them, or, if not ``atomic``, those that are not refused."""
        answers = [self._in_order(creation) if atomic else self._apart(creation) for creation in creations]
        self._flush()
        return tuple(answers)

    def _in_order(self, creation: Creation) -> Accepted:
        """Create one task; if it is refused, those that were gathered before it have their refusals first."""
        try:
            return self._one(creation)
        except MainspringError:
            self._flush()
            raise

    def _apart(self, creation: Creation) -> Accepted | Refused:
        """Create one task so that its refusal undoes nothing of the others."""
        try:
            with self._session.apart():
                answer = self._one(creation)
                self._flush()
        except MainspringError as error:
            self._gathered.clear()
            self._names.clear()
            return Refused(creation.task.id, error)
        return answer

    def _one(self, creation: Creation) -> Accepted:
        known = self._repeated(creation)
        if known is not None:
            return known
        wanted = settled(creation, self._queue(queue_of(creation.task)))
        existing = self._name_holder(wanted.task)
        if existing is None:
            self._gathered.append(wanted.task)
            self._names.add((wanted.task.project, wanted.task.name))
            accepted = Accepted(task=wanted.task, how="created")
        else:
            decision, how = clash(existing, wanted)
            if not self._session.save(decision):
                raise Conflict(str(existing), "it has moved on", "try again")
            accepted = Accepted(task=decision.task, how=how)
        if creation.idempotency is not None:
            project, now = creation.task.project, self._session.now
            queue_rows.put_key(self._session.connection, project, creation.idempotency, accepted.task.id, now)
        return accepted

    def _repeated(self, creation: Creation) -> Accepted | None:
        if creation.idempotency is None:
            return None
        connection, now = self._session.connection, self._session.now
        known = queue_rows.known_key(connection, creation.task.project, creation.idempotency.key, now)
        if known is None:
            return None
        self._flush()
        try:
            existing = self._session.read(known[1])
        except NotFound:
            return None
        return repeated(existing, known[0], creation.idempotency)

    def _queue(self, ref: QueueRef) -> Queue | None:
        if ref not in self._queues:
            self._queues[ref] = queue_rows.get(self._session.connection, ref)
        return self._queues[ref]

    def _name_holder(self, task: Task) -> Task | None:
        """Find the live task of the same name, also one that was gathered just now."""
        if task.name is None:
            return None
        if (task.project, task.name) in self._names:
            self._flush()
        self._session.flush()
        holder = task_rows.name_holder(self._session.connection, task)
        return None if holder is None else self._session.read(holder)

    def _flush(self) -> None:
        if self._gathered:
            self._session.insert(self._gathered)
            self._gathered.clear()
            self._names.clear()
