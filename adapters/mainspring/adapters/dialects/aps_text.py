"""What Python prints for APScheduler's triggers, read back.

``str``: ``cron[month='*', hour='9']``, ``interval[1 day, 0:10:00]``, ``date[2027-01-02 03:04:05 CET]``.
``repr``: ``<CronTrigger (hour='9', jitter=30, timezone='Europe/Berlin')>``,
``<IntervalTrigger (interval=datetime.timedelta(seconds=600), start_date='2027-01-02 03:04:05 CET', timezone='…')>``.
"""

from __future__ import annotations

import re
from typing import Final

from mainspring.adapters.dialects.documents import Unfit, shown

_PRINTED: Final = re.compile(r"(?P<kind>cron|interval|date)\[(?P<body>.*)\]", re.ASCII)
_SHOWN: Final = re.compile(r"<(?P<kind>Cron|Interval|Date)Trigger \((?P<body>.*)\)>", re.ASCII)
_PAIR: Final = re.compile(r"(?P<name>[a-z_]+)=(?:'(?P<text>[^']*)'|(?P<number>[0-9.]+))(?:, |$)", re.ASCII)
_DELTA: Final = re.compile(r"interval=datetime\.timedelta\((?P<parts>[a-z0-9=, ]*)\)(?:, |$)", re.ASCII)
_CLOCK: Final = re.compile(
    r"(?:(?P<days>[0-9]+) days?, )?(?P<h>[0-9]+):(?P<m>[0-9]{2}):(?P<s>[0-9]{2}(?:\.[0-9]+)?)", re.ASCII
)
_ABBREVIATED: Final = re.compile(r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?: (?:[A-Z]{1,5}|[+-]\d{2,4}))?", re.ASCII)
_CURE: Final = "dump repr(job.trigger), or the trigger's fields as an object"
_MAX_TEXT: Final = 4096


def read_printed(text: str) -> dict[str, object]:
    """Give the fields of a printed trigger, its kind as ``trigger``; raise ``Unfit`` for any other text."""
    body = text.strip()
    found = _PRINTED.fullmatch(body) or _SHOWN.fullmatch(body) if len(body) <= _MAX_TEXT else None
    if found is None:
        raise Unfit(f"{shown(text)!r} is not what APScheduler prints for a cron, interval or date trigger", _CURE)
    kind, rest = found["kind"].lower(), found["body"]
    if body.startswith("interval["):
        return {"trigger": kind, **_clock(rest, text)}
    if body.startswith("date["):
        return {"trigger": kind, "run_date": _moment(rest)}
    fields: dict[str, object] = {"trigger": kind}
    delta = _DELTA.match(rest)
    if delta:
        fields |= _delta(delta["parts"])
        rest = rest[delta.end() :]
    while rest:
        pair = _PAIR.match(rest)
        if pair is None:
            raise Unfit(f"{shown(rest)!r} in the trigger is not understood", _CURE)
        value = pair["text"] if pair["number"] is None else float(pair["number"])
        fields[pair["name"]] = _moment(value) if pair["name"].endswith("_date") and isinstance(value, str) else value
        rest = rest[pair.end() :]
    return fields


def _moment(text: str) -> str:
    """Leave out the abbreviation of the zone: the wall clock is in the trigger's zone, which is named beside it."""
    found = _ABBREVIATED.fullmatch(text.strip())
    return found["time"] if found else text


def _delta(parts: str) -> dict[str, object]:
    pairs = (part.split("=") for part in parts.split(", ") if part.count("=") == 1)
    return {name: float(value) for name, value in pairs if value.isdigit()}


def _clock(body: str, text: str) -> dict[str, object]:
    found = _CLOCK.fullmatch(body)
    if found is None:
        raise Unfit(f"{shown(text)!r} is not an interval", _CURE)
    return {
        "days": float(found["days"] or 0),
        "hours": float(found["h"]),
        "minutes": float(found["m"]),
        "seconds": float(found["s"]),
    }
