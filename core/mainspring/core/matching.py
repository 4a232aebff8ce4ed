"""Whether a task is one that a query asks for: the rule that every storage's ``find`` keeps.

A change of many tasks finds them first and asks this again in the transaction that changes them: in between, a task
may have become another one than was asked for.
"""

from __future__ import annotations

from datetime import datetime

from mainspring.core.ports import TaskQuery
from mainspring.core.states import Cancelling, Pending, Running
from mainspring.core.task import Task, schedule_of


def matches(task: Task, query: TaskQuery) -> bool:
    """Tell whether all conditions of ``query`` hold for ``task``; its limit and its cursor are none."""
    return (
        task.project == query.project
        and (not query.statuses or task.state.status in query.statuses)
        and query.queue in (None, task.queue)
        and query.name in (None, task.name)
        and query.key in (None, task.key)
        and (query.created_before is None or task.created_at < query.created_before)
        and (query.ended_before is None or ended_before(task, query.ended_before))
        and query.schedule_id in (None, schedule_of(task))
    )


def ended_before(task: Task, instant: datetime) -> bool:
    """Tell whether a task has ended, and that before ``instant``."""
    state = task.state
    return not isinstance(state, Pending | Running | Cancelling) and state.at < instant
