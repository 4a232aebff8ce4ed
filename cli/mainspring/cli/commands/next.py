"""``mainspring next``: when a rule fires."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

import click

from mainspring.cli.invocation import json_option
from mainspring.cli.rules import parse_rule, rule_options

if TYPE_CHECKING:
    from mainspring.cli.rules import Rule

THIS_YEAR = "this"


@click.command("next")
@rule_options
@click.option("-n", "count", type=click.IntRange(1, 1000), default=5, show_default=True, help="How many to show.")
@click.option(
    "--calendar",
    metavar="[YEAR]",
    is_flag=False,
    flag_value=THIS_YEAR,
    help="Draw a year instead, by default the one of --after: the days on which it fires.",
)
@json_option
def next_(count: int, calendar: str | None, as_json: bool, **options: Any) -> None:
    """Show when a rule fires next.

    Each instant is shown in the rule's zone and in UTC, with what the clocks do to it: a time that they skip (a gap)
    or repeat (a fold). EXPR is a cron expression, an RRULE, or 'every 10m'; an RRULE or an interval without --dtstart
    starts at --after.
    """
    rule = parse_rule(**options)
    if calendar is not None:
        _draw(rule, calendar, as_json)
    elif as_json:
        _print(rule, count)
    else:
        _show(rule, count)


def _draw(rule: Rule, calendar: str, as_json: bool) -> None:
    from mainspring.cli.output import print_json
    from mainspring.cli.yearly import Year
    from mainspring.core.errors import InvalidInput
    from mainspring.core.recurrence import explain, load_zone, utc_to_civil

    if calendar != THIS_YEAR and not re.fullmatch(r"[0-9]{1,4}", calendar, re.ASCII):
        raise InvalidInput("calendar", f"{calendar!r} is not a year", "write it as 2027, or leave it out")
    year = utc_to_civil(rule.after, load_zone(rule.timezone)).year if calendar == THIS_YEAR else int(calendar)
    found = Year(rule.recurrence, rule.timezone, year)
    if as_json:
        print_json({"expression": rule.expression, "explanation": explain(rule.recurrence), **found.document()})
        return
    click.echo(explain(rule.recurrence))
    for line in found.lines(colour=_colour()):
        click.echo(line)


def _colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _print(rule: Rule, count: int) -> None:
    from mainspring.cli.agenda import upcoming
    from mainspring.cli.marks import Change, Fire, timeline
    from mainspring.cli.output import print_json
    from mainspring.core.instants import format_instant
    from mainspring.core.recurrence import explain

    found = list(timeline(rule.recurrence, rule.timezone, rule.after, upcoming(rule, count)))
    print_json(
        {
            "expression": rule.expression,
            "timezone": rule.timezone,
            "explanation": explain(rule.recurrence),
            "after": format_instant(rule.after),
            "instants": [entry.document() for entry in found if isinstance(entry, Fire)],
            "clock_changes": [entry.document() for entry in found if isinstance(entry, Change)],
        }
    )


def _show(rule: Rule, count: int) -> None:
    from mainspring.cli.agenda import print_agenda
    from mainspring.core.recurrence import explain

    click.echo(explain(rule.recurrence))
    print_agenda(rule, count)
