"""Writing decisions, passing named tasks through steps, and deleting."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mainspring.adapters.codec import EVENT
from mainspring.adapters.storages.parts import changes_body
from mainspring.adapters.storages.postgres import queue_statements as queue_sql
from mainspring.adapters.storages.postgres import task_statements as task_sql
from mainspring.adapters.storages.postgres.rows import state_parameters
from mainspring.adapters.storages.postgres.taking import is_plain
from mainspring.adapters.storages.postgres.texts import Operation, Texts, optional, plain, texts
from mainspring.adapters.storages.postgres.work import Work
from mainspring.core.creation import KEEP_KEYS
from mainspring.core.effects import NudgeSchedule
from mainspring.core.errors import Conflict, CorruptHistory, MainspringError
from mainspring.core.events import UNRECORDED, ReportDropped
from mainspring.core.ids import TaskId, is_uuid
from mainspring.core.instants import to_micros
from mainspring.core.machine import Decision
from mainspring.core.ports import Refused, TaskStep, TaskTest
from mainspring.core.schedule import task_ended
from mainspring.core.states import LIVE, LIVE_STATUSES, TERMINAL_STATUSES, Pending


def can_be_saved_at_once(decisions: Sequence[Decision]) -> bool:
    """Tell whether ``save_at_once`` may write these: plain ends, retries and the like of different live tasks."""
    return len({decision.task.id for decision in decisions}) == len(decisions) and all(
        is_plain(decision)
        and len(decision.events) == 1
        and type(decision.events[0]) is not ReportDropped  # the one that may happen to an ended task and leave it so
        and is_uuid(decision.task.id)
        for decision in decisions
    )


def save_at_once(sql: Texts, decisions: Sequence[Decision]) -> Operation[tuple[bool, ...]]:
    """Write decisions by one statement, which is a transaction by itself. Those on ended tasks are not applied."""
    tasks = [decision.task for decision in decisions]
    rows = yield (
        sql(task_sql.SAVE),
        (
            plain([task.id for task in tasks]),
            texts([task.project for task in tasks]),
            plain([to_micros(task.created_at) for task in tasks]),
            plain([decision.read_version for decision in decisions]),
            *state_parameters(tasks),
            optional(
                [
                    None if type(event) in UNRECORDED else EVENT.encode(event)
                    for decision in decisions
                    for event in decision.events
                ]
            ),
        ),
    )
    applied = {row[0] for row in rows}
    return tuple([number in applied for number in range(1, len(decisions) + 1)])


def first_due(decisions: Sequence[Decision]) -> datetime | None:
    """Find the earliest instant at which one of these tasks is due (again)."""
    states = [decision.task.state for decision in decisions]
    return min((state.due for state in states if isinstance(state, Pending)), default=None)


def save(work: Work, decisions: Sequence[Decision]) -> Operation[tuple[bool, ...]]:
    """Write decisions that were made outside, in order."""
    nudges = [effect for decision in decisions for effect in decision.effects if isinstance(effect, NudgeSchedule)]
    yield from work.lock_schedules([nudge.schedule_id for nudge in nudges])
    yield from work.lock([decision.task.id for decision in decisions])
    yield from work.load_names(
        [
            (task.project, task.name)
            for decision in decisions
            for task in [decision.task]
            if task.name is not None and task.state.status in LIVE_STATUSES and changes_body(decision.events)
        ]
    )
    applied: list[bool] = []
    for decision in decisions:
        done = yield from work.write(decision)
        applied.append(done)
    return tuple(applied)


def update(work: Work, task_ids: Sequence[TaskId], step: TaskStep) -> Operation[tuple[Decision | Refused, ...]]:
    """Pass each named task through ``step`` and write what it gives."""
    yield from work.lock(task_ids)
    answers: list[Decision | Refused] = []
    for task_id in task_ids:
        answer = yield from _update(work, task_id, step)
        answers.append(answer)
    return tuple(answers)


def _update(work: Work, task_id: TaskId, step: TaskStep) -> Operation[Decision | Refused]:
    try:
        decision = step(work.current(task_id), work.now)
        written = yield from work.write(decision)
        if not written:
            raise Conflict(f"task {task_id}", "it has moved on", "read it again")
    except MainspringError as error:
        return Refused(task_id, error)
    return decision


def delete(work: Work, task_ids: Sequence[TaskId], wanted: TaskTest | None) -> Operation[int]:
    """Remove tasks with their history, those that are (still) ``wanted``; nothing is known of an unreadable one."""
    yield from work.lock(task_ids)
    removed: list[TaskId] = []
    for key in sorted(work.entries):
        task = work.entries[key].task
        if isinstance(task, CorruptHistory):
            if wanted is None:
                removed.append(key)
            continue
        if wanted is not None and not wanted(task):
            continue
        removed.append(key)
        nudge = task_ended(task, work.now) if isinstance(task.state, LIVE) else None
        if nudge is not None:
            yield from work.nudge(nudge)
    if not removed:
        return 0
    rows = yield work.sql(task_sql.DELETE), (plain(removed),)
    count: int = rows[0][0]
    return count


def prune(work: Work, project: str | None, statuses: frozenset[str], before: int, limit: int) -> Operation[int]:
    """Delete tasks that ended before ``before``, and forget old idempotency keys."""
    now = yield from work.read_clock()
    yield work.sql(queue_sql.FORGET_KEYS), (to_micros(now - KEEP_KEYS),)
    wanted = sorted(statuses & TERMINAL_STATUSES)
    rows = yield work.sql(task_sql.PRUNE), (wanted, before, project, project, limit, limit)
    count: int = rows[0][0]
    return count
