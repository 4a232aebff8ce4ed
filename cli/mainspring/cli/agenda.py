"""The next instants of a rule, as they are printed."""

from __future__ import annotations

from datetime import datetime

import click

from mainspring.cli.marks import Change, change_words, timeline
from mainspring.cli.rules import Rule
from mainspring.core.instants import format_instant
from mainspring.core.recurrence import next_after


def upcoming(rule: Rule, count: int) -> list[datetime]:
    """Give the next instants, at most ``count``."""
    found: list[datetime] = []
    instant = next_after(rule.recurrence, rule.after)
    while instant is not None and len(found) < count:
        found.append(instant)
        instant = next_after(rule.recurrence, instant)
    return found


def print_agenda(rule: Rule, count: int) -> None:
    """Print the next instants in local time and in UTC, with the changes of the clocks between them."""
    instants = upcoming(rule, count)
    for entry in timeline(rule.recurrence, rule.timezone, rule.after, instants):
        if isinstance(entry, Change):
            words = change_words(entry, rule.recurrence, rule.timezone)
            click.echo(f"  {entry.shift.civil_start:%a %Y-%m-%d} -- {words}")
        else:
            line = f"  {entry.local:%a} {entry.local.isoformat(sep=' ')}   {format_instant(entry.utc)}"
            click.echo(f"{line}   {entry.mark}" if entry.mark else line)
    if len(instants) < count:
        click.echo("  and no more" if instants else "  never")
