"""Traces told by hand: what a checker is fed to see whether it notices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import evolve as changed

from mainspring.core.commands import Cancel, Command, Fail, LoseLease, Start, Succeed
from mainspring.core.events import UNRECORDED, Event
from mainspring.core.ids import ScheduleId, TaskId, uuid7
from mainspring.core.machine import Decision, handle
from mainspring.core.queue import Queue, QueueRef
from mainspring.core.recurrence import Interval
from mainspring.core.schedule import Plan, Schedule, Slot, TaskTemplate, new_schedule
from mainspring.core.task import FunctionCall, Task, new_task
from mainspring.simulation.trace import (
    Answered,
    Began,
    Bounds,
    Calm,
    Ended,
    Heard,
    Inserted,
    NodeUp,
    Over,
    Planned,
    Probed,
    QueueSet,
    Reached,
    Removed,
    ScheduleMade,
    Took,
    Trace,
    Wrote,
)
from support.builders import FAILURE, LEASE, NOW, SECOND

WORKER = "w0.0"
QUEUE = QueueRef("default", "default")


class Teller:
    """Tells a trace: each entry at so many seconds after ``NOW``."""

    def __init__(self) -> None:
        self.trace = Trace(Bounds(lease=LEASE, poll=2 * SECOND, longest_call=20 * SECOND))
        self.tasks: dict[TaskId, Task] = {}
        self.histories: dict[TaskId, list[Event]] = {}
        self._made = 0

    def _where(self, seconds: float, actor: str = WORKER) -> dict[str, Any]:
        return {"at": NOW + timedelta(seconds=seconds), "tick": seconds, "actor": actor}

    def add(self, seconds: float = 0, *, task: Task | None = None, key: str | None = None, **fields: Any) -> Task:
        """A task is created, due at once."""
        self._made += 1
        arguments = "{}" if key is None else f'{{"key": "{key}"}}'
        made = task or new_task(
            task_id=TaskId(uuid7(NOW, f"task{self._made:04}".encode())),
            call=FunctionCall(function="work", arguments=arguments),
            at=NOW + timedelta(seconds=seconds),
            **fields,
        )
        self.tasks[made.id] = made
        self.histories[made.id] = []
        self.trace.add(Inserted(**self._where(seconds, "c0.0"), op="add", task=made))
        return made

    def write(self, task: Task, decision: Decision, seconds: float, op: str = "update", actor: str = WORKER) -> Task:
        """A decision is written, whatever it says."""
        before = self.tasks[task.id]
        self.trace.add(Wrote(**self._where(seconds, actor), op=op, before=before, decision=decision))
        self.tasks[task.id] = decision.task
        self.histories[task.id] += [event for event in decision.events if type(event) not in UNRECORDED]
        return decision.task

    def do(self, task: Task, command: Command, seconds: float, op: str = "update", actor: str = WORKER) -> Task:
        """A command is carried out on the task as it is."""
        return self.write(task, handle(self.tasks[task.id], command), seconds, op, actor)

    def start(self, task: Task, seconds: float, actor: str = WORKER) -> Task:
        """A worker takes the task."""
        return self.do(
            task, Start(at=NOW + timedelta(seconds=seconds), worker=actor, lease=LEASE), seconds, "take", actor
        )

    def succeed(self, task: Task, seconds: float, actor: str = WORKER) -> Task:
        """The current run reports its success."""
        run = self.tasks[task.id].state.tally.runs
        return self.do(task, Succeed(at=NOW + timedelta(seconds=seconds), run=run), seconds, "save", actor)

    def fail(self, task: Task, seconds: float, actor: str = WORKER) -> Task:
        """The current run reports its failure."""
        run = self.tasks[task.id].state.tally.runs
        command = Fail(at=NOW + timedelta(seconds=seconds), run=run, failure=FAILURE, entropy=0.5)
        return self.do(task, command, seconds, "save", actor)

    def lose(self, task: Task, seconds: float, told: float | None = None) -> Task:
        """The lease is taken for ended at ``seconds``; the step is told ``told``."""
        at = NOW + timedelta(seconds=seconds if told is None else told)
        return self.do(task, LoseLease(at=at, entropy=0.5), seconds, "reclaim")

    def cancel(self, task: Task, seconds: float, actor: str = "o0.0") -> Task:
        """Somebody asks for the end of the task."""
        return self.do(task, Cancel(at=NOW + timedelta(seconds=seconds)), seconds, "update", actor)

    def answer(self, key: str, task_id: TaskId, seconds: float = 0) -> None:
        """A client is told of its task."""
        self.trace.add(Answered(**self._where(seconds, "c0.0"), key=key, task_id=task_id, idempotent=True))

    def remove(self, task: Task, seconds: float, op: str = "prune") -> None:
        """A task is deleted."""
        self.trace.add(Removed(**self._where(seconds), op=op, task=self.tasks.pop(task.id)))

    def began(self, task: Task, seconds: float, run: int = 1, lease_until: float = 30, thawed: bool = False) -> None:
        """A call arrives at the receiver."""
        until = NOW + timedelta(seconds=lease_until)
        self.trace.add(Began(**self._where(seconds), task_id=task.id, run=run, lease_until=until, thawed=thawed))

    def ended(self, task: Task, seconds: float, run: int = 1, how: str = "done") -> None:
        """A call ends at the receiver."""
        self.trace.add(Ended(**self._where(seconds), task_id=task.id, run=run, how=how))

    def heard(self, task: Task, seconds: float, run: int = 1) -> None:
        """A worker hears that a run is to stop."""
        self.trace.add(Heard(**self._where(seconds), task_id=task.id, run=run))

    def queue(self, seconds: float, queue: Queue, op: str = "update") -> None:
        """A queue is set."""
        self.trace.add(QueueSet(**self._where(seconds, "o0.0"), op=op, before=Queue(ref=queue.ref), after=queue))

    def took(self, seconds: float, line: list[Task], taken: list[Task], *, keyed: bool = False) -> None:
        """A worker is given tasks."""
        ids = tuple(task.id for task in line), tuple(task.id for task in taken)
        self.trace.add(Took(**self._where(seconds), ref=QUEUE, keyed=keyed, line=ids[0], taken=ids[1]))

    def schedule(self, seconds: float = 0, **fields: Any) -> Schedule:
        """A schedule of every ten seconds is created."""
        at = NOW + timedelta(seconds=seconds)
        values: dict[str, Any] = {"recurrence": Interval(every=10 * SECOND, anchor=NOW)}
        made = new_schedule(
            schedule_id=ScheduleId(uuid7(NOW, b"schedule")),
            template=TaskTemplate(call=FunctionCall(function="fired")),
            at=at,
            **(values | fields),
        )
        self.trace.add(ScheduleMade(**self._where(seconds, "o0.0"), schedule=made))
        return made

    def planned(
        self, before: Schedule, plan: Plan, seconds: float, op: str = "fire", *, insert: bool = True
    ) -> Schedule:
        """A plan is written; its tasks are created with it, or not."""
        self.trace.add(Planned(**self._where(seconds), op=op, before=before, plan=plan))
        for task in plan.tasks if insert else ():
            self.add(seconds, task=task)
        return plan.schedule

    def up(self, seconds: float = 0, actor: str = WORKER) -> None:
        """A worker process starts."""
        self.trace.add(NodeUp(**self._where(seconds, actor)))

    def reached(self, seconds: float, actor: str = WORKER) -> None:
        """A worker process is at work again."""
        self.trace.add(Reached(**self._where(seconds, actor)))

    def probe(self, task: Task, seconds: float) -> None:
        """The task was created when all was well."""
        self.trace.add(Probed(**self._where(seconds, ""), task_id=task.id))

    def calm(self, seconds: float) -> None:
        """The faults end."""
        self.trace.add(Calm(**self._where(seconds, "")))

    def over(
        self,
        seconds: float,
        *,
        tasks: Mapping[TaskId, Task] | None = None,
        histories: Mapping[TaskId, tuple[Event, ...]] | None = None,
        schedules: Mapping[ScheduleId, Schedule] | None = None,
        slots: Mapping[ScheduleId, tuple[Slot, ...]] | None = None,
    ) -> None:
        """The run is over; the storage holds what was written, unless told otherwise."""
        self.trace.add(
            Over(
                **self._where(seconds, ""),
                tasks=self.tasks if tasks is None else tasks,
                histories={key: tuple(events) for key, events in self.histories.items()}
                if histories is None
                else histories,
                schedules=schedules or {},
                slots=slots or {},
            )
        )


def forged(decision: Decision, **fields: Any) -> Decision:
    """A decision that says something else."""
    return changed(decision, **fields)


def at(seconds: float) -> datetime:
    """The instant so many seconds after ``NOW``."""
    return NOW + timedelta(seconds=seconds)
