"""``mainspring explain``: what a rule means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from mainspring.cli.invocation import json_option
from mainspring.cli.rules import parse_rule, rule_options

if TYPE_CHECKING:
    from mainspring.cli.rules import Rule
    from mainspring.core.recurrence import ShiftEffect

COUNT: Final = 3


@click.command("explain")
@rule_options
@json_option
def explain_(as_json: bool, **options: Any) -> None:
    """Say in plain English when a rule fires.

    With the next instants, and the next change of the clocks that matters to it. EXPR is a cron expression, an RRULE,
    or 'every 10m'.
    """
    from mainspring.cli.agenda import print_agenda
    from mainspring.core.recurrence import describe_dst, explain

    rule = parse_rule(**options)
    effect = describe_dst(rule.recurrence, rule.after)
    if as_json:
        _print(rule, effect)
        return
    click.echo(explain(rule.recurrence))
    print_agenda(rule, COUNT)
    if effect is not None:
        click.echo(f"Next change of the clocks that matters: {effect.text}")


def _print(rule: Rule, effect: ShiftEffect | None) -> None:
    from mainspring.cli.agenda import upcoming
    from mainspring.cli.marks import Change, Fire, timeline
    from mainspring.cli.output import print_json
    from mainspring.core.instants import format_instant
    from mainspring.core.recurrence import explain

    found = timeline(rule.recurrence, rule.timezone, rule.after, upcoming(rule, COUNT))
    change = None
    if effect is not None:
        fires = [format_instant(fire) for fire in effect.fires]
        change = {**Change(shift=effect.shift, times=effect.times).document(), "fires": fires, "text": effect.text}
    print_json(
        {
            "expression": rule.expression,
            "timezone": rule.timezone,
            "explanation": explain(rule.recurrence),
            "after": format_instant(rule.after),
            "instants": [entry.document() for entry in found if isinstance(entry, Fire)],
            "next_clock_change": change,
        }
    )
