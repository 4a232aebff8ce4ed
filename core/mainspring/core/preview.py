"""Preview: what a schedule will do, played in virtual time by the functions that decide in production.

Rules:

* ``plan``, ``nudged`` and ``admit`` decide; preview only moves the clock from one instant at which something happens
  to the next, and says when tasks end. What it shows is what production would do if the assumptions below held.
* Assumed: somebody plans and takes what is due at once; each task runs for ``duration`` once it has started and
  succeeds; those that are live at first have just started; a task that is cancelled ends at once; nothing else is in
  the queue, and nobody changes schedule or queue.
* With an ``edit`` it is first made, at the preview's start, as it would be: what came due before is settled by the
  schedule as it was.
* At one instant: tasks end, then the schedule is planned, then tasks start; again and again until nothing moves.
* There is a row for each slot record and for each occurrence that waits at first, in the order of the occurrences. An
  occurrence that waited shows what became of it in the end.
* At most ``limit`` rows. The rest is counted: those planned behind the last row, and the further occurrences of the
  rule up to ``until`` (all bounded by ``MAX_CUT``: the count then says "at least").
"""

from __future__ import annotations

from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import islice
from typing import Final, TypeAlias

from attrs import define, field, frozen
from attrs import evolve as changed

from mainspring.core.effects import NudgeSchedule
from mainspring.core.errors import InvalidInput
from mainspring.core.ids import TaskId
from mainspring.core.instants import MAX_DURATION, format_duration, require_utc
from mainspring.core.queue import Queue, QueueRef, QueueView, admit
from mainspring.core.recurrence import between
from mainspring.core.schedule import (
    Buffered,
    Plan,
    Schedule,
    ScheduleEdit,
    ScheduleView,
    SlotOutcome,
    nudged,
    plan,
)
from mainspring.core.schedule import edit as edit_schedule
from mainspring.core.states import Pending
from mainspring.core.task import Fired, RunByHand, Task

MAX_ROWS: Final = 10_000
MAX_CUT: Final = 100_000
"""Up to how many occurrences are met and counted; a schedule that is further behind is not played to its end."""
MAX_LOOK: Final = 100
"""How many tasks of the line are shown to ``admit`` at a time."""
MAX_LIVE: Final = 1_000
"""How many live tasks ``plan`` is told of, as in production."""
MAX_STEPS: Final = 1_000_000

_TICK: Final = timedelta(microseconds=1)
_Key: TypeAlias = tuple[datetime, bool]


@frozen(kw_only=True)
class PreviewRow:
    """What will become of an occurrence, or of ``count`` of them from ``occurrence`` to ``until`` that share a record.

    ``task_id``, ``due``, ``starts`` and ``ends`` are of the task that it makes; None: it makes none, or not before the
    preview's end. ``cancelled``: a later occurrence cuts the task short (or cancels it before it starts).
    """

    occurrence: datetime
    until: datetime
    count: int
    outcome: SlotOutcome
    manual: bool = False
    due: datetime | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    cancelled: bool = False


@frozen(kw_only=True)
class Preview:
    """What will become of a schedule from ``at`` to ``until``.

    ``schedule`` is the one that was played, as it was at first (edited already, where there was an edit). ``cut``: how
    many occurrences the rows do not show (``MAX_CUT``: that many or more).
    """

    schedule: Schedule
    at: datetime
    until: datetime
    rows: tuple[PreviewRow, ...]
    cut: int


def preview(
    schedule: Schedule,
    *,
    until: datetime,
    at: datetime,
    duration: timedelta = timedelta(0),
    live: tuple[TaskId, ...] = (),
    queue: Queue | None = None,
    limit: int = 1_000,
    edit: ScheduleEdit | None = None,
) -> Preview:
    """Play ``schedule`` from ``at`` to ``until`` (included); each task runs for ``duration``.

    ``live`` are its tasks that have not ended, ``queue`` the settings and the log of its queue (None: open). ``edit``:
    as if it were changed so at ``at``; ``queue`` is then the one that its tasks go to after that.
    ``InvalidInput`` for a naive instant, an end before ``at``, a negative ``duration``, another queue, or a ``limit``
    outside 1 to ``MAX_ROWS``.
    """
    start, end = require_utc("at", at), require_utc("until", until)
    if end < start:
        raise InvalidInput("until", "it lies before the preview's start", "use a later instant")
    if not timedelta(0) <= duration <= MAX_DURATION:
        raise InvalidInput("duration", f"{format_duration(duration)} is out of range", "use 0s or more")
    if not 1 <= limit <= MAX_ROWS:
        raise InvalidInput("limit", f"{limit} is out of range", f"use 1 to {MAX_ROWS}")
    stage = _Stage(schedule=schedule, queue=queue, duration=duration, limit=limit, now=start, until=end)
    stage.seat(live)
    if edit is not None:
        stage.change(edit)
    ref = QueueRef(schedule.project, stage.schedule.template.queue)
    if queue is not None and queue.ref != ref:
        raise InvalidInput("queue", f"the schedule's tasks go to {ref}, not to {queue}", f"give {ref}")
    played = stage.schedule
    for _ in range(MAX_STEPS):
        if not stage.step():
            break
    seen, cut = stage.seen()
    return Preview(schedule=played, at=start, until=end, rows=seen, cut=cut)


@define(kw_only=True)
class _Stage:
    """The world of one schedule in virtual time."""

    schedule: Schedule
    queue: Queue | None
    duration: timedelta
    limit: int
    now: datetime
    until: datetime
    again: datetime | None = None
    """When a rate lets the next task start."""
    left: datetime | None = None
    """The first occurrence that was not played: the rows were full."""
    met: int = 0
    rows: dict[_Key, PreviewRow] = field(factory=dict[_Key, PreviewRow])
    live: dict[TaskId, _Key | None] = field(factory=dict[TaskId, "_Key | None"])
    due: list[tuple[datetime, TaskId, Task]] = field(factory=list[tuple[datetime, TaskId, Task]])
    line: dict[TaskId, Task] = field(factory=dict[TaskId, Task])
    running: dict[TaskId, None] = field(factory=dict[TaskId, None])
    ending: list[tuple[datetime, TaskId]] = field(factory=list[tuple[datetime, TaskId]])

    def seat(self, live: tuple[TaskId, ...]) -> None:
        """Let the live tasks run from now on, and give those that wait their rows."""
        for task_id in live:
            self.live[task_id] = None
            self._run(task_id)
        for waiting in self.schedule.waiting:
            instant = waiting.occurrence
            row = PreviewRow(occurrence=instant, until=instant, count=1, outcome=Buffered(), manual=waiting.manual)
            self.rows[instant, waiting.manual] = row

    def change(self, edit: ScheduleEdit) -> None:
        """Edit the schedule, as in production."""
        self._write(edit_schedule(self._view(), edit, self.now))

    def step(self) -> bool:
        """Do what is to be done at the next instant; False: nothing is, up to the end."""
        instants = [self.again, self.schedule.wake_at]
        instants += [heap[0][0] for heap in (self.due, self.ending) if heap]
        following = min((instant for instant in instants if instant is not None), default=None)
        if following is None or following > self.until:
            return False
        self.now = max(self.now, following)
        self._end_runs()
        if self.schedule.wake_at is not None and self.schedule.wake_at <= self.now:
            self._write(plan(self._view(), self.now))
        self._start_runs()
        return True

    def _view(self) -> ScheduleView:
        return ScheduleView(schedule=self.schedule, live=tuple(islice(self.live, MAX_LIVE)))

    def _end_runs(self) -> None:
        while self.ending and self.ending[0][0] <= self.now:
            _, task_id = heappop(self.ending)
            if task_id in self.running:
                self._end(task_id)

    def _end(self, task_id: TaskId) -> None:
        """A task is no more: the schedule is nudged, as the storage would."""
        del self.live[task_id]
        self.running.pop(task_id, None)
        self.line.pop(task_id, None)
        nudge = NudgeSchedule(schedule_id=self.schedule.id, at=self.now, failed=False)
        self.schedule = nudged(self.schedule, nudge)

    def _write(self, written: Plan) -> None:
        """Write a plan, as the storage would; what it cancels ends at once."""
        self.schedule = written.schedule
        for slot in written.slots:
            self.met += slot.count
            self.rows[slot.occurrence, slot.manual] = PreviewRow(
                occurrence=slot.occurrence,
                until=slot.until,
                count=slot.count,
                outcome=slot.outcome,
                manual=slot.manual,
            )
        for task in written.tasks:
            assert isinstance(task.state, Pending)  # noqa: S101  a new task is
            self.live[task.id] = _key(task)
            heappush(self.due, (task.state.due, task.id, task))
            self._note(task.id, due=task.state.due)
        for task_id in written.cancels:
            self._note(task_id, ends=self.now, cancelled=True)
            self._end(task_id)
        if len(self.rows) > self.limit or self.met >= MAX_CUT:
            self._close()

    def _close(self) -> None:
        """The rows are full: the rule ends here, what follows is counted. Ends of tasks wake those that wait."""
        if self.left is None:
            self.left = self.schedule.next_at
        self.schedule = changed(self.schedule, next_at=None, wake_at=None)

    def _start_runs(self) -> None:
        """Let those that are due start, as far as the queue admits them."""
        while self.due and self.due[0][0] <= self.now:
            _, task_id, task = heappop(self.due)
            if task_id in self.live:
                self.line[task_id] = task
        self.again = None
        if not self.line:
            return
        shown = tuple(islice(self.line.values(), MAX_LOOK))
        started = tuple(task.id for task in shown)
        if self.queue is not None and self.queue.gated:
            view = QueueView(queue=self.queue, running={"": len(self.running)})
            admission = admit(view, shown, self.now, len(shown))
            self.queue, started, self.again = admission.queue, admission.admitted, admission.again
        for task_id in started:
            del self.line[task_id]
            self._run(task_id)
            self._note(task_id, starts=self.now, ends=self._later(self.duration))
        if len(started) == len(shown) and self.line:
            self.again = self.now

    def _run(self, task_id: TaskId) -> None:
        self.running[task_id] = None
        ends = self._later(self.duration)
        if ends is not None:
            heappush(self.ending, (ends, task_id))

    def _later(self, wait: timedelta) -> datetime | None:
        try:
            return self.now + wait
        except OverflowError:
            return None  # behind the year 9999

    def _note(
        self,
        task_id: TaskId,
        due: datetime | None = None,
        starts: datetime | None = None,
        ends: datetime | None = None,
        cancelled: bool = False,
    ) -> None:
        """Write what is known of a task into the row of its occurrence; one that was live at first has none."""
        key = self.live[task_id]
        if key is not None:
            row = self.rows[key]
            self.rows[key] = changed(
                row,
                due=due or row.due,
                starts=starts or row.starts,
                ends=ends or row.ends,
                cancelled=cancelled,
            )

    def seen(self) -> tuple[tuple[PreviewRow, ...], int]:
        """What was seen: the first rows, and the count of all the rest."""
        ordered = [self.rows[key] for key in sorted(self.rows)]
        cut = sum(row.count for row in ordered[self.limit :])
        return tuple(ordered[: self.limit]), min(cut + self._left(), MAX_CUT)

    def _left(self) -> int:
        """How many occurrences of the rule were not played (nobody knows whether ``max_runs`` would end it before)."""
        if self.left is None:
            return 0
        last = self.until if self.schedule.ends_at is None else min(self.until, self.schedule.ends_at)
        return len(between(self.schedule.recurrence, self.left - _TICK, last, limit=MAX_CUT))


def _key(task: Task) -> _Key:
    assert isinstance(task.origin, Fired | RunByHand)  # noqa: S101  plan makes no other
    return task.origin.occurrence, isinstance(task.origin, RunByHand)
