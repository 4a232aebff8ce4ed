"""The options that say which rule is meant, and how they are read; for commands that store nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import click

if TYPE_CHECKING:
    from datetime import datetime

    from mainspring.core.recurrence import Fold, Gap, Recurrence
    from mainspring.core.recurrence.cron_syntax import DayRule

F = TypeVar("F", bound=Callable[..., Any])

DAYS: Final = ("debian", "or", "and")
GAPS: Final = ("after", "skip", "offset_before")
FOLDS: Final = ("first", "second", "both")

_OPTIONS: Final = (
    click.argument("expression", metavar="EXPR"),
    click.option("--tz", metavar="ZONE", default="UTC", show_default=True, help="The time zone, e.g. Europe/Berlin."),
    click.option("--dtstart", metavar="ISO", help="Where an RRULE or an interval starts."),
    click.option("--seconds", is_flag=True, help="A cron expression begins with a field of seconds."),
    click.option("--days", type=click.Choice(DAYS), help="How the two day fields of a cron are joined."),
    click.option("--gap", type=click.Choice(GAPS), help="What becomes of a time that the clocks skip."),
    click.option("--fold", type=click.Choice(FOLDS), help="What becomes of a time that the clocks repeat."),
    click.option("--after", metavar="ISO", help="Look at what comes after this instant.  [default: now]"),
)


class Rule(NamedTuple):
    """A rule as it was asked for: the text, its zone, the instant from which it is looked at."""

    expression: str
    recurrence: Recurrence
    timezone: str
    after: datetime


def rule_options(command: F) -> F:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def parse_rule(
    expression: str,
    tz: str,
    dtstart: str | None,
    seconds: bool,
    days: DayRule | None,
    gap: Gap | None,
    fold: Fold | None,
    after: str | None,
) -> Rule:
    """Read the rule from the options, by their names.

    As when a schedule is added (Mergent's rule), an RRULE or an interval without ``dtstart`` starts at ``after``.
    """
    from datetime import UTC, datetime

    from mainspring.core.instants import parse_instant
    from mainspring.core.recurrence import parse_recurrence

    start = datetime.now(UTC).replace(microsecond=0) if after is None else parse_instant("after", after)
    first = start if dtstart is None else parse_instant("dtstart", dtstart)
    recurrence = parse_recurrence(expression, tz, first, seconds=seconds)
    recurrence = _with_policies(recurrence, expression, first, days, gap, fold)
    return Rule(expression, recurrence, getattr(recurrence, "timezone", tz), start)  # an RRULE may bring its own zone


def _with_policies(
    rule: Recurrence, expression: str, first: datetime, days: DayRule | None, gap: Gap | None, fold: Fold | None
) -> Recurrence:
    from attrs import evolve

    from mainspring.core.errors import InvalidInput
    from mainspring.core.recurrence import Cron, Interval, RRule

    if days is not None and not isinstance(rule, Cron):
        raise InvalidInput("days", "is for cron expressions", "leave it out")
    if isinstance(rule, Cron):
        return evolve(rule, days=days or "debian", gap=gap, fold=fold)
    if gap is None and fold is None:
        return rule
    if isinstance(rule, Interval):
        raise InvalidInput("gap or fold", "an interval counts elapsed time: no shift affects it", "leave it out")
    return RRule.parse(expression.strip(), rule.timezone, first, gap=gap or "offset_before", fold=fold or "first")
