"""The receiver of a test: it keeps what was sent to it, and answers as the test says. No socket is opened.

What is sent (headers, signatures) and what an answer means (success, retry, ``Retry-After``) is the production code's.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from attrs import field, frozen
from yarl import URL

from mainspring.adapters.executors.answers import Answer as Received
from mainspring.adapters.executors.answers import broken, judged, place_of
from mainspring.adapters.executors.excerpts import bounded
from mainspring.adapters.executors.requests import Signing, headers_of, redacted
from mainspring.core.errors import InvalidInput
from mainspring.core.ids import TaskId
from mainspring.core.ports import Outcome, Run
from mainspring.core.task import HttpCall, Task
from mainspring.testing.clock import ManualClock
from mainspring.testing.complaints import Unanswered


def _check_status(instance: object, attribute: object, value: int) -> None:
    if not 100 <= value <= 599:
        raise InvalidInput("status", f"{value} is no status of HTTP", "use 100 to 599")


def _check_after(instance: object, attribute: object, value: timedelta) -> None:
    if value < timedelta(0):
        raise InvalidInput("after", "an answer cannot come before its request", "use 0s or more")


@frozen(kw_only=True)
class Answer:
    """What the receiver answers, ``after`` that much time of the test's clock."""

    status: int = field(default=200, validator=_check_status)
    body: str = ""
    headers: Mapping[str, str] = field(factory=dict[str, str])
    after: timedelta = field(default=timedelta(0), validator=_check_after)


@frozen(kw_only=True)
class Request:
    """A request that a task has made, as it would have gone over the wire."""

    url: str
    headers: Mapping[str, str]
    body: str
    task_id: TaskId
    attempt: int
    at: datetime

    def json(self) -> object:
        """Read the body as JSON."""
        return json.loads(self.body)


NoAnswer: TypeAlias = Literal["refused", "silence"]
"""``refused``: no connection can be made. ``silence``: no answer ever comes; the run's time-out ends it."""
Reply: TypeAlias = "int | Answer | NoAnswer"
Replying: TypeAlias = "Reply | Callable[[Request], Reply]"


class Receiver:
    """``t.http``: say what it answers, and look at what came."""

    def __init__(self, clock: ManualClock, signing: Signing, *, strict: bool) -> None:
        self._clock: Final = clock
        self._signing: Final = signing
        self._strict: Final = strict
        self._replies: dict[str, list[Replying]] = {}
        self.requests: Final[list[Request]] = []
        """Every request so far, the first one first."""

    def answer(self, url: str, *replies: Replying) -> None:
        """Answer what is sent to ``url`` (``https://example.com/*``: to any that begins so) from now on.

        A reply is a status, an ``Answer``, ``"refused"``, ``"silence"``, or a function of the ``Request`` that gives
        one of these. Of several, each answers one request, and the last one all further ones. None: 200.
        """
        self._replies[url] = list(replies or (200,))

    def to(self, url: str) -> list[Request]:
        """The requests to ``url``."""
        return [request for request in self.requests if _fits(url, request.url)]

    async def execute(self, task: Task, run: Run) -> Outcome:
        """Take the request of ``task`` and answer it: an ``Executor``."""
        call = task.call
        if not isinstance(call, HttpCall):
            raise TypeError(call)
        body = call.body or ""
        headers = headers_of(task, call, body.encode(), run, self._signing, self._clock())
        request = Request(
            url=call.url, headers=headers, body=body, task_id=task.id, attempt=run.attempt, at=self._clock()
        )
        self.requests.append(request)
        reply = self._reply(request)
        where = place_of(URL(call.url))
        if reply == "silence":
            await asyncio.Event().wait()
        if isinstance(reply, str):
            return broken("connect", where, "cannot be reached: the test refuses the connection")
        given = Answer(status=reply) if isinstance(reply, int) else reply
        await asyncio.sleep(given.after.total_seconds())
        text = bounded(redacted(given.body, call))
        received = Received(status=given.status, headers=_insensitive(given.headers), text=text)
        return judged(received, where, strict=self._strict, at=self._clock())

    async def close(self) -> None:
        """Nothing is open."""

    def _reply(self, request: Request) -> Reply:
        known = [url for url in self._replies if _fits(url, request.url)]
        if not known:
            raise Unanswered(
                f"no answer to POST {request.url} was given; give one before, e.g. t.http.answer({request.url!r}, 200)"
            )
        replies = self._replies[max(known, key=len)]
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        return reply(request) if callable(reply) else reply


def _fits(pattern: str, url: str) -> bool:
    return url.startswith(pattern[:-1]) if pattern.endswith("*") else url == pattern


def _insensitive(headers: Mapping[str, str]) -> Mapping[str, str]:
    from multidict import CIMultiDict

    return CIMultiDict(headers)
