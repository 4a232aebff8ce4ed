"""``mainspring next``: when a rule fires."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mainspring.cli.invocation import json_option
from mainspring.cli.rules import parse_rule, rule_options

if TYPE_CHECKING:
    from datetime import datetime

    from mainspring.core.recurrence import Recurrence


@click.command("next")
@rule_options
@click.option("--after", metavar="ISO", help="Show instants after this one.  [default: now]")
@click.option("-n", "count", type=click.IntRange(1, 1000), default=5, show_default=True, help="How many to show.")
@json_option
def next_(
    expression: str,
    tz: str,
    dtstart: str | None,
    seconds: bool,
    after: str | None,
    count: int,
    as_json: bool,
) -> None:
    """Show when a rule fires next.

    Each instant is shown in the rule's zone and in UTC. EXPR is a cron expression, an RRULE, or 'every 10m'; an RRULE
    or an interval without --dtstart starts at --after.
    """
    from mainspring.cli.output import print_json
    from mainspring.core.instants import format_instant
    from mainspring.core.recurrence import explain

    rule, start = parse_rule(expression, tz, dtstart, seconds, after)
    zone = getattr(rule, "timezone", tz)  # an RRULE may bring its own
    shown = [(instant, _local(instant, zone)) for instant in _instants(rule, start, count)]
    if as_json:
        print_json(
            {
                "expression": expression,
                "timezone": zone,
                "explanation": explain(rule),
                "after": format_instant(start),
                "instants": [{"utc": format_instant(utc), "local": local.isoformat()} for utc, local in shown],
            }
        )
        return
    click.echo(explain(rule))
    for utc, local in shown:
        click.echo(f"  {local:%a} {local.isoformat(sep=' ')}   {format_instant(utc)}")
    if len(shown) < count:
        click.echo("  and no more" if shown else "  never")


def _instants(rule: Recurrence, start: datetime, count: int) -> list[datetime]:
    from mainspring.core.recurrence import next_after

    found: list[datetime] = []
    instant = next_after(rule, start)
    while instant is not None and len(found) < count:
        found.append(instant)
        instant = next_after(rule, instant)
    return found


def _local(instant: datetime, zone: str) -> datetime:
    from mainspring.core.recurrence import load_zone

    return instant.astimezone(load_zone(zone))
