"""``Testing`` and ``AsyncTesting``: an app in memory, with a clock that the test moves."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar, Final, Literal, Self, TypeAlias, TypedDict, Unpack

from attrs import frozen

from mainspring.adapters.engine import EngineSettings
from mainspring.adapters.storages.memory_directory import MemoryDirectory
from mainspring.app import Mainspring
from mainspring.app.options import refuse_unknown
from mainspring.app.wiring import Store
from mainspring.core.errors import InvalidInput
from mainspring.core.instants import parse_duration, parse_instant
from mainspring.core.ports import Storage
from mainspring.core.queue import check_queues
from mainspring.testing.assertions import Assertions
from mainspring.testing.clock import START, ManualClock
from mainspring.testing.complaints import RunFailed, Unanswered
from mainspring.testing.entropy import SeededEntropy
from mainspring.testing.executors import OUTCOMES, Ran
from mainspring.testing.storage import Hints, TestAsyncStorage, TestStorage
from mainspring.testing.timeline import MAX_RUNS, SETTINGS, Bounds, Parts, Timeline

if TYPE_CHECKING:
    from mainspring.testing.http import Receiver

Errors: TypeAlias = Literal["record", "raise"]
"""What becomes of the error of a run: it is recorded as in production, or raised in the test as well."""


@frozen(kw_only=True)
class Drained:
    """How many runs have ended, and how."""

    succeeded: int = 0
    failed: int = 0
    snoozed: int = 0
    interrupted: int = 0

    @property
    def runs(self) -> int:
        """All of them."""
        return self.succeeded + self.failed + self.snoozed + self.interrupted


class Options(TypedDict, total=False):
    """How a test of an app is set up.

    ``start``: when it begins (1 January 2030 in UTC). ``inline``: what is enqueued and due is run at once, before
    ``enqueue`` returns. ``errors``: ``"record"`` as in production, or ``"raise"`` in the test as well. ``settings``: of
    the worker, which otherwise makes one run at a time and deletes nothing. ``seed``: of ids and jitter. ``patience``:
    for how many seconds of real time (10) a thread, or a function on the test's own loop, may work. ``max_runs``: how
    many runs (10,000) one call may make without a limit of its own.
    """

    start: datetime
    inline: bool
    errors: Errors
    settings: EngineSettings
    seed: int
    patience: float
    max_runs: int


class _Stage(Assertions):
    """What both colours have: the storage that stands in for the app's own, the receiver and the worker."""

    _awaited: ClassVar[bool]

    def __init__(self, app: Mainspring, **options: Unpack[Options]) -> None:
        refuse_unknown(type(self).__name__, options, Options.__optional_keys__)
        self.app: Final = app
        self.clock: Final = ManualClock(options.get("start", START))
        self._inline: Final = options.get("inline", False)
        self._errors: Final[Errors] = _checked(options.get("errors", "record"))
        self._stack: Final = ExitStack()
        self._entropy: Final = SeededEntropy(options.get("seed", 0))
        self._storage: Final = TestStorage(self.clock, self._created if self._inline else None)
        self._receiver: Final = _receiver(app, self.clock)
        self._time: Final = Timeline(
            Parts(
                clock=self.clock,
                storage=self._storage,
                entropy=self._entropy,
                functions=app.functions,
                http=self._receiver,
                settings=options.get("settings", SETTINGS),
                patience=options.get("patience", 10.0),
                max_runs=options.get("max_runs", MAX_RUNS),
                awaited=self._awaited,
            )
        )
        self._begun = False

    def __enter__(self) -> Self:
        if self._begun:
            raise RuntimeError("this test of the app has begun before: make a new one")
        self._begun = True
        self._stack.callback(self._storage.close)
        self._stack.callback(self._time.close)
        mine, awaited = self._storage, self._awaited_storage()
        store = Store(
            mine,
            awaited,
            MemoryDirectory(),
            Hints(),
            lambda: None,
            within=lambda _: mine,  # tasks for a caller's transaction are kept like all others: it is not looked at
            within_async=lambda _: awaited,
        )
        self._stack.enter_context(self.app.tested_on(store, self._entropy))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def now(self) -> datetime:
        """The instant now, in UTC."""
        return self.clock()

    @property
    def http(self) -> Receiver:
        """The receiver of all HTTP calls."""
        if self._receiver is None:
            raise RuntimeError("HTTP calls need aiohttp, which is not installed here: pip install 'mainspring[http]'")
        return self._receiver

    def _context(self) -> tuple[Mainspring, Storage, datetime]:
        return self.app, self._storage, self.now

    def _runs(self) -> list[Ran]:
        return self._time.ran

    def _created(self) -> None:
        raise NotImplementedError

    def _awaited_storage(self) -> TestAsyncStorage:
        raise NotImplementedError

    # --- how far, and what came of it --------------------------------------------------------------------------------

    def _after(self, duration: timedelta | str) -> Bounds:
        wait = parse_duration("duration", duration) if isinstance(duration, str) else duration
        if wait < timedelta(0):
            raise InvalidInput("duration", "time goes on, never back", "use 0s or more")
        return Bounds(to=self.now + wait)

    def _until(self, instant: datetime | str) -> Bounds:
        to = parse_instant("instant", instant) if isinstance(instant, str) else instant
        ManualClock(self.now).move_to(to)  # refuses an instant that is over
        return Bounds(to=to)

    def _due(self, queue: str | None, limit: int | None) -> Bounds:
        if limit is not None and limit < 1:
            raise InvalidInput("limit", f"{limit} is out of range", "use 1 or more")
        queues = check_queues(() if queue is None else (queue,))
        return Bounds(queues=frozenset(queues) or None, limit=limit)

    def _outcome(self, before: int, errors: Errors | None) -> Drained:
        """Count what has run since there were ``before`` runs; raise what is to be raised."""
        ran = self._time.ran[before:]
        raised = [*self._time.raised]
        self._time.raised.clear()
        quiet = _checked(errors or self._errors) == "record"
        for error in raised:
            if not quiet or not isinstance(error, Exception) or _is_of_the_test(error):
                raise error
        for run in ran:
            if not quiet and run.failure is not None:
                raise RunFailed(run.task, run.failure)
        ends = Counter(run.outcome for run in ran)
        return Drained(**{name: ends[name] for name in OUTCOMES})


def _is_of_the_test(error: Exception) -> bool:
    """Tell whether the test itself is wrong: that is never only recorded."""
    return isinstance(error, Unanswered)


def _checked(errors: Errors) -> Errors:
    if errors not in ("record", "raise"):
        raise InvalidInput("errors", f"{errors!r} is neither", 'use "record" or "raise"')
    return errors


def _receiver(app: Mainspring, clock: ManualClock) -> Receiver | None:
    if find_spec("aiohttp") is None:
        return None
    from mainspring.testing.http import Receiver

    return Receiver(clock, app.delivery.signing(), strict=app.delivery.strict)


class Testing(_Stage):
    """An app under test: inside the ``with`` block all that it stores is in memory, and nothing runs by itself.

    Functions are called in the thread of the test. Their ``asyncio.sleep`` takes time of the test's clock only.
    """

    __test__ = False  # no test class, whatever pytest makes of the name
    _awaited = False

    def advance(self, duration: timedelta | str, *, errors: Errors | None = None) -> Drained:
        """Let time pass, and all that comes due on the way be done at its instant."""
        return self._go(self._after(duration), errors)

    def travel_to(self, instant: datetime | str, *, errors: Errors | None = None) -> Drained:
        """Let time pass until ``instant``; see ``advance``."""
        return self._go(self._until(instant), errors)

    def drain(self, *, queue: str | None = None, limit: int | None = None, errors: Errors | None = None) -> Drained:
        """Run what is due (of one queue, or all; at most ``limit`` runs) until nothing is.

        The clock stands still, unless a function sleeps or an answer takes its time.
        """
        return self._go(self._due(queue, limit), errors)

    def crash(self) -> None:
        """Let the worker die in the middle of its runs, as by ``kill -9``; the next call starts another one."""
        self._time.crash()

    def _go(self, bounds: Bounds, errors: Errors | None) -> Drained:
        before = len(self._time.ran)
        self._time.go(bounds)
        return self._outcome(before, errors)

    def _created(self) -> None:
        if not self._time.under_way:
            self.drain()

    def _awaited_storage(self) -> TestAsyncStorage:
        return TestAsyncStorage(self._storage, self._created_awaited if self._inline else None)

    async def _created_awaited(self) -> None:
        self._created()


class AsyncTesting(_Stage):
    """``Testing`` for coroutines: what lets time pass is awaited, and functions run on the test's own event loop.

    So they can use its connections. What an ``async def`` awaits there takes real time, and none of the test's clock.
    """

    __test__ = False
    _awaited = True

    async def advance(self, duration: timedelta | str, *, errors: Errors | None = None) -> Drained:
        """As ``Testing.advance``."""
        return await self._go(self._after(duration), errors)

    async def travel_to(self, instant: datetime | str, *, errors: Errors | None = None) -> Drained:
        """As ``Testing.travel_to``."""
        return await self._go(self._until(instant), errors)

    async def drain(
        self, *, queue: str | None = None, limit: int | None = None, errors: Errors | None = None
    ) -> Drained:
        """As ``Testing.drain``."""
        return await self._go(self._due(queue, limit), errors)

    async def crash(self) -> None:
        """As ``Testing.crash``."""
        await self._time.crash_awaited()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *error: object) -> None:
        with suppress(TimeoutError):  # what does not want to end is let go
            await self._time.crash_awaited()
        self.__exit__(*error)

    async def _go(self, bounds: Bounds, errors: Errors | None) -> Drained:
        before = len(self._time.ran)
        await self._time.go_awaited(bounds)
        return self._outcome(before, errors)

    def _created(self) -> None:
        if not self._time.under_way:
            raise RuntimeError("in an asynchronous inline test, await app.enqueue(...); app.sync cannot wait for it")

    def _awaited_storage(self) -> TestAsyncStorage:
        return TestAsyncStorage(self._storage, self._created_awaited if self._inline else None)

    async def _created_awaited(self) -> None:
        if not self._time.under_way:
            await self.drain()
