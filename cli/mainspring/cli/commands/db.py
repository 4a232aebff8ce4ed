"""``mainspring db``: the schema of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mainspring.cli.invocation import Invocation, json_option, pass_invocation, store_option
from mainspring.cli.lazy import OrderedGroup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mainspring.adapters.storages.migrations import Applied, Migration


@click.group(cls=OrderedGroup)
def db() -> None:
    """Look at the schema of the store, bring it up to date, verify it.

    Whatever opens a store for work brings it up to date first. These commands are for those who want to see it, or to
    do it by themselves.
    """


@db.command()
@json_option
@store_option
@pass_invocation
def status(invocation: Invocation, as_json: bool) -> None:
    """Show which schema version the store has, and which steps it has yet to take."""
    from mainspring.adapters.storages.migrations import version_of
    from mainspring.cli.output import print_json, print_table
    from mainspring.cli.wiring import schema_of

    schema = schema_of(invocation)
    applied, known = schema.applied(), schema.known
    rows = _rows(known, applied)
    if as_json:
        steps = [dict(zip(("number", "state", "at"), row, strict=True)) for row in rows]
        print_json({"version": version_of(applied), "latest": len(known), "steps": steps})
        return
    click.echo(f"schema version {version_of(applied)}, the latest known here is {len(known)}")
    print_table(("STEP", "STATE", "AT"), [(f"{number:04}", state, at or "-") for number, state, at in rows])


def _rows(known: Sequence[Migration], applied: Sequence[Applied]) -> list[tuple[int, str, str | None]]:
    from mainspring.core.instants import format_instant

    texts = {step.number: step.checksum for step in known}
    done = {step.number for step in applied}
    rows: list[tuple[int, str, str | None]] = []
    for step in applied:
        state = "applied" if texts.get(step.number) == step.checksum else "changed"
        rows.append((step.number, state if step.number in texts else "unknown here", format_instant(step.at)))
    return sorted([*rows, *((step.number, "pending", None) for step in known if step.number not in done)])


@db.command()
@click.option("--to", type=click.IntRange(min=1), help="Go only as far as this version.")
@click.option("--dry-run", is_flag=True, help="Take the steps in a transaction, then roll it back.")
@click.option("--sql", "as_sql", is_flag=True, help="Print the SQL of the steps instead of taking them.")
@store_option
@pass_invocation
def migrate(invocation: Invocation, to: int | None, dry_run: bool, as_sql: bool) -> None:
    """Bring the schema of the store up to date; a store that does not exist is created.

    Each step is one transaction: what was interrupted has not happened and is done by the next run. Others that try it
    at the same time wait. There is no way back.
    """
    from mainspring.cli.wiring import schema_of
    from mainspring.core.errors import InvalidInput

    if dry_run and as_sql:
        raise InvalidInput("--sql", "it cannot be used with --dry-run", "use one of them")
    schema = schema_of(invocation, missing_ok=True)
    if as_sql:
        click.echo(schema.sql(to), nl=False)
        return
    taken = schema.migrate(to, dry_run=dry_run)
    verb = "would be applied" if dry_run else "applied"
    for step in taken:
        click.echo(f"{step.number:04} {verb}")
    if not taken:
        click.echo("nothing to do")


@db.command()
@store_option
@pass_invocation
def verify(invocation: Invocation) -> None:
    """Compare the store with what its steps should have made of it.

    Ends with 0 if all is as it should be and nothing is pending, with 4 if steps are pending, and with 70 if a step was
    applied with another text, or something is missing or was changed.
    """
    from mainspring.adapters.storages.migrations import missing
    from mainspring.cli.exits import CONFLICT, CORRUPT, complain
    from mainspring.cli.wiring import schema_of, store_of

    schema = schema_of(invocation)
    faults = schema.faults()
    for fault in faults:
        click.echo(f"fault: {fault}")
    if faults:
        complain(f"store: its schema has {len(faults)} faults; restore what was changed, or a backup")
        click.get_current_context().exit(CORRUPT)
    pending = missing(schema.known, schema.applied(), None, store_of(invocation))
    if pending:
        complain(f"store: {len(pending)} steps are pending; run 'mainspring db migrate'")
        click.get_current_context().exit(CONFLICT)
    click.echo("ok")
