"""Taking due tasks, and reclaiming those whose lease has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final

from mainspring.adapters.codec import QUEUE
from mainspring.adapters.storages.parts import changes_body
from mainspring.adapters.storages.postgres import queue_statements as queue_sql
from mainspring.adapters.storages.postgres import task_statements as task_sql
from mainspring.adapters.storages.postgres.rows import Unreadable, read_task
from mainspring.adapters.storages.postgres.texts import Operation, Row, plain, texts
from mainspring.adapters.storages.postgres.work import Work
from mainspring.core.effects import NudgeSchedule
from mainspring.core.errors import Conflict, CorruptHistory
from mainspring.core.instants import to_micros
from mainspring.core.machine import Decision
from mainspring.core.ports import MAX_KEYS_SEEN, Gate, Taken, TaskStep
from mainspring.core.queue import Queue, QueueRef, QueueView, queue_ref
from mainspring.core.task import Task

_SIGN: Final = 1 << 63


def lock_key(schema: str, ref: QueueRef) -> int:
    """Give the number of the advisory lock by which a queue's settings are held against takers."""
    digest = blake2b(f"mainspring/{schema}/{ref.project}/{ref.name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") - _SIGN


def shared_locks(schema: str, refs: Sequence[QueueRef]) -> str:
    """Write the statement that holds the settings of queues as they are, together with other takers.

    It comes before the statement that reads whether a queue is gated: so no start is committed after a pause was.
    """
    keys = ",".join(map(str, sorted({lock_key(schema, ref) for ref in refs})))
    return f"SELECT pg_advisory_xact_lock_shared(k) FROM unnest(array[{keys}]::bigint[]) k" if keys else ""


def exclusive_lock(schema: str, ref: QueueRef) -> str:
    """Write the statement that waits for those who take from a queue, and keeps others out."""
    return f"SELECT pg_advisory_xact_lock({lock_key(schema, ref)})"


def is_plain(decision: Decision) -> bool:
    """Tell whether a decision changes only state and version, and nothing follows from it."""
    return not (
        decision.follow_ups
        or changes_body(decision.events)
        or any(isinstance(effect, NudgeSchedule) for effect in decision.effects)
    )


def take(work: Work, shares: Mapping[QueueRef, int], step: TaskStep, gate: Gate) -> Operation[Taken]:
    """Pass due tasks through ``step`` and write what it gives; those of gated queues as ``gate`` says."""
    asked = [(ref, share) for ref, share in shares.items() if share > 0]
    if not asked:
        return Taken(decisions=(), again=None)
    rows = yield (
        work.sql(queue_sql.TAKE),
        (
            work.instant,
            texts([ref.project for ref, _ in asked]),
            texts([ref.name for ref, _ in asked]),
            plain([share for _, share in asked]),
        ),
    )
    if not rows:
        return Taken(decisions=(), again=None)
    work.see(rows[0][0])
    gated: set[int] = {row[1] for row in rows if row[4] is None}
    found: dict[int, list[Row]] = {}
    for row in sorted([row for row in rows if row[4] is not None], key=lambda row: row[1:5]):
        found.setdefault(row[1], []).append(row[4:])
    queues = yield from _lock_queues(work, [asked[number - 1][0] for number in gated])
    decisions: list[Decision] = []
    again = None
    for number, (ref, share) in enumerate(asked, 1):
        if number in gated:
            part = yield from _pass_gate(work, queues.get(ref) or Queue(ref=ref), share, step, gate)
            decisions += part.decisions
            again = min((at for at in (again, part.again) if at is not None), default=None)
        elif number in found:
            tasks = yield from _readable(work, found[number])
            decisions += yield from _pass_all(work, tasks, step)
    return Taken(decisions=tuple(decisions), again=again)


def _lock_queues(work: Work, refs: Sequence[QueueRef]) -> Operation[Mapping[QueueRef, Queue]]:
    """Hold gated queues against other takers, in the order of their names."""
    if not refs:
        return {}
    rows = yield work.sql(queue_sql.LOCK), (texts([ref.project for ref in refs]), texts([ref.name for ref in refs]))
    now = yield work.sql(task_sql.NOW), (work.instant,)
    work.see(now[0][0])
    return {queue_ref(project, name): QUEUE.decode(body, str(queue_ref(project, name))) for project, name, body in rows}


def _pass_gate(work: Work, queue: Queue, share: int, step: TaskStep, gate: Gate) -> Operation[Taken]:
    """Let ``gate`` choose, and write the queue that it gives back."""
    ref, now = queue.ref, to_micros(work.now)
    rows = yield work.sql(queue_sql.RUNNING), (now, ref.project, ref.name)
    running: dict[str, int] = dict(rows)
    rows = yield work.sql(queue_sql.KEYS), (ref.project, ref.name, ref.project, ref.name)
    keys = [row[0] for row in rows]
    if len(keys) > MAX_KEYS_SEEN:
        turns = queue.last_turns
        keys = sorted(keys, key=lambda key: (key in turns, turns.get(key, work.now), key))[:MAX_KEYS_SEEN]
    rows = yield work.sql(queue_sql.CANDIDATES), (now, ref.project, ref.name, share, keys)
    rows.sort(key=lambda row: (len(keys) + 1 if row[0] is None else row[0], *row[1:4]))
    tasks = yield from _readable(work, [row[3:] for row in rows])
    admission = gate(QueueView(queue=queue, running=running), tasks, work.now, share)
    if admission.queue != queue:
        put_queue(work, admission.queue)
    by_id = {task.id: task for task in tasks}
    decisions = yield from _pass_all(work, [by_id[task_id] for task_id in admission.admitted], step)
    return Taken(decisions=decisions, again=admission.again)


def put_queue(work: Work, queue: Queue) -> None:
    """Write a queue's settings."""
    work.defer(queue_sql.PUT, (queue.ref.project, queue.ref.name, queue.gated, QUEUE.encode(queue)))


def reclaim(work: Work, limit: int, step: TaskStep) -> Operation[tuple[Decision, ...]]:
    """Pass held tasks whose lease has ended through ``step`` and write what it gives."""
    rows = yield work.sql(queue_sql.EXPIRED), (work.instant, limit)
    if not rows:
        return ()
    work.see(rows[0][0])
    tasks = yield from _readable(work, [row[2:] for row in sorted(rows, key=lambda row: row[1:3])])
    return (yield from _pass_all(work, tasks, step))


def _readable(work: Work, rows: Sequence[Row]) -> Operation[list[Task]]:
    """Read tasks out of rows that are locked; put those that cannot be read in quarantine and go on."""
    found: list[Task] = []
    unreadable: list[Unreadable] = []
    fresh: dict[str, tuple[int, str, str]] = {}
    stale = [row[0] for row in rows if row[3] is None]
    if stale:
        again = yield work.sql(task_sql.READ_LIVE), (plain(stale),)
        fresh = {row[0]: row[1:4] for row in again}
    for task_id, *columns in rows:
        version, state, body = fresh.get(task_id, columns)
        try:
            found.append(read_task(task_id, body, state, version, None))
        except CorruptHistory as error:
            unreadable.append(Unreadable(task_id, str(error)))
    if unreadable:
        yield from quarantine_tasks(work, unreadable)
    return found


def quarantine_tasks(work: Work, rows: Sequence[Unreadable]) -> Operation[None]:
    """Mark tasks that cannot be read, so that nothing takes them up again."""
    ids, reasons = [row.id for row in rows], [row.reason.replace("\0", "?") for row in rows]
    yield work.sql(task_sql.QUARANTINE_LIVE), (plain(ids),)
    yield work.sql(task_sql.QUARANTINE), (ids, reasons)


def _pass_all(work: Work, tasks: Sequence[Task], step: TaskStep) -> Operation[tuple[Decision, ...]]:
    """Pass tasks that are locked through ``step`` and write what it gives."""
    now = work.now
    decisions = tuple([step(task, now) for task in tasks])
    for task, decision in zip(tasks, decisions, strict=True):
        if decision.task.id != task.id or decision.read_version != task.version:
            raise Conflict(str(task), f"the step answered for {decision.task}", "decide on what the step is given")
        if decision.events:
            work.hold("live", task)
            if is_plain(decision):
                work.apply(decision)
            else:
                yield from work.write(decision)
    return decisions
