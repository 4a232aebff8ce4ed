"""``mainspring explain``: what a rule means."""

from __future__ import annotations

import click

from mainspring.cli.invocation import json_option
from mainspring.cli.rules import parse_rule, rule_options


@click.command("explain")
@rule_options
@json_option
def explain_(expression: str, tz: str, dtstart: str | None, seconds: bool, as_json: bool) -> None:
    """Say in plain English when a rule fires.

    EXPR is a cron expression, an RRULE, or 'every 10m'.
    """
    from mainspring.cli.output import print_json
    from mainspring.core.recurrence import explain

    rule, _ = parse_rule(expression, tz, dtstart, seconds)
    if as_json:
        print_json({"expression": expression, "timezone": tz, "explanation": explain(rule)})
    else:
        click.echo(explain(rule))
