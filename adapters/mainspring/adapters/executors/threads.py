"""A pool of daemon threads whose work can be let go.

The standard library's pool joins its threads when the interpreter exits, so that one hanging call keeps the process
alive for ever. Here:

* Threads are daemons: none holds up the exit.
* At most ``max_threads`` threads carry wanted work. Further work waits in a queue; it may be withdrawn there.
* Work that runs cannot be stopped, only *abandoned*: its thread no longer counts among ``max_threads``, so that others
  may go on. At most ``max_abandoned`` threads may be in that state: beyond it, ``submit`` raises ``PoolExhausted``.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Final, Literal, TypeVar

T = TypeVar("T")

_numbers: Final = itertools.count(1)


class PoolExhausted(Exception):
    """All that may be abandoned is abandoned; the message names it."""


class Job:
    """One piece of work: ``work()`` is called once in a thread; it must not raise."""

    def __init__(self, label: str, work: Callable[[], None]) -> None:
        self.label = label
        self.work = work
        self.phase: Literal["waiting", "running", "abandoned", "over"] = "waiting"


class ThreadPool:
    """Runs jobs in at most ``max_threads`` daemon threads (and ``max_abandoned`` more that were given up)."""

    def __init__(self, name: str, *, max_threads: int, max_abandoned: int) -> None:
        self._name = name
        self._max_threads = max_threads
        self._max_abandoned = max_abandoned
        self._lock = threading.Lock()
        self._work_added = threading.Condition(self._lock)
        self._waiting: deque[Job] = deque()
        self._abandoned: set[Job] = set()
        self._threads = 0  # that carry wanted work or are idle
        self._idle = 0
        self._closed = False

    @property
    def abandoned(self) -> tuple[str, ...]:
        """The labels of the jobs that were abandoned and still run, in order of their names."""
        with self._lock:
            return tuple(sorted(job.label for job in self._abandoned))

    def submit(self, job: Job) -> None:
        """Queue ``job``. Raises ``PoolExhausted`` if too much abandoned work still runs."""
        with self._lock:
            if self._closed:
                raise PoolExhausted("the worker is shutting down")
            if len(self._abandoned) >= self._max_abandoned:
                raise PoolExhausted(self._complaint())
            self._waiting.append(job)
            self._staff()
            if not self._threads:
                self._waiting.remove(job)
                raise PoolExhausted("the system refuses to start another thread")

    def let_go(self, job: Job) -> bool:
        """Withdraw ``job`` if it still waits, abandon it if it runs; tell whether it goes on running."""
        with self._lock:
            if job.phase == "waiting":
                job.phase = "over"
                self._waiting.remove(job)
            elif job.phase == "running":
                job.phase = "abandoned"
                self._abandoned.add(job)
                self._threads -= 1
                self._staff()
            return job.phase == "abandoned"

    def close(self) -> None:
        """Dismiss the idle threads, and the others when their job is over; take no more work."""
        with self._lock:
            self._closed = True
            self._work_added.notify_all()

    def _complaint(self) -> str:
        counts = sorted(Counter(job.label for job in self._abandoned).items())
        names = ", ".join(f"{label} ×{count}" for label, count in counts)
        return f"{len(self._abandoned)} threads still run work that was given up ({names}), more are not allowed"

    def _staff(self) -> None:
        """With the lock held: see to it that a thread will take what waits."""
        if not self._waiting:
            return
        if self._idle >= len(self._waiting) or self._threads >= self._max_threads:
            self._work_added.notify()
            return
        self._threads += 1
        try:
            threading.Thread(target=self._serve, name=f"{self._name}-{next(_numbers)}", daemon=True).start()
        except RuntimeError:  # the system has no more: the threads that there are must do
            self._threads -= 1

    def _serve(self) -> None:
        while (job := self._next()) is not None:
            job.work()
            if not self._ended(job):
                return

    def _next(self) -> Job | None:
        """Wait for a job; None: this thread is dismissed (and no longer counted)."""
        with self._lock:
            while not self._waiting:
                if self._closed:
                    self._threads -= 1
                    return None
                self._idle += 1
                self._work_added.wait()
                self._idle -= 1
            job = self._waiting.popleft()
            job.phase = "running"
            return job

    def _ended(self, job: Job) -> bool:
        """Note that ``job`` is over; tell whether its thread stays in the pool."""
        with self._lock:
            given_up = job.phase == "abandoned"
            job.phase = "over"
            if not given_up:
                return True
            self._abandoned.discard(job)
            if self._threads >= self._max_threads or self._closed:
                return False
            self._threads += 1
            return True


def begin(pool: ThreadPool, label: str, work: Callable[[], T]) -> tuple[Job, asyncio.Future[T]]:
    """Submit ``work`` from the running loop; the future brings what it returns or raises. ``PoolExhausted`` as said."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[T] = loop.create_future()

    def in_thread() -> None:
        try:
            settle = partial(_succeed, ended, work())
        except Exception as error:
            settle = partial(_fail, ended, error)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle)

    job = Job(label, in_thread)
    pool.submit(job)
    return job, ended


def _succeed(ended: asyncio.Future[T], answer: T) -> None:
    if not ended.done():
        ended.set_result(answer)
    elif isinstance(answer, Coroutine):  # nobody will await it: it must not complain of that
        answer.close()


def _fail(ended: asyncio.Future[T], error: Exception) -> None:
    if not ended.done():
        ended.set_exception(error)
