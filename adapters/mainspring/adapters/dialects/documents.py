"""JSON documents of other systems: read within bounds, with faults that name their place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

from mainspring.adapters.dialects.imported import Refused
from mainspring.core.errors import InvalidInput
from mainspring.core.instants import parse_instant
from mainspring.core.recurrence import instants, load_zone

MAX_BYTES: Final = 1_048_576
MAX_ENTRIES: Final = 10_000
MAX_SHOWN: Final = 120

Document = Mapping[str, Any]


class Unfit(Exception):
    """An entry that cannot be carried over; becomes its ``Refused``."""

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(what, cure)
        self.refused = Refused(what=what, cure=cure)


def read_json(text: str) -> object:
    """Read a document; raise ``InvalidInput`` for what is no JSON, or nests too deep."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        what = f"is not JSON: {error.msg.lower()} at line {error.lineno}, column {error.colno}"
        raise InvalidInput("file", what, "dump it again, or name another --format") from None
    except (RecursionError, ValueError) as error:  # ValueError: a number with too many digits
        raise InvalidInput("file", f"is not JSON that can be read: {error}", "dump it again") from None


def entries(value: object) -> list[object]:
    """Give a list's items; raise ``InvalidInput`` for anything but a list, and for too many."""
    if not isinstance(value, list):
        raise InvalidInput("file", f"holds {kind(value)}, not a list of schedules", "dump the schedules as a list")
    found = cast("list[object]", value)
    if len(found) > MAX_ENTRIES:
        raise InvalidInput("file", f"holds {len(found)} schedules", f"lint at most {MAX_ENTRIES} at once")
    return found


def is_document(value: object) -> bool:
    """Tell whether a value is a JSON object."""
    return isinstance(value, dict)


def document(value: object, what: str = "entry") -> Document:
    """Give a JSON object; raise ``Unfit`` for anything else."""
    if not isinstance(value, dict):
        raise Unfit(f"the {what} is {kind(value)}, not an object", "dump it again as an object")
    return cast(Document, value)


def text_of(found: Document, *names: str) -> str | None:
    """Give the first of the named members that is there, which must be a text; None if there is none."""
    for name in names:
        value = found.get(name)
        if value is not None:
            if not isinstance(value, str):
                raise Unfit(f"{name} is {kind(value)}, not a text", "dump it again, with texts")
            return value
    return None


def label(found: object, *names: str) -> str:
    """Give a name to show for an entry; empty if it has none."""
    if not isinstance(found, dict):
        return ""
    named = cast(Document, found)
    values = (named.get(name) for name in names)
    return next((shown(value) for value in values if isinstance(value, str | int) and value != ""), "")


def shown(value: object) -> str:
    """Write a value in one short line."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except (RecursionError, ValueError):  # it nests deeper, or has a number of more digits, than can be written again
        return kind(value)
    flat = " ".join(text.split())
    return flat if len(flat) <= MAX_SHOWN else f"{flat[: MAX_SHOWN - 1]}…"


def kind(value: object) -> str:
    """Name the kind of a JSON value."""
    names = {"dict": "an object", "list": "a list", "str": "a text", "bool": "true or false", "NoneType": "null"}
    return names.get(type(value).__name__, "a number")


def number_of(found: Document, name: str) -> float | None:
    """Give a member that must be a finite number; None if it is not there."""
    value = found.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        raise Unfit(f"{name} is not a number that can be used", "give it as a plain number")
    return float(value)


def moment_of(found: Document, name: str, zone: str) -> datetime | None:
    """Give an instant: ISO 8601 or ``2027-01-02 03:04:05``, with an offset or as a wall clock in ``zone``."""
    text = text_of(found, name)
    if text is None or text in ("", "None"):
        return None
    try:
        naive = datetime.fromisoformat(text.strip()) if len(text) <= 64 else None
        if naive is not None and naive.tzinfo is None:
            return instants(naive, load_zone(zone), gap="offset_before")[0]
        return parse_instant(name, text)
    except (ValueError, IndexError):
        raise Unfit(
            f"{name} {shown(text)!r} is not a time", "write it in ISO 8601, e.g. 2027-01-02T03:04:05Z"
        ) from None


def from_millis(value: object) -> datetime | None:
    """Give the instant of milliseconds since 1970; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 250_000_000_000_000:
        return None
    return datetime.fromtimestamp(value // 1000, UTC)
