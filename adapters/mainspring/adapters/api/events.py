"""Server-sent events: what happens to a task, and how the figures of a project change, as it happens.

A stream ends after ``LONGEST``; a client that is to hear more connects again and says by ``Last-Event-ID`` what it has
seen. A comment every ``QUIET`` seconds keeps proxies awake. The server reads the storage every ``LOOK`` seconds, as
long as somebody listens.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Final

from mainspring.adapters.api.operation import Answer, Asked, Operation
from mainspring.adapters.api.queues import stats_of
from mainspring.adapters.api.refusals import refuse
from mainspring.adapters.api.show import event_view, plain, task_view
from mainspring.adapters.api.tasks import own_task
from mainspring.core.errors import NotFound
from mainspring.core.states import TERMINAL

LOOK: Final = 0.5
QUIET: Final = 15.0
LONGEST: Final = 3_600.0
MAX_STREAMS: Final = 100
LAST_EVENT_ID: Final = "last-event-id"


async def task_events(asked: Asked) -> Answer:
    """GET /tasks/{id}/events: each record of its history; the stream ends when the task has ended."""
    await own_task(asked)
    seen = asked.headers.get(LAST_EVENT_ID, "0")
    start = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else 0
    return Answer(stream=_bounded(asked, _of_task(asked, start)))


async def project_events(asked: Asked) -> Answer:
    """GET /events: the figures of the project, at once and whenever they change."""
    return Answer(stream=_bounded(asked, _of_project(asked)))


def _bounded(asked: Asked, messages: AsyncIterator[bytes | None]) -> AsyncIterator[bytes]:
    streams = asked.service.streams
    if streams.open >= MAX_STREAMS:
        raise refuse(429, f"there are {MAX_STREAMS} open streams already", {"Retry-After": "5"})
    return _kept_alive(asked, messages)


async def _kept_alive(asked: Asked, messages: AsyncIterator[bytes | None]) -> AsyncIterator[bytes]:
    """Pass messages on; None from ``messages`` is a look that found nothing new."""
    streams = asked.service.streams
    loop = asyncio.get_running_loop()
    began = spoke = loop.time()
    streams.open += 1
    try:
        yield b"retry: 2000\n\n"
        async for message in messages:
            now = loop.time()
            if message is not None or now - spoke >= QUIET:
                yield message or b": quiet\n\n"
                spoke = now
            if streams.stopping.is_set() or now - began >= LONGEST:
                return
            if message is None:
                await streams.pause(LOOK)
    finally:
        streams.open -= 1


async def _of_task(asked: Asked, start: int) -> AsyncIterator[bytes | None]:
    number = start
    while True:
        try:
            task = await own_task(asked)
            history = await asked.service.operations.task_history(task.id)
        except NotFound:
            yield _message("deleted", {}, number)
            return
        for event in history[number:]:
            number += 1
            view = event_view(event)
            yield _message(view.event, plain(view), number)
        if isinstance(task.state, TERMINAL) and number >= len(history):
            yield _message("ended", plain(task_view(task)), number)
            return
        yield None


async def _of_project(asked: Asked) -> AsyncIterator[bytes | None]:
    before: dict[str, Any] | None = None
    number = 0
    while True:
        now = plain(await stats_of(asked))
        if now != before:
            before = now
            number += 1
            yield _message("stats", now, number)
        yield None


def _message(name: str, data: dict[str, Any], number: int) -> bytes:
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


_LAST: Final = {"Last-Event-ID": "The last record that was seen; later ones are sent."}

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/tasks/{id}/events",
        id="followTask",
        tag="Tasks",
        scope="read",
        handler=task_events,
        summary="Follow what happens to a task, until it has ended (server-sent events)",
        errors=(404,),
        events=True,
        hears=_LAST,
    ),
    Operation(
        method="GET",
        path="/events",
        id="followProject",
        tag="Figures",
        scope="read",
        handler=project_events,
        summary="Follow the figures of the project as they change (server-sent events)",
        events=True,
    ),
)
