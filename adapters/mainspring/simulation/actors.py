"""The people: clients that create tasks, and operators that change whatever they find. All through the operations."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from mainspring.adapters.operations.asynchronous import Operations
from mainspring.adapters.operations.intake import ScheduleRequest, TaskRequest
from mainspring.core.commands import Edit
from mainspring.core.creation import ClashPolicy
from mainspring.core.errors import MainspringError, Unavailable
from mainspring.core.ports import MAX_PAGE, ScheduleQuery, TaskQuery
from mainspring.core.queue import QueueEdit, Rate
from mainspring.core.recurrence import Interval
from mainspring.core.retry import Exponential, Fixed, Ladder, Never, RetryPolicy
from mainspring.core.schedule import AtMost, CatchUp, Overlap, Schedule, ScheduleEdit
from mainspring.core.states import LIVE_STATUSES, TERMINAL_STATUSES
from mainspring.core.task import FollowUp, FunctionCall, Task
from mainspring.simulation.dice import Dice
from mainspring.simulation.faults import Weather
from mainspring.simulation.swarm import ZONES
from mainspring.simulation.trace import Answered, Trace

PROJECTS: Final = ("default", "other")
QUEUES: Final = ("default", "limited", "rated", "keyed")
OVERLAPS: Final[tuple[Overlap, ...]] = ("skip", "buffer_one", "buffer_all", "cancel_other", "allow_all", "serial")
CLASHES: Final[tuple[ClashPolicy, ...]] = ("reject", "keep", "replace", "debounce")
CRONS: Final = ("* * * * *", "*/2 * * * *", "0 2 * * *", "30 2 * * *", "15 1,2,3 * * *", "0 * * * *")
PENDING: Final = frozenset({"pending"})
RUNNING: Final = frozenset({"running"})
UNWELL: Final = frozenset({"failed", "cancelled", "expired"})
PATIENCE: Final = 200
"""How often a client tries one request at most."""


def retry_of(dice: Dice) -> RetryPolicy:
    """Draw a retry policy whose waits fit into a run."""
    wait = timedelta(seconds=round(dice.scaled(0.5, 20), 3))
    policies: tuple[RetryPolicy, ...] = (
        Never(),
        Fixed(delay=wait, attempts=1 + dice.below(5)),
        Fixed(delay=wait, attempts=4, jitter=0.5),
        Exponential(initial=wait / 4, max=timedelta(seconds=20), attempts=2 + dice.below(4)),
        Ladder(steps=(timedelta(0), wait)),
        Fixed(delay=wait, attempts=6, max_age=timedelta(seconds=60)),
    )
    return dice.pick(policies)


def _seconds(dice: Dice, least: float, most: float) -> timedelta:
    return timedelta(seconds=round(dice.between(least, most), 3))


class Client:
    """Creates tasks. A request whose outcome is unknown is made again with its idempotency key, if it has one.

    What it was about to do outlives the process: ``pending`` is its memory.
    """

    def __init__(self, name: str, dice: Dice, weather: Weather, trace: Trace, pace: float) -> None:
        self.name = name
        self._dice = dice
        self._weather = weather
        self._trace = trace
        self._pace = pace
        self._made = 0
        self._pending: TaskRequest | None = None

    async def live(self, operations: Operations, node: str) -> None:
        """Make requests until the faults end; the last one is still brought to its end."""
        while self._pending is not None or not self._weather.calm:
            if self._pending is None:
                await asyncio.sleep(self._weather.left(self._dice.wait(self._pace)))
                self._pending = self._request()
            request = self._pending
            if request.idempotency_key is None:
                self._pending = None  # should this process end now: nobody knows, so it is not asked for again
            await self._insist(operations, request, node)
            self._pending = None

    async def _insist(self, operations: Operations, request: TaskRequest, node: str) -> None:
        for _ in range(PATIENCE):
            try:
                task = await operations.create_task(request)
            except Unavailable:
                if request.idempotency_key is None:
                    return  # nobody knows: it must not be asked for again
                await asyncio.sleep(self._dice.between(0.1, 2))
            except MainspringError as error:
                self._trace.sometimes(f"a creation is refused: {type(error).__name__}")
                return
            else:
                self._note(request, task, node)
                return

    def _note(self, request: TaskRequest, task: Task, node: str) -> None:
        self._trace.add(
            Answered(
                at=self._weather.now(),
                tick=self._weather.tick(),
                actor=node,
                key=marked(request.call) or "",
                task_id=task.id,
                idempotent=request.idempotency_key is not None and request.name is None,
            )
        )

    def _request(self) -> TaskRequest:
        dice = self._dice
        self._made += 1
        key = f"{self.name}-{self._made}"
        named = dice.chance(0.15)
        start_by = self._weather.now() + _seconds(dice, 2, 40) if dice.chance(0.15) else None
        after = FollowUp(call=FunctionCall(function="after"), retry=Never(), timeout=timedelta(seconds=5))
        return TaskRequest(
            call=FunctionCall(function="work", arguments=f'{{"key": "{key}"}}'),
            delay=_seconds(dice, 0, 9) if dice.chance(0.4) else None,
            name=f"name-{dice.below(3)}" if named else None,
            on_clash=dice.pick(CLASHES),
            queue=dice.pick(QUEUES),
            key=dice.pick(("a", "b", "c")) if dice.chance(0.3) else None,
            priority=dice.below(3) if dice.chance(0.3) else 0,
            retry=retry_of(dice),
            timeout=_seconds(dice, 1, 20),
            start_by=start_by,
            idempotency_key=key if dice.chance(0.8) else None,
            on_success=after if dice.chance(0.05) else None,
            on_failure=after if dice.chance(0.05) else None,
            project=PROJECTS[1] if dice.chance(0.15) else PROJECTS[0],
        )


def marked(call: object) -> str | None:
    """Read the client's own mark of a request out of its call."""
    if not isinstance(call, FunctionCall) or '"key": "' not in call.arguments:
        return None
    return call.arguments.split('"key": "')[1].split('"')[0]


class Operator:
    """Changes what it finds, in one project."""

    def __init__(self, dice: Dice, weather: Weather, project: str, pace: float) -> None:
        self._dice = dice
        self._weather = weather
        self.project = project
        self._pace = pace

    async def live(self, operations: Operations) -> None:
        """Do one thing after the other until the faults end; then let everything that was stopped go on."""
        while not self._weather.calm:
            await asyncio.sleep(self._weather.left(self._dice.wait(self._pace)))
            if self._weather.calm:
                break
            with suppress(MainspringError):
                await self._dice.pick(self._acts(operations))()
        for name in QUEUES:
            await operations.resume_queue(name, self.project)
        for schedule in (await operations.find_schedules(ScheduleQuery(project=self.project))).items:
            await operations.resume_schedule(schedule.id)

    def _acts(self, operations: Operations) -> tuple[Callable[[], Awaitable[object]], ...]:
        ops, dice, project = operations, self._dice, self.project
        queue = dice.pick(QUEUES)

        async def to_task(statuses: frozenset[str], act: Callable[[Task], Awaitable[object]]) -> None:
            found = (await ops.find_tasks(TaskQuery(project=project, statuses=statuses, limit=MAX_PAGE))).items
            if found:
                await act(dice.pick(found))

        async def to_schedule(act: Callable[[Schedule], Awaitable[object]]) -> None:
            found = (await ops.find_schedules(ScheduleQuery(project=project))).items
            if found:
                await act(dice.pick(found))

        async def to_repeated(act: Callable[[Task], Awaitable[object]]) -> None:
            found = (await ops.find_tasks(TaskQuery(project=project, statuses=RUNNING, limit=MAX_PAGE))).items
            again = [task for task in found if task.state.tally.runs > 1]
            if again:
                await act(dice.pick(again))

        return (
            lambda: to_task(LIVE_STATUSES, lambda task: ops.cancel_task(task.id)),
            lambda: to_task(RUNNING, lambda task: ops.cancel_task(task.id)),
            lambda: to_task(RUNNING, lambda task: ops.cancel_task(task.id)),
            lambda: to_repeated(lambda task: ops.cancel_task(task.id)),
            lambda: to_repeated(lambda task: ops.cancel_task(task.id)),
            lambda: to_task(TERMINAL_STATUSES, lambda task: ops.requeue_task(task.id, dice.chance(0.5))),
            lambda: to_task(UNWELL, lambda task: ops.requeue_task(task.id, dice.chance(0.5))),
            lambda: to_task(PENDING, lambda task: ops.run_task(task.id)),
            lambda: to_task(PENDING, lambda task: ops.edit_task(task.id, self._edit())),
            lambda: to_task(TERMINAL_STATUSES, lambda task: ops.delete_task(task.id)),
            lambda: ops.pause_queue(queue, project=project),
            lambda: ops.resume_queue(queue, project=project),
            lambda: ops.resume_queue(queue, project=project),
            lambda: ops.edit_queue(queue, limits_of(queue, dice), project),
            lambda: ops.purge_queue(queue, project),
            lambda: to_schedule(lambda schedule: ops.pause_schedule(schedule.id)),
            lambda: to_schedule(lambda schedule: ops.resume_schedule(schedule.id)),
            lambda: to_schedule(lambda schedule: ops.run_schedule(schedule.id)),
            lambda: to_schedule(lambda schedule: ops.skip_next(schedule.id)),
            lambda: to_schedule(lambda schedule: ops.edit_schedule(schedule.id, self._change())),
            lambda: to_schedule(lambda schedule: self._backfill(ops, schedule)),
            lambda: to_schedule(lambda schedule: ops.delete_schedule(schedule.id)),
            lambda: ops.cancel_tasks(TaskQuery(project=project, key="a", statuses=LIVE_STATUSES)),
        )

    def _edit(self) -> Edit:
        dice, now = self._dice, self._weather.now()
        due = now + _seconds(dice, -2, 10)
        return dice.pick((Edit(at=now, due=due), Edit(at=now, priority=3), Edit(at=now, queue=dice.pick(QUEUES))))

    def _change(self) -> ScheduleEdit:
        dice = self._dice
        every, caught_up = Interval(every=_seconds(dice, 2, 20), anchor=self._weather.now()), catch_up_of(dice)
        edits = (
            ScheduleEdit(recurrence=every),
            ScheduleEdit(overlap=dice.pick(OVERLAPS)),
            ScheduleEdit(description="changed"),
            ScheduleEdit(catch_up_mode=caught_up.mode, catch_up_window=caught_up.window),
        )
        return dice.pick(edits)

    async def _backfill(self, operations: Operations, schedule: Schedule) -> None:
        now: datetime = self._weather.now()
        await operations.backfill_schedule(schedule.id, now - _seconds(self._dice, 10, 60), now - timedelta(seconds=5))


def limits_of(queue: str, dice: Dice) -> QueueEdit:
    """Draw the limits of one of the queues."""
    match queue:
        case "limited":
            return QueueEdit(concurrency=1 + dice.below(3))
        case "rated":
            return QueueEdit(rate=Rate(count=1 + dice.below(4), per=timedelta(seconds=1 + dice.below(5))))
        case "keyed":
            return QueueEdit(key_concurrency=1 + dice.below(2), concurrency=4 if dice.chance(0.5) else None)
        case _:
            return QueueEdit(weight=1 + dice.below(5))


def catch_up_of(dice: Dice) -> CatchUp:
    """Draw a catch-up policy."""
    window = timedelta(seconds=dice.pick((0, 30, 90, 120, 3600)))
    return CatchUp(window=window, mode=dice.pick(("none", "latest", "all", AtMost(2))))


def schedule_request(number: int, dice: Dice, at: datetime, zone: str) -> ScheduleRequest:
    """Draw a schedule; its rule is often one of ``zone``."""
    rule = dice.fraction()
    return ScheduleRequest(
        call=FunctionCall(function="fired"),
        cron=dice.pick(CRONS) if rule < 0.4 else None,
        rrule=f"FREQ=SECONDLY;INTERVAL={3 + dice.below(20)}" if 0.4 <= rule < 0.5 else None,
        every=_seconds(dice, 2, 30) if rule >= 0.5 else None,
        timezone="UTC" if rule >= 0.5 else zone if dice.chance(0.6) else dice.pick(ZONES),
        name=f"schedule-{number}",
        queue=dice.pick(QUEUES),
        retry=retry_of(dice),
        timeout=_seconds(dice, 1, 20),
        overlap=dice.pick(OVERLAPS),
        catch_up=catch_up_of(dice),
        max_runs=5 + dice.below(10) if dice.chance(0.1) else None,
        ends_at=at + _seconds(dice, 60, 300) if dice.chance(0.1) else None,
        jitter=_seconds(dice, 1, 5) if dice.chance(0.1) else None,
    )
