"""Queues: named lines of tasks, their limits, and ``admit``: how many of those that are due may start now.

Rules:

* A queue that nobody configured, or that has neither a limit nor a pause, is *open*: storages do not consult it.
* Concurrency: at every instant, at most so many runs whose lease has not ended, over all workers. An ended lease frees
  its place, whatever became of the worker.
* Rate: a sliding log. In *every* window ``(t - per, t]`` there are at most ``count`` starts.
* The same two limits may be set per *key* (a tenant, a host): they hold for each key by itself. Tasks without a key
  share one.
* Fair turns: between keys, the one whose last start is longest ago goes first, one task at a time. Within a key, and in
  a queue without keys: higher priority first, then due, then id.
* Paused: nothing starts; what runs goes on. Draining: no new task is accepted; those in it run out.
* Several queues share a worker by weight (``share``): each gets its exact part of the free places to within one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from math import floor
from typing import Final, Literal

from attrs import Attribute, field, frozen
from attrs import evolve as changed

from mainspring.core.commands import UNSET, Change, Unset
from mainspring.core.errors import InvalidInput
from mainspring.core.ids import TaskId
from mainspring.core.instants import format_duration
from mainspring.core.retry import RetryPolicy
from mainspring.core.task import DEFAULT_PROJECT, MAX_TIMEOUT, MIN_TIMEOUT, Task, check_name, validate_name

MAX_QUEUES: Final = 100
MAX_CONCURRENCY: Final = 1_000_000
MAX_RATE: Final = 10_000
MAX_KEYS: Final = 1_000
"""How many keys a queue remembers the last turn of, beyond those that a rate's window still needs."""
MAX_NOTE: Final = 500
MAX_WEIGHT: Final = 1_000
MIN_WINDOW: Final = timedelta(seconds=1)
MAX_WINDOW: Final = timedelta(weeks=1)
_NOTHING: Final = 1e-9
"""What is left of a place by the inexactness of numbers alone."""


@frozen(order=True)
class QueueRef:
    """Which queue: its project and its name in it."""

    project: str = field(validator=validate_name)
    name: str = field(validator=validate_name)

    def __str__(self) -> str:
        return f"queue {self.name}" if self.project == DEFAULT_PROJECT else f"queue {self.project}/{self.name}"


@lru_cache(maxsize=10_000)
def queue_ref(project: str, name: str) -> QueueRef:
    """Make a reference, or give the one that was made before: names are checked once."""
    return QueueRef(project, name)


def queue_of(task: Task) -> QueueRef:
    """Name the queue that a task is in."""
    return queue_ref(task.project, task.queue)


def _check_concurrency(instance: object, attribute: Attribute[int | None], value: int | None) -> None:
    if value is not None and not 1 <= value <= MAX_CONCURRENCY:
        raise InvalidInput("concurrency", f"{value} is out of range", f"use 1 to {MAX_CONCURRENCY}, or pause the queue")


def _check_count(instance: object, attribute: Attribute[int], value: int) -> None:
    if not 1 <= value <= MAX_RATE:
        raise InvalidInput("rate", f"{value} starts are out of range", f"use 1 to {MAX_RATE}")


def _check_per(instance: object, attribute: Attribute[timedelta], value: timedelta) -> None:
    if not MIN_WINDOW <= value <= MAX_WINDOW:
        raise InvalidInput("rate", f"a window of {format_duration(value)} is out of range", "use 1s to 7d")


@frozen(kw_only=True)
class Rate:
    """At most ``count`` starts in every window of length ``per`` (1 s to 1 week)."""

    count: int = field(validator=_check_count)
    per: timedelta = field(validator=_check_per)


@frozen(kw_only=True)
class Limits:
    """What may run at once, and what may start in a window; None: no limit."""

    concurrency: int | None = field(default=None, validator=_check_concurrency)
    rate: Rate | None = None

    @property
    def any(self) -> bool:
        """Whether there is a limit at all."""
        return self.concurrency is not None or self.rate is not None


@frozen(kw_only=True)
class Turn:
    """What a key has used: its starts within the rate's window (oldest first), and its last start."""

    key: str
    starts: tuple[datetime, ...]
    last: datetime


@frozen(kw_only=True)
class QueuePause:
    """Since when and why a queue is paused, or draining."""

    at: datetime
    note: str = ""


def _check_weight(instance: object, attribute: Attribute[int], value: int) -> None:
    if not 1 <= value <= MAX_WEIGHT:
        raise InvalidInput("weight", f"{value} is out of range", f"use 1 to {MAX_WEIGHT}")


def _check_timeout(instance: object, attribute: Attribute[timedelta | None], value: timedelta | None) -> None:
    if value is not None and not MIN_TIMEOUT <= value <= MAX_TIMEOUT:
        raise InvalidInput("timeout", f"{format_duration(value)} is out of range", "use 1ms to 24h")


@frozen(kw_only=True)
class Queue:
    """A configured queue: what was set, and the log that its limits are judged by.

    ``retry`` and ``timeout`` are the defaults of tasks created in it. ``starts`` are those within the rate's window,
    oldest first; ``turns`` what each key has used.
    """

    ref: QueueRef
    version: int = 1
    limits: Limits = Limits()
    key_limits: Limits = Limits()
    paused: QueuePause | None = None
    draining: QueuePause | None = None
    weight: int = field(default=1, validator=_check_weight)
    retry: RetryPolicy | None = None
    timeout: timedelta | None = field(default=None, validator=_check_timeout)
    starts: tuple[datetime, ...] = ()
    turns: tuple[Turn, ...] = ()

    def __str__(self) -> str:
        return str(self.ref)

    @property
    def last_turns(self) -> Mapping[str, datetime]:
        """When each key that is remembered had its last turn."""
        return {turn.key: turn.last for turn in self.turns}

    @property
    def gated(self) -> bool:
        """Whether starts have to be admitted: it is paused or limited."""
        return self.paused is not None or self.limits.any or self.key_limits.any


@frozen(kw_only=True)
class QueueView:
    """A queue as the storage sees it under lock: ``running`` counts, by key, the held tasks with a lease not ended."""

    queue: Queue
    running: Mapping[str, int]


@frozen(kw_only=True)
class Admission:
    """Who may start now, in order, and the queue with those starts in its log.

    ``again``: when the rate lets the next one start (None: not before something else happens).
    """

    queue: Queue
    admitted: tuple[TaskId, ...]
    again: datetime | None


def admit(view: QueueView, due: Sequence[Task], at: datetime, want: int) -> Admission:
    """Choose which of the tasks that are ``due`` may start at instant ``at``, at most ``want``.

    ``due`` holds the first tasks of each key in the order of the queue; they need not be all.
    """
    queue = view.queue
    if queue.paused is not None:
        return Admission(queue=queue, admitted=(), again=None)
    turns = {turn.key: turn for turn in queue.turns}
    free = _free(queue.limits, sum(view.running.values()), queue.starts, at)
    lines = {key: list(line) for key, line in _lines(due).items()}
    places = {key: _key_places(queue, turns.get(key), view.running.get(key, 0), at) for key in lines}
    order = sorted(lines, key=lambda key: (key in turns, turns[key].last if key in turns else at))
    admitted: list[Task] = []
    room = min(want, free)
    while len(admitted) < room and order:
        for key in tuple(order):
            if not lines[key] or places[key] <= 0:
                order.remove(key)
                continue
            if len(admitted) == room:
                break
            admitted.append(lines[key].pop(0))
            places[key] -= 1
    after = _logged(queue, turns, admitted, at)
    held_back = any(lines[key] for key in lines)
    again = _again(after, at, lines) if held_back and len(admitted) < want else None
    return Admission(queue=after, admitted=tuple(task.id for task in admitted), again=again)


def _lines(due: Sequence[Task]) -> Mapping[str, Sequence[Task]]:
    lines: dict[str, list[Task]] = {}
    for task in due:
        lines.setdefault(task.key or "", []).append(task)
    return lines


def _recent(starts: tuple[datetime, ...], rate: Rate, at: datetime) -> tuple[datetime, ...]:
    """The starts that a window ending at ``at`` holds; those after ``at`` (the clock went back) count as well."""
    edge = at - rate.per
    return tuple(start for start in starts if start > edge)


def _free(limits: Limits, running: int, starts: tuple[datetime, ...], at: datetime) -> int:
    free = MAX_CONCURRENCY if limits.concurrency is None else limits.concurrency - running
    if limits.rate is not None:
        free = min(free, limits.rate.count - len(_recent(starts, limits.rate, at)))
    return max(0, free)


def _key_places(queue: Queue, turn: Turn | None, running: int, at: datetime) -> int:
    return _free(queue.key_limits, running, () if turn is None else turn.starts, at)


def _logged(queue: Queue, turns: Mapping[str, Turn], admitted: Sequence[Task], at: datetime) -> Queue:
    """Write the starts into the log; what has left its window is dropped, and so are old turns without a start."""
    if not admitted:
        return queue
    rate = queue.limits.rate
    starts = () if rate is None else _recent(_joined(queue.starts, (at,) * len(admitted)), rate, at)
    if not turns and all(task.key is None for task in admitted) and not queue.key_limits.any:
        return changed(queue, starts=starts, version=queue.version + 1)
    used = {key: _aged(queue, turn, at) for key, turn in turns.items()}
    for task in admitted:
        key = task.key or ""
        before = used[key].starts if key in used else ()
        used[key] = _aged(queue, Turn(key=key, starts=_joined(before, (at,)), last=at), at)
    return changed(queue, starts=starts, turns=_remembered(used), version=queue.version + 1)


def _joined(starts: tuple[datetime, ...], fresh: tuple[datetime, ...]) -> tuple[datetime, ...]:
    """Put starts of now behind those before: oldest first, also when the clock went back."""
    both = (*starts, *fresh)
    return both if not starts or starts[-1] <= fresh[0] else tuple(sorted(both))


def _aged(queue: Queue, turn: Turn, at: datetime) -> Turn:
    rate = queue.key_limits.rate
    return changed(turn, starts=() if rate is None else _recent(turn.starts, rate, at))


def _remembered(used: Mapping[str, Turn]) -> tuple[Turn, ...]:
    """All turns that a window still needs, and of the others the newest, so that there are ``MAX_KEYS`` if possible."""
    needed = [turn for turn in used.values() if turn.starts]
    others = sorted((turn for turn in used.values() if not turn.starts), key=lambda turn: turn.last)
    spare = max(0, MAX_KEYS - len(needed))
    return tuple(needed + (others[-spare:] if spare else []))


def _again(queue: Queue, at: datetime, lines: Mapping[str, Sequence[Task]]) -> datetime | None:
    """The earliest instant at which a window lets one more start."""
    instants = [_opens(queue.limits.rate, queue.starts, at)]
    held_back = [turn for turn in queue.turns if lines.get(turn.key)]
    instants += [_opens(queue.key_limits.rate, turn.starts, at) for turn in held_back]
    return min((instant for instant in instants if instant is not None), default=None)


def _opens(rate: Rate | None, starts: tuple[datetime, ...], at: datetime) -> datetime | None:
    if rate is None:
        return None
    recent = _recent(starts, rate, at)
    return None if len(recent) < rate.count else recent[-rate.count] + rate.per


def share(
    places: int, weights: Mapping[QueueRef, int], credit: Mapping[QueueRef, float]
) -> tuple[Mapping[QueueRef, int], Mapping[QueueRef, float]]:
    """Divide ``places`` between queues by weight; returns the parts and the credit for the next time.

    A queue earns its exact share of every place as credit and pays for those that it is given. The whole part of what
    it has is given to it at once; of those with something left, who would have a whole place soonest goes first. So for
    as long as the same queues share, each has had its exact share to within one place at any time (they are the
    subtasks of a periodic task, and the earliest deadline goes first: Baruah, Cohen, Plaxton and Varvel, 1996), and
    none starves. What a queue that stays away has left or owes is divided between the others by weight.
    """
    total = sum(weights.values())
    away = sum(credit.get(ref, 0.0) for ref in weights)
    shared = {ref: (places - away) * weight / total for ref, weight in weights.items()}
    earned = {ref: credit.get(ref, 0.0) + shared[ref] for ref in sorted(weights)}
    given = _whole(earned, places)
    rest = {ref: earned[ref] - part for ref, part in given.items()}
    soonest = sorted(rest, key=lambda ref: (rest[ref] <= _NOTHING, (1 - rest[ref]) / weights[ref], ref))
    for ref in soonest[: places - sum(given.values())]:
        given[ref] += 1
    return {ref: part for ref, part in given.items() if part}, {ref: earned[ref] - given[ref] for ref in earned}


def _whole(earned: Mapping[QueueRef, float], places: int) -> dict[QueueRef, int]:
    """The whole places that queues have earned. Only after others came or went may that be more than there are."""
    given = dict.fromkeys(earned, 0)
    left = places
    for ref in sorted(earned, key=lambda ref: (-earned[ref], ref)):
        given[ref] = min(left, max(0, floor(earned[ref] + _NOTHING)))
        left -= given[ref]
    return given


def check_queues(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the queues that a worker serves (none: all), or raise ``InvalidInput``."""
    if len(names) > MAX_QUEUES:
        raise InvalidInput("queues", f"{len(names)} queues", f"name at most {MAX_QUEUES}, or none for all")
    for name in names:
        check_name("queues", name)
    return names


@frozen(kw_only=True)
class QueueEdit:
    """Change a queue's settings; fields left ``UNSET`` stay as they are, None takes a limit or a default away."""

    concurrency: Change[int | None] = UNSET
    rate: Change[Rate | None] = UNSET
    key_concurrency: Change[int | None] = UNSET
    key_rate: Change[Rate | None] = UNSET
    weight: Change[int] = UNSET
    retry: Change[RetryPolicy | None] = UNSET
    timeout: Change[timedelta | None] = UNSET


def edit_queue(queue: Queue, edit: QueueEdit) -> Queue:
    """Change a queue's settings; the same value if nothing changes."""
    after = changed(
        queue,
        limits=_limited(queue.limits, edit.concurrency, edit.rate),
        key_limits=_limited(queue.key_limits, edit.key_concurrency, edit.key_rate),
        weight=queue.weight if isinstance(edit.weight, Unset) else edit.weight,
        retry=queue.retry if isinstance(edit.retry, Unset) else edit.retry,
        timeout=queue.timeout if isinstance(edit.timeout, Unset) else edit.timeout,
    )
    return queue if after == queue else changed(after, version=queue.version + 1)


def _limited(limits: Limits, concurrency: Change[int | None], rate: Change[Rate | None]) -> Limits:
    return Limits(
        concurrency=limits.concurrency if isinstance(concurrency, Unset) else concurrency,
        rate=limits.rate if isinstance(rate, Unset) else rate,
    )


def close_queue(queue: Queue, how: Literal["paused", "draining"], at: datetime, note: str) -> Queue:
    """Pause a queue, or let it run out; one that is so already keeps its first note."""
    if len(note) > MAX_NOTE:
        raise InvalidInput("note", f"{len(note)} characters", f"use at most {MAX_NOTE}")
    pause = QueuePause(at=at, note=note)
    if how == "paused":
        return queue if queue.paused is not None else changed(queue, paused=pause, version=queue.version + 1)
    return queue if queue.draining is not None else changed(queue, draining=pause, version=queue.version + 1)


def open_queue(queue: Queue) -> Queue:
    """Let a paused or draining queue go on; the same value if it is neither."""
    if queue.paused is None and queue.draining is None:
        return queue
    return changed(queue, paused=None, draining=None, version=queue.version + 1)
