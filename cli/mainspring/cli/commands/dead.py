"""``mainspring dead``: the tasks that failed for good, to run again or to remove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Unpack

import click

from mainspring.cli.filters import Filters, by_the_clock, filters_of, query_of, require_one_way
from mainspring.cli.invocation import Invocation, json_option, pass_invocation, store_option
from mainspring.cli.lazy import OrderedGroup

if TYPE_CHECKING:
    from mainspring.app import SyncMainspring
    from mainspring.core.task import Task

FAILED: Final = ("failed",)


@click.group(cls=OrderedGroup)
def dead() -> None:
    """Look at tasks that failed for good, run them again or remove them."""


@dead.command("ls")
@filters_of("failed")
@click.option("--limit", type=int, default=20, show_default=True, help="How many to show, 1 to 1000.")
@click.option("--after", metavar="CURSOR", help="The next page: the cursor that the page before ended with.")
@json_option
@store_option
@pass_invocation
def list_(invocation: Invocation, limit: int, after: str | None, as_json: bool, **filters: Unpack[Filters]) -> None:
    """List failed tasks, the newest task first, with their last failure."""
    from attrs import evolve

    from mainspring.cli.wiring import existing

    query = evolve(query_of(filters, FAILED), limit=limit, after=after)
    with existing(invocation) as operations:
        page = operations.find_tasks(by_the_clock(query, filters, operations))
    if as_json:
        from mainspring.adapters.codec import TASK
        from mainspring.cli.output import print_json

        print_json({"tasks": [TASK.plain(item) for item in page.items], "cursor": page.cursor})
        return
    _show_list(page.items, page.cursor)


class _RetryOptions(Filters):
    everything: bool
    keep_attempts: bool
    dry_run: bool


@dead.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@filters_of("failed")
@click.option("--all", "everything", is_flag=True, help="All failed tasks.")
@click.option("--keep-attempts", is_flag=True, help="Go on counting, instead of giving them all their attempts again.")
@click.option("--dry-run", is_flag=True, help="Say what would be run again, and change nothing.")
@store_option
@pass_invocation
def retry(invocation: Invocation, ids: tuple[str, ...], **options: Unpack[_RetryOptions]) -> None:
    """Run failed tasks again: those named, those that match, or all.

    Their history stays. With IDs one that is refused does not hold up the others.
    """
    from mainspring.cli.bulk import say_bulk
    from mainspring.cli.wiring import existing

    query = query_of(options, FAILED)
    require_one_way(options, options["everything"], ids=ids)
    reset, dry_run = not options["keep_attempts"], options["dry_run"]
    if ids:
        _retry_each(invocation, ids, reset, dry_run)
        return
    with existing(invocation) as operations:
        result = operations.requeue_tasks(by_the_clock(query, options, operations), reset, dry_run)
    say_bulk("dead", result, "queued again", dry_run)


class _PurgeOptions(Filters):
    everything: bool
    dry_run: bool


@dead.command()
@filters_of("failed")
@click.option("--all", "everything", is_flag=True, help="All failed tasks.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@store_option
@pass_invocation
def purge(invocation: Invocation, **options: Unpack[_PurgeOptions]) -> None:
    """Remove failed tasks for good, with their history."""
    from mainspring.cli.bulk import say_bulk
    from mainspring.cli.wiring import existing

    query = query_of(options, FAILED)
    require_one_way(options, options["everything"])
    with existing(invocation) as operations:
        result = operations.delete_tasks(by_the_clock(query, options, operations), options["dry_run"])
    say_bulk("dead", result, "removed", options["dry_run"])


def _retry_each(invocation: Invocation, ids: tuple[str, ...], reset: bool, dry_run: bool) -> None:
    from mainspring.cli.several import to_each
    from mainspring.cli.wiring import existing
    from mainspring.cli.words import state_words
    from mainspring.core.states import Failed

    with existing(invocation) as operations:

        def act(id_: str) -> str:
            _require_failed(operations, id_)
            if dry_run:
                return f"{id_}  would be queued again"
            after = operations.requeue_task(id_, reset, frozenset({Failed.status}))  # it may have moved on meanwhile
            return f"{id_}  {state_words(after.state)}"

        to_each(ids, act)


def _require_failed(operations: SyncMainspring, id_: str) -> None:
    from mainspring.core.errors import Conflict
    from mainspring.core.states import Failed

    found = operations.get_task(id_)
    if not isinstance(found.state, Failed):
        what = f"it is {found.state.status}, not failed"
        raise Conflict(str(found), what, "run an ended task again with 'mainspring task retry'")


def _show_list(items: tuple[Task, ...], cursor: str | None) -> None:
    from mainspring.cli.output import clipped, print_table
    from mainspring.cli.words import call_words, failure_words, moment
    from mainspring.core.states import Failed

    if not items:
        click.echo("no failed tasks", err=True)
        return
    rows = [
        (
            item.id,
            moment(item.state.at),
            str(item.state.tally.runs),
            item.queue,
            clipped(item.name or "-", 30),
            clipped(" ".join(failure_words(item.state.failure).split()), 50),
            clipped(call_words(item.call), 60),
        )
        for item in items
        if isinstance(item.state, Failed)
    ]
    print_table(("ID", "FAILED", "RUNS", "QUEUE", "NAME", "WHY", "CALL"), rows)
    if cursor is not None:
        click.echo(f"more: --after {cursor}", err=True)
