"""``mainspring why``: the chain of decisions about a task or a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mainspring.cli.invocation import Invocation, json_option, pass_invocation, store_option

if TYPE_CHECKING:
    from mainspring.adapters.operations.insights import Explanation


@click.command()
@click.argument("subject", metavar="TASK|SCHEDULE")
@click.option("--at", metavar="ISO", help="What a task had come to then, or what became of the occurrence of then.")
@json_option
@store_option
@pass_invocation
def why(invocation: Invocation, subject: str, at: str | None, as_json: bool) -> None:
    """Tell why a task or a schedule is as it is, from what is on record.

    Link by link: the rule, the occurrence, the policy, the gate, the outcome. Nothing is guessed.
    """
    from mainspring.cli.wiring import existing

    with existing(invocation) as operations:
        found = operations.why(subject, at)
    if as_json:
        from mainspring.adapters.codec import REASON
        from mainspring.cli.output import print_json
        from mainspring.core.instants import format_instant

        reasons = [REASON.plain(reason) for reason in found.reasons]
        print_json({"subject": found.subject, "id": found.id, "at": format_instant(found.at), "reasons": reasons})
        return
    _show(found)


def _show(found: Explanation) -> None:
    from mainspring.cli.output import print_fields

    click.echo(f"{found.subject} {found.id}")
    print_fields([(reason.stage, reason.text) for reason in found.reasons])
