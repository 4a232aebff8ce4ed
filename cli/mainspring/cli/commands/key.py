"""``mainspring key``: the keys of the HTTP API."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO, cast

import click

from mainspring.cli.invocation import Invocation, json_option, pass_invocation, store_option
from mainspring.cli.lazy import OrderedGroup

if TYPE_CHECKING:
    from datetime import datetime

    from mainspring.core.access import ApiKey, Scope


@click.group(cls=OrderedGroup)
def key() -> None:
    """Make, list and revoke the keys of the HTTP API."""


@key.command()
@click.option("--project", default="default", show_default=True, help="What it opens; the default one is made for it.")
@click.option(
    "--scope",
    type=click.Choice(["read", "write", "admin"]),
    default="write",
    show_default=True,
    help="How far it goes; each one includes those before.",
)
@click.option("--label", default="", help="Whose it is, for those who look.")
@click.option("--expires", metavar="DURATION", help="How long it counts, e.g. 90d.  [default: until it is revoked]")
@click.option(
    "--take-over",
    type=click.File("r"),
    metavar="FILE",
    help="Take a key from elsewhere, Mergent's say: its text is read from FILE, or from standard input with '-'.",
)
@store_option
@pass_invocation
def create(
    invocation: Invocation,
    project: str,
    scope: str,
    label: str,
    expires: str | None,
    take_over: TextIO | None,
) -> None:
    """Make a key, and print its text: this once, since only a digest is kept.

    A key that is taken over also becomes the project's secret for X-Mergent-Signature, which receivers check with it.
    """
    from mainspring.cli.keys import add_key, make_key
    from mainspring.cli.wiring import creating_directory

    foreign = None if take_over is None else take_over.read(1_000).strip()
    shown, made = make_key(project, cast("Scope", scope), label, expires, foreign)
    with creating_directory(invocation) as directory:
        add_key(directory, made, foreign)
    click.echo(shown)


@key.command("ls")
@click.option("--project", help="Only those of this one.")
@json_option
@store_option
@pass_invocation
def list_(invocation: Invocation, project: str | None, as_json: bool) -> None:
    """List keys, those that have ended included; their texts are not known."""
    from mainspring.cli.output import print_json, print_table
    from mainspring.cli.wiring import existing_directory

    with existing_directory(invocation) as directory:
        found = directory.keys(project)
    if as_json:
        print_json({"keys": [_document(one) for one in found]})
        return
    if not found:
        click.echo("no keys", err=True)
        return
    rows = [(one.id, one.project, one.scope, _state(one), _instant(one.last_used_at), one.label) for one in found]
    print_table(("KEY", "PROJECT", "SCOPE", "STATE", "LAST USED", "LABEL"), rows)


@key.command()
@click.argument("key_id", metavar="KEY")
@store_option
@pass_invocation
def revoke(invocation: Invocation, key_id: str) -> None:
    """Let a key count no more; KEY is its id, as 'ls' shows it."""
    from mainspring.cli.wiring import existing_directory
    from mainspring.core.access import revoked

    with existing_directory(invocation) as directory:
        directory.update_key(key_id, revoked)
    click.echo(f"{key_id}  revoked")


def _instant(at: datetime | None) -> str:
    from mainspring.core.instants import format_instant

    return "never" if at is None else format_instant(at)


def _state(one: ApiKey) -> str:
    from datetime import UTC, datetime

    from mainspring.core.access import is_live

    if one.revoked_at is not None:
        return "revoked"
    return "live" if is_live(one, datetime.now(UTC)) else "expired"


def _document(one: ApiKey) -> dict[str, object]:
    from mainspring.adapters.codec import API_KEY

    plain = API_KEY.plain(one)
    return {name: value for name, value in plain.items() if name not in ("digest", "version")}
