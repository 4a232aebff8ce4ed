"""The operations on queues, and the figures of a project."""

from __future__ import annotations

from typing import Final

from mainspring.adapters.api import asking
from mainspring.adapters.api.models import Note, Purge, QueueChange
from mainspring.adapters.api.operation import Answer, Asked, Operation
from mainspring.adapters.api.records import queue_record
from mainspring.adapters.api.show import bulk_view, queue_view
from mainspring.adapters.api.views import BulkView, QueueView, StatsView
from mainspring.core.ports import QueueStatus
from mainspring.core.queue import Queue
from mainspring.core.states import API_STATUS
from mainspring.core.task import check_name


async def _shown(asked: Asked, queue: Queue) -> Answer:
    found = await asked.service.operations.find_queues(asked.project)
    counted = [status for status in found if status.queue.ref == queue.ref]
    pending, held = (counted[0].pending, counted[0].held) if counted else (0, 0)
    status = QueueStatus(queue=queue, pending=pending, held=held)
    return Answer(value=queue_view(status), record=lambda: queue_record(status))


async def list_queues(asked: Asked) -> Answer:
    """GET /queues."""
    found = await asked.service.operations.find_queues(asked.project)
    return Answer(value=[queue_view(one) for one in found], record=lambda: [queue_record(one) for one in found])


async def get_queue(asked: Asked) -> Answer:
    """GET /queues/{name}."""
    return await _shown(asked, await asked.service.operations.get_queue(asked.path["name"], asked.project))


async def change_queue(asked: Asked) -> Answer:
    """PATCH /queues/{name}."""
    body: QueueChange = asked.body
    edit = asking.queue_edit(body)
    queue = await asked.service.operations.edit_queue(asked.path["name"], edit, asked.project)
    return await _shown(asked, queue)


async def forget_queue(asked: Asked) -> Answer:
    """DELETE /queues/{name}."""
    await asked.service.operations.forget_queue(asked.path["name"], asked.project)
    return Answer()


async def pause_queue(asked: Asked) -> Answer:
    """POST /queues/{name}/pause."""
    body: Note = asked.body
    queue = await asked.service.operations.pause_queue(asked.path["name"], body.note, asked.project)
    return await _shown(asked, queue)


async def resume_queue(asked: Asked) -> Answer:
    """POST /queues/{name}/resume."""
    queue = await asked.service.operations.resume_queue(asked.path["name"], asked.project)
    return await _shown(asked, queue)


async def drain_queue(asked: Asked) -> Answer:
    """POST /queues/{name}/drain."""
    body: Note = asked.body
    queue = await asked.service.operations.drain_queue(asked.path["name"], body.note, asked.project)
    return await _shown(asked, queue)


async def purge_queue(asked: Asked) -> Answer:
    """POST /queues/{name}/purge."""
    body: Purge = asked.body
    name = check_name("name", asked.path["name"])
    result = await asked.service.operations.purge_queue(name, asked.project, dry_run=body.dry_run)
    return Answer(value=bulk_view(result, body.dry_run))


async def stats(asked: Asked) -> Answer:
    """GET /stats."""
    return Answer(value=await stats_of(asked))


async def stats_of(asked: Asked) -> StatsView:
    """Count the tasks of the project."""
    states = await asked.service.operations.count_tasks(asked.project)
    statuses: dict[str, int] = dict.fromkeys(API_STATUS.values(), 0)
    for state, count in states.items():
        statuses[API_STATUS[state]] += count
    queues = await asked.service.operations.find_queues(asked.project)
    return StatsView(
        tasks=statuses,
        states={state: states.get(state, 0) for state in API_STATUS},
        queues=[queue_view(status) for status in queues],
    )


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/queues",
        id="listQueues",
        tag="Queues",
        scope="read",
        handler=list_queues,
        summary="List the queues that are configured or hold tasks",
        gives=list[QueueView],
    ),
    Operation(
        method="GET",
        path="/queues/{name}",
        id="getQueue",
        tag="Queues",
        scope="read",
        handler=get_queue,
        summary="Read a queue; one that was never configured has the defaults",
        gives=QueueView,
    ),
    Operation(
        method="PATCH",
        path="/queues/{name}",
        id="changeQueue",
        tag="Queues",
        scope="write",
        handler=change_queue,
        summary="Configure a queue",
        takes=QueueChange,
        gives=QueueView,
    ),
    Operation(
        method="DELETE",
        path="/queues/{name}",
        id="forgetQueue",
        tag="Queues",
        scope="write",
        handler=forget_queue,
        summary="Forget the settings of a queue; its tasks stay, and it is open from now on",
        status=204,
        errors=(404,),
    ),
    Operation(
        method="POST",
        path="/queues/{name}/pause",
        id="pauseQueue",
        tag="Queues",
        scope="write",
        handler=pause_queue,
        summary="Let nothing of a queue start; what runs goes on",
        takes=Note,
        needs_body=False,
        gives=QueueView,
    ),
    Operation(
        method="POST",
        path="/queues/{name}/resume",
        id="resumeQueue",
        tag="Queues",
        scope="write",
        handler=resume_queue,
        summary="Let a paused or draining queue go on",
        gives=QueueView,
    ),
    Operation(
        method="POST",
        path="/queues/{name}/drain",
        id="drainQueue",
        tag="Queues",
        scope="write",
        handler=drain_queue,
        summary="Refuse new tasks for a queue; those in it run out",
        takes=Note,
        needs_body=False,
        gives=QueueView,
    ),
    Operation(
        method="POST",
        path="/queues/{name}/purge",
        id="purgeQueue",
        tag="Queues",
        scope="write",
        handler=purge_queue,
        summary="Cancel every pending task of a queue",
        takes=Purge,
        needs_body=False,
        gives=BulkView,
    ),
    Operation(
        method="GET",
        path="/stats",
        id="getStats",
        tag="Figures",
        scope="read",
        handler=stats,
        summary="Count the tasks of the project",
        gives=StatsView,
    ),
)
