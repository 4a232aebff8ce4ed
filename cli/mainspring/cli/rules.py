"""The options that say which rule is meant, and how they are read; for commands that store nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from datetime import datetime

    from mainspring.core.recurrence import Recurrence

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: Final = (
    click.argument("expression", metavar="EXPR"),
    click.option("--tz", metavar="ZONE", default="UTC", show_default=True, help="The time zone, e.g. Europe/Berlin."),
    click.option("--dtstart", metavar="ISO", help="Where an RRULE or an interval starts."),
    click.option("--seconds", is_flag=True, help="A cron expression begins with a field of seconds."),
)


def rule_options(command: F) -> F:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def parse_rule(
    expression: str, tz: str, dtstart: str | None, seconds: bool, after: str | None = None
) -> tuple[Recurrence, datetime]:
    """Read the rule, and the instant from which it is looked at (default: now).

    As when a schedule is added (Mergent's rule), an RRULE or an interval without ``dtstart`` starts at that instant.
    """
    from datetime import UTC, datetime

    from mainspring.core.instants import parse_instant
    from mainspring.core.recurrence import parse_recurrence

    start = datetime.now(UTC).replace(microsecond=0) if after is None else parse_instant("after", after)
    first = start if dtstart is None else parse_instant("dtstart", dtstart)
    return parse_recurrence(expression, tz, first, seconds=seconds), start
