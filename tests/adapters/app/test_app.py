"""The library's front door: every method, in both colours, over memory and SQLite."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mainspring.app import Context, EngineSettings, Fixed, Mainspring, Never, SyncMainspring, TaskRequest
from mainspring.core.commands import Edit
from mainspring.core.errors import Conflict, IllegalTransition, InvalidInput, NotFound, Unavailable
from mainspring.core.ports import ScheduleQuery, TaskQuery
from mainspring.core.recurrence import Interval
from mainspring.core.schedule import ScheduleEdit
from mainspring.core.states import Pending, Succeeded
from mainspring.core.task import FollowUp, FunctionCall, HttpCall

HOUR = timedelta(hours=1)
FAST = EngineSettings(poll=timedelta(seconds=0.2))


def _functions(app: Mainspring) -> Mainspring:
    @app.task("add")
    def add(a: int, b: int = 0) -> int:
        return a + b

    @app.task("greet")
    async def greet(name: str, context: Context) -> str:
        return f"Hello {name}, attempt {context.attempt}"

    return app


@pytest.fixture(params=["memory", "sqlite"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mainspring]:
    store = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path / 'main.db'}"
    with _functions(Mainspring(store)) as opened:
        yield opened


class _Blocking:
    """The asynchronous colour, each call awaited: so that one test serves both."""

    def __init__(self, app: Mainspring) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._app, name)

        async def awaited(*given: Any, **options: Any) -> Any:
            return await method(*given, **options)

        return lambda *given, **options: asyncio.run(awaited(*given, **options))


@pytest.fixture(params=["sync", "async"])
def door(request: pytest.FixtureRequest, app: Mainspring) -> Any:
    """The operations of ``app`` in one colour."""
    return app.sync if request.param == "sync" else _Blocking(app)


def _work(app: Mainspring) -> None:
    asyncio.run(app.run_until_idle(FAST))


def _public(kind: type) -> dict[str, inspect.Signature]:
    functions = inspect.getmembers(kind, inspect.isfunction)
    return {name: inspect.signature(function) for name, function in functions if not name.startswith("_")}


def test_both_colours_have_the_same_operations_with_the_same_arguments() -> None:
    """What can be awaited can be called: name by name, argument by argument."""
    only_here = {"close", "on", "run", "run_until_idle", "server", "target", "task", "worker"}
    assert {name: sign for name, sign in _public(Mainspring).items() if name not in only_here} == _public(
        SyncMainspring
    )


def test_tasks_are_created_run_and_read(app: Mainspring, door: Any) -> None:
    """A function's task runs with its arguments, and its result, status and history can be read."""
    task = door.enqueue("add", arguments={"a": 2, "b": 3}, queue="sums", priority=4, timeout="5s")
    assert door.get_task(task.id) == task
    assert (task.queue, task.priority, task.timeout) == ("sums", 4, timedelta(seconds=5))
    greeting = door.enqueue("greet", arguments={"name": "Ada"}, delay="0s")
    assert door.count_tasks() == {"pending": 2}
    _work(app)
    done = door.get_task(task.id).state
    assert isinstance(done, Succeeded)
    assert done.result == "5"
    assert door.get_task(greeting.id).state.result == '"Hello Ada, attempt 1"'
    assert door.count_tasks() == {"succeeded": 2}
    assert [type(event).__name__ for event in door.task_history(task.id)] == ["RunStarted", "RunSucceeded"]
    assert [found.id for found in door.find_tasks(TaskQuery(queue="sums")).items] == [task.id]


def test_many_tasks_are_created_at_once_or_not_at_all(app: Mainspring, door: Any) -> None:
    """``create_tasks`` is one transaction: one bad request, or one taken name, and nothing is stored."""
    good = TaskRequest(call=FunctionCall(function="add", arguments='{"a":1}'))
    assert len(door.create_tasks([good] * 50)) == 50
    bad = TaskRequest(call=FunctionCall(function="add", arguments='{"c":1}'))
    with pytest.raises(InvalidInput):
        door.create_tasks([good, bad])
    named = TaskRequest(call=good.call, name="once")
    with pytest.raises(Conflict):
        door.create_tasks([good, named, named])
    assert door.count_tasks() == {"pending": 50}
    assert door.create_task(good).call == good.call


def test_a_task_runs_after_its_delay_or_at_its_instant(app: Mainspring, door: Any) -> None:
    """``delay`` counts from now, ``at`` is an instant as a datetime or a text."""
    by_delay = door.enqueue("add", arguments={"a": 1}, delay=timedelta(minutes=90))
    assert by_delay.scheduled_for == by_delay.created_at + 1.5 * HOUR
    at = datetime(2090, 5, 1, 12, tzinfo=UTC)
    assert door.enqueue("add", arguments={"a": 1}, at=at).scheduled_for == at
    by_text = door.enqueue("add", arguments={"a": 1}, at="2090-05-01T14:00:00+02:00")
    assert by_text.scheduled_for == at
    _work(app)
    assert door.count_tasks() == {"pending": 3}


def test_a_url_is_called_over_http_with_its_body_and_headers(door: Any) -> None:
    """A target with ``://`` is a delivery."""
    task = door.enqueue("https://example.com/hook", body="{}", headers={"X-A": "1"}, delay="1h")
    assert task.call == HttpCall(url="https://example.com/hook", body="{}", headers=(("X-A", "1"),))


def test_cancel_run_requeue_edit_and_delete(app: Mainspring, door: Any) -> None:
    """What can be done to a task: each answers with the task as it is then."""
    task = door.enqueue("add", arguments={"a": 1}, delay="1h")
    edited = door.edit_task(task.id, Edit(at=task.created_at, priority=7))
    assert (edited.priority, edited.version) == (7, 2)
    assert door.run_task(task.id).state.due <= datetime.now(UTC)
    assert door.cancel_task(task.id, "not wanted").state.reason == "not wanted"
    with pytest.raises(IllegalTransition):
        door.run_task(door.cancel_task(door.enqueue("add", arguments={"a": 2}).id).id)
    assert isinstance(door.requeue_task(task.id).state, Pending)
    _work(app)
    assert door.get_task(task.id).state.result == "1"
    door.delete_task(task.id)
    for operation in (door.get_task, door.delete_task, door.cancel_task, door.task_history):
        with pytest.raises(NotFound):
            operation(task.id)


def test_a_name_belongs_to_one_live_task(app: Mainspring, door: Any) -> None:
    """A second task of a live name is a ``Conflict``; when the first has ended, the name is free."""
    first = door.enqueue("add", arguments={"a": 1}, name="report")
    with pytest.raises(Conflict, match="report"):
        door.enqueue("add", arguments={"a": 2}, name="report")
    assert door.count_tasks() == {"pending": 1}
    _work(app)
    assert door.enqueue("add", arguments={"a": 2}, name="report").id != first.id


def test_schedules_from_creation_to_deletion(app: Mainspring, door: Any) -> None:
    """Create, read, find, run by hand, pause, resume, edit, delete: and what became of it all can be read."""
    made = door.schedule("add", arguments={"a": 1}, cron="0 4 * * *", timezone="Europe/Paris", name="nightly")
    assert door.get_schedule(made.id) == made
    assert [found.id for found in door.find_schedules(ScheduleQuery(name="nightly")).items] == [made.id]
    with pytest.raises(Conflict):
        door.schedule("add", arguments={"a": 1}, every="1h", name="nightly")
    plan = door.run_schedule(made.id)
    assert len(plan.tasks) == 1
    _work(app)
    assert door.get_task(plan.tasks[0].id).state.result == "1"
    assert len(door.schedule_slots(made.id)) == 1
    assert door.pause_schedule(made.id, "holiday").paused.note == "holiday"
    assert door.resume_schedule(made.id).paused is None
    hourly = Interval(every=HOUR, anchor=made.created_at)
    assert door.edit_schedule(made.id, ScheduleEdit(recurrence=hourly)).recurrence == hourly
    kinds = [event.kind for event in door.schedule_history(made.id)]
    assert kinds == ["created", "ran", "paused", "resumed", "edited"]
    door.delete_schedule(made.id)
    for operation in (door.get_schedule, door.delete_schedule, door.pause_schedule, door.run_schedule):
        with pytest.raises(NotFound):
            operation(made.id)
    assert len(door.schedule_slots(made.id)) == 1


def test_a_schedule_by_rrule_starts_now_unless_told_otherwise(app: Mainspring, door: Any) -> None:
    """Mergent's rule: without DTSTART the first occurrence is now."""
    made = door.schedule("add", arguments={"a": 1}, rrule="FREQ=DAILY")
    _work(app)
    assert door.count_tasks() == {"succeeded": 1}
    assert door.get_schedule(made.id).next_at > made.created_at
    later = door.schedule("add", arguments={"a": 1}, rrule="FREQ=DAILY", dtstart="2090-01-01T09:00:00Z")
    assert later.next_at == datetime(2090, 1, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("target", "options", "field"),
    [
        ("nowhere", {}, "function"),
        ("add", {}, "arguments.a"),
        ("add", {"arguments": {"a": 1, "c": 2}}, "arguments.c"),
        ("add", {"arguments": {"a": object()}}, "arguments.a"),
        ("add", {"arguments": {"a": 1}, "body": "x"}, "body"),
        ("https://example.com/", {"arguments": {"a": 1}}, "arguments"),
        ("ftp://example.com/", {}, "url"),
        ("https://example.com/", {"headers": {"Host": "x"}}, "headers"),
        ("https://example.com/", {"body": "x" * 1_048_577}, "body"),
        ("add", {"arguments": {"a": 1}, "delay": "soon"}, "delay"),
        ("add", {"arguments": {"a": 1}, "delay": "-1s"}, "delay"),
        ("add", {"arguments": {"a": 1}, "at": "tomorrow"}, "at"),
        ("add", {"arguments": {"a": 1}, "at": datetime(2090, 1, 1)}, "at"),  # noqa: DTZ001  that is the point
        ("add", {"arguments": {"a": 1}, "name": "two words"}, "name"),
        ("add", {"arguments": {"a": 1}, "queue": ""}, "queue"),
        ("add", {"arguments": {"a": 1}, "priority": 40_000}, "priority"),
        ("add", {"arguments": {"a": 1}, "retry": "often"}, "retry"),
        ("add", {"arguments": {"a": 1}, "timeout": "0s"}, "timeout"),
        ("add", {"arguments": {"a": 1}, "start_by": "2001-01-01T00:00:00Z"}, "start_by"),
    ],
)
def test_what_cannot_be_run_is_refused_by_field_before_anything_is_stored(
    door: Any, target: str, options: dict[str, Any], field: str
) -> None:
    """Each bad option of ``enqueue`` is an ``InvalidInput`` that names it, and no task exists afterwards."""
    with pytest.raises(InvalidInput) as refused:
        door.enqueue(target, **options)
    assert refused.value.field == field
    assert door.count_tasks() == {}


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({}, "cron, rrule or every"),
        ({"cron": "0 4 * * *", "every": "1h"}, "cron, rrule or every"),
        ({"cron": "61 4 * * *"}, "cron"),
        ({"cron": "0 4 * * *", "dtstart": "2090-01-01T00:00:00Z"}, "dtstart"),
        ({"every": "often"}, "every"),
        ({"every": "1h", "seconds": True}, "seconds"),
        ({"every": "1h", "timeout": "2d"}, "timeout"),
        ({"every": "1h", "name": "a b"}, "name"),
        ({"every": "1h", "arguments": {}}, "arguments.a"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_by_field(door: Any, options: dict[str, Any], field: str) -> None:
    """Each bad option of ``schedule`` is named, and no schedule exists afterwards."""
    with pytest.raises(InvalidInput) as refused:
        door.schedule("add", **({"arguments": {"a": 1}} | options))
    assert refused.value.field == field
    assert door.find_schedules(ScheduleQuery()).items == ()


def test_an_unknown_option_is_an_error_that_knows_what_was_meant(door: Any) -> None:
    """A misspelt keyword is never silently ignored."""
    with pytest.raises(TypeError, match="did you mean 'delay'"):
        door.enqueue("add", arguments={"a": 1}, delai="1h")
    with pytest.raises(TypeError, match="unexpected keyword argument 'at'"):
        door.schedule("add", arguments={"a": 1}, every="1h", at="2090-01-01T00:00:00Z")
    assert door.count_tasks() == {}


def test_an_edit_is_checked_like_a_creation(door: Any) -> None:
    """A call that could not be created cannot be edited in either."""
    task = door.enqueue("add", arguments={"a": 1}, delay="1h")
    unknown = FunctionCall(function="nowhere")
    with pytest.raises(InvalidInput):
        door.edit_task(task.id, Edit(at=task.created_at, call=unknown))
    with pytest.raises(InvalidInput):
        door.edit_task(task.id, Edit(at=task.created_at, on_failure=FollowUp(call=unknown)))
    schedule = door.schedule("add", arguments={"a": 1}, every="1h")
    with pytest.raises(InvalidInput):
        door.edit_schedule(schedule.id, ScheduleEdit(call=unknown))
    with pytest.raises(InvalidInput):
        door.change_schedule(schedule.id, unknown)
    assert door.get_task(task.id) == task
    assert door.get_schedule(schedule.id) == schedule


def test_functions_are_registered_by_decorator_and_stay_what_they_are() -> None:
    """The decorator gives back the function itself; the function is a target; a name is given once."""
    with Mainspring("memory:") as app:

        @app.task("twice")
        def twice(n: int) -> int:
            return 2 * n

        assert twice(4) == 8
        assert app.sync.enqueue(twice, arguments={"n": 4}).call == FunctionCall(function="twice", arguments='{"n":4}')
        with pytest.raises(InvalidInput, match="twice"):
            app.task("twice")(twice)
        with pytest.raises(InvalidInput, match="is not registered") as refused:
            app.sync.enqueue(print)
        assert refused.value.field == "call"


def test_the_same_functions_serve_another_storage(tmp_path: Path) -> None:
    """``on`` opens another store for an app's functions."""
    with _functions(Mainspring("memory:")) as app, app.on(f"sqlite:///{tmp_path / 'other.db'}") as other:
        other.sync.enqueue("add", arguments={"a": 1})
        _work(other)
        assert other.sync.count_tasks() == {"succeeded": 1}
        assert app.sync.count_tasks() == {}


def test_a_worker_in_a_thread_works_while_the_block_lasts(app: Mainspring, door: Any) -> None:
    """``with app.worker()`` runs tasks of both colours, and stops gracefully at its end."""
    with app.worker(FAST):
        task = door.enqueue("greet", arguments={"name": "Ada"})
        while not isinstance(door.get_task(task.id).state, Succeeded):
            pass
    late = door.enqueue("add", arguments={"a": 1})
    assert isinstance(door.get_task(late.id).state, Pending)


def test_run_ends_gracefully_when_it_is_cancelled(app: Mainspring) -> None:
    """Cancelling ``app.run()`` lets short runs finish, then passes the cancellation on."""

    @app.task("nap")
    async def nap() -> str:
        await asyncio.sleep(0.3)
        return "rested"

    async def scenario() -> Any:
        running = asyncio.create_task(app.run(FAST, signals=False))
        task = await app.enqueue("nap", retry=Never())
        while not (await app.count_tasks()).get("running"):
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return (await app.get_task(task.id)).state

    assert asyncio.run(scenario()).result == '"rested"'


def test_a_failing_function_is_retried_by_its_policy(app: Mainspring) -> None:
    """``retry`` takes a policy; the context knows the attempt."""

    @app.task("third")
    def third(context: Context) -> int:
        if context.attempt < 3:
            raise RuntimeError("not yet")
        return context.attempt

    task = app.sync.enqueue("third", retry=Fixed(delay=timedelta(0), attempts=5))
    _work(app)
    state = app.sync.get_task(task.id).state
    assert isinstance(state, Succeeded)
    assert state.result == "3"


@pytest.mark.parametrize("store", ["", "redis://localhost", "postgres:/localhost/x", "sqlite://", "sqlite:///"])
def test_a_store_that_cannot_be_opened_is_refused_with_the_cure(store: str) -> None:
    """A URL of no known kind names the field and what would be right."""
    with pytest.raises(InvalidInput) as refused:
        Mainspring(store)
    assert refused.value.field == "store"
    assert "memory:" in refused.value.cure


def test_a_closed_app_refuses_everything_and_may_be_closed_again(app: Mainspring) -> None:
    """After ``close`` the storage is unavailable, in both colours; closing twice is nothing."""
    app.close()
    app.close()
    with pytest.raises(Unavailable):
        app.sync.count_tasks()
    with pytest.raises(Unavailable):
        asyncio.run(app.count_tasks())
