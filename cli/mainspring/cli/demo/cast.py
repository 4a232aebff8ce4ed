"""Who plays in the demonstration: the tasks and schedules, and what is to become of each."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Literal, TypeAlias

from attrs import define, field

from mainspring.app import SyncMainspring
from mainspring.core.ids import ScheduleId
from mainspring.core.ports import MAX_PAGE, TaskQuery
from mainspring.core.retry import Ladder
from mainspring.core.schedule import Schedule
from mainspring.core.task import Task

Kind: TypeAlias = Literal["immediate", "delayed", "flaky", "dead", "cancelled", "bulk", "cron", "rrule"]

BULK: Final = 1_000
QUICK: Final = Ladder(steps=(timedelta(milliseconds=200),) * 8)
SHORT: Final = Ladder(steps=(timedelta(milliseconds=200),) * 2)
_MAX_PAGES: Final = 100


@define
class Cast:
    """The ids of the tasks by kind, and the schedules."""

    tasks: dict[str, Kind] = field(factory=dict[str, "Kind"])
    schedules: dict[Kind, Schedule] = field(factory=dict["Kind", Schedule])


def create(operations: SyncMainspring, url: str) -> Cast:
    """Create everything; the receiver is at ``url``."""
    cast = Cast()

    def add(kind: Kind, task: Task) -> None:
        cast.tasks[task.id] = kind

    add("immediate", operations.enqueue(f"{url}/immediate", retry=QUICK))
    add("delayed", operations.enqueue(f"{url}/delayed", delay="2s", retry=QUICK))
    add("flaky", operations.enqueue(f"{url}/flaky", body='{"fails": 3}', retry=QUICK))
    add("dead", operations.enqueue(f"{url}/dead", retry=SHORT))
    doomed = operations.enqueue(f"{url}/cancelled", delay="3s", retry=QUICK)
    add("cancelled", operations.cancel_task(doomed.id, "second thoughts"))
    every_second = operations.schedule(
        f"{url}/cron", cron="* * * * * *", seconds=True, overlap="allow_all", retry=QUICK
    )
    every_other = operations.schedule(
        f"{url}/rrule", rrule="FREQ=SECONDLY;INTERVAL=2", overlap="allow_all", retry=QUICK
    )
    cast.schedules["cron"] = every_second
    cast.schedules["rrule"] = every_other
    return cast


def create_bulk(operations: SyncMainspring, url: str, cast: Cast) -> None:
    """Create the many, in one transaction."""
    from mainspring.adapters.operations import TaskRequest, call_of

    many = [TaskRequest(call=call_of(f"{url}/bulk", body=f'{{"n": {n}}}'), retry=QUICK) for n in range(BULK)]
    cast.tasks.update((task.id, "bulk") for task in operations.create_tasks(many))


def everyone(operations: SyncMainspring, cast: Cast) -> list[tuple[Kind, Task]]:
    """Read all tasks as they are now, those that the schedules made included, with their kinds."""
    kinds: dict[ScheduleId, Kind] = {schedule.id: kind for kind, schedule in cast.schedules.items()}
    found: list[tuple[Kind, Task]] = []
    after: str | None = None
    for _ in range(_MAX_PAGES):
        page = operations.find_tasks(TaskQuery(limit=MAX_PAGE, after=after))
        found.extend((_kind(task, cast, kinds), task) for task in page.items)
        after = page.cursor
        if after is None:
            break
    return found


def _kind(task: Task, cast: Cast, schedules: dict[ScheduleId, Kind]) -> Kind:
    from mainspring.core.task import schedule_of

    made_by = schedule_of(task)
    return cast.tasks[task.id] if made_by is None else schedules[made_by]
