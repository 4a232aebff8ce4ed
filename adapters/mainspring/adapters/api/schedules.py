"""The operations on schedules."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from mainspring.adapters.api import asking
from mainspring.adapters.api.models import (
    Backfill,
    HowMany,
    NewSchedule,
    Note,
    PreviewFilter,
    ScheduleChange,
    ScheduleFilter,
)
from mainspring.adapters.api.operation import Answer, Asked, Operation
from mainspring.adapters.api.records import schedule_record
from mainspring.adapters.api.refusals import Refusal, problem_of
from mainspring.adapters.api.show import plan_view, preview_view, schedule_view, slot_view
from mainspring.adapters.api.tasks import CURSOR
from mainspring.adapters.api.views import EventView, PlanView, PreviewView, ScheduleView, SlotView
from mainspring.adapters.codec import SCHEDULE_EVENT, SLOT
from mainspring.adapters.operations.changes import given
from mainspring.core.commands import Unset
from mainspring.core.errors import InvalidRecurrence, NotFound
from mainspring.core.preview import preview
from mainspring.core.queue import queue_ref
from mainspring.core.schedule import Plan, Schedule

MAX_SLOTS: Final = 1_000
MAX_PREVIEW: Final = 1_000
_OF_RULES: Final = frozenset({"dtstart", "timezone", "every", "gap", "fold", "days", "seconds"})
PREVIEW_FOR: Final = timedelta(days=31)
MAX_PREVIEW_FOR: Final = timedelta(days=3_660)


async def own_schedule(asked: Asked) -> Schedule:
    """Read the schedule that the path names; one of another project is not there."""
    wanted = asked.path["id"].lower()
    schedule = await asked.service.operations.get_schedule(wanted)
    if schedule.project != asked.project:
        raise NotFound("schedule", wanted)
    return schedule


@contextmanager
def _rule_named(body: NewSchedule | ScheduleChange) -> Generator[None]:
    """What is wrong inside the text of a rule is wrong with the field that holds it."""
    try:
        yield
    except InvalidRecurrence as error:
        place = error.field.lower()
        if place not in _OF_RULES:
            named = [name for name in ("cron", "rrule", "every") if isinstance(getattr(body, name), str)]
            place = named[0] if named else place
        raise Refusal(422, [problem_of(error, place)]) from None


def _answer(schedule: Schedule) -> Answer:
    return Answer(value=schedule_view(schedule), record=lambda: schedule_record(schedule))


def _planned(plan: Plan) -> Answer:
    return Answer(value=plan_view(plan), record=lambda: [SLOT.plain(slot) for slot in plan.slots])


async def list_schedules(asked: Asked) -> Answer:
    """GET /schedules."""
    page = await asked.service.operations.find_schedules(asking.schedule_query(asked.query, asked.project))
    headers = {} if page.cursor is None else {CURSOR: page.cursor}
    return Answer(
        value=[schedule_view(schedule) for schedule in page.items],
        headers=headers,
        record=lambda: [schedule_record(schedule) for schedule in page.items],
    )


async def create_schedule(asked: Asked) -> Answer:
    """POST /schedules."""
    body: NewSchedule = asked.body
    retry = await asked.service.projects.retry_of(asked.project)
    request = asking.new_schedule(body, asked.project, retry)
    with _rule_named(body):
        schedule = await asked.service.operations.create_schedule(request)
    return _answer(schedule)


async def get_schedule(asked: Asked) -> Answer:
    """GET /schedules/{id}."""
    return _answer(await own_schedule(asked))


async def change_schedule(asked: Asked) -> Answer:
    """PATCH /schedules/{id}: the settings first, then the pause."""
    body: ScheduleChange = asked.body
    operations = asked.service.operations
    schedule = await own_schedule(asked)
    change = asking.schedule_change(body)
    if given(change):
        with _rule_named(body):
            schedule = await operations.edit_schedule(schedule.id, change)
    if not isinstance(body.paused, Unset):
        switch = operations.pause_schedule if body.paused else operations.resume_schedule
        schedule = await switch(schedule.id)
    return _answer(schedule)


async def delete_schedule(asked: Asked) -> Answer:
    """DELETE /schedules/{id}."""
    schedule = await own_schedule(asked)
    await asked.service.operations.delete_schedule(schedule.id)
    return Answer()


async def run_schedule(asked: Asked) -> Answer:
    """POST /schedules/{id}/run."""
    schedule = await own_schedule(asked)
    return _planned(await asked.service.operations.run_schedule(schedule.id))


async def pause_schedule(asked: Asked) -> Answer:
    """POST /schedules/{id}/pause."""
    schedule = await own_schedule(asked)
    body: Note = asked.body
    return _answer(await asked.service.operations.pause_schedule(schedule.id, body.note))


async def resume_schedule(asked: Asked) -> Answer:
    """POST /schedules/{id}/resume."""
    schedule = await own_schedule(asked)
    return _answer(await asked.service.operations.resume_schedule(schedule.id))


async def skip_schedule(asked: Asked) -> Answer:
    """POST /schedules/{id}/skip."""
    schedule = await own_schedule(asked)
    return _answer(await asked.service.operations.skip_next(schedule.id))


async def backfill_schedule(asked: Asked) -> Answer:
    """POST /schedules/{id}/backfill."""
    schedule = await own_schedule(asked)
    body: Backfill = asked.body
    plan = await asked.service.operations.backfill_schedule(schedule.id, body.start, body.end, body.overlap)
    return _planned(plan)


async def schedule_slots(asked: Asked) -> Answer:
    """GET /schedules/{id}/slots."""
    schedule = await own_schedule(asked)
    query: HowMany = asked.query
    limit = asking.limit_of(query.limit, MAX_SLOTS)
    slots = await asked.service.operations.schedule_slots(schedule.id, limit)
    return Answer(value=[slot_view(slot) for slot in slots], record=lambda: [SLOT.plain(slot) for slot in slots])


async def schedule_history(asked: Asked) -> Answer:
    """GET /schedules/{id}/history."""
    schedule = await own_schedule(asked)
    events = await asked.service.operations.schedule_history(schedule.id)
    return Answer(
        value=[EventView(at=event.at, event=event.kind, data={"note": event.note}) for event in events],
        record=lambda: [SCHEDULE_EVENT.plain(event) for event in events],
    )


async def schedule_preview(asked: Asked) -> Answer:
    """GET /schedules/{id}/preview."""
    schedule = await own_schedule(asked)
    query: PreviewFilter = asked.query
    at = await asked.service.storage.now()
    until = min(query.until or at + PREVIEW_FOR, at + MAX_PREVIEW_FOR)
    queue = await asked.service.storage.get_queue(queue_ref(schedule.project, schedule.template.queue))
    found = preview(
        schedule,
        until=until,
        at=at,
        duration=query.duration or timedelta(0),
        queue=queue,
        limit=asking.limit_of(query.limit, MAX_PREVIEW),
    )
    return Answer(value=preview_view(found))


_CURSOR: Final = {CURSOR: "Where the next page begins: send it as `after`. Absent on the last."}

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/schedules",
        id="listSchedules",
        tag="Schedules",
        scope="read",
        handler=list_schedules,
        summary="List schedules, newest first",
        query=ScheduleFilter,
        gives=list[ScheduleView],
        sends=_CURSOR,
    ),
    Operation(
        method="POST",
        path="/schedules",
        id="createSchedule",
        tag="Schedules",
        scope="write",
        handler=create_schedule,
        summary="Create a schedule",
        takes=NewSchedule,
        form=True,
        gives=ScheduleView,
        status=201,
        errors=(409,),
    ),
    Operation(
        method="GET",
        path="/schedules/{id}",
        id="getSchedule",
        tag="Schedules",
        scope="read",
        handler=get_schedule,
        summary="Read a schedule",
        gives=ScheduleView,
        errors=(404,),
    ),
    Operation(
        method="PATCH",
        path="/schedules/{id}",
        id="changeSchedule",
        tag="Schedules",
        scope="write",
        handler=change_schedule,
        summary="Change a schedule; tasks that it has created stay as they are",
        takes=ScheduleChange,
        gives=ScheduleView,
        errors=(404, 409),
    ),
    Operation(
        method="DELETE",
        path="/schedules/{id}",
        id="deleteSchedule",
        tag="Schedules",
        scope="write",
        handler=delete_schedule,
        summary="Delete a schedule; tasks that it has created stay",
        status=204,
        errors=(404,),
    ),
    Operation(
        method="POST",
        path="/schedules/{id}/run",
        id="runSchedule",
        tag="Schedules",
        scope="write",
        handler=run_schedule,
        summary="Make a task outside the rule, as the overlap policy allows",
        gives=PlanView,
        errors=(404, 409),
    ),
    Operation(
        method="POST",
        path="/schedules/{id}/pause",
        id="pauseSchedule",
        tag="Schedules",
        scope="write",
        handler=pause_schedule,
        summary="Pause a schedule: its occurrences are skipped from now on",
        takes=Note,
        needs_body=False,
        gives=ScheduleView,
        errors=(404, 409),
    ),
    Operation(
        method="POST",
        path="/schedules/{id}/resume",
        id="resumeSchedule",
        tag="Schedules",
        scope="write",
        handler=resume_schedule,
        summary="Let a paused schedule go on",
        gives=ScheduleView,
        errors=(404, 409),
    ),
    Operation(
        method="POST",
        path="/schedules/{id}/skip",
        id="skipSchedule",
        tag="Schedules",
        scope="write",
        handler=skip_schedule,
        summary="Skip the next occurrence",
        gives=ScheduleView,
        errors=(404, 409),
    ),
    Operation(
        method="POST",
        path="/schedules/{id}/backfill",
        id="backfillSchedule",
        tag="Schedules",
        scope="write",
        handler=backfill_schedule,
        summary="Run past occurrences of the rule by hand",
        takes=Backfill,
        gives=PlanView,
        errors=(404, 409),
    ),
    Operation(
        method="GET",
        path="/schedules/{id}/slots",
        id="listSlots",
        tag="Schedules",
        scope="read",
        handler=schedule_slots,
        summary="List what became of its occurrences, newest first",
        query=HowMany,
        gives=list[SlotView],
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/schedules/{id}/preview",
        id="previewSchedule",
        tag="Schedules",
        scope="read",
        handler=schedule_preview,
        summary="Show what it will do, with overlap and limits applied",
        query=PreviewFilter,
        gives=PreviewView,
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/schedules/{id}/history",
        id="getScheduleHistory",
        tag="Schedules",
        scope="read",
        handler=schedule_history,
        summary="Read what was done to a schedule, oldest first",
        gives=list[EventView],
        errors=(404,),
    ),
)
