"""From the options of ``mainspring task edit`` to the core's edit."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypedDict

from mainspring.adapters.operations.intake import duration_of, instant_of
from mainspring.cli.calls import CallParts
from mainspring.cli.changes import NONE, call_change, given, unless
from mainspring.core.commands import UNSET, Change, Edit
from mainspring.core.errors import InvalidInput
from mainspring.core.retry_text import parse_retry

if TYPE_CHECKING:
    from mainspring.app import Mainspring


class EditOptions(TypedDict):
    """What is to become of a task, beside its call; None: it stays as it is."""

    delay: str | None
    at: str | None
    start_by: str | None
    name: str | None
    queue: str | None
    priority: int | None
    key: str | None
    retry: str | None
    timeout: str | None


def edit_from(options: EditOptions, call: CallParts, app: Mainspring | None, now: datetime) -> Edit:
    """Make the edit that the options describe, at instant ``now``; ``InvalidInput`` if they describe none."""
    retry, timeout, start_by = options["retry"], options["timeout"], options["start_by"]
    edit = Edit(
        at=now,
        due=_due(options["at"], options["delay"], now),
        call=call_change(call, app),
        queue=given(options["queue"]),
        name=unless(options["name"], ""),
        priority=given(options["priority"]),
        key=unless(options["key"], ""),
        retry=UNSET if retry is None else parse_retry(retry),
        timeout=UNSET if timeout is None else duration_of("timeout", timeout),
        start_by=UNSET if start_by is None else None if start_by == NONE else instant_of("start_by", start_by),
    )
    if edit == Edit(at=now):
        raise InvalidInput("change", "nothing to change was given", "give an option, e.g. --delay 1h")
    return edit


def _due(at: str | None, delay: str | None, now: datetime) -> Change[datetime]:
    if at is not None and delay is not None:
        raise InvalidInput("delay", "an instant and a delay were given", "give one of them")
    if at is not None:
        return instant_of("at", at)
    if delay is None:
        return UNSET
    try:
        return now + duration_of("delay", delay)
    except OverflowError:
        raise InvalidInput("delay", "the task would be due after the year 9999", "use a shorter delay") from None
