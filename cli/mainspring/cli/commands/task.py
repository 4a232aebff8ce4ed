"""``mainspring task``: add, look at and change tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, TypeVar, Unpack, cast

import click

from mainspring.cli.calls import CallOptions, CallParts, call_from, call_options, call_parts, import_option
from mainspring.cli.filters import Filters, by_the_clock, filters_of, query_of, require_one_way
from mainspring.cli.invocation import Invocation, json_option, pass_invocation, store_option
from mainspring.cli.lazy import OrderedGroup

if TYPE_CHECKING:
    from mainspring.adapters.operations.bulk import BulkResult
    from mainspring.app import SyncMainspring
    from mainspring.core.creation import Accepted, ClashPolicy
    from mainspring.core.events import Event
    from mainspring.core.ports import Refused, TaskQuery
    from mainspring.core.task import Task

F = TypeVar("F", bound=Callable[..., Any])

STATUSES: Final = ("pending", "running", "cancelling", "succeeded", "failed", "cancelled", "expired")
"""As in ``mainspring.core.states``, which is not imported to show a help; a test compares them."""

CLASHES: Final = ("reject", "keep", "replace", "debounce", "repeat")
"""As in ``mainspring.core.creation``; a test compares them."""


@click.group(cls=OrderedGroup)
def task() -> None:
    """Add, look at and change tasks."""


class _AddOptions(CallOptions):
    delay: str | None
    at: str | None
    start_by: str | None
    name: str | None
    on_clash: str
    key: str | None
    idempotency_key: str | None
    as_json: bool


@task.command()
@call_options
@click.option("--delay", metavar="DURATION", help="Run so long after now (or after --at), e.g. 5m, 1h30m, PT5M.")
@click.option("--at", metavar="ISO", help="Run at this instant, e.g. 2030-01-02T03:04:05Z.")
@click.option("--start-by", metavar="ISO", help="If it was not started by then, it expires.")
@click.option("--name", help="At most one live task may have this name.")
@click.option(
    "--on-clash",
    type=click.Choice(CLASHES),
    default="reject",
    show_default=True,
    help="What becomes of a live task of the same name.",
)
@click.option("--key", help="What the limits per key of its queue go by, e.g. a tenant.")
@click.option("--idempotency-key", metavar="KEY", help="The same request with it makes no second task for 24 hours.")
@json_option
@store_option
@pass_invocation
def add(invocation: Invocation, **options: Unpack[_AddOptions]) -> None:
    """Add a task: a POST to URL, or a registered function.

    Prints the id of the new task.
    """
    from datetime import UTC, datetime

    from mainspring.adapters.chance import SystemEntropy
    from mainspring.adapters.operations import TaskRequest
    from mainspring.adapters.operations.intake import task_of
    from mainspring.cli.wiring import creating, load_app

    app = load_app(options["import_"])
    request = TaskRequest(
        call=call_from(options, app),
        delay=options["delay"],
        at=options["at"],
        start_by=options["start_by"],
        name=options["name"],
        queue=options["queue"],
        priority=options["priority"],
        retry=options["retry"],
        timeout=options["timeout"],
        key=options["key"],
        on_clash=cast("ClashPolicy", options["on_clash"]),
        idempotency_key=options["idempotency_key"],
    )
    task_of(request, datetime.now(UTC), SystemEntropy())  # refused before a store is opened, let alone created
    with creating(invocation, app) as operations:
        made = operations.create_task(request)
    _show_added(made, options["as_json"])


@task.command()
@click.argument("source", metavar="FILE")
@import_option
@click.option("--each", is_flag=True, help="Add each task by itself: one that is refused does not hold up the others.")
@click.option("--dry-run", is_flag=True, help="Check the file, and add nothing.")
@store_option
@pass_invocation
def load(invocation: Invocation, source: str, import_: str | None, each: bool, dry_run: bool) -> None:
    """Add the tasks of FILE (- for standard input): a JSON object a line, all of them or none.

    The fields are the options of 'mainspring task add', with underscores: url, body, headers, call, args, queue,
    priority, delay, timeout, at, start_by, name, retry, key, on_clash, idempotency_key. Prints the ids in order.
    """
    from datetime import UTC, datetime

    from mainspring.adapters.chance import SystemEntropy
    from mainspring.adapters.operations.intake import MAX_BATCH, task_of
    from mainspring.cli.loading import read_requests
    from mainspring.cli.wiring import creating, load_app

    app = load_app(import_)
    requests = read_requests(source, app, MAX_BATCH)
    if not each or dry_run:  # refused before a store is opened, let alone created
        for request in requests:
            task_of(request, datetime.now(UTC), SystemEntropy())
    if dry_run:
        click.echo(f"{source}  {len(requests)} tasks would be added")
        return
    with creating(invocation, app) as operations:
        if each:
            _show_answers(operations.submit_tasks(requests))
        else:
            click.echo("".join(f"{made.id}\n" for made in operations.create_tasks(requests)), nl=False)


@task.command("ls")
@click.option("--status", type=click.Choice(STATUSES), multiple=True, help="Only of this status; may be repeated.")
@click.option("--queue", help="Only of this queue.")
@click.option("--name", help="Only of this name.")
@click.option("--key", help="Only of this key.")
@click.option("--schedule", metavar="ID", help="Only those that this schedule made.")
@click.option("--limit", type=int, default=20, show_default=True, help="How many to show, 1 to 1000.")
@click.option("--after", metavar="CURSOR", help="The next page: the cursor that the page before ended with.")
@json_option
@store_option
@pass_invocation
def list_(
    invocation: Invocation,
    status: tuple[str, ...],
    queue: str | None,
    name: str | None,
    key: str | None,
    schedule: str | None,
    limit: int,
    after: str | None,
    as_json: bool,
) -> None:
    """List tasks, newest first."""
    from mainspring.cli.wiring import existing
    from mainspring.core.ids import ScheduleId
    from mainspring.core.ports import TaskQuery

    query = TaskQuery(
        statuses=frozenset(status),
        queue=queue,
        name=name,
        key=key,
        schedule_id=None if schedule is None else ScheduleId(schedule),
        limit=limit,
        after=after,
    )
    with existing(invocation) as operations:
        page = operations.find_tasks(query)
    if as_json:
        from mainspring.adapters.codec import TASK
        from mainspring.cli.output import print_json

        print_json({"tasks": [TASK.plain(item) for item in page.items], "cursor": page.cursor})
        return
    _show_list(page.items, page.cursor)


@task.command()
@click.argument("id_", metavar="ID")
@json_option
@store_option
@pass_invocation
def show(invocation: Invocation, id_: str, as_json: bool) -> None:
    """Show a task, with every run and all that was done to it."""
    from mainspring.cli.wiring import existing

    with existing(invocation) as operations:
        found = operations.get_task(id_)
        history = operations.task_history(id_)
    if as_json:
        from mainspring.adapters.codec import EVENT, TASK
        from mainspring.cli.output import print_json

        print_json({"task": TASK.plain(found), "history": [EVENT.plain(event) for event in history]})
        return
    _show_task(found, history)


class _EditOptions(CallParts):
    import_: str | None
    delay: str | None
    at: str | None
    start_by: str | None
    name: str | None
    queue: str | None
    priority: int | None
    key: str | None
    retry: str | None
    timeout: str | None
    as_json: bool


def _call_parts(command: F) -> F:
    for option in reversed(call_parts):
        command = option(command)
    return command


@task.command()
@click.argument("id_", metavar="ID")
@_call_parts
@click.option("--delay", metavar="DURATION", help="Run so long after now.")
@click.option("--at", metavar="ISO", help="Or at this instant, e.g. 2030-01-02T03:04:05Z.")
@click.option("--start-by", metavar="ISO", help="If it was not started by then, it expires; or 'none'.")
@click.option("--name", help="Another name; '' takes it away.")
@click.option("--queue", help="The queue that it waits in.")
@click.option("--priority", type=int, help="Higher runs first within a queue.")
@click.option("--key", help="What the limits per key of its queue go by; '' takes it away.")
@click.option("--retry", metavar="POLICY", help="The retry policy, e.g. mergent, never or 'fixed(5s, attempts=3)'.")
@click.option("--timeout", metavar="DURATION", help="How long a run may take, e.g. 30s.")
@json_option
@store_option
@pass_invocation
def edit(invocation: Invocation, id_: str, **options: Unpack[_EditOptions]) -> None:
    """Change what is named of a task that waits; the rest stays as it is."""
    from mainspring.cli.edits import edit_from
    from mainspring.cli.wiring import existing, load_app
    from mainspring.cli.words import state_words

    app = load_app(options["import_"])
    with existing(invocation, app) as operations:
        made = operations.edit_task(id_, edit_from(options, options, app, operations.now()))
    if options["as_json"]:
        _show_added(made, as_json=True)
    else:
        click.echo(f"{made.id}  {state_words(made.state)}")


class _ManyOptions(Filters):
    status: tuple[str, ...]
    everything: bool
    dry_run: bool


_MANY: Final[tuple[Callable[[Callable[..., Any]], Callable[..., Any]], ...]] = (
    click.argument("ids", metavar="[ID]...", nargs=-1),
    click.option("--status", type=click.Choice(STATUSES), multiple=True, help="Only of this status; may be repeated."),
    filters_of("ended"),
    click.option("--all", "everything", is_flag=True, help="All tasks that this can be done to."),
    click.option("--dry-run", is_flag=True, help="With a filter: say how many there are, and change nothing."),
    store_option,
    pass_invocation,
)


def _of_many(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command IDs, or a filter, or all tasks to go by."""
    for option in reversed(_MANY):
        command = option(command)
    return command


@task.command()
@click.option("--reason", default="by request", show_default=True, help="Why; kept in the history.")
@_of_many
def cancel(invocation: Invocation, ids: tuple[str, ...], reason: str, **options: Unpack[_ManyOptions]) -> None:
    """Cancel tasks: those named, those that match, or all; a running one is asked to stop."""
    from mainspring.core.states import LIVE_STATUSES

    _change(
        invocation,
        ids,
        options,
        LIVE_STATUSES,
        "cancelled",
        lambda operations, id_: operations.cancel_task(id_, reason),
        lambda operations, query, dry_run: operations.cancel_tasks(query, reason, dry_run),
    )


@task.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@store_option
@pass_invocation
def run(invocation: Invocation, ids: tuple[str, ...]) -> None:
    """Bring waiting tasks forward to now."""
    _each(invocation, ids, lambda operations, id_: operations.run_task(id_))


@task.command()
@click.option("--keep-attempts", is_flag=True, help="Go on counting, instead of giving them all their attempts again.")
@_of_many
def retry(invocation: Invocation, ids: tuple[str, ...], keep_attempts: bool, **options: Unpack[_ManyOptions]) -> None:
    """Run ended tasks again: those named, those that match, or all.

    They may have failed, expired, been cancelled, or even succeeded; their history stays.
    """
    from mainspring.core.states import TERMINAL_STATUSES

    _change(
        invocation,
        ids,
        options,
        TERMINAL_STATUSES,
        "queued again",
        lambda operations, id_: operations.requeue_task(id_, not keep_attempts),
        lambda operations, query, dry_run: operations.requeue_tasks(query, not keep_attempts, dry_run),
    )


@task.command()
@_of_many
def rm(invocation: Invocation, ids: tuple[str, ...], **options: Unpack[_ManyOptions]) -> None:
    """Remove tasks with their history, in any state: those named, those that match, or all."""
    _change(
        invocation,
        ids,
        options,
        STATUSES,
        "removed",
        lambda operations, id_: operations.delete_task(id_),
        lambda operations, query, dry_run: operations.delete_tasks(query, dry_run),
    )


def _change(
    invocation: Invocation,
    ids: tuple[str, ...],
    options: _ManyOptions,
    statuses: Iterable[str],
    what: str,
    one: Callable[[SyncMainspring, str], Task | None],
    many: Callable[[SyncMainspring, TaskQuery, bool], BulkResult],
) -> None:
    """Do ``one`` to each task named, or ``many`` to those that match: of ``statuses``, unless others are asked for."""
    from mainspring.cli.bulk import say_bulk
    from mainspring.cli.wiring import existing
    from mainspring.core.errors import InvalidInput

    query = query_of(options, options["status"] or statuses)
    require_one_way(options, options["everything"], ids, narrowed=bool(options["status"]))
    if ids:
        if options["dry_run"]:
            raise InvalidInput(
                "dry-run", "it was given with IDs", "use it with a filter, or look with 'mainspring task show'"
            )
        _each(invocation, ids, one)
        return
    with existing(invocation) as operations:
        result = many(operations, by_the_clock(query, options, operations), options["dry_run"])
    say_bulk("tasks", result, what, options["dry_run"])


def _each(invocation: Invocation, ids: tuple[str, ...], action: Callable[[SyncMainspring, str], Task | None]) -> None:
    """Do ``action`` to each task; one that is refused does not hold up the others."""
    from mainspring.cli.several import to_each
    from mainspring.cli.wiring import existing
    from mainspring.cli.words import state_words

    with existing(invocation) as operations:

        def act(id_: str) -> str:
            after = action(operations, id_)
            return f"{id_}  removed" if after is None else f"{id_}  {state_words(after.state)}"

        to_each(ids, act)


def _show_answers(answers: Iterable[Accepted | Refused]) -> None:
    """Print the id of each task that was made; complain of each that was not, by its place."""
    from mainspring.cli.exits import code_of, complain, line_of
    from mainspring.core.ports import Refused

    code = 0
    for place, answer in enumerate(answers, start=1):
        if isinstance(answer, Refused):
            complain(f"task {place}: {line_of(answer.error)}")
            code = code or code_of(answer.error)
        else:
            click.echo(answer.task.id)
    if code:
        click.get_current_context().exit(code)


def _show_added(made: Task, as_json: bool) -> None:
    from mainspring.cli.output import print_json

    if as_json:
        from mainspring.adapters.codec import TASK

        print_json(TASK.plain(made))
    else:
        click.echo(made.id)


def _show_list(items: tuple[Task, ...], cursor: str | None) -> None:
    from mainspring.cli.output import clipped, print_table
    from mainspring.cli.words import call_words, moment, when

    if not items:
        click.echo("no tasks", err=True)
        return
    keyed = any(item.key is not None for item in items)  # the column is only there when it says something
    rows = [
        (
            item.id,
            item.state.status,
            moment(when(item.state)),
            str(item.state.tally.runs),
            item.queue,
            clipped(item.name or "-", 30),
            *((clipped(item.key or "-", 30),) if keyed else ()),
            clipped(call_words(item.call), 60),
        )
        for item in items
    ]
    print_table(("ID", "STATUS", "AT", "RUNS", "QUEUE", "NAME", *(("KEY",) if keyed else ()), "CALL"), rows)
    if cursor is not None:
        click.echo(f"more: --after {cursor}", err=True)


def _show_task(found: Task, history: tuple[Event, ...]) -> None:
    from mainspring.cli.output import print_fields, printable
    from mainspring.cli.words import call_words, event_words, moment, retry_words, span, state_words
    from mainspring.core.task import Followed, HttpCall, schedule_of

    click.echo(f"task {found.id}")
    fields = [("state", state_words(found.state)), ("call", call_words(found.call))]
    if isinstance(found.call, HttpCall):
        names = ", ".join(name for name, _ in found.call.headers)
        body = "none" if found.call.body is None else f"{len(found.call.body.encode())} bytes"
        fields += [("headers", names or "none"), ("body", body)]
    fields += [
        ("name", found.name or "-"),
        ("queue", f"{found.queue}, priority {found.priority}" + (f", key {found.key}" if found.key else "")),
        ("retry", f"{retry_words(found.retry)}, timeout {span(found.timeout)}"),
        ("created", moment(found.created_at)),
        ("scheduled for", moment(found.scheduled_for)),
        ("schedule", schedule_of(found) or "-"),
        ("runs", f"{found.state.tally.runs}, of them attempts {found.state.tally.attempts}"),
    ]
    if isinstance(found.origin, Followed):
        fields.append(("follows", f"task {found.origin.task_id}, which ended as {found.origin.status}"))
    print_fields(fields)
    click.echo("history")
    for event in history:
        click.echo(f"  {moment(event.at)}  {printable(event_words(event))}")
    if not history:
        click.echo("  nothing has happened yet")
