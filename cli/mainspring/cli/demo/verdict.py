"""What the demonstration comes to: figures from the receiver's log, and whatever should not be.

* *delivered*: tasks that the receiver answered well. *lost*: tasks that it should have, and did not.
* *duplicates*: further deliveries of a task that it had already answered well. At-least-once allows them, but only
  after a lease had ended.
* *lateness*: from when a task was scheduled for to its first arrival.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from attrs import frozen

from mainspring.app import SyncMainspring
from mainspring.cli.demo.cast import Cast, Kind, everyone
from mainspring.cli.demo.ledger import Ledger
from mainspring.core.events import RetryScheduled, TaskFailed
from mainspring.core.recurrence import RRule, between
from mainspring.core.schedule import Created, Schedule, Slot
from mainspring.core.states import TERMINAL
from mainspring.core.task import Task

KINDS: Final[tuple[Kind, ...]] = ("immediate", "delayed", "flaky", "dead", "cancelled", "bulk", "cron", "rrule")
_ENDS: Final[dict[Kind, str]] = {"dead": "failed", "cancelled": "cancelled"}
MAX_SLOTS: Final = 100_000
_TICK: Final = timedelta(microseconds=1)


@frozen(kw_only=True)
class Figures:
    """One row of the table."""

    kind: str
    created: int
    delivered: int
    retried: int
    dead: int
    cancelled: int
    duplicates: int
    lost: int
    lateness: tuple[timedelta, ...]

    def percentile(self, part: float) -> timedelta | None:
        """The lateness that ``part`` of the tasks did not exceed (nearest rank); None if none arrived."""
        if not self.lateness:
            return None
        rank = max(1, -(-len(self.lateness) * round(part * 100) // 100))
        return sorted(self.lateness)[rank - 1]


@frozen(kw_only=True)
class Verdict:
    """The rows, their total, and what should not be: nothing, when all is well."""

    rows: tuple[Figures, ...]
    total: Figures
    problems: tuple[str, ...]


def judge(operations: SyncMainspring, cast: Cast, ledger: Ledger) -> Verdict:
    """Compare what was asked for with what arrived."""
    tasks = everyone(operations, cast)
    by_kind = {kind: [task for its, task in tasks if its == kind] for kind in KINDS}
    rows = [_figures(kind, by_kind[kind], ledger) for kind in KINDS]
    problems = [_problem(kind, task, ledger) for kind, task in tasks]
    problems += [_early_duplicate(operations, task, ledger) for _, task in tasks]
    missing = [f"task {task_id} is gone" for task_id in cast.tasks.keys() - {task.id for _, task in tasks}]
    for schedule in cast.schedules.values():
        missing += _missed(operations.get_schedule(schedule.id), operations.schedule_slots(schedule.id, MAX_SLOTS))
    return Verdict(
        rows=tuple(rows),
        total=_total(rows),
        problems=(*(problem for problem in problems if problem is not None), *missing),
    )


def _figures(kind: Kind, tasks: Sequence[Task], ledger: Ledger) -> Figures:
    arrivals = [(task, ledger.by_task.get(task.id, [])) for task in tasks]
    well = [sum(delivery.well for delivery in found) for _, found in arrivals]
    return Figures(
        kind=kind,
        created=len(tasks),
        delivered=sum(count > 0 for count in well),
        retried=sum(max(0, task.state.tally.attempts - 1) for task in tasks),
        dead=sum(task.state.status == "failed" for task in tasks),
        cancelled=sum(task.state.status == "cancelled" for task in tasks),
        duplicates=sum(max(0, count - 1) for count in well),
        lost=0 if kind in _ENDS else sum(count == 0 for count in well),
        lateness=tuple(found[0].at - task.scheduled_for for task, found in arrivals if found),
    )


def _total(rows: Sequence[Figures]) -> Figures:
    return Figures(
        kind="all",
        created=sum(row.created for row in rows),
        delivered=sum(row.delivered for row in rows),
        retried=sum(row.retried for row in rows),
        dead=sum(row.dead for row in rows),
        cancelled=sum(row.cancelled for row in rows),
        duplicates=sum(row.duplicates for row in rows),
        lost=sum(row.lost for row in rows),
        lateness=tuple(late for row in rows for late in row.lateness),
    )


def _problem(kind: Kind, task: Task, ledger: Ledger) -> str | None:
    """Say what is wrong with a task that did not end as it should, or that arrived where it should not."""
    found = ledger.by_task.get(task.id, [])
    expected = _ENDS.get(kind, "succeeded")
    if not isinstance(task.state, TERMINAL) or task.state.status != expected:
        return f"{task} ({kind}) is {task.state.status}, not {expected}"
    if kind not in _ENDS and not any(delivery.well for delivery in found):
        return f"{task} ({kind}) was lost: it never arrived well"
    if kind == "cancelled" and found:
        return f"{task} was cancelled and arrived all the same"
    if found and found[0].at < task.scheduled_for:
        return f"{task} ({kind}) came too early"
    return None


def _early_duplicate(operations: SyncMainspring, task: Task, ledger: Ledger) -> str | None:
    if sum(delivery.well for delivery in ledger.by_task.get(task.id, [])) < 2:
        return None
    history = operations.task_history(task.id)
    lost = [e for e in history if isinstance(e, RetryScheduled | TaskFailed) and e.failure.kind == "lease_lost"]
    return None if lost else f"{task} arrived twice although no lease had ended"


def _missed(schedule: Schedule, slots: Sequence[Slot]) -> list[str]:
    """Say if the records do not account for each occurrence of the schedule once."""
    rule = schedule.recurrence
    start = rule.dtstart - _TICK if isinstance(rule, RRule) else schedule.created_at
    end = schedule.next_at or start
    due = len(between(rule, start, end - _TICK, limit=MAX_SLOTS))
    recorded = sum(slot.count for slot in slots)
    fired = sum(isinstance(slot.outcome, Created) for slot in slots)
    if due != recorded or not fired:
        return [f"{schedule} has {recorded} records ({fired} tasks) of {due} occurrences"]
    return []
