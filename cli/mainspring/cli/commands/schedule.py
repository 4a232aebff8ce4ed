"""``mainspring schedule``: add, look at and change schedules."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Unpack, cast

import click

from mainspring.cli.calls import CallOptions, call_from, call_options
from mainspring.cli.changes import OVERLAPS, ChangeOptions, catch_up_options, change_from, change_options
from mainspring.cli.invocation import Invocation, json_option, pass_invocation, store_option
from mainspring.cli.lazy import OrderedGroup
from mainspring.cli.rules import DAYS, FOLDS, GAPS

if TYPE_CHECKING:
    from mainspring.app import SyncMainspring
    from mainspring.core.recurrence import DayRule, Fold, Gap
    from mainspring.core.schedule import CatchUp, Overlap, Plan, Schedule

SLOTS: Final = 10


@click.group(cls=OrderedGroup)
def schedule() -> None:
    """Add, look at and change schedules."""


class _AddOptions(CallOptions):
    cron: str | None
    seconds: bool
    rrule: str | None
    dtstart: str | None
    every: str | None
    tz: str
    days: str | None
    gap: str | None
    fold: str | None
    starts_at: str | None
    ends_at: str | None
    max_runs: int | None
    jitter: str | None
    name: str | None
    description: str | None
    overlap: str
    catch_up: str | None
    catch_up_window: str | None
    as_json: bool


@schedule.command()
@call_options
@click.option("--cron", metavar="EXPR", help="A cron expression, e.g. '30 2 * * 1-5'.")
@click.option("--seconds", is_flag=True, help="The cron expression begins with a field of seconds.")
@click.option("--rrule", metavar="RULE", help="An iCalendar rule (RFC 5545), e.g. 'FREQ=MONTHLY;BYDAY=3TU'.")
@click.option("--dtstart", metavar="ISO", help="Where the RRULE or the interval starts.  [default: now]")
@click.option("--every", metavar="DURATION", help="A fixed interval of elapsed time, e.g. 10m.")
@click.option("--tz", metavar="ZONE", default="UTC", show_default=True, help="The time zone, e.g. Europe/Berlin.")
@click.option("--days", type=click.Choice(DAYS), help="How the two day fields of a cron are joined.")
@click.option("--gap", type=click.Choice(GAPS), help="What becomes of a time that the clocks skip.")
@click.option("--fold", type=click.Choice(FOLDS), help="What becomes of a time that the clocks repeat.")
@click.option("--starts-at", metavar="ISO", help="The rule holds from this instant on.")
@click.option("--ends-at", metavar="ISO", help="The rule holds up to this instant.")
@click.option("--max-runs", type=int, help="How many tasks the rule makes at most.")
@click.option("--jitter", metavar="DURATION", help="Each task is due up to so much after its occurrence.")
@click.option("--name", help="No two schedules may have the same name.")
@click.option("--description", help="A note for people, at most 500 characters.")
@click.option(
    "--overlap",
    type=click.Choice(OVERLAPS),
    default="serial",
    show_default=True,
    help="What happens when it fires while a task of it has not ended.",
)
@catch_up_options[0]
@catch_up_options[1]
@json_option
@store_option
@pass_invocation
def add(invocation: Invocation, **options: Unpack[_AddOptions]) -> None:
    """Add a schedule that calls a URL or a function.

    Give exactly one of --cron, --rrule and --every. Prints the id of the new schedule.
    """
    from datetime import UTC, datetime

    from mainspring.adapters.chance import SystemEntropy
    from mainspring.adapters.operations import ScheduleRequest
    from mainspring.adapters.operations.intake import schedule_of
    from mainspring.cli.wiring import creating, load_app

    app = load_app(options["import_"])
    request = ScheduleRequest(
        call=call_from(options, app),
        cron=options["cron"],
        seconds=options["seconds"],
        rrule=options["rrule"],
        every=options["every"],
        timezone=options["tz"],
        dtstart=options["dtstart"],
        name=options["name"],
        description=options["description"],
        queue=options["queue"],
        priority=options["priority"],
        retry=options["retry"],
        timeout=options["timeout"],
        overlap=cast("Overlap", options["overlap"]),
        catch_up=_catch_up(options["catch_up"], options["catch_up_window"]),
        days=cast("DayRule", options["days"] or "debian"),
        gap=cast("Gap | None", options["gap"]),
        fold=cast("Fold | None", options["fold"]),
        starts_at=options["starts_at"],
        ends_at=options["ends_at"],
        max_runs=options["max_runs"],
        jitter=options["jitter"],
    )
    schedule_of(request, datetime.now(UTC), SystemEntropy())  # refused before a store is opened, let alone created
    with creating(invocation, app) as operations:
        made = operations.create_schedule(request)
    _show_added(made, options["as_json"])


def _catch_up(mode: str | None, window: str | None) -> CatchUp:
    from mainspring.adapters.operations.intake import catch_up_of
    from mainspring.core.instants import parse_duration
    from mainspring.core.schedule import CatchUp

    default = CatchUp()
    return CatchUp(
        mode=default.mode if mode is None else catch_up_of("catch_up_mode", mode),
        window=default.window if window is None else parse_duration("catch_up_window", window),
    )


@schedule.command("ls")
@click.option("--name", help="Only of this name.")
@click.option("--limit", type=int, default=20, show_default=True, help="How many to show, 1 to 1000.")
@click.option("--after", metavar="CURSOR", help="The next page: the cursor that the page before ended with.")
@json_option
@store_option
@pass_invocation
def list_(invocation: Invocation, name: str | None, limit: int, after: str | None, as_json: bool) -> None:
    """List schedules, newest first."""
    from mainspring.cli.wiring import existing
    from mainspring.core.ports import ScheduleQuery

    query = ScheduleQuery(name=name, limit=limit, after=after)
    with existing(invocation) as operations:
        page = operations.find_schedules(query)
    if as_json:
        from mainspring.adapters.codec import SCHEDULE
        from mainspring.cli.output import print_json

        print_json({"schedules": [SCHEDULE.plain(item) for item in page.items], "cursor": page.cursor})
        return
    from mainspring.cli.timetable import show_list

    show_list(page.items, page.cursor)


@schedule.command()
@click.argument("id_", metavar="ID")
@json_option
@store_option
@pass_invocation
def show(invocation: Invocation, id_: str, as_json: bool) -> None:
    """Show a schedule, with its next and last occurrences.

    What became of each occurrence is shown, and what was done to the schedule.
    """
    from mainspring.cli.wiring import existing

    with existing(invocation) as operations:
        found = operations.get_schedule(id_)
        slots = operations.schedule_slots(id_, SLOTS)
        history = operations.schedule_history(id_)
    from mainspring.cli.timetable import next_instants, show_schedule

    upcoming = next_instants(found)
    if as_json:
        from mainspring.adapters.codec import SCHEDULE, SCHEDULE_EVENT, SLOT
        from mainspring.cli.output import print_json
        from mainspring.core.instants import format_instant

        print_json(
            {
                "schedule": SCHEDULE.plain(found),
                "upcoming": [format_instant(instant) for instant in upcoming],
                "slots": [SLOT.plain(slot) for slot in slots],
                "history": [SCHEDULE_EVENT.plain(event) for event in history],
            }
        )
        return
    show_schedule(found, upcoming, slots, history)


class _EditOptions(ChangeOptions):
    if_version: int | None
    as_json: bool


@schedule.command()
@click.argument("id_", metavar="ID")
@change_options
@click.option("--if-version", metavar="N", type=int, help="Only if it is still of this version, which you have read.")
@json_option
@store_option
@pass_invocation
def edit(invocation: Invocation, id_: str, **options: Unpack[_EditOptions]) -> None:
    """Change what is named of a schedule; the rest stays as it is.

    Tasks that it has created stay as they are; a new rule holds from now on. Of two edits at once none is lost.
    """
    from mainspring.cli.wiring import existing, load_app

    app = load_app(options["import_"])
    change = change_from(options, app)
    with existing(invocation, app) as operations:
        made = operations.edit_schedule(id_, change, options["if_version"])
    if options["as_json"]:
        _show_added(made, as_json=True)
    else:
        from mainspring.cli.timetable import schedule_words

        click.echo(f"{made.id}  version {made.version}, {schedule_words(made)}")


@schedule.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--note", default="", help="Why; shown with the schedule.")
@store_option
@pass_invocation
def pause(invocation: Invocation, ids: tuple[str, ...], note: str) -> None:
    """Pause schedules: their occurrences are skipped from now on."""
    from mainspring.cli.timetable import schedule_words

    _each(invocation, ids, lambda operations, id_: schedule_words(operations.pause_schedule(id_, note)))


@schedule.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@store_option
@pass_invocation
def resume(invocation: Invocation, ids: tuple[str, ...]) -> None:
    """Let paused schedules go on."""
    from mainspring.cli.timetable import schedule_words

    _each(invocation, ids, lambda operations, id_: schedule_words(operations.resume_schedule(id_)))


@schedule.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@store_option
@pass_invocation
def run(invocation: Invocation, ids: tuple[str, ...]) -> None:
    """Make a task of each schedule now, outside its rule.

    The overlap policy is obeyed; a paused schedule can be run, too. Asked again within ten seconds, it answers alike.
    """
    _each(invocation, ids, lambda operations, id_: _ran(operations.run_schedule(id_)))


@schedule.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@store_option
@pass_invocation
def rm(invocation: Invocation, ids: tuple[str, ...]) -> None:
    """Remove schedules; the tasks that they made stay."""

    def remove(operations: SyncMainspring, id_: str) -> str:
        operations.delete_schedule(id_)
        return "removed"

    _each(invocation, ids, remove)


@schedule.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@store_option
@pass_invocation
def skip(invocation: Invocation, ids: tuple[str, ...]) -> None:
    """Skip the next occurrence of schedules; it is on record at once."""

    from mainspring.cli.timetable import schedule_words

    def leave_out(operations: SyncMainspring, id_: str) -> str:
        return schedule_words(operations.skip_next(id_))

    _each(invocation, ids, leave_out)


@schedule.command()
@click.argument("id_", metavar="ID")
@click.option("--from", "start", metavar="ISO", required=True, help="The first instant of the range.")
@click.option("--to", "end", metavar="ISO", required=True, help="The last instant of the range; not in the future.")
@click.option("--overlap", type=click.Choice(OVERLAPS), help="Instead of the schedule's own policy.")
@store_option
@pass_invocation
def backfill(invocation: Invocation, id_: str, start: str, end: str, overlap: str | None) -> None:
    """Run the rule's occurrences of a past range by hand, at most 1000."""
    from mainspring.cli.wiring import existing
    from mainspring.cli.words import moment, slot_words

    with existing(invocation) as operations:
        plan = operations.backfill_schedule(id_, start, end, cast("Overlap | None", overlap))
    for slot in plan.slots:
        click.echo(f"{moment(slot.occurrence)}  {slot_words(slot.outcome)}")


class _PreviewOptions(ChangeOptions):
    until: str | None
    span: str | None
    duration: str
    limit: int
    as_json: bool


@schedule.command()
@click.argument("id_", metavar="ID")
@click.option("--until", metavar="ISO", help="Up to this instant.")
@click.option("--for", "span", metavar="DURATION", help="Or for so long from now on.  [default: 366d]")
@click.option("--duration", metavar="DURATION", default="0s", show_default=True, help="How long each task runs.")
@click.option("--limit", type=int, default=20, show_default=True, help="How many occurrences to show, 1 to 10000.")
@change_options
@json_option
@store_option
@pass_invocation
def preview(invocation: Invocation, id_: str, **options: Unpack[_PreviewOptions]) -> None:
    """Show what a schedule will do, by the functions that decide in production.

    Overlap, catch-up and the limits of its queue are applied; nothing is changed. With options of 'schedule edit' it
    shows what the schedule would do if it were edited so.
    """
    from mainspring.adapters.operations.changes import given
    from mainspring.cli.wiring import existing, load_app

    app = load_app(options["import_"])
    change = change_from(options, app)
    with existing(invocation, app) as operations:
        seen = operations.preview(
            id_,
            change=change if given(change) else None,
            until=options["until"],
            span=options["span"],
            duration=options["duration"],
            limit=options["limit"],
        )
    if options["as_json"]:
        from mainspring.adapters.codec import PREVIEW
        from mainspring.cli.output import print_json

        print_json(PREVIEW.plain(seen))
        return
    from mainspring.cli.timetable import show_preview

    show_preview(seen)


def _each(invocation: Invocation, ids: tuple[str, ...], action: Callable[[SyncMainspring, str], str]) -> None:
    from mainspring.cli.several import to_each
    from mainspring.cli.wiring import existing

    with existing(invocation) as operations:
        to_each(ids, lambda id_: f"{id_}  {action(operations, id_)}")


def _ran(plan: Plan) -> str:
    from mainspring.cli.words import slot_words

    made = [slot for slot in plan.slots if slot.manual]
    return slot_words(made[-1].outcome) if made else "nothing to do"


def _show_added(made: Schedule, as_json: bool) -> None:
    from mainspring.cli.output import print_json

    if as_json:
        from mainspring.adapters.codec import SCHEDULE

        print_json(SCHEDULE.plain(made))
    else:
        click.echo(made.id)
