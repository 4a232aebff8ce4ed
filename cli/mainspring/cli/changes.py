"""The options that say what is to become of a schedule; also for showing beforehand what would.

A text that is empty, and ``none`` where no text is meant, takes a setting away; ``default`` gives a policy of the
clocks back to the kind of rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import click

from mainspring.cli.calls import CallParts, call_from, call_parts
from mainspring.cli.rules import DAYS, FOLDS, GAPS

if TYPE_CHECKING:
    from mainspring.adapters.operations import ScheduleChange
    from mainspring.app import Mainspring
    from mainspring.core.commands import Change
    from mainspring.core.recurrence import DayRule, Fold, Gap
    from mainspring.core.schedule import Overlap
    from mainspring.core.task import Call

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

OVERLAPS: Final = ("serial", "skip", "buffer_one", "buffer_all", "cancel_other", "allow_all")
"""As in ``mainspring.core.schedule``, which is not imported to show a help; a test compares them."""

NONE: Final = "none"
DEFAULT: Final = "default"

catch_up_options: Final = (
    click.option("--catch-up", metavar="MODE", help="Which missed occurrences run: none, latest, all or 'at most N'."),
    click.option("--catch-up-window", metavar="DURATION", help="How long ago they may have been, e.g. 6h."),
)

_OPTIONS: Final = (
    *call_parts,
    click.option("--cron", metavar="EXPR", help="A cron expression instead of the rule that is there."),
    click.option("--seconds/--no-seconds", default=None, help="Whether the cron expression begins with seconds."),
    click.option("--rrule", metavar="RULE", help="An iCalendar rule (RFC 5545) instead of the rule that is there."),
    click.option("--dtstart", metavar="ISO", help="Where the RRULE or the interval starts."),
    click.option("--every", metavar="DURATION", help="A fixed interval instead of the rule that is there."),
    click.option("--tz", metavar="ZONE", help="The time zone, e.g. Europe/Berlin."),
    click.option("--days", type=click.Choice(DAYS), help="How the two day fields of a cron are joined."),
    click.option("--gap", type=click.Choice((*GAPS, DEFAULT)), help="What becomes of a time that the clocks skip."),
    click.option("--fold", type=click.Choice((*FOLDS, DEFAULT)), help="What becomes of a time that the clocks repeat."),
    click.option("--starts-at", metavar="ISO", help="The rule holds from this instant on; 'none': from the beginning."),
    click.option("--ends-at", metavar="ISO", help="The rule holds up to this instant; 'none': without end."),
    click.option("--max-runs", metavar="N", help="How many tasks the rule makes at most, in all; or 'none'."),
    click.option("--jitter", metavar="DURATION", help="Each task is due up to so much after its occurrence."),
    click.option("--name", help="Another name; '' takes it away."),
    click.option("--description", help="Another note for people; '' takes it away."),
    click.option("--queue", help="The queue that its tasks wait in."),
    click.option("--priority", type=int, help="Higher runs first within a queue."),
    click.option("--retry", metavar="POLICY", help="The retry policy, e.g. mergent, never or 'fixed(5s, attempts=3)'."),
    click.option("--timeout", metavar="DURATION", help="How long a run may take, e.g. 30s."),
    click.option("--overlap", type=click.Choice(OVERLAPS), help="What happens when an earlier task has not ended."),
    *catch_up_options,
)


class ChangeOptions(CallParts):
    """What ``change_options`` hands to a command."""

    import_: str | None
    cron: str | None
    seconds: bool | None
    rrule: str | None
    dtstart: str | None
    every: str | None
    tz: str | None
    days: str | None
    gap: str | None
    fold: str | None
    starts_at: str | None
    ends_at: str | None
    max_runs: str | None
    jitter: str | None
    name: str | None
    description: str | None
    queue: str | None
    priority: int | None
    retry: str | None
    timeout: str | None
    overlap: str | None
    catch_up: str | None
    catch_up_window: str | None


def change_options(command: F) -> F:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def change_from(options: ChangeOptions, app: Mainspring | None) -> ScheduleChange:
    """Make the change that the options describe; a function's call is checked against those ``app`` registers."""
    from mainspring.adapters.operations import ScheduleChange

    return ScheduleChange(
        call=call_change(options, app),
        cron=given(options["cron"]),
        seconds=given(options["seconds"]),
        rrule=given(options["rrule"]),
        every=given(options["every"]),
        timezone=given(options["tz"]),
        days=cast("Change[DayRule]", given(options["days"])),
        gap=cast("Change[Gap | None]", unless(options["gap"], DEFAULT)),
        fold=cast("Change[Fold | None]", unless(options["fold"], DEFAULT)),
        dtstart=given(options["dtstart"]),
        queue=given(options["queue"]),
        priority=given(options["priority"]),
        retry=given(options["retry"]),
        timeout=given(options["timeout"]),
        name=unless(options["name"], ""),
        description=unless(options["description"], ""),
        overlap=cast("Change[Overlap]", given(options["overlap"])),
        catch_up_mode=given(options["catch_up"]),
        catch_up_window=given(options["catch_up_window"]),
        starts_at=unless(options["starts_at"], NONE),
        ends_at=unless(options["ends_at"], NONE),
        max_runs=_count(options["max_runs"]),
        jitter=given(options["jitter"]),
    )


def given(value: T | None) -> Change[T]:
    """What an option asks for: to leave a setting alone, or a value."""
    from mainspring.core.commands import UNSET

    return UNSET if value is None else value


def unless(text: str | None, nothing: str) -> Change[str | None]:
    """What an option asks for: to leave a setting alone, to take it away (``nothing``), or a text."""
    return None if text == nothing else given(text)


def _count(text: str | None) -> Change[int | None]:
    from mainspring.core.commands import UNSET
    from mainspring.core.errors import InvalidInput

    if text is None:
        return UNSET
    if text == NONE:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidInput("max-runs", f"{text[:40]!r} is no number", "write --max-runs 5, or --max-runs none")
    return int(text)


def call_change(options: CallParts, app: Mainspring | None) -> Change[Call]:
    """What to call instead, if anything was named."""
    from mainspring.core.commands import UNSET
    from mainspring.core.errors import InvalidInput

    if options["url"] is None and options["call"] is None:
        for name in ("body", "header", "args"):
            if options[name]:
                raise InvalidInput(name, "it belongs to a call", "name the URL, or --call NAME, too")
        return UNSET
    return call_from(options, app)
