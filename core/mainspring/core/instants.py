"""Instants and durations: texts to values and back.

Rules:

* An *instant* is an aware ``datetime`` in UTC. A naive one is refused, never guessed.
* A *duration* is a ``timedelta``. Two text forms are read: ISO 8601 (``P1W``, ``P1DT2H``, ``PT5M``, ``PT1.5S``;
  weeks to seconds, since a year or a month has no fixed length) and units (``90s``, ``1h30m``, ``1.5h``).
* ``format_duration`` writes the unit form; reading it back gives the same value.
  A negative one is written, never read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

from attrs import Attribute

from mainspring.core.errors import InvalidInput

MAX_TEXT: Final = 64
MAX_DURATION: Final = timedelta(days=36_525)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_MICROSECOND: Final = timedelta(microseconds=1)
_UNITS: Final[dict[str, int]] = {
    "w": 604_800_000_000,
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
    "us": 1,
}
_INSTANT_FORM: Final = re.compile(r"[0-9W-]+(?:[T ][0-9:]+(?:[.,][0-9]+)?(?:Z| ?[+-][0-9:]+(?:\.[0-9]+)?)?)?", re.ASCII)
_NUMBER: Final = r"[0-9]+(?:[.,][0-9]+)?"
_UNIT_PART: Final = re.compile(rf"({_NUMBER})(ms|us|[wdhms])", re.ASCII)
_UNIT_FORM: Final = re.compile(rf"(?:{_NUMBER}(?:ms|us|[wdhms]))+", re.ASCII)
_ISO_FORM: Final = re.compile(
    rf"P(?!$)(?:(?P<w>{_NUMBER})W)?(?:(?P<d>{_NUMBER})D)?"
    rf"(?:T(?!$)(?:(?P<h>{_NUMBER})H)?(?:(?P<m>{_NUMBER})M)?(?:(?P<s>{_NUMBER})S)?)?",
    re.ASCII | re.IGNORECASE,
)
_CURE: Final = "write it as '90s', '1h30m', '1.5h' or in ISO 8601 as 'PT5M' (weeks to seconds)"


def require_utc(field: str, value: datetime) -> datetime:
    """Return ``value`` in UTC; a naive value raises ``InvalidInput`` for ``field``."""
    if value.tzinfo is None or value.utcoffset() is None:
        raise InvalidInput(field, f"{value.isoformat()} has no offset", "give it a time zone, e.g. tzinfo=UTC")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(field, f"{value.isoformat()} is out of range", "use years 1 to 9999 in UTC") from None


def validate_instant(instance: object, attribute: Attribute[datetime | None], value: datetime | None) -> None:
    """Validate an attribute that holds an instant of a zone or None (attrs calls this)."""
    if value is not None:
        require_utc(attribute.name, value)


def parse_instant(field: str, text: str) -> datetime:
    """Read an ISO 8601 timestamp with an offset (``2030-01-02T03:04:05Z``) as an instant in UTC.

    Digits finer than a microsecond are cut off. Raises ``InvalidInput`` for any other text.
    """
    cure = "write it in ISO 8601 with an offset, e.g. 2030-01-02T03:04:05Z"
    if len(text) > MAX_TEXT:
        raise InvalidInput(field, f"a text of {len(text)} characters is no timestamp", cure)
    body = text.strip().upper()
    if body.endswith(" UTC"):
        body = body[:-4] + "+00:00"
    try:
        # The standard library alone lets any character stand between date and time, and NULs almost anywhere.
        value = datetime.fromisoformat(body if _INSTANT_FORM.fullmatch(body) else "")
    except ValueError:
        raise InvalidInput(field, f"{text!r} is not a timestamp", cure) from None
    if value.tzinfo is None:
        raise InvalidInput(field, f"{text!r} has no offset", cure)
    return require_utc(field, value)


def format_instant(value: datetime) -> str:
    """Write an instant as ISO 8601 in UTC with ``Z``; microseconds only where there are any."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def to_micros(value: datetime) -> int:
    """Give the instant as whole microseconds since 1970-01-01 UTC; order and equality are kept."""
    return (value - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Turn microseconds since 1970-01-01 UTC back into an instant."""
    return EPOCH + timedelta(microseconds=micros)


def parse_duration(field: str, text: str) -> timedelta:
    """Read a duration: ISO 8601 (weeks to seconds) or units (``1h30m``, ``1.5h``, ``90s``); never negative.

    Raises ``InvalidInput`` for any other text, for more than 100 years, and for parts finer than a microsecond.
    """
    body = text.strip()
    if len(body) > MAX_TEXT:
        raise InvalidInput(field, f"a text of {len(text)} characters is no duration", _CURE)
    parts = _iso_parts(body) if body[:1] in ("P", "p") else _unit_parts(body)
    if not parts:
        raise InvalidInput(field, f"{text!r} is not a duration", _CURE)
    micros = sum((Fraction(number.replace(",", ".")) * _UNITS[unit] for number, unit in parts), Fraction(0))
    if micros > MAX_DURATION // _MICROSECOND:
        raise InvalidInput(field, f"{text!r} is more than 100 years", "use a shorter duration")
    if micros.denominator != 1:
        raise InvalidInput(field, f"{text!r} is finer than a microsecond", "round it to microseconds")
    return timedelta(microseconds=int(micros))


def _iso_parts(body: str) -> list[tuple[str, str]]:
    found = _ISO_FORM.fullmatch(body)
    return [] if found is None else [(number, unit) for unit, number in found.groupdict().items() if number]


def _unit_parts(body: str) -> list[tuple[str, str]]:
    if not _UNIT_FORM.fullmatch(body):
        return []
    found = [(match[1], match[2]) for match in _UNIT_PART.finditer(body)]
    order = [list(_UNITS).index(unit) for _, unit in found]
    return found if order == sorted(set(order)) else []


def format_duration(value: timedelta) -> str:
    """Write a duration in units, largest first (``1h30m``, ``0s``); ``parse_duration`` reads it back."""
    micros = abs(value // _MICROSECOND)
    parts: list[str] = []
    for unit, size in _UNITS.items():
        if unit == "w":
            continue  # days read better than weeks
        count, micros = divmod(micros, size)
        if count:
            parts.append(f"{count}{unit}")
    return ("-" if value < timedelta(0) else "") + ("".join(parts) or "0s")
