"""Delivers tasks over HTTP: a POST of exactly the stored bytes, signed, to where the caller said, and nowhere else.

* One session for each executor; connections are kept and reused for ``KEEP_ALIVE`` seconds after their last use. That
  is less than common servers keep theirs: a connection that the receiver closes while we send on it is a failed run.
* No redirect is followed, no proxy variable or netrc obeyed, no cookie kept.
* The *engine* bounds the time of the whole attempt, by cancellation: time-outs for each read would not bound a receiver
  that drips. There is no other time-out here. The size of headers and body is bounded here.
* With a ``guard`` only the addresses that it allows are connected; without one (the default for workers that a program
  runs for its own calls) any. A server that takes URLs from others must have one.

What an answer means: ``mainspring.adapters.executors.answers``.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from mainspring.adapters.executors.answers import Answer, broken, judged, place_of, read, without_answer
from mainspring.adapters.executors.connections import (
    CALLING,
    Calling,
    GuardedResolver,
    SystemResolver,
    socket_factory,
)
from mainspring.adapters.executors.excerpts import bounded
from mainspring.adapters.executors.guard import Allowance, Guard
from mainspring.adapters.executors.requests import Signing, headers_of, redacted
from mainspring.core.ports import Outcome, Run
from mainspring.core.task import HttpCall, Task

__all__ = ["Allowance", "Guard", "HttpExecutor", "Signing"]

DEFAULT_MAX_CONNECTIONS: Final = 1_000
KEEP_ALIVE: Final = 1.5  # seconds; gunicorn keeps 2, Node and uvicorn 5
MAX_HEADER_LINE: Final = 8_190  # bytes; aiohttp bounds their number at 128 itself
READ_BUFFER: Final = 65_536

_AS_IT_IS: Final = re.compile(r"[\x21-\x7e]+", re.ASCII)
_UNSIGNED: Final = Signing()
_log: Final = logging.getLogger(__name__)


def utc_now() -> datetime:
    """Read this machine's clock: what signatures and ``Retry-After`` dates are measured by."""
    return datetime.now(UTC)


class HttpExecutor:
    """Carries out HTTP calls; an ``Executor``. Use one for each worker and event loop, and ``close`` it.

    ``guard`` judges the addresses (None: any is called). ``signing`` has the secrets, for all projects or as a
    function of the project's name. ``strict``: only 200 and 201 are success (for all, or as
    a function of the project's name). ``max_connections_per_host`` 0: no limit
    but ``max_connections``; further calls wait, within their own time. ``ssl_context``: None trusts what the system
    trusts. ``resolver`` replaces the system's look-up; it is used as it is, so a guard then judges only the connected
    address.
    """

    def __init__(
        self,
        *,
        guard: Guard | None = None,
        signing: Signing | Callable[[str], Signing] = _UNSIGNED,
        strict: bool | Callable[[str], bool] = False,
        max_connections: int = DEFAULT_MAX_CONNECTIONS,
        max_connections_per_host: int = 0,
        ssl_context: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._guard: Final = guard
        self._signing: Final = signing
        self._strict: Final = strict
        self._limits: Final = (max_connections, max_connections_per_host)
        self._ssl: Final = ssl_context
        self._resolver: Final = resolver
        self._now: Final = now
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def execute(self, task: Task, run: Run) -> Outcome:
        """Carry out ``task.call`` (an ``HttpCall``); see ``Executor.execute``."""
        call = task.call
        if not isinstance(call, HttpCall):
            return broken("unsupported", "this executor", "makes HTTP calls only")
        try:
            url = _url(call.url)
        except ValueError:
            return broken("url", "the URL", "is no address that can be called", permanent=True)
        if self._closed:
            return broken("no_executor", place_of(url), "is not called: the worker is shutting down")
        calling = Calling(url.host or "")
        token = CALLING.set(calling)
        try:
            return await self._deliver(task, call, run, url)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            outcome = without_answer(error, calling, place_of(url))
            if outcome.failure.kind == "internal":
                _log.exception("a delivery failed for a reason that has no name of its own")
            return outcome
        finally:
            CALLING.reset(token)

    async def close(self) -> None:
        """Close all connections; repeating it does nothing."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def _deliver(self, task: Task, call: HttpCall, run: Run, url: URL) -> Outcome:
        body = (call.body or "").encode()
        signing = self._signing if isinstance(self._signing, Signing) else self._signing(task.project)
        headers = headers_of(task, call, body, run, signing, self._now())
        async with self._open().post(url, data=body, headers=headers, allow_redirects=False) as response:
            text = bounded(redacted(await read(response), call))
            answer = Answer(status=response.status, headers=response.headers, text=text)
        strict = self._strict if isinstance(self._strict, bool) else self._strict(task.project)
        return judged(answer, place_of(url), strict=strict, at=self._now())

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=self._connector(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("Content-Type",),
                auto_decompress=False,
                trust_env=False,
                read_bufsize=READ_BUFFER,
                max_line_size=MAX_HEADER_LINE,
                max_field_size=MAX_HEADER_LINE,
            )
        return self._session

    def _connector(self) -> aiohttp.TCPConnector:
        resolver = self._resolver
        if resolver is None:
            resolver = SystemResolver() if self._guard is None else GuardedResolver(SystemResolver(), self._guard)
        limit, per_host = self._limits
        return aiohttp.TCPConnector(
            limit=limit,
            limit_per_host=per_host,
            keepalive_timeout=KEEP_ALIVE,
            ssl=True if self._ssl is None else self._ssl,
            resolver=resolver,
            socket_factory=socket_factory(self._guard),
        )


def _url(text: str) -> URL:
    """Read the stored URL: as it is if it is plain ASCII, else with what HTTP cannot carry quoted. ``ValueError``."""
    url = URL(text, encoded=_AS_IT_IS.fullmatch(text) is not None)
    if url.scheme not in ("http", "https") or not url.host or url.user is not None or url.password is not None:
        raise ValueError(text)
    return url
