"""``Mainspring``: open a storage, register functions, create tasks and schedules, run a worker."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar, Unpack

from mainspring.adapters.chance import SystemEntropy
from mainspring.adapters.engine import EngineSettings, Worker
from mainspring.adapters.executors.registry import FunctionRegistry
from mainspring.adapters.operations import (
    Operations,
    ScheduleChange,
    ScheduleRequest,
    SyncOperations,
    TaskRequest,
    call_of,
)
from mainspring.adapters.operations.intake import Retry
from mainspring.app.defaults import project_retry
from mainspring.app.delivery import Delivery
from mainspring.app.options import CallOptions, ScheduleChanges, ScheduleOptions, TaskOptions, refuse_unknown
from mainspring.app.thread import WorkerThread
from mainspring.app.wiring import DEFAULT_STORE, Store, make_executor, open_store, worker_name
from mainspring.core.commands import UNSET
from mainspring.core.directory import Directory
from mainspring.core.errors import InvalidInput
from mainspring.core.ports import Entropy, Executor
from mainspring.core.retry import RetryPolicy
from mainspring.core.schedule import Schedule
from mainspring.core.task import Call, FunctionCall, Task

if TYPE_CHECKING:
    from mainspring.app.serving import Server, ServerSettings

F = TypeVar("F", bound=Callable[..., object])
Target: TypeAlias = Call | str | Callable[..., object]
"""What to call: a URL, the name of a registered function, such a function itself, or a ``Call``."""

_TASK_OPTIONS: Final = TaskOptions.__required_keys__ | TaskOptions.__optional_keys__
_SCHEDULE_OPTIONS: Final = ScheduleOptions.__required_keys__ | ScheduleOptions.__optional_keys__
_SCHEDULE_CHANGES: Final = ScheduleChanges.__required_keys__ | ScheduleChanges.__optional_keys__
_CALL_OPTIONS: Final = CallOptions.__required_keys__ | CallOptions.__optional_keys__


class _Register:
    """The functions of an app: registered by decorator, found again by name or by themselves."""

    def __init__(self) -> None:
        self.functions: Final = FunctionRegistry()
        self._names: Final[dict[Callable[..., object], str]] = {}

    def add(self, name: str, function: Callable[..., object]) -> None:
        """Register ``function`` as ``name``."""
        self.functions.register(name, function)
        self._names[function] = name

    def target(self, target: Target) -> Call | str:
        """Turn a registered function into its name."""
        if isinstance(target, str) or not callable(target):
            return target
        if target not in self._names:
            what = f"{getattr(target, '__qualname__', target)!s} is not registered"
            raise InvalidInput("call", what, "decorate it with @app.task(name)")
        return self._names[target]

    def check(self, call: Call) -> None:
        """Refuse a call of a function that is not registered, or whose arguments do not fit."""
        if isinstance(call, FunctionCall):
            self.functions.check(call)

    def task_request(self, target: Target, options: TaskOptions) -> TaskRequest:
        """Make a request of what ``enqueue`` was given."""
        refuse_unknown("enqueue", options, _TASK_OPTIONS)
        return TaskRequest(
            call=_call(self.target(target), options),
            delay=options.get("delay"),
            at=options.get("at"),
            start_by=options.get("start_by"),
            name=options.get("name"),
            queue=options.get("queue", "default"),
            priority=options.get("priority", 0),
            retry=options.get("retry"),
            timeout=options.get("timeout"),
            key=options.get("key"),
            on_clash=options.get("on_clash", "reject"),
            idempotency_key=options.get("idempotency_key"),
            on_success=options.get("on_success"),
            on_failure=options.get("on_failure"),
        )

    def schedule_request(self, target: Target, options: ScheduleOptions) -> ScheduleRequest:
        """Make a request of what ``schedule`` was given."""
        refuse_unknown("schedule", options, _SCHEDULE_OPTIONS)
        return ScheduleRequest(
            call=_call(self.target(target), options),
            cron=options.get("cron"),
            seconds=options.get("seconds", False),
            rrule=options.get("rrule"),
            every=options.get("every"),
            timezone=options.get("timezone", "UTC"),
            days=options.get("days", "debian"),
            gap=options.get("gap"),
            fold=options.get("fold"),
            dtstart=options.get("dtstart"),
            name=options.get("name"),
            description=options.get("description"),
            queue=options.get("queue", "default"),
            priority=options.get("priority", 0),
            retry=options.get("retry"),
            timeout=options.get("timeout"),
            overlap=options.get("overlap", "serial"),
            catch_up=options.get("catch_up"),
            starts_at=options.get("starts_at"),
            ends_at=options.get("ends_at"),
            max_runs=options.get("max_runs"),
            jitter=options.get("jitter"),
        )

    def schedule_change(self, target: Target | None, changes: ScheduleChanges) -> ScheduleChange:
        """Make a change of what ``change_schedule`` was given."""
        refuse_unknown("change_schedule", changes, _SCHEDULE_CHANGES)
        of_call = [name for name in changes if name in _CALL_OPTIONS]
        if target is None and of_call:
            raise InvalidInput(of_call[0], "it belongs to a call", "name what to call, too")
        return ScheduleChange(
            call=UNSET if target is None else _call(self.target(target), changes),
            cron=changes.get("cron", UNSET),
            seconds=changes.get("seconds", UNSET),
            rrule=changes.get("rrule", UNSET),
            every=changes.get("every", UNSET),
            timezone=changes.get("timezone", UNSET),
            days=changes.get("days", UNSET),
            gap=changes.get("gap", UNSET),
            fold=changes.get("fold", UNSET),
            dtstart=changes.get("dtstart", UNSET),
            name=changes.get("name", UNSET),
            description=changes.get("description", UNSET),
            queue=changes.get("queue", UNSET),
            priority=changes.get("priority", UNSET),
            retry=changes.get("retry", UNSET),
            timeout=changes.get("timeout", UNSET),
            overlap=changes.get("overlap", UNSET),
            catch_up_mode=changes.get("catch_up_mode", UNSET),
            catch_up_window=changes.get("catch_up_window", UNSET),
            starts_at=changes.get("starts_at", UNSET),
            ends_at=changes.get("ends_at", UNSET),
            max_runs=changes.get("max_runs", UNSET),
            jitter=changes.get("jitter", UNSET),
        )


def _call(target: Call | str, options: CallOptions) -> Call:
    return call_of(target, options.get("arguments"), body=options.get("body"), headers=options.get("headers"))


class SyncMainspring(SyncOperations):
    """The operations without an event loop, for Flask, Django or a script: ``app.sync``."""

    def __init__(self, store: Store, register: _Register, retry: RetryPolicy | None = None) -> None:
        super().__init__(store.sync, SystemEntropy(), register.check, retry)
        self._register = register
        self._store = store

    @contextmanager
    def tested_on(self, store: Store, entropy: Entropy) -> Generator[None]:
        """As ``Mainspring.tested_on``, which calls this."""
        mine = self._store, self._storage, self._entropy
        self._store, self._storage, self._entropy = store, store.sync, entropy
        try:
            yield
        finally:
            self._store, self._storage, self._entropy = mine

    def enqueue(self, target: Target, *, connection: object = None, **options: Unpack[TaskOptions]) -> Task:
        """Create a task that calls ``target``: now, after ``delay``, or ``at`` an instant.

        With ``connection``, a ``psycopg.Connection`` to the database of a Postgres store, that is done in the
        transaction that is open on it: the task is there if and when that commits.
        """
        request = self._register.task_request(target, options)
        if connection is None:
            return self.create_task(request)
        inside = SyncOperations(self._store.within(connection), self._entropy, self._check, self._retry)
        return inside.create_task(request)

    def schedule(self, target: Target, **options: Unpack[ScheduleOptions]) -> Schedule:
        """Create a schedule that calls ``target`` by ``cron``, by ``rrule``, or ``every`` so often."""
        return self.create_schedule(self._register.schedule_request(target, options))

    def change_schedule(
        self,
        schedule_id: str,
        target: Target | None = None,
        *,
        version: int | None = None,
        **changes: Unpack[ScheduleChanges],
    ) -> Schedule:
        """Change what is named of a schedule; ``version``: only if it is still of the version that was read."""
        return self.edit_schedule(schedule_id, self._register.schedule_change(target, changes), version)


class Mainspring(Operations):
    """A scheduler on one storage.

    ``store`` is a storage URL: ``sqlite:///FILE`` (relative), ``sqlite:////FILE`` (absolute), ``postgresql://…`` or
    ``memory:``; it is kept as ``url``.
    ``delivery`` says how its workers call URLs; the default is what the environment says. ``retry`` is the policy of
    tasks and schedules that name none, in queues that have none: the nearest wins. The default is the environment's
    ``MAINSPRING_RETRY``, else mainspring's own.
    The methods are asynchronous; ``sync`` has the same ones without an event loop.
    """

    def __init__(
        self,
        store: str = DEFAULT_STORE,
        *,
        delivery: Delivery | None = None,
        retry: Retry | None = None,
        _register: _Register | None = None,
    ) -> None:
        self._delivery = delivery or Delivery.from_environment()
        policy = project_retry(retry)
        self.url: Final = store
        self._store = open_store(store)
        self._tested = False
        self._register = _register or _Register()
        super().__init__(self._store.awaited, SystemEntropy(), self._register.check, policy)
        self.sync: Final = SyncMainspring(self._store, self._register, policy)

    @property
    def functions(self) -> FunctionRegistry:
        """The functions that are registered here."""
        return self._register.functions

    @property
    def delivery(self) -> Delivery:
        """How URLs are called."""
        return self._delivery

    def target(self, target: Target) -> Call | str:
        """Give a function that is registered here by its name; anything else as it is."""
        return self._register.target(target)

    @contextmanager
    def tested_on(self, store: Store, entropy: Entropy) -> Generator[None]:
        """Keep everything of this app in ``store`` while the block lasts: what ``mainspring.testing`` stands on.

        No worker of this app can be started meanwhile: it would call what the test does not want called.
        """
        mine = self._store, self._storage, self._entropy
        self._store, self._storage, self._entropy, self._tested = store, store.awaited, entropy, True
        try:
            with self.sync.tested_on(store, entropy):
                yield
        finally:
            self._store, self._storage, self._entropy = mine
            self._tested = False

    def on(self, store: str | None = None, *, delivery: Delivery | None = None) -> Mainspring:
        """Open another storage (None: this one again) for the same functions, also with another ``delivery``."""
        made = delivery or self._delivery
        return Mainspring(store or self.url, delivery=made, retry=self._retry, _register=self._register)

    def task(self, name: str) -> Callable[[F], F]:
        """Register a function (``def`` or ``async def``) as ``name``; the function itself stays as it is."""

        def register(function: F) -> F:
            self._register.add(name, function)
            return function

        return register

    async def enqueue(self, target: Target, *, connection: object = None, **options: Unpack[TaskOptions]) -> Task:
        """Create a task that calls ``target``: now, after ``delay``, or ``at`` an instant.

        With ``connection``, a ``psycopg.AsyncConnection`` to the database of a Postgres store, that is done in the
        transaction that is open on it: the task is there if and when that commits.
        """
        request = self._register.task_request(target, options)
        if connection is None:
            return await self.create_task(request)
        inside = Operations(self._store.within_async(connection), self._entropy, self._check, self._retry)
        return await inside.create_task(request)

    async def schedule(self, target: Target, **options: Unpack[ScheduleOptions]) -> Schedule:
        """Create a schedule that calls ``target`` by ``cron``, by ``rrule``, or ``every`` so often."""
        return await self.create_schedule(self._register.schedule_request(target, options))

    async def change_schedule(
        self,
        schedule_id: str,
        target: Target | None = None,
        *,
        version: int | None = None,
        **changes: Unpack[ScheduleChanges],
    ) -> Schedule:
        """Change what is named of a schedule; ``version``: only if it is still of the version that was read."""
        return await self.edit_schedule(schedule_id, self._register.schedule_change(target, changes), version)

    async def run(self, settings: EngineSettings | None = None, *, signals: bool = True) -> None:
        """Run a worker until it is told to stop: by SIGTERM or SIGINT (only in the main thread), or by cancelling.

        It then takes nothing new, lets runs finish within the grace time, and gives the others back.
        """
        async with make_executor(self._register.functions, self._delivery, self._store.directory) as (_, executor):
            worker = self._worker(executor, settings)
            with _stop_on_signals(worker, wanted=signals):
                await _run_to_the_end(worker)

    async def run_until_idle(self, settings: EngineSettings | None = None) -> None:
        """Run a worker until nothing is due and nothing runs; for tests and batch jobs."""
        async with make_executor(self._register.functions, self._delivery, self._store.directory) as (_, executor):
            await self._worker(executor, settings).run_until_idle()

    @contextmanager
    def worker(self, settings: EngineSettings | None = None) -> Generator[None]:
        """Run a worker in a thread of its own for as long as the ``with`` block lasts."""
        with WorkerThread(
            lambda executor: self._worker(executor, settings),
            self._register.functions,
            self._delivery,
            self._store.directory,
        ):
            yield

    def server(self, settings: ServerSettings | None = None) -> Server:
        """Make a server of the HTTP API on this store; needs the extra ``server``."""
        from mainspring.app.serving import Server, ServerSettings

        made = settings or ServerSettings()
        return Server(self._store, self, self._register.functions, self._delivery, made)

    @property
    def directory(self) -> Directory:
        """The projects and keys of this store."""
        return self._store.directory

    def _worker(self, executor: Executor, settings: EngineSettings | None) -> Worker:
        if self._tested:
            raise RuntimeError("this app is being tested: let its tasks run by drain() and advance() of the test")
        return Worker(
            storage=self._store.awaited,
            executor=executor,
            wakeups=self._store.wakeups,
            entropy=SystemEntropy(),
            settings=settings or EngineSettings(),
            name=worker_name(),
        )

    def close(self) -> None:
        """Close the storage; repeating it does nothing."""
        self._store.close()

    def __enter__(self) -> Mainspring:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def __aenter__(self) -> Mainspring:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()


async def _run_to_the_end(worker: Worker) -> None:
    """Run ``worker``; being cancelled means a graceful stop, and the cancellation goes on when it is done."""
    running = asyncio.ensure_future(worker.run())
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        worker.stop()
        await running
        raise


@contextmanager
def _stop_on_signals(worker: Worker, *, wanted: bool) -> Generator[None]:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    if not wanted or threading.current_thread() is not threading.main_thread():
        yield
        return
    for number in signals:
        loop.add_signal_handler(number, worker.stop)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
