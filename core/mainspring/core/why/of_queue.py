"""What of its queue holds a task back at an instant: the same limits that ``admit`` goes by, in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from mainspring.core.instants import format_instant
from mainspring.core.queue import Limits, QueueView
from mainspring.core.task import Task
from mainspring.core.why.reasons import Reason, noted, span


def gates(task: Task, view: QueueView, at: datetime) -> tuple[Reason, ...]:
    """Tell everything of its queue that would hold ``task`` back if it were the first in the line; none: nothing."""
    queue = view.queue
    if queue.paused is not None:
        text = f"Its queue {task.queue} is paused since {format_instant(queue.paused.at)}{noted(queue.paused.note)}."
        return (Reason(stage="gate", at=queue.paused.at, text=text, fact="queue.paused"),)
    key = task.key or ""
    turn = next((turn for turn in queue.turns if turn.key == key), None)
    starts = () if turn is None else turn.starts
    whole = f"queue {task.queue}"
    own = f"key {key} in {whole}" if key else f"tasks without a key in {whole}"
    return (
        *_held(queue.limits, sum(view.running.values()), queue.starts, at, whole, "queue.limits"),
        *_held(queue.key_limits, view.running.get(key, 0), starts, at, own, "queue.key_limits"),
    )


def _held(
    limits: Limits, running: int, starts: tuple[datetime, ...], at: datetime, whose: str, fact: str
) -> Iterator[Reason]:
    if limits.concurrency is not None and running >= limits.concurrency:
        text = f"All places of {whose} are taken: {running} of {limits.concurrency} run."
        yield Reason(stage="gate", at=at, text=text, fact=f"{fact}.concurrency")
    rate = limits.rate
    if rate is None:
        return
    recent = sorted(start for start in starts if start > at - rate.per)
    if len(recent) >= rate.count:
        again = recent[-rate.count] + rate.per
        text = (
            f"The rate of {whose} is used up: {len(recent)} of {rate.count} starts within {span(rate.per)}; "
            f"the next one may start at {format_instant(again)}."
        )
        yield Reason(stage="gate", at=again, text=text, fact=f"{fact}.rate")
