"""``mainspring retry``: what a retry policy comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mainspring.cli.invocation import json_option
from mainspring.cli.lazy import OrderedGroup

if TYPE_CHECKING:
    from mainspring.core.retry_text import RetryRow


@click.group(cls=OrderedGroup)
def retry() -> None:
    """Show what a retry policy comes to."""


@retry.command()
@click.argument("policy")
@click.option("--attempts", type=int, default=20, show_default=True, help="How many lines to show, 1 to 10000.")
@json_option
def table(policy: str, attempts: int, as_json: bool) -> None:
    """Show when each attempt of POLICY would start if all fail at once.

    POLICY is a name (mergent, mergent_schedule, never) or a form such as 'exponential(initial=1s, factor=2, max=1h,
    attempts=10, jitter=0.1)' or 'ladder(0s, 5s, 5m)'.
    """
    from mainspring.cli.output import print_json, print_table
    from mainspring.core.instants import format_duration
    from mainspring.core.retry_text import format_retry, parse_retry, retry_table

    read = parse_retry(policy)
    rows = retry_table(read, attempts)
    if as_json:
        print_json({"policy": format_retry(read), "attempts": [_document(row) for row in rows]})
        return
    lines = [(str(row.attempt), format_duration(row.delay), _span(row)) for row in rows]
    print_table(("ATTEMPT", "DELAY", "AFTER THE FIRST"), lines)


def _span(row: RetryRow) -> str:
    from mainspring.core.instants import format_duration

    earliest, latest = format_duration(row.earliest), format_duration(row.latest)
    return earliest if earliest == latest else f"{earliest} to {latest}"


def _document(row: RetryRow) -> dict[str, object]:
    from mainspring.core.instants import format_duration

    return {
        "attempt": row.attempt,
        "delay": format_duration(row.delay),
        "earliest": format_duration(row.earliest),
        "latest": format_duration(row.latest),
    }
