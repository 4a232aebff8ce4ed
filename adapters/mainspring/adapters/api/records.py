"""Whole values, in the codec's form: the command line shows those of a server as it shows those of a store here.

A client asks for them by ``Accept: application/vnd.mainspring.record+json``. What a read may not show is blotted out as
in the views. The form is that of ``--json``, and follows the server's version.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import evolve

from mainspring.adapters.api.models import HIDDEN
from mainspring.adapters.codec import EVENT, QUEUE, SCHEDULE, TASK
from mainspring.core.commands import UNSET
from mainspring.core.events import Event, TaskEdited
from mainspring.core.ports import QueueStatus
from mainspring.core.schedule import Schedule
from mainspring.core.task import Call, FollowUp, HttpCall, Task, is_secret_header

RECORD: Final = "application/vnd.mainspring.record+json"


def _shown(call: Call) -> Call:
    if not isinstance(call, HttpCall) or not any(is_secret_header(name) for name, _ in call.headers):
        return call
    headers = tuple((name, HIDDEN if is_secret_header(name) else text) for name, text in call.headers)
    return evolve(call, headers=headers)


def _following(one: FollowUp | None) -> FollowUp | None:
    return None if one is None else evolve(one, call=_shown(one.call))


def task_record(task: Task) -> Any:
    """Give a task."""
    shown = evolve(
        task,
        call=_shown(task.call),
        on_success=_following(task.on_success),
        on_failure=_following(task.on_failure),
    )
    return TASK.plain(shown)


def event_record(event: Event) -> Any:
    """Give an event; what an edit made of the calls is left out, since it may hold secrets."""
    if isinstance(event, TaskEdited):
        event = evolve(event, edit=evolve(event.edit, call=UNSET, on_success=UNSET, on_failure=UNSET))
    return EVENT.plain(event)


def schedule_record(schedule: Schedule) -> Any:
    """Give a schedule."""
    return SCHEDULE.plain(evolve(schedule, template=evolve(schedule.template, call=_shown(schedule.template.call))))


def queue_record(status: QueueStatus) -> Any:
    """Give a queue, and how many of its tasks wait and run."""
    return {"queue": QUEUE.plain(status.queue), "pending": status.pending, "held": status.held}
