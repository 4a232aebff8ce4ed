"""``mainspring project``: the tenants of a server."""

from __future__ import annotations

import click

from mainspring.cli.invocation import Invocation, json_option, pass_invocation, store_option
from mainspring.cli.lazy import OrderedGroup


@click.group(cls=OrderedGroup)
def project() -> None:
    """Make and list projects: each has keys, tasks and queues of its own."""


@project.command()
@click.argument("name")
@store_option
@pass_invocation
def create(invocation: Invocation, name: str) -> None:
    """Make a project, with a signing secret of its own; 'mainspring key create' then makes its keys."""
    from mainspring.app.access import make_project
    from mainspring.cli.wiring import creating_directory
    from mainspring.core.task import check_name

    check_name("name", name)
    with creating_directory(invocation) as directory:
        make_project(directory, name)
    click.echo(f"{name}  created")


@project.command("ls")
@json_option
@store_option
@pass_invocation
def list_(invocation: Invocation, as_json: bool) -> None:
    """List projects; of their secrets only whether they are set."""
    from mainspring.cli.output import print_json, print_table
    from mainspring.cli.wiring import existing_directory
    from mainspring.core.instants import format_instant

    with existing_directory(invocation) as directory:
        found = directory.projects()
        counts = {one.name: len(directory.keys(one.name)) for one in found}
    if as_json:
        documents = [
            {
                "name": one.name,
                "created_at": format_instant(one.created_at),
                "keys": counts[one.name],
                "webhook_secrets": len(one.webhook_secrets),
                "mergent_secret": one.mergent_secret is not None,
                "strict": one.strict,
            }
            for one in found
        ]
        print_json({"projects": documents})
        return
    if not found:
        click.echo("no projects", err=True)
        return
    rows = [(one.name, format_instant(one.created_at), str(counts[one.name])) for one in found]
    print_table(("PROJECT", "CREATED", "KEYS"), rows)
