"""``mainspring lint``: what schedules from elsewhere mean, and what would change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from mainspring.cli.invocation import json_option

if TYPE_CHECKING:
    from datetime import datetime

    from mainspring.cli.linting import Finding

FORMATS: Final = ("crontab", "system-crontab", "celery", "apscheduler", "mergent", "qstash")


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Whose file it is.  [default: it is looked at]")
@click.option(
    "--tz", metavar="ZONE", default="UTC", show_default=True, help="The zone it ran in, where the file does not say it."
)
@click.option("--year-from", metavar="ISO", help="Compare the year after this instant.  [default: now]")
@json_option
def lint(file: str, form: str | None, tz: str, year_from: str | None, as_json: bool) -> None:
    """Say what schedules from elsewhere mean here, and what would change.

    FILE ('-': standard input) is a crontab, or a JSON dump of Celery's beat, APScheduler 3, Mergent or QStash. For each
    schedule: what it means, what its old home does differently, and the fire times of a year that would change.
    Nothing is stored. Ends with 0 if nothing changes, with 1 if something does, cannot be compared or cannot be carried
    over, and with 2 for a file or an option that cannot be read.
    """
    from datetime import UTC, datetime

    from mainspring.adapters.dialects import read_file
    from mainspring.cli.linting import examine, read_bytes, report, summary
    from mainspring.cli.output import print_json
    from mainspring.core.instants import format_instant, parse_instant
    from mainspring.core.recurrence import load_zone

    start = datetime.now(UTC).replace(microsecond=0) if year_from is None else parse_instant("year-from", year_from)
    start = _within_range(start)
    zone = load_zone(tz).key
    data, system = read_bytes(file)
    found = read_file(data, zone, start, format=form, system=system)
    findings: list[Finding] = []
    if not as_json:
        click.echo(f"{found.format}, compared for the year from {format_instant(start)}")
        for note in found.notes:
            click.echo(f"note: {note}")
    for finding in examine(found, start):
        findings.append(finding)
        if not as_json:
            for line in report(finding, found.unit):
                click.echo(line)
    if as_json:
        print_json(
            {
                "format": found.format,
                "timezone": zone,
                "from": format_instant(start),
                "notes": list(found.notes),
                "schedules": [finding.document() for finding in findings],
                "summary": summary(findings),
            }
        )
    else:
        counts = ", ".join(
            f"{count} {status.replace('_', ' ')}" for status, count in summary(findings).items() if count
        )
        click.echo(f"\n{len(findings)} schedule{'' if len(findings) == 1 else 's'}: {counts}")
    click.get_current_context().exit(0 if all(finding.unchanged for finding in findings) else 1)


def _within_range(start: datetime) -> datetime:
    from mainspring.core.errors import InvalidInput

    if not 1900 <= start.year <= 9800:
        raise InvalidInput("year-from", f"the year {start.year} is out of range", "use 1900 to 9800")
    return start
