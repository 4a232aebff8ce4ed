"""How schedules are shown: a list of them, one with what it did and will do, and a preview."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import click

from mainspring.cli.output import clipped, print_fields, print_table, printable
from mainspring.cli.words import (
    call_words,
    catch_up_words,
    moment,
    preview_words,
    retry_words,
    slot_words,
    span,
)
from mainspring.core.preview import MAX_CUT, Preview
from mainspring.core.recurrence import Recurrence, explain, load_zone, next_after
from mainspring.core.schedule import Schedule, ScheduleEvent, Slot

UPCOMING: Final = 5


def schedule_words(found: Schedule) -> str:
    """Say whether it is active or paused, and what that means next."""
    if found.paused is None:
        return f"active, next at {moment(found.next_at)}" if found.next_at else "active, its rule has ended"
    return f"paused since {moment(found.paused.at)}" + (f" ({found.paused.note})" if found.paused.note else "")


def next_instants(found: Schedule) -> list[datetime]:
    """The next instants of the rule, as they are when nothing changes it."""
    instants: list[datetime] = []
    instant = found.next_at
    while instant is not None and len(instants) < UPCOMING:
        instants.append(instant)
        instant = next_after(found.recurrence, instant)
    return instants


def rule_words(recurrence: Recurrence) -> str:
    """Write the rule in one line, with its zone."""
    zone = getattr(recurrence, "timezone", None)
    text = " ".join(recurrence.to_text().split())
    return f"{text}  ({zone})" if zone else text


def show_list(items: tuple[Schedule, ...], cursor: str | None) -> None:
    """Print a page of schedules."""
    if not items:
        click.echo("no schedules", err=True)
        return
    rows = [
        (
            item.id,
            "active" if item.paused is None else "paused",
            moment(item.next_at),
            str(item.fired),
            clipped(item.name or "-", 30),
            clipped(rule_words(item.recurrence), 50),
            clipped(call_words(item.template.call), 60),
        )
        for item in items
    ]
    print_table(("ID", "STATUS", "NEXT", "FIRED", "NAME", "RULE", "CALL"), rows)
    if cursor is not None:
        click.echo(f"more: --after {cursor}", err=True)


def show_schedule(
    found: Schedule, upcoming: list[datetime], slots: tuple[Slot, ...], history: tuple[ScheduleEvent, ...]
) -> None:
    """Print a schedule with its next instants, its last occurrences and what was done to it."""
    template = found.template
    click.echo(f"schedule {found.id}")
    print_fields(
        [
            ("state", schedule_words(found)),
            ("rule", rule_words(found.recurrence)),
            ("", explain(found.recurrence)),
            ("call", call_words(template.call)),
            ("name", found.name or "-"),
            ("description", found.description or "-"),
            ("queue", f"{template.queue}, priority {template.priority}"),
            ("retry", f"{retry_words(template.retry)}, timeout {span(template.timeout)}"),
            ("overlap", found.overlap),
            ("catch-up", catch_up_words(found.catch_up)),
            *_bounds(found),
            ("created", moment(found.created_at)),
            ("tasks made", str(found.fired)),
            ("last fired", moment(found.last_fired)),
            ("version", str(found.version)),
        ]
    )
    click.echo("next, were it not paused" if found.paused else "next")
    zone = getattr(found.recurrence, "timezone", "UTC")
    for instant in upcoming:
        local = f"  {instant.astimezone(load_zone(zone)):%a %H:%M %z}" if zone != "UTC" else ""
        click.echo(f"  {moment(instant)}{local}")
    click.echo(f"last occurrences{'' if slots else ': none yet'}")
    for slot in slots:
        row = f" (and {slot.count - 1} more, to {moment(slot.until)})" if slot.count > 1 else ""
        hand = "by hand, " if slot.manual else ""
        click.echo(f"  {moment(slot.occurrence)}{row}  {hand}{printable(slot_words(slot.outcome))}")
    click.echo("history")
    for event in history:
        click.echo(f"  {moment(event.at)}  {event.kind}{f' ({printable(event.note)})' if event.note else ''}")


def _bounds(found: Schedule) -> list[tuple[str, str]]:
    """What bounds the rule, as far as anything does."""
    said = [(name, moment(at)) for name, at in (("starts", found.starts_at), ("ends", found.ends_at)) if at]
    if found.max_runs is not None:
        said.append(("max runs", f"{found.max_runs}, {found.runs} of them made"))
    if found.jitter:
        said.append(("jitter", span(found.jitter)))
    return said


def show_preview(seen: Preview) -> None:
    """Print what will become of a schedule."""
    click.echo(f"schedule {seen.schedule.id}, from {moment(seen.at)} to {moment(seen.until)}")
    if seen.rows:
        rows = [(moment(row.occurrence), preview_words(row), moment(row.starts), moment(row.ends)) for row in seen.rows]
        print_table(("OCCURRENCE", "BECOMES", "STARTS", "ENDS"), rows)
    if seen.cut:
        click.echo(f"and {seen.cut}{' or more' if seen.cut >= MAX_CUT else ''} further occurrences")
    elif not seen.rows:
        click.echo("nothing happens")
