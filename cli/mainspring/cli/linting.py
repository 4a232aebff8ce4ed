"""What ``mainspring lint`` finds out of each schedule, and how it says it.

A file's comparisons may take ``PATIENCE_SECONDS`` of processor time together; what comes later is read and explained,
but not compared, and says so. Schedules with the same rule are compared once.
"""

from __future__ import annotations

import shutil
import stat
import sys
import textwrap
import time
from collections.abc import Hashable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from mainspring.adapters.dialects import (
    MAX_BYTES,
    Carried,
    Comparison,
    ImportedFile,
    ImportedSchedule,
    Once,
    Refused,
    compare,
)
from mainspring.cli.marks import few
from mainspring.cli.output import printable
from mainspring.core.errors import InvalidInput, InvalidRecurrence
from mainspring.core.instants import format_instant
from mainspring.core.recurrence import Cron, Interval, Recurrence, explain, load_zone

PATIENCE_SECONDS: Final = 60.0
SHOWN: Final = 6

_NARROWEST: Final = 60
_INDENT: Final = " " * 11

STATUSES: Final = ("same", "changes", "not compared", "refused", "once")
_READ_CURE: Final = "name a readable file, or - for standard input"
_PARTLY: Final = " in the first hours and around changes of the clocks (it fires too often to list a year)"
_LATE: Final = "the time for comparisons is used up: lint the file in parts"


@frozen(kw_only=True)
class Finding:
    """One schedule of the file and what came out; ``comparison`` is None where nothing was compared.

    ``obstacle`` says what stood in the way of a comparison that could have been made ("" if nothing).
    """

    schedule: ImportedSchedule
    comparison: Comparison | None
    obstacle: str

    @property
    def status(self) -> str:
        """One of ``STATUSES``."""
        match self.schedule.outcome:
            case Refused():
                return "refused"
            case Once():
                return "once"
            case Carried():
                return "not compared" if self.comparison is None else "changes" if self.comparison.changes else "same"

    @property
    def unchanged(self) -> bool:
        """Whether it can be carried over as it is."""
        return self.status in ("same", "once")

    @property
    def differs(self) -> tuple[str, ...]:
        """What is to be known about it, in sentences."""
        known = () if isinstance(self.schedule.outcome, Refused) else self.schedule.outcome.differs
        return (*known, self.obstacle) if self.obstacle else known

    def document(self) -> dict[str, Any]:
        """Give it as plain data."""
        schedule, outcome, compared = self.schedule, self.schedule.outcome, self.comparison
        found: dict[str, Any] = {
            "place": schedule.place,
            "name": schedule.name,
            "source": schedule.source,
            "status": self.status.replace(" ", "_"),
            "differs": list(self.differs),
        }
        match outcome:
            case Refused(what=what, cure=cure):
                found |= {"refused": {"what": what, "cure": cure}}
            case Once(at=at):
                found |= {"at": format_instant(at)}
            case Carried(recurrence=recurrence, start=start, end=end):
                found |= {
                    "explanation": explain(recurrence),
                    "recurrence": recurrence_document(recurrence),
                    "start": None if start is None else format_instant(start),
                    "end": None if end is None else format_instant(end),
                    "compared": None if compared is None else _comparison_document(compared),
                }
        return found


def recurrence_document(recurrence: Recurrence) -> dict[str, Any]:
    """Give a rule as plain data: its text and the options that it has beside it."""
    match recurrence:
        case Cron():
            options = {name: getattr(recurrence, name) for name in ("timezone", "seconds", "days", "gap", "fold")}
            return {"kind": "cron", "text": recurrence.text, **options}
        case Interval():
            return {"kind": "interval", "text": str(recurrence), "anchor": format_instant(recurrence.anchor)}
        case _:
            return {"kind": "rrule", "text": recurrence.to_text(), "timezone": recurrence.timezone}


def _comparison_document(compared: Comparison) -> dict[str, Any]:
    kept = compared.kept_by
    return {
        "whole_year": compared.whole,
        "before": compared.before,
        "after": compared.after,
        "changes": compared.changes,
        "lost": [format_instant(instant) for instant in compared.lost[:SHOWN]],
        "gained": [format_instant(instant) for instant in compared.gained[:SHOWN]],
        "kept_by": None if kept is None else {"gap": kept[0], "fold": kept[1]},
    }


def read_bytes(name: str) -> tuple[bytes, bool]:
    """Read at most one byte more than may be; tell whether the file lies where the system's crontabs do."""
    if name == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1), False
    path = Path(name)
    try:
        mode = path.stat().st_mode
        data = b""
        if stat.S_ISREG(mode) or stat.S_ISFIFO(mode):  # a device might never end
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = error.strerror.lower() if isinstance(error, OSError) and error.strerror else "its name cannot be used"
        raise InvalidInput("file", f"{name} cannot be read: {why}", _READ_CURE) from None
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raise InvalidInput("file", f"{name} is not a file", _READ_CURE)
    return data, path.resolve() == Path("/etc/crontab") or path.resolve().parent == Path("/etc/cron.d")


def examine(file: ImportedFile, start: datetime) -> Iterator[Finding]:
    """Compare schedule by schedule."""
    known: dict[Hashable, Comparison] = {}
    used = 0.0
    for schedule in file.schedules:
        outcome = schedule.outcome
        if not isinstance(outcome, Carried) or outcome.clock is None:
            yield Finding(schedule=schedule, comparison=None, obstacle="")
            continue
        began = time.process_time()
        key = (outcome.recurrence, type(outcome.clock), schedule.source, outcome.start, outcome.end)
        obstacle = "" if key in known or used < PATIENCE_SECONDS else _LATE
        if key not in known and not obstacle:
            try:
                known[key] = compare(outcome, outcome.clock, start)
            except InvalidRecurrence as error:
                obstacle = f"it cannot be compared: {error}"
        used += time.process_time() - began
        yield Finding(schedule=schedule, comparison=known.get(key), obstacle=obstacle)


def report(finding: Finding, unit: str) -> Iterator[str]:
    """Say it in lines, as wide as the terminal or ``COLUMNS`` say, 100 characters unless known."""
    width = max(_NARROWEST, shutil.get_terminal_size((100, 24)).columns)
    for line in _lines(finding, unit):
        yield from textwrap.wrap(line, width, subsequent_indent=_INDENT, break_on_hyphens=False) or [""]


def _lines(finding: Finding, unit: str) -> Iterator[str]:
    schedule, outcome = finding.schedule, finding.schedule.outcome
    yield ""
    named = (schedule.source, schedule.name) if unit == "line" else (schedule.name, schedule.source)
    yield printable("  ".join([f"{unit} {schedule.place}", *(part for part in named if part)]))
    match outcome:
        case Refused(what=what, cure=cure):
            yield printable(f"  refused  {what}; {cure}")
            return
        case Once(at=at):
            yield f"  means    once, at {format_instant(at)}: a task, not a schedule (mainspring task add --at)"
        case Carried(recurrence=recurrence):
            yield printable(f"  means    {explain(recurrence)}{_span(outcome)}")
            yield printable(f"  here     {_here(recurrence)}")
    for words in finding.differs:
        yield printable(f"  differs  {words}")
    if isinstance(outcome, Carried) and finding.comparison is not None:
        yield from _changes(finding.comparison, getattr(outcome.recurrence, "timezone", "UTC"))


def _span(carried: Carried) -> str:
    words = [f"from {format_instant(carried.start)}"] if carried.start else []
    words += [f"until {format_instant(carried.end)}"] if carried.end else []
    return f", {' '.join(words)}" if words else ""


def _here(recurrence: Recurrence) -> str:
    match recurrence:
        case Cron():
            chosen = [f"days={recurrence.days!r}"] if recurrence.days != "debian" else []
            chosen += ["seconds=True"] if recurrence.seconds else []
            return " ".join([f"cron {recurrence.text}", f"({recurrence.timezone})", *chosen])
        case Interval():
            return f"{recurrence} from {format_instant(recurrence.anchor)}"
        case _:
            return f"rrule {'; '.join(recurrence.to_text().splitlines())}"


def _changes(compared: Comparison, zone_name: str) -> Iterator[str]:
    where = "" if compared.whole else _PARTLY
    if not compared.changes:
        yield f"  changes  none of {compared.after} fire times{where}"
        return
    yield f"  changes  {compared.changes}: {compared.before} fire times before, {compared.after} here{where}"
    zone = load_zone(zone_name)
    marked = sorted([(instant, "-") for instant in compared.lost] + [(instant, "+") for instant in compared.gained])
    for instant, sign in marked[:SHOWN]:
        local = instant.astimezone(zone)
        yield f"{_INDENT}{sign} {local:%a} {local.isoformat(sep=' ')}   {format_instant(instant)}"
    if len(marked) > SHOWN:
        yield f"{_INDENT}and {len(marked) - SHOWN} more"
    if compared.kept_by is not None:
        chosen = [f"{name}={value!r}" for name, value in zip(("gap", "fold"), compared.kept_by, strict=True) if value]
        yield f"{_INDENT}with {few(chosen)} nothing would change"


def summary(findings: Sequence[Finding]) -> dict[str, int]:
    """Count the findings by status."""
    return {status.replace(" ", "_"): sum(1 for finding in findings if finding.status == status) for status in STATUSES}
