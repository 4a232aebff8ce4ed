"""Changing the settings of queues, with takers held off."""

from __future__ import annotations

from mainspring.adapters.codec import QUEUE
from mainspring.adapters.storages.postgres import queue_statements as queue_sql
from mainspring.adapters.storages.postgres.taking import put_queue
from mainspring.adapters.storages.postgres.texts import Operation, texts
from mainspring.adapters.storages.postgres.work import Work
from mainspring.core.errors import Conflict, NotFound
from mainspring.core.ports import QueueStep
from mainspring.core.queue import Queue, QueueRef


def update(work: Work, ref: QueueRef, step: QueueStep) -> Operation[Queue]:
    """Pass a queue's settings through ``step`` and write what it gives."""
    rows = yield work.sql(queue_sql.LOCK), (texts([ref.project]), texts([ref.name]))
    now = yield from work.read_clock()
    before = QUEUE.decode(rows[0][2], str(ref)) if rows else Queue(ref=ref)
    after = step(before, now)
    if after.ref != ref:
        raise Conflict(str(ref), f"the step answered for {after.ref}", "change what the step is given")
    if after != before:
        put_queue(work, after)
        work.note_due(now)
    return after


def delete(work: Work, ref: QueueRef) -> Operation[None]:
    """Forget a queue's settings."""
    rows = yield work.sql(queue_sql.DELETE), (ref.project, ref.name)
    if not rows:
        raise NotFound("queue", ref.name)
    now = yield from work.read_clock()
    work.note_due(now)
