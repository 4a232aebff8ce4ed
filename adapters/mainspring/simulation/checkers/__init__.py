"""The checkers: one for each invariant of the reliability page, over a trace and nothing else.

Each gives a sentence for every breach. Safety (I) is judged on any trace, also on the beginning of one; liveness (L)
on whole ones, by what happened after the faults had ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from mainspring.core.invariants import Breaches
from mainspring.simulation.checkers import liveness, queues, schedules, tasks
from mainspring.simulation.trace import Trace

Checker: TypeAlias = Callable[[Trace], Breaches]

SAFETY: Final[Mapping[str, Checker]] = {
    "I1": tasks.nothing_is_lost,
    "I2": tasks.attempts_stay_bounded,
    "I3": tasks.runs_do_not_overlap,
    "I4": tasks.fences_hold,
    "I5": tasks.nothing_comes_early,
    "I6": tasks.ends_are_final,
    "I7": tasks.edges_are_legal,
    "I8": schedules.occurrences_have_one_record,
    "I9": schedules.next_moves_on,
    "I10": queues.concurrency_is_kept,
    "I11": queues.rates_are_kept,
    "I12": tasks.stops_are_heeded,
    "I13": tasks.histories_are_complete,
    "I14": tasks.projects_are_apart,
    "I15": tasks.all_is_one_transaction,
    "I16": tasks.order_is_kept,
}
"""What must hold after every event. I17 (the same seed, the same trace) is judged by playing a seed twice."""

LIVENESS: Final[Mapping[str, Checker]] = {
    "L1": liveness.due_tasks_start,
    "L2": liveness.tasks_end,
    "L3": liveness.occurrences_are_accounted,
    "L4": liveness.leases_are_reclaimed,
    "L5": liveness.workers_come_back,
    "L6": liveness.queues_progress,
}

ALL: Final[Mapping[str, Checker]] = {**SAFETY, **LIVENESS}


def breaches(trace: Trace, only: Mapping[str, Checker] = ALL) -> list[str]:
    """Give every breach of every invariant."""
    return [breach for checker in only.values() for breach in checker(trace)]


def first_breach(trace: Trace) -> tuple[int, str] | None:
    """Find the shortest beginning of a trace in which an invariant is broken: its length, and the first breach."""
    found = breaches(trace)
    if not found:
        return None
    safe, broken = 0, len(trace.entries)
    for _ in range(64):
        if broken - safe <= 1:
            break
        middle = (safe + broken) // 2
        part = breaches(trace.until(middle), SAFETY)
        if part:
            broken, found = middle, part
        else:
            safe = middle
    return broken, found[0]
