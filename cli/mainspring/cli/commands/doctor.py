"""``mainspring doctor``: what this installation consists of, and how the store is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mainspring.cli.invocation import Invocation, json_option, pass_invocation, store_option

if TYPE_CHECKING:
    from mainspring.cli.health import Health


@click.command()
@json_option
@store_option
@pass_invocation
def doctor(invocation: Invocation, as_json: bool) -> None:
    """Check this installation and the store.

    Every page of a SQLite file is read. Ends with 0 if all is well (a store that does not exist yet is), with 70 if the
    store is damaged, and with 75 if it cannot be used.
    """
    from mainspring.cli.exits import complain
    from mainspring.cli.health import examine
    from mainspring.cli.output import print_json

    health = examine(invocation)
    if as_json:
        print_json(health.document())
    else:
        _show(health)
    if health.complaint:
        complain(health.complaint)
    click.get_current_context().exit(health.code)


def _show(health: Health) -> None:
    from mainspring.cli.output import print_fields

    store = {"store": health.store["url"], **health.store}
    del store["url"]
    if "tasks" in store:
        store["tasks"] = ", ".join(f"{count} {status}" for status, count in store["tasks"].items()) or "none"
    found = [*health.installation.items(), *((name.replace("_", " "), str(value)) for name, value in store.items())]
    print_fields(found, indent="")
    for fault in health.faults:
        click.echo(f"fault: {fault}")
