"""What bulk commands have in common: how they say what was done, and what was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mainspring.cli.exits import CONFLICT, complain
from mainspring.cli.output import printable

if TYPE_CHECKING:
    from mainspring.adapters.operations.bulk import BulkResult


def say_bulk(subject: str, result: BulkResult, what: str, dry_run: bool) -> None:
    """Print how many tasks were (or would be) ``what``; complain of refusals, by kind, and exit as a conflict."""
    tasks = "1 task" if result.done == 1 else f"{result.done} tasks"
    click.echo(printable(f"{subject}  {tasks} {'would be ' if dry_run else ''}{what}"))
    if result.more:
        click.echo("there are more: one command walks no further; give it again, or a narrower filter", err=True)
    refused = sum(result.refused.values())
    if refused:
        kinds = ", ".join(f"{count} by {kind}" for kind, count in result.refused.items())
        complain(f"{subject}: {refused} of {result.matched} refused ({kinds}); look at them one by one")
        click.get_current_context().exit(CONFLICT)
